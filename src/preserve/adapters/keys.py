"""The user's own keys on disk, below `$XDG_CONFIG_HOME/preserve/keys` (docs/formats/keys.md).

Each key is two files: `<keyid>.json` says whose it is and holds the public half, `<keyid>.pem` is the private half, for the user
alone (0600 in a folder 0700). A key exists once its .pem does; that is written last, beside its name and renamed. Private keys
never enter an archive, a log message or a `repr`.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from preserve import durable
from preserve.errors import ConfigError, FormatError
from preserve.formats import privatekey, publickey, strictjson, times
from preserve.formats.note import KeyType, VerifierKey
from preserve.formats.publickey import PublicKey
from preserve.formats.strictjson import Fields
from preserve.model.trust import TrustedKey, TrustRole

_TYPE = "preserve-key/v1"


class KeyUse(StrEnum):
    """What a key signs; no key does both."""

    MANIFEST = "manifest"
    LOG = "log"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredKey:
    """What is known of a key without opening its private half. `name` is the signer's, or the log's origin."""

    use: KeyUse
    name: str
    created: datetime
    public: PublicKey
    encrypted: bool

    @property
    def keyid(self) -> str:
        return self.public.keyid

    @property
    def vkey(self) -> VerifierKey | None:
        """A log key's own text form."""
        if self.use is not KeyUse.LOG:
            return None
        return VerifierKey(name=self.name, type=KeyType.ED25519, public=self.public.der[-32:])

    def trusted(self) -> TrustedKey:
        """The entry that pins it in the user's own trust store."""
        vkey = self.vkey
        return TrustedKey(
            name=self.name,
            role=TrustRole.LOG if vkey else TrustRole.OPERATOR,
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
    """A log's key: fills `formats.note.NoteSigner`."""

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
            found = sorted(path for path in self._folder.iterdir() if path.suffix == ".pem")
        except FileNotFoundError:
            return ()
        except OSError as problem:
            raise _unusable(self._folder, problem) from problem
        return tuple(sorted((self._stored(path.stem) for path in found), key=lambda key: (key.created, key.keyid)))

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
        raw = private.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        stored = StoredKey(
            use=use,
            name=name,
            created=times.to_milliseconds(now),
            public=publickey.from_ed25519(raw),
            encrypted=passphrase is not None,
        )
        if use is KeyUse.LOG:
            VerifierKey(name=name, type=KeyType.ED25519, public=raw)  # refuses a name that cannot be an origin
        if passphrase is None:
            pem = privatekey.encode(private)
        else:
            pem = privatekey.encode_encrypted(private, passphrase, salt=os.urandom(16), iv=os.urandom(16), rounds=rounds)
        pin(stored.trusted())
        try:
            durable.make_folders(self._folder, mode=0o700)
            durable.write_file(self._folder / f"{stored.keyid}.json", _describe(stored), mode=0o600)
            durable.write_file(self._folder / f"{stored.keyid}.pem", pem, mode=0o600)
            durable.sync_folder(self._folder)
        except OSError as problem:
            raise _unusable(self._folder, problem) from problem
        return stored

    def find(self, wanted: str) -> StoredKey:
        """The one key whose id begins with `wanted` (groups or plain digits), or whose name is `wanted`."""
        digits = wanted.replace("-", "").lower()
        found = [key for key in self.stored_keys() if key.name == wanted or (digits and key.keyid.startswith(digits))]
        if len(found) != 1:
            raise ConfigError(
                f"{len(found) or 'no'} keys fit {wanted!r}", "`preserve key list` shows the keys there are; give more of the id"
            )
        return found[0]

    def signing_key(self, wanted: str | None = None) -> StoredKey | None:
        """The key to sign manifests with: the one wanted, else the newest; None when there is none at all."""
        if wanted is not None:
            key = self.find(wanted)
            if key.use is not KeyUse.MANIFEST:
                raise ConfigError(f"{wanted} is a log's key and signs no manifests", "`preserve key list` shows which do")
            return key
        return next((key for key in reversed(self.stored_keys()) if key.use is KeyUse.MANIFEST), None)

    def log_key(self, origin: str, keyid: str | None = None) -> StoredKey | None:
        """The key of the log `origin` (of that id, where one is given); None when it is not here."""
        fits = (key for key in reversed(self.stored_keys()) if key.use is KeyUse.LOG and key.name == origin)
        return next((key for key in fits if keyid in (None, key.keyid)), None)

    def signer(self, key: StoredKey, passphrase: Callable[[StoredKey], bytes]) -> LocalSigner:
        """Open a manifest key; `passphrase` is asked only when the key is encrypted."""
        return LocalSigner(key, self._open(key, passphrase))

    def log_signer(self, key: StoredKey, passphrase: Callable[[StoredKey], bytes]) -> LogSigner:
        """Open a log's key."""
        vkey = key.vkey
        if vkey is None:
            raise ConfigError(f"{key.keyid} signs manifests and no log", "a log has a key of its own")
        return LogSigner(vkey, self._open(key, passphrase))

    def _open(self, key: StoredKey, passphrase: Callable[[StoredKey], bytes]) -> Ed25519PrivateKey:
        path = self._folder / f"{key.keyid}.pem"
        try:
            private = privatekey.decode(_private_bytes(path), passphrase(key) if key.encrypted else None)
        except FormatError as problem:
            raise ConfigError(f"{path}: {problem.message}", "restore the key from your backup, or make a new one") from problem
        raw = private.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        if publickey.from_ed25519(raw) != key.public:
            raise ConfigError(f"{path}: it is another key than its name says", "restore the key from your backup")
        return private

    def _stored(self, keyid: str) -> StoredKey:
        described = self._folder / f"{keyid}.json"
        try:
            fields = Fields(strictjson.decode(described.read_bytes()), described.name)
            fields.constant("type", _TYPE)
            stored = StoredKey(
                use=fields.choice("use", KeyUse),
                name=fields.text("name"),
                created=fields.time("created"),
                public=publickey.decode(fields.text("public").encode()),
                encrypted=privatekey.is_encrypted(_private_bytes(self._folder / f"{keyid}.pem")),
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


def _describe(stored: StoredKey) -> bytes:
    return strictjson.encode(
        {
            "type": _TYPE,
            "use": stored.use.value,
            "name": stored.name,
            "created": times.rfc3339(stored.created),
            "public": stored.public.pem.decode("ascii"),
        }
    )


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
