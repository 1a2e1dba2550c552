"""`preserve schedule` as people, timers and scripts see it."""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

import pytest

from postboxes import mail_server, webhook, write_secret
from preserve.adapters.schedules import ScheduleFile
from preserve.cli import _run as command_line
from preserve.errors import ConfigError
from running import Finished, Run, run_preserve
from sites import AnyHostSite, Handler, Reply, Request, page, raw, respond, slow, text, wait_until

DOCUMENT = """\
The bridge was built twice.1 Nobody knows why.2

1 Ada Lund, "The first bridge" (2 May 2019), online: <http://one.example/bridge>.
2 Bo Lund, "The second bridge" (2020), online: <http://two.example/pier>.
"""


@pytest.fixture
def preserve(config_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The command line in this process: a schedule takes many commands, and starting each anew would take most of the time."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str | Path, stdin: str = "", cwd: Path | None = None, env: Mapping[str, str] | None = None) -> Finished:
        out, err = io.StringIO(), io.StringIO()
        with monkeypatch.context() as patched, contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            patched.setattr(sys, "argv", ["preserve", *map(str, arguments)])
            for name, value in (env or {}).items():
                patched.setenv(name, value)
            code = command_line()
        return Finished(code=int(code), stdout=out.getvalue(), stderr=err.getvalue())

    return run


@pytest.fixture
def quick(site: AnyHostSite) -> tuple[str, ...]:
    """Options that send every capture to the site on loopback, without waiting."""
    return ("--connect-to", site.connect_to, "--delay", "0", "--no-timestamp", "--no-requisites")


def listed(preserve: Run, *more: str) -> dict[str, object]:
    """The only schedule there is."""
    (line,) = preserve("schedule", "list", "--json", *more).lines
    return line


def turn_back(archive: Path, seconds: float) -> None:
    """Make all that was remembered older, as though time had gone by."""
    import sqlite3

    db = sqlite3.connect(archive / "index" / "schedules.sqlite")
    move = f"strftime('%Y-%m-%dT%H:%M:%fZ', julianday({{}}) - {seconds / 86400})"
    db.execute(f"UPDATE progress SET satisfied={move.format('satisfied')}, last={move.format('last')}")
    db.execute(f"UPDATE targets SET held={move.format('held')} WHERE held IS NOT NULL")
    db.commit()
    db.close()


# ----------------------------------------------------------------------------------------------------- add, list, remove


def test_a_schedule_comes_and_goes(preserve: Run, tmp_path: Path) -> None:
    (tmp_path / "paper.txt").write_text(DOCUMENT)
    added = preserve("schedule", "add", "--every", "1d", "paper.txt", "--url", "http://x.example/")
    assert (added.code, added.stderr) == (0, "")
    id_ = added.stdout.strip()
    line = listed(preserve)
    assert set(line) == {"id", "every", "cron", "inputs", "last", "next", "problem"}
    assert (line["id"], line["every"], line["cron"], line["last"], line["problem"]) == (id_, "1d", None, None, None)
    assert line["inputs"] == [str(tmp_path / "paper.txt"), "http://x.example/"]
    assert isinstance(line["next"], str)
    assert datetime.fromisoformat(line["next"]).timestamp() <= time.time()
    shown = preserve("schedule", "list")
    assert "every 1d" in shown.stdout
    assert preserve("schedule", "remove", id_).code == 0
    assert preserve("schedule", "list", "--json").stdout == ""
    assert preserve("schedule", "remove", id_).code == 3


def test_only_the_options_that_were_given_are_kept(preserve: Run, tmp_path: Path) -> None:
    added = preserve(
        "schedule", "add", "--cron", "0 3 * * *", "--timezone", "Europe/Berlin", "--url", "http://x.example/", "--concurrency", "4",
        "--max-size", "500M", "--no-requisites", "--tls", "require", "--jitter", "5m",
        env={"PRESERVE_TSA": "first=http://tsa.example/"},
    )  # fmt: skip
    assert added.code == 0, added.stderr
    kept = (tmp_path / "archive" / "schedules.toml").read_text()
    assert kept.partition("[schedule.options]\n")[2] == (
        'tls = "require"\nconcurrency = 4\nmax-size = 500000000\nno-requisites = true\ntsa = ["first=http://tsa.example/"]\n'
    )
    assert 'timezone = "Europe/Berlin"' in kept
    assert listed(preserve)["cron"] == "0 3 * * *"


@pytest.mark.parametrize(
    ("arguments", "code", "why"),
    [
        (("--url", "http://x.example/"), 2, "either --every or --cron"),
        (("--every", "1d", "--cron", "0 3 * * *", "--url", "http://x.example/"), 2, "either --every or --cron"),
        (("--every", "1d"), 2, "nothing to capture"),
        (("--every", "soon", "--url", "http://x.example/"), 2, "--every soon"),
        (("--cron", "61 3 * * *", "--url", "http://x.example/"), 2, "bad minute"),
        (("--cron", "0 3 31 2 *", "--url", "http://x.example/"), 2, "bad day-of-month"),
        (("--every", "1d", "missing.txt"), 20, "missing.txt: no such file"),
        (("--every", "1d", "-"), 2, "stdin is not there"),
        (("--every", "1d", "--url-list", "-"), 2, "stdin is not there"),
        (("--every", "1d", "--url", "javascript:alert(1)"), 2, "cannot be captured"),
        (("--every", "1d", "--url", "http://x.example/", "--timezone", "Mars/Olympus"), 3, "unknown time zone"),
        (("--every", "1d", "--url", "http://x.example/", "--resolve", "x"), 2, "--resolve x"),
        (("--every", "1d", "--url", "http://x.example/", "--notify", "desk"), 2, "no receiver of that name"),
    ],
)
def test_what_cannot_be_scheduled_is_refused_and_leaves_nothing(
    preserve: Run, tmp_path: Path, arguments: tuple[str, ...], code: int, why: str
) -> None:
    done = preserve("schedule", "add", *arguments)
    assert done.code == code, done.stderr
    assert why in done.stderr
    assert not (tmp_path / "archive").exists()


def test_a_mistake_in_the_file_is_told_with_its_line(preserve: Run, tmp_path: Path) -> None:
    archive = tmp_path / "archive"
    archive.mkdir()
    for wrong, line in (('cron = "0 3 * *"', 3), ('timezone = "Mars/Olympus"\nevery = "1d"', 3), ("every = soon", 3)):
        (archive / "schedules.toml").write_text(f'[[schedule]]\nid = "a"\n{wrong}\nurls = ["http://x.example/"]\n')
        for command in (("list",), ("run", "--once"), ("remove", "a")):
            done = preserve("schedule", *command)
            if command[0] == "remove":
                assert done.code == 0, done.stderr  # it can be taken out, whatever it says
                continue
            assert done.code == 3, (command, done.stderr)
            assert f"schedules.toml line {line}: " in done.stderr
            assert "until then nothing is run" in done.stderr


def receiver(config_home: Path, folder: Path) -> Path:
    """A command that keeps the digests it is given, one a line, in the file named here."""
    kept = folder / "digests"
    (config_home / "preserve").mkdir(parents=True, exist_ok=True)
    command = json.dumps(["/bin/sh", "-c", f"cat >> '{kept}'"])
    (config_home / "preserve" / "config.toml").write_text(f'[[notify]]\nname = "desk"\ncommand = {command}\n')
    return kept


def test_a_mistake_stops_its_own_schedule_and_is_told_to_people(
    preserve: Run, tmp_path: Path, config_home: Path, quick: tuple[str, ...]
) -> None:
    told = receiver(config_home, tmp_path)
    archive = tmp_path / "archive"
    good = preserve("schedule", "add", "--every", "1d", "--url", "http://good.example/", *quick).stdout.strip()
    bad = preserve("schedule", "add", "--every", "1d", "--url", "http://bad.example/", *quick).stdout.strip()
    right = (archive / "schedules.toml").read_text()
    head, _, tail = right.rpartition('every = "1d"')
    line = head.count("\n") + 1
    for wrong, why in (('every = "1 day"', "every = '1 day': write a number"), ('every = "1d', "Illegal character")):
        (archive / "schedules.toml").write_text(head + wrong + tail)
        listing = preserve("schedule", "list", "--json")
        assert listing.code == 3
        assert [row["id"] for row in listing.lines] == [good, bad]
        assert listing.lines[0]["problem"] is None
        assert str(listing.lines[1]["problem"]).startswith(f"schedules.toml line {line}: {why}")
        assert preserve("schedule", "list").stdout.endswith(f"{bad}  is not run: schedules.toml line {line}\n")
        done = preserve("schedule", "run", "--once")
        assert done.code == 3
        assert f"preserve: schedules.toml line {line}: {why}" in done.stderr
        assert "the other schedules are run as always" in done.stderr
    assert len(_runs(tmp_path)) == 1
    status = preserve("status")
    assert f"Schedule {bad} needs a look, and is not run: schedules.toml line {line}: Illegal character" in status.stderr
    assert f"Schedule {good}" not in status.stderr
    assert preserve("schedule", "add", "--every", "1d", "--url", "http://third.example/", *quick).code == 0
    (archive / "schedules.toml").write_text(right)
    assert preserve("schedule", "run", "--once").code == 0
    assert len(_runs(tmp_path)) == 2
    digests = [json.loads(row) for row in told.read_text().splitlines()]
    events = [[(event["kind"], event["schedule"], event["attention"]) for event in digest["events"]] for digest in digests]
    assert events == [[("problem", bad, True)], [("problem", bad, True)], [("solved", bad, False)]]
    assert [digest["needs_a_person"] for digest in digests] == [True, True, False]


def test_a_file_that_cannot_be_read_at_all_is_told_to_people(
    preserve: Run, tmp_path: Path, config_home: Path, quick: tuple[str, ...]
) -> None:
    told = receiver(config_home, tmp_path)
    preserve("schedule", "add", "--every", "1d", "--url", "http://good.example/", *quick)
    assert preserve("schedule", "run", "--once").code == 0
    file = tmp_path / "archive" / "schedules.toml"
    right = file.read_text()
    file.write_text(right + "x = '\n[[schedule]]\nid = " + "'" * 3 + "\n")
    line = file.read_text().count("\n") - 2
    for _ in range(2):
        done = preserve("schedule", "run", "--once")
        assert done.code == 3
        assert f"schedules.toml line {line}: " in done.stderr
        assert "until then nothing is run" in done.stderr
    assert preserve("schedule", "list").stdout == f"an entry without a name  is not run: schedules.toml line {line}\n"
    assert f"The list of schedules needs a look, and is not run: schedules.toml line {line}: " in preserve("status").stderr
    assert preserve("schedule", "add", "--every", "1d", "--url", "http://x.example/", *quick).code == 3
    for wrong, said in (
        (f"x = 1\n{right}", "needs a look, and is not run: schedules.toml line 1: unknown: 'x'"),
        (
            f"{right}id = 'y'\n[[schedul]]\nid = 'z'\n",
            "An entry without a name needs a look, and is not run: schedules.toml line ",
        ),
    ):
        file.write_text(wrong)
        assert said in preserve("status").stderr
    file.write_text(right)
    assert preserve("schedule", "run", "--once").code == 0
    assert len(_runs(tmp_path)) == 1, "the schedule's memory was kept"
    digests = [json.loads(row) for row in told.read_text().splitlines()]
    assert [[event["kind"] for event in digest["events"]] for digest in digests] == [["problem"], ["solved"]]
    assert digests[0]["events"][0]["subject"] == "schedules.toml"


def test_an_entry_that_is_taken_out_while_others_run_is_not_run(
    preserve: Run, tmp_path: Path, site: AnyHostSite, quick: tuple[str, ...]
) -> None:
    first = preserve("schedule", "add", "--every", "1d", "--url", "http://first.example/", *quick).stdout.strip()
    last = preserve("schedule", "add", "--every", "1d", "--url", "http://last.example/", *quick).stdout.strip()

    def take_out(request: Request) -> Reply:
        with contextlib.suppress(ConfigError):
            ScheduleFile(tmp_path / "archive").remove(last)
        return page(request)

    site.route("/", take_out)
    assert preserve("schedule", "run", "--once").code == 0
    assert [row["id"] for row in preserve("schedule", "list", "--json").lines] == [first]
    assert len(_runs(tmp_path)) == 1
    assert {served.host for served in site.served} == {"first.example"}


def test_an_address_that_cannot_be_captured_is_told_with_its_line(preserve: Run, tmp_path: Path) -> None:
    (tmp_path / "archive").mkdir()
    for url in ("http://a b/", "javascript:alert(1)", "http://x.example:0x/"):
        entry = f'# mine\n[[schedule]]\nid = "a"\nevery = "1d"\nurls = ["http://x.example/", "{url}"]\n'
        (tmp_path / "archive" / "schedules.toml").write_text(entry)
        done = preserve("schedule", "run", "--once")
        assert done.code == 3, done.stderr
        assert f"schedules.toml line 5: {url!r} cannot be captured: " in done.stderr
    assert not (tmp_path / "archive" / "runs").exists()


def test_the_daemon_may_be_told_to_be_punctual(preserve: Run, tmp_path: Path) -> None:
    assert preserve("schedule", "add", "--every", "1d", "--jitter", "0", "--url", "http://x.example/").code == 0
    assert 'jitter = "0"\n' in (tmp_path / "archive" / "schedules.toml").read_text()
    assert preserve("schedule", "list").code == 0
    done = preserve("schedule", "add", "--every", "99999w", "--url", "http://x.example/")
    assert (done.code, "longer than a hundred years" in done.stderr) == (2, True)


def test_an_unknown_option_in_the_file_is_told(preserve: Run, tmp_path: Path) -> None:
    archive = tmp_path / "archive"
    archive.mkdir()
    entry = '[[schedule]]\nid = "a"\nevery = "1d"\nurls = ["http://x.example/"]\n[schedule.options]\n'
    for wrong, why in (
        ("dely = 1", "schedules.toml, the entry at line 1: no option for a schedule: 'dely'"),
        ('signer = "/bin/sh"', "no option for a schedule: 'signer'"),
        ("concurrency = 5000", "concurrency"),
        ("tls = true", "takes a value"),
    ):
        (archive / "schedules.toml").write_text(f"{entry}{wrong}\n")
        (archive / "index" / "schedules.sqlite").unlink(missing_ok=True)
        done = preserve("schedule", "run", "--once")
        assert done.code == 3, done.stderr
        assert why in done.stderr
        assert why in str(listed(preserve)["problem"])


# ------------------------------------------------------------------------------------------------------------------- run


def test_what_is_due_is_captured_sealed_and_due_again_later(
    preserve: Run, tmp_path: Path, site: AnyHostSite, quick: tuple[str, ...]
) -> None:
    (tmp_path / "paper.txt").write_text(DOCUMENT)
    preserve("schedule", "add", "--every", "1d", "paper.txt", *quick)
    first = preserve("schedule", "run", "--once")
    assert first.code == 0, first.stderr
    assert "Sealed" in first.stderr
    again = preserve("schedule", "run", "--once")
    assert (again.code, again.stdout, again.stderr) == (0, "", "")
    line = listed(preserve)
    assert datetime.fromisoformat(str(line["next"])).timestamp() > time.time() + 86000
    assert line["last"] is not None
    assert len(list((tmp_path / "archive" / "runs").iterdir())) == 1
    verified = preserve("verify", tmp_path / "archive")
    assert verified.code == 0, verified.stdout

    turn_back(tmp_path / "archive", 40 * 86400)  # the machine was off for forty days
    assert preserve("schedule", "run", "--once").code == 0
    assert preserve("schedule", "run", "--once").code == 0
    assert len(list((tmp_path / "archive" / "runs").iterdir())) == 2
    status = preserve("status", tmp_path / "archive", "--json")
    assert {row["next"] for row in status.lines} == {listed(preserve)["next"]}
    assert "1 schedule: last " in status.stderr


def test_the_exit_code_is_captures_own(preserve: Run, site: AnyHostSite, quick: tuple[str, ...]) -> None:
    site.route("/gone", text("no", status="404 Not Found"))
    site.route("/dead", raw())
    preserve("schedule", "add", "--every", "1d", "--url", "http://x.example/gone", *quick)
    assert preserve("schedule", "run", "--once").code == 10
    preserve("schedule", "add", "--every", "1d", "--url", "http://x.example/dead", *quick)
    assert preserve("schedule", "run", "--once").code == 11


def test_a_captured_404_is_captured_as_planned_and_a_failing_target_is_left_alone(
    preserve: Run, tmp_path: Path, site: AnyHostSite, quick: tuple[str, ...]
) -> None:
    site.route("/pier", raw())
    site.route("/bridge", text("no", status="404 Not Found"))
    (tmp_path / "paper.txt").write_text(DOCUMENT)
    preserve("schedule", "add", "--every", "1d", "paper.txt", *quick)
    asked = []
    for _ in range(4):
        before = len(site.served)
        assert preserve("schedule", "run", "--once").code == 10
        asked.append({served.target for served in site.served[before:]} - {"/robots.txt"})
        turn_back(tmp_path / "archive", 86400)
    assert asked == [{"/bridge", "/pier"}, {"/bridge", "/pier"}, {"/bridge"}, {"/bridge", "/pier"}]
    assert listed(preserve)["problem"] == "no answer from http://two.example/pier"
    rows = {row["note"]: row for row in preserve("status", tmp_path / "archive", "--json").lines}
    assert (rows["1"]["verdict"], rows["2"]["outcome"]) == ("gone", "failed")
    assert datetime.fromisoformat(rows["2"]["next"]) > datetime.fromisoformat(rows["1"]["next"])
    third = sorted((tmp_path / "archive" / "runs").iterdir())[2]
    (said,) = [row for row in map(json.loads, (third / "data/citations.jsonl").read_text().splitlines()) if row["note"] == "2"]
    assert "failed 2 times in a row, left alone until" in said["not_captured"]
    assert preserve("verify", tmp_path / "archive").code == 0


def test_a_document_that_changes_is_read_again(
    preserve: Run, tmp_path: Path, site: AnyHostSite, quick: tuple[str, ...]
) -> None:
    paper = tmp_path / "paper.txt"
    paper.write_text(DOCUMENT)
    preserve("schedule", "add", "--every", "1d", "paper.txt", *quick)
    preserve("schedule", "run", "--once")
    paper.write_text(DOCUMENT + '3 Cy Lund, "A third bridge" (2021), online: <http://three.example/ford>.\n')
    turn_back(tmp_path / "archive", 86400)
    assert preserve("schedule", "run", "--once").code == 0
    assert "/ford" in {served.target for served in site.served}
    notes = [row["note"] for row in preserve("status", tmp_path / "archive", "--json").lines if row["outcome"] == "captured"]
    assert notes == ["1", "2", "3"]


def test_a_document_that_disappeared_is_captured_from_its_copy_and_told(
    preserve: Run, tmp_path: Path, site: AnyHostSite, quick: tuple[str, ...]
) -> None:
    paper = tmp_path / "paper.txt"
    paper.write_text(DOCUMENT)
    preserve("schedule", "add", "--every", "1d", "paper.txt", *quick)
    preserve("schedule", "run", "--once")
    paper.unlink()
    assert "no such file" in str(listed(preserve)["problem"])
    turn_back(tmp_path / "archive", 86400)
    done = preserve("schedule", "run", "--once")
    assert done.code == 10, done.stderr
    assert len([served for served in site.served if served.target == "/pier"]) == 2
    assert "what it cited is captured from the copy in the archive" in str(listed(preserve)["problem"])
    assert preserve("verify", tmp_path / "archive").code == 0
    assert "needs a look" in preserve("status", tmp_path / "archive").stderr

    paper.write_text(DOCUMENT)
    turn_back(tmp_path / "archive", 86400)
    assert preserve("schedule", "run", "--once").code == 0
    assert listed(preserve)["problem"] is None


def test_a_document_that_was_never_read_leaves_nothing_to_capture(
    preserve: Run, tmp_path: Path, quick: tuple[str, ...]
) -> None:
    (tmp_path / "paper.txt").write_text(DOCUMENT)
    preserve("schedule", "add", "--every", "1d", "paper.txt", *quick)
    (tmp_path / "paper.txt").unlink()
    done = preserve("schedule", "run", "--once")
    assert done.code == 20, done.stderr
    assert preserve("schedule", "run", "--once").code == 0  # told, not hammered
    assert "paper.txt" in str(listed(preserve)["problem"])


def test_losing_the_memory_costs_one_capture(preserve: Run, tmp_path: Path, quick: tuple[str, ...]) -> None:
    preserve("schedule", "add", "--every", "1d", "--url", "http://x.example/", *quick)
    preserve("schedule", "run", "--once")
    (tmp_path / "archive" / "index" / "schedules.sqlite").unlink()
    for _ in range(3):
        assert preserve("schedule", "run", "--once").code == 0
    assert len(list((tmp_path / "archive" / "runs").iterdir())) == 2


def test_a_second_run_on_a_locked_archive_waits_for_nobody(
    preserve: Run, tmp_path: Path, site: AnyHostSite, quick: tuple[str, ...]
) -> None:
    site.route("/slow", slow(respond(b"here"), pause=1.5))
    preserve(
        "schedule", "add", "--every", "1d", "--url", "http://x.example/slow", "--url", "http://x.example/then", "--per-host", "1",
        *quick,
    )  # fmt: skip
    command = [sys.executable, "-m", "preserve", "schedule", "run", "--once", "-q"]
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE) as running:
        wait_until(lambda: (tmp_path / "archive" / "lock").exists() and site.connections > 0)
        second = preserve("schedule", "run", "--once")
        assert second.code == 30, second.stderr
        assert "another process" in second.stderr
        running.send_signal(signal.SIGTERM)
        assert running.wait(60) == 130
        running.communicate()
    done = preserve("schedule", "run", "--once")
    assert done.code == 0, done.stderr
    (run,) = (tmp_path / "archive" / "runs").iterdir()  # the open run was finished, not begun again
    assert json.loads((run / "manifest.json").read_text())["interrupted"] is False


