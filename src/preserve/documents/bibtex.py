"""BibTeX and BibLaTeX databases: each entry a note whose mark is its key.

Fields: `url`, `doi`, `eprint` with `eprinttype` or `archiveprefix`, addresses within `howpublished`, `note` and `addendum`, `urldate` as
the date of access. A `@string` is put in where it is named, and an entry takes from the one that `crossref` names what it lacks. A value
that never closes is passed over, not the entries after it. Sources: "BibTeXing" (O. Patashnik, 1988)
section 2; the manual of biblatex, sections 2.2 and 3.14.
"""

from __future__ import annotations

import re

from preserve.documents.exports import several
from preserve.documents.latex import inline
from preserve.documents.records import Record, passages
from preserve.documents.source import Source
from preserve.documents.tex import address
from preserve.documents.written import Places, document, unified
from preserve.model.document import Document

_ENTRY = re.compile(r"@\s*(?P<type>[A-Za-z]{2,30})\s*(?P<open>[{(])")
_KEY = re.compile(r"\s*(?P<key>[^\s,={}()\"#%]{1,120})\s*,")
_FIELD = re.compile(r"[\s,]*(?P<name>[A-Za-z][\w.:+-]{0,40})\s*=\s*")
_RECOVERS = re.compile(r"(?P<entry>^[ \t]*@)|,\s*(?=[A-Za-z][\w.:+-]{0,40}\s*=\s*[{\"])", re.MULTILINE)
_NEXT = re.compile(r"^[ \t]*@[A-Za-z]{2,30}[ \t]*[{(][^\s,={}]{1,120},", re.MULTILINE)
_PART = re.compile(r"\s*(?:(?P<open>[{\"])|(?P<word>[\w.:+/-]+))")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_SAYING = ("howpublished", "note", "addendum", "annote")
_LIMIT = 200_000
"""Characters of one value; an abstract has thousands."""


def read_bibtex(source: Source) -> Document:
    """A database of entries."""
    text = unified(source.text)
    places = Places(text)
    strings: dict[str, str] = {}
    entries: list[tuple[str, dict[str, str], int]] = []
    at = 0
    while (entry := _ENTRY.search(text, at)) is not None:
        at = entry.end()
        kind = entry["type"].lower()
        if kind in {"comment", "preamble"}:
            continue
        key = _KEY.match(text, at) if kind != "string" else None
        fields, at = _fields(text, key.end() if key else at, strings)
        if kind == "string":
            strings.update(fields)
        elif fields:
            entries.append((key["key"] if key else "", fields, places.line(entry.start())))
    known = {key.lower(): fields for key, fields, _ in entries}
    records = [_record(key, _inherited(fields, known), number) for key, fields, number in entries]
    return document(source, "application/x-bibtex", passages(records), [record.key for record in records if record.key])


def _inherited(fields: dict[str, str], known: dict[str, dict[str, str]]) -> dict[str, str]:
    parent = known.get(fields.get("crossref", "").strip().lower(), {})
    return {**{name: value for name, value in parent.items() if name not in {"title", "crossref"}}, **fields}


def _fields(text: str, at: int, strings: dict[str, str]) -> tuple[dict[str, str], int]:
    """The fields from `at` on, the first of each name, and where they end."""
    fields: dict[str, str] = {}
    while (name := _FIELD.match(text, at)) is not None:
        value, after = _value(text, name.end(), strings)
        if after <= name.end():
            # Nothing closes the value: go on at the next field of this line or the next entry.
            following = _RECOVERS.search(text, name.end(), name.end() + _LIMIT)
            if following is None or following["entry"]:
                return fields, following.start() if following else name.end()
            at = following.start()
            continue
        fields.setdefault(name["name"].lower(), value)
        at = after
    return fields, at


def _value(text: str, at: int, strings: dict[str, str]) -> tuple[str, int]:
    """A value: parts in braces, in quotation marks, numbers and names, joined by `#`."""
    value = ""
    while (part := _PART.match(text, at)) is not None:
        if part["word"]:
            value += strings.get(part["word"].lower(), part["word"])
            at = part.end()
        else:
            end = _braced(text, part.end()) if part["open"] == "{" else _quoted(text, part.end())
            if end < 0:
                return value, at
            value += text[part.end() : end]
            at = end + 1
        joined = re.compile(r"\s*#").match(text, at)
        if joined is None:
            break
        at = joined.end()
    return value, at


def _braced(text: str, at: int) -> int:
    """Where the brace that opened just before `at` closes; -1 when it does not."""
    depth = 1
    following = _NEXT.search(text, at, at + _LIMIT)
    for match in re.compile(r"\\.|[{}]", re.DOTALL).finditer(text, at, following.start() if following else at + _LIMIT):
        depth += {"{": 1, "}": -1}.get(match[0], 0)
        if not depth:
            return match.start()
    return -1


def _quoted(text: str, at: int) -> int:
    """Where the quotation mark stands that ends a value; one within braces does not."""
    depth = 0
    for match in re.compile(r"\\.|[{}\"]", re.DOTALL).finditer(text, at, at + _LIMIT):
        if match[0] == '"' and depth <= 0:
            return match.start()
        depth += {"{": 1, "}": -1}.get(match[0], 0)
    return -1


def _record(key: str, fields: dict[str, str], number: int) -> Record:
    url = re.sub(r"\\url\s*\{(.*)\}\s*\Z", r"\1", fields.get("url", ""), flags=re.DOTALL)
    addresses = [address(each) for each in several(url)]
    for name in _SAYING:
        if name in fields:
            lines = inline(fields[name]).lines()
            linked = [link.href for line in lines for link in line.links]
            addresses += linked or re.findall(
                r"(?:https?://|www\.)[^\s<>\"]*[^\s<>\".,;)\]}]", " ".join(line.text for line in lines)
            )
    archive = (fields.get("eprinttype") or fields.get("archiveprefix") or "").strip().lower()
    eprint = fields.get("eprint", "").strip()
    if eprint and archive in {"hdl", "handle"}:
        addresses.append("hdl:" + eprint)
    return Record(
        number=number,
        key=key,
        author=inline(fields.get("author") or fields.get("editor") or fields.get("organization", "")).text,
        title=inline(fields.get("title", "")).text,
        date=_date(fields),
        addresses=tuple(addresses),
        doi=address(fields.get("doi", "")),
        arxiv=_arxiv(fields, archive, eprint),
        accessed=inline(fields.get("urldate") or fields.get("lastchecked") or fields.get("lastaccessed", "")).text,
    )


def _arxiv(fields: dict[str, str], archive: str, eprint: str) -> str:
    """The identifier at arXiv: an `eprint` there, or one that the journal's name holds ("arXiv preprint arXiv:1905.01234")."""
    if archive == "arxiv" or eprint.lower().startswith("arxiv:"):
        return re.sub(r"(?i)\Aarxiv:\s*", "", eprint)
    named = re.search(r"\barxiv:\s*([\w.-]+(?:/\d{7})?(?:v\d+)?)", fields.get("journal", ""), re.IGNORECASE)
    return named[1] if named else ""


def _date(fields: dict[str, str]) -> str:
    """`date` as it is written, or `year` and `month`."""
    if date := fields.get("date", "").strip():
        return date.partition("/")[0]  # of a range its beginning
    year, month = inline(fields.get("year", "")).text, inline(fields.get("month", "")).text.lower()
    number = next((at for at, name in enumerate(_MONTHS, 1) if month.startswith(name)), int(month) if month.isdecimal() else 0)
    return f"{year}-{number:02}" if re.fullmatch(r"\d{4}", year) and 1 <= number <= 12 else year
