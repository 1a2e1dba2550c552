"""`preserve report` as a person and a script see it."""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from archives import Archivist
from attacks_on_tokens import add_stamped, trusted
from preserve.adapters.trust import TrustStore
from reports import Page
from running import Run, run_preserve
from sites import AnyHostSite, redirect, text

DOCUMENT = """\
The bridge was built twice.1 Nobody knows why.2 It is still there.3

1 Ada Lund, "The first bridge" (2 May 2019), online: <http://one.example/bridge>.
2 Ibid.
3 Bo Lund, "=The second bridge" (2020), online: <http://two.example/gone>.
4 Cy Lund, "A third bridge" (2021), online:
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a user's home and an archive: two runs of a document of four notes; between them a page changed."""
    folder = tmp_path_factory.mktemp("made")
    env = {"HOME": str(folder), "XDG_CONFIG_HOME": str(folder / "config"), "XDG_STATE_HOME": str(folder / "state")}
    (folder / "bridge.txt").write_text(DOCUMENT)
    with AnyHostSite() as site:
        site.route("/gone", text("no", status="404 Not Found"))
        site.route("/old", redirect("/bridge", "301 Moved Permanently"))
        more = ("--url", "http://three.example/old", "--delay", "0", "--connect-to", site.connect_to)
        assert run_preserve(folder, "capture", "bridge.txt", *more, env=env).code == 10
        site.route("/bridge", text("It is another bridge."))
        assert run_preserve(folder, "capture", "bridge.txt", *more, env=env).code == 10
    return folder


@pytest.fixture
def archive(made: Path, tmp_path: Path, config_home: Path) -> Path:
    """The archive, to do with as one likes, by the user whose it is."""
    shutil.copytree(made / "config", config_home, dirs_exist_ok=True)
    shutil.copytree(made / "state", config_home.parent / ".local" / "state", dirs_exist_ok=True)
    shutil.copytree(made / "archive", tmp_path / "archive")
    shutil.copy(made / "bridge.txt", tmp_path)
    return tmp_path / "archive"


def tree(root: Path) -> dict[str, bytes]:
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_pages_rows_and_a_declaration(preserve: Run, archive: Path, tmp_path: Path) -> None:
    before = tree(archive)
    done = preserve(
        "report", archive, "-o", "out", "--certificate", "--json", "--csv", "--archived-at", "https://web.example/c"
    )
    assert done.code == 0, done.stderr
    assert "5 citations" in done.stderr
    assert tree(archive) == before, "nothing is written into the archive"
    out = tmp_path / "out"
    assert {path.name for path in out.iterdir()} == {
        ".preserve-report", "index.html", "preserve.css", "captures", "notes",
        "certificate.html", "certificate.md", "report.jsonl", "report.csv",
    }  # fmt: skip
    rows = done.lines
    assert rows == [json.loads(line) for line in (out / "report.jsonl").read_text().splitlines()]
    assert [(row["document"], row["note"], row["state"], row["captures"]) for row in rows] == [
        (None, None, "captured", 2),
        ("bridge.txt", "1", "captured", 2),
        ("bridge.txt", "2", "captured", 2),
        ("bridge.txt", "3", "doubtful", 2),
        ("bridge.txt", "4", "not-captured", 0),
    ]
    status = {(line["document"], line["note"]): line for line in preserve("status", archive, "--json").lines}
    for row in rows:
        told = status[row["document"], row["note"]]
        assert {name: row[name] for name in ("url", "outcome", "verdict", "captured", "run", "intact")} == {
            name: told[name] for name in ("url", "outcome", "verdict", "captured", "run", "intact")
        }
    one = rows[1]
    assert (out / one["report"]).is_file()
    stamp = re.sub("[^0-9]", "", one["captured"])[:14]
    assert one["archived_at"]["location"] == f"https://web.example/c/{stamp}/http://one.example/bridge"
    with (out / "report.csv").open(newline="") as file:
        table = list(csv.DictReader(file))
    assert [row["note"] for row in table] == ["", "1", "2", "3", "4"]
    assert table[1]["payload_sha256"] == one["payload_sha256"]
    assert int(table[1]["record"]) == next(each["index"] for each in one["records"] if each["type"] == "response")


