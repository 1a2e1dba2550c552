"""Packages (ZIP files of parts) made for tests: DOCX, ODT and EPUB from the XML that matters to a test."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping

W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships" xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006" xmlns:wps="urn:w"'
_RELATIONS = "http://schemas.openxmlformats.org/package/2006/relationships"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_ODF = "urn:oasis:names:tc:opendocument:xmlns"
O = f'xmlns:office="{_ODF}:office:1.0" xmlns:text="{_ODF}:text:1.0" xmlns:style="{_ODF}:style:1.0" xmlns:draw="{_ODF}:drawing:1.0" xmlns:xlink="http://www.w3.org/1999/xlink"'  # noqa: E741 - O for OpenDocument


def packed(parts: Mapping[str, str | bytes], *, stored: bool = False) -> bytes:
    """A ZIP file of these parts, in their order."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as made:
        for name, data in parts.items():
            made.writestr(zipfile.ZipInfo(name), data, compress_type=zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED)
    return out.getvalue()


def run(text: str, properties: str = "") -> str:
    return f'<w:r><w:rPr>{properties}</w:rPr><w:t xml:space="preserve">{text}</w:t></w:r>'


def para(*content: str, properties: str = "") -> str:
    return f"<w:p><w:pPr>{properties}</w:pPr>{''.join(content)}</w:p>"


def foot(number: int, kind: str = "footnote") -> str:
    return f'<w:r><w:{kind}Reference w:id="{number}"/></w:r>'


def docx_parts(
    body: str,
    footnotes: Mapping[int, str] | None = None,
    endnotes: Mapping[int, str] | None = None,
    links: Mapping[str, str] | None = None,
    **others: str,
) -> dict[str, str | bytes]:
    """The parts of a DOCX; notes are their paragraphs, `others` are whole parts such as `numbering`."""
    stories = {"footnotes": footnotes, "endnotes": endnotes}
    relations = [f'<Relationship Id="rId{name}" Type="{_OFFICE}/{name}" Target="{name}.xml"/>' for name in (*stories, *others)]
    external = [
        f'<Relationship Id="{key}" Type="{_OFFICE}/hyperlink" Target="{href}" TargetMode="External"/>'
        for key, href in (links or {}).items()
    ]
    parts: dict[str, str | bytes] = {
        "[Content_Types].xml": "<Types/>",
        "_rels/.rels": f'<Relationships xmlns="{_RELATIONS}"><Relationship Id="rId1" Type="{_OFFICE}/officeDocument" Target="word/document.xml"/></Relationships>',
        "word/document.xml": f"<w:document {W}><w:body>{body}</w:body></w:document>",
        "word/_rels/document.xml.rels": f'<Relationships xmlns="{_RELATIONS}">{"".join(relations + external)}</Relationships>',
    }
    for name, notes in stories.items():
        kind = name[:-1]
        own = "".join(f'<w:{kind} w:id="{number}">{text}</w:{kind}>' for number, text in (notes or {}).items())
        parts[f"word/{name}.xml"] = f'<w:{name} {W}><w:{kind} w:type="separator" w:id="-1"><w:p/></w:{kind}>{own}</w:{name}>'
        parts[f"word/_rels/{name}.xml.rels"] = f'<Relationships xmlns="{_RELATIONS}">{"".join(external)}</Relationships>'
    for name, text in others.items():
        parts[f"word/{name}.xml"] = f"<w:{name} {W}>{text}</w:{name}>"
    return parts


def docx(
    body: str,
    footnotes: Mapping[int, str] | None = None,
    endnotes: Mapping[int, str] | None = None,
    links: Mapping[str, str] | None = None,
    **others: str,
) -> bytes:
    return packed(docx_parts(body, footnotes, endnotes, links, **others))


def odt(text: str, styles: str = "", **others: str) -> bytes:
    content = f"<office:document-content {O}><office:automatic-styles>{styles}</office:automatic-styles><office:body><office:text>{text}</office:text></office:body></office:document-content>"
    return packed(
        {
            "mimetype": "application/vnd.oasis.opendocument.text",
            "content.xml": content,
            **{f"META-INF/{name}.xml": data for name, data in others.items()},
        }
    )


def epub(pages: Mapping[str, str], **others: str) -> bytes:
    """A book of these pages (name: content of its body) in their order."""
    items = "".join(f'<item id="i{at}" href="{name}" media-type="application/xhtml+xml"/>' for at, name in enumerate(pages))
    spine = "".join(f'<itemref idref="i{at}"/>' for at in range(len(pages)))
    return packed(
        {
            "mimetype": "application/epub+zip",
            "META-INF/container.xml": '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles><rootfile full-path="OEBPS/book.opf"/></rootfiles></container>',
            "OEBPS/book.opf": f'<package xmlns="http://www.idpf.org/2007/opf"><manifest>{items}</manifest><spine>{spine}</spine></package>',
            **{
                f"OEBPS/{name}": f'<?xml version="1.0" encoding="UTF-8"?><html xmlns="http://www.w3.org/1999/xhtml" xmlns:epub="http://www.idpf.org/2007/ops"><head><title/></head><body>{body}</body></html>'
                for name, body in pages.items()
            },
            **{f"META-INF/{name}.xml": data for name, data in others.items()},
        }
    )
