"""A revisit and its original, held against each other by our verifier and by the checker inside a packet."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from dataclasses import replace
from types import ModuleType

import pytest

from exchanges import exchange, ids
from preserve.formats.gzipmember import pack
from preserve.formats.warc import END, MemberCheck, header
from preserve.model.web import Exchange, Original, Record
from preserve.rules.record import records, revisit
from preserve.rules.verify_packet import judge_originals
from running import ROOT

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
SAME, OTHER = b"4\r\nsame\r\n0\r\n\r\n", b"5\r\nother\r\n0\r\n\r\n"


@pytest.fixture(scope="module")
def checker() -> ModuleType:
    spec = importlib.util.spec_from_file_location("packet_verify", ROOT / "src" / "preserve" / "packet" / "verify.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def pair(first: Exchange, second: Exchange) -> tuple[Record, Record]:
    """The response and a revisit of it that was made of the second exchange."""
    new_id = ids()
    response = records(first, new_id=new_id)[1]
    original = Original(
        record_id=response.id, url=first.url, date=first.started, body_sha256=second.body_sha256, framed=second.chunked
    )
    return response, revisit(second, original, new_id=new_id)[1]


def stored(record: Record) -> bytes:
    return pack(header(record) + record.head, b"".join(record.body.chunks()), END)


def ours(kept: Sequence[bytes]) -> list[str]:
    found = {}
    for name, data in zip(("original", "revisit"), kept, strict=True):
        check = MemberCheck(payload="sha1")
        check.feed(data)
        found[name] = check.result()
        assert not found[name].problem
    return [finding.code for finding in judge_originals(found, {name: name for name in found})]


def theirs(checker: ModuleType, kept: Sequence[bytes]) -> list[str]:
    check = checker.Check(lambda row: None)
    heads = [checker.read_record(iter([data])) for data in kept]
    checker.check_originals(check, {"original": (heads[0], True), "revisit": (heads[1], False)})
    return list(check.codes)


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        (exchange(b"same"), exchange(b"same"), []),
        (exchange(b"other"), exchange(b"same"), ["original-missing"]),
        (exchange(SAME, head=CHUNKED, chunked=True), exchange(SAME, head=CHUNKED, chunked=True), []),
        (exchange(OTHER, head=CHUNKED, chunked=True), exchange(SAME, head=CHUNKED, chunked=True), ["original-missing"]),
        (exchange(SAME), exchange(SAME, head=CHUNKED, chunked=True), ["original-missing"]),
        (exchange(SAME, head=CHUNKED, chunked=True), exchange(SAME), ["original-missing"]),
    ],
    ids=["same", "other", "framed", "framed-other", "only-the-revisit-framed", "only-the-original-framed"],
)
def test_both_find_what_does_not_belong_together(
    checker: ModuleType, first: Exchange, second: Exchange, said: list[str]
) -> None:
    kept = [stored(record) for record in pair(first, second)]
    assert ours(kept) == theirs(checker, kept) == said


def test_a_field_that_looks_like_the_hash_of_the_payload_is_not_believed(checker: ModuleType) -> None:
    first, second = (exchange(body, head=CHUNKED, chunked=True) for body in (OTHER, SAME))
    response, again = pair(first, second)
    wanted = next(value for name, value in again.fields if name == "WARC-Payload-Digest")
    for name in ("sha1", "payload", "X-Payload-Digest"):
        forged = replace(response, fields=(*response.fields, (name, wanted)))
        kept = [stored(forged), stored(again)]
        assert ours(kept) == theirs(checker, kept) == ["original-missing"]
