"""Cosignatures of witnesses: signed, verified, and those of other programs read."""

from __future__ import annotations

import hashlib
import sys
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric import mldsa
from hypothesis import given
from hypothesis import strategies as st

from archives import Archivist, WitnessPen
from preserve.formats import note
from preserve.formats.note import Checkpoint, KeyType, NoteSignature, SignedNote, VerifierKey

EXAMPLE = """\
example.com/behind-the-sofa
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
— witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==
""".encode()
"""The example of C2SP tlog-cosignature; its keys are not published."""
TEXT = Checkpoint(origin="archive.example/log", size=7, root=hashlib.sha256(b"x").digest()).encode()
PEN = WitnessPen("a witness")


def test_the_example_of_the_specification() -> None:
    signed = note.parse(EXAMPLE)
    assert signed.encode() == EXAMPLE
    assert note.parse_checkpoint(signed.text).size == 20852163
    assert int.from_bytes(signed.signatures[1].signature[:8], "big") == 1679315147  # the time of its signed message
    assert [line.name for line in note.verify(signed, [PEN.key]).unknown] == [line.name for line in signed.signatures]


@given(st.integers(1, 2**63 - 1), st.integers(0, 2**40))
def test_what_is_cosigned_verifies_and_says_when(time: int, size: int) -> None:
    text = Checkpoint(origin="o", size=size, root=bytes(32)).encode()
    line = note.cosign(text, PEN, time)
    assert line == PEN.line(text, time)
    opened = note.verify(SignedNote(text=text, signatures=(line,)), [PEN.key])
    assert [(seen.key, seen.time) for seen in opened.cosigned_by] == [(PEN.key, time)]
    other = note.verify(SignedNote(text=text.replace(b"o\n", b"p\n", 1), signatures=(line,)), [PEN.key])
    assert (other.cosigned_by, other.failed) == ((), (PEN.key,))


@pytest.mark.parametrize("time", [0, -1, 2**63])
def test_a_witness_states_a_time(time: int) -> None:
    with pytest.raises(ValueError, match="not a time"):
        note.cosign(TEXT, PEN, time)


def test_a_time_beyond_what_can_be_said_is_no_cosignature() -> None:
    assert note.verify(SignedNote(text=TEXT, signatures=(PEN.line(TEXT, 2**63),)), [PEN.key]).failed == (PEN.key,)


def _ml_dsa(
    private: mldsa.MLDSA44PrivateKey, text: bytes, *, time: int = 5, name: str = "w", end: int | None = None
) -> NoteSignature:
    """A line made from the words of the specification, without the code under test."""
    origin, size, root = text.decode().split("\n")[:3]
    message = (
        b"subtree/v1\n\0"
        + bytes([len(name)])
        + name.encode()
        + time.to_bytes(8, "big")
        + bytes([len(origin)])
        + origin.encode()
        + bytes(8)
        + (int(size) if end is None else end).to_bytes(8, "big")
        + note.unbase64(root)
    )
    key = VerifierKey(name="w", type=KeyType.COSIGNATURE_ML_DSA_44, public=private.public_key().public_bytes_raw())
    return NoteSignature(name="w", key_hash=key.key_hash, signature=time.to_bytes(8, "big") + private.sign(message))


def test_ml_dsa_44() -> None:
    private = mldsa.MLDSA44PrivateKey.generate()
    key = VerifierKey(name="w", type=KeyType.COSIGNATURE_ML_DSA_44, public=private.public_key().public_bytes_raw())
    assert VerifierKey.parse(key.encode()) == key

    def opened(line: NoteSignature, text: bytes = TEXT) -> tuple[int, int]:
        found = note.verify(SignedNote(text=text, signatures=(line,)), [key])
        return len(found.cosigned_by), len(found.failed)

    good = _ml_dsa(private, TEXT)
    assert opened(good) == (1, 0)
    assert opened(_ml_dsa(private, TEXT, time=0)) == (1, 0)
    assert opened(_ml_dsa(private, TEXT, name="x")) == (0, 1)
    assert opened(_ml_dsa(private, TEXT, end=6)) == (0, 1)
    assert opened(replace(good, signature=bytes(8) + good.signature[8:])) == (0, 1)
    assert opened(replace(good, signature=good.signature[:-1])) == (0, 1)
    assert opened(good, b"no checkpoint\n") == (0, 1)
    assert opened(good, TEXT + b"an extension line, of which it says nothing\n") == (1, 0)


def test_without_the_library_a_line_is_neither_good_nor_bad(monkeypatch: pytest.MonkeyPatch) -> None:
    private = mldsa.MLDSA44PrivateKey.generate()
    key = VerifierKey(name="w", type=KeyType.COSIGNATURE_ML_DSA_44, public=private.public_key().public_bytes_raw())
    monkeypatch.setitem(sys.modules, mldsa.__name__, None)
    opened = note.verify(SignedNote(text=TEXT, signatures=(_ml_dsa(private, TEXT),)), [key])
    assert (opened.unchecked, opened.cosigned_by, opened.failed) == ((key,), (), ())


def test_the_fingerprint_of_an_ml_dsa_key_is_that_of_its_public_key_info() -> None:
    from cryptography.hazmat.primitives import serialization

    public = mldsa.MLDSA44PrivateKey.generate().public_key()
    der = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    key = VerifierKey(name="w", type=KeyType.COSIGNATURE_ML_DSA_44, public=public.public_bytes_raw())
    assert key.fingerprint == hashlib.sha256(der).hexdigest()


def test_cosigned_archives_are_parsed_by_their_own_reader() -> None:
    archivist = Archivist(witnesses=(PEN, WitnessPen("another", "witness.example/w2")))
    archivist.add_run()
    signed = note.parse(archivist.checkpoint().encode())
    keys = [archivist.log.key, *(witness.key for witness in archivist.witnesses)]
    opened = note.verify(signed, keys)
    assert (len(opened.signed_by), len(opened.cosigned_by), opened.unknown) == (1, 2, ())
