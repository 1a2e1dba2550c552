"""Files that other tools made, opened where they lie: what they say of themselves, and every record in order.

A WARC file's records count from 0. Those of a WACZ count through the WARC files in its archive/, in the order in which these lie in
the ZIP. Nothing is unpacked to the disk; what is deflated is inflated as it is read, never beyond the size that its entry states.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, BinaryIO, Final, cast

from isal import isal_zlib

from preserve.errors import FormatError
from preserve.formats import foreignwarc, wacz
from preserve.formats import zip as zip_format
from preserve.formats.foreignwarc import Item
from preserve.formats.printable import printable
from preserve.formats.publickey import fingerprint_groups
from preserve.formats.zip import DEFLATED, STORED, ZipEntry
from preserve.model.foreign import Asking, Facts, ForeignPage, Sighting
from preserve.model.noun import dataclass

BLOCK: Final = 1 << 18
MOST_SIGHTINGS: Final = 500_000
"""Records of one file that are looked at for pages."""
_MAX_PAGES: Final = 1 << 26
"""Bytes of a list of pages."""
_LONGEST: Final = 200
"""Characters of what a file says of itself."""
_DOUBTS: Final = 10
_DAMAGED: Final = cast("type[Exception]", isal_zlib.error)  # its stub says instance where it is a class
_ZIP: Final = b"PK\x03\x04"
_WARCS: Final = (".warc.gz", ".warc")
_SHOWN: Final = frozenset({"response", "revisit", "resource"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A WARC file: the foreign file itself (`name` ""), or an entry of a WACZ."""

    name: str
    entry: ZipEntry | None

    @property
    def suffix(self) -> str:
        return _WARCS[0] if self.name.endswith(_WARCS[0]) else _WARCS[1]


