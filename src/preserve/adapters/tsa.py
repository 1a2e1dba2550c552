"""Asking a time-stamp authority over HTTP (RFC 3161 section 3.4), synchronously, with limits on time and size.

The operator named the address, so it may lie in a private network; that goes for this host and this port alone, so no redirect is
followed and no proxy is asked. Whatever comes back is returned as it came: whether it is a token is for formats/timestamp.py to say.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import certifi
import httpx

from preserve.errors import ConfigError
from preserve.formats.manifest import MAX_TOKEN
from preserve.formats.timestamp import REPLY_TYPE, REQUEST_TYPE
from preserve.model.settings import Authority

_SILENCE = 10.0
_TOTAL = 30.0
_MAX_PASSWORD = 4096


class HttpAuthority:
    """ports.TimeAuthority: one authority at one address."""

    def __init__(
        self,
        authority: Authority,
        *,
        user_agent: str,
        cacert: Path | None = None,
        silence: float = _SILENCE,
        total: float = _TOTAL,
    ) -> None:
        """`silence` and `total` are the seconds without a byte, and in all. `cacert` stands instead of the bundled anchors."""
        self.settings = authority
        self._user_agent = user_agent
        self._cacert = cacert
        self._silence = silence
        self._total = total

    @property
    def name(self) -> str:
        return self.settings.name

    @property
    def policy(self) -> str | None:
        return self.settings.policy

    def ask(self, request: bytes) -> tuple[bytes, str]:
        """(the reply, "") or (b"", why there is none). Raises ConfigError when the password's file cannot be read."""
        headers = {
            "Content-Type": REQUEST_TYPE,
            "Accept": REPLY_TYPE,
            "Accept-Encoding": "identity",
            "User-Agent": self._user_agent,
        }
        with _Limit(self._total) as limit:
            try:
                with (
                    httpx.Client(timeout=self._silence, trust_env=False, follow_redirects=False, verify=self._tls()) as client,
                    client.stream(
                        "POST",
                        self.settings.url,
                        content=request,
                        headers=headers,
                        auth=self._auth(),
                        extensions={"trace": limit.watch},
                    ) as response,
                ):
                    if response.status_code != httpx.codes.OK:
                        return b"", _refused(response)
                    reply = b""
                    for piece in response.iter_raw():
                        reply += piece
                        if len(reply) > MAX_TOKEN:
                            return b"", f"its answer is longer than {MAX_TOKEN} bytes"
            except httpx.TimeoutException:
                return b"", f"no answer within {self._silence:g} s"
            except (httpx.HTTPError, httpx.InvalidURL, OSError) as problem:
                if limit.reached:
                    return b"", f"it did not finish within {self._total:g} s"
                return b"", f"it cannot be reached: {str(problem) or type(problem).__name__}"
            if limit.reached:
                return b"", f"it did not finish within {self._total:g} s"
        return reply, ""

    def _auth(self) -> httpx.Auth | None:
        if self.settings.user is None or self.settings.password_file is None:
            return None
        try:
            with Path(self.settings.password_file).open(encoding="utf-8") as file:
                password = file.readline(_MAX_PASSWORD).rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as problem:
            raise ConfigError(
                f"{self.settings.password_file}: the password for {self.name} cannot be read: {problem}",
                "correct password_file in config.toml",
            ) from problem
        return httpx.BasicAuth(self.settings.user, password)

    def _tls(self) -> ssl.SSLContext | bool:
        if not self.settings.url.lower().startswith("https:"):
            return False  # nothing to verify; and anchors take a while to load
        try:
            return ssl.create_default_context(cafile=self._cacert or certifi.where())
        except (OSError, ssl.SSLError) as problem:
            raise ConfigError(f"{self._cacert}: no certificates that can be trusted: {problem}") from problem


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


def _refused(response: httpx.Response) -> str:
    said = f"it answered with HTTP status {response.status_code}"
    if response.is_redirect:
        return f"{said}: it wants to be asked elsewhere, and is not; give its new address if it has moved"
    return said
