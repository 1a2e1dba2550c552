"""Markdown: CommonMark with footnotes, read through the HTML that it stands for.

The printed number of a footnote is the order of its mark, not its label, which is what the HTML shows. Line ends are kept as such,
because a text that became Markdown may have broken its addresses over them. A link whose text is only a number ("[1]" with
`[1]: https://…`) is a note of that number.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from markdown_it import MarkdownIt
from markdown_it.token import Token
from mdit_py_plugins.footnote import footnote_plugin

from preserve.documents.html import document_of
from preserve.documents.source import Source
from preserve.model.document import Document, Line, Link, Passage, Where

_FRONT_MATTER = re.compile(r"\A---[ \t]*\n.*?\n(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL)
_DEFINITION = re.compile(r"^ {0,3}\[(?P<label>[^\]\n^][^\]\n]{0,80})\]:\s*<?(?P<url>(?:https?:|www\.)[^\s>]+)>?", re.MULTILINE)


def read_markdown(source: Source) -> Document:
    """A Markdown document."""
    text = source.text.replace("\r\n", "\n").replace("\r", "\n")
    if front := _FRONT_MATTER.match(text):
        text = "\n" * front[0].count("\n") + text[front.end() :]
    parser = MarkdownIt("commonmark", {"breaks": True, "html": True, "maxNesting": 40}).enable(["table", "strikethrough"])
    parser.use(footnote_plugin)
    env: dict[str, object] = {}
    tokens = parser.parse(text, env)
    used = _number_lines(tokens)
    document = document_of(source, parser.renderer.render(tokens, parser.options, env), "text/markdown")
    return _with_definitions(document, text, used)


def _number_lines(tokens: Sequence[Token]) -> set[str]:
    """Write each block's source line into it, and collect the addresses that links use."""
    used: set[str] = set()
    for token in tokens:
        if token.map and token.nesting >= 0 and token.type != "inline":
            token.attrSet("data-source-line", str(token.map[0] + 1))
        used.update(str(child.attrs["href"]) for child in token.children or () if "href" in child.attrs)
    return used


def _with_definitions(document: Document, text: str, used: set[str]) -> Document:
    """Add the addresses of link definitions that no link uses: they stand in the file, though no reader sees them."""
    extra = []
    for match in _DEFINITION.finditer(text):
        if match["url"] in used:
            continue
        line = Line(
            text=f"[{match['label']}]: {match['url']}",
            number=text.count("\n", 0, match.start()) + 1,
            links=(Link(start=len(match["label"]) + 4, end=len(match["label"]) + 4 + len(match["url"]), href=match["url"]),),
        )
        mark = match["label"] if match["label"].isdigit() else None
        where = Where.NOTES if mark else Where.BODY
        extra.append(Passage(where=where, lines=(line,), mark=mark, order=int(mark) if mark else None))
    if not extra:
        return document
    return Document(
        name=document.name,
        media_type=document.media_type,
        size=document.size,
        sha256=document.sha256,
        encoding=document.encoding,
        passages=(*document.passages, *extra),
        marks=document.marks,
        remarks=document.remarks,
    )
