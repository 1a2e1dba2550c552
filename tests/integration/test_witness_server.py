"""The witness as a process of its own, asked over loopback: every answer of the protocol, strangers, kills, and two at once."""

from __future__ import annotations

import functools
import hashlib
import http.client
import http.server
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from archives import LogPen, WitnessPen
from preserve.adapters.witness import HttpWitness
from preserve.adapters.witness_server import WitnessDesk, WitnessServer, WitnessState
from preserve.errors import ConfigError, StoreError
from preserve.flows.witness import Cosigner
from preserve.formats import merkle, note, witness
from preserve.formats.note import Checkpoint, SignedNote, VerifierKey
from preserve.formats.witness import Request
from preserve.model.settings import WitnessAddress
from witnesses import Reply, WitnessProcess, ask

ORIGIN = "archive.example/log"
LOG = LogPen("the log", ORIGIN)
A = [b"entry %d" % number for number in range(9)]
B = [*A[:2], *(b"other %d" % number for number in range(7))]


def _request(entries: list[bytes], old: int, pen: LogPen = LOG, origin: str = ORIGIN) -> Request:
    leaves = [merkle.leaf_hash(entry) for entry in entries]
    head = Checkpoint(origin=origin, size=len(leaves), root=merkle.root(leaves))
    proof = merkle.consistency_path(old, len(leaves), merkle.in_memory(leaves)) if 0 < old <= len(leaves) else ()
    return Request(old=old, proof=proof, checkpoint=note.sign(head.encode(), [pen]))


def _body(entries: list[bytes], old: int) -> bytes:
    return witness.encode(_request(entries, old))


def _holds(reply: Reply, entries: list[bytes], vkey: str) -> bool:
    """Whether an answer cosigns this head."""
    lines = note.parse_signatures(reply.body)
    text = _request(entries, 0).checkpoint.text
    return len(note.verify(SignedNote(text=text, signatures=lines), [VerifierKey.parse(vkey)]).cosigned_by) == 1


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WitnessProcess]:
    """One witness for the tests that ask about logs of their own."""
    logs = [LogPen(f"log {number}", f"log{number}.example").key.encode() for number in range(4)]
    with WitnessProcess(tmp_path_factory.mktemp("witness"), *logs) as process:
        yield process


def _mine(number: int) -> tuple[LogPen, str]:
    origin = f"log{number}.example"
    return LogPen(f"log {number}", origin), origin


def test_every_answer(running: WitnessProcess) -> None:
    pen, origin = _mine(0)

    def post(entries: list[bytes], old: int, **changes: object) -> Reply:
        return running.post(witness.encode(replace(_request(entries, old, pen, origin), **changes)))  # type: ignore[arg-type]

    assert post(A[:2], 1).status == 409
    first = post(A[:2], 0)
    assert first.status == 200
    text = _request(A[:2], 0, pen, origin).checkpoint.text
    lines = note.parse_signatures(first.body)
    assert note.verify(SignedNote(text=text, signatures=lines), [VerifierKey.parse(running.vkey)]).cosigned_by
    assert post(A[:2], 2).status == 200, "the same head again is cosigned again"
    conflict = post(A, 0)
    assert (conflict.status, conflict.type, conflict.body) == (409, "text/x.tlog.size", b"2\n")
    assert post(A, 2, proof=()).status == 422
    assert post(A, 2, proof=(bytes(32),) * 3).status == 422
    assert post(A[:1], 2).status == 400
    assert post([*B[:1], b"another"], 2).status == 422
    assert post(A, 2).status == 200
    assert running.post(witness.encode(_request(A, 0))).status == 404, "a log that it does not know"
    assert running.post(witness.encode(_request(A, 9, LogPen("a thief", origin), origin))).status == 403
    assert running.post(b"old 0\n\n").status == 400
    assert running.post(b"").status == 400
    assert running.post(_body(A, 0), "/other").status == 404
    fork = list((running.home / "state/preserve/witness").rglob("*.fork"))
    assert [note.parse_checkpoint(note.parse(path.read_bytes()).text).size for path in fork] == [2]
    assert "FORK" in running.said.read_text()


