"""The loopback site says exactly what it sent: the oracle of the wire tests is itself tested, with the standard library."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import socket
import ssl
import threading

import pytest

from sites import AnyHostSite, big, chunked, not_found, raw, redirect, slow, text


def _ask(site: AnyHostSite, path: str, host: str = "a.example") -> tuple[int, http.client.HTTPMessage, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=10)
    with contextlib.closing(connection):
        connection.request("GET", path, headers={"Host": host})
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()


def _wire(site: AnyHostSite, request: bytes) -> bytes:
    received = b""
    with socket.create_connection(("127.0.0.1", site.port), timeout=10) as connection:
        connection.sendall(request)
        while data := connection.recv(65536):
            received += data
    return received


def test_any_host_gets_a_page_that_names_it(site: AnyHostSite) -> None:
    status, _, body = _ask(site, "/a?b=<c>", host="where.example")
    assert status == 200
    assert b"where.example /a?b=&lt;c&gt;" in body


def test_what_is_logged_is_what_crossed_the_wire(site: AnyHostSite) -> None:
    site.route("/x", chunked(b"one", b"two" * 9, trailer=b"X-Sum: 30\r\n"))
    request = b"GET /x HTTP/1.1\r\nHost: a.example\r\nOdd:  spacing \r\nConnection: close\r\n\r\n"
    received = _wire(site, request)
    (served,) = site.await_served(1)
    assert received.endswith(b"3;first=yes\r\none\r\n1b\r\n" + b"two" * 9 + b"\r\n0\r\nX-Sum: 30\r\n\r\n")
    assert (served.request, served.response) == (request, received)
    assert (served.size, served.sha256, served.complete) == (len(received), hashlib.sha256(received).hexdigest(), True)
    assert (served.host, served.target) == ("a.example", "/x")


def test_a_connection_is_kept_and_counted(site: AnyHostSite) -> None:
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", site.port, timeout=10)) as connection:
        for path in ("/1", "/2", "/3"):
            connection.request("GET", path)
            connection.getresponse().read()
    assert [served.target for served in site.await_served(3)] == ["/1", "/2", "/3"]
    assert site.connections == 1


def test_routes_may_hold_for_one_host(site: AnyHostSite) -> None:
    site.route("/", redirect("https://b.example/"), host="a.example")
    site.route("/gone", not_found)
    site.route("/t", text("grün"))
    status, fields, _ = _ask(site, "/", host=f"a.example:{site.port}")
    assert (status, fields["Location"]) == (302, "https://b.example/")
    assert _ask(site, "/", host="c.example")[0] == 200
    assert _ask(site, "/gone")[0] == 404
    assert _ask(site, "/t")[2].decode() == "grün"


def test_a_big_body_is_logged_by_hash(site: AnyHostSite) -> None:
    site.route("/big", big(3_000_000))
    _, _, body = _ask(site, "/big")
    (served,) = site.await_served(1)
    assert len(body) == 3_000_000
    assert len(served.response) == 1 << 20
    assert served.size > 3_000_000
    head = served.response[: served.size - len(body)]
    assert served.sha256 == hashlib.sha256(head + body).hexdigest()


def test_a_cut_body_and_a_silence(site: AnyHostSite) -> None:
    site.route("/cut", raw(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"))
    site.route("/silent", slow(b"never", pause=60))
    assert _wire(site, b"GET /cut HTTP/1.1\r\nHost: a\r\n\r\n").endswith(b"half")
    with socket.create_connection(("127.0.0.1", site.port), timeout=0.05) as connection:
        connection.sendall(b"GET /silent HTTP/1.1\r\nHost: a\r\n\r\n")
        with pytest.raises(TimeoutError):
            connection.recv(1)
    assert site.served[0].complete


def test_tls_has_a_certificate_for_each_name(tls_site: AnyHostSite) -> None:
    trusted = ssl.create_default_context(cafile=tls_site.ca_file)
    for name in ("one.example", "two.example", "127.0.0.1"):
        with (
            socket.create_connection(("127.0.0.1", tls_site.port), timeout=10) as plain,
            trusted.wrap_socket(plain, server_hostname=name) as stream,
        ):
            stream.sendall(b"GET / HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n" % name.encode())
            assert name.encode() in stream.read(65536)
    assert tls_site.connect_to == f"*:443:127.0.0.1:{tls_site.port}"


def test_a_site_ends_with_its_context() -> None:
    before = threading.active_count()
    with AnyHostSite() as site:
        waiting = socket.create_connection(("127.0.0.1", site.port))
        port = site.port
    with waiting, pytest.raises(ConnectionError):
        socket.create_connection(("127.0.0.1", port), timeout=5)
    assert threading.active_count() == before
