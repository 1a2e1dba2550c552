"""Attacks on the archive around its runs: documents, order, log, proofs, and what only looks like one after a kill."""

from __future__ import annotations

import base64
import hashlib
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from archives import (
    Archivist,
    LogPen,
    WitnessPen,
    data_files,
    write,
)
from attacktools import (
    ALTERED,
    OK,
    UNESTABLISHED,
    attack,
    edit,
    flip,
    good,
    insider,
    on_disk,
    on_run,
    only,
)
from preserve.formats import manifest, note, tlog
from preserve.model.finding import Claim


@attack("untouched", OK, None, "", alone=OK)
@attack("untouched, opened record by record", OK, Claim.STRUCTURE, "records opened", thorough=True)
@attack("untouched, seen before", OK, Claim.LOG_CONSISTENCY, "it only grew since 2 entries", memory=True)
def _(archivist: Archivist, root: Path) -> None:
    archivist.write(root)


@insider("a third run after it was seen", Claim.LOG_CONSISTENCY, "3 entries", exit_code=OK, memory=True)
def _(archivist: Archivist) -> None:
    archivist.add_run()


# --- the archive


@on_disk("archive.toml with another id", Claim.INTEGRITY, "of another archive")
def _(root: Path, archivist: Archivist) -> None:
    edit(root / "archive.toml", b'id = "archive.example/main"', b'id = "archive.example/maim"')


@on_disk("archive.toml with another origin", Claim.INTEGRITY, "archive.toml: altered")
def _(root: Path, archivist: Archivist) -> None:
    edit(root / "archive.toml", b'origin = "archive.example/main/log"', b'origin = "archive.example/main/lug"')


@on_disk("archive.toml with another log key", Claim.INTEGRITY, "another log key than the one trusted")
def _(root: Path, archivist: Archivist) -> None:
    thief = LogPen("a thief's log", archivist.origin)
    edit(root / "archive.toml", archivist.log.key.encode().encode(), thief.key.encode().encode())


@on_disk("archive.toml deleted", Claim.COMPLETENESS, "archive.toml: missing")
def _(root: Path, _: Archivist) -> None:
    (root / "archive.toml").unlink()


@on_disk("archive.toml made unreadable", Claim.INTEGRITY, "archive.toml: altered")
def _(root: Path, _: Archivist) -> None:
    (root / "archive.toml").write_bytes(b"\x00\xff")


@on_disk("a document altered", Claim.DOCUMENTS, "altered")
def _(root: Path, _: Archivist) -> None:
    flip(min(root.glob("documents/*/*")), 3)


@on_disk("a document deleted", Claim.DOCUMENTS, "missing")
def _(root: Path, _: Archivist) -> None:
    shutil.rmtree(min(root.glob("documents/*")))


@on_disk("a document added", Claim.DOCUMENTS, "unlisted")
def _(root: Path, _: Archivist) -> None:
    write(root, {f"documents/{hashlib.sha256(b'new').hexdigest()}/paper.txt": b"new"})


@on_disk("an empty folder among the documents", Claim.DOCUMENTS, "unlisted folder")
def _(root: Path, _: Archivist) -> None:
    (min(root.glob("documents/*")) / "the words stand in the name").mkdir()


@on_disk("a document made so long that it would take long to read", Claim.DOCUMENTS, "longer")
def _(root: Path, _: Archivist) -> None:
    os.truncate(min(root.glob("documents/*/*")), 1 << 36)


@on_disk("a file among the documents that would take long to read", Claim.DOCUMENTS, "unlisted")
def _(root: Path, _: Archivist) -> None:
    (root / "documents/huge").touch()
    os.truncate(root / "documents/huge", 1 << 36)


@on_disk("an empty folder in the log", Claim.LOG_CONSISTENCY, "unlisted folder")
def _(root: Path, _: Archivist) -> None:
    (root / "log/tile/the words stand in the name").mkdir()


@on_disk("a document renamed", Claim.DOCUMENTS, "missing")
def _(root: Path, _: Archivist) -> None:
    path = min(root.glob("documents/*/*"))
    path.rename(path.with_name("other.txt"))


# --- runs and log


@on_disk("the run in the middle deleted", Claim.COMPLETENESS, "missing")
def _(root: Path, archivist: Archivist) -> None:
    shutil.rmtree(root / "runs" / archivist.names[0])


