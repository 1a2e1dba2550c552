"""What reference managers and spreadsheets export: RIS, CSL-JSON, Zotero's JSON, and tables (CSV, TSV) with a column of addresses.

Sources: the RIS specification (Research Information Systems, 2011); CSL-JSON's schema, version 1.0; the fields of Zotero's CSV export;
RFC 4180. Tables keep what stands beside the address: a column of notes, titles, dates.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from preserve.documents.records import Record, iso, passages
from preserve.documents.source import Source
from preserve.documents.written import Places, document, unified
from preserve.errors import FormatError
from preserve.model.document import Document

RIS = re.compile(r"\s*TY {2}- ?[A-Z]{3,6}\s*$", re.MULTILINE)
_TAG = re.compile(r"(?P<tag>[A-Z][A-Z0-9]) {2}-(?: (?P<value>.*))?\s*\Z")
_COLUMNS = {
    "addresses": (
        "url",
        "urls",
        "uri",
        "link",
        "links",
        "address",
        "web address",
        "webaddress",
        "website",
        "href",
        "source url",
        "original url",
    ),
    "archived": ("archive url", "archived url", "archive_url", "archived_url", "perma", "permalink", "wayback url"),
    "doi": ("doi",),
    "key": (
        "note",
        "footnote",
        "fn",
        "note number",
        "citation key",
        "citationkey",
        "citekey",
        "key",
        "id",
        "nr",
        "nr.",
        "no.",
        "number",
    ),
    "author": ("author", "authors", "creator"),
    "title": ("title", "name"),
    "date": ("date", "publication date", "published", "year", "publication year"),
    "accessed": ("access date", "accessed", "date accessed", "accessdate", "retrieved", "last accessed"),
}
_SEPARATORS = ",;\t|"
_WEB = re.compile(r"\s*<?(?:https?:/|www\.|10\.\d{4,9}/|doi:)", re.IGNORECASE)
_HOLDS = re.compile(r"(?:https?:/|\bwww\.|\b10\.\d{4,9}/|doi:)", re.IGNORECASE)


def read_ris(source: Source) -> Document:
    """A file of RIS records. The mark is `ID`; addresses are `UR`, `L1` to `L3` and `LK`."""
    records: list[Record] = []
    fields: dict[str, list[str]] = {}
    start = 1
    for number, line in enumerate(unified(source.text).split("\n"), 1):
        match = _TAG.match(line.lstrip("\ufeff"))
        if match is None:
            if fields and line.strip():
                last = next(reversed(fields))
                fields[last][-1] += " " + line.strip()
            continue
        tag, value = match["tag"], (match["value"] or "").strip()
        if tag in {"TY", "ER"}:
            if fields:
                records.append(_ris(fields, start))
            fields, start = {}, number
        elif value:
            fields.setdefault(tag, []).append(value)
    if fields:
        records.append(_ris(fields, start))
    return _document(source, "application/x-research-info-systems", records)


def _ris(fields: Mapping[str, Sequence[str]], number: int) -> Record:
    def first(*tags: str) -> str:
        return next((fields[tag][0] for tag in tags if tag in fields), "")

    addresses = [each for tag in ("UR", "LK", "L1", "L2", "L3") for value in fields.get(tag, ()) for each in several(value)]
    return Record(
        number=number,
        key=first("ID"),
        author="; ".join(fields.get("AU", fields.get("A1", ()))),
        title=first("TI", "T1", "CT"),
        date=iso(first("DA", "PY", "Y1")),
        addresses=tuple(addresses),
        doi=first("DO"),
        accessed=iso(first("Y2")),
    )


def several(value: str) -> list[str]:
    """The addresses in one field: managers write several with spaces or semicolons between."""
    return re.split(r"[;,]?\s+(?=https?:|www\.)|;(?=https?:)", value.strip())


def records_of(text: str) -> list[dict[str, Any]] | None:
    """The records in `text` when it is CSL-JSON, Zotero's JSON, or what Zotero's web API answers; else None."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if isinstance(found, dict):
        found = found["items"] if isinstance(found.get("items"), list) else [found]
    if not isinstance(found, list) or not found or not all(isinstance(each, dict) for each in found):
        return None
    found = [{**each["data"], "key": each.get("key")} if isinstance(each.get("data"), dict) else each for each in found]
    known = sum(_is_record(each) for each in found)
    return found if known * 2 > len(found) else None


def _is_record(each: Mapping[str, Any]) -> bool:
    return isinstance(each.get("itemType"), str) or (
        isinstance(each.get("type"), str) and bool({"URL", "DOI", "title", "issued", "author", "id"} & each.keys())
    )


def read_json(source: Source) -> Document:
    """CSL-JSON or Zotero's JSON. The mark is the citation key, or an `id` that is none of the program's own."""
    found = records_of(source.text)
    if found is None:
        raise FormatError(f"{source.name}: this JSON holds no records", "export it as CSL-JSON")
    starts = _starts(source.text)
    places = Places(source.text)
    lines = [places.line(start) for start in starts] if len(starts) == len(found) else [1] * len(found)
    records = [_json(each, line) for each, line in zip(found, lines, strict=True)]
    return _document(
        source, "application/vnd.citationstyles.csl+json" if "itemType" not in found[0] else "application/json", records
    )


