"""When coming back to an address is a loop."""

from __future__ import annotations

from exchanges import exchange
from preserve.formats.url import Url, parse
from preserve.model.web import Exchange
from preserve.rules.redirect import MAX_HOPS, follow


def _url(text: str) -> Url:
    url = parse(text)
    assert isinstance(url, Url)
    return url


def _moved(place: bytes) -> Exchange:
    return exchange(status=302, headers=((b"Location", place),))


HERE = _url("http://a.example/here")


def test_back_to_itself_is_a_loop() -> None:
    onward = follow(_moved(b"/here"), HERE, [HERE.address])
    assert onward is not None
    assert onward.problem == "redirect loop: back to http://a.example/here"


def test_a_cookie_in_between_makes_it_another_question() -> None:
    onward = follow(_moved(b"/here"), HERE, [HERE.address], since=1)
    assert onward is not None
    assert onward.url == HERE


def test_only_what_was_asked_since_the_cookie_counts() -> None:
    seen = ["http://a.example/old", HERE.address]
    old = follow(_moved(b"/old"), HERE, seen, since=1)
    again = follow(_moved(b"/here"), HERE, seen, since=1)
    assert old is not None
    assert again is not None
    assert old.url is not None
    assert again.problem.startswith("redirect loop")


def test_cookies_without_end_are_an_end_too() -> None:
    onward = follow(_moved(b"/here"), HERE, [HERE.address] * (MAX_HOPS + 1), since=MAX_HOPS + 1)
    assert onward is not None
    assert onward.problem == f"more than {MAX_HOPS} redirects"
