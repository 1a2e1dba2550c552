"""Signed notes and checkpoints: what a transparency log and its witnesses sign.

C2SP signed-note (https://c2sp.org/signed-note), tlog-checkpoint (https://c2sp.org/tlog-checkpoint) and both cosignatures of
tlog-cosignature (https://c2sp.org/tlog-cosignature). A note is text, an empty line, and a line for each signature:

    archive.example/main/log
    5
    G7oLM5Dnqb5K0h5WfTYE0D/fILx1wf6Y6Kk/w8NYZ88=

    — archive.example/main/log 0jQWlfc83r828CadB7aNxnvXKIIS4q20V3jIrQuxVMU8yyU42P95C4GazMpdAPQdEznLiM1w5KHdjTYreEBTzcND6Ao=

Anyone may add a signature line, so lines of unknown keys are no error; but they are reported, never passed over. A line that
claims a known key and does not verify spoils the note.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable, Sequence
from enum import IntEnum
from typing import Protocol

from preserve.errors import FormatError
from preserve.formats import mldsa44, publickey
from preserve.model.noun import dataclass

MAX_NOTE = 1 << 16
MAX_SIGNATURES = 64
_DECIMAL = re.compile(r"0|[1-9][0-9]*")
_KEY_HASH = re.compile(r"[0-9a-f]{8}")


class KeyType(IntEnum):
    """The algorithm byte of a key."""

    ED25519 = 0x01
    """A log: Ed25519 over the note's text."""
    COSIGNATURE_V1 = 0x04
    """A witness: Ed25519 over a time and the note's text."""
    COSIGNATURE_ML_DSA_44 = 0x06
    """A witness: ML-DSA-44 over its own name, a time and what the checkpoint says. Verified here, never made."""


COSIGNATURES = frozenset({KeyType.COSIGNATURE_V1, KeyType.COSIGNATURE_ML_DSA_44})
"""What a witness's key can be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifierKey:
    """A log's or witness's public key: `public` is its raw bytes, 32 of Ed25519 or 1312 of ML-DSA-44.

    Its text form is the vkey `name+hash+base64`.
    """

    name: str
    type: KeyType
    public: bytes

    def __post_init__(self) -> None:
        check_name(self.name)
        if self.type is KeyType.COSIGNATURE_ML_DSA_44:
            mldsa44.check(self.public)
        else:
            publickey.check_ed25519(self.public)

    @property
    def key_hash(self) -> bytes:
        """Four bytes that stand for this key in a signature line; the name is part of it."""
        return hashlib.sha256(self.name.encode() + b"\n" + bytes([self.type]) + self.public).digest()[:4]

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the SubjectPublicKeyInfo, as for every key."""
        if self.type is KeyType.COSIGNATURE_ML_DSA_44:
            return mldsa44.fingerprint(self.public)
        return publickey.from_ed25519(self.public).keyid

    def encode(self) -> str:
        """The vkey."""
        return f"{self.name}+{self.key_hash.hex()}+{_base64(bytes([self.type]) + self.public)}"

    @classmethod
    def parse(cls, vkey: str) -> VerifierKey:
        """Raises FormatError naming what is wrong with `vkey`."""
        parts = vkey.split("+", 2)
        if len(parts) != 3:
            raise FormatError("vkey: not NAME+HASH+KEY")
        name, key_hash, encoded = parts
        raw = unbase64(encoded)
        if not raw or raw[0] not in set(KeyType):
            raise FormatError(f"vkey: unknown algorithm: {raw[:1].hex() or 'none'}")
        key = cls(name=name, type=KeyType(raw[0]), public=raw[1:])
        if not _KEY_HASH.fullmatch(key_hash) or key.key_hash.hex() != key_hash:
            raise FormatError(f"vkey: key hash mismatch: {key_hash!r} does not belong to this name and key")
        return key


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteSignature:
    """One signature line: for a witness, `signature` begins with its time."""

    name: str
    key_hash: bytes
    signature: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedNote:
    """A note as it stands: `text` ends with a newline. Nothing is verified yet."""

    text: bytes
    signatures: tuple[NoteSignature, ...]

    def encode(self) -> bytes:
        return self.text + b"\n" + encode_signatures(self.signatures)


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """A log's head: its origin, how many entries it has, the Merkle root over them. No extension lines."""

    origin: str
    size: int
    root: bytes

    def encode(self) -> bytes:
        """The text that is signed."""
        check_name(self.origin)
        return f"{self.origin}\n{self.size}\n{_base64(self.root)}\n".encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Cosignature:
    """A witness saw the checkpoint at `time` (seconds since 1970, UTC); 0 when it does not say when."""

    key: VerifierKey
    time: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """What a note's signature lines are worth to someone who knows some keys."""

    signed_by: tuple[VerifierKey, ...]
    cosigned_by: tuple[Cosignature, ...]
    failed: tuple[VerifierKey, ...]
    """Known keys whose line does not verify."""
    unknown: tuple[NoteSignature, ...]
    unchecked: tuple[VerifierKey, ...] = ()
    """Known keys whose line cannot be checked with the libraries at hand."""


