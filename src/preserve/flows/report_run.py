"""One sealed run as a report reads it: who sealed it and when, its lines by number, which capture answers which citation.

The run was verified just before. What cannot be read all the same (it was altered) is counted and left out, never guessed.
"""

from __future__ import annotations

import hashlib
import json
from array import array
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter
from typing import TYPE_CHECKING, NamedTuple

from preserve.errors import FormatError, StoreError
from preserve.flows.report_lines import Lines, Slices
from preserve.flows.verify_tokens import read_tokens
from preserve.formats import lines, manifest, merkle, recordindex, seal
from preserve.model.finding import Claim, Result
from preserve.model.lines import CaptureLine, CitationLine, RecordRef
from preserve.model.manifest import Manifest
from preserve.model.report import Place, SealedRun, State
from preserve.model.trust import Stamp, TrustedKey
from preserve.model.web import Outcome, Verdict
from preserve.rules import standing
from preserve.rules.change import holds_page
from preserve.rules.damage import Damage
from preserve.rules.verify_time import TOKEN

if TYPE_CHECKING:
    from preserve.model.finding import Report
    from preserve.model.tree import Entry
    from preserve.ports import Folder

_UNREADABLE = (FormatError, ValueError, KeyError, TypeError, IndexError, OverflowError, RecursionError)
"""What a quick reading of a line may raise, whoever wrote it."""
NONE = -1
STATES = tuple(State)


@dataclass(slots=True, kw_only=True)
class Seen:
    """What the first pass notes of one capture of a cited address; a requisite has none. `citations` are those it answers.

    `own`: it was asked for, by us. `page`: it holds one.
    """

    number: int
    url: str
    at: float
    state: State
    status: int
    content: int
    citations: tuple[int, ...]
    own: bool
    page: bool


class About(NamedTuple):
    """What rows are sorted and counted by, of a citation's line."""

    document: str
    note: str | None
    note_inferred: str | None
    url: str | None
    url_as_printed: str | None
    text: str | None
    not_captured: str | None


@dataclass(slots=True, kw_only=True)
class Verified:
    """What the verification of the archive says of its runs."""

    damage: Damage
    logged: frozenset[str]
    signed: frozenset[str]
    unaltered: bool
    doubted: bool
    """Somebody looked, and something is wrong: then every line is taken apart strictly before anything is sorted by it."""

    @classmethod
    def of(cls, report: Report) -> Verified:
        sound = report.exit_code in {0, 41}
        return cls(
            damage=Damage(report.findings),
            logged=standing.passed_of(report.findings, Claim.LOG_INCLUSION),
            signed=standing.passed_of(report.findings, Claim.SIGNER),
            unaltered=sound and _looked(report),
            doubted=not sound,
        )


def _looked(report: Report) -> bool:
    """Whether it was read, and found to be what was sealed."""
    return any(finding.claim is Claim.INTEGRITY and finding.result is Result.PASS for finding in report.findings)


