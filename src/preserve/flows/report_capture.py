"""What a page about one capture shows: its records opened, its redirects, certificates and DNS answer, and what its page needs.

Records are read as they are stored. One that is read whole is hashed and held against what was sealed, so that nothing altered is
shown as what was captured; of a long one only the beginning is read, and there the verification of the whole archive has spoken.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

from preserve.errors import FormatError, StoreError
from preserve.formats import chain, unchanged, warcscan
from preserve.formats.url import BadUrl, parse
from preserve.formats.warc import Header, target_uri
from preserve.model.lines import CaptureLine, CitationLine, HopLine, RecordRef
from preserve.model.report import Asked, CapturePage, CertificateFacts, Needed, Opened, Place, Point, SealedRun, State
from preserve.rules import selection

if TYPE_CHECKING:
    from preserve.flows.report_run import Run

_STORED = 1 << 17
"""Stored bytes of a record that are read."""
_SHOWN = 1 << 14
"""Bytes of text that are shown of a block."""
_NEEDED = 50
"""Things that a page needs which are listed; the rest is counted."""
_HOSTS = 4096
"""Hosts of which is remembered what was read of them: many captures are of one."""
_FIELDS = (
    "WARC-IP-Address",
    "WARC-Protocol",
    "WARC-Cipher-Suite",
    "WARC-Truncated",
    "WARC-Refers-To-Target-URI",
    "WARC-Refers-To-Date",
)
_EXCHANGE = "urn:preserve:exchange:"
_SHOWN_TYPES = frozenset({"request", "response", "revisit"})


class Pages:
    """Opens captures of `runs`."""

    def __init__(self, runs: Sequence[Run]) -> None:
        self._runs = runs
        self._hosts: list[dict[int, tuple[str, int]]] | None = None
        self._certificates = lru_cache(_HOSTS)(self._read_certificates)
        self._resolution = lru_cache(_HOSTS)(self._read_resolution)

    def find_hosts(self) -> None:
        """Look at the records that belong to no capture, once: which host each is about."""
        if self._hosts is None:
            self._hosts = [dict(_hosts(run)) for run in self._runs]

    def page(
        self,
        run: int,
        line: CaptureLine,
        *,
        facts: SealedRun,
        state: State,
        cited: tuple[CitationLine, ...],
        points: tuple[Point, ...],
        others: int,
    ) -> CapturePage:
        """Everything that was kept of one capture."""
        reader = self._runs[run]
        needs = reader.needed(line.capture)
        opened = tuple(_open(reader, ref) for ref in line.records)
        listed = next((one for one in reversed(opened) if one.uri.startswith(unchanged.URN)), None) if line.unchanged else None
        return CapturePage(
            run=facts,
            capture=line,
            state=state,
            intact=reader.intact(line),
            cited=cited,
            asked=tuple(_asked([one for one in opened if one is not listed], line)),
            chain=self._chain(run, line),
            dns=tuple(self._dns(run, line)),
            needed=tuple(_needed(reader, needs[:_NEEDED])),
            needs=len(needs),
            points=points,
            others=others,
            entered=selection.first_address(line),
            listed=listed,
        )

    def _about(self, run: int, uri: str) -> Opened | None:
        """The record about a host, by its Target-URI."""
        self.find_hosts()
        assert self._hosts is not None, "they were just looked for"
        place = self._hosts[run].get(hash(uri))
        if place is None:
            return None
        opened = _open(self._runs[run], RecordRef(warc=place[0], index=place[1], type=""))
        return opened if opened.uri == uri else None

    def _chain(self, run: int, line: CaptureLine) -> tuple[CertificateFacts, ...]:
        """The certificates that the server presented, leaf first; only their hashes where the certificates were not kept."""
        if line.server is None or line.server.tls is None:
            return ()
        parsed = parse(line.final_url)
        kept = {} if isinstance(parsed, BadUrl) else self._certificates(run, parsed.host)
        return tuple(kept.get(sha256, CertificateFacts(sha256=sha256)) for sha256 in line.server.tls.chain_sha256)

    def _read_certificates(self, run: int, host: str) -> dict[str, CertificateFacts]:
        opened = self._about(run, target_uri(f"urn:preserve:certificates:https://{host}/"))
        return {} if opened is None else {facts.sha256: facts for facts in chain.read("\n".join(opened.text).encode())}

    def _dns(self, run: int, line: CaptureLine) -> Iterator[Opened]:
        """What the names on the way were resolved to; for a connection that was directed elsewhere, that."""
        urls = (*(hop.url for hop in line.hops), line.final_url)
        hosts = [parsed.hostname for url in urls if not isinstance(parsed := parse(url), BadUrl)]
        hosts += [line.server.ip] if line.server is not None else []
        for host in dict.fromkeys(hosts):
            yield from self._resolution(run, host)

    def _read_resolution(self, run: int, host: str) -> tuple[Opened, ...]:
        about = (self._about(run, target_uri(uri)) for uri in (f"dns:{host}", f"urn:preserve:resolution:{host}"))
        return tuple(replace(one, text=tuple(text.expandtabs() for text in one.text)) for one in about if one is not None)


def _hosts(run: Run) -> Iterator[tuple[int, tuple[str, int]]]:
    for warc, index in run.others():
        if index:  # the first is the file's warcinfo
            try:
                uri = _head(run, RecordRef(warc=warc, index=index, type=""))[0].target_uri
            except (FormatError, StoreError):
                continue
            if uri is not None:
                yield hash(uri), (warc, index)


def _head(run: Run, ref: RecordRef) -> tuple[Header, bytes, Place, bool]:
    """A record's header, how its block begins, where it lies, and whether what was read of it is what was sealed."""
    place = run.place(ref)
    stored = run.stored(place, _STORED)
    whole = len(stored) >= place.length
    found = warcscan.peek(stored, whole=True)
    assert found is not None, "that is all there is to read"
    return (*found, place, not whole or hashlib.sha256(stored).hexdigest() == place.sha256)