class NoteSigner(Protocol):
    """The private half of a VerifierKey of type ED25519 (a log's) or COSIGNATURE_V1 (a witness's)."""

    @property
    def key(self) -> VerifierKey: ...

    def sign(self, message: bytes) -> bytes:
        """64 bytes over exactly `message`."""
        ...


def sign(text: bytes, signers: Iterable[NoteSigner]) -> SignedNote:
    """A note over `text`."""
    _check_text(text)
    lines = tuple(
        NoteSignature(name=signer.key.name, key_hash=signer.key.key_hash, signature=signer.sign(text)) for signer in signers
    )
    return SignedNote(text=text, signatures=lines)


def encode_signatures(lines: Iterable[NoteSignature]) -> bytes:
    """Signature lines as they stand under a note."""
    return "".join(f"\u2014 {line.name} {_base64(line.key_hash + line.signature)}\n" for line in lines).encode()


def cosign(text: bytes, signer: NoteSigner, time: int) -> NoteSignature:
    """A witness's line under a checkpoint's text: what it saw at `time` (seconds since 1970, not 0) was the largest consistent tree."""
    if not 0 < time < 1 << 63:
        raise ValueError(f"not a time: {time}")
    signature = signer.sign(_cosigned_v1(time, text))
    return NoteSignature(name=signer.key.name, key_hash=signer.key.key_hash, signature=time.to_bytes(8, "big") + signature)


def parse(data: bytes) -> SignedNote:
    """The note in `data`, none of it verified; raises FormatError naming what is wrong."""
    if len(data) > MAX_NOTE:
        raise FormatError(f"note: too long: {len(data)} bytes")
    text, gap, tail = data.rpartition(b"\n\n")
    if not gap:
        raise FormatError("note: no signature")
    text += b"\n"
    _check_text(text)
    return SignedNote(text=text, signatures=parse_signatures(tail))


def parse_signatures(tail: bytes) -> tuple[NoteSignature, ...]:
    """Signature lines alone: those of a note, or what a witness answers with. Raises FormatError."""
    if not tail.endswith(b"\n"):
        raise FormatError("note: no newline at the end")
    rows = _utf8(tail).removesuffix("\n").split("\n")
    if len(rows) > MAX_SIGNATURES:
        raise FormatError(f"note: too many signatures: {len(rows)}")
    signatures = tuple(_parse_signature(row) for row in rows)
    if len({(line.name, line.key_hash) for line in signatures}) != len(signatures):
        raise FormatError("note: duplicate signature: two lines of one key")
    return signatures


def verify(note: SignedNote, known: Sequence[VerifierKey]) -> Opened:
    """Judge each signature line by the keys known; which keys must be there is for the caller's rules."""
    keys = {(key.name, key.key_hash): key for key in known}
    signed: list[VerifierKey] = []
    cosigned: list[Cosignature] = []
    failed: list[VerifierKey] = []
    unknown: list[NoteSignature] = []
    unchecked: list[VerifierKey] = []
    for line in note.signatures:
        key = keys.get((line.name, line.key_hash))
        if key is None:
            unknown.append(line)
        elif key.type is KeyType.ED25519:
            (signed if publickey.ed25519_verify(key.public, note.text, line.signature) else failed).append(key)
        elif (holds := _holds(key, note.text, line.signature)) is None:
            unchecked.append(key)
        elif holds:
            cosigned.append(Cosignature(key=key, time=int.from_bytes(line.signature[:8], "big")))
        else:
            failed.append(key)
    return Opened(
        signed_by=tuple(signed),
        cosigned_by=tuple(cosigned),
        failed=tuple(failed),
        unknown=tuple(unknown),
        unchecked=tuple(unchecked),
    )


