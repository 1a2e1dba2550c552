"""What a bundle has for players beside what was sealed, checked: it is what follows from the runs in it, byte for byte (docs/formats/wacz-profile.md section 5).

Where single captures were handed over, some of it was made of lists that did not come along, because they are other pages'. Such a record
has to be one that a list could have called for: of an original that is here, at a time of a run that is here. That the list said so is
the word of whoever made the bundle, and is told.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, BinaryIO, Final

from preserve.errors import FormatError
from preserve.flows import listed, players
from preserve.formats import wacz, warcscan
from preserve.formats.counted import counted
from preserve.formats.times import rfc3339
from preserve.formats.warc import Header, target_uri
from preserve.model.finding import Claim, Finding, failed, unchecked
from preserve.model.handover import Absent, Gone, Notice
from preserve.model.unchanged import Unchanged
from preserve.rules import handover
from preserve.rules.record import refers_to_date

if TYPE_CHECKING:
    from preserve.flows.select import SealedRun
    from preserve.ports import Folder
    from preserve.rules.verify_bundle import Measured

_ANCHORS: Final = wacz.ARCHIVE + handover.ANCHORS_NAME
_NOTICES: Final = wacz.ARCHIVE + handover.NOTICES_NAME
_BUNDLE: Final = "bundle"
_SHOWN: Final = 10
"""Answers that are told one by one."""
_WHY: Final = {
    Gone.REMOVED: "it was removed",
    Gone.ORIGINAL: "it was as an earlier capture, and that was removed",
}


def judge(
    handed: Sequence[SealedRun], absent: Absent | None, folder: Folder, measured: Mapping[str, Measured]
) -> Iterator[Finding]:
    """The records for players of a bundle in which nothing failed. `folder` has its entries under their own names.

    `absent` is None when the bundle says of no record that it was removed.
    """
    yield from _lost(handed, absent or Absent())
    lent = 0
    for name, follows, made in (
        (_NOTICES, "what was removed", partial(_noticed, handed, absent)),
        (_ANCHORS, "the lists of unchanged requisites", partial(_anchored, handed)),
    ):
        try:
            members, more = made(_headers(folder, name) if name in measured else ())
            yield from _held_against(name, follows, members, measured)
            lent += more
        except (FormatError, FileNotFoundError) as problem:
            told = problem.message if isinstance(problem, FormatError) else "a file is missing"
            yield failed(Claim.STRUCTURE, name, f"it cannot be held against {follows}: {told}")
    if lent:
        what = f"{counted(lent, 'record')} for players: what other pages' lists say, which are not here; only whether it may be so was checked"
        yield unchecked(Claim.STRUCTURE, _BUNDLE, what)


def _headers(folder: Folder, name: str) -> list[Header]:
    with folder.open(name) as file:
        return [found.header for found in warcscan.scan(_pieces(file)) if found.header is not None]


def _held_against(name: str, follows: str, members: Iterable[bytes], measured: Mapping[str, Measured]) -> Iterator[Finding]:
    digest, size = hashlib.sha256(), 0
    for member in members:
        digest.update(member)
        size += len(member)
    found = measured.get(name)
    if (found.sha256 if found is not None else "") != (digest.hexdigest() if size else ""):
        yield failed(Claim.STRUCTURE, name, f"forged: it is not what follows from {follows}")


def _noticed(handed: Sequence[SealedRun], absent: Absent | None, claimed: Sequence[Header]) -> tuple[Iterator[bytes], int]:
    """The members that must be there, and how many of those that are claimed follow from no list that is here."""
    if absent is None:
        return iter(()), 0
    called = {(one.uri, one.date) for one in absent.notices}
    others = [header for header in claimed if (header.target_uri, header.date) not in called]
    if others:
        chosen = [run for run in handed if not run.whole]
        ends, known = _ends(chosen), players.answers_here(chosen, {header.target_uri for header in others})
        for header in others:
            uri = header.target_uri or ""
            covers = players.covers(known.get(uri, ()), header.date)
            if covers or uri != target_uri(uri) or not any(header.date <= end for end in ends):
                raise _uncalled(header)
    more = [Notice(uri=header.target_uri or "", date=header.date, why=Gone.ORIGINAL) for header in others]
    return players.noticed(players.by_second((*absent.notices, *more))), len(others)


def _anchored(handed: Sequence[SealedRun], claimed: Sequence[Header]) -> tuple[Iterator[bytes], int]:
    """The same of the records for what was only listed."""
    chosen = [run for run in handed if not run.whole]
    if not claimed or not (ends := _ends(chosen)):
        return players.anchored(handed, ()), 0
    called = [*players.own(chosen), *listed.anchors(run for run in handed if run.whole)]
    own = {(target_uri(one.url), one.at) for one in called}
    others = [header for header in claimed if (header.target_uri, header.date) not in own]
    known = players.answers_here(chosen, {header.target_uri for header in others}) if others else {}
    lent = frozenset(_answer(header, known.get(header.target_uri or "", ()), ends) for header in others)
    return players.anchored(handed, lent), len(lent)


def _ends(chosen: Sequence[SealedRun]) -> list[datetime]:
    """When each run was sealed of which captures were chosen."""
    return [run.manifest.created for run in chosen if any(True for _ in run.captures())]


def _uncalled(header: Header) -> FormatError:
    return FormatError(f"forged: nothing here can have called for a record of {header.target_uri} at {rfc3339(header.date)}")


def _lost(handed: Sequence[SealedRun], absent: Absent) -> Iterator[Finding]:
    """What players cannot show, which somebody should know who looks for it there."""
    for run in handed:
        lost = [one for one in absent.lost if one.run == run.name]
        subject = f"runs/{run.name}"
        for one in lost[:_SHOWN]:
            what = "listed as unchanged" if one.capture is None else f"capture {one.capture}"
            why = f"{what}, {one.url} at {rfc3339(one.at)}, cannot be replayed: {_WHY[one.why]}"
            yield unchecked(Claim.COMPLETENESS, subject, why)
        if len(lost) > _SHOWN:
            yield unchecked(Claim.COMPLETENESS, subject, f"{counted(len(lost) - _SHOWN, 'more answer')} cannot be replayed")


def _answer(stands: Header, known: Sequence[Header], ends: Sequence[datetime]) -> Unchanged:
    """What a list may have said: that what came was the response from then, which is here. Which of several it was is the maker's word."""
    refers = (stands.get("WARC-Refers-To-Date"), stands.payload_digest)
    before = [header for header in known if header.type == "response" and header.date < stands.date]
    original = next((header for header in before if (refers_to_date(header.date), header.payload_digest) == refers), None)
    if original is None or not any(stands.date <= end for end in ends):
        raise _uncalled(stands)
    digest = original.payload_digest or ""
    return Unchanged(
        url=stands.target_uri or "",
        at=stands.date,
        status=200,
        payload_sha256=digest.removeprefix("sha256:") if digest.startswith("sha256:") else "0" * 64,
        refers_to_date=original.date,
    )


def _pieces(file: BinaryIO) -> Iterator[bytes]:
    while piece := file.read(1 << 18):
        yield piece
