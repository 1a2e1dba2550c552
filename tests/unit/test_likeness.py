"""What is told once for many, and what never is: whoever reads the short form must not miss a name, a record or a reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from preserve.cli.findings import About, text_lines
from preserve.model.finding import REDACTED, Claim, Finding, Report, passed, unchecked
from preserve.rules.likeness import likeness

_RUNS = ("runs/000000-20261121t175146z", "runs/000001-20261122t080001z")
_KEY = "-".join(["edf1"] * 16)


@pytest.mark.parametrize(
    "details",
    [
        (f"signed by A. Archivist, key {_KEY}",) * 2,
        ("1 record, each as it was signed", "12 records, each as it was signed"),
        ("1 entry; the log only grew", "2 entries; the log only grew"),
        ("entry 5 of preserve/90a4b5c6d7e8f901/log", "entry 17 of preserve/90a4b5c6d7e8f901/log"),
        ("sealed after 2026-11-21T17:51:46.000Z, says one", "sealed after 2026-11-22T08:00:01.250Z, says one"),
        (
            "no root is pinned for one, who would say 2026-11-21 17:51:46 UTC: preserve trust add",
            "no root is pinned for one, who would say 2026-11-22 08:00:01 UTC: preserve trust add",
        ),
    ],
)
def test_two_runs_of_which_the_same_is_said(details: tuple[str, str]) -> None:
    one, other = (passed(Claim.INTEGRITY, run, detail) for run, detail in zip(_RUNS, details, strict=True))
    assert likeness(one) == likeness(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("no root is pinned for tsa1", "no root is pinned for tsa2"),
        ("no root is pinned for tsa-1", "no root is pinned for tsa-2"),
        ("no root is pinned for 127.0.0.1-8318", "no root is pinned for 127.0.0.1-8319"),
        ("it asked http://x.example/page/1", "it asked http://x.example/page/2"),
        ("it asked http://x.example:81/", "it asked http://x.example:82/"),
        (f"UNKNOWN KEY {_KEY}", f"UNKNOWN KEY {_KEY.replace('edf1', 'edf2')}"),
        ("UNKNOWN KEY 1111-2222", "UNKNOWN KEY 3333-4444"),
        ("says one (give or take 1.5 s)", "says one (give or take 2.5 s)"),
    ],
)
def test_names_that_differ_in_a_digit(one: str, other: str) -> None:
    assert likeness(unchecked(Claim.NOT_AFTER, _RUNS[0], one)) != likeness(unchecked(Claim.NOT_AFTER, _RUNS[0], other))


def test_signers_are_told_one_by_one() -> None:
    """Their names are what people call them."""
    told = [unchecked(Claim.SIGNER, _RUNS[0], f"Desk {n}'s key was revoked as compromised at {day}") for n, day in
            ((1, "2026-11-21T17:51:46.000Z"), (2, "2026-11-21T17:51:46.000Z"), (2, "2026-11-22T17:51:46.000Z"))]  # fmt: skip
    assert len({likeness(finding) for finding in told}) == 3


def test_tokens_of_two_authorities() -> None:
    """What is said of a token that is missing names its authority in the path alone."""
    missing = [unchecked(Claim.NOT_AFTER, f"{run}/timestamps/{name}.tsr", "missing") for run in _RUNS for name in ("a1", "a2")]
    assert len({likeness(finding) for finding in missing}) == 2


def test_what_was_stated_and_what_was_removed_is_told_one_by_one() -> None:
    orders = [passed(Claim.EVENTS, "events/000003-redaction", f"by order of court order {n} of {2025 + n}") for n in (1, 2)]
    assert len({likeness(finding) for finding in orders}) == 2
    records = [unchecked(Claim.INTEGRITY, "data/000001.warc.gz", f"record {n} at offset {n}: gone", record=n) for n in (3, 4)]
    assert len({likeness(finding) for finding in records}) == 2
    same = [unchecked(Claim.INTEGRITY, f"{run}/data/000001.warc.gz", "record 3: gone", record=3) for run in _RUNS]
    assert len({likeness(finding) for finding in same}) == 2


def _ending(*findings: Finding, about: About = About.CAPTURES, require: frozenset[Claim] = frozenset()) -> str:
    report = Report(findings=findings, require=require)
    return [*text_lines(report, Path("archive"), verbose=False, quiet=False, about=about)][-1]


def test_the_ending_of_an_archive_from_which_something_was_removed() -> None:
    """Its bytes are other ones: "nothing was found altered" alone would not be true."""
    removed = unchecked(Claim.INTEGRITY, "data/1.warc.gz", "record 3: removed", needed=True, record=3, code=REDACTED)
    signer = unchecked(Claim.SIGNER, _RUNS[0], "UNKNOWN KEY", needed=True, code="signer-unknown")
    alone, beside = _ending(removed), _ending(removed, signer)
    assert alone.startswith("Records were REMOVED under signed statements")
    assert alone.endswith("Nothing else was found altered, missing or forged.")
    assert beside.endswith("but another needed claim is NOT ESTABLISHED: see what is needed and not established.")
    assert _ending(removed, require=frozenset({Claim.NOT_AFTER})).endswith("see what is needed and not established.")
    assert "REMOVED" not in _ending(signer)


def test_the_ending_says_what_was_looked_at() -> None:
    good = passed(Claim.LOG_CONSISTENCY, "log", "signed")
    assert _ending(good).startswith("Nothing was found altered")
    assert _ending(good, about=About.LOG).endswith("was not looked at: preserve verify.")
    assert "No entry of the log was looked at" in _ending(good, about=About.CHECKPOINT)
