"""The key that players read a bundle's signature of: ECDSA on P-384, below `$XDG_CONFIG_HOME/preserve/keys/wacz`.

It is made on first use, without a passphrase, for it proves nothing by itself: each bundle's own statement, signed by the archive's
signer, says which key it is (docs/formats/wacz-profile.md). A lost one is replaced by the next.
"""

from __future__ import annotations

import stat
from pathlib import Path

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from preserve import durable
from preserve.errors import ConfigError
from preserve.formats.wacz import raw_signature

_NAME = "wacz.pem"


class WaczKey:
    """Fills `flows.bundle.PackageSigner`."""

    __slots__ = ("_private",)

    def __init__(self, private: ec.EllipticCurvePrivateKey) -> None:
        self._private = private

    @classmethod
    def of_user(cls, config: Path) -> WaczKey:
        """The key in the user's configuration folder; made when there is none. Raises ConfigError."""
        path = config / "keys" / "wacz" / _NAME
        try:
            if not path.exists():
                _make(path)
            if stat.S_IMODE(path.stat().st_mode) & 0o077:
                raise ConfigError(f"{path}: others can read this private key", f"chmod 600 {path}")
            private = serialization.load_pem_private_key(path.read_bytes(), None)
        except OSError as problem:
            raise ConfigError(f"{path}: {problem.strerror}", "check who may read and write there") from problem
        except (ValueError, TypeError) as problem:
            raise ConfigError(f"{path}: not a private key", "move it away: a new one is made") from problem
        if not isinstance(private, ec.EllipticCurvePrivateKey) or not isinstance(private.curve, ec.SECP384R1):
            raise ConfigError(f"{path}: not a key on P-384, the one curve that players read", "move it away: a new one is made")
        return cls(private)

    @property
    def public_der(self) -> bytes:
        """Its SubjectPublicKeyInfo."""
        return self._private.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )

    def sign(self, message: bytes) -> bytes:
        """ECDSA with SHA-256, as raw r||s."""
        return raw_signature(self._private.sign(message, ec.ECDSA(hashes.SHA256())))


def _make(path: Path) -> None:
    durable.make_folders(path.parent, mode=0o700)
    private = ec.generate_private_key(ec.SECP384R1())
    pem = private.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    durable.write_file(path, pem, mode=0o600)
    durable.sync_folder(path.parent)
