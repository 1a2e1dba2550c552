"""Every command that writes, killed before each thing that it does to the file system: the archive is never called altered for it, the
same command brings it to its end, and nothing half written stays.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from archives import Archivist
from authorities import Counter, shared, unreachable
from dying import DEAD, Mortal, mortal
from killing import Killed, Steps
from preserve.adapters.archive import Archive
from preserve.formats import description
from sites import AnyHostSite, text

URL = "http://h1.example/1"
_ONE = ("--no-timestamp", "--archive", "archive")


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """A command; what is given after a kill, by default the same, and how it may end; what `verify` may say before and after that."""

    command: tuple[str, ...]
    again: tuple[tuple[str, ...], ...] = ()
    ends: frozenset[int] = frozenset({0})
    while_open: frozenset[int] = frozenset({0})
    verified: frozenset[int] = frozenset({0})
    steps: int = 20
    """As many are there at least: fewer would mean that they are not counted."""


DEEDS = {
    "custody": Deed(command=("custody", "add", "archive", "--action", "copy", "--reason", "r", "--no-timestamp")),
    # The bytes are overwritten in place: killed in the middle of one record, that one is altered, and its removal stated, until it is finished.
    "redact": Deed(
        command=("redact", "archive", "--url", URL, "--reason", "r", "--by", "Court", "--yes", "--no-timestamp"),
        while_open=frozenset({0, 40, 41}),
        verified=frozenset({41}),
    ),
    "finish": Deed(
        command=("redact", "archive", "--url", URL, "--reason", "r", "--by", "Court", "--yes", "--no-timestamp"),
        again=(("redact", "archive", "--finish", "--yes", "--no-timestamp"),),
        while_open=frozenset({0, 40, 41}),
        verified=frozenset({0, 41}),
    ),
    "rotate": Deed(command=("key", "rotate", "--no-passphrase", *_ONE)),
    "rotate-log": Deed(command=("key", "rotate", "--log", "--no-passphrase", *_ONE)),
    "sign": Deed(command=("sign", "archive", "--ssh", "pen", "--name", "Ann", "--no-timestamp"), ends=frozenset({0, 2})),
    "import": Deed(command=("import", "archive", "theirs.warc.gz", "--no-timestamp"), ends=frozenset({10})),
    "bundle": Deed(command=("bundle", "archive", "-o", "out.wacz"), ends=frozenset({0, 2}), steps=4),
    "prove": Deed(command=("prove", "archive", URL, "-o", "out.zip"), ends=frozenset({0, 2}), steps=4),
    "schedule": Deed(command=("schedule", "add", "--archive", "archive", "--cron", "0 3 * * *", "--url", URL), steps=4),
}


@pytest.fixture(scope="module")
def mortals() -> Iterator[Mortal]:
    with mortal() as running:
        yield running


@pytest.fixture(scope="module")
def web() -> Iterator[AnyHostSite]:
    with AnyHostSite() as site:
        for number in range(3):
            page = f'<link rel="stylesheet" href="/all.css"><p>{number}</p>'
            site.route(f"/{number}", text(page, media_type="text/html"))
        site.route("/all.css", text("p { margin: 1em }\n" * 40, media_type="text/css"))
        yield site


def _capture(web: AnyHostSite, *more: str) -> tuple[str, ...]:
    urls = [part for number in range(3) for part in ("--url", f"http://h{number}.example/{number}")]
    return ("capture", "--connect-to", web.connect_to, "--delay", "0", "--workers", "1", *_ONE, *urls, *more)


def _home(folder: Path) -> Path:
    (folder / "home" / ".config").mkdir(parents=True)
    (folder / "home" / ".local" / "state").mkdir(parents=True)
    return folder


@pytest.fixture(scope="module")
def made(mortals: Mortal, web: AnyHostSite, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home and an archive of one run, somebody's SSH key, and a WARC file that another tool could have made."""
    folder = _home(tmp_path_factory.mktemp("made"))
    done = mortals.run(folder, *_capture(web))
    assert done.code == 0, done.output
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / "pen"], check=True)
    (warc,) = folder.glob("archive/runs/*/data/*.warc.gz")
    shutil.copy(warc, folder / "theirs.warc.gz")
    return folder


def _sweep(mortals: Mortal, deed: Deed, made: Path | None, place: Path) -> None:
    """Kill it before step 0, 1, 2 and so on, each time in a folder as it was before, until it comes to its end."""
    for step in range(1000):
        if made is None:
            _home(place)
        else:
            shutil.copytree(made, place, symlinks=True)
        done = mortals.run(place, *deed.command, last=step)
        if done.code != DEAD:
            assert done.code in deed.ends, done.output
            assert step >= deed.steps
            return
        _check(mortals, deed, place, f"killed before step {step}")
        shutil.rmtree(place)
    pytest.fail("it never ends")


