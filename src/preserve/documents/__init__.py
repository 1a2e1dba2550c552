"""Documents: bytes to a Document of notes, paragraphs and links. No file, no network, no decision about citations.

    detect   by content first, by name where the content leaves it open
    text     plain text: pages, note marks at line starts, note bodies
    html     markup with links: marks and their targets, reference lists
    markdown through its HTML, with the line numbers of the source
    plan     what `preserve cite --json` printed, and plain lists of addresses

`read` raises FormatError, and nothing else, whatever the bytes are.
"""

from __future__ import annotations

from preserve.documents.detect import Form, detect
from preserve.documents.html import read_html
from preserve.documents.markdown import read_markdown
from preserve.documents.plan import read_list, read_plan
from preserve.documents.source import Source
from preserve.documents.text import read_text
from preserve.model.document import Document

__all__ = ["read"]

_READERS = {
    Form.TEXT: read_text,
    Form.HTML: read_html,
    Form.MARKDOWN: read_markdown,
    Form.PLAN: read_plan,
    Form.LIST: read_list,
}


def read(name: str, data: bytes) -> Document:
    """The document in `data`; `name` is its file name without folders. Raises FormatError when it is none that we read."""
    source = Source.of(name, data)
    return _READERS[detect(source)](source)
