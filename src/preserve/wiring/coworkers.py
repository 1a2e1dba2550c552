"""Co-workers who may revoke a key together: named in an archive's log, asked on their own machines, and what they agreed to entered.

    draft ──file──► agree (each of them, with their own key) ──file──► enter ──► key event, signed by whoever enters it

Only the first step and the last need the archive; only the last needs its log's key. What would not be obeyed by those who verify is
not entered.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from preserve.adapters.archive import Archive
from preserve.adapters.keys import KeyStore
from preserve.adapters.trust import TrustStore
from preserve.errors import ConfigError, UsageError
from preserve.flows import events, vouch
from preserve.flows.events import Recorded
from preserve.formats import agreement, publickey, statement
from preserve.formats.agreement import Draft
from preserve.formats.publickey import Algorithm, fingerprint_groups
from preserve.formats.times import to_milliseconds
from preserve.model.event import Agreement, Coworkers, KeyChange, Statement
from preserve.model.manifest import LogLink, SignerEntry
from preserve.model.trust import Revocation, TrustedKey, TrustRole, worse
from preserve.places import config_folder
from preserve.ports import Signer
from preserve.rules.keychain import Circle, Keychain, judge_obeyed, pinned_circles
from preserve.wiring.options import PassphraseOf, Tell
from preserve.wiring.recording import Desk, RecordOptions, desk
from preserve.wiring.signing import key_of, open_signer, public_file, revoked_keys


def draft(archive: Path, body: KeyChange) -> Draft:
    """A revocation for co-workers to agree to, since now where it says no time. Raises FormatError when it is no archive."""
    described = Archive(archive).describe()
    if body.since is None:
        body = replace(body, since=to_milliseconds(datetime.now(UTC)))
    return Draft(archive=described.id, origin=described.origin, body=body)


def name(
    options: RecordOptions,
    owner: TrustedKey,
    threshold: int,
    members: Sequence[str],
    papers: tuple[Signer, ...],
    tell: Tell,
    passphrase: PassphraseOf,
    *,
    only_draft: bool,
) -> Recorded | Draft:
    """Let any `threshold` of `members` revoke the key of `owner` together; with `only_draft`, what those named before are to agree to.

    Raises UsageError when they make no circle, or somebody who was named before has to let them in.
    """
    assert options.signer is not None, "the owner's key is open"
    with desk(options, "key coworkers", tell, passphrase) as opened:
        present = _chain(opened, TrustStore(config_folder()).trusted_keys()).circles.get(owner.name)
        try:
            body = Coworkers(
                keyid=owner.keyid,
                replaces=None if present is None else present.named,
                threshold=threshold,
                members=tuple(sorted(set(members))),
            )
        except ValueError as problem:
            raise UsageError(str(problem)) from None
        if only_draft:
            if body.replaces is None:
                raise UsageError("nobody was named in this archive before: nobody has to agree", "leave --draft out")
            return Draft(archive=opened.archive.describe().id, origin=opened.ledger.origin, body=body)
        signers = (options.signer, *papers)
        if not is_obeyed(opened, body, signers):
            raise UsageError(
                "somebody was named before who may revoke this key, and has to let these in",
                "a recovery key signs with --recovery; co-workers agree to what --draft FILE writes, and key enter enters it",
            )
        done = opened.record(body, signers)
    TrustStore(config_folder()).name_coworkers(owner.name, threshold, body.members, datetime.now(UTC), present)
    return done


def agree(draft: Draft, wanted: str | None, command: str | None, tell: Tell, passphrase: PassphraseOf) -> Draft:
    """The draft with the signature of the user's own key under it, as the next one will read it.

    Raises UsageError, before the key is pinned as the user's own, when it is of an algorithm whose signatures do not count alone.
    """
    from preserve.adapters.clock import SystemClock

    public = None if wanted is None else public_file(wanted)
    if public is not None and public.algorithm is Algorithm.ML_DSA_65:
        raise UsageError(f"{wanted} is of ML-DSA-65, which is never the only signature", "agree with an Ed25519 or a P-256 key")
    if wanted is None and KeyStore(config_folder()).signing_key(revoked=revoked_keys(TrustStore(config_folder()))) is None:
        raise ConfigError("there is no signing key yet", "preserve key generate; those whose co-worker you are have to name it")
    signer = key_of(wanted, None, SystemClock(), tell, passphrase, command)
    message = agreement.text(draft.archive, draft.origin, draft.body)
    one = Agreement(keyid=signer.keyid, public=publickey.decode(signer.public_pem).der, signature=signer.sign(message))
    return agreement.decode(agreement.encode(draft.signed_by(one)))


def enter(options: RecordOptions, drafts: Sequence[Draft], tell: Tell, passphrase: PassphraseOf) -> Recorded | str:
    """State in the archive what enough co-workers agreed to; or, in words, why those who verify would not obey it.

    Raises UsageError when it is about several things, or another archive.
    """
    whole = drafts[0]
    for other in drafts[1:]:
        if agreement.text(other.archive, other.origin, other.body) != agreement.text(whole.archive, whole.origin, whole.body):
            raise UsageError("these files are not about the same", "enter one statement at a time")
        for one in other.body.agreed:
            whole = whole.signed_by(one)
    described, body = Archive(options.archive).describe(), whole.body
    if (whole.archive, whole.origin) != (described.id, described.origin):
        raise UsageError(f"this is about the archive {whole.archive}, not {described.id}", "name it with --archive DIR")
    trust = TrustStore(config_folder())
    if isinstance(body, Coworkers):
        options = replace(options, signer=_own(body.keyid, passphrase))
    elif options.key is None:
        options = replace(options, key=_another(body.keyid))
    with desk(options, "key enter", tell, passphrase) as opened:
        coming = _statement(opened, body, (opened.signer,))
        # Whoever revoked it in their own store already asks whether the others would obey.
        keys = [replace(key, revoked_at=None, reason=None) if key.keyid == body.keyid else key for key in trust.trusted_keys()]
        named = _circle_of(_chain(opened, keys), body.keyid) is not None
        if named:  # those of another archive, in this user's store, would speak here for nobody else
            keys = [replace(key, threshold=None) if key.role is TrustRole.COWORKER else key for key in keys]
        before = _chain(opened, keys)
        if isinstance(body, KeyChange) and _is_stated(before, body):
            return "the log says so already"
        chain = _chain(opened, keys, coming)
        if coming.log.size_before not in chain.agreed:
            return _lacking(chain, body, frozenset(key.keyid for key in keys if key.role is TrustRole.COWORKER))
        if not named:
            tell("This archive's log names no co-workers: it counts only for those who trust these by hand, as you do.")
        if isinstance(body, KeyChange) and body.reason is Revocation.COMPROMISED and body.since is not None:
            with suppress(ConfigError):  # a key that this user does not trust needs no revoking here
                trust.revoke(body.keyid, body.since, Revocation.COMPROMISED)
        done = opened.record(body)
    _conclude(trust, body, done, before)
    return done


def is_obeyed(opened: Desk, body: KeyChange | Coworkers, signers: Sequence[Signer]) -> bool:
    """Whether those who verify would follow what these state now, as far as the user's own trust store tells.

    Of the key that it is about, the archive's log tells alone: whoever gave it up in their own store already asks what others would follow.
    """
    coming = _statement(opened, body, signers)
    chain = _chain(opened, _before(opened, body.keyid), coming)
    if coming.log.size_before in chain.obeyed:
        return True
    # What a key says of itself takes the force from its own statement, and is obeyed all the same.
    return isinstance(body, KeyChange) and body.reason is Revocation.COMPROMISED and not list(judge_obeyed(coming, chain, ""))


def is_stated(opened: Desk, body: KeyChange) -> bool:
    """Whether the log says exactly this already, and those who verify follow it."""
    chain = _chain(opened, _before(opened, body.keyid))
    said = (opened.archive.read_event(name, statement.NAME, statement.MAX_SIZE) for name in opened.archive.event_names())
    return any(one.body == body and one.log.size_before in chain.obeyed for one in map(statement.decode, filter(None, said)))


def _before(opened: Desk, keyid: str) -> list[TrustedKey]:
    """The user's own trust store as it was before the key was given up in it."""
    return [replace(key, revoked_at=None, reason=None) if key.keyid == keyid else key for key in opened.stamper.trusted]


