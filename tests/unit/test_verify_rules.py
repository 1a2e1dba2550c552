"""rules.verify_*: whom a pinned key vouches for, whose log it is, what an archive is made of."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from archives import NOW, START, Archivist, LogPen, Pen, WitnessPen
from preserve.formats import manifest
from preserve.model.finding import Claim, Finding, Result
from preserve.model.tree import Entry, Kind
from preserve.model.trust import Revocation, TrustedKey
from preserve.rules import verify_archive, verify_log, verify_signed

_DAY = timedelta(days=1)
_PEN = Pen("A. Archivist")
_KEY = _PEN.pinned
_SIGNED = START + timedelta(minutes=10)


@pytest.mark.parametrize(
    ("key", "why"),
    [
        (_KEY, ""),
        (replace(_KEY, valid_from=START, valid_until=START + _DAY), ""),
        (replace(_KEY, valid_from=START + _DAY), "counts from"),
        (replace(_KEY, valid_until=START), "counted until"),
        (replace(_KEY, revoked_at=START + _DAY, reason=Revocation.SUPERSEDED), ""),
        (replace(_KEY, revoked_at=START, reason=Revocation.SUPERSEDED), "given up"),
        (replace(_KEY, revoked_at=START, reason=Revocation.COMPROMISED), "compromised"),
        (replace(_KEY, revoked_at=START + _DAY, reason=Revocation.COMPROMISED), "nothing proves that this is older"),
    ],
)
def test_whom_a_pinned_key_vouches_for(key: TrustedKey, why: str) -> None:
    archivist = Archivist()
    signed = manifest.decode(archivist.add_run()["manifest.json"])
    assert signed.created == _SIGNED
    told = verify_signed.distrust(key, signed.created)
    assert bool(told) == bool(why)
    assert why in told
    (finding,) = verify_signed.judge_trust(signed, [_PEN.public], [key], "run")
    assert finding.claim is Claim.SIGNER
    assert (finding.result is Result.PASS) == (not why)
    assert finding.needed == bool(why)


def test_one_trusted_signer_is_enough_and_the_others_are_named() -> None:
    second, third = Pen("Second person"), Pen("Third person")
    archivist = Archivist(signers=(_PEN, second, third))
    signed = manifest.decode(archivist.add_run()["manifest.json"])
    keys = [pen.public for pen in archivist.signers]
    findings = verify_signed.judge_trust(signed, keys, [second.pinned, third.pinned], "run")
    assert [(finding.claim, finding.result, finding.needed) for finding in findings] == [
        (Claim.SIGNER, Result.PASS, False),
        (Claim.CO_SIGNERS, Result.PASS, False),
        (Claim.CO_SIGNERS, Result.NOT_CHECKED, False),
    ]
    assert "Second person" in findings[0].detail
    assert "UNKNOWN KEY" in findings[2].detail


def test_a_log_key_signs_no_manifests() -> None:
    """A key pinned for one role is a stranger in another."""
    archivist = Archivist()
    signed = manifest.decode(archivist.add_run()["manifest.json"])
    vkey = LogPen("A. Archivist", archivist.origin)
    assert vkey.keyid == _PEN.keyid
    (finding,) = verify_signed.judge_trust(signed, [_PEN.public], [vkey.pinned], "run")
    assert finding.result is Result.NOT_CHECKED


def test_which_key_a_log_is_judged_by() -> None:
    origin = "archive.example/main/log"
    old, new, other = LogPen("old", origin), LogPen("new", origin), LogPen("other", "other.example/log")
    pick = verify_log.log_keys
    assert pick(origin, [other.pinned], new.key, NOW).doubt.startswith("UNKNOWN LOG KEY")
    assert pick(origin, [other.pinned], new.key, NOW).log == new.key
    assert pick(origin, [other.pinned], None, NOW).log is None
    assert pick(origin, [old.pinned], new.key, NOW).log == old.key
    assert pick(origin, [old.pinned, new.pinned], new.key, NOW).log == new.key
    revoked = replace(old.pinned, revoked_at=START, reason=Revocation.COMPROMISED)
    assert pick(origin, [revoked], old.key, NOW).doubt
    assert pick(origin, [revoked, new.pinned], old.key, NOW).log == new.key


def _head(archivist: Archivist, *pinned: TrustedKey) -> verify_log.Head | Finding:
    keys = verify_log.log_keys(archivist.origin, [archivist.log.pinned, *pinned], None, NOW)
    return verify_log.judge_head(archivist.checkpoint().encode(), keys, "log/checkpoint")


def test_witnesses() -> None:
    witness = WitnessPen("a witness")
    archivist = Archivist(witnesses=(witness,))
    archivist.add_run()
    seen = _head(archivist, witness.pinned)
    assert isinstance(seen, verify_log.Head)
    assert [(finding.claim, finding.result) for finding in seen.findings] == [(Claim.WITNESSES, Result.PASS)]
    assert "2026-11" in seen.findings[0].detail
    unknown = _head(archivist)
    assert isinstance(unknown, verify_log.Head)
    assert [(finding.claim, finding.result) for finding in unknown.findings] == [(Claim.WITNESSES, Result.NOT_CHECKED)]


def test_a_known_witness_whose_line_does_not_verify_is_a_forgery() -> None:
    witness = WitnessPen("a witness")
    archivist = Archivist(witnesses=(witness,))
    archivist.add_run()
    head = archivist.checkpoint()
    witness.private = Pen("a thief").private
    keys = verify_log.log_keys(archivist.origin, [archivist.log.pinned, witness.pinned], None, NOW)
    forged = verify_log.judge_head(archivist.checkpoint().encode(), keys, "log/checkpoint")
    assert isinstance(forged, verify_log.Head)
    assert [finding.result for finding in forged.findings] == [Result.FAIL]
    assert head.text == archivist.checkpoint().text


@pytest.mark.parametrize(
    ("numbers", "told"),
    [
        ([], []),
        ([0, 1, 2], []),
        ([1], ["run 0"]),
        ([0, 3], ["runs 1 to 2"]),
        ([0, 0, 1], ["run 0"]),
        ([0, 1_000_000], ["runs 1 to 999999"]),
    ],
)
def test_runs_count_from_zero_without_a_gap(numbers: list[int], told: list[str]) -> None:
    assert [finding.subject for finding in verify_archive.judge_sequence(numbers)] == told


def test_documents() -> None:
    digest = "a" * 64
    path = f"documents/{digest}/paper.txt"

    def results(
        hashes: dict[str, str], sources: dict[str, set[str]], *, known: bool = True, open_run: bool = False
    ) -> list[Result]:
        return [finding.result for finding in verify_archive.judge_documents(hashes, sources, known=known, open_run=open_run)]

    assert results({path: digest}, {digest: {"paper.txt"}}) == [Result.PASS]
    assert results({}, {}) == [Result.PASS]
    assert results({path: "b" * 64}, {digest: {"paper.txt"}}) == [Result.FAIL]
    assert results({}, {digest: {"paper.txt"}}) == [Result.FAIL]
    assert results({path: digest}, {}) == [Result.FAIL]
    assert results({path: digest}, {}, open_run=True) == [Result.NOT_CHECKED, Result.PASS]
    assert results({path: digest}, {}, known=False) == [Result.NOT_CHECKED]
    assert results({path: digest}, {digest: {"paper.txt", "same.txt"}}) == [Result.FAIL]
    assert results({"documents/readme": digest}, {}) == [Result.FAIL]
    assert results({path: ""}, {digest: {"paper.txt"}}) == [Result.FAIL], "of another size, and not read"
    assert results({path: ""}, {}) == [Result.FAIL], "nobody cites from it, and it was not read"
    assert results({path: ""}, {}, open_run=True) == [Result.NOT_CHECKED, Result.PASS]


def test_only_documents_that_can_be_what_was_signed_are_read() -> None:
    digest = "a" * 64
    sources = {digest: {"paper.txt": 7}}

    def entry(path: str, size: int, kind: Kind = Kind.FILE) -> Entry:
        return Entry(path=path, kind=kind, size=size, links=1)

    copies = [
        entry(f"documents/{digest}/paper.txt", 7),
        entry(f"documents/{digest}/paper.txt", 1 << 40),
        entry(f"documents/{digest}/other.txt", 7),
        entry("documents/readme", 7),
    ]
    assert verify_archive.to_read(copies, sources) == copies[:1]
    folders = [f"documents/{digest}", "documents/more", f"documents/{digest}/in", f"documents/{digest.upper()}"]
    told = verify_archive.judge_document_folders(entry(path, 0, Kind.FOLDER) for path in folders)
    assert [finding.subject for finding in told] == folders[1:]
