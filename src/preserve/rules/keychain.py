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

from preserve.formats import agreement
from preserve.formats.publickey import fingerprint_groups
from preserve.formats.times import rfc3339
from preserve.model.event import Coworkers, KeyAction, KeyChange, Statement
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
    def body(self) -> KeyChange | Coworkers:
        assert isinstance(self.statement.body, KeyChange | Coworkers), "a statement about keys"
        return self.statement.body

    @property
    def index(self) -> int:
        return self.statement.log.size_before

    @property
    def signers(self) -> frozenset[str]:
        return frozenset(signer.keyid for signer in self.statement.signers)

    @property
    def agreed(self) -> frozenset[str]:
        return frozenset(one.keyid for one in self.body.agreed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Circle:
    """Co-workers who may revoke an owner's keys, any `threshold` of the `members` together.

    `named` is the entry of the log that names them, None where the verifier pinned them. `since` is when the owner's own key said so,
    where nothing but that key's word lets them in.
    """

    threshold: int
    members: frozenset[str]
    named: int | None = None
    since: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Keychain:
    """What follows: every key that is trusted now, and the log entries that were obeyed on the way."""

    trusted: tuple[TrustedKey, ...]
    obeyed: frozenset[int] = frozenset()
    agreed: Mapping[int, str] = field(default_factory=dict)
    """What co-workers agreed to, by its entry: how many of how many, in words. It counts by them, whoever entered it."""
    circles: Mapping[str, Circle] = field(default_factory=dict)
    """The co-workers whom the log names now, by whose they are."""


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
    agreed: dict[int, str] = field(default_factory=dict)
    circles: dict[str, Circle] = field(default_factory=dict)
    """Those whom the log names, by whose they are."""
    pinned_circles: dict[str, Circle] = field(default_factory=dict)
    """Those in the verifier's own store, who speak beside them."""
    others: dict[str, list[TrustedKey]] = field(default_factory=dict)
    """What the verifier's own store says of a key in whatever role."""
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
    agreed: dict[int, str] = {}
    while True:
        walk = _begin(pinned, revoked)
        for event in events:
            _step(walk, event, known_log=known_log)
        # A theft that is noticed later may take the force from the statement that gave a key up, and does not give the key back.
        for keyid, index in walk.ended.items():
            ended[keyid] = min(index, ended.get(keyid, index))
        agreed |= walk.agreed
        if walk.revoked == revoked:
            break
        revoked = walk.revoked
    keys = (*walk.operators.values(), *walk.recoveries.values())
    rest = [key for key in pinned if key.role not in {TrustRole.OPERATOR, TrustRole.RECOVERY}]
    return Keychain(
        trusted=(*(replace(key, ended=ended.get(key.keyid)) for key in keys), *rest) if events else tuple(pinned),
        obeyed=frozenset(walk.obeyed | agreed.keys()),
        agreed=agreed,
        circles=walk.circles,
    )


def vouching(trusted: Iterable[TrustedKey], statement: Statement) -> Iterator[TrustedKey]:
    """The keys that may sign such a statement, as those of operators: about keys, a recovery key may speak too."""
    for key in trusted:
        if key.role is TrustRole.RECOVERY and isinstance(statement.body, KeyChange | Coworkers):
            yield replace(key, role=TrustRole.OPERATOR, name=f"the recovery key of {key.name}")
        else:
            yield key


def judge_signatures(statement: Statement, subject: str) -> Iterator[Finding]:
    """Who must have signed what is said of keys, whoever they are: the key that comes in, and another one that lets it in."""
    body = statement.body
    signers = {signer.keyid for signer in statement.signers}
    if isinstance(body, KeyChange | Coworkers):
        yield from _judge_agreed(statement, body, subject)
    if isinstance(body, Coworkers) and body.keyid not in signers:
        why = "forged: co-workers who are not named by the key that they may revoke"
        yield failed(Claim.EVENTS, subject, why, code="key-event")
    if not isinstance(body, KeyChange) or body.action is KeyAction.REVOKE:
        return
    comes = body.successor if body.action is KeyAction.ROTATE else body.keyid
    what = "rotation" if body.action is KeyAction.ROTATE else "recovery key's introduction"
    if comes not in signers:
        yield failed(Claim.EVENTS, subject, f"forged: a {what} that is not signed by the key that comes in", code="key-event")
    elif len(signers) == 1:
        why = f"forged: a {what} that is signed by the key that comes in, and by none that lets it in"
        yield failed(Claim.EVENTS, subject, why, code="key-event")


def _judge_agreed(statement: Statement, body: KeyChange | Coworkers, subject: str) -> Iterator[Finding]:
    """Who is said to have agreed did, to this and in this archive."""
    message = agreement.text(statement.archive, statement.log.origin, body) if body.agreed else b""
    for one in body.agreed:
        if not agreement.holds(one, message):
            why = f"forged: the key {fingerprint_groups(one.keyid)}, which is said to have agreed, did not sign this"
            yield failed(Claim.EVENTS, subject, why, code="bad-signature")


def judge_obeyed(statement: Statement, chain: Keychain, subject: str) -> Iterator[Finding]:
    """What somebody known says of a key that counts here, and who may not say it, is told and not obeyed."""
    body = statement.body
    known = {key.keyid: key for key in chain.trusted if key.role in {TrustRole.OPERATOR, TrustRole.RECOVERY}}
    if statement.log.size_before in chain.obeyed:
        return
    match body:
        case KeyChange(action=KeyAction.REVOKE) if (
            body.keyid in known and known[body.keyid].reason is not Revocation.COMPROMISED
        ):
            why = f"not obeyed: that a key is {body.reason} is for its recovery key to say, or for enough of the co-workers it named"
            why += ", or for the key itself" if body.reason is Revocation.SUPERSEDED else ""
        case KeyChange(action=KeyAction.ROTATE) if body.keyid in known and body.successor not in known:
            why = "not followed: the key that is replaced, or its recovery key, did not sign it while it counted"
        case KeyChange(action=KeyAction.RECOVERY) if body.keyid not in known:
            why = "not followed: another recovery key was named before, or co-workers were, and no recovery key from before signed it"
        case Coworkers() if body.keyid in known and not _is_pinned(body, chain, known[body.keyid].name):
            why = "not followed: the recovery key or the co-workers who were named before did not let these co-workers in"
        case _:
            return
    yield unchecked(Claim.EVENTS, subject, f"{why}. If you know better: preserve trust list", needed=True, code=UNFOLLOWED)


def _is_pinned(body: Coworkers, chain: Keychain, owner: str) -> bool:
    """Whether the verifier trusts just these co-workers anyway."""
    circle = pinned_circles(chain.trusted).get(owner)
    return circle is not None and (circle.threshold, circle.members) == (body.threshold, frozenset(body.members))


def _begin(pinned: Iterable[TrustedKey], revoked: Mapping[str, _Revoked]) -> _Walk:
    pinned = tuple(pinned)
    keys = [_revoke(key, revoked) for key in pinned]
    return _Walk(
        operators={key.keyid: key for key in keys if key.role is TrustRole.OPERATOR},
        recoveries={(key.keyid, key.name): key for key in keys if key.role is TrustRole.RECOVERY},
        revoked=dict(revoked),
        pinned_circles=pinned_circles(pinned),
        others={key.keyid: [other for other in keys if other.keyid == key.keyid] for key in keys},
        # Of a compromised key it may merely say when it was given up before, which ends nobody else.
        limits={
            key.keyid: key.valid_until
            for key in pinned
            if key.role is TrustRole.OPERATOR and key.reason is not Revocation.COMPROMISED
        },
    )


def pinned_circles(pinned: Iterable[TrustedKey]) -> dict[str, Circle]:
    """The co-workers in the verifier's own store; where their entries differ in how many it takes, the most."""
    found: dict[str, Circle] = {}
    for key in pinned:
        if key.role is TrustRole.COWORKER and key.threshold is not None:
            others = found.get(key.name, Circle(threshold=1, members=frozenset()))
            threshold = max(key.threshold, others.threshold)
            found[key.name] = Circle(threshold=threshold, members=others.members | {key.keyid})
    return found


def _step(walk: _Walk, event: Stated, *, known_log: bool) -> None:
    match event.body:
        case KeyChange(action=KeyAction.REVOKE) as body:
            _take_away(walk, event, body)
        case KeyChange(action=KeyAction.ROTATE) as body if known_log:
            _rotate(walk, event, body)
        case KeyChange(action=KeyAction.RECOVERY) if known_log:
            _introduce(walk, event)
        case Coworkers() as body if known_log:
            _name_coworkers(walk, event, body)


def _rotate(walk: _Walk, event: Stated, body: KeyChange) -> None:
    created = event.statement.created
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
        through=f"through the rotation{_to(event, body.successor)} signed by {_called(speaks[0])} (event {event.index})",
    )
    walk.operators.setdefault(key.keyid, _revoke(key, walk.revoked))
    walk.limits.setdefault(key.keyid, key.valid_until)
    _give_up(walk, event, (created, Revocation.SUPERSEDED))
    walk.obeyed.add(event.index)


