"""What the head of a response says of it, and whether its page has to be read to say more. Status, headers and address; no word of the page.

Most of a run is decided here, so this room is small and needs nothing that reads text (rules.verdict does; docs/guide/verdicts.md).
"""

from __future__ import annotations

import re

from preserve.model.page import Answer, Evidence, Judgement
from preserve.model.web import Exchange, Verdict

_LOGIN = frozenset({401, 407, 511})
_BLOCKED = frozenset({403, 406, 429, 451, 503})
_SMALL = 1 << 16
"""Bytes on the wire below which a page may be a wall or a shell: these are short."""
_HOME = re.compile(r"/(?:(?:index|default|home|main|startseite|accueil|inicio)(?:\.\w{2,5})?/?)?|/[a-z]{2}(?:[-_][a-z]{2,4})?(?:/(?:index|home|default)(?:\.\w{2,5})?)?/?", re.IGNORECASE)  # fmt: skip
_WWW = re.compile(r"\A(?:www\d?|m|mobile|amp)\.")
_HEADERS = (
    (b"cf-mitigated", "challenge"),
    (b"x-vercel-mitigated", "challenge"),
    (b"x-vercel-mitigated", "deny"),
    (b"x-amzn-waf-action", "challenge"),
    (b"x-amzn-waf-action", "captcha"),
    (b"x-datadome", "protected"),
    (b"x-sucuri-block", ""),
)
"""Headers by which a guard itself says that this is a challenge."""
_GUARDS = frozenset(name for name, _ in _HEADERS)
_LONGEST = 400
"""Characters of a signal: titles and addresses in it come from outside."""
_MOST = 40
"""Signals that are told: hundreds of notes may cite one page, each with a title and words of its own."""


def answer(exchange: Exchange) -> Answer:
    """What the head of a complete response tells."""
    assert exchange.status is not None
    return Answer(address=exchange.url, status=exchange.status, headers=exchange.headers, size=exchange.entity_size)


def glance(evidence: Evidence) -> Judgement:
    """The verdict as far as it goes without the page."""
    decided = by_head(evidence.answer)
    if decided is None:
        home = sent_home(evidence.asked, evidence.answer.address)
        if home and not evidence.described.judgeable:
            decided = Judgement(verdict=Verdict.SOFT_404, signals=home)
        else:
            unread = ("the page was not read",) if evidence.described.judgeable else ()
            decided = Judgement(verdict=Verdict.OK, signals=(*home, *unread))
    return told(decided)


def told(judged: Judgement) -> Judgement:
    """With its signals as they are told: each once, none longer or more of them than a person reads."""
    signals = (signal if len(signal) <= _LONGEST else f"{signal[:_LONGEST]}…" for signal in judged.signals)
    kept = tuple(dict.fromkeys(signals))
    if len(kept) > _MOST:
        kept = (*kept[:_MOST], f"{len(kept) - _MOST} more signals are left out")
    return Judgement(verdict=judged.verdict, signals=kept)


def needs_page(evidence: Evidence) -> bool:
    """Whether the page has to be read for `judge` to say all it can; cheap, from the head and what is cited alone."""
    head = evidence.answer
    if evidence.page is not None or by_head(head) is not None:
        return False
    kind = head.header(b"content-type").partition(";")[0].strip().lower()
    if kind.startswith(("image/", "audio/", "video/", "font/")):
        return False
    if evidence.described.judgeable:
        return True
    text = kind in {"", "text/html", "application/xhtml+xml", "application/octet-stream"}
    return text and (head.size <= _SMALL or head.address != evidence.asked or head.status != 200)


def wants_probe(evidence: Evidence) -> bool:
    """Whether the host's answer to a made-up address could matter: a page came, and something cited is there to judge it by."""
    kind = evidence.answer.header(b"content-type").partition(";")[0].strip().lower()
    return (
        evidence.described.judgeable
        and evidence.answer.status < 300
        and by_head(evidence.answer) is None
        and kind in {"", "text/html", "application/xhtml+xml"}
    )


def by_head(head: Answer) -> Judgement | None:
    """What status and headers decide (RFC 9110 section 15)."""
    status, said = head.status, f"status {head.status}"
    if headers := _challenge(head):
        return Judgement(verdict=Verdict.CHALLENGE, signals=(said, *headers))
    if status in _LOGIN:
        return Judgement(verdict=Verdict.LOGIN_WALL, signals=(said,))
    if status in _BLOCKED:
        return Judgement(verdict=Verdict.CHALLENGE, signals=(said,))
    if status >= 400:
        return Judgement(verdict=Verdict.GONE, signals=(said,))
    if status >= 300:
        # A redirect that the flow could follow never ends here; 300, 304 and their like carry no page.
        return Judgement(verdict=Verdict.GONE, signals=(said, "a redirection without a page"))
    if head.size == 0:
        return Judgement(verdict=Verdict.EMPTY_SHELL, signals=(said, "empty body"))
    return None


def sent_home(asked: str, final: str) -> tuple[str, ...]:
    """A redirect from somewhere deep to the home page of the same host."""
    if asked == final:
        return ()
    before, after = split(asked), split(final)
    if _WWW.sub("", before[0]) != _WWW.sub("", after[0]):
        return ()
    deep = not _HOME.fullmatch(before[1]) or bool(before[2])
    if deep and _HOME.fullmatch(after[1]) and not after[2] and before[1] != after[1]:
        return (f"redirected to the home page, {final}",)
    return ()


def split(address: str) -> tuple[str, str, str]:
    rest = address.partition("://")[2].partition("#")[0]
    rest, _, query = rest.partition("?")
    host, _, path = rest.partition("/")
    return host.lower(), "/" + path, query


def _challenge(answer: Answer) -> tuple[str, ...]:
    """The header by which a guard itself says that this is a challenge."""
    if _GUARDS.isdisjoint([name.lower() for name, _ in answer.headers]):
        return ()
    return tuple(
        f"header {name.decode()}: {value}"
        for name, wanted in _HEADERS
        if (value := answer.header(name))
        and (not wanted or value.lower() == wanted)
        and not (name == b"x-datadome" and answer.status < 400)
    )
