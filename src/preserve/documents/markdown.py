"""Markdown: CommonMark with footnotes, read through the HTML that it stands for.

The printed number of a footnote is the order of its mark, not its label, which is what the HTML shows. Line ends are kept as such,
because a text that became Markdown may have broken its addresses over them. A link whose text is only a number ("[1]" with
`[1]: https://…`) is a note of that number.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

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
    """Make notes of numbered link definitions, and keep the addresses of definitions that no link uses.

    `[1]` with `[1]: https://…` is how people write notes in plain Markdown; a definition that nothing uses stands in the file,
    though no reader sees it.
    """
    extra: list[Passage] = []
    numbered: set[tuple[str, str]] = set()
    for match in _DEFINITION.finditer(text):
        label, url = match["label"], match["url"]
        if label.isdecimal():
            numbered.add((label, url))
        elif url in used:
            continue
        start = match.start("url") - match.start()
        line = Line(
            text=match[0],
            number=text.count("\n", 0, match.start()) + 1,
            links=(Link(start=start, end=start + len(url), href=url),),
        )
        mark = label if label.isdecimal() else None
        where = Where.NOTES if mark else Where.BODY
        extra.append(Passage(where=where, lines=(line,), mark=mark, order=int(mark) if mark else None))
    if not extra:
        return document
    return replace(document, passages=(*(_unlinked(passage, numbered) for passage in document.passages), *extra))


def _unlinked(passage: Passage, numbered: set[tuple[str, str]]) -> Passage:
    """The passage without the links that are marks of numbered definitions."""

    def is_mark(line: Line, link: Link) -> bool:
        return (line.text[link.start : link.end].strip("[] "), link.href) in numbered

    lines = tuple(replace(line, links=tuple(k for k in line.links if not is_mark(line, k))) for line in passage.lines)
    return passage if lines == passage.lines else replace(passage, lines=lines)
