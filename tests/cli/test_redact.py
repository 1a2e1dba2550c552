"""`preserve redact` as a user runs it: what is removed, what is said of it by every other command, and what a kill leaves."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path

import pytest
from warcio.archiveiterator import ArchiveIterator

from preserve.adapters.archive import Archive
from preserve.adapters.log import LogFolder
from preserve.flows.redact import Wanted
from preserve.model.manifest import Operator
from preserve.wiring import redacting
from preserve.wiring.recording import RecordOptions
from running import Finished, Run, run_preserve
from sites import AnyHostSite, text

URL = "http://x.example/page"
WHY = ("--reason", "the person named asked for it", "--by", "Court of Example, 12 O 3/26")


def capture(run: Run, site: AnyHostSite, *urls: str, env: Mapping[str, str] | None = None) -> None:
    given = [part for url in urls for part in ("--url", url)]
    done = run("capture", "--connect-to", site.connect_to, "--delay", "0", "--no-probe", *given, env=env)
    assert done.code == 0, done.stderr


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home and an archive of two runs: the page and another one; then the page again, which is a revisit."""
    folder = tmp_path_factory.mktemp("made")
    home = folder / "home"
    env = {"HOME": str(home), "XDG_CONFIG_HOME": str(home / ".config"), "XDG_STATE_HOME": str(home / ".local" / "state")}
    with AnyHostSite() as site:
        site.route("/page", text("<p>The winch house, opened at low water.</p>" * 100))
        capture(partial(run_preserve, folder), site, URL, "http://y.example/other", env=env)
        capture(partial(run_preserve, folder), site, URL, env=env)
    return folder


@pytest.fixture
def archive(preserve: Run, made: Path, tmp_path: Path) -> Path:
    """A copy of them, for one test."""
    shutil.copytree(made / "home", tmp_path / "home", dirs_exist_ok=True)
    return shutil.copytree(made / "archive", tmp_path / "archive")


def redact(preserve: Run, *arguments: str) -> Finished:
    return preserve("redact", "archive", *arguments, *WHY, "--yes")


def warcs(archive: Path) -> list[Path]:
    return sorted(archive.glob("runs/*/data/*.warc.gz"))


def records(path: Path) -> list[tuple[str, str]]:
    with path.open("rb") as file:
        return [(record.rec_type, record.rec_headers.get_header("WARC-Target-URI") or "") for record in ArchiveIterator(file)]


def bytes_of(root: Path, leave: Iterable[Path] = ()) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in root.rglob("*") if path.is_file() and path not in set(leave)}


def test_from_beginning_to_end(preserve: Run, archive: Path) -> None:
    before = {path: data for path, data in bytes_of(archive).items() if "/runs/" in str(path)}
    first, second = warcs(archive)
    done = redact(preserve, "--url", URL)
    assert done.code == 0, done.stderr
    assert "run 0 has a capture of http://x.example/page as well, or with the same content: --all-copies" in done.stderr
    assert "Recorded  events/000002-redaction   Log  entry 2" in done.stderr
    assert "stay in the signed lists" in done.stderr
    changed = [path for path, data in before.items() if path.read_bytes() != data]
    assert changed == [second], "the older copy was not asked for"
    assert second.stat().st_size == len(before[second])
    gone = [uri for _, uri in records(second) if uri.startswith("urn:preserve:redacted:1:")]
    assert gone, records(second)
    assert not [uri for kind, uri in records(second) if uri == URL]
    for each in (first, second):
        assert subprocess.run(
            [sys.executable, "-m", "warcio.cli", "check", str(each)], capture_output=True, check=False
        ).returncode in {0, 1}

    told = preserve("verify", "archive", "--json")
    assert told.code == 41
    removed = [f for f in told.lines if "removed by" in f.get("detail", "") and f["claim"] == "integrity"]
    assert len(removed) == len(gone)
    assert "by order of Court of Example, 12 O 3/26, because: the person named asked for it (signed by" in removed[0]["detail"]
    assert preserve("verify", "archive", "--thorough").code == 41
    (statement,) = archive.glob("events/*/statement.json")
    assert json.loads(statement.read_bytes())["type"] == "preserve-redaction/v1"
    (listed,) = preserve("custody", "list", "archive", "--json").lines
    assert (listed["kind"], listed["authority"]) == ("redaction", "Court of Example, 12 O 3/26")


