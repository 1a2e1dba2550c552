"""Who signs: the key for manifests, and the log with the key for its checkpoints; made when there are none."""

from __future__ import annotations

import secrets
from pathlib import Path, PurePath

from preserve.adapters.archive import Archive
from preserve.adapters.checkpoints import CheckpointMemory, newest_head
from preserve.adapters.keys import KeyStore, KeyUse, StoredKey
from preserve.adapters.log import LogFolder
from preserve.adapters.settings import read_config
from preserve.adapters.signercommand import CommandSigner, split
from preserve.adapters.trust import TrustStore
from preserve.errors import ConfigError, UsageError
from preserve.formats import note, publickey
from preserve.formats.publickey import PublicKey, fingerprint_groups
from preserve.model.archive import Description
from preserve.model.trust import TrustedKey, TrustRole
from preserve.places import config_folder, state_folder
from preserve.ports import Clock, Signer
from preserve.wiring.logline import former_keys, log_line
from preserve.wiring.options import CaptureOptions, PassphraseOf, Tell
from preserve.wiring.witnessing import cosigner_of

_UNNAMED = "an unnamed operator"
"""What a key is called that was made without anybody saying whose it is: "signed by an unnamed operator"."""


def signer_of(options: CaptureOptions, clock: Clock, tell: Tell, passphrase: PassphraseOf) -> Signer:
    archive = Archive(options.archive)
    if archive.exists:
        log_key_of(archive)  # before a signing key is made for nothing
    return key_of(options.key, options.operator, clock, tell, passphrase, options.signer)


def key_of(
    wanted: str | None,
    name: str | None,
    clock: Clock,
    tell: Tell,
    passphrase: PassphraseOf,
    command: str | None = None,
    *,
    public: PublicKey | None = None,
) -> Signer:
    """The signing key that is wanted, else the newest that is not revoked; where there is none at all, one is made and called `name`.

    `wanted` may also be the file of a public key, whose private half signs through `command`; `public` is what was read of it already.
    """
    keys, trust = KeyStore(config_folder()), TrustStore(config_folder())
    revoked = revoked_keys(trust)
    if public is None and wanted is not None:
        public = public_file(wanted)
    if command is not None:
        return _through(split(command), wanted, public, name or _UNNAMED, clock, tell)
    key = keys.signing_key(wanted if public is None else public.keyid, revoked=revoked)
    if key is not None and key.keyid in revoked:
        raise ConfigError(
            f"the key {fingerprint_groups(key.keyid)} is revoked: it signs no more", "preserve key list shows the others"
        )
    if key is None:
        key = keys.make(KeyUse.MANIFEST, name or _UNNAMED, now=clock.now(), pin=trust.add)
        tell(
            f"Made your signing key {fingerprint_groups(key.keyid)}, without a passphrase, in {config_folder() / 'keys'}."
            " Keep a copy of that folder: without it nothing new can be signed."
            + ("" if name else " It bears no name: preserve key generate --name NAME makes one that does.")
        )
    return open_signer(key, passphrase)


def own_key() -> StoredKey:
    """The newest signing key here. Raises ConfigError when none signs: what is stated of an archive makes no key, a capture does."""
    found = KeyStore(config_folder()).signing_key(revoked=revoked_keys(TrustStore(config_folder())))
    if found is None:
        raise ConfigError(
            "there is no signing key here to record it with",
            "preserve key import brings yours (--signer CMD: one that lies elsewhere), preserve key generate --name NAME makes one; the key of"
            " the archive's log has to be here, too",
        )
    return found


def open_signer(key: StoredKey, passphrase: PassphraseOf) -> Signer:
    """The key ready to sign, wherever its private half is."""
    if key.command:
        return CommandSigner(key.public, key.name, key.command)
    return KeyStore(config_folder()).signer(key, passphrase)


def revoked_keys(trust: TrustStore) -> frozenset[str]:
    """The user's own and other keys that the user's store has revoked."""
    return frozenset(key.keyid for key in trust.trusted_keys() if key.revoked_at is not None)


def pin_own(public: PublicKey, name: str, clock: Clock) -> bool:
    """Pin a key that signs for this user through a command; False when it is pinned already."""
    key = TrustedKey(name=name, role=TrustRole.OPERATOR, keyid=public.keyid, vkey=None, added=clock.now())
    return TrustStore(config_folder()).add(key)


def log_key_of(archive: Archive) -> StoredKey:
    """The key of the archive's log. Raises ConfigError when it is not here."""
    current = log_line(archive)[-1].key
    found = KeyStore(config_folder()).log_key(current.name, current.fingerprint)
    if found is None:
        raise ConfigError(
            f"the key of this archive's log ({current.encode()}) is not on this machine",
            "capture where the archive was made, or bring its key: there, preserve key export --private --archive DIR; here, preserve"
            " key import",
        )
    return found


def _through(
    command: tuple[str, ...], wanted: str | None, public: PublicKey | None, name: str, clock: Clock, tell: Tell
) -> CommandSigner:
    if wanted is None:
        raise UsageError(
            "--signer needs --key: whose signature does it make?", "--key PUB.pem, or the id of a key that is imported"
        )
    if public is None:
        known = KeyStore(config_folder()).signing_key(wanted)
        assert known is not None, "find refuses what is not there"
        public, name = known.public, known.name
    if public.keyid in revoked_keys(TrustStore(config_folder())):
        raise ConfigError(f"the key {fingerprint_groups(public.keyid)} is revoked: it signs no more", "name another with --key")
    if pin_own(public, name, clock):
        tell(f"The key {fingerprint_groups(public.keyid)} signs for you and is pinned as your own.")
    return CommandSigner(public, name, command)


def public_file(wanted: str) -> PublicKey | None:
    """The public key in the file that was named as a key; None when no file of that name holds one."""
    try:
        with Path(wanted).open("rb") as file:
            data = file.read(publickey.MAX_PEM + 1)
    except OSError:
        return None
    return publickey.decode(data) if data.startswith(b"-----BEGIN") else None


def ledger_of(
    archive: Archive,
    clock: Clock,
    tell: Tell,
    passphrase: PassphraseOf,
    cacert: PurePath | None = None,
    *,
    behind: bool = False,
) -> LogFolder:
    """The archive's log with the key that signs it; makes both, and archive.toml, for a new archive.

    Whoever appends to it has the new head cosigned by the witnesses of config.toml; `cacert` is for those with an https address.
    `behind`: it may have been rolled back behind what this user signed or verified; nothing is remembered of it until that is accepted.
    """
    keys, trust = KeyStore(config_folder()), TrustStore(config_folder())
    if not archive.exists:
        name = f"preserve/{secrets.token_hex(8)}"
        origin = f"{name}/log"
        key = keys.make(KeyUse.LOG, origin, now=clock.now(), pin=trust.add)
        assert key.vkey is not None, "a log's key has a vkey"
        archive.create(Description(id=name, origin=origin, log=key.vkey.encode()))
    described, found = archive.describe(), log_key_of(archive)
    memory = CheckpointMemory.signed(state_folder())

    def signed(checkpoint: note.SignedNote) -> None:
        if not behind and (problem := memory.remember(checkpoint)):
            tell(f"The log's new head could not be remembered: {problem}")

    return LogFolder(
        archive.log,
        keys.log_signer(found, passphrase),
        last_known=None if behind else newest_head(state_folder(), described.origin),
        signed=signed,
        cosign=cosigner_of(read_config(config_folder()).witnesses, tell, cacert).collect,
        former=former_keys(archive),
    )
