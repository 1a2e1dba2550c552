"""Stolen keys: what a recovery key's word leaves standing, and a revocation that somebody hides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

import attacks_on_tokens as tokens
from archives import START, Archivist, Pen, WitnessPen
from attacks_on_keys import CO_SIGNER, NEW, OLD, PAPER, name_paper, revoke, rotate, sign_with
from preserve.adapters.checkpoints import CheckpointMemory
from preserve.adapters.folder import DiskFolder
from preserve.flows.verify import verify
from preserve.model.finding import Claim, Report, Result
from preserve.model.trust import Revocation, TrustedKey, TrustRole
from speaking import unsaid

_PAPER = replace(PAPER.pinned, name=OLD.name, role=TrustRole.RECOVERY)


def _verify(path: Path, keys: Sequence[TrustedKey], memory: Path | None = None) -> Report:
    with DiskFolder(path) as folder:
        memories = [] if memory is None else [CheckpointMemory(memory)]
        report = verify(folder, keys, memories, tokens.now() + timedelta(days=400))
    assert not unsaid(report)
    return report


def _signers(report: Report) -> list[Result]:
    return [finding.result for finding in report.findings if finding.claim is Claim.SIGNER]


@pytest.mark.parametrize(("stolen", "expected"), [(timedelta(hours=1), 0), (timedelta(hours=-1), 41)])
def test_a_key_revoked_as_compromised_keeps_what_was_stamped_before(tmp_path: Path, stolen: timedelta, expected: int) -> None:
    """Tokens by real authorities; the revocation is in the log, and 400 days have gone by."""
    archivist = Archivist()
    tokens.add_stamped(archivist)
    since = tokens.now() + stolen
    revoke(archivist, (PAPER,), since=since, created=tokens.now() + timedelta(hours=2))
    report = _verify(archivist.write(tmp_path / "archive"), (*tokens.trusted(archivist), _PAPER))
    assert report.exit_code == expected
    assert _signers(report) == [Result.PASS if expected == 0 else Result.NOT_CHECKED]


def test_what_the_thief_signs_with_genuine_tokens_of_today_is_refused(tmp_path: Path) -> None:
    archivist = Archivist()
    revoke(archivist, (PAPER,), since=tokens.now() - timedelta(days=5), created=tokens.now() - timedelta(days=4))
    tokens.add_stamped(archivist)
    report = _verify(archivist.write(tmp_path / "archive"), (*tokens.trusted(archivist), _PAPER))
    assert (report.exit_code, _signers(report)) == (41, [Result.NOT_CHECKED])


@pytest.mark.parametrize(("days", "known", "expected"), [(-1, True, 0), (-10, True, 41), (-1, False, 41)])
def test_a_witness_is_as_good_as_a_token(tmp_path: Path, days: int, known: bool, expected: int) -> None:
    """The witness of these tests cosigned three days before START."""
    witness = WitnessPen("the witness")
    archivist = Archivist(witnesses=(witness,))
    archivist.add_run()
    revoke(archivist, (PAPER,), since=START + timedelta(days=days))
    keys = (*archivist.trusted, _PAPER, *((witness.pinned,) if known else ()))
    report = _verify(archivist.write(tmp_path / "archive"), keys)
    assert (report.exit_code, _signers(report)) == (expected, [Result.PASS if expected == 0 else Result.NOT_CHECKED])


def test_a_witness_says_nothing_for_another_run(tmp_path: Path) -> None:
    """A proof with cosignatures brought from another run is forged, and bears out nothing."""
    witness = WitnessPen("the witness")
    archivist = Archivist(witnesses=(witness,))
    archivist.add_run()
    archivist.witnesses = ()
    archivist.add_run()
    archivist.runs[1]["log/seal.tlog-proof"] = archivist.runs[0]["log/seal.tlog-proof"]
    revoke(archivist, (PAPER,), since=START - timedelta(days=1))
    report = _verify(archivist.write(tmp_path / "archive"), (*archivist.trusted, _PAPER, witness.pinned))
    assert report.exit_code == 40
    assert _signers(report) == [Result.PASS, Result.NOT_CHECKED]


def test_a_revocation_taken_out_of_the_log_is_missed_by_who_saw_it(tmp_path: Path) -> None:
    archivist = Archivist()
    archivist.add_run()
    name_paper(archivist)
    revoke(archivist, (PAPER,), since=START - timedelta(days=1))
    told = _verify(archivist.write(tmp_path / "told"), (*archivist.trusted, _PAPER), tmp_path / "memory")
    assert told.exit_code == 41
    hidden = Archivist()
    hidden.add_run()
    name_paper(hidden)
    report = _verify(hidden.write(tmp_path / "hidden"), (*hidden.trusted, _PAPER), tmp_path / "memory")
    assert report.exit_code == 40
    assert any("rolled back" in finding.detail for finding in report.findings)


def test_the_paper_of_somebody_else_takes_nothing_away(tmp_path: Path) -> None:
    archivist = Archivist()
    archivist.add_run()
    revoke(archivist, (PAPER,), since=START - timedelta(days=1))
    other = replace(_PAPER, name="Somebody else")
    report = _verify(archivist.write(tmp_path / "archive"), (*archivist.trusted, other))
    assert _signers(report) == [Result.PASS]
    assert report.exit_code == 41
    assert any("not obeyed" in finding.detail for finding in report.findings)


def test_who_pinned_the_new_key_only_does_not_learn_to_trust_the_old_one(tmp_path: Path) -> None:
    archivist = Archivist()
    archivist.add_run()
    rotate(archivist)
    sign_with(archivist, NEW)
    report = _verify(archivist.write(tmp_path / "archive"), (NEW.pinned, archivist.log.pinned))
    assert (report.exit_code, _signers(report)) == (41, [Result.NOT_CHECKED, Result.PASS])


@pytest.mark.parametrize("stolen", [OLD, CO_SIGNER], ids=["one", "other"])
def test_one_paper_may_speak_for_both_signers_who_named_it(tmp_path: Path, stolen: Pen) -> None:
    archivist = Archivist(signers=(stolen,))
    archivist.add_run()
    name_paper(archivist, (OLD, CO_SIGNER, PAPER))
    revoke(archivist, (PAPER,), key=stolen, since=START - timedelta(days=1))
    report = _verify(archivist.write(tmp_path / "archive"), (OLD.pinned, CO_SIGNER.pinned, archivist.log.pinned))
    assert (report.exit_code, _signers(report)) == (41, [Result.NOT_CHECKED])
    assert not any("not obeyed" in finding.detail for finding in report.findings)


@pytest.mark.parametrize("revoked", [False, True])
def test_calling_a_key_compromised_gives_nothing_back_that_it_had_lost(tmp_path: Path, revoked: bool) -> None:
    """What an old key signs after another one followed does not count, also where a token is older than the theft that was noticed."""
    archivist = Archivist()
    rotate(archivist)
    tokens.add_stamped(archivist)
    if revoked:
        revoke(archivist, (PAPER,), since=tokens.now() + timedelta(hours=1), created=tokens.now() + timedelta(hours=2))
    report = _verify(archivist.write(tmp_path / "archive"), (*tokens.trusted(archivist), _PAPER))
    assert (report.exit_code, _signers(report)) == (41, [Result.NOT_CHECKED])


def test_what_was_given_up_and_then_called_compromised_by_its_user_stays_given_up(tmp_path: Path) -> None:
    archivist = Archivist()
    tokens.add_stamped(archivist)
    revoke(archivist, (PAPER,), since=tokens.now() + timedelta(hours=1), created=tokens.now() + timedelta(hours=2))
    given_up = replace(OLD.pinned, revoked_at=tokens.now() - timedelta(days=2), reason=Revocation.SUPERSEDED)
    keys = [given_up if key.keyid == OLD.keyid else key for key in tokens.trusted(archivist)]
    report = _verify(archivist.write(tmp_path / "archive"), (*keys, _PAPER))
    assert (report.exit_code, _signers(report)) == (41, [Result.NOT_CHECKED])


def test_a_thief_cannot_give_the_key_up_for_the_time_before_the_theft(tmp_path: Path) -> None:
    """A statement by the stolen key, dated back, that it was given up: it does not count once the recovery key has spoken."""
    archivist = Archivist()
    tokens.add_stamped(archivist)
    revoke(archivist, (OLD,), created=tokens.now() - timedelta(days=900))
    revoke(archivist, (PAPER,), since=tokens.now() + timedelta(hours=1), created=tokens.now() + timedelta(hours=2))
    report = _verify(archivist.write(tmp_path / "archive"), (*tokens.trusted(archivist), _PAPER))
    assert (report.exit_code, _signers(report)) == (41, [Result.PASS])
