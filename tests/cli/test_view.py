"""`preserve view` as a browser, a stranger on the same machine and a careless user meet it."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import socket
import stat
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from preserve.adapters import replayassets
from preserve.errors import ConfigError
from reports import Page
from running import Run, run_preserve
from sites import AnyHostSite, not_found, raw, respond, text, wait_until
from viewing import Viewing

TITLE = '</title><script>alert(1)</script><img src=x onerror=alert(1)>"\u202e'
DOCUMENT = f"""\
The bridge was built twice.1 Nobody knows why.2 It is still there.3

1 Ada Lund, "The first bridge" (2 May 2019), online: <http://one.example/bridge>.
2 Bo Lund, "{TITLE}" (2020), online: <http://two.example/plans>.
3 Émile Lund, "A third bridge" (2021), online: <http://three.example/gone>.
"""
HOSTILE = [("X-Note", '"><script>alert(2)</script>'), ("Content-Type", "text/html")]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """A folder with an archive of two runs, and its user's home."""
    folder = tmp_path_factory.mktemp("made")
    env = {"HOME": str(folder), "XDG_CONFIG_HOME": str(folder / "config"), "XDG_STATE_HOME": str(folder / "state")}
    env["XDG_DATA_HOME"] = str(folder / "data")
    (folder / "bridge.txt").write_text(DOCUMENT)
    with AnyHostSite() as site:
        site.otherwise(not_found)
        site.route("/bridge", text("It was built once."))
        site.route("/plans", raw(respond(f"<title>{TITLE}</title>".encode(), fields=HOSTILE)))
        options = ("--delay", "0", "--connect-to", site.connect_to)
        assert run_preserve(folder, "capture", "bridge.txt", *options, env=env).code == 10
        site.route("/bridge", text("It was built twice."))
        assert run_preserve(folder, "capture", "bridge.txt", *options, env=env).code == 10
    return folder, env


@pytest.fixture(scope="module")
def viewing(made: tuple[Path, dict[str, str]]) -> Iterator[Viewing]:
    """One view for all who only look."""
    with Viewing(*made, "archive") as running:
        yield running


def tree(root: Path) -> dict[str, bytes]:
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


PATHS = (
    "", "index.html", "rows/0001.html", "search?q=bridge", "check", "events", "certificate.html", "notes/0001.html",
    "captures/000000/0000/0000001.html", "changes/0-0/1-0", "replay/0-1",
)  # fmt: skip


@pytest.mark.parametrize("path", PATHS)
def test_pages_obey_nothing_that_strangers_wrote(viewing: Viewing, path: str) -> None:
    status, head, body = viewing.page(path)
    assert status == 200
    page = Page(body)
    assert all(not name.startswith("on") for _, attributes in page.elements for name in attributes)
    assert {tag for tag, _ in page.elements}.isdisjoint({"img", "iframe", "object", "embed", "base"})
    assert "alert" not in "".join(body.split("<script>")[1:2]).partition("</script>")[0]
    assert "\u202e" not in body
    policy = next(line for line in head.splitlines() if line.startswith("content-security-policy:"))
    for part in ("default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", "script-src 'sha256-"):
        assert part in policy
    assert "unsafe" not in policy
    assert "http:" not in policy
    for link in page.all("link"):
        assert link["href"].split("/")[-1] in {"preserve.css", "view.css"}
        assert viewing.page(link["href"].removeprefix("../").removeprefix("../"))[0] in {200, 404}


def test_the_address_and_what_is_said(viewing: Viewing) -> None:
    assert viewing.address == f"http://127.0.0.1:{viewing.port}/{viewing.secret}/"
    assert len(viewing.secret) >= 16
    body = viewing.page()[2]
    assert "Unaltered, complete, and signed by a key that is trusted here" in body
    assert "Not checked yet" not in body
    assert {row["data-state"] for row in Page(body).all("tr") if "data-state" in row} == {"captured", "doubtful"}


@pytest.mark.parametrize(
    "path",
    ["rows/0002.html", "rows/0000.html", "captures/000009/0000/0000000.html", "captures/000000/0000/0000099.html", "notes/0009.html",
     "changes/0-0/0-0", "changes/0-0/0-1", "changes/0-9/1-0", "replay/7-0", "archive.toml", "runs/", "../archive.toml", "check/", "x"],
)  # fmt: skip
def test_what_is_not_there_is_not_there(viewing: Viewing, path: str) -> None:
    status, _, body = viewing.page(path)
    assert (status, body) == (404, "")


