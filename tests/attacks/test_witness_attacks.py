"""Attacks on the log that witnesses show, and on what they say: a history made anew by somebody who holds every key but theirs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType

import pytest

from archives import NOW, Archivist, WitnessPen, write
from attackcorpus import good
from packetcorpus import packet_of
from preserve.adapters.checkpoints import CheckpointMemory
from preserve.adapters.folder import DiskFolder
from preserve.adapters.packets import aids
from preserve.flows.verify import verify
from preserve.flows.verify_head import verify_log
from preserve.flows.verify_packet import verify_packet
from preserve.formats import note, policy
from preserve.formats.note import NoteSignature, SignedNote
from preserve.model.finding import Claim, Report, Result
from preserve.model.trust import TrustedKey
from preserve.rules.verify_witness import Demand
from speaking import unsaid

ONE, TWO = WitnessPen("one", "one.example/w"), WitnessPen("two", "two.example/w")
STRANGER = WitnessPen("stranger", "stranger.example/w")
DEMAND = Demand(
    policy=policy.parse(
        f"witness one {ONE.key.encode()}\nwitness two {TWO.key.encode()}\ngroup any-of-us any one two\nquorum any-of-us\n".encode()
    ),
    needed=True,
)


def _witnessed() -> Archivist:
    """The good archive, its log cosigned by one of two witnesses."""
    archivist = good()
    archivist.witnesses = (ONE,)
    for place, run in enumerate(archivist.runs):
        run["log/seal.tlog-proof"] = archivist.proof(place)
    return archivist


def _made_anew(*witnesses: WitnessPen) -> Archivist:
    """Another history of the same length by somebody who holds the log's and the signers' keys."""
    archivist = Archivist(signers=good().signers, witnesses=witnesses)
    for _ in range(2):
        archivist.add_run(pages=2)
    return archivist


def _head(change: Callable[[SignedNote], SignedNote]) -> Callable[[Archivist, Path], None]:
    """A change to the lines of the log's head and of every proof."""

    def does(archivist: Archivist, root: Path) -> None:
        archivist.write(root)
        for path in (root / "log/checkpoint", *root.glob("runs/*/log/seal.tlog-proof")):
            before, gap, tail = path.read_bytes().partition(b"\n\n") if path.suffix else (b"", b"", path.read_bytes())
            path.write_bytes(before + gap + change(note.parse(tail)).encode())

    return does


def _strip(signed: SignedNote) -> SignedNote:
    return replace(signed, signatures=signed.signatures[:1])


def _add(*lines: Callable[[bytes], NoteSignature]) -> Callable[[SignedNote], SignedNote]:
    return lambda signed: replace(signed, signatures=(*signed.signatures, *(line(signed.text) for line in lines)))


def _later(signed: SignedNote) -> SignedNote:
    line = signed.signatures[1]
    return replace(
        signed, signatures=(signed.signatures[0], replace(line, signature=(1).to_bytes(8, "big") + line.signature[8:]))
    )


def _carried_over(archivist: Archivist, root: Path) -> None:
    """The other history, under it the line that was given for the true one."""
    line = archivist.checkpoint().signatures[1]
    _head(lambda signed: replace(signed, signatures=(*signed.signatures, line)))(_made_anew(), root)


def _older_head(archivist: Archivist, root: Path) -> None:
    archivist.write(root)
    older = archivist.checkpoint(1).encode()
    proof = root / "runs" / archivist.names[1] / "log/seal.tlog-proof"
    proof.write_bytes(proof.read_bytes().partition(b"\n\n")[0] + b"\n\n" + older)


@dataclass(frozen=True, kw_only=True)
class WitnessAttack:
    """`exit` for whoever demands the policy, `plain` for whoever pinned both witnesses and demands nothing; `alone`: run 1 by itself."""

    does: Callable[[Archivist, Path], None]
    exit: int
    plain: int
    alone: int
    claim: Claim
    says: str


