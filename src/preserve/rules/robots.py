"""What a host's robots.txt says of an address (RFC 9309). Pure: the flow asks for the file, this reads it."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final

from preserve.errors import FormatError

if TYPE_CHECKING:
    from protego import Protego

_LONG: Final = 1 << 16
"""Characters of a robots.txt from which an event loop would notice that it is read."""


class Robots(StrEnum):
    """How robots.txt counts, in the words of `--robots`."""

    RECORD = "record"
    """It is asked for and kept, its answer noted; the cited page is fetched as a reader would."""
    OBEY = "obey"
    """What it forbids is refused."""
    IGNORE = "ignore"
    """It is not asked for."""


class Answer:
    """A host's answer: `status` of robots.txt (None when there was no answer) and its text."""

    __slots__ = ("_rules", "_status", "text")

    def __init__(self, status: int | None, text: str) -> None:
        self._status = status
        self.text = text
        self._rules: Protego | None = None

    @property
    def long(self) -> bool:
        """Whether it takes a while to read, and to hold an address against: milliseconds, or tenths of a second where somebody means ill."""
        return len(self.text) > _LONG

    @property
    def unreachable(self) -> bool:
        """RFC 9309 section 2.3.1.4: a server error or no answer counts as "disallow everything"."""
        return self._status is None or self._status >= 500

    def allows(self, address: str, agent: str) -> bool:
        """Whether a crawler that obeys may fetch this address."""
        if self._status is not None and 200 <= self._status < 300:
            if self._rules is None:
                self._rules = _rules(self.text)
            return bool(self._rules.can_fetch(address, agent))
        return not self.unreachable

    def refusal(self, address: str, agent: str) -> str:
        """Why a crawler that obeys does not fetch it; empty when it may."""
        if self.allows(address, agent):
            return ""
        return "robots.txt could not be read" if self.unreachable else "robots.txt asks not to fetch it"

    def dump(self) -> str:
        """One line to keep in the journal."""
        return f"{'' if self._status is None else self._status}\n{self.text}"

    @classmethod
    def load(cls, kept: str) -> Answer:
        """What `dump` kept."""
        status, newline, text = kept.partition("\n")
        if not newline:
            raise FormatError("not a kept answer of robots.txt")
        return cls(int(status) if status else None, text)


def _rules(text: str) -> Protego:
    from protego import Protego  # noqa: PLC0415 -- a run that asks for no robots.txt starts faster without

    return Protego.parse(text.removeprefix("\ufeff"))
