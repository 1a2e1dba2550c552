"""A bundle's index held against its WARC files: every line leads to the capture that it says, every capture has a line.

Both sides are brought into lines of one form, sorted on disk where they are many, and compared line by line. Of a bundle of ours the
lines themselves are compared; of others only what all indexers agree on: file, offset, length, time and address.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, Final, cast

from isal import isal_zlib

from preserve.errors import FormatError
from preserve.formats import cdxj, wacz
from preserve.formats.warc import Header
from preserve.formats.warcscan import Found
from preserve.model.finding import Claim, Finding, failed, unchecked
from preserve.rules import handover
from preserve.rules import verify_bundle as rules

if TYPE_CHECKING:
    from preserve.flows.bundle import Sorter
    from preserve.ports import Folder

_DAMAGED: Final = cast("type[Exception]", isal_zlib.error)  # its stub says instance where it is a class
_MUST, _MAY = b"\x001", b"\x000"
_NEVER = frozenset({"request", "warcinfo"})


class IndexCheck:
    """Told of every record (`expect`), then shown the index (`check`). The two sorters hold what is compared.

    `hidden` are the records, by file and offset, that must not be in it, though others like them are.
    """

    def __init__(
        self, expected: Sorter, indexed: Sorter, *, ours: bool, hidden: Collection[tuple[str, int]] = frozenset()
    ) -> None:
        self._expected = expected
        self._indexed = indexed
        self._ours = ours
        self._hidden = hidden
        self._problems: list[Finding] = []
        self._unread: set[str] = set()

    def expect(self, found: Found, header: Header, name: str) -> None:
        """A record that lies in the WARC file `name`."""
        indexed = cdxj.is_indexed(header) and (name, found.offset) not in self._hidden
        if header.type in _NEVER or not header.target_uri or (self._ours and not indexed):
            return
        line = cdxj.line(
            header,
            found.block,
            filename=name.removeprefix(wacz.ARCHIVE),
            offset=found.offset,
            length=found.length,
            sha256=found.sha256,
            imported=handover.is_theirs(name),
        )
        self._expected.add((line.encode() if self._ours else _common(line)) + (_MUST if indexed else _MAY))

    def pass_over(self, name: str) -> None:
        """The WARC file `name` is not looked at: indexers disagree on where a record ends that lies in no gzip member."""
        self._unread.add(name.removeprefix(wacz.ARCHIVE))

    def check(self, folder: Folder, names: Collection[str]) -> Iterator[Finding]:
        """What is wrong with the index; `names` are the bundle's entries."""
        for name in sorted(names):
            if name.startswith("indexes/"):
                self._read(folder, name, names)
        yield from self._problems
        missing: list[bytes] = []
        strange: list[bytes] = []
        counts = [0, 0]
        for row, here in self._differences():
            listed = strange if here else missing
            counts[1 if here else 0] += 1
            if len(listed) < rules.SHOWN:
                listed.append(row)
        yield from rules.judge_index(missing, strange, (counts[0], counts[1]), ours=self._ours)

    def _read(self, folder: Folder, name: str, names: Collection[str]) -> None:
        last = b""
        try:
            for row in _rows(folder, name, names):
                if row < last:
                    raise FormatError("CDXJ: the lines are not sorted, and players miss captures")
                last = row
                line = cdxj.parse(row)
                if self._ours:
                    self._indexed.add(row)
                elif "__wb_" in line.url:
                    continue  # a POST: its address was made up by the indexer
                elif line.filename not in self._unread:
                    self._indexed.add(_common(line))
        except FormatError as problem:
            told = failed if self._ours else unchecked
            self._problems.append(told(Claim.STRUCTURE, name, problem.message))

    def _differences(self) -> Iterator[tuple[bytes, bool]]:
        """(row, whether it stands in the index alone) of what stands on one side only, a merge of both."""
        expected, indexed = self._expected.rows(), self._indexed.rows()
        have, want = next(indexed, None), next(expected, None)
        while have is not None or want is not None:
            row = None if want is None else want[: -len(_MUST)]
            if have is not None and (row is None or have < row):
                yield have, True
                have = next(indexed, None)
            elif have is None or (row is not None and row < have):
                assert want is not None, "one of both is left"
                if want.endswith(_MUST):
                    yield want[: -len(_MUST)], False
                want = next(expected, None)
            else:
                have, want = next(indexed, None), next(expected, None)


def _common(line: cdxj.Line) -> bytes:
    return f"{line.filename} {line.offset} {line.length} {line.timestamp} {cdxj.escaped(line.url)}".encode()


def _rows(folder: Folder, name: str, names: Collection[str]) -> Iterator[bytes]:
    """The lines of one index, ZipNum or plain; of ZipNum every block is held against index.idx."""
    if name.endswith(".cdx.gz"):
        idx = name.removesuffix(".cdx.gz") + ".idx"
        if idx not in names:
            raise FormatError(f"ZipNum: {idx} is missing")
        at = 0
        with folder.open(name) as file:
            for block in cdxj.parse_idx(folder.read(idx, 1 << 28)):
                data = file.read(block.length) if block.offset == at and 0 < block.length <= cdxj.MAX_BLOCK else b""
                at += len(data)
                if len(data) != block.length or block.digest not in {"", f"sha256:{hashlib.sha256(data).hexdigest()}"}:
                    raise FormatError(f"ZipNum: the block at {block.offset} is not the one that {idx} names")
                rows = _unpacked(data).removesuffix(b"\n").split(b"\n")
                if b" ".join(rows[0].split(b" ", 2)[:2]) != block.first.encode():
                    raise FormatError(f"ZipNum: the block at {block.offset} does not begin as {idx} says")
                yield from rows
            if file.read(1):
                raise FormatError(f"ZipNum: {idx} does not name all of {name}")
    elif name.endswith((".cdx", ".cdxj")):
        with folder.open(name) as file:
            rest = b""
            while piece := file.read(1 << 18):
                *whole, rest = (rest + piece).split(b"\n")
                yield from whole
            if rest:
                raise FormatError("CDXJ: no newline at the end")


def _unpacked(data: bytes) -> bytes:
    """The lines of one block; any gzip member, for others write file names and times into theirs."""
    try:
        content = isal_zlib.decompressobj(31).decompress(data, cdxj.MAX_BLOCK)
    except _DAMAGED:
        raise FormatError("ZipNum: a block is no gzip member") from None
    if not content.endswith(b"\n"):
        raise FormatError("ZipNum: a block without a newline at its end, or one that is too long")
    return bytes(content)
