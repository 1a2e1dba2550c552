"""The fast part of schedules.toml: a file that is written just as `schedule add` writes is read six times as fast as any TOML.

Only that spelling is taken, whole entries with comments and empty lines between; whatever else a person wrote is for tomllib, which
this must agree with (tests/unit/test_schedules_toml.py holds both against each other).
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

_TEXT = r'"[^"\\\x00-\x1f\x7f]*"'
_LIST = rf"\[(?:{_TEXT}(?:, {_TEXT})*)?\]"
_LISTS = ("documents", "urls", "url_lists")
_ENTRY = re.compile(
    r"(?:[ \t]*(?:#[^\x00-\x08\x0a-\x1f\x7f]*)?\n)*"
    rf"\[\[schedule\]\]\nid = ({_TEXT})\n(?:every = ({_TEXT})\n)?(?:cron = ({_TEXT})\n)?(?:timezone = ({_TEXT})\n)?"
    rf"(?:documents = ({_LIST})\n)?(?:urls = ({_LIST})\n)?(?:url_lists = ({_LIST})\n)?"
    rf"(?:jitter = ({_TEXT})\n)?(?:notify = ({_LIST})\n)?"
    r"(?:created = ([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{3})?Z)\n)?"
    rf"(\[schedule\.options\]\n(?:[a-z-]+ = (?:{_TEXT}|{_LIST}|true|false|0|[1-9][0-9]{{0,14}}|(?:0|[1-9][0-9]{{0,8}})\.[0-9]{{1,9}})\n)*)?"
)
_END = re.compile(r"(?:[ \t]*(?:#[^\x00-\x08\x0a-\x1f\x7f]*)?\n)*\Z")
_NAMES = ("id", "every", "cron", "timezone", *_LISTS, "jitter", "notify", "created")


def entries(text: str) -> tuple[list[dict[str, Any]], list[int]] | None:
    """The members of each [[schedule]], as tomllib gives them, and the line, from 0, in which each begins; None when it is not plain."""
    found: list[dict[str, Any]] = []
    begins: list[int] = []
    at = line = 0
    while (match := _ENTRY.match(text, at)) is not None:
        head = match.start(1) - len("[[schedule]]\nid = ")
        line += text.count("\n", at, head)
        begins.append(line)
        line += text.count("\n", head, match.end())
        at = match.end()
        *values, options = match.groups()
        try:
            entry = {name: _value(value) for name, value in zip(_NAMES, values, strict=True) if value is not None}
        except ValueError:
            return None  # a time that does not exist
        if options is not None:
            rows = [row.split(" = ", 1) for row in options.split("\n")[1:-1]]
            entry["options"] = {name: _value(value) for name, value in rows}
            if len(entry["options"]) != len(rows):
                return None  # one of them is there twice
        found.append(entry)
    return (found, begins) if _END.match(text, at) else None


def _value(text: str) -> Any:
    if text[0] == '"':
        return text[1:-1]
    if text[0] == "[":
        return text[2:-2].split('", "') if len(text) > 2 else []
    if text[0] in "tf":
        return text == "true"
    if "T" in text:
        return datetime.fromisoformat(text)
    return float(text) if "." in text else int(text)
