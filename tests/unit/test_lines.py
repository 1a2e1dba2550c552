from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from preserve.errors import FormatError
from preserve.formats import lines
from preserve.model.lines import CaptureLine, CitationLine, HopLine, SourceLine
from preserve.model.web import Outcome, Truncation

VECTORS = Path(__file__).parents[1] / "vectors"


def vector(path: str) -> bytes:
    return (VECTORS / path).read_bytes().partition(b"\n\n")[2]


SOURCE = lines.decode_source(vector("source-line/plain"))
CITATION = lines.decode_citation(vector("citation-line/plain"))
CAPTURE = lines.decode_capture(vector("capture-line/plain"))
_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


@given(_TEXT)
def test_any_text_from_outside_survives_on_one_line_of_ascii(text: str) -> None:
    for data in (
        lines.encode_source(dataclasses.replace(SOURCE, name=text)),
        lines.encode_citation(dataclasses.replace(CITATION, title=text, text=text)),
        lines.encode_capture(dataclasses.replace(CAPTURE, url=text, http_date=text, signals=(text,))),
    ):
        assert data.isascii()
        assert b"\n" not in data
    assert lines.decode_source(lines.encode_source(dataclasses.replace(SOURCE, name=text))).name == text


@pytest.mark.parametrize(
    ("data", "decode"),
    [
        (lines.encode_source(SOURCE), lines.decode_source),
        (lines.encode_citation(CITATION), lines.decode_citation),
        (lines.encode_capture(CAPTURE), lines.decode_capture),
    ],
)
def test_every_changed_byte_is_refused_or_changes_what_it_says(data: bytes, decode: Callable[[bytes], object]) -> None:
    good = decode(data)
    for place in range(len(data)):
        for bit in (1, 0x20):
            changed = data[:place] + bytes([data[place] ^ bit]) + data[place + 1 :]
            try:
                assert decode(changed) != good
            except FormatError:
                continue


def test_what_could_not_be_read_back_is_never_made() -> None:
    with pytest.raises(ValueError, match="salt"):
        dataclasses.replace(SOURCE, salt="")
    with pytest.raises(ValueError, match="without a reason"):
        dataclasses.replace(CITATION, not_captured="")
    with pytest.raises(ValueError, match="without a reason"):
        dataclasses.replace(CAPTURE, outcome=Outcome.FAILED, reason="")
    with pytest.raises(ValueError, match="finished before"):
        dataclasses.replace(CAPTURE, requested_at=CAPTURE.finished_at, finished_at=CAPTURE.requested_at)
    with pytest.raises(ValueError, match="at once"):
        dataclasses.replace(CAPTURE, requisite_of=0)
    with pytest.raises(FormatError, match="lone surrogate"):
        lines.encode_citation(dataclasses.replace(CITATION, title="\udcff"))


def test_a_line_has_a_largest_size() -> None:
    with pytest.raises(FormatError, match="too long"):
        lines.decode_source(lines.encode_source(dataclasses.replace(SOURCE, name="x" * lines.MAX_LINE)))


def test_a_file_of_lines_says_which_one_is_bad() -> None:
    good = lines.encode_source(SOURCE) + b"\n"
    assert list(lines.read(good * 3, lines.decode_source)) == [SOURCE] * 3
    with pytest.raises(FormatError, match=r"^line 1: source: wrong type"):
        list(lines.read(good + b"[]\n" + good, lines.decode_source))
    with pytest.raises(FormatError, match="no newline"):
        list(lines.read(good[:-1], lines.decode_source))


def test_a_requisite_is_not_cited() -> None:
    requisite = lines.decode_capture(vector("capture-line/requisite"))
    assert requisite.requisite_of == 0
    assert requisite.cited_in == ()
    asked_for = dataclasses.replace(CAPTURE, cited_in=())
    assert lines.decode_capture(lines.encode_capture(asked_for)) == asked_for


@pytest.mark.parametrize("noun", [SourceLine, CitationLine, CaptureLine])
def test_the_members_of_a_line_are_the_fields_of_its_noun(noun: type) -> None:
    data = {SourceLine: SOURCE, CitationLine: CITATION, CaptureLine: CAPTURE}
    encode: dict[type, Callable[..., bytes]] = {
        SourceLine: lines.encode_source,
        CitationLine: lines.encode_citation,
        CaptureLine: lines.encode_capture,
    }
    import json

    seldom = {"reason", "truncated", "retries", "requisite_of"}
    members = set(json.loads(encode[noun](data[noun])))
    always = {field.name for field in dataclasses.fields(noun) if field.default is dataclasses.MISSING}
    assert members == always - seldom


_SAID = st.fixed_dictionaries(
    {
        "reason": st.sampled_from(["", "cut"]),
        "signals": st.sampled_from([(), ("s",)]),
        "truncated": st.sampled_from([None, Truncation.TIME]),
        "hops": st.sampled_from([(), (HopLine(url="u", status=200, location=None, outcome=Outcome.CAPTURED),)]),
        "http_date": st.sampled_from([None, "", "Sat"]),
        "retries": st.integers(0, 2),
    }
)


@given(_SAID, _SAID)
def test_lines_that_say_another_thing_are_other_lines(one: dict[str, Any], other: dict[str, Any]) -> None:
    """What a member's absence says is the same as what it would say, and nothing else is."""

    def spelled(said: dict[str, Any]) -> bytes:
        capture = dataclasses.replace(CAPTURE, final_url="u", **said)
        found = lines.encode_capture(capture)
        assert lines.decode_capture(found) == capture
        return found

    assert (spelled(one) == spelled(other)) == (one == other)


@pytest.mark.long
def test_a_hundred_thousand_captures_are_decoded_in_seconds() -> None:
    data = (lines.encode_capture(CAPTURE) + b"\n") * 100_000
    begun = time.process_time()
    assert sum(1 for _ in lines.read(data, lines.decode_capture)) == 100_000
    assert time.process_time() - begun < 20
