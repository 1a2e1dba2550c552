"""Reading an archive's events and judging them: `events/<log index>-<kind>/` (docs/formats/events.md section 7).

Outside in, as for a run: tree, SEAL, signatures, then the statement, tokens, signers, its place in the log. Events are small and read
at once; they are read before the runs, because some of them (keys, redactions) say how a run is to be judged.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING

from preserve.errors import FormatError
from preserve.formats import hashlist, seal, sshsig, statement
from preserve.formats.manifest import MAX_TOKEN, token_path
from preserve.formats.sshsig import SshSignature
from preserve.formats.times import rfc3339
from preserve.model.archive import Description
from preserve.model.event import Countersignature, Coworkers, EventKind, KeyChange, Renewal, Statement
from preserve.model.finding import Claim, Finding, Result, failed, passed, unchecked
from preserve.model.tree import Entry, Kind
from preserve.model.trust import Stamp, TrustedKey
from preserve.rules import events as words
from preserve.rules import keychain, succession, verify_countersignature
from preserve.rules import verify_event as rules
from preserve.rules import verify_log as log_rules
from preserve.rules import verify_signed as signed_rules
from preserve.rules import verify_time as time_rules
from preserve.rules import verify_tree as tree
from preserve.rules.succession import Rotated
from preserve.rules.verify_order import Logged, judge_order

if TYPE_CHECKING:
    from preserve.flows.verify_log import LogCheck
    from preserve.ports import Folder

PLACE = re.compile(rf"events/(\d{{6,}})-({'|'.join(EventKind)})/", re.ASCII)
STAGED = re.compile(rf"journal/\d{{6,}}-({'|'.join(EventKind)})/", re.ASCII)
"""Where an event waits to be entered in the log and put in its place."""
_LIST_OF_NOBODY = 1 << 24
"""Bytes of the list of a renewal by nobody who is known that is still read: tens of thousands of files."""
_LIMITS = {"SEAL": seal.MAX_SIZE, statement.NAME: statement.MAX_SIZE, sshsig.NAME: sshsig.MAX_SIZE}


@dataclass(slots=True, kw_only=True)
class EventCheck:
    """An event that was checked. `statement` is None when it is not the signed one or cannot be read; `document` is its bytes.

    `signed` says whose signatures hold, for a person; `known` that one of them is by a key that this verifier pinned.
    """

    subject: str
    document: bytes
    statement: Statement | None = None
    signed: str = ""
    known: bool = False
    existed_by: datetime | None = None
    listed: Mapping[str, str] = field(default_factory=dict)
    """Of a renewal: the SHA-512 of every file that it covers, by its path in the archive."""
    signature: SshSignature | None = None
    """Of a countersignature: the signature, where the file is the one that was entered."""
    findings: list[Finding] = field(default_factory=list)

    @property
    def altered(self) -> bool:
        return any(finding.result is Result.FAIL for finding in self.findings)

    @property
    def established(self) -> bool:
        """Whether what it says can be built on: unaltered, in the log, signed by somebody whom this verifier knows."""
        return self.statement is not None and self.known and not self.altered


class Events:
    """Every event of an archive, in the order of the log."""

    def __init__(
        self,
        folder: Folder,
        places: Mapping[str, Sequence[Entry]],
        staged: Mapping[str, Sequence[Entry]],
        trusted: Sequence[TrustedKey],
        described: Description | None,
        history: log_rules.History | None,
        now: datetime,
        *,
        known_log: bool = False,
        proven: bool = False,
    ) -> None:
        """`places` is what lies in each folder of events/, by the folder's path with its last slash; `staged` the same in journal/.

        `known_log`: the log's key is one that this verifier pinned. Only then do key events hand trust on. `proven`: that the log
        holds them was shown by proofs, where the log is not here (`history` None).
        """
        self._folder = folder
        self._staged = staged
        self.trusted = tuple(trusted)
        self._described = described
        self._history = history
        self._now = now
        self._agreed: Mapping[int, str] = {}
        self.checks = [self._check(at, places[at]) for at in sorted(places, key=_number)]
        self._waiting = self._last_entry()
        if self._waiting is not None:
            self.checks.append(self._waiting)
        self._follow({**places, **staged}, known_log=known_log and (proven or history is not None))

    @property
    def indexes(self) -> frozenset[int]:
        """The log entries that an event in its place says it is."""
        return self._indexes(check for check in self.checks if check is not self._waiting)

    def established(self, kind: EventKind) -> Iterator[tuple[Statement, EventCheck]]:
        """The statements of one kind that can be built on, in the order of the log."""
        for check in self.checks:
            if check.statement is not None and check.statement.kind is kind and check.established:
                yield check.statement, check

    @property
    def countersigned(self) -> frozenset[int]:
        """The numbers of the runs that somebody else signed afterwards."""
        bodies = (check.statement.body for check in self.checks if check.statement is not None and check.signature is not None)
        return frozenset(body.run.sequence for body in bodies if isinstance(body, Countersignature))

    def judge_countersignatures(self, runs: Mapping[int, tuple[str, Mapping[str, bytes]]]) -> Iterator[Finding]:
        """What they are worth; `runs` by their number: what findings call each, and the digests of its manifest."""
        for check in self.checks:
            said, signature = check.statement, check.signature
            if said is None or signature is None or not isinstance(said.body, Countersignature):
                continue
            number = said.body.run.sequence
            if number not in runs:
                why = f"its run {number} cannot be read, so that the signature was not checked"
                yield unchecked(Claim.CO_SIGNERS, check.subject, why)
                continue
            subject, digests = runs[number]
            yield verify_countersignature.judge(
                signature,
                digests,
                self.trusted,
                subject,
                f"{check.subject}/{sshsig.NAME}",
                entered=said.created if check.established else None,
                existed_by=check.existed_by,
                index=said.log.size_before,
                name=said.body.name,
            )

    def staged(self, index: int) -> EventCheck | None:
        """The event in journal/ whose statement is that entry of the log. It is one of `checks`, and obeyed like any other."""
        waiting = self._waiting
        return waiting if waiting is not None and index in self._indexes([waiting]) else None

    @staticmethod
    def _indexes(checks: Iterable[EventCheck]) -> frozenset[int]:
        return frozenset(check.statement.log.size_before for check in checks if check.statement is not None)

    def _last_entry(self) -> EventCheck | None:
        """The last entry of the log, where it is staged whole and nothing in events/ says it is that entry.

        What is in the log has happened: else whoever moved the newest event into journal/ would undo a revocation.
        """
        if self._history is None or self._history.size - 1 in self._indexes(self.checks):
            return None
        for at, entries in self._staged.items():
            check = self._check(at, entries)
            if self._history.size - 1 in self._indexes([check]) and not check.altered:
                return check
        return None

    def findings(self, runs: Sequence[Logged], seals: Mapping[int, str]) -> list[Finding]:
        """Everything about the events, and about the order of the log where events and `runs` meet; `seals` by run number."""
        found: list[Finding] = []
        logged = list(runs)
        for check in self.checks:
            found += check.findings
            if check.statement is not None:
                found += rules.judge_reference(check.statement, seals, check.subject)
                logged.append(
                    Logged(
                        index=check.statement.log.size_before,
                        created=check.statement.created,
                        subject=check.subject,
                        event=True,
                    )
                )
        found += judge_order(logged)
        found += rules.judge_rollbacks(
            (check.statement, check.signed) for check in self.checks if check.statement is not None and not check.altered
        )
        return found

    def _follow(self, places: Mapping[str, Sequence[Entry]], *, known_log: bool) -> None:
        """Obey what is said of keys: `trusted` is then what follows from it, and every event is judged by that."""
        stated = [
            keychain.Stated(statement=check.statement, existed_by=check.existed_by)
            for check in self.checks
            if check.statement is not None and isinstance(check.statement.body, KeyChange | Coworkers) and not check.altered
        ]
        if not stated:
            return
        chain = keychain.follow(self.trusted, stated, known_log=known_log)
        self.trusted, self._agreed = chain.trusted, chain.agreed
        self.checks = [self._check(check.subject + "/", places[check.subject + "/"]) for check in self.checks]
        if self._waiting is not None:
            self._waiting = self.checks[-1]
        for check in self.checks:
            if known_log and check.statement is not None and check.established:
                check.findings += keychain.judge_obeyed(check.statement, chain, check.subject)

    def _check(self, at: str, entries: Sequence[Entry]) -> EventCheck:
        check = _open(self._folder, at, entries, self.trusted, self._now, self._agreed)
        said = check.statement
        if said is None:
            return check
        check.findings += rules.judge_place(said, at.split("/")[1], self._described, check.subject)
        check.findings += keychain.judge_signatures(said, check.subject)
        check.findings += succession.judge_rotation(said, check.subject)
        if self._history is not None:
            check.findings += rules.judge_entry(said, check.document, self._history, check.subject)
        if not check.altered and check.known:
            proven = f"stamped, existed by {rfc3339(check.existed_by)}" if check.existed_by else "its time is self-asserted"
            detail = f"{words.describe(said)} ({check.signed}; {proven})"
            check.findings.append(passed(Claim.EVENTS, check.subject, detail))
        elif not check.altered:
            check.findings.append(unchecked(Claim.EVENTS, check.subject, words.describe(said)))
        return check


def read_rotations(folder: Folder, places: Mapping[str, Collection[Entry]]) -> tuple[Rotated, ...]:
    """What the events in `places` (as for Events) say of the log's key, where both keys signed it. Nothing else of them is judged."""
    keys = [at for at in places if at.endswith(f"-{EventKind.KEY}/")]
    found = (read_rotation(folder, at, places[at]) for at in keys)
    return tuple(rotation for rotation in found if rotation is not None)


