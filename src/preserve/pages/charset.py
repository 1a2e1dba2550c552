"""The bytes of a page as text: byte order mark, then the charset declared, then UTF-8, then a guess (WHATWG Encoding section 4.2 for labels).

A declaration is not believed where the bytes refute it: text outside ASCII that is well-formed UTF-8 throughout is UTF-8, whatever the
server says, and what is declared as UTF-8 and mostly is not, is guessed. Never raises; what cannot be read becomes U+FFFD.
"""

from __future__ import annotations

import codecs
import re

from preserve.model.pattern import pattern

_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_IN_HEADER = pattern(r"charset\s*=\s*[\"']?\s*([\w.:-]{2,40})", re.IGNORECASE)
_IN_PAGE = pattern(
    rb"""(?:<meta[^>]{0,200}?\bcharset\s*=\s*["']?|<\?xml[^>]{0,100}?\bencoding\s*=\s*["'])\s*([\w.:-]{2,40})""", re.IGNORECASE
)
_LABELS = {
    **dict.fromkeys(("iso-8859-1", "iso8859-1", "latin1", "latin-1", "ascii", "us-ascii", "x-user-defined"), "cp1252"),
    **dict.fromkeys(("iso-8859-9", "latin5"), "cp1254"),
    **dict.fromkeys(("gb2312", "gbk", "gb_2312-80", "x-gbk"), "gb18030"),
    **dict.fromkeys(("shift_jis", "shift-jis", "sjis", "x-sjis", "ms_kanji", "windows-31j"), "cp932"),
    **dict.fromkeys(("euc-kr", "ks_c_5601-1987", "korean", "windows-949"), "cp949"),
    **dict.fromkeys(("tis-620", "iso-8859-11", "windows-874"), "cp874"),
    **dict.fromkeys(("big5", "big5-hkscs", "x-x-big5"), "big5hkscs"),
    **dict.fromkeys(("iso-8859-8-i", "logical"), "iso-8859-8"),
    # A page cannot say in ASCII that it is not in ASCII (WHATWG HTML section 13.2.3.2).
    **dict.fromkeys(("utf-16", "utf-16le", "utf-16be", "unicode", "utf8"), "utf-8"),
}
_SINGLE = pattern(r"cp125\d|iso8859|cp874|koi8|mac")
_TAG = pattern(rb"<[^<>]{0,2000}>")
_NOT_LATIN = pattern("[\u0370-\u1dff\u2c00-\uffff]")
_GUESSED = 6000
"""Bytes of text that a guess is made from: more makes it slow, not better."""


def decode(data: bytes, content_type: str = "") -> tuple[str, str]:
    """The text and the name of the charset that gave it. `content_type` is the header's value."""
    for mark, codec in _MARKS:
        if data.startswith(mark):
            return data[len(mark) :].decode(codec, "replace"), codec
    said = _IN_HEADER.search(content_type)
    inside = _IN_PAGE.search(data[:4096])
    declared = (_codec(said[1]) if said else None) or (_codec(inside[1].decode("ascii", "replace")) if inside else None)
    if data.isascii() and (declared is None or not declared.startswith("iso2022")):
        return data.decode("ascii"), declared or "utf-8"
    if (strict := _utf8(data)) is not None and (declared is None or declared == "utf-8" or _SINGLE.match(declared)):
        return strict, "utf-8"
    if declared is not None and declared != "utf-8":
        text = data.decode(declared, "replace")
        if text.count("\ufffd") * 20 <= sum(not char.isascii() for char in text[:100_000]) or strict is None:
            return text, declared
    text = data.decode("utf-8", "replace")
    outside = sum(byte >= 0x80 for byte in data[:200_000])
    if text[:200_000].count("\ufffd") * 4 < outside:
        return text, "utf-8"  # a few broken bytes are damage, no other charset
    codec = _guess(data)
    return data.decode(codec, "replace"), codec


def _utf8(data: bytes) -> str | None:
    """The text when it is UTF-8 throughout, but for a character that the end cuts."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        return decoder.decode(data)
    except UnicodeDecodeError:
        return None


def _codec(label: str) -> str | None:
    label = label.strip().lower()
    try:
        info = codecs.lookup(_LABELS.get(label, label))
    except (LookupError, ValueError):
        return None
    # Python also registers codecs such as "zip" and "rot13", which are no charsets.
    return info.name if getattr(info, "_is_text_encoding", False) and info.name not in {"utf-7", "idna", "punycode"} else None


def _guess(data: bytes) -> str:
    from charset_normalizer import from_bytes  # noqa: PLC0415 - slow to import, and nearly every page declares its charset

    lines = (line for line in _TAG.sub(b" ", data[:400_000]).split(b"\n") if not line.isascii())
    sample = b"\n".join(lines)[:_GUESSED]
    best = from_bytes(sample).best() if sample else None
    if best is None or not _NOT_LATIN.search(str(best)):
        return "cp1252"  # guesses among the Latin code pages are a lottery, and this is what nearly all such pages are in
    return best.encoding
