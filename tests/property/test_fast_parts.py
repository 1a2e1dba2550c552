"""The fast parts say what their plain twins say: opening a member just written, and taking an address apart."""

from __future__ import annotations

import gzip
import uuid

import ada_url
import pytest
from hypothesis import given
from hypothesis import strategies as st

from preserve.errors import FormatError
from preserve.formats.gzipmember import HEADER, Unpacker, pack, unpack
from preserve.formats.url import BadUrl, parse
from preserve.formats.warc import END
from preserve.wiring.facts import new_id

BODIES = st.one_of(
    st.binary(max_size=3000), st.binary(min_size=1, max_size=9).map(lambda unit: unit * 60_000), st.just(b"\r\n\r\n" * 3)
)


def plainly(data: bytes) -> bytes | None:
    """What the plain twin says: the content of exactly one member, None when it is anything else."""
    reader = Unpacker()
    try:
        content = b"".join(reader.feed(data))
        reader.finish()
    except FormatError:
        return None
    return content


@given(head=st.binary(max_size=600), body=BODIES)
def test_a_member_is_opened_in_one_go_as_it_is_piece_by_piece(head: bytes, body: bytes) -> None:
    data, content = pack(head, body, END), head + body + END
    assert unpack(data, len(content)) == plainly(data) == gzip.decompress(data) == content
    for size in (len(content) - 1, len(content) + 1):
        with pytest.raises(FormatError):
            unpack(data, size)


@given(st.binary(max_size=600), st.integers(min_value=0), st.integers(1, 255))
def test_what_the_fast_part_accepts_the_plain_twin_accepts(body: bytes, place: int, flip: int) -> None:
    data, size = pack(b"", body, END), len(body) + len(END)
    place = len(HEADER) + place % (len(data) - len(HEADER))
    for changed in (data[:place] + bytes([data[place] ^ flip]) + data[place + 1 :], data[:place], data + bytes([flip])):
        try:
            said = unpack(changed, size)
        except FormatError:
            continue
        assert said == plainly(changed)


@given(
    st.builds(
        "{}://{}{}{}".format,
        st.sampled_from(["http", "https"]),
        st.one_of(
            st.sampled_from(
                ["[::1]", "[2001:db8::7]", "0x7f.1", "192.0.2.7", "u:p@example.org", "@example.org", "EXAMPLE.org."]
            ),
            st.from_regex(r"[a-zäß0-9.-]{1,20}", fullmatch=True),
        ),
        st.sampled_from(["", ":80", ":443", ":8080", ":0", ":", ":65535"]),
        st.text("/?#:@[].%ab0ä\\", max_size=20).map(lambda rest: "/" + rest),
    )
)
def test_an_address_comes_apart_as_its_parser_would_take_it_apart(text: str) -> None:
    url = parse(text)
    if isinstance(url, BadUrl):
        return
    twin = ada_url.URL(text)
    assert not twin.username
    assert not twin.password
    assert url.scheme == twin.protocol[:-1]
    assert url.hostname == twin.hostname.strip("[]")
    assert url.authority.decode() == twin.host
    assert url.port == int(twin.port or {"http": 80, "https": 443}[url.scheme])
    assert url.address == twin.href.partition("#")[0]
    assert url.target.decode().startswith(twin.pathname + twin.search)
    assert url.literal == (twin.host_type is not ada_url.HostType.DEFAULT)


def test_record_ids_are_random_uuids() -> None:
    ids = [new_id().removeprefix("urn:uuid:") for _ in range(2000)]
    assert len(set(ids)) == 2000
    for text in ids:
        assert str(uuid.UUID(text)) == text
        assert (uuid.UUID(text).version, uuid.UUID(text).variant) == (4, uuid.RFC_4122)
