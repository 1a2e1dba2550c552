"""What a page needs: every way in which it can say so, and what is left alone."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchanges import exchange, failure
from preserve.formats.url import Url, parse
from preserve.model.web import Exchange, Outcome
from preserve.rules.requisites import MOST, READ, Kind, Needed, candidates, kind, needed, referrer

BASE = "https://site.test/dir/page"


def answer(media_type: str, **changes: Any) -> Exchange:
    return exchange(url=BASE, headers=((b"Content-Type", media_type.encode()),), **changes)


def of_page(page: str | bytes, media_type: str = "text/html") -> Needed:
    return needed(answer(media_type), page.encode() if isinstance(page, str) else page, Kind.PAGE)


def addresses(found: Needed) -> list[str]:
    return [one.address.removeprefix("https://site.test/dir/") for one in found.requisites]


@pytest.mark.parametrize(
    ("page", "found"),
    [
        ('<img src=a srcset="b 1x, c 2x">', ["a", "b", "c"]),
        ("<img data-src=a data-original=b data-srcset='c 100w' data-lazy-src=d>", ["a", "b", "d", "c"]),
        ('<img data-src="{x: 1}" src="data:image/png;base64,AA">', []),
        ("<picture><source srcset=a><img src=b></picture>", ["a", "b"]),
        ("<link rel='Shortcut ICON' href=a><link rel=apple-touch-icon href=b><link rel=stylesheet href=c>", ["a", "b", "c"]),
        ("<link rel=preload as=font href=a><link rel=preload as=fetch href=b><link rel=modulepreload href=c>", ["a", "c"]),
        ("<link rel=canonical href=a><link rel=manifest href=b><link rel=next href=c><a href=d></a>", []),
        ("<link rel=preload as=image imagesrcset='a 1x, b 2x' href=c>", ["a", "b", "c"]),
        ("<script src=a></script><script>'<img src=b>'</script>", ["a"]),
        ("<frameset><frame src=a></frameset><iframe src=b></iframe>", ["a", "b"]),
        ('<iframe srcdoc="<img src=a><iframe srcdoc=x></iframe>"></iframe>', ["a"]),
        ("<video src=a poster=b><source src=c><track src=d></video><audio src=e></audio>", ["a", "b", "c", "d", "e"]),
        ("<input type=IMAGE src=a><input type=text src=b><object data=c></object><embed src=d>", ["a", "c", "d"]),
        ("<body background=a><table background=b><div data-bg=c data-background-image='url(d)'>", ["a", "b", "c", "d"]),
        (
            "<p style=\"background:url('a?x=1&amp;y=2')\"><style>@import 'b'; p{background:url(c)}</style>",
            ["a?x=1&y=2", "b", "c"],
        ),
        ("<svg><image xlink:href=a /><use href='b#icon'/><use href='#own'/><feImage href=c /></svg>", ["a", "b", "c"]),
        ("<noscript><img src=a></noscript><template><img src=b></template>", ["a", "b"]),
        ("<!-- <img src=a> --><textarea><img src=b></textarea><title><img src=c></title>", []),
        ("<img src=a><img src=./a><img src='a#top'><img src=' a '>", ["a"]),
        ("<img src=javascript:x><img src=blob:x><img src=file:///x><img src='http://['><img src='http://u:p@h/'>", []),
        ("<img src=''><img src='#x'><img src=page><link rel=stylesheet>", []),
        ("<img src='a b'><img src='é'>", ["a%20b", "%C3%A9"]),
        ("<img src=a><base target=x><base href=https://other.test/><base href=/third/>", ["https://other.test/a"]),
        ("<base href=javascript:x><img src=a>", ["a"]),
    ],
)
def test_a_page_needs(page: str, found: list[str]) -> None:
    assert addresses(of_page(page)) == found


def test_private_addresses_are_named_like_others() -> None:
    # Whether they are asked is decided where the connection is made, for every hop alike.
    assert addresses(of_page("<img src=http://127.0.0.1/x>")) == ["http://127.0.0.1/x"]


def test_a_sheet_needs_what_it_refers_to_from_where_it_lies() -> None:
    sheet = b"@charset \"utf-8\"; @import 'a.css'; b{background:url(/b.png)}"
    found = needed(answer("text/css"), sheet, Kind.SHEET)
    assert addresses(found) == ["a.css", "https://site.test/b.png"]


def test_a_meta_refresh_is_told_and_not_followed() -> None:
    found = of_page("<meta http-equiv=Refresh content=\"5; url='/next\u202e'\"><img src=a>")
    assert addresses(found) == ["a"]
    (signal,) = found.signals
    assert "/next" in signal
    assert "\u202e" not in signal
    assert of_page("<meta http-equiv=refresh content=30>").signals == ()


def test_what_is_cut_off_is_told() -> None:
    found = of_page("".join(f"<img src={number}>" for number in range(MOST + 7)))
    assert len(found.requisites) == MOST
    assert "7 of them" in found.signals[0]
    assert "first" in of_page(b"<img src=a>" + b" " * READ).signals[0]


@pytest.mark.parametrize(
    ("media_type", "status", "level", "read"),
    [
        ("text/html; charset=utf-8", 200, 0, Kind.PAGE),
        ("application/xhtml+xml", 203, 0, Kind.PAGE),
        ("text/html", 404, 0, None),
        ("text/html", 302, 0, None),
        ("text/html", 200, 1, None),
        ("text/css", 200, 0, None),
        ("TEXT/CSS", 200, 1, Kind.SHEET),
        ("text/css", 200, 2, Kind.SHEET),
        ("text/css", 200, 3, None),
        ("application/pdf", 200, 0, None),
    ],
)
def test_what_is_read_for_requisites(media_type: str, status: int, level: int, read: Kind | None) -> None:
    assert kind(answer(media_type, status=status), level) is read


def test_a_cut_page_is_read_and_a_failed_one_is_not() -> None:
    assert kind(answer("text/html", outcome=Outcome.TRUNCATED), 0) is Kind.PAGE
    assert kind(answer("text/html", outcome=Outcome.FAILED), 0) is None
    assert kind(failure(), 0) is None


def test_a_page_without_a_type_is_one_when_it_begins_like_one() -> None:
    bare = exchange(url=BASE)
    assert addresses(needed(bare, b" <!DOCTYPE html><img src=a>", Kind.PAGE)) == ["a"]
    assert addresses(needed(bare, b"%PDF-1.7 <img src=a>", Kind.PAGE)) == []


@pytest.mark.parametrize(
    ("data", "media_type"),
    [
        ("<img src=ж>".encode("koi8-r"), "text/html; charset=koi8-r"),
        ("<meta charset=windows-1251><img src=ж>".encode("cp1251"), "text/html"),
        ("\ufeff<img src=ж>".encode("utf-16"), "text/html"),
        ("<meta charset=utf-16><img src=ж>".encode(), "text/html"),
        ("<img src=ж>".encode(), "text/html; charset=no-such"),
        ("<img src=ж>".encode(), "text/html; charset=rot13"),
    ],
)
def test_charsets(data: bytes, media_type: str) -> None:
    assert addresses(of_page(data, media_type)) == ["%D0%B6"]


@pytest.mark.parametrize(
    ("srcset", "found"),
    [
        ("a, b 2x,c", ["a", "b", "c"]),
        ("data:image/png;base64,AA== 1x, b 2x", ["data:image/png;base64,AA==", "b"]),
        ("a 100w (x, y) , b", ["a", "b"]),
        (" ,, a ,", ["a"]),
        ("", []),
    ],
)
def test_srcset(srcset: str, found: list[str]) -> None:
    assert list(candidates(srcset)) == found


@pytest.mark.parametrize(
    ("page", "asked", "said"),
    [
        ("https://a.test/x?y#z", "https://a.test/i", "https://a.test/x?y"),
        ("https://a.test/x", "https://b.test/i", "https://a.test/"),
        ("https://a.test:8443/x", "https://a.test/i", "https://a.test:8443/"),
        ("https://a.test/x", "http://a.test/i", None),
        ("http://a.test/x", "https://a.test/i", "http://a.test/"),
        ("", "https://a.test/i", None),
    ],
)
def test_where_a_request_says_it_comes_from(page: str, asked: str, said: str | None) -> None:
    url = parse(asked)
    assert isinstance(url, Url)
    assert referrer(page, url) == said


@given(st.binary(), st.sampled_from(["text/html", "application/xhtml+xml", "text/html; charset=shift_jis", "text/css"]))
def test_no_bytes_do_harm(data: bytes, media_type: str) -> None:
    for as_ in Kind:
        needed(answer(media_type), b"<img src=x" + data + b"<style>url(" + data, as_)


@given(st.text(alphabet="abcdefghijklmnopqrstuvwxyz0123456789_-", min_size=2, max_size=20))
def test_no_charset_label_does_harm(label: str) -> None:
    assert of_page(f"<meta charset={label}><img src=a>").signals == ()


def test_no_codec_that_python_knows_does_harm() -> None:
    from encodings.aliases import aliases

    for label in {*aliases, *aliases.values(), "idna", "punycode", "unicode_escape", "undefined", "mbcs", "oem"}:
        of_page(f"<meta charset={label}><img src=a>\\x \xff".encode("latin-1"))
