"""Which key signs an archive's log now, as its key events say: archive.toml names the first one, and never changes.

For whoever writes: what is found here chooses among keys, and trusts none. A head that the chosen one did not sign is refused by
whoever opens the log, and so is an event that does not fit it.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from preserve.adapters.archive import Archive
from preserve.adapters.folder import DiskFolder
from preserve.formats.note import VerifierKey
from preserve.model.eventkind import EventKind
from preserve.rules.tenure import Tenure

if TYPE_CHECKING:
    from preserve.rules.succession import Rotated


def log_line(archive: Archive) -> tuple[Tenure, ...]:
    """The keys of the archive's log, from the first to the one that signs now. Raises FormatError when it is no archive."""
    first = VerifierKey.parse(archive.describe().log)
    rotations = rotations_of(archive)
    if not rotations:
        return (Tenure(key=first),)
    from preserve.rules.succession import tenures

    return tenures(first.name, first, (), rotations) or (Tenure(key=first),)


def former_keys(archive: Archive) -> tuple[tuple[VerifierKey, int], ...]:
    """Those that were replaced, each with the largest size of the log that it signed."""
    return tuple((tenure.key, tenure.last) for tenure in log_line(archive) if tenure.last is not None)


def rotations_of(archive: Archive) -> tuple[Rotated, ...]:
    """What its events say of the log's key, where both keys signed it; also an event that is sealed and waits for its place."""
    suffix = f"-{EventKind.KEY}"
    places = [archive.events / name for name in archive.event_names() if name.endswith(suffix)]
    staged = [archive.journal / name for name in archive.staged_events() if name.endswith(suffix)]
    places += [place for place in staged if (place / "SEAL").is_file()]
    return tuple(found for place in places if (found := _rotation(place)) is not None)


def _rotation(place: Path) -> Rotated | None:
    from preserve.flows.verify_events import read_rotation

    with DiskFolder(place) as folder:
        return read_rotation(folder, "", list(folder.walk()))