ATTACKS = {
    "untouched": WitnessAttack(
        does=lambda archivist, root: write(root, archivist.files()),
        exit=0,
        plain=0,
        alone=0,
        claim=Claim.WITNESSES,
        says="quorum any-of-us is met: one.example/w saw it at",
    ),
    "log rewritten, cosignature absent": WitnessAttack(
        does=lambda _, root: write(root, _made_anew().files()),
        exit=41,
        plain=0,
        alone=41,
        claim=Claim.WITNESSES,
        says="quorum any-of-us is not met",
    ),
    "log rewritten, the true cosignature carried over": WitnessAttack(
        does=_carried_over,
        exit=40,
        plain=40,
        alone=40,
        claim=Claim.LOG_CONSISTENCY,
        says="the line of one.example/w does not verify",
    ),
    "log rewritten, cosigned by a witness of the thief": WitnessAttack(
        does=lambda _, root: write(root, _made_anew(STRANGER).files()),
        exit=41,
        plain=0,
        alone=41,
        claim=Claim.WITNESSES,
        says="a key that is not known here: stranger.example/w",
    ),
    "cosignatures stripped": WitnessAttack(
        does=_head(_strip), exit=41, plain=0, alone=41, claim=Claim.WITNESSES, says="quorum any-of-us is not met"
    ),
    "the time of a cosignature changed": WitnessAttack(
        does=_head(_later),
        exit=40,
        plain=40,
        alone=40,
        claim=Claim.LOG_CONSISTENCY,
        says="the line of one.example/w does not verify",
    ),
    "a line forged for the second witness": WitnessAttack(
        does=_head(_add(lambda text: replace(TWO.line(text, 9), signature=bytes(72)))),
        exit=40,
        plain=40,
        alone=40,
        claim=Claim.LOG_CONSISTENCY,
        says="the line of two.example/w does not verify",
    ),
    "a stranger's line added, which takes nothing away": WitnessAttack(
        does=_head(_add(lambda text: STRANGER.line(text, 9))),
        exit=0,
        plain=0,
        alone=0,
        claim=Claim.WITNESSES,
        says="not known here: stranger.example/w",
    ),
    "checkpoint of an older, smaller log": WitnessAttack(
        does=_older_head, exit=40, plain=40, alone=40, claim=Claim.LOG_INCLUSION, says="the proof does not hold"
    ),
}


def _trusted() -> tuple[TrustedKey, ...]:
    return (*good().trusted, ONE.pinned, TWO.pinned)


def _verify(path: Path, state: Path, demand: Demand | None, *require: Claim) -> Report:
    trusted = good().trusted if demand else _trusted()
    with DiskFolder(path) as folder:
        report = verify(folder, trusted, [CheckpointMemory(state)], NOW, demand=demand, require=frozenset(require))
    assert not unsaid(report), _told(report)
    return report


def _told(report: Report) -> str:
    return "\n".join(f"{f.claim} {f.result} {f.subject}: {f.detail}" for f in report.findings)


@pytest.mark.parametrize("name", ATTACKS)
def test_attack(name: str, tmp_path: Path) -> None:
    attack, root = ATTACKS[name], tmp_path / "archive"
    attack.does(_witnessed(), root)
    report = _verify(root, tmp_path / "a", DEMAND)
    assert report.exit_code == attack.exit, _told(report)
    assert any(f.claim is attack.claim and attack.says in f"{f.subject}: {f.detail}" for f in report.findings), _told(report)
    assert _verify(root, tmp_path / "b", None).exit_code == attack.plain
    run = max((root / "runs").iterdir())
    alone = _verify(run, tmp_path / "c", DEMAND)
    assert alone.exit_code == attack.alone, _told(alone)
    if attack.exit == 41:
        assert [f.code for f in report.findings if f.claim is Claim.WITNESSES] == ["witness-quorum"]
        assert _verify(root, tmp_path / "d", None, Claim.WITNESSES).exit_code == 41
    if attack.exit == 0:
        assert _verify(root, tmp_path / "d", None, Claim.WITNESSES).exit_code == 0
        assert _verify(root, tmp_path / "e", DEMAND, Claim.WITNESSES).exit_code == 0


