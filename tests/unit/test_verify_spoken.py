"""That every claim is spoken of: the paths on which one vanished before, and how briefly it is said of many runs."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from archives import NOW, Archivist, Files, data_files, write
from attackcorpus import good
from packetcorpus import ATTACKS as PACKETS
from preserve.adapters.checkpoints import CheckpointMemory
from preserve.adapters.folder import DiskFolder
from preserve.adapters.packets import aids
from preserve.flows.verify import verify
from preserve.flows.verify_packet import verify_packet
from preserve.formats import manifest
from preserve.model.finding import Claim, Finding, Report, Result, failed, unchecked
from preserve.model.trust import TrustedKey
from preserve.rules.verify_spoken import (
    CLAIMS,
    NO_MANIFEST,
    NO_MANIFESTS,
    NO_RUN,
    OF_A_RUN,
    SHOWN,
    SOME_MANIFESTS,
    STOPPED,
    Signers,
    Unlooked,
    unsaid,
)
from speaking import EVERYWHERE
from speaking import OF_A_RUN as TOLD_OF_RUNS
from speaking import unsaid as silent


def _verify(path: Path, archivist: Archivist, *, trusted: tuple[TrustedKey, ...] | None = None, **more: object) -> Report:
    with DiskFolder(path) as folder:
        return verify(folder, archivist.trusted if trusted is None else trusted, [], NOW, **more)  # type: ignore[arg-type]


def _of(report: Report, claim: Claim) -> list[tuple[Result, str, str]]:
    return [(one.result, one.subject, one.detail) for one in report.findings if one.claim is claim]


def test_the_claims_are_those_that_the_tests_ask_for() -> None:
    assert set(CLAIMS) == EVERYWHERE
    assert set(OF_A_RUN) == TOLD_OF_RUNS


def test_what_is_silent_is_found() -> None:
    told = [failed(claim, "runs/000000-20261121t120000z/SEAL", "x") for claim in OF_A_RUN if claim is not Claim.SIGNER]
    assert silent(Report(findings=(*told, unchecked(Claim.SIGNER, "runs/000001-20261121t120000z", "x")))) == [
        "co-signers of the whole",
        "log-consistency of the whole",
        "witnesses of the whole",
        "signer of runs/000000-20261121t120000z",
        *(f"{claim} of runs/000001-20261121t120000z" for claim in sorted(set(OF_A_RUN) - {Claim.SIGNER})),
    ]


# ------------------------------------------------------------------------------------------------------------------- archives


def test_witnesses_of_a_log_whose_key_is_unknown(tmp_path: Path) -> None:
    archivist = good()
    report = _verify(archivist.write(tmp_path / "a"), archivist, trusted=tuple(pen.pinned for pen in archivist.signers))
    assert report.exit_code == 41
    assert _of(report, Claim.WITNESSES) == [(Result.NOT_CHECKED, "log", "no witness cosigned it")]


def test_witnesses_of_a_log_that_was_rolled_back(tmp_path: Path) -> None:
    longer, memory = good(), [CheckpointMemory(tmp_path / "state")]
    longer.add_run()
    for archivist, expected in ((longer, 0), (good(), 40)):
        with DiskFolder(archivist.write(tmp_path / str(expected))) as folder:
            report = verify(folder, archivist.trusted, memory, NOW)
        assert report.exit_code == expected
        assert _of(report, Claim.WITNESSES) == [(Result.NOT_CHECKED, "log", "no witness cosigned it")]


def test_witnesses_of_a_log_without_a_head(tmp_path: Path) -> None:
    archivist = good()
    root = archivist.write(tmp_path / "a")
    (root / "log/checkpoint").write_bytes(b"no note\n")
    assert _of(_verify(root, archivist), Claim.WITNESSES) == [
        (Result.NOT_CHECKED, "log", "not looked at: the log has no head that can be read")
    ]


def test_completeness_of_a_run_with_an_altered_record(tmp_path: Path) -> None:
    archivist = good()
    root = archivist.write(tmp_path / "a")
    (warc,) = (root / "runs" / archivist.names[1]).glob("data/*.warc.gz")
    data = warc.read_bytes()
    warc.write_bytes(data[:200] + bytes([data[200] ^ 1]) + data[201:])
    whole, alone = _verify(root, archivist), _verify(root / "runs" / archivist.names[1], archivist)
    why = "not shown of the whole: something is altered, see integrity"
    assert (Result.NOT_CHECKED, f"runs/{archivist.names[1]}", why) in _of(whole, Claim.COMPLETENESS)
    assert _of(alone, Claim.COMPLETENESS) == [(Result.NOT_CHECKED, "run", why)]


def test_integrity_of_a_run_of_which_a_file_is_missing(tmp_path: Path) -> None:
    archivist = good()
    run = archivist.write(tmp_path / "a") / "runs" / archivist.names[1]
    (run / "data/citations.jsonl").unlink()
    why = "not shown of the whole: something is missing or was added, see completeness"
    assert _of(_verify(run, archivist), Claim.INTEGRITY) == [(Result.NOT_CHECKED, "run", why)]


def test_of_a_run_that_could_not_be_read_nothing_is_said_of_its_signers(tmp_path: Path) -> None:
    """One signed by two whose manifest is damaged, and one signed by one."""
    archivist = good()
    archivist.runs[0]["manifest.json"] = b"damaged" + archivist.runs[0]["manifest.json"]
    told = _verify(archivist.write(tmp_path / "a"), archivist)
    assert not any("no other signer" in finding.detail for finding in told.findings)


@pytest.mark.parametrize(
    ("unread", "read", "most", "why"),
    [(0, (), 0, NO_RUN), (1, (), 0, NO_MANIFESTS), (1, (1,), 0, SOME_MANIFESTS), (0, (1, 2), 2, STOPPED)],
)
def test_how_many_signed(unread: int, read: tuple[int, ...], most: int, why: str) -> None:
    signers = Signers()
    for count in (*(0,) * unread, *read):
        signers.add(count)
    assert (signers.most, signers.why) == (most, why)


@pytest.mark.parametrize(
    ("signers", "trusted", "why"),
    [
        (1, True, "no other signer is named"),
        (1, False, "no other signer is named"),
        (2, False, "of those who signed together none is trusted here"),
    ],
)
def test_co_signers(signers: int, trusted: bool, why: str, tmp_path: Path) -> None:
    archivist = good() if signers == 2 else Archivist()
    archivist.add_run()
    root = archivist.write(tmp_path / "a")
    keys = archivist.trusted if trusted else ()
    assert _of(_verify(root, archivist, trusted=keys), Claim.CO_SIGNERS) == [(Result.NOT_CHECKED, "archive", why)]
    run = root / "runs" / archivist.names[0]
    assert _of(_verify(run, archivist, trusted=keys), Claim.CO_SIGNERS) == [(Result.NOT_CHECKED, "run", why)]


def test_an_archive_without_a_run(tmp_path: Path) -> None:
    empty = Archivist()
    report = _verify(empty.write(tmp_path / "a"), empty)
    assert report.exit_code == 0
    assert not silent(report)
    assert {one.detail for one in report.findings if one.subject == "archive"} == {"not looked at: there is no run here"}
    assert _of(report, Claim.WITNESSES) == [(Result.NOT_CHECKED, "log", "empty: there is nothing to cosign yet")]


def test_what_is_required_is_not_lost_to_what_was_not_looked_at(tmp_path: Path) -> None:
    """A claim that passes of all there is to pass of, passes: nothing is left open beside it."""
    archivist = good()
    root = archivist.write(tmp_path / "a")
    for claim in (Claim.INTEGRITY, Claim.COMPLETENESS, Claim.SIGNER, Claim.LOG_INCLUSION, Claim.LOG_CONSISTENCY):
        assert _verify(root, archivist, require=frozenset({claim})).exit_code == 0
    for claim in (Claim.NOT_BEFORE, Claim.NOT_AFTER, Claim.WITNESSES):
        assert _verify(root, archivist, require=frozenset({claim})).exit_code == 41


def _staged(archivist: Archivist) -> Files:
    """The last run where an interrupted command leaves it: in the log, and without its proof."""
    files = archivist.files()
    last = f"runs/{archivist.names[-1]}/"
    moved = {path.replace(last, "journal/000001/", 1): data for path, data in files.items() if path.startswith(last)}
    del moved["journal/000001/log/seal.tlog-proof"]
    return {path: data for path, data in files.items() if not path.startswith(last)} | moved


def test_a_staged_run_is_an_entry_before_its_proof_is_written(tmp_path: Path) -> None:
    archivist = good()
    write(tmp_path / "a", _staged(archivist))
    report = _verify(tmp_path / "a", archivist, require=frozenset({Claim.LOG_INCLUSION}))
    assert (report.exit_code, silent(report)) == (0, [])
    result, subject, detail = _of(report, Claim.LOG_INCLUSION)[-1]
    assert (result, subject) == (Result.PASS, "journal/000001")
    assert detail == f"entry 1 of {archivist.origin}, by the log itself: its proof is still to be written"
    signers = tuple(pen.pinned for pen in archivist.signers)
    unknown = _verify(tmp_path / "a", archivist, trusted=signers)
    assert (unknown.exit_code, silent(unknown)) == (41, [])
    assert Result.PASS not in {result for result, _, _ in _of(unknown, Claim.LOG_INCLUSION)}, "nobody trusted says so"


# ------------------------------------------------------------------------------------------------------------------ many runs


def test_many_runs_that_fail_alike_are_counted(tmp_path: Path) -> None:
    archivist, count = Archivist(), SHOWN + 7
    for number in range(count):
        files = data_files(number, 1)
        archivist.add_signed(files, manifest.encode(archivist.manifest(files, number, 1)) + b" ")
    report = _verify(archivist.write(tmp_path / "a"), archivist)
    assert not silent(report)
    opened = Counter(one.claim for one in report.findings if one.detail.endswith(NO_MANIFEST))
    assert opened == dict.fromkeys((Claim.SIGNER, Claim.NOT_BEFORE, Claim.NOT_AFTER, Claim.LOG_INCLUSION), SHOWN + 1)
    (rest,) = [one for one in report.findings if one.subject == "runs" and one.claim is Claim.SIGNER]
    assert rest.detail == f"7 more: {NO_MANIFEST}"


def test_what_is_kept_of_many_is_bounded() -> None:
    many = Unlooked()
    for number in range(10_000):
        many.add(unsaid([], f"runs/{number:06d}", {Claim.SIGNER: "why", Claim.NOT_AFTER: "another"}))
    told = list(many.findings())
    assert len(told) == 2 * (SHOWN + 1)
    assert told[-1] == unchecked(Claim.NOT_AFTER, "runs", f"{10_000 - SHOWN} more: another")


def test_nothing_is_said_twice() -> None:
    told: list[Finding] = [failed(Claim.SIGNER, "x", "y")]
    assert list(unsaid(told, "runs/1", {Claim.SIGNER: "why"})) == []
    assert all(not one.needed and one.result is Result.NOT_CHECKED for one in unsaid(told, "x", dict.fromkeys(CLAIMS, "why")))


# ------------------------------------------------------------------------------------------------------------------- packets


def _packet(name: str, folder: Path) -> Report:
    made = next(attack for attack in PACKETS if attack.name == name).make()
    assert isinstance(made, dict)
    write(folder, made)
    with DiskFolder(folder) as packet:
        return verify_packet(packet, (), good().trusted, [], NOW, aids())


def test_a_packet_whose_checkpoint_another_key_of_the_log_signed(tmp_path: Path) -> None:
    report = _packet("a checkpoint signed by a thief", tmp_path / "packet")
    assert (report.exit_code, report.refusal, silent(report)) == (41, "log-unknown", [])
    why = "not shown: the key that signed the checkpoint in its proof is not known here"
    assert _of(report, Claim.LOG_INCLUSION) == [(Result.NOT_CHECKED, "packet", why)]


def test_a_packet_that_is_refused_early(tmp_path: Path) -> None:
    report = _packet("the manifest edited", tmp_path / "packet")
    assert (report.exit_code, silent(report)) == (40, [])
    assert {detail for _, _, detail in _of(report, Claim.SIGNER)} <= {
        "not shown: what fails ended the check",
        "not looked at: the manifest is not to be believed",
    }
    beyond = "a packet shows one capture; what else the run holds cannot be seen in it"
    assert _of(report, Claim.COMPLETENESS) == [(Result.NOT_CHECKED, "packet", beyond)]
