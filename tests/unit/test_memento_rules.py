"""Which copy is taken, how archives are asked, and what their answers say."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from preserve.errors import UsageError
from preserve.formats.linkformat import parse
from preserve.formats.url import Url
from preserve.formats.url import parse as parse_url
from preserve.rules.memento import (
    AFTER,
    BEFORE,
    MapPage,
    Snapshot,
    Way,
    archive,
    day_of,
    doubts,
    from_availability,
    from_cdx,
    from_links,
    in_future,
    in_order,
    moment,
    nearer,
    next_page,
    of_another,
    original_in,
    pages_in,
    prefixes,
    question,
    raw,
    stamp,
)

TODAY = date(2026, 11, 21)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def snapshot(day: str, status: int | None = None) -> Snapshot:
    return Snapshot(url=f"http://arc.example/{day}", taken=at(day), status=status)


@pytest.mark.parametrize(
    ("dates", "day", "cited"),
    [
        (["2019-06-15"], date(2019, 6, 15), True),
        (["2019-02"], date(2019, 2, 28), True),
        (["2019"], date(2019, 12, 31), True),
        (["2026"], TODAY, True),
        (["1887", "2020-01-02"], date(2020, 1, 2), True),
        (["2019-13", "soon", "2019-02-30"], TODAY, False),
        ([], TODAY, False),
    ],
)
def test_the_day_is_the_last_that_the_cited_date_allows(dates: list[str], day: date, cited: bool) -> None:
    assert day_of(dates, TODAY) == (day, cited)


@pytest.mark.parametrize(
    ("prefix", "way"),
    [
        ("https://arc.example/timegate/", Way.TIMEGATE),
        ("http://127.0.0.1:8080/coll/", Way.TIMEGATE),
        ("https://archive.example/wayback/available?url=", Way.AVAILABILITY),
        ("https://arc.example/cdx/search/cdx?url=", Way.CDX),
        ("http://127.0.0.1:8080/coll/cdx", Way.CDX),
    ],
)
def test_the_shape_of_the_prefix_says_how_it_is_asked(prefix: str, way: Way) -> None:
    assert archive(prefix).way is way


def test_what_is_asked() -> None:
    address, day = "http://a.example/x?b=c&d", date(2019, 6, 15)
    asked = "http%3A%2F%2Fa.example%2Fx%3Fb%3Dc%26d"
    assert question(archive("https://arc.example/tg/"), address, day) == f"https://arc.example/tg/{address}"
    assert question(archive("https://arc.example/wayback/available?url="), address, day) == (
        f"https://arc.example/wayback/available?url={asked}&timestamp=20190615235959"
    )
    assert question(archive("https://arc.example/c/cdx"), address, day).startswith(
        f"https://arc.example/c/cdx?url={asked}&output=json&sort=closest&closest=20190615235959"
    )


@pytest.mark.parametrize("prefix", ["", "arc.example/web/", "ftp://arc.example/", "https://user:x@arc.example/", "http://"])
def test_what_is_no_archive(prefix: str) -> None:
    with pytest.raises(UsageError):
        prefixes([prefix])


def test_the_nearest_before_then_the_nearest_after() -> None:
    asked = moment(date(2019, 6, 15))
    listed = [
        snapshot(day)
        for day in ("2010-01-01", "2019-06-15", "2019-06-16", "2019-06-01", "2022-01-01", "2018-01-01", "2020-01-01")
    ]
    days = [each.url[-10:] for each in in_order(listed, asked)]
    assert days == ["2019-06-15", "2019-06-01", "2018-01-01", "2019-06-16", "2020-01-01"]


def test_a_status_that_is_said_counts() -> None:
    asked = moment(date(2019, 6, 15))
    listed = [snapshot("2019-06-10", 404), snapshot("2019-06-09", 302), snapshot("2019-06-01", 200), Snapshot(url="http://x/")]
    assert in_order(listed, asked) == (snapshot("2019-06-01", 200),)


SNAPSHOTS = st.builds(
    Snapshot,
    url=st.sampled_from([f"http://arc.example/{number}" for number in range(9)]),
    taken=st.none() | st.datetimes(timezones=st.just(UTC)),
    status=st.sampled_from([None, 200, 301, 404]),
)


@given(st.lists(SNAPSHOTS, max_size=20), st.datetimes(timezones=st.just(UTC)))
def test_no_copy_that_is_better_is_left_for_later(listed: list[Snapshot], asked: datetime) -> None:
    order = in_order(listed, asked)
    assert len({each.url for each in order}) == len(order)
    times = [each.taken for each in order if each.taken is not None]
    before, after = [each for each in times if each <= asked], [each for each in times if each > asked]
    assert times == sorted(before, reverse=True) + sorted(after)
    assert not order or len(times) == len(order)


def test_what_links_list() -> None:
    base = parse_url("http://arc.example/timemap/x")
    assert isinstance(base, Url)
    text = '<http://a.example/>; rel="original", </web/20190601000000/http://a.example/>; rel="memento", <m>; rel="memento"; datetime="x"'
    assert from_links(parse(text), base) == (
        Snapshot(url="http://arc.example/web/20190601000000/http://a.example/", taken=at("2019-06-01")),
        Snapshot(url="http://arc.example/timemap/m"),
    )


def test_what_indexes_say() -> None:
    said = {
        "archived_snapshots": {
            "closest": {"available": True, "url": "http://w/1", "timestamp": "20190601000000", "status": "200"}
        }
    }
    assert from_availability(json.dumps(said).encode()) == (Snapshot(url="http://w/1", taken=at("2019-06-01"), status=200),)
    wayback = archive("https://arc.example/cdx/search/cdx?url=")
    rows = [["timestamp", "original", "statuscode"], ["20190601000000", "http://a.example/", "301"], ["2019", "x", "-"]]
    assert from_cdx(json.dumps(rows).encode(), wayback) == (
        Snapshot(url="https://arc.example/web/20190601000000/http://a.example/", taken=at("2019-06-01"), status=301),
    )
    pywb = archive("http://127.0.0.1:8080/coll/cdx?url=")
    lines = b'{"timestamp": "20190601000000", "url": "http://a.example/", "status": "200"}\n{"timestamp": "20200601000000", "url": "b"}\n'
    found = from_cdx(lines, pywb)
    assert [(each.url, each.status) for each in found] == [
        ("http://127.0.0.1:8080/coll/20190601000000/http://a.example/", 200),
        ("http://127.0.0.1:8080/coll/20200601000000/b", None),
    ]


@given(
    st.binary(max_size=200)
    | st.recursive(
        st.none() | st.text() | st.integers(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(st.sampled_from(["archived_snapshots", "closest", "available", "url", "timestamp"]), inner)
        ),
    ).map(lambda value: json.dumps(value).encode())
)
def test_no_index_makes_it_fail(data: bytes) -> None:
    from_availability(data)
    from_cdx(data, archive("http://arc.example/cdx?url="))


def test_addresses_of_copies() -> None:
    address = "http://arc.example/web/20190601000000/http://a.example/x/20200101000000/y"
    assert raw(address) == address.replace("20190601000000/", "20190601000000id_/")
    assert raw(address.replace("00/http", "00mp_/http")) == raw(address)
    assert raw("http://arc.example/ABCDE") is None
    assert original_in(address) == "http://a.example/x/20200101000000/y"
    assert original_in("http://arc.example/memento/5") is None
    assert stamp("http://arc.example/20191301000000/http://a/") is None
    assert not of_another("https://www.a.example/x", "http://a.example/x/")
    assert of_another("http://a.example/y", "http://a.example/x")


def test_what_speaks_against_a_date() -> None:
    listed = snapshot("2019-06-01")
    plain, stamped = "http://arc.example/2019", "http://arc.example/20190601000000/http://a/"
    assert list(doubts(listed, plain, at("2019-06-01"), moved=False)) == []
    assert "without Memento-Datetime" in next(doubts(listed, plain, None, moved=False))
    assert list(doubts(listed, stamped, at("2011-01-01"), moved=True)) == [
        "the copy's address says 2019-06-01, its Memento-Datetime 2011-01-01",
        "a copy listed as of 2019-06-01 led on to one of 2011-01-01",
    ]
    now = at("2026-01-01")
    assert in_future(now + timedelta(days=2), now)
    assert not in_future(now + timedelta(hours=2), now)


@pytest.mark.parametrize(
    ("listed", "given", "better"),
    [
        ("2019-06-01", "2019-06-20", True),
        ("2019-06-01", "2010-01-01", True),
        ("2010-01-01", "2019-06-01", False),
        ("2019-06-20", "2020-06-20", True),
        ("2019-06-20", "2010-01-01", False),
        ("2019-06-01T10:00", "2019-06-01T12:00", False),
    ],
)
def test_a_timegate_that_led_elsewhere_is_noticed(listed: str, given: str, better: bool) -> None:
    assert nearer(snapshot(listed), at(given), moment(date(2019, 6, 15))) is better


# --- TimeMaps in pages


def _read_on(pages: list[list[Snapshot]], asked: datetime, first: int) -> tuple[list[Snapshot], int]:
    """What is listed when pages are followed from the first one read, and how many were read."""
    known = [MapPage(url=str(number), first=min(_times(page)), last=max(_times(page))) for number, page in enumerate(pages)]
    listed, left = list(pages[first]), [page for number, page in enumerate(known) if number != first]
    while (following := next_page(left, listed, asked)) is not None:
        listed += pages[int(following.url)]
        left.remove(following)
    return listed, len(pages) - len(left)


def _times(page: list[Snapshot]) -> list[datetime]:
    return [each.taken for each in page if each.taken is not None]


@given(
    days=st.lists(st.integers(0, 4000), min_size=1, max_size=60, unique=True).map(sorted),
    size=st.integers(1, 7),
    asked=st.integers(-10, 4010),
    first=st.integers(0, 100),
)
def test_following_pages_finds_what_the_whole_list_would(days: list[int], size: int, asked: int, first: int) -> None:
    start = datetime(2010, 1, 1, tzinfo=UTC)
    whole = [Snapshot(url=f"http://arc.example/{day}", taken=start + timedelta(days=day)) for day in days]
    pages = [whole[at : at + size] for at in range(0, len(whole), size)]
    moment = start + timedelta(days=asked)
    listed, read = _read_on(pages, moment, first % len(pages))
    wanted = in_order(whole, moment)
    if any(each.taken and each.taken <= moment for each in wanted):
        wanted = tuple(each for each in wanted if each.taken and each.taken <= moment)
    assert in_order(listed, moment)[: len(wanted)] == wanted
    assert read <= 1 + BEFORE + AFTER, "no page is read that cannot list one of them"


def test_pages_of_a_timemap_are_told_from_other_forms_of_it() -> None:
    base = parse_url("http://arc.example/map/x")
    assert isinstance(base, Url)
    times = 'from="Tue, 01 Jan 2019 00:00:00 GMT"; until="Wed, 01 Jan 2020 00:00:00 GMT"'
    text = (
        f'</map/1/x>; rel="timemap"; {times}, </map/json/x>; rel="timemap"; type="application/json"; {times},'
        '</map/other/x>; rel="timemap", </2019/x>; rel="memento"; datetime="Tue, 01 Jan 2019 00:00:00 GMT"'
    )
    (page,) = pages_in(parse(text), base)
    assert page == MapPage(
        url="http://arc.example/map/1/x", first=datetime(2019, 1, 1, tzinfo=UTC), last=datetime(2020, 1, 1, tzinfo=UTC)
    )
    index = pages_in(parse('</map/other/x>; rel="timemap", </map/other/x>; rel="self timemap"'), base)
    assert index == (MapPage(url="http://arc.example/map/other/x"),), "a list without copies is an index"
