"""Who gives the time: the authorities of a capture, and of runs that lack tokens."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from pathlib import Path, PurePath

from preserve import __version__
from preserve.adapters.archive import Archive
from preserve.adapters.clock import SystemClock
from preserve.adapters.journal import Journal
from preserve.adapters.trust import TrustStore
from preserve.flows.stamp import Stamped, Stamper
from preserve.formats.times import rfc3339
from preserve.model.settings import Authority
from preserve.places import config_folder
from preserve.ports import TimeAuthority
from preserve.wiring.options import Tell


def timestamp(
    archive: Archive, authorities: Sequence[Authority], cacert: PurePath | None, tell: Tell, *, add: bool
) -> dict[str, Stamped]:
    """Ask for the tokens that sealed runs and events name and lack (with `add`, of every one of `authorities`). How each stands, by name.

    Raises StoreError (locked, disk full) and ConfigError (a password that cannot be read).
    """
    clock = SystemClock()
    stamper = stamper_of(authorities, f"preserve/{__version__}", cacert, clock, tell)
    with archive.lock("timestamp", rfc3339(clock.now())):
        stands = {name: stamper.complete(archive, name, add=add) for name in archive.run_names()}
        return stands | {name: stamper.complete_event(archive, name, add=add) for name in archive.event_names()}


def stamper_of(
    authorities: Sequence[Authority], user_agent: str, cacert: PurePath | None, clock: SystemClock, tell: Tell
) -> Stamper:
    return Stamper(
        authorities=tuple(_authority(authority, user_agent, cacert) for authority in authorities),
        trusted=TrustStore(config_folder()).trusted_keys(),
        nonce=lambda: secrets.randbits(63),
        clock=clock,
        tell=tell,
    )


def _authority(authority: Authority, user_agent: str, cacert: PurePath | None) -> TimeAuthority:
    from preserve.adapters.tsa import HttpAuthority

    return HttpAuthority(authority, user_agent=user_agent, cacert=None if cacert is None else Path(cacert))


def begin_stamping(archive: Archive, journal: Journal, stamper: Stamper) -> None:
    """Take the start tokens, but only before anything was captured: a later one would tell a lie about what is there already."""
    identity = journal.identity()
    assert identity is not None, "the run was begun"
    if not journal.warcs() and not journal.counts().done:
        stamper.begin(archive.staging(identity.name), identity)
