"""SSH signatures made by hand, from PROTOCOL.sshsig of OpenSSH and from nothing of the program's; and the real ssh-keygen beside them."""

from __future__ import annotations

import base64
import hashlib
import shutil
import struct
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils

from archives import START, Archivist, Pen
from preserve.model.event import Countersignature, RunRef
from preserve.model.trust import TrustedKey, TrustRole

NAMESPACE = b"preserve-manifest-v1"

needs_ssh_keygen = pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="ssh-keygen is the other party")


def strings(*parts: bytes) -> bytes:
    return b"".join(struct.pack(">I", len(part)) + part for part in parts)


def mpint(number: int) -> bytes:
    return number.to_bytes(number.bit_length() // 8 + 1, "big")


def armor(body: bytes, width: int = 70) -> bytes:
    text = base64.b64encode(body)
    rows = [text[place : place + width] for place in range(0, len(text), width)]
    return b"\n".join([b"-----BEGIN SSH SIGNATURE-----", *rows, b"-----END SSH SIGNATURE-----", b""])


class SshPen(Pen):
    """An Ed25519 key in the words of SSH. What is signed and what is written beside it can be told apart by an attack."""

    type = b"ssh-ed25519"

    @property
    def blob(self) -> bytes:
        return strings(self.type, self.raw)

    @property
    def line(self) -> str:
        return f"{self.type.decode()} {base64.b64encode(self.blob).decode()}"

    @property
    def pinned(self) -> TrustedKey:
        return TrustedKey(name=self.name, role=TrustRole.COSIGNER, keyid=self.keyid, vkey=None, ssh=self.line, added=START)

    def raw_signature(self, message: bytes) -> bytes:
        return self.sign(message)

    def body(
        self,
        document: bytes,
        *,
        namespace: bytes = NAMESPACE,
        hash_: bytes = b"sha512",
        says: bytes | None = None,
        reserved: bytes = b"",
        version: int = 1,
        algorithm: bytes | None = None,
        blob: bytes | None = None,
        digest: bytes | None = None,
        signature: bytes | None = None,
    ) -> bytes:
        """The signature before base64. `says` is the hash that is written, where it is another than the one that was used."""
        hashed = hashlib.new(hash_.decode(), document).digest() if digest is None else digest
        made = self.raw_signature(b"SSHSIG" + strings(namespace, reserved, hash_, hashed))
        signature = made if signature is None else signature
        parts = (self.blob if blob is None else blob, namespace, reserved, hash_ if says is None else says)
        inner = strings(self.type if algorithm is None else algorithm, signature)
        return b"SSHSIG" + struct.pack(">I", version) + strings(*parts, inner)

    def signature(self, document: bytes) -> bytes:
        return armor(self.body(document))


class P256Pen(SshPen):
    """An ECDSA key on P-256."""

    type = b"ecdsa-sha2-nistp256"

    def __init__(self, seed: str) -> None:
        super().__init__(seed)
        self.secret = ec.derive_private_key(int.from_bytes(hashlib.sha256(seed.encode()).digest(), "big") >> 8, ec.SECP256R1())

    @property
    def point(self) -> bytes:
        numbers = self.secret.public_key().public_numbers()
        return b"\4" + numbers.x.to_bytes(32, "big") + numbers.y.to_bytes(32, "big")

    @property
    def blob(self) -> bytes:
        return strings(self.type, b"nistp256", self.point)

    @property
    def keyid(self) -> str:
        spki = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d030107034200") + self.point
        return hashlib.sha256(spki).hexdigest()

    def raw_signature(self, message: bytes) -> bytes:
        r, s = utils.decode_dss_signature(self.secret.sign(message, ec.ECDSA(hashes.SHA256())))
        return strings(mpint(r), mpint(s))


def enter(archivist: Archivist, pen: SshPen, data: bytes, run: int = 0, signers: Sequence[Pen] | None = None) -> str:
    """Enter `data` as a countersignature of a run; the event's path, with a slash at the end."""
    body = Countersignature(
        run=RunRef(sequence=run, seal_sha256=hashlib.sha256(archivist.runs[run]["SEAL"]).hexdigest()),
        name=pen.name,
        keyid=pen.keyid,
        sha256=hashlib.sha256(data).hexdigest(),
    )
    at = archivist.add_event(body, signers)
    archivist.events[at.split("/")[1]]["manifest.sshsig"] = data
    return at


def make_key(folder: Path, name: str, *options: str) -> Path:
    """A key made by ssh-keygen, without a passphrase."""
    key = folder / name
    subprocess.run(["ssh-keygen", "-q", "-N", "", "-C", f"{name}@example.org", *options, "-f", str(key)], check=True)
    return key


def ssh_sign(key: Path, document: bytes, *options: str, namespace: str = NAMESPACE.decode()) -> bytes:
    command = ["ssh-keygen", "-Y", "sign", "-n", namespace, "-f", str(key), *options]
    return subprocess.run(command, input=document, capture_output=True, check=True).stdout
