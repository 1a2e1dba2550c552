"""Comma-separated values that any reader of RFC 4180 reads back, and no spreadsheet runs."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from preserve.formats import csvrow
from preserve.formats.printable import printable


@pytest.mark.parametrize(
    "cell",
    ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", " =1", "\uff1d1", "=HYPERLINK(\"http://x\",\"y\")", "|x", "\u00a0=1"],
)  # fmt: skip
def test_a_formula_becomes_text(cell: str) -> None:
    ((read,),) = csv.reader(io.StringIO(csvrow.row([cell]), newline=""))
    assert read == "'" + printable(cell)


@pytest.mark.parametrize("cell", ["plain", "a,b", 'say "yes"', "https://example.org/?a=1", "2026-11-21", "", " padded "])
def test_other_text_stays(cell: str) -> None:
    ((read, end),) = csv.reader(io.StringIO(csvrow.row([cell, "end"]), newline=""))
    assert (read, end) == (cell, "end")


def test_numbers_and_nothing() -> None:
    assert csvrow.row([None, -5, 12, "x"]) == ",-5,12,x\r\n"


@given(st.lists(st.text(), min_size=1))
def test_every_row_is_one_line_that_reads_back(cells: list[str]) -> None:
    line = csvrow.row(cells)
    assert line.endswith("\r\n")
    assert len(line.splitlines()) == 1
    rows = list(csv.reader(io.StringIO(line, newline="")))
    expected = [printable(cell) for cell in cells]
    if cells == [""]:
        assert rows in ([[]], [[""]])
        return
    assert [read.removeprefix("'") if read != want else read for read, want in zip(rows[0], expected, strict=True)] == expected
    assert not any(read.lstrip()[:1] in set("=+-@") and read for read in rows[0])
