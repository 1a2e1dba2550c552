"""Hyperlinks of markup, merged with the text that they cover.

What a reader follows is the link; what a reader sees is its text. They are one citation. Where the text is an address too and says
another thing than the link, both are candidates and the row is uncertain.
"""

from __future__ import annotations

import re
from urllib.parse import unquote

from preserve.cite.flat import Flat
from preserve.cite.urls import HIDDEN, Found, trim
from preserve.model.document import CitationKind

_PRINTED = re.compile(
    r"\s*<?\s*(?P<url>(?:https?:/{1,2}|www\d?\.|(?:[a-z0-9-]+\.)+[a-z]{2,24}/)[^\s<>]*)\s*>?\s*\Z", re.IGNORECASE
)
_DOI = re.compile(r"\s*(?:doi:\s*)?(10\.\d{4,9}/\S+?)\s*\Z", re.IGNORECASE)
_ARXIV = re.compile(r"\s*(?:arxiv:\s*)(?:\d{4}\.\d{4,5}(?:v\d+)?|[a-z-]+(?:\.[A-Z]{2})?/\d{7})\s*\Z", re.IGNORECASE)
_QUOTED = re.compile(r"[\"“„«]\s*(.{3,}?)\s*[\"”“»][.,]?")


def linked(flat: Flat) -> list[Found]:
    """The links of a passage, one for each address that a reader sees as one."""
    found: list[Found] = []
    for index, line in enumerate(flat.passage.lines):
        for link in line.links:
            start, end = flat.offsets[index] + link.start, flat.offsets[index] + min(link.end, len(flat.texts[index]))
            end = max(start, end)
            text = flat.text[start:end]
            if found and found[-1].href == link.href and not flat.text[found[-1].end : start].strip():
                # A long link cut in pieces, or one over a line end: the same link still.
                found[-1] = _found(found[-1].start, end, flat.text[found[-1].start : end], link.href)
            else:
                found.append(_found(start, end, text, link.href))
    return found


def _found(start: int, end: int, text: str, href: str) -> Found:
    joined = HIDDEN.sub("", re.sub(r"\s*\n\s*", "", text))
    if match := _PRINTED.match(joined):
        printed = trim(match["url"])
        if re.fullmatch(re.escape(_plain(printed)) + r"(?:%20|[.,;)\]])+/?", _plain(href)):
            # A space or a bracket slipped into the link's end: what is printed is what was meant.
            return Found(start=start, end=end, printed=printed, closed=True, other=href)
        other = "" if _same(printed, href) else printed
        return Found(start=start, end=end, printed=printed, href=href, closed=True, other=other)
    if re.search(r"//(?:dx\.)?doi\.org/", href) and (doi := _DOI.match(joined)):
        return Found(
            start=start, end=end, printed=text.strip(), href=href, kind=CitationKind.DOI, other="", label=None, name=doi[1]
        )
    if "//arxiv.org/" in href and _ARXIV.match(joined):
        return Found(start=start, end=end, printed=text.strip(), href=href, kind=CitationKind.ARXIV)
    return Found(start=start, end=end, printed="", href=href, label=_title(text))


def _title(text: str) -> str | None:
    """The text of a link as a title: when it is quoted or longer than a phrase such as "this piece"; else nothing is claimed."""
    label = " ".join(text.split())
    if quoted := _QUOTED.fullmatch(label):
        return quoted[1].rstrip(",;") or None
    return label if len(label.split()) >= 4 else None


def _same(printed: str, href: str) -> bool:
    """Whether the text shows the link's own address: in full, without scheme or `www.`, shortened with dots, or unescaped."""
    left, right = _plain(_undashed(printed)), _plain(_undashed(href))
    if left == right or unquote(left) == unquote(right):
        return True
    for dots in ("…", "..."):
        if dots in left:
            head, _, tail = left.partition(dots)
            return right.startswith(head) and right.endswith(tail)
    return right.startswith(left) and left.count("/") == 0


def _undashed(url: str) -> str:
    """With the hyphens that a word processor made dashes of, and the slash that archives drop after `http:/`."""
    return re.sub(r"(?<=.)(https?):/(?=[^/])", r"\1://", url.replace("\u2014", "---").replace("\u2013", "--"))


def _plain(url: str) -> str:
    url = re.sub(r"\Ahttps?:/{0,2}", "", url, flags=re.IGNORECASE)
    return re.sub(r"\Awww\.", "", url, flags=re.IGNORECASE).rstrip("/")
