"""What a person is told of scheduled captures: events, and the digest that carries them. Who is told: the receivers.

An event is a change or a need. A run in which nothing changed has none, and then nobody hears anything.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from pathlib import PurePath

from preserve.model.noun import dataclass


class Kind(StrEnum):
    """What happened."""

    FAILED = "failed"
    """No usable response now, where there was one or nothing was known."""
    RECOVERED = "recovered"
    """A usable response again."""
    VERDICT = "verdict"
    """The page is worth something else than before; or, the first time, less than it should be."""
    CHANGED = "changed"
    """The page holds something else than before."""
    DOCUMENT = "document"
    """A document was written anew, and its citations were read again."""
    PROBLEM = "problem"
    """Something stands in a schedule's way."""
    SOLVED = "solved"
    """It does no more."""


NEED_A_PERSON = frozenset({Kind.FAILED, Kind.VERDICT, Kind.PROBLEM})


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One thing to tell. `subject` is an address, a document or the schedule itself; `before` and `after` say what was and is.

    `cited_by` are the places that cite it, as (document, locator); `attention` says that a person should look.
    """

    kind: Kind
    schedule: str
    subject: str
    before: str = ""
    after: str = ""
    reason: str = ""
    run: str | None = None
    cited_by: tuple[tuple[str, str | None], ...] = ()
    attention: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Undelivered:
    """A digest that did not reach somebody: when it was tried last, and why it failed."""

    receiver: str
    at: datetime
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Digest:
    """One message about one archive. `archive` is its folder's name, `archive_id` None before the first capture made it one."""

    archive: str
    archive_id: str | None
    at: datetime
    events: tuple[Event, ...]
    undelivered: tuple[Undelivered, ...] = ()

    @property
    def needs_a_person(self) -> bool:
        return any(event.attention for event in self.events)


# ---------------------------------------------------------------------------------------------------------------- receivers


@dataclass(frozen=True, slots=True, kw_only=True)
class ToCommand:
    """A program that gets the digest as JSON on its standard input; `command` is its argument list, no shell in between."""

    name: str
    command: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ToWebhook:
    """An address that gets the digest as JSON by POST, signed with the secret that `secret_file` holds."""

    name: str
    url: str
    secret_file: PurePath


class MailSecurity(StrEnum):
    """How the way to the mail server is protected."""

    STARTTLS = "starttls"
    TLS = "tls"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class ToMail:
    """A mail server that takes the digest as a letter. `user` and `password_file` stand together or not at all."""

    name: str
    host: str
    port: int
    security: MailSecurity
    sender: str
    to: tuple[str, ...]
    user: str | None = None
    password_file: PurePath | None = None


Receiver = ToCommand | ToWebhook | ToMail
