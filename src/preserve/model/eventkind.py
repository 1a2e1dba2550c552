"""What an event can be (docs/formats/events.md): apart from what it says, which an archive without events needs nothing of."""

from __future__ import annotations

from enum import StrEnum


class EventKind(StrEnum):
    """What an event can be; also the last part of its folder's name."""

    KEY = "key"
    """A signing key was replaced or revoked, a recovery key or co-workers named, the log's key replaced."""
    CUSTODY = "custody"
    """The archive or a run of it was checked, copied, handed over, and to whom."""
    RENEWAL = "renewal"
    """Everything was stamped anew, before the old stamps' algorithms age."""
    REDACTION = "redaction"
    """A record was overwritten, because a court or a person's privacy requires it."""
    TRUST = "trust"
    """Somebody else's keys were taken into trust."""
    COUNTERSIGNATURE = "countersignature"
    """Somebody else signed, with SSH, a run that was sealed already."""
    ROLLBACK = "rollback"
    """Work goes on from an older state of the log, a backup for one."""
