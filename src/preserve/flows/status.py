"""`preserve status`: for every document and footnote, what there is of it and whether it still is what was sealed.

The lines of the sealed runs are read in order; what a later run says of a citation counts. Whether a capture is intact comes from a
full verification, never from what a line claims.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from preserve.errors import FormatError, StoreError
from preserve.formats import lines, manifest
from preserve.model.finding import Report
from preserve.model.lines import CaptureLine, CitationLine, ForeignLine, MementoLine
from preserve.model.manifest import Manifest
from preserve.model.noun import dataclass
from preserve.model.web import Outcome, Verdict
from preserve.ports import Folder
from preserve.rules.damage import Damage


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How one citation stands. `document` and `note` are None for an address that was given by itself.

    `outcome` is None where nothing was asked, and `reason` says why. `intact` is None where there is nothing to be intact.
    """

    document: str | None
    note: str | None
    url: str | None
    outcome: Outcome | None
    verdict: Verdict | None
    reason: str
    captured: datetime | None
    run: str
    intact: bool | None
    chosen: str | None = None
    memento: MementoLine | None = None
    removed: bool = False
    """Records of it were removed, under a signed statement (a redaction)."""
    foreign: ForeignLine | None = None
    unchanged: int = 0
    """How many requisites of the page are only listed, as they were as before."""

    @property
    def fine(self) -> bool:
        """Whether we have the page ourselves, and it is worth something."""
        return self.outcome is Outcome.CAPTURED and self.verdict is Verdict.OK and self.foreign is None


def status(folder: Folder, report: Report) -> tuple[Standing, ...]:
    """Every citation of every sealed run, documents in the order they were first cited from, notes in theirs.

    `report` is the verification of the same archive. A run that cannot be read is in the report, and left out here.
    """
    damage = Damage(report.findings)
    found: dict[tuple[str | None, str | None, str | None, str], Standing] = {}
    for run in _runs(folder):
        try:
            for text, standing in _of_run(folder, run, damage):
                key = standing.document, standing.note, standing.url, text
                # What was left alone this time stands as it was found before; a third party's word does not replace what we saw.
                before = found.get(key)
                if (
                    before is None
                    or before.outcome is None
                    or (standing.outcome is not None and not (standing.foreign is not None and before.fine))
                ):
                    found[key] = standing
        except (FormatError, StoreError, FileNotFoundError):
            continue
    order: dict[str | None, int] = {}
    for standing in found.values():
        order.setdefault(standing.document, len(order))
    return tuple(sorted(found.values(), key=lambda standing: order[standing.document]))


def _runs(folder: Folder) -> Iterator[str]:
    names = {"/".join(entry.path.split("/")[:2]) for entry in folder.walk() if entry.path.startswith("runs/")}
    for name in sorted(names, key=lambda name: (len(name.partition("-")[0]), name)):
        if "/" in name:
            yield name


def _of_run(folder: Folder, run: str, damage: Damage) -> Iterator[tuple[str, Standing]]:
    signed = manifest.decode(folder.read(f"{run}/manifest.json", manifest.MAX_SIZE))
    answers: dict[int, CaptureLine] = {}
    for capture in _captures(folder, run, signed):
        if capture.requisite_of is not None:
            continue
        for cited in capture.cited_in:
            answers[cited.citation] = capture
        if not capture.cited_in:
            yield "", _standing(None, None, capture.url, capture, run, damage)
    with folder.open(f"{run}/{signed.citations.file}") as file:
        for row in lines.rows(file):
            citation = lines.decode_citation(row)
            note = citation.note if citation.note is not None else citation.note_inferred
            url = citation.url if citation.url is not None else citation.url_as_printed
            answer = answers.get(citation.citation)
            if answer is None:
                yield citation.text or "", _unanswered(citation, note, url, run)
            else:
                yield citation.text or "", _standing(citation.document, note, url, answer, run, damage)


def _captures(folder: Folder, run: str, signed: Manifest) -> Iterator[CaptureLine]:
    with folder.open(f"{run}/{signed.captures.file}") as file:
        for row in lines.rows(file):
            yield lines.decode_capture(row)


def _standing(
    document: str | None, note: str | None, url: str | None, capture: CaptureLine, run: str, damage: Damage
) -> Standing:
    return Standing(
        document=document,
        note=note,
        url=url,
        outcome=capture.outcome,
        verdict=capture.verdict,
        reason=capture.reason or ", ".join(capture.signals),
        captured=capture.finished_at if capture.records else None,
        run=run.removeprefix("runs/"),
        intact=damage.intact(run, capture.records) if capture.records else None,
        removed=damage.removed(run, capture.records),
        chosen=capture.chosen,
        memento=capture.memento,
        foreign=capture.foreign,
        unchanged=capture.unchanged,
    )


def _unanswered(citation: CitationLine, note: str | None, url: str | None, run: str) -> Standing:
    return Standing(
        document=citation.document,
        note=note,
        url=url,
        outcome=None,
        verdict=None,
        reason=citation.not_captured or "",
        captured=None,
        run=run.removeprefix("runs/"),
        intact=None,
    )
