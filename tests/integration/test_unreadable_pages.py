"""Captures of pages that would stall or crash whoever reads them: a finding each, and the run goes on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from pdfs import Sheet, pdf
from running import Run
from sites import AnyHostSite, Handler, raw, respond, wait_until
from swellingpdfs import forms

_TITLE = "Night Crossings of the Lower Ferry"
_ROW: dict[str, Any] = {
    "document": "paper.txt",
    "note_inferred": None,
    "where": "notes",
    "kind": "url",
    "candidates": [],
    "text": "Harbour Office, “Night Crossings of the Lower Ferry”.",
    "title": _TITLE,
    "date": None,
    "page": None,
    "line": 1,
    "uncertain": False,
    "problem": None,
    "refers_to": None,
}


def served(body: bytes, kind: str, *fields: tuple[str, str]) -> Handler:
    return raw(respond(body, fields=[("Content-Type", kind), *fields]), keep=True)


def plan(folder: Path, *names: str) -> Path:
    path = folder / "plan.jsonl"
    rows = (
        {**_ROW, "note": str(note), "url": f"http://tides.example/{name}", "url_as_printed": f"http://tides.example/{name}"}
        for note, name in enumerate(names, 1)
    )
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def page(words: str) -> bytes:
    return f"<!doctype html><title>{words}</title><h1>{words}</h1><p>{'The harbour keeps a book. ' * 30}</p>".encode()


@pytest.mark.long
def test_a_pdf_that_fills_any_memory_costs_its_text_and_nothing_else(preserve: Run, site: AnyHostSite, tmp_path: Path) -> None:
    site.route("/bomb.pdf", served(forms(levels=9, each=10), "application/pdf"))
    site.route("/ferry.pdf", served(pdf([Sheet().text(72, 700, _TITLE)]), "application/pdf"))
    site.route("/ferry.html", served(page(_TITLE), "text/html"))
    listed = plan(tmp_path, "bomb.pdf", "ferry.pdf", "ferry.html")
    done = preserve("capture", "--connect-to", site.connect_to, "--delay", "0", "--no-probe", "--json", listed)
    assert done.code == 0, done.stderr
    found = {line["url"].rpartition("/")[2]: line for line in done.lines[:-1]}
    assert {name: line["verdict"] for name, line in found.items()} == {"bomb.pdf": "ok", "ferry.pdf": "ok", "ferry.html": "ok"}
    (said,) = found["bomb.pdf"]["signals"]
    assert said.startswith("the text of the PDF could not be read: its reader crashed")
    assert any("the cited title" in signal for signal in found["ferry.pdf"]["signals"])
    assert preserve("verify", "archive").code == 0


def test_a_coding_that_cannot_be_undone_is_no_mismatch(preserve: Run, site: AnyHostSite, tmp_path: Path) -> None:
    site.route("/odd", served(b"not for us", "text/html", ("Content-Encoding", "compress")))
    site.route("/brotli", served(_brotli(page(_TITLE)), "text/html", ("Content-Encoding", "br")))
    listed = plan(tmp_path, "odd", "brotli")
    done = preserve("capture", "--connect-to", site.connect_to, "--delay", "0", "--no-probe", "--json", listed)
    assert done.code == 0, done.stderr
    odd, coded = done.lines[:-1] if done.lines[0]["url"].endswith("odd") else done.lines[1::-1]
    assert (odd["verdict"], odd["signals"]) == ("ok", ["its content coding is not undone here: compress"])
    assert any("the cited title" in signal for signal in coded["signals"])


def _brotli(data: bytes) -> bytes:
    brotli = pytest.importorskip("brotli", reason="the extra `codings` is not installed")
    return bytes(brotli.compress(data))


def _desks(parent: int) -> list[int]:
    """The processes that `parent` started."""
    found: list[int] = []
    for task in Path(f"/proc/{parent}/task").iterdir():
        found += map(int, (task / "children").read_text().split())
    return found


def test_interrupted_while_a_page_is_read_the_run_stays_open_and_nothing_is_left(
    preserve: Run, site: AnyHostSite, config_home: Path, tmp_path: Path
) -> None:
    site.route("/slow.pdf", served(forms(levels=6, each=10), "application/pdf"))
    listed = plan(tmp_path, "slow.pdf")
    running = subprocess.Popen(
        [sys.executable, "-m", "preserve", "capture", "--connect-to", site.connect_to, "--no-probe", str(listed)],
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        env={**os.environ, "PYTHONWARNINGS": "error"},
    )
    try:
        wait_until(lambda: bool(_desks(running.pid)))
        (desk,) = _desks(running.pid)
        began = time.monotonic()
        running.send_signal(signal.SIGINT)
        time.sleep(0.3)  # a person's second thought: the first asks to end well, the second at once
        running.send_signal(signal.SIGINT)
        _, said = running.communicate(timeout=30)
    finally:
        running.kill()
        running.communicate()
    assert time.monotonic() - began < 4, "it takes eight seconds to read, or all the memory that is allowed"
    assert running.returncode == 130, said
    assert "Traceback" not in said
    assert not Path(f"/proc/{desk}").exists()
    site.route("/slow.pdf", served(pdf([Sheet().text(72, 700, _TITLE)]), "application/pdf"))
    assert preserve("capture", "--connect-to", site.connect_to, "--no-probe", "--resume").code == 0
    assert preserve("verify", "archive").code == 0


def test_a_document_that_takes_too_long_is_named_and_the_others_are_read(preserve: Run, tmp_path: Path) -> None:
    folder = tmp_path / "papers"
    folder.mkdir()
    (folder / "slow.pdf").write_bytes(forms(levels=6, each=10))
    (folder / "fine.pdf").write_bytes(pdf([Sheet().text(72, 700, "See https://tides.example/ferry for the tide.")]))
    (folder / "fine.txt").write_text("See https://tides.example/winch for the winch.\n")
    done = preserve("cite", folder, "--json", "--document-timeout", "1.5")
    assert done.code == 10, done.stderr
    assert sorted(line["url"] for line in done.lines) == ["https://tides.example/ferry", "https://tides.example/winch"]
    assert "slow.pdf: it could not be read: it takes longer than 1.5 s" in done.stderr
    assert "--document-timeout" in done.stderr
    alone = preserve("cite", folder / "slow.pdf", "--document-timeout", "0.5")
    assert (alone.code, alone.stdout) == (20, "")
    assert preserve("cite", folder / "fine.txt", "--document-timeout", "0").code == 2
