"""Who looks on while a run goes: the capture flow tells, a face shows."""

from __future__ import annotations

from typing import Protocol

from preserve.model.run import Counts
from preserve.model.web import Capture


class Watcher(Protocol):
    """Told of each step of a capture; must return at once."""

    def begun(self, counts: Counts) -> None:
        """The targets are known, the first will be asked."""
        ...

    def ended(self, capture: Capture, counts: Counts) -> None:
        """One target is done, its records are in the file and in the journal."""
        ...

    def progress(self, counts: Counts, stored: int, hosts: int) -> None:
        """About once a second: `stored` bytes of WARC so far, requests under way to `hosts` hosts."""
        ...


class Company(Protocol):
    """The other processes that share a run: what one of them finds may be for another to ask."""

    def idle(self) -> None:
        """Nothing of ours is left; we look again until `CaptureRun.stop`."""
        ...

    def busy(self) -> None:
        """There is something for us again."""
        ...