@pytest.mark.long
def test_a_killed_run_is_gone_on_with(preserve: Run, tmp_path: Path, site: AnyHostSite, quick: tuple[str, ...]) -> None:
    site.route("/slow", slow(respond(b"here"), pause=1.0))
    preserve(
        "schedule",
        "add",
        "--every",
        "1d",
        "--url",
        "http://x.example/",
        "--url",
        "http://x.example/slow",
        "--per-host",
        "1",
        *quick,
    )
    with subprocess.Popen([sys.executable, "-m", "preserve", "schedule", "run", "--once", "-q"], cwd=tmp_path) as running:
        wait_until(lambda: "/" in {served.target for served in site.served}, timeout=30)
        running.kill()
    assert _runs(tmp_path) == []
    assert preserve("schedule", "run", "--once").code == 0
    assert preserve("schedule", "run", "--once").code == 0
    assert len(_runs(tmp_path)) == 1
    assert preserve("verify", tmp_path / "archive").code == 0


def test_a_manual_capture_that_holds_the_archive_is_waited_for(
    preserve: Run, tmp_path: Path, site: AnyHostSite, quick: tuple[str, ...]
) -> None:
    site.route("/slow", raw(20.0, b""))
    preserve("schedule", "add", "--every", "1d", "--url", "http://x.example/", *quick)
    command = [sys.executable, "-m", "preserve", "capture", "--url", "http://x.example/slow", *quick]
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE) as running:
        wait_until(lambda: site.connections > 0)
        assert preserve("schedule", "run", "--once").code == 30
        running.send_signal(signal.SIGKILL)
        running.communicate()
    assert preserve("schedule", "run", "--once").code == 0
    assert len(list((tmp_path / "archive" / "runs").iterdir())) == 2


