"""Bibliographic records, as reference managers keep them: each becomes one note, written as a reader would print it.

    Weir, A. “The Winch” (2019-03-12), doi:10.1234/winch, https://www.example.org/winch (accessed 2020-05-03).

So records go the way of all notes. The mark is the record's own key, by which authors cite it; a file none of whose records has a key
is a list of references without marks, which is body.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from preserve.documents.written import Writing
from preserve.model.document import Passage, Where
from preserve.model.noun import dataclass

_RESOLVER = re.compile(r"(?:https?://(?:dx\.|www\.)?doi\.org/|doi\s*:\s*)+", re.IGNORECASE)
_QUOTES = str.maketrans('“”„«»"', "‘’‚‹›'")


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What one record says; texts as they are written, "" where it says nothing. `number` is its first line in the file."""

    number: int
    key: str = ""
    author: str = ""
    title: str = ""
    date: str = ""
    addresses: tuple[str, ...] = ()
    doi: str = ""
    arxiv: str = ""
    accessed: str = ""

    @property
    def citing(self) -> bool:
        """Whether it leads anywhere."""
        return bool(self.addresses or self.doi or self.arxiv)


def passages(records: Sequence[Record]) -> tuple[Passage, ...]:
    """A passage for each record that says something."""
    noted = any(record.key for record in records)
    where = Where.NOTES if noted else Where.BODY
    written = ((record, _written(record).lines()) for record in records)
    return tuple(Passage(where=where, lines=lines, mark=record.key.strip()[:80] or None) for record, lines in written if lines)


def _written(record: Record) -> Writing:
    out, at = Writing(), record.number
    if author := _line(record.author):
        out.add(author if author.endswith(".") else author + ".", at)
    if title := _line(record.title).translate(_QUOTES):
        out.add(f" “{title}”", at)
    if date := _line(record.date):
        out.add(f" ({date})", at)
    doi = _RESOLVER.sub("", record.doi.strip())
    addresses = list(dict.fromkeys(filter(None, (address.strip() for address in record.addresses))))
    plain = [_RESOLVER.sub("", address).lower() for address in addresses]
    if doi and doi.lower() not in plain:
        out.add(f", doi:{doi}", at)
    if record.arxiv and not any(record.arxiv.lower() in address for address in plain):
        out.add(f", arXiv:{record.arxiv}", at)
    accessed = f" (accessed {_line(record.accessed)})" if record.accessed.strip() else ""
    for address in addresses:
        out.add(", ", at)
        out.link(address, address, at)
        out.add(accessed, at)
    if not addresses:
        out.add(accessed, at)
    out.add(".", at)
    return out


def _line(text: str) -> str:
    return " ".join(text.split())


def iso(written: str) -> str:
    """A date of numbers parted by slashes ("2019/03/12/", RIS), as ISO 8601; what follows a third slash is a season or a remark."""
    match = re.match(r"\s*(\d{4})(?:/(\d{1,2}))?(?:/(\d{1,2}))?(?:/|\s|\Z)", written)
    if match is None:
        return written
    return "-".join([match[1], *(f"{int(part):02}" for part in (match[2], match[3]) if part)])
