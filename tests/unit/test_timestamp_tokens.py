"""RFC 3161 tokens of real authorities (openssl): what verifies, and every trap that libraries leave open."""

from __future__ import annotations

import functools
import hashlib
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import given, settings
from hypothesis import strategies as st

from authorities import OTHER_POLICY, POLICY, Authority, Issuer, accuracy_of, name_of, shared
from packetverifier import load
from preserve.errors import FormatError
from preserve.formats import certificate, der, timestamp

MESSAGE = b"a list of hashes\n"


def _verify(reply: bytes, *pinned: Issuer, message: bytes = MESSAGE) -> str:
    return timestamp.verify(timestamp.read(reply), message, [issuer.certificate for issuer in pinned])


def _openssl(reply: bytes, root: Path, folder: Path, at: datetime) -> bool:
    (folder / "m").write_bytes(MESSAGE)
    (folder / "r").write_bytes(reply)
    verify = ["openssl", "ts", "-verify", "-data", "m", "-in", "r", "-CAfile", str(root), "-attime", str(int(at.timestamp()))]
    done = subprocess.run(verify, cwd=folder, capture_output=True, check=False, timeout=20)
    return done.returncode == 0


@pytest.fixture(scope="module")
def reply() -> bytes:
    return shared("a").stamp(MESSAGE)


def test_a_token_is_what_openssl_says_it_is(reply: bytes, tmp_path: Path) -> None:
    token = timestamp.read(reply)
    (tmp_path / "r").write_bytes(reply)
    told = subprocess.run(
        ["openssl", "ts", "-reply", "-in", "r", "-text"], cwd=tmp_path, capture_output=True, text=True, check=True, timeout=20
    ).stdout
    assert f"Time stamp: {token.time:%b} {token.time.day:2} {token.time:%H:%M:%S %Y} GMT" in told
    assert (token.hash, token.policy) == ("sha256", POLICY)
    digits = f"{token.serial:X}"
    assert f"Serial number: 0x{digits.zfill(len(digits) + len(digits) % 2)}" in told
    assert abs(datetime.now(UTC) - token.time) < timedelta(minutes=5)
    assert _verify(reply, shared("a").issuer) == ""
    assert _openssl(reply, shared("a").root_file, tmp_path, token.time)


def test_openssl_reads_our_requests(tmp_path: Path) -> None:
    (tmp_path / "q").write_bytes(timestamp.request(MESSAGE, 2**63 + 5, OTHER_POLICY))
    told = subprocess.run(
        ["openssl", "ts", "-query", "-in", "q", "-text"], cwd=tmp_path, capture_output=True, text=True, check=True, timeout=20
    ).stdout
    for line in ("Hash Algorithm: sha256", "Nonce: 0x8000000000000005", "Certificate required: yes"):
        assert line in told
    token = timestamp.read(shared("a").reply(timestamp.request(MESSAGE, 7, OTHER_POLICY)))
    assert (token.nonce, token.policy) == (7, OTHER_POLICY)
    assert token.over(MESSAGE)


@pytest.mark.parametrize("digest", ["sha256", "sha384", "sha512"])
def test_hashes_that_count(digest: str) -> None:
    reply = shared("a").stamp(MESSAGE, digest)
    assert timestamp.read(reply).hash == digest
    assert _verify(reply, shared("a").issuer) == ""


def test_sha1_does_not_count(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="only SHA-256, SHA-384 and SHA-512 count"):
        timestamp.read(shared("a").stamp(MESSAGE, "sha1"))
    weak = Authority(tmp_path / "weak", shared("a").issuer, signer_digest="sha1")
    with pytest.raises(FormatError, match="it is signed over a hash of the algorithm"):
        timestamp.read(weak.stamp(MESSAGE))


def test_other_bytes_and_other_roots(reply: bytes) -> None:
    assert _verify(reply, shared("a").issuer, message=MESSAGE + b"\n") == "it is over other bytes"
    assert "unable to get local issuer certificate" in _verify(reply, shared("b").issuer)
    assert _verify(reply, shared("b").issuer, shared("a").issuer) == ""
    assert "no root is pinned" in timestamp.verify(timestamp.read(reply), MESSAGE, [])


