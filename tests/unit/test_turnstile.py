"""Several processes, one limit: a place is free again when its process is gone, however it went."""

from __future__ import annotations

import math
import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection

import pytest

from preserve.adapters.turnstile import SharedTurnstile, shared_file
from preserve.errors import StoreError
from preserve.model.web import Wish


@pytest.fixture
def file() -> Iterator[int]:
    number = shared_file()
    yield number
    os.close(number)


def _stay(file: int, told: Connection) -> None:
    turnstile = SharedTurnstile(file, per_host=2, delay=0)
    told.send([turnstile.enter("a.example"), turnstile.enter("a.example"), turnstile.enter("a.example")])
    signal.pause()


def test_places_are_shared_and_free_again_after_a_kill(file: int) -> None:
    heard, told = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.get_context("fork").Process(target=_stay, args=(file, told))
    process.start()
    assert heard.recv() == [0.0, 0.0, None]
    ours = SharedTurnstile(file, per_host=2, delay=0)
    assert ours.enter("a.example") is None
    assert ours.enter("b.example") == 0.0
    process.kill()
    process.join()
    assert ours.enter("a.example") == 0.0
    ours.leave("a.example")
    assert [ours.enter("a.example") for _ in range(3)] == [0.0, 0.0, None]


def test_who_has_left_lets_the_next_one_in(file: int) -> None:
    turnstile = SharedTurnstile(file, per_host=1, delay=0)
    turnstile.leave("a.example")  # without a place: nothing happens
    assert [turnstile.enter("a.example"), turnstile.enter("a.example")] == [0.0, None]
    turnstile.leave("a.example")
    assert turnstile.enter("a.example") == 0.0


def test_what_cannot_be_used_is_a_store_that_fails() -> None:
    nothing = os.open(os.devnull, os.O_RDONLY)
    try:
        with pytest.raises(StoreError, match="have in common"):
            SharedTurnstile(nothing, per_host=1, delay=0.5).enter("a.example")
    finally:
        os.close(nothing)


def test_moments_are_handed_out_one_after_the_other(file: int) -> None:
    now = [100.0]
    turnstile = SharedTurnstile(file, per_host=3, delay=0.5, now=lambda: now[0])
    assert turnstile.enter("a.example") == 0.0
    assert turnstile.enter("a.example") == 0.5
    assert turnstile.again("a.example") == 1.0
    turnstile.leave("a.example", unused=True)
    assert turnstile.enter("a.example") == 1.0
    now[0] = 102.0
    assert turnstile.again("a.example") == 0.0
    assert turnstile.enter("b.example") == 0.0


def test_a_moment_is_not_given_back_once_another_process_has_a_later_one(file: int) -> None:
    now = [100.0]
    ours, theirs = (SharedTurnstile(file, per_host=3, delay=0.5, now=lambda: now[0]) for _ in range(2))
    assert ours.enter("a.example") == 0.0
    assert theirs.again("a.example") == 0.5  # two in one process: locks are not what is looked at here
    ours.leave("a.example", unused=True)
    assert theirs.again("a.example") == 1.0
    assert ours.enter("a.example") == 1.5
    ours.leave("a.example", unused=True)
    assert theirs.again("a.example") == 1.5


def test_who_was_left_behind_by_a_later_one_gives_no_moment_back(file: int) -> None:
    turnstile = SharedTurnstile(file, per_host=3, delay=0.5, now=lambda: 100.0)
    assert [turnstile.enter("a.example"), turnstile.enter("a.example")] == [0.0, 0.5]
    turnstile.leave("a.example")
    turnstile.leave("a.example", unused=True)
    assert turnstile.enter("a.example") == 1.0


# -- what a host asked for ---------------------------------------------------------------------------------------------------


def _tell(file: int, told: Connection) -> None:
    turnstile = SharedTurnstile(file, per_host=1, delay=0.5)
    assert turnstile.enter("a.example") == 0.0
    turnstile.rest("a.example", 100)
    told.send(True)
    signal.pause()


def _killed_after(does: Callable[[int, Connection], None], file: int) -> None:
    """Have another process do that, and kill it when it says that it is done."""
    heard, told = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.get_context("fork").Process(target=does, args=(file, told))
    process.start()
    assert heard.recv()
    process.kill()
    process.join()