def test_the_redirect_and_the_other_capture_stand_on_the_page(preserve: Run, archive: Path, tmp_path: Path) -> None:
    rows = preserve("report", archive, "-o", "out", "--json").lines
    page = (tmp_path / "out" / rows[0]["report"]).read_text()
    assert "301 Moved Permanently" in page
    assert page.count("as it was sent") == 2
    assert 'class="timeline"' in page
    assert 'class="change"' in page, "other content came the second time"
    commands = [line for line in Page(page).text.splitlines() if line.startswith(("cd ", "sha256sum", "openssl", "tail"))]
    assert len(commands) >= 8


def test_what_is_known_of_the_host(preserve: Run, tmp_path: Path, tls_site: AnyHostSite) -> None:
    url = f"https://localhost:{tls_site.port}/"
    capture = ("capture", "--url", url, "--allow-private", "--tls", "record", "--delay", "0")
    assert preserve(*capture).code in {0, 10}
    (row,) = preserve("report", "archive", "-o", "out", "--json").lines
    page = Page((tmp_path / "out" / row["report"]).read_text()).text
    assert "Name resolution: dns:localhost" in page
    assert re.search(r"localhost\. +IN +(A +127\.0\.0\.1|AAAA +::1)", page)
    assert re.search(r"CN=.*localhost|trustme", page), "the certificate that was presented"
    assert "TLSv1.3" in page


