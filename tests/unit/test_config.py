"""config.toml: what it may say, and how a mistake in it is told."""

from __future__ import annotations

from pathlib import Path, PurePath

import pytest

from preserve import config
from preserve.adapters.settings import read_config
from preserve.config import Config
from preserve.errors import ConfigError, UsageError
from preserve.model.manifest import Operator
from preserve.model.settings import Authority
from preserve.rules.authority import distinct, parse_authority

_WHOLE = """\
# what I set once
[operator]
name = "A. Archivist"
organisation = "The library"
role = "collector"

[capture]
contact = "mailto:archive@library.example"
user_agent = "library/1"

[[tsa]]
url = "http://tsa.example:8080/tsr"

[[tsa]]
name = "qualified"
url = "https://time.example/"
policy = "1.2.3.4"
user = "archive"
password_file = "secrets/time"
"""


def _parse(text: str) -> Config:
    return config.parse(text, "config.toml", PurePath("/home/a"))


def test_everything_that_can_be_said() -> None:
    assert _parse(_WHOLE) == Config(
        operator=Operator(name="A. Archivist", organisation="The library", role="collector"),
        contact="mailto:archive@library.example",
        user_agent="library/1",
        authorities=(
            Authority(name="tsa.example-8080", url="http://tsa.example:8080/tsr"),
            Authority(
                name="qualified",
                url="https://time.example/",
                policy="1.2.3.4",
                user="archive",
                password_file=PurePath("/home/a/secrets/time"),
            ),
        ),
    )
    assert _parse("") == Config()


@pytest.mark.parametrize(
    ("text", "line", "why"),
    [
        ("a = [", 1, "Unclosed array|at end of document|at line 1"),
        ("\n[oprator]\n", 2, "unknown: 'oprator'"),
        ("a = " + "[" * 5000, 1, "nested too deeply|at line 1"),
        ("\na = " + "9" * 5000, 2, "too many digits|at line 2"),
        ('[operator]\nname = "A"\nnmae = "B"\n', 3, "unknown: 'nmae'"),
        ("[operator]\nname = 7\n", 2, "'name' is not a text"),
        ('[operator]\nname = ""\n', 2, "'name' is not a text"),
        (f'[operator]\nname = "A"\nrole = "{"a" * 501}"\n', 3, "'role' has 501 characters, and 500 are the most"),
        ('[capture]\nuser_agent = "a\\nb: c"\n', 2, "'user_agent' is not a text"),
        ("operator = 1\n", 1, r"\[operator\] is not a table"),
        ('[tsa]\nurl = "http://a.example/"\n', 1, r"begins with \[\[tsa\]\]"),
        ('[[tsa]]\nname = "a"\n', 1, "'url' is missing"),
        ('[[tsa]]\nurl = "http://a.example/"\n\n[[tsa]]\nurl = "ftp://b.example/"\n', 4, "not the address"),
        ('[[tsa]]\nurl = "http://a.example/"\nname = "A"\n', 1, "cannot be an authority's name"),
        ('[[tsa]]\nurl = "http://a.example/"\npolicy = "x"\n', 1, "not an object identifier"),
        ('[[tsa]]\nurl = "http://a.example/"\nuser = "x"\n', 1, "stand together"),
        ('[[tsa]]\nurl = "http://me:secret@a.example/"\n', 1, "holds a user or a password"),
        ('[[tsa]]\nurl = "http://a.example/"\n[[tsa]]\nurl = "http://a.example/2"\n', 1, "are called a.example"),
    ],
)
def test_mistakes_are_told_with_their_line(text: str, line: int, why: str) -> None:
    with pytest.raises(ConfigError, match=why) as told:
        _parse(text)
    assert "secret@" not in told.value.message
    if "at line" not in why:
        assert f"config.toml: line {line}: " in told.value.message


def test_the_file(tmp_path: Path) -> None:
    assert read_config(tmp_path) == Config()
    (tmp_path / "config.toml").write_bytes(b'[operator]\nname = "\xff"\n')
    with pytest.raises(ConfigError, match="not UTF-8 at byte 19"):
        read_config(tmp_path)
    (tmp_path / "config.toml").unlink()
    (tmp_path / "config.toml").mkdir()
    with pytest.raises(ConfigError, match="Is a directory"):
        read_config(tmp_path)


@pytest.mark.parametrize(
    ("given", "name", "url"),
    [
        ("http://tsa.example/tsr", "tsa.example", "http://tsa.example/tsr"),
        ("http://127.0.0.1:8318", "127.0.0.1-8318", "http://127.0.0.1:8318"),
        ("https://TSA.Example:443/a?b=c", "tsa.example-443", "https://TSA.Example:443/a?b=c"),
        ("http://[::1]:8318/", "1-8318", "http://[::1]:8318/"),
        ("http://start-up.example/", "tsa-start-up.example", "http://start-up.example/"),
        ("mine=http://tsa.example/?x=y", "mine", "http://tsa.example/?x=y"),
    ],
)
def test_names_of_authorities(given: str, name: str, url: str) -> None:
    assert parse_authority(given) == Authority(name=name, url=url)


@pytest.mark.parametrize(
    "given", ["", "tsa.example", "file:///x", "a=b=http://x/", "=http://x.example/", "Ä=http://x.example/"]
)
def test_what_names_no_authority(given: str) -> None:
    with pytest.raises(UsageError):
        parse_authority(given)


def test_two_of_one_name() -> None:
    with pytest.raises(UsageError, match="two time-stamp authorities are called a"):
        distinct([parse_authority("a=http://x.example/"), parse_authority("a=http://y.example/")])


def test_where_captures_go_through_and_come_from() -> None:
    settings = _parse('[capture]\nproxy = "socks5://p:1"\npatience = 30\n[environment]\negress_ip = "2001:DB8::0:1"\n')
    assert (settings.proxy, settings.patience, settings.egress_ip) == ("socks5://p:1", 30.0, "2001:db8::1")
    assert (_parse("").proxy, _parse("").patience, _parse("").egress_ip) == (None, 10.0, None)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[capture]\npatience = "long"', "line 2: 'patience' is not a number of seconds"),
        ("[capture]\npatience = -1", "line 2: 'patience' is not a number of seconds"),
        ("[capture]\npatience = nan", "line 2: 'patience' is not a number of seconds"),
        ("[capture]\npatience = true", "line 2: 'patience' is not a number of seconds"),
        ('[capture]\ncontact = "žluť"', "line 2: 'contact' is sent to servers, which takes ASCII alone"),
        ('[environment]\negress_ip = "here"', "line 2: 'egress_ip' is not an IP address"),
    ],
)
def test_settings_of_the_wire_that_make_no_sense(text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        _parse(text)
