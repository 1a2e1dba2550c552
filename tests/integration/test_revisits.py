"""An equal body is kept once: the next one is a revisit whose original is in this archive, whatever becomes of the index."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path, PurePath
from typing import Any

import pytest
from warcio.archiveiterator import ArchiveIterator

from preserve.adapters.payloads import PayloadIndex
from preserve.errors import StoreError
from running import Finished, Run
from sites import AnyHostSite, Reply, Request, chunked, text

BODY = b"The same thousand bytes and more, wherever they are asked for.\n" * 20
IMAGE = text(BODY, media_type="image/png")


def args(site: AnyHostSite, *more: str) -> tuple[str, ...]:
    options = ("--connect-to", site.connect_to, "--delay", "0", "--robots", "ignore", "--json")
    return ("capture", *options, *more)


def urls(*names: str) -> list[str]:
    return [part for name in names for part in ("--url", f"http://a.example/{name}")]


def run_folder(done: Finished) -> Path:
    return Path(done.lines[-1]["manifest"]).parent


def headers(run: Path, kind: str) -> list[dict[str, str]]:
    found = []
    for warc in sorted(run.glob("data/*.warc.gz")):
        with warc.open("rb") as file:
            found += [dict(record.rec_headers.headers) for record in ArchiveIterator(file) if record.rec_type == kind]
    return found


def lines(run: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run / "data" / "captures.jsonl").read_text().splitlines()]


def types(done: Finished) -> dict[str, str]:
    return {line["url"]: line["records"][1]["type"] for line in done.lines[:-1]}


def test_in_one_run_and_in_the_next(preserve: Run, site: AnyHostSite) -> None:
    site.otherwise(IMAGE)
    first = preserve(*args(site, "--concurrency", "1", *urls("a", "b")))
    assert first.code == 0, first.stderr
    assert types(first) == {"http://a.example/a": "response", "http://a.example/b": "revisit"}
    second = preserve(*args(site, *urls("a")))
    assert (second.code, types(second)) == (0, {"http://a.example/a": "revisit"})
    (original,) = headers(run_folder(first), "response")
    for run in (run_folder(first), run_folder(second)):
        (revisit,) = headers(run, "revisit")
        assert revisit["WARC-Refers-To"] == original["WARC-Record-ID"]
        assert revisit["WARC-Refers-To-Target-URI"] == original["WARC-Target-URI"] == "http://a.example/a"
        assert revisit["WARC-Refers-To-Date"] == f"{original['WARC-Date'][:19]}Z", "players know times by the second"
        assert revisit["WARC-Payload-Digest"] == original["WARC-Payload-Digest"]
        assert len({line["payload_sha256"] for line in lines(run)}) == 1
    assert preserve("verify", "archive").code == 0
    assert preserve("verify", "archive", "--thorough").code == 0


@pytest.mark.long
@pytest.mark.parametrize("handler", [text(b"short"), text(b""), lambda request: text(BODY + request.target.encode())(request)])
def test_what_is_small_empty_or_different_is_kept_whole(preserve: Run, site: AnyHostSite, handler: Any) -> None:
    site.otherwise(handler)
    done = preserve(*args(site, "--concurrency", "1", *urls("a", "b")))
    assert set(types(done).values()) == {"response"}


def framed(request: Request) -> Reply:
    """The same body: in two chunks, in three, or not in chunks but of the same bytes as the two."""
    two = chunked(BODY[:500], BODY[500:])(request)
    if request.target.startswith("/two"):
        return two
    if request.target.startswith("/three"):
        return chunked(BODY[:500], BODY[500:600], BODY[600:])(request)
    return text(b"".join(piece for piece in two.pieces if isinstance(piece, bytes)).partition(b"\r\n\r\n")[2])(request)


def test_a_framed_body_is_kept_once_while_its_framing_is_the_same(preserve: Run, site: AnyHostSite, tmp_path: Path) -> None:
    site.otherwise(framed)
    first = preserve(*args(site, "--concurrency", "1", *urls("two", "three", "bare", "two?again")))
    assert types(first) == {
        "http://a.example/two": "response",
        "http://a.example/three": "response",
        "http://a.example/bare": "response",
        "http://a.example/two?again": "revisit",
    }
    second = preserve(*args(site, *urls("two", "bare")))
    assert types(second) == {"http://a.example/two": "revisit", "http://a.example/bare": "revisit"}
    for run in (run_folder(first), run_folder(second)):
        digests = {revisit["WARC-Target-URI"]: revisit["WARC-Payload-Digest"] for revisit in headers(run, "revisit")}
        assert {digest.partition(":")[0] for url, digest in digests.items() if "two" in url} == {"sha1"}
    (original,) = (one for one in headers(run_folder(first), "response") if one["WARC-Target-URI"].endswith("/two"))
    assert {one["WARC-Refers-To"] for one in headers(run_folder(second), "revisit") if "two" in one["WARC-Target-URI"]} == {
        original["WARC-Record-ID"]
    }
    assert preserve("verify", "archive", "--thorough").code == 0
    proven = preserve("prove", "archive", "http://a.example/two", "-o", "two.zip")
    assert proven.code == 0, proven.stderr
    assert preserve("verify", "two.zip").code == 0
    shutil.unpack_archive(tmp_path / "two.zip", tmp_path / "two")
    assert (tmp_path / "two" / "originals").is_dir()
    keyid = json.loads((tmp_path / "two" / "manifest.json").read_text())["signers"][0]["keyid"]
    command = [sys.executable, str(tmp_path / "two" / "verify.py"), "--key", keyid, str(tmp_path / "two.zip")]
    checked = subprocess.run(command, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_what_was_cut_is_neither_original_nor_revisit(preserve: Run, site: AnyHostSite) -> None:
    site.otherwise(text(os.urandom(1 << 20) * 3))
    done = preserve(*args(site, "--concurrency", "1", "--max-size", "1M", *urls("a", "b")))
    assert set(types(done).values()) == {"response"}


def damage_original(archive: Path) -> None:
    (warc,) = archive.glob("runs/*/data/*.warc.gz")
    data = bytearray(warc.read_bytes())
    data[-1000] ^= 1
    warc.write_bytes(data)


def forge(archive: Path) -> None:
    import sqlite3

    with sqlite3.connect(archive / "index" / "payloads.sqlite") as db:
        assert db.execute("UPDATE payloads SET offset=offset+1").rowcount == 1


def lose_the_run_of_it(archive: Path) -> None:
    (run,) = (archive / "runs").iterdir()
    (run / "data" / "captures.jsonl").write_bytes(b"not what it was\n")


@pytest.mark.long
@pytest.mark.parametrize(
    ("harm", "kept_as"),
    [
        (lambda archive: shutil.rmtree(archive / "index"), "revisit"),
        (lambda archive: (archive / "index" / "payloads.sqlite").write_bytes(b"no database" * 500), "revisit"),
        (lambda archive: (archive / "index" / "payloads.sqlite").write_bytes(b""), "revisit"),
        (forge, "response"),
    ],
)
def test_the_index_may_be_lost_damaged_or_forged(
    preserve: Run, site: AnyHostSite, tmp_path: Path, harm: Callable[[Path], object], kept_as: str
) -> None:
    site.otherwise(IMAGE)
    preserve(*args(site, *urls("a")))
    other = preserve(*args(site, "--url", "http://a.example/a"))
    assert types(other) == {"http://a.example/a": "revisit"}
    harm(tmp_path / "archive")
    done = preserve(*args(site, *urls("b")))
    assert (done.code, types(done)) == (0, {"http://a.example/b": kept_as}), done.stderr
    assert preserve("verify", "archive").code == 0


def test_an_index_that_cannot_be_written_costs_space_alone(preserve: Run, site: AnyHostSite, tmp_path: Path) -> None:
    site.otherwise(IMAGE)
    preserve(*args(site, *urls("a")))
    shutil.rmtree(tmp_path / "archive" / "index", ignore_errors=True)
    (tmp_path / "archive" / "index").write_bytes(b"in the way")
    done = preserve(*args(site, *urls("b")))
    assert (done.code, types(done)) == (0, {"http://a.example/b": "response"})
    assert "kept again" in done.stderr


def test_a_damaged_original_is_no_original(preserve: Run, site: AnyHostSite, tmp_path: Path) -> None:
    noise = os.urandom(5000)
    site.otherwise(text(noise))
    preserve(*args(site, *urls("a")))
    damage_original(tmp_path / "archive")
    done = preserve(*args(site, *urls("b")))
    assert (done.code, types(done)) == (0, {"http://a.example/b": "response"})
    assert preserve("verify", "archive").code == 40


def test_runs_that_are_gone_are_forgotten(preserve: Run, site: AnyHostSite, tmp_path: Path) -> None:
    site.otherwise(IMAGE)
    for _ in range(2):
        preserve(*args(site, *urls("a")))
    runs = tmp_path / "archive" / "runs"
    names = sorted(path.name for path in runs.iterdir())
    (line,) = lines(runs / names[0])
    index = PayloadIndex(tmp_path / "archive" / "index", runs)
    index.update(names)
    found = index.find(line["payload_sha256"], line["payload_sha256"], "http://a.example/a")
    assert found is not None
    assert found.url == "http://a.example/a"
    index.update(names[1:])
    assert index.find(line["payload_sha256"], line["payload_sha256"], "http://a.example/a") is None
    lose_list = runs / names[0] / "data" / "captures.jsonl"
    lose_list.write_bytes(b"not what it was\n")
    index.update(names)
    assert index.find(line["payload_sha256"], line["payload_sha256"], "http://a.example/a") is None
    index.close()
    with pytest.raises(StoreError):
        PayloadIndex(tmp_path / "nowhere" / "at all", runs)


@pytest.mark.parametrize(("first", "last"), [(1, 3), (3, 1)])
def test_a_revisit_goes_with_its_original_when_a_disk_loses_that(
    first: int, last: int, preserve: Run, site: AnyHostSite, tmp_path: Path, config_home: Path
) -> None:
    """Three files: the power cut takes the end of one, where an original lies that another refers to.

    Where processes share a run, the revisit may lie in a file that was begun before the one of its original.
    """
    import asyncio

    from exchanges import exchange, ids, info
    from preserve.adapters.archive import Staged
    from preserve.adapters.journal import Journal
    from preserve.adapters.warcfile import WarcFile, resume
    from preserve.flows.recover import recover
    from preserve.model.web import Capture, Original, Outcome, Payload, Stored
    from preserve.rules import record

    run = tmp_path / "run"
    (run / "data").mkdir(parents=True)
    journal = Journal(tmp_path / "journal.sqlite")
    new_id = ids()
    targets = {}
    with journal.planning():
        for name in "abc":
            journal.add_target(key=name, url=name, address=f"http://site.test/{name}", host="site.test:80")
    for target in journal.take(10):
        targets[target.url] = target

    def write(number: int, name: str, records: Any) -> tuple[Stored, ...]:
        path = run / "data" / f"x-{number:04}.warc.gz"
        file = WarcFile(path, f"data/{path.name}")
        head = info(path.name)
        stored = asyncio.run(file.append((head, *records), warcinfo_id=head.id))
        file.close()
        moment = exchange().started
        capture = Capture(
            target=targets[name],
            outcome=Outcome.CAPTURED,
            reason="",
            final_url=name,
            requested_at=moment,
            finished_at=moment,
        )
        journal.finish(capture, stored)
        return stored

    body, other = exchange(BODY), exchange(b"another page")
    stored = write(first, "a", record.records(body, new_id=new_id))
    kept = next(place for place in stored if place.type == "response")
    original = Original(record_id=kept.record_id, url=body.url, date=body.started, body_sha256=body.body_sha256)
    journal.remember([Payload(original=original, stored=kept)])
    write(2, "b", record.records(other, new_id=new_id))
    revisiting = write(last, "c", record.revisit(body, original, new_id=new_id))
    assert journal.original(body.body_sha256) == original
    path = run / "data" / f"x-{first:04}.warc.gz"
    path.write_bytes(path.read_bytes()[: kept.offset + 5])

    def cut(warc: str, length: int) -> PurePath | None:
        return resume(run / warc, length)

    told = recover(journal, Staged(run), cut)
    assert journal.original(body.body_sha256) is None
    assert sorted(target.url for target in journal.take(10)) == ["a", "c"]
    revisit = next(place for place in revisiting if place.type == "revisit")
    assert [place.index for place in journal.records(f"data/x-{last:04}.warc.gz")] == list(range(revisit.index))
    assert (run / "data" / f"x-{last:04}.warc.gz").stat().st_size == revisit.offset
    assert [place.type for place in journal.records("data/x-0002.warc.gz")] == ["warcinfo", "request", "response"]
    assert len(told) == 4
    assert recover(journal, Staged(run), cut) == ()
    journal.close()
