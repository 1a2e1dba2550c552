"""A real archive to hand over, its bundles, and hands that change them."""

from __future__ import annotations

import base64
import hashlib
import json
import zipfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from archives import Pen
from preserve.formats import cdxj, wacz
from running import Finished, run_preserve
from sites import AnyHostSite, not_found, redirect, text

HOST = "http://tides.example"
LONG = "".join(f"high water {number}\n" for number in range(300))
PAGE = f"<!doctype html><title>Tide tables and moorings</title><link rel=stylesheet href=/s.css><img src=/i.png>{LONG}"
SHEET = f"body {{ background: url(/bg.png) }} /* {LONG} */"
DOCUMENT = f"""The tables were printed every spring.[1] The moorings changed hands.[2] A second edition followed.[3]

[1] Harbour Office, "Tide tables", {HOST}/tables.
[2] Harbour Office, "Moorings", {HOST}/moorings.
[3] Harbour Office, "Tide tables", second edition, {HOST}/old.
"""

Entries = list[tuple[str, bytes]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelf:
    """The folder where the archive lies, and how to run `preserve` there with its keys."""

    folder: Path
    env: dict[str, str]

    def run(self, *arguments: str | Path) -> Finished:
        return run_preserve(self.folder, *arguments, env=self.env)

    def bundle(self, name: str, *more: str) -> Path:
        done = self.run("bundle", "archive", "-o", name, *more)
        assert done.code == 0, done.stderr
        return self.folder / name


def make_archive(folder: Path) -> Shelf:
    """Two runs: the second sees the same pages again, so that it holds revisits."""
    env = {"HOME": str(folder), "XDG_CONFIG_HOME": str(folder / "config"), "XDG_STATE_HOME": str(folder / "state")}
    shelf = Shelf(folder=folder, env=env)
    (folder / "paper.txt").write_text(DOCUMENT)
    with AnyHostSite() as site:
        site.otherwise(not_found)
        for path in ("/tables", "/moorings"):
            site.route(path, text(PAGE + path, media_type="text/html"))
        site.route("/old", redirect("/tables", "301 Moved Permanently"))
        site.route("/s.css", text(SHEET, media_type="text/css"))
        for path in ("/i.png", "/bg.png"):
            site.route(path, text(f"{path} {LONG}", media_type="image/png"))
        for _ in range(2):
            done = shelf.run("capture", "paper.txt", "--connect-to", site.connect_to, "--delay", "0", "--archive", "archive")
            assert done.code == 0, done.stderr
    return shelf


# ------------------------------------------------------------------------------------------------------- changing a bundle


def unpack(path: Path) -> Entries:
    with zipfile.ZipFile(path) as file:
        return [(item.filename, file.read(item)) for item in file.infolist()]


def repack(path: Path, entries: Iterable[tuple[str, bytes]], *, deflated: Callable[[str], bool] = lambda name: False) -> Path:
    """Another ZIP of these entries, as any archiver would make it."""
    with zipfile.ZipFile(path, "w") as file:
        for name, data in entries:
            kind = zipfile.ZIP_DEFLATED if deflated(name) else zipfile.ZIP_STORED
            file.writestr(name, data, compress_type=kind)
    return path


def changed(entries: Entries, name: Callable[[str], bool], change: Callable[[bytes], bytes]) -> Entries:
    assert any(name(path) for path, _ in entries)
    return [(path, change(data) if name(path) else data) for path, data in entries]


def flipped(data: bytes, at: float = 0.5) -> bytes:
    place = int(len(data) * at)
    return data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]


def package_of(entries: Entries, old: bytes) -> bytes:
    """datapackage.json over these entries, as an honest maker would write it."""
    package = wacz.decode_package(old)
    resources = tuple(
        wacz.Resource(path=name, bytes=len(data), sha256=hashlib.sha256(data).hexdigest())
        for name, data in entries
        if name not in {wacz.PACKAGE, wacz.DIGEST}
    )
    return wacz.encode_package(replace(package, resources=resources))


def resigned(entries: Entries, *, pen: Pen | None) -> Entries:
    """What someone who has no key of ours makes of a changed bundle: hashes and both signatures anew. Without `pen` our
    statement is left as it was."""
    files = dict(entries)
    package = package_of(entries, files[wacz.PACKAGE])
    digest = hashlib.sha256(package).hexdigest()
    private = ec.generate_private_key(ec.SECP384R1())
    key = private.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    before = json.loads(files[wacz.DIGEST])["preserve"]
    statement, signature = before["statement"], base64.b64decode(before["signature"])
    if pen is not None:
        statement = wacz.statement(key, digest)
        signature = pen.sign(statement.encode())
        entries = [(name, data) for name, data in entries if not name.startswith(wacz.KEYS) or not name.endswith(".pem")]
        entries.append((f"{wacz.KEYS}{pen.keyid}.pem", pen.public.pem))
        package = package_of(entries, files[wacz.PACKAGE])
        digest = hashlib.sha256(package).hexdigest()
        statement = wacz.statement(key, digest)
        signature = pen.sign(statement.encode())
    signed = wacz.encode_digest(
        digest,
        created=wacz.decode_package(package).created,
        software="preserve/0",
        key=key,
        signature=wacz.raw_signature(private.sign(wacz.signed_text(digest), ec.ECDSA(hashes.SHA256()))),
        statement=statement,
        binding=signature,
    )
    renewed = {wacz.PACKAGE: package, wacz.DIGEST: signed}
    return [(name, renewed.get(name, data)) for name, data in entries]


def index_of(path: Path) -> list[cdxj.Line]:
    data = dict(unpack(path))[wacz.INDEX]
    return [cdxj.parse(row) for row in data.splitlines()]
