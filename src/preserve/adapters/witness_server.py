"""Being a witness: `add-checkpoint` of C2SP tlog-witness (https://c2sp.org/tlog-witness) over plain HTTP (docs/formats/log.md section 6).

What a witness promises is one thing: it never cosigns two checkpoints of one log that do not fit together. So what was cosigned last is
on the disk before the answer goes out, requests for one log come one after the other, one process holds the state folder, and a key
is bound to the one state folder that knows what it cosigned: with another it does not start (`WitnessState`).

Threads and blocking sockets. A request has so many seconds in all, however slowly it comes, so many bytes, and so many others beside it.
"""

from __future__ import annotations

import fcntl
import hashlib
import io
import os
import secrets
import socket
import socketserver
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from time import monotonic

from preserve import durable
from preserve.errors import ConfigError, FormatError, StoreError
from preserve.formats import note, witness
from preserve.formats.note import Checkpoint, NoteSigner, SignedNote, VerifierKey
from preserve.formats.printable import printable
from preserve.rules.witness import Refusal, Refused, judge_growth, judge_signature

DEADLINE = 15.0
"""Seconds for a request to come whole, and for a connection to wait for the next."""
CONNECTIONS = 64
_STATE = "witness"
_LOCK = "lock"


class WitnessState:
    """What was cosigned last, a file for each log. Only one process at a time has it open."""

    def __init__(self, folder: Path, key: VerifierKey) -> None:
        """Raises StoreError when it cannot be used, another process has it, or it is that of another key."""
        self.folder = folder
        self._key = key
        self._handle = -1
        try:
            durable.make_folders(folder, mode=0o700)
            self._handle = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as problem:
            self.close()
            raise StoreError(f"{folder}: another witness is running with it", "end that one first") from problem
        except OSError as problem:
            self.close()
            raise _unusable(folder, problem) from problem
        self.id = self._identify()

    def _identify(self) -> str:
        """The name that this state goes by, made when it is new; it says whose it is."""
        place = self.folder / _STATE
        try:
            text = place.read_text(encoding="utf-8")
        except FileNotFoundError:
            text = f"{self._key.encode()}\n{secrets.token_hex(16)}\n"
            try:
                durable.write_file(place, text.encode(), mode=0o600)
                durable.sync_folder(self.folder)
            except OSError as problem:
                raise _unusable(place, problem) from problem
        except (OSError, UnicodeDecodeError) as problem:
            raise StoreError(f"{place}: cannot be read: {problem}") from problem
        vkey, _, rest = text.partition("\n")
        if vkey != self._key.encode():
            raise ConfigError(f"{self.folder} is the state of another witness: {vkey}", "give each witness key its own --state")
        return rest.strip()

    def last(self, origin: str) -> SignedNote | None:
        """The checkpoint of `origin` cosigned last, with the log's line and ours. Raises StoreError when it cannot be read."""
        place = self._place(origin)
        try:
            return note.parse(place.read_bytes())
        except FileNotFoundError:
            return None
        except OSError as problem:
            raise _unusable(place, problem) from problem
        except FormatError as problem:
            raise StoreError(f"{place}: {problem.message}", "without it nothing can be cosigned for this log") from problem

    def keep(self, origin: str, signed: SignedNote) -> None:
        """Let it be the last; on the disk when this returns."""
        place = self._place(origin)
        try:
            durable.write_file(place, signed.encode(), mode=0o600)
            durable.sync_folder(self.folder)
        except OSError as problem:
            raise _unusable(place, problem) from problem

    def keep_fork(self, origin: str, signed: SignedNote) -> None:
        """Keep the first checkpoint by which a log contradicts itself, as proof; beside the one that was cosigned."""
        place = self._place(origin).with_suffix(".fork")
        with suppress(OSError):  # it is evidence, not state: nothing rests on it
            if not place.exists():
                durable.write_file(place, signed.encode(), mode=0o600)

    def by_hash(self, digest: str) -> bytes | None:
        """The last checkpoint of the log whose origin has this SHA-256."""
        try:
            return (self.folder / f"{digest}.checkpoint").read_bytes()
        except OSError:
            return None

    def close(self) -> None:
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1

    def _place(self, origin: str) -> Path:
        return self.folder / f"{hashlib.sha256(origin.encode()).hexdigest()}.checkpoint"