class ForeignFile:
    """One file, which stays open elsewhere. Raises FormatError when it is neither a WARC nor a WACZ file."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._size = file.seek(0, 2)
        start = self._read(0, 16)
        self.layout = None
        self.suffix = ".wacz"
        if start.startswith(_ZIP):
            self.layout = zip_format.read(self._read, self._size)
            entries = sorted(self.layout.entries, key=lambda entry: entry.start)
            self._entries = {entry.name: entry for entry in reversed(entries)}
            self.parts = tuple(
                Part(name=entry.name, entry=entry)
                for entry in entries
                if entry.name.startswith(wacz.ARCHIVE) and entry.name.endswith(_WARCS)
            )
            if not self.parts:
                raise FormatError(
                    "a ZIP, but no WACZ: there is no WARC file in its archive/", "name a .wacz, .warc or .warc.gz"
                )
        else:
            self.suffix = _WARCS[0] if start.startswith(b"\x1f\x8b") else _WARCS[1]
            self._entries = {}
            self.parts = (Part(name="", entry=None),)

    def _read(self, offset: int, length: int) -> bytes:
        self._file.seek(offset)
        data = b""
        while len(data) < length and (piece := self._file.read(length - len(data))):
            data += piece
        return data

    def pieces(self, part: Part) -> Iterator[bytes]:
        """The bytes of a WARC file as they are, or as they come out of the ZIP."""
        if part.entry is None:
            yield from self._slice(0, self._size)
        elif part.entry.method == STORED:
            yield from self._slice(part.entry.start, part.entry.packed)
        else:
            yield from self._inflated(part.entry)

    def _slice(self, at: int, left: int) -> Iterator[bytes]:
        while left > 0 and (piece := self._read(at, min(left, BLOCK))):
            at += len(piece)
            left -= len(piece)
            yield piece

    def _inflated(self, entry: ZipEntry) -> Iterator[bytes]:
        if entry.method != DEFLATED:
            return
        inflate, left = isal_zlib.decompressobj(-15), entry.size
        for piece in self._slice(entry.start, entry.packed):
            rest = piece
            while left > 0 and not inflate.eof:
                try:
                    content = inflate.decompress(rest, min(left, BLOCK))
                except _DAMAGED:
                    return
                rest = inflate.unconsumed_tail
                left -= len(content)
                if content:
                    yield content
                elif not rest:
                    break

    def records(self) -> Iterator[Item]:
        """Every record of every part; a part that cannot be read further is passed over from there on.

        Raises FormatError when a bare WARC file is none.
        """
        for part in self.parts:
            for item in self.items(part):
                if item.header is not None:
                    yield item

    def items(self, part: Part) -> Iterator[Item]:
        """The records of one part, and why there are no more."""
        try:
            yield from foreignwarc.read(self.pieces(part))
        except FormatError as problem:
            if part.entry is None:
                raise
            yield Item(offset=0, length=0, sha256="", framed=False, header=None, problem=problem.message)

    def types(self) -> tuple[str, ...]:
        """The WARC-Type of every record, for whoever checks what is said of them."""
        return tuple(item.header.type for item in self.records() if item.header is not None)

    # ------------------------------------------------------------------------------------------------- what it says of itself

    def survey(self) -> tuple[Facts, tuple[Sighting, ...], tuple[Asking, ...]]:
        """One reading of all of it."""
        survey = _Survey()
        for part in self.parts:
            for item in self.items(part):
                survey.add(item, part)
        software, operator = survey.software, survey.operator
        pages: tuple[ForeignPage, ...] = ()
        signed = None
        if self.layout is not None:
            survey.doubts += [f"odd ZIP: {name or 'as a whole'}: {why}" for name, why in self.layout.problems[:3]]
            pages = tuple(self._pages(survey.doubts))
            said = self._json(wacz.PACKAGE, wacz.MAX_PACKAGE)
            software = _said(said.get("software")) or software
            signed = self._signed(survey.doubts)
        facts = Facts(
            records=survey.count,
            unread=survey.unread,
            software=software,
            operator=operator,
            signed=signed,
            pages=pages,
            doubts=tuple(dict.fromkeys(printable(doubt)[: 2 * _LONGEST] for doubt in survey.doubts)),
        )
        return facts, tuple(survey.sightings), tuple(survey.requests)

    def _entry(self, name: str, limit: int) -> bytes:
        entry = self._entries.get(name)
        if entry is None or entry.size > limit:
            return b""
        return b"".join(self.pieces(Part(name=name, entry=entry)))[: limit + 1]

    def _json(self, name: str, limit: int) -> dict[str, Any]:
        return _object(self._entry(name, limit))

    def _pages(self, doubts: list[str]) -> Iterator[ForeignPage]:
        if wacz.PAGES not in self._entries:
            doubts.append("it lists no pages")
        elif self._entries[wacz.PAGES].size > _MAX_PAGES:
            doubts.append("its list of pages is too long to be read")
        for row in self._entry(wacz.PAGES, _MAX_PAGES).splitlines():
            page = _object(row)
            if isinstance(url := page.get("url"), str) and url.startswith(("http://", "https://")):
                yield ForeignPage(url=printable(url), moment=_moment(page.get("ts")), title=_said(page.get("title")) or "")

    def _signed(self, doubts: list[str]) -> str | None:
        """Whose key signed it. The signature is checked for its form; whose key it is, is not."""
        if wacz.DIGEST not in self._entries or wacz.PACKAGE not in self._entries:
            return None
        sha256 = hashlib.sha256(self._entry(wacz.PACKAGE, wacz.MAX_PACKAGE)).hexdigest()
        try:
            digest = wacz.decode_digest(self._entry(wacz.DIGEST, wacz.MAX_DIGEST))
        except FormatError as problem:
            doubts.append(problem.message)
            return None
        if digest.sha256 != sha256:
            doubts.append(f"its {wacz.DIGEST} is of another {wacz.PACKAGE}")
        if digest.signed is None:
            return None
        why = wacz.verifies(digest.signed, wacz.signed_text(sha256))
        if why:
            doubts.append(f"its own signature: {why}")
            return None
        if digest.signed.key:
            return f"key {fingerprint_groups(hashlib.sha256(digest.signed.key).hexdigest())}"
        return "a certificate that came with it"


class _Survey:
    """What all the records of a file together say."""

    def __init__(self) -> None:
        self.count = 0
        self.unread = False
        self.software: str | None = None
        self.operator: str | None = None
        self.doubts: list[str] = []
        self.sightings: list[Sighting] = []
        self.requests: list[Asking] = []

    def add(self, item: Item, part: Part) -> None:
        where = f"{part.name}: " if part.name else ""
        if item.header is None:
            self.unread = True
            self._doubt(f"{where}not read beyond offset {item.offset}: {item.problem}")
            return
        header, index = item.header, self.count
        self.count += 1
        if not item.framed:
            self._doubt(f"{where}one gzip stream over several records: players cannot open it")
        if part.entry is not None and part.entry.method != STORED:
            self._doubt(f"{where}deflated in the ZIP: players cannot open it there")
        if header.type == "warcinfo":
            self._about(item.block[: header.length])
        if len(self.sightings) + len(self.requests) >= MOST_SIGHTINGS:
            self._doubt(f"only the first {MOST_SIGHTINGS} records were looked at for pages")
            return
        concurrent = tuple(_bare(value) for name, value in header.fields if name.lower() == "warc-concurrent-to")
        if header.type == "request":
            head = item.block.partition(b"\r\n\r\n")[0].lower()
            self.requests.append(Asking(index=index, id=header.id, concurrent=concurrent, referred=b"\nreferer:" in head))
        elif header.type in _SHOWN and (url := header.target_uri):
            mime = item.field(b"content-type") if item.head else header.get("Content-Type") or ""
            self.sightings.append(
                Sighting(
                    index=index,
                    type=header.type,
                    id=header.id,
                    url=printable(url)[: 1 << 16],
                    date=header.date.astimezone(UTC),
                    status=item.status,
                    mime=mime.partition(";")[0].strip().lower(),
                    location=item.field(b"location")[: 1 << 16],
                    payload_sha256=item.payload_sha256,
                    payload_size=item.payload_size,
                    http_date=item.field(b"date") or None,
                    truncated=(header.get("WARC-Truncated") or "").lower(),
                    concurrent=concurrent,
                    refers_to=_bare(header.get("WARC-Refers-To") or ""),
                )
            )

    def _doubt(self, words: str) -> None:
        if words not in self.doubts and len(self.doubts) < _DOUBTS:
            self.doubts.append(words)

    def _about(self, block: bytes) -> None:
        for row in block.decode("utf-8", "replace").splitlines():
            name, colon, value = row.partition(":")
            if colon and name.strip().lower() == "software":
                self.software = self.software or _said(value)
            elif colon and name.strip().lower() == "operator":
                self.operator = self.operator or _said(value)


def _bare(identifier: str) -> str:
    return identifier.strip().strip("<>")


def _said(value: Any) -> str | None:
    """A short text of theirs, safe to be shown; None when there is none."""
    text = printable(" ".join(value.split()))[:_LONGEST] if isinstance(value, str) else ""
    return text or None


def _moment(value: Any) -> datetime | None:
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return moment if moment is None or moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _object(data: bytes) -> dict[str, Any]:
    """A JSON object of anybody's; empty when it is none."""
    try:
        value = json.loads(data.decode("utf-8"))
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