def test_the_commands_on_a_page_run_as_they_stand(preserve: Run, archive: Path, tmp_path: Path) -> None:
    rows = preserve("report", archive, "-o", "out", "--json").lines
    text_ = Page((tmp_path / "out" / rows[1]["report"]).read_text()).text
    block = text_[text_.index("cd archive/runs") : text_.index("Or hand this one")]
    lines = [line for line in block.splitlines() if line.strip() and "less" not in line]
    done = subprocess.run(["sh", "-e", "-c", "\n".join(lines)], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    expected = re.findall(r"# ([0-9a-f]{64})", block)
    assert re.findall(r"^([0-9a-f]{64})", done.stdout, re.MULTILINE) == expected
    prove = next(line for line in text_.splitlines() if line.startswith("preserve prove"))
    words = prove.split()
    assert preserve(*words[1:]).code == 0, prove


def test_an_altered_archive_is_reported_all_the_same(preserve: Run, archive: Path, tmp_path: Path) -> None:
    warc = max(archive.glob("runs/*/data/*.warc.gz"))
    data = bytearray(warc.read_bytes())
    data[len(data) // 2] ^= 1
    warc.write_bytes(data)
    done = preserve("report", archive, "-o", "out", "--certificate")
    assert done.code == 40
    assert "altered" in done.stderr
    page = (tmp_path / "out" / "index.html").read_text()
    assert "Altered, missing or forged" in page
    assert page.index("Altered, missing or forged") < page.index("Documents</h2>")
    assert "Unaltered" not in page
    assert warc.name in page
    assert "FAILS" in (tmp_path / "out" / "certificate.md").read_text()


def test_an_unknown_signer_is_41_and_said(preserve: Run, archive: Path, tmp_path: Path) -> None:
    stranger = {"XDG_CONFIG_HOME": str(tmp_path / "other"), "XDG_STATE_HOME": str(tmp_path / "state")}
    done = preserve("report", archive, "-o", "out", env=stranger)
    assert done.code == 41
    page = (tmp_path / "out" / "index.html").read_text()
    assert "not everything is established" in page
    assert "no key that is trusted here" in page


def test_a_write_protected_archive_and_an_open_run(preserve: Run, archive: Path, tmp_path: Path) -> None:
    (archive / "journal").mkdir()
    places = [archive, *archive.rglob("*")]
    for place in places:
        place.chmod(0o555 if place.is_dir() else 0o444)
    try:
        done = preserve("report", archive, "-o", "out")
        assert done.code == 0, done.stderr
        assert "A run is open" in done.stderr
        assert "A run is open and not sealed yet" in (tmp_path / "out" / "index.html").read_text()
    finally:
        for place in places:
            place.chmod(0o755 if place.is_dir() else 0o644)


def test_authorities_vouch_for_nothing_that_fails(preserve: Run, config_home: Path, tmp_path: Path) -> None:
    archivist = Archivist()
    add_stamped(archivist)
    for key in trusted(archivist):
        TrustStore(config_home / "preserve").add(key)
    root = archivist.write(tmp_path / "archive")
    assert preserve("report", "archive", "-o", "good").code == 0
    assert "Time: stamped. Time-stamp authorities vouch" in (tmp_path / "good" / "index.html").read_text()
    (warc,) = root.glob("runs/*/data/*.warc.gz")
    warc.write_bytes(warc.read_bytes()[:-1] + b"x")
    assert preserve("report", "archive", "-o", "bad").code == 40
    page = (tmp_path / "bad" / "index.html").read_text()
    assert "vouch that each run" not in page
    assert "Authorities vouch for the seals of the runs that say so, and for nothing that fails." in page


@pytest.mark.long
def test_only_a_report_is_replaced(preserve: Run, archive: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert preserve("report", archive, "-o", "out", "--certificate").code == 0
    assert preserve("report", archive, "-o", "out").code == 0
    assert not (out / "certificate.html").exists(), "made anew, not added to"
    (out / "my-notes.txt").write_text("mine")
    done = preserve("report", archive, "-o", "out")
    assert done.code == 30
    assert "my-notes.txt" in done.stderr
    assert (out / "index.html").is_file()

    other = tmp_path / "other"
    other.mkdir()
    assert preserve("report", archive, "-o", "other").code == 0, "an empty folder may be filled"
    full = tmp_path / "full"
    full.mkdir()
    (full / "index.html").write_text("mine")
    done = preserve("report", archive, "-o", "full")
    assert done.code == 30
    assert (full / "index.html").read_text() == "mine"
    assert sorted(path.name for path in tmp_path.glob(".*")) == [], "nothing is left beside"


@pytest.mark.long
def test_places_where_nothing_may_be_written(preserve: Run, archive: Path, tmp_path: Path) -> None:
    for place, code in (
        (archive / "report", 2),
        (archive, 2),
        (tmp_path, 2),
        (tmp_path / "none" / "out", 30),
        (tmp_path / "bridge.txt", 30),
    ):
        done = preserve("report", archive, "-o", place)
        assert done.code == code, (place, done.stderr)
    assert not (archive / "report").exists()
    assert preserve("report", tmp_path / "home", "-o", "out").code == 20
    assert preserve("report", archive, "-o", "out", "--document", "other.txt").code == 2
    assert preserve("report", archive, "-o", "out", "--bundle", "none.wacz").code == 2
    assert preserve("report", archive, "-o", "out", "--archived-at", "javascript:x").code == 2
    assert not (tmp_path / "out").exists()


def test_a_full_disk_leaves_nothing(archive: Path, tmp_path: Path) -> None:
    """No file may grow beyond 4,000 bytes: writing fails in the middle, as on a full disk."""
    limited = (
        "import resource, signal; resource.setrlimit(resource.RLIMIT_FSIZE, (4000, 4000));"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); from preserve.cli import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", limited, "report", str(archive), "-o", "out"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 30, done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()
    assert sorted(path.name for path in tmp_path.glob(".*")) == []


def test_a_bundle_is_named_relative_to_the_report(preserve: Run, archive: Path, tmp_path: Path) -> None:
    assert preserve("bundle", archive, "-o", "paper.wacz").code == 0
    rows = preserve("report", archive, "-o", "deep", "--bundle", "paper.wacz", "--json").lines
    page = tmp_path / "deep" / rows[0]["report"]
    (link,) = [link for link in Page(page.read_text()).links if link.endswith(".wacz")]
    assert Path(os.path.normpath(page.parent / link)) == tmp_path / "paper.wacz"


def test_a_reader_who_goes_away_takes_no_report_with_him(archive: Path, tmp_path: Path) -> None:
    script = f"{sys.executable} -m preserve report archive -o out --json | true; echo $?"
    done = subprocess.run(["sh", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr
    assert (tmp_path / "out" / "report.jsonl").read_text().count("\n") == 5


def test_only_one_run(preserve: Run, archive: Path, tmp_path: Path) -> None:
    rows = preserve("report", archive, "-o", "out", "--run", "0", "--json").lines
    assert {row["captures"] for row in rows} == {0, 1}
    assert sorted(path.name for path in (tmp_path / "out" / "captures").iterdir()) == ["000000"]
    assert "A selection" in (tmp_path / "out" / "index.html").read_text()


def test_an_empty_archive(preserve: Run, archive: Path, tmp_path: Path) -> None:
    shutil.rmtree(archive / "runs")
    done = preserve("report", archive, "-o", "out")
    assert done.code == 40, "its log knows of runs"
    page = (tmp_path / "out" / "index.html").read_text()
    assert "The archive is empty" in page
    assert "Altered, missing or forged" in page