def _take_away(walk: _Walk, event: Stated, body: KeyChange) -> None:
    since = body.since or event.statement.created
    together = ""
    if target := walk.operators.get(body.keyid):
        itself = (target,) if body.reason is Revocation.SUPERSEDED else ()
        may = (*itself, *_recoveries_of(walk, target.name))
        for circle in filter(None, (walk.circles.get(target.name), walk.pinned_circles.get(target.name))):
            # Whom a key named after it was in other hands, the thief named.
            if circle.since is None or circle.since < since:
                together = together or _together(walk, circle, target.name, event)
    elif papers := tuple(key for key in walk.recoveries.values() if key.keyid == body.keyid):
        may = papers  # a thief of the signing key must not be able to silence it
    else:
        return
    if body.reason is None or not (together or any(_counts(walk, key, event) for key in may)):
        return
    if together:
        walk.agreed[event.index] = together
    elif body.reason is Revocation.SUPERSEDED:
        since = event.statement.created  # another time is for co-workers to say
    _give_up(walk, event, (since, body.reason))
    walk.obeyed.add(event.index)


def _introduce(walk: _Walk, event: Stated) -> None:
    """A recovery key is named by a signing key; once somebody may revoke that one, a recovery key named before must sign too."""
    for operator in list(walk.operators.values()):
        if not _counts(walk, operator, event):
            continue
        before = [key for key in _recoveries_of(walk, operator.name) if key.keyid != event.body.keyid]
        if (before or operator.name in walk.circles) and not any(_counts(walk, key, event) for key in before):
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


