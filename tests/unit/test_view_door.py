"""Who may pass the door of a view, and what every answer says besides."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
from uvicorn.server import ServerState

from preserve.adapters import viewserver
from preserve.adapters.viewserver import Door, Guarded, configuration, listen, new_secret
from preserve.errors import ExitCode, StoreError
from preserve.model.viewing import Answer, Asked

SECRET = "77LLqi1Ay2d-EEY8dOrqmcYSd1B2nb5bSkE5xTGnnjw"  # one for every process: it stands in the names of tests
PORT, BACK = 8000, 8001


class Client:
    """Asks the application as a server would, without one."""

    def __init__(self, application: Any) -> None:
        self._application = application

    def ask(
        self, method: str, path: str, fields: dict[str, str] | Sequence[tuple[bytes, bytes]] = (), port: int = PORT
    ) -> httpx.Response:
        async def answer() -> httpx.Response:
            transport = httpx.ASGITransport(app=self._application)
            async with httpx.AsyncClient(transport=transport, base_url=f"http://127.0.0.1:{port}") as client:
                return await client.request(method, path, headers=fields)

        return asyncio.run(answer())

    def get(self, path: str, fields: dict[str, str] | Sequence[tuple[bytes, bytes]] = (), port: int = PORT) -> httpx.Response:
        return self.ask("GET", path, fields, port)


@pytest.fixture
def asked() -> list[Asked]:
    return []


@pytest.fixture
def client(asked: list[Asked], tmp_path: Path) -> Client:
    (tmp_path / "file").write_bytes(b"0123456789")

    def answer(request: Asked) -> Answer | None:
        asked.append(request)
        if request.path == "file":
            return Answer(file=tmp_path / "file", media_type="application/wacz")
        if request.path == "long":
            return Answer(pieces=(f"{number} " for number in range(3)), media_type="text/plain")
        return Answer(text="the page") if request.path in {"", "page"} else None

    doors = [Door(port=PORT, answer=answer, secret=SECRET), Door(port=BACK, answer=answer, framed=True)]
    return Client(Guarded(doors))


def test_the_secret_is_long() -> None:
    assert len(SECRET) >= 43
    assert new_secret() != SECRET


@pytest.mark.parametrize(
    "path",
    [
        "/", "", "/page", f"/{SECRET}", f"/{SECRET[:-1]}/", f"/{SECRET}x/", f"/{SECRET.swapcase()}/", f"//{SECRET}/",
        f"/x/{SECRET}/", f"/{SECRET}/no-such-page", f"/{SECRET}/%70age", f"/{SECRET}/a%00b", f"/{SECRET}/page%0d%0aX:1",
        f"/{SECRET}/" + "a" * 600, "/robots.txt", "/favicon.ico", f"/%2e%2e/{SECRET}/",
    ],
)  # fmt: skip
def test_other_paths_get_nothing(client: Client, path: str) -> None:
    answer = client.get(path)
    assert (answer.status_code, answer.content) == (404, b"")


def test_the_page_behind_the_secret(client: Client, asked: list[Asked]) -> None:
    answer = client.get(f"/{SECRET}/page?q=a+b&q=c&state=x")
    assert (answer.status_code, answer.text) == (200, "the page")
    assert asked == [Asked(path="page", query={"q": "a b", "state": "x"})]
    assert client.ask("HEAD", f"/{SECRET}/page").status_code == 200


@pytest.mark.parametrize(
    "host",
    ["evil.example", f"evil.example:{PORT}", "127.0.0.1", "127.0.0.1:80", f"127.0.0.1:{BACK}", f"127.0.0.1.evil.example:{PORT}",
     f"localhost.:{PORT}", f"[::1]:{PORT}", f"0.0.0.0:{PORT}", f"2130706433:{PORT}", "", f" 127.0.0.1:{PORT},x"],
)  # fmt: skip
def test_another_host_gets_nothing(client: Client, asked: list[Asked], host: str) -> None:
    answer = client.get(f"/{SECRET}/page", {"Host": host})
    assert (answer.status_code, answer.content, asked) == (403, b"", [])


def test_two_hosts_are_none(client: Client, asked: list[Asked]) -> None:
    host = (b"host", f"127.0.0.1:{PORT}".encode())
    answer = client.get(f"/{SECRET}/page", [host, host])
    assert (answer.status_code, asked) == (403, [])


def test_localhost_is_a_name_of_it(client: Client, asked: list[Asked]) -> None:
    assert client.get(f"/{SECRET}/page", {"Host": f"localhost:{PORT}"}).status_code == 200
    assert asked[0].name == "localhost"


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),  # the origin of archived content is of the same site
        ({"Origin": f"http://127.0.0.1:{BACK}"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "null", "Sec-Fetch-Site": "cross-site"}, 403),
        ({"Origin": "null", "Sec-Fetch-Site": "same-origin"}, 200),
        ({"Origin": f"http://127.0.0.1:{PORT}", "Sec-Fetch-Site": "same-origin"}, 200),
        ({"Sec-Fetch-Site": "none"}, 200),
        ({}, 200),
    ],
)
def test_other_sites_cannot_make_a_browser_ask(client: Client, fields: dict[str, str], status: int) -> None:
    for method in ("GET", "POST"):
        assert client.ask(method, f"/{SECRET}/page", fields).status_code == status


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"Sec-Fetch-Dest": "document", "Sec-Fetch-Site": "none"}, 403),
        ({"Sec-Fetch-Dest": "document", "Sec-Fetch-Site": "same-origin"}, 403),
        ({"Sec-Fetch-Dest": "iframe", "Sec-Fetch-Site": "same-site"}, 200),
        ({"Sec-Fetch-Dest": "script", "Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Dest": "empty", "Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Dest": "script", "Sec-Fetch-Site": "same-origin"}, 200),
    ],
)
def test_archived_content_is_given_to_frames_only(client: Client, fields: dict[str, str], status: int) -> None:
    assert client.get("/page", fields, BACK).status_code == status


@pytest.mark.parametrize("method", ["PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "CONNECT", "PROPFIND"])
def test_other_methods_get_nothing(client: Client, asked: list[Asked], method: str) -> None:
    answer = client.ask(method, f"/{SECRET}/page")
    assert (answer.status_code, answer.content, asked) == (405, b"", [])


def test_every_answer_is_closed_to_others(client: Client) -> None:
    for path, host in ((f"/{SECRET}/page", None), ("/", None), (f"/{SECRET}/page", "evil.example")):
        answer = client.get(path, {"Host": host} if host else {})
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["cross-origin-opener-policy"] == "same-origin"
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"
        assert answer.headers["cache-control"] == "no-store"
        assert not {"set-cookie", "access-control-allow-origin", "server"} & set(answer.headers)
    assert client.get(f"/{SECRET}/page").headers["content-security-policy"] == "default-src 'none'"


def test_parts_of_files_and_long_pages(client: Client) -> None:
    part = client.get(f"/{SECRET}/file", {"Range": "bytes=2-4"})
    assert (part.status_code, part.content, part.headers["content-range"]) == (206, b"234", "bytes 2-4/10")
    assert client.get(f"/{SECRET}/file", {"Range": "bytes=90-"}).status_code == 416
    assert client.get(f"/{SECRET}/long").text == "0 1 2 "


def test_a_port_that_is_taken_is_said() -> None:
    with listen(0) as first, pytest.raises(StoreError) as caught:
        listen(first.getsockname()[1])
    assert caught.value.exit_code is ExitCode.STORE
    assert "leave --port out" in caught.value.hint


class Told:
    """The page that a client of `pace` takes its time over."""

    def __init__(self, text: str) -> None:
        self._text = text

    def answer(self, asked: Asked) -> Answer:
        return Answer(text=self._text)


def pace(text: str, client: Callable[[asyncio.StreamReader, asyncio.StreamWriter, str], Awaitable[None]]) -> None:
    """Serve `text` and have `client` talk to it, over a real connection."""

    async def both() -> None:
        with listen(0) as door:
            port = door.getsockname()[1]
            config = configuration([Door(port=port, answer=Told(text).answer, secret=SECRET)])
            config.load()
            hurried = cast("Callable[..., asyncio.Protocol]", config.http_protocol_class)
            serving = asyncio.get_running_loop()
            server = await serving.create_server(lambda: hurried(config, ServerState(), {}), sock=door.dup())
            async with server:
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                await client(reader, writer, f"GET /{SECRET}/x HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n")
                writer.close()

    asyncio.run(asyncio.wait_for(both(), 20))


CUT_OFF = (ConnectionError, asyncio.IncompleteReadError)


async def dribble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A byte of a header field every now and then, for as long as the other side has the patience."""
    while True:
        writer.write(b"x")
        await writer.drain()
        try:
            await asyncio.wait_for(reader.readexactly(1), 0.05)
        except TimeoutError:
            continue


async def read_on(reader: asyncio.StreamReader) -> None:
    while True:
        await reader.readexactly(1 << 16)


def test_who_never_ends_a_header_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(viewserver, "_ASKING", 0.3)

    async def client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, head: str) -> None:
        writer.write(head.encode() + b"X-Slow: ")
        with pytest.raises(CUT_OFF):
            await dribble(reader, writer)

    pace("a page", client)


def test_the_same_after_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(viewserver, "_ASKING", 0.3)

    async def client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, head: str) -> None:
        writer.write(head.encode() + b"\r\n")
        assert (await reader.readuntil(b"a page")).startswith(b"HTTP/1.1 200")
        writer.write(head.encode() + b"X-Slow: ")
        with pytest.raises(CUT_OFF):
            await dribble(reader, writer)

    pace("a page", client)


def test_who_never_reads_the_answer_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(viewserver, "_TAKING", 0.3)

    async def client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, head: str) -> None:
        writer.write(head.encode() + b"\r\n")
        await asyncio.sleep(1)  # the client itself is what is slow here
        with pytest.raises(CUT_OFF):
            await read_on(reader)

    pace("x" * 30_000_000, client)
