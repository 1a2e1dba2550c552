"""What a check reads twice is the same both times, and is opened once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import pytest

from archives import NOW
from attackcorpus import ATTACKS, good
from preserve.adapters.folder import DiskFolder
from preserve.errors import FormatError
from preserve.flows import steady
from preserve.flows.measure import VanishedError
from preserve.flows.steady import Steady
from preserve.flows.verify import verify
from preserve.model.tree import Entry


class Counting:
    """A folder on the disk that counts how often each of its files is opened."""

    def __init__(self, folder: DiskFolder) -> None:
        self._folder = folder
        self.opened = Counter[str]()

    def names(self) -> frozenset[str]:
        return self._folder.names()

    def walk(self) -> Iterator[Entry]:
        return self._folder.walk()

    def open(self, path: str) -> BinaryIO:
        self.opened[path] += 1
        return self._folder.open(path)

    def read(self, path: str, limit: int) -> bytes:
        self.opened[path] += 1
        return self._folder.read(path, limit)


def _file(root: Path, name: str, data: bytes) -> None:
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_bytes(data)


@pytest.mark.parametrize("kept", [steady.KEPT, 3])
def test_a_file_that_is_another_one_the_second_time(kept: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steady, "KEPT", kept)
    _file(tmp_path, "log/checkpoint", b"first")
    with DiskFolder(tmp_path) as folder:
        asked = Steady(folder)
        assert asked.read("log/checkpoint", 100) == asked.read("log/checkpoint", 100) == b"first"
        _file(tmp_path, "log/checkpoint", b"other")
        if kept == steady.KEPT and kept >= 5:
            assert asked.read("log/checkpoint", 100) == b"first"
        else:
            with pytest.raises(VanishedError):
                asked.read("log/checkpoint", 100)
        assert Steady(folder).read("log/checkpoint", 100) == b"other", "each check sees the archive anew"


def test_a_limit_holds_for_what_is_kept_too(tmp_path: Path) -> None:
    _file(tmp_path, "events/a", b"12345")
    with DiskFolder(tmp_path) as folder:
        asked = Steady(folder)
        assert asked.read("events/a", 5) == b"12345"
        with pytest.raises(FormatError):
            asked.read("events/a", 4)


_EVENTFUL = {
    "a key given up by itself, and nothing by it afterwards",
    "records removed under a statement",
    "a key revoked as compromised by its recovery key",
}


@pytest.mark.parametrize("name", sorted(_EVENTFUL))
def test_verify_opens_no_file_twice(name: str, tmp_path: Path) -> None:
    """But for the log's head, which is read before and after as well: that is how an archive that is written to is noticed."""
    archivist = good()
    next(attack for attack in ATTACKS if attack.name == name).does(archivist, tmp_path)
    with DiskFolder(tmp_path) as disk:
        folder = Counting(disk)
        verify(folder, archivist.trusted, [], NOW)
    assert folder.opened.pop("log/checkpoint") == 3
    if "records removed" in name:  # whose they were is looked up, in the list that was found to be what was signed
        assert folder.opened.pop(next(path for path in folder.opened if path.endswith("captures.jsonl"))) == 2
    assert any(path.startswith("events/") for path in folder.opened)
    assert set(folder.opened.values()) == {1}, folder.opened.most_common(5)