def test_all_copies(preserve: Run, archive: Path) -> None:
    assert redact(preserve, "--url", URL, "--all-copies").code == 0
    assert len(list(archive.glob("events/*-redaction"))) == 2, "a statement for each run"
    for path in warcs(archive):
        assert URL not in {uri for _, uri in records(path)}
    assert preserve("verify", "archive").code == 41
    again = redact(preserve, "--url", URL, "--all-copies")
    assert again.code == 0
    assert "all of it was removed before" in again.stderr
    assert len(list(archive.glob("events/*-redaction"))) == 2


def test_what_is_captured_next_refers_to_nothing_that_was_removed(preserve: Run, site: AnyHostSite, archive: Path) -> None:
    redact(preserve, "--url", URL, "--all-copies")
    capture(preserve, site, URL)
    kinds = {kind for kind, uri in records(warcs(archive)[2]) if uri == URL}
    assert kinds == {"request", "response"}, "no revisit of a record that is not there"
    assert preserve("verify", "archive").code == 41


def test_one_record_by_its_place(preserve: Run, archive: Path) -> None:
    path = warcs(archive)[0]
    place = next(number for number, (kind, uri) in enumerate(records(path)) if (kind, uri) == ("response", URL))
    done = redact(preserve, "--run", "0", "--record", f"{path.name}:{place}")
    assert done.code == 0, done.stderr
    kinds = [kind for kind, uri in records(path) if uri == URL]
    assert kinds == ["request"]
    (finding,) = (
        f
        for f in preserve("verify", "archive", "--json").lines
        if "removed by" in f.get("detail", "") and f["claim"] == "integrity"
    )
    assert f"record {place} at offset" in finding["detail"]


_NONSENSE = [
    ((), 2, "what is to be removed?"),
    (("--url", URL, "--run", "0", "--record", "a:1"), 2, "what is to be removed?"),
    (("--url", URL, "--run", "0", "--all-copies"), 2, "means every run"),
    (("--record", "a:1"), 2, "--record needs --run"),
    (("--run", "0", "--record", "a"), 2, "is not FILE:INDEX"),
    (("--run", "0", "--record", "a:-1"), 2, "is not FILE:INDEX"),
    (("--run", "0", "--record", "data/none.warc.gz:1"), 2, "has no file"),
    (("--run", "0", "--record", "data/captures.jsonl:1"), 2, "has no record index"),
    (("--run", "7", "--record", "a:1"), 2, "there is no run 7"),
    (("--run", "7", "--url", URL), 2, "there is no run 7"),
    (("--url", "http://never.example/"), 2, "there is no sealed capture"),
    (("--url", URL, "--key", "0" * 64), 3, ""),
]


@pytest.mark.long
def test_what_makes_no_sense(preserve: Run, archive: Path) -> None:
    before = bytes_of(archive)
    for arguments, code, says in _NONSENSE:
        done = redact(preserve, *arguments)
        assert done.code == code, (arguments, done.stderr)
        assert says in done.stderr
    assert bytes_of(archive) == before


@pytest.mark.long
def test_nothing_is_removed_without_a_reason_an_order_and_a_yes(preserve: Run, archive: Path) -> None:
    before = bytes_of(archive)
    for arguments in (("--by", "x", "--yes"), ("--reason", "x", "--yes"), ("--reason", " ", "--by", "x", "--yes"), WHY):
        assert preserve("redact", "archive", "--url", URL, *arguments).code == 2
    assert preserve("redact", "nowhere", "--url", URL, *WHY, "--yes").code == 20
    assert bytes_of(archive) == before


