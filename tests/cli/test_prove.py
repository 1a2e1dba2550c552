"""`preserve prove`: a packet of one capture, and a stranger who has nothing but the packet, python3 and openssl."""

from __future__ import annotations

import ast
import gzip
import hashlib
import os
import re
import shutil
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from archives import Archivist, data_files
from attacks_on_redactions import remove
from attacktools import join, split
from packetcorpus import revisit_archive
from preserve.adapters.keys import KeyStore
from preserve.adapters.packets import aids
from preserve.adapters.trust import TrustStore
from preserve.formats import gzipmember, lines, manifest, merkle, warc
from running import ROOT, Run
from sites import AnyHostSite, text

DOCUMENT = """\
The ferry ran twice a day.1 The winch was new.2 Nobody rowed.3 It still runs.4

1 Ada Lund, "The ferry" (2 May 2019), online: <http://one.example/ferry>.
2 Bo Lund, "The winch" (2020), online: <http://two.example/winch>.
3 Cy Lund, "Rowing" (2021), online: <http://three.example/rowing>.
4 Ada Lund, "The ferry" (2 May 2019), online: <http://one.example/ferry>.
"""
OTHERS = (b"two.example", b"three.example", b"rowing", b"winch")


@pytest.fixture
def archive(preserve: Run, tmp_path: Path, site: AnyHostSite) -> Path:
    """An archive of one run of one document."""
    (tmp_path / "ferry.txt").write_text(DOCUMENT)
    site.route("/ferry", text("<p>The timetable, part one.</p>"))
    _capture(preserve, site)
    return tmp_path / "archive"


def _capture(preserve: Run, site: AnyHostSite) -> None:
    done = preserve("capture", "ferry.txt", "--delay", "0", "--connect-to", site.connect_to, "--no-timestamp")
    assert done.code in {0, 10}, done.stderr


def _keyid(config_home: Path) -> str:
    key = KeyStore(config_home / "preserve").signing_key(None)
    assert key is not None
    return key.keyid


