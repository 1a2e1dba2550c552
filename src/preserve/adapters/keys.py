"""The user's own keys on disk, below `$XDG_CONFIG_HOME/preserve/keys` (docs/formats/keys.md).

Each key is two files: `<keyid>.json` says whose it is and holds the public half, `<keyid>.pem` is the private half, for the user
alone (0600 in a folder 0700). A key exists once its .pem does; that is written last, beside its name and renamed. Of a key whose
private half is elsewhere, on a card or with a key service, the .json names the command that signs, and there is no .pem. Private keys
never enter an archive, a log message or a `repr`.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Collection
from dataclasses import replace
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from preserve import durable
from preserve.errors import ConfigError, FormatError
from preserve.formats import keybackup, privatekey, publickey, strictjson, times
from preserve.formats.note import KeyType, VerifierKey
from preserve.formats.publickey import PublicKey
from preserve.formats.strictjson import Fields
from preserve.model.noun import dataclass
from preserve.model.trust import TrustedKey, TrustRole

_TYPE = "preserve-key/v1"


class KeyUse(StrEnum):
    """What a key signs; no key does two of these."""

    MANIFEST = "manifest"
    LOG = "log"
    WITNESS = "witness"
    """The checkpoints of other people's logs."""


_NOTE_TYPES = {KeyUse.LOG: KeyType.ED25519, KeyUse.WITNESS: KeyType.COSIGNATURE_V1}
_ROLES = {KeyUse.MANIFEST: TrustRole.OPERATOR, KeyUse.LOG: TrustRole.LOG, KeyUse.WITNESS: TrustRole.WITNESS}


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredKey:
    """What is known of a key without opening its private half. `name` is the signer's, the log's origin, or the witness's name."""

    use: KeyUse
    name: str
    created: datetime
    public: PublicKey
    encrypted: bool
    command: tuple[str, ...] = ()
    """What signs, where the private half is not here: a program and its arguments."""
    keyring: bool = False
    """The passphrase lies in the system's keyring."""

    @property
    def keyid(self) -> str:
        return self.public.keyid

    @property
    def vkey(self) -> VerifierKey | None:
        """The text form of a log's or a witness's key."""
        if self.use not in _NOTE_TYPES:
            return None
        return VerifierKey(name=self.name, type=_NOTE_TYPES[self.use], public=self.public.der[-32:])

    def trusted(self) -> TrustedKey:
        """The entry that pins it in the user's own trust store."""
        vkey = self.vkey
        return TrustedKey(
            name=self.name,
            role=_ROLES[self.use],
            keyid=self.keyid,
            vkey=vkey.encode() if vkey else None,
            added=self.created,
        )


class LocalSigner:
    """A key of this machine that signs manifests: fills `ports.Signer`."""

    __slots__ = ("_private", "_stored")

    def __init__(self, stored: StoredKey, private: Ed25519PrivateKey) -> None:
        self._stored = stored
        self._private = private

    @property
    def keyid(self) -> str:
        return self._stored.keyid

    @property
    def algorithm(self) -> str:
        return self._stored.public.algorithm.value

    @property
    def public_pem(self) -> bytes:
        return self._stored.public.pem

    @property
    def name(self) -> str:
        return self._stored.name

    def sign(self, message: bytes) -> bytes:
        return self._private.sign(message)


class LogSigner:
    """A log's or a witness's key: fills `formats.note.NoteSigner`."""

    __slots__ = ("_key", "_private")

    def __init__(self, key: VerifierKey, private: Ed25519PrivateKey) -> None:
        self._key = key
        self._private = private

    @property
    def key(self) -> VerifierKey:
        return self._key

    def sign(self, message: bytes) -> bytes:
        return self._private.sign(message)