# ------------------------------------------------------------------------------------------------------------ the daemon


@pytest.mark.long
def test_the_daemon_captures_as_time_goes_by_and_ends_in_good_order(
    preserve: Run, tmp_path: Path, site: AnyHostSite, quick: tuple[str, ...]
) -> None:
    preserve("schedule", "add", "--every", "1s", "--url", "http://x.example/", *quick)
    with subprocess.Popen(
        [sys.executable, "-m", "preserve", "schedule", "run"], cwd=tmp_path, stderr=subprocess.PIPE
    ) as running:
        wait_until(lambda: len(_runs(tmp_path)) >= 2, timeout=60)
        running.send_signal(signal.SIGTERM)
        assert running.wait(60) in {0, 130}
        assert running.stderr is not None
        assert b"Traceback" not in running.stderr.read()
    assert preserve("verify", tmp_path / "archive").code == 0


def test_the_daemon_reads_the_file_again_and_survives_a_mistake_in_it(
    preserve: Run, tmp_path: Path, quick: tuple[str, ...]
) -> None:
    archive = tmp_path / "archive"
    preserve("schedule", "add", "--every", "1s", "--url", "http://x.example/", *quick)
    right = (archive / "schedules.toml").read_text()
    said = tmp_path / "said"
    command = [sys.executable, "-m", "preserve", "schedule", "run", "-q"]
    with said.open("wb") as errors, subprocess.Popen(command, cwd=tmp_path, stderr=errors) as running:
        wait_until(lambda: len(_runs(tmp_path)) >= 1, timeout=60)
        edited = archive / "index" / "edited"
        edited.write_text(right.replace('"1s"', '"often"'))
        edited.rename(archive / "schedules.toml")
        wait_until(lambda: "schedules.toml line 5: every = 'often'" in said.read_text(), timeout=60)
        assert running.poll() is None
        running.send_signal(signal.SIGINT)
        assert running.wait(60) == 0
    assert "Traceback" not in said.read_text()