def test_a_colluding_witness_does_not_deceive_who_was_there_before(tmp_path: Path) -> None:
    root = tmp_path / "archive"
    assert _verify(_witnessed().write(tmp_path / "before"), tmp_path / "state", DEMAND).exit_code == 0
    write(root, _made_anew(ONE).files())
    assert _verify(root, tmp_path / "new", DEMAND).exit_code == 0, "who was not, is: witnesses are trusted for this"
    report = _verify(root, tmp_path / "state", DEMAND)
    assert report.exit_code == 40
    assert "rewritten" in _told(report)
    with DiskFolder(root) as folder:
        assert verify_log(folder, good().trusted, [CheckpointMemory(tmp_path / "state")], NOW, demand=DEMAND).exit_code == 40


def test_a_policy_speaks_of_its_logs_alone(tmp_path: Path) -> None:
    """A log that a policy lists is trusted with it; of another the quorum says nothing."""
    archivist = _witnessed()
    archivist.write(tmp_path / "archive")
    signers = (archivist.signers[0].pinned,)

    def demand(vkey: str) -> Demand:
        text = f"log {vkey}\nwitness one {ONE.key.encode()}\nquorum one\n"
        return Demand(policy=policy.parse(text.encode()), needed=True)

    def check(vkey: str, trusted: tuple[TrustedKey, ...]) -> Report:
        with DiskFolder(tmp_path / "archive") as folder:
            return verify(folder, trusted, [], NOW, demand=demand(vkey))

    assert check(archivist.log.key.encode(), signers).exit_code == 0
    other = Archivist(origin="other.example/log").log.key.encode()
    assert check(other, signers).exit_code == 41
    listed = check(other, good().trusted)
    assert listed.exit_code == 41
    assert "the policy does not list the key of this log" in _told(listed)


def test_a_witness_that_was_revoked_does_not_count(tmp_path: Path) -> None:
    _witnessed().write(tmp_path / "archive")
    from preserve.model.trust import Revocation

    gone = replace(ONE.pinned, revoked_at=NOW.replace(year=2025), reason=Revocation.SUPERSEDED)
    with DiskFolder(tmp_path / "archive") as folder:
        assert verify(folder, (*good().trusted, gone), [], NOW, demand=DEMAND).exit_code == 41


# -------------------------------------------------------------------------------------------------------------------- packets


@pytest.fixture(scope="module")
def independent() -> ModuleType:
    import preserve.packet.verify as module  # the checker of packets, as it is shipped

    return module


@pytest.mark.parametrize(
    ("change", "ours", "theirs"),
    [
        (lambda signed: signed, (0, ""), 0),
        (_add(lambda text: TWO.line(text, 9), lambda text: STRANGER.line(text, 9)), (0, ""), 0),
        (_strip, (41, "witness-quorum"), 0),
        (_later, (40, "log-signature"), 0),
    ],
)
def test_packets(
    independent: ModuleType,
    tmp_path: Path,
    change: Callable[[SignedNote], SignedNote],
    ours: tuple[int, str],
    theirs: int,
) -> None:
    """Both checkers read a proof with cosignatures. The one in the packet knows no witnesses, and says nothing of them."""
    archivist = _witnessed()
    files = packet_of(archivist.runs[1])
    before, gap, tail = files["log/seal.tlog-proof"].partition(b"\n\n")
    files["log/seal.tlog-proof"] = before + gap + change(note.parse(tail)).encode()
    write(tmp_path / "packet", files)
    with DiskFolder(tmp_path / "packet") as folder:
        report = verify_packet(folder, (), good().trusted, [], NOW, aids(), demand=DEMAND)
    assert (report.exit_code, report.refusal) == ours, _told(report)
    assert not [f for f in report.findings if f.result is Result.FAIL] or ours[0] == 40
    said: list[str] = []
    arguments = ["--key", archivist.signers[0].keyid, "--log", archivist.log.key.encode(), str(tmp_path / "packet")]
    assert independent.main(arguments, said.append, NOW.timestamp()) == theirs, said
