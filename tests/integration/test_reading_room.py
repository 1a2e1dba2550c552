"""The reading room with real processes: readers that stall, swell, crash and lie, PDFs that make one do so, and nothing left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pdfs import Sheet, pdf
from preserve.adapters.reading.room import ReadingRoom
from preserve.errors import FormatError
from preserve.model.document import Where
from preserve.model.page import Extract
from swellingpdfs import forms

MEMORY = 512 << 20


@pytest.fixture
def odd() -> Iterator[ReadingRoom]:
    """A room whose reader does as it is told by what it reads."""
    with ReadingRoom(seconds=5, memory=MEMORY, module="oddreaders") as room:
        yield room


def gone(process: int) -> bool:
    """Whether a process has ended; one that nobody has waited for yet counts as ended."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def within(seconds: float, fulfilled: Callable[[], bool]) -> bool:
    end = time.monotonic() + seconds
    while not fulfilled():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True


def test_one_desk_answers_one_question_after_the_other(odd: ReadingRoom) -> None:
    first, second = odd.main_text("who"), odd.main_text("who")
    assert first == second
    assert int(first.text) != os.getpid()


def test_a_desk_that_read_a_pdf_answers_nothing_else(odd: ReadingRoom) -> None:
    first, second, page = odd.pdf_text(b"who"), odd.pdf_text(b"who"), odd.main_text("who")
    assert len({first.text, second.text, page.text}) == 3
    assert gone(int(first.text))
    assert gone(int(second.text))


def test_what_is_said_before_it_is_asked_answers_nothing(odd: ReadingRoom) -> None:
    assert odd.main_text("twice").text == "this much"
    assert odd.main_text("a text") == Extract(text="a text")


def test_a_desk_that_ended_while_nobody_asked_is_replaced(odd: ReadingRoom) -> None:
    process = int(odd.main_text("who").text)
    os.kill(process, signal.SIGKILL)
    assert within(3, lambda: gone(process))
    assert odd.main_text("a text") == Extract(text="a text")


def test_nothing_is_started_before_something_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a process was started")

    monkeypatch.setattr(subprocess, "Popen", refuse)
    with ReadingRoom() as room:
        room.rest()


@pytest.mark.parametrize("told", ["sleep 30", "stall"])
def test_a_reader_that_stalls_is_ended_and_the_next_page_is_read(told: str) -> None:
    with ReadingRoom(seconds=1.5, module="oddreaders") as room:
        before = time.monotonic()
        assert room.main_text(told).problem == "the main text of the page could not be read: it takes longer than 1.5 s"
        assert time.monotonic() - before < 5
        assert room.main_text("a text").text == "a text"


def test_a_reader_that_swells_gets_no_more_memory_than_is_allowed(odd: ReadingRoom) -> None:
    before = odd.main_text("who").text
    assert odd.main_text("swell").problem == "the main text of the page could not be read: it takes more memory than is allowed"
    after = odd.main_text("who").text
    assert before != after, "what the reader held went with it"
    assert gone(int(before))


def test_a_reader_that_crashes_is_replaced(odd: ReadingRoom) -> None:
    said = odd.main_text("crash").problem
    assert said == "the main text of the page could not be read: its reader crashed (SIGSEGV; 512 MiB of memory are allowed)"
    assert odd.main_text("exit 3").problem == "the main text of the page could not be read: its reader broke off (exit 3)"
    assert odd.main_text("a text").text == "a text"


@pytest.mark.parametrize("told", ["tired", "tired and hungry"])
def test_a_page_is_not_blamed_for_what_its_reader_had_read_before(odd: ReadingRoom, told: str) -> None:
    before = odd.main_text("who").text
    assert odd.main_text(told) == Extract(text=told)
    assert odd.main_text("who").text != before


def test_what_a_library_prints_is_no_answer(odd: ReadingRoom) -> None:
    assert odd.main_text("print").text == "print"


@pytest.mark.parametrize(
    ("told", "problem"), [("endless", "its reader answers without end"), ("letter", "its reader gave no answer")]
)
def test_a_desk_that_was_taken_over_gets_no_further_than_its_answer(odd: ReadingRoom, told: str, problem: str) -> None:
    assert odd.main_text(told).problem == f"the main text of the page could not be read: {problem}"


def test_a_document_in_another_form_is_refused(odd: ReadingRoom) -> None:
    with pytest.raises(FormatError, match="not handed on in the form that was agreed"):
        odd.document("paper.pdf", b"garbage")
    with pytest.raises(FormatError, match=r"paper\.pdf: it could not be read: its reader broke off \(exit 3\)"):
        odd.document("paper.pdf", b"exit 3")


