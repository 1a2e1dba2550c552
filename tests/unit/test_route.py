"""--resolve and --connect-to: read as curl reads them, applied in curl's order."""

from __future__ import annotations

import pytest

from preserve.errors import UsageError
from preserve.model.settings import ConnectTo, FetchSettings, Resolve
from preserve.rules.route import Route, parse_connect_to, parse_resolve, route


def _settings(*, resolve: tuple[str, ...] = (), connect_to: tuple[str, ...] = ()) -> FetchSettings:
    return FetchSettings(
        user_agent="test", resolve=tuple(map(parse_resolve, resolve)), connect_to=tuple(map(parse_connect_to, connect_to))
    )


def test_reading() -> None:
    assert parse_resolve("Example.org:443:127.0.0.1") == Resolve(host="example.org", port=443, addresses=("127.0.0.1",))
    assert parse_resolve("*:80:[::1],192.0.2.1") == Resolve(host="*", port=80, addresses=("::1", "192.0.2.1"))
    assert parse_resolve("a.example:80:::1").addresses == ("::1",)
    assert parse_connect_to("a.example:443:b.example:8443") == ConnectTo(
        host="a.example", port=443, to_host="b.example", to_port=8443
    )
    assert parse_connect_to("::127.0.0.1:8080") == ConnectTo(host="", port=None, to_host="127.0.0.1", to_port=8080)
    assert parse_connect_to("[2001:db8::1]:80:[::1]:81") == ConnectTo(host="2001:db8::1", port=80, to_host="::1", to_port=81)
    assert parse_connect_to("*:443:localhost:") == ConnectTo(host="*", port=443, to_host="localhost", to_port=None)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a.example",
        "a.example:443",
        "a.example:443:",
        ":443:127.0.0.1",
        "a.example:x:127.0.0.1",
        "a.example:0:127.0.0.1",
        "a.example:70000:127.0.0.1",
        "a.example:443:b.example",
    ],
)
def test_a_resolve_that_makes_no_sense(text: str) -> None:
    with pytest.raises(UsageError, match="--resolve"):
        parse_resolve(text)


@pytest.mark.parametrize("text", ["", "a.example", "a:1:b:2:3", "a:x:b:2", "a:1:b:99999", "a:1:b:-2"])
def test_a_connect_to_that_makes_no_sense(text: str) -> None:
    with pytest.raises(UsageError, match="--connect-to"):
        parse_connect_to(text)


def test_without_rules_the_name_is_resolved() -> None:
    assert route("a.example", 80, _settings()) == Route(host="a.example", port=80, addresses=(), named=False, source="dns")
    assert route("192.0.2.1", 80, _settings()) == Route(
        host="192.0.2.1", port=80, addresses=("192.0.2.1",), named=False, source="literal"
    )


def test_resolve_keeps_the_port_and_names_the_address() -> None:
    settings = _settings(resolve=("*:443:127.0.0.1", "b.example:443:127.0.0.2", "b.example:443:127.0.0.3"))
    assert route("a.example", 443, settings) == Route(
        host="a.example", port=443, addresses=("127.0.0.1",), named=True, source="--resolve"
    )
    assert route("b.example", 443, settings).addresses == ("127.0.0.3",)
    assert route("b.example.", 443, settings).addresses == ("127.0.0.3",)
    assert route("a.example", 80, settings).source == "dns"


def test_the_star_never_matches_an_ip_address() -> None:
    settings = _settings(resolve=("*:80:127.0.0.1",), connect_to=("*:80:127.0.0.1:8080",))
    for literal in ("10.0.0.1", "::1"):
        assert route(literal, 80, settings) == Route(host=literal, port=80, addresses=(literal,), named=False, source="literal")


def test_the_first_connect_to_that_matches_counts() -> None:
    settings = _settings(connect_to=("a.example:80:127.0.0.1:1", "a.example::127.0.0.1:2", "::127.0.0.1:3"))
    assert [
        route(host, port, settings).port
        for host, port in (("a.example", 80), ("a.example", 443), ("b.example", 80), ("10.0.0.1", 80))
    ] == [1, 2, 3, 3]
    assert route("b.example", 80, settings) == Route(
        host="127.0.0.1", port=3, addresses=("127.0.0.1",), named=True, source="--connect-to"
    )


def test_a_name_that_the_operator_named_is_resolved_and_allowed() -> None:
    found = route("a.example", 80, _settings(connect_to=("a.example:80:localhost:8080",)))
    assert found == Route(host="localhost", port=8080, addresses=(), named=True, source="--connect-to")


def test_a_connect_to_that_only_changes_the_port_names_no_address() -> None:
    found = route("a.example", 80, _settings(connect_to=(":80::8080",)))
    assert found == Route(host="a.example", port=8080, addresses=(), named=False, source="--connect-to")


def test_connect_to_leads_to_resolve() -> None:
    settings = _settings(connect_to=("a.example:443:b.example:8443",), resolve=("b.example:8443:192.0.2.9",))
    assert route("a.example", 443, settings) == Route(
        host="b.example", port=8443, addresses=("192.0.2.9",), named=True, source="--resolve"
    )