def _contents(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as file:
        found = {name: file.read(name) for name in file.namelist()}
    return {name: gzip.decompress(data) if name.endswith(".gz") else data for name, data in found.items()}


def test_a_packet_shows_one_capture_and_nothing_of_the_others(preserve: Run, archive: Path, tmp_path: Path) -> None:
    done = preserve("prove", archive, "http://one.example/ferry", "-o", "ferry.zip")
    assert done.code == 0, done.stderr
    assert preserve("prove", archive, "http://one.example/ferry", "-o", "again.zip").code == 0
    assert (tmp_path / "ferry.zip").read_bytes() == (tmp_path / "again.zip").read_bytes()
    contents = _contents(tmp_path / "ferry.zip")
    for name, data in contents.items():
        assert not any(word in data for word in OTHERS), name
    assert b"The timetable, part one." in b"".join(contents.values())
    assert contents["proofs/citations.proof"].count(b"preserve-line-proof/v1\n") == 2
    assert {"README.md", "verify.py", "SEAL", "log/seal.tlog-proof", "proofs/capture.proof"} <= contents.keys()
    told = preserve("verify", "ferry.zip", "--json")
    assert told.code == 0, told.stdout
    results = {line["claim"]: line["result"] for line in told.lines[:-1]}
    for claim in ("integrity", "structure", "signer", "log-inclusion"):
        assert results[claim] == "pass"
    assert results["completeness"] == "not-checked"
    assert told.lines[-1] == {"ok": True, "exit": 0, "time": "self-asserted"}


@pytest.mark.long
def test_which_capture(preserve: Run, archive: Path, site: AnyHostSite) -> None:
    url = "http://one.example/ferry"
    _capture(preserve, site)
    assert "run 000001-" in preserve("prove", archive, url, "-o", "x.zip").stderr
    assert "run 000000-" in preserve("prove", archive, url, "-o", "x.zip", "--run", "0").stderr
    assert (
        preserve("prove", archive, "HTTP://ONE.example:80/ferry", "-o", "x.zip", "--note", "4", "--document", "ferry.txt").code
        == 0
    )
    for wrong in (("--run", "7"), ("--note", "2"), ("--document", "other.txt")):
        done = preserve("prove", archive, url, "-o", "none.zip", *wrong)
        assert done.code == 2
        assert "there is no sealed capture" in done.stderr
    assert preserve("prove", archive, "http://four.example/", "-o", "none.zip").code == 2
    assert preserve("prove", archive, url, "-o", archive / "none.zip").code == 2
    assert preserve("prove", "nowhere", url, "-o", "none.zip").code == 20
    assert not (archive.parent / "none.zip").exists()


def test_an_altered_archive_proves_nothing(preserve: Run, archive: Path, tmp_path: Path) -> None:
    (warc,) = archive.glob("runs/000000-*/data/*.warc.gz")
    data = bytearray(warc.read_bytes())
    data[-20] ^= 1
    warc.write_bytes(data)
    done = preserve("prove", archive, "http://one.example/ferry", "-o", "ferry.zip")
    assert done.code == 40
    assert "proves nothing" in done.stderr
    assert not (tmp_path / "ferry.zip").exists()


def test_an_altered_packet_is_refused_in_one_word(preserve: Run, archive: Path, tmp_path: Path) -> None:
    assert preserve("prove", archive, "http://one.example/ferry", "-o", "ferry.zip").code == 0
    with zipfile.ZipFile(tmp_path / "ferry.zip") as old, zipfile.ZipFile(tmp_path / "forged.zip", "w") as new:
        for name in old.namelist():
            data = old.read(name)
            new.writestr(name, data.replace(b"one.example", b"two.example") if name == "proofs/capture.proof" else data)
    done = preserve("verify", "forged.zip")
    assert done.code == 40
    assert done.stdout.splitlines()[-1] == "REFUSED line-proof"
    assert preserve("verify", "forged.zip", "--json").lines[-1]["refusal"] == "line-proof"


def _pin(config_home: Path, archivist: Archivist) -> None:
    store = TrustStore(config_home / "preserve")
    for key in archivist.trusted:
        store.add(key)


def test_a_revisit_brings_its_original(preserve: Run, config_home: Path, tmp_path: Path) -> None:
    archivist = revisit_archive()
    archivist.write(tmp_path / "archive")
    _pin(config_home, archivist)
    done = preserve("prove", "archive", "http://station-1.example/page?run=1", "-o", "revisit.zip")
    assert done.code == 0, done.stderr
    contents = _contents(tmp_path / "revisit.zip")
    assert b"the timetable of the ferry" in contents["originals/000000/records/01-original.warc.gz"]
    assert not any(b"station-0" in data or b"station-2" in data for data in contents.values())
    told = preserve("verify", "revisit.zip", "--json")
    assert told.lines[-1].get("refusal", "") in {"", "created-time"}, "the second run claims a day that may not have come"
    assert {line["result"] for line in told.lines[:-1] if line["claim"] in {"integrity", "structure"}} == {"pass"}


def test_a_revisit_so_short_that_nothing_to_read_stands_where_it_was(preserve: Run, config_home: Path, tmp_path: Path) -> None:
    """What it referred to is not known any more, and not asked for: the capture itself was removed."""
    archivist, files, cited = Archivist(), data_files(0, 1), b"The register of stations, part 0.\n"
    archivist.documents[f"documents/{hashlib.sha256(cited).hexdigest()}/paper-0.txt"] = cited
    path, members = split(files)
    (capture,) = map(lines.decode_capture, merkle.lines(files["data/captures.jsonl"]))
    header = (
        f"WARC/1.1\r\nWARC-Type: revisit\r\nWARC-Refers-To: <urn:x>\r\nWARC-Target-URI: {capture.url}\r\nContent-Length: 0\r\n"
    )
    members[2] = gzipmember.pack(f"{header}\r\n".encode(), b"", warc.END)
    join(files, path, members)
    kept = tuple(replace(ref, type="revisit") if ref.index == 2 else ref for ref in capture.records)
    files["data/captures.jsonl"] = lines.encode_capture(replace(capture, records=kept)) + b"\n"
    archivist.add_signed(files, manifest.encode(archivist.manifest(files, 0, 1)))
    remove(archivist, 0, (2,))
    archivist.write(tmp_path / "archive")
    _pin(config_home, archivist)
    done = preserve("prove", "archive", capture.url, "-o", "p.zip")
    assert done.code == 2, done.stderr
    assert f"the capture of {capture.url} in run {archivist.names[0]} was removed from the archive" in done.stderr
    assert not (tmp_path / "p.zip").exists()


def test_an_unknown_signer(preserve: Run, archive: Path, config_home: Path) -> None:
    assert preserve("prove", archive, "http://one.example/ferry", "-o", "ferry.zip").code == 0
    (config_home / "preserve" / "trust.toml").unlink()
    done = preserve("verify", "ferry.zip")
    assert done.code == 41
    assert done.stdout.splitlines()[-1] == "NOT ESTABLISHED log-unknown"


# ------------------------------------------------------------------------------------------------------------- the stranger


def _tools(folder: Path) -> Path:
    """A PATH with what README.md asks for, and nothing of preserve."""
    folder.mkdir()
    for tool in ("openssl", "sha256sum", "sh", "sed", "cut", "grep", "test", "head", "gzip"):
        found = shutil.which(tool)
        if found is None:
            pytest.skip(f"{tool} is needed to follow README.md")
        (folder / tool).symlink_to(found)
    (folder / "python3").symlink_to(Path(sys.executable).resolve())
    return folder


def _follow(folder: Path, tools: Path, readme: str) -> list[subprocess.CompletedProcess[str]]:
    """Run each block of README.md as a person would paste it."""
    blocks = re.findall(r"^```sh\n(.*?)^```$", readme, re.MULTILINE | re.DOTALL)
    assert len(blocks) >= 6
    return [
        subprocess.run(
            [str(tools / "sh"), "-c", block], cwd=folder, env={"PATH": str(tools)}, capture_output=True, text=True, check=False
        )
        for block in blocks
    ]


def test_a_stranger_follows_the_readme(preserve: Run, archive: Path, config_home: Path, tmp_path: Path) -> None:
    assert preserve("prove", archive, "http://one.example/ferry", "-o", "ferry.zip").code == 0
    place = tmp_path / "stranger"
    with zipfile.ZipFile(tmp_path / "ferry.zip") as file:
        file.extractall(place)
    readme = (place / "README.md").read_text(encoding="utf-8")
    assert _keyid(config_home) in readme
    tools = _tools(tmp_path / "tools")
    before = sorted(path.relative_to(place) for path in place.rglob("*"))
    done = _follow(place, tools, readme)
    for step in done:
        assert step.returncode == 0, step
        assert "rror" not in step.stderr, step
    assert done[0].stdout.splitlines()[-1] == "UNALTERED"
    told = "".join(step.stdout for step in done)
    for words in ("manifest.json: OK", "the key is the one you were told of", "Signature Verified Successfully", "WARC/1.1"):
        assert words in told
    hashes = next(step.stdout.splitlines() for step in done if re.fullmatch(r"([0-9a-f]{64}\n)+", step.stdout))
    assert hashes[: len(hashes) // 2] == hashes[len(hashes) // 2 :]
    assert sorted(path.relative_to(place) for path in place.rglob("*")) == before, "nothing was written"

    record = next(place.glob("records/*.gz"))
    record.write_bytes(record.read_bytes()[:-1] + b"!")
    assert _follow(place, tools, readme)[0].stdout.splitlines()[-1] == "REFUSED record-hash"


def test_a_stranger_follows_the_readme_to_what_a_revisit_refers_to(
    preserve: Run, archive: Path, site: AnyHostSite, tmp_path: Path
) -> None:
    site.route("/ferry", text("<p>The timetable, part two.</p>" * 100))
    for _ in range(2):
        _capture(preserve, site)
    assert preserve("prove", archive, "http://one.example/ferry", "-o", "ferry.zip").code == 0
    place = tmp_path / "stranger"
    with zipfile.ZipFile(tmp_path / "ferry.zip") as file:
        file.extractall(place)
    (earlier,) = (place / "originals").iterdir()
    readme = (place / "README.md").read_text(encoding="utf-8")
    by_hand = readme[readme.index("## 3.") : readme.index("A folder `originals/`")]
    tools = _tools(tmp_path / "tools")
    for folder in (place, earlier):
        blocks = re.findall(r"^```sh\n(.*?)^```$", by_hand, re.MULTILINE | re.DOTALL)
        assert len(blocks) == 5
        told = ""
        for block in blocks:
            command = [str(tools / "sh"), "-c", block]
            step = subprocess.run(command, cwd=folder, env={"PATH": str(tools)}, capture_output=True, text=True, check=False)
            assert step.returncode == 0, step
            told += step.stdout
        assert "manifest.json: OK" in told
        assert "Signature Verified Successfully" in told


def test_how_the_capture_ended_is_said_by_both(
    preserve: Run, archive: Path, site: AnyHostSite, config_home: Path, tmp_path: Path
) -> None:
    (config_home / "preserve" / "config.toml").write_text("[capture]\npatience = 0\n")
    site.route("/gone", text("no more", status="404 Not Found"))
    more = ("--url", "http://one.example/gone", "--url", "http://two.example:1/", "--resolve", "two.example:1:127.0.0.1")
    preserve("capture", "--delay", "0", "--connect-to", site.connect_to, "--no-timestamp", *more)
    for url, ended in (("http://one.example/gone", "(captured, status 404)"), ("http://two.example:1/", "(failed)")):
        made = preserve("prove", archive, url, "-o", "packet.zip")
        assert made.code == 0, made.stderr
        checker = [sys.executable, "-I", str(ROOT / "src/preserve/packet/verify.py"), "packet.zip"]
        theirs = subprocess.run(checker, cwd=tmp_path, capture_output=True, text=True, check=False)
        for told in (preserve("verify", "packet.zip").stdout, theirs.stdout):
            assert f"{url} {ended}" in told


def test_a_record_that_grew_is_not_read_through(preserve: Run, archive: Path, tmp_path: Path) -> None:
    assert preserve("prove", archive, "http://one.example/ferry", "-o", "ferry.zip").code == 0
    place = tmp_path / "stranger"
    with zipfile.ZipFile(tmp_path / "ferry.zip") as file:
        file.extractall(place)
    os.truncate(next(place.glob("records/*.gz")), 1 << 37)
    command = [sys.executable, "-I", str(place / "verify.py")]
    by_hand = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)
    ours = preserve("verify", place)
    assert by_hand.stdout.splitlines()[-1] == ours.stdout.splitlines()[-1] == "REFUSED record-hash"


def test_what_a_person_gets_wrong_is_told_at_once(tmp_path: Path) -> None:
    check = [sys.executable, "-I", str(ROOT / "src/preserve/packet/verify.py")]
    os.mkfifo(tmp_path / "packet.zip")
    for arguments, code, said in (
        (["--help"], 0, "Check an evidence packet"),
        (["--key", "8223"], 2, "a key id has 64 hexadecimal digits"),
        (["--root", "tsa=nowhere.pem"], 2, "nowhere.pem"),
        (["nowhere.zip"], 2, "nowhere.zip"),
        (["packet.zip"], 2, "neither a folder nor a plain file"),
    ):
        done = subprocess.run([*check, *arguments], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=20)
        assert done.returncode == code
        assert said in (done.stdout + done.stderr).splitlines()[0]


def test_another_key_is_not_this_key(preserve: Run, archive: Path, tmp_path: Path) -> None:
    assert preserve("prove", archive, "http://one.example/ferry", "-o", "ferry.zip").code == 0
    check = [sys.executable, "-I", str(ROOT / "src/preserve/packet/verify.py"), "--key", "0" * 64, "ferry.zip"]
    done = subprocess.run(check, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 41
    assert done.stdout.splitlines()[-1] == "NOT ESTABLISHED signer-unknown"


def test_the_checker_knows_its_readme_and_nothing_of_preserve() -> None:
    brought = aids()
    source = brought.verifier.decode("ascii")
    assert hashlib.sha256(brought.readme).hexdigest() in source, "README.md has changed: put its SHA-256 into verify.py"
    imports = re.findall(r"^\s*(?:from|import) ([a-z0-9_]+)", source, re.MULTILINE)
    assert set(imports) <= sys.stdlib_module_names
    ast.parse(source, feature_version=(3, 8))
    assert brought.readme.count(b"\nK={KEYID}\n") >= 1
