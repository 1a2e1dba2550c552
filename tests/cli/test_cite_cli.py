"""`preserve cite` as a user runs it: what it prints, where, and with which exit code."""

from __future__ import annotations

import csv
import io
import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from running import Finished, run_preserve

PAPER = """The ferry runs in spring.1 It rests in winter.2 The tower stands.3

1 Weir, “The Winch” (12 May 2019), online: <www.ferry.example.org/winch>.
2 Ibid.
3 Holm, “Rope”, online:
"""
FIELDS = [
    "document",
    "note",
    "note_inferred",
    "where",
    "kind",
    "url",
    "url_as_printed",
    "candidates",
    "text",
    "title",
    "date",
    "page",
    "line",
    "uncertain",
    "problem",
    "refers_to",
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "paper.txt").write_text(PAPER, "utf-8")
    return tmp_path


def test_json_has_the_exact_fields_and_nothing_else_on_stdout(folder: Path) -> None:
    done = run_preserve(folder, "cite", "--json", "paper.txt")
    assert done.code == 0
    assert [list(row) for row in done.lines] == [FIELDS] * 3
    assert [(row["note"], row["kind"], row["url"], row["refers_to"], row["problem"]) for row in done.lines] == [
        ("1", "url", "https://www.ferry.example.org/winch", None, None),
        ("2", "ibid", "https://www.ferry.example.org/winch", "1", None),
        ("3", "url", None, None, "the address is missing: no address follows"),
    ]
    assert done.stderr == "paper.txt: 3 notes, 1 cited URL, 1 citation without an address\n"


def test_a_plan_gives_back_what_it_was_made_of(folder: Path) -> None:
    first = run_preserve(folder, "cite", "--json", "paper.txt")
    (folder / "plan.jsonl").write_text(first.stdout, "utf-8")
    again = run_preserve(folder, "cite", "--json", "plan.jsonl")
    assert (again.code, again.stdout) == (0, first.stdout)


def test_csv_is_read_by_a_csv_reader_and_by_no_formula_engine(folder: Path) -> None:
    (folder / "evil.txt").write_text("=1+1 https://a.example.org/x\n", "utf-8")
    done = run_preserve(folder, "cite", "--csv", "paper.txt", "evil.txt")
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert list(rows[0]) == FIELDS
    assert [row["note"] for row in rows] == ["1", "2", "3", ""]
    assert rows[3]["text"] == "'=1+1 https://a.example.org/x"


def test_where_chooses_notes_or_body(folder: Path) -> None:
    (folder / "both.txt").write_text(PAPER.replace("The tower", "See https://body.example.org/x too. The tower"), "utf-8")
    urls = {
        where: [row["url"] for row in run_preserve(folder, "cite", "--json", "--where", where, "both.txt").lines]
        for where in ("notes", "body", "all")
    }
    assert urls["body"] == ["https://body.example.org/x"]
    assert "https://body.example.org/x" not in urls["notes"]
    assert len(urls["all"]) == len(urls["notes"]) + 1


def test_show_prints_the_note_as_it_stands_and_the_doubt(folder: Path) -> None:
    done = run_preserve(folder, "cite", "--show", "1", "paper.txt")
    assert done.code == 0
    assert "     3  1 Weir, “The Winch” (12 May 2019), online: <⟦www.ferry.example.org/winch⟧>." in done.stdout
    assert "https assumed, no scheme is printed" in done.stdout


def test_show_of_a_note_that_is_not_there_is_a_usage_error(folder: Path) -> None:
    done = run_preserve(folder, "cite", "--show", "99", "paper.txt")
    assert done.code == 2
    assert "no note 99" in done.stderr


def test_stdin_folder_and_pattern(folder: Path) -> None:
    (folder / "sub").mkdir()
    (folder / "sub" / "page.html").write_text("<p>See <a href='https://a.example.org/x'>it</a></p>", "utf-8")
    (folder / "sub" / ".hidden.txt").write_text("https://hidden.example.org/", "utf-8")
    (folder / "sub" / "photo.jpg").write_bytes(b"\xff\xd8\xff")
    named = [
        run_preserve(folder, "cite", "--json", "-", stdin=PAPER).lines[0]["document"],
        *(row["document"] for row in run_preserve(folder, "cite", "--json", "sub").lines),
        *{row["document"] for row in run_preserve(folder, "cite", "--json", "*.txt").lines},
    ]
    assert named == ["stdin", "page.html", "paper.txt"]


