"""The nouns of an evidence packet: one capture, handed over alone (docs/formats/packet.md)."""

from __future__ import annotations

from typing import Final

from preserve.model.noun import dataclass

MARKER: Final = "packet"
"""The first file: what this is."""
CAPTURE: Final = "proofs/capture.proof"
"""The file that shows the capture; a folder that has one of these two, and is no archive, is an unpacked packet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """`length` bytes of a file of the archive from `offset` on: a record as it is stored. `sha256` is what was signed for it."""

    path: str
    offset: int
    length: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One file of a packet, and what it holds."""

    name: str
    content: bytes | Slice

    @property
    def size(self) -> int:
        return len(self.content) if isinstance(self.content, bytes) else self.content.length


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """Which capture to show: the latest of `url`, or the one of run `run`, answering `note` of `document` where these are given."""

    url: str
    run: int | None = None
    note: str | None = None
    document: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Aids:
    """What a packet brings for its reader: the text of README.md with a gap for the key id, and verify.py. Nobody signed them."""

    readme: bytes
    verifier: bytes