def read_rotation(folder: Folder, at: str, entries: Collection[Entry]) -> Rotated | None:
    """The same of one event, whose files are the `entries` below `at`; None when it is about something else, or they did not sign."""
    judged = signed_rules.judge_sealed(_read(folder, at, entries)[0], at, statement.NAME)
    try:
        said = statement.decode(judged.document)
    except FormatError:
        return None  # what is wrong with it is found where it is judged
    return succession.rotated(said, judged.document, {key.keyid for key in judged.keys})


def read_events(
    folder: Folder,
    places: Mapping[str, Sequence[Entry]],
    staged: Mapping[str, Sequence[Entry]],
    trusted: Sequence[TrustedKey],
    described: Description | None,
    log: LogCheck,
    now: datetime,
) -> Events:
    """The events of an archive with the log `log`, which is doubted when nobody who is known agreed that its key was replaced."""
    rest = (places, staged, trusted, described, log.history, now)
    events = Events(folder, *rest, known_log=not log.keys.doubt)
    line = log.keys.line
    if not line:
        return events
    established = {said.log.size_before for said, _ in events.established(EventKind.KEY)}
    alone = [tenure.ended for tenure in line if tenure.ended is not None and tenure.ended.index not in established]
    if alone and not log.keys.doubt:
        log.doubt(f"entry {alone[0].index} replaced the key of {log.keys.origin}, and nobody whom you trust signed that")
        events = Events(folder, *rest, known_log=False)
    for check in events.checks:
        if check.statement is not None and check.established:
            check.findings += succession.judge_followed(check.statement, line, check.subject)
    return events