def test_no_citation_at_all_is_no_error(folder: Path) -> None:
    (folder / "plain.txt").write_text("Nothing is cited here.\n", "utf-8")
    done = run_preserve(folder, "cite", "plain.txt")
    assert (done.code, done.stdout, done.stderr) == (0, "", "plain.txt: 0 notes, 0 cited URLs\n")


def bad_inputs(folder: Path) -> list[tuple[str, str]]:
    (folder / "empty.txt").touch()
    (folder / "binary.txt").write_bytes(bytes(range(256)))
    (folder / "plan.jsonl").write_text('{"url": "https://a.example.org/"}\n{"uri": "x"}\n', "utf-8")
    (folder / "void").mkdir()
    os.mkfifo(folder / "pipe")
    return [
        ("missing.txt", "No such file"),
        ("empty.txt", "empty (0 bytes)"),
        ("binary.txt", "binary data"),
        ("plan.jsonl", "line 2"),
        ("void", "no document in this folder"),
        ("pipe", "not a file"),
        ("*.nothing", "no file matches"),
    ]


@pytest.mark.long
def test_what_cannot_be_read_is_named_and_the_others_go_on(folder: Path) -> None:
    for path, says in bad_inputs(folder):
        alone = run_preserve(folder, "cite", path)
        assert (alone.code, alone.stdout) == (20, ""), path
        assert f"preserve: {path}" in alone.stderr
        assert says in alone.stderr
        both = run_preserve(folder, "cite", "--json", path, "paper.txt")
        assert (both.code, len(both.lines)) == (10, 3), path


def test_nothing_from_a_document_steers_the_terminal(folder: Path) -> None:
    name = "pa\x1b[31mper\u202e.txt"
    (folder / name).write_text("See “Ti\x1b]0;x\x07tle\u202e”, https://a.example.org/x\u200b\x1b[2J here.\x9b1m\n", "utf-8")
    for option in ("--json", "--csv", "--where=all"):
        done = run_preserve(folder, "cite", option, name)
        assert done.code == 0
        shown = (done.stdout + done.stderr).replace("\n", "")
        assert not any(ord(char) < 32 or char in "\x7f\x9b\u202e\u200b" for char in shown), option


def test_options_that_exclude_each_other(folder: Path) -> None:
    assert run_preserve(folder, "cite", "--json", "--csv", "paper.txt").code == 2


def test_on_a_terminal_a_table_with_whole_addresses(folder: Path) -> None:
    main, child = pty.openpty()
    with os.fdopen(main, "rb", buffering=0) as terminal:
        process = subprocess.Popen(
            [sys.executable, "-m", "preserve", "cite", "paper.txt"],
            stdout=child,
            stderr=subprocess.PIPE,
            cwd=folder,
            env={**os.environ, "COLUMNS": "140", "TERM": "xterm"},
        )
        os.close(child)
        seen = b""
        while True:
            try:
                piece = terminal.read(4096)
            except OSError:  # Linux says EIO when the other end closes
                break
            if not piece:
                break
            seen += piece
        process.communicate()
    text = seen.decode()
    assert process.returncode == 0
    assert "https://www.ferry.example.org/winch" in text
    assert "ibid" in text
    assert "the address is missing" in text


def test_json_rows_are_one_line_each_and_ascii_safe(folder: Path) -> None:
    done: Finished = run_preserve(folder, "cite", "--json", "paper.txt")
    for line in done.stdout.splitlines():
        assert json.loads(line)["document"] == "paper.txt"


def test_many_documents_are_read_in_their_order_and_each_failure_is_named(tmp_path: Path) -> None:
    for number in range(150):  # more than are handed to the processes at a time
        text = f"The ferry runs.1\n\n1 Weir, https://www.ferry.example.org/{number}.\n"
        (tmp_path / f"paper-{number:03}.txt").write_bytes(b"" if number == 70 else text.encode())
    done = run_preserve(tmp_path, "cite", "--json", ".", "missing.txt")
    assert done.code == 10
    assert [row["url"] for row in done.lines] == [f"https://www.ferry.example.org/{n}" for n in range(150) if n != 70]
    said = done.stderr.splitlines()
    assert said[:149] == [f"paper-{n:03}.txt: 1 note, 1 cited URL" for n in range(150) if n != 70]
    assert "paper-070.txt: the file is empty (0 bytes)" in said[149]
    assert "missing.txt: No such file or directory" in said[151]
