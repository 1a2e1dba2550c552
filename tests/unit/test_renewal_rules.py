"""What a verification says of files that were stamped anew: how long each can be, and which of them differ."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from preserve.formats import description, hashlist, manifest, seal, statement, tlog
from preserve.model.event import Renewal, Renewed, Statement
from preserve.model.finding import Result
from preserve.model.manifest import LogLink, Operator, SignerEntry
from preserve.rules import verify_renewal as rules
from preserve.rules.verify_renewal import Compared

RUN, EVENT = "runs/000000-20261121t175146z", "events/000004-renewal"
NOW = datetime(2026, 11, 22, tzinfo=UTC)
SAID = Statement(
    archive="archive.example/main",
    log=LogLink(origin="archive.example/log", size_before=4, root_before="0" * 64),
    created=NOW,
    actor=Operator(name=None, organisation=None, role=None),
    body=Renewal(covers=Renewed.DATA, count=9, bytes=900, sha512="0" * 128),
    signers=(SignerEntry(keyid="0" * 64, algorithm="ed25519", name="A. Archivist"),),
    timestamps=(),
)


@pytest.mark.parametrize(
    ("path", "limit"),
    [
        ("archive.toml", description.MAX_SIZE),
        (f"{RUN}/SEAL", seal.MAX_SIZE),
        (f"{RUN}/manifest.json", manifest.MAX_SIZE),
        (f"{RUN}/log/seal.tlog-proof", tlog.MAX_PROOF),
        (f"{RUN}/keys/{'0' * 64}.pem", 8192),
        (f"{RUN}/timestamps/start-a.tsr", manifest.MAX_TOKEN),
        (f"{EVENT}/SEAL", seal.MAX_SIZE),
        (f"{EVENT}/statement.json", statement.MAX_SIZE),
        (f"{EVENT}/signatures/{'0' * 64}.sig", 8192),
        (f"{EVENT}/renewal.sha512", hashlist.MAX_SIZE),
        (f"{RUN}/data/captures.jsonl", None),
        (f"{RUN}/statement.json", None),
        (f"{RUN}/log/other", None),
        (f"{RUN}/keys", None),
        ("runs/SEAL", None),
        ("SEAL", None),
        ("documents/archive.toml", None),
    ],
)
def test_how_long_a_file_can_be(path: str, limit: int | None) -> None:
    assert rules.longest(path) == limit


def _said(sampled: bool = False, existed_by: datetime | None = NOW, **given: int | tuple[str, ...]) -> str:
    nothing = {"listed": 9, "read": 9, "left": 0, "cut": 0, "replaced": (), "removed": (), "failed": 0}
    found = rules.renewed(SAID, EVENT, Compared(**{**nothing, **given}), existed_by, sampled=sampled)  # type: ignore[arg-type]
    assert (found.result is Result.PASS) is (existed_by is not None)
    return found.detail.partition("when it was made; ")[2]


def test_the_sentence_is_true_of_what_was_done() -> None:
    by = "existed by 2026-11-22T00:00:00.000Z"
    read = "of 9 of them the SHA-512 was compared here"
    assert _said() == f"{read}; stamped anew, all of it {by}"
    assert _said(failed=1) == f"{read}; stamped anew, what is as it was listed {by}"
    assert _said(read=4, left=5) == (
        f"of 4 of them the SHA-512 was compared here, of the others the SHA-256; --thorough compares all; stamped anew, all of it {by}"
    )
    assert "of the others no more than a sample was read; --thorough" in _said(read=4, left=5, sampled=True)
    assert "the SHA-256, but for records that were removed from them; --thorough" in _said(read=4, left=5, cut=1)
    assert _said(removed=("a.warc.gz",)) == (
        f"{read}; a.warc.gz differs: records of it were removed since, under a statement; stamped anew, what is as it was listed {by}"
    )
    assert (
        "; a, b, c and 1 more differ, each because a newer proof took its place, which it does not cover; stamped anew, what is"
        in (_said(replaced=("a", "b", "c", "d")))
    )
    assert "its signer's word" in _said(existed_by=None)
