"""Whatever stands in a document or a header, an address comes out readable, stable and free of anything that ends a line."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from preserve.formats.url import BadUrl, Url, join, parse, surt

_ODD = st.text("abcXYZ019.:/?#[]@!$&'()*+,;=%-_~\\ \t\r\n\x00äß中\u202e\u200b", max_size=60)
_SAFE = re.compile(rb"[!-~]+")


@given(st.builds("{}{}".format, st.sampled_from(["", "http://", "https://", "//", "http://[", "file:"]), _ODD))
def test_an_address_is_its_own_address(text: str) -> None:
    url = parse(text)
    if isinstance(url, BadUrl):
        assert url.problem
        return
    assert _SAFE.fullmatch(url.target)
    assert _SAFE.fullmatch(url.authority)
    assert "#" not in url.address
    assert url.scheme in {"http", "https"}
    assert 0 < url.port < 65536
    assert parse(url.address) == url
    assert surt(url.address) == surt(text.strip())


@given(st.binary(max_size=60) | _ODD.map(str.encode))
def test_any_location_leads_to_an_address_or_a_problem(location: bytes) -> None:
    base = parse("https://example.org/dir/page?q")
    assert isinstance(base, Url)
    found = join(base, location)
    if isinstance(found, BadUrl):
        assert found.problem
    else:
        assert parse(found.address) == found


@given(st.lists(st.sampled_from(["%7e", "%7E", "%2F", "%2f", "%c3%a4", "%25", "a", "B", "~", "+", "=", "&"]), max_size=20))
def test_percent_escapes_stay_as_cited(parts: list[str]) -> None:
    cited = "".join(parts)
    url = parse(f"http://example.org/{cited}?{cited}")
    assert isinstance(url, Url)
    assert url.target == f"/{cited}?{cited}".encode()
