"""Trees and proofs against the Certificate Transparency test vectors, a plain recursive twin, and every mutation of small proofs."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from preserve.errors import FormatError
from preserve.formats import merkle

CT_LEAVES = [
    b"",
    b"\x00",
    b"\x10",
    b"\x20\x21",
    b"\x30\x31",
    b"\x40\x41\x42\x43",
    bytes.fromhex("5051525354555657"),
    bytes.fromhex("606162636465666768696a6b6c6d6e6f"),
]
CT_ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
LEAVES = [merkle.leaf_hash(b"leaf %d" % number) for number in range(40)]


def plain_root(hashes: Sequence[bytes]) -> bytes:
    """RFC 6962 section 2.1, word for word."""
    if len(hashes) < 2:
        return hashes[0] if hashes else hashlib.sha256(b"").digest()
    split = 1
    while split * 2 < len(hashes):
        split *= 2
    return hashlib.sha256(b"\x01" + plain_root(hashes[:split]) + plain_root(hashes[split:])).digest()


@pytest.mark.parametrize("size", range(9))
def test_certificate_transparency_roots(size: int) -> None:
    assert merkle.root(map(merkle.leaf_hash, CT_LEAVES[:size])).hex() == CT_ROOTS[size]


def test_certificate_transparency_proofs() -> None:
    hashes = [merkle.leaf_hash(leaf) for leaf in CT_LEAVES]
    complete = merkle.in_memory(hashes)
    assert [step.hex()[:8] for step in merkle.inclusion_path(5, 8, complete)] == ["bc1a0643", "ca854ea1", "d37ee418"]
    assert [step.hex()[:8] for step in merkle.consistency_path(6, 8, complete)] == ["0ebc5d34", "ca854ea1", "d37ee418"]


@pytest.mark.parametrize("size", range(34))
def test_every_way_to_the_root_agrees(size: int) -> None:
    frontier = merkle.Frontier()
    for leaf in LEAVES[:size]:
        frontier.add(leaf)
    expected = plain_root(LEAVES[:size])
    assert frontier.size == size
    assert frontier.root() == expected == merkle.root(LEAVES[:size]) == merkle.root_of(size, merkle.in_memory(LEAVES[:size]))


@pytest.mark.parametrize("size", range(1, 18))
def test_inclusion_of_every_leaf_and_of_nothing_else(size: int) -> None:
    root, complete = merkle.root(LEAVES[:size]), merkle.in_memory(LEAVES[:size])
    for index in range(size):
        path = merkle.inclusion_path(index, size, complete)
        assert merkle.verify_inclusion(LEAVES[index], index, size, path, root)
        assert not merkle.verify_inclusion(LEAVES[index + 1], index, size, path, root)
        assert not merkle.verify_inclusion(LEAVES[index], index, size, path, LEAVES[0] if size > 1 else LEAVES[1])
        for other in {*range(size), size, -1} - {index}:
            assert not merkle.verify_inclusion(LEAVES[index], other, size, path, root)
        for mutated in mutations(path):
            assert not merkle.verify_inclusion(LEAVES[index], index, size, mutated, root)
        assert not merkle.verify_inclusion(LEAVES[index], index, size * 2, path, root)


@pytest.mark.parametrize("new", range(1, 18))
def test_consistency_of_every_prefix_and_of_nothing_else(new: int) -> None:
    roots = [merkle.root(LEAVES[:size]) for size in range(new + 1)]
    complete = merkle.in_memory(LEAVES[:new])
    for old in range(1, new + 1):
        path = merkle.consistency_path(old, new, complete)
        assert merkle.verify_consistency(old, roots[old], new, roots[new], path)
        assert not merkle.verify_consistency(old, LEAVES[-1], new, roots[new], path)
        assert not merkle.verify_consistency(old, roots[old], new, LEAVES[-1], path)
        assert not merkle.verify_consistency(new + 1, roots[old], new, roots[new], path)
        for other in set(range(new + 1)) - {old}:
            assert not merkle.verify_consistency(other, roots[old], new, roots[new], path)
        for mutated in mutations(path):
            assert not merkle.verify_consistency(old, roots[old], new, roots[new], mutated)


def test_the_empty_tree_is_a_prefix_of_all() -> None:
    root = merkle.root(LEAVES[:3])
    assert merkle.verify_consistency(0, merkle.EMPTY_ROOT, 3, root, ())
    assert merkle.verify_consistency(0, merkle.EMPTY_ROOT, 0, merkle.EMPTY_ROOT, ())
    assert not merkle.verify_consistency(0, root, 3, root, ())
    assert not merkle.verify_consistency(0, merkle.EMPTY_ROOT, 0, root, ())
    assert not merkle.verify_consistency(0, merkle.EMPTY_ROOT, 3, root, (root,))


def test_a_history_rewritten_with_the_same_size_is_no_growth() -> None:
    forged = [merkle.leaf_hash(b"forged"), *LEAVES[1:9]]
    path = merkle.consistency_path(5, 9, merkle.in_memory(forged))
    assert not merkle.verify_consistency(5, merkle.root(LEAVES[:5]), 9, merkle.root(forged), path)


def test_an_inner_node_is_no_leaf() -> None:
    """Second preimages need the prefixes 0x00 and 0x01: the two halves as an entry give another hash."""
    left, right = LEAVES[:2]
    assert merkle.leaf_hash(left + right) != merkle.node_hash(left, right)


@pytest.mark.parametrize(("index", "size"), [(0, 0), (3, 3), (-1, 3)])
def test_no_path_to_a_leaf_that_is_not_there(index: int, size: int) -> None:
    with pytest.raises(ValueError, match="no leaf"):
        merkle.inclusion_path(index, size, merkle.in_memory(LEAVES))


@pytest.mark.parametrize(("old", "new"), [(0, 3), (4, 3), (-1, 3)])
def test_no_consistency_path_backwards(old: int, new: int) -> None:
    with pytest.raises(ValueError, match="no consistency proof"):
        merkle.consistency_path(old, new, merkle.in_memory(LEAVES))


@given(st.lists(st.binary(max_size=8).filter(lambda line: b"\n" not in line), max_size=20))
def test_lines_are_what_stands_before_each_newline(rows: list[bytes]) -> None:
    data = b"".join(row + b"\n" for row in rows)
    assert list(merkle.lines(data)) == rows
    assert merkle.root_of_lines(data) == (len(rows), merkle.root(map(merkle.leaf_hash, rows)))


def test_a_last_line_without_newline_is_refused() -> None:
    with pytest.raises(FormatError, match="no newline"):
        merkle.root_of_lines(b"one\ntwo")


def mutations(path: Sequence[bytes]) -> Iterator[tuple[bytes, ...]]:
    """The path with a bit flipped in each hash, with each hash left out, doubled or cut, and with one more at each place."""
    for place, step in enumerate(path):
        before, after = tuple(path[:place]), tuple(path[place + 1 :])
        yield (*before, bytes([step[0] ^ 1]) + step[1:], *after)
        yield (*before, *after)
        yield (*before, step, step, *after)
        yield (*before, step[:31], *after)
        yield (*before, LEAVES[-1], step, *after)
    yield (*path, LEAVES[-1])
