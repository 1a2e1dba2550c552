"""`preserve custody`, `--custody` and `trust accept-rollback`, as a person meets them."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from running import Finished, Run, run_preserve
from sites import AnyHostSite
from viewing import Viewing

URL = "http://one.example/ferry"


@pytest.fixture
def capture(preserve: Run, site: AnyHostSite) -> Callable[..., Finished]:
    def does(url: str = URL) -> Finished:
        return preserve(
            *("capture", "--url", url, "--connect-to", site.connect_to, "--delay", "0", "--robots", "ignore"),
            *("--no-timestamp", "--no-probe", "--operator", "A. Archivist"),
        )

    return does


@pytest.fixture
def archive(capture: Callable[..., Finished], tmp_path: Path) -> Path:
    done = capture()
    assert done.code in {0, 10}, done.stderr
    return tmp_path / "archive"


def _files(archive: Path) -> dict[str, bytes]:
    return {str(path.relative_to(archive)): path.read_bytes() for path in sorted(archive.rglob("*")) if path.is_file()}


def _add(preserve: Run, *more: str) -> Finished:
    return preserve("custody", "add", "archive", "--action", "transfer", "--reason", "on loan", *more)


def test_what_is_added_is_shown(preserve: Run, archive: Path) -> None:
    done = _add(preserve, "--to", "Registry B", "--run", "0", "--operator", "B. Archivist")
    assert done.code == 0, done.stderr
    assert "Recorded  events/000001-custody   Log  entry 1" in done.stderr
    listed = preserve("custody", "list", "archive")
    assert (listed.code, listed.stderr) == (0, "")
    first, second = listed.stdout.splitlines()
    assert first.startswith("     1  custody: run 0 transferred to Registry B, because: on loan; by B. Archivist on 20")
    assert second.startswith("        signed by A. Archivist, key ")
    (line,) = preserve("custody", "list", "archive", "--json").lines
    assert (line["entry"], line["kind"], line["action"], line["reason"], line["to"]) == (
        *(1, "custody", "transfer", "on loan", "Registry B"),
    )
    assert [run["sequence"] for run in line["runs"]] == [0]
    assert (line["altered"], line["known"], line["problems"]) == (False, True, [])
    verified = preserve("verify", "archive", "--require", "events")
    assert verified.code == 0, verified.stdout
    assert "run 0 transferred to Registry B" in verified.stdout


@pytest.mark.long
def test_a_report_and_a_view_leave_an_event_when_told_why(preserve: Run, archive: Path, tmp_path: Path) -> None:
    before = _files(archive)
    done = preserve("report", "archive", "-o", "report")
    assert (done.code, _files(archive)) == (0, before), "nothing is written unasked"
    for command in (("report", "archive", "-o", "report"), ("view", "archive")):
        done = preserve(*command, "--custody", " ")
        assert (done.code, _files(archive)) == (2, before)
    done = preserve("report", "archive", "-o", "report", "--run", "0", "--custody", "for the editors")
    assert done.code == 0, done.stderr
    assert "Recorded  events/000001-custody   Log  entry 1" in done.stderr
    with Viewing(tmp_path, {}, "archive", "--custody", "shown to counsel") as viewing:
        assert "Unaltered, complete" in viewing.page()[2], "the event is a part of what is looked at"
    assert viewing.code == 0
    assert "Recorded  events/000002-custody   Log  entry 2" in viewing.stderr
    first, second = preserve("custody", "list", "archive", "--json").lines
    assert (first["action"], first["reason"]) == ("report", "for the editors")
    assert first["result"].startswith("report; nothing altered")
    assert [run["sequence"] for run in first["runs"]] == [0]
    assert (second["action"], second["reason"], second["runs"]) == ("view", "shown to counsel", [])
    assert preserve("verify", "archive").code == 0


@pytest.mark.long
def test_captures_go_on_after_events(preserve: Run, archive: Path, capture: Callable[..., Finished]) -> None:
    _add(preserve)
    done = capture("http://two.example/winch")
    assert "Log  entry 2" in done.stderr
    _add(preserve)
    assert capture().code in {0, 10}
    assert preserve("verify", "archive").code == 0
    assert preserve("status", "archive").code == 0
    assert preserve("timestamp", "archive").code == 0
    assert preserve("prove", "archive", URL, "-o", "packet.zip").code == 0
    assert preserve("verify", "packet.zip").code == 0
    assert preserve("bundle", "archive", "-o", "all.wacz").code == 0
    assert preserve("verify", "all.wacz").code == 0


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--action", "Hand over", "--reason", "x"), "not one plain word"),
        (("--action", "copy", "--reason", " "), "the reason is empty"),
        (("--action", "copy", "--reason", "x", "--run", "7"), "there is no run 7"),
        (("--action", "copy"), "--reason"),
    ],
)
def test_what_cannot_be_recorded(preserve: Run, archive: Path, arguments: tuple[str, ...], says: str) -> None:
    before = _files(archive)
    done = preserve("custody", "add", "archive", *arguments)
    assert done.code == 2
    assert says in done.stderr
    assert _files(archive) == before


def test_not_an_archive(preserve: Run, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert preserve("custody", "add", "empty", "--action", "copy", "--reason", "x").code == 20
    assert preserve("custody", "list", "empty").code == 20
    assert list((tmp_path / "empty").iterdir()) == []


@pytest.mark.long
def test_no_command_that_reads_writes_unless_told_why(preserve: Run, archive: Path) -> None:
    def work(*more: str) -> list[int]:
        return [
            preserve("verify", "archive", *more).code,
            preserve("prove", "archive", URL, "-o", f"packet{len(more)}.zip", *more).code,
            preserve("bundle", "archive", "-o", f"all{len(more)}.wacz", *more).code,
            preserve("bundle", "archive", "-o", f"some{len(more)}.wacz", "--url", URL, *more).code,
        ]

    before = _files(archive)
    assert work() == [0, 0, 0, 0]
    assert _files(archive) == before
    assert work("--custody", "asked for") == [0, 0, 0, 0]
    events = preserve("custody", "list", "archive", "--json").lines
    assert [event["action"] for event in events] == ["verify", "export", "export", "export"]
    assert events[0]["result"] == "nothing altered, missing or forged; every needed claim established"
    assert [event["result"].partition(",")[0] for event in events[1:]] == ["packet2.zip", "all2.wacz", "some2.wacz"]
    assert [[run["sequence"] for run in event["runs"]] for event in events] == [[], [0], [], [0]]
    assert all(URL not in json.dumps(event) for event in events)
    assert preserve("verify", "archive").code == 0


def test_custody_is_for_archives(preserve: Run, archive: Path) -> None:
    (run,) = (archive / "runs").iterdir()
    done = preserve("verify", run, "--custody", "x")
    assert (done.code, done.stdout) == (2, "")
    assert "--custody is for archives" in done.stderr


READERS = {
    "verify": ("verify", "archive"),
    "prove": ("prove", "archive", URL, "-o", "packet.zip"),
    "bundle": ("bundle", "archive", "-o", "all.wacz"),
    "warcs": ("bundle", "archive", "-o", "all", "--warc"),
    "report": ("report", "archive", "-o", "report"),
    "view": ("view", "archive"),
}


@pytest.mark.parametrize("command", READERS)
def test_no_key_is_made_by_the_side_of_a_check(preserve: Run, archive: Path, tmp_path: Path, command: str) -> None:
    """Told at once, before anything is read: an event needs a key that was there, and there is none in this home."""
    before, here = _files(archive), {path.name for path in tmp_path.iterdir()}
    done = _elsewhere(tmp_path)(*READERS[command], "--custody", "the yearly check")
    assert (done.code, done.stdout) == (3, ""), done.stderr
    assert "--custody: there is no signing key here to record it with" in done.stderr
    assert "preserve key import" in done.stderr
    assert "Made your signing key" not in done.stderr
    assert not list((tmp_path / "elsewhere").rglob("*.pem"))
    assert {path.name for path in tmp_path.iterdir()} == here | {"elsewhere"}
    assert _files(archive) == before


def test_no_key_is_made_for_an_event_that_cannot_be_entered(preserve: Run, archive: Path, tmp_path: Path) -> None:
    """Neither by a stranger, nor by somebody who has the key of the log alone."""
    before, other = _files(archive), _elsewhere(tmp_path)
    add = ("custody", "add", "archive", "--action", "copy", "--reason", "x")
    done = other(*add)
    assert done.code == 3
    assert "the key of this archive's log" in done.stderr
    keys, theirs = (tmp_path / home / "preserve" / "keys" for home in ("home/.config", "elsewhere/config"))
    theirs.mkdir(parents=True, mode=0o700, exist_ok=True)
    for path in keys.iterdir():
        if json.loads(path.with_suffix(".json").read_bytes())["use"] == "log":
            shutil.copy(path, theirs)
    done = other(*add)
    assert done.code == 3
    assert "there is no signing key here" in done.stderr
    assert len(list(theirs.glob("*.pem"))) == 1
    assert "Made your signing key" not in done.stderr
    assert _files(archive) == before


def test_no_key_is_pinned_for_an_event_that_cannot_be_entered(preserve: Run, archive: Path, tmp_path: Path) -> None:
    """Who signs by a command has a key; without the log's it signs nothing here, and is not taken for the user's own."""
    before = _files(archive)
    for command in ("genpkey -algorithm ED25519 -out card.key", "pkey -in card.key -pubout -out card.pem"):
        subprocess.run(("openssl", *command.split()), cwd=tmp_path, check=True, capture_output=True)
    add = ("custody", "add", "archive", "--action", "copy", "--reason", "x", "--key", "card.pem", "--signer", "false")
    done = _elsewhere(tmp_path)(*add)
    assert done.code == 3, done.stderr
    assert "the key of this archive's log" in done.stderr
    assert "pinned" not in done.stderr
    assert not list((tmp_path / "elsewhere").rglob("trust.toml"))
    assert _files(archive) == before


def test_a_stranger_learns_what_was_checked_all_the_same(preserve: Run, archive: Path, tmp_path: Path) -> None:
    """With a key of their own, but not that of the log: what the archive says of its log is not to stop the check."""
    other = _elsewhere(tmp_path)
    assert other("key", "generate", "--name", "C. Archivist", "--no-passphrase").code == 0
    keys = sorted((tmp_path / "elsewhere").rglob("*.pem"))
    done = other("verify", "archive", "--custody", "the yearly check")
    assert done.code == 41
    assert "NOT ESTABLISHED" in done.stdout
    assert "The custody event could not be recorded: the key of this archive's log" in done.stderr
    assert sorted((tmp_path / "elsewhere").rglob("*.pem")) == keys


def test_a_check_that_finds_damage_can_be_recorded(preserve: Run, archive: Path) -> None:
    warc = next(archive.glob("runs/*/data/*.warc.gz"))
    data = bytearray(warc.read_bytes())
    data[-20] ^= 1
    warc.write_bytes(data)
    assert preserve("verify", "archive", "--custody", "smoke in the room").code == 40
    (event,) = preserve("custody", "list", "archive", "--json").lines
    assert event["result"] == "something altered, missing or forged"


def test_an_altered_event_is_shown_as_such(preserve: Run, archive: Path) -> None:
    _add(preserve, "--to", "Registry B")
    _add(preserve)
    stated = archive / "events" / "000001-custody" / "statement.json"
    stated.write_bytes(stated.read_bytes().replace(b"Registry B", b"Registry C"))
    done = preserve("custody", "list", "archive")
    assert done.code == 40
    assert "Registry C" not in done.stdout
    assert "cannot be read as what was signed" in done.stdout
    assert "FAILS: events/000001-custody" in done.stderr
    assert [line["altered"] for line in preserve("custody", "list", "archive", "--json").lines] == [True, False]


def test_an_event_that_is_gone_is_missed(preserve: Run, archive: Path) -> None:
    _add(preserve)
    _add(preserve)
    shutil.rmtree(archive / "events" / "000001-custody")
    done = preserve("custody", "list", "archive")
    assert done.code == 40
    assert "log entry 1: missing" in done.stderr


def test_a_signer_whom_the_reader_does_not_know(preserve: Run, archive: Path, tmp_path: Path) -> None:
    _add(preserve)
    done = _elsewhere(tmp_path)("custody", "list", "archive")
    assert done.code == 41
    assert "NOT ESTABLISHED: signed by a key you do not know, of A. Archivist" in done.stdout
    assert "UNKNOWN KEY" in done.stderr


def test_nothing_is_obeyed_that_stands_in_an_event(preserve: Run, archive: Path) -> None:
    assert _add(preserve, "--to", "\x1b[2J\u202eevil").code == 0
    for command in (("custody", "list", "archive"), ("verify", "archive")):
        printed = preserve(*command).stdout
        assert "\x1b" not in printed
        assert "\u202e" not in printed
        assert "evil" in printed


# ----------------------------------------------------------------------------------------------------------------- rollbacks


def _elsewhere(tmp_path: Path) -> Run:
    """Somebody else's machine, which looks at the same folder."""
    home = tmp_path / "elsewhere"
    home.mkdir(exist_ok=True)
    folders = {"HOME": str(home), "XDG_CONFIG_HOME": str(home / "config"), "XDG_STATE_HOME": str(home / "state")}
    return partial(run_preserve, tmp_path, env=folders)


