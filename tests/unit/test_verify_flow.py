"""flows.verify: an archive that changes while it is read, and what is remembered of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from archives import NOW, Archivist
from preserve.adapters.checkpoints import CheckpointMemory
from preserve.adapters.folder import DiskFolder
from preserve.errors import FormatError, StoreError
from preserve.flows.custody import check_events
from preserve.flows.verify import verify
from preserve.flows.verify_head import verify_log
from preserve.formats import note
from preserve.model.finding import Claim, Report, Result


class _Growing(DiskFolder):
    """Another process seals `runs` more runs, each right after somebody read the log's head."""

    def __init__(self, root: Path, archivist: Archivist, runs: int) -> None:
        super().__init__(root)
        self.root, self.archivist, self.left = root, archivist, runs

    def read(self, path: str, limit: int) -> bytes:
        data = super().read(path, limit)
        if path == "log/checkpoint" and self.left:
            self.left -= 1
            size = len(self.archivist.entries)
            self.archivist.add_run()
            (self.root / f"log/tile/0/000.p/{size}").unlink()
            (self.root / f"log/tile/entries/000.p/{size}").unlink()
            self.archivist.write(self.root)
        return data


def _archive(root: Path) -> Archivist:
    archivist = Archivist()
    archivist.add_run()
    archivist.write(root)
    return archivist


def test_an_archive_that_grows_meanwhile_is_read_again(tmp_path: Path) -> None:
    archivist = _archive(tmp_path / "archive")
    with _Growing(tmp_path / "archive", archivist, 1) as folder:
        report = verify(folder, archivist.trusted, [], NOW)
    assert report.exit_code == 0
    assert any("2 entries" in finding.detail for finding in report.findings if finding.claim is Claim.LOG_CONSISTENCY)


def _events(folder: DiskFolder, archivist: Archivist) -> Report:
    return check_events(folder, archivist.trusted, [], NOW)[1]


def _log(folder: DiskFolder, archivist: Archivist) -> Report:
    return verify_log(folder, archivist.trusted, [], NOW)


def _all(folder: DiskFolder, archivist: Archivist) -> Report:
    return verify(folder, archivist.trusted, [], NOW)


@pytest.mark.parametrize("check", [_all, _log, _events])
def test_whoever_reads_it_reads_it_again(tmp_path: Path, check: Callable[[DiskFolder, Archivist], Report]) -> None:
    """The whole, its log alone, its events alone: one run that is sealed meanwhile is no finding."""
    archivist = _archive(tmp_path / "archive")
    with _Growing(tmp_path / "archive", archivist, 1) as folder:
        report = check(folder, archivist)
    assert [finding for finding in report.findings if finding.result is Result.FAIL] == []


@pytest.mark.parametrize("check", [_all, _log, _events])
def test_an_archive_that_never_rests_is_no_finding(tmp_path: Path, check: Callable[[DiskFolder, Archivist], Report]) -> None:
    archivist = _archive(tmp_path / "archive")
    with _Growing(tmp_path / "archive", archivist, 100) as folder, pytest.raises(StoreError, match="keeps changing"):
        check(folder, archivist)


def test_what_is_remembered(tmp_path: Path) -> None:
    archivist = _archive(tmp_path / "archive")
    seen, signed = CheckpointMemory(tmp_path / "seen"), CheckpointMemory(tmp_path / "signed")
    with DiskFolder(tmp_path / "archive") as folder:
        verify(folder, [], [seen, signed], NOW)
        assert seen.head(archivist.origin) is None, "a log of strangers is not remembered"
        (tmp_path / "archive/log/stranger").write_bytes(b"")
        assert verify(folder, archivist.trusted, [seen, signed], NOW).exit_code == 40
        assert seen.head(archivist.origin) is None, "a log in doubt is not remembered"
        (tmp_path / "archive/log/stranger").unlink()
        assert verify(folder, archivist.trusted, [seen, signed], NOW).exit_code == 0
    assert seen.recall(archivist.origin) == archivist.checkpoint()
    assert signed.head(archivist.origin) is None


def test_what_captures_signed_is_remembered_too(tmp_path: Path) -> None:
    archivist = _archive(tmp_path / "archive")
    ahead = Archivist()
    ahead.add_run()
    ahead.add_run()
    seen, signed = CheckpointMemory(tmp_path / "seen"), CheckpointMemory(tmp_path / "signed")
    signed.remember(ahead.checkpoint())
    with DiskFolder(tmp_path / "archive") as folder:
        report = verify(folder, archivist.trusted, [seen, signed], NOW)
    assert report.exit_code == 40
    assert any("rolled back" in finding.detail for finding in report.findings if finding.result is Result.FAIL)


def test_a_lone_run_is_held_against_a_remembered_head_of_its_size(tmp_path: Path) -> None:
    archivist = _archive(tmp_path / "archive")
    memory = CheckpointMemory(tmp_path / "seen")
    other = Archivist()
    other.add_run(pages=1)
    memory.remember(other.checkpoint())
    with DiskFolder(tmp_path / "archive/runs" / archivist.names[0]) as folder:
        report = verify(folder, archivist.trusted, [memory], NOW)
    assert report.exit_code == 40
    assert any("a fork" in finding.detail for finding in report.findings)
    assert note.parse_checkpoint(other.checkpoint().text).size == 1


def test_neither_archive_nor_run(tmp_path: Path) -> None:
    with DiskFolder(tmp_path) as folder, pytest.raises(FormatError, match="neither an archive nor a run"):
        verify(folder, [], [], NOW)


def test_a_file_that_vanishes_from_a_run_is_no_finding(tmp_path: Path) -> None:
    archivist = _archive(tmp_path / "archive")

    class Folder(DiskFolder):
        def read(self, path: str, limit: int) -> bytes:
            (tmp_path / "archive/runs" / archivist.names[0] / "manifest.json").unlink(missing_ok=True)
            return super().read(path, limit)

    with Folder(tmp_path / "archive/runs" / archivist.names[0]) as folder, pytest.raises(StoreError, match="is gone"):
        verify(folder, archivist.trusted, [], NOW)
