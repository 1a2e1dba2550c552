from __future__ import annotations

from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from preserve.errors import FormatError
from preserve.formats import merkle, tlog

ENTRIES = [b"entry %d" % number for number in range(66_000)]
HASHES = [merkle.leaf_hash(entry) for entry in ENTRIES]


def test_paths_as_the_specification_prints_them() -> None:
    assert tlog.tile_path(0, 0) == "tile/0/000"
    assert tlog.tile_path(3, 5) == "tile/3/005"
    assert tlog.tile_path(0, 999, 1) == "tile/0/999.p/1"
    assert tlog.tile_path(0, 1000) == "tile/0/x001/000"
    assert tlog.entries_path(1234067) == "tile/entries/x001/x234/067"
    assert tlog.entries_path(1234067, 8) == "tile/entries/x001/x234/067.p/8"


@pytest.mark.parametrize("size", [0, 1, 2, 255, 256, 257, 511, 512, 700])
def test_growing_entry_by_entry_gives_the_files_of_the_whole(size: int) -> None:
    files: dict[str, bytes] = {}
    for number, entry in enumerate(ENTRIES[:size]):
        growth = tlog.grow(number, files.__getitem__, entry)
        assert growth.size == number + 1
        assert set(dict(growth.write)) | set(files) <= set(tlog.paths(number)) | {*tlog.leftovers(number)}
        files.update(growth.write)
        assert set(files) <= {*tlog.paths(number + 1), *tlog.leftovers(number + 1)}
        for path in tlog.superseded(number + 1):
            del files[path]
    assert files == dict(tlog.files(ENTRIES[:size]))
    assert set(files) == set(tlog.paths(size))
    assert all(tlog.explains(size, path) for path in files)
    assert tlog.root(size, files.__getitem__) == merkle.root(HASHES[:size])
    assert list(tlog.entries(size, files.__getitem__)) == ENTRIES[:size]


@pytest.mark.parametrize("size", [65_535, 65_536, 65_537, 66_000])
def test_a_log_of_three_levels(size: int) -> None:
    files = dict(tlog.files(ENTRIES[:size]))
    read = files.__getitem__
    root = merkle.root(HASHES[:size])
    assert set(files) == set(tlog.paths(size))
    assert tlog.root(size, read) == root
    for index in (0, 255, 256, 65_279, size - 1):
        assert tlog.entry(index, size, read) == ENTRIES[index]
        assert merkle.verify_inclusion(HASHES[index], index, size, tlog.inclusion(index, size, read), root)
    for old in (1, 255, 257, 65_280, 65_535, size):
        assert merkle.verify_consistency(old, merkle.root(HASHES[:old]), size, root, tlog.consistency(old, size, read))
    growth = tlog.grow(size, read, b"one more")
    assert growth.root == merkle.root([*HASHES[:size], merkle.leaf_hash(b"one more")])
    assert {path for path, _ in growth.write} == set(tlog.paths(size + 1)) - set(tlog.paths(size))
    assert set(tlog.superseded(size + 1)) == set(tlog.paths(size)) - set(tlog.paths(size + 1))


@given(st.integers(0, 70_000), st.integers(-2, 2))
def test_explains_is_the_listing_without_the_list(size: int, step: int) -> None:
    listed = set(tlog.paths(size))
    assert all(tlog.explains(size, path) for path in listed)
    near = {*tlog.paths(max(0, size + step)), *tlog.leftovers(size)}
    assert {path for path in near if tlog.explains(size, path)} == near & listed


@pytest.mark.parametrize(
    "path",
    [
        "tile/0/000.p/256",
        "tile/0/000.p/0",
        "tile/0/000.p/05",
        "tile/0/0",
        "tile/0/x000/005",
        "tile/00/000",
        "tile/-1/000",
        "tile/64/000",
        "tile/0/000/",
        "tile/0/../0/000",
        "tile/data/000",
        "Checkpoint",
        "tile/0/" + "x001/" * 40 + "000",
    ],
)
def test_other_names_are_never_explained(path: str) -> None:
    assert not tlog.explains(10**6, path)
    assert tlog.explains(10**6, "checkpoint")


@pytest.mark.parametrize("size", [1, 5, 256, 70_000])
def test_folders_are_those_that_files_lie_in(size: int) -> None:
    for path in tlog.paths(size):
        for parent in list(PurePosixPath(path).parents)[:-1]:
            assert tlog.is_folder(str(parent))
    for other in (
        "",
        "tile/",
        "tile/64",
        "tile/0/000",
        "tile/0/000.p/1",
        "tile/x001",
        "tile/0/\n",
        "notes",
        "tile/0" + "/x001" * 20,
    ):
        assert not tlog.is_folder(other)


def test_a_forged_size_costs_nothing() -> None:
    huge = 2**63 - 1
    nothing: dict[str, bytes] = {}
    assert tlog.explains(huge, "tile/0/x001/000")
    assert not tlog.explains(huge, "tile/8/000")
    with pytest.raises(KeyError):
        tlog.root(huge, nothing.__getitem__)


def test_an_entry_that_is_not_what_its_tile_hashes_is_refused() -> None:
    files = dict(tlog.files(ENTRIES[:5]))
    files["tile/entries/000.p/5"] = files["tile/entries/000.p/5"].replace(b"entry 2", b"entry X")
    with pytest.raises(FormatError, match="does not fit its tile"):
        tlog.entry(0, 5, files.__getitem__)
    with pytest.raises(FormatError, match="does not fit its tile"):
        tlog.grow(5, files.__getitem__, b"next")


def test_bounds_of_entries() -> None:
    longest = bytes(tlog.MAX_ENTRY)
    assert tlog.decode_entries(tlog.encode_entries([longest, b""]), 2) == (longest, b"")
    with pytest.raises(FormatError, match="too long"):
        tlog.encode_entries([longest + b"x"])
    with pytest.raises(ValueError, match="no entry 5"):
        tlog.entry(5, 5, dict(tlog.files(ENTRIES[:5])).__getitem__)


def test_a_subtree_beyond_the_log_is_refused() -> None:
    with pytest.raises(FormatError, match="no tile"):
        tlog.complete(5, dict(tlog.files(ENTRIES[:5])).__getitem__)(0, 256)


@given(st.binary(max_size=300))
def test_any_bundle_reads_back_or_is_refused(data: bytes) -> None:
    for width in range(4):
        try:
            entries = tlog.decode_entries(data, width)
        except FormatError:
            continue
        assert tlog.encode_entries(entries) == data


def test_a_proof_ties_one_entry_to_one_place() -> None:
    size = 300
    files = dict(tlog.files(ENTRIES[:size]))
    path = tlog.inclusion(7, size, files.__getitem__)
    root = tlog.root(size, files.__getitem__)
    assert merkle.verify_inclusion(HASHES[7], 7, size, path, root)
    assert not merkle.verify_inclusion(HASHES[8], 7, size, path, root)
