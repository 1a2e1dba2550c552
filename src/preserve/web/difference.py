"""Two captures of one address side by side, as one page that needs nothing else: no style sheet, no script, no network."""

from __future__ import annotations

from markupsafe import Markup

from preserve.model.change import Change
from preserve.rules.change import ending
from preserve.rules.sidebyside import rows
from preserve.web.render import STYLE, asset, environment


def difference(change: Change) -> str:
    """The page."""
    style = Markup(asset(STYLE) + asset("difference.css"))  # noqa: S704 -- our own files
    template = environment().get_template("difference.html")
    return template.render(change=change, rows=rows(change), ending=ending, style=style)
