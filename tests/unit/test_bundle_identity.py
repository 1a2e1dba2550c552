"""Whose bundle it is, by the time that the bundle tells of itself."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from preserve.model.finding import Result
from preserve.model.trust import TrustedKey, TrustRole
from preserve.rules.verify_bundle import _judge_identity

SINCE = datetime(2026, 11, 22, 11, 12, 25, 4000, tzinfo=UTC)
SECOND = SINCE.replace(microsecond=0)


@pytest.mark.parametrize(
    ("created", "result"),
    [
        (SECOND, Result.PASS),  # made in the second in which the key began to count
        (SINCE, Result.PASS),
        (SECOND + timedelta(seconds=1), Result.PASS),
        (SECOND - timedelta(seconds=1), Result.NOT_CHECKED),
        (SECOND + timedelta(milliseconds=3), Result.NOT_CHECKED),
    ],
)
def test_a_bundle_may_be_made_in_the_second_in_which_its_key_begins_to_count(created: datetime, result: Result) -> None:
    key = TrustedKey(name="A. Archivist", role=TrustRole.OPERATOR, keyid="a" * 64, vkey=None, added=SINCE, valid_from=SINCE)
    assert _judge_identity("a" * 64, "bundled and signed by", [key], created).result is result
