from __future__ import annotations

import base64
import hashlib

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from hypothesis import given
from hypothesis import strategies as st

from preserve.errors import FormatError
from preserve.formats import note, tlog
from preserve.formats.merkle import verify_consistency
from preserve.formats.note import Checkpoint, KeyType, VerifierKey

LOG = VerifierKey.parse("archive.example/main/log+d2341695+AUSuSC8EmWgrAk9gUm+j6Ch7scBTJbFKV1ilit/4cp3U")
WITNESS = VerifierKey.parse("partner.example/witness+c56a29a3+BCxA4Cq5OWIUKx5P2YMZmEqvx4CKYGtLAq1Zx3WW3jTS")
FOUR = """\
archive.example/main/log
4
KFsj3JsFjwtoDjRGJ+nRs998vjkNeXz1odbDjs3JNck=

— archive.example/main/log 0jQWldWKneA7qAPsYNa5Iu6N0QGB6grkzGyR9fTpWERvqbU95qJtwDo2K36VJKOdAtugFIO+ZQKhL583CcP34tt2IAw=
""".encode()
FIVE = """\
archive.example/main/log
5
G7oLM5Dnqb5K0h5WfTYE0D/fILx1wf6Y6Kk/w8NYZ88=

— archive.example/main/log 0jQWlfc83r828CadB7aNxnvXKIIS4q20V3jIrQuxVMU8yyU42P95C4GazMpdAPQdEznLiM1w5KHdjTYreEBTzcND6Ao=
— partner.example/witness xWopowAAAABrAc61cOkPtQuQTIuyzbJy8yITqFJb8dv2YYi+f5FdTjklzAMLgoh0D5Xmm/2dQXQ1emTczb+Yiqn6pFi/U0mXF8YsBw==
""".encode()


class Signer:
    def __init__(self, name: str) -> None:
        self._private = ed25519.Ed25519PrivateKey.from_private_bytes(hashlib.sha256(name.encode()).digest())
        self.key = VerifierKey(name=name, type=KeyType.ED25519, public=self._private.public_key().public_bytes_raw())

    def sign(self, message: bytes) -> bytes:
        return self._private.sign(message)


def test_real_checkpoints_of_a_log_and_its_witness() -> None:
    opened = note.verify(note.parse(FIVE), [LOG, WITNESS])
    assert opened.signed_by == (LOG,)
    assert [(cosignature.key, cosignature.time) for cosignature in opened.cosigned_by] == [(WITNESS, 1_795_280_565)]
    assert not opened.failed
    assert not opened.unknown
    assert note.verify(note.parse(FOUR), [LOG]).signed_by == (LOG,)


def test_the_real_log_grew_from_four_to_five() -> None:
    old, new = (note.parse_checkpoint(note.parse(data).text) for data in (FOUR, FIVE))
    path = (note.unbase64("3o7dxuPqbpP4aAgXlUHQzLiJHeFrgYGI18Yvly0DL2g="),)
    assert verify_consistency(old.size, old.root, new.size, new.root, path)
    assert not verify_consistency(old.size, new.root, new.size, new.root, path)


def test_unknown_lines_are_reported_not_passed_over() -> None:
    opened = note.verify(note.parse(FIVE), [LOG])
    assert opened.signed_by == (LOG,)
    assert [line.name for line in opened.unknown] == ["partner.example/witness"]


def test_every_changed_byte_is_refused_or_spoils_or_unties_a_signature() -> None:
    whole = note.verify(note.parse(FIVE), [LOG, WITNESS])
    for place in range(len(FIVE)):
        for bit in (1, 0x20):
            changed = FIVE[:place] + bytes([FIVE[place] ^ bit]) + FIVE[place + 1 :]
            try:
                opened = note.verify(note.parse(changed), [LOG, WITNESS])
            except FormatError:
                continue
            assert opened != whole
            assert opened.failed or opened.unknown


def test_signing_many() -> None:
    one, two = Signer("one.example"), Signer("two.example")
    checkpoint = Checkpoint(origin="one.example", size=7, root=bytes(32))
    signed = note.sign(checkpoint.encode(), [one, two])
    assert note.parse(signed.encode()) == signed
    assert note.verify(signed, [two.key, one.key]).signed_by == (one.key, two.key)
    assert note.parse_checkpoint(signed.text) == checkpoint
    assert one.key.fingerprint != two.key.fingerprint


def test_a_key_under_another_name_is_another_key() -> None:
    signer = Signer("one.example")
    renamed = VerifierKey(name="two.example", type=KeyType.ED25519, public=signer.key.public)
    signed = note.sign(b"text\n", [signer])
    assert note.verify(signed, [renamed]).unknown == signed.signatures
    assert renamed.fingerprint == signer.key.fingerprint


@given(st.binary(max_size=200))
def test_any_bytes_are_a_note_or_refused(data: bytes) -> None:
    for body in (data, FIVE + data, data + FIVE):
        try:
            parsed = note.parse(body)
        except FormatError:
            continue
        assert parsed.encode() == body


@given(st.text(max_size=30))
def test_names_are_safe_to_show_and_to_split(name: str) -> None:
    try:
        note.check_name(name)
    except FormatError:
        return
    assert name.isprintable()
    assert name.split() == [name]
    assert "+" not in name
    assert Checkpoint(origin=name, size=0, root=bytes(32)) == note.parse_checkpoint(
        Checkpoint(origin=name, size=0, root=bytes(32)).encode()
    )


@given(st.text(alphabet="0123456789+-_ ", max_size=22))
def test_a_number_has_one_spelling(text: str) -> None:
    try:
        assert str(note.decimal(text)) == text
    except FormatError:
        assert not (text.isdigit() and (text == "0" or text[0] != "0") and int(text) < 2**63)


@given(st.text(alphabet="ABab01+/=-_ \n", max_size=12))
def test_base64_has_one_spelling(text: str) -> None:
    try:
        data = note.unbase64(text)
    except FormatError:
        return
    assert base64.b64encode(data).decode() == text
    assert len(text) == (len(data) + 2) // 3 * 4


def test_a_proof_of_the_checkpoint_survives_its_file() -> None:
    proof = tlog.TlogProof(index=4, path=(bytes(32),), checkpoint=note.parse(FIVE))
    assert tlog.decode_proof(tlog.encode_proof(proof)) == proof


@pytest.mark.parametrize("text", [b"", b"\n", b"no newline", b"tab\there\n", b"\xff\n"])
def test_a_text_that_cannot_be_a_note_is_not_signed(text: bytes) -> None:
    with pytest.raises(FormatError):
        note.sign(text, [Signer("one.example")])
