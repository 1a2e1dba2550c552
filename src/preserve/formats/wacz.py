"""WACZ 1.1.1: a ZIP of WARC files, their index and a list of pages, with the hashes of all of it signed (docs/formats/wacz-profile.md).

    archive/*.warc.gz   indexes/index.cdx.gz + index.idx, or index.cdx   pages/pages.jsonl
    datapackage.json           every other entry with its size and SHA-256
    datapackage-digest.json    the SHA-256 of datapackage.json, signed twice:
        signedData             as players read it: ECDSA on P-384 over the hash, by a key that the file itself brings
        preserve               a signature of the archive's signer, Ed25519 or P-256, over `statement`, which names that key and that hash

The first signature alone proves nothing, for anybody can make a key; the second binds it to one that the verifier may have pinned.

https://specs.webrecorder.net/wacz/1.1.1/ · https://specs.webrecorder.net/wacz-auth/0.1.0/
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils

from preserve.errors import FormatError
from preserve.formats.certificate import UNREADABLE
from preserve.model.noun import dataclass

VERSION: Final = "1.1.1"
AUTH_VERSION: Final = "0.1.0"
"""Of wacz-auth."""
PACKAGE: Final = "datapackage.json"
DIGEST: Final = "datapackage-digest.json"
PAGES: Final = "pages/pages.jsonl"
INDEX: Final = "indexes/index.cdx"
ZIPNUM: Final = "indexes/index.cdx.gz"
IDX: Final = "indexes/index.idx"
ARCHIVE: Final = "archive/"
OURS: Final = "preserve"
"""How the names of all folders begin that are ours: `preserve/`, and `preserve-RUN/` for each run."""
RUN: Final = "preserve-"
KEYS: Final = "preserve/"
MAX_PACKAGE: Final = 1 << 28
MAX_DIGEST: Final = 1 << 20

_HASH = re.compile(r"sha256:([0-9a-f]{64})")
_MAX_DEPTH = 32


def must_be_stored(name: str) -> bool:
    """What players read by ranges of the ZIP itself: packed, they find nothing in it."""
    return name.startswith(ARCHIVE) or name.endswith((".warc.gz", ".cdx.gz"))


# --------------------------------------------------------------------------------------------------------- datapackage.json


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """One entry of the ZIP."""

    path: str
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """What datapackage.json says."""

    title: str
    created: str
    software: str
    resources: tuple[Resource, ...]


def wacz_time(moment: datetime) -> str:
    """`moment` (UTC) as WACZ writes times, to the second."""
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def encode_package(package: Package) -> bytes:
    """datapackage.json."""
    return _pretty(
        {
            "profile": "data-package",
            "wacz_version": VERSION,
            "created": package.created,
            "software": package.software,
            "title": package.title,
            "resources": [
                {
                    "name": _resource_name(resource.path),
                    "path": resource.path,
                    "hash": f"sha256:{resource.sha256}",
                    "bytes": resource.bytes,
                    # An empty list is no table: who goes by the name alone looks for its first row, and fails.
                    **({} if resource.bytes else {"format": "txt"}),
                }
                for resource in package.resources
            ],
        }
    )


def _resource_name(path: str) -> str:
    """Lower case and unique, as data packages want it; others' files have their own name, ours the whole path."""
    return (path.replace("~", "/") if path.startswith(OURS) else path.rpartition("/")[2]).lower()


def decode_package(data: bytes) -> Package:
    """datapackage.json of any maker; raises FormatError."""
    value = _object(data, PACKAGE)
    resources = value.get("resources")
    if value.get("profile") != "data-package" or not isinstance(resources, list):
        raise FormatError(f"{PACKAGE}: not a data package with resources")
    return Package(
        title=_text(value, "title"),
        created=_text(value, "created"),
        software=_text(value, "software"),
        resources=tuple(map(_resource, resources)),
    )


def _resource(value: Any) -> Resource:
    path, size = (value.get("path"), value.get("bytes")) if isinstance(value, dict) else (None, None)
    match = _HASH.fullmatch(value["hash"]) if isinstance(value, dict) and isinstance(value.get("hash"), str) else None
    if not isinstance(path, str) or type(size) is not int or match is None:
        raise FormatError(f"{PACKAGE}: a resource without path, bytes or SHA-256: {value!r:.120}")
    return Resource(path=path, bytes=size, sha256=match[1])


# -------------------------------------------------------------------------------------------------- datapackage-digest.json


@dataclass(frozen=True, slots=True, kw_only=True)
class Digest:
    """What datapackage-digest.json says; parts that it does not have are "" or None."""

    path: str
    sha256: str
    signed: Signed | None
    statement: str
    signature: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """signedData. `key` is the DER SubjectPublicKeyInfo that it brings, `certificate` what it brings instead (PEM, leaf first)."""

    hash: str
    signature: bytes
    key: bytes
    certificate: bytes


def encode_digest(
    package_sha256: str, *, created: str, software: str, key: bytes, signature: bytes, statement: str, binding: bytes
) -> bytes:
    """datapackage-digest.json. `key` is the DER SubjectPublicKeyInfo, `signature` its raw r||s, `binding` that over `statement`."""
    named = f"sha256:{package_sha256}"
    return _pretty(
        {
            "path": PACKAGE,
            "hash": named,
            "signedData": {
                "hash": named,
                "created": created,
                "software": software,
                "version": AUTH_VERSION,
                "signature": _base64(signature),
                "publicKey": _base64(key),
            },
            "preserve": {"statement": statement, "signature": _base64(binding)},
        }
    )


