"""Time-stamps as a user meets them: asked for by capture, fetched by timestamp, judged by verify, checked again by openssl."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from authorities import OTHER_POLICY, Authority, Counter, shared, unreachable
from preserve.formats import timestamp
from running import Finished, Run
from sites import AnyHostSite, wait_until


@pytest.fixture
def one() -> Iterator[Counter]:
    with Counter(shared("a")) as counter:
        yield counter


@pytest.fixture
def two() -> Iterator[Counter]:
    with Counter(shared("b")) as counter:
        yield counter


def _capture(preserve: Run, site: AnyHostSite, *more: str, env: dict[str, str] | None = None) -> Finished:
    options = ("--connect-to", site.connect_to, "--delay", "0", "--robots", "ignore", "--url", "http://x.example/page")
    return preserve("capture", *options, *more, env=env)


def _pin(preserve: Run, *roots: tuple[str, Counter | Authority]) -> None:
    for name, whose in roots:
        authority = whose.authority if isinstance(whose, Counter) else whose
        root, fingerprint = authority.root_file, authority.issuer.fingerprint
        done = preserve("trust", "add", root, "--name", name, "--tsa", "--fingerprint", fingerprint)
        assert done.code == 0, done.stderr


def _said(archive: Path, place: int = -1) -> dict[str, list[dict[str, str]]]:
    run = sorted((archive / "runs").iterdir())[place]
    said = json.loads((run / "manifest.json").read_bytes())
    return {name: said[name] for name in ("timestamps", "start_tokens")}


def test_two_authorities_from_beginning_to_end(
    preserve: Run, site: AnyHostSite, one: Counter, two: Counter, tmp_path: Path
) -> None:
    done = _capture(preserve, site, "--tsa", f"one={one.url}", "--tsa", two.url)
    assert done.code == 0, done.stderr
    assert "Stamped  2 of 2 authorities" in done.stderr
    assert "no root is pinned for one" in done.stderr
    other = f"127.0.0.1-{two.port}"
    said = _said(tmp_path / "archive")
    assert [entry["authority"] for entry in said["timestamps"]] == ["one", other]
    assert [token["file"] for token in said["start_tokens"]] == [
        f"timestamps/start-{other}.tsr",
        "timestamps/start-one.tsr",
    ]
    assert len(one.asked) == len(two.asked) == 2

    before = preserve("verify", "archive")
    assert before.code == 41
    assert "time: self-asserted" in before.stdout
    _pin(preserve, ("one", one), (other, two))
    after = preserve("verify", "archive", "--require", "not-after", "--require", "not-before", "--require", "created")
    assert after.code == 0, after.stdout
    assert "time: stamped" in after.stdout
    assert preserve("verify", "archive", "--json").lines[-1] == {"ok": True, "exit": 0, "time": "stamped"}
    assert "Time: stamped." in preserve("status", "archive").stderr
    (run,) = (tmp_path / "archive" / "runs").iterdir()
    assert preserve("verify", run).code == 0


@pytest.mark.long
def test_the_commands_that_are_printed_run_as_they_stand(
    preserve: Run, site: AnyHostSite, one: Counter, two: Counter, tmp_path: Path
) -> None:
    assert _capture(preserve, site, "--tsa", f"one={one.url}", "--tsa", f"two={two.url}", "--archive", "my archive").code == 0
    _pin(preserve, ("one", one), ("two", two))
    printed = preserve("timestamp", "my archive", "--commands")
    commands = printed.stdout.splitlines()
    assert (printed.code, len(commands), len(one.asked)) == (0, 4, 2)
    for line in printed.stderr.splitlines():
        if line.startswith("  preserve trust export "):
            name, file = line.split()[-3], line.split()[-1]
            (tmp_path / file).write_text(preserve("trust", "export", name).stdout)
    for command in commands:
        assert subprocess.run(["/bin/sh", "-c", command], cwd=tmp_path, capture_output=True, check=False).returncode == 0
    shutil.copy(tmp_path / "one.pem", tmp_path / "two.pem")
    failing = [subprocess.run(["/bin/sh", "-c", line], cwd=tmp_path, capture_output=True, check=False) for line in commands]
    assert [bool(done.returncode) for done in failing] == ["two.pem" in line for line in commands]
    assert preserve("trust", "export", "three").code == 3


def test_a_name_that_no_token_has_gets_into_no_command(preserve: Run, site: AnyHostSite, one: Counter, tmp_path: Path) -> None:
    """What is printed goes into a shell, and the archive may be a stranger's."""
    assert _capture(preserve, site, "--tsa", f"one={one.url}").code == 0
    (run,) = (tmp_path / "archive" / "runs").iterdir()
    genuine = run / "timestamps" / "one.tsr"
    for name in ("a;touch owned;.tsr", "a$(touch owned).tsr", "a\ntouch owned\n.tsr", "\x1b[31m.tsr", "One.tsr", ".tsr"):
        shutil.copy(genuine, run / "timestamps" / name)
    (run / "timestamps" / "link.tsr").symlink_to("one.tsr")
    os.mkfifo(run / "timestamps" / "fifo.tsr")
    printed = preserve("timestamp", "archive", "--commands")
    assert printed.code == 0
    assert len(printed.stdout.splitlines()) == 2
    assert "touch" not in printed.stdout
    assert [line.strip() for line in printed.stderr.splitlines() if "trust export" in line] == [
        "preserve trust export one > one.pem"
    ]
    assert printed.stderr.count("not the name of a token") == 6
    assert printed.stderr.count("not a plain file") == 2
    assert "\x1b" not in printed.stderr


