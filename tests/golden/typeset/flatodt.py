"""A document written as flat OpenDocument, for LibreOffice to typeset: notes at the page foot or at the end, any page, any columns.

The text of a paragraph or note holds marks of its own: `{12}` is where note 12 is marked, `[[address]]` or `[[text|address]]`
becomes a hyperlink, `*text*` is italic, `^12^` is raised text.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

_NAMES = " ".join(
    f'xmlns:{prefix}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"'
    for prefix, name in (("office", "office"), ("style", "style"), ("text", "text"), ("table", "table"))
) + (' xmlns:fo="urn:oasis:names:tc:opendocument:xmlns:xsl-fo-compatible:1.0" xmlns:xlink="http://www.w3.org/1999/xlink"')


_MARK = re.compile(r"\{(\d+)\}")


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """A page design; lengths as OpenDocument writes them."""

    width: str = "8.5in"
    height: str = "11in"
    margin: str = "1in"
    columns: int = 1
    font: str = "Liberation Serif"
    body: float = 12
    notes: float = 10
    head: str = ""
    foot: bool = True
    align: str = "justify"
    kind: str = "footnote"
    separator: bool = True
    hyphenate: bool = False
    own: tuple[str, ...] = ()
    """Marks of the author's own, by the order of the notes; "" for a number."""


LETTER = Sheet()
A5 = Sheet(width="148mm", height="210mm", margin="16mm", body=10, notes=7.5)


def flat(blocks: Sequence[str], notes: Mapping[int, str], sheet: Sheet, end: Sequence[str] = ()) -> str:
    """The document; a block that starts with `# ` is a heading. `end` are paragraphs after the last block."""
    seen: list[int] = []

    def note(match: re.Match[str]) -> str:
        number = int(match[1])
        seen.append(number)
        own = sheet.own[len(seen) - 1] if len(seen) <= len(sheet.own) else ""
        label = f' text:label="{own}"' if own else ""
        paragraphs = "".join(f'<text:p text:style-name="Note">{_inline(each)}</text:p>' for each in notes[number].split("\n"))
        citation = f"<text:note-citation{label}>{own or number}</text:note-citation>"
        return f'<text:note text:note-class="{sheet.kind}">{citation}<text:note-body>{paragraphs}</text:note-body></text:note>'

    body = "".join(
        f'<text:h text:outline-level="1" text:style-name="Head">{_inline(block[2:])}</text:h>'
        if block.startswith("# ")
        else f'<text:p text:style-name="Body">{_MARK.sub(note, _inline(block))}</text:p>'
        for block in [*blocks, *end]
    )
    columns = f'<style:columns fo:column-count="{sheet.columns}" fo:column-gap="7mm"/>' if sheet.columns > 1 else ""
    hyphens = ' fo:hyphenate="true"' if sheet.hyphenate else ""
    rule = (
        '<style:footnote-sep style:width="0.018cm" style:rel-width="25%"/>'
        if sheet.separator
        else '<style:footnote-sep style:width="0cm" style:rel-width="0%"/>'
    )
    head = f'<style:header><text:p text:style-name="Side">{escape(sheet.head)}</text:p></style:header>' if sheet.head else ""
    foot = (
        '<style:footer><text:p text:style-name="Side"><text:page-number>1</text:page-number></text:p></style:footer>'
        if sheet.foot
        else ""
    )
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<office:document {_NAMES} office:version="1.2" office:mimetype="application/vnd.oasis.opendocument.text">
<office:styles>
 <style:style style:name="Body" style:family="paragraph"><style:paragraph-properties fo:text-align="{sheet.align}" fo:margin-bottom="0.08in"/>
  <style:text-properties style:font-name="{sheet.font}" fo:font-family="{sheet.font}" fo:font-size="{sheet.body}pt" fo:language="en" fo:country="US"{hyphens}/></style:style>
 <style:style style:name="Head" style:family="paragraph"><style:paragraph-properties fo:margin-top="0.15in" fo:margin-bottom="0.08in" fo:keep-with-next="always"/>
  <style:text-properties fo:font-family="{sheet.font}" fo:font-size="{sheet.body + 2}pt" fo:font-weight="bold"/></style:style>
 <style:style style:name="Note" style:family="paragraph"><style:paragraph-properties fo:text-align="{sheet.align}" fo:margin-left="0.15in" fo:text-indent="-0.15in"/>
  <style:text-properties fo:font-family="{sheet.font}" fo:font-size="{sheet.notes}pt" fo:language="en" fo:country="US"{hyphens}/></style:style>
 <style:style style:name="Side" style:family="paragraph"><style:paragraph-properties fo:text-align="center"/>
  <style:text-properties fo:font-family="{sheet.font}" fo:font-size="{sheet.notes}pt"/></style:style>
 <style:style style:name="Raised" style:family="text"><style:text-properties style:text-position="super 58%"/></style:style>
 <style:style style:name="Italic" style:family="text"><style:text-properties fo:font-style="italic"/></style:style>
 <text:notes-configuration text:note-class="footnote" style:num-format="1" text:citation-body-style-name="Raised" text:start-numbering-at="document"/>
 <text:notes-configuration text:note-class="endnote" style:num-format="1" text:citation-body-style-name="Raised"/>
</office:styles>
<office:automatic-styles>
 <style:page-layout style:name="P"><style:page-layout-properties fo:page-width="{sheet.width}" fo:page-height="{sheet.height}" fo:margin="{sheet.margin}">{columns}{rule}</style:page-layout-properties>
 <style:header-style><style:header-footer-properties fo:margin-bottom="0.2in"/></style:header-style><style:footer-style><style:header-footer-properties fo:margin-top="0.2in"/></style:footer-style></style:page-layout>
</office:automatic-styles>
<office:master-styles><style:master-page style:name="Standard" style:page-layout-name="P">{head}{foot}</style:master-page></office:master-styles>
<office:body><office:text>{body}</office:text></office:body></office:document>
"""


def _inline(text: str) -> str:
    text = escape(text, quote=False)
    text = re.sub(r"\[\[([^\]|]+)\|([^\]]+)\]\]", r'<text:a xlink:type="simple" xlink:href="\2">\1</text:a>', text)
    text = re.sub(
        r"\[\[([^\]]+)\]\]",
        lambda match: (
            f'<text:a xlink:type="simple" xlink:href="{match[1] if "://" in match[1] else "https://" + match[1]}">{match[1]}</text:a>'
        ),
        text,
    )
    text = re.sub(r"(?<![\w*/])\*([^*<>]+)\*(?!\w)", r'<text:span text:style-name="Italic">\1</text:span>', text)
    return re.sub(r"\^(\d+)\^", r'<text:span text:style-name="Raised">\1</text:span>', text)


def convert(source: str, name: str, forms: Sequence[str], folder: Path) -> list[Path]:
    """Have LibreOffice typeset `source` as `name.form` in `folder`, for each form ("pdf", "docx", "odt", "epub")."""
    made = []
    with tempfile.TemporaryDirectory() as scratch:
        written = Path(scratch) / f"{name}.fodt"
        written.write_text(source, encoding="utf-8")
        for form in forms:
            command = [
                "soffice",
                f"-env:UserInstallation=file://{scratch}/profile",
                "--headless",
                "--convert-to",
                form,
                "--outdir",
                str(folder),
                str(written),
            ]
            subprocess.run(command, check=True, capture_output=True, timeout=180)
            made.append(folder / f"{name}.{form}")
    return made
