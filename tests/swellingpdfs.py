"""Small PDFs that are large to whoever reads them (ISO 32000-1 section 8.10: a form may draw other forms, any number of times)."""

from __future__ import annotations


def forms(*, levels: int, each: int) -> bytes:
    """A page that draws a form, which draws another `each` times, and so on for `levels`: one word, `each ** levels` times."""
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 600 800]/Contents 4 0 R/Resources<</XObject<</F 6 0 R>>>>>>",
        _stream(b"", b"/F Do " * each),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    ]
    for level in range(1, levels):
        resources = b"/Resources<</XObject<</F %d 0 R>>>>" % (6 + level)
        objects.append(_stream(b"/Type/XObject/Subtype/Form/BBox[0 0 600 800]" + resources, b"/F Do " * each))
    word = _stream(
        b"/Type/XObject/Subtype/Form/BBox[0 0 600 800]/Resources<</Font<</A 5 0 R>>>>", b"BT /A 10 Tf 10 700 Td (water) Tj ET"
    )
    return file([*objects, word])


def file(objects: list[bytes]) -> bytes:
    """A PDF of these objects, the first of them its catalogue."""
    out, places = bytearray(b"%PDF-1.7\n"), []
    for number, body in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%b\nendobj\n" % (number, body)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % place for place in places)
    return bytes(out) + b"trailer <</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, start)


def _stream(entries: bytes, data: bytes) -> bytes:
    return b"<<%b/Length %d>>stream\n%b\nendstream" % (entries, len(data), data)
