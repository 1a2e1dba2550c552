"""Witnesses of the tests: the real one, `preserve log witness` as a process of its own, asked over loopback as anybody could."""

from __future__ import annotations

import http.client
import os
import select
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A status, a Content-Type, a body."""

    status: int
    type: str
    body: bytes


class WitnessProcess:
    """`preserve log witness` in a user's home of its own below `home`; its key is made on first use."""

    def __init__(self, home: Path, *logs: str, name: str = "witness.example/w1") -> None:
        self.home = home
        self.logs = logs
        self.name = name
        self.url = ""
        self.vkey = ""
        self.said = home / "witness.err"
        self._process: subprocess.Popen[str] | None = None
        self._env = {
            **{key: value for key, value in os.environ.items() if not key.startswith("PRESERVE_")},
            "HOME": str(home),
            "XDG_CONFIG_HOME": str(home / "config"),
            "XDG_STATE_HOME": str(home / "state"),
        }

    @property
    def port(self) -> int:
        return urlsplit(self.url).port or 0

    def make_key(self) -> None:
        if not (self.home / "config/preserve/keys").exists():
            self.home.mkdir(parents=True, exist_ok=True)
            self._run("key", "generate", "--use", "witness", "--name", self.name, "--no-passphrase")

    def start(self, *options: str, port: int = 0) -> Self:
        """Start it; its address and vkey are known when this returns."""
        self.make_key()
        logs = [part for log in self.logs for part in ("--log", log)]
        command = [
            sys.executable,
            "-W",
            "error",
            "-m",
            "preserve",
            "log",
            "witness",
            "--listen",
            f"127.0.0.1:{port}",
            *logs,
            *options,
        ]
        with self.said.open("a") as errors:
            self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True, env=self._env)
        assert self._process.stdout is not None
        assert select.select([self._process.stdout], [], [], 20)[0], self.said.read_text()
        said = [self._process.stdout.readline().rstrip("\n").partition(": ") for _ in range(2)]
        assert [name for name, _, _ in said] == ["address", "vkey"], self.said.read_text()
        self.url, self.vkey = (value for _, _, value in said)
        return self

    def __enter__(self) -> Self:
        return self if self._process else self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self, number: int = signal.SIGTERM) -> int:
        """End it with a signal; its exit code."""
        if self._process is None:
            return 0
        self._process.send_signal(number)
        code = self._process.wait(20)
        assert self._process.stdout is not None
        self._process.stdout.close()
        self._process = None
        assert "Traceback" not in self.said.read_text(), self.said.read_text()
        return code

    def post(self, body: bytes, path: str = "/add-checkpoint") -> Reply:
        return ask(self.port, "POST", path, body)

    def _run(self, *arguments: str) -> None:
        subprocess.run(
            [sys.executable, "-m", "preserve", *arguments], env=self._env, check=True, capture_output=True, timeout=60
        )


def ask(port: int, method: str, path: str, body: bytes = b"") -> Reply:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request(method, path, body)
        response = connection.getresponse()
        return Reply(status=response.status, type=response.headers.get("Content-Type", ""), body=response.read())
    finally:
        connection.close()
