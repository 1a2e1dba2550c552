from __future__ import annotations

import dataclasses
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from preserve.errors import FormatError
from preserve.formats import manifest, signedparts
from preserve.model.manifest import FileEntry, IndexFile, Manifest, Role, SignerEntry

DATA = (Path(__file__).parents[1] / "vectors" / "manifest" / "run-four").read_bytes().partition(b"\n\n")[2]
GOOD = manifest.decode(DATA)


def test_what_a_manifest_says() -> None:
    assert GOOD.created == datetime(2026, 11, 21, 17, 2, 45, 565_000, tzinfo=UTC)
    assert GOOD.archive.sequence == GOOD.log.size_before == 4
    assert [entry.role for entry in GOOD.files].count(Role.WARC) == 1
    assert GOOD.captures.count == GOOD.captures.captured + GOOD.captures.failed == 3
    assert not GOOD.interrupted
    assert manifest.encode(GOOD) == DATA


def test_every_changed_byte_is_refused_or_changes_what_it_says() -> None:
    for place in range(len(DATA)):
        changed = DATA[:place] + bytes([DATA[place] ^ 1]) + DATA[place + 1 :]
        try:
            assert manifest.decode(changed) != GOOD
        except FormatError:
            continue


def test_other_json_writers_make_the_same_bytes() -> None:
    assert json.dumps(json.loads(DATA), indent=2).encode() + b"\n" == DATA


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"signers": ()}, "no signers"),
        ({"run_id": "other"}, "run_id"),
        ({"files": (*GOOD.files, FileEntry(path="SEAL", bytes=0, sha256="0" * 64, role=Role.TORN))}, "path"),
        ({"sources": IndexFile(file="data/none.jsonl", count=0, root="0" * 64)}, "not listed"),
        ({"signers": (SignerEntry(keyid="0" * 64, algorithm="none", name=""),)}, "alg"),
    ],
)
def test_what_could_not_be_read_back_is_not_signed(change: dict[str, object], why: str) -> None:
    with pytest.raises(FormatError, match=why):
        manifest.encode(dataclasses.replace(GOOD, **change))  # type: ignore[arg-type]


def test_a_manifest_has_a_largest_size() -> None:
    with pytest.raises(FormatError, match="too long"):
        manifest.decode(DATA + b" " * manifest.MAX_SIZE)


def test_every_member_is_required() -> None:
    """Leave out each member at every depth, one at a time: none has a silent default, but for a torn file's records."""

    def ways(value: object, way: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
        members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        found = [(*way, name) for name, _ in members if isinstance(value, dict)]
        return found + [inner for name, member in members for inner in ways(member, (*way, name))]

    every = ways(json.loads(DATA))
    assert len(every) > 60
    for *path, last in every:
        document = json.loads(DATA)
        at = document
        for step in path:
            at = at[step]
        del at[last]
        if path == ["tool", "dependencies"]:
            continue
        with pytest.raises(FormatError):
            manifest.decode(json.dumps(document, indent=2).encode() + b"\n")


def test_authorities_have_paths_that_do_not_collide() -> None:
    assert manifest.token_path("tsa-a") == "timestamps/tsa-a.tsr"
    assert manifest.start_token_path("tsa-a") == "timestamps/start-tsa-a.tsr"
    assert not signedparts.AUTHORITY.fullmatch("start-tsa-a")


@pytest.mark.parametrize("path", ["data/a", "SEAL".lower(), "data/a/b/c", "data/a..b", "0"])
def test_good_paths(path: str) -> None:
    assert manifest.PATH.fullmatch(path)


@pytest.mark.parametrize(
    "path", ["", "/a", "a/", "a//b", "../a", "a/..", "a/./b", "A", "a b", "a\n", "é", "a/b/c/d/e", "-a", "_a"]
)
def test_bad_paths(path: str) -> None:
    assert not manifest.PATH.fullmatch(path)


def test_a_manifest_is_a_value() -> None:
    assert isinstance(hash(GOOD), int)
    assert dataclasses.replace(GOOD) == GOOD
    assert Manifest.__slots__
