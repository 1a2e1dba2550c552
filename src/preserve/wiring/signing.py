"""Who signs: the key for manifests, and the log with the key for its checkpoints; made when there are none."""

from __future__ import annotations

import secrets

from preserve.adapters.archive import Archive
from preserve.adapters.checkpoints import CheckpointMemory
from preserve.adapters.keys import KeyStore, KeyUse, LocalSigner
from preserve.adapters.log import LogFolder
from preserve.adapters.trust import TrustStore
from preserve.errors import ConfigError
from preserve.formats import note
from preserve.formats.publickey import fingerprint_groups
from preserve.model.archive import Description
from preserve.places import config_folder, state_folder
from preserve.ports import Clock
from preserve.wiring.options import CaptureOptions, PassphraseOf, Tell


def signer_of(options: CaptureOptions, clock: Clock, tell: Tell, passphrase: PassphraseOf) -> LocalSigner:
    keys, trust = KeyStore(config_folder()), TrustStore(config_folder())
    key = keys.signing_key(options.key)
    if key is None:
        key = keys.make(KeyUse.MANIFEST, options.operator or "preserve", now=clock.now(), pin=trust.add)
        tell(
            f"Made your signing key {fingerprint_groups(key.keyid)}, without a passphrase, in {config_folder() / 'keys'}."
            " Keep a copy of that folder: without it nothing new can be signed."
        )
    return keys.signer(key, passphrase)


def ledger_of(archive: Archive, clock: Clock, tell: Tell, passphrase: PassphraseOf) -> LogFolder:
    """The archive's log with the key that signs it; makes both, and archive.toml, for a new archive."""
    keys, trust = KeyStore(config_folder()), TrustStore(config_folder())
    if not archive.exists:
        name = f"preserve/{secrets.token_hex(8)}"
        origin = f"{name}/log"
        key = keys.make(KeyUse.LOG, origin, now=clock.now(), pin=trust.add)
        assert key.vkey is not None, "a log's key has a vkey"
        archive.create(Description(id=name, origin=origin, log=key.vkey.encode()))
    described = archive.describe()
    found = keys.log_key(described.origin, note.VerifierKey.parse(described.log).fingerprint)
    if found is None:
        raise ConfigError(
            f"the key of this archive's log ({described.origin}) is not on this machine",
            "capture where the archive was made, or bring its keys here: copy the keys folder of that machine's configuration",
        )
    memory = CheckpointMemory.signed(state_folder())

    def signed(checkpoint: note.SignedNote) -> None:
        if problem := memory.remember(checkpoint):
            tell(f"The log's new head could not be remembered: {problem}")

    return LogFolder(archive.log, keys.log_signer(found, passphrase), last_signed=memory.head(described.origin), signed=signed)
