"""A sample of the records: what it reads, what it says, what it cannot hide."""

from __future__ import annotations

from pathlib import Path

import pytest

from archives import NOW, Archivist
from attacks_on_redactions import line, remove, warc
from attacktools import flip
from preserve.adapters.folder import DiskFolder
from preserve.flows.measure import Sample
from preserve.flows.verify import verify
from preserve.model.finding import Claim, Report
from preserve.rules.verify_content import sampled

PAGES = 40
RECORDS = 2 * PAGES + 1


@pytest.fixture
def archivist() -> Archivist:
    made = Archivist()
    made.add_run(PAGES)
    made.add_run(1)
    return made


def _verify(root: Path, share: float, seed: str = "x", *, thorough: bool = False, **more: object) -> Report:
    with DiskFolder(root) as folder:
        chosen = Sample(share=share, seed=seed)
        return verify(folder, Archivist().trusted, [], NOW, thorough=thorough, sample=chosen, **more)  # type: ignore[arg-type]


def _integrity(report: Report) -> list[str]:
    return [f"{f.result}: {f.detail}" for f in report.findings if f.claim is Claim.INTEGRITY]


@pytest.mark.parametrize("thorough", [False, True])
def test_a_good_archive(archivist: Archivist, tmp_path: Path, thorough: bool) -> None:
    report = _verify(archivist.write(tmp_path), 0.1, thorough=thorough)
    assert report.exit_code == 0
    assert report.sampled
    first, second = _integrity(report)
    assert first.startswith(
        f"not-checked: sampled: 9 of {RECORDS} records were read, picked at random: were one record damaged, 89 in 100 such samples would miss it"
    )
    assert second.startswith("not-checked: sampled: 1 of 3 records")


def test_integrity_that_is_asked_for_is_not_established_by_a_sample(archivist: Archivist, tmp_path: Path) -> None:
    assert _verify(archivist.write(tmp_path), 0.5, require=frozenset({Claim.INTEGRITY})).exit_code == 41
    assert _verify(tmp_path, 0.5, require=frozenset({Claim.COMPLETENESS})).exit_code == 0


def test_the_seed_picks(archivist: Archivist, tmp_path: Path) -> None:
    """One damaged record of 81: with a tenth read, some seeds find it and some do not, and each always does the same."""
    archivist.write(tmp_path)
    flip(tmp_path / "runs" / archivist.names[0] / warc(archivist, 0), line(archivist, 0, 33).offset + 30)
    codes = [[_verify(tmp_path, 0.1, str(seed)).exit_code for seed in range(30)] for _ in range(2)]
    assert codes[0] == codes[1]
    assert set(codes[0]) == {0, 40}
    found = next(seed for seed in range(30) if codes[0][seed] == 40)
    assert any("record 33 at offset" in told for told in _integrity(_verify(tmp_path, 0.1, str(found))))


def test_everything_else_is_checked_whole(archivist: Archivist, tmp_path: Path) -> None:
    archivist.write(tmp_path)
    run = tmp_path / "runs" / archivist.names[0]
    place = warc(archivist, 0)
    for change in (
        lambda: flip(run / "data/captures.jsonl", 10),
        lambda: flip(run / (place.removesuffix(".warc.gz") + ".records"), 30),
        lambda: (run / place).write_bytes((run / place).read_bytes() + b"x"),
        lambda: (run / place).write_bytes((run / place).read_bytes()[:-1]),
        lambda: flip(next((tmp_path / "documents").glob("*/*")), 3),
    ):
        held = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
        change()
        assert _verify(tmp_path, 0.01).exit_code == 40
        for path, data in held.items():
            path.write_bytes(data)
    assert _verify(tmp_path, 0.01).exit_code == 0


def test_removed_records_are_told_whether_they_were_picked_or_not(archivist: Archivist, tmp_path: Path) -> None:
    remove(archivist, indexes=(7, 8))
    report = _verify(archivist.write(tmp_path), 0.01)
    assert report.exit_code == 41
    assert sum("removed by A. Archivist" in told for told in _integrity(report)) == 2
    flip(tmp_path / "runs" / archivist.names[0] / warc(archivist, 0), line(archivist, 0, 7).offset + 30)
    assert _verify(tmp_path, 0.01).exit_code == 40


def test_the_words() -> None:
    assert [sampled(1, 3), sampled(3, 3), sampled(1, 100_000)] == [
        "1 of 3 records was read, picked at random: were one record damaged, 67 in 100 such samples would miss it",
        "all 3 records were read",
        "1 of 100000 records was read, picked at random: were one record damaged, 99.99 in 100 such samples would miss it",
    ]
