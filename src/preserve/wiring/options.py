"""What a capture is told, and what it tells when it ends."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import field
from pathlib import Path

from preserve.adapters.keys import StoredKey
from preserve.flows import run
from preserve.flows.manners import Manners
from preserve.model.noun import dataclass
from preserve.model.run import Counts
from preserve.model.settings import Authority, FetchSettings

PassphraseOf = Callable[[StoredKey], bytes]


Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptureOptions:
    """Everything that is said of a capture beside what to capture."""

    archive: Path
    fetch: FetchSettings
    manners: Manners
    key: str | None = None
    signer: str | None = None
    """The command that signs with `key`, where its private half is elsewhere."""
    operator: str | None = None
    organisation: str | None = None
    role: str | None = None
    case: str | None = None
    authorities: tuple[Authority, ...] = ()
    resume: bool = False
    workers: int = 1
    """Processes that share the run, each with its part of the hosts."""
    warc_size: int | None = None
    """Bytes at which a WARC file is followed by the next; None: as usual."""
    egress_ip: str | None = None
    """The public address of this machine, where the user tells it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptureResult:
    """How a capture ended. `sealed` is None when the run stays open, or when there was nothing to capture.

    `idle`: a `resume` without inputs found no open run. `keyid` is the signer's.
    `stopped`: a signal asked for an end, whether or not anything was left to do then.
    """

    counts: Counts = field(default_factory=Counts)
    sealed: run.Sealed | None = None
    keyid: str = ""
    interrupted: bool = False
    stopped: bool = False
    idle: bool = False
