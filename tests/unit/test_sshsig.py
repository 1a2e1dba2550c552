"""SSH keys and signatures: what is accepted, and every trick that is refused by name."""

from __future__ import annotations

import base64
import struct
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from preserve.errors import FormatError
from preserve.formats import sshkey, sshsig
from sshpens import NAMESPACE, P256Pen, SshPen, armor, mpint, strings

DOCUMENT = b'{\n  "type": "a manifest of these tests"\n}\n'
DIGESTS = sshsig.digests_of(DOCUMENT)
ED, P256 = SshPen("Ann"), P256Pen("Bo")
PENS = pytest.mark.parametrize("pen", [ED, P256], ids=["Ed25519", "P-256"])
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


@PENS
@pytest.mark.parametrize("hash_", [b"sha256", b"sha512"])
def test_a_good_signature(pen: SshPen, hash_: bytes) -> None:
    data = armor(pen.body(DOCUMENT, hash_=hash_))
    signature = sshsig.decode(data)
    assert signature.key.keyid == pen.keyid
    assert signature.key.line == pen.line
    assert signature.holds(DIGESTS)
    assert not signature.holds(sshsig.digests_of(DOCUMENT + b" "))
    assert sshsig.encode(signature) == data


@PENS
def test_lines_of_another_length_are_read_and_not_decoded(pen: SshPen) -> None:
    body = pen.body(DOCUMENT)
    data = armor(body, 64).replace(b"\n", b"\r\n")
    assert sshsig.encode(sshsig.read(data)) == armor(body)
    with pytest.raises(FormatError, match="not canonical"):
        sshsig.decode(data)


def _integers(r: bytes, s: bytes) -> bytes:
    return strings(r, s)


_BODY = ED.body(DOCUMENT)
_REFUSED = {
    "another namespace": (ED.body(DOCUMENT, namespace=b"file"), "wrong namespace: made for 'file'"),
    "no namespace": (ED.body(DOCUMENT, namespace=b""), "wrong namespace"),
    "a namespace with more behind it": (ED.body(DOCUMENT, namespace=NAMESPACE + b"\0"), "wrong namespace"),
    "something reserved": (ED.body(DOCUMENT, reserved=b"x"), "something stands where nothing may yet"),
    "SHA-1": (ED.body(DOCUMENT, hash_=b"sha1"), "unknown hash: 'sha1'"),
    "MD5": (ED.body(DOCUMENT, hash_=b"md5"), "unknown hash"),
    "SHA-384": (ED.body(DOCUMENT, hash_=b"sha384"), "unknown hash"),
    "a hash in large letters": (ED.body(DOCUMENT, says=b"SHA512"), "unknown hash"),
    "no hash": (ED.body(DOCUMENT, says=b""), "unknown hash"),
    "version 2": (ED.body(DOCUMENT, version=2), "version 2 is not known"),
    "version 0": (ED.body(DOCUMENT, version=0), "version 0"),
    "another magic": (b"SSHSIH" + _BODY[6:], "does not begin with SSHSIG"),
    "bytes behind it": (_BODY + b"\0", "1 bytes too many"),
    "a byte short": (_BODY[:-1], "cut short"),
    "nothing": (b"", "not between its two lines|does not begin|cut short"),
    "a length beyond its end": (_BODY[:10] + struct.pack(">I", 1 << 31) + _BODY[14:], "cut short"),
    "another type beside the signature": (ED.body(DOCUMENT, algorithm=b"ecdsa-sha2-nistp256"), "calls itself 'ecdsa"),
    "an RSA signature by an Ed25519 key": (ED.body(DOCUMENT, algorithm=b"ssh-rsa"), "calls itself 'ssh-rsa'"),
    "an RSA key": (ED.body(DOCUMENT, blob=strings(b"ssh-rsa", b"\1\0\1", b"\0" * 256)), "RSA keys are not accepted"),
    "a DSA key": (ED.body(DOCUMENT, blob=strings(b"ssh-dss", b"\1")), "only Ed25519 and ECDSA on P-256"),
    "a P-384 key": (
        ED.body(DOCUMENT, blob=strings(b"ecdsa-sha2-nistp384", b"nistp384", b"\4" + bytes(96))),
        "only Ed25519 and ECDSA on P-256",
    ),
    "a P-256 key on another curve": (
        ED.body(DOCUMENT, blob=strings(b"ecdsa-sha2-nistp256", b"nistp384", b"\4" + bytes(64))),
        "not an uncompressed point",
    ),
    "a compressed point": (
        ED.body(DOCUMENT, blob=strings(b"ecdsa-sha2-nistp256", b"nistp256", b"\2" + P256.point[1:33])),
        "not an uncompressed point",
    ),
    "a point off the curve": (
        ED.body(DOCUMENT, blob=strings(b"ecdsa-sha2-nistp256", b"nistp256", P256.point[:-1] + bytes([P256.point[-1] ^ 1]))),
        "not a public key",
    ),
    "a security token's key": (
        ED.body(DOCUMENT, blob=strings(b"sk-ssh-ed25519@openssh.com", ED.raw, b"ssh:")),
        "keys of security tokens are not accepted",
    ),
    "a certificate": (
        ED.body(DOCUMENT, blob=strings(b"ssh-ed25519-cert-v01@openssh.com", ED.raw)),
        "a certificate",
    ),
    "a key of small order": (ED.body(DOCUMENT, blob=strings(b"ssh-ed25519", b"\1" + bytes(31))), "weak key"),
    "a short key": (ED.body(DOCUMENT, blob=strings(b"ssh-ed25519", ED.raw[:31])), "weak key"),
    "a key with bytes behind it": (ED.body(DOCUMENT, blob=ED.blob + b"\0"), "1 bytes too many"),
    "a short signature": (ED.body(DOCUMENT, signature=bytes(63)), "64 bytes, not 63"),
    "a number with a zero before it": (
        P256.body(DOCUMENT, signature=_integers(b"\0" + mpint(5), mpint(7))),
        "not in its one spelling",
    ),
    "a negative number": (P256.body(DOCUMENT, signature=_integers(b"\xff", mpint(7))), "not in its one spelling"),
    "the number zero": (P256.body(DOCUMENT, signature=_integers(b"", mpint(7))), "out of range"),
    "the order itself": (P256.body(DOCUMENT, signature=_integers(mpint(5), mpint(ORDER))), "out of range"),
    "a third number": (P256.body(DOCUMENT, signature=strings(mpint(5), mpint(7), mpint(9))), "too many"),
}


