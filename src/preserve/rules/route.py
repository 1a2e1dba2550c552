"""Where to connect for a URL's host: the operator's `--resolve` and `--connect-to`, in curl's words and curl's order.

`--connect-to` is looked at first and its first match counts; `--resolve` then applies to the host it led to, an exact name
before "*", the last given before earlier ones. An address or a host that the operator named passes the private-address rule for
that host: the operator knows his network, the page that is cited does not.
"""

from __future__ import annotations

from ipaddress import ip_address
from typing import Final
from urllib.parse import unquote, urlsplit

from preserve.errors import UsageError
from preserve.model.noun import dataclass
from preserve.model.settings import ConnectTo, FetchSettings, Proxy, Resolve

_PROXY_PORTS: Final = {"http": 80, "socks5": 1080}
_LONGEST: Final = 255
"""Bytes of a user name or a password (RFC 1929 section 2)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """Where to connect: to one of `addresses`, or when there is none, to what `host` resolves to.

    `named` says that the operator named this place; `source` is "dns", "literal", "--resolve" or "--connect-to".
    """

    host: str
    port: int
    addresses: tuple[str, ...]
    named: bool
    source: str


def route(hostname: str, port: int, settings: FetchSettings) -> Route:
    """Where a request for `hostname` (IPv6 without brackets) and `port` is to go."""
    named, source = False, "dns"
    for redirect in settings.connect_to:
        if _matches(redirect.host, hostname) and redirect.port in {None, port}:
            named, source = bool(redirect.to_host), "--connect-to"
            hostname, port = redirect.to_host or hostname, redirect.to_port or port
            break
    named = named or (hostname, port) in settings.named
    rules = [rule for rule in settings.resolve if rule.port == port and rule.host and _matches(rule.host, hostname)]
    if rules:
        exact = [rule for rule in rules if rule.host != "*"]
        return Route(host=hostname, port=port, addresses=(exact or rules)[-1].addresses, named=True, source="--resolve")
    if _is_ip(hostname):
        return Route(
            host=hostname, port=port, addresses=(hostname,), named=named, source="literal" if source == "dns" else source
        )
    return Route(host=hostname, port=port, addresses=(), named=named, source=source)


def parse_resolve(text: str) -> Resolve:
    """Read `HOST:PORT:ADDR[,ADDR…]`, IPv6 in brackets; raises UsageError."""
    host, rest = _host(text)
    port, colon, addresses = rest.partition(":")
    found = tuple(address.strip("[]") for address in addresses.split(",") if address)
    if not host or not colon or not found or not all(map(_is_ip, found)):
        raise UsageError(
            f"--resolve {text}: not HOST:PORT:ADDRESS", "for example --resolve example.org:443:192.0.2.7, or '*:443:192.0.2.7'"
        )
    return Resolve(host=host.lower(), port=_port(port, "--resolve", text), addresses=found)


def parse_connect_to(text: str) -> ConnectTo:
    """Read `HOST1:PORT1:HOST2:PORT2`, any part empty, IPv6 in brackets; raises UsageError."""
    host, rest = _host(text)
    port, colon, rest = rest.partition(":")
    to_host, to_port = _host(rest)
    if not colon or ":" in to_port:
        raise UsageError(
            f"--connect-to {text}: not HOST1:PORT1:HOST2:PORT2", "for example --connect-to example.org:443:localhost:8443"
        )
    return ConnectTo(
        host=host.lower(),
        port=_port(port, "--connect-to", text) if port else None,
        to_host=to_host.lower(),
        to_port=_port(to_port, "--connect-to", text) if to_port else None,
    )


def parse_proxy(text: str) -> Proxy:
    """Read `http://[USER:PASSWORD@]HOST[:PORT]`, or `socks5://…`; raises UsageError, which never repeats a password."""
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    scheme = "socks5" if parts.scheme == "socks5h" else parts.scheme
    user = None if parts.username is None else unquote(parts.username)
    password = unquote(parts.password or "")
    if scheme not in _PROXY_PORTS or not parts.hostname or parts.path not in {"", "/"} or parts.query or parts.fragment:
        raise UsageError("--proxy: not http://HOST:PORT or socks5://HOST:PORT", "for example --proxy http://proxy.example:3128")
    if len((user or "").encode()) > _LONGEST or len(password.encode()) > _LONGEST or ":" in (user or "") or user == "":
        raise UsageError("--proxy: the user name or the password cannot be sent", "write the odd characters as %XX")
    return Proxy(scheme=scheme, host=parts.hostname, port=port or _PROXY_PORTS[scheme], user=user, password=password)


def _matches(pattern: str, hostname: str) -> bool:
    if pattern == "*":
        return not _is_ip(hostname)
    return pattern in {"", hostname} or pattern == hostname.rstrip(".")


def _host(text: str) -> tuple[str, str]:
    """Split `host:rest`, where the host may be an IPv6 address in brackets."""
    if text.startswith("["):
        host, _, rest = text[1:].partition("]")
        return host, rest[1:]
    host, _, rest = text.partition(":")
    return host, rest


def _port(text: str, option: str, whole: str) -> int:
    if not text.isascii() or not text.isdigit() or not 0 < int(text) < 65536:
        raise UsageError(f"{option} {whole}: {text!r} is not a port", "a port is a number from 1 to 65535")
    return int(text)


def _is_ip(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