def test_what_is_not_what_was_sealed_is_not_removed(preserve: Run, archive: Path) -> None:
    path = warcs(archive)[1]
    data = bytearray(path.read_bytes())
    data[-40] ^= 1
    path.write_bytes(data)
    place = len(records(warcs(archive)[0])) and max(
        int(row.split()[1]) for row in path.with_name(path.name.replace(".warc.gz", ".records")).read_text().splitlines()
    )
    done = redact(preserve, "--run", "1", "--record", f"{path.name}:{place}")
    assert done.code == 40
    assert "is not what was sealed" in done.stderr
    assert path.read_bytes() == data
    assert not (archive / "events").exists()


@pytest.mark.long
def test_a_record_put_back(preserve: Run, archive: Path, tmp_path: Path) -> None:
    kept = {path: path.read_bytes() for path in warcs(archive)}
    redact(preserve, "--url", URL)
    for path, data in kept.items():
        path.write_bytes(data)
    told = preserve("verify", "archive", "-v")
    assert told.code == 0
    assert "is still, or again, what was sealed; preserve redact --finish carries its removal out" in told.stdout
    done = preserve("redact", "archive", "--finish")
    assert "stated before" in done.stderr
    assert preserve("verify", "archive").code == 41
    assert "Nothing is left" in preserve("redact", "archive", "--finish").stderr


# --- what other commands say


@pytest.mark.long
def test_other_commands_say_that_it_was_removed(preserve: Run, archive: Path, tmp_path: Path) -> None:
    redact(preserve, "--url", URL)
    rows = preserve("status", "archive", "--json").lines
    assert [(row["url"], row["intact"], row.get("removed", False)) for row in rows if row["url"] == URL] == [(URL, False, True)]
    assert "removed" in preserve("status", "archive").stdout
    assert "ALTERED" not in preserve("status", "archive").stdout
    report = preserve("report", "archive", "-o", "report")
    assert report.code == 41, report.stderr
    assert "1 removed" in report.stderr
    diff = preserve("diff", "archive", URL)
    assert diff.code == 0, diff.stderr
    proof = preserve("prove", "archive", URL, "-o", "p.zip")
    assert proof.code == 2
    assert "was removed from the archive" in proof.stderr
    assert not (tmp_path / "p.zip").exists()
    bundle = preserve("bundle", "archive", "-o", "b.wacz")
    assert bundle.code == 0
    assert "were removed from the archive" in bundle.stderr


@pytest.mark.parametrize(
    ("removed", "says", "hint"),
    [
        (("--url", URL), "the capture of {url} in run {run} was removed from the archive", "--run N takes the capture of"),
        (
            ("--run", "0", "--url", URL),
            "the capture of {url} in run {run} refers to an earlier record, which was removed from the archive",
            "preserve bundle --url",
        ),
        (("--url", URL, "--all-copies"), "the capture of {url} in run {run} was removed from the archive", ""),
    ],
    ids=["itself", "its original", "both"],
)
def test_what_cannot_be_proven_any_more_is_told_alike(
    preserve: Run, archive: Path, tmp_path: Path, removed: tuple[str, ...], says: str, hint: str
) -> None:
    """Whether the capture was removed, or what it is a revisit of: the packet that was asked for cannot be made, and nothing is altered."""
    assert redact(preserve, *removed).code == 0
    run = max((archive / "runs").iterdir()).name
    done = preserve("prove", "archive", URL, "-o", "p.zip")
    assert done.code == 2, done.stderr
    assert says.format(url=URL, run=run) in done.stderr
    assert f"in run {run}" in done.stderr
    assert "preserve verify says by whom and why" in done.stderr
    assert hint in done.stderr
    assert not list(tmp_path.glob("p.zip*"))


@pytest.mark.long
def test_what_is_left_can_be_handed_over(preserve: Run, archive: Path, tmp_path: Path) -> None:
    redact(preserve, "--run", "0", "--url", URL)
    other = "http://y.example/other"
    assert preserve("prove", "archive", other, "-o", "p.zip").code == 0
    assert preserve("verify", "p.zip").code == 0
    assert preserve("bundle", "archive", "--url", other, "-o", "b.wacz").code == 0
    assert preserve("verify", "b.wacz").code == 0


