"""Which reader a file needs: told by its content, by its name only where the content fits more than one.

A page saved as `paper.txt` is HTML all the same; a text that someone named `paper.html` is text.
"""

from __future__ import annotations

import json
import re
from enum import Enum

from preserve.documents.source import Source


class Form(Enum):
    """The forms of text that there are readers for."""

    TEXT = "text/plain"
    HTML = "text/html"
    MARKDOWN = "text/markdown"
    PLAN = "application/jsonl"
    LIST = "text/uri-list"


_PAGE = re.compile(r"\s*(?:<\?xml[^>]*>\s*|<!--.*?-->\s*)*<(?:!doctype\s+html|html|head|body)\b", re.IGNORECASE | re.DOTALL)
_TAG = re.compile(r"</(?:p|div|a|li|ol|ul|table|h[1-6]|sup|span|em|section|article|blockquote)\s*>", re.IGNORECASE)
_NOTE_DEFINITION = re.compile(r"^ {0,3}\[\^[^\]\s]{1,60}\]:", re.MULTILINE)
_INLINE_LINK = re.compile(r"(?<!\\)\]\(<?(?:https?:|www\.)")
_ADDRESS = re.compile(r"(?:[a-z][a-z0-9+.-]{1,20}:(?://)?\S+|(?:[\w-]+\.)+[a-z]{2,24}(?:[/:?#]\S*)?)\Z", re.IGNORECASE)
_WEB = re.compile(r"https?:|www\.|[\w.-]+\.[a-z]{2,24}/", re.IGNORECASE)


def detect(source: Source) -> Form:
    """The form of `source`."""
    text, name = source.text, source.name.lower()
    if _is_plan(text):
        return Form.PLAN
    if _PAGE.match(text):
        return Form.HTML
    tags = sum(1 for _ in zip(_TAG.finditer(text[:100_000]), range(4), strict=False))
    if name.endswith((".html", ".htm", ".xhtml")) and tags:
        return Form.HTML
    if name.endswith((".md", ".markdown", ".mkd", ".mdown")) or _NOTE_DEFINITION.search(text):
        return Form.MARKDOWN
    if tags >= 4 and text.lstrip().startswith("<"):
        return Form.HTML
    if _is_list(text):
        return Form.LIST
    links = sum(1 for _ in zip(_INLINE_LINK.finditer(text), range(2), strict=False))
    return Form.MARKDOWN if links >= 2 else Form.TEXT


def _is_plan(text: str) -> bool:
    """The first line is a JSON object with an address in it."""
    first = next((line for line in text.splitlines() if line.strip()), "")
    if not first.lstrip().startswith("{"):
        return False
    try:
        row = json.loads(first)
    except (ValueError, RecursionError):
        return False
    return isinstance(row, dict) and "url" in row


def _is_list(text: str) -> bool:
    """Nothing but addresses, one a line, and comments."""
    lines = [line.strip() for line in text.splitlines()]
    entries = [line for line in lines if line and not line.startswith("#")]
    if not entries or not all(_ADDRESS.match(entry) for entry in entries):
        return False
    return sum(1 for entry in entries if _WEB.match(entry)) * 2 >= len(entries)
