"""An archive that nobody has checked yet is read quickly: whatever stands in its lists, it opens, and nothing of it is called intact."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from archives import NOW, Archivist
from preserve.adapters.folder import DiskFolder
from preserve.flows.report import Survey
from preserve.flows.view import UNCHECKED
from preserve.model.handover import Wanted
from preserve.model.report import State
from preserve.web.folder import Part, draw
from preserve.web.report import Site


def _change(line: bytes, **members: object) -> bytes:
    return json.dumps({**json.loads(line), **members}, separators=(",", ":"), sort_keys=True).encode()


def _surveyed(root: Path) -> tuple[Survey, str]:
    """The archive, read without a check; and its first page."""
    with DiskFolder(root) as folder:
        survey = Survey(folder, UNCHECKED, (), Wanted(), now=NOW, software="preserve/0")
        with survey:
            site = Site(overview=survey.overview, archive="a", pending="Nobody looked.")
            return survey, "".join("".join(pieces) for _, pieces in draw(site, survey, Part("rows", 0, 1)))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    archivist = Archivist()
    archivist.add_run(3)
    archivist.write(tmp_path / "a")
    return tmp_path / "a"


HOSTILE: dict[str, Callable[[bytes], bytes]] = {
    "not JSON": lambda line: b"{",
    "nested beyond all measure": lambda line: b"[" * 100_000,
    "a list": lambda line: b"[]",
    "citations that are none": lambda line: _change(line, cited_in="x"),
    "a citation below none": lambda line: _change(line, cited_in=[{"citation": -1}]),
    "a citation beyond all": lambda line: _change(line, cited_in=[{"citation": 10**30}]),
    "a hash below zero": lambda line: _change(line, payload_sha256="-fffffffffffffff"),
    "a time before all": lambda line: _change(line, finished_at="0001-01-01T00:00:00+23:59"),
    "a record of no number": lambda line: _change(line, records=[{"warc": [], "index": 1.5e300}]),
    "another spelling": lambda line: line.replace(b":", b": ", 1),
    "an unknown member": lambda line: _change(line, unheard_of=1),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_line_harms_nothing_but_itself(root: Path, name: str) -> None:
    (path,) = root.glob("runs/*/data/captures.jsonl")
    lines = path.read_bytes().splitlines()
    path.write_bytes(b"\n".join([lines[0], HOSTILE[name](lines[1]), lines[2]]) + b"\n")
    survey, page = _surveyed(root)
    assert "Nobody looked." in page
    states = [State(each) for each in re.findall(r'data-state="([a-z-]+)"', page)]
    assert states[0] is states[2] is State.CAPTURED
    assert states[1] is State.ALTERED or survey.overview.runs[0].unread == 0, (name, states)
    assert states[1] is not State.CAPTURED


@pytest.mark.parametrize("line", [b"{", b"[" * 100_000, b'{"document":3}', b"null"])
def test_a_hostile_citation_is_counted(root: Path, line: bytes) -> None:
    (path,) = root.glob("runs/*/data/citations.jsonl")
    lines = path.read_bytes().splitlines()
    path.write_bytes(b"\n".join([line, *lines[1:]]) + b"\n")
    survey, page = _surveyed(root)
    assert survey.overview.runs[0].unread == 1
    assert "1 lines of it cannot be read" in survey.overview.runs[0].problem
    assert page.count("data-state=") == len(lines) - 1
