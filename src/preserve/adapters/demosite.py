"""The demonstration's site: all hosts that the demonstration's documents cite, answered on loopback over HTTP and HTTPS.

A standard-library server in threads, for a handful of requests. What it answers is data (preserve/demo/site.toml); its
certificate is issued at run time by a certification authority whose key never leaves memory, both valid for a day; the leaf's
key lies in a folder of this process only until it is loaded.
"""

from __future__ import annotations

import gzip
import ssl
import tempfile
import threading
import tomllib
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import resources
from pathlib import Path
from socket import socket
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from preserve.model.noun import dataclass

_ADDRESS = "127.0.0.1"
_CHUNK = 1000
_IDLE_SECONDS = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What one address answers; `body` is already in its content coding."""

    status: int
    fields: tuple[tuple[str, str], ...]
    body: bytes
    chunked: bool


class DemoSite:
    """The running site, a context manager.

    `http_port` and `https_port` are on 127.0.0.1; `ca_file` holds the root certificate (PEM) and goes away with the site.
    """

    def __init__(self) -> None:
        self._answers, missing = _answers()
        self._ending = ExitStack()
        folder = Path(self._ending.enter_context(tempfile.TemporaryDirectory(prefix="preserve-demo-")))
        self.ca_file = folder / "demo-ca.pem"
        chain = folder / "chain.pem"
        root, chain_and_key = _certificates(sorted({urlsplit(url).netloc for url in self._answers}))
        self.ca_file.write_bytes(root)
        chain.write_bytes(chain_and_key)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(chain)
        chain.unlink()
        self.http_port = self._serve("http", missing, None)
        self.https_port = self._serve("https", missing, context)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Stop answering and remove the root certificate."""
        self._ending.close()

    @property
    def connect_to(self) -> tuple[str, str]:
        """The values of `--connect-to` that bring every name's standard ports here."""
        return f"*:80:{_ADDRESS}:{self.http_port}", f"*:443:{_ADDRESS}:{self.https_port}"

    def _serve(self, scheme: str, missing: Answer, context: ssl.SSLContext | None) -> int:
        def answer(host_and_path: str) -> Answer:
            found = self._answers.get(f"{scheme}://{host_and_path}")
            if found is None and scheme == "http":
                return _redirect(f"https://{host_and_path}", HTTPStatus.MOVED_PERMANENTLY)
            return found or missing

        server = _Server(answer, context)
        thread = threading.Thread(
            target=server.serve_forever, kwargs={"poll_interval": 0.05}, name=f"demo {scheme}", daemon=True
        )
        thread.start()
        # Undone from the last to the first: stop accepting, let the thread end, close the socket.
        self._ending.callback(server.server_close)
        self._ending.callback(thread.join)
        self._ending.callback(server.shutdown)
        return int(server.server_address[1])


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, answer: Callable[[str], Answer], context: ssl.SSLContext | None) -> None:
        self.answer = answer
        self._context = context
        super().__init__((_ADDRESS, 0), _Handler)

    def get_request(self) -> tuple[socket, object]:
        connection, peer = super().get_request()
        if self._context is not None:
            # The handshake waits for the connection's own thread: a client that says nothing holds up nobody else.
            connection = self._context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        return connection, peer

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that goes away, or refuses our certificate, is the client's business."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    server_version = "preserve-demo"
    sys_version = ""
    timeout = _IDLE_SECONDS
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        answer = self.server.answer(self.headers.get("Host", "").lower() + self.path)
        self.send_response(answer.status)
        for name, value in answer.fields:
            self.send_header(name, value)
        if answer.chunked:
            self.send_header("Transfer-Encoding", "chunked")
        else:
            self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(_framed(answer.body) if answer.chunked else answer.body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the name is the base class's
        """The demonstration speaks for itself."""


def _framed(body: bytes) -> bytes:
    pieces = [body[start : start + _CHUNK] for start in range(0, len(body), _CHUNK)]
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in [*pieces, b""])


def _answers() -> tuple[Mapping[str, Answer], Answer]:
    """Every address and its answer, and the answer for all other addresses."""
    demo = resources.files("preserve.demo")
    files = demo / "site"
    table = tomllib.loads((demo / "site.toml").read_text(encoding="utf-8"))
    answers = {}
    for entry in table["answer"]:
        if "location" in entry:
            answers[entry["url"]] = _redirect(entry["location"], entry.get("status", HTTPStatus.FOUND))
            continue
        body = (files / entry["file"]).read_bytes()
        fields = [("Content-Type", entry["type"])]
        if entry.get("coding") == "gzip":
            body = gzip.compress(body, mtime=0)
            fields += [("Content-Encoding", "gzip"), ("Vary", "Accept-Encoding")]
        answers[entry["url"]] = Answer(
            status=entry.get("status", HTTPStatus.OK), fields=tuple(fields), body=body, chunked=entry.get("chunked", False)
        )
    missing = Answer(
        status=HTTPStatus.NOT_FOUND,
        fields=(("Content-Type", "text/html; charset=utf-8"),),
        body=(files / table["missing"]).read_bytes(),
        chunked=False,
    )
    return answers, missing


def _redirect(location: str, status: int) -> Answer:
    return Answer(status=status, fields=(("Location", location),), body=b"", chunked=False)


def _certificates(hosts: list[str]) -> tuple[bytes, bytes]:
    """(root certificate, leaf certificate and its key) in PEM; the leaf is good for all the hosts."""
    now = datetime.now(UTC)
    root_key, leaf_key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    root_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "preserve demonstration, not a real authority")])
    leaf_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "preserve demonstration")])

    def certificate(subject: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(root_name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(minutes=5))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key()), critical=False)
        )

    root = (
        certificate(root_name, root_key)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(signs_certificates=True), critical=True)
        .sign(root_key, hashes.SHA256())
    )
    leaf = (
        certificate(leaf_name, leaf_key)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host) for host in hosts]), critical=False)
        .sign(root_key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    key = leaf_key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return root.public_bytes(pem), leaf.public_bytes(pem) + key


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
