"""Files as other tools make them, written byte by byte; and an archive to import them into."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bundles import Shelf
from sites import AnyHostSite, not_found, text

HOST = "http://members.example"
DOCUMENT = f"""The register is kept by the members.[1] Its rules changed twice.[2] The minutes are printed.[3]

[1] {HOST}/register
[2] {HOST}/rules
[3] {HOST}/minutes
"""
TS = "2026-03-01T10:00:00Z"


def make_shelf(folder: Path) -> Shelf:
    """An archive of one run, in which the members' pages could not be had; `minutes` could."""
    env = {"HOME": str(folder), "XDG_CONFIG_HOME": str(folder / "config"), "XDG_STATE_HOME": str(folder / "state")}
    shelf = Shelf(folder=folder, env=env)
    (folder / "paper.txt").write_text(DOCUMENT)
    with AnyHostSite() as site:
        site.otherwise(not_found)
        site.route(
            "/minutes", text("<!doctype html><title>Minutes</title><p>" + "The minutes say so. " * 60, media_type="text/html")
        )
        done = shelf.run("capture", "paper.txt", "--connect-to", site.connect_to, "--delay", "0", "--archive", "archive")
    assert done.code == 10, done.stderr
    return shelf


@dataclass
class Tool:
    """Another tool at work, as crawlers of the old school write: WARC/1.0, digests in base 32, odd orders of fields."""

    gzip: bool = True
    software: str = "Crawler 1.2"
    data: bytes = b""
    count: int = 0

    def __post_init__(self) -> None:
        about = f"software: {self.software}\r\noperator: Ada Example\r\nformat: WARC File Format 1.0\r\n"
        self.record("warcinfo", "", about.encode(), "application/warc-fields", TS)

    def record(self, type_: str, uri: str, block: bytes, media_type: str, date: str, **more: str) -> str:
        """Write one record; its id."""
        self.count += 1
        name = f"<urn:uuid:00000000-0000-4000-8000-{self.count:012d}>"
        digest = base64.b32encode(hashlib.sha1(block).digest()).decode()
        fields = {
            "WARC-Type": type_,
            **({"WARC-Target-URI": f"<{uri}>"} if uri else {}),
            "Content-Type": media_type,
            "WARC-Date": date,
            "WARC-Record-ID": name,
            "WARC-Block-Digest": f"sha1:{digest}",
            **{key.replace("_", "-"): value for key, value in more.items()},
            "Content-Length": str(len(block)),
        }
        head = "".join(f"{key}: {value}\r\n" for key, value in fields.items())
        data = f"WARC/1.0\r\n{head}\r\n".encode() + block + b"\r\n\r\n"
        self.data += gzip.compress(data, mtime=1) if self.gzip else data
        return name

    def page(
        self,
        path: str,
        body: str = "<title>page</title>text",
        *,
        status: str = "200 OK",
        fields: Sequence[tuple[str, str]] = (),
        referer: str = "",
        media_type: str = "text/html",
        date: str = TS,
        **more: str,
    ) -> str:
        """A response and its request; the response's id."""
        rows = "".join(f"{key}: {value}\r\n" for key, value in (("Content-Type", media_type), *fields))
        block = f"HTTP/1.1 {status}\r\n{rows}\r\n{body}".encode()
        made = self.record("response", HOST + path, block, "application/http; msgtype=response", date, **more)
        asked = f"GET {path} HTTP/1.1\r\nHost: x\r\n" + (f"Referer: {referer}\r\n" if referer else "") + "\r\n"
        kind = "application/http; msgtype=request"
        self.record("request", HOST + path, asked.encode(), kind, date, WARC_Concurrent_To=made)
        return made

    def resource(self, uri: str, body: bytes = b"png") -> None:
        """What browsers' tools put beside pages: screenshots, text, under names of their own."""
        self.record("resource", uri, body, "image/png", TS)

    def revisit(self, path: str, original: str) -> None:
        block = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n"
        profile = "http://netpreserve.org/warc/1.0/revisit/identical-payload-digest"
        self.record(
            "revisit",
            HOST + path,
            block,
            "application/http; msgtype=response",
            "2026-03-02T10:00:00Z",
            WARC_Profile=profile,
            WARC_Refers_To=original,
            WARC_Refers_To_Target_URI=HOST + path,
            WARC_Refers_To_Date=TS,
        )


def members() -> Tool:
    """The members' pages, seen after logging in: a redirection, a style sheet, a page nobody cites."""
    tool = Tool()
    tool.page("/register", "", status="302 Found", fields=[("Location", "/register?session=7")])
    tool.page(
        "/register?session=7", "<!doctype html><title>Register</title><link rel=stylesheet href=/m.css><h1 id=h>Register</h1>"
    )
    tool.page("/m.css", "h1 { color: rgb(1, 2, 3) }", media_type="text/css", referer=f"{HOST}/register")
    tool.page("/welcome", "<title>Welcome</title>hello")
    tool.resource(f"urn:view:{HOST}/register")
    return tool


def wacz(path: Path, warcs: Mapping[str, bytes], pages: Sequence[Mapping[str, Any]], *, deflated: bool = False) -> Path:
    """A WACZ with extra fields in its pages and package, as browsers' tools write them."""
    head = {"format": "json-pages-1.0", "id": "pages", "title": "All Pages", "hasText": True}
    rows = "".join(json.dumps(row) + "\n" for row in (head, *pages))
    package = {"profile": "data-package", "software": "Page Saver 0.11.3", "wacz_version": "1.1.1", "resources": []}
    with zipfile.ZipFile(path, "w") as file:
        for name, data in warcs.items():
            file.writestr(f"archive/{name}", data, zipfile.ZIP_DEFLATED if deflated else zipfile.ZIP_STORED)
        file.writestr("pages/pages.jsonl", rows, zipfile.ZIP_DEFLATED)
        file.writestr("datapackage.json", json.dumps(package))
    return path