def test_a_monitor_sees_what_was_cosigned_last(running: WitnessProcess) -> None:
    pen, origin = _mine(1)
    path = f"/{hashlib.sha256(origin.encode()).hexdigest()}/checkpoint"
    assert ask(running.port, "GET", path).status == 404
    request = _request(A[:3], 0, pen, origin)
    stranger = WitnessPen("stranger").line(request.checkpoint.text, 5)
    signed = replace(request.checkpoint, signatures=(*request.checkpoint.signatures, stranger))
    assert running.post(witness.encode(replace(request, checkpoint=signed))).status == 200
    seen = note.parse(ask(running.port, "GET", path).body)
    opened = note.verify(seen, [pen.key, VerifierKey.parse(running.vkey)])
    assert (len(opened.signed_by), len(opened.cosigned_by), opened.unknown) == (1, 1, ())
    for other in ("/", "/checkpoint", f"/{'0' * 64}/checkpoint", f"/{'../' * 3}etc/passwd/checkpoint", "/witness/checkpoint"):
        assert ask(running.port, "GET", other).status == 404


def _raw(port: int, data: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: connection.recv(65536), b""))


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"POST /add-checkpoint HTTP/1.1\r\nHost: x\r\n\r\n", b"411"),
        (b"POST /add-checkpoint HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", b"411"),
        (b"POST /add-checkpoint HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nold 0\n", b"411"),
        (b"POST /add-checkpoint HTTP/1.1\r\nContent-Length: -5\r\n\r\n", b"411"),
        (b"POST /add-checkpoint HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n", b"413"),
        (b"POST /add-checkpoint HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n", b"413"),
        (b"PUT /add-checkpoint HTTP/1.1\r\nContent-Length: 0\r\n\r\n", b"501"),
    ],
)
def test_requests_that_are_none(running: WitnessProcess, head: bytes, status: bytes) -> None:
    assert _raw(running.port, head).split(b" ", 2)[1] == status


def test_a_body_that_is_cut_is_not_answered(running: WitnessProcess) -> None:
    assert _raw(running.port, b"POST /add-checkpoint HTTP/1.1\r\nContent-Length: 10\r\n\r\nold") == b""


def test_one_connection_serves_several_requests(running: WitnessProcess) -> None:
    pen, origin = _mine(2)
    first, second = (witness.encode(_request(A[:size], old, pen, origin)) for size, old in ((1, 0), (4, 1)))
    both = b"".join(
        b"POST /add-checkpoint HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % len(body) + body for body in (first, second)
    )
    assert _raw(running.port, both).count(b"HTTP/1.1 200") == 2


