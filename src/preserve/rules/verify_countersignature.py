"""Signatures that others added with SSH to a run that was sealed already: whose they are, and whether they count (docs/formats/events.md section 14).

They are co-signers and never the signer: the manifest names those who stand for it before it is signed. So one that is missing is
not missed, one by an unknown key is told and changes nothing, and one that does not hold is a forgery.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from datetime import datetime

from preserve.errors import FormatError
from preserve.formats import sshsig
from preserve.formats.publickey import fingerprint_groups
from preserve.formats.sshsig import SshSignature
from preserve.formats.times import rfc3339
from preserve.model.event import Countersignature
from preserve.model.finding import Claim, Finding, failed, passed, unchecked
from preserve.model.trust import TrustedKey, TrustRole
from preserve.rules.verify_signed import distrust

CODE = "countersignature"
"""The word for one that is refused."""


def judge_file(body: Countersignature, data: bytes, path: str) -> SshSignature | Finding:
    """The file beside the statement is the signature that the statement says: its bytes, its one spelling, its key."""
    if hashlib.sha256(data).hexdigest() != body.sha256:
        return failed(Claim.EVENTS, path, "altered: not the signature that was entered", code=CODE)
    try:
        signature = sshsig.decode(data)
    except FormatError as problem:
        return failed(Claim.EVENTS, path, problem.message, code=CODE)
    if signature.key.keyid != body.keyid:
        why = f"forged: it is by the key {fingerprint_groups(signature.key.keyid)}, not by the one that the statement names"
        return failed(Claim.EVENTS, path, why, code=CODE)
    return signature


def judge(
    signature: SshSignature,
    digests: Mapping[str, bytes],
    trusted: Iterable[TrustedKey],
    subject: str,
    path: str,
    *,
    entered: datetime | None,
    existed_by: datetime | None = None,
    index: int | None = None,
    name: str = "",
) -> Finding:
    """What a signature over the manifest with these `digests` is worth to somebody who trusts `trusted`.

    `entered` is when those who can be believed entered it in the log, None where nothing shows that; `existed_by` when an authority
    saw it; `name` what they who entered it call its owner.
    """
    if not signature.holds(digests):
        why = f"bad signature: it is not over this run's manifest by key {_called(signature)}"
        return failed(Claim.CO_SIGNERS, path, why, code=CODE)
    pinned = [key for key in trusted if key.role is TrustRole.COSIGNER and key.keyid == signature.key.keyid]
    if not pinned:
        by = f", {name} by the word of those who entered it" if name else ""
        return unchecked(
            Claim.CO_SIGNERS,
            subject,
            f"also signed with SSH, by UNKNOWN KEY {_called(signature)}{by}: identity not established",
        )
    key = pinned[0]
    if doubt := _doubt(key, entered, existed_by, index):
        return unchecked(Claim.CO_SIGNERS, subject, f"also signed with SSH; {doubt}: identity not established")
    when = f", existed by {rfc3339(existed_by)}" if existed_by else f", entered on {rfc3339(entered)}" if entered else ""
    return passed(Claim.CO_SIGNERS, subject, f"also signed with SSH by {key.name}, key {_called(signature)}{when}")


def _doubt(key: TrustedKey, entered: datetime | None, existed_by: datetime | None, index: int | None) -> str:
    if entered is not None:
        return distrust(key, entered, existed_by, index)
    if key.valid_from or key.valid_until or key.revoked_at:
        return f"{key.name}'s key counts at some times only, and nothing here shows when this was signed"
    return ""


def _called(signature: SshSignature) -> str:
    """A key as people who use SSH compare it."""
    return signature.key.fingerprint
