"""Small PDFs written by hand, byte by byte: text at places, links, pictures, fonts that tell nothing (ISO 32000-1)."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Sheet:
    """A page in the making; places are in points from the lower left corner."""

    width: int = 612
    height: int = 792
    turn: int = 0
    parts: list[str] = field(default_factory=list)
    links: list[tuple[float, float, float, float, str]] = field(default_factory=list)
    picture: bool = False

    def text(self, x: float, y: float, text: str, size: float = 11) -> Sheet:
        shown = text.replace("\\", "\\\\").replace("(", r"\(").replace(")", r"\)")
        self.parts.append(f"BT /F1 {size} Tf {x} {y} Td ({shown}) Tj ET")
        return self

    def lines(self, x: float, y: float, texts: list[str], size: float = 11, leading: float = 13) -> Sheet:
        for at, text in enumerate(texts):
            self.text(x, y - at * leading, text, size)
        return self

    def mark(self, x: float, y: float, mark: str, size: float = 11) -> Sheet:
        """A raised mark beside text of `size`."""
        return self.text(x, y + 0.35 * size, mark, 0.6 * size)

    def rule(self, x: float, y: float, length: float = 144) -> Sheet:
        self.parts.append(f"0.5 w {x} {y} m {x + length} {y} l S")
        return self

    def link(self, left: float, bottom: float, right: float, top: float, address: str) -> Sheet:
        self.links.append((left, bottom, right, top, address))
        return self


WIDTH = 0.5
"""About how wide a letter of Helvetica is, in its size; enough to place a mark after a text."""
_HELVETICA = "<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>"
UNMAPPED = (
    "<</Type/Font/Subtype/Type0/BaseFont/Hidden/Encoding/Identity-H/DescendantFonts[<</Type/Font/Subtype/CIDFontType2/BaseFont/Hidden"
    "/CIDSystemInfo<</Registry(Adobe)/Ordering(Identity)/Supplement 0>>/FontDescriptor<</Type/FontDescriptor/FontName/Hidden/Flags 4"
    "/FontBBox[0 0 1000 1000]/ItalicAngle 0/Ascent 800/Descent -200/CapHeight 700/StemV 80>>>>]>>"
)


def pdf(sheets: list[Sheet], font: str = _HELVETICA) -> bytes:
    """The file."""
    objects: list[bytes] = [b"", b"", font.encode()]  # catalogue, pages, font

    def add(body: bytes) -> int:
        objects.append(body)
        return len(objects)

    kids = []
    for sheet in sheets:
        content = "\n".join(sheet.parts).encode("cp1252")
        resources = "/Font<</F1 3 0 R>>"
        if sheet.picture:
            picture = add(
                b"<</Type/XObject/Subtype/Image/Width 1/Height 1/ColorSpace/DeviceGray/BitsPerComponent 8/Length 1>>stream\n\x80\nendstream"
            )
            content += b"\nq 400 0 0 600 50 50 cm /I1 Do Q"
            resources += f"/XObject<</I1 {picture} 0 R>>"
        stream = add(b"<</Length %d>>stream\n%s\nendstream" % (len(content), content))
        annotations = [
            add(
                f"<</Type/Annot/Subtype/Link/Rect[{left} {bottom} {right} {top}]/Border[0 0 0]/A<</S/URI/URI({address})>>>>".encode()
            )
            for left, bottom, right, top, address in sheet.links
        ]
        listed = " ".join(f"{number} 0 R" for number in annotations)
        kids.append(
            add(
                f"<</Type/Page/Parent 2 0 R/MediaBox[0 0 {sheet.width} {sheet.height}]/Rotate {sheet.turn}/Contents {stream} 0 R"
                f"/Resources<<{resources}>>/Annots[{listed}]>>".encode()
            )
        )
    objects[0] = b"<</Type/Catalog/Pages 2 0 R>>"
    objects[1] = f"<</Type/Pages/Count {len(kids)}/Kids[{' '.join(f'{kid} 0 R' for kid in kids)}]>>".encode()
    data = b"%PDF-1.7\n"
    places = []
    for number, body in enumerate(objects, 1):
        places.append(len(data))
        data += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    start = len(data)
    size = len(objects) + 1
    return data + b"xref\n0 %d\n0000000000 65535 f \n%strailer<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (
        size,
        table,
        size,
        start,
    )
