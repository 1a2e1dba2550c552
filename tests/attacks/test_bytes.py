"""One byte changed anywhere is found: in every file of a run folder, of the log and of the documents."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from archives import NOW, Archivist
from attackcorpus import good
from preserve.adapters.folder import DiskFolder
from preserve.flows.verify import verify
from preserve.model.finding import Report, Result
from speaking import unsaid

_GOOD = good()
_RUN = sorted(_GOOD.runs[1])
_AROUND = sorted(path for path in _GOOD.files() if not path.startswith("runs/"))


def _verify(path: Path) -> Report:
    with DiskFolder(path) as folder:
        report = verify(folder, _GOOD.trusted, [], NOW)
    assert not unsaid(report)
    return report


def _change_and_verify(root: Path, path: Path, place: int, mask: int) -> Report:
    data = path.read_bytes()
    path.write_bytes(data[:place] + bytes([data[place] ^ mask]) + data[place + 1 :])
    try:
        return _verify(root)
    finally:
        path.write_bytes(data)


def _sample(name: str, size: int, count: int) -> list[tuple[int, int]]:
    """(place, mask) pairs, the same in every run of the tests, the ends always among them."""
    chance = random.Random(name)
    places = {0, size - 1, *(chance.randrange(size) for _ in range(count))}
    return [(place, chance.randrange(1, 256)) for place in sorted(places)]


def _archive(tmp_path: Path) -> tuple[Path, Archivist]:
    archivist = good()
    return archivist.write(tmp_path / "archive"), archivist


@pytest.mark.parametrize("name", _RUN)
def test_any_byte_of_a_run_folder(name: str, tmp_path: Path) -> None:
    root, archivist = _archive(tmp_path)
    run = root / "runs" / archivist.names[1]
    assert _verify(run).exit_code == 0
    for place, mask in _sample(name, len(_GOOD.runs[1][name]), 25):
        report = _change_and_verify(run, run / name, place, mask)
        assert report.exit_code == 40, f"{name} byte {place} ^ {mask:#04x}"
        assert any(name in finding.subject for finding in report.findings if finding.result is Result.FAIL)


@pytest.mark.parametrize("name", _AROUND)
def test_any_byte_around_the_runs(name: str, tmp_path: Path) -> None:
    root, _ = _archive(tmp_path)
    assert _verify(root).exit_code == 0
    for place, mask in _sample(name, len(_GOOD.files()[name]), 15):
        assert _change_and_verify(root, root / name, place, mask).exit_code == 40, f"{name} byte {place} ^ {mask:#04x}"


@pytest.mark.parametrize("name", [path for path in _RUN if path.endswith(".warc.gz")])
def test_damage_in_a_warc_is_named_by_record_offset_url_and_footnote(name: str, tmp_path: Path) -> None:
    root, archivist = _archive(tmp_path)
    run = root / "runs" / archivist.names[1]
    starts = [int(row.split()[2]) for row in _GOOD.runs[1][name.replace(".warc.gz", ".records")].splitlines()]
    for place, mask in _sample(name + "?", len(_GOOD.runs[1][name]), 25):
        number = max(number for number, start in enumerate(starts) if start <= place)
        (finding,) = (f for f in _change_and_verify(run, run / name, place, mask).findings if f.result is Result.FAIL)
        assert f"record {number} at offset {starts[number]}:" in finding.detail
        if number:
            page = (number - 1) // 2
            assert f"http://station-{page}.example/page?run=1" in finding.detail
            assert f"paper-1.txt footnote {page + 1}" in finding.detail


@pytest.mark.long
@pytest.mark.parametrize("name", _RUN)
def test_every_byte_of_a_run_folder(name: str, tmp_path: Path) -> None:
    root, archivist = _archive(tmp_path)
    run = root / "runs" / archivist.names[1]
    chance = random.Random(name)
    for place in range(len(_GOOD.runs[1][name])):
        assert _change_and_verify(run, run / name, place, chance.randrange(1, 256)).exit_code == 40, f"{name} byte {place}"


@pytest.mark.long
@pytest.mark.parametrize("name", _AROUND)
def test_every_byte_around_the_runs(name: str, tmp_path: Path) -> None:
    root, _ = _archive(tmp_path)
    chance = random.Random(name)
    for place in range(len(_GOOD.files()[name])):
        assert _change_and_verify(root, root / name, place, chance.randrange(1, 256)).exit_code == 40, f"{name} byte {place}"


_EVENTFUL = good()
_AT = _EVENTFUL.add_event()
_EVENTFUL.add_run()
_OF_EVENT = sorted(path for path in _EVENTFUL.files() if path.startswith(_AT))


@pytest.mark.parametrize("path", _OF_EVENT)
def test_any_byte_of_an_event(path: str, tmp_path: Path) -> None:
    root = _EVENTFUL.write(tmp_path / "archive")
    assert _verify(root).exit_code == 0
    for place, mask in _sample(path, len(_EVENTFUL.files()[path]), 12):
        report = _change_and_verify(root, root / path, place, mask)
        assert report.exit_code == 40, f"{path} byte {place} ^ {mask:#04x}"
        assert any(path in finding.subject for finding in report.findings if finding.result is Result.FAIL)