def _open(run: Run, ref: RecordRef) -> Opened:
    """One record, with the text of it that is shown: an HTTP head, or all of a block that is no HTTP exchange."""
    try:
        header, block, place, sound = _head(run, ref)
    except (FormatError, StoreError) as problem:
        nowhere = Place(ref=ref, offset=0, length=0, sha256="", leaf_sha256="")
        return Opened(place=_placed(run, ref) or nowhere, problem=problem.message)
    if not ref.type:
        place = replace(place, ref=replace(ref, type=header.type))
    data = block[: header.length]
    if header.type in {"response", "revisit"}:
        data = data.partition(b"\r\n\r\n")[0]
    text = data[:_SHOWN]
    cut = len(data) - len(text) if header.type in {"response", "revisit"} else header.length - len(text)
    return Opened(
        place=place,
        uri=header.target_uri or "",
        id=header.id,
        date=header.date,
        fields=tuple((name, value) for name, value in header.fields if name in _FIELDS),
        text=tuple(_lines(text)),
        cut=cut,
        problem="" if sound else "not the bytes that were sealed",
    )


def _placed(run: Run, ref: RecordRef) -> Place | None:
    try:
        return run.place(ref)
    except FormatError:
        return None


def _lines(data: bytes) -> Iterator[str]:
    """Text by its lines. UTF-8 where it is that, else byte by byte; a CR or LF that ends no line stays in its line, to be seen."""
    separator = b"\r\n" if b"\r\n" in data else b"\n"
    for line in data.removesuffix(separator).removesuffix(separator).split(separator):
        try:
            yield line.decode()
        except UnicodeDecodeError:
            yield line.decode("latin-1")


def _asked(opened: Iterable[Opened], line: CaptureLine) -> Iterator[Asked]:
    """The exchanges in their order, each with its records; then what was asked beside them (other forms of the address, TimeGates)."""
    groups = _exchanges(opened)
    hops = line.hops or (HopLine(url=line.final_url, status=line.status, location=None, outcome=line.outcome),)
    for hop in hops:
        # A hop that policy forbade left no records: then the next ones are of another address.
        mine = groups.pop(0) if groups and _address(groups[0]) in {"", target_uri(hop.url.partition("#")[0])} else []
        yield _exchange(mine, hop)
    for group in groups:
        yield _exchange(group, None)


def _exchanges(opened: Iterable[Opened]) -> list[list[Opened]]:
    """Records by exchange: none has two requests or two responses, its metadata record ends it, and not all have one."""
    groups: list[list[Opened]] = []
    kinds: set[str] = set()
    for one in opened:
        kind = "response" if one.place.ref.type == "revisit" else one.place.ref.type
        another = kind == "metadata" and groups and _address(groups[-1]) not in {"", one.uri.removeprefix(_EXCHANGE)}
        if not groups or kind in kinds or "metadata" in kinds or another:
            groups.append([])
            kinds = set()
        groups[-1].append(one)
        kinds |= {kind} & {"request", "response", "metadata"}
    return groups


def _address(group: Iterable[Opened]) -> str:
    return next(
        (
            one.uri.removeprefix(_EXCHANGE)
            for one in group
            if one.uri.startswith(_EXCHANGE) or one.place.ref.type in _SHOWN_TYPES
        ),
        "",
    )


def _exchange(opened: Sequence[Opened], hop: HopLine | None) -> Asked:
    return Asked(
        url=_address(opened) if hop is None else hop.url,
        status=None if hop is None else hop.status,
        location=None if hop is None else hop.location,
        outcome="" if hop is None else hop.outcome,
        request=next((one for one in opened if one.place.ref.type == "request"), None),
        response=next((one for one in opened if one.place.ref.type in {"response", "revisit"}), None),
        beside=tuple(one for one in opened if one.place.ref.type not in _SHOWN_TYPES),
    )


def _needed(run: Run, numbers: Iterable[int]) -> Iterator[Needed]:
    for number in numbers:
        try:
            line = run.capture(number)
        except FormatError:
            continue
        yield Needed(url=line.url, outcome=line.outcome, status=line.status, place=answer_place(run, line))


def answer_place(run: Run, line: CaptureLine) -> Place | None:
    """Where the response lies that a capture led to; None when there is none.

    The last one of its final address: other forms of the address lie beside it, and what archives answered.
    """
    refs = [ref for ref in line.records if ref.type in selection.REPLAYED]
    answered = sum(hop.status is not None for hop in line.hops) if line.hops else int(line.status is not None)
    try:
        if refs and len(refs) == answered:
            return run.place(refs[-1])  # nothing lies beside it: no header has to be read
        wanted = target_uri(line.final_url)
        for ref in reversed(refs):
            header, _, place, _ = _head(run, ref)
            if header.target_uri == wanted:
                return place
    except (FormatError, StoreError):
        return None
    return None
