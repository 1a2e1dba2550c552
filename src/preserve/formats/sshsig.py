"""SSH signatures, as `ssh-keygen -Y sign` makes them and `ssh-keygen -Y verify` checks them (OpenSSH, PROTOCOL.sshsig; docs/formats/events.md section 14).

    -----BEGIN SSH SIGNATURE-----           "SSHSIG", version 1, the public key, namespace, reserved, hash, signature
    U1NIU0lHAAAAAQ…                         in base64, 70 characters a line
    -----END SSH SIGNATURE-----

What is signed is never the file itself: `SSHSIG`, the namespace, the hash's name and the file's hash. So the signature holds for one
purpose and one file, and cannot be taken for a log-in. Everything that may be written in two ways is accepted in one only: a file is
exactly what `encode` makes of what it says. The key decides the algorithm; its name beside the signature must say the same.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Mapping
from typing import Final

from cryptography.hazmat.primitives.asymmetric import utils

from preserve.errors import FormatError
from preserve.formats import sshkey
from preserve.formats.sshkey import ED25519, NAMESPACE, SshKey, Wire, string
from preserve.model.noun import dataclass

NAME: Final = "manifest.sshsig"
"""The file beside a statement that it is of."""
MAX_SIZE: Final = 2048
"""Bytes; one by a P-256 key has about 420."""
HASHES: Final = ("sha256", "sha512")
"""Of what is signed; ssh-keygen takes the second."""
_MAGIC: Final = b"SSHSIG"
_BEGIN: Final = b"-----BEGIN SSH SIGNATURE-----\n"
_END: Final = b"-----END SSH SIGNATURE-----\n"
_WIDTH: Final = 70
_P256_ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


@dataclass(frozen=True, slots=True, kw_only=True)
class SshSignature:
    """A signature by `key` over a file's `hash`; `value` is as SSH writes it, without the algorithm's name."""

    key: SshKey
    hash: str
    value: bytes

    def holds(self, digests: Mapping[str, bytes]) -> bool:
        """Whether it is over the file with these digests (`digests_of`), made for manifests."""
        signed = b"".join(string(part) for part in (NAMESPACE.encode(), b"", self.hash.encode(), digests[self.hash]))
        value = self.value
        if self.key.type != ED25519:
            r, s = _integers(value)
            value = utils.encode_dss_signature(r, s)
        return self.key.public.verify(_MAGIC + signed, value)


def digests_of(document: bytes) -> dict[str, bytes]:
    """What `SshSignature.holds` needs of a file."""
    return {name: hashlib.new(name, document).digest() for name in HASHES}


def encode(signature: SshSignature) -> bytes:
    """The file in its one spelling."""
    body = _MAGIC + (1).to_bytes(4, "big")
    parts = (signature.key.blob, NAMESPACE.encode(), b"", signature.hash.encode())
    body += b"".join(string(part) for part in parts)
    body += string(string(signature.key.type.encode()) + string(signature.value))
    text = base64.b64encode(body)
    rows = b"".join(text[place : place + _WIDTH] + b"\n" for place in range(0, len(text), _WIDTH))
    return _BEGIN + rows + _END


def decode(data: bytes) -> SshSignature:
    """The signature in a file; raises FormatError naming what is wrong. That it holds is another question."""
    signature = read(data)
    if encode(signature) != data:
        raise FormatError("SSH signature: not canonical: the same signature has another spelling")
    return signature


def read(data: bytes) -> SshSignature:
    """The same, with lines of any length and ended in any way: as programs other than ssh-keygen write them."""
    if len(data) > MAX_SIZE:
        raise FormatError(f"SSH signature: too long: {len(data)} bytes")
    rows = data.replace(b"\r\n", b"\n").strip(b"\n").split(b"\n")
    if len(rows) < 3 or (rows[0], rows[-1]) != (_BEGIN.rstrip(), _END.rstrip()):
        raise FormatError("SSH signature: not between its two lines, BEGIN and END SSH SIGNATURE")
    try:
        body = base64.b64decode(b"".join(rows[1:-1]), validate=True)
    except (binascii.Error, ValueError):
        raise FormatError("SSH signature: not base64") from None
    wire = Wire(body, "SSH signature")
    if wire.take(6) != _MAGIC:
        raise FormatError("SSH signature: it does not begin with SSHSIG")
    if (version := int.from_bytes(wire.take(4), "big")) != 1:
        raise FormatError(f"SSH signature: version {version} is not known")
    blob, namespace, reserved, hash_, value = (wire.string() for _ in range(5))
    wire.end()
    key = sshkey.from_blob(blob)
    if namespace != NAMESPACE.encode():
        raise FormatError(
            f"SSH signature: wrong namespace: made for {namespace[:60].decode('ascii', 'replace')!r}, not for {NAMESPACE!r}"
        )
    if reserved:
        raise FormatError("SSH signature: something stands where nothing may yet")
    hash_name = hash_.decode("ascii", "replace")
    if hash_name not in HASHES:
        raise FormatError(f"SSH signature: unknown hash: {hash_name[:60]!r}: only sha256 and sha512 are accepted")
    return SshSignature(key=key, hash=hash_name, value=_value(key, value))


def _value(key: SshKey, data: bytes) -> bytes:
    wire = Wire(data, "SSH signature")
    algorithm, value = wire.string(), wire.string()
    wire.end()
    if algorithm != key.type.encode():
        called = algorithm[:60].decode("ascii", "replace")
        raise FormatError(f"SSH signature: the key is {key.type}, the signature calls itself {called!r}")
    if key.type == ED25519:
        if len(value) != 64:
            raise FormatError(f"SSH signature: an Ed25519 signature has 64 bytes, not {len(value)}")
    else:
        _integers(value)
    return value


def _integers(value: bytes) -> tuple[int, int]:
    """r and s of an ECDSA signature (RFC 5656 section 3.1.2), each in its one spelling."""
    wire = Wire(value, "SSH signature")
    found = []
    for data in (wire.string(), wire.string()):
        number = int.from_bytes(data, "big")
        if not 0 < number < _P256_ORDER or data != number.to_bytes(number.bit_length() // 8 + 1, "big"):
            raise FormatError("SSH signature: a number of it is out of range, or not in its one spelling")
        found.append(number)
    wire.end()
    return found[0], found[1]
