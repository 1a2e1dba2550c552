"""A capture's final response, read back from a sealed archive: its head, and its body as the page that a reader saw.

Nothing is shown that is not what was sealed. Each record index is held against the root in its run's manifest before it is believed,
each record is read whole and held against its index, and must be one sound WARC record (docs/formats/records.md section 5); what fails
is a Restored that says so, without a byte of it. That the manifest is the signed one is for `preserve verify`, which the commands
ask first. A revisit has its payload elsewhere: the record that it refers to is found, in whichever run, and read the same way.

Memory is bounded: the head and the first bytes of the body are kept, of the rest only hashes. Content coding is undone up to a limit.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Final

from preserve.errors import FormatError, StoreError
from preserve.flows.references import find_records
from preserve.flows.register import Register
from preserve.flows.select import SealedRun
from preserve.formats import entity, merkle, recordindex, redacted
from preserve.formats.warc import Header, MemberCheck, target_uri
from preserve.model.lines import CaptureLine, RecordLine, RecordRef
from preserve.model.noun import dataclass
from preserve.model.web import Exchange, Memory, Outcome
from preserve.ports import Reader

LIMIT: Final = 8 << 20
"""Bytes of a page that are kept, decoded."""
_HEAD: Final = 1 << 19
"""Bytes that the head may take beside them; twice what is captured of one (formats.http1)."""
_SHOWN: Final = frozenset({"response", "revisit"})
_INDEXES: Final = 4
"""Record indexes kept: those of the run at hand, and of one that it refers to."""
_REGISTERS: Final = 4
"""Registers kept: of the run at hand, of the one before it, and of older ones in which a page was that has been left alone since."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """A final response as it lies in the archive.

    `body` has at most the limit asked for; `cut` says that there was more. `run` is where the body lies, which for a revisit is
    another run's folder. `problem` says why there is no body to show, or why it is still coded; with `altered` the archive is not
    what was sealed, and then nothing else is given.
    """

    status: int | None = None
    headers: tuple[tuple[bytes, bytes], ...] = ()
    head: bytes = b""
    body: bytes = b""
    cut: bool = False
    coded: bool = False
    run: str = ""
    problem: str = ""
    altered: bool = False

    def header(self, name: bytes) -> str:
        """The first header field of that name (lower case), "" when there is none."""
        return next((value.decode("latin-1").strip() for key, value in self.headers if key.lower() == name), "")

    @property
    def media_type(self) -> str:
        """The media type that the server named, without its parameters, in lower case."""
        return self.header(b"content-type").partition(";")[0].strip().lower()


class AlteredError(FormatError):
    """What is stored is not what was sealed."""


class Shelf:
    """The sealed runs of an archive, oldest first, to read captures back from."""

    def __init__(self, runs: Sequence[SealedRun], reader: Reader | None = None) -> None:
        """`reader` reads what other people's parsers have to read; without one the text of PDFs is not read."""
        self.runs = tuple(runs)
        self.reader = reader
        self._held: dict[tuple[str, str], list[bytes]] = {}
        self._registers: dict[str, Register] = {}

    def register(self, run: SealedRun) -> Register:
        """Where the lines of a run lie; kept for the next question."""
        found = self._registers.pop(run.name, None) or Register(run)
        while len(self._registers) >= _REGISTERS:
            del self._registers[next(iter(self._registers))]
        self._registers[run.name] = found
        return found

    def restore(self, run: SealedRun, line: CaptureLine, *, limit: int = LIMIT) -> Restored:
        """The final response of a capture of `run`. Raises nothing for what the archive holds: that is in the Restored."""
        shown = [record for record in line.records if record.type in _SHOWN]
        if line.foreign is not None:
            return Restored(run=run.name, problem=f"a third party's capture: it lies in {line.foreign.file} as it was imported")
        if not shown:
            return Restored(run=run.name, problem="nothing was kept of an answer")
        try:
            return self._restore(run, line, shown, limit)
        except AlteredError as error:
            return Restored(run=run.name, problem=error.message, altered=True)
        except FileNotFoundError:
            return Restored(run=run.name, problem="a file of the run is missing", altered=True)
        except (FormatError, StoreError) as error:
            return Restored(run=run.name, problem=error.message)

    def _restore(self, run: SealedRun, line: CaptureLine, shown: Sequence[RecordRef], limit: int) -> Restored:
        wanted = target_uri(line.final_url)
        for record in reversed(shown):  # other forms of the address lie beside it, and what archives answered
            header, block, whole = self._record(run, record.warc, record.index, limit)
            if header.target_uri == wanted:
                break
        else:
            return Restored(run=run.name, problem="nothing was kept of an answer")
        holder = run
        head, gap, body = _split(block)
        if header.type == "revisit":
            holder, warc, index = self._original(run, line, header)
            _, block, whole = self._record(holder, warc, index, limit)
            _, _, body = _split(block)
        return _restored(head + gap, body, whole=whole, run=holder.name, limit=limit)

    # ------------------------------------------------------------------------------------------------------- record by record

    def _record(self, run: SealedRun, warc: str, index: int, limit: int) -> tuple[Header, bytes, bool]:
        """One record's header and the first bytes of its block, and whether that is all; every stored byte is read and checked."""
        place = self._place(run, warc, index)
        kept, room, size = bytearray(), limit + _HEAD, 0

        def keep(piece: bytes) -> None:
            nonlocal size
            size += len(piece)
            if len(kept) < room:
                kept.extend(piece[: room - len(kept)])

        check, digest, length = MemberCheck(keep), hashlib.sha256(), 0
        for piece in run.stored_at(warc, place):
            digest.update(piece)
            length += len(piece)
            check.feed(piece)
        member = check.result()
        where = f"{run.at}{warc}: record {index}, offset {place.offset}"
        if length == place.length and member.header is not None and redacted.is_replacement(member):
            raise FormatError(f"{where}: it was removed, it says; preserve verify says by whom, and whether that is so")
        if length != place.length or digest.hexdigest() != place.sha256:
            raise AlteredError(f"{where}: it is not what was sealed")
        if member.header is None or member.problem:
            raise AlteredError(f"{where}: {member.problem}")
        return member.header, bytes(kept), size == len(kept)

    def _place(self, run: SealedRun, warc: str, index: int) -> RecordLine:
        leaves = self._leaves(run, warc)
        if index >= len(leaves):
            raise AlteredError(f"{run.at}{warc}: there is no record {index}")
        return recordindex.parse_leaf(leaves[index])

    def _leaves(self, run: SealedRun, warc: str) -> list[bytes]:
        """The lines of a record index whose root is the manifest's."""
        key = (run.name, warc)
        if key not in self._held:
            entry = next((entry for entry in run.warcs if entry.path == warc), None)
            if entry is None or entry.records is None:
                raise AlteredError(f"{run.at}{warc}: the manifest knows no such WARC file")
            leaves, tree = list(run.rows(entry.records.file)), merkle.Frontier()
            for leaf in leaves:
                tree.add(merkle.leaf_hash(leaf))
            if len(leaves) != entry.records.count or tree.root().hex() != entry.records.root:
                raise AlteredError(f"{run.at}{entry.records.file}: it is not the record index that was signed")
            while len(self._held) >= _INDEXES:
                del self._held[next(iter(self._held))]
            self._held[key] = leaves
        return self._held[key]

    # ------------------------------------------------------------------------------------------------------ what it refers to

    def _original(self, run: SealedRun, line: CaptureLine, header: Header) -> tuple[SealedRun, str, int]:
        """Where the record lies that a revisit refers to."""
        wanted = (header.get("WARC-Refers-To") or "").strip("<>")
        for holder, place in self._alike(run, line):
            if holder.head(*place)[0].id == wanted:
                return holder, *place
        uri = header.get("WARC-Refers-To-Target-URI") or ""
        ((holder, place),) = find_records(self.runs, {wanted: uri}, ())
        return holder, *place

    def _alike(self, run: SealedRun, line: CaptureLine) -> Iterator[tuple[SealedRun, tuple[str, int]]]:
        """Responses with the same body, in this run and then in ever earlier ones: where a revisit's original nearly always is."""
        if line.payload_sha256 is None:
            return
        digest, at = line.payload_sha256.encode(), next(n for n, other in enumerate(self.runs) if other.name == run.name)
        for holder in reversed(self.runs[: at + 1]):
            try:
                others = list(holder.captures_with(digest))
            except (FormatError, FileNotFoundError):
                continue  # a run that cannot be read is no place to find it in: `verify` names it
            for other in others:
                if other.foreign is None and other.payload_sha256 == line.payload_sha256:
                    yield from ((holder, (ref.warc, ref.index)) for ref in reversed(other.records) if ref.type == "response")