@on_disk("the last run deleted", Claim.COMPLETENESS, "log entry 1: missing")
def _(root: Path, archivist: Archivist) -> None:
    shutil.rmtree(root / "runs" / archivist.names[1])


@on_disk("all runs deleted", Claim.COMPLETENESS, "log entry 0: missing")
def _(root: Path, _: Archivist) -> None:
    shutil.rmtree(root / "runs")


@on_disk("a run under another number", Claim.COMPLETENESS, "this is run 1")
def _(root: Path, archivist: Archivist) -> None:
    path = root / "runs" / archivist.names[1]
    path.rename(path.with_name(path.name.replace("000001", "000002")))


@on_disk("a run twice, under a new number", Claim.COMPLETENESS, "this is run 1")
def _(root: Path, archivist: Archivist) -> None:
    path = root / "runs" / archivist.names[1]
    shutil.copytree(path, path.with_name(path.name.replace("000001", "000002")))


@on_disk("a run twice, under its own number", Claim.COMPLETENESS, "two runs have this number")
def _(root: Path, archivist: Archivist) -> None:
    path = root / "runs" / archivist.names[1]
    shutil.copytree(path, path.with_name("000001-20261231t000000z"))


@on_disk("an empty folder with a run's name", Claim.COMPLETENESS, "SEAL: missing")
def _(root: Path, _: Archivist) -> None:
    (root / "runs/000002-20261231t000000z").mkdir()


@on_disk("a file with a run's name", Claim.COMPLETENESS, "unlisted file")
def _(root: Path, _: Archivist) -> None:
    (root / "runs/000002-20261231t000000z").write_bytes(b"x")


@on_disk("two runs exchanged", Claim.COMPLETENESS, "this is run 1")
def _(root: Path, archivist: Archivist) -> None:
    first, second = (root / "runs" / name for name in archivist.names)
    first.rename(root / "x")
    second.rename(first)
    (root / "x").rename(second)


@attack("a run of another archive under the same log's name", ALTERED, Claim.LOG_INCLUSION, "not in the log")
def _(archivist: Archivist, root: Path) -> None:
    other = good()
    other.add_run(pages=5)
    files = archivist.files() | {path: data for path, data in other.files().items() if path.startswith("runs/000002-")}
    write(root, files)


@attack("forged content signed with the real key, the log as it was", ALTERED, Claim.LOG_INCLUSION, "not in the log")
def _(archivist: Archivist, root: Path) -> None:
    """A thief of the signing key, without the log's key, puts another run in the place of the last."""
    files = data_files(1, 3, body=lambda page: b"forged %d" % page)
    entries = archivist.entries.copy()
    archivist.entries = entries[:1]
    document = manifest.encode(archivist.manifest(files, 1, 3))
    archivist.entries = entries
    proof = archivist.runs[1]["log/seal.tlog-proof"]
    archivist.runs[1] = {**archivist.seal(files, document), "log/seal.tlog-proof": proof}
    archivist.write(root)


def _rewritten(archivist: Archivist, size: int) -> Archivist:
    """Another history, by somebody who has every key."""
    other = Archivist(signers=archivist.signers)
    for sequence in range(size):
        other.add_run(body=lambda page, sequence=sequence: b"forged %d %d" % (sequence, page))
    return other


@attack(
    "all history made anew with every key, by someone who was seen before",
    ALTERED,
    Claim.LOG_CONSISTENCY,
    "rewritten",
    memory=True,
)
def _(archivist: Archivist, root: Path) -> None:
    _rewritten(archivist, 3).write(root)


@attack("all history made anew with every key, for a verifier that sees it for the first time", OK, None, "")
def _(archivist: Archivist, root: Path) -> None:
    """The limit of what can be seen without a memory and without a witness: the report says that it was not seen before."""
    _rewritten(archivist, 2).write(root)


@attack("the archive rolled back by one run", ALTERED, Claim.LOG_CONSISTENCY, "rolled back", memory=True)
def _(archivist: Archivist, root: Path) -> None:
    older = Archivist(signers=archivist.signers)
    older.add_run()
    older.write(root)


@attack("emptied, but for its name", ALTERED, Claim.LOG_CONSISTENCY, "rolled back", memory=True)
def _(archivist: Archivist, root: Path) -> None:
    Archivist().write(root)


