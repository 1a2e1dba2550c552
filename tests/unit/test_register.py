"""A run's lines found one by one, without reading all of them again."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO, cast

import pytest

from archives import Archivist, data_files
from preserve.adapters.folder import DiskFolder
from preserve.flows import register
from preserve.flows.bundle import run_names
from preserve.flows.select import SealedRun
from preserve.formats import lines, manifest


def test_each_line_is_found_by_what_it_is_about(tmp_path: Path) -> None:
    archivist, files = Archivist(), data_files(0, 5)
    archivist.add_signed(files, manifest.encode(archivist.manifest(files, 0, 5)))
    with DiskFolder(archivist.write(tmp_path / "archive")) as folder:
        (name,) = run_names(folder)
        run = SealedRun(folder, name)
        found = register.Register(run)
        for line in run.captures():
            expected = [one for one in run.captures() if one.url == line.url and one.requisite_of is None]
            assert list(found.captures(register.key(line.url))) == expected
        assert list(found.captures("http://nobody.example/")) == []
        citations = list(run.citations())
        assert citations
        assert list(found.citations(line.citation for line in reversed(citations))) == citations
        assert list(found.citations([10**9])) == []


class Unbuffered(io.RawIOBase):
    """A file that counts how often it is asked."""

    def __init__(self, data: bytes) -> None:
        self._data = io.BytesIO(data)
        self.asked = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        self.asked += 1
        return self._data.readinto(buffer)


@pytest.mark.parametrize("data", [b"", b"a\n", b"a", b"a\n\nb\n", b"a" * 300_000 + b"\nb\n", b"one\n" * 100_000 + b"two"])
def test_lines_are_read_in_large_pieces(data: bytes) -> None:
    file = Unbuffered(data)
    assert b"".join(row + b"\n" for row in lines.rows(cast(BinaryIO, file))).removesuffix(b"\n") == data.removesuffix(b"\n")
    assert file.asked <= 2 + (len(data) >> 16)


def test_words_that_look_like_members_are_none(tmp_path: Path) -> None:
    """What comes from outside cannot pass for a member: its quotation marks are escaped."""
    files = data_files(0, 3)
    rows = [lines.decode_capture(row) for row in files["data/captures.jsonl"].splitlines()]
    for line in rows:
        row = lines.encode_capture(line)
        assert register.asked(row) == line.url
        assert register.is_requisite(row) == (line.requisite_of is not None)
    sly = 'http://x.example/?a=","requisite_of":3,"url":"http://y.example/","verdict":null'
    row = lines.encode_capture(replace(rows[0], url=sly, reason=',"requisite_of":1,"url":"z","verdict":'))
    assert register.asked(row) == sly
    assert not register.is_requisite(row)
