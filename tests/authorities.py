"""Time-stamp authorities of the tests: real ones, `openssl ts -reply` with a small PKI of their own, and an HTTP server that can lie.

An Authority signs; a Counter is the loopback server that people ask, in one of several moods.
"""

from __future__ import annotations

import functools
import hashlib
import socket
import subprocess
import tempfile
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from preserve.formats import certificate, der
from preserve.formats.timestamp import REPLY_TYPE, REQUEST_TYPE
from preserve.model.trust import TrustedKey, TrustRole

POLICY, OTHER_POLICY = "1.2.3.4.1", "1.2.3.4.5.6"

_CONFIG = """\
[tsa]
default_tsa=t
[t]
serial={folder}/serial
crypto_device=builtin
signer_cert={folder}/tsa.pem
{chain}
signer_key={folder}/tsa.key
signer_digest={signer_digest}
default_policy=1.2.3.4.1
other_policies=1.2.3.4.5.6
digests=sha1,sha256,sha384,sha512
accuracy={accuracy}
clock_precision_digits={precision}
tsa_name=yes
ess_cert_id_chain=no
ess_cert_id_alg={ess}
"""


def name_of(common_name: str) -> x509.Name:
    return x509.Name(
        [x509.NameAttribute(NameOID.ORGANIZATION_NAME, "tests"), x509.NameAttribute(NameOID.COMMON_NAME, common_name)]
    )


class Issuer:
    """A certification authority: self-signed, or below another one."""

    def __init__(self, name: str, above: Issuer | None = None, *, days: tuple[int, int] = (-30, 3650)) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = name_of(name)
        self.days = days
        self.certificate = (above or self).issue(self.name, self.key, authority=True, days=days)

    def issue(
        self,
        name: x509.Name,
        key: ec.EllipticCurvePrivateKey,
        *,
        authority: bool = False,
        purpose: x509.ObjectIdentifier | None = ExtendedKeyUsageOID.TIME_STAMPING,
        critical: bool = True,
        days: tuple[int, int] = (-30, 3650),
        serial: int | None = None,
        other_name: x509.GeneralName | None = None,
    ) -> x509.Certificate:
        now = datetime.now(UTC)
        made = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(self.name)
            .public_key(key.public_key())
            .serial_number(serial or x509.random_serial_number())
            .not_valid_before(now + timedelta(days=days[0]))
            .not_valid_after(now + timedelta(days=days[1]))
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False)
        )
        if not authority and purpose is not None:
            made = made.add_extension(x509.ExtendedKeyUsage([purpose]), critical=critical)
        if other_name is not None:
            made = made.add_extension(x509.SubjectAlternativeName([other_name]), critical=False)
        return made.sign(self.key, hashes.SHA256())

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(Encoding.PEM)

    @property
    def fingerprint(self) -> str:
        return certificate.fingerprint(self.certificate)

    def pinned(self, name: str, **fields: Any) -> TrustedKey:
        """The entry of somebody's trust store that has this root for the authority `name`."""
        return TrustedKey(
            name=name,
            role=TrustRole.TSA,
            keyid=self.fingerprint,
            vkey=None,
            certificate=certificate.pem(self.certificate),
            added=datetime.now(UTC),
            **fields,
        )


class Authority:
    """One that stamps. `extra` certificates come with its tokens; `options` go to `Issuer.issue`."""

    def __init__(
        self,
        folder: Path,
        issuer: Issuer,
        *,
        extra: tuple[x509.Certificate, ...] = (),
        signer_digest: str = "sha256",
        ess: str = "sha256",
        precision: int = 0,
        accuracy: str = "secs:1",
        **options: Any,
    ) -> None:
        self.issuer = issuer
        self._folder = folder
        self._lock = threading.Lock()
        folder.mkdir(parents=True, exist_ok=True)
        key = ec.generate_private_key(ec.SECP256R1())
        self.certificate = issuer.issue(name_of(folder.name), key, **options)
        (folder / "tsa.pem").write_bytes(self.certificate.public_bytes(Encoding.PEM))
        (folder / "tsa.key").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, serialization.NoEncryption()))
        (folder / "chain.pem").write_bytes(b"".join(found.public_bytes(Encoding.PEM) for found in extra))
        (folder / "root.pem").write_bytes(issuer.pem)
        (folder / "serial").write_text("01")
        (folder / "tsa.cnf").write_text(
            _CONFIG.format(
                folder=folder,
                chain=f"certs={folder}/chain.pem" if extra else "",
                signer_digest=signer_digest,
                ess=ess,
                precision=precision,
                accuracy=accuracy,
            )
        )

    @property
    def root_file(self) -> Path:
        return self._folder / "root.pem"

    def reply(self, query: bytes) -> bytes:
        """What `openssl ts -reply` answers to a TimeStampReq."""
        with self._lock, tempfile.TemporaryDirectory() as place:
            asked, answer = Path(place) / "q", Path(place) / "r"
            asked.write_bytes(query)
            done = subprocess.run(
                [
                    *("openssl", "ts", "-reply", "-config", str(self._folder / "tsa.cnf"), "-section", "t"),
                    *("-queryfile", str(asked), "-out", str(answer)),
                ],
                capture_output=True,
                check=False,
                timeout=20,
            )
            assert answer.exists(), done.stderr
            return answer.read_bytes()

    def backdate(self, message: bytes, time: datetime, accuracy: bytes = b"") -> bytes:
        """A reply that claims any `time`, for whatever certificate this is: signed by `openssl cms`, which asks no questions.

        `accuracy` is an Accuracy in DER, or nothing.
        """
        imprint = hashlib.sha256(message).digest()
        algorithm = der.encode(der.SEQUENCE, der.encode_oid("2.16.840.1.101.3.4.2.1"), der.encode(der.NULL))
        info = der.encode(
            der.SEQUENCE,
            der.encode_integer(1),
            der.encode_oid(POLICY),
            der.encode(der.SEQUENCE, algorithm, der.encode(der.OCTET_STRING, imprint)),
            der.encode_integer(99),
            der.encode(der.GENERALIZED_TIME, f"{time:%Y%m%d%H%M%SZ}".encode()),
            accuracy,
        )
        token = subprocess.run(
            [
                *("openssl", "cms", "-sign", "-binary", "-nodetach", "-cades", "-md", "sha256", "-outform", "DER"),
                *("-econtent_type", "1.2.840.113549.1.9.16.1.4", "-signer", "tsa.pem", "-inkey", "tsa.key"),
            ],
            input=info,
            cwd=self._folder,
            capture_output=True,
            check=True,
            timeout=20,
        ).stdout
        return der.encode(der.SEQUENCE, der.encode(der.SEQUENCE, der.encode_integer(0)), token)

    def stamp(self, message: bytes, digest: str = "sha256") -> bytes:
        """A reply over `message`, asked for by openssl."""
        query = subprocess.run(
            ["openssl", "ts", "-query", "-data", "/dev/stdin", f"-{digest}", "-cert"],
            input=message,
            capture_output=True,
            check=True,
            timeout=20,
        ).stdout
        return self.reply(query)