def parse_checkpoint(text: bytes, *, extensions: bool = False) -> Checkpoint:
    """The checkpoint that a note's text is.

    Our own logs have no extension lines, and they are refused; a witness allows those of others (`extensions`), and says nothing of them.
    """
    rows = _utf8(text).split("\n")
    if len(rows) < 4 or rows[-1]:
        raise FormatError("checkpoint: not three lines")
    if len(rows) > 4 and (not extensions or not all(rows[3:-1])):
        raise FormatError("checkpoint: extension line: version 1 has none")
    root = unbase64(rows[2])
    if len(root) != 32:
        raise FormatError(f"checkpoint: bad root: {len(root)} bytes")
    check_name(rows[0])
    return Checkpoint(origin=rows[0], size=decimal(rows[1]), root=root)


def check_name(name: str) -> None:
    """Refuse what cannot name a key or a log: empty, with white space, `+`, control characters, or like a JSON document."""
    if (
        not name
        or len(name) > 255
        or "+" in name
        or name.startswith("{")
        or not name.isprintable()
        or any(map(str.isspace, name))
    ):
        raise FormatError(f"bad name: {name[:80]!r} cannot name a log or a witness")


def decimal(text: str) -> int:
    """A number below 2^63 without sign or leading zeros."""
    if not _DECIMAL.fullmatch(text) or len(text) > 19 or int(text) >= 1 << 63:
        raise FormatError(f"bad number: {text[:40]!r}")
    return int(text)


def unbase64(text: str) -> bytes:
    """Standard base64 (RFC 4648 section 4) with its padding, in the one spelling that encoding gives."""
    try:
        data = base64.b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        raise FormatError(f"bad base64: {text[:80]!r}") from None
    if _base64(data) != text:
        raise FormatError(f"bad base64: {text[:80]!r} has another spelling")
    return data


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _parse_signature(row: str) -> NoteSignature:
    parts = row.split(" ")
    if len(parts) != 3 or parts[0] != "\u2014":
        raise FormatError(f"note: not a signature line: {row[:80]!r}")
    check_name(parts[1])
    data = unbase64(parts[2])
    if len(data) < 5:
        raise FormatError(f"note: not a signature line: {row[:80]!r}")
    return NoteSignature(name=parts[1], key_hash=data[:4], signature=data[4:])


def _holds(key: VerifierKey, text: bytes, signature: bytes) -> bool | None:
    """Whether a witness's bytes, a time and a signature, hold over a note's text; None when this cannot be found out here."""
    time = int.from_bytes(signature[:8], "big")
    if len(signature) < 8 or time >= 1 << 63:
        return False
    if key.type is KeyType.COSIGNATURE_V1:
        return publickey.ed25519_verify(key.public, _cosigned_v1(time, text), signature[8:])
    try:
        checkpoint = parse_checkpoint(text, extensions=True)
    except FormatError:
        return False
    if max(len(key.name.encode()), len(checkpoint.origin.encode())) > 255:
        return False
    return mldsa44.verify(key.public, _cosigned_subtree(key.name, time, checkpoint), signature[8:])


def _cosigned_v1(time: int, text: bytes) -> bytes:
    return b"cosignature/v1\ntime %d\n" % time + text


def _cosigned_subtree(name: str, time: int, checkpoint: Checkpoint) -> bytes:
    """The `cosigned_message` of a whole tree: fixed label, names after their length in one byte, numbers in eight."""

    def named(text: str) -> bytes:
        data = text.encode()
        return len(data).to_bytes(1, "big") + data

    numbers = (0).to_bytes(8, "big") + checkpoint.size.to_bytes(8, "big")
    return b"subtree/v1\n\0" + named(name) + time.to_bytes(8, "big") + named(checkpoint.origin) + numbers + checkpoint.root


def _check_text(text: bytes) -> None:
    content = _utf8(text)
    if not content.endswith("\n") or content == "\n":
        raise FormatError("note: no newline at the end")
    if any((char < " " and char != "\n") or "\x7f" <= char < "\xa0" for char in content):
        raise FormatError("note: control character")


def _utf8(data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise FormatError("note: not UTF-8") from None
