"""TLS 1.2 and 1.3 over memory BIOs: the client's side of a handshake and what was learnt from it.

Python's own asyncio TLS drops the connection's facts when a handshake fails. Here the SSL object is ours: after a certificate was
refused it still holds what the server presented, on this very connection, on either event loop. One verifier judges, OpenSSL's,
against certifi's roots or the operator's `--cacert`. With `--tls record` the same verifier has judged the same chain on the
connection before, and its reason is written beside what was fetched without it.
"""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import Callable, Sequence
from pathlib import PurePath
from typing import Any, cast

import certifi

from preserve.errors import ConfigError
from preserve.model.web import Tls

_READ = 1 << 16
_SLICE = 1 << 16

_CERTIFICATE_PROBLEMS = {  # X509_V_ERR_*, openssl/x509_vfy.h
    9: "the certificate is not valid yet",
    10: "the certificate has expired",
    18: "the certificate is self-signed",
    19: "the certificate chain ends in an unknown self-signed certificate",
    20: "the certificate's issuer is not known",
    21: "the certificate's issuer is not known",
    23: "the certificate has been revoked",
    26: "the certificate is not meant for servers",
    62: "the certificate is for another host",
    64: "the certificate is for another address",
}


class HandshakeError(Exception):
    """No TLS connection came about; `certificate` says that it was for the certificate's sake."""

    def __init__(self, problem: str, *, certificate: bool = False) -> None:
        super().__init__(problem)
        self.problem = problem
        self.certificate = certificate


def context(cacert: PurePath | None, *, verify: bool = True, http2: bool = False) -> ssl.SSLContext:
    """A client's context that offers HTTP/1.1, and HTTP/2 only where asked; raises ConfigError when trust anchors cannot be read."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    made.set_alpn_protocols(["h2", "http/1.1"] if http2 else ["http/1.1"])
    made.set_ciphers("DEFAULT")  # OpenSSL's own list, as curl and wget offer: Python's is shorter than what old sites speak
    # Without this option OpenSSL says when a peer closed without the close_notify alert: a cut body must not look whole.
    made.options &= ~ssl.OP_IGNORE_UNEXPECTED_EOF
    if not verify:
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
        return made
    made.hostname_checks_common_name = False  # RFC 9110 section 4.3.4; Python's default looks there for want of anything better
    file = str(cacert) if cacert else certifi.where()
    try:
        made.load_verify_locations(cafile=file)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(f"{file}: no trust anchors can be read from it ({error})", "--cacert takes a PEM file") from error
    return made


class TlsLayer:
    """Ciphertext in, plaintext out, and the other way: no socket in here."""

    __slots__ = ("_incoming", "_object", "_outgoing", "ended")

    def __init__(self, context_: ssl.SSLContext, hostname: str) -> None:
        """Raises HandshakeError for a host name that TLS cannot carry."""
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self.ended = False
        """The peer has said that nothing more follows (close_notify)."""
        try:
            self._object = context_.wrap_bio(self._incoming, self._outgoing, server_hostname=hostname.rstrip("."))
        except ValueError as error:  # UnicodeError, of the idna codec, is one
            raise HandshakeError("the host name cannot be used for TLS") from error

    def handshake(self, data: bytes = b"") -> bool:
        """Take what the server said; True when the connection stands. Raises HandshakeError."""
        if data:
            self._incoming.write(data)
        try:
            self._object.do_handshake()
        except ssl.SSLWantReadError:
            return False
        except ssl.SSLCertVerificationError as error:
            problem = _CERTIFICATE_PROBLEMS.get(error.verify_code) or f"the certificate does not verify: {error.verify_message}"
            raise HandshakeError(problem, certificate=True) from error
        except ssl.SSLError as error:
            raise HandshakeError(describe(error)) from error
        return True

    def receive(self, data: bytes, feed: Callable[[bytes], None]) -> None:
        """Hand the plaintext in `data` to `feed`, piece by piece. Raises ssl.SSLError when it is not what the peer sent."""
        read = self._object.read
        for at in range(0, len(data) or 1, _SLICE):  # a memory BIO never shrinks: what it is given at once, it keeps
            self._incoming.write(data if len(data) <= _SLICE else data[at : at + _SLICE])
            try:
                while piece := read(_READ):
                    feed(piece)
                self.ended = True
            except ssl.SSLWantReadError:
                pass
            except ssl.SSLZeroReturnError:
                self.ended = True

    def send(self, data: bytes) -> None:
        """Encrypt `data`; `outgoing` has it."""
        self._object.write(data)

    def outgoing(self) -> bytes:
        """What is to be written to the socket."""
        return self._outgoing.read()

    def close(self) -> bytes:
        """The close_notify alert."""
        with contextlib.suppress(ssl.SSLError, ValueError):  # it wants the peer's own alert, which nobody waits for
            self._object.unwrap()
        return self._outgoing.read()

    @property
    def http2(self) -> bool:
        """The server chose HTTP/2."""
        return self._object.selected_alpn_protocol() == "h2"

    def facts(self, problem: str = "") -> Tls:
        """What is known of the connection, also after a handshake that failed."""
        cipher = self._object.cipher()
        return Tls(
            version=self._object.version() or "", cipher=cipher[0] if cipher else "", chain=self._chain(), problem=problem
        )

    def _chain(self) -> tuple[bytes, ...]:
        """The certificates that the server presented, DER, leaf first; public API from Python 3.13 on."""
        public: Callable[[], Sequence[bytes]] | None = getattr(self._object, "get_unverified_chain", None)
        if public is not None:
            return tuple(public() or ())
        inner = cast("Any", self._object)._sslobj  # noqa: SLF001 - the only way on 3.11 and 3.12
        return tuple(ssl.PEM_cert_to_DER_cert(certificate.public_bytes()) for certificate in inner.get_unverified_chain() or ())


def describe(error: ssl.SSLError) -> str:
    """An OpenSSL error in words a person can use: `TLS: wrong version number`."""
    reason = (error.reason or "").replace("_", " ").lower()
    if "alert" in reason or reason.startswith("tlsv1 "):  # OpenSSL names some alerts with the word and some without
        return f"TLS: the server refused ({reason.partition('alert ')[2] or reason.removeprefix('tlsv1 ')})"
    if reason in {"wrong version number", "packet length too long", "http request", "record layer failure"}:
        return "TLS: the server does not speak TLS on this port"
    return f"TLS: {reason or 'the connection failed'}"
