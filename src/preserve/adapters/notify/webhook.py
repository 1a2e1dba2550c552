"""Telling an address by POST, signed as Standard Webhooks 1.0 has it (https://www.standardwebhooks.com, "Signature scheme").

`webhook-signature` is `v1,` and the base64 of HMAC-SHA256 over `<webhook-id>.<webhook-timestamp>.<body>`. How a receiver checks it is
told in docs/formats/schedules.md section 6, with openssl alone.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import ssl
import time
from collections.abc import Mapping
from pathlib import Path

import certifi
import httpx

from preserve.formats import digest as digest_format
from preserve.model.digest import Digest, ToWebhook

_SILENCE = 10.0
_TOTAL = 30.0
_MAX_SECRET = 4096
_PREFIX = "whsec_"
_SHORTEST = 16


class WebhookNotifier:
    """ports.Notifier: one address. `cacert` stands instead of the bundled trust anchors."""

    def __init__(
        self,
        receiver: ToWebhook,
        *,
        user_agent: str,
        cacert: Path | None = None,
        silence: float = _SILENCE,
        total: float = _TOTAL,
    ) -> None:
        self._receiver = receiver
        self._user_agent = user_agent
        self._cacert = cacert
        self._silence = silence
        self._total = total

    def send(self, digest: Digest) -> str:
        """Return "" when the address answered with a status of success; else why it did not."""
        body = digest_format.encode(digest)
        try:
            secret = read_secret(Path(self._receiver.secret_file))
        except ValueError as problem:
            return str(problem)
        # The same digest sent twice has the same id: whoever gets it can tell.
        id_, at = f"msg_{hashlib.sha256(body).hexdigest()[:32]}", int(digest.at.timestamp())
        headers = {
            "Content-Type": "application/json",
            "User-Agent": self._user_agent,
            **signed(body, id_=id_, at=at, secret=secret),
        }
        begun = time.monotonic()
        try:
            with (
                httpx.Client(timeout=self._silence, trust_env=False, follow_redirects=False, verify=self._tls()) as client,
                client.stream("POST", self._receiver.url, content=body, headers=headers) as response,
            ):
                if response.is_success:
                    return ""
                return f"it answered with HTTP status {response.status_code}"
        except httpx.TimeoutException:
            return f"no answer within {time.monotonic() - begun:.0f} s"
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as problem:
            return f"it cannot be reached: {str(problem) or type(problem).__name__}"

    def _tls(self) -> ssl.SSLContext | bool:
        if not self._receiver.url.lower().startswith("https:"):
            return False  # nothing to verify; and anchors take a while to load
        return ssl.create_default_context(cafile=self._cacert or certifi.where())


def signed(body: bytes, *, id_: str, at: int, secret: bytes) -> Mapping[str, str]:
    """The three header fields that prove `body` to whoever has the secret; `at` is Unix time."""
    code = hmac.new(secret, b"%s.%d.%s" % (id_.encode(), at, body), hashlib.sha256).digest()
    return {
        "webhook-id": id_,
        "webhook-timestamp": str(at),
        "webhook-signature": f"v1,{base64.b64encode(code).decode()}",
    }


def read_secret(path: Path) -> bytes:
    """The secret in the first line of a file: base64 behind `whsec_`, or the text itself. Raises ValueError saying what is wrong."""
    try:
        with path.open(encoding="utf-8") as file:
            line = file.readline(_MAX_SECRET).strip()
    except (OSError, UnicodeDecodeError) as problem:
        raise ValueError(f"{path}: the secret cannot be read: {getattr(problem, 'strerror', None) or problem}") from problem
    try:
        secret = base64.b64decode(line.removeprefix(_PREFIX), validate=True) if line.startswith(_PREFIX) else line.encode()
    except binascii.Error as problem:
        raise ValueError(f"{path}: what follows {_PREFIX} is not base64") from problem
    if len(secret) < _SHORTEST:
        raise ValueError(f"{path}: the secret is shorter than {_SHORTEST} bytes")
    return secret