def _number(at: str) -> tuple[int, str]:
    return int(at.split("/")[1].partition("-")[0]), at


def _open(
    folder: Folder,
    at: str,
    entries: Collection[Entry],
    trusted: Sequence[TrustedKey],
    now: datetime,
    agreed: Mapping[int, str],
) -> EventCheck:
    """Everything about one event that its own folder says; `agreed` is what counts by co-workers, whoever entered it."""
    files, found = _read(folder, at, entries)
    sealed = {name: data for name, data in files.items() if name != sshsig.NAME}
    unread = {finding.subject.removeprefix(at) for finding in found}
    judged = signed_rules.judge_sealed(sealed, at, statement.NAME, unread=unread)
    check = EventCheck(subject=at.rstrip("/"), document=judged.document)
    found = [*tree.misplaced(entries), *tree.misnamed(entries, below=at), *found, *judged.findings]
    if not judged.keys:
        found.append(failed(Claim.EVENTS, at + statement.NAME, "no valid signature", code="bad-signature"))
        check.findings += rules.of_event(found)
        return check
    try:
        said = check.statement = statement.decode(judged.document)
    except FormatError as problem:
        found.append(failed(Claim.EVENTS, at + statement.NAME, problem.message, code="manifest-format"))
        check.findings += rules.of_event(found)
        return check
    found += signed_rules.judge_signers(said.signers, judged.keys, at, "statement")
    if isinstance(said.body, Countersignature) and sshsig.NAME in files:
        signature = verify_countersignature.judge_file(said.body, files[sshsig.NAME], at + sshsig.NAME)
        if isinstance(signature, Finding):
            found.append(signature)
        else:
            check.signature = signature
    stamps = _stamps(folder, at, entries, judged.seal, trusted)
    times = time_rules.judge_times(said, stamps, now, at, check.subject)
    vouching = tuple(keychain.vouching(trusted, said))
    trust = signed_rules.judge_trust(said, judged.keys, vouching, check.subject, existed_by=times.existed_by)
    together = agreed.get(said.log.size_before, "")
    if together:
        trust = [finding for finding in trust if finding.result is Result.PASS]
        trust.insert(0, passed(Claim.SIGNER, check.subject, f"agreed to by {together}"))
    # Nothing carries the tokens of the last renewal: what another authority saw too does not fall with the one that was stolen.
    spared = {at + path for path, stamp in stamps.items() if stamp.forsaken and times.existed_by is not None}
    found += [replace(one, needed=one.needed and one.subject not in spared) for one in times.findings]
    found += [*trust, *_unexpected(at, entries, said)]
    check.existed_by = times.existed_by
    check.known = any(finding.claim is Claim.SIGNER and finding.result is Result.PASS for finding in trust)
    check.signed = "; also ".join(f.detail for f in trust if f.result is Result.PASS)
    if isinstance(said.body, Renewal):
        check.listed, problems = _listed(folder, at, entries, said.body, known=check.known)
        found += problems
    told: dict[str, bool] = {}
    for finding in rules.of_event(found):
        fails = finding.result is Result.FAIL
        if finding.subject == check.subject or fails > told.get(finding.subject, False) or finding.subject not in told:
            told[finding.subject] = fails
            check.findings.append(finding)
    return check


