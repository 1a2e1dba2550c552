"""TLS facts come from the very connection that was asked, and a certificate that does not verify is evidence too."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from misbehaviours import PAGE, MisbehavingSite, Peer, fields, whole
from preserve.errors import ConfigError
from preserve.model.settings import FetchSettings, Resolve, TlsMode
from preserve.model.web import Exchange, Outcome, Truncation
from wires import LOOPS, fetch, run

HOST = "site.example"


@pytest.fixture(params=list(LOOPS))
def loop(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def ca() -> trustme.CA:
    return trustme.CA(organization_name="An Authority for Tests")


def _context(certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context


def _settings(site: MisbehavingSite, folder: Path, ca: trustme.CA | None, **changes: Any) -> FetchSettings:
    cacert = None
    if ca is not None:
        cacert = folder / "ca.pem"
        ca.cert_pem.write_to_path(cacert)
    base = FetchSettings(
        user_agent="test/1.0",
        timeout=10.0,
        cacert=cacert,
        resolve=(Resolve(host="*", port=site.port, addresses=("127.0.0.1",)),),
    )
    return replace(base, **changes)


def _one(
    loop: str,
    site: MisbehavingSite,
    folder: Path,
    ca: trustme.CA | None,
    *,
    host: str = HOST,
    path: str = "a-page",
    **changes: Any,
) -> Exchange:
    (exchange,) = run(loop, fetch(_settings(site, folder, ca, **changes), folder, f"https://{host}:{site.port}/{path}"))
    return exchange


def _names(chain: tuple[bytes, ...]) -> list[str]:
    return [x509.load_der_x509_certificate(der).subject.rfc4514_string() for der in chain]


def test_the_whole_chain_is_kept_leaf_first(loop: str, ca: trustme.CA, tmp_path: Path) -> None:
    leaf = ca.create_child_ca().issue_cert(HOST)
    with MisbehavingSite(_context(leaf)) as site:
        exchange = _one(loop, site, tmp_path, ca)
    assert exchange.outcome is Outcome.CAPTURED
    assert exchange.tls is not None
    assert (exchange.tls.version, exchange.tls.problem) == ("TLSv1.3", "")
    assert exchange.tls.cipher.startswith("TLS_")
    presented = [ssl.PEM_cert_to_DER_cert(blob.bytes().decode()) for blob in leaf.cert_chain_pems]
    assert list(exchange.tls.chain[:2]) == presented[:2]


def test_tls_12(loop: str, ca: trustme.CA, tmp_path: Path) -> None:
    context = _context(ca.issue_cert(HOST))
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with MisbehavingSite(context) as site:
        exchange = _one(loop, site, tmp_path, ca)
    assert exchange.tls is not None
    assert (exchange.outcome, exchange.tls.version) == (Outcome.CAPTURED, "TLSv1.2")


_BAD: dict[str, tuple[Callable[[trustme.CA], trustme.LeafCert], str]] = {
    "expired": (lambda ca: ca.issue_cert(HOST, not_after=datetime.now(UTC) - timedelta(days=1)), "the certificate has expired"),
    "not yet": (
        lambda ca: ca.issue_cert(HOST, not_before=datetime.now(UTC) + timedelta(days=1)),
        "the certificate is not valid yet",
    ),
    "other host": (lambda ca: ca.issue_cert("other.example"), "the certificate is for another host"),
    "unknown": (lambda ca: trustme.CA().issue_cert(HOST), "the certificate's issuer is not known"),
}


@pytest.mark.parametrize(("make", "problem"), _BAD.values(), ids=_BAD.keys())
def test_a_bad_certificate_is_refused_and_kept(
    make: Callable[[trustme.CA], trustme.LeafCert], problem: str, loop: str, ca: trustme.CA, tmp_path: Path
) -> None:
    leaf = make(ca)
    with MisbehavingSite(_context(leaf)) as site:
        exchange = _one(loop, site, tmp_path, ca)
        assert site.requests == []
    assert (exchange.outcome, exchange.problem, exchange.request) == (Outcome.FAILED, problem, b"")
    assert exchange.peer == ("127.0.0.1", site.port)
    assert exchange.tls is not None
    assert exchange.tls.problem == problem
    assert exchange.tls.chain[0] == ssl.PEM_cert_to_DER_cert(leaf.cert_chain_pems[0].bytes().decode())


def test_a_name_that_stands_in_the_common_name_alone_is_none(loop: str, tmp_path: Path) -> None:
    """RFC 9110 section 4.3.4: a client must not look there."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)])
    made = x509.CertificateBuilder(name, name, key.public_key(), 1).not_valid_before(datetime.now(UTC) - timedelta(days=1))
    made = made.not_valid_after(datetime.now(UTC) + timedelta(days=1)).add_extension(x509.BasicConstraints(ca=True, path_length=0), True)  # fmt: skip
    pem = made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    both = tmp_path / "both.pem"
    both.write_bytes(pem + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(both)
    with MisbehavingSite(context) as site:
        exchange = _one(loop, site, tmp_path, None, cacert=both)
    assert (exchange.outcome, exchange.problem) == (Outcome.FAILED, "the certificate is for another host")


@pytest.mark.parametrize(("make", "problem"), _BAD.values(), ids=_BAD.keys())
def test_tls_record_goes_on_and_says_so(
    make: Callable[[trustme.CA], trustme.LeafCert], problem: str, loop: str, ca: trustme.CA, tmp_path: Path
) -> None:
    leaf = make(ca)
    with MisbehavingSite(_context(leaf)) as site:
        exchange = _one(loop, site, tmp_path, ca, tls=TlsMode.RECORD)
        assert site.sent("a-page") == exchange.head + b"".join(exchange.body.chunks())
    assert (exchange.outcome, exchange.problem) == (Outcome.CAPTURED, "")
    assert exchange.tls is not None
    assert exchange.tls.problem == problem
    assert exchange.tls.chain[0] == ssl.PEM_cert_to_DER_cert(leaf.cert_chain_pems[0].bytes().decode())


def test_tls_record_leaves_a_good_certificate_verified(loop: str, ca: trustme.CA, tmp_path: Path) -> None:
    with MisbehavingSite(_context(ca.issue_cert(HOST))) as site:
        exchange = _one(loop, site, tmp_path, ca, tls=TlsMode.RECORD)
        assert site.connections == 1
    assert exchange.tls is not None
    assert exchange.tls.problem == ""


def test_tls_record_names_the_reason_of_another_certificate(loop: str, ca: trustme.CA, tmp_path: Path) -> None:
    """A server that shows two certificates in turn: what was said of the first is not said of the second."""
    contexts = [_context(ca.issue_cert("one.example")), _context(ca.issue_cert("two.example"))]
    shown: list[str] = []

    def choose(connection: ssl.SSLObject, name: str, _: ssl.SSLContext) -> None:
        connection.context = contexts[len(shown) % 2]
        shown.append(name)

    first = _context(ca.issue_cert(HOST))
    first.sni_callback = choose
    with MisbehavingSite(first) as site:
        exchange = _one(loop, site, tmp_path, ca, tls=TlsMode.RECORD)
    assert shown == [HOST, HOST]
    assert exchange.tls is not None
    assert (
        exchange.tls.problem
        == "not verified; another certificate, presented just before, was refused: the certificate is for another host"
    )


def test_bundled_roots_are_used_without_cacert(loop: str, ca: trustme.CA, tmp_path: Path) -> None:
    with MisbehavingSite(_context(ca.issue_cert(HOST))) as site:
        exchange = _one(loop, site, tmp_path, None)
    assert exchange.problem == "the certificate's issuer is not known"


def test_an_ip_address_is_verified_as_one(loop: str, ca: trustme.CA, tmp_path: Path) -> None:
    with MisbehavingSite(_context(ca.issue_cert("127.0.0.1"))) as site:
        exchange = _one(loop, site, tmp_path, ca, host="127.0.0.1", allow_private=True)
        assert exchange.outcome is Outcome.CAPTURED
    with MisbehavingSite(_context(ca.issue_cert("127.0.0.2"))) as site:
        exchange = _one(loop, site, tmp_path, ca, host="127.0.0.1", allow_private=True)
        assert exchange.problem == "the certificate is for another address"


def test_a_trailing_dot_and_a_name_in_another_script(loop: str, ca: trustme.CA, tmp_path: Path) -> None:
    with MisbehavingSite(_context(ca.issue_cert(HOST, "bücher.example"))) as site:
        for host in (HOST + ".", "bücher.example"):
            assert _one(loop, site, tmp_path, ca, host=host).outcome is Outcome.CAPTURED


def test_a_name_that_tls_cannot_carry(loop: str, ca: trustme.CA, tmp_path: Path) -> None:
    with MisbehavingSite(_context(ca.issue_cert(HOST))) as site:
        exchange = _one(loop, site, tmp_path, ca, host="a" * 70 + ".example")
    assert (exchange.outcome, exchange.problem) == (Outcome.FAILED, "the host name cannot be used for TLS")


def test_only_http11_is_offered(loop: str, ca: trustme.CA, tmp_path: Path) -> None:
    context = _context(ca.issue_cert(HOST))
    context.set_alpn_protocols(["h2", "http/1.1"])
    chosen: list[str | None] = []

    def script(peer: Peer, _: int) -> None:
        assert isinstance(peer.stream, ssl.SSLSocket)
        chosen.append(peer.stream.selected_alpn_protocol())
        peer.say(whole(PAGE))

    with MisbehavingSite(context) as site:
        site.script("alpn", script)
        assert _one(loop, site, tmp_path, ca, path="alpn").outcome is Outcome.CAPTURED
    assert chosen == ["http/1.1"]


def _hold(peer: Peer) -> bool:
    peer.hold()
    return True


def _plain(peer: Peer) -> bool:
    peer.say(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
    peer.farewell()
    return True


def _reset(peer: Peer) -> bool:
    peer.stream.recv(100)
    peer.reset()
    return True


@pytest.mark.parametrize(
    ("greet", "problem"),
    [
        (_plain, "TLS: the server does not speak TLS on this port"),
        (_hold, "the TLS handshake was not finished within 0.3 s"),
        (lambda peer: bool(peer.stream.recv(100)), "the server closed the connection during the TLS handshake"),
        (_reset, "the server closed the connection during the TLS handshake"),
    ],
    ids=["plain", "silent", "closed", "reset"],
)
def test_a_handshake_that_comes_to_nothing(greet: Callable[[Peer], bool], problem: str, loop: str, tmp_path: Path) -> None:
    with MisbehavingSite(greet=greet) as site:
        exchange = _one(loop, site, tmp_path, None, timeout=0.3 if greet is _hold else 10.0)
    assert (exchange.outcome, exchange.problem, exchange.retries) == (Outcome.FAILED, problem, 0)


def test_the_servers_own_refusal_is_told(loop: str, ca: trustme.CA, tmp_path: Path) -> None:
    context = _context(ca.issue_cert(HOST))
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("ADH-AES256-GCM-SHA384:@SECLEVEL=0")
    with MisbehavingSite(context) as site:
        exchange = _one(loop, site, tmp_path, ca)
    assert exchange.problem == "TLS: the server refused (handshake failure)"


def test_a_client_certificate_that_we_do_not_have(loop: str, ca: trustme.CA, tmp_path: Path) -> None:
    leaf = ca.issue_cert(HOST)
    context = _context(leaf)
    context.verify_mode = ssl.CERT_REQUIRED
    ca.configure_trust(context)
    with MisbehavingSite(context) as site:
        exchange = _one(loop, site, tmp_path, ca)
    assert exchange.outcome is Outcome.FAILED
    assert exchange.problem in {
        "TLS: the server refused (certificate required) before answering",
        "the server reset the connection before answering",  # its reset may overtake its alert
    }
    assert exchange.tls is not None
    assert exchange.tls.chain[0] == ssl.PEM_cert_to_DER_cert(leaf.cert_chain_pems[0].bytes().decode())


def test_bytes_that_are_not_the_peers_end_the_exchange(loop: str, ca: trustme.CA, tmp_path: Path) -> None:
    def script(peer: Peer, _: int) -> None:
        peer.say(fields(b"Content-Length: 99") + b"so far")
        with MisbehavingSite.underneath(peer) as raw:
            raw.sendall(b"\x17\x03\x03\x00\x20" + bytes(32))
        peer.hold()

    with MisbehavingSite(_context(ca.issue_cert(HOST))) as site:
        site.script("forged", script)
        exchange = _one(loop, site, tmp_path, ca, path="forged")
    assert (exchange.outcome, exchange.truncated, exchange.body.size) == (Outcome.TRUNCATED, Truncation.DISCONNECT, 6)
    assert exchange.problem.startswith("TLS: ")
    assert exchange.problem.endswith("after 6 of 99 body bytes")


def test_plain_http_to_a_tls_port(loop: str, ca: trustme.CA, tmp_path: Path) -> None:
    with MisbehavingSite(_context(ca.issue_cert(HOST))) as site:
        (exchange,) = run(loop, fetch(_settings(site, tmp_path, ca), tmp_path, f"http://{HOST}:{site.port}/a-page"))
    assert exchange.outcome is Outcome.FAILED
    assert exchange.tls is None


def test_trust_anchors_that_cannot_be_read(loop: str, tmp_path: Path) -> None:
    for name, content in (("missing.pem", None), ("empty.pem", b""), ("noise.pem", b"no certificate")):
        path = tmp_path / name
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(ConfigError, match=name):
            run(loop, fetch(FetchSettings(user_agent="test", cacert=path), tmp_path))
