"""Whatever is done to the files of an archive in which everything happened once: an answer, never an error, and never a false "unaltered"."""

from __future__ import annotations

import functools
import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from archives import NOW, Archivist, LogPen, WitnessPen
from attackcorpus import good
from attacks_on_countersignatures import ANN, document
from attacks_on_keys import NEW, rotate, sign_with
from attacks_on_redactions import remove, renew
from attacks_on_tokens import add_stamped
from preserve.adapters.folder import DiskFolder
from preserve.flows.custody import check_events
from preserve.flows.verify import verify
from preserve.model.finding import Report, Result
from speaking import unsaid
from sshpens import enter


@functools.cache
def _eventful() -> Archivist:
    archivist = good()
    archivist.witnesses = (WitnessPen("A witness"),)
    add_stamped(archivist)
    enter(archivist, ANN, ANN.signature(document(archivist)))
    renew(archivist)
    remove(archivist, 1)
    rotate(archivist)
    sign_with(archivist, NEW)
    archivist.add_run()
    archivist.rotate_log(LogPen("The log's next key", archivist.origin))
    archivist.add_run()
    archivist.add_event()
    return archivist


def _verify(root: Path) -> Report:
    with DiskFolder(root) as folder:
        report = verify(folder, _eventful().trusted, [], NOW)
    assert not unsaid(report)
    return report


def _byte(data: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(data))
    return data[:at] + bytes([data[at] ^ chance.randrange(1, 256)]) + data[at + 1 :]


def _stretch(data: bytes, chance: random.Random) -> tuple[int, int]:
    at = chance.randrange(len(data))
    return at, min(len(data), at + chance.randrange(1, 200))


def _cut_out(data: bytes, chance: random.Random) -> bytes:
    at, to = _stretch(data, chance)
    return data[:at] + data[to:]


def _repeated(data: bytes, chance: random.Random) -> bytes:
    at, to = _stretch(data, chance)
    return data[:to] + data[at:]


def _without_a_line(data: bytes, chance: random.Random) -> bytes:
    rows = data.split(b"\n")
    rows.pop(chance.randrange(len(rows)))
    return b"\n".join(rows)


DAMAGE: dict[str, Callable[[bytes, random.Random], bytes | None]] = {
    "a byte": _byte,
    "cut short": lambda data, chance: data[: chance.randrange(len(data))],
    "a piece cut out": _cut_out,
    "a piece twice": _repeated,
    "twice": lambda data, _: data * 2,
    "a line gone": _without_a_line,
    "emptied": lambda _data, _: b"",
    "gone": lambda _data, _: None,
    "another file's": lambda _data, chance: chance.choice(sorted(_eventful().files().values())),
}


def _same_but_for_its_witness(before: bytes, after: bytes | None) -> bool:
    """Whether all that the log itself signed is as it was: a witness's line may be left out, repeated, or made one of nobody known."""
    text, mark, _ = before.partition(f"\N{EM DASH} {_eventful().witnesses[0].key.name} ".encode())
    return bool(mark) and after is not None and after.startswith(text)


def _damage(root: Path, deeds: int, seed: str) -> None:
    chance, files = random.Random(seed), _eventful().files()
    names = sorted(name for name in files if files[name])
    for _ in range(deeds):
        name, deed = chance.choice(names), chance.choice(sorted(DAMAGE))
        changed = DAMAGE[deed](files[name], chance)
        if changed == files[name]:
            continue
        path = root / name
        if changed is None:
            path.unlink()
        else:
            path.write_bytes(changed)
        report = _verify(root)
        # A token that is missing, or a witness, is not established; what else is gone or other is found.
        bearable = (deed == "gone" and name.endswith(".tsr")) or _same_but_for_its_witness(files[name], changed)
        assert report.exit_code == 40 or (report.exit_code == 41 and bearable), f"{deed}: {name}"
        path.write_bytes(files[name])


def test_the_archive_without_damage(tmp_path: Path) -> None:
    report = _verify(_eventful().write(tmp_path / "archive"))
    assert report.exit_code == 41, "records were removed from it, and the authorities are not known"


def test_damage(tmp_path: Path) -> None:
    _damage(_eventful().write(tmp_path / "archive"), 60, "damage")


@pytest.mark.long
def test_files_longer_than_any_can_be(tmp_path: Path) -> None:
    root, files = tmp_path / "archive", _eventful().files()
    _eventful().write(root)
    for name, data in files.items():
        os.truncate(root / name, (1 << 24) + (1 << 20))
        report = _verify(root)
        assert report.exit_code == 40, name
        assert any(finding.subject.startswith(name) for finding in report.findings if finding.result is Result.FAIL), name
        with DiskFolder(root) as folder:
            _, listed = check_events(folder, _eventful().trusted, [], NOW)
        assert listed.exit_code == 40 or not (name.startswith(("log/", "events/")) or name.endswith("SEAL")), name
        (root / name).write_bytes(data)


@pytest.mark.long
def test_much_damage(tmp_path: Path) -> None:
    _damage(_eventful().write(tmp_path / "archive"), 1500, "much damage")
