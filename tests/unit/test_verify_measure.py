"""flows.measure: the fast loop finds what the plain one finds, at every size and cut."""

from __future__ import annotations

import hashlib
from io import BytesIO
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from archives import member, record_index, write
from preserve.adapters.folder import DiskFolder
from preserve.errors import StoreError
from preserve.flows import measure
from preserve.flows.measure import LinesJob, SegmentJob, WholeJob
from preserve.formats import digests, merkle, recordindex
from preserve.model.lines import RecordLine
from preserve.rules.verify_content import CHANGED, ENDS, ODD, Segment
from preserve.rules.verify_lines import SourcesReader


@pytest.fixture(params=["one by one", "shortcut", "a shortcut that errs", "a shortcut that forgets"])
def hashing(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the shortcut says, the findings are the same."""
    hashes: dict[str, digests.Hashes] = {
        "one by one": digests.one_by_one,
        "shortcut": digests.shortcut,
        "a shortcut that errs": lambda data, cuts: [b"0" * 64 for _ in cuts[1:]],
        "a shortcut that forgets": lambda data, cuts: digests.one_by_one(data, cuts)[:-1],
    }
    monkeypatch.setattr(digests, "shortcut", hashes[request.param])


pytestmark = pytest.mark.usefixtures("hashing")
_unchanging = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture]
)  # it stays the same for all examples of a test

_MEMBERS = [member("response", f"http://a.example/{n}", b"x" * n * 37, n) for n in range(12)]


def _measure(index: bytes, stored: bytes, *, thorough: bool = False, parts: int = 1, room: int = 1 << 18) -> list[Segment]:
    class Folder:
        def open(self, path: str) -> BytesIO:
            return BytesIO(stored)

    cuts = [0]
    for part in range(1, parts):
        cuts.append(max(cuts[-1], index.find(b"\n", len(index) * part // parts) + 1))
    cuts.append(len(index))
    jobs = [
        SegmentJob(path="w", weight=0, data=index, start=start, end=end, thorough=thorough)
        for start, end in pairwise(cuts)
        if end > start
    ]
    found = [measure.measure(Folder(), job, bytearray(room)) for job in jobs]  # type: ignore[arg-type] # all that is asked of a folder here
    assert all(isinstance(segment, Segment) for segment in found)
    return [segment for segment in found if isinstance(segment, Segment)]


def _spoiled(segments: list[Segment]) -> list[tuple[int, int, str]]:
    return [(record.index, record.offset, record.why) for segment in segments for record in segment.spoiled]


def _starts() -> list[int]:
    return [recordindex.parse_leaf(row).offset for row in record_index(_MEMBERS).splitlines()]


def test_a_sound_file() -> None:
    stored = b"".join(_MEMBERS)
    for thorough in (False, True):
        (segment,) = _measure(record_index(_MEMBERS), stored, thorough=thorough)
        assert (segment.first, segment.end, segment.beyond, segment.spoiled) == ((0, 0), (12, len(stored)), False, ())
        assert segment.types == (("response",) * 12 if thorough else ())


@_unchanging
@given(
    place=st.integers(0, sum(map(len, _MEMBERS)) - 1),
    mask=st.integers(1, 255),
    block=st.integers(1, 3000),
    parts=st.integers(1, 5),
)
def test_any_changed_byte_is_found_in_its_record(place: int, mask: int, block: int, parts: int) -> None:
    stored = bytearray(b"".join(_MEMBERS))
    stored[place] ^= mask
    at = max(number for number, start in enumerate(_starts()) if start <= place)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(measure, "BLOCK", block)
        patch.setattr(measure, "BATCH", 400)
        found = [
            _measure(record_index(_MEMBERS), bytes(stored), thorough=thorough, parts=parts, room=2 * block)
            for thorough in (False, True)
        ]
    assert [_spoiled(segments) for segments in found] == [[(at, _starts()[at], CHANGED)]] * 2
    for segments in found:
        assert [segment.first for segment in segments[1:]] == [segment.end for segment in segments[:-1]]


@_unchanging
@given(cut=st.integers(0, sum(map(len, _MEMBERS)) - 1), block=st.integers(1, 3000))
def test_a_file_that_ends_early(cut: int, block: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(measure, "BLOCK", block)
        fast, plain = (
            [*_measure(record_index(_MEMBERS), b"".join(_MEMBERS)[:cut], thorough=t, room=2 * block)] for t in (False, True)
        )
    first = max(number for number, start in enumerate(_starts()) if start <= cut)
    for segments in (fast, plain):
        assert segments[-1].beyond
        assert _spoiled(segments) == [(number, _starts()[number], ENDS) for number in range(first, 12)]


@pytest.mark.parametrize("room", [200, 300, 5000])
def test_a_record_that_is_cut_short_has_the_same_name_in_every_room(room: int) -> None:
    """Also when its hash is that of what is left of it: no line of an index may say so, and it would be found all the same."""
    stored, length = b"".join(_MEMBERS[:2]), len(_MEMBERS[1])
    torn = RecordLine(index=1, offset=_starts()[1], length=length, sha256=hashlib.sha256(_MEMBERS[1][:-3]).hexdigest())
    for index in (record_index(_MEMBERS[:2]), record_index(_MEMBERS[:1]) + recordindex.leaf(torn) + b"\n"):
        for thorough in (False, True):
            (segment,) = _measure(index, stored[:-3], thorough=thorough, room=room)
            assert _spoiled([segment]) == [(1, _starts()[1], ENDS)]


def test_bytes_after_the_last_record() -> None:
    (segment,) = _measure(record_index(_MEMBERS), b"".join(_MEMBERS) + b"x")
    assert segment.beyond
    assert not segment.spoiled


@pytest.mark.parametrize("size", [10, measure.BLOCK + 5])
def test_a_member_with_an_odd_header_is_told_from_a_changed_one(size: int) -> None:
    odd = b"\x1f\x8b\x08\x08" + bytes(size)
    for thorough in (False, True):
        (segment,) = _measure(record_index([_MEMBERS[0], odd, _MEMBERS[1]]), _MEMBERS[0] + odd + _MEMBERS[1], thorough=thorough)
        ((index, offset, why),) = _spoiled([segment])
        assert (index, offset) == (1, len(_MEMBERS[0]))
        assert "FLG 0" in why
    assert ODD != CHANGED


def test_many_damaged_records_are_counted() -> None:
    small = [bytes([n % 256]) * 20 for n in range(500)]
    (segment,) = _measure(record_index(small), b"".join(reversed(small)))
    assert len(segment.spoiled) == measure.MAX_SPOILED
    assert len(segment.spoiled) + segment.more == 500


@pytest.mark.parametrize(
    "line",
    [
        b"preserve-record/v1 12 %d 5 " + b"0" * 64,
        b"preserve-record/v1 13 %d 5 " + b"0" * 64 + b"\n",
        b"preserve-record/v1 12 7 5 " + b"0" * 64 + b"\n",
        b"preserve-record/v1 012 %d 5 " + b"0" * 64 + b"\n",
        b"preserve-record/v1 12 %d 0 " + b"0" * 64 + b"\n",
        b"preserve-record/v1 12 %d -5 " + b"0" * 64 + b"\n",
        b"preserve-record/v1 12 %d 1_0 " + b"0" * 64 + b"\n",
        b"preserve-record/v1 12 %d 99999999999999999999 " + b"0" * 64 + b"\n",
        b"preserve-record/v2 12 %d 5 " + b"0" * 64 + b"\n",
        b"preserve-record/v1  12 %d 5 " + b"0" * 64 + b"\n",
        b"preserve-record/v1 12 %d 5 " + b"0" * 64 + b" \n",
        b"preserve-record/v1 12 %d 5\n",
        b"\n",
        b"\xff\n",
    ],
)
def test_an_index_that_is_not_one(line: bytes) -> None:
    stored = b"".join(_MEMBERS)
    index = record_index(_MEMBERS) + line.replace(b"%d", b"%d" % len(stored))
    assert any(segment.problem for segment in _measure(index, stored + bytes(5)))


def test_what_was_read_before_stands_for_no_record() -> None:
    (first, size) = (_MEMBERS[0], len(_MEMBERS[0]))
    nothing = RecordLine(index=1, offset=size, length=size, sha256=hashlib.sha256(b"").hexdigest())
    for room in (size, 2 * size, 3 * size):
        (segment,) = _measure(record_index([first]) + recordindex.leaf(nothing) + b"\n", first, room=room)
        assert segment.beyond
        assert _spoiled([segment]) == [(1, size, ENDS)]


@pytest.mark.parametrize("size", range(1, 12))
def test_a_last_record_that_is_shorter_than_a_header_is_not_read_beyond_its_end(size: int) -> None:
    """What stands behind it in memory could make a header of it."""
    short = b"\x1f\x8b\x08\0\0\0\0\0\0\xff\0"[:size]
    members = [_MEMBERS[0], short]
    (segment,) = _measure(record_index(members), b"".join(members))
    assert _spoiled([segment]) == ([] if size >= 8 else [(1, len(_MEMBERS[0]), ODD)])


def test_hashes_of_other_lengths_that_read_the_same_in_a_row_are_not_the_same() -> None:
    rows = [row.split(b" ") for row in record_index(_MEMBERS).splitlines()]
    rows[3][4], rows[4][4] = rows[3][4][:-1], rows[3][4][-1:] + rows[4][4]
    (segment,) = _measure(b"".join(b" ".join(row) + b"\n" for row in rows), b"".join(_MEMBERS))
    assert segment.problem or [record.index for record in segment.spoiled] == [3, 4]


@_unchanging
@given(
    lengths=st.lists(st.integers(1, 10**6), min_size=1, max_size=40),
    batch=st.integers(200, 2000),
)
def test_the_index_is_read_as_its_format_reads_it(lengths: list[int], batch: int) -> None:
    offset, rows = 0, []
    for number, length in enumerate(lengths):
        digest = hashlib.sha256(b"%d" % number).hexdigest()
        rows.append(RecordLine(index=number, offset=offset, length=length, sha256=digest))
        offset += length
    data = recordindex.encode(rows)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(measure, "BATCH", batch)
        job = SegmentJob(path="w", weight=0, data=data, start=0, end=len(data), thorough=False)
        read = [
            RecordLine(
                index=start + place, offset=bounds[place], length=bounds[place + 1] - bounds[place], sha256=digest.decode()
            )
            for start, bounds, digests in measure._batches(job)
            for place, digest in enumerate(digests)
        ]
    assert read == list(recordindex.read(data, offset))


def test_segments_cover_the_index() -> None:
    data = record_index([b"x" * 10] * 3000)
    jobs = list(measure.segments("w", data, 10 << 30, thorough=False))
    assert len(jobs) > 10
    assert b"".join(data[job.start : job.end] for job in jobs) == data
    assert all(data[job.end - 1 : job.end] == b"\n" for job in jobs)


def test_lines_in_blocks_of_any_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = b"".join(b"%d\n" % number for number in range(300))
    write(tmp_path, {"lines": data, "torn": data[:-1]})
    with DiskFolder(tmp_path) as folder:
        for block in (1, 7, 1 << 18):
            monkeypatch.setattr(measure, "BLOCK", block)
            found = measure.measure(folder, LinesJob(path="lines", weight=0, tree=True, reader=SourcesReader))
            whole = measure.measure(folder, WholeJob(path="lines", weight=0))
            torn = measure.measure(folder, LinesJob(path="torn", weight=0, tree=True, reader=SourcesReader))
            assert found.count == 300  # type: ignore[union-attr]
            assert found.root == merkle.root_of_lines(data)[1].hex()  # type: ignore[union-attr]
            assert found.sha256 == whole.sha256 == hashlib.sha256(data).hexdigest()  # type: ignore[union-attr]
            assert "line 0" in found.content.problem  # type: ignore[union-attr]
            assert torn.content.problem  # type: ignore[union-attr]


def test_a_file_that_is_gone_is_no_finding(tmp_path: Path) -> None:
    with DiskFolder(tmp_path) as folder, pytest.raises(StoreError, match="is gone"):
        measure.measure(folder, WholeJob(path="nothing", weight=0))