@pytest.mark.parametrize("name", _REFUSED)
def test_refused(name: str) -> None:
    body, why = _REFUSED[name]
    with pytest.raises(FormatError, match=why):
        sshsig.decode(armor(body))


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data + b"\n",
        lambda data: b"\n" + data,
        lambda data: data + data,
        lambda data: data.replace(b"\n", b"\r\n"),
        lambda data: data[:-1],
        lambda data: data.replace(b"SSH SIGNATURE", b"SSH  SIGNATURE"),
        lambda data: data.replace(b"END", b"BEGIN"),
        lambda data: data[: len(data) // 2],
        lambda data: data[:40] + b"!" + data[41:],
        lambda data: data[:40] + b"\n" + data[40:],
        lambda data: b"x" * 3000,
    ],
    ids=["newline", "before", "twice", "cr", "no newline", "spaces", "no end", "half", "no base64", "broken line", "long"],
)
def test_another_spelling_is_refused(change: object) -> None:
    assert callable(change)
    with pytest.raises(FormatError):
        sshsig.decode(change(ED.signature(DOCUMENT)))


def test_the_hash_that_is_written_is_the_one_that_is_used() -> None:
    """The name of the hash is signed too: another beside the signature does not hold."""
    assert not sshsig.decode(armor(ED.body(DOCUMENT, hash_=b"sha256", says=b"sha512"))).holds(DIGESTS)


def test_a_signature_over_the_bare_file_does_not_hold() -> None:
    """Nor can one of ours over manifest.json be passed off as one of SSH."""
    assert not sshsig.decode(armor(ED.body(DOCUMENT, signature=ED.sign(DOCUMENT)))).holds(DIGESTS)


@PENS
def test_another_key_beside_the_signature(pen: SshPen) -> None:
    thief = type(pen)("A. Thief")
    assert not sshsig.decode(armor(pen.body(DOCUMENT, blob=thief.blob))).holds(DIGESTS)


