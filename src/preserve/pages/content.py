"""The main text of a page: what is left without navigation, banners, footers.

trafilatura looks for it where the page is of a size and depth that it handles in a bounded time; where it finds little of what the
markup itself calls the main part, or where it fails, the blocks outside of navigation with few links are taken (docs/adr/0120).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import lru_cache
from types import ModuleType

from preserve.model.page import Extract, Page
from preserve.pages.markup import Block, Reading, fold

_MAX_SIZE, _MAX_DEPTH, _MAX_ELEMENTS = 600_000, 200, 12_000
_SHORT = 200


_SHARE = 3
"""What is found is believed when it is this part, or more, of what the markup itself calls the main part."""


def with_main_text(reading: Reading, text: str, extract: Callable[[str], Extract]) -> Page:
    """The page of `reading` with its main text; `text` is its markup, `extract` what looks for it with `extracted`."""
    page = reading.page
    own = plain_main(reading.blocks)
    found = extract(text) if len(page.text) >= _SHORT and _sane(page, text) else Extract()
    main = found.text if len(found.text) * _SHARE >= len(own) else own
    return dataclasses.replace(page, main_text=main, remark=found.problem)


def with_least_main_text(reading: Reading) -> Page:
    """The page with so many letters in place of its main text as that has at the least, whatever `with_main_text` would find."""
    least = -(-len(plain_main(reading.blocks)) // _SHARE)
    return dataclasses.replace(reading.page, main_text="x" * least)


def here(text: str) -> Extract:
    """The main text, looked for in this very process: only for markup that nobody hostile wrote."""
    return Extract(text=extracted(text))


def plain_main(blocks: tuple[Block, ...]) -> str:
    """The blocks of the main part if it is marked and holds something, else those outside navigation that are not mostly links."""
    kept = [block for block in blocks if not block.aside and block.linked * 2 <= len(block.text)]
    marked = [block.text for block in kept if block.main]
    whole = marked if sum(map(len, marked)) >= _SHORT else [block.text for block in kept]
    return "\n".join(whole)


def _sane(page: Page, text: str) -> bool:
    markup = page.markup
    return len(text) <= _MAX_SIZE and markup.depth <= _MAX_DEPTH and markup.elements <= _MAX_ELEMENTS and "\0" not in text


def extracted(text: str) -> str:
    """What trafilatura takes for the main text of this markup; "" when it finds none."""
    trafilatura, problems = _trafilatura()
    try:
        found = trafilatura.bare_extraction(text, include_comments=False, with_metadata=False, fast=True)
    except problems:
        return ""
    if found is None or not found.text:
        return ""
    return "\n".join(line for line in map(fold, found.text.splitlines()) if line)


@lru_cache(maxsize=1)
def _trafilatura() -> tuple[ModuleType, tuple[type[Exception], ...]]:
    """trafilatura and what it lets through for odd pages. It takes 0.2 s to import, and talks through `logging`."""
    import logging  # noqa: PLC0415

    import trafilatura  # noqa: PLC0415
    from lxml.etree import LxmlError  # noqa: PLC0415

    for name in ("trafilatura", "htmldate", "courlan"):
        logging.getLogger(name).addHandler(logging.NullHandler())
    return trafilatura, (
        ArithmeticError,
        AssertionError,
        AttributeError,
        LookupError,
        RecursionError,
        TypeError,
        ValueError,
        LxmlError,
    )