def _trusting(preserve: Run, other: Run, tmp_path: Path) -> None:
    for number, key in enumerate(preserve("trust", "list", "--json").lines):
        given = key["vkey"]
        if given is None:
            given = f"key-{number}.pem"
            (tmp_path / given).write_text(preserve("key", "export", key["keyid"]).stdout)
        added = other("trust", "add", given, "--name", key["name"], "--fingerprint", key["keyid"])
        assert added.code == 0, added.stderr


@pytest.mark.long
def test_a_restore_from_an_older_backup(preserve: Run, archive: Path, capture: Callable[..., Finished], tmp_path: Path) -> None:
    backup, newer = tmp_path / "backup", tmp_path / "newer"
    shutil.copytree(archive, backup)
    assert capture("http://two.example/winch").code in {0, 10}
    colleague = _elsewhere(tmp_path)
    _trusting(preserve, colleague, tmp_path)
    assert preserve("verify", "archive").code == 0
    assert colleague("verify", "archive").code == 0
    archive.rename(newer)
    shutil.copytree(backup, archive)
    origin = next(
        line.split('"')[1] for line in (archive / "archive.toml").read_text().splitlines() if line.startswith("origin")
    )
    accept = ("trust", "accept-rollback", origin, "--reason", "the disk broke")

    told = preserve("verify", "archive")
    assert told.code == 40
    assert "rolled back: it has 1 entry, 2 were seen here before" in told.stdout
    refused = capture("http://three.example/")
    assert refused.code == 40
    assert f"preserve trust accept-rollback {origin}" in refused.stderr
    assert preserve("custody", "list", "archive").code == 40
    alone = colleague(*accept)
    assert alone.code == 40
    assert "nobody whom you trust says in this log that it was rolled back" in alone.stderr
    assert _files(archive) == _files(backup)
    wrong = preserve("trust", "accept-rollback", "another/log", "--reason", "x")
    assert wrong.code == 2

    done = preserve(*accept)
    assert done.code == 0, done.stderr
    assert "Recorded  events/000001-rollback   Log  entry 1" in done.stderr
    assert preserve(*accept).stderr.startswith("Nothing was rolled back")
    shown = preserve("verify", "archive")
    assert shown.code == 0, shown.stdout
    assert "rolled back once, from 2 entries to 1; accepted at entry 1, signed by A. Archivist" in shown.stdout
    assert preserve("verify", "archive", "--require", "log-consistency").code == 41
    assert capture("http://three.example/").code in {0, 10}
    assert "rolled back once" in preserve("verify", "archive").stdout
    assert preserve("verify", "archive").code == 0
    assert preserve("verify", "newer").code == 40, "what was given up is another history now"

    for _ in range(2):  # it does not wear off
        seen = colleague("verify", "archive")
        assert seen.code == 41
        assert "rewritten: its first 2 entries are not those seen here before; entry 1 says who accepted that" in seen.stdout
    before = _files(archive)
    along = colleague(*accept)
    assert along.code == 0, along.stderr
    assert "had 2 entries when it was last seen here" in along.stderr
    assert _files(archive) == before, "who does not keep the log writes nothing"
    assert colleague("verify", "archive").code == 0


def test_an_archive_that_does_not_hold_is_not_accepted(
    preserve: Run, archive: Path, capture: Callable[..., Finished], tmp_path: Path
) -> None:
    shutil.copytree(archive, tmp_path / "backup")
    assert capture("http://two.example/winch").code in {0, 10}
    shutil.rmtree(archive)
    (tmp_path / "backup").rename(archive)
    origin = next(
        line.split('"')[1] for line in (archive / "archive.toml").read_text().splitlines() if line.startswith("origin")
    )
    next(archive.glob("runs/*/data/captures.jsonl")).write_bytes(b"{}\n")
    done = preserve("trust", "accept-rollback", origin, "--reason", "x", "--archive", "archive")
    assert done.code == 40
    assert "does not verify even by itself" in done.stderr
    assert not (archive / "events").exists()
