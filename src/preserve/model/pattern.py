"""Regular expressions that are compiled when they are first asked something.

A command loads many modules of which it asks little: to compile all of their expressions took a twentieth of what a short run costs, and
most were never used. For a type checker `pattern` *is* `re.compile`; what is wrong with an expression is told when it is first used.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

__all__ = ["pattern"]

_METHODS: Final = ("finditer", "findall", "fullmatch", "match", "search", "split", "sub", "subn")

if TYPE_CHECKING:
    from re import compile as pattern
else:

    class pattern:  # noqa: N801 - it stands where `re.compile` would
        """`re.compile(source, flags)`, later."""

        __slots__ = ("_flags", "_source", *_METHODS)

        def __init__(self, source: str | bytes, flags: int = 0) -> None:
            self._source = source
            self._flags = flags

        def __getattr__(self, name: str) -> Any:
            """Only asked for what is not there yet: the methods, before the first of them is used, and the rest of a pattern."""
            if name.startswith("_"):  # what copying and pickling ask for, of one that has nothing yet
                raise AttributeError(name)
            compiled = re.compile(self._source, self._flags)
            for method in _METHODS:
                setattr(self, method, getattr(compiled, method))
            return getattr(compiled, name)
