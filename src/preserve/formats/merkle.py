"""Merkle trees of RFC 6962 section 2.1 and their proofs as RFC 9162 section 2.1 reads them.

    MTH({})    = SHA-256("")
    leaf hash  = SHA-256(0x00 || entry)
    node hash  = SHA-256(0x01 || left || right)     split at the largest power of two below the size

`Frontier` grows a tree leaf by leaf in O(log n) memory. Proofs are made from *complete subtrees*: whoever can say the hash of the
2^level leaves that start at index << level (`Complete`) can prove anything, be it from a list in memory (`in_memory`) or from the
tiles of a log. The two `verify_*` functions share nothing with the code that makes proofs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeAlias

from preserve.errors import FormatError

HASH_SIZE = 32
EMPTY_ROOT = hashlib.sha256(b"").digest()

Complete: TypeAlias = Callable[[int, int], bytes]
"""`complete(level, index)`: the hash over the 2**level leaves from index << level on."""


def leaf_hash(entry: bytes) -> bytes:
    """The hash of one entry's exact bytes."""
    return hashlib.sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of two subtrees."""
    return hashlib.sha256(b"\x01" + left + right).digest()


class Frontier:
    """A growing tree that keeps only the roots of its complete subtrees, largest first."""

    __slots__ = ("_roots", "size")

    def __init__(self) -> None:
        self._roots: list[bytes] = []
        self.size = 0

    def add(self, leaf: bytes) -> None:
        """Append a leaf *hash*."""
        merges = self.size
        while merges & 1:
            leaf = hashlib.sha256(b"\x01" + self._roots.pop() + leaf).digest()
            merges >>= 1
        self._roots.append(leaf)
        self.size += 1

    def root(self) -> bytes:
        """The root over everything added so far."""
        if not self._roots:
            return EMPTY_ROOT
        right = self._roots[-1]
        for left in reversed(self._roots[:-1]):
            right = node_hash(left, right)
        return right


def root(hashes: Iterable[bytes]) -> bytes:
    """The root over leaf hashes."""
    tree = Frontier()
    for leaf in hashes:
        tree.add(leaf)
    return tree.root()


def lines(data: bytes) -> Iterator[bytes]:
    """The lines of a file that is a list of leaves, without their newline; refuses a last line without one."""
    if data and not data.endswith(b"\n"):
        raise FormatError("no newline at the end")
    start = 0
    while start < len(data):
        end = data.index(b"\n", start)
        yield data[start:end]
        start = end + 1


def root_of_lines(data: bytes) -> tuple[int, bytes]:
    """How many lines `data` has and the root over them: the tree of a .records or .jsonl file."""
    tree = Frontier()
    for line in lines(data):
        tree.add(leaf_hash(line))
    return tree.size, tree.root()


def in_memory(hashes: Sequence[bytes]) -> Complete:
    """Complete subtrees of a list of leaf hashes."""

    def complete(level: int, index: int) -> bytes:
        return root(hashes[index << level : (index + 1) << level])

    return complete


def subtree_root(start: int, end: int, complete: Complete) -> bytes:
    """The root over leaves start..end, where `start` is a multiple of a power of two that is at least end - start."""
    size = end - start
    if size & (size - 1) == 0:
        level = size.bit_length() - 1
        return complete(level, start >> level)
    split = _split(size)
    return node_hash(subtree_root(start, start + split, complete), subtree_root(start + split, end, complete))


def root_of(size: int, complete: Complete) -> bytes:
    """The root of a tree of `size` leaves."""
    return subtree_root(0, size, complete) if size else EMPTY_ROOT


def inclusion_path(index: int, size: int, complete: Complete) -> tuple[bytes, ...]:
    """PATH(index, D[size]) of RFC 6962 section 2.1.1, lowest hash first; raises ValueError unless 0 <= index < size."""
    if not 0 <= index < size:
        raise ValueError(f"no leaf {index} in a tree of {size}")
    path = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            path.append(subtree_root(middle, end, complete))
            end = middle
        else:
            path.append(subtree_root(start, middle, complete))
            start = middle
    return tuple(reversed(path))


def consistency_path(old: int, new: int, complete: Complete) -> tuple[bytes, ...]:
    """PROOF(old, D[new]) of RFC 6962 section 2.1.2; empty for old == new. Raises ValueError unless 0 < old <= new."""
    if not 0 < old <= new:
        raise ValueError(f"no consistency proof from {old} to {new}")
    path: list[bytes] = []
    start, end, whole = 0, new, True
    while old != end:
        middle = start + _split(end - start)
        if old <= middle:
            path.append(subtree_root(middle, end, complete))
            end = middle
        else:
            path.append(subtree_root(start, middle, complete))
            start, whole = middle, False
    if not whole:
        path.append(subtree_root(start, end, complete))
    return tuple(reversed(path))


def verify_inclusion(leaf: bytes, index: int, size: int, path: Sequence[bytes], tree_root: bytes) -> bool:
    """RFC 9162 section 2.1.3.2: is `leaf` (a leaf hash) number `index` of the tree of `size` leaves with this root?"""
    if not 0 <= index < size or any(len(step) != HASH_SIZE for step in path):
        return False
    number, last, result = index, size - 1, leaf
    for step in path:
        if last == 0:
            return False
        if number & 1 or number == last:
            result = node_hash(step, result)
            while number and not number & 1:
                number, last = number >> 1, last >> 1
        else:
            result = node_hash(result, step)
        number, last = number >> 1, last >> 1
    return last == 0 and result == tree_root


def verify_consistency(old: int, old_root: bytes, new: int, new_root: bytes, path: Sequence[bytes]) -> bool:
    """RFC 9162 section 2.1.4.2: is the tree of `old` leaves a prefix of the tree of `new` leaves?

    The empty tree is a prefix of every tree, proved by an empty path.
    """
    if not 0 <= old <= new or any(len(step) != HASH_SIZE for step in path):
        return False
    if old == 0:
        return not path and old_root == EMPTY_ROOT and (new > 0 or new_root == EMPTY_ROOT)
    if old == new:
        return not path and old_root == new_root
    steps = [old_root, *path] if old & (old - 1) == 0 else list(path)
    if not steps:
        return False
    number, last = old - 1, new - 1
    while number & 1:
        number, last = number >> 1, last >> 1
    older = newer = steps[0]
    for step in steps[1:]:
        if last == 0:
            return False
        if number & 1 or number == last:
            older, newer = node_hash(step, older), node_hash(step, newer)
            while number and not number & 1:
                number, last = number >> 1, last >> 1
        else:
            newer = node_hash(newer, step)
        number, last = number >> 1, last >> 1
    return last == 0 and older == old_root and newer == new_root


def _split(size: int) -> int:
    """The largest power of two below `size` (size > 1)."""
    split: int = 1 << ((size - 1).bit_length() - 1)
    return split
