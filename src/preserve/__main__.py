"""Where every command begins: `preserve`, and `python -m preserve`, which is the same."""

from __future__ import annotations

import gc
from typing import NoReturn

_BETWEEN_COLLECTIONS = 50_000
"""Objects made until the collector of reference cycles looks again: to begin makes many, all of which stay, and a command hardly any cycle."""


def main() -> NoReturn:
    """Run the command line and exit with a code of ExitCode."""
    gc.set_threshold(_BETWEEN_COLLECTIONS)
    from preserve.cli import main as run  # noqa: PLC0415 -- many of those objects are made by this line

    run()


if __name__ == "__main__":
    main()
