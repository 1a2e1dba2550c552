"""Where a capture is archived, in the words of style manuals. Pure: a capture's facts in, strings out.

    The Bluebook (22nd ed. 2025), rule 18.2.1(d)   the archived address in brackets after the address
    OSCOLA (4th ed.), 3.1.4 and 3.4.8              <address> accessed DATE, archived at <address>
    The Chicago Manual of Style (18th ed.), 14.104 address, archived DATE, at ARCHIVE, archived address

OSCOLA has no form for archives of the web in its 4th edition: its form for the web is kept and the archive put behind it. What comes
before the address in a citation (author, title) is the writer's. Where nobody serves the capture under an address, the archive's id
and the hash of the run's SEAL stand in its place: they name exactly one sealed run.
"""

from __future__ import annotations

from datetime import date, datetime
from html import escape
from typing import Final

from preserve.formats.printable import printable
from preserve.formats.url import BadUrl, parse
from preserve.model.noun import dataclass

_MONTHS: Final = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchivedAt:
    """The strings of one capture. `location` is what stands for the archived copy, an address or not (`is_address`)."""

    location: str
    is_address: bool
    bluebook: str
    oscola: str
    chicago: str
    robust_link: str

    def items(self) -> tuple[tuple[str, str], ...]:
        """(manual, string), for a person."""
        return (
            ("Bluebook", self.bluebook),
            ("OSCOLA", self.oscola),
            ("Chicago", self.chicago),
            ("Robust Link", self.robust_link),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Import:
    """That a capture is a third party's: who imported it, and when that was sealed."""

    by: str | None
    at: datetime


def archived_at(
    *,
    url: str,
    captured: datetime,
    archive: str,
    seal_sha256: str,
    prefix: str | None = None,
    label: str | None = None,
    imported: Import | None = None,
) -> ArchivedAt:
    """The strings for a capture of `url` that ended at `captured`, in the run whose SEAL has that hash.

    `prefix` is where its user serves the archive: the capture's time (14 digits, UTC) and the address follow it, as pywb and the
    Wayback Machine have it. `label` is what a link is written over; the address where it is None. Of what was `imported` no string says
    that it was archived or seen at a time: they say who brought it in, and when.
    """
    parsed = parse(url)
    if isinstance(parsed, BadUrl):
        address, served = printable(url), None
    else:
        # As it was cited, with its fragment; another spelling only where that one would not show or not lead anywhere.
        plain = url.isascii() and url.isprintable() and url.lower().startswith(("http://", "https://"))
        address = url if plain else parsed.address
        served = None if prefix is None else f"{prefix}{captured:%Y%m%d%H%M%S}/{parsed.address}"
    name = f"{archive}, SEAL sha256:{seal_sha256}"
    day = captured.date()
    if imported is not None:
        return _imported(address, served, name, archive, label, imported, live=not isinstance(parsed, BadUrl))
    return ArchivedAt(
        location=served or name,
        is_address=served is not None,
        bluebook=f"{address} [{served or f'archived {_american(day)}, {name}'}]",
        oscola=f"<{address}> accessed {_british(day)}, archived at {f'<{served}>' if served else name}",
        chicago=f"{address}, archived {_american(day)}, at {f'{archive}, {served}' if served else name}.",
        robust_link=_robust_link(address, served, captured, label, live=not isinstance(parsed, BadUrl)),
    )


def _imported(
    address: str, served: str | None, name: str, archive: str, label: str | None, imported: Import, *, live: bool
) -> ArchivedAt:
    """The same of a third party's capture: its time is another's word, and stands in none of them but the served address."""
    by, day = f" by {printable(imported.by)}," if imported.by else "", imported.at.date()
    return ArchivedAt(
        location=served or name,
        is_address=served is not None,
        bluebook=f"{address} [third-party capture, imported{by} {_american(day)}, {served or name}]",
        oscola=f"<{address}> third-party capture, imported{by} {_british(day)}, held at {f'<{served}>' if served else name}",
        chicago=f"{address}, third-party capture, imported{by} {_american(day)}, at {f'{archive}, {served}' if served else name}.",
        robust_link=_robust_link(address, served, None, label, live=live),
    )


def _robust_link(address: str, served: str | None, captured: datetime | None, label: str | None, *, live: bool) -> str:
    """An anchor as Robust Links has it (https://robustlinks.mementoweb.org/spec/, section 2); plain text for no web address."""
    shown = escape(printable(label or address))
    if not live:
        return shown
    version = f' data-versionurl="{escape(served)}"' if served else ""
    link = escape(address)
    date = "" if captured is None else f' data-versiondate="{captured:%Y-%m-%d}"'
    return f'<a href="{link}" data-originalurl="{link}"{version}{date}>{shown}</a>'


def _american(day: date) -> str:
    return f"{_MONTHS[day.month - 1]} {day.day}, {day.year}"


def _british(day: date) -> str:
    return f"{day.day} {_MONTHS[day.month - 1]} {day.year}"
