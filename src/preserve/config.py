"""config.toml: what a user sets once and for all captures (docs/guide/configuration.md). Pure: text in, Config out.

Read strictly: a setting that is misspelt would otherwise do nothing, and nobody would know. Every mistake is told with its line.
What is said on the command line or in the environment goes before what is said here.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import field
from ipaddress import ip_address
from pathlib import PurePath
from typing import Any

from preserve.errors import ConfigError, FormatError, UsageError
from preserve.formats import der, toml
from preserve.model.digest import Receiver
from preserve.model.manifest import Operator
from preserve.model.noun import dataclass
from preserve.model.settings import Authority, WitnessAddress
from preserve.rules import authority as authorities
from preserve.rules import memento as mementos
from preserve.rules import receivers
from preserve.rules import witness as witness_rules

NAME = "config.toml"
_LONGEST = 3600
_SHORT = 500
"""Characters of what is signed into every manifest and statement."""
_TABLES = frozenset({"operator", "capture", "tsa", "memento", "notify", "witness", "environment"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """The settings of a user; what is not set is None or empty.

    `contact` is told to the sites that are asked, in the user agent, so that their owners can reach who is asking.
    """

    operator: Operator = field(default_factory=lambda: Operator(name=None, organisation=None, role=None))
    contact: str | None = None
    user_agent: str | None = None
    authorities: tuple[Authority, ...] = ()
    witnesses: tuple[WitnessAddress, ...] = ()
    receivers: tuple[Receiver, ...] = ()
    archives: tuple[str, ...] = ()
    """Prefixes of web archives."""
    proxy: str | None = None
    """As `--proxy` takes it; a password stands better here than on a command line."""
    patience: float = 10.0
    """Seconds that a capture with nothing else to do waits for hosts in trouble."""
    egress_ip: str | None = None
    """The public address that captures are made from, to be told in manifests; nobody is asked for it."""


def parse(text: str, where: str, home: PurePath) -> Config:
    """The settings in `text`. `where` names the file in messages, `home` is the folder that relative paths start from.

    Raises ConfigError naming the line.
    """
    try:
        document = toml.loads(text)
    except tomllib.TOMLDecodeError as problem:
        raise ConfigError(f"{where}: {problem}", "correct that line by hand") from problem
    lines = _Lines(text, where)
    if unknown := document.keys() - _TABLES:
        raise lines.error(f"unknown: {min(unknown)!r}", min(unknown))
    operator = _Table(document.get("operator", {}), lines, "operator", {"name", "organisation", "role"})
    capture = _Table(document.get("capture", {}), lines, "capture", {"contact", "user_agent", "proxy", "patience"})
    environment = _Table(document.get("environment", {}), lines, "environment", {"egress_ip"})
    listed = document.get("tsa", [])
    if not isinstance(listed, list):
        raise lines.error("an authority's entry begins with [[tsa]]", "tsa")
    asked = tuple(_authority(entry, lines, place, home) for place, entry in enumerate(listed))
    try:
        authorities.distinct(asked)
    except UsageError as problem:
        raise lines.error(problem.message, "tsa") from None
    told = document.get("notify", [])
    if not isinstance(told, list):
        raise lines.error("a receiver's entry begins with [[notify]]", "notify")
    receiving = tuple(_receiver(entry, lines, place, home) for place, entry in enumerate(told))
    try:
        receivers.distinct(receiving)
    except UsageError as problem:
        raise lines.error(problem.message, "notify") from None
    return Config(
        operator=Operator(
            name=operator.short("name"), organisation=operator.short("organisation"), role=operator.short("role")
        ),
        contact=capture.ascii("contact"),
        user_agent=capture.ascii("user_agent"),
        proxy=capture.text("proxy"),
        patience=capture.seconds("patience", 10.0),
        egress_ip=environment.address("egress_ip"),
        authorities=asked,
        witnesses=_witnesses(document.get("witness", []), lines),
        receivers=receiving,
        archives=_archives(document.get("memento", []), lines),
    )


def _receiver(entry: object, lines: _Lines, place: int, home: PurePath) -> Receiver:
    table = _Table(entry, lines, "notify", {*receivers.TEXTS, *receivers.LISTS}, place)
    texts = {name: text for name in receivers.TEXTS if (text := table.text(name)) is not None}
    lists = {name: given for name in receivers.LISTS if (given := table.texts(name)) is not None}
    try:
        return receivers.receiver(texts, lists, home)
    except UsageError as problem:
        raise table.error(problem.message) from None


def _authority(entry: object, lines: _Lines, place: int, home: PurePath) -> Authority:
    table = _Table(entry, lines, "tsa", {"name", "url", "policy", "user", "password_file"}, place)
    url, password = table.text("url"), table.text("password_file")
    if url is None:
        raise table.error("'url' is missing")
    try:
        parsed = authorities.check_url(url)
        name = authorities.check_name(table.text("name") or authorities.default_name(url, parsed))
        policy = table.text("policy")
        if policy is not None:
            der.encode_oid(policy)
    except (UsageError, FormatError) as problem:
        raise table.error(problem.message) from None
    if (table.text("user") is None) is not (password is None):
        raise table.error("'user' and 'password_file' stand together")
    return Authority(
        name=name, url=url, policy=policy, user=table.text("user"), password_file=None if password is None else home / password
    )


def _archives(listed: object, lines: _Lines) -> tuple[str, ...]:
    if not isinstance(listed, list):
        raise lines.error("a web archive's entry begins with [[memento]]", "memento")
    found = []
    for place, entry in enumerate(listed):
        table = _Table(entry, lines, "memento", {"url"}, place)
        if (url := table.text("url")) is None:
            raise table.error("'url' is missing")
        try:
            found.append(mementos.archive(url).prefix)
        except UsageError as problem:
            raise table.error(problem.message, "url") from None
    return tuple(dict.fromkeys(found))


def _witnesses(listed: object, lines: _Lines) -> tuple[WitnessAddress, ...]:
    if not isinstance(listed, list):
        raise lines.error("a witness's entry begins with [[witness]]", "witness")
    asked = tuple(_witness(entry, lines, place) for place, entry in enumerate(listed))
    try:
        return witness_rules.distinct(asked)
    except UsageError as problem:
        raise lines.error(problem.message, "witness") from None


def _witness(entry: object, lines: _Lines, place: int) -> WitnessAddress:
    table = _Table(entry, lines, "witness", {"name", "url", "vkey"}, place)
    url, vkey = table.text("url"), table.text("vkey")
    if url is None or vkey is None:
        raise table.error(f"{'url' if url is None else 'vkey'!r} is missing")
    try:
        return witness_rules.address(url, vkey, table.text("name"))
    except (UsageError, FormatError) as problem:
        raise table.error(problem.message) from None


class _Lines:
    """Where in the text something stands, as well as a parser that forgets it can be helped."""

    def __init__(self, text: str, where: str) -> None:
        self._rows = text.splitlines()
        self._where = where

    def error(self, why: str, name: str, table: str = "", place: int = 0) -> ConfigError:
        """`why`, with the line where `name` is set in the `place`-th `table`, or where that table begins."""
        head = re.compile(rf"[ \t]*\[\[?[ \t]*{re.escape(table or name)}\b")
        starts = [number for number, row in enumerate(self._rows) if head.match(row)]
        start = starts[place] if place < len(starts) else 0
        line = next(
            (
                number
                for number, row in enumerate(self._rows[start:], start)
                if re.match(rf"[ \t]*[\"']?{re.escape(name)}[\"']?[ \t]*[=.]", row)
            ),
            start,
        )
        return ConfigError(f"{self._where}: line {line + 1}: {why}", "correct that line by hand")


class _Table:
    """The settings of one table, each a text that is not empty."""

    def __init__(self, value: object, lines: _Lines, name: str, known: set[str], place: int = 0) -> None:
        self._lines, self._name, self._place = lines, name, place
        if not isinstance(value, dict):
            raise lines.error(f"[{name}] is not a table", name)
        self._values: Mapping[str, Any] = value
        if unknown := value.keys() - known:
            raise self.error(f"unknown: {min(unknown)!r}", min(unknown))

    def text(self, name: str) -> str | None:
        value = self._values.get(name)
        if value is not None and (not isinstance(value, str) or not value.strip() or not value.isprintable()):
            raise self.error(f"{name!r} is not a text of printable characters", name)
        return value

    def short(self, name: str) -> str | None:
        """A text that has room in every statement that is signed."""
        value = self.text(name)
        if value is not None and len(value) > _SHORT:
            raise self.error(f"{name!r} has {len(value)} characters, and {_SHORT} are the most", name)
        return value

    def ascii(self, name: str) -> str | None:
        """A text that a header can carry."""
        value = self.text(name)
        if value is not None and not value.isascii():
            raise self.error(f"{name!r} is sent to servers, which takes ASCII alone", name)
        return value

    def seconds(self, name: str, otherwise: float) -> float:
        value = self._values.get(name, otherwise)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= _LONGEST:
            raise self.error(f"{name!r} is not a number of seconds from 0 to {_LONGEST}", name)
        return float(value)

    def address(self, name: str) -> str | None:
        value = self.text(name)
        try:
            return None if value is None else str(ip_address(value))
        except ValueError:
            raise self.error(f"{name!r} is not an IP address", name) from None

    def texts(self, name: str) -> tuple[str, ...] | None:
        values = self._values.get(name)
        if values is None:
            return None
        if not isinstance(values, list) or not all(isinstance(one, str) and one.isprintable() for one in values):
            raise self.error(f"{name!r} is not a list of texts of printable characters", name)
        return tuple(values)

    def error(self, why: str, name: str = "") -> ConfigError:
        return self._lines.error(why, name or self._name, self._name, self._place)