def _conclude(trust: TrustStore, body: KeyChange | Coworkers, done: Recorded, before: Keychain) -> None:
    """What was stated, in the user's own store too."""
    owner = next((key for key in trust.trusted_keys() if key.keyid == body.keyid), None)
    if isinstance(body, Coworkers) and owner is not None:
        former = before.circles.get(owner.name)
        trust.name_coworkers(owner.name, body.threshold, body.members, datetime.now(UTC), former)
    elif isinstance(body, KeyChange) and body.reason is Revocation.SUPERSEDED and owner is not None:
        trust.revoke(body.keyid, body.since or done.statement.created, Revocation.SUPERSEDED)


def _circle_of(chain: Keychain, keyid: str) -> Circle | None:
    """The co-workers whom the log names for the owner of this key."""
    owner = next((key for key in chain.trusted if key.keyid == keyid), None)
    return None if owner is None else chain.circles.get(owner.name)


def _lacking(chain: Keychain, body: KeyChange | Coworkers, pinned: frozenset[str]) -> str:
    """Why it would not be obeyed; `pinned` are the co-workers in the user's own store, of whatever archive."""
    owner = next((key for key in chain.trusted if key.keyid == body.keyid), None)
    circle = None if owner is None else chain.circles.get(owner.name) or pinned_circles(chain.trusted).get(owner.name)
    if owner is None:
        return f"the key {fingerprint_groups(body.keyid)} is none that you trust"
    if circle is None:
        return f"the key of {owner.name} has named no co-workers in this archive"
    if isinstance(body, Coworkers) and body.replaces != circle.named:
        return "other co-workers were named since this was drafted: draft it anew, and let these agree"
    if isinstance(body, KeyChange) and body.since and circle.since and circle.since >= body.since:
        return "the co-workers were named after the key may have come into other hands: whom the thief may have named cannot say so"
    agreed = {one.keyid for one in body.agreed}
    whom = "" if circle.named is None else " whom this archive's log names"
    why = (
        f"{len(agreed & circle.members)} of the {len(circle.members)} co-workers{whom} agreed, and it takes {circle.threshold}"
    )
    why += " whose keys were not given up"
    if circle.named is not None and (others := agreed & pinned - circle.members):
        are = "who is" if len(others) == 1 else "who are"
        why += f". {len(others)} more agreed {are} named in your trust store, and not in this log: only you would follow them"
    missing = ", ".join(fingerprint_groups(keyid) for keyid in sorted(circle.members - agreed))
    return f"{why}; still to agree: {missing}" if missing else why


