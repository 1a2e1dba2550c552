"""SEAL and the record index beside `sha256sum` and against any bytes."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from preserve.errors import FormatError
from preserve.formats import merkle, recordindex, seal
from preserve.model.lines import RecordLine, SealLine

_HASHES = st.binary(min_size=32, max_size=32).map(bytes.hex)
_PATHS = st.one_of(_HASHES.map(seal.key_path), _HASHES.map(seal.signature_path))


@given(st.dictionaries(_PATHS, _HASHES, max_size=8), _HASHES)
def test_a_seal_has_one_spelling_whatever_the_order(files: dict[str, str], manifest: str) -> None:
    lines = [SealLine(path=path, sha256=sha256) for path, sha256 in {**files, "manifest.json": manifest}.items()]
    data = seal.encode(lines)
    assert data == seal.encode(reversed(lines))
    assert {line.path: line.sha256 for line in seal.decode(data)} == {**files, "manifest.json": manifest}


def test_sha256sum_reads_it(tmp_path: Path) -> None:
    files = {"manifest.json": b"{}\n", seal.key_path("0" * 64): b"key", seal.signature_path("0" * 64): b"signature"}
    for path, data in files.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_bytes(data)
    lines = [SealLine(path=path, sha256=hashlib.sha256(data).hexdigest()) for path, data in files.items()]
    (tmp_path / "SEAL").write_bytes(seal.encode(lines))
    check = ["sha256sum", "-c", "--strict", "--quiet", "SEAL"]
    assert subprocess.run(check, cwd=tmp_path, capture_output=True, check=False).returncode == 0
    (tmp_path / "manifest.json").write_bytes(b"[]\n")
    assert subprocess.run(check, cwd=tmp_path, capture_output=True, check=False).returncode == 1


def test_a_seal_without_a_manifest_is_not_written() -> None:
    with pytest.raises(FormatError, match=r"no manifest\.json"):
        seal.encode([SealLine(path=seal.key_path("0" * 64), sha256="0" * 64)])


@given(st.lists(st.tuples(st.integers(1, 1 << 40), _HASHES), max_size=12))
def test_records_that_tile_read_back(records: list[tuple[int, str]]) -> None:
    lines, end = [], 0
    for index, (length, sha256) in enumerate(records):
        lines.append(RecordLine(index=index, offset=end, length=length, sha256=sha256))
        end += length
    data = recordindex.encode(lines)
    assert recordindex.decode(data, end) == tuple(lines)
    assert merkle.root_of_lines(data) == (len(lines), merkle.root(merkle.leaf_hash(recordindex.leaf(line)) for line in lines))
    for size in (end - 1, end + 1):
        with pytest.raises(FormatError, match="does not tile"):
            recordindex.decode(data, size)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (RecordLine(index=1, offset=0, length=5, sha256="0" * 64), "does not count"),
        (RecordLine(index=0, offset=1, length=5, sha256="0" * 64), "does not tile"),
        (RecordLine(index=0, offset=0, length=0, sha256="0" * 64), "does not tile"),
    ],
)
def test_records_that_do_not_tile_are_not_written(line: RecordLine, why: str) -> None:
    with pytest.raises(FormatError, match=why):
        recordindex.encode([line])


@given(st.binary(max_size=120))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    start = b"preserve-record/v1 0 0 9 " + b"0" * 64 + b"\n"
    for body in (data, start + data):
        try:
            assert recordindex.encode(recordindex.read(body, 9)) == body
        except FormatError:
            continue
