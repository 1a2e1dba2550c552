"""rules.verify_lines: scanning finds what reading finds, and what it cannot find counts as missing."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from archives import capture_line, citation_line
from preserve.formats import lines
from preserve.rules.verify_lines import CapturesReader, CapturesScanner, CitationsReader, CitationsScanner, Finder

_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30) | st.sampled_from(
    ['","citation":7,"date":', '","citation":7,"document_sha256":"', '\\","not_captured":null', ',"not_captured":"x"', "\\"]
)
_DOCUMENT = "0" * 64


@given(st.lists(st.tuples(st.none() | _TEXT.filter(bool), _TEXT, _TEXT), max_size=8))
def test_citations(given: list[tuple[str | None, str, str]]) -> None:
    rows = b"".join(
        lines.encode_citation(
            replace(citation_line(number, None, _DOCUMENT, name, reason, 0), text=text, title=text, problem=name)
        )
        + b"\n"
        for number, (reason, text, name) in enumerate(given)
    )
    reader, scanner = CitationsReader(), CitationsScanner()
    if rows:
        reader.read(rows)
        scanner.read(rows)
    assert reader.result().problem == scanner.result().problem == ""
    assert scanner.result().unexplained == reader.result().unexplained
    assert scanner.number == reader.number == len(given)


@given(st.lists(st.tuples(st.lists(st.integers(0, 10**9), max_size=3), _TEXT), min_size=1, max_size=8))
def test_captures(given: list[tuple[list[int], str]]) -> None:
    rows = b""
    for number, (cited, text) in enumerate(given):
        line = capture_line(number, text, b"", "data/a.warc.gz", _DOCUMENT, text, 0)
        cited_in = tuple(replace(line.cited_in[0], citation=citation, as_written=text, locator=text) for citation in cited)
        rows += lines.encode_capture(replace(line, cited_in=cited_in, reason=text)) + b"\n"
    reader, scanner, blind = CapturesReader(), CapturesScanner(cited=True), CapturesScanner(cited=False)
    for each in (reader, scanner, blind):
        each.read(rows)
        assert each.number == len(given)
    assert reader.result().problem == ""
    assert scanner.result().named == reader.result().named == {citation for cited, _ in given for citation in cited}
    assert blind.result().named == frozenset()


def test_what_is_spelled_otherwise_counts_as_missing() -> None:
    capture = lines.encode_capture(capture_line(0, "u", b"", "w", _DOCUMENT, "p", 0))
    odd = CapturesScanner(cited=True)
    odd.read(capture.replace(b'"citation":0', b'"citation": 0') + b"\n")
    assert odd.result().named == frozenset()
    citation = lines.encode_citation(citation_line(0, None, _DOCUMENT, "p", "cut", 0))
    for spelled in (
        citation.replace(b'"not_captured":', b'"not_captured": '),
        citation.replace(b'"citation":0', b'"citation":1'),
    ):
        scanner = CitationsScanner()
        scanner.read(spelled + b"\n")
        assert scanner.result().problem


def test_lines_are_numbered_and_salted() -> None:
    first, second = (lines.encode_capture(capture_line(number, "u", b"", "w", _DOCUMENT, "p", 0)) for number in (0, 1))
    for rows, problem in (
        (second + b"\n", "line 0: says that it is number 1"),
        (first + b"\n" + first + b"\n", "line 1: says that it is number 0"),
        (first + b"\n{}\n" + second + b"\n", "line 1: "),
    ):
        reader = CapturesReader()
        reader.read(rows)
        assert reader.result().problem.startswith(problem)
        assert reader.number == rows.count(b"\n")


def test_whose_a_record_is() -> None:
    line = capture_line(0, "http://a.example/", b"", "w", _DOCUMENT, "paper.txt", 0)
    finder = Finder([("w", 2), ("w", 9)])
    finder.read(lines.encode_capture(line) + b"\n")
    assert finder.result().captures == {("w", 2): "the response of http://a.example/, cited in paper.txt footnote 1"}
    requisite = replace(line, cited_in=(), requisite_of=7)
    finder = Finder([("w", 2)])
    finder.read(lines.encode_capture(requisite) + b"\n")
    assert finder.result().captures == {("w", 2): "the response of http://a.example/, a requisite of capture 7"}
