"""What a captured response is worth, as far as its status and head tell.

A complete response is evidence whatever it says; the verdict tells a reader whether it is evidence *of the cited page*. Each
verdict comes with its signals, so that a person can disagree. Nothing here reads the page itself.
"""

from __future__ import annotations

from preserve.model.web import Exchange, Verdict

_LOGIN = frozenset({401, 407, 511})
_BLOCKED = frozenset({403, 406, 429, 451, 503})


def judge(exchange: Exchange) -> tuple[Verdict, tuple[str, ...]]:
    """The verdict on a complete response and the signals that led to it (RFC 9110 section 15 for the meaning of a status)."""
    status = exchange.status
    assert status is not None
    mitigated = exchange.header(b"cf-mitigated")
    if mitigated is not None and mitigated.strip().lower() == b"challenge":
        return Verdict.CHALLENGE, (f"status {status}", "header cf-mitigated: challenge")
    if status in _LOGIN:
        return Verdict.LOGIN_WALL, (f"status {status}",)
    if status in _BLOCKED:
        return Verdict.CHALLENGE, (f"status {status}",)
    if status >= 400:
        return Verdict.GONE, (f"status {status}",)
    if status >= 300:
        # A redirect that the flow could follow never ends here; 300, 304 and their like carry no page.
        return Verdict.GONE, (f"status {status}", "a redirection without a page")
    if exchange.entity_size == 0:
        return Verdict.EMPTY_SHELL, (f"status {status}", "empty body")
    return Verdict.OK, ()
