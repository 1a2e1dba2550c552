"""Asking a time-stamp authority over HTTP, with every way in which it can fail to answer."""

from __future__ import annotations

import base64
import socket
from pathlib import Path

import pytest

from authorities import Counter, shared, unreachable
from preserve.adapters.tsa import HttpAuthority
from preserve.errors import ConfigError
from preserve.formats import timestamp
from preserve.model.settings import Authority


def _client(url: str, **fields: object) -> HttpAuthority:
    return HttpAuthority(
        Authority(name="a", url=url, **fields),  # type: ignore[arg-type]
        user_agent="preserve/test",
        silence=0.5,
        total=1.0,
    )


def test_what_is_asked_and_answered() -> None:
    question = timestamp.request(b"message", 42)
    with Counter(shared("a")) as counter:
        reply, problem = _client(counter.url).ask(question)
        assert problem == ""
        assert timestamp.read(reply).nonce == 42
        assert counter.asked == [question]
        assert counter.seen[0]["User-Agent"] == "preserve/test"
        assert "Authorization" not in counter.seen[0]


@pytest.mark.long
@pytest.mark.parametrize(
    ("mood", "why"),
    [
        ("http500", "HTTP status 500"),
        ("redirect", "HTTP status 302: it wants to be asked elsewhere"),
        ("silent", "no answer within 0.5 s"),
        ("drip", "did not finish within 1 s"),
        ("huge", "longer than 262144 bytes"),
    ],
)
def test_no_answer_that_can_be_used(mood: str, why: str) -> None:
    with Counter(shared("a")) as counter:
        counter.mood = mood
        reply, problem = _client(counter.url).ask(timestamp.request(b"message", 1))
        assert reply == b""
        assert why in problem


def test_nobody_there() -> None:
    for url in (unreachable(), "http://no-such-host.invalid/"):
        reply, problem = _client(url).ask(b"")
        assert reply == b""
        assert "cannot be reached" in problem


def test_no_proxy_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as proxy, Counter(shared("a")) as counter:
        proxy.settimeout(0)
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.getsockname()[1]}")
        assert _client(counter.url).ask(timestamp.request(b"message", 1))[1] == ""
        with pytest.raises(BlockingIOError):
            proxy.accept()


def test_a_password_from_its_file(tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text("open sésame\nanother line\n", encoding="utf-8")
    with Counter(shared("a")) as counter:
        client = _client(counter.url, user="archive", password_file=secret)
        assert client.ask(timestamp.request(b"message", 1))[1] == ""
        sent = base64.b64decode(counter.seen[0]["Authorization"].removeprefix("Basic "))
        assert sent.decode() == "archive:open sésame"
        secret.unlink()
        with pytest.raises(ConfigError, match=r"password.*cannot be read"):
            client.ask(b"")


def test_a_tls_authority_is_verified(tmp_path: Path) -> None:
    """Only anchors matter here: a server without TLS is no server with a certificate."""
    with Counter(shared("a")) as counter:
        reply, problem = _client(counter.url.replace("http:", "https:")).ask(b"")
        assert reply == b""
        assert "cannot be reached" in problem
    empty = tmp_path / "empty.pem"
    empty.write_bytes(b"")
    client = HttpAuthority(Authority(name="a", url="https://127.0.0.1:9/"), user_agent="x", cacert=empty)
    with pytest.raises(ConfigError, match="no certificates"):
        client.ask(b"")
