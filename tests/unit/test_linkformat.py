"""Link headers and TimeMaps: what the standards print is read, whatever is written is read again, and nothing makes it fail."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from preserve.formats.linkformat import Link, encode, http_date, parse, to_http_date

# RFC 7089 section 5.1.
TIMEMAP = """<http://a.example.org>;rel="original",
 <http://arxiv.example.net/timemap/http://a.example.org>
   ; rel="self";type="application/link-format"
   ; from="Tue, 20 Jun 2000 18:02:59 GMT"
   ; until="Wed, 09 Apr 2008 20:30:51 GMT",
 <http://arxiv.example.net/timegate/http://a.example.org>
   ; rel="timegate",
 <http://arxiv.example.net/web/20000620180259/http://a.example.org>
   ; rel="first memento";datetime="Tue, 20 Jun 2000 18:02:59 GMT"
   ; license="http://creativecommons.org/publicdomain/zero/1.0/",
 <http://arxiv.example.net/web/20091027204954/http://a.example.org>
    ; rel="last memento";datetime="Tue, 27 Oct 2009 20:49:54 GMT"
"""


def test_the_example_of_the_standard() -> None:
    original, itself, gate, first, last = parse(TIMEMAP)
    assert (original.target, sorted(original.relations)) == ("http://a.example.org", ["original"])
    assert itself.parameter("until") == "Wed, 09 Apr 2008 20:30:51 GMT"
    assert gate.relations == {"timegate"}
    assert first.relations == {"first", "memento"}
    assert http_date(last.parameter("datetime")) == datetime(2009, 10, 27, 20, 49, 54, tzinfo=UTC)


def test_what_servers_write() -> None:
    assert parse('<a,b;c>; REL=Memento; rel="second"; title="a \\"b\\", <c>" , <d>') == (
        Link(target="a,b;c", parameters=(("rel", "Memento"), ("rel", "second"), ("title", 'a "b", <c>'))),
        Link(target="d"),
    )
    assert parse("<a>; rel=Memento")[0].relations == {"memento"}
    assert parse("junk, <a>;;; <b>; crossorigin") == (Link(target="a"), Link(target="b", parameters=(("crossorigin", ""),)))
    assert parse("") == parse("<") == parse("no link at all") == ()


def test_a_list_is_cut_where_it_is_too_long() -> None:
    assert len(parse("<a>," * 1000, most=10)) == 10


TARGETS = st.text(st.characters(codec="utf-8", exclude_characters="<>"), max_size=40).map(str.strip)
NAMES = st.from_regex(r"[a-z][a-z0-9*-]{0,10}", fullmatch=True)
LINKS = st.builds(Link, target=TARGETS, parameters=st.lists(st.tuples(NAMES, st.text(max_size=30)), max_size=4).map(tuple))


@given(st.lists(LINKS, max_size=5))
def test_what_is_written_is_read_again(links: list[Link]) -> None:
    assert parse(encode(links)) == tuple(links)


@given(st.text(alphabet='<>;,="\\ arel\n', max_size=200))
def test_nothing_makes_it_fail(text: str) -> None:
    parse(text)


@given(st.text(max_size=60))
def test_a_date_is_a_time_or_nothing(text: str) -> None:
    found = http_date(text)
    assert found is None or found.tzinfo is UTC


@given(st.integers(0, 4_000_000_000))
def test_dates_go_and_come(seconds: int) -> None:
    moment = datetime.fromtimestamp(seconds, UTC)
    assert http_date(to_http_date(moment)) == moment
