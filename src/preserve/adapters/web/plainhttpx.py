"""httpx without the command line that its package brings along.

`import httpx` looks for that program, and where click and rich are installed (they are) loads a terminal's worth of modules: a third of
what a capture's start costs. It is meant to be absent where those are absent, so it is made to look absent.
"""

from __future__ import annotations

import sys

_CLI = "httpx._main"

if "httpx" not in sys.modules:
    sys.modules[_CLI] = None  # type: ignore[assignment] # an import of it then fails, which httpx takes for "not installed"
    try:
        import httpx
    finally:
        del sys.modules[_CLI]
else:
    import httpx

__all__ = ["httpx"]
