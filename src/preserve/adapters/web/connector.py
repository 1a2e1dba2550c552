"""From a URL to a connection: route, names, the address rule, TCP, TLS.

The addresses that were checked are the ones that are connected to; nothing below resolves a name again. Each address is tried in
the resolver's order until one answers; a certificate is judged once and not shopped around for.
"""

from __future__ import annotations

import asyncio
import errno
import os
import ssl
from dataclasses import replace

from preserve.adapters.web import tls
from preserve.adapters.web.connection import Connection
from preserve.adapters.web.resolver import Resolver
from preserve.adapters.web.tunnel import TunnelError, authorization, open_way
from preserve.errors import StoreError
from preserve.formats.url import Url
from preserve.model.settings import FetchSettings, Proxy, TlsMode
from preserve.model.web import Outcome, Resolution, Tls, Trouble
from preserve.ports import Clock
from preserve.rules.address import refusal
from preserve.rules.route import Route, route

_MOST_UNKNOWN = 10_000
"""Names that only the proxy knows, which are not looked up again."""
_OUR_FAULT = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS})
_PROBLEMS = {
    errno.ECONNREFUSED: "connection refused",
    errno.ECONNRESET: "the connection was reset while connecting",
    errno.ENETUNREACH: "network unreachable",
    errno.EADDRNOTAVAIL: "network unreachable",
    errno.EHOSTUNREACH: "host unreachable",
    errno.ETIMEDOUT: "no answer to the connection",
    errno.EACCES: "this machine may not connect there",
    errno.EPERM: "this machine may not connect there",
}


class NotConnected(Exception):
    """No connection came about; the attributes hold what is known all the same."""

    def __init__(
        self,
        problem: str,
        *,
        outcome: Outcome = Outcome.FAILED,
        resolution: Resolution | None = None,
        peer: tuple[str, int] | None = None,
        tls: Tls | None = None,
        trouble: Trouble | None = None,
    ) -> None:
        super().__init__(problem)
        self.problem = problem
        self.outcome = outcome
        self.resolution = resolution
        self.peer = peer
        self.tls = tls
        self.trouble = trouble