@pytest.mark.long
def test_the_daemon_goes_on_with_the_others_and_takes_up_what_was_corrected(
    preserve: Run, tmp_path: Path, site: AnyHostSite, quick: tuple[str, ...]
) -> None:
    archive = tmp_path / "archive"
    preserve("schedule", "add", "--every", "1s", "--jitter", "0", "--url", "http://good.example/", *quick)
    preserve("schedule", "add", "--every", "1s", "--jitter", "0", "--url", "http://bad.example/", *quick)
    right = (archive / "schedules.toml").read_text()
    wrong = "\ufeff" + right.replace("http://bad.example/", "http://bad .example/").replace("\n", "\r\n")
    (archive / "schedules.toml").write_text(wrong, newline="")

    def asked(host: str) -> int:
        return sum(served.host == host for served in site.served)

    said = tmp_path / "said"
    command = [sys.executable, "-m", "preserve", "schedule", "run", "-q"]
    with said.open("wb") as errors, subprocess.Popen(command, cwd=tmp_path, stderr=errors) as running:
        wait_until(lambda: asked("good.example") >= 4, timeout=60)
        assert asked("bad.example") == 0
        assert said.read_text().count("cannot be captured") == 1, "told once"
        edited = archive / "index" / "edited"
        edited.write_text(right)
        edited.rename(archive / "schedules.toml")
        wait_until(lambda: asked("bad.example") >= 1, timeout=60)
        running.send_signal(signal.SIGTERM)
        assert running.wait(60) in {0, 130}
    assert "Traceback" not in said.read_text()