def test_requests_for_one_log_come_one_after_the_other(running: WitnessProcess) -> None:
    """Of many that want to grow the log from one size to two different trees, one tree is cosigned and no other."""
    pen, origin = _mine(3)
    assert running.post(witness.encode(_request(A[:2], 0, pen, origin))).status == 200
    replies: list[tuple[int, Reply]] = []
    bodies = [witness.encode(_request(history[:size], 2, pen, origin)) for size in (3, 5, 7) for history in (A, B)]
    gate = threading.Barrier(len(bodies))

    def go(number: int) -> None:
        gate.wait()
        replies.append((number, running.post(bodies[number])))

    threads = [threading.Thread(target=go, args=(number,)) for number in range(len(bodies))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(reply.status for _, reply in replies) == [200] + [409] * 5


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_in_good_order(tmp_path: Path, number: int) -> None:
    process = WitnessProcess(tmp_path, LOG.key.encode()).start()
    assert process.stop(number) == 0
    assert "Stopped." in process.said.read_text()


def test_killed_at_any_moment_it_never_cosigns_two_histories(tmp_path: Path) -> None:
    """Two histories of one log compete for it, and kill -9 comes in between: what it cosigned is one history."""
    process = WitnessProcess(tmp_path, LOG.key.encode())
    cosigned: list[tuple[bytes, Reply]] = []
    for attempt in range(3):
        process.start()
        port, stopping = process.port, threading.Event()

        def offer(history: list[bytes], port: int = port, stopping: threading.Event = stopping) -> None:
            for size in range(1, 10):
                for old in range(size + 1):
                    if stopping.is_set():
                        return
                    try:
                        reply = ask(port, "POST", "/add-checkpoint", _body(history[:size], old))
                    except (OSError, http.client.HTTPException):
                        return  # it was killed, perhaps in the middle of an answer
                    if reply.status == 200:
                        cosigned.append((_request(history[:size], 0).checkpoint.text, reply))

        threads = [threading.Thread(target=offer, args=(history,)) for history in (A, B)]
        for thread in threads:
            thread.start()
        while len(cosigned) < 3 * (attempt + 1) and any(thread.is_alive() for thread in threads):
            threading.Event().wait(0.002)
        assert process.stop(signal.SIGKILL) == -signal.SIGKILL
        stopping.set()
        for thread in threads:
            thread.join()
    assert cosigned
    texts = {text for text, _ in cosigned}
    assert any(texts <= {_request(history[:size], 0).checkpoint.text for size in range(10)} for history in (A, B))
    sizes = [note.parse_checkpoint(text).size for text, _ in cosigned]
    with process.start() as again:
        kept = ask(again.port, "GET", f"/{hashlib.sha256(ORIGIN.encode()).hexdigest()}/checkpoint").body
    assert note.parse_checkpoint(note.parse(kept).text).size >= max(sizes), "what was answered was on the disk before"


# ------------------------------------------------------------------------------------------------------------------ in process


@pytest.fixture
def slow(tmp_path: Path) -> Iterator[WitnessServer]:
    """A server that waits only a moment for a request."""
    pen = WitnessPen("a witness")
    state = WitnessState(tmp_path / "state", pen.key)
    with WitnessServer("127.0.0.1", 0, WitnessDesk(state, pen, [LOG.key], lambda: 7), lambda _: None, deadline=0.3) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()
    state.close()


def _told(url: str, vkey: str, entries: list[bytes]) -> str:
    """What its owner is told when a witness is asked about a log of these entries."""
    leaves, told = [merkle.leaf_hash(entry) for entry in entries], list[str]()
    asked = HttpWitness(WitnessAddress(name="w", url=url, vkey=vkey), user_agent="test")
    head = _request(entries, 0).checkpoint
    prove = functools.partial(_prove, leaves)
    lines = Cosigner(witnesses=(asked,), tell=told.append).collect(head, None, prove)
    assert len(lines) + len(told) == 1
    return "".join(told)


def _prove(leaves: list[bytes], old: int) -> tuple[bytes, ...]:
    return merkle.consistency_path(old, len(leaves), merkle.in_memory(leaves))


def test_a_fork_is_told_as_one(slow: WitnessServer) -> None:
    vkey = WitnessPen("a witness").key.encode()
    assert _told(slow.url, vkey, A[:3]) == ""
    assert "it cosigned another log of 3 entries under this name: the log has parted in two" in _told(slow.url, vkey, B[:3])
    assert "did not only grow" in _told(slow.url, vkey, B[:5])
    assert _told(slow.url, vkey, A) == ""


@pytest.mark.parametrize("sized", [True, False], ids=["with the size", "with words"])
def test_a_fork_is_told_as_one_where_it_is_409(sized: bool) -> None:
    """By tlog-witness 1.0.0 another root of the size that was cosigned is a conflict, like a size that is not the one cosigned last."""

    class Older(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = self.rfile.read(int(self.headers["Content-Length"]))
            size = sized or asked.startswith(b"old 0\n")
            body = b"3\n" if size else b"another root\n"
            self.send_response(409)
            self.send_header("Content-Type", witness.SIZE_TYPE if size else "text/plain")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing is said."""

    with http.server.HTTPServer(("127.0.0.1", 0), Older) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        url, vkey = f"http://127.0.0.1:{server.server_address[1]}/", WitnessPen("a witness").key.encode()
        same, more = _told(url, vkey, B[:3]), _told(url, vkey, B[:5])
        server.shutdown()
        thread.join()
    assert "it cosigned another log of 3 entries under this name" in same
    assert ("keeps asking" if sized else "HTTP status 409") in more, "nothing that a witness says by that"


def test_who_comes_slowly_is_cut_off(slow: WitnessServer) -> None:
    with socket.create_connection(("127.0.0.1", slow.server_address[1]), timeout=20) as connection:
        connection.sendall(b"POST /add-checkpoint HTTP/1.1\r\n")
        ended = threading.Event()

        def drip() -> None:
            try:
                while not ended.wait(0.05):
                    connection.sendall(b"X")
            except OSError:
                pass

        thread = threading.Thread(target=drip)
        thread.start()
        with suppress(ConnectionResetError):
            assert connection.recv(1) == b""
        ended.set()
        thread.join()


def test_no_more_connections_than_it_can_hold(slow: WitnessServer, monkeypatch: pytest.MonkeyPatch) -> None:
    places, taken = threading.BoundedSemaphore(1), threading.Event()

    class Places:
        """One place, and word of when it is taken."""

        def acquire(self, *, blocking: bool) -> bool:
            found = places.acquire(blocking=blocking)
            taken.set()
            return found

        def release(self) -> None:
            places.release()

    monkeypatch.setattr(slow, "_free", Places())
    with socket.create_connection(("127.0.0.1", slow.server_address[1]), timeout=20) as first:
        first.sendall(b"POST /")
        assert taken.wait(20)
        with socket.create_connection(("127.0.0.1", slow.server_address[1]), timeout=20) as second:
            assert second.recv(1) == b""
        assert first.recv(1) == b""
    assert places.acquire(timeout=20), "the place is given back"


def test_an_address_that_is_taken(slow: WitnessServer) -> None:
    with pytest.raises(ConfigError, match="cannot be listened on"):
        WitnessServer("127.0.0.1", int(slow.server_address[1]), slow.desk, lambda _: None)


def test_the_state_has_one_owner(tmp_path: Path) -> None:
    pen = WitnessPen("a witness")
    state = WitnessState(tmp_path, pen.key)
    with pytest.raises(StoreError, match="another witness is running"):
        WitnessState(tmp_path, pen.key)
    state.close()
    again = WitnessState(tmp_path, pen.key)
    assert again.id == state.id
    again.close()
    with pytest.raises(ConfigError, match="state of another witness"):
        WitnessState(tmp_path, WitnessPen("another").key)


def test_without_its_disk_it_signs_nothing(tmp_path: Path) -> None:
    """What cannot be kept is not cosigned: here the place where it would lie is a folder."""
    pen = WitnessPen("a witness")
    state = WitnessState(tmp_path, pen.key)
    (tmp_path / f"{hashlib.sha256(ORIGIN.encode()).hexdigest()}.checkpoint").mkdir()
    desk = WitnessDesk(state, pen, [LOG.key], lambda: 7)
    with pytest.raises(StoreError):
        desk.add_checkpoint(_body(A, 0))
    state.close()


def test_a_damaged_state_is_no_beginning(tmp_path: Path) -> None:
    pen = WitnessPen("a witness")
    state = WitnessState(tmp_path, pen.key)
    (tmp_path / f"{hashlib.sha256(ORIGIN.encode()).hexdigest()}.checkpoint").write_bytes(b"torn")
    with pytest.raises(StoreError, match="no signature"):
        WitnessDesk(state, pen, [LOG.key], lambda: 7).add_checkpoint(_body(A, 0))
    state.close()
