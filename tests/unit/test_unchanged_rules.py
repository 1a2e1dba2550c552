"""What may be only listed as unchanged: nothing of which a record would say more."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from exchanges import HEAD, NOON, TLS, exchange, ids
from preserve.errors import FormatError
from preserve.formats import lines, unchanged
from preserve.model.lines import CaptureLine, RecordRef
from preserve.model.unchanged import PageList, Unchanged
from preserve.model.web import Capture, Hop, Need, Original, Outcome, Target, Trouble, Truncation, Verdict
from preserve.rules import unchanged as rules

BODY = b"the bytes of a picture\n" * 50
PICTURE = b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nDate: then\r\n\r\n"
PAGE = Target(id=0, url="https://site.test/", address="https://site.test/", host="site.test")
NEEDED = replace(PAGE, id=1, url="https://site.test/page", address="https://site.test/page", need=Need(of=0, page=0, level=1))
CAME = exchange(BODY, head=PICTURE, headers=((b"Content-Type", b"image/png"), (b"Date", b"now")))
KEPT = Original(
    record_id="urn:uuid:1",
    url="https://site.test/page",
    date=NOON - timedelta(days=1),
    body_sha256=CAME.body_sha256,
    answer=PICTURE + BODY,
)


def test_the_plain_case() -> None:
    assert rules.may_be_listed(NEEDED, CAME)
    assert rules.is_the_same(CAME, KEPT)


@pytest.mark.parametrize(
    ("target", "changes"),
    [
        (PAGE, {}),
        (NEEDED, {"status": 203}),
        (NEEDED, {"status": None}),
        (NEEDED, {"outcome": Outcome.TRUNCATED, "truncated": Truncation.LENGTH}),
        (NEEDED, {"retries": 1}),
        (NEEDED, {"notes": ("a folded header line",)}),
        (NEEDED, {"interim": (b"HTTP/1.1 103 Early Hints\r\n\r\n",)}),
        (NEEDED, {"excess": b"x"}),
        (NEEDED, {"garbage": b"x"}),
        (NEEDED, {"proxy": "http://proxy.test:3128"}),
        (NEEDED, {"tls": replace(TLS, problem="expired")}),
        (NEEDED, {"problem": "odd", "trouble": Trouble.CLOSED}),
    ],
    ids=lambda value: ",".join(value) if isinstance(value, dict) else "",
)
def test_what_is_no_plain_answer_of_a_requisite(target: Target, changes: dict[str, Any]) -> None:
    assert not rules.may_be_listed(target, replace(CAME, **changes))


@pytest.mark.parametrize(
    ("came", "kept"),
    [
        ({}, {"url": "https://site.test/another"}),
        ({}, {"date": NOON}),
        ({}, {"body_sha256": "0" * 64}),
        ({}, {"framed": True}),
        ({"chunked": True}, {}),
        ({}, {"answer": b""}),
        ({}, {"answer": PICTURE.replace(b"200 OK", b"404 Gone")}),
        ({}, {"answer": PICTURE.replace(b"image/png", b"image/gif")}),
        ({}, {"answer": PICTURE.replace(b"Date: then", b"Content-Encoding: gzip")}),
        ({}, {"answer": PICTURE.removesuffix(b"\r\n\r\n")}),
        ({"headers": ()}, {}),
        ({"headers": ((b"content-type", b"image/png"), (b"Content-Type", b"image/png"))}, {}),
    ],
    ids=str,
)
def test_what_is_not_the_same_answer(came: dict[str, Any], kept: dict[str, Any]) -> None:
    assert not rules.is_the_same(replace(CAME, **came), replace(KEPT, **kept))


def test_names_of_header_fields_are_the_same_in_any_case() -> None:
    assert rules.is_the_same(replace(CAME, headers=((b"CONTENT-TYPE", b" image/png "),)), KEPT)


PLAIN = Capture(
    target=NEEDED,
    outcome=Outcome.CAPTURED,
    reason="",
    final_url=NEEDED.url,
    requested_at=NOON,
    finished_at=NOON,
    status=200,
    verdict=Verdict.OK,
    hops=(Hop(url=NEEDED.url, status=200, location=None, outcome=Outcome.CAPTURED),),
)


def test_a_capture_that_says_nothing_else() -> None:
    assert rules.says_nothing(PLAIN)
    for changes in (
        {"signals": ("its robots.txt forbids it",)},
        {"verdict": Verdict.SOFT_404},
        {"hops": PLAIN.hops * 2},
        {"retries": 1},
        {"outcome": Outcome.FAILED, "reason": "it was given up"},
    ):
        assert not rules.says_nothing(replace(PLAIN, **changes)), changes


def test_the_record_is_no_page() -> None:
    answer = Unchanged(url=NEEDED.url, at=NOON, status=200, payload_sha256="0" * 64, refers_to_date=KEPT.date)
    listed = PageList(page=0, url="https://site.test/ä", answers=(answer,))
    record = rules.record(listed, at=NOON, new_id=ids())
    fields = dict(record.fields)
    assert (record.type, fields["WARC-Target-URI"]) == ("metadata", "urn:preserve:unchanged:https://site.test/%C3%A4")
    assert unchanged.decode(record.head) == (answer,)


LINE = CaptureLine(
    capture=0,
    url=PAGE.url,
    final_url=PAGE.url,
    outcome=Outcome.CAPTURED,
    reason="",
    status=200,
    verdict=Verdict.OK,
    signals=(),
    requested_at=NOON.replace(microsecond=0),
    finished_at=NOON.replace(microsecond=0),
    payload_sha256=None,
    payload_bytes=0,
    truncated=None,
    hops=(),
    records=(RecordRef(warc="data/a-0002.warc.gz", index=1, type="metadata"),),
    server=None,
    http_date=None,
    retries=0,
    cited_in=(),
    requisite_of=None,
    salt="0" * 32,
    unchanged=3,
)


def test_a_page_says_how_long_its_list_is() -> None:
    data = lines.encode_capture(LINE)
    assert lines.decode_capture(data) == LINE
    assert b'"unchanged":3' in data
    assert b"unchanged" not in lines.encode_capture(replace(LINE, unchanged=0))
    with pytest.raises(FormatError):
        lines.decode_capture(data.replace(b'"unchanged":3', b'"unchanged":0'))
    for odd in ({"requisite_of": 0}, {"records": ()}):
        with pytest.raises(ValueError, match="list of unchanged"):
            replace(LINE, **odd)


def test_heads_are_not_mistaken_for_bodies() -> None:
    """An answer whose head is longer than what was read of it is not compared."""
    assert not rules.is_the_same(CAME, replace(KEPT, answer=HEAD[:20]))
