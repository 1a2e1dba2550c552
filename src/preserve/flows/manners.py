"""How the web is treated while a run is captured."""

from __future__ import annotations

from preserve.model.noun import dataclass
from preserve.rules.robots import Robots


@dataclass(frozen=True, slots=True, kw_only=True)
class Manners:
    """How the web is treated. Times are seconds; `patience` is how long a run with nothing else to do waits for hosts in trouble."""

    concurrency: int = 32
    per_host: int = 2
    delay: float = 0.5
    total_timeout: float = 900.0
    patience: float = 10.0
    robots: Robots = Robots.RECORD
    requisites: bool = True
    list_unchanged: bool = False
    """Whether a line is kept of a requisite that is as this archive has it, instead of records."""
    user_agent: str = "preserve"
    probe: bool = True
    """Whether a host is asked for an address that was made up, where there is something to judge its pages by."""
    archives: tuple[str, ...] = ()
    """Prefixes of the web archives that are asked about pages that do not answer for themselves."""
    save_to: str | None = None
    """The prefix of an archive that is asked to save pages as they are."""
