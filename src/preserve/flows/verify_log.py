"""Reading the archive's log: its head, its tiles, what it says of itself, and what was seen of it before (docs/formats/log.md)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from preserve.errors import FormatError
from preserve.formats import description as description_format
from preserve.formats import note, tlog
from preserve.formats.counted import counted
from preserve.formats.note import SignedNote, VerifierKey
from preserve.model.archive import Description
from preserve.model.finding import Claim, Finding, Result, failed, passed, unchecked
from preserve.model.tree import Entry, Kind
from preserve.model.trust import TrustedKey
from preserve.rules import verify_log as log_rules
from preserve.rules import verify_tree as tree
from preserve.rules.verify_witness import Demand

if TYPE_CHECKING:  # `verify` starts faster without what events are made of, and most archives have none
    from preserve.model.event import Statement
    from preserve.ports import Folder
    from preserve.rules.succession import Rotated


class Memory(Protocol):
    """The newest checkpoint of each log, kept in the user's state folder from one verification to the next."""

    def recall(self, origin: str) -> SignedNote | None:
        """Raises ConfigError when the memory is there and cannot be read."""
        ...

    def rollbacks(self, origin: str) -> frozenset[str]:
        """The rollbacks that were stated in the log when it was remembered, as `statement.digest`. Raises as `recall`."""
        ...

    def remember(self, signed: SignedNote, rollbacks: Collection[str] = ()) -> str:
        """Keep it, and what was stated in it, unless a newer one is kept; "" or why it could not be kept."""
        ...


