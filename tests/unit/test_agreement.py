"""What travels from co-worker to co-worker: one spelling, verified as it is read; and what the log makes of it for who pinned co-workers by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archives import START, Archivist, Pen
from attacks_on_coworkers import (
    ANN,
    BO,
    CY,
    GIVEN_UP,
    STOLEN,
    agreed,
    agreement,
    members,
    name_coworkers,
    revocation,
    revoke_together,
)
from attacks_on_keys import OLD, STRANGER, name_paper
from preserve.errors import FormatError
from preserve.formats import agreement as format_
from preserve.formats import statement
from preserve.formats.agreement import Draft
from preserve.formats.times import rfc3339
from preserve.model.event import Coworkers, KeyAction, KeyChange
from preserve.model.trust import Revocation, TrustedKey, TrustRole
from preserve.rules import keychain
from preserve.rules.keychain import Stated

ARCHIVE, ORIGIN = "archive.example/main", "archive.example/main/log"


def draft(body: KeyChange | Coworkers, *pens: Pen) -> Draft:
    made = Draft(archive=ARCHIVE, origin=ORIGIN, body=body)
    for pen in pens:
        made = made.signed_by(agreement(pen, body, ARCHIVE, ORIGIN))
    return made


@given(st.sets(st.sampled_from([ANN, BO, CY, STRANGER])), st.permutations([ANN, BO, CY]), st.booleans())
def test_whoever_signs_in_whatever_order(who: set[Pen], order: list[Pen], naming: bool) -> None:
    body = Coworkers(keyid=OLD.keyid, replaces=3, threshold=1, members=members(order)) if naming else revocation()
    one, other = draft(body, *who, *order), draft(body, *reversed(order), *who)
    assert format_.encode(one) == format_.encode(other)
    assert format_.decode(format_.encode(one)) == one
    assert format_.encode(one).isascii()


def test_as_it_stands_in_the_file() -> None:
    assert format_.encode(draft(revocation(), ANN)).decode().splitlines() == [
        "preserve-agreement/v1",
        "{",
        f'  "archive": "{ARCHIVE}",',
        f'  "log": "{ORIGIN}",',
        '  "body": {',
        '    "action": "revoke",',
        f'    "keyid": "{OLD.keyid}",',
        '    "successor": null,',
        '    "reason": "compromised",',
        '    "since": "2026-11-22T12:25:00.000Z"',
        "  }",
        "}",
        "",
        f"agreed {_base64(ANN.public.der)} {_base64(ANN.sign(format_.text(ARCHIVE, ORIGIN, revocation())))}",
    ]


def _base64(data: bytes) -> str:
    import base64

    return base64.b64encode(data).decode()


@given(st.integers(min_value=0), st.integers(min_value=0, max_value=7))
def test_no_bit_can_be_changed(place: int, bit: int) -> None:
    good = format_.encode(draft(revocation(), ANN, CY))
    changed = bytearray(good)
    changed[place % len(good)] ^= 1 << bit
    with pytest.raises(FormatError):
        format_.decode(bytes(changed))


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (b"agreed", b"refused", "not a line of somebody who agreed"),
        (b"preserve-agreement/v1", b"preserve-agreement/v2", "not what co-workers agree to"),
        (b'"action": "revoke"', b'"action": "recovery"', "agreement"),
        (b'"reason"', b'"reason": null, "reason"', "duplicate key"),
        (b'  "archive"', b' "archive"', "not canonical"),
        (b"\n\nagreed", b"\n\n\nagreed", "not a line of somebody who agreed"),
        (b'"since"', b'"sense"', "missing field"),
    ],
    ids=["a word", "a version", "an action", "a key twice", "a space", "a line", "a name"],
)
def test_what_is_refused(old: bytes, new: bytes, says: str) -> None:
    data = format_.encode(draft(revocation(), ANN))
    assert old in data
    with pytest.raises(FormatError, match=says):
        format_.decode(data.replace(old, new, 1))


@pytest.mark.parametrize("pens", [(), (ANN,), (ANN, CY)], ids=["none", "one", "two"])
def test_what_mail_does_to_it(pens: tuple[Pen, ...]) -> None:
    good = format_.encode(draft(revocation(), *pens))
    for sent in (good, good.replace(b"\n", b"\r\n"), good + b"\n \n", good.rstrip(b"\n"), good + b"\r\n"):
        assert format_.as_sent(sent) == good
    assert format_.decode(format_.as_sent(good.replace(b"\n", b"\r\n"))) == draft(revocation(), *pens)


@pytest.mark.parametrize(
    "body",
    [
        KeyChange(action=KeyAction.RECOVERY, keyid=ANN.keyid),
        KeyChange(action=KeyAction.ROTATE, keyid=OLD.keyid, successor=ANN.keyid),
        Coworkers(keyid=OLD.keyid, replaces=None, threshold=1, members=members((ANN,))),
    ],
    ids=["a recovery key", "a rotation", "the first co-workers"],
)
def test_what_nobody_is_asked_to_agree_to(body: KeyChange | Coworkers) -> None:
    with pytest.raises(FormatError, match="co-workers agree to a revocation"):
        format_.decode(format_.encode(Draft(archive=ARCHIVE, origin=ORIGIN, body=body)))


def test_a_line_twice_and_a_cut_one() -> None:
    data = format_.encode(draft(revocation(), ANN))
    line = data.rpartition(b"\n\n")[2]
    for wrong in (data + line, data[:-1], data + b"\n", data.replace(b"\n\n", b"\n", 1)):
        with pytest.raises(FormatError):
            format_.decode(wrong)


# --- the time is part of what is agreed


def test_a_draft_without_a_time_is_refused() -> None:
    data = format_.encode(draft(revocation(since=None)))
    told = b'"' + rfc3339(GIVEN_UP).encode() + b'"'
    assert format_.decode(data).body == revocation(since=None)
    with pytest.raises(FormatError, match="bad value"):
        format_.decode(data.replace(told, b"null"))


@pytest.mark.parametrize("days", [-900, 0, 300])
def test_who_enters_it_does_not_choose_the_time(days: int) -> None:
    chain = _follow(_dated(days, (ANN, CY)), _pinned(ANN, CY))
    assert [key.revoked_at for key in chain.trusted if key.keyid == OLD.keyid] == [GIVEN_UP]


def test_a_key_that_gives_itself_up_says_no_other_time_than_its_entry() -> None:
    archivist = _dated(0, (ANN,), given_up=START - timedelta(days=900), signers=(OLD,))
    chain = _follow(archivist, _pinned(ANN, CY))
    created = statement.decode(archivist.events["000000-key"]["statement.json"]).created
    assert [key.revoked_at for key in chain.trusted if key.keyid == OLD.keyid] == [created]


def _dated(
    days: int, pens: tuple[Pen, ...], *, given_up: datetime = GIVEN_UP, signers: tuple[Pen, ...] = (STRANGER,)
) -> Archivist:
    archivist = Archivist()
    body = agreed(archivist, revocation(since=None, given_up=given_up), pens)
    archivist.add_event(body, signers, tweak=lambda said: replace(said, created=said.created + timedelta(days=days)))
    return archivist


# --- co-workers whom a verifier pinned


def _pinned(*pens: Pen, threshold: int = 2, **more: object) -> list[TrustedKey]:
    return [
        replace(pen.pinned, name=OLD.name, role=TrustRole.COWORKER, threshold=threshold, **more)  # type: ignore[arg-type]
        for pen in pens
    ]


def _follow(archivist: Archivist, trusted: list[TrustedKey], *, known_log: bool = True) -> keychain.Keychain:
    said = [statement.decode(files["statement.json"]) for files in archivist.events.values()]
    return keychain.follow([OLD.pinned, *trusted], [Stated(statement=one) for one in said], known_log=known_log)


def _history(*pens: Pen, since: timedelta = timedelta()) -> Archivist:
    archivist = Archivist()
    revoke_together(archivist, pens, since=STOLEN + since, signers=(STRANGER,))
    return archivist


def _reason(chain: keychain.Keychain) -> Revocation | None:
    return next(key.reason for key in chain.trusted if key.keyid == OLD.keyid)


@pytest.mark.parametrize("known_log", [True, False])
def test_pinned_co_workers_need_no_log_that_names_them(known_log: bool) -> None:
    """Taking trust away is obeyed by whoever knows those who may; also since long before."""
    chain = _follow(_history(ANN, CY, since=timedelta(days=-400)), _pinned(ANN, BO, CY), known_log=known_log)
    assert (_reason(chain), chain.agreed) == (Revocation.COMPROMISED, {0: "2 of 3 co-workers"})


@pytest.mark.parametrize(
    "trusted",
    [
        _pinned(ANN),
        _pinned(ANN, BO, threshold=3),
        [*_pinned(ANN, threshold=2), *_pinned(CY, threshold=3)],
        [replace(key, name="Somebody else") for key in _pinned(ANN, CY)],
        [*_pinned(ANN), *_pinned(CY, revoked_at=START, reason=Revocation.SUPERSEDED)],
        [*_pinned(ANN), *_pinned(CY, revoked_at=START, reason=Revocation.COMPROMISED)],
        [*_pinned(ANN), *_pinned(CY, valid_until=START - timedelta(days=1))],
        [*_pinned(ANN, CY), replace(CY.pinned, revoked_at=START, reason=Revocation.COMPROMISED)],
    ],
    ids=["one", "three needed", "most counts", "another's", "given up", "compromised", "ended", "compromised as a signer"],
)
def test_pinned_co_workers_who_are_not_enough(trusted: list[TrustedKey]) -> None:
    chain = _follow(_history(ANN, CY), trusted)
    assert (_reason(chain), chain.agreed, chain.obeyed) == (None, {}, frozenset())


def test_a_named_co_worker_whom_the_verifier_revoked_does_not_count() -> None:
    archivist = Archivist()
    name_coworkers(archivist)
    revoke_together(archivist, (ANN, CY))
    gone = replace(CY.pinned, role=TrustRole.COSIGNER, revoked_at=START, reason=Revocation.COMPROMISED)
    assert _reason(_follow(archivist, [])) is Revocation.COMPROMISED
    assert _reason(_follow(archivist, [gone])) is None


def test_who_pinned_the_same_co_workers_is_not_told_that_they_were_not_let_in() -> None:
    """A recovery key that was told by another way is there from the beginning, as far as its verifier knows."""
    archivist = Archivist()
    name_coworkers(archivist)
    paper = replace(STRANGER.pinned, name=OLD.name, role=TrustRole.RECOVERY)
    said = statement.decode(archivist.events["000000-key"]["statement.json"])
    for trusted, told in ((_pinned(ANN, BO, CY), 0), ([], 1)):
        chain = _follow(archivist, [paper, *trusted])
        assert len(list(keychain.judge_obeyed(said, chain, "events"))) == told


def test_the_first_revocation_outlives_that_the_naming_lost_its_signer() -> None:
    """The naming is by the key that is then compromised, unstamped: what was taken away stays taken."""
    archivist = Archivist()
    name_coworkers(archivist)
    revoke_together(archivist, (ANN, BO))
    name_paper(archivist, (OLD, STRANGER), paper=STRANGER)
    chain = _follow(archivist, [])
    assert (_reason(chain), set(chain.agreed)) == (Revocation.COMPROMISED, {1})
    assert not [key for key in chain.trusted if key.role is TrustRole.RECOVERY]
