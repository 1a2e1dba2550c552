"""Who answers which port: the one place where adapters are chosen and put together. Heavy pieces load on first use."""

from __future__ import annotations

from preserve.wiring.capturing import capture
from preserve.wiring.options import CaptureOptions, CaptureResult
from preserve.wiring.stamping import timestamp

__all__ = ["CaptureOptions", "CaptureResult", "capture", "timestamp"]
