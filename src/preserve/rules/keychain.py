"""From the keys that a verifier pinned to those that follow from them, by what the log says of keys (docs/formats/events.md, "key").

Trust is never taken from an archive by itself. It is handed on by a key that the verifier pinned, in a statement that this key signed,
that lies unaltered in a log whose key is pinned too, and that nothing later takes back. Whatever only takes trust away is obeyed as
soon as somebody says it who may; what gives trust is followed only while every condition holds. Why this is not trust on first
use: docs/adr/0105.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import field, replace
from datetime import datetime

from preserve.formats.publickey import fingerprint_groups
from preserve.formats.times import rfc3339
from preserve.model.event import KeyAction, KeyChange, Statement
from preserve.model.finding import Claim, Finding, failed, unchecked
from preserve.model.noun import dataclass
from preserve.model.trust import Revocation, TrustedKey, TrustRole, worse
from preserve.rules.verify_signed import distrust

UNFOLLOWED = "key-unfollowed"
"""The code of what somebody known said of a key, and was not followed in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stated:
    """An unaltered statement about keys, in the log. `existed_by`: when a trusted authority saw it with its signatures."""

    statement: Statement
    existed_by: datetime | None = None

    @property
    def body(self) -> KeyChange:
        assert isinstance(self.statement.body, KeyChange), "a statement about keys"
        return self.statement.body

    @property
    def index(self) -> int:
        return self.statement.log.size_before

    @property
    def signers(self) -> frozenset[str]:
        return frozenset(signer.keyid for signer in self.statement.signers)


@dataclass(frozen=True, slots=True, kw_only=True)
class Keychain:
    """What follows: every key that is trusted now, and the log entries that were obeyed on the way."""

    trusted: tuple[TrustedKey, ...]
    obeyed: frozenset[int] = frozenset()


_Revoked = tuple[datetime, Revocation]


@dataclass(slots=True, kw_only=True)
class _Walk:
    """One way through the log. A key in `ended` was given up by that entry: whatever it signs in a later one does not count."""

    operators: dict[str, TrustedKey]
    recoveries: dict[tuple[str, str], TrustedKey]
    """By key and by whose it is: one paper may be named by several."""
    revoked: dict[str, _Revoked]
    ended: dict[str, int] = field(default_factory=dict)
    obeyed: set[int] = field(default_factory=set)
    limits: dict[str, datetime | None] = field(default_factory=dict)
    """Until when the verifier trusts a key's owner: what is pinned so is handed on to the keys that follow."""


def follow(pinned: Sequence[TrustedKey], stated: Iterable[Stated], *, known_log: bool = True) -> Keychain:
    """The keys that follow from those `pinned`, by the key events in the order of the log. Without a `known_log` none is added.

    A revocation reaches back, so the way is gone again from its start with what was learnt, until nothing new is. Revocations are
    only ever added, which ends it.
    """
    events = sorted(stated, key=lambda event: event.index)
    revoked: dict[str, _Revoked] = {}
    ended: dict[str, int] = {}
    while True:
        walk = _begin(pinned, revoked)
        for event in events:
            _step(walk, event, known_log=known_log)
        # A theft that is noticed later may take the force from the statement that gave a key up, and does not give the key back.
        for keyid, index in walk.ended.items():
            ended[keyid] = min(index, ended.get(keyid, index))
        if walk.revoked == revoked:
            break
        revoked = walk.revoked
    keys = (*walk.operators.values(), *walk.recoveries.values())
    rest = [key for key in pinned if key.role not in {TrustRole.OPERATOR, TrustRole.RECOVERY}]
    return Keychain(
        trusted=(*(replace(key, ended=ended.get(key.keyid)) for key in keys), *rest) if events else tuple(pinned),
        obeyed=frozenset(walk.obeyed),
    )


def vouching(trusted: Iterable[TrustedKey], statement: Statement) -> Iterator[TrustedKey]:
    """The keys that may sign such a statement, as those of operators: about keys, a recovery key may speak too."""
    for key in trusted:
        if key.role is TrustRole.RECOVERY and isinstance(statement.body, KeyChange):
            yield replace(key, role=TrustRole.OPERATOR, name=f"the recovery key of {key.name}")
        else:
            yield key


def judge_signatures(statement: Statement, subject: str) -> Iterator[Finding]:
    """Who must have signed what is said of keys, whoever they are: the key that comes in, and another one that lets it in."""
    body = statement.body
    if not isinstance(body, KeyChange) or body.action is KeyAction.REVOKE:
        return
    comes = body.successor if body.action is KeyAction.ROTATE else body.keyid
    signers = {signer.keyid for signer in statement.signers}
    what = "rotation" if body.action is KeyAction.ROTATE else "recovery key's introduction"
    if comes not in signers:
        yield failed(Claim.EVENTS, subject, f"forged: a {what} that is not signed by the key that comes in", code="key-event")
    elif len(signers) == 1:
        why = f"forged: a {what} that is signed by the key that comes in, and by none that lets it in"
        yield failed(Claim.EVENTS, subject, why, code="key-event")


def judge_obeyed(statement: Statement, chain: Keychain, subject: str) -> Iterator[Finding]:
    """What somebody known says of a key that counts here, and who may not say it, is told and not obeyed."""
    body = statement.body
    known = {key.keyid: key for key in chain.trusted if key.role in {TrustRole.OPERATOR, TrustRole.RECOVERY}}
    if not isinstance(body, KeyChange) or statement.log.size_before in chain.obeyed:
        return
    match body.action:
        case KeyAction.REVOKE if body.keyid in known and known[body.keyid].reason is not Revocation.COMPROMISED:
            why = f"not obeyed: that a key is {body.reason} is for its recovery key to say"
            why += ", or for the key itself" if body.reason is Revocation.SUPERSEDED else ""
        case KeyAction.ROTATE if body.keyid in known and body.successor not in known:
            why = "not followed: the key that is replaced, or its recovery key, did not sign it while it counted"
        case KeyAction.RECOVERY if body.keyid not in known:
            why = "not followed: another recovery key was named before, and did not sign it"
        case _:
            return
    yield unchecked(Claim.EVENTS, subject, f"{why}. If you know better: preserve trust list", needed=True, code=UNFOLLOWED)