def test_what_one_process_was_told_all_know_also_when_it_is_killed(file: int) -> None:
    _killed_after(_tell, file)
    ours = SharedTurnstile(file, per_host=1, delay=0.5)
    assert 90 < ours.resting("a.example") <= 100
    assert ours.resting("b.example") == 0.0
    assert ours.enter("a.example") is not None, "its place is free"


def test_a_rest_is_as_long_as_the_longest_that_was_asked_for_and_over_then(file: int) -> None:
    now = [100.0]
    ours, theirs = (SharedTurnstile(file, per_host=2, delay=0.5, now=lambda: now[0]) for _ in range(2))
    ours.rest("a.example", 60)
    theirs.rest("a.example", 2)
    assert ours.resting("a.example") == theirs.resting("a.example") == 60
    assert [ours.enter("a.example"), theirs.again("a.example")] == [0.0, 0.5], "moments are another matter"
    ours.leave("a.example", unused=True)
    assert theirs.resting("a.example") == 60
    now[0] = 160.0
    assert (ours.resting("a.example"), theirs.resting("a.example")) == (0.0, 0.0)


def _work(file: int, told: Connection, listen: Connection) -> None:
    turnstile = SharedTurnstile(file, per_host=1, delay=0, number=7)
    for now in (True, False, True):
        turnstile.work(now)
        told.send(now)
        listen.recv()


def test_who_has_something_to_do_is_known_until_it_is_killed(file: int) -> None:
    heard, told = multiprocessing.Pipe(duplex=False)
    listen, say = multiprocessing.Pipe(duplex=False)
    ours = SharedTurnstile(file, per_host=1, delay=0)
    assert not ours.others_work()
    process = multiprocessing.get_context("fork").Process(target=_work, args=(file, told, listen))
    process.start()
    for _ in range(3):
        now = heard.recv()
        assert ours.others_work() is now
        say.send("go on")
    process.kill()
    process.join()
    assert not ours.others_work()
    ours.work(True)
    assert free(file), "places are another matter"
    ours.work(False)
    assert not ours.others_work()


# -- a place is held by who holds it, and by nobody else -----------------------------------------------------------------------


def _try(file: int, told: Connection) -> None:
    told.send(SharedTurnstile(file, per_host=1, delay=0).enter("a.example"))


def free(file: int) -> bool:
    """Whether another process finds a place at the host."""
    heard, told = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.get_context("fork").Process(target=_try, args=(file, told))
    process.start()
    found = heard.recv()
    process.join()
    return found is not None


def test_who_cannot_take_its_moment_keeps_no_place(file: int, monkeypatch: pytest.MonkeyPatch) -> None:
    ours = SharedTurnstile(file, per_host=1, delay=0.5)
    with monkeypatch.context() as patched:
        patched.setattr(os, "pread", _fails)
        with pytest.raises(StoreError, match="have in common"):
            ours.enter("a.example")
    assert free(file)
    ours.leave("a.example")  # nothing is left of it
    assert ours.enter("a.example") is not None
    assert not free(file)


def test_a_place_is_given_back_also_when_its_moment_cannot_be(file: int, monkeypatch: pytest.MonkeyPatch) -> None:
    ours = SharedTurnstile(file, per_host=1, delay=0.5)
    assert ours.enter("a.example") == 0.0
    assert not free(file)
    with monkeypatch.context() as patched:
        patched.setattr(os, "pread", _fails)
        with pytest.raises(StoreError, match="have in common"):
            ours.leave("a.example", unused=True)
    assert free(file)


def _fails(*_: object) -> bytes:
    raise OSError(5, "Input/output error")


def test_a_program_that_is_started_takes_no_place_away(file: int) -> None:
    """Record locks are lost when their process closes any handle of the file; a child that closes its own is another process."""
    ours = SharedTurnstile(file, per_host=1, delay=0)
    assert ours.enter("a.example") == 0.0
    subprocess.run([sys.executable, "-c", ""], check=True, close_fds=True)
    subprocess.run([sys.executable, "-c", f"import os; os.close({file})"], check=True, pass_fds=[file])
    assert not free(file)