class Connector:
    """Opens connections as the settings say."""

    def __init__(self, settings: FetchSettings, clock: Clock) -> None:
        """Raises ConfigError when `cacert` cannot be read."""
        self._settings = settings
        self._clock = clock
        self._resolver = Resolver(clock, settings.timeout)
        self._unknown: set[str] = set()
        # certifi's roots are read when they are first needed; what the operator named is looked at now.
        self._strict = tls.context(settings.cacert, http2=settings.http2) if settings.cacert else None
        self._lax = tls.context(None, verify=False, http2=settings.http2) if settings.tls is TlsMode.RECORD else None

    async def connect(self, url: Url) -> Connection:
        """A connection that is ready to be asked. Raises NotConnected, and StoreError when this machine has none to give."""
        way = route(url.hostname, url.port, self._settings)
        if self._settings.proxy is not None:
            return await self._through_proxy(url, way, self._settings.proxy)
        resolution = await self._resolve(way)
        connection = await self._first(self._check(way, resolution), way.port, resolution)
        return connection if url.scheme == "http" else await self._secure(connection, url, way)

    def absolute(self, url: Url) -> bool:
        """Whether the whole address goes into the request line: a proxy of HTTP is asked for it, and no way through it is opened."""
        proxy = self._settings.proxy
        plain = proxy is not None and proxy.scheme == "http" and url.scheme == "http"
        return plain and route(url.hostname, url.port, self._settings).source in {"dns", "literal"}

    def sent(self, url: Url, request: bytes) -> bytes:
        """The request as it is sent: to a proxy of HTTP with the line that only it reads, which is not kept."""
        proxy = self._settings.proxy
        if proxy is None or proxy.user is None or not self.absolute(url):
            return request
        return request.removesuffix(b"\r\n") + authorization(proxy) + b"\r\n"

    @property
    def proxy(self) -> str:
        """The proxy in use, without its password; empty when there is none."""
        return self._settings.proxy.shown if self._settings.proxy is not None else ""

    async def _first(self, addresses: tuple[str, ...], port: int, resolution: Resolution) -> Connection:
        """A connection to the first of the addresses that answers."""
        problem = ""
        for address in addresses:
            try:
                connection = await self._open(address, port, self._settings.timeout / len(addresses))
            except TimeoutError:
                problem = f"no answer to the connection within {self._settings.timeout:g} s"
            except OSError as error:
                if error.errno in _OUR_FAULT:
                    raise StoreError(
                        f"no connection can be opened: {os.strerror(error.errno)}", "lower --concurrency, or raise `ulimit -n`"
                    ) from error
                problem = _PROBLEMS.get(error.errno or 0) or f"no connection: {error.strerror or error}"
            else:
                connection.resolution = resolution
                return connection
        raise NotConnected(problem, resolution=resolution, trouble=Trouble.UNREACHABLE)

    def close(self) -> None:
        self._resolver.close()

    async def _resolve(self, way: Route) -> Resolution:
        if way.addresses:
            return Resolution(host=way.host, addresses=way.addresses, source=way.source, at=self._clock.now())
        answer = await self._resolver.lookup(way.host)
        if answer.problem:
            raise NotConnected(
                answer.problem, resolution=answer.resolution, trouble=Trouble.UNREACHABLE if answer.passing else None
            )
        return answer.resolution

    async def _through_proxy(self, url: Url, way: Route, proxy: Proxy) -> Connection:
        """A connection through the operator's proxy, which may lie anywhere; what is asked of it may not.

        The proxy resolves names itself. What this machine knows of a name is checked all the same, every address of it, for nobody
        knows which one the proxy takes; a name that only the proxy knows cannot be checked.
        """
        resolution = Resolution(host=way.host, addresses=(), source="the proxy", at=self._clock.now())
        if way.host not in self._unknown:
            try:
                resolution = await self._resolve(way)
            except NotConnected:
                if len(self._unknown) < _MOST_UNKNOWN:
                    self._unknown.add(way.host)
        if resolution.addresses and len(self._check(way, resolution)) < len(resolution.addresses):
            raise NotConnected("refused: not all of its addresses are public", outcome=Outcome.REFUSED, resolution=resolution)
        try:
            gate = await self._resolve(route(proxy.host, proxy.port, FetchSettings(user_agent="")))
            connection = await self._first(gate.addresses, proxy.port, resolution)
        except NotConnected as missing:
            raise NotConnected(
                f"the proxy {proxy.shown}: {missing.problem}", resolution=resolution, trouble=missing.trouble
            ) from missing
        await self._open_way(connection, url, way)
        return connection if url.scheme == "http" else await self._secure(connection, url, way)

    async def _open_way(self, connection: Connection, url: Url, way: Route) -> None:
        """Let the proxy connect it, where it is one. Raises NotConnected."""
        proxy = self._settings.proxy
        if proxy is None:
            return
        connection.proxy = proxy.shown
        if self.absolute(url):
            return
        problem, passing = "", True
        try:
            await open_way(connection, proxy, way.addresses[0] if way.addresses else way.host, way.port)
        except TunnelError as error:
            problem, passing = error.problem, error.passing
        except TimeoutError:
            problem = f"the proxy said nothing for {self._settings.timeout:g} s"
        except OSError:
            problem = "the proxy closed the connection"
        if problem:
            connection.drop()
            raise NotConnected(
                problem,
                resolution=connection.resolution,
                peer=connection.peer,
                trouble=Trouble.UNREACHABLE if passing else None,
            )

    def _check(self, way: Route, resolution: Resolution) -> tuple[str, ...]:
        allow_private = self._settings.allow_private or way.named
        refusals = {address: refusal(address, allow_private=allow_private) for address in resolution.addresses}
        allowed = tuple(address for address, why in refusals.items() if why is None)
        if not allowed:
            address, why = next(iter(refusals.items()))
            raise NotConnected(
                f"refused: {address} is not a public address ({why})",
                outcome=Outcome.REFUSED,
                resolution=resolution,
            )
        return allowed

    async def _open(self, address: str, port: int, limit: float) -> Connection:
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(limit):
            _, connection = await loop.create_connection(lambda: Connection(loop, self._settings.timeout), address, port)
        return connection

    async def _secure(self, connection: Connection, url: Url, way: Route) -> Connection:
        """Shake hands; with `--tls record` a second connection goes on where the certificate of the first was refused."""
        resolution, peer = connection.resolution, connection.peer
        self._strict = self._strict or tls.context(None, http2=self._settings.http2)
        try:
            await self._shake(connection, url, self._strict)
        except tls.HandshakeError as error:
            refused = connection.tls
            if self._lax is None or peer is None or not error.certificate:
                raise NotConnected(error.problem, resolution=resolution, peer=peer, tls=refused) from error
        else:
            return connection
        try:
            connection = await self._open(*peer, self._settings.timeout)
            connection.resolution = resolution
            await self._open_way(connection, url, way)
            await self._shake(connection, url, self._lax)
        except (OSError, TimeoutError, tls.HandshakeError) as error:
            problem = error.problem if isinstance(error, tls.HandshakeError) else "no second connection without verification"
            raise NotConnected(problem, resolution=resolution, peer=peer, tls=refused) from error
        connection.tls = _marked(connection.tls, refused)
        return connection

    async def _shake(self, connection: Connection, url: Url, context: ssl.SSLContext) -> None:
        """Raises HandshakeError, and drops the connection."""
        try:
            await connection.start_tls(context, url.hostname)
        except TimeoutError as error:
            connection.drop()
            raise tls.HandshakeError(f"the TLS handshake was not finished within {self._settings.timeout:g} s") from error
        except BaseException:
            connection.drop()
            raise


def _marked(facts: Tls | None, refused: Tls | None) -> Tls | None:
    """The facts of an unverified connection with the verifier's reason, which was given for the connection before."""
    if facts is None or refused is None:
        return facts
    if facts.chain == refused.chain:
        return replace(facts, problem=refused.problem)
    return replace(facts, problem=f"not verified; another certificate, presented just before, was refused: {refused.problem}")
