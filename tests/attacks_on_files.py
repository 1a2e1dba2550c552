"""Attacks on what lies in a run's folder, by somebody without keys."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

from archives import (
    Archivist,
    record_index,
    write,
)
from attacktools import (
    flip,
    offsets,
    on_disk,
    on_run,
    only,
    reseal,
    slices,
)
from preserve.formats import gzipmember
from preserve.model.finding import Claim

# --- stored bytes


@on_run("one bit in record 3", Claim.INTEGRITY, "record 3 at offset")
def _(run: Path) -> None:
    flip(only(run, "data/*.warc.gz"), offsets(run)[3] + 60)


@on_run("one bit in the last byte of the last record", Claim.INTEGRITY, "record 6 at offset")
def _(run: Path) -> None:
    flip(only(run, "data/*.warc.gz"), -1)


@on_run("gzip MTIME of record 0, the payload unchanged", Claim.INTEGRITY, "record 0 at offset 0")
def _(run: Path) -> None:
    flip(only(run, "data/*.warc.gz"), 4)


@on_run("an empty gzip member appended", Claim.INTEGRITY, "after the last record")
def _(run: Path) -> None:
    with only(run, "data/*.warc.gz").open("ab") as file:
        file.write(gzipmember.pack(b"", b"", b""))


@on_run("last 8 bytes cut off", Claim.INTEGRITY, "record 6 at offset")
def _(run: Path) -> None:
    path = only(run, "data/*.warc.gz")
    path.write_bytes(path.read_bytes()[:-8])


@on_run("the WARC emptied", Claim.INTEGRITY, "record 0 at offset 0")
def _(run: Path) -> None:
    only(run, "data/*.warc.gz").write_bytes(b"")


@on_run("the WARC deleted", Claim.COMPLETENESS, "missing")
def _(run: Path) -> None:
    only(run, "data/*.warc.gz").unlink()


@on_run("two records exchanged", Claim.INTEGRITY, "record 1 at offset")
def _(run: Path) -> None:
    path, parts = only(run, "data/*.warc.gz"), slices(run)
    parts[1], parts[3] = parts[3], parts[1]
    path.write_bytes(b"".join(parts))


@on_run("a record removed from WARC and record index", Claim.INTEGRITY, "signed were")
def _(run: Path) -> None:
    path, parts = only(run, "data/*.warc.gz"), slices(run)
    del parts[2]
    path.write_bytes(b"".join(parts))
    only(run, "data/*.records").write_bytes(record_index(parts))


@on_run("the record index altered", Claim.INTEGRITY, ".records: altered")
def _(run: Path) -> None:
    flip(only(run, "data/*.records"), 25)


@on_run("the record index deleted", Claim.COMPLETENESS, ".records: missing")
def _(run: Path) -> None:
    only(run, "data/*.records").unlink()


@on_run("a line of captures.jsonl removed", Claim.INTEGRITY, "captures.jsonl: altered")
def _(run: Path) -> None:
    rows = (run / "data/captures.jsonl").read_bytes().splitlines(keepends=True)
    (run / "data/captures.jsonl").write_bytes(b"".join(rows[:-1]))


@on_run("an address in captures.jsonl altered", Claim.INTEGRITY, "captures.jsonl: altered")
def _(run: Path) -> None:
    path = run / "data/captures.jsonl"
    path.write_bytes(path.read_bytes().replace(b"station-1", b"station-7"))


@on_run("citations.jsonl altered", Claim.INTEGRITY, "citations.jsonl: altered")
def _(run: Path) -> None:
    flip(run / "data/citations.jsonl", 100)


@on_run("sources.jsonl deleted", Claim.COMPLETENESS, "sources.jsonl: missing")
def _(run: Path) -> None:
    (run / "data/sources.jsonl").unlink()


@on_run("the kept torn tail altered", Claim.INTEGRITY, "torn-0001.bin: altered")
def _(run: Path) -> None:
    flip(only(run, "data/*.bin"), 3)


# --- what is signed


@on_run("the manifest edited", Claim.INTEGRITY, "manifest.json: altered")
def _(run: Path) -> None:
    path = run / "manifest.json"
    path.write_bytes(path.read_bytes().replace(b'"captured": 3', b'"captured": 4'))


@on_run("the manifest edited, SEAL recomputed", Claim.INTEGRITY, "bad signature")
def _(run: Path) -> None:
    path = run / "manifest.json"
    path.write_bytes(path.read_bytes().replace(b"A. Archivist", b"B. Archivist", 1))
    reseal(run)


@on_run("a space appended to the manifest", Claim.INTEGRITY, "manifest.json: altered")
def _(run: Path) -> None:
    with (run / "manifest.json").open("ab") as file:
        file.write(b" ")


@on_run("the manifest deleted", None, "manifest.json")
def _(run: Path) -> None:
    (run / "manifest.json").unlink()


@on_run("SEAL deleted", Claim.COMPLETENESS, "SEAL: missing")
def _(run: Path) -> None:
    (run / "SEAL").unlink()


@on_run("SEAL without one of its lines", Claim.COMPLETENESS, "SEAL does not list it")
def _(run: Path) -> None:
    rows = (run / "SEAL").read_bytes().splitlines(keepends=True)
    (run / "SEAL").write_bytes(b"".join(rows[1:]))


@on_run("SEAL with its lines in another order", Claim.INTEGRITY, "not sorted")
def _(run: Path) -> None:
    rows = (run / "SEAL").read_bytes().splitlines(keepends=True)
    (run / "SEAL").write_bytes(b"".join(reversed(rows)))


@on_run("SEAL with junk after its lines", Claim.INTEGRITY, "bad line")
def _(run: Path) -> None:
    with (run / "SEAL").open("ab") as file:
        file.write(b"junk\n")


@on_run("SEAL that names an absolute path", Claim.INTEGRITY, "bad line")
def _(run: Path) -> None:
    with (run / "SEAL").open("ab") as file:
        file.write(hashlib.sha256(b"").hexdigest().encode() + b"  /dev/null\n")


@on_run("SEAL of the run before", None, "SEAL")
def _(run: Path) -> None:
    before = min(run.parent.iterdir())
    (run / "SEAL").write_bytes((before / "SEAL").read_bytes())


# --- what lies in the folder


@on_run("an unlisted extra file", Claim.COMPLETENESS, "unlisted file")
def _(run: Path) -> None:
    (run / "data/extra.txt").write_bytes(b"x")


@on_run("an unlisted file without an extension", Claim.COMPLETENESS, "unlisted file")
def _(run: Path) -> None:
    (run / "data/noext").write_bytes(b"x")


@on_run("an unlisted empty folder", Claim.COMPLETENESS, "unlisted folder")
def _(run: Path) -> None:
    (run / "data/more").mkdir()


@on_run("a hidden file", Claim.COMPLETENESS, ".hidden")
def _(run: Path) -> None:
    (run / ".hidden").write_bytes(b"x")


@on_run("a token that nobody named", Claim.COMPLETENESS, "unlisted file")
def _(run: Path) -> None:
    write(run, {"timestamps/tsa.example.tsr": b"x"})


@on_run("a stranger among the signatures", Claim.COMPLETENESS, "readme.sig")
def _(run: Path) -> None:
    (run / "signatures/readme.sig").write_bytes(b"x")


@on_run("a second proof", Claim.COMPLETENESS, "other.tlog-proof")
def _(run: Path) -> None:
    shutil.copy(run / "log/seal.tlog-proof", run / "log/other.tlog-proof")


@on_run("a file replaced by a symlink to a copy of it", Claim.INTEGRITY, "symlink")
def _(run: Path) -> None:
    path = only(run, "data/*.warc.gz")
    copy = run.parent.parent.parent / "copy.warc.gz"
    shutil.move(path, copy)
    path.symlink_to(copy)


@on_run("the data folder replaced by a symlink", Claim.INTEGRITY, "symlink")
def _(run: Path) -> None:
    copy = run.parent.parent.parent / "data"
    shutil.move(run / "data", copy)
    (run / "data").symlink_to(copy)


@on_run("SEAL replaced by a symlink", Claim.INTEGRITY, "symlink")
def _(run: Path) -> None:
    copy = run.parent.parent.parent / "SEAL"
    shutil.move(run / "SEAL", copy)
    (run / "SEAL").symlink_to(copy)


@on_run("a file with a second name outside", Claim.INTEGRITY, "hardlink")
def _(run: Path) -> None:
    os.link(only(run, "data/*.warc.gz"), run.parent.parent.parent / "second-name")


@on_run("a file replaced by a FIFO", Claim.INTEGRITY, "special file")
def _(run: Path) -> None:
    (run / "data/sources.jsonl").unlink()
    os.mkfifo(run / "data/sources.jsonl")


@on_run("a name that differs in case alone", Claim.COMPLETENESS, "case collision")
def _(run: Path) -> None:
    (run / "data/Captures.jsonl").write_bytes(b"x")


@on_run("a Unicode look-alike of a name", Claim.COMPLETENESS, "unsafe name")
def _(run: Path) -> None:
    (run / "data/c\u0430ptures.jsonl").write_bytes(b"x")


@on_run("a name that is a terminal escape", Claim.COMPLETENESS, "unsafe name")
def _(run: Path) -> None:
    (run / "data/\x1b[2J").write_bytes(b"x")


@on_disk("a stranger beside the runs", Claim.COMPLETENESS, "unlisted")
def _(root: Path, _: Archivist) -> None:
    (root / "runs/notes").mkdir()


@on_disk("a stranger in the archive's own level", Claim.COMPLETENESS, "unlisted")
def _(root: Path, _: Archivist) -> None:
    (root / "extra.warc.gz").write_bytes(b"x")


@on_disk("a list made so long that it would take long to read", Claim.INTEGRITY, "bytes, signed were")
def _(root: Path, _: Archivist) -> None:
    os.truncate(min(root.glob("runs/*/data/captures.jsonl")), 1 << 36)


@on_disk("a WARC made so long, its index altered", Claim.INTEGRITY, "bytes, signed were")
def _(root: Path, _: Archivist) -> None:
    flip(min(root.glob("runs/*/data/*.records")), 30)
    os.truncate(min(root.glob("runs/*/data/*.warc.gz")), 1 << 36)


@on_disk("archive.toml with a second name outside", Claim.INTEGRITY, "hardlink")
def _(root: Path, _: Archivist) -> None:
    (root.parent / "second.toml").hardlink_to(root / "archive.toml")


@on_disk("runs/ replaced by a symlink", Claim.INTEGRITY, "symlink")
def _(root: Path, _: Archivist) -> None:
    shutil.move(root / "runs", root.parent / "elsewhere")
    (root / "runs").symlink_to(root.parent / "elsewhere")
