"""QR codes (ISO/IEC 18004) of short texts: keys and fingerprints, to be read by a telephone instead of typed."""

from __future__ import annotations

import io

import segno


def blocks(text: str) -> str:
    """The code in block characters, with its quiet zone: for a terminal, and for a printer that knows them."""
    out = io.StringIO()
    segno.make(text, error="m", micro=False).terminal(out, compact=True, border=2)
    return out.getvalue().rstrip("\n")


def picture(text: str) -> bytes:
    """The code as an SVG file."""
    out = io.BytesIO()
    segno.make(text, error="m", micro=False).save(out, kind="svg", scale=4, border=4)
    return out.getvalue()
