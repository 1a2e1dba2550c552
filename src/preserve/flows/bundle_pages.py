"""Which pages a bundle lists, from what it discloses of each run: the same when it is made and when it is verified."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from preserve.formats.wacz import Page
from preserve.model.handover import Absent
from preserve.model.lines import CaptureLine, CitationLine
from preserve.model.manifest import Manifest
from preserve.model.noun import dataclass
from preserve.rules import handover, selection


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What a bundle discloses of one run; each is gone through once, captures first."""

    captures: Iterable[CaptureLine]
    citations: Iterable[CitationLine]


def pages(run: str, manifest: Manifest, shown: Shown, absent: Absent) -> Iterator[Page]:
    """One page for each citation of a run that something can be shown for, in their order; then what was asked for by hand."""
    answers: dict[int, tuple[str, datetime]] = {}
    theirs: set[int] = set()
    lost = {one.capture for one in absent.lost if one.run == run}
    unseen: set[int] = set()
    alone: list[tuple[CaptureLine, str, str]] = []
    for capture in shown.captures:
        url = selection.first_address(capture)
        if capture.requisite_of is not None or url is None:
            continue
        cited = {each.citation for each in capture.cited_in}
        answers |= dict.fromkeys(cited, (url, capture.requested_at))
        if capture.foreign is not None:
            theirs |= cited
        (unseen.update if capture.capture in lost else unseen.difference_update)(cited)
        if not cited:
            ending = handover.THIRD_PARTY if capture.foreign is not None else ""
            alone.append((capture, url, ending + (handover.REMOVED if capture.capture in lost else "")))
    yield from handover.pages(manifest.archive.sequence, shown.citations, answers, alone, theirs, unseen)
