"""One HTTP request to an address that the operator named: a time-stamp authority, a witness. Synchronous, with limits on time and size.

Because the operator named it, it may lie in a private network; that goes for this host and this port alone, so no redirect is
followed and no proxy is asked. Whatever comes back is returned as it came. For adapters alone, like `durable`.
"""

from __future__ import annotations

import contextlib
import re
import socket
import ssl
import threading
from collections.abc import Mapping
from dataclasses import field
from pathlib import Path
from typing import Any, Self

import certifi
import httpx

from preserve.errors import ConfigError
from preserve.model.noun import dataclass

SILENCE = 10.0
TOTAL = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An answer; `problem` says why there is none, and is "" when there is."""

    status: int = 0
    type: str = ""
    body: bytes = b""
    problem: str = ""
    moved: bool = False
    """It wants to be asked elsewhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Poster:
    """Posts to one address. `silence` and `total` are the seconds without a byte, and in all; `cacert` stands instead of the bundled anchors."""

    url: str
    user_agent: str
    cacert: Path | None = None
    silence: float = SILENCE
    total: float = TOTAL
    headers: Mapping[str, str] = field(default_factory=dict)

    def post(self, body: bytes, limit: int, auth: httpx.Auth | None = None) -> Reply:
        """Ask once; an answer longer than `limit` bytes is none. Raises ConfigError when `cacert` holds no certificates."""
        headers = {"Accept-Encoding": "identity", "User-Agent": self.user_agent, **self.headers}
        with _Limit(self.total) as end:
            try:
                with (
                    httpx.Client(timeout=self.silence, trust_env=False, follow_redirects=False, verify=self._tls()) as client,
                    client.stream(
                        "POST", self.url, content=body, headers=headers, auth=auth, extensions={"trace": end.watch}
                    ) as response,
                ):
                    reply = b""
                    for piece in response.iter_raw():
                        reply += piece
                        if len(reply) > limit:
                            if response.status_code == httpx.codes.OK:
                                return Reply(problem=f"its answer is longer than {limit} bytes")
                            reply = b""  # a page of an error, of no use to anybody
                            break
                    answer = Reply(
                        status=response.status_code,
                        type=response.headers.get("content-type", ""),
                        body=reply,
                        moved=response.is_redirect,
                    )
            except httpx.TimeoutException:
                return Reply(problem=f"no answer within {self.silence:g} s")
            except (httpx.HTTPError, httpx.InvalidURL, OSError) as problem:
                if end.reached:
                    return Reply(problem=f"it did not finish within {self.total:g} s")
                said = re.sub(r"^\[Errno -?\d+\] ", "", str(problem)) or type(problem).__name__
                return Reply(problem=f"it cannot be reached: {said}")
            if end.reached:
                return Reply(problem=f"it did not finish within {self.total:g} s")
        return answer

    def _tls(self) -> ssl.SSLContext | bool:
        if not self.url.lower().startswith("https:"):
            return False  # nothing to verify; and anchors take a while to load
        try:
            return ssl.create_default_context(cafile=self.cacert or certifi.where())
        except (OSError, ssl.SSLError) as problem:
            raise ConfigError(f"{self.cacert}: no certificates that can be trusted: {problem}") from problem


def refused(reply: Reply) -> str:
    """What a person should know of an answer with another status than was hoped for."""
    said = f"it answered with HTTP status {reply.status}"
    if reply.moved:
        return f"{said}: it wants to be asked elsewhere, and is not; give its new address if it has moved"
    return said


class _Limit:
    """An end to one exchange, however slowly the other side goes on talking: after so many seconds its socket is shut down."""

    def __init__(self, seconds: float) -> None:
        self.reached = False
        self._socket: socket.socket | None = None
        self._timer = threading.Timer(seconds, self._stop)
        self._timer.daemon = True

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()

    def watch(self, event: str, info: Mapping[str, Any]) -> None:
        """httpx's trace: the socket of a new connection, and the one that TLS puts around it."""
        if event in {"connection.connect_tcp.complete", "connection.start_tls.complete"}:
            self._socket = info["return_value"].get_extra_info("socket")

    def _stop(self) -> None:
        self.reached = True
        if self._socket is not None:
            with contextlib.suppress(OSError):  # it was closed just now
                self._socket.shutdown(socket.SHUT_RDWR)
