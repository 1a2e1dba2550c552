"""Reading a run's tokens and holding them against the roots that the verifier pinned. Loaded only where there are tokens.

Certificates that came with an archive are never asked: a token counts under a root from the user's own store, pinned by the name
that the manifest calls the authority. Without one, only what needs no trust is checked: that it is a granted token over these bytes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from preserve.errors import FormatError
from preserve.formats import certificate, timestamp
from preserve.formats.manifest import MAX_TOKEN, start_message, start_token_path
from preserve.formats.publickey import fingerprint_groups
from preserve.model.manifest import Manifest
from preserve.model.tree import Entry, Kind
from preserve.model.trust import Revocation, Stamp, TrustedKey, TrustRole
from preserve.rules.verify_signed import distrust
from preserve.rules.verify_time import TOKEN

if TYPE_CHECKING:
    from preserve.ports import Folder


def read_tokens(
    folder: Folder,
    at: str,
    entries: Iterable[Entry],
    manifest: Manifest,
    seal: bytes,
    trusted: Sequence[TrustedKey],
    renewed: Callable[[str, bytes], datetime | None] = lambda _path, _data: None,
) -> dict[str, Stamp]:
    """What became of each token in the run, by its path there. `renewed`: by when a file with these bytes was there already."""
    starts = {start_token_path(token.authority): token for token in manifest.start_tokens}
    begun = start_message(manifest.run_id, manifest.nonce)
    stamps = {}
    for entry in entries:
        path = entry.path.removeprefix(at)
        if entry.kind is not Kind.FILE or not path.startswith("timestamps/"):
            continue
        start, match = starts.get(path), TOKEN.fullmatch(path)
        if start is None and match is None:
            continue
        authority = start.authority if start else match[1] if match else ""
        try:
            reply = folder.read(entry.path, MAX_TOKEN)
        except FormatError:
            stamps[path] = Stamp(authority=authority, problem=f"altered: longer than {MAX_TOKEN} bytes")
            continue
        if start is None:
            stamps[path] = check(authority, reply, seal, trusted, renewed(entry.path, reply))
        elif hashlib.sha256(reply).hexdigest() != start.sha256:
            stamps[path] = Stamp(authority=authority, problem="altered: not the token that the manifest names")
        else:
            stamps[path] = check(authority, reply, begun, trusted, renewed(entry.path, reply))
    return stamps


def check(
    authority: str, reply: bytes, message: bytes, trusted: Iterable[TrustedKey], existed_by: datetime | None = None
) -> Stamp:
    """Whether `reply` holds a token of `authority` over `message`.

    `existed_by` is when the reply itself was there already, as a renewal proves: a root that came into other hands later still bears it.
    """
    try:
        token = timestamp.read(reply)
    except FormatError as problem:
        return Stamp(authority=authority, problem=problem.message)
    if not token.over(message):
        return Stamp(authority=authority, time=token.time, problem="it is over other bytes")
    pinned = [key for key in trusted if key.role is TrustRole.TSA and key.name == authority]
    if not pinned:
        doubt = f"no root is pinned for {authority}, who would say {token.time:%Y-%m-%d %H:%M:%S} UTC: preserve trust add ROOT.pem --tsa --name {authority}"
        return Stamp(authority=authority, time=token.time, doubt=doubt)
    return _check_under(authority, token, message, pinned, existed_by)


def _check_under(
    authority: str, token: timestamp.Token, message: bytes, pinned: Sequence[TrustedKey], existed_by: datetime | None
) -> Stamp:
    """The token under each pinned root in turn, with the certificates pinned beside it that are no roots."""
    usable, doubts, problems = [], list[str](), list[str]()
    for key in pinned:
        if why := _unusable(key, token.time, existed_by):
            doubts.append(why)
        else:
            usable.append((key, certificate.decode((key.certificate or "").encode())))
    between = [found for _, found in usable if not certificate.is_root(found)]
    roots = [(key, found) for key, found in usable if certificate.is_root(found)]
    for key, root in roots:
        problem = timestamp.verify(token, message, [root, *between])
        if not problem and token.accuracy > timestamp.COARSE:
            doubt = "its authority is sure of the time to more than a day: that proves none"
            return Stamp(authority=authority, time=token.time, doubt=doubt)
        if not problem:
            under = f"root {fingerprint_groups(key.keyid)}"
            return Stamp(authority=authority, time=token.time, accuracy=token.accuracy, under=under)
        problems.append(problem)
    if problems and not doubts:
        return Stamp(authority=authority, time=token.time, problem=problems[0])
    forsaken = not roots and any(key.reason is Revocation.COMPROMISED for key in pinned)
    doubt = doubts[0] if doubts else f"no root is pinned for {authority}"
    return Stamp(authority=authority, time=token.time, doubt=doubt, forsaken=forsaken)


def _unusable(key: TrustedKey, time: datetime, existed_by: datetime | None) -> str:
    """Why a pinned certificate cannot bear a token of that time; "" when it can."""
    try:
        found = certificate.decode((key.certificate or "").encode())
    except FormatError as problem:
        return f"the root pinned for {key.name} cannot be used: {problem.message}"
    if certificate.fingerprint(found) != key.keyid:
        return f"the root pinned for {key.name} is not the one of its key id"
    return distrust(key, time, existed_by)