@pytest.mark.long
def test_all_that_is_printed_runs_as_one_script(preserve: Run, site: AnyHostSite, one: Counter, tmp_path: Path) -> None:
    """With paths as the user gave them, relative ones too: no line depends on where another left the shell."""
    names = ("--tsa", f"one={one.url}")
    _pin(preserve, ("one", one))
    assert _capture(preserve, site, *names).code == 0
    for _ in range(2):
        assert preserve("timestamp", "archive", "--renew", *names).code == 0
    (tmp_path / "one.pem").write_text(preserve("trust", "export", "one").stdout)
    script = preserve("timestamp", "archive", "--commands").stdout
    done = subprocess.run(["/bin/sh", "-e"], input=script, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("Verification: OK") == 4


@pytest.mark.long
def test_an_authority_that_is_down(preserve: Run, site: AnyHostSite, one: Counter, two: Counter, tmp_path: Path) -> None:
    two.mood = "http500"
    done = _capture(preserve, site, "--tsa", f"one={one.url}", "--tsa", f"two={two.url}")
    assert done.code == 0, "the capture is what it is"
    assert "Stamped  1 of 2 authorities" in done.stderr
    assert "two: no time-stamp: it answered with HTTP status 500" in done.stderr
    assert "fetch it later with: preserve timestamp archive" in done.stderr
    assert [entry["authority"] for entry in _said(tmp_path / "archive")["timestamps"]] == ["one", "two"]
    assert [entry["authority"] for entry in _said(tmp_path / "archive")["start_tokens"]] == ["one"]
    _pin(preserve, ("one", one), ("two", two))
    verified = preserve("verify", "archive")
    assert verified.code == 41
    assert "two.tsr: missing" in verified.stdout

    asked = preserve("timestamp", "archive")
    assert asked.code == 41
    assert "nobody said where to ask two: give --tsa two=URL" in asked.stderr
    two.mood = "ok"
    assert preserve("timestamp", "archive", "--tsa", f"two={two.url}").code == 0
    assert preserve("verify", "archive").code == 0
    count = len(two.asked)
    assert preserve("timestamp", "archive", "--tsa", f"two={two.url}", "--tsa", f"one={one.url}").code == 0
    assert len(two.asked) == count, "what is there is not asked for again"


@pytest.mark.long
def test_tokens_over_key_events_that_come_later_decide_what_follows_from_them(
    preserve: Run, site: AnyHostSite, one: Counter, two: Counter, tmp_path: Path, config_home: Path
) -> None:
    """A key replaced while both authorities are down, then fetched, or never; and then the old one is called compromised."""
    names = ("--tsa", f"one={one.url}", "--tsa", f"two={two.url}")
    _pin(preserve, ("one", one), ("two", two))
    assert _capture(preserve, site, *names).code == 0
    reader = {"XDG_CONFIG_HOME": str(tmp_path / "reader"), "XDG_STATE_HOME": str(tmp_path / "reader/state")}
    shutil.copytree(config_home, tmp_path / "reader")
    (old,) = (row["keyid"] for row in preserve("key", "list", "--json").lines if row["use"] == "manifest")
    one.mood = two.mood = "http500"
    page = preserve("key", "recovery", *names)
    assert (page.code, "No time-stamp came from one, two" in page.stderr) == (0, True)
    (tmp_path / "page.txt").write_text(page.stdout)
    assert preserve("key", "rotate", "--no-passphrase", *names).code == 0
    one.mood = two.mood = "ok"
    assert _capture(preserve, site, *names).code == 0
    told = preserve("verify", "archive", "--verbose", env=reader)
    assert (told.code, "events/000002-key/timestamps/one.tsr: missing: the statement names it" in told.stdout) == (41, True)

    done = preserve("timestamp", "archive", *names)
    assert (done.code, "000001-key: stamped by 2 of 2" in done.stderr, "000002-key: stamped by 2 of 2" in done.stderr) == (
        0,
        True,
        True,
    )
    assert preserve("verify", "archive", env=reader).code == 0
    stolen = _next_second()
    revoke = ("key", "revoke", old, "--reason", "compromised", "--since", stolen, "--recovery", "page.txt", "--no-timestamp")
    assert preserve(*revoke).code == 0
    assert preserve("verify", "archive", env=reader).code == 0
    event = tmp_path / "archive/events/000002-key/timestamps"
    kept = {path.name: path.read_bytes() for path in event.iterdir()}
    for path in event.iterdir():
        path.unlink()
    never = preserve("verify", "archive", env=reader)
    assert (never.code, "was revoked as compromised" in never.stdout, "UNKNOWN KEY" in never.stdout) == (41, True, True)
    (event / "one.tsr").write_bytes(kept["two.tsr"])
    assert preserve("verify", "archive", env=reader).code == 40
    for path in event.iterdir():
        path.unlink()
    # What is fetched after the theft proves nothing of the time before it.
    assert preserve("timestamp", "archive", *names).code == 0
    late = preserve("verify", "archive", env=reader)
    assert (late.code, "nothing proves that this is older" in late.stdout) == (41, True)


def _next_second() -> str:
    """A moment that is later than every token so far: the authorities are sure of the second, and of no less."""
    begun = int(time.time())
    wait_until(lambda: time.time() > begun + 3)
    return datetime.fromtimestamp(begun + 2, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.mark.long
def test_paper_brings_a_stolen_key_to_its_end_on_an_empty_machine(
    preserve: Run, site: AnyHostSite, one: Counter, tmp_path: Path
) -> None:
    """Nothing there but the paper, the archive, its log's key, and the old public key: what names the paper is believed for its token."""
    _pin(preserve, ("one", one))
    assert _capture(preserve, site, "--tsa", f"one={one.url}").code == 0
    page = preserve("key", "recovery", "--tsa", f"one={one.url}")
    assert page.code == 0, page.stderr
    (tmp_path / "page.txt").write_text(page.stdout)
    keys = {row["use"]: row["keyid"] for row in preserve("key", "list", "--json").lines}
    (tmp_path / "old.pem").write_text(preserve("key", "export", keys["manifest"]).stdout)
    stolen = _next_second()

    empty = {"XDG_CONFIG_HOME": str(tmp_path / "empty"), "XDG_STATE_HOME": str(tmp_path / "empty/state")}
    (tmp_path / "log.key").write_text(preserve("key", "export", "--private", "--no-passphrase", "--archive", "archive").stdout)
    for command in (
        ("trust", "add", shared("a").root_file, "--tsa", "--name", "one", "--fingerprint", shared("a").issuer.fingerprint),
        ("trust", "add", "old.pem", "--name", "A. Archivist", "--fingerprint", keys["manifest"]),
        ("key", "import", "log.key"),
    ):
        done = preserve(*command, env=empty)
        assert done.code == 0, done.stderr
    revoke = ("key", "revoke", keys["manifest"], "--reason", "compromised", "--since", stolen, "--recovery", "page.txt")
    archive = ("--archive", "archive", "--no-timestamp")
    first = preserve(*revoke, *archive, env=empty)
    assert first.code == 0, first.stderr
    again = preserve(*revoke, *archive, env=empty)
    assert (again.code, "its log says so already" in again.stderr) == (0, True), again.stderr
    rotate = ("key", "rotate", keys["manifest"], "--recovery", "page.txt", "--no-passphrase")
    followed = preserve(*rotate, *archive, env=empty)
    assert followed.code == 0, followed.stderr
    assert len(list((tmp_path / "archive" / "events").iterdir())) == 3
    assert _capture(preserve, site, "--no-timestamp", env=empty).code == 0

    stranger = {"XDG_CONFIG_HOME": str(tmp_path / "stranger"), "XDG_STATE_HOME": str(tmp_path / "stranger/state")}
    vkey = (tmp_path / "archive" / "archive.toml").read_text("ascii").partition('log = "')[2].partition('"')[0]
    for command in (
        ("trust", "add", shared("a").root_file, "--tsa", "--name", "one", "--fingerprint", shared("a").issuer.fingerprint),
        ("trust", "add", "old.pem", "--name", "A. Archivist", "--fingerprint", keys["manifest"]),
        ("trust", "add", vkey, "--name", "the archive", "--fingerprint", keys["log"]),
    ):
        done = preserve(*command, env=stranger)
        assert done.code == 0, done.stderr
    told = preserve("verify", "archive", env=stranger)
    assert (told.code, "through the rotation" in told.stdout) == (0, True), told.stdout


def test_an_authority_of_another_root_than_pinned_is_not_believed(preserve: Run, site: AnyHostSite, one: Counter) -> None:
    _pin(preserve, ("one", shared("b")))
    done = _capture(preserve, site, "--tsa", f"one={one.url}")
    assert done.code == 0
    assert "one: no time-stamp: unable to get local issuer certificate" in done.stderr
    assert "One time-stamp authority alone" in done.stderr


@pytest.mark.long
def test_nobody_is_asked(preserve: Run, site: AnyHostSite, one: Counter, tmp_path: Path) -> None:
    done = _capture(preserve, site, "--no-timestamp", env={"PRESERVE_TSA": one.url})
    assert (done.code, one.asked) == (0, [])
    assert "Time  self-asserted" in done.stderr
    assert _said(tmp_path / "archive") == {"timestamps": [], "start_tokens": []}
    assert preserve("verify", "archive", "--json").lines[-1] == {"ok": True, "exit": 0, "time": "self-asserted"}

    assert preserve("timestamp", "archive", "--tsa", f"late={one.url}").code == 0
    assert one.asked == [], "the run names nobody"
    assert preserve("timestamp", "archive", "--tsa", f"late={one.url}", "--add").code == 0
    _pin(preserve, ("late", one))
    assert preserve("verify", "archive", "--json").lines[-1] == {"ok": True, "exit": 0, "time": "stamped"}


@pytest.mark.long
def test_the_environment_and_the_configuration(
    preserve: Run, site: AnyHostSite, one: Counter, two: Counter, config_home: Path, tmp_path: Path
) -> None:
    settings = config_home / "preserve" / "config.toml"
    settings.parent.mkdir()
    settings.write_text(
        f'[operator]\nname = "A. Archivist"\norganisation = "The library"\n\n[capture]\ncontact = "+https://library.example"\n\n'
        f'[[tsa]]\nname = "configured"\nurl = "{one.url}"\npolicy = "{OTHER_POLICY}"\n'
    )
    assert _capture(preserve, site).code == 0
    run = min((tmp_path / "archive" / "runs").iterdir())
    assert timestamp.read((run / "timestamps" / "configured.tsr").read_bytes()).policy == OTHER_POLICY
    operator = json.loads((run / "manifest.json").read_bytes())["operator"]
    assert operator == {"name": "A. Archivist", "organisation": "The library", "role": None}
    assert b"+https://library.example" in site.served[0].request

    assert _capture(preserve, site, env={"PRESERVE_TSA": f"x={one.url} y={two.url}"}).code == 0
    assert [entry["authority"] for entry in _said(tmp_path / "archive")["timestamps"]] == ["x", "y"]
    one.mood = "other-policy"
    done = _capture(preserve, site)
    assert "configured: no time-stamp: it stamped under the policy 1.2.3.4.1, not 1.2.3.4.5.6" in done.stderr

    settings.write_text("[[tsa]]\nurl = 7\n")
    done = _capture(preserve, site)
    assert done.code == 3
    assert "config.toml: line 2: 'url' is not a text" in done.stderr


@pytest.mark.long
def test_called_wrongly(preserve: Run, site: AnyHostSite, tmp_path: Path) -> None:
    for given in (("--tsa", "tsa.example"), ("--tsa", "A=http://x.example/"), ("--tsa", "a=http://x/", "--tsa", "a=http://y/")):
        assert _capture(preserve, site, *given).code == 2
    assert not (tmp_path / "archive").exists()
    assert preserve("timestamp", "nowhere").code == 20
    pem = shared("a").root_file
    assert preserve("trust", "add", pem, "--name", "x").code == 2
    assert preserve("trust", "add", pem, "--name", "Not a name", "--tsa", "--fingerprint", "0" * 64).code == 2
    assert preserve("trust", "add", pem, "--name", "x", "--tsa", "--fingerprint", "0" * 64).code == 40
    leaf = pem.with_name("tsa.pem")
    assert preserve("trust", "add", leaf, "--name", "x", "--tsa", "--fingerprint", "0" * 64).code == 20
    assert preserve("trust", "list").stdout == ""


@pytest.mark.long
def test_roots_in_the_trust_store(preserve: Run, one: Counter, two: Counter, config_home: Path) -> None:
    _pin(preserve, ("x", one), ("y", one), ("x", two), ("x", one))
    rows = preserve("trust", "list", "--json").lines
    assert [(row["name"], row["role"], row["keyid"]) for row in rows] == [
        ("x", "tsa", one.authority.issuer.fingerprint),
        ("y", "tsa", one.authority.issuer.fingerprint),
        ("x", "tsa", two.authority.issuer.fingerprint),
    ]
    assert preserve("trust", "export", "x").stdout.encode() == one.authority.issuer.pem + two.authority.issuer.pem
    assert preserve("trust", "remove", "x").code == 3
    assert preserve("trust", "remove", two.authority.issuer.fingerprint).code == 0
    assert preserve("trust", "remove", "x").code == 0
    path = config_home / "preserve" / "trust.toml"
    text = path.read_text()
    for change, why in (
        (text.replace('name = "y"', 'name = "Y"'), "line 4: 'name' is 'Y'"),
        (text.replace('role = "tsa"', 'role = "operator"'), "line 4: a tsa, and no other, has a 'certificate'"),
    ):
        path.write_text(change)
        done = preserve("trust", "list")
        assert done.code == 3
        assert why in done.stderr


def test_a_damaged_run_is_not_stamped(preserve: Run, site: AnyHostSite, one: Counter, tmp_path: Path) -> None:
    assert _capture(preserve, site, "--tsa", f"one={unreachable()}").code == 0
    (run,) = (tmp_path / "archive" / "runs").iterdir()
    path = run / "manifest.json"
    path.write_bytes(path.read_bytes().replace(b'"captured": 1', b'"captured": 2'))
    done = preserve("timestamp", "archive", "--tsa", f"one={one.url}")
    assert (done.code, one.asked) == (40, [])
    assert "not the one that was sealed" in done.stderr


def test_nothing_of_x509_is_loaded_to_verify_a_run_without_tokens(preserve: Run, site: AnyHostSite, tmp_path: Path) -> None:
    assert _capture(preserve, site, "--no-timestamp").code == 0
    ask = "import sys\nfrom preserve.cli.verify import command\nassert command(['archive'], standalone_mode=False) == 0\n"
    ask += "print([name for name in ('rfc3161_client', 'cryptography.x509', 'httpx') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", ask], cwd=tmp_path, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.long
@pytest.mark.parametrize("question", [1, pytest.param(2, marks=pytest.mark.long), 3, pytest.param(4, marks=pytest.mark.long)])
def test_a_kill_while_an_authority_is_asked(
    preserve: Run, site: AnyHostSite, one: Counter, two: Counter, tmp_path: Path, question: int
) -> None:
    """At every question that a capture asks: what is there then verifies, and the next capture leaves nothing open."""
    asked = ["one", "two", "one", "two"][question - 1]
    silent = {"one": one, "two": two}[asked]
    calls = 0 if question < 3 else 1
    options = ["--connect-to", site.connect_to, "--delay", "0", "--robots", "ignore"]
    authorities = ["--tsa", f"one={one.url}", "--tsa", f"two={two.url}"]
    silent.mood = "silent" if calls == 0 else "silent after one"
    capture = subprocess.Popen(
        [sys.executable, "-m", "preserve", "capture", *options, *authorities, "--url", "http://x.example/page"],
        cwd=tmp_path,
        stderr=subprocess.DEVNULL,
        env={**os.environ},
    )
    wait_until(lambda: len(silent.asked) > calls)
    capture.send_signal(signal.SIGKILL)
    capture.wait(timeout=10)
    silent.released.set()
    silent.mood = "ok"
    _pin(preserve, ("one", one), ("two", two))
    if question > 2:
        verified = preserve("verify", "archive")
        assert verified.code == 41, verified.stdout
        assert f"{asked}.tsr: missing" in verified.stdout
    done = preserve("capture", "--resume", *options, *authorities)
    assert done.code == 0, done.stderr
    verified = preserve("verify", "archive", "--require", "not-after", "--require", "not-before")
    assert verified.code == 0, verified.stdout
    (run,) = (tmp_path / "archive" / "runs").iterdir()
    assert sorted(path.name for path in (run / "timestamps").iterdir()) == [
        "one.tsr",
        "start-one.tsr",
        "start-two.tsr",
        "two.tsr",
    ]
    assert not (tmp_path / "archive" / "journal").exists()
