"""Links with their relations, as an HTTP Link header (RFC 8288 section 3) and a TimeMap (RFC 7089 section 5, RFC 6690) write them.

    <http://a.example/>; rel="original", <http://arc.example/2019/http://a.example/>; rel="first memento"; datetime="Tue, 01 Jan 2019 …"

Reading is lenient: what is no link is passed over, for an archive's oddities must not hide what it has. Parameters are told apart
without regard to case, and of two alike the first counts (RFC 8288 section 3.4.1). Times are HTTP dates (RFC 9110 section 5.6.7).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from preserve.formats import times
from preserve.model.noun import dataclass
from preserve.model.pattern import pattern

_TARGET = pattern(r"[\s,]*<([^<>]*)>")
_PARAMETER = pattern(r'\s*;\s*([!#$%&\'*+.^_`|~0-9A-Za-z-]+)(?:\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s",;<>]*)))?', re.DOTALL)
_ESCAPE = pattern(r"\\(.)", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """One link: where it leads, as it is written, and its parameters in order, names in lower case."""

    target: str
    parameters: tuple[tuple[str, str], ...] = ()

    def parameter(self, name: str) -> str:
        """The first parameter of that name, "" when there is none."""
        return next((value for key, value in self.parameters if key == name), "")

    @property
    def relations(self) -> frozenset[str]:
        """What it is to the page it stands with: "original", "timemap", "memento", "first"…"""
        return frozenset(self.parameter("rel").lower().split())


def parse(text: str, most: int = 100_000) -> tuple[Link, ...]:
    """The links of a header or a TimeMap, at most `most`."""
    return tuple(link for _, link in zip(range(most), _links(text), strict=False))


def _links(text: str) -> Iterator[Link]:
    at = 0
    while True:
        found = _TARGET.match(text, at)
        if found is None:
            at = text.find("<", at + 1)
            if at < 0:
                return
            continue
        at = found.end()
        parameters = []
        while (each := _PARAMETER.match(text, at)) is not None:
            value = each[3] or "" if each[2] is None else _ESCAPE.sub(r"\1", each[2])
            parameters.append((each[1].lower(), value))
            at = each.end()
        yield Link(target=found[1].strip(), parameters=tuple(parameters))


def encode(links: Iterable[Link]) -> str:
    """The links in link-format, one a line; each parameter's value is quoted."""

    def one(link: Link) -> str:
        quoted = (f'; {name}="{_quoted(value)}"' for name, value in link.parameters)
        return f"<{link.target}>{''.join(quoted)}"

    return ",\n".join(map(one, links))


def _quoted(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"')


def http_date(text: str) -> datetime | None:
    """The time that an HTTP date names; None when it is none, or names no zone."""
    try:
        moment = times.http_date(text)
    except ValueError:
        return None
    return moment.astimezone(UTC) if moment.tzinfo is not None and moment.year > 1 else None


def to_http_date(moment: datetime) -> str:
    """The HTTP date of a time: "Tue, 01 Jan 2019 00:00:00 GMT"."""
    from email.utils import format_datetime  # noqa: PLC0415 -- it loads a library of mail, and few ask archives

    return format_datetime(moment.astimezone(UTC).replace(microsecond=0), usegmt=True)