def test_strangers_get_nothing(viewing: Viewing) -> None:
    secret = f"/{viewing.secret}/"
    assert viewing.ask("/")[::2] == (404, b"")
    assert viewing.ask("/x" + viewing.secret)[::2] == (404, b"")
    assert viewing.ask(secret, host="evil.example")[::2] == (403, b"")
    assert viewing.ask(secret, host=f"evil.example:{viewing.port}")[::2] == (403, b"")
    assert viewing.ask(secret, host=f"localhost:{viewing.port}")[0] == 200
    assert viewing.ask(secret, "Sec-Fetch-Site: cross-site")[::2] == (403, b"")
    assert viewing.ask(secret, method="PUT")[::2] == (405, b"")
    assert viewing.ask(f"http://evil.example{secret}")[0] in {400, 403, 404}
    assert viewing.raw(f"GET {secret} HTTP/1.0\r\n\r\n".encode()).split(b" ")[1] == b"403"
    two = f"GET {secret} HTTP/1.1\r\nHost: 127.0.0.1:{viewing.port}\r\nHost: x\r\nConnection: close\r\n\r\n"
    assert viewing.raw(two.encode()).split(b" ")[1] in {b"400", b"403"}


@pytest.mark.parametrize(
    "path", ["..%2f..%2fetc%2fpasswd", "..\\archive.toml", "%00", "search%3fq=1", "./check", "//check", "check;x"]
)
def test_tricks_with_paths(viewing: Viewing, path: str) -> None:
    assert viewing.page(path)[::2] == (404, "")


def test_too_much_is_cut_off_and_slow_ones_are_in_nobodys_way(viewing: Viewing) -> None:
    host = f"Host: 127.0.0.1:{viewing.port}"
    with socket.create_connection(("127.0.0.1", viewing.port), 10) as slow:
        slow.sendall(f"GET /{viewing.secret}/ HTTP/1.1\r\n".encode())
        huge = viewing.raw(f"GET /{viewing.secret}/ HTTP/1.1\r\n{host}\r\nX: {'x' * 200_000}\r\n\r\n".encode()[:120_000])
        assert b" 200 " not in huge.split(b"\r\n")[0]
        assert viewing.page()[0] == 200
    status, _, body = viewing.page("search?q=" + "x" * 5000)
    assert (status, body) == (404, "")


def test_searching(viewing: Viewing) -> None:
    def found(query: str) -> list[str]:
        page = Page(viewing.page(f"search?{query}")[2])
        return [row["id"] for row in page.all("tr") if "data-state" in row]

    wait_until(lambda: "have been read so far" not in viewing.page("search")[2])
    assert found("q=third+bridge") == found("q=EMILE") == found("q=three.example") == ["row-2"]
    assert found("q=note:1") == ["row-0"]
    assert found("state=captured&q=bridge.txt") == ["row-0", "row-1"] or found("state=captured&q=bridge.txt") == ["row-0"]
    assert found("q=") == ["row-0", "row-1", "row-2"]
    assert found("q=nothing+of+that") == found("q=bridge&document=0&state=altered") == []
    assert len(found("q=bridge&document=99&page=x")) == 3
    body = viewing.page("search?q=%22%3E%3Cscript%3Ealert(3)%3C/script%3E")[2]
    assert Page(body).all("input")[0]["value"] == '"><script>alert(3)</script>'
    assert body.count("<script>") == 1


def test_checking_again(viewing: Viewing) -> None:
    before = viewing.page("check")[2]
    status, head, _ = viewing.page("check", method="POST")
    assert status == 303
    assert "location: check" in head
    wait_until(lambda: json.loads(viewing.page("check.json")[2])["stage"] == "done")
    after = viewing.page("check")[2]
    assert "Claim by claim" in before
    assert "Claim by claim" in after
    assert viewing.page("", method="POST")[0] == 405


def test_captures_are_compared_and_replay_says_what_it_needs(viewing: Viewing) -> None:
    capture = viewing.page("captures/000001/0000/0000000.html")[2]
    assert "changes/0-0/1-0" in capture
    assert "replay/1-0" in capture
    page = Page(viewing.page("changes/0-0/1-0")[2])
    assert "once" in page.text
    assert "twice" in page.text
    replay = viewing.page("replay/1-0")[2]
    assert "preserve view --install-replay" in replay
    assert "AGPL" in replay
    assert "<iframe" not in replay


# ---------------------------------------------------------------------------------------------------------- from start to end


@pytest.mark.long
@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_when_told_and_wrote_nothing(made: tuple[Path, dict[str, str]], sign: signal.Signals) -> None:
    folder, env = made
    before = tree(folder / "archive")
    folders = [path for path in (folder / "archive").rglob("*") if path.is_dir()]
    for path in (folder / "archive", *folders):
        path.chmod(0o555)
    try:
        with Viewing(folder, env, "archive") as running, socket.create_connection(("127.0.0.1", running.port)) as idle:
            assert running.page()[0] == 200
            idle.sendall(b"GET / HT")
            running.end(sign)
    finally:
        for path in (folder / "archive", *folders):
            path.chmod(0o755)
    assert (running.code, running.stderr.splitlines()[-1]) == (0, "Stopped.")
    assert tree(folder / "archive") == before


