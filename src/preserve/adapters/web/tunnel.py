"""A way through the operator's proxy: CONNECT (RFC 9110 section 9.3.6), or SOCKS 5 (RFC 1928, with a password RFC 1929).

What is said to the proxy is no part of the exchange with the site and is not kept; that it was asked, and which, is.
"""

from __future__ import annotations

import base64
import re
import struct
from ipaddress import ip_address

from preserve.adapters.web.connection import Connection
from preserve.model.settings import Proxy

_STATUS = re.compile(rb"HTTP/1\.[01] ([0-9]{3})(?: ([^\r\n]{0,80}))?")
_SOCKS = {
    1: "general failure",
    2: "not allowed",
    3: "network unreachable",
    4: "host unreachable",
    5: "connection refused",
    6: "the time to live is over",
    7: "it does not open connections",
    8: "it does not know this kind of address",
}
_PASSING = frozenset({1, 3, 4, 5, 6})
_GATEWAY = frozenset({502, 503, 504})


class TunnelError(Exception):
    """The proxy opened no way; `passing` says that it may later."""

    def __init__(self, problem: str, *, passing: bool = False) -> None:
        super().__init__(problem)
        self.problem = problem
        self.passing = passing


def authorization(proxy: Proxy) -> bytes:
    """The header line by which the proxy knows its user; empty where it asks for none."""
    if proxy.user is None:
        return b""
    return b"Proxy-Authorization: Basic %b\r\n" % base64.b64encode(f"{proxy.user}:{proxy.password}".encode())


async def open_way(connection: Connection, proxy: Proxy, host: str, port: int) -> None:
    """Have the proxy connect this connection to `host` (a name, or an address without brackets).

    Raises TunnelError, OSError when the proxy goes away, TimeoutError when it says nothing.
    """
    if proxy.scheme == "socks5":
        await _socks(connection, proxy, host, port)
    else:
        await _connect(connection, proxy, f"[{host}]:{port}" if ":" in host else f"{host}:{port}")


async def _connect(connection: Connection, proxy: Proxy, place: str) -> None:
    words = b"CONNECT %b HTTP/1.1\r\nHost: %b\r\n%b\r\n" % (place.encode(), place.encode(), authorization(proxy))
    answer = await connection.agree(words, lambda heard: heard.find(b"\r\n\r\n") + 4 if b"\r\n\r\n" in heard else 0)
    status = _STATUS.match(answer)
    if status is None:
        raise TunnelError("the proxy does not answer in HTTP")
    if not status[1].startswith(b"2"):
        said = b" ".join(part for part in status.groups() if part).decode("latin-1")
        raise TunnelError(f"the proxy opened no way to {place}: {said}", passing=int(status[1]) in _GATEWAY)


async def _socks(connection: Connection, proxy: Proxy, host: str, port: int) -> None:
    methods = b"\0" if proxy.user is None else b"\0\2"
    chosen = await connection.agree(bytes((5, len(methods))) + methods, lambda heard: 2 if len(heard) >= 2 else 0)
    if chosen[:1] != b"\5":
        raise TunnelError("the proxy does not speak SOCKS 5")
    if chosen == b"\5\2" and proxy.user is not None:
        user, password = proxy.user.encode(), proxy.password.encode()
        words = b"\1%c%b%c%b" % (len(user), user, len(password), password)
        if (await connection.agree(words, lambda heard: 2 if len(heard) >= 2 else 0))[1]:
            raise TunnelError("the proxy does not accept this user and password")
    elif chosen != b"\5\0":
        raise TunnelError("the proxy asks for a user and a password" if proxy.user is None else "the proxy takes no password")
    answer = await connection.agree(b"\5\1\0" + _address(host) + struct.pack(">H", port), _socks_answer)
    if code := answer[1]:
        raise TunnelError(f"the proxy opened no way to {host}: {_SOCKS.get(code, code)}", passing=code in _PASSING)


def _address(host: str) -> bytes:
    try:
        address = ip_address(host)
    except ValueError:
        name = host.encode("ascii")
        return b"\3%c%b" % (len(name), name)
    return (b"\1" if address.version == 4 else b"\4") + address.packed


def _socks_answer(heard: bytes) -> int:
    if len(heard) < 5:
        return 0
    size = 6 + {1: 4, 3: 1 + heard[4], 4: 16}.get(heard[3], 0)
    return size if len(heard) >= size else 0