def _runs(folder: Path) -> list[str]:
    try:
        return os.listdir(folder / "archive" / "runs")
    except FileNotFoundError:
        return []


# --------------------------------------------------------------------------------------------------------------- telling


def test_people_are_told_once_by_every_way(
    preserve: Run, tmp_path: Path, config_home: Path, site: AnyHostSite, quick: tuple[str, ...]
) -> None:
    site.route("/pier", raw())
    folder = config_home / "preserve"
    folder.mkdir(exist_ok=True)
    write_secret(folder / "hook.secret", "a secret that is long enough")
    got = tmp_path / "got.jsonl"
    with mail_server() as mail, webhook() as hook:
        (folder / "config.toml").write_text(f"""
[[notify]]
name = "desk"
command = ["{sys.executable}", "-c", "import sys; open(sys.argv[1], 'a').write(sys.stdin.read())", "{got}"]
[[notify]]
name = "hook"
webhook = "{hook.url}"
secret_file = "hook.secret"
[[notify]]
name = "mail"
smtp = "127.0.0.1:{mail.port}"
security = "none"
from = "preserve@library.example"
to = ["ada@library.example"]
""")
        (tmp_path / "paper.txt").write_text(DOCUMENT)
        preserve("schedule", "add", "--every", "1d", "paper.txt", *quick)
        assert preserve("schedule", "run", "--once").code == 10
        turn_back(tmp_path / "archive", 86400)
        assert preserve("schedule", "run", "--once").code == 10  # still dead: nobody hears it again
        site.route("/pier", text("back again"))
        turn_back(tmp_path / "archive", 4 * 86400)
        assert preserve("schedule", "run", "--once").code == 0
    digests = [json.loads(line) for line in got.read_text().splitlines()]
    assert [[(event["kind"], event["subject"]) for event in digest["events"]] for digest in digests] == [
        [("failed", "http://two.example/pier")],
        [("recovered", "http://two.example/pier")],
    ]
    assert digests[0]["events"][0]["cited_by"] == [{"document": "paper.txt", "locator": "footnote 2"}]
    assert [json.loads(post.body)["events"] for post in hook.posts] == [digest["events"] for digest in digests]
    assert len(mail.letters) == 2
    assert b"http://two.example/pier does not answer" in mail.letters[0].data