def _check(mortals: Mortal, deed: Deed, place: Path, when: str) -> None:
    if (place / "archive" / "archive.toml").exists():
        found = mortals.run(place, "verify", "archive")
        assert found.code in deed.while_open, (when, found.output)
    for command in deed.again or (deed.command,):
        again = mortals.run(place, *command)
        assert again.code in deed.ends, (when, again.output)
    found = mortals.run(place, "verify", "archive")
    assert found.code in deed.verified, (when, found.output)
    archive = place / "archive"
    assert [path for path in archive.rglob("*") if path.name.startswith(".") or path.name.endswith(".part")] == [], when
    assert not (archive / "journal").exists(), when


def test_an_archive_that_was_hardly_begun_is_begun_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between its first byte and the rename of archive.toml there is no archive, and nothing that keeps one from being made."""
    about = description.decode(Archivist().files()["archive.toml"])
    with monkeypatch.context() as patch:
        steps = Steps(patch, None)
        Archive(tmp_path / "whole").root.mkdir()
        Archive(tmp_path / "whole").create(about)
    for last in range(1, steps.count):
        archive = Archive(tmp_path / f"killed-{last}")
        archive.root.mkdir()
        with monkeypatch.context() as patch:
            Steps(patch, last - 1)
            with pytest.raises(Killed):
                archive.create(about)
        if not archive.exists:
            archive.create(about)
        assert [path.name for path in archive.root.iterdir()] == ["archive.toml"]


@pytest.mark.long
@pytest.mark.parametrize("deed", DEEDS.values(), ids=DEEDS)
def test_an_archive_is_never_called_altered_for_a_kill(mortals: Mortal, made: Path, tmp_path: Path, deed: Deed) -> None:
    _sweep(mortals, deed, made, tmp_path / "place")


@pytest.fixture(scope="module")
def unstamped(mortals: Mortal, made: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same, with an authority's root pinned, and a document captured while nothing listened where that was asked for."""
    folder = shutil.copytree(made, tmp_path_factory.mktemp("unstamped") / "made", symlinks=True)
    authority = shared("a")
    root, fingerprint = str(authority.root_file), authority.issuer.fingerprint
    done = mortals.run(folder, "trust", "add", root, "--name", "one", "--tsa", "--fingerprint", fingerprint)
    assert done.code == 0, done.output
    return folder


@pytest.mark.long
def test_time_stamps_and_documents(
    mortals: Mortal, web: AnyHostSite, unstamped: Path, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A capture of a document that is stamped; the stamps fetched later; a renewal. What is lacking until then is 41, never 40."""
    (unstamped / "paper.md").write_text(f"Stations are counted.[^1]\n\n[^1]: The list, {URL}\n")
    lacking = frozenset({0, 41})
    common = ("capture", "paper.md", "--connect-to", web.connect_to, "--delay", "0", "--workers", "1", "--archive", "archive")
    with Counter(shared("a")) as counter:
        tsa = ("--tsa", f"one={counter.url}")
        capture = Deed(command=(*common, *tsa), again=((*common, *tsa, "--resume"),), while_open=lacking, steps=60)
        _sweep(mortals, capture, unstamped, tmp_path / "capture")
        late = shutil.copytree(unstamped, tmp_path_factory.mktemp("late") / "made", symlinks=True)
        done = mortals.run(late, *common, "--tsa", f"one={unreachable()}")
        assert done.code == 0, done.output
        stamp = ("timestamp", "archive", *tsa)
        renew = (*stamp, "--renew")
        _sweep(mortals, Deed(command=stamp, while_open=lacking, steps=10), late, tmp_path / "stamp")
        done = mortals.run(late, *stamp)
        assert done.code == 0, done.output
        # Once it is entered, what it may lack is fetched as after an authority was down.
        _sweep(mortals, Deed(command=renew, again=(renew, stamp), while_open=lacking), late, tmp_path / "renew")


@pytest.mark.long
def test_the_first_capture(mortals: Mortal, web: AnyHostSite, tmp_path: Path) -> None:
    """Before it there is nothing: no key, no archive, no log. Given again, it makes what lacks of them and goes on with the run."""
    deed = Deed(command=_capture(web), again=(_capture(web, "--resume"),), steps=100)
    _sweep(mortals, deed, None, tmp_path / "place")


@pytest.mark.long
def test_the_next_capture(mortals: Mortal, web: AnyHostSite, made: Path, tmp_path: Path) -> None:
    deed = Deed(command=_capture(web), again=(_capture(web, "--resume"),), steps=60)
    _sweep(mortals, deed, made, tmp_path / "place")
