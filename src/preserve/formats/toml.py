"""TOML 1.0 texts that people or strangers wrote: whatever stands in one, it is read or refused as TOML, with the line.

`tomllib` goes down into nested values by calling itself, and leaves it to Python to refuse a number of thousands of digits; neither may end
a command. What either trips over is told as every other mistake is.
"""

from __future__ import annotations

import re
import tomllib
from typing import Any

_OPENING = re.compile(r"[\[{]")
_DIGITS = re.compile(r"\d{1000}")


def loads(text: str) -> dict[str, Any]:
    """The table in a text. Raises tomllib.TOMLDecodeError, whose words name the line."""
    try:
        return tomllib.loads(text)
    except RecursionError:
        deepest = max(text.split("\n"), key=lambda row: len(_OPENING.findall(row)))
        what, place = "nested too deeply", text.index(deepest)
    except tomllib.TOMLDecodeError:
        raise
    except ValueError as problem:
        if (found := _DIGITS.search(text)) is None:
            raise tomllib.TOMLDecodeError(str(problem)) from None
        what, place = "a number of too many digits", found.start()
    raise tomllib.TOMLDecodeError(f"{what} (at line {text.count(chr(10), 0, place) + 1}, column 1)")
