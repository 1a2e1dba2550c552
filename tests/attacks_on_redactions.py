"""Attacks with and on redactions and renewals: records removed without a word, words about other records, lists that were changed."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from archives import START, Archivist, Pen, seal_over
from attacktools import ALTERED, OK, UNESTABLISHED, attack, edit, flip
from preserve.formats import hashlist, recordindex, redacted
from preserve.model.event import Redaction, RemovedRecord, Renewal, Renewed, RunRef
from preserve.model.finding import Claim
from preserve.model.lines import FileSha512, RecordLine

REASON, ORDER = "a person's privacy", "Court of Example, 12 O 3/26"


def ref(archivist: Archivist, run: int) -> RunRef:
    return RunRef(sequence=run, seal_sha256=hashlib.sha256(archivist.runs[run]["SEAL"]).hexdigest())


def warc(archivist: Archivist, run: int) -> str:
    return next(path for path in archivist.runs[run] if path.endswith(".warc.gz"))


def line(archivist: Archivist, run: int, index: int) -> RecordLine:
    path = warc(archivist, run)
    data = archivist.runs[run][path.removesuffix(".warc.gz") + ".records"]
    return recordindex.decode(data, len(archivist.runs[run][path]))[index]


def removal(archivist: Archivist, run: int, indexes: Sequence[int], reason: str = REASON) -> tuple[Redaction, list[bytes]]:
    """What an honest archivist states, and the bytes that then stand there."""
    about, path, records, stood = ref(archivist, run), warc(archivist, run), [], []
    for index in indexes:
        at = line(archivist, run, index)
        pieces = redacted.replacement(about, (path, index), at.length, reason=reason, authority=ORDER, at=START)
        stood.append(b"".join(pieces))
        records.append(
            RemovedRecord(
                file=path,
                index=index,
                offset=at.offset,
                length=at.length,
                sha256=at.sha256,
                replacement_sha256=hashlib.sha256(stood[-1]).hexdigest(),
            )
        )
    return Redaction(run=about, reason=reason, authority=ORDER, at=START, records=tuple(records)), stood


def overwrite(archivist: Archivist, run: int, index: int, data: bytes) -> None:
    path, at = warc(archivist, run), line(archivist, run, index)
    stored = archivist.runs[run][path]
    assert len(data) == at.length
    archivist.runs[run][path] = stored[: at.offset] + data + stored[at.offset + at.length :]


def remove(archivist: Archivist, run: int = 0, indexes: Sequence[int] = (3, 4), signers: Sequence[Pen] | None = None) -> str:
    """Remove records as `preserve redact` does; the event's path."""
    body, stood = removal(archivist, run, indexes)
    for index, data in zip(indexes, stood, strict=True):
        overwrite(archivist, run, index, data)
    return archivist.add_event(body, signers)


def done(
    name: str, exit_code: int, says: str, *, claim: Claim = Claim.INTEGRITY, thorough: bool = False
) -> Callable[[Callable[[Archivist], None]], None]:
    """What somebody with the keys has done; then written to the disk."""

    def keep(change: Callable[[Archivist], None]) -> None:
        def does(archivist: Archivist, root: Path) -> None:
            change(archivist)
            archivist.write(root)

        attack(name, exit_code, claim, says, thorough=thorough)(does)

    return keep


def after(
    name: str, exit_code: int, says: str, *, claim: Claim = Claim.INTEGRITY
) -> Callable[[Callable[[Path, Archivist], None]], None]:
    """What an outsider changed after records were removed as they should be."""

    def keep(change: Callable[[Path, Archivist], None]) -> None:
        def does(archivist: Archivist, root: Path) -> None:
            remove(archivist)
            archivist.write(root)
            change(root, archivist)

        attack(name, exit_code, claim, says)(does)

    return keep


# --- redactions


@done(
    "records removed under a statement",
    UNESTABLISHED,
    f"removed by A. Archivist on 2026-11-22T12:15:00.000Z, by order of {ORDER}",
)
def _(archivist: Archivist) -> None:
    remove(archivist)


@done("records removed under a statement, every record opened", UNESTABLISHED, "cited in paper-0.txt footnote 2", thorough=True)
def _(archivist: Archivist) -> None:
    remove(archivist)


@done("the other records of such a file are still proven", UNESTABLISHED, "every other byte is what was signed")
def _(archivist: Archivist) -> None:
    remove(archivist)


@done("records removed by a signer whom nobody knows", UNESTABLISHED, "signed by a key that you do not know")
def _(archivist: Archivist) -> None:
    remove(archivist, signers=(Pen("Somebody else"),))


@done("a record removed twice", UNESTABLISHED, "because: another reason")
def _(archivist: Archivist) -> None:
    other, stood = removal(archivist, 0, (3,), "another reason")
    remove(archivist, indexes=(3,))
    overwrite(archivist, 0, 3, stood[0])
    archivist.add_event(other)


