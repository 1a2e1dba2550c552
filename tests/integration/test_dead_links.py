"""A reference document on a loopback web: a third of the hosts dead, a third soft-404, a third fine, and a web archive behind them.

The document and its hand-read answers are not part of the project; the pages are made of what it cites, here, while the test runs.
"""

from __future__ import annotations

import html
import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from gates import WebArchive
from running import Run
from sites import AnyHostSite, Reply, Request, not_found, respond

pytestmark = pytest.mark.long
PARAGRAPH = (
    "<p>The harbour keeps a book of every crossing, with the weather, the load and the name of the man at the winch.</p>"
)
LOST = "We could not find what you are looking for"


def page(title: str) -> bytes:
    name = html.escape(title)
    return f"<!doctype html><title>{name}</title><body><h1>{name}</h1>{PARAGRAPH * 8}".encode()


def key(url: str) -> str:
    """Without its scheme: the document prints none."""
    return url.partition("://")[2]


@contextmanager
def nobody() -> Iterator[int]:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


def test_each_footnote_gets_the_state_that_it_deserves(
    preserve: Run, seeds: Path, golden: Path, config_home: Path, tmp_path: Path
) -> None:
    document = next(seeds.glob("004_*.txt"))
    listed = [row for row in preserve("cite", document, "--json").lines if row["url"] and not row["problem"]]
    rows = [row for row in listed if row["kind"] not in {"ibid", "supra"}]
    meant: dict[str, str] = {}
    for line in (golden / "golden_004.jsonl").read_text().splitlines():
        known = json.loads(line)
        meant[key(known["url_as_printed"] or known["url"])] = key(known["url"])
    hosts = sorted({key(row["url"]).partition("/")[0] for row in rows})
    dead, soft = frozenset(hosts[::3]), frozenset(hosts[1::3])
    titles: dict[str, str] = {}
    for row in rows:
        titles.setdefault(meant.get(key(row["url"]), key(row["url"])), row["title"] or "A page without a name")

    def web(request: Request) -> Reply:
        address = request.host + request.target
        if request.host in soft:
            return Reply(pieces=[respond(page(LOST), fields=[("Content-Type", "text/html; charset=utf-8")])])
        title = next((title for url, title in titles.items() if url.partition("#")[0] == address), None)
        if title is None:
            return not_found(request)
        return Reply(pieces=[respond(page(title), fields=[("Content-Type", "text/html; charset=utf-8")])])

    settings = config_home / "preserve" / "config.toml"
    settings.parent.mkdir()
    settings.write_text("[capture]\npatience = 0\n")
    with AnyHostSite() as plain, AnyHostSite(tls=True) as secure, nobody() as port:
        secure.otherwise(web)
        archive = WebArchive(plain, otherwise=web)
        for url, title in titles.items():
            for stamp, status in (("20120101000000", 200), ("20130601000000", 404), ("20251231000000", 200)):
                archive.holds(f"https://{url.partition('#')[0]}", stamp, page(title), status)
        ways = [f"{host}:{number}:127.0.0.1:{port}" for host in sorted(dead) for number in (80, 443)]
        ways += [plain.connect_to, secure.connect_to]
        done = preserve(
            "capture",
            document,
            "--json",
            "--delay",
            "0",
            "--cacert",
            secure.ca_file,
            "--memento",
            archive.prefix,
            *(part for way in ways for part in ("--connect-to", way)),
        )
    assert done.code == 10, done.stderr
    lines = {line["url"]: line for line in done.lines[:-1]}
    wrong = [problem for row in rows for problem in _wrong(row, lines[row["url"]], meant, dead, soft, archive)]
    assert not wrong, "\n".join(wrong)
    assert {_part(row, dead, soft) for row in rows} == {"dead", "soft", "fine"}
    assert preserve("verify", "archive").code == 0
    by_note = {line["url"]: line for line in preserve("status", "archive", "--json").lines if line["url"]}
    for url, said in lines.items():
        told = by_note[url]
        assert (told["outcome"], told["verdict"]) == (said["outcome"], said["verdict"])
        assert (told["chosen"], told["memento"]) == (said.get("chosen"), said.get("memento"))


def _part(row: dict[str, Any], dead: frozenset[str], soft: frozenset[str]) -> str:
    host = key(row["url"]).partition("/")[0]
    return "dead" if host in dead else "soft" if host in soft else "fine"


def _wrong(
    row: dict[str, Any],
    line: dict[str, Any],
    meant: dict[str, str],
    dead: frozenset[str],
    soft: frozenset[str],
    archive: WebArchive,
) -> Iterator[str]:
    """What is not as it should be of one footnote; its number and what was found, none of its words."""
    part = _part(row, dead, soft)
    found = (line["outcome"], line["verdict"])
    where = f"note {row['note']} ({part}): {found} {[tried['verdict'] for tried in line.get('candidates', ())]}"
    if part == "fine":
        target = meant.get(key(row["url"]), key(row["url"]))
        if found != ("captured", "ok") or "memento" in line:
            yield f"{where}: not found to be well"
        elif key(line["final_url"]) != target.partition("#")[0]:
            yield f"{where}: another page than the one that is meant"
        elif target != key(row["url"]) and key(line.get("chosen", "")) != target:
            yield f"{where}: the form that is meant is not chosen"
        return
    judged = bool(row["title"])
    expected = ("failed", None) if part == "dead" else ("captured", "soft-404" if judged else "ok")
    if found != expected:
        yield f"{where}: not {expected}"
    if expected == ("captured", "ok"):
        return
    memento = line.get("memento") or {}
    if not str(memento.get("url")).startswith(f"{archive.prefix}{'20120101' if row['date'] else '20251231'}000000/"):
        yield f"{where}: no copy stands for it: {memento}"
