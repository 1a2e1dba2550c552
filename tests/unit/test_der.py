"""DER: what is taken apart goes together again, and what has a second spelling is refused."""

from __future__ import annotations

import pytest
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import example, given
from hypothesis import strategies as st

from preserve.errors import FormatError
from preserve.formats import der


@example(-128)
@example(128)
@given(st.integers(min_value=-(2**80), max_value=2**80))
def test_integers(value: int) -> None:
    assert der.element(der.encode_integer(value)).integer() == value


@given(st.integers(0, 2), st.integers(0, 39), st.lists(st.integers(0, 2**64), max_size=6))
def test_object_identifiers(first: int, second: int, rest: list[int]) -> None:
    dotted = ".".join(map(str, (first, second, *rest)))
    encoded = der.encode_oid(dotted)
    assert der.element(encoded).oid() == dotted


def test_object_identifiers_are_those_of_others() -> None:
    # X.690 section 8.19.5 has the first.
    assert der.encode_oid("2.999.3").hex() == "0603883703"
    assert der.encode_oid(ExtendedKeyUsageOID.TIME_STAMPING.dotted_string).hex() == "06082b06010505070308"


@pytest.mark.parametrize("wrong", ["", "1", "3.1", "1.40", "1.2.x", "1..2", "-1.2", "1.2.²", "1." + "9" * 60])
def test_what_is_no_object_identifier(wrong: str) -> None:
    with pytest.raises(FormatError, match="not an object identifier"):
        der.encode_oid(wrong)


@given(st.lists(st.binary(max_size=300), max_size=5))
def test_elements_one_after_the_other(contents: list[bytes]) -> None:
    data = b"".join(der.encode(der.OCTET_STRING, content) for content in contents)
    assert [found.content for found in der.elements(data)] == contents
    assert b"".join(found.whole for found in der.elements(data)) == data


@given(st.binary(max_size=40))
def test_any_bytes_are_elements_in_their_one_spelling_or_refused(data: bytes) -> None:
    try:
        found = der.elements(data)
    except FormatError:
        return
    assert b"".join(der.encode(part.tag, part.content) for part in found) == data


@pytest.mark.parametrize(
    ("spelling", "why"),
    [
        ("04", "cut short"),
        ("0402aa", "cut short"),
        ("1f8101", "several bytes"),
        ("0480aa0000", "shortest form"),  # indefinite
        ("048101aa", "shortest form"),
        ("04820001aa", "shortest form"),
        ("0485000000000100", "shortest form"),
        ("04" + "84ffffffff", "cut short"),
        ("0401aa0401bb", "2 elements"),
    ],
)
def test_second_spellings_are_refused(spelling: str, why: str) -> None:
    with pytest.raises(FormatError, match=why):
        der.element(bytes.fromhex(spelling))


@pytest.mark.parametrize("padded", ["0200", "02020001", "0202ff80", "0202007f"])
def test_padded_integers_are_refused(padded: str) -> None:
    with pytest.raises(FormatError, match="shortest form"):
        der.element(bytes.fromhex(padded)).integer()


@pytest.mark.parametrize("bad", ["0600", "06028001", "060181", "0615" + "ff" * 20 + "01"])
def test_bad_object_identifiers_are_refused(bad: str) -> None:
    with pytest.raises(FormatError, match="not an object identifier"):
        der.element(bytes.fromhex(bad)).oid()


def test_sets_have_one_order() -> None:
    assert der.encode_set(der.SET, [b"\x02\x01\x05", b"\x02\x01\x01"]).hex() == "3106020101020105"
    with pytest.raises(FormatError, match="tag 0x04"):
        der.element(b"\x04\x00").inside(der.SEQUENCE)


def test_what_lies_deep_is_looked_at() -> None:
    nested = bytes.fromhex("3006a0040402ffff")  # what is in an OCTET STRING is bytes
    der.check_nested(nested)
    der.check_nested(b"")
    with pytest.raises(FormatError, match="shortest form"):
        der.check_nested(bytes.fromhex("3005a003048100"))
    with pytest.raises(FormatError, match="cut short"):
        der.check_nested(bytes.fromhex("3004a0020402"))
    deep = b""
    for _ in range(1000):
        deep = der.encode(der.SEQUENCE, deep)
    with pytest.raises(FormatError, match="nested too deep"):
        der.check_nested(deep)
