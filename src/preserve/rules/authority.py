"""Which time-stamp authorities are asked: `[NAME=]URL` taken apart, and given a name that can be a file's.

The name stands in signed manifests, in file names and in the verifier's trust store, so it is fixed once: what the user says, else
the host, with its port where the address prints one.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from preserve.errors import UsageError
from preserve.formats.signedparts import AUTHORITY
from preserve.formats.url import BadUrl, Url, parse
from preserve.model.settings import Authority

_NAMED = re.compile(r"([^=:/?#]*)=(.*)", re.DOTALL)
_HINT = "write [NAME=]URL, for example --tsa example=http://tsa.example/tsr"


def parse_authority(text: str) -> Authority:
    """The authority that `[NAME=]URL` names. Raises UsageError."""
    named = _NAMED.fullmatch(text)
    url = named[2] if named else text
    parsed = check_url(url)
    name = named[1] if named else default_name(url, parsed)
    return Authority(name=check_name(name), url=url)


def check_url(url: str) -> Url:
    """The address of an authority, taken apart; UsageError when it cannot be asked."""
    if "@" in url.partition("//")[2].partition("/")[0]:
        raise UsageError(
            "the address of a time-stamp authority holds a user or a password",
            "put them into config.toml as user and password_file: addresses are shown, passwords are not",
        )
    parsed = parse(url)
    if isinstance(parsed, BadUrl) or not re.match("https?://", url, re.IGNORECASE):
        raise UsageError(f"{url!r} is not the address of a time-stamp authority", _HINT)
    return parsed


def check_name(name: str) -> str:
    """`name`, when an authority can be called that; else UsageError."""
    if not AUTHORITY.fullmatch(name):
        raise UsageError(
            f"{name!r} cannot be an authority's name",
            "it is a file's name: a-z, 0-9, '.', '_' and '-', not beginning with a mark or with start-",
        )
    return name


def default_name(url: str, parsed: Url) -> str:
    """The host, with `-port` where the address prints one, made to fit."""
    place = url.partition("//")[2]
    place = re.split(r"[/?#\\]", place, maxsplit=1)[0].rpartition("@")[2]
    printed = re.search(r":(\d+)$", place)
    name = parsed.hostname.lower() + (f"-{printed[1]}" if printed else "")
    name = re.sub(r"[^a-z0-9._-]+", "-", name).strip("-._")[:100]
    return f"tsa-{name}"[:100] if name.startswith("start-") or not name else name


def distinct(authorities: Sequence[Authority]) -> tuple[Authority, ...]:
    """`authorities`, when no two have one name; else UsageError."""
    for name, count in Counter(authority.name for authority in authorities).items():
        if count > 1:
            raise UsageError(f"two time-stamp authorities are called {name}", "give them names: --tsa NAME=URL")
    return tuple(authorities)
