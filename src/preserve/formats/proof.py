"""Disclosure proofs: one record, or one line, shown to be of a sealed run without showing the others (docs/formats/packet.md section 2).

    preserve-record-proof/v1                         preserve-line-proof/v1
    warc data/a-0001.warc.gz                         file data/captures.jsonl
    size 7                                           size 3
    index 3                                          index 0
    leaf preserve-record/v1 3 910 328 1a2600ad…      leaf {"capture":0,…}
    h/A1mhqIx8krmyyCWic0w4wmg9Xs5dF4hy8GSDkekbk=     …

`size` leaves are in the tree whose root the manifest signs (RFC 6962 section 2.1); the lines after `leaf` lead from it to that root,
lowest first, 32 bytes each in base64. A file of proofs has an empty line between two.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum

from preserve.errors import FormatError
from preserve.formats import merkle
from preserve.formats.note import decimal, unbase64
from preserve.model.noun import dataclass


class Kind(StrEnum):
    """What is shown; the value is the proof's first line."""

    RECORD = "preserve-record-proof/v1"
    LINE = "preserve-line-proof/v1"


_NAMED = {Kind.RECORD: b"warc ", Kind.LINE: b"file "}
_MAX_STEPS = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """Leaf `index` of the `size` leaves of `file` (a path in the run) is `leaf`; `path` are the hashes up to the root."""

    kind: Kind
    file: str
    size: int
    index: int
    leaf: bytes
    path: tuple[bytes, ...]

    def leads_to(self, root: bytes) -> bool:
        """Whether the tree with this root has that leaf at that place."""
        return merkle.verify_inclusion(merkle.leaf_hash(self.leaf), self.index, self.size, self.path, root)


class Tree:
    """The leaves of one file, from which proofs are made. Every inner hash is computed once: 64 bytes a leaf."""

    def __init__(self, kind: Kind, file: str, leaves: Iterable[bytes]) -> None:
        self._kind = kind
        self._file = file
        self._levels = [[merkle.leaf_hash(leaf) for leaf in leaves]]
        while len(self._levels[-1]) > 1:
            below = self._levels[-1]
            self._levels.append([merkle.node_hash(below[at], below[at + 1]) for at in range(0, len(below) - 1, 2)])

    @property
    def size(self) -> int:
        return len(self._levels[0])

    def root(self) -> bytes:
        return merkle.root_of(self.size, self._complete)

    def prove(self, index: int, leaf: bytes) -> Proof:
        """The proof of one leaf; raises ValueError when it is not that one."""
        if merkle.leaf_hash(leaf) != self._levels[0][index]:
            raise ValueError(f"not leaf {index} of {self._file}")
        path = merkle.inclusion_path(index, self.size, self._complete)
        return Proof(kind=self._kind, file=self._file, size=self.size, index=index, leaf=leaf, path=path)

    def _complete(self, level: int, index: int) -> bytes:
        return self._levels[level][index]


def encode(proofs: Sequence[Proof]) -> bytes:
    """A file of proofs."""
    return b"\n".join(map(_encode, proofs))


def decode(data: bytes) -> Iterator[Proof]:
    """The proofs in a file, none of them checked; raises FormatError."""
    if not data.endswith(b"\n"):
        raise FormatError("proof: no newline at the end")
    for text in data[:-1].split(b"\n\n"):
        proof = _decode(text)
        if _encode(proof) != text + b"\n":
            raise FormatError("proof: not canonical: it has another spelling")
        yield proof


def _encode(proof: Proof) -> bytes:
    head = (
        proof.kind.encode(),
        _NAMED[proof.kind] + proof.file.encode("ascii"),
        b"size %d" % proof.size,
        b"index %d" % proof.index,
        b"leaf " + proof.leaf,
    )
    return b"".join(row + b"\n" for row in (*head, *map(base64.b64encode, proof.path)))


def _decode(text: bytes) -> Proof:
    rows = text.split(b"\n")
    try:
        kind = Kind(rows[0].decode("ascii"))
    except ValueError:  # UnicodeDecodeError is one
        raise FormatError(f"proof: bad header: {rows[0][:80]!r}") from None
    if len(rows) < 5 or len(rows) > 5 + _MAX_STEPS:
        raise FormatError("proof: too few lines, or too many")
    try:
        file, size, index = (
            row.removeprefix(name).decode("ascii")
            for row, name in zip(rows[1:4], (_NAMED[kind], b"size ", b"index "), strict=True)
        )
        path = tuple(unbase64(row.decode("ascii")) for row in rows[5:])
    except UnicodeDecodeError:
        raise FormatError("proof: not ASCII") from None
    if any(len(step) != merkle.HASH_SIZE for step in path):
        raise FormatError("proof: bad hash: not 32 bytes")
    leaf = rows[4].removeprefix(b"leaf ")
    return Proof(kind=kind, file=file, size=decimal(size), index=decimal(index), leaf=leaf, path=path)
