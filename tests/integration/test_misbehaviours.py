"""The library of misbehaviours through a whole capture: what the archive holds is what the servers say that they sent."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from fastwarc.warc import ArchiveIterator as FastIterator
from fastwarc.warc import WarcRecordType

from misbehaviour_page import HANDSHAKES, PAGE, Made, both, handshakes, written
from misbehaviours import CASES, Case
from preserve.model.web import Outcome

Archives = tuple[Path, dict[str, Made], dict[str, Made]]


@pytest.fixture(scope="module")
def archives(tmp_path_factory: pytest.TempPathFactory) -> Archives:
    folder = tmp_path_factory.mktemp("misbehaviours")
    return (folder, *both(folder))


@pytest.fixture(scope="module")
def shaken(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Made], dict[str, Made]]:
    return handshakes(tmp_path_factory.mktemp("handshakes"))


@pytest.fixture(params=["plain", "tls"])
def made(request: pytest.FixtureRequest, archives: Archives) -> dict[str, Made]:
    return archives[1] if request.param == "plain" else archives[2]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_outcome_is_as_the_table_says(case: Case, made: dict[str, Made]) -> None:
    line = made[case.name].line
    assert line["outcome"] == (case.ends or case.outcome)
    assert line["truncated"] == case.truncated
    if line["outcome"] != Outcome.REFUSED:
        assert line["status"] == (case.final or case.status)
    assert case.reason in line["reason"]
    assert any(case.signal in signal for signal in [*line["signals"], ""])
    assert set(case.notes) <= set(line["signals"]) or line["outcome"] != Outcome.CAPTURED
    assert len(line["hops"]) == case.hops + case.retries
    asked_again = [before["url"] == after["url"] for before, after in zip(line["hops"], line["hops"][1:], strict=False)]
    if case.name not in {"cookie-wall", "cookie-maze"}:
        assert line["retries"] == sum(asked_again)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_what_is_in_the_archive_is_what_was_sent(case: Case, made: dict[str, Made]) -> None:
    kept, sent = made[case.name].last, made[case.name].sent
    beside = kept.get("garbage", b"")
    response = kept.get("response")
    before, instead = (beside, b"") if response is not None else (b"", beside)
    whole = before + kept.get("interim", b"") + (response or b"") + kept.get("excess", b"") + instead
    if made[case.name].line["truncated"] == "length" or "endless" in case.name or "without-end" in case.name:
        assert sent.startswith(whole)
        assert whole
    else:
        assert whole == sent
    assert "request" in kept
    assert {"metadata", "response"} & set(kept)


def test_every_exchange_leaves_its_facts(made: dict[str, Made]) -> None:
    for one in made.values():
        asked = [hop for hop in one.line["hops"] if hop["outcome"] != Outcome.REFUSED]
        assert len(one.exchanges) == len(asked)
        for hop, exchange in zip(asked, one.exchanges, strict=True):
            blocks = dict(exchange)
            if hop["outcome"] != Outcome.CAPTURED or {"interim", "excess", "garbage"} & set(blocks):
                assert f"outcome: {hop['outcome']}\r\n".encode() in blocks["metadata"]
                assert (b"problem: " in blocks["metadata"]) is (hop["outcome"] != Outcome.CAPTURED)
            assert ("response" in blocks) is (hop["status"] is not None)


@pytest.mark.parametrize("name", ["plain", "tls"])
def test_other_readers_read_every_file(name: str, archives: Archives) -> None:
    warcs = sorted((archives[0] / name).glob("archive/runs/*/data/*.warc.gz"))
    assert warcs
    for warc in warcs:
        checked = subprocess.run(
            [sys.executable, "-m", "warcio.cli", "check", str(warc)], capture_output=True, text=True, check=False
        )
        assert (checked.returncode, checked.stdout) == (0, ""), checked.stdout + checked.stderr
        with warc.open("rb") as file:  # its reader of HTTP gives up at a header of 60 kB; the records are what counts
            read = [(one.record_type, one.verify_block_digest()) for one in FastIterator(file, parse_http=False)]
        assert all(intact for _, intact in read)
        assert sum(kind is WarcRecordType.response for kind, _ in read) >= 80
    archive = archives[0] / name / "archive"
    found = subprocess.run([sys.executable, "-m", "preserve", "verify", str(archive)], capture_output=True, check=False)
    assert found.returncode in {0, 41}, found.stdout  # 41: our own trust store does not know the key


def test_the_page_is_true(archives: Archives, shaken: tuple[dict[str, Made], dict[str, Made]]) -> None:
    page = written(archives[1], archives[2], *shaken)
    assert PAGE.read_text(encoding="utf-8") == page, "python tests/misbehaviour_page.py writes it"


@pytest.mark.parametrize("name", HANDSHAKES)
def test_a_handshake_that_fails_is_told_and_what_was_shown_is_kept(
    name: str, shaken: tuple[dict[str, Made], dict[str, Made]]
) -> None:
    strict, lax = (made[name] for made in shaken)
    assert (strict.line["outcome"], strict.line["reason"]) == ("failed", HANDSHAKES[name])
    assert "request" not in strict.last
    if name in {"no-tls", "hangs-up"}:
        assert (lax.line["outcome"], lax.line["reason"]) == ("failed", HANDSHAKES[name])
        return
    assert len(strict.line["server"]["tls"]["chain_sha256"]) == 1
    assert lax.line["outcome"] == "captured"
    assert lax.line["server"]["tls"]["problem"] == HANDSHAKES[name]
    assert f"fetched in spite of TLS: {HANDSHAKES[name]}" in lax.line["signals"]
    assert f"tls-problem: {HANDSHAKES[name]}\r\n".encode() in lax.last["metadata"]
