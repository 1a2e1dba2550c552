"""What a WACZ must be, and who stands for it (docs/formats/wacz-profile.md section 5).

A bundle of ours is signed twice over: the key that players look at signs datapackage.json, and the archive's signer signs which key
that is. Both must hold, and the second must be pinned. What others made has at most the first, by a key that came with it: then it is
intact as far as it says itself, and whose it is stays open.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime

from preserve.formats import wacz
from preserve.formats.counted import counted
from preserve.formats.publickey import Algorithm, PublicKey, fingerprint_groups
from preserve.formats.wacz import Digest, Package, Resource
from preserve.formats.zip import STORED, ZipEntry, ZipLayout
from preserve.model.finding import Claim, Finding, failed, passed, unchecked
from preserve.model.noun import dataclass
from preserve.model.trust import TrustedKey, TrustRole
from preserve.rules.verify_signed import distrust

SUBJECT = "bundle"
SHOWN = 10
_UNSIGNED = frozenset({wacz.PACKAGE, wacz.DIGEST})
_NOBODY = "nobody signed it: identity not established"


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """An entry as it was read."""

    size: int
    sha256: str
    crc32: int


def judge_layout(layout: ZipLayout) -> Iterator[Finding]:
    """The ZIP itself: nothing hidden, nothing twice, and stored what players read by place."""
    for name, why in layout.problems:
        yield failed(Claim.INTEGRITY, name or SUBJECT, f"altered: {why}")
    for entry in layout.entries:
        if wacz.must_be_stored(entry.name) and entry.method != STORED:
            yield failed(
                Claim.STRUCTURE,
                entry.name,
                "deflated: it must lie in the ZIP as it is, for players read it by place and find nothing",
            )


def judge_resources(package: Package, entries: Mapping[str, ZipEntry], measured: Mapping[str, Measured]) -> Iterator[Finding]:
    """Exactly the entries that datapackage.json lists, each with its size and hash; and each entry's own checksum."""
    counted = Counter(resource.path for resource in package.resources)
    for path in (path for path, count in counted.items() if count > 1):
        yield failed(Claim.INTEGRITY, wacz.PACKAGE, f"altered: it lists {path} more than once")
    for resource in package.resources:
        found = measured.get(resource.path)
        if found is None:
            yield failed(Claim.COMPLETENESS, resource.path, f"missing: {wacz.PACKAGE} lists it")
        elif found.size != resource.bytes:
            yield failed(Claim.INTEGRITY, resource.path, f"altered: it has {found.size} bytes, listed are {resource.bytes}")
        elif found.sha256 != resource.sha256:
            yield failed(Claim.INTEGRITY, resource.path, f"altered: its SHA-256 is {found.sha256}, listed is {resource.sha256}")
    for name, entry in entries.items():
        if entry.is_folder:
            if not any(other.startswith(name) for other in entries if other != name):
                yield failed(Claim.COMPLETENESS, name, "an empty folder, which nothing lists")
        elif name not in counted and name not in _UNSIGNED:
            yield failed(Claim.COMPLETENESS, name, f"unlisted file: {wacz.PACKAGE} does not list it")
        elif name in measured and (measured[name].crc32, measured[name].size) != (entry.crc32, entry.size):
            yield failed(Claim.INTEGRITY, name, "altered: the ZIP has another CRC-32 or size for it")


def judge_signature(
    package_sha256: str,
    digest: Digest | None,
    keys: Sequence[PublicKey],
    trusted: Iterable[TrustedKey],
    created: datetime,
    *,
    ours: bool,
) -> Iterator[Finding]:
    """Both signatures; `keys` are those that lie in the bundle to check the binding with."""
    if digest is None:
        if ours:
            yield failed(Claim.COMPLETENESS, wacz.DIGEST, "missing: the bundle's signature was taken away")
        else:
            yield unchecked(Claim.SIGNER, SUBJECT, _NOBODY, needed=True)
        return
    if digest.sha256 != package_sha256 or digest.path != wacz.PACKAGE:
        yield failed(
            Claim.INTEGRITY, wacz.PACKAGE, f"altered: its SHA-256 is {package_sha256}, {wacz.DIGEST} says {digest.sha256}"
        )
        return
    signed = digest.signed
    if signed is None:
        if ours:
            yield failed(Claim.COMPLETENESS, wacz.DIGEST, "missing: the bundle's signature was taken away")
        else:
            yield unchecked(Claim.SIGNER, SUBJECT, _NOBODY, needed=True)
        return
    if signed.hash != f"sha256:{package_sha256}":
        yield failed(Claim.INTEGRITY, wacz.DIGEST, f"forged: the signature is over another {wacz.PACKAGE}")
    elif problem := wacz.verifies(signed, wacz.signed_text(package_sha256)):
        yield failed(Claim.INTEGRITY, wacz.DIGEST, f"forged: the signature: {problem}")
    elif ours:
        yield from _judge_binding(package_sha256, digest, signed.key, keys, trusted, created)
    else:
        yield _judge_stranger(signed.key, signed.certificate, trusted, created)


