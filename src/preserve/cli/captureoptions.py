"""What a capture can be told, written once for the commands that capture: now (`capture`) and later (`schedule add`).

A new option is three lines: its `click.option` in `_OPTIONS`, its field in `Given`, its use in `Given.settle`. A schedule then keeps it
without more ado, under its long name, and `from_stored` reads it again by the very rules of the command line.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.core import ParameterSource

from preserve.cli import whicharchive
from preserve.cli.plainfile import PLAIN_FILE
from preserve.cli.words import WORDS
from preserve.errors import ConfigError, FormatError, UsageError
from preserve.model.noun import dataclass

if TYPE_CHECKING:
    from preserve.model.schedule import Value
    from preserve.wiring.options import CaptureOptions

_Command = TypeVar("_Command", bound=Callable[..., Any])

_SMALLEST_FILE = 1000**2
_SIZES = {"": 1, "k": 1000, "m": 1000**2, "g": 1000**3, "t": 1000**4}


def _size(text: str) -> int:
    """Bytes: a number with k, M, G or T behind it."""
    value = text.strip().lower().removesuffix("b")
    unit = value[-1:] if value[-1:].isalpha() else ""
    number = value.removesuffix(unit) if unit else value
    if unit not in _SIZES or not number.isascii() or not number.isdigit() or int(number) == 0:
        raise click.BadParameter(f"{text!r} is not a size; write for example 500M or 2G")
    return int(number) * _SIZES[unit]


def _file_size(text: str) -> int:
    size = _size(text)
    if size < _SMALLEST_FILE:
        raise click.BadParameter(f"{text!r} is too small for a file; at least 1M")
    return size


class _Seconds(click.FloatRange):
    """A finite number of seconds: NaN passes every comparison of a range, and nobody waits for ever."""

    def convert(self, value: float, param: click.Parameter | None, ctx: click.Context | None) -> float:
        seconds: float = super().convert(value, param, ctx)
        if not math.isfinite(seconds):
            self.fail(f"{seconds} is not a number of seconds", param, ctx)
        return seconds


SECONDS = _Seconds(min=0, min_open=True)
DOCUMENT_TIMEOUT = 120.0
"""Seconds for one document; a thousand pages take a few."""

_INPUTS = (
    click.argument("documents", nargs=-1, metavar="[DOC]..."),
    whicharchive.option("Where captures are kept; made when it is not there."),
    click.option("--url", "urls", multiple=True, metavar="U", help="Capture this address too; repeatable."),
    click.option(
        "--url-list", "lists", multiple=True, metavar="FILE", help="Capture the addresses in FILE, one a line; - is stdin."
    ),
)

_OPTIONS = (
    click.option(
        "--where",
        type=click.Choice(["notes", "body", "all"]),
        help="Which citations count.  [default: notes, or all in a document without notes]",
    ),
    click.option(
        "--document-timeout",
        type=SECONDS,
        default=DOCUMENT_TIMEOUT,
        show_default=True,
        metavar="SECONDS",
        help="Give up reading a document after so many seconds.",
    ),
    click.option(
        "--resolve",
        multiple=True,
        metavar="HOST:PORT:ADDR",
        help="Connect to ADDR for HOST and PORT, as in curl; * is any name.",
    ),
    click.option("--connect-to", multiple=True, metavar="H1:P1:H2:P2", help="Connect to H2:P2 instead of H1:P1, as in curl."),
    click.option(
        "--cacert",
        type=PLAIN_FILE,
        metavar="FILE",
        help="Trust these certificate authorities (PEM) instead of the bundled ones.",
    ),
    click.option("--allow-private", is_flag=True, help="Let cited addresses lead to this machine and to private networks."),
    click.option(
        "--tls",
        type=click.Choice(["require", "record"]),
        default="require",
        show_default=True,
        help="What an invalid certificate means: no capture, or a capture that is marked.",
    ),
    click.option(
        "--concurrency", type=click.IntRange(1, 1000), default=32, show_default=True, help="Requests at once, to all hosts."
    ),
    click.option("--per-host", type=click.IntRange(1, 100), default=2, show_default=True, help="Requests at once to one host."),
    click.option(
        "--delay", type=_Seconds(min=0), default=0.5, show_default=True, help="Seconds between two requests to a host."
    ),
    click.option(
        "--workers",
        type=click.IntRange(1, 64),
        default=1,
        show_default=True,
        help="Processes that share the run, each with its part of the hosts.",
    ),
    click.option(
        "--timeout", type=SECONDS, default=30.0, show_default=True, help="Give up after so many seconds without a byte."
    ),
    click.option(
        "--total-timeout",
        type=SECONDS,
        default=900.0,
        show_default=True,
        help="Seconds for one target in all, queues not counted.",
    ),
    click.option(
        "--max-size", type=_size, metavar="SIZE", default="2G", show_default=True, help="Cut a body after so many bytes."
    ),
    click.option(
        "--warc-size",
        type=_file_size,
        metavar="SIZE",
        help="Begin another WARC file when one has reached so many bytes.  [default: 1 GiB]",
    ),
    click.option(
        "--robots",
        type=click.Choice(["record", "obey", "ignore"]),
        default="record",
        show_default=True,
        help="Ask for robots.txt and note its answer, obey it, or do not ask.",
    ),
    click.option("--no-requisites", is_flag=True, help="Fetch the pages alone, not the images, styles and scripts they need."),
    click.option(
        "--list-unchanged",
        is_flag=True,
        help="Of images, styles and scripts that are as the archive has them, keep a line each instead of records; for nightly captures.",
    ),
    click.option(
        "--tsa",
        multiple=True,
        envvar="PRESERVE_TSA",
        metavar="[NAME=]URL",
        help="Have the run stamped by this time-stamp authority (RFC 3161); repeatable, two are better."
        "  [default: $PRESERVE_TSA, else config.toml]",
    ),
    click.option("--no-timestamp", is_flag=True, help="Ask no time-stamp authority: the times are self-asserted."),
    click.option(
        "--memento",
        multiple=True,
        metavar="TIMEGATE",
        help="Ask this web archive (a URL prefix) for pages that are gone or not what is cited; repeatable."
        "  [default: config.toml, else none]",
    ),
    click.option("--no-memento", is_flag=True, help="Ask no web archive."),
    click.option(
        "--no-probe", is_flag=True, help="Do not ask a host for a made-up address to learn what its “not found” looks like."
    ),
    click.option(
        "--save-to", metavar="PREFIX", help="Ask this web archive (a URL prefix) to save each page that is captured well."
    ),
    click.option("--user-agent", metavar="TEXT", help="What to say who is asking."),
    click.option(
        "--proxy",
        type=WORDS,
        metavar="URL",
        help="Ask through this proxy (http:// or socks5://); it is recorded, without its password.  [default: config.toml, else none]",
    ),
    click.option("--http2", is_flag=True, help="Let servers choose HTTP/2; what comes so is marked as a representation."),
    click.option("--key", metavar="ID|PUB.pem", help="Sign with this key; see `preserve key list`."),
    click.option(
        "--signer",
        metavar="CMD",
        help="What signs with --key, where its private half is elsewhere: bytes in, raw signature out.",
    ),
    click.option("--operator", type=WORDS, metavar="NAME", help="Who stands for this capture; signed."),
    click.option("--case", type=WORDS, metavar="REF", help="What this capture belongs to; signed."),
)


def inputs(command: _Command) -> _Command:
    """Give a command what there is to capture, and where: `documents`, `archive`, `urls` and `lists`."""
    return _decorated(command, _INPUTS)


def options(command: _Command) -> _Command:
    """Give a command how to capture: the parameters are the fields of `Given`."""
    return _decorated(command, _OPTIONS)


def _decorated(command: _Command, decorators: tuple[Callable[[_Command], _Command], ...]) -> _Command:
    for decorate in reversed(decorators):
        command = decorate(command)
    return command


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What `options` let a command be told, a field for each parameter: `Given(**rest)`."""

    where: str | None
    document_timeout: float
    resolve: tuple[str, ...]
    connect_to: tuple[str, ...]
    cacert: Path | None
    allow_private: bool
    tls: str
    concurrency: int
    per_host: int
    delay: float
    workers: int
    timeout: float
    total_timeout: float
    max_size: int
    warc_size: int | None
    robots: str
    no_requisites: bool
    list_unchanged: bool
    tsa: tuple[str, ...]
    no_timestamp: bool
    memento: tuple[str, ...]
    no_memento: bool
    no_probe: bool
    save_to: str | None
    user_agent: str | None
    proxy: str | None
    http2: bool
    key: str | None
    signer: str | None
    operator: str | None
    case: str | None

    def settle(self, archive: Path, *, resume: bool = False) -> CaptureOptions:
        """These options with what config.toml adds to them. Raises UsageError and ConfigError."""
        from preserve import __version__
        from preserve.cli.authorities import configured, user_agent_of
        from preserve.flows.manners import Manners
        from preserve.model.settings import FetchSettings, TlsMode
        from preserve.rules.memento import prefixes as asked_archives
        from preserve.rules.robots import Robots
        from preserve.rules.route import parse_connect_to, parse_proxy, parse_resolve
        from preserve.wiring.options import CaptureOptions

        config, authorities = configured(self.tsa)
        agent = self.user_agent or user_agent_of(config, __version__)
        proxy = self.proxy or config.proxy
        return CaptureOptions(
            archive=archive,
            fetch=FetchSettings(
                user_agent=agent,
                timeout=self.timeout,
                max_size=self.max_size,
                allow_private=self.allow_private,
                tls=TlsMode(self.tls),
                cacert=self.cacert,
                per_host=self.per_host,
                resolve=tuple(parse_resolve(rule) for rule in self.resolve),
                connect_to=tuple(parse_connect_to(rule) for rule in self.connect_to),
                proxy=None if proxy is None else parse_proxy(proxy),
                http2=self.http2,
            ),
            manners=Manners(
                concurrency=self.concurrency,
                per_host=self.per_host,
                delay=self.delay,
                total_timeout=self.total_timeout,
                patience=config.patience,
                robots=Robots(self.robots),
                requisites=not self.no_requisites,
                list_unchanged=self.list_unchanged,
                user_agent=agent,
                probe=not self.no_probe,
                archives=() if self.no_memento else asked_archives(self.memento or config.archives),
                save_to=None if self.save_to is None else asked_archives((self.save_to,))[0],
            ),
            key=self.key,
            signer=self.signer,
            operator=self.operator or config.operator.name,
            organisation=config.operator.organisation,
            role=config.operator.role,
            case=self.case,
            authorities=() if self.no_timestamp else authorities,
            resume=resume,
            workers=self.workers,
            warc_size=self.warc_size,
            egress_ip=config.egress_ip,
        )