class KeyStore:
    """The keys below one folder. Every method raises ConfigError when they cannot be used as they are."""

    def __init__(self, config: Path) -> None:
        """`config` is the user's configuration folder of preserve."""
        self._folder = config / "keys"

    def stored_keys(self) -> tuple[StoredKey, ...]:
        """Every key, oldest first."""
        try:
            names = {path.name for path in self._folder.iterdir()}
        except FileNotFoundError:
            return ()
        except OSError as problem:
            raise _unusable(self._folder, problem) from problem
        found = [self._stored(name.removesuffix(".pem")) for name in names if name.endswith(".pem")]
        alone = {name for name in names if name.endswith(".json")} - {f"{key.keyid}.json" for key in found}
        found += [key for key in (self._stored(name.removesuffix(".json"), alone=True) for name in alone) if key.command]
        return tuple(sorted(found, key=lambda key: (key.created, key.keyid)))

    def make(
        self,
        use: KeyUse,
        name: str,
        *,
        now: datetime,
        pin: Callable[[TrustedKey], object],
        passphrase: bytes | None = None,
        rounds: int = privatekey.ROUNDS,
    ) -> StoredKey:
        """Make an Ed25519 key, pin it with `pin`, and keep it; without a passphrase it lies in the file as it is.

        It is pinned before it can sign: no run is ever signed by a key that its own maker would not recognise.
        """
        private = Ed25519PrivateKey.generate()
        return self.keep(use, name, private, now=now, pin=pin, passphrase=passphrase, rounds=rounds)

    def keep(
        self,
        use: KeyUse,
        name: str,
        private: Ed25519PrivateKey,
        *,
        now: datetime,
        pin: Callable[[TrustedKey], object],
        passphrase: bytes | None = None,
        rounds: int = privatekey.ROUNDS,
    ) -> StoredKey:
        """Pin and keep a key that there is already, made at `now`: one that comes from a backup or from another program."""
        stored = StoredKey(
            use=use,
            name=name,
            created=times.to_milliseconds(now),
            public=public_of(private),
            encrypted=passphrase is not None,
        )
        if stored.use in _NOTE_TYPES:
            assert stored.vkey is not None, "refused by VerifierKey when the name cannot be an origin or a witness's"
        pin(stored.trusted())
        self._write(stored, _pem(private, passphrase, rounds))
        return stored

    def keep_remote(
        self, name: str, public: PublicKey, command: tuple[str, ...], *, now: datetime, pin: Callable[[TrustedKey], object]
    ) -> StoredKey:
        """Pin and keep the public half of a manifest key whose private half signs through `command`."""
        stored = StoredKey(
            use=KeyUse.MANIFEST,
            name=name,
            created=times.to_milliseconds(now),
            public=public,
            encrypted=False,
            command=command,
        )
        pin(stored.trusted())
        self._write(stored, None)
        return stored

    def redirect(self, key: StoredKey, command: tuple[str, ...]) -> StoredKey:
        """Let a key whose private half is elsewhere sign through another `command` from now on."""
        stored = replace(key, command=command)
        self._write(stored, None)
        return stored

    def protect(
        self,
        key: StoredKey,
        passphrase: Callable[[StoredKey], bytes],
        new: bytes | None,
        *,
        keyring: bool = False,
        rounds: int = privatekey.ROUNDS,
    ) -> StoredKey:
        """Encrypt the key's file with the passphrase `new`, or with none; `passphrase` opens it as it is now."""
        changed = replace(key, encrypted=new is not None, keyring=keyring)
        self._write(changed, _pem(self.private(key, passphrase), new, rounds))
        return changed

    def backup(self, key: StoredKey, passphrase: bytes | None) -> bytes:
        """The private key as a file to keep elsewhere: encrypted as it is here; one that is not, with `passphrase`."""
        if key.encrypted:
            pem = _private_bytes(self._folder / f"{key.keyid}.pem")
        else:
            pem = _pem(self.private(key, lambda _: b""), passphrase, privatekey.ROUNDS)
        return keybackup.encode(key.use, key.name, key.created, pem)

    def _write(self, stored: StoredKey, pem: bytes | None) -> None:
        try:
            durable.make_folders(self._folder, mode=0o700)
            durable.write_file(self._folder / f"{stored.keyid}.json", _describe(stored), mode=0o600)
            if pem is not None:
                durable.write_file(self._folder / f"{stored.keyid}.pem", pem, mode=0o600)
            durable.sync_folder(self._folder)
        except OSError as problem:
            raise _unusable(self._folder, problem) from problem

    def find(self, wanted: str) -> StoredKey:
        """The one key whose id begins with `wanted` (groups or plain digits), or whose name is `wanted`."""
        digits = wanted.replace("-", "").lower()
        found = [key for key in self.stored_keys() if key.name == wanted or (digits and key.keyid.startswith(digits))]
        if len(found) != 1:
            raise ConfigError(
                f"{len(found) or 'no'} keys fit {wanted!r}", "`preserve key list` shows the keys there are; give more of the id"
            )
        return found[0]

    def signing_key(self, wanted: str | None = None, *, revoked: Collection[str] = ()) -> StoredKey | None:
        """The key to sign manifests with: the one wanted, else the newest that is not `revoked`; None when there is none at all."""
        if wanted is not None:
            key = self.find(wanted)
            if key.use is not KeyUse.MANIFEST:
                raise ConfigError(f"{wanted} is a {key.use}'s key and signs no manifests", "`preserve key list` shows which do")
            return key
        keys = [key for key in self.stored_keys() if key.use is KeyUse.MANIFEST]
        good = [key for key in keys if key.keyid not in revoked]
        if keys and not good:
            raise ConfigError("every signing key here is revoked", "make another: preserve key generate")
        return good[-1] if good else None

    def log_key(self, origin: str, keyid: str | None = None) -> StoredKey | None:
        """The key of the log `origin` (of that id, where one is given); None when it is not here."""
        # There may be hundreds of archives, each with a key of its own: the one that is named is looked at alone.
        known = self.stored_keys() if keyid is None else self._named(keyid)
        return next((key for key in reversed(known) if key.use is KeyUse.LOG and key.name == origin), None)

    def _named(self, keyid: str) -> tuple[StoredKey, ...]:
        """The key of just this id, when its private half lies here."""
        return (self._stored(keyid),) if (self._folder / f"{keyid}.pem").exists() else ()

    def witness_key(self, wanted: str | None = None) -> StoredKey | None:
        """The key to witness with: the one wanted, else the only one; None when there is none at all."""
        if wanted is not None:
            key = self.find(wanted)
            if key.use is not KeyUse.WITNESS:
                raise ConfigError(f"{wanted} is a {key.use}'s key, not a witness's", "`preserve key list` shows which are")
            return key
        found = [key for key in self.stored_keys() if key.use is KeyUse.WITNESS]
        if len(found) > 1:
            raise ConfigError(f"there are {len(found)} witness keys", "name one with --key; `preserve key list` shows them")
        return found[0] if found else None

    def bind(self, key: StoredKey, state: str) -> None:
        """Let a witness's key sign only with the one record of what it cosigned, `state`; the first that it is used with is that one.

        Without it the witness would begin again at nothing, and could cosign what contradicts its earlier word.
        """
        place = self._folder / f"{key.keyid}.witness"
        try:
            bound = place.read_bytes()
        except FileNotFoundError:
            try:
                durable.write_file(place, state.encode(), mode=0o600)
                durable.sync_folder(self._folder)
            except OSError as problem:
                raise _unusable(place, problem) from problem
            return
        except OSError as problem:
            raise _unusable(place, problem) from problem
        if bound != state.encode():
            raise ConfigError(
                f"the witness key {key.name} was used with another state folder, which knows what it cosigned",
                "name that folder with --state; if it is lost, retire this key and make another",
            )

    def signer(self, key: StoredKey, passphrase: Callable[[StoredKey], bytes]) -> LocalSigner:
        """Open a manifest key; `passphrase` is asked only when the key is encrypted."""
        return LocalSigner(key, self.private(key, passphrase))

    def log_signer(self, key: StoredKey, passphrase: Callable[[StoredKey], bytes]) -> LogSigner:
        """Open a log's or a witness's key."""
        vkey = key.vkey
        if vkey is None:
            raise ConfigError(f"{key.keyid} signs manifests and no log", "a log has a key of its own")
        return LogSigner(vkey, self.private(key, passphrase))

    def private(self, key: StoredKey, passphrase: Callable[[StoredKey], bytes]) -> Ed25519PrivateKey:
        """The private half itself, of a key that lies here."""
        if key.command:
            raise ConfigError(
                f"the private half of {key.keyid} is not here", "it signs through its command, and stays where it is"
            )
        path = self._folder / f"{key.keyid}.pem"
        try:
            private = privatekey.decode(_private_bytes(path), passphrase(key) if key.encrypted else None)
        except FormatError as problem:
            hint = problem.hint or "restore the key from your backup, or make a new one"
            raise ConfigError(f"{path}: {problem.message}", hint) from problem
        if public_of(private) != key.public:
            raise ConfigError(f"{path}: it is another key than its name says", "restore the key from your backup")
        return private

    def _stored(self, keyid: str, *, alone: bool = False) -> StoredKey:
        """What is known of a key; `alone` when it has no .pem: then it counts only if it has a command."""
        described = self._folder / f"{keyid}.json"
        try:
            fields = Fields(strictjson.decode(described.read_bytes()), described.name)
            fields.constant("type", _TYPE)
            stored = StoredKey(
                use=fields.choice("use", KeyUse),
                name=fields.text("name"),
                created=fields.time("created"),
                public=publickey.decode(fields.text("public").encode()),
                encrypted=not alone and privatekey.is_encrypted(_private_bytes(self._folder / f"{keyid}.pem")),
                command=fields.array("command", strictjson.text) if fields.has("command") else (),
                keyring=fields.boolean("keyring") if fields.has("keyring") else False,
            )
            fields.end()
        except (FormatError, UnicodeEncodeError) as problem:
            raise ConfigError(f"{described}: {problem}", "restore both files of the key from your backup") from problem
        except OSError as problem:
            raise _unusable(described, problem) from problem
        if stored.keyid != keyid:
            raise ConfigError(
                f"{described}: the public key in it has another id", "restore both files of the key from your backup"
            )
        return stored


