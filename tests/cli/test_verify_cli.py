"""`preserve verify` as a user runs it: exit codes, what is said where, and that nothing below PATH is ever written."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

import archives
from archives import Archivist, Pen
from preserve.adapters.trust import TrustStore
from preserve.model.trust import TrustedKey
from running import Run


@pytest.fixture
def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Archivist:
    """A good archive of two runs in tmp_path/archive, made a year ago."""
    monkeypatch.setattr(archives, "START", archives.START - timedelta(days=365))
    archivist = Archivist()
    archivist.add_run()
    archivist.add_run()
    archivist.write(tmp_path / "archive")
    return archivist


def _pin(config_home: Path, *keys: TrustedKey) -> None:
    for key in keys:
        TrustStore(config_home / "preserve").add(key)


def _states(root: Path) -> dict[str, tuple[int, int, bytes]]:
    found = {}
    for path in sorted(root.rglob("*")):
        status = path.lstat()
        found[str(path)] = (status.st_mtime_ns, status.st_mode, path.read_bytes() if path.is_file() else b"")
    return found


def test_an_own_archive(preserve: Run, config_home: Path, archive: Archivist, tmp_path: Path) -> None:
    _pin(config_home, *archive.trusted)
    before = _states(tmp_path / "archive")
    done = preserve("verify", "archive")
    assert done.code == 0
    assert done.stderr == ""
    assert "signed by A. Archivist, key " in done.stdout
    assert "time: self-asserted" in done.stdout
    assert "Not proven" in done.stdout
    assert "valid" not in done.stdout.replace("invalid", "")
    assert _states(tmp_path / "archive") == before


def test_json(preserve: Run, config_home: Path, archive: Archivist) -> None:
    _pin(config_home, *archive.trusted)
    *findings, last = preserve("verify", "archive", "--json").lines
    assert last == {"ok": True, "exit": 0, "time": "self-asserted"}
    assert all(set(finding) == {"claim", "result", "subject", "detail"} for finding in findings)
    assert {finding["result"] for finding in findings} == {"pass", "not-checked"}
    proven = {finding["claim"] for finding in findings if finding["result"] == "pass"}
    assert proven == {"integrity", "completeness", "signer", "log-inclusion", "log-consistency", "documents"}


def test_damage_is_named(preserve: Run, config_home: Path, archive: Archivist, tmp_path: Path) -> None:
    _pin(config_home, *archive.trusted)
    (warc,) = (tmp_path / "archive").glob("runs/000001-*/data/*.warc.gz")
    data = bytearray(warc.read_bytes())
    data[-20] ^= 0x10
    warc.write_bytes(data)
    done = preserve("verify", "archive", "--json")
    assert done.code == 40
    assert done.lines[-1] == {"ok": False, "exit": 40, "time": "self-asserted"}
    (failing,) = (line for line in done.lines[:-1] if line["result"] == "fail")
    assert failing["subject"] == str(warc.relative_to(tmp_path / "archive"))
    for words in ("record 6", "offset ", "http://station-2.example/page?run=1", "paper-1.txt footnote 3"):
        assert words in failing["detail"]
    text = preserve("verify", "archive", "--quiet")
    assert text.code == 40
    assert "record 6" in text.stdout
    assert "Proven" not in text.stdout


def test_without_the_compiled_part_it_says_the_same(
    preserve: Run, config_home: Path, archive: Archivist, tmp_path: Path
) -> None:
    _pin(config_home, *archive.trusted)
    without = tmp_path / "without"
    without.mkdir()
    (without / "sitecustomize.py").write_text("import sys\nsys.modules['preserve.formats._sha256pair'] = None\n")
    asked = "from preserve.formats import digests; print(digests.shortcut is digests.one_by_one)"
    environment = {**os.environ, "PYTHONPATH": str(without)}
    told = subprocess.run([sys.executable, "-c", asked], env=environment, capture_output=True, text=True, check=True)
    assert told.stdout == "True\n", "the part is absent"
    (warc,) = (tmp_path / "archive").glob("runs/000001-*/data/*.warc.gz")
    whole = warc.read_bytes()
    preserve("verify", "archive")  # now there is a checkpoint to remember, whoever asks
    for data, code in (
        (whole, 0),
        (whole[:300] + bytes([whole[300] ^ 1]) + whole[301:], 40),
        (whole[:-50], 40),
        (whole + b"x", 40),
    ):
        warc.write_bytes(data)
        done = preserve("verify", "archive", "--json")
        assert done == preserve("verify", "archive", "--json", env={"PYTHONPATH": str(without)})
        assert done.code == code


def test_strangers_are_not_trusted_on_first_use(preserve: Run, config_home: Path, archive: Archivist) -> None:
    for _ in range(2):
        done = preserve("verify", "archive")
        assert done.code == 41
        assert "UNKNOWN KEY" in done.stdout
        assert "UNKNOWN LOG KEY" in done.stdout
        assert "NEEDED AND NOT ESTABLISHED" in done.stdout
    _pin(config_home, archive.trusted[0])
    assert preserve("verify", "archive").code == 41
    _pin(config_home, archive.trusted[1])
    assert preserve("verify", "archive").code == 0


def test_the_log_is_remembered(preserve: Run, config_home: Path, archive: Archivist, tmp_path: Path) -> None:
    _pin(config_home, *archive.trusted)
    assert preserve("verify", "archive").code == 0
    older = Archivist()
    older.add_run()
    older.write(tmp_path / "older")
    done = preserve("verify", "older")
    assert done.code == 40
    assert "rolled back: it has 1 entry, 2 were seen here before" in done.stdout


def test_what_both_memories_of_a_log_say_is_said_once(
    preserve: Run, config_home: Path, archive: Archivist, tmp_path: Path
) -> None:
    """What was seen of a log, and what this user's own captures signed of it, are remembered apart."""
    _pin(config_home, *archive.trusted)
    assert preserve("verify", "archive").code == 0
    (seen,) = tmp_path.rglob("preserve/seen/*.checkpoint")
    signed = seen.parent.with_name("signed")
    signed.mkdir()
    shutil.copy(seen, signed)
    older = Archivist()
    older.add_run()
    older.write(tmp_path / "older")
    told = [line["detail"] for line in preserve("verify", "older", "--json").lines if line.get("result") == "fail"]
    assert told == ["rolled back: it has 1 entry, 2 were seen here before"]


