"""Having a log's head cosigned by the witnesses that the operator configured (docs/formats/log.md section 6).

Each is asked with the consistency proof from the size that it cosigned last. That is taken from the head before, where its line
stands; a witness that says otherwise is asked once more from where it is. Whatever it answers, only a line of its own key that
verifies over this very head is kept. One that is down, or refuses, is told of, and stops nothing: its line can be fetched later.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import field

from preserve.errors import FormatError
from preserve.formats import note, seal, tlog
from preserve.formats import witness as witness_format
from preserve.formats.note import NoteSignature, SignedNote, VerifierKey
from preserve.formats.witness import Request
from preserve.model.noun import dataclass
from preserve.ports import ArchiveStore, Ledger, Witness

PROOF = "log/seal.tlog-proof"
Prove = Callable[[int], tuple[bytes, ...]]
"""`prove(old)`: the consistency proof from the first `old` (> 0) entries to the head."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """A witness that did not cosign, and why."""

    name: str
    problem: str


@dataclass(slots=True, kw_only=True)
class Cosigner:
    """The witnesses of a log. `tell` is given what a person should know; `missing` is what the last `collect` left open."""

    witnesses: Sequence[Witness]
    tell: Callable[[str], None]
    missing: tuple[Missing, ...] = field(default=())

    @property
    def keys(self) -> tuple[VerifierKey, ...]:
        return tuple(VerifierKey.parse(witness.vkey) for witness in self.witnesses)

    def collect(self, head: SignedNote, before: SignedNote | None, prove: Prove) -> tuple[NoteSignature, ...]:
        """The lines that `head`, a checkpoint of this user's own log, lacks and that its witnesses give; all are asked at once.

        `before` is the head before, whose lines say from where the witnesses will want to see it grow.
        """
        there = cosigners(head, self.keys)
        lacking = [(witness, key) for witness, key in zip(self.witnesses, self.keys, strict=True) if key not in there]
        with ThreadPoolExecutor(max_workers=8) as pool:
            answers = list(pool.map(lambda asked: _ask(asked[0], asked[1], head, before, prove), lacking))
        self.missing = tuple(
            Missing(name=witness.name, problem=answer)
            for (witness, _), answer in zip(lacking, answers, strict=True)
            if isinstance(answer, str)
        )
        for missing in self.missing:
            self.tell(f"{missing.name}: no cosignature: {missing.problem}")
        return tuple(answer for answer in answers if isinstance(answer, NoteSignature))


def cosigners(signed: SignedNote, keys: Sequence[VerifierKey]) -> frozenset[VerifierKey]:
    """Which of `keys`, witnesses all, cosigned this checkpoint."""
    return frozenset(line.key for line in note.verify(signed, keys).cosigned_by)


def refresh(archive: ArchiveStore, ledger: Ledger, keys: Sequence[VerifierKey]) -> tuple[str, ...]:
    """Give runs whose proof fewer of `keys` cosigned than the log's head a proof against that head; their names are returned.

    A proof is replaced only where nothing is lost: everyone who cosigned the old one has cosigned the head.
    """
    changed = []
    for run in archive.run_names():
        old, sealed = archive.read_run(run, PROOF, tlog.MAX_PROOF), archive.read_run(run, "SEAL", seal.MAX_SIZE)
        if old is None or sealed is None:
            continue
        try:
            proof = tlog.decode_proof(old)
        except FormatError:
            continue  # `preserve verify` says so
        if not proof.includes(sealed):
            continue
        new = ledger.proof(proof.index)
        decoded = tlog.decode_proof(new)
        if cosigners(proof.checkpoint, keys) < cosigners(decoded.checkpoint, keys) and decoded.includes(sealed):
            archive.keep_token(run, PROOF, new)
            changed.append(run)
    return tuple(changed)


def _ask(witness: Witness, key: VerifierKey, head: SignedNote, before: SignedNote | None, prove: Prove) -> NoteSignature | str:
    """The witness's line, or why there is none."""
    size = note.parse_checkpoint(head.text).size
    old = 0 if before is None or key not in cosigners(before, [key]) else note.parse_checkpoint(before.text).size
    answer = witness.add_checkpoint(_request(old, head, prove))
    if answer.size is not None and answer.size != old:
        if answer.size > size:
            return (
                f"it has seen this log with {answer.size} entries, and here are {size}: this archive was put back to an older"
                " state, or is continued elsewhere with the same key"
            )
        old = answer.size
        answer = witness.add_checkpoint(_request(old, head, prove))
    if 0 < old == size and (answer.conflict or answer.size == size):
        return (
            f"it cosigned another log of {size} entries under this name: the log has parted in two, and what it saw is not this one;"
            " this archive was put back to an older state and continued, or is continued elsewhere with the same key"
        )
    if answer.size is not None:
        return "it keeps asking for another proof than it says that it needs"
    return answer.problem or _line_of(key, head, answer.lines)


def _request(old: int, head: SignedNote, prove: Prove) -> bytes:
    # Only the log's own line: which other witnesses there are is none of this one's concern.
    origin = note.parse_checkpoint(head.text).origin
    own = SignedNote(text=head.text, signatures=tuple(line for line in head.signatures if line.name == origin))
    return witness_format.encode(Request(old=old, proof=prove(old) if old else (), checkpoint=own))


def _line_of(key: VerifierKey, head: SignedNote, lines: bytes) -> NoteSignature | str:
    """The line of `key` among those that came; others are left alone, as C2SP says."""
    try:
        found = [line for line in note.parse_signatures(lines) if (line.name, line.key_hash) == (key.name, key.key_hash)]
    except FormatError as problem:
        return f"its answer cannot be read: {problem.message}"
    if not found:
        return "its answer has no line of its key: another witness is at that address, or its key is another one now"
    opened = note.verify(SignedNote(text=head.text, signatures=(found[0],)), [key])
    if opened.unchecked:
        return "its line cannot be checked with the libraries here, and is not kept"
    return found[0] if opened.cosigned_by else "its line does not verify, and is not kept"
