"""The fast parts say what their plain twins say: reading back a record just written, and taking an address apart."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

import ada_url
from hypothesis import given
from hypothesis import strategies as st

from preserve.errors import FormatError
from preserve.formats.gzipmember import pack, unpack
from preserve.formats.url import BadUrl, parse
from preserve.formats.warc import END, MemberCheck, header, written
from preserve.model.web import Memory, Record
from preserve.wiring.facts import new_id

LIMIT = 1 << 20
BODIES = st.one_of(
    st.binary(max_size=3000), st.binary(min_size=1, max_size=9).map(lambda unit: unit * 60_000), st.just(b"\r\n\r\n" * 3)
)


def member(body: bytes) -> tuple[Record, bytes]:
    record = Record(
        type="resource", id=f"urn:uuid:{uuid.UUID(int=7)}", date=datetime(2026, 11, 21, 5, tzinfo=UTC), body=Memory(body)
    )
    return record, pack(header(record), body, END)


def judged(data: bytes) -> tuple[str, str] | None:
    """What the plain twin says: type and id, None when it finds anything wrong."""
    check = MemberCheck()
    check.feed(data)
    found = check.result()
    return None if found.problem or found.header is None else (found.header.type, found.header.id)


@given(BODIES)
def test_a_record_is_read_back_in_one_go_as_it_is_piece_by_piece(body: bytes) -> None:
    record, data = member(body)
    assert written(data, LIMIT) == judged(data) == (record.type, record.id)
    assert written(data, len(body) // 2) is None


@given(st.binary(max_size=600), st.integers(min_value=0), st.integers(1, 255))
def test_what_the_fast_part_accepts_the_plain_twin_accepts(body: bytes, place: int, flip: int) -> None:
    _, data = member(body)
    place %= len(data)
    for changed in (data[:place] + bytes([data[place] ^ flip]) + data[place + 1 :], data[:place], data + bytes([flip])):
        try:
            said = written(changed, LIMIT)
        except FormatError:
            continue
        assert said is not None
        assert said == judged(changed)


@given(st.binary(max_size=400))
def test_a_member_with_another_record_in_it_is_refused(content: bytes) -> None:
    for data in (pack(b"", content, b""), pack(header(member(b"x" * 9)[0]), content, END)):
        try:
            said = written(data, LIMIT)
        except FormatError:
            assert unpack(data, LIMIT) is not None
            continue
        assert said == judged(data)


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