def test_a_memory_that_cannot_be_written_is_told(preserve: Run, config_home: Path, archive: Archivist, tmp_path: Path) -> None:
    _pin(config_home, *archive.trusted)
    (tmp_path / "no-folder").write_bytes(b"")
    done = preserve("verify", "archive", env={"XDG_STATE_HOME": str(tmp_path / "no-folder")})
    assert done.code == 0
    assert "not remembered for next time" in done.stdout


def test_a_lone_run(preserve: Run, config_home: Path, archive: Archivist, tmp_path: Path) -> None:
    _pin(config_home, *archive.trusted)
    run = Path("archive/runs") / archive.names[1]
    done = preserve("verify", run, "--json")
    assert done.code == 0
    told = {line["claim"]: line for line in done.lines[:-1]}
    assert told["log-consistency"]["result"] == "not-checked"
    assert "needs the archive" in told["log-consistency"]["detail"]
    assert preserve("verify", run, "--require", "log-consistency").code == 41


@pytest.mark.parametrize(
    ("claim", "code"), [("signer", 0), ("documents", 0), ("not-after", 41), ("witnesses", 41), ("structure", 41)]
)
def test_require(claim: str, code: int, preserve: Run, config_home: Path, archive: Archivist) -> None:
    _pin(config_home, *archive.trusted)
    assert preserve("verify", "archive", "--require", "integrity", "--require", claim).code == code


def test_thorough_establishes_structure(preserve: Run, config_home: Path, archive: Archivist) -> None:
    _pin(config_home, *archive.trusted)
    assert preserve("verify", "archive", "--thorough", "--require", "structure").code == 0


def test_a_required_claim_that_nothing_speaks_of_is_named(preserve: Run, config_home: Path, archive: Archivist) -> None:
    _pin(config_home, *archive.trusted)
    for options in ([], ["--quiet"]):
        done = preserve("verify", "archive", "--require", "events", *options)
        assert done.code == 41
        assert "REQUIRED, AND NOTHING IS SAID OF IT: events" in done.stdout
    *findings, last = preserve("verify", "archive", "--require", "events", "--json").lines
    assert last["exit"] == 41
    assert [(line["result"], bool(line["subject"] and line["detail"])) for line in findings if line["claim"] == "events"] == [
        ("not-checked", True)
    ]


def test_a_pipe_is_not_waited_for(preserve: Run, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "packet.zip")
    done = preserve("verify", "packet.zip")
    assert done.code == 20
    assert "neither a plain file nor a folder" in done.stderr