@given(st.sampled_from([ED, P256]), st.data())
def test_no_changed_byte_holds(pen: SshPen, data: st.DataObject) -> None:
    good = pen.signature(DOCUMENT) if pen is ED else _P256_SIGNATURE
    place = data.draw(st.integers(0, len(good) - 1))
    value = data.draw(st.integers(1, 255))
    changed = good[:place] + bytes([good[place] ^ value]) + good[place + 1 :]
    try:
        signature = sshsig.decode(changed)
    except FormatError:
        return
    assert not signature.holds(DIGESTS)


_P256_SIGNATURE = P256.signature(DOCUMENT)


@given(st.binary(max_size=400))
def test_whatever_comes_is_read_or_refused(body: bytes) -> None:
    for data in (body, armor(body), armor(b"SSHSIG\0\0\0\1" + body)):
        with pytest.raises(FormatError):
            sshsig.decode(data)


# ---------------------------------------------------------------------------------------------------------------------- keys


@PENS
@pytest.mark.parametrize(
    ("form", "who"),
    [
        ("{}", ""),
        ("{} ann@example.org", "ann@example.org"),
        ("  {} Ann of the archive ", "Ann of the archive"),
        ("ann@example.org {}", "ann@example.org"),
        ('ann@example.org namespaces="file,preserve-manifest-v1" {}', "ann@example.org"),
        ('namespaces="preserve-manifest-v1" {} Ann', "Ann"),
    ],
)
def test_lines_that_name_a_key(pen: SshPen, form: str, who: str) -> None:
    handed = sshkey.parse(form.format(pen.line))
    assert (handed.key.keyid, handed.key.line, handed.who) == (pen.keyid, pen.line, who)
    assert (handed.valid_from, handed.valid_until) == (None, None)
    assert sshkey.from_blob(handed.key.blob) == handed.key


def test_the_times_of_allowed_signers() -> None:
    handed = sshkey.parse(f'ann valid-after="20260101Z",valid-before="202611211702Z" {ED.line}')
    assert handed.valid_from == datetime(2026, 1, 1, tzinfo=UTC)
    assert handed.valid_until == datetime(2026, 11, 21, 17, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("", "no key in this line"),
        ("ssh-ed25519", "no key in this line"),
        (ED.line.split()[1], "no key in this line"),
        ("ssh-ed25519 AAAA", "cut short"),
        ("ssh-ed25519 ????", "not base64"),
        (ED.line.replace("ssh-ed25519", "ecdsa-sha2-nistp256"), "called ecdsa-sha2-nistp256, and is ssh-ed25519"),
        ("ssh-rsa AAAAB3NzaC1yc2E=", "RSA keys are not accepted"),
        ("sk-ssh-ed25519@openssh.com AAAA", "security tokens"),
        ("ssh-ed25519-cert-v01@openssh.com AAAA", "a certificate"),
        (f"cert-authority {ED.line}", "the option 'cert-authority'"),
        (f"ann cert-authority {ED.line}", "the option 'cert-authority'"),
        (f'ann namespaces="git" {ED.line}', "allows it to sign for 'git' only"),
        (f'ann no-touch-required,command="x" {ED.line}', "the option 'no-touch-required'"),
        (f'ann valid-before="20261121" {ED.line}', "not a time in UTC"),
        (f'ann valid-before="20261321Z" {ED.line}', "no date"),
        (f'expiry-time="20200101Z" {ED.line}', "the option 'expiry-time'"),
        (f'from="10.0.0.1",no-pty {ED.line}', "the option 'from'"),
        (f'valid-before="20260101Z {ED.line}', "a quotation mark without"),
        (f'namespaces=" {ED.line}', "a quotation mark without"),
        (f"one two three {ED.line}", "neither a line of authorized_keys"),
        (f"{ED.line}\n{P256.line}", "not one line"),
        ("x" * 5000, "not one line"),
    ],
)
def test_lines_that_are_refused(line: str, why: str) -> None:
    with pytest.raises(FormatError, match=why):
        sshkey.parse(line)


def test_base64_in_a_second_spelling_is_refused() -> None:
    type_, text = P256.line.split()
    assert text.endswith("=")
    tail = chr(ord(text[-2]) + 1)
    assert base64.b64decode(text[:-2] + tail + "=") == base64.b64decode(text)
    with pytest.raises(FormatError, match="not canonical base64"):
        sshkey.parse(f"{type_} {text[:-2]}{tail}=")