def decode_digest(data: bytes) -> Digest:
    """datapackage-digest.json of any maker; raises FormatError."""
    value = _object(data, DIGEST)
    match = _HASH.fullmatch(_text(value, "hash"))
    if match is None:
        raise FormatError(f"{DIGEST}: no SHA-256 of {PACKAGE}")
    signed, ours = value.get("signedData"), value.get("preserve")
    return Digest(
        path=_text(value, "path"),
        sha256=match[1],
        signed=_signed(signed) if isinstance(signed, dict) else None,
        statement=_text(ours, "statement") if isinstance(ours, dict) else "",
        signature=_unbase64(_text(ours, "signature")) if isinstance(ours, dict) else b"",
    )


def _signed(value: dict[str, Any]) -> Signed:
    return Signed(
        hash=_text(value, "hash"),
        signature=_unbase64(_text(value, "signature")),
        key=_unbase64(_text(value, "publicKey")),
        certificate=_text(value, "domainCert").encode(),
    )


# -------------------------------------------------------------------------------------------------------------- signatures


def signed_text(package_sha256: str) -> bytes:
    """What the player's signature is over."""
    return f"sha256:{package_sha256}".encode("ascii")


def statement(key: bytes, package_sha256: str) -> str:
    """What the archive's signer says of a bundle's own key (DER) and of the hash of its datapackage.json."""
    return f"preserve-wacz-key/v1 {hashlib.sha256(key).hexdigest()} {package_sha256}\n"


def raw_signature(der: bytes) -> bytes:
    """r||s, 48 bytes each, of an ECDSA signature on P-384 in DER."""
    r, s = utils.decode_dss_signature(der)
    return r.to_bytes(48, "big") + s.to_bytes(48, "big")


def verifies(signed: Signed, message: bytes) -> str:
    """Why it is not a signature over `message` by the key that comes with it; empty when it is. Raw r||s and DER are read."""
    try:
        key = (
            serialization.load_der_public_key(signed.key)
            if signed.key
            else x509.load_pem_x509_certificates(signed.certificate)[0].public_key()
        )
    except (IndexError, *UNREADABLE):
        return "there is no key with it that can be read"
    if not isinstance(key, ec.EllipticCurvePublicKey):
        return "its key is of another kind than ECDSA"
    width = (key.curve.key_size + 7) // 8
    forms = [signed.signature]
    if len(signed.signature) == 2 * width:
        numbers = (int.from_bytes(signed.signature[:width], "big"), int.from_bytes(signed.signature[width:], "big"))
        forms.append(utils.encode_dss_signature(*numbers))
    for form in forms:
        try:
            key.verify(form, message, ec.ECDSA(hashes.SHA256()))
        except (InvalidSignature, ValueError):
            continue
        return ""
    return "it does not verify: it is not over this datapackage.json by this key"


# ------------------------------------------------------------------------------------------------------------------- pages


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Where a player may begin: one for each citation that a capture answers."""

    id: str
    url: str
    moment: datetime
    title: str
    document: str
    note: str
    text: str


PAGES_HEAD: Final = b'{"format":"json-pages-1.0","id":"pages","title":"All Pages","hasText":true}\n'


def encode_page(page: Page) -> bytes:
    """A line of pages.jsonl, with its newline."""
    members = {"id": page.id, "url": page.url, "ts": wacz_time(page.moment), "title": page.title}
    said = {"document": page.document, "note": page.note, "text": page.text}
    return (
        json.dumps({**members, **{name: text for name, text in said.items() if text}}, separators=(",", ":")).encode() + b"\n"
    )


# ------------------------------------------------------------------------------------------------------------ others' JSON


def _object(data: bytes, where: str) -> dict[str, Any]:
    """One JSON object of any maker; what two readers could understand differently is refused all the same."""
    if data.count(b"[") + data.count(b"{") > _MAX_DEPTH and _depth(data) > _MAX_DEPTH:
        raise FormatError(f"{where}: nested too deeply")
    try:
        value = json.loads(data.decode("utf-8"), object_pairs_hook=lambda pairs: _members(pairs, where))
    except ValueError as problem:  # JSONDecodeError and UnicodeDecodeError are
        raise FormatError(f"{where}: not JSON: {problem}") from None
    if not isinstance(value, dict):
        raise FormatError(f"{where}: not an object")
    return value


def _depth(data: bytes) -> int:
    deepest = depth = 0
    for bracket in re.findall(rb"[\[\]{}]", re.sub(rb'"(?:[^"\\]|\\.)*"', b"", data)):
        depth += 1 if bracket in b"[{" else -1
        deepest = max(deepest, depth)
    return deepest


def _members(pairs: Sequence[tuple[str, Any]], where: str) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        twice, _ = Counter(name for name, _ in pairs).most_common(1)[0]
        raise FormatError(f"{where}: duplicate key: {twice[:80]!r}")
    return members


def _text(value: dict[str, Any], name: str) -> str:
    text = value.get(name, "")
    return text if isinstance(text, str) else ""


def _pretty(value: dict[str, Any]) -> bytes:
    return json.dumps(value, ensure_ascii=True, indent=2).encode("ascii") + b"\n"


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _unbase64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""


def total(resources: Iterable[Resource]) -> int:
    """Bytes of all of them."""
    return sum(resource.bytes for resource in resources)
