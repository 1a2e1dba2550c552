"""Text from outside, made safe to show: nothing in a page title or a manifest may steer the terminal that prints it.

Control characters (C0, C1, DEL), bidirectional controls (Unicode Standard Annex #9), zero-width and other format characters,
line and paragraph separators, surrogates and private-use characters are shown as `\\u{202e}`, never sent.
"""

from __future__ import annotations

import unicodedata

_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def printable(text: str) -> str:
    """`text` on one line with every character that could act rather than show replaced by its escape."""
    if text.isprintable():
        return text  # what Unicode calls "Other" and "Separator" is not, but for the space: more than is hidden here
    return "".join(f"\\u{{{ord(char):x}}}" if unicodedata.category(char) in _HIDDEN else char for char in text)
