"""Asking a time-stamp authority over HTTP (RFC 3161 section 3.4), synchronously, with limits on time and size.

How it is asked, and what passes the guard against private addresses, is in preserve/posting.py. Whatever comes back is returned as it
came: whether it is a token is for formats/timestamp.py to say.
"""

from __future__ import annotations

from pathlib import Path

import httpx

from preserve.errors import ConfigError
from preserve.formats.manifest import MAX_TOKEN
from preserve.formats.timestamp import REPLY_TYPE, REQUEST_TYPE
from preserve.model.settings import Authority
from preserve.posting import SILENCE, TOTAL, Poster, refused

_MAX_PASSWORD = 4096


class HttpAuthority:
    """ports.TimeAuthority: one authority at one address."""

    def __init__(
        self,
        authority: Authority,
        *,
        user_agent: str,
        cacert: Path | None = None,
        silence: float = SILENCE,
        total: float = TOTAL,
    ) -> None:
        """`silence` and `total` are the seconds without a byte, and in all. `cacert` stands instead of the bundled anchors."""
        self.settings = authority
        self._poster = Poster(
            url=authority.url,
            user_agent=user_agent,
            cacert=cacert,
            silence=silence,
            total=total,
            headers={"Content-Type": REQUEST_TYPE, "Accept": REPLY_TYPE},
        )

    @property
    def name(self) -> str:
        return self.settings.name

    @property
    def policy(self) -> str | None:
        return self.settings.policy

    def ask(self, request: bytes) -> tuple[bytes, str]:
        """(the reply, "") or (b"", why there is none). Raises ConfigError when the password's file cannot be read."""
        reply = self._poster.post(request, MAX_TOKEN, self._auth())
        if reply.problem:
            return b"", reply.problem
        return (reply.body, "") if reply.status == httpx.codes.OK else (b"", refused(reply))

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
