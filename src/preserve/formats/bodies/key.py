"""The body of a key event (docs/formats/events.md, "key"): about a signing key, those who may revoke it, or the log's key."""

from __future__ import annotations

import base64
import binascii

from preserve.errors import FormatError
from preserve.formats import publickey, strictjson
from preserve.formats.note import KeyType, VerifierKey
from preserve.formats.publickey import Algorithm
from preserve.formats.strictjson import Fields, Json
from preserve.formats.times import rfc3339
from preserve.model.event import Agreement, Coworkers, KeyAction, KeyChange, LogRotation
from preserve.model.trust import Revocation

COWORKERS = "coworkers"
ROTATE_LOG = "rotate-log"
"""The actions of Coworkers and of a LogRotation; every other one is a KeyChange's."""
_MAX_BASE64 = 400
"""Characters of a key or a signature: those of P-256 have fewer."""


def write(body: KeyChange | Coworkers | LogRotation) -> dict[str, Json]:
    if isinstance(body, Coworkers):
        return {
            "action": COWORKERS,
            "keyid": body.keyid,
            "replaces": body.replaces,
            "threshold": body.threshold,
            "coworkers": list(body.members),
            **_write_agreed(body.agreed),
        }
    since = None if body.since is None else rfc3339(body.since)
    if isinstance(body, LogRotation):
        return {"action": ROTATE_LOG, "old": body.old, "new": body.new, "reason": body.reason.value, "since": since}
    return {
        "action": body.action.value,
        "keyid": body.keyid,
        "successor": body.successor,
        "reason": None if body.reason is None else body.reason.value,
        "since": since,
        **_write_agreed(body.agreed),
    }


def read(fields: Fields, *, drafted: bool = False) -> KeyChange | Coworkers | LogRotation:
    """The body; or, `drafted`, what co-workers are asked to agree to, where nobody has yet."""
    action = fields.text("action")
    if action == COWORKERS:
        return Coworkers(
            keyid=fields.hash("keyid"),
            replaces=fields.or_null("replaces", fields.integer),
            threshold=fields.integer("threshold"),
            members=fields.array("coworkers", _hash),
            agreed=_read_agreed(fields),
        )
    if action == ROTATE_LOG:
        return LogRotation(
            old=_vkey(fields, "old"),
            new=_vkey(fields, "new"),
            reason=fields.choice("reason", Revocation),
            since=fields.or_null("since", fields.time),
        )
    if action not in set(KeyAction):
        fields.refuse(f"bad value: 'action' is {action[:80]!r}")
    body = KeyChange(
        action=KeyAction(action),
        keyid=fields.hash("keyid"),
        successor=fields.or_null("successor", fields.hash),
        reason=fields.or_null("reason", fields.choice, Revocation),
        since=fields.or_null("since", fields.time),
        agreed=_read_agreed(fields),
    )
    if body.reason is Revocation.SUPERSEDED and body.since is not None and not (body.agreed or drafted):
        fields.refuse("bad value: 'since' of a superseded key is for co-workers to say")
    return body


def read_agreement(value: Json, where: str) -> Agreement:
    """One who agreed: `key` and `signature`, in base64. The key is one that stock tools can check a signature of."""
    fields = Fields(value, where)
    key, signature = _base64(fields, "key"), _base64(fields, "signature")
    fields.end()
    try:
        public = publickey.from_der(key)
    except FormatError as problem:
        fields.refuse(f"bad value: 'key': {problem.message}")
    if public.algorithm is Algorithm.ML_DSA_65:
        fields.refuse("bad value: 'key' is of ML-DSA-65, which is never the only signature")
    return Agreement(keyid=public.keyid, public=key, signature=signature)


def write_agreement(one: Agreement) -> dict[str, Json]:
    return {"key": base64.b64encode(one.public).decode(), "signature": base64.b64encode(one.signature).decode()}


def _read_agreed(fields: Fields) -> tuple[Agreement, ...]:
    """Absent where nobody agreed."""
    if not fields.has("agreed"):
        return ()
    agreed = fields.array("agreed", read_agreement)
    if not agreed:
        fields.refuse("bad value: 'agreed' by nobody")
    return agreed


def _write_agreed(agreed: tuple[Agreement, ...]) -> dict[str, Json]:
    return {"agreed": [write_agreement(one) for one in agreed]} if agreed else {}


def _hash(value: Json, where: str) -> str:
    if not strictjson.HASH.fullmatch(text := strictjson.text(value, where)):
        raise FormatError(f"{where}: bad value: {text[:80]!r}")
    return text


def _base64(fields: Fields, name: str) -> bytes:
    text = fields.text(name)
    try:
        data = base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        data = b""
    if not data or len(text) > _MAX_BASE64 or base64.b64encode(data).decode() != text:
        fields.refuse(f"bad value: {name!r} is not base64 in its one spelling")
    return data


def _vkey(fields: Fields, name: str) -> str:
    """The vkey of a log, in its one spelling."""
    try:
        key = VerifierKey.parse(fields.text(name))
    except FormatError as problem:
        fields.refuse(f"bad value: {name!r}: {problem.message}")
    if key.type is not KeyType.ED25519:
        fields.refuse(f"bad value: {name!r} is not the key of a log")
    return key.encode()
