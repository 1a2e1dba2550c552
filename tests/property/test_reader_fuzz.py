"""No bytes make a reader fail in another way than it says: damaged documents give a Document or a FormatError."""

from __future__ import annotations

import io
import zipfile
from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from packages import docx, epub, foot, odt, packed, para, run
from pdfs import Sheet, pdf
from preserve.cite import citations
from preserve.documents import read
from preserve.errors import FormatError

GOLDEN = Path(__file__).parents[1] / "golden" / "typeset"
LINK = "https://www.ferry.example.org/winch"
SMALL = {
    "docx": docx(
        para(run("A"), foot(1)) + para(f"<w:fldSimple w:instr='HYPERLINK \"{LINK}\"'>{run('x')}</w:fldSimple>"),
        {1: para(run(LINK))},
    ),
    "odt": odt(
        f'<text:list><text:list-item><text:p>A<text:a xlink:href="{LINK}">b</text:a></text:p></text:list-item></text:list>'
    ),
    "epub": epub({"a.xhtml": '<p>A<a href="b.xhtml#n">1</a></p>', "b.xhtml": f'<p id="n">{LINK}</p>'}),
    "pdf": pdf(
        [
            Sheet()
            .lines(72, 700, ["The ferry has run", "since the spring"])
            .mark(180, 700, "1")
            .text(72, 100, f"1 {LINK}", 7)
            .link(70, 98, 200, 110, LINK)
        ]
    ),
}
FORMS = tuple(SMALL)
EDITS = st.lists(
    st.tuples(st.floats(0, 1), st.sampled_from(["flip", "cut", "repeat", "insert"]), st.binary(min_size=1, max_size=6)),
    min_size=1,
    max_size=6,
)


def runs(examples: int) -> settings:
    return settings(max_examples=examples, suppress_health_check=[HealthCheck.too_slow])


@cache
def large(form: str) -> bytes:
    return (GOLDEN / f"letter.{form}").read_bytes()


def edited(data: bytes, edits: list[tuple[float, str, bytes]]) -> bytes:
    for place, kind, extra in edits:
        at = int(place * max(len(data) - 1, 0))
        if kind == "flip":
            data = data[:at] + extra + data[at + len(extra) :]
        elif kind == "cut":
            data = data[:at] + data[at + 37 * len(extra) :]
        elif kind == "repeat":
            data = data[: at + 61 * len(extra)] + data[at:]
        else:
            data = data[:at] + extra + data[at:]
    return data


def survives(form: str, data: bytes) -> None:
    try:
        document = read(f"paper.{form}", data)
    except FormatError as problem:
        message = problem.message
    else:
        citations(document)
        return
    assert message.startswith(f"paper.{form}: ")


def within(data: bytes, part: float, edits: list[tuple[float, str, bytes]]) -> bytes:
    """The package with one of its parts edited, everything around it intact."""
    with zipfile.ZipFile(io.BytesIO(data)) as opened:
        parts = {name: opened.read(name) for name in opened.namelist()}
    name = list(parts)[int(part * (len(parts) - 1))]
    return packed({**parts, name: edited(parts[name], edits)})


@pytest.mark.parametrize("form", FORMS)
@runs(60)
@given(EDITS)
def test_damaged_files(form: str, edits: list[tuple[float, str, bytes]]) -> None:
    survives(form, edited(SMALL[form], edits))


@pytest.mark.parametrize("form", ["docx", "odt", "epub"])
@runs(60)
@given(st.floats(0, 1), EDITS)
def test_damaged_parts(form: str, part: float, edits: list[tuple[float, str, bytes]]) -> None:
    survives(form, within(SMALL[form], part, edits))


@pytest.mark.parametrize("form", FORMS)
@runs(30)
@given(st.binary(max_size=400))
def test_bytes_behind_a_right_beginning(form: str, rest: bytes) -> None:
    survives(form, SMALL[form][:64] + rest)


@pytest.mark.parametrize("edits", [[(0.1768170810259551, "flip", b"\xbc")], [(0.1875, "flip", b"\x1c\xfb")]])
def test_letters_that_end_before_they_begin(edits: list[tuple[float, str, bytes]]) -> None:
    survives("pdf", edited(large("pdf"), edits))


@pytest.mark.long
@pytest.mark.parametrize("form", FORMS)
@runs(1500)
@given(EDITS)
def test_damaged_documents_for_minutes(form: str, edits: list[tuple[float, str, bytes]]) -> None:
    survives(form, edited(large(form), edits))


@pytest.mark.long
@pytest.mark.parametrize("form", ["docx", "odt", "epub"])
@runs(1500)
@given(st.floats(0, 1), EDITS)
def test_damaged_parts_for_minutes(form: str, part: float, edits: list[tuple[float, str, bytes]]) -> None:
    survives(form, within(large(form), part, edits))