def test_where_there_are_no_files_in_memory_another_one_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "memfd_create", raising=False)
    file = shared_file()
    try:
        ours = SharedTurnstile(file, per_host=1, delay=0.5)
        assert ours.enter("a.example") == 0.0
        ours.rest("a.example", 5)
        assert (free(file), 4 < ours.resting("a.example") <= 5) == (False, True)
    finally:
        os.close(file)


# -- what a host said itself ---------------------------------------------------------------------------------------------------


def _heed(file: int, told: Connection) -> None:
    SharedTurnstile(file, per_host=1, delay=0.5).heed("a.example:80", 3600)
    told.send(True)
    signal.pause()


def test_what_a_host_asked_one_process_for_all_know_also_when_it_is_killed(file: int) -> None:
    _killed_after(_heed, file)
    ours = SharedTurnstile(file, per_host=1, delay=0.5)
    wish = ours.wish("a.example:80")
    assert wish is not None
    assert (3590 < wish.left <= 3600, wish.asked) == (True, 3600)
    assert ours.wish("a.example:8080") is None, "another port is another server"
    assert ours.resting("a.example:80") == 0.0, "a rest is another matter"


def test_the_longest_of_a_hosts_wishes_counts_until_it_is_over(file: int) -> None:
    now = [100.0]
    ours, theirs = (SharedTurnstile(file, per_host=1, delay=0, now=lambda: now[0]) for _ in range(2))
    ours.heed("a.example:80", 600)
    theirs.heed("a.example:80", 20)
    now[0] = 200.0
    assert theirs.wish("a.example:80") == ours.wish("a.example:80") == Wish(left=500, asked=600)
    theirs.heed("a.example:80", 501)
    assert ours.wish("a.example:80") == Wish(left=501, asked=501)
    now[0] = 701.0
    assert ours.wish("a.example:80") is None
    ours.heed("a.example:80", math.inf)
    assert theirs.wish("a.example:80") == Wish(left=math.inf, asked=math.inf)


def test_nothing_is_said_of_a_host_that_another_one_asked_for(file: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Their numbers fall together; the one that asks for more time is remembered."""
    monkeypatch.setattr("preserve.adapters.turnstile._number", lambda host: 7)
    now = [100.0]
    turnstile = SharedTurnstile(file, per_host=1, delay=0, now=lambda: now[0])
    turnstile.heed("a.example:80", 600)
    assert turnstile.wish("b.example:80") is None
    turnstile.heed("b.example:80", 60)
    assert (turnstile.wish("a.example:80"), turnstile.wish("b.example:80")) == (Wish(left=600, asked=600), None)
    turnstile.heed("b.example:80", 601)
    assert (turnstile.wish("a.example:80"), turnstile.wish("b.example:80")) == (None, Wish(left=601, asked=601))


def test_wishes_places_and_times_do_not_touch_each_other(file: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """At the last of all numbers, and the first."""
    for number in (0, (1 << 17) - 1):
        monkeypatch.setattr("preserve.adapters.turnstile._number", lambda host, number=number: number)
        turnstile = SharedTurnstile(file, per_host=2, delay=0.5, now=lambda: 100.0)
        assert turnstile.wish("a.example:80") is None
        assert turnstile.enter("a.example") == 0.0
        turnstile.rest("a.example", 30)
        turnstile.heed("a.example:80", 600)
        assert turnstile.enter("a.example") == 0.5
        assert (turnstile.resting("a.example"), turnstile.wish("a.example:80")) == (30, Wish(left=600, asked=600))


@pytest.mark.parametrize("what", ["heed", "wish"])
def test_a_wish_that_cannot_be_told_is_a_store_that_fails(what: str) -> None:
    nothing = os.open(os.devnull, os.O_RDONLY)
    try:
        turnstile = SharedTurnstile(nothing, per_host=1, delay=0.5)
        with pytest.raises(StoreError, match="have in common"):
            turnstile.heed("a.example:80", 5) if what == "heed" else turnstile.wish("a.example:80")
    finally:
        os.close(nothing)
