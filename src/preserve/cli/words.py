"""Words that get signed, as they come from the command line: refused before anything is done where they could not be written down.

A terminal that is not set to UTF-8 hands over bytes that are no text (an ü of Latin-1), and a manifest or a statement holds text alone.
"""

from __future__ import annotations

import click
from click.types import StringParamType

_LONGEST = 4_000
"""Characters."""
_LARGEST = 15_000
"""Bytes in signed text, which is ASCII: a statement with three of them is an entry of the log, which has at most 65,535 bytes."""


class _Words(StringParamType):
    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        try:
            value.encode("utf-8")
        except UnicodeEncodeError:
            plain = value.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
            self.fail(f"{plain!r:.200} is not UTF-8; is the terminal set to another encoding?", param, ctx)
        if len(value) > _LONGEST:
            self.fail(f"{len(value)} characters, and {_LONGEST} are the most", param, ctx)
        from preserve.formats import strictjson

        if (size := len(strictjson.encode_line(value)) - 2) > _LARGEST:  # without its quotes
            self.fail(f"{size} bytes as it is signed, and {_LARGEST} are the most", param, ctx)
        return value


WORDS = _Words()
"""For `click.option(type=…)` of a name, a reason, a reference."""
