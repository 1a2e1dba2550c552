"""What a check found: a Finding is a value, a Report is all of them and the exit code they add up to.

A report is a list of claims, each shown alone; nothing here can say "valid" in one word. What was shown to be false is a
`fail` (exit 40); what could not be established is `not-checked` (exit 41 where it is needed); an exception means that we could
not look at all. docs/formats/verification.md lists the claims.
"""

from __future__ import annotations

from enum import StrEnum

from preserve.errors import ExitCode
from preserve.model.noun import dataclass


class Claim(StrEnum):
    """What can be said of an archive, one thing at a time, in the order a reader wants them."""

    INTEGRITY = "integrity"
    """What is stored is what was signed, byte for byte."""
    COMPLETENESS = "completeness"
    """Nothing is missing, nothing was added, every citation is answered."""
    SIGNER = "signer"
    """A key that this verifier trusts signed it."""
    CO_SIGNERS = "co-signers"
    """The other signatures hold too, and whose they are."""
    CREATED = "created"
    """The time that the signer claims."""
    NOT_BEFORE = "not-before"
    """A start token proves that the run did not begin earlier."""
    NOT_AFTER = "not-after"
    """A token over SEAL proves that it existed by then."""
    LOG_INCLUSION = "log-inclusion"
    """The run is the entry of the append-only log that it says it is."""
    LOG_CONSISTENCY = "log-consistency"
    """The log only grew: since each run's own checkpoint, and since this verifier last looked."""
    WITNESSES = "witnesses"
    """Others saw the same log."""
    STRUCTURE = "structure"
    """Every stored slice is one gzip member holding one WARC record, and its block digest holds."""
    DOCUMENTS = "documents"
    """The kept copies of the documents are those that the runs cite from."""
    EVENTS = "events"
    """What was done with the archive beside capturing is stated, signed by whom it says, and entered in the log."""


class Result(StrEnum):
    """What became of one claim about one subject."""

    PASS = "pass"  # noqa: S105 -- not a password
    FAIL = "fail"
    NOT_CHECKED = "not-checked"


REDACTED = "redacted"
"""The code of a finding that says that a record was removed under a signed statement."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One claim about one subject (a path, a run, a key, a log) and what came of checking it.

    `detail` is a sentence for a person; text from outside in it is not made safe to print yet. `record` is the index of the one
    damaged record of the WARC file `subject`, where the damage is that narrow. `needed` marks a claim without
    which the whole cannot be called established: where it is not-checked, the exit code is 41. `code` is the word for this refusal that
    the checker in an evidence packet uses too (docs/formats/packet.md section 6).
    """

    claim: Claim
    result: Result
    subject: str
    detail: str
    needed: bool = False
    record: int | None = None
    code: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Everything that one verification found. `require` adds claims that must pass; `stamped`: the times are proven by tokens.

    `refusal` is the one word for why an evidence packet is not accepted; "" when it is, and for everything that is no packet.
    """

    findings: tuple[Finding, ...]
    require: frozenset[Claim] = frozenset()
    stamped: bool = False
    sampled: bool = False
    """Only some records were read."""
    refusal: str = ""

    @property
    def exit_code(self) -> ExitCode:
        """40 for anything altered, missing or forged; else 41 for a needed or required claim not established; else 0."""
        if any(finding.result is Result.FAIL for finding in self.findings):
            return ExitCode.ALTERED
        open_claims = {finding.claim for finding in self.findings if finding.result is Result.NOT_CHECKED}
        passed = {finding.claim for finding in self.findings if finding.result is Result.PASS} - open_claims
        if self.require - passed or any(f.needed and f.result is Result.NOT_CHECKED for f in self.findings):
            return ExitCode.UNESTABLISHED
        return ExitCode.DONE

    @property
    def time(self) -> str:
        """Whether the times rest on tokens of an authority or on the signer's word."""
        return "stamped" if self.stamped else "self-asserted"


def passed(claim: Claim, subject: str, detail: str) -> Finding:
    return Finding(claim=claim, result=Result.PASS, subject=subject, detail=detail)


def failed(claim: Claim, subject: str, detail: str, *, record: int | None = None, code: str = "") -> Finding:
    return Finding(claim=claim, result=Result.FAIL, subject=subject, detail=detail, record=record, code=code)


def unchecked(
    claim: Claim, subject: str, detail: str, *, needed: bool = False, record: int | None = None, code: str = ""
) -> Finding:
    return Finding(
        claim=claim, result=Result.NOT_CHECKED, subject=subject, detail=detail, needed=needed, record=record, code=code
    )