PAGE = """<!doctype html><html><head><title>The ford</title></head><body><article><h1>The ford</h1>
<p>The water is {} here, and the ford can be crossed on foot when the mill upstream is not at work, which is seldom.</p>
<p>Who comes from the north sees the old mark stones first; most of them lean.</p></article><footer>Visitors: {}</footer></body></html>"""


def test_a_counter_is_no_news_and_other_words_are(
    preserve: Run, tmp_path: Path, config_home: Path, site: AnyHostSite, quick: tuple[str, ...]
) -> None:
    got = tmp_path / "got.jsonl"
    folder = config_home / "preserve"
    folder.mkdir(exist_ok=True)
    (folder / "config.toml").write_text(
        f'[[notify]]\ncommand = ["{sys.executable}", "-c", "import sys; open(sys.argv[1], \'a\').write(sys.stdin.read())", "{got}"]\n'
    )
    preserve("schedule", "add", "--every", "1d", "--url", "http://x.example/ford", *quick)
    for depth, visitors in (("low", 1041), ("low", 1042), ("low", 1077), ("high", 1078)):
        site.route("/ford", text(PAGE.format(depth, visitors), media_type="text/html"))
        assert preserve("schedule", "run", "--once").code == 0
        assert got.exists() is (depth == "high"), got.read_text()
        turn_back(tmp_path / "archive", 86400)
    (digest,) = [json.loads(line) for line in got.read_text().splitlines()]
    (event,) = digest["events"]
    assert (event["kind"], event["attention"], digest["needs_a_person"]) == ("changed", False, False)
    assert "The water is high here" in event["after"]


