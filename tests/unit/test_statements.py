"""Statements of events: one spelling whatever is said in them, words for people, what a rollback gives up."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from preserve.errors import FormatError
from preserve.formats import statement
from preserve.model.event import Body, Custody, EventKind, Rollback, RunRef, Statement, TakenKey, TrustTaken, event_name
from preserve.model.manifest import LogLink, Operator, SignerEntry, TimestampEntry
from preserve.model.trust import TrustRole
from preserve.rules import events
from preserve.rules.verify_event import judge_reference
from preserve.rules.verify_order import Logged, judge_order

WHEN = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
HASH = "ab" * 32


def stated(body: Body, **other: object) -> Statement:
    plain = Statement(
        archive="archive.example/main",
        log=LogLink(origin="archive.example/main/log", size_before=7, root_before=HASH),
        created=WHEN,
        actor=Operator(name="A. Archivist", organisation="Example Archive", role=None),
        body=body,
        signers=(SignerEntry(keyid=HASH, algorithm="ed25519", name="the key"),),
        timestamps=(TimestampEntry(authority="tsa-a"),),
    )
    return dataclasses.replace(plain, **other)  # type: ignore[arg-type] # the tests' own keywords


words = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40).filter(lambda text: bool(text.strip()))
hashes = st.binary(min_size=32, max_size=32).map(bytes.hex)
sizes = st.integers(min_value=0, max_value=2**53 - 1)
runs = st.lists(st.builds(RunRef, sequence=sizes, seal_sha256=hashes), unique_by=lambda run: run.sequence, max_size=3).map(
    lambda found: tuple(sorted(found, key=lambda run: run.sequence))
)
bodies = st.one_of(
    st.builds(
        Custody,
        action=st.from_regex(r"\A[a-z][a-z0-9-]{0,39}\Z"),
        reason=words,
        to=st.none() | words,
        result=st.none() | words,
        runs=runs,
    ),
    st.builds(
        Rollback,
        reason=words,
        remembered_size=sizes,
        remembered_root=hashes,
        accepted_size=sizes,
        accepted_root=hashes,
    ),
)


@given(bodies)
def test_whatever_is_stated_is_read_back(body: Body) -> None:
    said = stated(body)
    data = statement.encode(said)
    assert data.isascii()
    assert statement.decode(data) == said
    assert events.describe(said).startswith(f"{body.kind}: ")


def test_every_kind_that_can_be_stated_has_words() -> None:
    assert set(events._WORDS) == set(statement._KINDS)
    assert all(body.kind in statement._KINDS for body in Body.__subclasses__())


def test_names_of_folders() -> None:
    assert event_name(3, EventKind.CUSTODY) == "000003-custody"
    assert event_name(1_000_000, EventKind.ROLLBACK) == "1000000-rollback"
    assert stated(Custody(action="copy", reason="x")).name == "000007-custody"


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (
            Custody(action="transfer", reason="on loan", to="Registry B"),
            "custody: everything transferred to Registry B, because: on loan; by A. Archivist, Example Archive on 2026-11-21T12:00:00.000Z",
        ),
        (
            Custody(action="verify", reason="yearly", result="all well", runs=(RunRef(sequence=2, seal_sha256=HASH),)),
            "custody: run 2 verified (all well), because: yearly; by",
        ),
        (
            Custody(action="photograph", reason="x", runs=tuple(RunRef(sequence=n, seal_sha256=HASH) for n in (0, 5))),
            "custody: photograph of runs 0, 5, because: x; by",
        ),
        (
            Rollback(reason="fire", remembered_size=9, remembered_root=HASH, accepted_size=7, accepted_root=HASH),
            "rollback: the log goes on from 7 entries although it had 9, because: fire; by",
        ),
    ],
)
def test_words(body: Body, told: str) -> None:
    assert events.describe(stated(body)).startswith(told)


def test_somebody_without_a_name_is_called_by_the_key() -> None:
    nobody = Operator(name=None, organisation=None, role=None)
    assert "; by the key on " in events.describe(stated(Custody(action="copy", reason="x"), actor=nobody))


@pytest.mark.parametrize(
    ("size", "root", "covered"),
    [(4, "00", False), (5, "00", True), (9, "00", True), (9, HASH, True), (10, "00", False), (10, HASH, False)],
)
def test_what_a_rollback_gives_up(size: int, root: str, covered: bool) -> None:
    back = Rollback(reason="x", remembered_size=9, remembered_root=HASH, accepted_size=4, accepted_root=HASH)
    assert back.covers(size, root) is covered


def test_a_fork_is_given_up_by_its_very_checkpoint_alone() -> None:
    fork = Rollback(reason="x", remembered_size=4, remembered_root=HASH, accepted_size=9, accepted_root=HASH)
    assert fork.covers(4, HASH)
    assert not fork.covers(4, "00" * 32)
    assert not fork.covers(5, HASH)


def test_order_where_events_and_runs_meet() -> None:
    def entry(index: int, minutes: int, *, event: bool) -> Logged:
        subject = f"{'event' if event else 'run'} {index}"
        return Logged(index=index, created=WHEN + timedelta(minutes=minutes), subject=subject, event=event)

    in_order = [entry(0, 0, event=False), entry(1, 10, event=True), entry(2, 6, event=True), entry(3, 30, event=False)]
    assert list(judge_order(in_order[::-1])) == [], "five minutes are what two clocks may differ by"
    late = [entry(0, 0, event=False), entry(1, -9, event=False), entry(2, -20, event=True), entry(3, -40, event=False)]
    found = list(judge_order(late))
    assert [(finding.subject, finding.claim, finding.needed) for finding in found] == [
        ("event 2", "events", True),
        ("run 3", "created", True),
    ]


def test_what_an_event_speaks_of() -> None:
    about = stated(Custody(action="copy", reason="x", runs=(RunRef(sequence=1, seal_sha256=HASH),)))
    assert list(judge_reference(about, {0: "00", 1: HASH}, "it")) == []
    assert [finding.result for finding in judge_reference(about, {1: "00"}, "it")] == ["fail"]
    assert [finding.result for finding in judge_reference(about, {}, "it")] == ["fail"]
    back = Rollback(reason="x", remembered_size=9, remembered_root=HASH, accepted_size=7, accepted_root=HASH)
    assert list(judge_reference(stated(back), {}, "it")) == []
    elsewhere = dataclasses.replace(back, accepted_size=6)
    assert [finding.result for finding in judge_reference(stated(elsewhere), {}, "it")] == ["fail"]


def test_a_co_worker_who_was_taken_into_trust_has_a_number_and_nobody_else() -> None:
    plain = TakenKey(keyid=HASH, role=TrustRole.OPERATOR, name="A. Archivist")
    one = TakenKey(keyid=HASH, role=TrustRole.COWORKER, name="A. Archivist", threshold=2)
    said = stated(TrustTaken(reason="she joins us", file="trust.toml", sha256=HASH, keys=(one, plain)))
    data = statement.encode(said)
    assert statement.decode(data) == said
    assert data.count(b'"threshold": 2') == data.count(b'"threshold"') == 1
    for wrong in (b"0", b"17", b"null", b"true", b'"2"'):
        with pytest.raises(FormatError, match=r"threshold|co-workers"):
            statement.decode(data.replace(b'"threshold": 2', b'"threshold": ' + wrong))
    with pytest.raises(FormatError, match="a co-worker, and no other key, has a threshold"):
        statement.decode(data.replace(b'"coworker"', b'"recovery"'))
