"""By what a text shows that it is markup or an export: signs that plain prose does not have, the name deciding only where it fits.

Every test is linear in the text, and asks for its cheapest sign first.
"""

from __future__ import annotations

import re

from preserve.documents.exports import RIS, records_of, table
from preserve.errors import FormatError

_HEAD = 200_000
"""Characters in which a sign must show."""
_BIB = re.compile(
    r"\A(?:%[^\n]*\n|\s)*+@\s*(?:(?:string|comment|preamble)\s*[{(]|[A-Za-z]{2,30}\s*[{(]\s*[^\s,{}()=]{1,120}\s*,)",
    re.IGNORECASE,
)
_BIB_ENTRY = re.compile(r"^[ \t]*@\s*[A-Za-z]{2,30}\s*[{(]\s*[^\s,{}()=]{1,120}\s*,", re.MULTILINE)
_TEX_CLASS = re.compile(r"^[ \t]*\\(?:documentclass|documentstyle|begin\s*\{(?:document|thebibliography)\})", re.MULTILINE)
_TEX = re.compile(
    r"\\(footnote|footnotetext|endnote|section|subsection|chapter|url|href|cite|emph|textit|textbf|item|bibitem|label|begin)\*?\s*[\[{]"
)
_TEX_COMMAND = re.compile(r"\\[A-Za-z]{2,}")
_DOCBOOK = re.compile(
    r"\s*(?:<!--.*?-->\s*|<\?[^>]*>\s*|<!DOCTYPE[^>\[]*(?:\[[^\]]*\]\s*)?>\s*)*+"
    r"<(?:\w+:)?(?:article|book|set|part|chapter|section|sect1|appendix|preface|refentry|bibliography|glossary|topic)\b",
    re.DOTALL,
)
_DOCBOOK_TAG = re.compile(r"docbook|<(?:\w+:)?(?:para|simpara|footnote|ulink|bibliomixed|biblioentry)\b", re.IGNORECASE)
_RST_NOTE = re.compile(r"^\.\. \[(?:\d{1,6}|#[\w.:+-]*|\*|[\w][\w.:+-]*)\][ \t]+\S", re.MULTILINE)
_RST_LINK = re.compile(
    r"^\.\. _[^:\n]{1,80}: +https?://|`[^`<>\n]{1,200}\s<https?://[^`<>\s]+>`_|^\.\. [a-z-]+:: ", re.MULTILINE
)
_ADOC_NOTE = re.compile(r"(?<!\\)\bfootnote(?:ref)?:[\w-]*\[", re.IGNORECASE)
_ADOC_LINK = re.compile(
    r"\blink:[^\s\[]{1,2000}\[|https?://[^\s\[\]]{1,2000}\[[^\]\n]*[A-Za-z]{3}[^\]\n]*\]|^\[\[\[", re.MULTILINE
)
_ADOC_TITLE = re.compile(r"\A\s*(?://[^\n]*\n\s*)*+=\s+\S")
_HEADER = re.compile(
    r"(?:^|[,;\t|])\s*\"?(?:\w+[ _])?(?:url|urls|uri|links?|address|website|href|doi|perma|permalink)\"?\s*(?=[,;\t|]|$)",
    re.IGNORECASE,
)


def is_ris(text: str) -> bool:
    """The first record starts the file."""
    return bool(RIS.match(text))


def is_bibtex(text: str, name: str) -> bool:
    """It starts with an entry; prose may stand before the first one when the name says so."""
    return bool(_BIB.match(text)) or (name.endswith((".bib", ".bibtex")) and bool(_BIB_ENTRY.search(text)))


def is_latex(text: str, name: str) -> bool:
    """A document class, or two kinds of LaTeX's own commands."""
    head = text[:_HEAD]
    if "\\" not in head:
        return False
    if _TEX_CLASS.search(head) or (name.endswith((".tex", ".ltx", ".latex")) and _TEX_COMMAND.search(head)):
        return True
    kinds = {match[1] for match in _TEX.finditer(head)}
    return len(kinds) >= 2 and bool(kinds & {"footnote", "footnotetext", "endnote", "url", "href", "bibitem", "section"})


def is_docbook(text: str) -> bool:
    """XML whose root and elements are DocBook's; HTML has an `article` too."""
    return (
        text.lstrip("\ufeff \t\r\n").startswith("<")
        and bool(_DOCBOOK.match(text[:20_000]))
        and bool(_DOCBOOK_TAG.search(text[:_HEAD]))
    )


def is_rst(text: str, name: str) -> bool:
    """The text of a note with a mark for it, or two links of its kind."""
    head = text[:_HEAD]
    if name.endswith((".rst", ".rest")):
        return True
    if _RST_NOTE.search(head) and "]_" in head:
        return True
    return len(_RST_LINK.findall(head)) >= 2 and bool(re.search(r"^\.\. ", head, re.MULTILINE))


def is_asciidoc(text: str, name: str) -> bool:
    """A footnote macro, or a title with a link macro below it."""
    head = text[:_HEAD]
    if name.endswith((".adoc", ".asciidoc")) or _ADOC_NOTE.search(head):
        return True
    return bool(_ADOC_TITLE.match(head)) and bool(_ADOC_LINK.search(head))


def is_table(text: str) -> bool:
    """The first row names a column of addresses, or the rows show one."""
    start = text.lstrip("\ufeff\r\n")
    first, _, rest = start.partition("\n")
    second = rest.partition("\n")[0]
    rows = any(first.count(separator) == second.count(separator) > 0 for separator in ",;\t|")
    if len(first) > 2000 or not (_HEADER.search(first.strip()) or (rows and "http" in start[:20_000])):
        return False
    try:
        table(text)
    except FormatError:
        return False
    return True


def is_records(text: str) -> bool:
    """JSON that holds bibliographic records."""
    return text.lstrip()[:1] in {"[", "{"} and records_of(text) is not None