def test_the_desk_learns_no_secret_from_the_environment(odd: ReadingRoom, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRESERVE_PASSPHRASE", "not to be told")
    assert "PRESERVE_PASSPHRASE" not in odd.main_text("environment").text


def test_closing_ends_a_question_that_another_thread_asked(odd: ReadingRoom) -> None:
    process = int(odd.main_text("who").text)
    said: list[str] = []
    thread = threading.Thread(target=lambda: said.append(odd.main_text("sleep 30").problem))
    thread.start()
    assert within(3, odd._lock.locked)
    odd.close()
    thread.join(3)
    assert said == ["the main text of the page could not be read: reading was ended"]
    assert gone(process)
    assert odd.main_text("a text").problem == "the main text of the page could not be read: reading was ended"


_PARENT = """
import sys
from preserve.adapters.reading.room import ReadingRoom
room = ReadingRoom(seconds=60, module="oddreaders")
print(room.main_text("who").text, flush=True)
room.main_text(sys.argv[1])
sys.stdin.read()
"""


@pytest.mark.parametrize("told", ["idle", "sleep 30", "stall"])
def test_nothing_is_left_when_the_one_who_asked_is_killed(told: str, tmp_path: Path) -> None:
    paths = os.pathsep.join([str(Path(__file__).parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])])
    with subprocess.Popen(
        [sys.executable, "-c", _PARENT, f"begin {tmp_path / 'begun'} {told}"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": paths},
    ) as parent:
        assert parent.stdout is not None
        desk = int(parent.stdout.readline())
        assert not gone(desk)
        assert within(5, (tmp_path / "begun").exists)
        parent.send_signal(signal.SIGKILL)
        parent.wait()
        assert within(5, lambda: gone(desk)), "the desk outlives whoever asked it"


def test_a_child_that_was_forked_has_a_desk_of_its_own(odd: ReadingRoom) -> None:
    mine = odd.main_text("who").text
    read, write = os.pipe()
    child = os.fork()
    if not child:
        try:
            os.write(write, odd.main_text("who").text.encode())
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    theirs = os.read(read, 100).decode()
    os.close(read)
    os.close(write)
    assert theirs not in {"", mine}
    assert odd.main_text("who").text == mine
    assert within(3, lambda: gone(int(theirs)))


# ------------------------------------------------------------------------------------------------------------- the real readers


def test_a_pdf_of_two_kilobytes_that_would_fill_any_memory_is_a_finding() -> None:
    bomb = forms(levels=9, each=10)
    assert len(bomb) < 4000
    with ReadingRoom(memory=256 << 20) as room:
        said = room.pdf_text(bomb)
        assert said.text == ""
        assert said.problem.startswith("the text of the PDF could not be read: its reader crashed")
        assert room.pdf_text(pdf([Sheet().text(72, 700, "The ferry runs at noon.")])).text == "The ferry runs at noon."


def test_a_pdf_that_takes_too_long_is_a_finding() -> None:
    with ReadingRoom(seconds=1, memory=4 << 30) as room:
        said = room.pdf_text(forms(levels=6, each=10))
    assert said.problem == "the text of the PDF could not be read: it takes longer than 1 s"


def test_pages_and_documents_are_read_as_they_are_here() -> None:
    from preserve import documents
    from preserve.pages.content import extracted

    paper = pdf(
        [
            Sheet()
            .lines(72, 700, ["The tide turns.1", "", "1 The Harbour, https://one.example/tide"])
            .link(72, 670, 300, 684, "https://one.example/tide")
        ]
    )
    markup = f"<html><body><nav>Home</nav><article><p>{'The harbour freezes in January. ' * 20}</p></article></body></html>"
    with ReadingRoom() as room:
        document = room.document("paper.pdf", paper)
        assert document == documents.read("paper.pdf", paper)
        assert any(passage.where is Where.BODY for passage in document.passages)
        assert room.main_text(markup).text == extracted(markup) != ""
        assert room.pdf_text(b"%PDF-1.7 and nothing else").problem == "this PDF is broken and cannot be opened"
        with pytest.raises(FormatError, match=r"paper\.pdf: this PDF is broken") as refused:
            room.document("paper.pdf", b"%PDF-1.7 and nothing else")
        assert "qpdf" in refused.value.hint
