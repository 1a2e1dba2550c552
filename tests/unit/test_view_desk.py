"""An archive that is looked at while it is being verified: what the pages say before, meanwhile and after."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from archives import NOW, Archivist
from preserve.adapters.folder import DiskFolder
from preserve.errors import StoreError
from preserve.flows.verify import verify
from preserve.flows.view import Desk
from preserve.model.change import Change, Pair
from preserve.model.finding import Report
from preserve.model.lines import CaptureLine
from preserve.model.viewing import Asked, Stage
from preserve.ports import Folder
from preserve.web.view import Means, View
from reports import Page
from sites import wait_until


class Watched:
    """A desk whose verification goes on only when it is let."""

    def __init__(self, root: Path) -> None:
        self.archivist = Archivist()
        self.archivist.add_run(2)
        self.archivist.write(root)
        self.go = threading.Event()
        self.problem: Exception | None = None
        self.folder = DiskFolder(root)
        self.desk = Desk(self.folder, self._examine, self.archivist.trusted, now=lambda: NOW, software="preserve/0")
        self.view = View(
            self.desk,
            "archive",
            "my archive",
            Means(compare=_compare, compare_all=_compare_all, events=lambda: ((), ()), frame=None),
        )

    def _examine(self, folder: Folder) -> Report:
        assert self.go.wait(10)
        if self.problem is not None:
            raise self.problem
        return verify(folder, self.archivist.trusted, [], NOW)

    def page(self, path: str, **query: str) -> str:
        answer = self.view.answer(Asked(path=path, query=query))
        assert answer is not None
        return answer.text or "".join(answer.pieces or ())

    def ended(self) -> bool:
        return self.desk.progress().stage in {Stage.DONE, Stage.FAILED}


def _compare(before: tuple[str, CaptureLine], after: tuple[str, CaptureLine]) -> Change:
    raise AssertionError((before, after))


def _compare_all(pairs: Sequence[Pair], seconds: float) -> None:
    assert not pairs, "one run only"


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    found = Watched(tmp_path / "archive")
    yield found
    found.go.set()
    wait_until(found.ended)
    found.desk.close()
    found.folder.close()


PATHS = ("index.html", "search", "check", "captures/000000/0000/0000000.html", "replay/0-0")


def test_nothing_is_called_intact_before_it_was_checked(watched: Watched) -> None:
    watched.desk.open(patience=0)
    wait_until(lambda: watched.desk.ready)
    assert not watched.desk.checked
    first = watched.page("index.html")
    assert "Not checked yet" in first
    for path in PATHS:
        text = Page(watched.page(path)).text
        for claim in ("Intact", "Unaltered, complete", "log entry", "is not established", "no key that is trusted"):
            assert claim not in text, (path, claim)
    assert "not checked yet" in Page(watched.page("search", q="page")).text
    assert "not checked yet" in watched.page("captures/000000/0000/0000000.html")

    draft = watched.view.answer(Asked(path="certificate.html"))
    assert draft is not None
    assert draft.status == 503
    assert "rests on a verification" in draft.text

    watched.go.set()
    wait_until(lambda: watched.desk.checked)
    assert "Draft" in watched.page("certificate.html")
    assert "Not checked yet" not in watched.page("index.html")
    assert "Unaltered, complete" in watched.page("index.html")


def test_long_lists_are_read_before_the_verification_begins(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("preserve.flows.view._LONG", 0)
    watched.desk.open(patience=10)
    assert watched.desk.ready
    assert not watched.desk.checked
    assert "Not checked yet" in watched.page("index.html")
    watched.go.set()
    wait_until(lambda: watched.desk.checked)
    assert "Unaltered, complete" in watched.page("index.html")


def test_how_far_it_is_can_be_seen(watched: Watched) -> None:
    watched.desk.open(patience=0)
    wait_until(lambda: watched.desk.ready and watched.desk.progress().total > 0)
    assert watched.desk.progress().stage is Stage.READING
    assert not watched.desk.check(), "one at a time"
    assert "0 of" in watched.page("check")
    watched.go.set()
    wait_until(watched.ended)
    now = watched.desk.progress()
    assert (now.stage, now.done) == (Stage.DONE, now.total)
    assert watched.desk.check()
    wait_until(watched.ended)


def test_a_check_that_could_not_look_says_so(watched: Watched) -> None:
    watched.problem = StoreError("the disk is gone")
    watched.go.set()
    watched.desk.open(patience=5)
    wait_until(watched.ended)
    assert "the disk is gone" in watched.page("check")
    assert "It could not be checked: the disk is gone" in watched.page("index.html")
    assert not watched.desk.checked


def test_small_archives_are_checked_before_the_first_page(watched: Watched) -> None:
    watched.go.set()
    watched.desk.open(patience=10)
    assert watched.desk.checked


def test_what_was_not_read_yet_is_said(watched: Watched) -> None:
    opening = watched.view.answer(Asked(path="index.html"))
    assert opening is not None
    assert opening.status == 503
    assert "being opened" in opening.text
    assert 'http-equiv="refresh"' in opening.text
    watched.go.set()
    watched.desk.open(patience=10)


def test_answers_only_what_there_is(watched: Watched) -> None:
    watched.go.set()
    watched.desk.open(patience=10)
    for path in (
        "x",
        "rows/0002.html",
        "captures/000000/0000/9999999.html",
        "replay/9-9",
        "../index.html",
        "index.html/",
        "INDEX.HTML",
    ):
        assert watched.view.answer(Asked(path=path)) is None, path
    posted = watched.view.answer(Asked(path="search", method="POST"))
    assert posted is not None
    assert posted.status == 405
