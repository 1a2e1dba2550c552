"""Every command line that a page shows, and every command that a message names, is one that the program knows."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from preserve.cli import group
from running import ROOT

_PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
_SOURCES = [
    path
    for path in sorted((ROOT / "src" / "preserve").rglob("*"))
    if path.suffix in {".py", ".html", ".md", ".txt"} and "__pycache__" not in path.parts
]

_PROSE = frozenset(
    {"reads", "puts", "keeps", "asks", "is", "has", "does", "holds", "that", "anew", "and", "demonstration", "gives"}
)
"""What follows the program's name where a sentence is about it."""


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def _shown(page: Path) -> Iterator[str]:
    """The command lines of a page: in blocks, fenced or indented, and between backticks; without what stands beside them."""
    text = page.read_text(encoding="utf-8").replace("\\\n", " ")
    for line in re.findall(r"^(?: {4}|- |\| `)?(?:\$ )?preserve (.+)$", text, re.MULTILINE):
        yield re.split(r"`| #| >|\|| {2,}(?! *-)", re.sub(r" {2,}(--|\")", r" \1", line))[0]
    yield from re.findall(r"(?<!`)`preserve ([^`\n]+)`", text)


def _problem(words: list[str]) -> str:
    """Why the program would not take it; "" when it would. Arguments that are left out are no matter."""
    command: click.Command = group
    context = click.Context(group, info_name="preserve", **group.context_settings)
    while isinstance(command, click.Group):
        if not words or words[0].startswith("-"):
            break
        found = command.get_command(context, words[0])
        if found is None:
            return f"there is no command {words[0]!r}"
        context, command, words = click.Context(found, parent=context, info_name=words[0]), found, words[1:]
    try:
        command.make_parser(context).parse_args(list(words))
    except click.BadOptionUsage as problem:
        return "" if "requires" in problem.message else problem.message  # an option that is named, without its value
    except click.UsageError as problem:
        return problem.message
    return ""


@pytest.mark.parametrize("page", _PAGES, ids=_name)
def test_command_lines_that_are_shown_are_taken(page: Path) -> None:
    wrong = []
    for line in _shown(page):
        if line.split()[0] in _PROSE or line.startswith(("[", "<")):
            continue
        words = [word for word in shlex.split(line.replace("…", "X")) if word != "[OPTIONS]"]
        if problem := _problem(words):
            wrong.append(f"preserve {line}: {problem}")
    assert wrong == []


def _strings(source: Path) -> Iterator[str]:
    """The texts in a module, what is filled in shown as X; a page or a template as it is."""
    text = source.read_text(encoding="utf-8")
    if source.suffix != ".py":
        yield re.sub(r"\{\{.*?\}\}", "X", text)
        return
    tree = ast.parse(text)
    inner = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else "X" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in inner:
            yield node.value


def _named(text: str) -> Iterator[list[str]]:
    """The commands that a text names, each with the options that follow at once."""
    for match in re.finditer(r"(?<![\w/.$\"-])preserve((?: [\w./*:\-]+)+)", text):
        words = match[1].split()
        if words[0] in _PROSE or not words[0].isalpha() or not words[0].islower():
            continue
        kept = words[:1]
        for place, word in enumerate(words[1:], 1):
            subcommand = place == 1 and isinstance(
                group.get_command(click.Context(group, **group.context_settings), words[0]), click.Group
            )
            if not (subcommand or word.startswith("--") or word.isupper()):
                break
            kept.append(word.rstrip(".,:;"))
        yield kept


@pytest.mark.parametrize("source", _SOURCES, ids=_name)
def test_commands_that_messages_name_exist(source: Path) -> None:
    wrong = [
        f"preserve {' '.join(words)}: {problem}"
        for text in _strings(source)
        for words in _named(text)
        if (problem := _problem(words))
    ]
    assert wrong == []


def test_a_command_that_is_not_there_is_found() -> None:
    assert _problem(["frobnicate"]) == "there is no command 'frobnicate'"
    assert _problem(["key", "show"]) == "there is no command 'show'"
    assert "No such option" in _problem(["verify", "archive", "--loudly"])
    assert _problem(["verify", "archive", "--thorough"]) == ""
    assert list(_named("see `preserve key list`; preserve verify --thorough says more")) == [
        ["key", "list"],
        ["verify", "--thorough"],
    ]


def test_every_guide_is_in_the_index() -> None:
    folder = ROOT / "docs" / "guide"
    listed = set(re.findall(r"^\| \[.+?\]\((\S+\.md)\)", (folder / "README.md").read_text(encoding="utf-8"), re.MULTILINE))
    assert {page.name for page in folder.glob("*.md")} - {"README.md"} == listed
