"""Bytes to text: byte order mark, then the declared charset, then UTF-8, then a guess that is told.

A wrong charset turns names into rubbish but leaves addresses alone, so a guess is allowed; it is kept in Document.encoding and
said in its remarks. WHATWG Encoding section 4.2: `latin1` and `ascii` labels mean windows-1252 on the web.
"""

from __future__ import annotations

import codecs
import re

from preserve.model.noun import dataclass

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_DECLARED = re.compile(
    rb"""(?:<meta[^>]{0,200}?\bcharset\s*=\s*["']?|<\?xml[^>]{0,100}?\bencoding\s*=\s*["'])([\w.:-]{2,40})""", re.IGNORECASE
)
_PRINTED = frozenset("“”‘’„‚«»‹›–—…•§©®°±·¡¿ªº½¼¾€£¥¢×÷†‡™\u00a0\u00ad")
_ALIASES = {"iso-8859-1": "cp1252", "iso8859-1": "cp1252", "latin1": "cp1252", "us-ascii": "cp1252", "ascii": "cp1252"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoded:
    """Text, the codec that gave it, and what had to be assumed ("" when nothing)."""

    text: str
    encoding: str
    remark: str = ""


def decode(data: bytes) -> Decoded | None:
    """The text of `data`, or None when it is no text in any charset we know."""
    for mark, codec in _MARKS:
        if data.startswith(mark):
            marked = data[len(mark) :].decode(codec, "replace")
            return Decoded(text=marked, encoding=codec, remark=_damage(marked, codec))
    if (wide := _wide(data)) is not None:
        return Decoded(text=data.decode(wide, "replace"), encoding=wide, remark=f"no byte order mark: read as {wide}")
    if _binary(data):
        return None
    declared = _declared(data)
    if declared and (text := _try(data, declared)) is not None:
        return Decoded(text=text, encoding=declared)
    if (text := _try(data, "utf-8")) is not None:
        return Decoded(text=text, encoding="utf-8")
    return _guess(data)


def _declared(data: bytes) -> str | None:
    if not (found := _DECLARED.search(data[:4096])):
        return None
    label = found[1].decode("ascii").lower()
    try:
        info = codecs.lookup(_ALIASES.get(label, label))
    except LookupError:
        return None
    # Python also registers codecs such as "zip" and "rot13", which are no charsets.
    return info.name if getattr(info, "_is_text_encoding", False) and info.name not in {"utf-7", "idna", "punycode"} else None


def _try(data: bytes, codec: str) -> str | None:
    try:
        return data.decode(codec)
    except (UnicodeError, ValueError):
        return None


def _guess(data: bytes) -> Decoded | None:
    # A few broken bytes in a UTF-8 text (a cut download) are no reason to read all of it as something else.
    text = data.decode("utf-8", "replace")
    if (broken := text.count("\ufffd")) and broken * 200 < sum(byte >= 0x80 for byte in data):
        return Decoded(text=text, encoding="utf-8", remark=f"{broken} bytes are not UTF-8 and are shown as U+FFFD")
    from charset_normalizer import from_bytes  # noqa: PLC0415 - slow to import, and UTF-8 never needs it

    best = from_bytes(data[:100_000]).best()
    codec = best.encoding if best else "cp1252"
    # Guesses among the Latin code pages are a lottery; windows-1252 is what nearly all such files are.
    if _is_latin(data.decode(codec, "replace")) and (western := _try(data, "cp1252")) is not None and _is_latin(western):
        codec = "cp1252"
    text = data.decode(codec, "replace")
    return Decoded(text=text, encoding=codec, remark=f"no charset is declared: read as {codec} by its bytes")


def _is_latin(text: str) -> bool:
    """Whether the characters outside ASCII are Latin letters and the punctuation of printed text, nearly all."""
    odd = [char for char in text[:100_000] if not char.isascii()]
    good = sum(char in _PRINTED or ("À" <= char <= "ſ" and char.isalpha()) for char in odd)
    return good >= 0.9 * len(odd)


def _damage(text: str, codec: str) -> str:
    return f"some bytes are not valid {codec} and are shown as U+FFFD" if "\ufffd" in text else ""


def _wide(data: bytes) -> str | None:
    """UTF-16 without a mark: every other byte of mostly Latin text is zero."""
    head = data[:2000]
    if len(head) < 8 or not 0.35 < head.count(0) / len(head) < 0.6:
        return None
    for codec, zeros in (("utf-16-le", head[1::2]), ("utf-16-be", head[0::2])):
        if zeros.count(0) > 0.7 * len(zeros):
            return codec
    return None


def _binary(data: bytes) -> bool:
    """Control characters that no text has, many of them; a NUL in the first kilobytes is enough."""
    head = data[:8192]
    odd = sum(head.count(byte) for byte in b"\x01\x03\x04\x05\x06\x07\x0e\x0f\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19")
    return b"\0" in head or odd * 50 > len(head)