def accuracy_of(seconds: int | None = None, thousandths: int | None = None, millionths: int | None = None) -> bytes:
    """An Accuracy (RFC 3161 section 2.4.2) in DER."""
    parts = ((seconds, der.INTEGER), (thousandths, 0x80), (millionths, 0x81))
    numbers = (der.encode(tag, der.element(der.encode_integer(part)).content) for part, tag in parts if part is not None)
    return der.encode(der.SEQUENCE, *numbers)


@functools.cache
def shared(name: str) -> Authority:
    """An honest authority with a root of its own, the same for all tests of a process; `name` is its folder's."""
    return Authority(Path(_shared_folder().name) / name, Issuer(f"Root of {name}"))


@functools.cache
def _shared_folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="authorities-")


class Counter:
    """An authority's loopback server. `mood` says how it behaves, `asked` what it was asked, `seen` the headers that came."""

    def __init__(self, authority: Authority) -> None:
        self.authority = authority
        self.mood = "ok"
        self.asked: list[bytes] = []
        self.seen: list[dict[str, str]] = []
        self._first: bytes | None = None
        counter = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                query = self.rfile.read(int(self.headers["Content-Length"]))
                assert self.headers["Content-Type"] == REQUEST_TYPE
                counter.asked.append(query)
                counter.seen.append(dict(self.headers.items()))
                counter.answer(self, query)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = int(self._server.server_address[1])
        self.released = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/tsr"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.released.set()
        self._server.shutdown()
        self._server.server_close()

    def answer(self, handler: BaseHTTPRequestHandler, query: bytes) -> None:
        match self.mood:
            case "http500":
                handler.send_error(500)
            case "redirect":
                handler.send_response(302)
                handler.send_header("Location", "http://127.0.0.1:9/elsewhere")
                handler.send_header("Content-Length", "0")
                handler.end_headers()
            case "silent after one" if len(self.asked) < 2:
                self._send(handler, self.authority.reply(query))
            case "silent" | "silent after one":
                self.released.wait(30)
                handler.close_connection = True
            case "drip":
                self._drip(handler)
            case "huge":
                self._send(handler, bytes(1 << 20))
            case "garbage":
                self._send(handler, b"<html>Welcome to the hotel's network</html>")
            case "stale":
                self._first = self._first or self.authority.reply(query)
                self._send(handler, self._first)
            case "other-message":
                self._send(handler, self.authority.reply(_with_imprint(query, b"\0" * 32)))
            case "other-policy":
                self._send(handler, self.authority.reply(_without_policy(query)))
            case _:
                self._send(handler, self.authority.reply(query))

    def _send(self, handler: BaseHTTPRequestHandler, data: bytes) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", REPLY_TYPE)
        handler.send_header("Content-Length", str(len(data)))
        handler.end_headers()
        try:
            handler.wfile.write(data)
        except (BrokenPipeError, ConnectionResetError):
            handler.close_connection = True

    def _drip(self, handler: BaseHTTPRequestHandler) -> None:
        """Never silent for long, never done: a byte of a header every few milliseconds."""
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
        try:
            while not self.released.wait(0.02):
                handler.wfile.write(b"a")
        except (BrokenPipeError, ConnectionResetError):
            handler.close_connection = True


def unreachable() -> str:
    """An address where nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{taken.getsockname()[1]}/"


def _with_imprint(query: bytes, imprint: bytes) -> bytes:
    version, stamped, *rest = der.element(query).inside(der.SEQUENCE)
    algorithm, _ = stamped.inside(der.SEQUENCE)
    other = der.encode(der.SEQUENCE, algorithm.whole, der.encode(der.OCTET_STRING, imprint))
    return der.encode(der.SEQUENCE, version.whole, other, *(part.whole for part in rest))


def _without_policy(query: bytes) -> bytes:
    return der.encode(der.SEQUENCE, *(part.whole for part in der.element(query).inside(der.SEQUENCE) if part.tag != der.OID))
