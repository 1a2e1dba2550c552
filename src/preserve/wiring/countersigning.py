"""A signature that somebody adds with SSH to a run that was sealed already: made or taken in, verified, entered in the log."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from preserve.adapters.archive import Archive
from preserve.adapters.trust import TrustStore
from preserve.errors import FormatError, TrustError, UsageError
from preserve.flows import events
from preserve.flows.events import Recorded
from preserve.formats import manifest, seal, sshsig, statement
from preserve.formats.sshkey import SshKey
from preserve.model.event import Countersignature, EventKind, RunRef
from preserve.model.manifest import Manifest
from preserve.model.noun import dataclass
from preserve.model.trust import TrustRole
from preserve.places import config_folder
from preserve.rules import verify_signed
from preserve.wiring.options import PassphraseOf, Tell
from preserve.wiring.recording import Desk, RecordOptions, desk

Sign = Callable[[bytes], bytes]
"""The signature, as a file, over these bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Countersigned:
    """What was entered: the event, and whether this user trusts the key already."""

    recorded: Recorded
    key: SshKey
    name: str
    pinned: bool


def countersign(
    options: RecordOptions, run: str | None, sign: Sign, name: str | None, tell: Tell, passphrase: PassphraseOf
) -> Countersigned:
    """Enter a signature over the manifest of `run`, by its name or number, the newest when None. `name` is whose it is.

    Raises UsageError (no such run, no name, signed already), FormatError (no SSH signature that is accepted), TrustError (the run is
    not what was sealed, the signature is over something else), LockedError.
    """
    archive = Archive(options.archive)
    archive.describe()
    chosen = _run(archive, run)
    document, said, sealed = _sealed(archive, chosen)
    signature = sshsig.read(sign(document))
    if not signature.holds(sshsig.digests_of(document)):
        raise TrustError(
            f"the signature is not over manifest.json of run {said.archive.sequence}",
            "sign that file itself: ssh-keygen -Y sign -n preserve-manifest-v1 -f KEY manifest.json",
        )
    keyid = signature.key.keyid
    if keyid in {signer.keyid for signer in said.signers}:
        raise UsageError("this key is one that the manifest names: it has signed the run already")
    pinned = next(
        (key for key in TrustStore(config_folder()).trusted_keys() if (key.role, key.keyid) == (TrustRole.COSIGNER, keyid)),
        None,
    )
    called = name or (pinned.name if pinned else "")
    if not called.strip():
        raise UsageError("whose signature is it?", "say so with --name")
    written = sshsig.encode(signature)
    body = Countersignature(
        run=RunRef(sequence=said.archive.sequence, seal_sha256=sealed),
        name=called,
        keyid=keyid,
        sha256=hashlib.sha256(written).hexdigest(),
    )
    with desk(options, "sign", tell, passphrase) as opened:
        _refuse_second(opened, body)
        recorded = opened.record(body, files={sshsig.NAME: written})
    return Countersigned(recorded=recorded, key=signature.key, name=called, pinned=pinned is not None)


def _run(archive: Archive, wanted: str | None) -> str:
    names = archive.run_names()
    if not names:
        raise UsageError("there is no sealed run to sign yet", "preserve capture makes one")
    if wanted is None:
        return names[-1]
    wanted = wanted.rstrip("/").rpartition("/")[2]
    for name in names:
        if name == wanted or (wanted.isascii() and wanted.isdigit() and int(name.partition("-")[0]) == int(wanted)):
            return name
    raise UsageError(f"there is no run {wanted!r}", "name it by its number or its folder in runs/")


def _sealed(archive: Archive, name: str) -> tuple[bytes, Manifest, str]:
    """manifest.json of a run whose SEAL and signatures hold: nobody is to sign what was altered."""
    files = {}
    for path, limit in ((seal.MANIFEST, manifest.MAX_SIZE), ("SEAL", seal.MAX_SIZE)):
        files[path] = _read(archive, name, path, limit)
    said = manifest.decode(files[seal.MANIFEST])
    for signer in said.signers:
        for path in (seal.key_path(signer.keyid), seal.signature_path(signer.keyid)):
            files[path] = _read(archive, name, path, verify_signed.MAX_SIGNATURE)
    judged = verify_signed.judge_sealed(files, "")
    found = (*judged.findings, *verify_signed.judge_signers(said.signers, judged.keys, ""))
    if found or not judged.keys:
        why = f"{found[0].subject}: {found[0].detail}" if found else "no valid signature"
        raise TrustError(f"run {name} is not what was sealed, and is not signed: {why}", "look at preserve verify")
    return files[seal.MANIFEST], said, judged.seal_sha256


def _read(archive: Archive, name: str, path: str, limit: int) -> bytes:
    data = archive.read_run(name, path, limit)
    if data is None:
        raise FormatError(f"runs/{name} has no {path}", "look at preserve verify")
    return data


def _refuse_second(opened: Desk, body: Countersignature) -> None:
    """One signature of a key for a run is enough; one that a kill kept from its place is put there first."""
    events.finish_staged(opened.archive, opened.ledger, opened.stamper)
    for name in opened.archive.event_names():
        if not name.endswith(f"-{EventKind.COUNTERSIGNATURE}"):
            continue
        data = opened.archive.read_event(name, statement.NAME, statement.MAX_SIZE)
        said = statement.decode(data or b"").body
        if isinstance(said, Countersignature) and (said.run, said.keyid) == (body.run, body.keyid):
            raise UsageError(f"this key has signed run {body.run.sequence} already: events/{name}")
