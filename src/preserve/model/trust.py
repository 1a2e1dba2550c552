"""The nouns of trust: what became of a time-stamp, and whom a verifier trusts (docs/formats/timestamps.md, keys.md)."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from enum import StrEnum

from preserve.model.noun import dataclass

# ---------------------------------------------------------------------------------------------------------------- time-stamps


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """What became of checking one token. `time` is what the authority says; None when the token cannot be read. It vouches for no more
    than that its clock was right within `accuracy`: what it stamped existed at `latest`, and not before `earliest` (RFC 3161 section 2.4.2).

    `problem` says why it is no proof (empty when it is one), `doubt` why that could not be found out; `under` names the pinned root.
    `forsaken`: the doubt is that the authority's root came into other hands later.
    """

    authority: str
    time: datetime | None = None
    accuracy: timedelta = timedelta()
    problem: str = ""
    doubt: str = ""
    under: str = ""
    forsaken: bool = False

    @property
    def proves(self) -> bool:
        return self.time is not None and not self.problem and not self.doubt

    @property
    def earliest(self) -> datetime | None:
        return self.time and _moved(self.time, -self.accuracy)

    @property
    def latest(self) -> datetime | None:
        """To the millisecond, as times are written: the next one where it lies between two. (`earliest` is cut where it is written.)"""
        moved = self.time and _moved(self.time, self.accuracy)
        return moved and _moved(moved, timedelta(microseconds=-moved.microsecond % 1000))


def _moved(time: datetime, by: timedelta) -> datetime:
    try:
        return time + by
    except OverflowError:  # in the first or the last of all years, where it matters to nobody
        return time


# ---------------------------------------------------------------------------------------------------------------- trust.toml


class TrustRole(StrEnum):
    """What a trusted key is trusted for."""

    OPERATOR = "operator"
    """To sign manifests."""
    LOG = "log"
    """To sign the checkpoints of one log."""
    WITNESS = "witness"
    """To cosign the checkpoints of logs."""
    TSA = "tsa"
    """To stand at the root of a time-stamp authority's certificates."""
    RECOVERY = "recovery"
    """To revoke and replace the keys of the operator who has the same name here. It signs no manifests."""
    COSIGNER = "cosigner"
    """To sign with SSH what was sealed by others."""
    COWORKER = "coworker"
    """To revoke, together with others, the keys of the operator who has the same name here. It signs no manifests."""


MOST_COWORKERS = 16
"""Who may revoke a key together."""


class Revocation(StrEnum):
    """Why a key is no longer used."""

    SUPERSEDED = "superseded"
    COMPROMISED = "compromised"


def worse(one: tuple[datetime | None, Revocation | None], other: tuple[datetime, Revocation]) -> tuple[datetime, Revocation]:
    """The one of two revocations that counts: compromised is worse than superseded, earlier worse than later."""
    if one[0] is None or one[1] is None:
        return other
    return min((one[0], one[1]), other, key=lambda revoked: (revoked[1] is Revocation.SUPERSEDED, revoked[0]))


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustedKey:
    """A key that this user pinned. `keyid` is the SHA-256 of the SubjectPublicKeyInfo; logs and witnesses have a `vkey` too, a cosigner
    its public key as SSH writes it (`ssh`: `TYPE BASE64`).

    A time-stamp authority has its root's `certificate` (PEM); its `name` is the one that manifests call the authority by. The times
    bound when a signature counts; `revoked_at` and `reason` stand together or not at all.

    A co-worker has a `threshold`: how many of those with this name it takes.

    `through` is for keys that are not in the store themselves: the statement that leads to them from one that is. `ended` is the entry
    of the log by which it was given up, where the log says so.
    """

    name: str
    role: TrustRole
    keyid: str
    vkey: str | None
    added: datetime
    certificate: str | None = None
    ssh: str | None = None
    valid_from: datetime | None = None
    valid_until: datetime | None = None
    revoked_at: datetime | None = None
    reason: Revocation | None = None
    threshold: int | None = None
    through: str = ""
    ended: int | None = None

    def revoked(self, at: datetime, reason: Revocation) -> TrustedKey:
        """The same key, revoked too. Of two revocations the worse counts; what was given up once stays so when it is compromised as well."""
        when, why = worse((self.revoked_at, self.reason), (at, reason))
        until = [self.valid_until] if self.valid_until else []
        if self.revoked_at is not None and self.reason is not reason:
            until.append(at if reason is Revocation.SUPERSEDED else self.revoked_at)
        return replace(self, revoked_at=when, reason=why, valid_until=min(until, default=None))
