"""`preserve prove`: everything that shows one capture of a sealed archive, and nothing of the others (docs/formats/packet.md).

The run's own files are copied byte for byte: manifest, SEAL, signatures, keys, tokens, log proof. Of its lists goes the one line that
is the capture, of its citations those that the capture answers, of its WARC files the records that the line names, each with the
proof that it stands in the list whose root is signed. A revisit has its payload elsewhere: the record that it refers to goes along, with
the files of its own run where that is another one. What the archive's log says of keys goes along whole, with proofs: it names no capture.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Protocol

from preserve.errors import FormatError, UsageError
from preserve.flows import carried, countersigned
from preserve.flows.references import Originals, Place, found_records, header_of
from preserve.flows.removed import Removed
from preserve.flows.select import SealedRun
from preserve.formats import lines, packet, proof, seal
from preserve.formats.manifest import MAX_SIZE, MAX_TOKEN
from preserve.formats.tlog import MAX_PROOF
from preserve.formats.url import BadUrl, parse
from preserve.model.lines import CaptureLine, CitationLine
from preserve.model.noun import dataclass
from preserve.model.packet import Aids, Chosen, Member, Slice
from preserve.rules.verify_signed import MAX_SIGNATURE

if TYPE_CHECKING:
    from preserve.ports import Folder


class Sink(Protocol):
    """Where a packet's files go, in order."""

    def add(self, path: str, pieces: Iterable[bytes], *, size: int) -> object:
        """Write one file of `size` bytes. Raises StoreError when it cannot be written."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What a packet shows: the capture, the run it is of, the runs that hold originals of its revisits, the packet's files."""

    run: str
    capture: CaptureLine
    originals: tuple[str, ...]
    members: tuple[Member, ...]


def prove(folder: Folder, names: Sequence[str], chosen: Chosen, aids: Aids) -> Shown:
    """The packet of one capture; `names` are the sealed runs in their order, oldest first.

    Raises UsageError when there is no such capture, when what it refers to was removed or when it is too much for a packet, FormatError
    when the archive cannot be read.
    """
    runs = [SealedRun(folder, name) for name in names]
    run, capture = _choose(runs, chosen)
    if capture.foreign is not None:
        raise UsageError(
            f"the capture of {capture.url} is a third party's: its records have no proofs of their own, only the file {capture.foreign.name}"
            " as a whole has",
            f"preserve bundle --run {run.manifest.archive.sequence} hands that over; preserve prove --run N takes a capture of your own",
        )
    others: dict[str, list[tuple[str, int]]] = {}
    for holder, place in _originals(folder, runs, run, capture):
        others.setdefault(holder.name, []).append(place)
    if len(others) > packet.MAX_RUNS:
        raise UsageError(
            f"its revisits refer to records of {len(others)} runs: too many for a packet", "preserve bundle takes them all"
        )
    members = [
        Member(name=packet.MARKER, content=packet.MARK),
        Member(name=packet.README, content=aids.readme.replace(packet.KEY_GAP, run.manifest.signers[0].keyid.encode())),
        Member(name=packet.VERIFIER, content=aids.verifier),
        *_sealed(folder, run, ""),
        Member(name=packet.CAPTURE, content=proof.encode([_line(run, run.manifest.captures.file, capture.capture)])),
    ]
    answered = sorted({cited.citation for cited in capture.cited_in})
    if answered:
        proofs = [_line(run, run.manifest.citations.file, number) for number in answered]
        members.append(Member(name=packet.CITATIONS, content=proof.encode(proofs)))
    shown = [(record.warc, record.index, record.type) for record in capture.records]
    shown += [(*place, packet.ORIGINAL) for place in others.pop(run.name, [])]
    members += _records(run, shown, "")
    for holder in (run for run in runs if run.name in others):
        at = f"originals/{holder.manifest.archive.sequence:06d}/"
        members += _sealed(folder, holder, at)
        members += _records(holder, [(*place, packet.ORIGINAL) for place in others[holder.name]], at)
    members += [Member(name=f"events/{event}/{path}", content=data) for event, path, data in carried.key_events(folder)]
    if sum(member.size + 2 * (100 + len(member.name)) for member in members) >= packet.MAX_SIZE - (1 << 25):
        raise UsageError("it has more than 4 GB: too much for a packet", "preserve bundle takes it")
    return Shown(run=run.name, capture=capture, originals=tuple(others), members=tuple(members))


# ------------------------------------------------------------------------------------------------------------------ choosing


def _choose(runs: Sequence[SealedRun], chosen: Chosen) -> tuple[SealedRun, CaptureLine]:
    """The latest capture that fits and of which something was kept; when nothing was kept of any, the latest."""
    empty: tuple[SealedRun, CaptureLine] | None = None
    for run in reversed(runs):
        if chosen.run is not None and run.manifest.archive.sequence != chosen.run:
            continue
        fitting = list(_fitting(run, chosen))
        kept = [line for line in fitting if line.records and line.foreign is None]
        if kept:
            return run, kept[-1]
        if fitting and empty is None:
            empty = run, fitting[-1]
    if empty is None:
        raise UsageError(f"there is no sealed capture of {chosen.url} that fits", "preserve status lists what there is")
    return empty