@on_disk("the log rolled back under its runs", Claim.LOG_CONSISTENCY, "rolled back")
def _(root: Path, archivist: Archivist) -> None:
    shutil.rmtree(root / "log")
    archivist.entries = archivist.entries[:1]
    write(root, archivist.log_files())


@insider("a log entry without a run", Claim.COMPLETENESS, "log entry 2: missing")
def _(archivist: Archivist) -> None:
    archivist.entries.append(b"an entry that nobody shows")


@insider("a run that names another one before it", Claim.LOG_CONSISTENCY, "not the one that it was sealed after")
def _(archivist: Archivist) -> None:
    archivist.add_run(tweak=lambda signed: replace(signed, archive=replace(signed.archive, previous_seal_sha256="1" * 64)))


@insider("a run that claims another place in the log", Claim.LOG_INCLUSION, "entry 1")
def _(archivist: Archivist) -> None:
    archivist.add_run(tweak=lambda signed: replace(signed, log=replace(signed.log, size_before=1)))


@insider("a run that signed another root of the log", Claim.LOG_CONSISTENCY, "not the one that this run was added to")
def _(archivist: Archivist) -> None:
    archivist.add_run(tweak=lambda signed: replace(signed, log=replace(signed.log, root_before="1" * 64)))


@insider("a back-dated run", Claim.CREATED, "not borne out", exit_code=UNESTABLISHED)
def _(archivist: Archivist) -> None:
    archivist.add_run(tweak=lambda signed: replace(signed, created=datetime(2020, 1, 1, tzinfo=UTC)))


@insider("a run from the future", Claim.CREATED, "not borne out", exit_code=UNESTABLISHED)
def _(archivist: Archivist) -> None:
    archivist.add_run(tweak=lambda signed: replace(signed, created=datetime(2036, 1, 1, tzinfo=UTC)))


@on_disk("the checkpoint deleted", Claim.LOG_CONSISTENCY, "log/checkpoint: missing")
def _(root: Path, _: Archivist) -> None:
    (root / "log/checkpoint").unlink()


@on_disk("the whole log deleted", Claim.LOG_CONSISTENCY, "log/checkpoint: missing")
def _(root: Path, _: Archivist) -> None:
    shutil.rmtree(root / "log")


@on_disk("an entry altered", Claim.LOG_CONSISTENCY, "altered")
def _(root: Path, _: Archivist) -> None:
    flip(only(root, "log/tile/entries/000.p/2"), 70)


@on_disk("the log's entries cut", Claim.LOG_CONSISTENCY, "log/tile/entries/000.p/2: altered")
def _(root: Path, _: Archivist) -> None:
    entries = only(root, "log/tile/entries/000.p/2")
    entries.write_bytes(entries.read_bytes()[:-1])


@on_disk("a tile made longer than any can be", Claim.LOG_CONSISTENCY, "log/tile/0/000.p/2: altered")
def _(root: Path, _: Archivist) -> None:
    os.truncate(only(root, "log/tile/0/000.p/2"), tlog.MAX_BUNDLE + 10)


@on_disk("the log's entries made longer than any can be", Claim.LOG_CONSISTENCY, "log/tile/entries/000.p/2: altered")
def _(root: Path, _: Archivist) -> None:
    os.truncate(only(root, "log/tile/entries/000.p/2"), tlog.MAX_BUNDLE + 10)


@on_disk("a tile altered", Claim.LOG_CONSISTENCY, "does not agree with the entries")
def _(root: Path, _: Archivist) -> None:
    flip(only(root, "log/tile/0/000.p/2"), 40)


@on_disk("a tile deleted", Claim.LOG_CONSISTENCY, "missing")
def _(root: Path, _: Archivist) -> None:
    only(root, "log/tile/0/000.p/2").unlink()


@on_disk("a tile replaced by a symlink to a copy of it", Claim.INTEGRITY, "symlink")
def _(root: Path, archivist: Archivist) -> None:
    _link_away(root, "log/tile/0/000.p/2")


@on_disk("the log's entries replaced by a symlink to a copy of them", Claim.INTEGRITY, "symlink")
def _(root: Path, archivist: Archivist) -> None:
    _link_away(root, "log/tile/entries/000.p/2")