def test_what_is_neither_archive_nor_run(preserve: Run, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file.wacz").write_bytes(b"PK")
    for path in ("empty", "file.wacz", "nowhere"):
        done = preserve("verify", path)
        assert done.code == 20
        assert done.stdout == ""
        assert path in done.stderr
        assert "name an archive" in done.stderr or "name the archive's folder" in done.stderr
    assert preserve("verify").code == 2
    assert preserve("verify", "empty", "--require", "beauty").code == 2


def test_text_from_outside_is_shown_and_never_obeyed(
    preserve: Run, config_home: Path, archive: Archivist, tmp_path: Path
) -> None:
    evil = Pen("\x1b]0;owned\x07\u202eevil")
    other = Archivist(signers=(evil,))
    other.add_run()
    other.write(tmp_path / "other")
    (tmp_path / "other/runs" / other.names[0] / "data/\x1b[2J\u202e").write_bytes(b"")
    _pin(config_home, other.trusted[1])
    for options in ((), ("--json",), ("--verbose",)):
        done = preserve("verify", "other", *options)
        assert done.code == 40
        assert done.stdout.replace("\n", "").isprintable()


def test_an_unreadable_file_is_no_finding(preserve: Run, config_home: Path, archive: Archivist, tmp_path: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root reads every file")
    _pin(config_home, *archive.trusted)
    (warc,) = (tmp_path / "archive").glob("runs/000001-*/data/*.warc.gz")
    warc.chmod(0)
    done = preserve("verify", "archive")
    assert done.code == 30
    assert warc.name in done.stderr


def test_verify_loads_only_what_it_needs(config_home: Path, archive: Archivist, tmp_path: Path) -> None:
    heavy = ("asyncio", "httpx", "rich", "sqlite3", "h11", "selectolax")
    code = (
        "import sys; from preserve.cli import _run; sys.argv = ['preserve', 'verify', 'archive']; _run();"
        f" print('loaded:', *[name for name in {heavy!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "loaded:"


def test_a_sample(preserve: Run, config_home: Path, archive: Archivist, tmp_path: Path) -> None:
    _pin(config_home, *archive.trusted)
    for path in ("archive", f"archive/runs/{archive.names[0]}"):
        *findings, last = preserve("verify", path, "--sample", "10%", "--json").lines
        assert last == {"ok": True, "exit": 0, "time": "self-asserted", "sampled": True}
        told = [f["detail"] for f in findings if f["claim"] == "integrity"]
        assert told[0].startswith(
            "sampled: 1 of 7 records was read, picked at random: were one record damaged, 86 in 100 such samples would miss it"
        )
    said = preserve("verify", "archive", "--sample", "10%").stdout
    assert "Of what was read, nothing was found altered, missing or forged. It was a SAMPLE" in said.replace("\n", " ")
    assert "every needed claim" not in said
    assert preserve("verify", "archive", "--sample", "10%", "--require", "integrity").code == 41
    assert preserve("verify", "archive", "--sample", "100%", "--require", "integrity").code == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ("--sample", "0%"),
        ("--sample", "101"),
        ("--sample", "-5%"),
        ("--sample", "x"),
        ("--sample", "nan%"),
        ("--sample-seed", "x"),
    ],
)
def test_a_sample_that_is_none(preserve: Run, archive: Archivist, arguments: tuple[str, ...]) -> None:
    assert preserve("verify", "archive", *arguments).code == 2


def _said(preserve: Run, *arguments: str) -> str:
    return preserve("verify", "archive", *arguments).stdout


def test_every_mode_says_what_it_read(preserve: Run, config_home: Path, archive: Archivist, tmp_path: Path) -> None:
    """What is said of the records is true whole, opened, sampled, and sampled and opened."""
    _pin(config_home, *archive.trusted)
    whole, opened = _said(preserve), _said(preserve, "--thorough")
    sampled, both = _said(preserve, "--sample", "10%"), _said(preserve, "--sample", "10%", "--thorough")
    assert "not checked here, checked at sealing; --thorough opens every record" in whole
    assert "7 records opened, each a whole WARC record whose digests hold" in opened
    assert "not checked here, checked at sealing; --thorough, without --sample, opens every record" in sampled
    assert "sampled: of the 1 record that was read, each a whole WARC record" in both
    assert "opens every record" not in both
    assert "SAMPLE" not in whole + opened
    for said in (sampled, both):
        assert "It was a SAMPLE: the records that it did not pick were not looked at." in said
    for said in (whole, opened):
        assert "Nothing was found altered, missing or forged, and every needed claim is established." in said
    for said in (whole, opened, sampled, both):
        assert "no file and no line is missing or added: 3 captures, 4 citations, each of these answered" in said
        assert "the manifest names no time-stamp authority; the time is self-asserted" in said
        assert "source: self-asserted. That a site sent this is the word of whoever captured it" in said


def test_a_sample_is_called_one_whatever_was_found(
    preserve: Run, config_home: Path, archive: Archivist, tmp_path: Path
) -> None:
    """Also where a claim is not established, and where something is altered: more may be, in what was not looked at."""
    sample = "It was a SAMPLE: the records that it did not pick were not looked at."
    unknown = preserve("verify", "archive", "--sample", "10%")
    assert (unknown.code, sample in unknown.stdout) == (41, True), unknown.stdout
    _pin(config_home, *archive.trusted)
    next((tmp_path / "archive" / "runs").glob("*/data/citations.jsonl")).write_bytes(b"{}\n")
    altered = preserve("verify", "archive", "--sample", "10%")
    assert (altered.code, sample in altered.stdout) == (40, True), altered.stdout


def test_opening_every_record_of_a_run_that_is_altered_offers_nothing_more(
    preserve: Run, config_home: Path, archive: Archivist, tmp_path: Path
) -> None:
    _pin(config_home, *archive.trusted)
    warc = next((tmp_path / "archive" / "runs" / archive.names[0] / "data").glob("*.warc.gz"))
    data = bytearray(warc.read_bytes())
    data[-20] ^= 1
    warc.write_bytes(data)
    said = preserve("verify", f"archive/runs/{archive.names[0]}", "--thorough").stdout
    assert "not shown: not every record is what was sealed, see what fails" in said
    assert "opens every record" not in said