class Run:
    """A run's lines, after `scan`. Everything that is asked of it by number raises FormatError when it cannot be read."""

    def __init__(
        self,
        folder: Folder,
        slices: Slices,
        name: str,
        entries: Collection[Entry],
        verified: Verified,
        trusted: Sequence[TrustedKey],
    ) -> None:
        self.at = f"runs/{name}/"
        self._folder = folder
        self._slices = slices
        self._verified = verified
        self._records: dict[str, Lines] = {}
        self._owned: dict[str, bytearray] = {}
        self._needed_last = array("q")
        self._needed_before = array("q")
        self.unread = 0
        self.facts, manifest_ = _facts(folder, self.at, name, entries, verified, trusted)
        self.manifest = manifest_
        self.answers = array("q")
        """For each citation the number of the capture that answers it, or NONE."""
        self.citations: Lines | None = None
        self.captures: Lines | None = None

    def scan(self) -> Iterator[Seen]:
        """Read the run's lists once; what was captured of cited addresses, in order. Lines that cannot be read are counted."""
        if self.manifest is None:
            return
        try:
            yield from self._scan(self.manifest)
        except (FormatError, StoreError):
            self.unread += 1

    def _scan(self, signed: Manifest) -> Iterator[Seen]:
        self.citations = Lines(self._folder, self._slices, self.at + signed.citations.file)
        self.answers = array("q", [NONE]) * sum(1 for _ in self.citations.scan())
        for entry in signed.files:
            if entry.records is not None:
                index = Lines(self._folder, self._slices, self.at + entry.records.file)
                self._records[entry.path] = index
                self._owned[entry.path] = bytearray(sum(1 for _ in index.scan()))
        self.captures = Lines(self._folder, self._slices, self.at + signed.captures.file)
        self._needed_last = array("q")
        for number, row in enumerate(self.captures.scan()):
            self._needed_last.append(NONE)
            self._needed_before.append(NONE)
            seen = self._note(number, row)
            if seen is not None:
                yield seen

    def _note(self, number: int, row: bytes) -> Seen | None:
        # The list is what was signed, or nobody has looked yet and every page says so: a quick reading is enough to sort by. What is
        # shown of a line is read strictly.
        try:
            if self._verified.doubted:
                lines.decode_capture(row)
            line = json.loads(row)
            refs = [(str(ref["warc"]), int(ref["index"])) for ref in line["records"]]
            for warc, index in refs:
                owned = self._owned.get(warc)
                if owned is not None and 0 <= index < len(owned):
                    owned[index] = 1
            page = line.get("requisite_of")
            if page is not None:
                self._needed_before[number] = self._needed_last[int(page)]
                self._needed_last[int(page)] = number
                return None
            return self._seen(number, line, refs)
        except _UNREADABLE:
            self.unread += 1
            return None

    def _seen(self, number: int, line: dict[str, object], refs: Collection[tuple[str, int]]) -> Seen:
        outcome = Outcome(str(line["outcome"]))
        verdict = None if line["verdict"] is None else Verdict(str(line["verdict"]))
        status, payload, cited = line["status"], line["payload_sha256"], line["cited_in"]
        if not isinstance(cited, list):
            raise TypeError("not a list")
        citations = tuple(int(each["citation"]) for each in cited)
        if citations and not 0 <= min(citations) <= max(citations) < len(self.answers):
            raise IndexError("no such citation")
        for citation in citations:
            self.answers[citation] = number
        return Seen(
            number=number,
            url=str(line["url"]),
            at=datetime.fromisoformat(str(line["finished_at"])).timestamp(),
            state=standing.state(
                outcome,
                verdict,
                kept=bool(refs),
                intact=self._intact(refs),
                removed=self._removed(refs),
                foreign="foreign" in line,
            ),
            status=status if isinstance(status, int) else 0,
            content=_content(payload),
            citations=citations,
            own=outcome is not Outcome.REFUSED and "foreign" not in line,
            page=holds_page(outcome, verdict, status if isinstance(status, int) else None),
        )

    # ---------------------------------------------------------------------------------------------------------- by number

    def citation(self, number: int) -> CitationLine:
        if self.citations is None:
            raise FormatError(f"{self.at}: there is no list of citations")
        return lines.decode_citation(self.citations[number])

    def about(self, number: int) -> About:
        """What a citation is sorted by: read as quickly as captures are, when `scan` reads them."""
        if not self._verified.doubted and self.citations is not None:
            with suppress(*_UNREADABLE):  # the strict reading says what is wrong
                found = json.loads(self.citations[number])
                said = [found[name] for name in About._fields]
                if type(said[0]) is str and all(one is None or type(one) is str for one in said):
                    return About(*said)
        line = self.citation(number)
        return About(*_of_line(line))

    def capture(self, number: int) -> CaptureLine:
        if self.captures is None:
            raise FormatError(f"{self.at}: there is no list of captures")
        return lines.decode_capture(self.captures[number])

    def needed(self, page: int) -> list[int]:
        """The captures that serve this one, in their order."""
        found, number = [], self._needed_last[page]
        while number != NONE:
            found.append(number)
            number = self._needed_before[number]
        return found[::-1]

    def place(self, ref: RecordRef) -> Place:
        index = self._records.get(ref.warc)
        if index is None and "-foreign-" in ref.warc:
            what = f"record {ref.index} of {self.at}{ref.warc}"
            raise FormatError(f"{what}, a third party's file: signed as a whole, shown by a bundle")
        if index is None:
            raise FormatError(f"{self.at}{ref.warc}: the manifest knows no such WARC file")
        leaf = index[ref.index]
        line = recordindex.parse_leaf(leaf)
        return Place(
            ref=ref, offset=line.offset, length=line.length, sha256=line.sha256, leaf_sha256=merkle.leaf_hash(leaf).hex()
        )

    def stored(self, place: Place, limit: int) -> bytes:
        """The first stored bytes of a record, at most `limit`."""
        return self._slices.read(self.at + place.ref.warc, place.offset, min(place.length, limit))

    def others(self) -> Iterator[tuple[str, int]]:
        """Records that belong to no capture: warcinfo, and what is known of hosts."""
        for warc, owned in self._owned.items():
            start = owned.find(0)
            while start >= 0:
                yield warc, start
                start = owned.find(0, start + 1)

    def intact(self, capture: CaptureLine) -> bool | None:
        """Whether its records are what was sealed; None where there are none."""
        return self._intact([(ref.warc, ref.index) for ref in capture.records])

    def _intact(self, refs: Collection[tuple[str, int]]) -> bool | None:
        if not refs:
            return None
        if self._removed(refs):
            return None
        if self._verified.unaltered:
            return True
        return self._verified.damage.intact(self.at.rstrip("/"), _refs(refs))

    def _removed(self, refs: Collection[tuple[str, int]]) -> bool:
        """Whether records of it were removed, and nothing else is wrong with what is left."""
        return self._verified.damage.removed(self.at.rstrip("/"), _refs(refs))


