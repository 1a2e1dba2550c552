"""adapters.workers: answers in order, errors that cross, children that are lost."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from preserve.adapters.workers import ForkedWorkers, processors
from preserve.errors import StoreError


@pytest.mark.parametrize("count", [1, 2, 4])
def test_answers_come_in_order(count: int) -> None:
    assert ForkedWorkers(count).map(lambda number: number * number, range(100)) == [number * number for number in range(100)]
    assert ForkedWorkers(count).map(str, []) == []


def test_more_items_than_a_pipe_holds() -> None:
    assert ForkedWorkers(2).map(lambda number: -number, range(10_000)) == [-number for number in range(10_000)]


def _each_in_its_own(marks: Path) -> set[int]:
    """Which processes worked: each item waits until every process has one."""

    def task(number: int) -> int:
        (marks / str(os.getpid())).touch()
        while len(list(marks.iterdir())) < 3:
            pass
        return os.getpid()

    return set(ForkedWorkers(3).map(task, range(3)))


def test_every_process_works(tmp_path: Path) -> None:
    assert len(_each_in_its_own(tmp_path)) == 3
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


def test_a_problem_is_told_wherever_it_came(tmp_path: Path) -> None:
    parent = os.getpid()

    def task(number: int) -> int:
        (tmp_path / str(os.getpid())).touch()
        while len(list(tmp_path.iterdir())) < 2:
            pass
        if os.getpid() != parent:
            raise StoreError("the disk is broken", "replace it")
        return number

    with pytest.raises(StoreError, match="the disk is broken") as caught:
        ForkedWorkers(2).map(task, range(2))
    assert caught.value.hint == "replace it"


def test_a_lost_process_is_told(tmp_path: Path) -> None:
    parent = os.getpid()

    def task(number: int) -> int:
        (tmp_path / str(os.getpid())).touch()
        while len(list(tmp_path.iterdir())) < 2:
            pass
        if os.getpid() != parent:
            os.kill(os.getpid(), signal.SIGKILL)
        return number

    with pytest.raises(StoreError, match="was killed"):
        ForkedWorkers(2).map(task, range(2))


def test_processors() -> None:
    assert processors() >= 1
