"""What nobody means to do: odd bytes on the command line, output that goes nowhere, a second Ctrl-C, settings that make no sense."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from running import Run
from sites import AnyHostSite, respond, slow, text, wait_until


def _args(site: AnyHostSite, *more: str) -> tuple[str, ...]:
    return ("capture", "--connect-to", site.connect_to, "--delay", "0", "--robots", "ignore", *more)


def _begin(folder: Path, *arguments: str, stdout: int = subprocess.PIPE) -> subprocess.Popen[str]:
    command = [sys.executable, "-W", "error", "-m", "preserve", *arguments]
    return subprocess.Popen(command, cwd=folder, stdout=stdout, stderr=subprocess.PIPE, encoding="utf-8")


@pytest.mark.long
def test_a_second_ctrl_c_ends_at_once_and_leaves_the_run_open(
    preserve: Run, config_home: Path, tmp_path: Path, site: AnyHostSite
) -> None:
    site.route("/slow", slow(respond(b"a page"), pause=4))
    running = _begin(tmp_path, *_args(site, "--url", "http://a.example/slow", "--url", "http://b.example/"))
    wait_until(lambda: len(site.served) >= 1 and site.connections >= 2)
    running.send_signal(signal.SIGINT)
    with pytest.raises(subprocess.TimeoutExpired):
        running.wait(0.5)  # the first one lets what is under way come to its end
    running.send_signal(signal.SIGINT)
    _, said = running.communicate(timeout=10)
    assert running.returncode == 130, said
    assert "Traceback" not in said
    assert "--resume" in said
    site.route("/slow", text("a page"))
    done = preserve(*_args(site, "--json", "--resume"))
    assert (done.code, [line["url"] for line in done.lines[:-1]]) == (0, ["http://a.example/slow"])
    assert preserve("verify", "archive").code == 0


def test_output_that_cannot_be_written_is_said_in_words(
    preserve: Run, config_home: Path, tmp_path: Path, site: AnyHostSite
) -> None:
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        running = _begin(tmp_path, *_args(site, "--json", "--url", "http://a.example/"), stdout=full.fileno())
        _, said = running.communicate(timeout=20)
    assert running.returncode == 30
    assert "the output cannot be written: No space left on device" in said
    assert "Traceback" not in said
    assert preserve(*_args(site, "--resume")).code == 0


def test_a_reader_that_goes_away_is_no_failure_of_ours(config_home: Path, tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    running = _begin(tmp_path, "cite", "--help", stdout=writing)
    os.close(writing)
    _, said = running.communicate(timeout=20)
    assert (running.returncode, said) == (128 + signal.SIGPIPE, "")


@pytest.mark.long
@pytest.mark.parametrize("closing", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_standard_streams_that_are_closed_stop_nothing(
    closing: str, preserve: Run, config_home: Path, tmp_path: Path, site: AnyHostSite
) -> None:
    command = [sys.executable, "-m", "preserve", *_args(site, "--json", "--url", "http://a.example/")]
    done = subprocess.run(
        ["/bin/sh", "-c", f'exec "$@" {closing}', "sh", *command], cwd=tmp_path, capture_output=True, timeout=20, check=False
    )
    assert done.returncode == 0, done.stderr
    for line in done.stdout.splitlines():
        json.loads(line)
    assert preserve("verify", "archive").code == 0


@pytest.mark.parametrize("option", ["--delay", "--timeout", "--total-timeout"])
@pytest.mark.parametrize("value", ["nan", "inf", "-1"])
def test_a_time_that_is_no_number_of_seconds_is_refused(option: str, value: str, preserve: Run, tmp_path: Path) -> None:
    done = preserve("capture", "--url", "http://a.example/", option, value)
    assert done.code == 2
    assert not (tmp_path / "archive").exists()


@pytest.mark.long
def test_addresses_that_are_no_text_are_refused_and_leave_nothing_open(
    preserve: Run, config_home: Path, tmp_path: Path, site: AnyHostSite
) -> None:
    (tmp_path / "urls").write_bytes(b"http://a.example/\nhttp://b.example/\xff\n")
    assert preserve(*_args(site, "--url-list", "urls")).code == 20
    given = subprocess.run(
        [sys.executable, "-m", "preserve", *_args(site, "--url-list", "-")],
        input=b"http://b.example/\xff\n",
        cwd=tmp_path,
        capture_output=True,
        timeout=20,
        check=False,
    )
    assert given.returncode == 20, given.stderr
    odd = subprocess.run(
        [sys.executable, "-m", "preserve", *_args(site), "--url", b"http://b.example/\xff"],
        cwd=tmp_path,
        capture_output=True,
        timeout=20,
        check=False,
    )
    assert odd.returncode == 2, odd.stderr
    assert preserve(*_args(site, "--url", "http://a.example/")).code == 0
    assert len(list((tmp_path / "archive" / "runs").iterdir())) == 1


def test_settings_that_cannot_be_used_leave_no_run_behind(preserve: Run, tmp_path: Path, site: AnyHostSite) -> None:
    (tmp_path / "empty.pem").touch()
    assert preserve(*_args(site, "--url", "http://a.example/", "--cacert", "empty.pem")).code == 3
    assert preserve(*_args(site, "--url", "http://a.example/", "--cacert", os.devnull)).code == 2
    assert preserve(*_args(site, "--url", "http://a.example/", "--user-agent", "\u00e9")).code == 3
    assert preserve(*_args(site, "--url", "http://a.example/")).code == 0
    assert len(list((tmp_path / "archive" / "runs").iterdir())) == 1


@pytest.mark.long
@pytest.mark.parametrize(
    "name", ["x" * 251 + ".txt", b"odd\xff.txt", "..txt", "-leading.txt", "new\nline.txt", "e\x1b[31m.txt"]
)
def test_a_document_may_be_called_anything(name: str | bytes, preserve: Run, tmp_path: Path, site: AnyHostSite) -> None:
    place = tmp_path / os.fsdecode(name)
    place.write_text("A claim.[1]\n\nNotes\n[1] A title, http://a.example/\n", "utf-8")
    done = preserve(*_args(site), "--", place)
    assert done.code == 0, done.stderr
    assert "\x1b" not in done.stderr
    assert preserve("verify", "archive").code == 0
    assert preserve("status").code == 0


@pytest.mark.parametrize("page", [-1, 2**53, 2**70])
def test_a_plan_that_could_not_be_sealed_is_refused_before_anything_is_asked(
    page: int, preserve: Run, tmp_path: Path, site: AnyHostSite
) -> None:
    (tmp_path / "plan.jsonl").write_text(json.dumps({"url": "http://a.example/", "page": page}) + "\n", "utf-8")
    done = preserve(*_args(site), "plan.jsonl")
    assert done.code == 20
    assert "line 1: `page`" in done.stderr
    assert site.connections == 0


def test_the_mark_of_a_note_cannot_steer_the_terminal(preserve: Run, tmp_path: Path, site: AnyHostSite) -> None:
    site.route("/gone", text("no", status="404 Not Found"))
    row = {"url": "http://a.example/gone", "note": "\x1b[31m1\u202e"}
    (tmp_path / "plan.jsonl").write_text(json.dumps(row) + "\n", "utf-8")
    done = preserve(*_args(site), "plan.jsonl")
    assert done.code == 10
    assert "note \\u{1b}[31m1\\u{202e}" in done.stderr
    assert "\x1b" not in done.stderr


def test_records_without_their_journal_are_never_thrown_away(
    preserve: Run, config_home: Path, tmp_path: Path, site: AnyHostSite
) -> None:
    site.route("/slow", slow(respond(b"a page"), pause=4))
    running = _begin(tmp_path, *_args(site, "--json", "--url", "http://b.example/", "--url", "http://a.example/slow"))
    assert running.stdout is not None
    running.stdout.readline()
    running.kill()
    running.communicate(timeout=10)
    (warc,) = (tmp_path / "archive" / "journal").glob("*/data/*.warc.gz")
    kept = warc.read_bytes()
    assert kept
    for path in (tmp_path / "archive" / "journal").glob("journal.sqlite*"):
        path.unlink()
    for journal in (False, True):
        if journal:
            (tmp_path / "archive" / "journal" / "journal.sqlite").touch()
        done = preserve(*_args(site, "--url", "http://b.example/"))
        assert done.code == 30
        assert "no journal that knows them" in done.stderr
        assert warc.read_bytes() == kept
