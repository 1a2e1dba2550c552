"""The policy for witnesses: a file named on the command line, else `policy` in the user's configuration folder."""

from __future__ import annotations

from pathlib import Path

from preserve.errors import ConfigError, FormatError, UsageError
from preserve.formats import policy
from preserve.rules.verify_witness import Demand

NAME = "policy"


def read_demand(config: Path, given: Path | None = None) -> Demand | None:
    """What is asked of witnesses: needed where `given` says so, else information; None when there is no policy.

    Raises UsageError for a given file, ConfigError for the user's own, when it cannot be read or says what no policy can.
    """
    path, wrong = (config / NAME, ConfigError) if given is None else (given, UsageError)
    try:
        with path.open("rb") as file:
            data = file.read(policy.MAX_SIZE + 1)
        return Demand(policy=policy.parse(data), needed=given is not None)
    except FileNotFoundError:
        if given is None:
            return None
        raise wrong(f"{path}: no such file") from None
    except FormatError as problem:
        raise wrong(f"{path}: {problem.message}", "docs/formats/policy.md says what may stand in it") from None
    except OSError as problem:
        raise wrong(f"{path}: {problem.strerror}") from problem