def paper_signer(name: str, seed: bytes, now: datetime) -> LocalSigner:
    """The recovery key of 32 bytes, from paper: it is in memory and nowhere else."""
    private = Ed25519PrivateKey.from_private_bytes(seed)
    stored = StoredKey(use=KeyUse.MANIFEST, name=name, created=now, public=public_of(private), encrypted=False)
    return LocalSigner(stored, private)


def public_of(private: Ed25519PrivateKey) -> PublicKey:
    """The public half."""
    return publickey.from_ed25519(private.public_key().public_bytes_raw())


def _pem(private: Ed25519PrivateKey, passphrase: bytes | None, rounds: int) -> bytes:
    if passphrase is None:
        return privatekey.encode(private)
    return privatekey.encode_encrypted(private, passphrase, salt=os.urandom(16), iv=os.urandom(16), rounds=rounds)


def _describe(stored: StoredKey) -> bytes:
    said: dict[str, strictjson.Json] = {
        "type": _TYPE,
        "use": stored.use.value,
        "name": stored.name,
        "created": times.rfc3339(stored.created),
        "public": stored.public.pem.decode("ascii"),
    }
    if stored.command:
        said["command"] = list(stored.command)
    if stored.keyring:
        said["keyring"] = True
    return strictjson.encode(said)


def _private_bytes(path: Path) -> bytes:
    """A private key's file, only when nobody else can read it."""
    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            if mode & 0o077:
                raise ConfigError(f"{path}: others can read this private key (mode {mode:04o})", f"chmod 600 '{path}'")
            return file.read(privatekey.MAX_PEM + 1)
    except OSError as problem:
        raise _unusable(path, problem) from problem


def _unusable(path: Path, problem: OSError) -> ConfigError:
    return ConfigError(f"{problem.filename or path}: {problem.strerror}", "keys lie below $XDG_CONFIG_HOME/preserve")