def _begin(pinned: Iterable[TrustedKey], revoked: Mapping[str, _Revoked]) -> _Walk:
    pinned = tuple(pinned)
    keys = [_revoke(key, revoked) for key in pinned]
    return _Walk(
        operators={key.keyid: key for key in keys if key.role is TrustRole.OPERATOR},
        recoveries={(key.keyid, key.name): key for key in keys if key.role is TrustRole.RECOVERY},
        revoked=dict(revoked),
        # Of a compromised key it may merely say when it was given up before, which ends nobody else.
        limits={
            key.keyid: key.valid_until
            for key in pinned
            if key.role is TrustRole.OPERATOR and key.reason is not Revocation.COMPROMISED
        },
    )


def _step(walk: _Walk, event: Stated, *, known_log: bool) -> None:
    match event.body.action:
        case KeyAction.REVOKE:
            _take_away(walk, event)
        case KeyAction.ROTATE if known_log:
            _rotate(walk, event)
        case KeyAction.RECOVERY if known_log:
            _introduce(walk, event)


def _rotate(walk: _Walk, event: Stated) -> None:
    body, created = event.body, event.statement.created
    old = walk.operators.get(body.keyid)
    if old is None or body.successor is None:
        return
    speaks = [key for key in (old, *_recoveries_of(walk, old.name)) if _counts(walk, key, event)]
    if not speaks:
        return
    key = TrustedKey(
        name=old.name,
        role=TrustRole.OPERATOR,
        keyid=body.successor,
        vkey=None,
        added=created,
        valid_from=created,
        valid_until=walk.limits.get(old.keyid),
        through=f"through the rotation{_to(event)} signed by {_called(speaks[0])} (event {event.index})",
    )
    walk.operators.setdefault(key.keyid, _revoke(key, walk.revoked))
    walk.limits.setdefault(key.keyid, key.valid_until)
    _give_up(walk, event, (created, Revocation.SUPERSEDED))
    walk.obeyed.add(event.index)


def _take_away(walk: _Walk, event: Stated) -> None:
    body = event.body
    if target := walk.operators.get(body.keyid):
        itself = (target,) if body.reason is Revocation.SUPERSEDED else ()
        may = (*itself, *_recoveries_of(walk, target.name))
    elif papers := tuple(key for key in walk.recoveries.values() if key.keyid == body.keyid):
        may = papers  # a thief of the signing key must not be able to silence it
    else:
        return
    if body.reason is None or not any(_counts(walk, key, event) for key in may):
        return
    _give_up(walk, event, (body.since or event.statement.created, body.reason))
    walk.obeyed.add(event.index)


def _introduce(walk: _Walk, event: Stated) -> None:
    """A recovery key is named by a signing key; once there is one, it must agree to another."""
    for operator in list(walk.operators.values()):
        if not _counts(walk, operator, event):
            continue
        before = [key for key in _recoveries_of(walk, operator.name) if key.keyid != event.body.keyid]
        if before and not any(_counts(walk, key, event) for key in before):
            continue
        key = TrustedKey(
            name=operator.name,
            role=TrustRole.RECOVERY,
            keyid=event.body.keyid,
            vkey=None,
            added=event.statement.created,
            through=f"named by {_called(operator)} (event {event.index})",
        )
        walk.recoveries.setdefault((key.keyid, key.name), _revoke(key, walk.revoked))
        walk.obeyed.add(event.index)


def _counts(walk: _Walk, key: TrustedKey, event: Stated) -> bool:
    """Whether the key signed this, when it still might."""
    return (
        key.keyid in event.signers
        and key.keyid not in walk.ended
        and not distrust(key, event.statement.created, event.existed_by)
    )


def _recoveries_of(walk: _Walk, name: str) -> list[TrustedKey]:
    return [key for key in walk.recoveries.values() if key.name == name]


def _give_up(walk: _Walk, event: Stated, revoked: _Revoked) -> None:
    keyid = event.body.keyid
    walk.revoked[keyid] = worse(walk.revoked.get(keyid, (None, None)), revoked)
    walk.ended.setdefault(keyid, event.index)


def _revoke(key: TrustedKey, revoked: Mapping[str, _Revoked]) -> TrustedKey:
    return key.revoked(*revoked[key.keyid]) if key.keyid in revoked else key


def _to(event: Stated) -> str:
    """Who follows, where that is somebody else by the signers' own names."""
    names = {signer.keyid: signer.name for signer in event.statement.signers}
    new = names.get(event.body.successor or "", "")
    return f" to {new}" if names.get(event.body.keyid, new) != new else ""


def _called(key: TrustedKey) -> str:
    what = "the recovery key of " if key.role is TrustRole.RECOVERY else ""
    return f"{what}{key.name}, key {fingerprint_groups(key.keyid)}"


def describe(body: KeyChange) -> str:
    """A key event in words, without who and when."""
    key = fingerprint_groups(body.keyid)
    match body.action:
        case KeyAction.ROTATE:
            return f"{key} is followed by {fingerprint_groups(body.successor or '')}"
        case KeyAction.RECOVERY:
            return f"{key} is the recovery key"
        case KeyAction.REVOKE:
            since = f" since {rfc3339(body.since)}" if body.since else ""
            return f"{key} is revoked as {body.reason}{since}"
