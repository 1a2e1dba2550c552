from __future__ import annotations

from datetime import UTC, datetime

import pytest

from preserve.errors import FormatError
from preserve.formats import keybackup
from preserve.formats.keybackup import Backup

PEM = b"-----BEGIN PRIVATE KEY-----\nMC4\n-----END PRIVATE KEY-----\n"
MADE = datetime(2026, 11, 21, 17, 2, 45, 565_000, tzinfo=UTC)
GOOD = keybackup.encode("log", 'a "name"\nin two lines', MADE, PEM)


def test_what_is_written_is_read() -> None:
    assert keybackup.decode(GOOD) == Backup(pem=PEM, use="log", name='a "name"\nin two lines', created=MADE)
    assert keybackup.decode(PEM) == Backup(pem=PEM)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"hello",
        GOOD.replace(b"/v1", b"/v2"),
        GOOD.replace(b"use: log\n", b""),
        GOOD.replace(b"use: log\n", b"use: log\nuse: log\n"),
        GOOD.replace(b'"a ', b'"\xc3\xa4 '),
        GOOD.replace(b'"a ', b'"\\u0061 '),
        GOOD.replace(b'name: "', b"name: "),
        GOOD.replace(b"2026-11", b"2026-13"),
        GOOD.partition(b"-----BEGIN")[0],
        GOOD + b"x" * keybackup.MAX_SIZE,
    ],
)
def test_what_is_no_backup(data: bytes) -> None:
    with pytest.raises(FormatError, match=r"not a key|bad time"):
        keybackup.decode(data)
