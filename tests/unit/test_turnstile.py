"""Several processes, one limit: a place is free again when its process is gone, however it went."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Iterator
from multiprocessing.connection import Connection

import pytest

from preserve.adapters.turnstile import SharedTurnstile, shared_file
from preserve.errors import StoreError


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