# ------------------------------------------------------------------------------------------------- kept with a schedule


_PROGRAMS = frozenset({"signer"})
"""Options that name a program: whoever can write into an archive must not be able to have one started."""


def to_store(context: click.Context) -> dict[str, Value]:
    """The options that `context` was given, by their long names: those of the command line, and those of the environment.

    The environment counts because a timer starts in another one: what was meant when a schedule was made must not depend on it.
    """
    stored: dict[str, Value] = {}
    for parameter in _parameters():
        assert parameter.name is not None, "an option has a name"
        if context.get_parameter_source(parameter.name) in {ParameterSource.COMMANDLINE, ParameterSource.ENVIRONMENT}:
            stored[_long(parameter)] = _storable(context.params[parameter.name])
    if named := _PROGRAMS & stored.keys():
        raise UsageError(
            f"--{min(named)}: a command is not kept in the archive",
            "it belongs to your key: preserve key import PUB.pem --signer CMD",
        )
    if "@" in str(stored.get("proxy", "")):
        raise UsageError("--proxy: a password would be kept in the archive", "set `proxy` in config.toml, under [capture]")
    return stored


def from_stored(stored: Mapping[str, Value], base: Path) -> Given:
    """The options that a schedule keeps, with the defaults for the rest; relative paths start from the folder `base`.

    Raises ConfigError saying which option is not as it should be.
    """
    known = {_long(parameter): parameter for parameter in _parameters()}
    arguments = []
    for name, value in stored.items():
        if name not in known or name in _PROGRAMS:
            raise ConfigError(f"no option for a schedule: {name!r}", "`preserve schedule add --help` lists them")
        is_path = isinstance(known[name].type, click.Path)
        if isinstance(value, bool):
            if known[name].is_flag is False:
                raise ConfigError(f"option {name!r} takes a value, not true or false")
            arguments += [f"--{name}"] if value else []
            continue
        for one in value if isinstance(value, tuple) else (value,):
            arguments.append(f"--{name}={base / str(one) if is_path else one}")
    reader = click.Command("schedule", params=list(known.values()))
    try:
        context = reader.make_context("schedule", arguments, auto_envvar_prefix=None)
    except click.ClickException as problem:
        raise ConfigError(problem.format_message(), "`preserve schedule add --help` says what the options take") from problem
    return Given(**context.params)


