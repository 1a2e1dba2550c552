"""TeX's own signs as the characters that they print: what LaTeX documents and BibTeX entries share.

Sources: the LaTeX2e manual (latexref), sections "Special insertions" and "Accents"; hyperref's manual for addresses.
"""

from __future__ import annotations

import re
import unicodedata

SYMBOLS = {
    "ss": "ß", "ae": "æ", "AE": "Æ", "oe": "œ", "OE": "Œ", "o": "ø", "O": "Ø", "l": "ł", "L": "Ł", "aa": "å", "AA": "Å", "i": "ı",
    "j": "ȷ", "S": "§", "P": "¶", "dag": "†", "ddag": "‡", "copyright": "©", "pounds": "£", "euro": "€", "ldots": "…", "dots": "…",
    "textellipsis": "…", "textendash": "–", "textemdash": "—", "textquotedblleft": "“", "textquotedblright": "”", "textquoteleft": "‘",
    "textquoteright": "’", "lq": "‘", "rq": "’", "og": "«", "fg": "»", "guillemotleft": "«", "guillemotright": "»", "glqq": "„",
    "grqq": "“", "textasciitilde": "~", "textasciicircum": "^", "textbackslash": "\\", "textunderscore": "_", "_": "_", "textless": "<",
    "textgreater": ">", "textbar": "|", "slash": "/", "TeX": "TeX", "LaTeX": "LaTeX", "BibTeX": "BibTeX", "textdegree": "°", "quad": " ",
    "qquad": " ", "space": " ", "par": " ", "newline": " ", "linebreak": " ", "newblock": " ", "textbullet": "•", "textregistered": "®",
    "texttrademark": "™", "textasteriskcentered": "*", "nobreakspace": " ", "textquotesingle": "'", "textnumero": "№", "sim": "~",
}  # fmt: skip
"""Commands that print a character."""
ESCAPED = {
    "%": "%",
    "#": "#",
    "&": "&",
    "_": "_",
    "$": "$",
    "{": "{",
    "}": "}",
    " ": " ",
    "\n": "\n",
    ",": " ",
    ";": " ",
    ":": " ",
}
"""A backslash and one of these; other signs after a backslash print nothing."""
ACCENTS = {
    "`": "\u0300", "'": "\u0301", "^": "\u0302", "~": "\u0303", "=": "\u0304", "u": "\u0306", ".": "\u0307", '"': "\u0308",
    "r": "\u030a", "H": "\u030b", "v": "\u030c", "c": "\u0327", "k": "\u0328", "d": "\u0323", "b": "\u0331",
}  # fmt: skip
ACCENT = re.compile(
    r"\\(?:(?P<sign>[`'^~=.\"])\s*|(?P<letter>[urHvckdb])(?:\s+|(?=[{\\])))"
    r"(?:\{\s*(?:\\(?P<dotless1>[ij])|(?P<in>[^\W\d_]))\s*\}|\\(?P<dotless2>[ij])(?![A-Za-z])(?:\s|\{\})?|(?P<bare>[^\W\d_]))"
)
_IN_ADDRESS = re.compile(
    r"%[ \t]*\n\s*|\s+|\\(?:allowbreak|linebreak|string|discretionary|penalty\d*|-|/)(?![A-Za-z])\s*(?:\{\})*|"
    r"\\(?P<name>textasciitilde|textunderscore|textasciicircum|sim|slash|_)(?![A-Za-z])\s*(?:\{\})?|\\~\{\}|\$\\sim\$|\\(?P<sign>[%#&_$~^{}\\])|\{\}"
)


def accented(match: re.Match[str]) -> str:
    """The letter that an ACCENT prints."""
    letter = match["in"] or match["bare"] or match["dotless1"] or match["dotless2"]
    return unicodedata.normalize("NFC", letter + ACCENTS[match["sign"] or match["letter"]])


def address(written: str) -> str:
    r"""What `\url{written}` leads to: TeX's escapes undone, its line ends and places to break dropped; no other change."""

    def undone(match: re.Match[str]) -> str:
        if match["name"]:
            return SYMBOLS[match["name"]]
        if match["sign"]:
            return match["sign"]
        return "~" if "~" in match[0] or "sim" in match[0] else ""

    return _IN_ADDRESS.sub(undone, written.strip())
