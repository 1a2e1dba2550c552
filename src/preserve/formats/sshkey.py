"""SSH public keys as people hand them over: a line of authorized_keys, of allowed_signers, or of a .pub file (docs/formats/keys.md section 11).

A key is taken for what it is, Ed25519 or ECDSA on P-256, and has the same id as that key in PEM. Its one spelling is `TYPE BASE64`. What
stands around it says whose it is; of allowed_signers (ssh-keygen(1)) the times and namespaces are obeyed, and every other option with
a value is refused rather than overlooked. RSA, DSA, certificates and the keys of security tokens (sk-…) are refused by name.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from datetime import UTC, datetime

from preserve.errors import FormatError
from preserve.formats import publickey
from preserve.formats.publickey import Algorithm, PublicKey
from preserve.model.noun import dataclass
from preserve.model.pattern import pattern

NAMESPACE = "preserve-manifest-v1"
"""What a signature over a manifest is made for: it counts for nothing else, and nothing else counts for it."""
MAX_LINE = 4096
ED25519 = "ssh-ed25519"
P256 = "ecdsa-sha2-nistp256"
_CURVE = b"nistp256"
_SPKI_P256 = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d030107034200")
_OTHERS = pattern(r"(?:ssh-|ecdsa-|rsa-|sk-|webauthn-)[a-z0-9@.-]+")
_OPTION = pattern(r'([a-z][a-z-]*)(?:="([^"]*)")?(?:,|$)')
_MOMENT = pattern(r"(\d{4})(\d\d)(\d\d)(?:(\d\d)(\d\d)(\d\d)?)?Z", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class SshKey:
    """A public key of a type that is accepted. Made by `from_blob` and `parse`."""

    type: str
    public: PublicKey

    @property
    def keyid(self) -> str:
        """SHA-256 of the SubjectPublicKeyInfo, as of any other key here."""
        return self.public.keyid

    @property
    def blob(self) -> bytes:
        """The key as SSH writes it (RFC 4253 section 6.6, RFC 5656 section 3.1, RFC 8709 section 4)."""
        if self.type == ED25519:
            return string(ED25519.encode()) + string(self.public.der[-32:])
        return string(P256.encode()) + string(_CURVE) + string(self.public.der[-65:])

    @property
    def line(self) -> str:
        """`TYPE BASE64`, without a comment."""
        return f"{self.type} {base64.b64encode(self.blob).decode()}"

    @property
    def fingerprint(self) -> str:
        """As `ssh-keygen -lf` prints it: `SHA256:` and 43 characters."""
        return "SHA256:" + base64.b64encode(hashlib.sha256(self.blob).digest()).decode().rstrip("=")


@dataclass(frozen=True, slots=True, kw_only=True)
class Handed:
    """A key as it was handed over: `who` is the comment or the principals (may be ""), the times bound what it signs."""

    key: SshKey
    who: str
    valid_from: datetime | None = None
    valid_until: datetime | None = None


def string(data: bytes) -> bytes:
    """RFC 4251 section 5."""
    return len(data).to_bytes(4, "big") + data


class Wire:
    """Reads the strings of RFC 4251 one after the other; raises FormatError when there are too few bytes or too many."""

    def __init__(self, data: bytes, what: str) -> None:
        self._data = data
        self._place = 0
        self._what = what

    def take(self, count: int) -> bytes:
        piece = self._data[self._place : self._place + count]
        if len(piece) != count:
            raise FormatError(f"{self._what}: cut short")
        self._place += count
        return piece

    def string(self) -> bytes:
        return self.take(int.from_bytes(self.take(4), "big"))

    def end(self) -> None:
        if self._place != len(self._data):
            raise FormatError(f"{self._what}: {len(self._data) - self._place} bytes too many")


def from_blob(blob: bytes) -> SshKey:
    """The key in these bytes. Raises FormatError naming what is wrong with it."""
    wire = Wire(blob, "SSH key")
    type_ = wire.string()
    check_type(type_.decode("ascii", "replace"))
    if type_ == ED25519.encode():
        raw = wire.string()
        wire.end()
        return SshKey(type=ED25519, public=publickey.from_ed25519(raw))
    curve, point = wire.string(), wire.string()
    wire.end()
    if curve != _CURVE or len(point) != 65 or point[0] != 4:
        raise FormatError("SSH key: not an uncompressed point on P-256")
    return SshKey(type=P256, public=publickey.from_der(_SPKI_P256 + point))


def of_public(public: PublicKey) -> SshKey | None:
    """The same key in the words of SSH; None for an algorithm that it has no words for here."""
    if public.algorithm is Algorithm.ML_DSA_65:
        return None
    return SshKey(type=ED25519 if public.algorithm is Algorithm.ED25519 else P256, public=public)


def check_type(type_: str) -> None:
    """Refuse, with a reason, whatever is neither Ed25519 nor ECDSA on P-256."""
    if type_ in {ED25519, P256}:
        return
    if type_.startswith(("sk-", "webauthn-")):
        why = "the keys of security tokens are not accepted here: what they sign is not what the others sign"
    elif "-cert-" in type_:
        why = "a certificate: its key is accepted, and nobody's word for it"
    elif type_.startswith(("ssh-rsa", "rsa-")):
        why = "RSA keys are not accepted"
    else:
        why = "only Ed25519 and ECDSA on P-256 are accepted"
    raise FormatError(f"SSH key: unknown algorithm: {type_[:60]!r}: {why}")


def parse(line: str) -> Handed:
    """The key in one line. Raises FormatError naming what is wrong."""
    if len(line) > MAX_LINE or "\n" in line or "\r" in line or "\0" in line:
        raise FormatError("SSH key: not one line of a public key")
    if line.count('"') % 2:
        raise FormatError("SSH key: a quotation mark without its other one")
    words = _words(line)
    place = next((n for n, word in enumerate(words) if _OTHERS.fullmatch(word)), None)
    if place is None or place + 1 >= len(words):
        raise FormatError("SSH key: no key in this line: it reads TYPE BASE64, as in a .pub file")
    if place > 2:
        raise FormatError("SSH key: neither a line of authorized_keys nor one of allowed_signers")
    type_, written = words[place], words[place + 1]
    check_type(type_)
    try:
        blob = base64.b64decode(written, validate=True)
    except (binascii.Error, ValueError):
        raise FormatError("SSH key: not base64") from None
    if base64.b64encode(blob).decode() != written:
        raise FormatError("SSH key: not canonical base64")
    key = from_blob(blob)
    if key.type != type_:
        raise FormatError(f"SSH key: called {type_}, and is {key.type}")
    before = words[:place]
    # Of two words before the key the first names who signs; one word alone is options where it looks like some.
    options = before[1] if len(before) == 2 else before[0] if before and _is_options(before[0]) else ""
    principals = before[0] if before and before[0] != options else ""
    valid_from, valid_until = _limits(options)
    return Handed(
        key=key,
        who=" ".join(words[place + 2 :]) or principals.strip('"'),
        valid_from=valid_from,
        valid_until=valid_until,
    )


def _words(line: str) -> list[str]:
    """Split at white space that is not in quotation marks."""
    return re.findall(r'(?:[^\s"]|"[^"]*")+', line.strip())


def _is_options(word: str) -> bool:
    return '="' in word or "cert-authority" in word.split(",")


def _limits(options: str) -> tuple[datetime | None, datetime | None]:
    """When signatures count, by the options of allowed_signers."""
    after = before = None
    place = 0
    while place < len(options):
        match = _OPTION.match(options, place)
        if match is None:
            raise FormatError(f"SSH key: options that cannot be read: {options[place : place + 60]!r}")
        place = match.end()
        match match[1], match[2]:
            case "namespaces", str(names):
                if NAMESPACE not in names.split(","):
                    raise FormatError(f"SSH key: the line allows it to sign for {names!r} only, not for {NAMESPACE!r}")
            case "valid-after", str(written):
                after = _moment(written)
            case "valid-before", str(written):
                before = _moment(written)
            case name, _:
                raise FormatError(f"SSH key: the option {name!r} is not one that is obeyed here: hand over the line without it")
    return after, before


def _moment(written: str) -> datetime:
    match = _MOMENT.fullmatch(written)
    if match is None:
        raise FormatError(f"SSH key: {written!r} is not a time in UTC, as 20261121Z or 202611211702Z is")
    try:
        return datetime.strptime("".join(match.groups("")).ljust(14, "0") + "+0000", "%Y%m%d%H%M%S%z").astimezone(UTC)
    except ValueError:
        raise FormatError(f"SSH key: {written!r} is no date") from None