def test_an_altered_archive_says_so_first(made: tuple[Path, dict[str, str]], tmp_path: Path) -> None:
    folder, env = made
    shutil.copytree(folder / "archive", tmp_path / "archive")
    warc = min((tmp_path / "archive" / "runs").glob("000001-*/data/*.warc.gz"))
    data = bytearray(warc.read_bytes())
    data[len(data) // 2] ^= 1
    warc.write_bytes(data)
    with Viewing(tmp_path, env, "archive") as running:
        for path in ("", "search?q=bridge"):
            assert "Altered, missing or forged" in running.page(path)[2]
        assert "elsewhere" in running.page("captures/000000/0000/0000000.html")[2]
        assert running.page("replay/0-0")[0] == 200


def test_an_archive_of_nothing(made: tuple[Path, dict[str, str]], tmp_path: Path) -> None:
    folder, env = made
    shutil.copytree(folder / "archive", tmp_path / "archive")
    shutil.rmtree(tmp_path / "archive" / "runs")
    with Viewing(tmp_path, env, "archive") as running:
        for path in ("", "search", "check", "events", "certificate.html"):
            assert running.page(path)[0] == 200
        assert "The archive is empty" in running.page()[2]


def test_what_cannot_be_viewed(preserve: Run, made: tuple[Path, dict[str, str]], tmp_path: Path) -> None:
    folder, env = made
    (tmp_path / "empty").mkdir()
    assert preserve("view", "empty").code == 20
    assert preserve("view", "nowhere").code == 20
    assert preserve("view").code == 2
    assert preserve("view", folder / "archive", "--replay-assets", "empty").code == 3
    with socket.create_server(("127.0.0.1", 0)) as taken:
        refused = preserve("view", folder / "archive", "--port", str(taken.getsockname()[1]), env=env)
    assert refused.code == 30
    assert "another program has it" in refused.stderr
    assert refused.stdout == ""


# ------------------------------------------------------------------------------------------------------------------ the player


def packed(folder: Path, **files: bytes) -> Path:
    """A package as npm packs it."""
    with tarfile.open(folder / "replaywebpage-2.5.3.tgz", "w:gz") as archive:
        for name, data in files.items():
            (folder / name).write_bytes(data)
            archive.add(folder / name, f"package/{name.replace('_', '.')}")
    return folder / "replaywebpage-2.5.3.tgz"


def npm(folder: Path, script: str) -> Path:
    """A folder with a program that stands in for npm."""
    (folder / "bin").mkdir()
    program = folder / "bin" / "npm"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return folder / "bin"


def test_a_player_that_is_not_the_known_one_is_not_kept(preserve: Run, tmp_path: Path) -> None:
    package = packed(tmp_path, ui_js=b"other", sw_js=b"other")
    path = f"{npm(tmp_path, f'cp {package} .')}:{os.environ['PATH']}"
    refused = preserve("view", "--install-replay", env={"PATH": path, "XDG_DATA_HOME": str(tmp_path / "data")})
    assert refused.code == 3
    assert "not the package that is known" in refused.stderr
    assert not (tmp_path / "data").exists()


def test_without_npm_or_network_it_says_so(preserve: Run, tmp_path: Path) -> None:
    missing = preserve("view", "--install-replay", env={"PATH": str(tmp_path), "XDG_DATA_HOME": str(tmp_path / "data")})
    assert missing.code == 3
    assert "npm is not here" in missing.stderr
    path = f"{npm(tmp_path, 'echo no such host >&2; exit 1')}:{os.environ['PATH']}"
    failed = preserve("view", "--install-replay", env={"PATH": path, "XDG_DATA_HOME": str(tmp_path / "data")})
    assert failed.code == 3
    assert "no such host" in failed.stderr


def test_the_known_player_is_kept_and_looked_at_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = packed(tmp_path, ui_js=b"ui", sw_js=b"sw", LICENSE=b"the licence")
    monkeypatch.setenv("PATH", f"{npm(tmp_path, f'cp {package} .')}:{os.environ['PATH']}")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setattr(replayassets, "_SHA256", hashlib.sha256(package.read_bytes()).hexdigest())
    known = {"ui.js": hashlib.sha256(b"ui").hexdigest(), "sw.js": hashlib.sha256(b"sw").hexdigest()}
    monkeypatch.setattr(replayassets, "_FILES", known)
    assert replayassets.find(None) is None
    place = replayassets.install()
    assert sorted(os.listdir(place)) == ["LICENSE", "sw.js", "ui.js"]
    found = replayassets.find(None)
    assert found is not None
    assert (found.known, found.ui.read_bytes()) == (True, b"ui")
    (place / "sw.js").write_bytes(b"changed")
    with pytest.raises(ConfigError, match="not the files that were installed"):
        replayassets.find(None)
    other = replayassets.find(place)
    assert other is not None
    assert not other.known