def _is_stated(chain: Keychain, body: KeyChange) -> bool:
    """Whether the key is revoked for that reason or a worse one, and since then or earlier."""
    owner = next((key for key in chain.trusted if key.keyid == body.keyid), None)
    if owner is None or owner.revoked_at is None or body.since is None or body.reason is None:
        return False
    stated = (owner.revoked_at, owner.reason)
    return worse(stated, (body.since, body.reason)) == stated


def _chain(opened: Desk, trusted: Sequence[TrustedKey], coming: Statement | None = None) -> Keychain:
    events.finish_staged(opened.archive, opened.ledger, opened.stamper)
    return vouch.keychain_of(opened.archive, opened.ledger, trusted, () if coming is None else (coming,))


def _statement(opened: Desk, body: KeyChange | Coworkers, signers: Sequence[Signer]) -> Statement:
    """What would be recorded now, as far as it matters to what follows from it."""
    events.finish_staged(opened.archive, opened.ledger, opened.stamper)
    size, root = opened.ledger.head()
    return Statement(
        archive=opened.archive.describe().id,
        log=LogLink(origin=opened.ledger.origin, size_before=size, root_before=root.hex()),
        created=to_milliseconds(opened.clock.now()),
        actor=opened.actor,
        body=body,
        signers=tuple(SignerEntry(keyid=key.keyid, algorithm=key.algorithm, name=key.name) for key in signers),
        timestamps=(),
    )


def _own(keyid: str, passphrase: PassphraseOf) -> Signer:
    stored = next((key for key in KeyStore(config_folder()).stored_keys() if key.keyid == keyid), None)
    if stored is None:
        raise ConfigError(f"the private half of {keyid} is not here, and it names its co-workers", "enter it where that key is")
    return open_signer(stored, passphrase)


def _another(keyid: str) -> str:
    """The newest signing key here that is not the one that is revoked: that one signs nothing any more."""
    gone = revoked_keys(TrustStore(config_folder())) | {keyid}
    here = [key.keyid for key in KeyStore(config_folder()).stored_keys() if key.use == "manifest"]
    found = [one for one in here if one not in gone]
    if not here:
        raise ConfigError("there is no signing key here", "make one first: preserve key generate")
    if not found:
        raise ConfigError("every signing key here is revoked, or about to be", "make another first: preserve key generate")
    return found[-1]
