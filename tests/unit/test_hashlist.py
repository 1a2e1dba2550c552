"""A renewal's list of files: what `sha512sum` writes and checks, in one spelling."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from preserve.errors import FormatError
from preserve.formats import hashlist
from preserve.formats.bodies import renewal
from preserve.formats.strictjson import Fields
from preserve.model.event import Renewal, Renewed
from preserve.model.lines import FileSha512

_A, _B = "a" * 128, "b" * 128


def _files(*paths: str) -> tuple[FileSha512, ...]:
    return tuple(FileSha512(path=path, sha512=_A) for path in paths)


_NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\0\r"), min_size=1, max_size=20)


@given(st.sets(_NAMES, min_size=1, max_size=8))
def test_what_is_written_is_read(paths: set[str]) -> None:
    data = hashlist.encode(_files(*paths))
    assert {file.path for file in hashlist.read(data)} == paths
    assert hashlist.encode(hashlist.read(data)) == data


def test_sha512sum_agrees(tmp_path: Path) -> None:
    names = ["archive.toml", "documents/x/two words ö.pdf", "documents/x/back\\slash", "documents/x/line\nbreak", "runs/a/SEAL"]
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    files = [FileSha512(path=name, sha512=hashlib.sha512(name.encode()).hexdigest()) for name in names]
    (tmp_path / "list").write_bytes(hashlist.encode(files))
    done = subprocess.run(["sha512sum", "-c", "--strict", "list"], cwd=tmp_path, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count(b": OK") == len(names)
    written = subprocess.run(["sha512sum", *sorted(names)], cwd=tmp_path, capture_output=True, check=True).stdout
    assert written == (tmp_path / "list").read_bytes()


@pytest.mark.parametrize(
    "data",
    [
        b"\n",
        f"{_A}  a".encode(),
        f"{_A} a\n".encode(),
        f"{_A} *a\n".encode(),
        f"{_A.upper()}  a\n".encode(),
        f"{_A[:64]}  a\n".encode(),
        f"{_A}  a\r\n".encode(),
        f"{_A}  b\n{_B}  a\n".encode(),
        f"{_A}  a\n{_B}  a\n".encode(),
        f"{_A}  a\n\n".encode(),
        f"\\{_A}  a\n".encode(),
        f"{_A}  a\\b\n".encode(),
        f"\\{_A}  a\\xb\n".encode(),
        f"# {_A}  a\n".encode(),
    ],
)
def test_another_spelling(data: bytes) -> None:
    with pytest.raises(FormatError):
        list(hashlist.read(data))


@pytest.mark.parametrize("path", ["a\rb", "a\0b"])
def test_a_path_that_cannot_be_listed(path: str) -> None:
    with pytest.raises(FormatError):
        hashlist.encode(_files(path))


def test_the_same_path_twice() -> None:
    with pytest.raises(FormatError, match="out of order"):
        hashlist.encode(_files("a", "a"))


# --- the body of the statement


def test_the_body_is_read_back() -> None:
    body = Renewal(covers=Renewed.STAMPS, count=2, bytes=300, sha512=_A)
    fields = Fields(renewal.write(body), "body")
    assert renewal.read(fields) == body
    fields.end()


@pytest.mark.parametrize(
    "change", [{"count": 0}, {"bytes": 0}, {"sha512": "a" * 64}, {"sha512": "A" * 128}, {"count": "2"}, {"more": 1}]
)
def test_a_body_that_is_none(change: dict[str, object]) -> None:
    written = renewal.write(Renewal(covers=Renewed.DATA, count=2, bytes=300, sha512=_A))
    listed = written["list"]
    assert isinstance(listed, dict)
    with pytest.raises(FormatError):
        renewal.read(Fields({**written, "list": {**listed, **change}}, "body"))  # type: ignore[dict-item]