@on_disk("a tile replaced by a pipe", Claim.INTEGRITY, "special file")
def _(root: Path, archivist: Archivist) -> None:
    tile = only(root, "log/tile/0/000.p/2")
    tile.unlink()
    os.mkfifo(tile)


@on_disk("a partial tile that was superseded", Claim.LOG_CONSISTENCY, "does not call for it")
def _(root: Path, archivist: Archivist) -> None:
    write(root, {"log/tile/0/000.p/1": (root / "log/tile/0/000.p/2").read_bytes()[:32]})


@on_disk("a stranger in the log", Claim.LOG_CONSISTENCY, "does not call for it")
def _(root: Path, _: Archivist) -> None:
    (root / "log/readme.txt").write_bytes(b"x")


@on_disk("a checkpoint signed by another key", Claim.LOG_CONSISTENCY, "no signature by the log's key")
def _(root: Path, archivist: Archivist) -> None:
    (root / "log/checkpoint").write_bytes(archivist.checkpoint(pen=LogPen("a thief's log", archivist.origin)).encode())


@on_disk("a checkpoint whose size was raised", Claim.LOG_CONSISTENCY, "log/checkpoint")
def _(root: Path, _: Archivist) -> None:
    edit(root / "log/checkpoint", b"\n2\n", b"\n3\n")


@on_disk("a checkpoint of another log", Claim.LOG_CONSISTENCY, "of another log")
def _(root: Path, archivist: Archivist) -> None:
    other = Archivist(origin="other.example/log")
    other.entries = archivist.entries
    (root / "log/checkpoint").write_bytes(other.checkpoint().encode())


@on_disk("a cosignature line of a key that nobody knows", Claim.WITNESSES, "not known here", exit_code=OK)
def _(root: Path, archivist: Archivist) -> None:
    archivist.witnesses = (WitnessPen("a stranger's witness"),)
    (root / "log/checkpoint").write_bytes(archivist.checkpoint().encode())


@on_disk("a line of the log's key that does not verify beside one that does", Claim.LOG_CONSISTENCY, "altered")
def _(root: Path, archivist: Archivist) -> None:
    signed = archivist.checkpoint()
    bad = replace(signed.signatures[0], signature=bytes(64))
    (root / "log/checkpoint").write_bytes(replace(signed, signatures=(*signed.signatures, bad)).encode())


def _proof(change: Callable[[Archivist], bytes]) -> Callable[[Path, Archivist], None]:
    def does(root: Path, archivist: Archivist) -> None:
        (root / "runs" / archivist.names[0] / "log/seal.tlog-proof").write_bytes(change(archivist))

    return does


def _forked(archivist: Archivist) -> Archivist:
    other = Archivist()
    other.entries = [archivist.entries[0], b"another second entry"]
    return other


def _longer(archivist: Archivist) -> Archivist:
    other = Archivist()
    other.entries = [*archivist.entries, b"a third entry"]
    return other


def _resigned(archivist: Archivist) -> bytes:
    proof = tlog.decode_proof(archivist.proof(0))
    return tlog.encode_proof(replace(proof, checkpoint=note.sign(proof.checkpoint.text, [LogPen("thief", archivist.origin)])))


on_disk("the proof of another run", Claim.LOG_INCLUSION, "the proof is for entry 1")(_proof(lambda a: a.proof(1)))
on_disk("a proof against a later head of the same log", Claim.LOG_INCLUSION, "entry 0 of", exit_code=OK)(
    _proof(lambda a: a.proof(0))
)
on_disk("a proof with a hash changed", Claim.LOG_INCLUSION, "does not hold")(
    _proof(lambda a: a.proof(0).replace(a.proof(0).split(b"\n")[2], base64.b64encode(bytes(32)), 1))
)
on_disk("a proof from a forked log", Claim.LOG_CONSISTENCY, "rewritten")(_proof(lambda a: _forked(a).proof(0)))
on_disk("a proof from a longer log than there is", Claim.LOG_CONSISTENCY, "rolled back")(_proof(lambda a: _longer(a).proof(0)))
on_disk("a proof whose checkpoint is signed by another key", Claim.LOG_CONSISTENCY, "no signature by the log's key")(
    _proof(_resigned)
)


@on_run("the proof deleted", Claim.COMPLETENESS, "log/seal.tlog-proof: missing")
def _(run: Path) -> None:
    (run / "log/seal.tlog-proof").unlink()


