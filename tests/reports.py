"""Reports of archives that are made from the formats alone, and what a page holds as a browser would read it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from html.parser import HTMLParser
from pathlib import Path

from archives import NOW
from preserve.adapters.folder import DiskFolder
from preserve.flows.report import Survey
from preserve.flows.verify import verify
from preserve.model.handover import Wanted
from preserve.model.trust import TrustedKey

_VOID = frozenset({"meta", "link", "br", "wbr", "hr", "input", "col", "line", "circle", "path", "img"})
EVERYTHING = Wanted()


@contextmanager
def surveyed(root: Path, trusted: Sequence[TrustedKey], wanted: Wanted = EVERYTHING) -> Iterator[Survey]:
    """The archive at `root`, verified and read for a report."""
    with DiskFolder(root) as folder:
        report = verify(folder, trusted, [], NOW)
        with Survey(folder, report, trusted, wanted, now=NOW, software="preserve/0") as survey:
            yield survey


class Page(HTMLParser):
    """The elements of a page with their attributes, its links, its text; raises when a tag is left open."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == [], f"left open: {self._open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in _VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self._open, f"</{tag}> closes nothing"
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def links(self) -> list[str]:
        return [attributes["href"] for attributes in self.all("a") if "href" in attributes]