@pytest.mark.parametrize("away", [raw(), text("no such page", status="404 Not Found")])
def test_a_page_that_is_back_is_held_against_the_last_that_was_there(
    preserve: Run, config_home: Path, tmp_path: Path, site: AnyHostSite, quick: tuple[str, ...], away: Handler
) -> None:
    folder = config_home / "preserve"
    folder.mkdir()
    secret = write_secret(folder / "hook.secret", "a secret of sixteen bytes")
    told: list[list[str]] = []
    with webhook() as hook:
        (folder / "config.toml").write_text(f'[[notify]]\nname = "hook"\nwebhook = "{hook.url}"\nsecret_file = "{secret}"\n')
        assert preserve("schedule", "add", "--every", "1s", "--url", "http://x.example/", *quick).code == 0
        for shows in (text("The gate is shut."), away, text("The gate is shut."), away, text("The gate is open.")):
            site.route("/", shows, host="x.example")
            if told:
                turn_back(tmp_path / "archive", 10)
            preserve("schedule", "run", "--once", "--quiet")
            told.append([event["reason"] for post in hook.posts for event in json.loads(post.body)["events"]])
            hook.posts.clear()
    assert told[0] == []
    assert told[2] == ["as it was in run 0"]
    assert told[4] == ["not as it was in run 2: the main text differs; now “The gate is open.”"]


