"""`preserve status --history`: how many of a collection's citations stood well after each run (docs/guide/change.md).

A year of runs says the same of the same citations again and again: a citation's line is taken apart once, captures are looked at and not
taken apart. That the lines are what was signed is for the verification that comes first.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from preserve.errors import FormatError
from preserve.flows.register import Glance, glance
from preserve.flows.select import SealedRun
from preserve.formats import lines
from preserve.model.change import Tally
from preserve.model.lines import CitationLine
from preserve.model.manifest import Role
from preserve.ports import Folder
from preserve.rules import linkrot
from preserve.rules.damage import Damage

_OWN = re.compile(rb'"salt":"[0-9a-f]*"')
"""What alone differs between the lines of a citation in two runs that were made from the same document."""
_KEPT = 100_000
"""Lines of citations that are remembered."""


def history(folder: Folder, names: Sequence[str], damage: Damage) -> tuple[Tally, ...]:
    """A tally for each sealed run of `names`, oldest first. One that is not what was sealed, or cannot be read, is left out."""
    found, state, known = [], linkrot.History(), dict[bytes, CitationLine]()
    for name in names:
        if not damage.intact(f"runs/{name}", ()):
            continue
        try:
            run = SealedRun(folder, name)
            # An import asked nobody: it says nothing of how the links fare.
            imported = any(entry.role is Role.FOREIGN for entry in run.manifest.files)
            told = () if imported else tuple(_told(run, known))
        except (FormatError, FileNotFoundError):
            continue
        found.append(state.take(name, run.manifest.archive.sequence, run.manifest.created, told))
    return tuple(found)


def _told(run: SealedRun, known: dict[bytes, CitationLine]) -> Iterator[linkrot.Told]:
    answers: dict[int, Glance] = {}
    for row in run.rows(run.manifest.captures.file):
        capture = glance(row)
        if capture.requisite:
            continue
        for number in capture.cited:
            answers[number] = capture
        if not capture.cited:
            state = linkrot.health(capture.outcome, capture.verdict, addressed=True)
            yield linkrot.Told(document=None, sha256="", key=(capture.url,), health=state)
    for row in run.rows(run.manifest.citations.file):
        line = _citation(row, known)
        answer = answers.get(line.citation)
        state = linkrot.health(
            answer.outcome if answer else None, answer.verdict if answer else None, addressed=line.url is not None
        )
        note = line.note if line.note is not None else line.note_inferred
        key = (note or "", line.url or line.url_as_printed or "", line.text or "")
        yield linkrot.Told(document=line.document, sha256=line.document_sha256, key=key, health=state)


def _citation(row: bytes, known: dict[bytes, CitationLine]) -> CitationLine:
    own = _OWN.sub(b"", row)
    if (line := known.get(own)) is None:
        line = lines.decode_citation(row)
        if len(known) < _KEPT:
            known[own] = line
    return line
