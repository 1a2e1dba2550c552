"""adapters.folder: what lies there is seen, links are never followed, only plain files are opened."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from preserve.adapters import folder as folder_module
from preserve.adapters.folder import DiskFolder
from preserve.errors import FormatError, StoreError
from preserve.model.tree import Entry, Kind


def test_walk_sees_everything_in_byte_order(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x").write_bytes(b"12345")
    (tmp_path / "a-b").write_bytes(b"1")
    os.link(tmp_path / "a-b", tmp_path / "second")
    (tmp_path / "link").symlink_to("a", target_is_directory=True)
    (tmp_path / "dead").symlink_to("nowhere")
    os.mkfifo(tmp_path / "pipe")
    with DiskFolder(tmp_path) as folder:
        seen = [(entry.path, entry.kind, entry.size, entry.links) for entry in folder.walk() if entry.kind is not Kind.FOLDER]
        paths = [entry.path for entry in folder.walk()]
    assert seen == [
        ("a-b", Kind.FILE, 1, 2),
        ("a/x", Kind.FILE, 5, 1),
        ("dead", Kind.LINK, 0, 1),
        ("link", Kind.LINK, 0, 1),
        ("pipe", Kind.OTHER, 0, 1),
        ("second", Kind.FILE, 1, 2),
    ]
    assert paths == sorted(paths)


def test_two_who_list_it_at_once_both_see_everything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is listed by one in the middle of another's listing: a thread that came between."""
    for name in ("a", "b"):
        (tmp_path / name).write_bytes(b"1")
    meanwhile: list[frozenset[str]] = []
    seen_by_lstat = folder_module._entry
    with DiskFolder(tmp_path) as folder:

        def entry(path: str, item: os.DirEntry[str]) -> Entry:
            meanwhile.append(folder.names())
            return seen_by_lstat(path, item)

        monkeypatch.setattr(folder_module, "_entry", entry)
        assert [found.path for found in folder.walk()] == ["a", "b"]
    assert meanwhile == [frozenset({"a", "b"})] * 2


def test_a_folder_that_is_gone_before_it_was_read_is_not_called_unreadable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A capture removes its journal/ when it is done; whoever verifies meanwhile begins anew."""
    (tmp_path / "journal").mkdir()
    with DiskFolder(tmp_path) as folder:
        scan = folder._scan

        def removing(path: str) -> list[Entry]:
            found = scan(path)
            if not path:
                (tmp_path / "journal").rmdir()
            return found

        monkeypatch.setattr(folder, "_scan", removing)
        with pytest.raises(FileNotFoundError, match="it was there and is gone"):
            list(folder.walk())


def test_a_name_that_is_not_text_is_still_seen_and_read(tmp_path: Path) -> None:
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff\xfe")).write_bytes(b"odd")
    with DiskFolder(tmp_path) as folder:
        (entry,) = folder.walk()
        assert folder.read(entry.path, 10) == b"odd"


def test_links_are_not_followed_at_any_component(tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "real").mkdir(parents=True)
    (root / "real" / "file").write_bytes(b"inside")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "file").write_bytes(b"outside")
    (root / "folder").symlink_to(tmp_path / "outside")
    (root / "file").symlink_to(tmp_path / "outside" / "file")
    with DiskFolder(root) as folder:
        assert folder.read("real/file", 100) == b"inside"
        for path in ("folder/file", "file"):
            with pytest.raises(StoreError):
                folder.open(path)


def test_only_plain_files_are_opened_and_a_fifo_does_not_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    with DiskFolder(tmp_path) as folder:
        for path in ("pipe", "folder"):
            with pytest.raises(StoreError, match="not a plain file"):
                folder.open(path)


def test_absent_and_too_long(tmp_path: Path) -> None:
    (tmp_path / "ten").write_bytes(b"0123456789")
    with DiskFolder(tmp_path) as folder:
        with pytest.raises(FileNotFoundError):
            folder.open("no/such")
        assert folder.read("ten", 10) == b"0123456789"
        with pytest.raises(FormatError, match="longer than 9 bytes"):
            folder.read("ten", 9)


def test_the_root_is_the_users_word(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "file").write_bytes(b"x")
    (tmp_path / "alias").symlink_to("real")
    with DiskFolder(tmp_path / "alias") as folder:
        assert [entry.path for entry in folder.walk()] == ["file"]
    with pytest.raises(StoreError):
        DiskFolder(tmp_path / "real" / "file")