def test_certificates_in_a_token_are_never_anchors(tmp_path: Path) -> None:
    """The attacker sends his own self-signed root along; a library that takes it for an intermediate would trust it."""
    thief = Issuer("Root of nobody")
    reply = Authority(tmp_path / "thief", thief, extra=(thief.certificate, shared("a").issuer.certificate)).stamp(MESSAGE)
    assert _verify(reply, thief) == ""
    assert _verify(reply, shared("a").issuer) != ""


def test_certificates_below_a_root_that_are_pinned(tmp_path: Path) -> None:
    root = Issuer("Root")
    middle = Issuer("Middle", root)
    sent = Authority(tmp_path / "sent", middle, extra=(middle.certificate,)).stamp(MESSAGE)
    bare = Authority(tmp_path / "bare", middle).stamp(MESSAGE)
    assert _verify(sent, root) == ""
    assert _verify(bare, root) != ""
    assert _verify(bare, root, middle) == ""
    assert "no root is pinned" in _verify(bare, middle)
    assert _verify(bare, shared("a").issuer, middle) != ""


def test_unsorted_certificates_are_sorted_in_memory_alone(tmp_path: Path) -> None:
    """openssl does not sort the certificates of a token, and strict readers of DER refuse the half of them."""
    root = Issuer("Root")
    replies = [
        Authority(tmp_path / f"n{number}", root, extra=(root.certificate, Issuer(f"Stranger {number}").certificate)).stamp(
            MESSAGE
        )
        for number in range(4)
    ]
    assert all(_verify(reply, root) == "" for reply in replies)
    assert any(timestamp.read(reply).reply != reply for reply in replies), "one of them at least was not sorted"


def test_a_time_finer_than_a_second(tmp_path: Path) -> None:
    reply = Authority(tmp_path / "fine", shared("a").issuer, precision=6).stamp(MESSAGE)
    assert _verify(reply, shared("a").issuer) == ""
    assert timestamp.read(reply).time.tzinfo is UTC


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        (b"", 0.0),
        (accuracy_of(), 0.0),
        (accuracy_of(1), 1.0),
        (accuracy_of(0, 500), 0.5),
        (accuracy_of(thousandths=500), 0.5),
        (accuracy_of(2, 250, 125), 2.250125),
        (accuracy_of(millionths=999), 0.000999),
        (accuracy_of(86400), 86400.0),
        (accuracy_of(86401), 86401.0),
        (accuracy_of(86400, 1), 86400.001),
        (accuracy_of(1 << 8000, 999), 86401.999),
    ],
)
def test_an_authority_says_how_sure_it_is(said: bytes, seconds: float) -> None:
    time = datetime(2026, 11, 22, 21, 38, 2, tzinfo=UTC)
    reply = shared("a").backdate(MESSAGE, time, said)
    token = timestamp.read(reply)
    assert (token.time, token.accuracy) == (time, timedelta(seconds=seconds))
    assert _verify(reply, shared("a").issuer) == ""
    assert load().read_token(reply)[3] == pytest.approx(seconds, abs=1e-9)


def test_openssl_prints_how_sure_an_authority_is(tmp_path: Path) -> None:
    reply = Authority(tmp_path / "vague", shared("a").issuer, accuracy="secs:70000, millisecs:500, microsecs:100").stamp(
        MESSAGE
    )
    assert timestamp.read(reply).accuracy == timedelta(seconds=70000, milliseconds=500, microseconds=100)
    (tmp_path / "reply").write_bytes(reply)
    done = subprocess.run(
        ["openssl", "ts", "-reply", "-in", str(tmp_path / "reply"), "-text"], capture_output=True, text=True, check=True
    )
    assert "Accuracy: 0x011170 seconds, 0x01F4 millis, 0x64 micros" in done.stdout


def test_a_token_outlives_the_certificate_that_signed_it(tmp_path: Path) -> None:
    brief = Authority(tmp_path / "brief", Issuer("Root"), days=(-1, 1))
    reply = brief.stamp(MESSAGE)
    made = timestamp.read(reply).time
    # Nothing in `verify` asks for today's date: what holds now holds 400 days on. openssl has to be told the date.
    assert _verify(reply, brief.issuer) == ""
    assert _openssl(reply, brief.root_file, tmp_path, made)
    assert not _openssl(reply, brief.root_file, tmp_path, made + timedelta(days=400))


