"""SEAL, signatures, signers: what must hold before a byte of JSON is parsed (docs/formats/verification.md, steps 2 and 3).

The SEAL binds the document (manifest.json of a run, statement.json of an event), every signature and every key. A signature is over the
document's exact bytes and is judged by the key beside it, whose name is its own hash; whose key that is, only the verifier's own
store says. The algorithm comes from the key alone.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from preserve.errors import FormatError
from preserve.formats import publickey, seal
from preserve.formats.publickey import Algorithm, PublicKey, fingerprint_groups
from preserve.formats.times import rfc3339
from preserve.model.finding import Claim, Finding, failed, passed, unchecked
from preserve.model.manifest import Manifest, SignerEntry
from preserve.model.noun import dataclass
from preserve.model.trust import Revocation, TrustedKey, TrustRole

if TYPE_CHECKING:  # `verify` starts faster without what events are made of, and most archives have none
    from preserve.model.event import Statement

SKEW = timedelta(minutes=5)
"""How far two honest clocks may be apart."""

KEY = re.compile(r"keys/([0-9a-f]{64})\.pem")
SIGNATURE = re.compile(r"signatures/([0-9a-f]{64})\.sig")
MAX_SIGNATURE = 8192
"""Bytes; an ML-DSA-65 signature has 3,309."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """What the sealed files of one run or event turned out to be.

    `seal_sha256` is over SEAL as it lies there. `keys` are those whose signature over the exact bytes of `document` verifies.
    """

    seal: bytes
    document: bytes
    keys: tuple[PublicKey, ...]
    findings: tuple[Finding, ...]

    @property
    def seal_sha256(self) -> str:
        return hashlib.sha256(self.seal).hexdigest()


def judge_sealed(
    sealed: Mapping[str, bytes], at: str, document: str = seal.MANIFEST, *, unread: Collection[str] = ()
) -> Signed:
    """`sealed` holds SEAL, the `document`, keys/ and signatures/ by their path in the folder; `at` prefixes subjects.

    Of those in `unread`, which were found to be too long, nothing more is found; no signature holds by them or over them.
    """
    findings: list[Finding] = []
    keys: list[PublicKey] = []
    sound: set[str] = set()
    for path in sealed:
        if match := KEY.fullmatch(path):
            if {path, seal.signature_path(match[1]), document} & set(unread):
                continue
            key, problem = _judge_signature(match[1], sealed, document)
            if key is not None:
                keys.append(key)
                sound |= {document, path, seal.signature_path(match[1])}
            else:
                findings.append(failed(Claim.INTEGRITY, at + problem[0], problem[1], code=problem[2]))
        elif (match := SIGNATURE.fullmatch(path)) and seal.key_path(match[1]) not in sealed:
            findings.append(failed(Claim.INTEGRITY, at + path, "a signature without its key", code="key-missing"))
    return Signed(
        seal=sealed.get("SEAL", b""),
        document=sealed.get(document, b""),
        keys=tuple(keys),
        findings=(*_judge_seal(sealed, sound, at, document, unread), *findings),
    )


def _judge_seal(
    sealed: Mapping[str, bytes], sound: Collection[str], at: str, document: str, unread: Collection[str]
) -> Iterator[Finding]:
    """SEAL against the files it binds; where a file in `sound` does not fit it, it is SEAL that was changed."""
    if "SEAL" in unread:
        return
    if "SEAL" not in sealed:
        yield failed(
            Claim.COMPLETENESS,
            at + "SEAL",
            f"missing: without it nothing binds the signatures to {document}",
            code="file-missing",
        )
        return
    try:
        lines = seal.decode(sealed["SEAL"], document)
    except FormatError as problem:
        yield failed(Claim.INTEGRITY, at + "SEAL", f"altered: {problem.message}", code="seal-format")
        return
    for line in lines:
        found = hashlib.sha256(sealed.get(line.path, b"")).hexdigest()
        if line.path in unread:
            continue
        if line.path not in sealed:
            yield failed(Claim.COMPLETENESS, at + line.path, "missing: SEAL lists it", code="file-missing")
        elif found != line.sha256 and line.path in sound:
            yield failed(
                Claim.INTEGRITY,
                at + "SEAL",
                f"altered: it has another SHA-256 for {line.path}, whose signature holds",
                code="seal-hash",
            )
        elif found != line.sha256:
            yield failed(
                Claim.INTEGRITY,
                at + line.path,
                f"altered: its SHA-256 is {found}, SEAL says {line.sha256}",
                code="seal-hash",
            )
    for path in sorted(sealed.keys() - {line.path for line in lines} - {"SEAL"}):
        yield failed(Claim.COMPLETENESS, at + path, "unlisted file: SEAL does not list it", code="unlisted-file")


def _judge_signature(keyid: str, sealed: Mapping[str, bytes], document: str) -> tuple[PublicKey | None, tuple[str, str, str]]:
    """The key when its signature holds; else (path, what is wrong, the word for it)."""
    path = seal.key_path(keyid)
    try:
        key = publickey.decode(sealed[path])
    except FormatError as problem:
        return None, (path, problem.message, "weak-key" if problem.message.startswith("weak key") else "key-format")
    if key.keyid != keyid:
        return None, (path, f"forged: another key under this key's name: its id is {key.keyid}", "key-mismatch")
    signature = sealed.get(seal.signature_path(keyid))
    if signature is None:
        return None, (path, "a key without its signature: the signature was taken away", "signature-missing")
    if not key.verify(sealed.get(document, b""), signature):
        return None, (
            seal.signature_path(keyid),
            f"bad signature: it is not over {document} by key {fingerprint_groups(keyid)}",
            "bad-signature",
        )
    return key, ("", "", "")


# --------------------------------------------------------------------------------------------------------- after the manifest


def judge_signers(
    signers: Iterable[SignerEntry], keys: Sequence[PublicKey], at: str, called: str = "manifest"
) -> Iterator[Finding]:
    """What is signed names its `signers` before: none may be missing, none may be added, each with its algorithm."""
    named = {signer.keyid: signer for signer in signers}
    for key in keys:
        signer = named.pop(key.keyid, None)
        if signer is None:
            yield failed(
                Claim.CO_SIGNERS,
                at + seal.key_path(key.keyid),
                f"signer set differs: the {called} does not name this signer",
                code="signer-set-differs",
            )
        elif signer.algorithm != key.algorithm:
            yield failed(
                Claim.INTEGRITY,
                at + seal.key_path(key.keyid),
                f"the {called} calls this {key.algorithm} key {signer.algorithm}",
                code="signer-algorithm",
            )
    for keyid, signer in named.items():
        yield failed(
            Claim.CO_SIGNERS,
            at + seal.signature_path(keyid),
            f"signer set differs: no valid signature of {signer.name} ({fingerprint_groups(keyid)}), whom the {called} names",
            code="signer-set-differs",
        )
    if keys and all(key.algorithm is Algorithm.ML_DSA_65 for key in keys):
        yield unchecked(
            Claim.SIGNER,
            at + seal.key_path(keys[0].keyid),
            "signed with ML-DSA-65 alone, which is an addition and never the only signature",
            needed=True,
            code="signer-unknown",
        )


def judge_trust(
    signed: Manifest | Statement,
    keys: Sequence[PublicKey],
    trusted: Iterable[TrustedKey],
    subject: str,
    *,
    existed_by: datetime | None = None,
) -> list[Finding]:
    """Who signed, as far as the verifier's own store can say. One trusted signer is enough; the others are co-signers.

    `existed_by` is when a trusted authority saw the SEAL, and with it the signatures; None when none did.
    """
    pinned = {key.keyid: key for key in trusted if key.role is TrustRole.OPERATOR}
    known: list[str] = []
    doubts: list[tuple[str, str]] = []
    for key in keys:
        if key.algorithm is Algorithm.ML_DSA_65 and len(keys) == 1:
            continue
        who = pinned.get(key.keyid)
        why = (
            f"UNKNOWN KEY {fingerprint_groups(key.keyid)}"
            if who is None
            else distrust(who, signed.created, existed_by, signed.log.size_before)
        )
        if who is not None and not why:
            through = f", {who.through}" if who.through else ""
            known.append(f"{who.name}, key {fingerprint_groups(key.keyid)}{through}")
        else:
            doubts.append((key.keyid, why))
    findings = []
    if known:
        findings.append(passed(Claim.SIGNER, subject, f"signed by {known[0]}"))
        findings += [passed(Claim.CO_SIGNERS, subject, f"signed by {name}") for name in known[1:]]
        findings += [unchecked(Claim.CO_SIGNERS, subject, f"also signed; {why}: identity not established") for _, why in doubts]
    else:
        hint = "; compare the fingerprint with the signer by another way, then: preserve trust add KEY.pem --name NAME"
        findings += [
            unchecked(
                Claim.SIGNER,
                subject,
                f"{why}: integrity only, identity not established{'' if keyid in pinned else hint}",
                needed=True,
                code="signer-unknown",
            )
            for keyid, why in doubts
        ]
    return findings


def distrust(key: TrustedKey, created: datetime, existed_by: datetime | None = None, index: int | None = None) -> str:
    """Why a pinned key does not vouch for what it signed at `created`, by its own word; "" when it does.

    `index` is the entry of the log that it is, of which `key.ended` speaks.
    """
    if key.valid_from is not None and created < key.valid_from:
        return f"{key.name}'s key counts from {rfc3339(key.valid_from)} on only"
    if key.valid_until is not None and created > key.valid_until:
        return f"{key.name}'s key counted until {rfc3339(key.valid_until)} only"
    if key.revoked_at is not None and key.reason is Revocation.COMPROMISED:
        # The thief can claim any time; only a token from before the theft bears it out.
        if index is not None and key.ended is not None and index > key.ended:
            return f"{key.name}'s key had been given up before, by entry {key.ended} of the log"
        if existed_by is not None and existed_by < key.revoked_at:
            return ""
        return (
            f"{key.name}'s key was revoked as compromised at {rfc3339(key.revoked_at)}, and nothing proves that this is older"
        )
    if key.revoked_at is not None and created > key.revoked_at:
        return f"{key.name}'s key was given up at {rfc3339(key.revoked_at)}"
    return ""


def judge_order(earlier: Manifest, later: Manifest, subject: str) -> Iterator[Finding]:
    """A run that the log has after another cannot have been made before it."""
    if later.created < earlier.created - SKEW:
        yield unchecked(
            Claim.CREATED,
            subject,
            f"not borne out: it claims {rfc3339(later.created)}, but the log has it after a run of {rfc3339(earlier.created)}",
            needed=True,
        )