def _split(block: bytes) -> tuple[bytes, bytes, bytes]:
    """The HTTP head, the empty line, the rest; where there is no head, all of it is the rest."""
    found = block.find(b"\r\n\r\n"), block.find(b"\n\n")
    crlf, lf = (place if place >= 0 else len(block) for place in found)
    if crlf == lf:
        return b"", b"", block
    return (
        (block[:crlf], block[crlf : crlf + 4], block[crlf + 4 :])
        if crlf < lf
        else (block[:lf], block[lf : lf + 2], block[lf + 2 :])
    )


def _restored(head: bytes, body: bytes, *, whole: bool, run: str, limit: int) -> Restored:
    rows = head.splitlines()
    words = rows[0].split(None, 2) if rows else []
    if len(words) < 2 or not words[1].isdigit():
        return Restored(run=run, problem="what was kept is no HTTP response")
    fields = tuple((name.strip(), value.strip()) for name, colon, value in (row.partition(b":") for row in rows[1:]) if colon)
    coded = {name.lower(): value.lower() for name, value in fields}
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    exchange = Exchange(
        url="",
        started=epoch,
        ended=epoch,
        outcome=Outcome.CAPTURED,
        head=head,
        body=Memory(body),
        headers=fields,
        status=int(words[1]),
        chunked=coded.get(b"transfer-encoding", b"").endswith(b"chunked"),
    )
    obstacle = entity.obstacle(exchange)
    data = entity.entity(exchange, limit + 1)
    return Restored(
        status=int(words[1]),
        headers=fields,
        head=head,
        body=data[:limit],
        cut=not whole or len(data) > limit,
        coded=bool(obstacle),
        run=run,
        problem=obstacle,
    )
