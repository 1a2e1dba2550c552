"""Who sees the log: the witnesses that the user configured, asked whenever a log of this user grows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from preserve import __version__
from preserve.adapters.archive import Archive
from preserve.adapters.checkpoints import newest_head
from preserve.adapters.clock import SystemClock
from preserve.adapters.keys import KeyStore
from preserve.adapters.log import KeyElsewhere, LogFolder
from preserve.adapters.trust import TrustStore
from preserve.errors import ConfigError
from preserve.flows.witness import Cosigner, Missing, refresh
from preserve.formats.note import SignedNote, VerifierKey
from preserve.formats.times import rfc3339
from preserve.model.noun import dataclass
from preserve.model.settings import WitnessAddress
from preserve.places import config_folder, state_folder
from preserve.rules.verify_log import log_keys
from preserve.wiring.logline import former_keys, log_line, rotations_of
from preserve.wiring.options import PassphraseOf, Tell

if TYPE_CHECKING:
    from preserve.adapters.witness_server import WitnessServer


@dataclass(frozen=True, slots=True, kw_only=True)
class Cosigned:
    """A log's head, the witnesses that still lack, and the runs that got a proof against it."""

    head: SignedNote
    missing: tuple[Missing, ...]
    refreshed: tuple[str, ...]


def cosigner_of(addresses: Sequence[WitnessAddress], tell: Tell, cacert: PurePath | None = None) -> Cosigner:
    """Who asks these witnesses."""
    if not addresses:
        return Cosigner(witnesses=(), tell=tell)
    from preserve.adapters.witness import HttpWitness

    anchors = None if cacert is None else Path(cacert)
    agent = f"preserve/{__version__}"
    return Cosigner(witnesses=tuple(HttpWitness(address, user_agent=agent, cacert=anchors) for address in addresses), tell=tell)


def cosign(archive: Archive, addresses: Sequence[WitnessAddress], cacert: PurePath | None, tell: Tell) -> Cosigned:
    """Fetch the cosignatures that an archive's head lacks, and give the runs that lack them a proof against it.

    Needs no private key. Raises StoreError (locked, disk full), ConfigError (this user does not trust the log's key) and TrustError
    (the log does not verify, or is empty).
    """
    cosigner = cosigner_of(addresses, tell, cacert)
    described, now = archive.describe(), SystemClock().now()
    first, line = VerifierKey.parse(described.log), log_line(archive)
    trusted, rotations = TrustStore(config_folder()).trusted_keys(), rotations_of(archive)
    keys = log_keys(described.origin, trusted, first, now, rotations=rotations)
    if keys.doubt or keys.log != line[-1].key:
        raise ConfigError(
            keys.doubt or f"archive.toml names another key than the one trusted for the log {described.origin}",
            "witnesses are asked about logs that you trust: preserve trust add",
        )
    with archive.lock("log checkpoint", rfc3339(now)):
        ledger = public_ledger(archive, cosigner)
        head = ledger.cosign()
        refreshed = refresh(archive, ledger, cosigner.keys)
    return Cosigned(head=head, missing=cosigner.missing, refreshed=refreshed)


def public_ledger(archive: Archive, cosigner: Cosigner | None = None) -> LogFolder:
    """The archive's log as it can be read without its private key.

    Who asks for cosignatures adds to it, and is held against what this user signed or verified of it last (docs/adr/0286).
    """
    described = archive.describe()
    return LogFolder(
        archive.log,
        KeyElsewhere(log_line(archive)[-1].key),
        former=former_keys(archive),
        last_known=None if cosigner is None else newest_head(state_folder(), described.origin),
        cosign=(cosigner or Cosigner(witnesses=(), tell=lambda _: None)).collect,
    )


@contextmanager
def witness_server(
    host: str,
    port: int,
    logs: Sequence[VerifierKey],
    state: PurePath | None,
    key: str | None,
    passphrase: PassphraseOf,
    note: Callable[[str], None],
) -> Iterator[tuple[WitnessServer, VerifierKey]]:
    """A witness of `logs` that listens, and its key; whoever called lets it serve. Raises ConfigError and StoreError."""
    from preserve.adapters.witness_server import WitnessDesk, WitnessServer, WitnessState

    keys = KeyStore(config_folder())
    stored = keys.witness_key(key)
    if stored is None or stored.vkey is None:
        raise ConfigError(
            "there is no witness key yet", "make one: preserve key generate --use witness --name library.example/witness"
        )
    signer = keys.log_signer(stored, passphrase)
    folder = Path(state) if state is not None else state_folder() / "witness" / stored.keyid
    kept = WitnessState(folder, stored.vkey)
    try:
        keys.bind(stored, kept.id)
        desk = WitnessDesk(kept, signer, logs, now=lambda: int(SystemClock().now().timestamp()))
        with WitnessServer(host, port, desk, note) as server:
            yield server, stored.vkey
    finally:
        kept.close()