def _name_coworkers(walk: _Walk, event: Stated, body: Coworkers) -> None:
    """Co-workers are named by a signing key; once somebody may revoke that one, they must let these in: a recovery key, or enough co-workers."""
    operator = walk.operators.get(body.keyid)
    if operator is None or not _counts(walk, operator, event):
        return
    present = walk.circles.get(operator.name)
    if body.replaces != (None if present is None else present.named):
        return  # what was agreed to under others who were named then
    papers, created = _recoveries_of(walk, operator.name), event.statement.created
    since: datetime | None = None
    if present is not None and (together := _together(walk, present, operator.name, event)):
        walk.agreed[event.index], since = together, present.since
    elif not papers and present is None:
        since = created
    elif not any(_counts(walk, key, event) for key in papers):
        return
    walk.circles[operator.name] = Circle(
        threshold=body.threshold, members=frozenset(body.members), named=event.index, since=since
    )
    walk.obeyed.add(event.index)


def _together(walk: _Walk, circle: Circle, owner: str, event: Stated) -> str:
    """How many of how many agreed, in words, when they are enough; "" when not.

    A key of the owner's own is none of a co-worker's, whoever named it: the thief may have it. Nor does one count that was given up.
    """
    agreed = [
        keyid
        for keyid in event.agreed & circle.members
        if keyid not in walk.ended
        and (keyid not in walk.operators or walk.operators[keyid].name != owner)
        and not any(
            distrust(key, event.statement.created, event.existed_by)
            for key in (*walk.others.get(keyid, ()), *filter(None, [walk.operators.get(keyid)]))
        )
    ]
    return f"{len(agreed)} of {len(circle.members)} co-workers" if len(agreed) >= circle.threshold else ""


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


def _to(event: Stated, successor: str) -> str:
    """Who follows, where that is somebody else by the signers' own names."""
    names = {signer.keyid: signer.name for signer in event.statement.signers}
    new = names.get(successor, "")
    return f" to {new}" if names.get(event.body.keyid, new) != new else ""


def _called(key: TrustedKey) -> str:
    what = "the recovery key of " if key.role is TrustRole.RECOVERY else ""
    return f"{what}{key.name}, key {fingerprint_groups(key.keyid)}"


def describe(body: KeyChange | Coworkers) -> str:
    """A key event in words, without who and when."""
    key = fingerprint_groups(body.keyid)
    if isinstance(body, Coworkers):
        others = f" instead of those named by entry {body.replaces}" if body.replaces is not None else ""
        who = ", ".join(fingerprint_groups(keyid) for keyid in body.members)
        return f"any {body.threshold} of {len(body.members)} co-workers may revoke {key}{others}: {who}"
    match body.action:
        case KeyAction.ROTATE:
            return f"{key} is followed by {fingerprint_groups(body.successor or '')}"
        case KeyAction.RECOVERY:
            return f"{key} is the recovery key"
        case KeyAction.REVOKE:
            since = f" since {rfc3339(body.since)}" if body.since else ""
            return f"{key} is revoked as {body.reason}{since}"
