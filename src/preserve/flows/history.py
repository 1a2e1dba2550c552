"""`preserve status --history`: how many of a collection's citations stood well after each run (docs/guide/change.md)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from preserve.errors import FormatError
from preserve.flows.select import SealedRun
from preserve.model.change import Tally
from preserve.model.trust import CaptureLine, Role
from preserve.ports import Folder
from preserve.rules import linkrot
from preserve.rules.damage import Damage


def history(folder: Folder, names: Sequence[str], damage: Damage) -> tuple[Tally, ...]:
    """A tally for each sealed run of `names`, oldest first. One that is not what was sealed, or cannot be read, is left out."""
    found, state = [], linkrot.History()
    for name in names:
        if not damage.intact(f"runs/{name}", ()):
            continue
        try:
            run = SealedRun(folder, name)
            # An import asked nobody: it says nothing of how the links fare.
            imported = any(entry.role is Role.FOREIGN for entry in run.manifest.files)
            told = () if imported else tuple(_told(run))
        except (FormatError, FileNotFoundError):
            continue
        found.append(state.take(name, run.manifest.archive.sequence, run.manifest.created, told))
    return tuple(found)


def _told(run: SealedRun) -> Iterator[linkrot.Told]:
    answers: dict[int, CaptureLine] = {}
    for capture in run.captures():
        if capture.requisite_of is not None:
            continue
        for cited in capture.cited_in:
            answers[cited.citation] = capture
        if not capture.cited_in:
            state = linkrot.health(capture.outcome, capture.verdict, addressed=True)
            yield linkrot.Told(document=None, sha256="", key=(capture.url,), health=state)
    for line in run.citations():
        answer = answers.get(line.citation)
        state = linkrot.health(
            answer.outcome if answer else None, answer.verdict if answer else None, addressed=line.url is not None
        )
        note = line.note if line.note is not None else line.note_inferred
        key = (note or "", line.url or line.url_as_printed or "", line.text or "")
        yield linkrot.Told(document=line.document, sha256=line.document_sha256, key=key, health=state)