# --- interrupted captures


@on_disk("killed between the log and the last run's place", Claim.COMPLETENESS, "staged whole in journal/", exit_code=OK)
def _(root: Path, archivist: Archivist) -> None:
    _unplace(root, archivist)


@on_disk("killed before the proof was written", Claim.COMPLETENESS, "staged whole in journal/", exit_code=OK)
def _(root: Path, archivist: Archivist) -> None:
    (_unplace(root, archivist) / "log/seal.tlog-proof").unlink()


@on_disk("killed before superseded tiles were deleted", Claim.COMPLETENESS, "staged whole in journal/", exit_code=OK)
def _(root: Path, archivist: Archivist) -> None:
    _unplace(root, archivist)
    write(root, {"log/tile/0/000.p/1": (root / "log/tile/0/000.p/2").read_bytes()[:32]})


@on_disk("killed before the log's very first head was written", Claim.STRUCTURE, "not yet entered in the log", exit_code=OK)
def _(root: Path, _: Archivist) -> None:
    _unlog(root, "000.p/1")


@on_disk("killed before the log was begun", Claim.STRUCTURE, "not yet entered in the log", exit_code=OK)
def _(root: Path, _: Archivist) -> None:
    _unlog(root)


@on_disk("killed while the proof was written", Claim.COMPLETENESS, "staged whole in journal/", exit_code=OK)
def _(root: Path, archivist: Archivist) -> None:
    proof = _unplace(root, archivist) / "log/seal.tlog-proof"
    proof.rename(root / "journal/.seal.tlog-proof.part")


@on_disk(
    "the log's head taken away, and the runs put in the journal", Claim.LOG_CONSISTENCY, "the checkpoint does not call for it"
)
def _(root: Path, _: Archivist) -> None:
    _unlog(root, "000.p/2")


@on_disk("the same where the log was seen before", Claim.LOG_CONSISTENCY, "rolled back", memory=True)
def _(root: Path, _: Archivist) -> None:
    _unlog(root, "000.p/1")


@on_disk("the log's head taken away with every run", Claim.LOG_CONSISTENCY, "missing: the log has no head")
def _(root: Path, _: Archivist) -> None:
    _unlog(root, "000.p/1")
    shutil.rmtree(root / "journal")


@on_disk("an open run that is not sealed", Claim.STRUCTURE, "an open run", exit_code=OK)
def _(root: Path, _: Archivist) -> None:
    write(root, {"journal/journal.sqlite": b"x", "journal/000002-20261201t000000z/data/a-0001.warc.gz": b"x", "lock": b"{}"})


@on_disk("a staged last run that was altered", Claim.COMPLETENESS, "log entry 1: missing")
def _(root: Path, archivist: Archivist) -> None:
    flip(only(_unplace(root, archivist), "data/*.warc.gz"), 100)


@on_disk("a staged last run with a file missing", Claim.COMPLETENESS, "log entry 1: missing")
def _(root: Path, archivist: Archivist) -> None:
    (_unplace(root, archivist) / "data/sources.jsonl").unlink()


@on_disk("a run before the last moved back into the journal", Claim.COMPLETENESS, "log entry 0: missing")
def _(root: Path, archivist: Archivist) -> None:
    (root / "journal").mkdir()
    shutil.move(root / "runs" / archivist.names[0], root / "journal" / archivist.names[0])


def _unlog(root: Path, tile: str = "") -> None:
    """The archive as it was when its first run was sealed: in the journal, and of the log no more than this tile with its entries."""
    tiles = {f"log/tile/{of}/{tile}": b"x" for of in (("0", "entries") if tile else ())}
    (root / "runs").rename(root / "journal")
    shutil.rmtree(root / "log")
    shutil.rmtree(root / "documents")
    write(root, tiles)


def _unplace(root: Path, archivist: Archivist) -> Path:
    (root / "journal").mkdir()
    write(root, {"journal/journal.sqlite": b"x"})
    return Path(shutil.move(root / "runs" / archivist.names[1], root / "journal" / archivist.names[1]))


def _link_away(root: Path, path: str) -> None:
    """Put a link in the place of a file, which lies outside the archive from then on."""
    there, copy = only(root, path), root.parent / "copy"
    shutil.move(there, copy)
    there.symlink_to(copy)
