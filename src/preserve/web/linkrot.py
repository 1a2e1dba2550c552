"""The link rot of a collection over time, drawn as SVG: one bar a run, its parts the states of the citations. A pure function.

The drawing stands alone: it says in words what it shows (title, desc, a title for every part), and takes its colours from the reader's
scheme, light or dark. Colour is not alone in telling the parts: they stand in one order, and what was never captured is an outline.
"""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from preserve.formats.printable import printable
from preserve.model.change import Tally

PARTS = ("ok", "doubtful", "gone", "failed", "never")
"""The states from the ground up."""
WORDS = {"ok": "ok", "doubtful": "doubtful", "gone": "gone", "failed": "failed", "never": "never captured"}
_WIDTH, _HEIGHT, _LEFT, _RIGHT, _TOP, _BOTTOM = 720, 336, 44, 16, 36, 68
_MOST = 120
"""Bars that are drawn; of more runs, some are passed over, the last never."""
_STYLE = Markup(
    "<style>"
    "svg{--paper:#fbfaf7;--ink:#1f1e1b;--quiet:#5b5850;--rule:#dedad0;--ok:#2e7d4f;--doubtful:#b7791f;--gone:#9c1c22;--failed:#6b5b95;--never:#8a877f;"
    "font:11px system-ui,sans-serif}"
    "@media(prefers-color-scheme:dark){svg{--paper:#17181b;--ink:#eae7e1;--quiet:#aca89f;--rule:#373a40;--ok:#5fb887;--doubtful:#efc56f;--gone:#ff8f87;"
    "--failed:#b9a8e6;--never:#8d8a84}}"
    ".paper{fill:var(--paper)}.ok{fill:var(--ok)}.doubtful{fill:var(--doubtful)}.gone{fill:var(--gone)}.failed{fill:var(--failed)}"
    ".never{fill:none;stroke:var(--never)}.rule{stroke:var(--rule)}text{fill:var(--quiet)}"
    "</style>"
)


def drawing(tallies: Sequence[Tally], name: str = "") -> str:
    """The SVG of the tallies, oldest first; `name` is the collection's. Of none it says so."""
    title = f"Link rot of {printable(name)}" if name else "Link rot"
    head = Markup(
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {w} {h}" width="{w}" height="{h}" role="img" aria-labelledby="t d">'
        '<title id="t">{title}</title><desc id="d">{desc}</desc>{style}'
        '<rect class="paper" width="{w}" height="{h}"/>'
    ).format(w=_WIDTH, h=_HEIGHT, title=title, desc=_description(tallies), style=_STYLE)
    if not tallies:
        return str(
            head
            + Markup('<text x="{}" y="{}" text-anchor="middle">no sealed run</text></svg>\n').format(_WIDTH // 2, _HEIGHT // 2)
        )
    shown = _thinned(tallies)
    top = max(1, *(tally.cited for tally in shown))
    parts = [
        _axis(top, _caption(len(shown), len(tallies))),
        *(_bar(tally, place, len(shown), top) for place, tally in enumerate(shown)),
        _dates(shown),
        _legend(),
    ]
    return str(head + Markup("").join(parts) + Markup("</svg>\n"))


def _thinned(tallies: Sequence[Tally]) -> Sequence[Tally]:
    if len(tallies) <= _MOST:
        return tallies
    step = -(-len(tallies) // _MOST)
    return tallies[::-1][::step][::-1]


def _description(tallies: Sequence[Tally]) -> str:
    if not tallies:
        return "There is no sealed run."
    last = tallies[-1]
    states = ", ".join(f"{getattr(last, part)} {WORDS[part]}" for part in PARTS)
    runs = "one run" if len(tallies) == 1 else f"{len(tallies)} runs from {tallies[0].at:%Y-%m-%d} to {last.at:%Y-%m-%d}"
    return f"{runs[0].upper()}{runs[1:]}. After the last, of {last.cited} citations with an address: {states}."


def _caption(shown: int, count: int) -> str:
    which = "each run" if shown == count else f"{shown:,} of {count:,} runs, the last among them"
    return f"Citations with an address, after {which}"


def _axis(top: int, caption: str) -> Markup:
    ground = _HEIGHT - _BOTTOM
    rows = [Markup('<text x="{}" y="18">{}</text>').format(_LEFT, caption)]
    for number in sorted({0, top // 2, top}):
        y = round(ground - (ground - _TOP) * number / top, 1)
        rows.append(
            Markup(
                '<line class="rule" x1="{}" x2="{}" y1="{y}" y2="{y}"/><text x="{}" y="{}" text-anchor="end">{}</text>'
            ).format(_LEFT, _WIDTH - _RIGHT, _LEFT - 6, y + 4, f"{number:,}", y=y)
        )
    return Markup("").join(rows)


def _bar(tally: Tally, place: int, count: int, top: int) -> Markup:
    room = (_WIDTH - _LEFT - _RIGHT) / count
    width, left, ground = min(40.0, room * 0.8), _LEFT + room * place, _HEIGHT - _BOTTOM
    left += (room - width) / 2
    pieces, y = [], float(ground)
    for part in PARTS:
        number = getattr(tally, part)
        height = (ground - _TOP) * number / top
        y -= height
        if number:
            pieces.append(
                Markup('<rect class="{}" x="{}" y="{}" width="{}" height="{}"><title>{}</title></rect>').format(
                    part, f"{left:.1f}", f"{y:.1f}", f"{width:.1f}", f"{height:.1f}",
                    f"run {tally.sequence}, {tally.at:%Y-%m-%d}: {number} of {tally.cited} {WORDS[part]}",
                )
            )  # fmt: skip
    return Markup("").join(pieces)


def _dates(tallies: Sequence[Tally]) -> Markup:
    y = _HEIGHT - _BOTTOM + 18
    first, last = f"{tallies[0].at:%Y-%m-%d}", f"{tallies[-1].at:%Y-%m-%d}"
    left = Markup('<text x="{}" y="{}">{}</text>').format(_LEFT, y, first)
    if first == last:
        return left
    return left + Markup('<text x="{}" y="{}" text-anchor="end">{}</text>').format(_WIDTH - _RIGHT, y, last)


def _legend() -> Markup:
    y, step = _HEIGHT - 18, (_WIDTH - _LEFT - _RIGHT) // len(PARTS)
    return Markup("").join(
        Markup('<rect class="{}" x="{}" y="{}" width="10" height="10"/><text x="{}" y="{}">{}</text>').format(
            part, _LEFT + place * step, y - 9, _LEFT + place * step + 15, y, WORDS[part]
        )
        for place, part in enumerate(PARTS)
    )