class WitnessDesk:
    """The witness itself, whatever way requests come: one request in, an HTTP status and body out. For any number of threads."""

    def __init__(self, state: WitnessState, signer: NoteSigner, logs: Sequence[VerifierKey], now: Callable[[], int]) -> None:
        """`now` gives seconds since 1970."""
        self._state = state
        self._signer = signer
        self._logs = tuple(logs)
        self._now = now
        self._turns = {key.name: threading.Lock() for key in logs}

    def add_checkpoint(self, data: bytes) -> tuple[int, str, bytes, str]:
        """(status, content type, body, what to note of it). Raises StoreError when the state cannot be kept: then nothing was signed."""
        try:
            request = witness.decode(data)
        except FormatError as problem:
            return _plain(Refusal.MALFORMED, problem.message)
        found = judge_signature(request, self._logs)
        if isinstance(found, Refused):
            return _plain(found.status, found.why)
        with self._turns[found.origin]:
            return self._answer(request, found)

    def _answer(self, request: witness.Request, found: Checkpoint) -> tuple[int, str, bytes, str]:
        said = f"{found.origin} {found.size}"
        cosigned = self._state.last(found.origin)
        last = None if cosigned is None else note.parse_checkpoint(cosigned.text, extensions=True)
        refused = judge_growth(request, found, last)
        if refused is not None:
            if refused.fork:
                self._state.keep_fork(found.origin, request.checkpoint)
                said += ": FORK, this log signed two trees of one size; both are kept"
            if refused.status is Refusal.OTHER_SIZE:
                return refused.status, witness.SIZE_TYPE, witness.encode_size(0 if last is None else last.size), said
            status, kind, body, _ = _plain(refused.status, refused.why)
            return status, kind, body, said
        line = note.cosign(request.checkpoint.text, self._signer, self._now())
        known = {(key.name, key.key_hash) for key in self._logs}
        own = tuple(item for item in request.checkpoint.signatures if (item.name, item.key_hash) in known)
        self._state.keep(found.origin, replace(request.checkpoint, signatures=(*own, line)))
        return 200, "text/plain; charset=utf-8", note.encode_signatures([line]), said

    def checkpoint(self, digest: str) -> bytes | None:
        """What a monitor may ask for: the checkpoint cosigned last of the log whose origin has this SHA-256."""
        known = {hashlib.sha256(key.name.encode()).hexdigest() for key in self._logs}
        return self._state.by_hash(digest) if digest in known else None


def _plain(status: int, why: str) -> tuple[int, str, bytes, str]:
    text = printable(why)
    return status, "text/plain; charset=utf-8", f"{text}\n".encode(), text


# ---------------------------------------------------------------------------------------------------------------------- HTTP


class WitnessServer(socketserver.ThreadingMixIn, socketserver.TCPServer):
    """Answers on one address. `note` is given a line for each request."""

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(
        self, host: str, port: int, desk: WitnessDesk, note: Callable[[str], None], *, deadline: float = DEADLINE
    ) -> None:
        """Raises ConfigError when the address cannot be listened on. Port 0 takes a free one."""
        self.desk = desk
        self.note = note
        self.deadline = deadline
        self._free = threading.BoundedSemaphore(CONNECTIONS)
        try:
            family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
            self.address_family = family
            super().__init__(address[:2], _Handler)  # type: ignore[arg-type] # host and port of either family
        except OSError as problem:
            raise ConfigError(
                f"{host}:{port} cannot be listened on: {problem.strerror}", "choose another --listen"
            ) from problem

    @property
    def url(self) -> str:
        host, port = self.server_address[:2]
        shown = f"[{host!s}]" if self.address_family == socket.AF_INET6 else str(host)
        return f"http://{shown}:{port}/"

    def process_request(self, request: socket.socket | tuple[bytes, socket.socket], client_address: object) -> None:
        if not self._free.acquire(blocking=False):
            self.shutdown_request(request)  # more than we serve at a time: nothing is said, nothing is held
            return
        super().process_request(request, client_address)

    def process_request_thread(self, request: socket.socket | tuple[bytes, socket.socket], client_address: object) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def handle_error(self, request: object, client_address: object) -> None:
        """A connection that broke is no trouble of ours; what else went wrong is told by the handler."""


