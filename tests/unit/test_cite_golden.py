"""The golden documents: neutral texts in many layouts and languages, each with the answer of a careful reader beside it.

And, where they are at hand, documents from outside with answers read by others; the floors may only rise.
"""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from preserve.cite import citations
from preserve.documents import read
from preserve.formats.citations import row
from preserve.model.document import Citation

GOLDEN = Path(__file__).parent.parent / "golden"
SHARED = Path(__file__).parent.parent.parent.parent / "shared"
DOCUMENTS = sorted(path for path in GOLDEN.iterdir() if path.with_name(path.name + ".jsonl").is_file())


def answer(citation: Citation) -> dict[str, Any]:
    """What a careful reader writes down of a citation."""
    found: dict[str, Any] = {
        "note": citation.note if citation.note is not None else citation.note_inferred,
        "where": str(citation.where),
        "kind": str(citation.kind),
        "url": citation.url,
    }
    if citation.uncertain and not citation.kind.refers:
        found["means"] = citation.candidates[1].url
    if citation.title and not citation.kind.refers:
        found["title"] = citation.title
    if citation.date:
        found["date"] = citation.date
    if citation.refers_to:
        found["refers_to"] = citation.refers_to
    if citation.problem:
        found["problem"] = True
    return found


def read_rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines() if line]


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_a_golden_document_is_read_as_a_careful_reader_does(path: Path) -> None:
    found = [answer(citation) for citation in citations(read(path.name, path.read_bytes()))]
    assert found == read_rows(path.with_name(path.name + ".jsonl"))


def scorer() -> ModuleType:
    source = SHARED / "golden" / "score.py"
    if not source.is_file():
        pytest.skip("the documents read by others are not at hand")
    spec = importlib.util.spec_from_file_location("golden_score", source)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def seed(number: str) -> tuple[list[dict[str, Any]], bytes]:
    path = next((SHARED / "seeds").glob(f"{number}_*.txt"))
    data = path.read_bytes()
    return [row(citation) for citation in citations(read(path.name, data))], data


def test_seed_004_scores_above_its_floors() -> None:
    score = scorer()
    found, _ = seed("004")
    result, missed, false = score.score(read_rows(SHARED / "golden" / "golden_004.jsonl"), found)
    assert (missed, false) == ([], [])
    assert result["note_accuracy"] == 1.0
    assert result["exact"] >= 42  # the 43rd is cut off in the document itself


def test_seed_004_cross_references_lead_where_they_should() -> None:
    score = scorer()
    found, _ = seed("004")
    golden = read_rows(SHARED / "golden" / "golden_004_xref.jsonl")
    assert score.score_xref(golden, found) == (14, 2, 2, 0, [])


def test_seed_004_reports_the_two_citations_without_an_address() -> None:
    scorer()
    found, _ = seed("004")
    missing = [each for each in found if each["kind"] == "url" and each["url"] is None and each["url_as_printed"] is None]
    golden = read_rows(SHARED / "golden" / "golden_004_missing.jsonl")
    assert [(each["note_inferred"], each["title"], each["date"]) for each in missing] == [
        (each["note_inferred"], each["title"], each["date"]) for each in golden
    ]


@pytest.mark.parametrize("number", ["000", "001"])
def test_seeds_without_citations_give_none(number: str) -> None:
    scorer()
    assert seed(number)[0] == []