def test_the_folder_of_the_run_is_explained_by_the_archive_that_it_lies_in(
    preserve: Run, archive: Path, tmp_path: Path
) -> None:
    redact(preserve, "--url", URL)
    run = max((archive / "runs").iterdir())
    told = preserve("verify", str(run), "--json")
    assert told.code == 41, told.stdout
    assert any("removed by" in row.get("detail", "") for row in told.lines)
    alone = shutil.copytree(run, tmp_path / "alone")
    assert preserve("verify", str(alone)).code == 40
    (archive / "log" / "checkpoint").write_bytes(b"damaged")
    unread = preserve("verify", str(run), "--json")
    assert unread.code == 40
    assert any("could not be read" in row.get("detail", "") for row in unread.lines)


# --- kills


class _Killed(BaseException):
    """The process is gone."""


def _begin(archive: Path) -> None:
    """Run the redaction in this process, to its death."""
    options = RecordOptions(archive=archive, actor=Operator(name="A. Archivist", organisation=None, role=None))
    choice = redacting.choose(Archive(archive), Wanted(url=URL))
    with pytest.raises(_Killed):
        redacting.carry_out(options, choice, WHY[1], WHY[3], lambda _words: None, lambda _key: b"")


def _interrupt(monkeypatch: pytest.MonkeyPatch, archive: Path, *, after: int) -> None:
    """Run the redaction, and let it end after so many bytes of the first overwriting."""
    whole = Archive.overwrite

    def cut(self: Archive, name: str, path: str, offset: int, pieces: Iterable[bytes]) -> None:
        whole(self, name, path, offset, [b"".join(pieces)[:after]])
        raise _Killed

    monkeypatch.setattr(Archive, "overwrite", cut)
    _begin(archive)
    monkeypatch.undo()


@pytest.mark.long
@pytest.mark.parametrize("after", [0, 1, 100])
def test_killed_while_overwriting(
    preserve: Run, archive: Path, monkeypatch: pytest.MonkeyPatch, config_home: Path, after: int
) -> None:
    with monkeypatch.context() as patched:
        _interrupt(patched, archive, after=after)
    told = preserve("verify", "archive", "-v")
    assert told.code == (0 if after <= 10 else 40)
    assert "preserve redact --finish" in told.stdout
    done = preserve("redact", "archive", "--finish")
    assert done.code == 0, done.stderr
    assert preserve("verify", "archive").code == 41
    assert len(list(archive.glob("events/*-redaction"))) == 1


def test_the_same_command_again_after_a_kill(preserve: Run, archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        _interrupt(patched, archive, after=100)
    done = redact(preserve, "--url", URL)
    assert done.code == 0
    assert "stated before" in done.stderr
    assert preserve("verify", "archive").code == 41
    assert len(list(archive.glob("events/*-redaction"))) == 1


def test_killed_before_the_statement_has_its_place(preserve: Run, archive: Path) -> None:
    before = shutil.copytree(archive, archive.with_name("before"))
    redact(preserve, "--url", URL)
    (event,) = archive.glob("events/*-redaction")
    (archive / "journal").mkdir()
    event.rename(archive / "journal" / event.name)
    event.parent.rmdir()
    for path in warcs(before):
        (archive / path.relative_to(before)).write_bytes(path.read_bytes())
    assert preserve("verify", "archive").code == 0, "an intact archive, with an event that waits"
    done = redact(preserve, "--url", URL)
    assert done.code == 0, done.stderr
    assert "stated before" in done.stderr
    assert preserve("verify", "archive").code == 41
    assert len(list(archive.glob("events/*-redaction"))) == 1


def test_killed_before_the_statement_is_in_the_log(
    preserve: Run, archive: Path, monkeypatch: pytest.MonkeyPatch, config_home: Path
) -> None:
    """What is to be removed is chosen before the log knows the statement; the records that it removes are not asked for again."""

    def killed(_log: LogFolder, _entry: bytes) -> None:
        raise _Killed

    with monkeypatch.context() as patched:
        patched.setattr(LogFolder, "append", killed)
        _begin(archive)
    done = redact(preserve, "--url", URL)
    assert done.code == 0, done.stderr
    assert "stated before" in done.stderr
    assert preserve("verify", "archive").code == 41
    assert len(list(archive.glob("events/*-redaction"))) == 1