class _Deadlined(io.RawIOBase):
    """What comes on a socket, until a moment that does not move however slowly it comes."""

    def __init__(self, connection: socket.socket, seconds: float) -> None:
        self._connection = connection
        self._seconds = seconds
        self._end = monotonic() + seconds

    def restart(self) -> None:
        self._end = monotonic() + self._seconds

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override] # what BufferedReader gives
        left = self._end - monotonic()
        if left <= 0:
            raise TimeoutError
        self._connection.settimeout(left)
        return self._connection.recv_into(buffer)


class _Handler(BaseHTTPRequestHandler):
    """One connection; it may be kept for more requests."""

    server: WitnessServer
    protocol_version = "HTTP/1.1"
    server_version = "preserve-witness"
    sys_version = ""

    def setup(self) -> None:
        super().setup()
        self._incoming = _Deadlined(self.connection, self.server.deadline)
        self.rfile = io.BufferedReader(self._incoming)

    def handle_one_request(self) -> None:
        self._incoming.restart()
        super().handle_one_request()

    def do_POST(self) -> None:
        length = self._length()
        if length is None:
            return
        body = self.rfile.read(length)
        if len(body) < length:
            self.close_connection = True
            return
        if self.path.partition("?")[0] != witness.PATH:
            self._send(404, "text/plain; charset=utf-8", b"there is add-checkpoint here, and nothing else\n")
            return
        try:
            status, kind, data, said = self.server.desk.add_checkpoint(body)
        except StoreError as problem:
            status, kind, data, said = *_plain(500, "the witness cannot keep what it would cosign")[:3], problem.message
        self._send(status, kind, data)
        self._note(status, said)

    def do_GET(self) -> None:
        parts = self.path.strip("/").split("/")
        found = self.server.desk.checkpoint(parts[0]) if parts[1:] == ["checkpoint"] else None
        if found is None:
            self._send(404, "text/plain; charset=utf-8", b"no such checkpoint\n")
        else:
            self._send(200, "text/plain; charset=utf-8", found)

    def _length(self) -> int | None:
        """The body's length; None when it was refused."""
        given = self.headers.get_all("Content-Length") or []
        if "Transfer-Encoding" in self.headers or len(given) != 1 or not given[0].isascii() or not given[0].isdigit():
            self.close_connection = True
            self._send(411, "text/plain; charset=utf-8", b"say how long the body is, with Content-Length\n")
            return None
        if len(given[0]) > 9 or int(given[0]) > witness.MAX_REQUEST:
            self.close_connection = True
            self._send(413, "text/plain; charset=utf-8", b"too long\n")
            return None
        return int(given[0])

    def _send(self, status: int, kind: str, body: bytes) -> None:
        self.connection.settimeout(self.server.deadline)
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def _note(self, status: int, said: str) -> None:
        self.server.note(f"{self.client_address[0]} {status} {printable(said)}")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the base class calls it so
        """The base class would write to stderr what a stranger sent."""


def _unusable(place: Path, problem: OSError) -> StoreError:
    return StoreError(
        f"{problem.filename or place}: {problem.strerror}", "the witness's state must be on a disk it can write to"
    )