def _starts(text: str) -> list[int]:
    """Where each record of the list begins."""
    first = re.match(r"\s*\[", text) or re.search(r"\"items\"\s*:\s*\[", text)
    decoder, starts = json.JSONDecoder(), []
    at = first.end() if first else len(text)
    while (gap := re.compile(r"[\s,]*(?=\{)").match(text, at)) is not None:
        starts.append(gap.end())
        try:
            at = decoder.raw_decode(text, gap.end())[1]
        except (ValueError, RecursionError):
            break
    return starts


def _json(each: Mapping[str, Any], number: int) -> Record:
    def text(*names: str) -> str:
        return next(
            (str(each[name]) for name in names if isinstance(each.get(name), str | int) and str(each[name]).strip()), ""
        )

    key = text("citationKey", "citation-key", "citekey", "id", "key")
    people = each.get("author") or each.get("creators") or []
    if isinstance(each.get("accessed"), dict | list):
        accessed = _parts(each["accessed"])
    else:
        accessed = text("accessed", "accessDate")[:10]
    return Record(
        number=number,
        key="" if "/" in key else key,
        author="; ".join(filter(None, map(_name, people if isinstance(people, list) else []))),
        title=text("title"),
        date=_parts(each["issued"]) if isinstance(each.get("issued"), dict | list) else text("issued", "date"),
        addresses=tuple(several(text("URL", "url"))),
        doi=text("DOI", "doi"),
        accessed=accessed,
    )


def _name(person: object) -> str:
    if not isinstance(person, dict):
        return ""
    family = person.get("family") or person.get("lastName") or person.get("literal") or person.get("name") or ""
    given = person.get("given") or person.get("firstName") or ""
    return ", ".join(part for part in (str(family), str(given)) if part)


def _parts(date: object) -> str:
    """A date of CSL: `{"date-parts": [[2019, 3, 12]]}`, `{"raw": "…"}`."""
    if not isinstance(date, dict):
        return ""
    ranges = date.get("date-parts")
    if isinstance(ranges, list) and ranges and isinstance(ranges[0], list):
        parts = [str(part) for part in ranges[0][:3] if re.fullmatch(r"\d{1,4}", str(part))]
        return "-".join(part if at == 0 else part.zfill(2) for at, part in enumerate(parts))
    return next((str(date[name]) for name in ("raw", "literal") if isinstance(date.get(name), str)), "")


def read_table(source: Source) -> Document:
    """A table with a header row."""
    header, rows = table(source.text)
    columns = _columns(header)
    records = []
    for number, row in rows:

        def cell(name: str, row: Sequence[str] = row) -> str:
            return next((row[at].strip() for at in columns.get(name, ()) if at < len(row) and row[at].strip()), "")

        addresses = [row[at] for name in ("addresses", "archived") for at in columns.get(name, ()) if at < len(row)]
        key = cell("key").removeprefix("'")
        records.append(
            Record(
                number=number,
                key=key if len(key) <= 40 and "/" not in key else "",
                author=cell("author"),
                title=cell("title"),
                date=cell("date"),
                addresses=tuple(each for address in addresses for each in several(address)),
                doi=cell("doi"),
                accessed=cell("accessed"),
            )
        )
    media_type = "text/tab-separated-values" if "\t" in source.text.split("\n", 1)[0] else "text/csv"
    return _document(source, media_type, [record for record in records if record.citing])


def _columns(header: Sequence[str]) -> dict[str, list[int]]:
    named = [re.sub(r"\s+", " ", name.strip().lower()) for name in header]
    return {kind: [named.index(name) for name in names if name in named] for kind, names in _COLUMNS.items()}


def table(text: str) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """The header and the rows with their line numbers; raises FormatError for what is no table with addresses."""
    lines = unified(text).lstrip("\ufeff").split("\n")
    first = next((line for line in lines if line.strip()), "")
    separator = max(_SEPARATORS, key=first.count)
    separator = separator if separator in first else "\x1f"  # one column: the separators are characters of addresses
    rows = list(_rows(lines, separator))
    if not rows:
        raise FormatError("no row")
    header = _told(rows[0][1], [row for _, row in rows[1:]])
    columns = _columns(header)
    places = columns["addresses"] + columns["archived"] + columns["doi"]
    if not places or not any(_HOLDS.search(row[at]) for _, row in rows[1:] for at in places if at < len(row)):
        raise FormatError("no column of addresses")
    return header, rows[1:]


def _told(header: list[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """The header, with the column of addresses named by its cells where its own name is none that we know."""
    if any(_columns(header)[kind] for kind in ("addresses", "archived", "doi")) or len(header) < 2 or len(rows) < 2:
        return header
    if sum(len(row) == len(header) for row in rows) < 0.8 * len(rows):
        return header
    for at in range(len(header)):
        cells = [row[at] for row in rows if at < len(row) and row[at].strip()]
        if 2 * sum(bool(_WEB.match(cell)) for cell in cells) > len(cells) and not _HOLDS.search(header[at]):
            return [*header[:at], "url", *header[at + 1 :]]
    return header


def _rows(lines: Sequence[str], separator: str) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader((line + "\n" for line in lines), delimiter=separator)
    start = 1
    try:
        for row in reader:
            if any(cell.strip() for cell in row):
                yield start, row
            start = reader.line_num + 1
    except csv.Error as problem:
        raise FormatError(f"line {reader.line_num}: {problem}") from problem


def _document(source: Source, media_type: str, records: Sequence[Record]) -> Document:
    marks = [record.key.strip() for record in records if record.key.strip()]
    return document(source, media_type, passages(records), marks)