@done("a removal that was stated and not carried out", OK, "is still, or again, what was sealed", claim=Claim.EVENTS)
def _(archivist: Archivist) -> None:
    archivist.add_event(removal(archivist, 0, (3, 4))[0])


@done("a removal that a kill left half done", ALTERED, "an overwriting that was cut short")
def _(archivist: Archivist) -> None:
    body, stood = removal(archivist, 0, (3,))
    path, at = warc(archivist, 0), line(archivist, 0, 3)
    was = archivist.runs[0][path][at.offset : at.offset + at.length]
    overwrite(archivist, 0, 3, stood[0][:40] + was[40:])
    archivist.add_event(body)


@done("a record removed without a statement", ALTERED, "record 3 at offset")
def _(archivist: Archivist) -> None:
    overwrite(archivist, 0, 3, removal(archivist, 0, (3,))[1][0])


@done("a record beside those that the statement names removed too", ALTERED, "record 5 at offset")
def _(archivist: Archivist) -> None:
    remove(archivist)
    overwrite(archivist, 0, 5, removal(archivist, 0, (5,))[1][0])


@done("the same record of another run removed", ALTERED, "record 3 at offset")
def _(archivist: Archivist) -> None:
    remove(archivist)
    overwrite(archivist, 1, 3, removal(archivist, 1, (3,))[1][0])


@done("a removed record whose place says something else", ALTERED, "the bytes there are not the ones that it left either")
def _(archivist: Archivist) -> None:
    remove(archivist, indexes=(3,))
    place, length = (warc(archivist, 0), 3), line(archivist, 0, 3).length
    later = START + timedelta(days=1)
    other = redacted.replacement(ref(archivist, 0), place, length, reason=REASON, authority=ORDER, at=later)
    overwrite(archivist, 0, 3, b"".join(other))


@done("a removed record replaced by a made-up one", ALTERED, "the bytes there are not the ones that it left either")
def _(archivist: Archivist) -> None:
    remove(archivist, indexes=(4,))
    overwrite(archivist, 0, 4, bytes(line(archivist, 0, 4).length))


def _lie(archivist: Archivist, **fields: object) -> None:
    body, _ = removal(archivist, 0, (3,))
    archivist.add_event(replace(body, records=(replace(body.records[0], **fields),)))  # type: ignore[arg-type]


_OTHERWISE = "otherwise than it was sealed"


@done("a removal with the hash of another record", ALTERED, _OTHERWISE, claim=Claim.EVENTS)
def _(archivist: Archivist) -> None:
    _lie(archivist, sha256=line(archivist, 0, 4).sha256)


@done("a removal moved to another record", ALTERED, _OTHERWISE, claim=Claim.EVENTS)
def _(archivist: Archivist) -> None:
    _lie(archivist, index=5)


@done("a removal that is longer than its record", ALTERED, _OTHERWISE, claim=Claim.EVENTS)
def _(archivist: Archivist) -> None:
    _lie(archivist, length=line(archivist, 0, 3).length + line(archivist, 0, 4).length)


@done("a removal of a record that there never was", ALTERED, _OTHERWISE, claim=Claim.EVENTS)
def _(archivist: Archivist) -> None:
    _lie(archivist, index=4000)


@done("a removal in a file that there never was", ALTERED, _OTHERWISE, claim=Claim.EVENTS)
def _(archivist: Archivist) -> None:
    _lie(archivist, file="data/another-0001.warc.gz")


@done("a removal in a run with another SEAL", ALTERED, "with another SEAL", claim=Claim.EVENTS)
def _(archivist: Archivist) -> None:
    body, _ = removal(archivist, 0, (3,))
    archivist.add_event(replace(body, run=replace(body.run, seal_sha256="0" * 64)))


@after("the statement of a removal deleted", ALTERED, "log entry 2: missing", claim=Claim.COMPLETENESS)
def _(root: Path, _: Archivist) -> None:
    shutil.rmtree(root / "events")


@after("the reason in the statement of a removal changed", ALTERED, "no valid signature", claim=Claim.EVENTS)
def _(root: Path, _: Archivist) -> None:
    edit(next((root / "events").glob("*/statement.json")), REASON.encode(), b"a person's privity")


@after("the statement of a removal copied for another record", ALTERED, "no valid signature", claim=Claim.EVENTS)
def _(root: Path, archivist: Archivist) -> None:
    event = next((root / "events").iterdir())
    edit(event / "statement.json", b'"index": 3,', b'"index": 5,')
    bound = {path.relative_to(event).as_posix(): path.read_bytes() for path in event.rglob("*.*")}
    (event / "SEAL").write_bytes(seal_over(bound, "statement.json"))


@after("a removal signed and never entered in the log", ALTERED, "not in the log", claim=Claim.EVENTS)
def _(root: Path, archivist: Archivist) -> None:
    other = Archivist(signers=archivist.signers, runs=archivist.runs, names=archivist.names, entries=list(archivist.entries))
    at = other.add_event(removal(archivist, 1, (3,))[0])
    for path, data in other.events[at.split("/")[1]].items():
        place = root / at / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)