def _content(payload: object) -> int:
    """64 bits for the hash of a payload. Nobody knows beforehand which, so nobody can make two payloads that look alike here."""
    return hash(payload) & 0xFFFFFFFFFFFFFFFF or 1 if isinstance(payload, str) else 0


_of_line = attrgetter(*About._fields)


def _refs(places: Collection[tuple[str, int]]) -> list[RecordRef]:
    return [RecordRef(warc=warc, index=index, type="") for warc, index in places]


def _facts(
    folder: Folder, at: str, name: str, entries: Collection[Entry], verified: Verified, trusted: Sequence[TrustedKey]
) -> tuple[SealedRun, Manifest | None]:
    """Who sealed the run and when. A manifest that cannot be read leaves the rest empty and says why."""
    signed, sealed, problem = None, b"", ""
    tokens: dict[str, Stamp] = {}
    try:
        sealed = folder.read(f"{at}SEAL", seal.MAX_SIZE)
        signed = manifest.decode(folder.read(f"{at}{seal.MANIFEST}", manifest.MAX_SIZE))
        tokens = read_tokens(folder, at, entries, signed, sealed, trusted)
    except FileNotFoundError:
        problem = "SEAL or manifest.json is missing"
    except (FormatError, StoreError) as error:
        problem = error.message
    subject = at.rstrip("/")
    starts = {manifest.start_token_path(token.authority) for token in signed.start_tokens} if signed else set()
    facts = SealedRun(
        name=name,
        sequence=int(name.partition("-")[0]),
        manifest=signed,
        seal_sha256=hashlib.sha256(sealed).hexdigest() if sealed else "",
        started=tuple(stamp for path, stamp in sorted(tokens.items()) if path in starts),
        stamped=tuple(stamp for path, stamp in sorted(tokens.items()) if path not in starts and TOKEN.fullmatch(path)),
        logged=subject in verified.logged,
        signed=subject in verified.signed,
        intact=verified.unaltered or verified.damage.intact(subject, ()),
        problem=problem,
    )
    return facts, signed