@pytest.mark.parametrize("days", [(-20, -10), (10, 20)])
def test_a_certificate_that_did_not_count_at_the_time_of_the_token(tmp_path: Path, days: tuple[int, int]) -> None:
    reply = Authority(tmp_path / "past", shared("a").issuer, days=days).stamp(MESSAGE)
    assert "certificate" in _verify(reply, shared("a").issuer)


def _forge(tmp_path: Path, change: Callable[[der.Element], bytes]) -> bytes:
    """A reply whose certificates are changed (they are not signed)."""
    status, content = der.element(shared("a").stamp(MESSAGE)).inside(der.SEQUENCE)
    kind, wrapped = content.inside(der.SEQUENCE)
    version, digests, signed, certificates, infos = wrapped.inside(der.context(0))[0].inside(der.SEQUENCE)
    parts = (version.whole, digests.whole, signed.whole, change(certificates), infos.whole)
    token = der.encode(der.SEQUENCE, kind.whole, der.encode(der.context(0), der.encode(der.SEQUENCE, *parts)))
    return der.encode(der.SEQUENCE, status.whole, token)


def _twin() -> bytes:
    """A certificate with issuer and serial number of the honest one's, for another key."""
    honest = shared("a")
    key = ec.generate_private_key(ec.SECP256R1())
    made = honest.issuer.issue(name_of("twin"), key, serial=honest.certificate.serial_number)
    return made.public_bytes(Encoding.DER)


def test_the_signers_certificate_is_bound_by_its_hash(tmp_path: Path) -> None:
    swapped = _forge(tmp_path, lambda _: der.encode(der.context(0), _twin()))
    with pytest.raises(FormatError, match="ESSCertID"):
        timestamp.read(swapped)
    both = _forge(tmp_path, lambda found: der.encode_set(der.context(0), [found.content, _twin()]))
    with pytest.raises(FormatError, match="2 certificates in it are its signer's"):
        timestamp.read(both)
    attributes = der.encode(der.context(1), der.encode(der.SEQUENCE))  # a certificate of attributes, as some appliances send it
    beside = _forge(tmp_path, lambda found: der.encode(der.context(0), found.content, attributes))
    with pytest.raises(FormatError, match=r"others than those of X\.509"):
        timestamp.read(beside)
    none = _forge(tmp_path, lambda _: b"")
    with pytest.raises((FormatError, ValueError), match="no certificate"):
        timestamp.read(none)


@pytest.mark.parametrize("ess", ["sha1", "sha256", "sha384", "sha512"])
def test_every_form_of_that_binding(tmp_path: Path, ess: str) -> None:
    assert _verify(Authority(tmp_path / ess, shared("a").issuer, ess=ess).stamp(MESSAGE), shared("a").issuer) == ""


@pytest.mark.parametrize(
    "options", [{"purpose": ExtendedKeyUsageOID.SERVER_AUTH}, {"purpose": None}, {"critical": False}], ids=str
)
def test_a_certificate_for_something_else_signs_no_time(tmp_path: Path, options: dict[str, Any]) -> None:
    """Whoever has any certificate under a root that is pinned must not be a time-stamp authority."""
    site = Authority(tmp_path / "site", shared("a").issuer, **options)
    assert _verify(site.backdate(MESSAGE, datetime.now(UTC)), shared("a").issuer) != ""


def test_a_token_of_any_time(tmp_path: Path) -> None:
    """What the other tests make tokens of chosen times with is good: at a time when the certificate counted it verifies."""
    now = datetime.now(UTC).replace(microsecond=0)
    for days, good in ((0, True), (-20, True), (-40, False), (4000, False)):
        reply = shared("a").backdate(MESSAGE, now + timedelta(days=days))
        assert timestamp.read(reply).time == now + timedelta(days=days)
        assert (_verify(reply, shared("a").issuer) == "") is good
        assert _openssl(reply, shared("a").root_file, tmp_path, now + timedelta(days=days)) is good


def test_a_refusal_says_why() -> None:
    with pytest.raises(FormatError, match=r"not granted: rejected.*does not stamp under that policy"):
        timestamp.read(shared("a").reply(timestamp.request(MESSAGE, 1, "1.2.3.9")))
    with pytest.raises(FormatError, match="not granted: waiting"):
        timestamp.read(bytes.fromhex("30053003020103"))
    with pytest.raises(FormatError, match="not granted: status 9"):
        timestamp.read(bytes.fromhex("30053003020109"))
    with pytest.raises(FormatError, match="not a time-stamp"):
        timestamp.read(bytes.fromhex("30053003020100"))  # granted, and no token