class LogCheck:
    """The log as it lies in the archive, and what of it holds."""

    def __init__(
        self,
        folder: Folder,
        entries: Sequence[Entry],
        described: Description | None,
        trusted: Sequence[TrustedKey],
        memories: Sequence[Memory],
        now: datetime,
        *,
        runs: bool,
        interrupted: bool,
        demand: Demand | None = None,
        rotations: Sequence[Rotated] = (),
    ) -> None:
        """`entries` is what lies in log/, `runs` whether there are any, `described` what archive.toml says.

        `interrupted`: something sealed waits in journal/, so that what an append leaves when it is cut short is expected.

        `rotations` is what events say of the log's key; those count that the log holds.
        """
        self.findings: list[Finding] = []
        self.history: log_rules.History | None = None
        self.head: log_rules.Head | None = None
        self._folder = folder
        self._memories = memories
        self.files = {entry.path.removeprefix("log/"): entry for entry in entries if entry.kind is not Kind.FOLDER}
        self._plain = {path for path, entry in self.files.items() if entry.kind is Kind.FILE}
        self._folders = [entry.path for entry in entries if entry.kind is Kind.FOLDER]
        self._reading = tlog.CHECKPOINT
        self.findings += tree.misplaced(entries)
        said = self._said_key(described)
        checkpoint = self._read_checkpoint()
        origin = described.origin if described else _origin(checkpoint)
        self._built: tuple[int, log_rules.History] | None = None
        entered = self._entered(checkpoint, rotations) if rotations else rotations
        self.keys = log_rules.log_keys(origin, trusted, said, now, demand, rotations=entered)
        first = self.keys.line[0].key if self.keys.line else self.keys.log
        if said is not None and not self.keys.doubt and said != first:
            self.findings.append(
                failed(
                    Claim.INTEGRITY,
                    description_format.NAME,
                    f"altered: it names another log key than the one trusted for {origin}",
                )
            )
        self._seen = [
            log_rules.Remembered(head=note.parse_checkpoint(known.text), rollbacks=memory.rollbacks(origin))
            for memory in memories
            if origin and (known := memory.recall(origin)) is not None
        ]
        self.remembered = [seen.head for seen in self._seen]
        self._stated: frozenset[str] = frozenset()
        if checkpoint is not None:
            self._open(checkpoint)
        elif runs or (self.files and not interrupted):
            self.findings.append(failed(Claim.LOG_CONSISTENCY, "log/checkpoint", "missing: the log has no head"))
        else:
            self.history = log_rules.History(())
        self._interrupted = interrupted
        self._given_up = False

    def _said_key(self, described: Description | None) -> VerifierKey | None:
        if described is None:
            return None
        try:
            return VerifierKey.parse(described.log)
        except FormatError as problem:
            self.findings.append(failed(Claim.INTEGRITY, description_format.NAME, f"altered: {problem.message}"))
            return None

    def _read_checkpoint(self) -> bytes | None:
        entry = self.files.get(tlog.CHECKPOINT)
        if entry is None or entry.kind is not Kind.FILE:
            return None
        try:
            return self._folder.read(entry.path, note.MAX_NOTE)
        except FormatError as problem:
            self.findings.append(failed(Claim.LOG_CONSISTENCY, entry.path, f"altered: {problem.message}"))
            return b""

    def _entered(self, checkpoint: bytes | None, rotations: Sequence[Rotated]) -> list[Rotated]:
        """Those of `rotations` that are entries of the log, in their places. Of a log that does not hold in itself, all: it is found below."""
        try:
            head = note.parse_checkpoint(note.parse(checkpoint or b"").text)
            if any(path not in self._plain for path in tlog.paths(head.size)):
                return list(rotations)
            history = self._build(head.size)
        except FormatError:
            return list(rotations)
        if history.roots[-1] != head.root:
            return list(rotations)
        return [
            one
            for one in rotations
            if history.is_entry(one.index, one.document)
            and history.holds(one.index, bytes.fromhex(one.statement.log.root_before))
        ]

    def _build(self, size: int) -> log_rules.History:
        """The tree over the entries that lie there. Raises FormatError when they cannot be read."""
        if self._built is None or self._built[0] != size:
            self._built = size, log_rules.History(tlog.entries(size, self._read))
        return self._built[1]

    def doubt(self, why: str) -> None:
        """Let the log establish nothing any more: what is found out once its events are judged."""
        self.keys = replace(self.keys, doubt=why)

    def _open(self, data: bytes) -> None:
        head = log_rules.judge_head(data, self.keys, "log/checkpoint")
        if isinstance(head, Finding):
            self.findings.append(head)
            return
        self.findings += head.findings
        self.head = head
        size = head.checkpoint.size
        if absent := next((path for path in tlog.paths(size) if path not in self._plain), None):
            self.findings.append(
                failed(Claim.LOG_CONSISTENCY, f"log/{absent}", f"missing: the checkpoint has {counted(size, 'entry')}")
            )
            return
        try:
            history = self._build(size)
        except FormatError as problem:
            self.findings.append(failed(Claim.LOG_CONSISTENCY, f"log/{self._reading}", f"altered: {problem.message}"))
            return
        damage = list(self._compare(size))
        if history.roots[-1] != head.checkpoint.root:
            damage.append(
                failed(Claim.LOG_CONSISTENCY, "log", "altered: the entries are not those that the checkpoint was signed over")
            )
        else:
            self.history = history
        self.findings += damage

    def _compare(self, size: int) -> Iterator[Finding]:
        """Hold every tile against what the entries give."""
        for path, data in tlog.files(tlog.entries(size, self._read)):
            if path in self._plain and not self._holds(path, data):
                yield failed(Claim.LOG_CONSISTENCY, f"log/{path}", "altered: this tile does not agree with the entries")

    def _holds(self, path: str, data: bytes) -> bool:
        try:
            return self._folder.read(f"log/{path}", len(data)) == data
        except FormatError:  # it is longer
            return False

    def _read(self, path: str) -> bytes:
        self._reading = path
        return self._folder.read(f"log/{path}", tlog.MAX_BUNDLE)

    def unexplained(self) -> Iterator[Finding]:
        """Files that the checkpoint does not call for; what an interrupted append leaves is expected while its run is staged."""
        if self.head is None and self.history is None:
            return
        size = self.head.checkpoint.size if self.head is not None else 0
        spare = set(tlog.leftovers(size)) if self._interrupted else set()
        for path, entry in self.files.items():
            if entry.kind is Kind.FILE and not tlog.explains(size, path) and path not in spare:
                yield failed(Claim.LOG_CONSISTENCY, entry.path, "unlisted file: the checkpoint does not call for it")
        for at in self._folders:
            if not tlog.is_folder(at.removeprefix("log/")):
                yield failed(Claim.LOG_CONSISTENCY, at, "unlisted folder: no log has such a place")

    def judge_memory(self, rollbacks: Iterable[Statement]) -> list[Finding]:
        """The log against what was seen of it before; `rollbacks` are those that somebody trusted has accepted, and says so in it."""
        if self.history is None:
            return []
        accepted = list(rollbacks)
        if accepted:
            from preserve.formats import statement  # noqa: PLC0415 -- as above

            self._stated = frozenset(map(statement.digest, accepted))
        found = list(log_rules.judge_memory(self._seen, self.history, accepted, "log"))
        self._given_up = bool(found)
        return found

    @property
    def vouched(self) -> bool:
        """Whether the head is signed by a key that establishes something."""
        return self.head is not None and self.head.signed and not self.keys.doubt

    def conclude(self, trouble: Iterable[Finding]) -> Iterator[Finding]:
        """What holds of the log as a whole; a head that is signed, consistent and trusted is remembered."""
        yield from self._grew(trouble)
        if any(finding.claim is Claim.WITNESSES for finding in self.findings):
            return
        if self.head is not None:
            yield unchecked(Claim.WITNESSES, "log", "no witness cosigned it")
        elif self.history is not None:
            yield unchecked(Claim.WITNESSES, "log", "empty: there is nothing to cosign yet")
        else:
            yield unchecked(Claim.WITNESSES, "log", "not looked at: the log has no head that can be read")

    def _grew(self, trouble: Iterable[Finding]) -> Iterator[Finding]:
        if any(finding.result is Result.FAIL for finding in trouble) or self.history is None or self._given_up:
            return
        if self.keys.doubt:
            yield unchecked(Claim.LOG_CONSISTENCY, "log", self.keys.doubt, needed=True)
            return
        if self.head is None:
            yield passed(Claim.LOG_CONSISTENCY, "log", "empty, and nothing else was seen here before")
            return
        seen = max((old.size for old in self.remembered), default=0)
        before = (
            f"it only grew since {counted(seen, 'entry')} {'was' if seen == 1 else 'were'} seen here"
            if seen
            else "not seen here before"
        )
        why = self._memories[0].remember(self.head.note, self._stated) if self._memories else ""
        kept = f"; not remembered for next time: {why}" if why else ""
        yield passed(
            Claim.LOG_CONSISTENCY,
            "log",
            f"{counted(self.history.size, 'entry')} under the trusted key of {self.keys.origin}; {before}{kept}",
        )


def _origin(checkpoint: bytes | None) -> str:
    """The origin a checkpoint claims, for want of an archive.toml; "" when it claims none."""
    try:
        return note.parse_checkpoint(note.parse(checkpoint or b"").text).origin
    except FormatError:
        return ""