def test_a_message_that_fails_does_not_fail_the_capture(
    preserve: Run, tmp_path: Path, config_home: Path, site: AnyHostSite, quick: tuple[str, ...]
) -> None:
    site.route("/gone", text("no", status="404 Not Found"))
    folder = config_home / "preserve"
    folder.mkdir(exist_ok=True)
    (folder / "config.toml").write_text('[[notify]]\nname = "desk"\ncommand = ["/nonexistent/program"]\n')
    preserve("schedule", "add", "--every", "1d", "--url", "http://x.example/gone", "--notify", "desk", *quick)
    done = preserve("schedule", "run", "--once")
    assert done.code == 10
    assert "desk could not be told what happened: /nonexistent/program: No such file" in done.stderr


# ------------------------------------------------------------------------------------------------------------- installing


def test_units_are_written_where_they_were_asked_for(preserve: Run, tmp_path: Path, config_home: Path) -> None:
    preserve("schedule", "add", "--every", "1d", "--url", "http://x.example/")
    printed = preserve("schedule", "install", "--output", "-")
    assert printed.code == 0, printed.stderr
    assert "[Timer]" in printed.stdout
    assert f'"{tmp_path / "archive"}"' in printed.stdout
    assert f'Environment="XDG_CONFIG_HOME={config_home}"' in printed.stdout
    written = preserve("schedule", "install", "--output", "units")
    assert [Path(line).suffix for line in written.stdout.splitlines()] == [".service", ".timer"]
    assert all((tmp_path / line).is_file() for line in written.stdout.splitlines())
    preserve("schedule", "install", "--user")
    assert len(list((config_home / "systemd" / "user").iterdir())) == 2
    cron = preserve("schedule", "install", "--cron", "--user")
    assert cron.stdout.splitlines()[1].startswith("*/5 * * * * env ")
    assert "PRESERVE_PASSPHRASE=" not in printed.stdout


def test_nothing_is_installed_for_a_folder_that_is_not_there(preserve: Run) -> None:
    assert preserve("schedule", "install", "--output", "-").code == 20


# ------------------------------------------------------------------------------------------------------------------ many


@pytest.mark.parametrize(("place", "code"), [("Europe/Berlin", 0), ("Mars/Olympus", 3)], ids=["right", "wrong"])
def test_ten_thousand_schedules(preserve: Run, tmp_path: Path, place: str, code: int) -> None:
    """Also where every one of them has a mistake."""
    (tmp_path / "archive").mkdir()
    (tmp_path / "archive" / "schedules.toml").write_text(
        "".join(
            f'[[schedule]]\nid = "s{number}"\ncron = "{number % 60} {number % 24} * * *"\ntimezone = "{place}"\n'
            f'urls = ["http://host{number}.example/"]\ncreated = 2026-01-01T00:00:00Z\n\n'
            for number in range(10_000)
        )
    )
    before = os.times().children_user
    done = run_preserve(tmp_path, "schedule", "list", "--json")
    spent = os.times().children_user - before
    assert (done.code, len(done.lines)) == (code, 10_000)
    assert spent < 2, f"{spent} s of CPU"  # half a second where nobody else is at work
