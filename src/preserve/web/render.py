"""How templates print: every value made printable, then escaped; what is missing is an error, never an empty place. And how Markdown is quoted."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable
from datetime import datetime
from functools import cache
from importlib import resources

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from preserve.formats.printable import printable
from preserve.formats.publickey import fingerprint_groups
from preserve.formats.times import rfc3339
from preserve.formats.url import BadUrl, parse
from preserve.model.report import State
from preserve.web.compiled import Compiled, printed

STYLE = "preserve.css"
_GROUP = 16
"""Characters of a hash between two places where a line may break."""
_SPECIAL = re.compile(r"[\\`*_{}\[\]<>#|~&!]")
"""What means something in Markdown, or in the HTML in it."""
_STATES = {
    State.CAPTURED: "captured",
    State.THIRD_PARTY: "third-party",
    State.DOUBTFUL: "doubtful",
    State.NOT_CAPTURED: "not captured",
    State.ALTERED: "altered",
    State.REMOVED: "removed",
}


def asset(name: str) -> str:
    """A file that belongs to the pages."""
    return (resources.files("preserve.web") / "assets" / name).read_text(encoding="utf-8")


@cache
def policy() -> str:
    """The Content-Security-Policy of every page: its own style sheet, the one script, and nothing else from anywhere.

    A page opened from the disk is an origin of its own for some browsers, so `file:` stands beside `'self'`.
    """
    digest = base64.b64encode(hashlib.sha256(_script().encode()).digest()).decode()
    return f"default-src 'none'; style-src 'self' file:; script-src 'sha256-{digest}'; img-src 'none'; base-uri 'none'; form-action 'none'"


@cache
def _script() -> str:
    return asset("filter.js")


def environment(**helpers: Callable[..., Markup]) -> Environment:
    """What templates are read with; `helpers` are what they may call."""
    found = Compiled(
        loader=PackageLoader("preserve.web", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=printed,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        auto_reload=False,
    )
    found.filters |= {
        "moment": moment,
        "day": day,
        "digits": digits,
        "number": number,
        "link": link,
        "badge": badge,
        "word": word,
        "flat": flat,
        "groups": fingerprint_groups,
    }
    found.globals |= helpers
    found.globals |= {"policy": policy, "script": Markup(_script())}  # noqa: S704 -- our own file, named by its hash in the policy
    return found


def page(template: str, **context: object) -> str:
    """One page that needs no helpers."""
    return environment().get_template(template).render(**context)


# ------------------------------------------------------------------------------------------------------------------- filters


# A page prints hundreds of times and hashes: they are put together from what cannot hold markup, without a formatter's detours.


def moment(value: datetime | None) -> Markup:
    """A time, to the second, in UTC; the milliseconds stand in the attribute."""
    if value is None:
        return Markup("&ndash;")
    exact = rfc3339(value)
    return Markup(f'<time datetime="{exact}">{exact[:10]} {exact[11:19]} UTC</time>')  # noqa: S704 -- digits


def day(value: datetime) -> Markup:
    exact = rfc3339(value)
    return Markup(f'<time datetime="{exact}">{exact[:10]}</time>')  # noqa: S704 -- digits


def digits(value: str | None) -> Markup:
    """A hash that may be broken over lines, and copied in one piece."""
    if not value:
        return Markup("&ndash;")
    if not (value.isascii() and value.isalnum()):
        return escape(printable(value))
    if len(value) == 4 * _GROUP:  # nearly all: SHA-256
        parts = f"{value[:16]}<wbr>{value[16:32]}<wbr>{value[32:48]}<wbr>{value[48:]}"
        return Markup(f'<code class="hash">{parts}</code>')  # noqa: S704 -- letters and digits
    parts = "<wbr>".join([value[start : start + _GROUP] for start in range(0, len(value), _GROUP)])
    return Markup(f'<code class="hash">{parts}</code>')  # noqa: S704 -- letters and digits


def number(value: int) -> str:
    return f"{value:,}"


def live(value: str | None) -> str | None:
    """The address that a link may lead to; None for anything but http and https, which is shown and never linked."""
    if not value:
        return None
    parsed = parse(value)
    return None if isinstance(parsed, BadUrl) else parsed.address


def link(value: str) -> Markup:
    """An address, linked where it may be."""
    shown, address = printed(value), live(value)
    if address is None:
        return Markup(f"<bdi>{shown}</bdi>")  # noqa: S704 -- escaped
    return Markup(f'<a href="{printed(address)}" rel="noopener noreferrer nofollow external"><bdi>{shown}</bdi></a>')  # noqa: S704 -- escaped


@cache
def badge(value: State) -> Markup:
    """A state as a word of its own colour."""
    return Markup(f'<span class="state {value.value}">{word(value)}</span>')  # noqa: S704 -- our own words


def word(value: State) -> str:
    return _STATES[value]


def flat(value: str | None) -> str:
    """Text from a document on one line: its line ends and indentation are of no meaning here."""
    return " ".join((value or "").split())


def marked(text: str, *forms: str | None) -> Markup | None:
    """`text` with the first of `forms` that stands in it marked, wherever lines were broken; None when none stands there."""
    for form in forms:
        if form and (place := _find(text, form)) is not None:
            start, end = place
            inner, address = _safe(text[start:end]), live(forms[0] or form)
            if address:
                inner = f'<a href="{escape(address)}" rel="noopener noreferrer nofollow external">{inner}</a>'
            shown = f'{_safe(text[:start])}<mark class="url">{inner}</mark>{_safe(text[end:])}'
            return Markup(shown)  # noqa: S704 -- its parts are escaped
    return None


def _safe(text: str) -> str:
    return str(escape(printable(text)))


def _find(text: str, form: str) -> tuple[int, int] | None:
    """Where `form` stands in `text`, spaces between its characters passed over."""
    place = text.find(form)
    if place >= 0:
        return place, place + len(form)
    dense = [number for number, char in enumerate(text) if not char.isspace()]
    place = "".join(text[number] for number in dense).find("".join(form.split()))
    if place < 0 or not form.strip():
        return None
    return dense[place], dense[place + len("".join(form.split())) - 1] + 1


def plain(text: str | None) -> str:
    """Text in which no character is Markdown, nor HTML."""
    return _SPECIAL.sub(r"\\\g<0>", printable(text or ""))


def code(text: str) -> str:
    """Text as code, whatever backticks are in it."""
    fence = "`"
    while fence in text:
        fence += "`"
    return f"{fence} {printable(text)} {fence}" if fence != "`" else f"`{printable(text)}`"
