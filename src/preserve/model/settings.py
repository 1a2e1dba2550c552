"""What an operator may set about asking the web; the command line and the configuration file fill it."""

from __future__ import annotations

from enum import StrEnum
from pathlib import PurePath

from preserve.model.noun import dataclass


class TlsMode(StrEnum):
    """What to do with a certificate that does not verify."""

    REQUIRE = "require"
    """No request is sent; the reason and the chain are kept."""
    RECORD = "record"
    """The page is fetched all the same; the reason is kept with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolve:
    """`--resolve HOST:PORT:ADDR[,ADDR…]`: where to connect for a host and port. `host` "*" stands for any name, never an IP."""

    host: str
    port: int
    addresses: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectTo:
    """`--connect-to HOST1:PORT1:HOST2:PORT2`: ask another place instead. Empty (`""`, None) matches any, or keeps what it was."""

    host: str
    port: int | None
    to_host: str
    to_port: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Proxy:
    """`--proxy`: who is asked instead of every host. `scheme` is "http" or "socks5"; without a `user` there is no password."""

    scheme: str
    host: str
    port: int
    user: str | None = None
    password: str = ""

    @property
    def shown(self) -> str:
        """Its address, without user and password."""
        return f"{self.scheme}://[{self.host}]:{self.port}" if ":" in self.host else f"{self.scheme}://{self.host}:{self.port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchSettings:
    """How the web is asked. Times are seconds, sizes bytes.

    `timeout` is the longest silence (to connect, and between two bytes), `max_size` the most body bytes kept of one response,
    `per_host` how many idle connections are kept for a host. `cacert` names a PEM file of trust anchors that replaces the
    bundled ones. With `http2` servers may choose HTTP/2 over TLS.
    """

    user_agent: str
    timeout: float = 30.0
    max_size: int = 2 * 1024**3
    allow_private: bool = False
    tls: TlsMode = TlsMode.REQUIRE
    cacert: PurePath | None = None
    per_host: int = 2
    resolve: tuple[Resolve, ...] = ()
    connect_to: tuple[ConnectTo, ...] = ()
    proxy: Proxy | None = None
    http2: bool = False
    named: tuple[tuple[str, int], ...] = ()
    """Hosts and ports that the operator named as a place to ask: they may be private."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WitnessAddress:
    """A witness to ask for cosignatures: what it is called here, its submission prefix, its vkey."""

    name: str
    url: str
    vkey: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Authority:
    """A time-stamp authority (RFC 3161) to ask. `name` is what manifests call it, `policy` the OID to ask for.

    With a `user` it is asked with HTTP Basic authentication, the password being the first line of `password_file`.
    """

    name: str
    url: str
    policy: str | None = None
    user: str | None = None
    password_file: PurePath | None = None