def _read(folder: Folder, at: str, entries: Collection[Entry]) -> tuple[dict[str, bytes], list[Finding]]:
    """What is read before the statement is believed, by its path in the event's folder."""
    files: dict[str, bytes] = {}
    found = []
    for entry in entries:
        name = entry.path.removeprefix(at)
        limit = _LIMITS.get(name)
        if signed_rules.KEY.fullmatch(name) or signed_rules.SIGNATURE.fullmatch(name):
            limit = signed_rules.MAX_SIGNATURE
        if limit is not None and entry.kind is Kind.FILE:
            try:
                files[name] = folder.read(entry.path, limit)
            except FormatError:
                files[name] = b""
                code = "seal-format" if name == "SEAL" else "seal-hash"
                found.append(failed(Claim.EVENTS, entry.path, tree.too_long(limit), code=code))
    return files, found


def _stamps(
    folder: Folder, at: str, entries: Collection[Entry], sealed: bytes, trusted: Sequence[TrustedKey]
) -> dict[str, Stamp]:
    """What became of each token over SEAL, by its path in the event's folder."""
    tokens = {
        entry.path.removeprefix(at): match[1]
        for entry in entries
        if entry.kind is Kind.FILE and (match := time_rules.TOKEN.fullmatch(entry.path.removeprefix(at)))
    }
    if not tokens:
        return {}
    from preserve.flows.verify_tokens import check  # noqa: PLC0415 -- X.509 costs a start that most archives can be spared

    stamps = {}
    for path, authority in tokens.items():
        try:
            stamps[path] = check(authority, folder.read(at + path, MAX_TOKEN), sealed, trusted)
        except FormatError:
            stamps[path] = Stamp(authority=authority, problem=f"altered: longer than {MAX_TOKEN} bytes")
    return stamps


def _listed(
    folder: Folder, at: str, entries: Iterable[Entry], body: Renewal, *, known: bool
) -> tuple[Mapping[str, str], list[Finding]]:
    """The files that a renewal covers, from the list that its statement names by its hash.

    That it is this list is found out for every renewal; what a very long one lists, only where its signer is `known`.
    """
    path = at + hashlist.NAME
    size = next((entry.size for entry in entries if entry.path == path and entry.kind is Kind.FILE), None)
    if size is None:
        return {}, []  # that it is missing is a finding of its own
    other = [failed(Claim.EVENTS, path, "altered: not the list that was signed")]
    if size != body.bytes or size > hashlist.MAX_SIZE:
        return {}, other
    if not known and size > _LIST_OF_NOBODY:
        return {}, other if _sha512(folder, path, size) != body.sha512 else []
    try:
        data = folder.read(path, size)
        if hashlib.sha512(data).hexdigest() != body.sha512:
            return {}, other
        listed = {file.path: file.sha512 for file in hashlist.read(data)}
    except FormatError as problem:
        return {}, [failed(Claim.EVENTS, path, f"altered: {problem.message}")]
    if len(listed) != body.count:
        return {}, [failed(Claim.EVENTS, path, f"it lists {len(listed)} files, the statement says {body.count}")]
    return listed, []


def _sha512(folder: Folder, path: str, size: int) -> str:
    """Of the first `size` bytes, none of which is kept."""
    digest = hashlib.sha512()
    with folder.open(path) as file:
        while size > 0 and (block := file.read(min(size, 1 << 18))):
            digest.update(block)
            size -= len(block)
    return digest.hexdigest()


def _unexpected(at: str, entries: Collection[Entry], said: Statement) -> Iterator[Finding]:
    """Exactly the files that the statement and the format call for."""
    needed = {at + "SEAL", at + statement.NAME}
    for signer in said.signers:
        needed |= {at + seal.key_path(signer.keyid), at + seal.signature_path(signer.keyid)}
    if isinstance(said.body, Renewal):
        needed.add(at + hashlist.NAME)
    if isinstance(said.body, Countersignature):
        needed.add(at + sshsig.NAME)
    allowed = needed | {at + token_path(stamp.authority) for stamp in said.timestamps}
    for entry in entries:
        name = entry.path.removeprefix(at)
        # A token that was added later counts as the proof that it is; a signer too many is a finding of its own.
        if time_rules.TOKEN.fullmatch(name) or signed_rules.KEY.fullmatch(name) or signed_rules.SIGNATURE.fullmatch(name):
            allowed.add(entry.path)
    yield from tree.missing(entries, sorted(needed), "an event has it")
    yield from tree.unlisted(entries, allowed, "an event has no such place")
