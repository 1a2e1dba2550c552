"""What tests of unchanged requisites share: how to capture, and what lies in a run."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from warcio.archiveiterator import ArchiveIterator

from preserve.formats import unchanged
from preserve.model.unchanged import Unchanged
from running import Finished
from sites import AnyHostSite, Reply, Request, text

PAGE = "<!doctype html><link rel=stylesheet href=/a.css><img src=/one.png><img src=/two.png><img src=/small.png><p>{}</p>"


def args(site: AnyHostSite, *more: str) -> tuple[str, ...]:
    options = ("--connect-to", site.connect_to, "--delay", "0", "--no-timestamp", "--json", "--list-unchanged")
    return ("capture", *options, *more)


def image(name: str) -> Callable[[Request], Reply]:
    return text(f"the bytes of {name}\n" * 100, media_type="image/png")


def run_folder(done: Finished) -> Path:
    return Path(done.lines[-1]["manifest"]).parent


def captures(run: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run / "data" / "captures.jsonl").read_text().splitlines()]


def records(run: Path, kind: str) -> list[tuple[str, bytes]]:
    found = []
    for warc in sorted(run.glob("data/*.warc.gz")):
        with warc.open("rb") as file:
            for record in ArchiveIterator(file, no_record_parse=True):
                if record.rec_type == kind:
                    found.append((record.rec_headers.get_header("WARC-Target-URI"), record.raw_stream.read()))
    return found


def lists(run: Path) -> dict[str, tuple[Unchanged, ...]]:
    """By page, what its list says."""
    return {
        uri.removeprefix(unchanged.URN): unchanged.decode(block)
        for uri, block in records(run, "metadata")
        if uri.startswith(unchanged.URN)
    }


def dates(run: Path) -> dict[str, str]:
    found = {}
    for warc in sorted(run.glob("data/*.warc.gz")):
        with warc.open("rb") as file:
            for record in ArchiveIterator(file, no_record_parse=True):
                if record.rec_type == "response":
                    found[record.rec_headers.get_header("WARC-Target-URI")] = record.rec_headers.get_header("WARC-Date")
    return found
