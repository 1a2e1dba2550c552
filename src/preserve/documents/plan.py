"""Citations that come ready: a plan (the JSON Lines of `preserve cite --json`, perhaps edited), and plain lists of addresses.

A plan's citations stand as they are: `preserve cite paper.txt --json > plan.jsonl`, strike or mend lines in an editor,
`preserve capture plan.jsonl`.
"""

from __future__ import annotations

from preserve.documents.source import Source
from preserve.errors import FormatError
from preserve.formats.citations import decode
from preserve.model.document import Citation, Document, Line, Passage, Where


def read_plan(source: Source) -> Document:
    """A plan; raises FormatError naming the line that is not a citation."""
    citations: list[Citation] = []
    for number, line in enumerate(source.text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            citations.append(decode(line, source.name))
        except FormatError as problem:
            hint = "a plan holds the lines that `preserve cite --json` prints"
            raise FormatError(f"{source.name}: line {number}: {problem.message}", hint) from problem
    return Document(
        name=source.name,
        media_type="application/jsonl",
        size=source.size,
        sha256=source.sha256,
        encoding=source.encoding,
        citations=tuple(citations),
        remarks=source.remarks,
    )


def read_list(source: Source) -> Document:
    """A list of addresses, one a line; lines that start with `#` are comments (RFC 2483 section 5)."""
    lines = enumerate(source.text.splitlines(), 1)
    entries = [(number, line.strip()) for number, line in lines if line.strip() and not line.lstrip().startswith("#")]
    return Document(
        name=source.name,
        media_type="text/uri-list",
        size=source.size,
        sha256=source.sha256,
        encoding=source.encoding,
        passages=tuple(Passage(where=Where.BODY, lines=(Line(text=entry, number=number),)) for number, entry in entries),
        remarks=source.remarks,
    )
