"""What became of a target, in the words that a capture and its signed lines share.

By themselves, for whoever reads a sealed run needs nothing else of a capture's nouns (preserve.model.web).
"""

from __future__ import annotations

from enum import StrEnum


class Outcome(StrEnum):
    """How asking for one target ended."""

    CAPTURED = "captured"
    """A complete response, whatever its status."""
    TRUNCATED = "truncated"
    """A response that was cut; what came is kept."""
    FAILED = "failed"
    """No usable response."""
    REFUSED = "refused"
    """Policy forbids it; it was never asked."""


class Verdict(StrEnum):
    """What a captured response is worth as evidence."""

    OK = "ok"
    GONE = "gone"
    SOFT_404 = "soft-404"
    CHALLENGE = "challenge"
    LOGIN_WALL = "login-wall"
    EMPTY_SHELL = "empty-shell"
    MISMATCH = "mismatch"


class Truncation(StrEnum):
    """Why a response was cut, in the words of WARC/1.1 section 5.13 (`WARC-Truncated`)."""

    LENGTH = "length"
    TIME = "time"
    DISCONNECT = "disconnect"
    UNSPECIFIED = "unspecified"