def _parameters() -> list[click.Option]:
    @click.command()
    @options
    def bare(**_: object) -> None:
        """Nothing but the options."""

    return [parameter for parameter in bare.params if isinstance(parameter, click.Option)]


def _long(parameter: click.Option) -> str:
    return next(option for option in parameter.opts if option.startswith("--")).removeprefix("--")


def _storable(value: object) -> Value:
    if isinstance(value, tuple):
        return tuple(str(one) for one in value)
    if isinstance(value, Path):
        return str(value.absolute())
    assert isinstance(value, (bool, int, float, str)), "what an option can be told"
    return value


# ----------------------------------------------------------------------------------------------------- lists of addresses


def addresses(urls: Iterable[str], lists: Iterable[str]) -> Iterator[str]:
    """The addresses of `--url`, then those of each list: one a line, empty lines and lines that begin with # left out."""
    for url in urls:
        if not _is_text(url):
            raise UsageError(f"--url {url}: not UTF-8 text", "write the odd bytes as %XX")
        yield url
    for name in lists:
        for line in _lines(name):
            text = line.strip()
            if text and not text.startswith("#"):
                yield text


def _lines(name: str) -> Iterator[str]:
    try:
        with sys.stdin.buffer if name == "-" else Path(name).open("rb") as file:
            for number, line in enumerate(file):
                yield line.decode("utf-8" if number else "utf-8-sig")
    except OSError as problem:
        raise ConfigError(f"{name}: {problem.strerror}", "give --url-list a text file with one address a line") from problem
    except UnicodeDecodeError as problem:
        raise FormatError(f"{name} is not UTF-8 text", "give --url-list a text file with one address a line") from problem


def _is_text(text: str) -> bool:
    """Whether it can be written at all: the system hands over bytes that are not UTF-8 as half surrogate pairs."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