def _judge_binding(
    package_sha256: str,
    digest: Digest,
    key: bytes,
    keys: Sequence[PublicKey],
    trusted: Iterable[TrustedKey],
    created: datetime,
) -> Iterator[Finding]:
    """Whether a signer of ours stands for the key that signed the bundle."""
    if not digest.statement or not digest.signature:
        yield failed(
            Claim.COMPLETENESS, wacz.DIGEST, "missing: the statement by which the archive's signer stands for the bundle's key"
        )
        return
    if digest.statement != wacz.statement(key, package_sha256):
        yield failed(
            Claim.INTEGRITY, wacz.DIGEST, "forged: the signer's statement names another key or another datapackage.json"
        )
        return
    message = digest.statement.encode("utf-8")
    may = (key for key in keys if key.algorithm is not Algorithm.ML_DSA_65)  # never the only signature
    signer = next((key for key in may if key.verify(message, digest.signature)), None)
    if signer is None:
        yield failed(
            Claim.INTEGRITY, wacz.DIGEST, "forged: the signer's statement is not signed by a key that lies in the bundle"
        )
        return
    yield _judge_identity(signer.keyid, "bundled and signed by", trusted, created)


def _judge_stranger(key: bytes, certificate: bytes, trusted: Iterable[TrustedKey], created: datetime) -> Finding:
    if certificate and not key:
        why = "signed under a certificate that came with it, which is not checked here: identity not established"
        return unchecked(Claim.SIGNER, SUBJECT, why, needed=True)
    return _judge_identity(hashlib.sha256(key).hexdigest(), "signed by", trusted, created)


def _judge_identity(keyid: str, how: str, trusted: Iterable[TrustedKey], created: datetime) -> Finding:
    who = next((key for key in trusted if key.role is TrustRole.OPERATOR and key.keyid == keyid), None)
    if who is None:
        hint = "compare the fingerprint with the signer by another way, then: preserve trust add KEY.pem --name NAME"
        why = f"{how} UNKNOWN KEY {fingerprint_groups(keyid)}: integrity only, identity not established; {hint}"
        return unchecked(Claim.SIGNER, SUBJECT, why, needed=True)
    if who.valid_from is not None and created == who.valid_from.replace(microsecond=0):
        created = who.valid_from  # a bundle tells its time in whole seconds: it was made at some moment of that one
    if doubt := distrust(who, created):
        return unchecked(Claim.SIGNER, SUBJECT, f"{doubt}: identity not established", needed=True)
    return passed(Claim.SIGNER, SUBJECT, f"{how} {who.name}, key {fingerprint_groups(keyid)}")


def judge_index(
    missing: Sequence[bytes], strange: Sequence[bytes], counts: tuple[int, int], *, ours: bool
) -> Iterator[Finding]:
    """The index against the WARC files: lines that should be there, lines that lead nowhere; `counts` of each."""
    for row in strange[:SHOWN]:
        yield failed(Claim.STRUCTURE, "indexes", f"a line leads to no such capture: {row[:300].decode('ascii', 'replace')}")
    if counts[1] > SHOWN:
        yield failed(Claim.STRUCTURE, "indexes", f"{counts[1] - SHOWN} more lines lead to no such capture")
    if not counts[0]:
        return
    are = "capture is" if counts[0] == 1 else "captures are"
    what = (
        f"{counts[0]} {are} not in it, and players find none of that; the first: {missing[0][:300].decode('ascii', 'replace')}"
    )
    yield failed(Claim.STRUCTURE, "indexes", what) if ours else unchecked(Claim.STRUCTURE, "indexes", what)


def conclude(findings: Sequence[Finding], resources: Sequence[Resource], *, ours: bool) -> Iterator[Finding]:
    """What holds of the file as a whole, where nothing speaks against it."""
    failing = {finding.claim for finding in findings if finding.result == "fail"}
    if not failing & {Claim.INTEGRITY, Claim.COMPLETENESS}:
        size = wacz.total(resources)
        what = f"every entry is what {wacz.PACKAGE} lists: {counted(len(resources), 'entry')}, {counted(size, 'byte')}"
        if any(finding.claim is Claim.SIGNER and finding.detail == _NOBODY for finding in findings):
            what += "; nobody signed that list, so whoever changes an entry can change it too"
        yield passed(Claim.INTEGRITY, SUBJECT, what)
    if not ours:
        why = "made with another tool: nothing in it was sealed, so that nothing shows whether it is whole"
        yield unchecked(Claim.COMPLETENESS, SUBJECT, why)