@after("a byte of what stands for a removed record changed", ALTERED, "record 3 at offset")
def _(root: Path, archivist: Archivist) -> None:
    flip(root / "runs" / archivist.names[0] / warc(archivist, 0), line(archivist, 0, 3).offset + 120)


@after("a byte beside a removed record changed", ALTERED, "record 5 at offset")
def _(root: Path, archivist: Archivist) -> None:
    flip(root / "runs" / archivist.names[0] / warc(archivist, 0), line(archivist, 0, 5).offset + 20)


@after("a file with a removed record cut", ALTERED, "a cut")
def _(root: Path, archivist: Archivist) -> None:
    path = root / "runs" / archivist.names[0] / warc(archivist, 0)
    path.write_bytes(path.read_bytes()[:-9])


# --- renewals


def renew(archivist: Archivist, change: Callable[[bytes], bytes] = lambda data: data, **fields: object) -> str:
    """Renew everything; `change` the list that lies there, and `fields` what is stated of it."""
    files = {path: data for path, data in archivist.files().items() if not path.startswith("log/")}
    data = hashlist.encode(FileSha512(path=path, sha512=hashlib.sha512(held).hexdigest()) for path, held in files.items())
    body = Renewal(covers=Renewed.DATA, count=len(files), bytes=len(data), sha512=hashlib.sha512(data).hexdigest())
    at = archivist.add_event(replace(body, **fields))  # type: ignore[arg-type]
    archivist.events[at.split("/")[1]][hashlist.NAME] = change(data)
    return at


@done("everything renewed", OK, "no time-stamp that counts here proves when", claim=Claim.EVENTS)
def _(archivist: Archivist) -> None:
    renew(archivist)
    archivist.add_run()
    archivist.add_event()


@done("everything renewed, every file compared", OK, "files were there when it was made", claim=Claim.EVENTS, thorough=True)
def _(archivist: Archivist) -> None:
    renew(archivist)


@done("a record removed after a renewal", UNESTABLISHED, "removed by A. Archivist", thorough=True)
def _(archivist: Archivist) -> None:
    renew(archivist)
    remove(archivist)


@done("a line of a renewal's list altered", ALTERED, "not the list that was signed", claim=Claim.EVENTS)
def _(archivist: Archivist) -> None:
    renew(archivist, lambda data: data.replace(b"  archive.toml", b"  archive.tomk"))


@done("a line of a renewal's list removed", ALTERED, "not the list that was signed", claim=Claim.EVENTS)
def _(archivist: Archivist) -> None:
    renew(archivist, lambda data: data.partition(b"\n")[2])


@done("bytes after a renewal's list", ALTERED, "altered: ", claim=Claim.EVENTS)
def _(archivist: Archivist) -> None:
    renew(archivist, lambda data: data + b"\n")


@done("a renewal that counts more files than it lists", ALTERED, "the statement says 900", claim=Claim.EVENTS)
def _(archivist: Archivist) -> None:
    renew(archivist, count=900)


@done("a renewal of files that were never there", ALTERED, "lists it", claim=Claim.EVENTS)
def _(archivist: Archivist) -> None:
    archivist.documents["documents/none"] = b"x"
    renew(archivist)
    del archivist.documents["documents/none"]


@done("a renewal of another SEAL than the one that is here", ALTERED, "its SHA-512 is not the one", claim=Claim.EVENTS)
def _(archivist: Archivist) -> None:
    sealed = archivist.runs[0]["SEAL"]
    archivist.runs[0]["SEAL"] = sealed + b"\n"
    renew(archivist)
    archivist.runs[0]["SEAL"] = sealed


@done("a renewal of other data than is here", ALTERED, "its SHA-512 is not the one", claim=Claim.EVENTS, thorough=True)
def _(archivist: Archivist) -> None:
    path = warc(archivist, 0)
    stored = archivist.runs[0][path]
    archivist.runs[0][path] = stored + b"\n"
    renew(archivist)
    archivist.runs[0][path] = stored


@attack("a renewal's list deleted", ALTERED, Claim.EVENTS, "renewal.sha512: missing")
def _(archivist: Archivist, root: Path) -> None:
    at = renew(archivist)
    archivist.write(root)
    (root / at / hashlist.NAME).unlink()


@attack("a list beside an event that is no renewal", ALTERED, Claim.EVENTS, "renewal.sha512: unlisted")
def _(archivist: Archivist, root: Path) -> None:
    at = archivist.add_event()
    archivist.write(root)
    (root / at / hashlist.NAME).write_bytes(b"x")


@attack("a stamped file deleted after a renewal", ALTERED, Claim.EVENTS, "lists it")
def _(archivist: Archivist, root: Path) -> None:
    archivist.runs[0]["timestamps/a.tsr"] = b"a token"
    renew(archivist)
    archivist.write(root)
    (root / "runs" / archivist.names[0] / "timestamps" / "a.tsr").unlink()
