"""Weave the help of every command into docs/reference.md, below its marker; `make reference` runs it, a test compares."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

from preserve.cli import group

PAGE = Path(__file__).parents[1] / "docs" / "reference.md"
MARKER = "<!-- From here on: the help of each command, woven in by `make reference`. -->\n"


def commands(
    command: click.Command = group, name: str = "preserve", parent: click.Context | None = None
) -> Iterator[tuple[str, str]]:
    """(full name, help text) of a command and of all below it."""
    context = click.Context(
        command, info_name=name, parent=parent, terminal_width=100, max_content_width=100, help_option_names=["-h", "--help"]
    )
    yield context.command_path, context.get_help()
    if isinstance(command, click.Group):
        for below in command.list_commands(context):
            found = command.get_command(context, below)
            assert found is not None, below
            yield from commands(found, below, context)


def woven(page: str) -> str:
    """The page with everything after the marker made anew."""
    written_by_hand = page.split(MARKER, maxsplit=1)[0]
    sections = [f"\n## {name}\n\n```text\n{text}\n```\n" for name, text in commands()]
    return written_by_hand + MARKER + "".join(sections)


if __name__ == "__main__":
    PAGE.write_text(woven(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
