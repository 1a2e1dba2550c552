"""How the web is treated while a run is captured."""

from __future__ import annotations

from dataclasses import dataclass

from preserve.rules.robots import Robots


@dataclass(frozen=True, slots=True, kw_only=True)
class Manners:
    """How the web is treated. `delay` and `total_timeout` are seconds."""

    concurrency: int = 32
    per_host: int = 2
    delay: float = 0.5
    total_timeout: float = 900.0
    robots: Robots = Robots.RECORD
    requisites: bool = True
    user_agent: str = "preserve"