def _fitting(run: SealedRun, chosen: Chosen) -> Iterator[CaptureLine]:
    """Captures asked for under this address, what was cited first; where none was, those that went by it on their way."""
    cited = None if chosen.note is None and chosen.document is None else _citations(run, chosen)
    exact, passing = list[CaptureLine](), list[CaptureLine]()
    for line in run.captures():
        if cited is not None and not any(answer.citation in cited for answer in line.cited_in):
            continue
        if _same(line.url, chosen.url) or any(answer.as_written == chosen.url for answer in line.cited_in):
            exact.append(line)
        elif any(_same(url, chosen.url) for url in (line.final_url, *(hop.url for hop in line.hops))):
            passing.append(line)
    found = exact or passing
    yield from [line for line in found if line.requisite_of is None] or found


def _citations(run: SealedRun, chosen: Chosen) -> frozenset[int]:
    def fits(line: CitationLine) -> bool:
        note = line.note if line.note is not None else line.note_inferred
        return (chosen.document is None or line.document == chosen.document) and (chosen.note is None or note == chosen.note)

    return frozenset(line.citation for line in run.citations() if fits(line))


def _same(one: str, other: str) -> bool:
    if one == other:
        return True
    first, second = parse(one), parse(other)
    return not isinstance(first, BadUrl) and not isinstance(second, BadUrl) and first.address == second.address


# ------------------------------------------------------------------------------------------------------------------- copying


def _originals(
    folder: Folder, runs: Sequence[SealedRun], run: SealedRun, capture: CaptureLine
) -> Iterator[tuple[SealedRun, Place]]:
    """Where the originals of the capture's revisits lie. Raises UsageError when one was removed under a statement (docs/adr/0285)."""
    wanted = {key: uri for key, uri in _refers_to(run, capture) if key}
    missing = dict(wanted)
    for key, holder, place in found_records(runs, wanted, frozenset({run.name})):
        del missing[key]
        yield holder, place
    if any(Originals(runs, Removed(folder)).of_revisits(missing, frozenset())):  # FormatError where nothing was removed
        raise UsageError(
            f"the capture of {capture.url} in run {run.name} refers to an earlier record, which was removed from the archive: it can no"
            " longer be proven",
            "preserve verify says by whom and why; preserve bundle --url hands over what there is, with the statement; --run N takes the"
            " capture of another run",
        )


def _refers_to(run: SealedRun, capture: CaptureLine) -> Iterator[tuple[str, str]]:
    """(record id, address) of what the capture's revisits refer to; nothing of one that was removed itself."""
    for record in capture.records:
        if record.type == "revisit" and (header := header_of(run, (record.warc, record.index))) is not None:
            yield (header.get("WARC-Refers-To") or "").strip("<>"), header.get("WARC-Refers-To-Target-URI") or ""


def _sealed(folder: Folder, run: SealedRun, at: str) -> Iterator[Member]:
    """What lies in the run's folder beside data/, and what others signed of it."""
    for name in ("manifest.json", "SEAL"):
        yield Member(name=at + name, content=folder.read(run.at + name, MAX_SIZE))
    for signer in run.manifest.signers:
        for name in (seal.key_path(signer.keyid), seal.signature_path(signer.keyid)):
            yield Member(name=at + name, content=folder.read(run.at + name, MAX_SIGNATURE))
    for entry in folder.walk():
        name = entry.path.removeprefix(run.at)
        if entry.path.startswith(run.at + "timestamps/"):
            yield Member(name=at + name, content=folder.read(entry.path, MAX_TOKEN))
    yield Member(name=at + packet.PROOF, content=folder.read(run.at + packet.PROOF, MAX_PROOF))
    sealed = hashlib.sha256(folder.read(run.at + "SEAL", MAX_SIZE)).hexdigest()
    for name, signature in sorted(countersigned.by_run(folder).get(sealed, {}).items()):
        yield Member(name=at + name, content=signature)


def _line(run: SealedRun, file: str, index: int) -> proof.Proof:
    """The proof of one line of a file of lines."""
    found = b""

    def leaves() -> Iterator[bytes]:
        nonlocal found
        for number, row in enumerate(run.rows(file)):
            if number == index:
                found = row
            yield row

    tree = proof.Tree(proof.Kind.LINE, file, leaves())
    if index >= tree.size or len(found) > lines.MAX_LINE:
        raise FormatError(f"{run.at}{file}: there is no line {index}")
    return tree.prove(index, found)


def _records(run: SealedRun, shown: Sequence[tuple[str, int, str]], at: str) -> Iterator[Member]:
    """The records as files, and their proofs; `shown` has (WARC file, index, what to call it)."""
    if not shown:
        return
    trees = {
        warc: proof.Tree(proof.Kind.RECORD, warc, run.leaves(warc)) for warc in dict.fromkeys(warc for warc, _, _ in shown)
    }
    places = [run.place(warc, index) for warc, index, _ in shown]
    proofs = [trees[warc].prove(index, run.leaves(warc)[index]) for warc, index, _ in shown]
    yield Member(name=at + packet.RECORDS, content=proof.encode(proofs))
    for number, ((warc, _, kind), place) in enumerate(zip(shown, places, strict=True)):
        content = Slice(path=run.at + warc, offset=place.offset, length=place.length, sha256=place.sha256)
        yield Member(name=at + packet.record_name(number, kind), content=content)


def pieces(folder: Folder, content: bytes | Slice, size: int = 1 << 20) -> Iterator[bytes]:
    """What a file of the packet holds, piece by piece."""
    if isinstance(content, bytes):
        yield content
        return
    left = content.length
    with folder.open(content.path) as file:
        file.seek(content.offset)
        while left and (piece := file.read(min(left, size))):
            left -= len(piece)
            yield piece


def write(folder: Folder, members: Iterable[Member], sink: Sink) -> None:
    """Write the packet's files in their order."""
    for member in members:
        sink.add(member.name, pieces(folder, member.content), size=member.size)