@pytest.mark.parametrize("garbage", [b"", b"<html>", b"\x30\x00", b"\x30\x80\x00\x00", bytes(5000)])
def test_garbage(garbage: bytes) -> None:
    with pytest.raises(FormatError, match="not a time-stamp"):
        timestamp.read(garbage)


def test_bytes_before_or_after(reply: bytes) -> None:
    for data in (reply + b"\x00", reply[:-1], b"\x30" + reply):
        with pytest.raises(FormatError, match="not a time-stamp"):
            timestamp.read(data)


def _each(data: bytes, change: Callable[[der.Element], bytes]) -> Iterator[bytes]:
    """`data`, each time with another one of the elements that are made of elements changed, however deep it lies."""
    parts = der.elements(data)
    for place, part in enumerate(parts):
        if part.tag & 0x20:
            for changed in (change(part), *(der.encode(part.tag, inner) for inner in _each(part.content, change))):
                yield b"".join([*(one.whole for one in parts[:place]), changed, *(one.whole for one in parts[place + 1 :])])


def test_a_token_in_which_something_is_empty_is_read_or_refused(reply: bytes) -> None:
    refused = 0
    for changed in _each(reply, lambda part: der.encode(part.tag)):
        try:
            token = timestamp.read(changed)
        except FormatError:
            refused += 1
        else:
            assert token.imprint == timestamp.read(reply).imprint
    assert refused > 20


def test_a_token_has_one_spelling_however_deep(reply: bytes) -> None:
    """Openssl reads others in what is signed, and in certificates."""
    spelled = [*_each(reply, lambda part: bytes((part.tag, 0x84)) + len(part.content).to_bytes(4) + part.content)]
    assert len(spelled) > 50
    for changed in spelled:
        with pytest.raises(FormatError, match="not a length in its shortest form"):
            timestamp.read(changed)


def test_any_bit_changed_is_found(reply: bytes) -> None:
    """Also where nobody signed it: the versions, the name of the algorithm."""
    root = shared("a").issuer.certificate
    for place, byte in enumerate(reply):
        changed = reply[:place] + bytes([byte ^ 1 << place % 8]) + reply[place + 1 :]
        try:
            token = timestamp.read(changed)
        except FormatError:
            continue
        assert timestamp.verify(token, MESSAGE, [root]) != "", place


@functools.cache
def _one_token() -> bytes:
    return shared("a").stamp(MESSAGE)


@settings(max_examples=200)
@given(st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 2000), st.binary(max_size=8)), min_size=1, max_size=4))
def test_a_token_that_was_cut_and_pasted_proves_the_same_or_nothing(cuts: list[tuple[int, int, bytes]]) -> None:
    data = _one_token()
    honest = timestamp.read(data)
    for start, end, paste in cuts:
        data = data[:start] + paste + data[end:]
    try:
        token = timestamp.read(data)
    except FormatError:
        return
    if timestamp.verify(token, MESSAGE, [shared("a").issuer.certificate]) == "":
        assert token == replace(honest, reply=token.reply)


def test_what_can_be_pinned(tmp_path: Path) -> None:
    root = shared("a").issuer
    assert certificate.decode(root.pem) == root.certificate
    assert certificate.decode(root.certificate.public_bytes(Encoding.DER)) == root.certificate
    spki = root.certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert certificate.fingerprint(root.certificate) == hashlib.sha256(spki).hexdigest()
    impostor = Issuer("Root of a")
    forged = impostor.issue(impostor.name, ec.generate_private_key(ec.SECP256R1()), authority=True)
    for data, why in (
        (shared("a").certificate.public_bytes(Encoding.PEM), "not of a certification authority"),
        (root.pem + root.pem, "several in one file"),
        (b"hello", "not one"),
        (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "not one"),
        (bytes(1 << 17), "too long"),
        (forged.public_bytes(Encoding.PEM), "not signed by its own key"),
    ):
        with pytest.raises(FormatError, match=why):
            certificate.decode(data)
