"""Validly signed, and still not to be accepted: what a signer with a broken or a dishonest program could seal."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace

from archives import (
    Archivist,
    Files,
    citation_line,
    member,
    record_index,
)
from attacktools import (
    UNESTABLISHED,
    add_signed_files,
    add_signed_json,
    insider,
    join,
    split,
)
from preserve.formats import gzipmember, lines, recordindex
from preserve.model.finding import Claim
from preserve.model.manifest import IndexFile, Manifest, StartToken, TimestampEntry

JSON_TRICKS: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "a duplicate key": (
        lambda data: data.replace(b'"interrupted": false,', b'"interrupted": false,\n  "interrupted": false,'),
        "duplicate key",
    ),
    "a key twice, once escaped": (
        lambda data: data.replace(b'"interrupted": false,', b'"interrupted": false,\n  "interrupte\\u0064": true,'),
        "duplicate key",
    ),
    "an unknown field": (
        lambda data: data.replace(b'"interrupted": false,', b'"interrupted": false,\n  "extra": 1,'),
        "unknown field",
    ),
    "a missing field": (lambda data: data.replace(b'  "interrupted": false,\n', b""), "missing field"),
    "a float": (lambda data: data.replace(b'"captured": 3', b'"captured": 3.0'), "not an integer"),
    "NaN": (lambda data: data.replace(b'"captured": 3', b'"captured": NaN'), "not JSON"),
    "a huge integer": (lambda data: data.replace(b'"size_before": 2', b'"size_before": 90071992547409930'), "too large"),
    "true for 1": (lambda data: data.replace(b'"failed": 0', b'"failed": false'), "wrong type"),
    "a byte order mark": (lambda data: b"\xef\xbb\xbf" + data, "byte order mark"),
    "UTF-16": (lambda data: data.decode().encode("utf-16"), "byte order mark"),
    "a letter beyond ASCII": (lambda data: data.replace(b"A. Archivist", "\u0410. Archivist".encode(), 1), "not ASCII"),
    "deep nesting": (lambda data: data.replace(b'"notes": ""', b'"notes": ' + b"[" * 5000 + b"]" * 5000), "nested too deeply"),
    "other white space": (lambda data: data.replace(b'"captured": 3', b'"captured":  3'), "not canonical"),
    "another version": (lambda data: data.replace(b"preserve-manifest/v1", b"preserve-manifest/v2"), "bad value"),
    "a path that leads out": (lambda data: data.replace(b"data/sources.jsonl", b"data/../../../x"), "bad value"),
    "an absolute path": (lambda data: data.replace(b"data/sources.jsonl", b"/etc/passwd"), "bad value"),
    "a file listed twice": (
        lambda data: json.dumps({**json.loads(data), "files": json.loads(data)["files"] * 2}, indent=2).encode() + b"\n",
        "duplicate",
    ),
    "nobody as signer": (lambda data: json.dumps({**json.loads(data), "signers": []}, indent=2).encode() + b"\n", "no signers"),
    "no JSON at all": (lambda _: b"manifest\n", "not JSON"),
}

for _name, (_change, _says) in JSON_TRICKS.items():

    def _deed(archivist: Archivist, change: Callable[[bytes], bytes] = _change) -> None:
        add_signed_json(archivist, change)

    insider(f"a validly signed manifest with {_name}", Claim.INTEGRITY, _says)(_deed)


@insider("a validly signed manifest that calls an Ed25519 key P-256", Claim.INTEGRITY, "calls this ed25519 key")
def _(archivist: Archivist) -> None:
    archivist.add_run(
        tweak=lambda signed: replace(
            signed, signers=(replace(signed.signers[0], algorithm="ecdsa-p256-sha256"), *signed.signers[1:])
        )
    )


@insider("a Merkle root that is not that of the lines", Claim.INTEGRITY, "Merkle root")
def _(archivist: Archivist) -> None:
    archivist.add_run(tweak=lambda signed: replace(signed, captures=replace(signed.captures, root="0" * 64)))


@insider("a root of the records that is not that of their index", Claim.INTEGRITY, "Merkle root")
def _(archivist: Archivist) -> None:
    def lie(signed: Manifest) -> Manifest:
        files = tuple(
            replace(entry, records=replace(entry.records, root="0" * 64)) if entry.records else entry for entry in signed.files
        )
        return replace(signed, files=files)

    archivist.add_run(tweak=lie)


@insider("a count that is not that of the lines", Claim.INTEGRITY, "the manifest says 9")
def _(archivist: Archivist) -> None:
    archivist.add_run(tweak=lambda signed: replace(signed, citations=replace(signed.citations, count=9)))


@insider("records counted otherwise than they are", Claim.INTEGRITY, "the manifest says 8")
def _(archivist: Archivist) -> None:
    def lie(signed: Manifest) -> Manifest:
        def more(index: IndexFile | None) -> IndexFile | None:
            return replace(index, count=index.count + 1) if index else None

        return replace(signed, files=tuple(replace(entry, records=more(entry.records)) for entry in signed.files))

    archivist.add_run(tweak=lie)


@insider("failed captures counted as captured", Claim.COMPLETENESS, "captures are captured, the manifest says 2")
def _(archivist: Archivist) -> None:
    archivist.add_run(tweak=lambda signed: replace(signed, captures=replace(signed.captures, captured=2, failed=1)))


@insider("a record index with a gap, validly signed", Claim.INTEGRITY, "does not tile")
def _(archivist: Archivist) -> None:
    def change(files: Files) -> None:
        path = next(path for path in files if path.endswith(".records"))
        rows = files[path].splitlines(keepends=True)
        first = recordindex.parse_leaf(rows[0].rstrip())
        rows[0] = recordindex.leaf(replace(first, length=first.length - 1)) + b"\n"
        files[path] = b"".join(rows)

    add_signed_files(archivist, change)


@insider("bytes that no record covers, validly signed", Claim.INTEGRITY, "does not tile")
def _(archivist: Archivist) -> None:
    def change(files: Files) -> None:
        path, _ = split(files)
        files[path] += b"payload"

    add_signed_files(archivist, change)


@insider("a record index whose hash is not that of the record, validly signed", Claim.INTEGRITY, "record 2 at offset")
def _(archivist: Archivist) -> None:
    def change(files: Files) -> None:
        path, members = split(files)
        files[path.removesuffix(".warc.gz") + ".records"] = record_index([*members[:2], bytes(len(members[2])), *members[3:]])

    add_signed_files(archivist, change)


@insider("a gzip member with a file name in its header, validly signed", Claim.INTEGRITY, "FLG 0")
def _(archivist: Archivist) -> None:
    def change(files: Files) -> None:
        path, members = split(files)
        members[4] = members[4][:3] + b"\x08" + members[4][4:10] + b"x\x00" + members[4][10:]
        join(files, path, members)

    add_signed_files(archivist, change)


@insider("two records in one member, validly signed", Claim.INTEGRITY, "record 2 at offset", thorough=True)
def _(archivist: Archivist) -> None:
    def change(files: Files) -> None:
        path, members = split(files)
        one = member("response", "http://a.example/", b"HTTP/1.1 200 OK\r\n\r\n", 90)
        unpacked = b"".join(gzipmember.Unpacker().feed(one))
        members[2] = gzipmember.pack(unpacked, unpacked, b"")
        join(files, path, members)

    add_signed_files(archivist, change)


@insider("a slice of two members, validly signed", Claim.INTEGRITY, "more bytes follow", thorough=True)
def _(archivist: Archivist) -> None:
    def change(files: Files) -> None:
        path, members = split(files)
        members[2] += gzipmember.pack(b"", b"hidden", b"")
        join(files, path, members)

    add_signed_files(archivist, change)


@insider("a block digest that does not hold, validly signed", Claim.INTEGRITY, "WARC-Block-Digest does not hold", thorough=True)
def _(archivist: Archivist) -> None:
    def change(files: Files) -> None:
        path, members = split(files)
        content = b"".join(gzipmember.Unpacker().feed(members[2])).replace(b"Station 0", b"Station 9")
        members[2] = gzipmember.pack(content, b"", b"")
        join(files, path, members)

    add_signed_files(archivist, change)


@insider("a capture that names a record of another type", Claim.STRUCTURE, "calls record 1", thorough=True)
def _(archivist: Archivist) -> None:
    def change(files: Files) -> None:
        rows = [lines.decode_capture(row) for row in files["data/captures.jsonl"].splitlines()]
        rows[0] = replace(rows[0], records=tuple(replace(ref, type="response") for ref in rows[0].records))
        files["data/captures.jsonl"] = b"".join(lines.encode_capture(row) + b"\n" for row in rows)

    add_signed_files(archivist, change)


@insider("a capture that names a record that does not exist", Claim.COMPLETENESS, "which does not exist")
def _(archivist: Archivist) -> None:
    def change(files: Files) -> None:
        rows = [lines.decode_capture(row) for row in files["data/captures.jsonl"].splitlines()]
        rows[1] = replace(rows[1], records=tuple(replace(ref, index=70) for ref in rows[1].records))
        files["data/captures.jsonl"] = b"".join(lines.encode_capture(row) + b"\n" for row in rows)

    add_signed_files(archivist, change)


@insider("a citation that nothing answers", Claim.COMPLETENESS, "citation 4 is neither captured nor explained")
def _(archivist: Archivist) -> None:
    def change(files: Files) -> None:
        document = lines.decode_source(files["data/sources.jsonl"].rstrip()).sha256
        extra = citation_line(4, "http://station-9.example/", document, "paper-2.txt", None, 2)
        files["data/citations.jsonl"] += lines.encode_citation(extra) + b"\n"

    add_signed_files(archivist, change)


@insider("a capture that answers a citation that does not exist", Claim.COMPLETENESS, "which does not exist")
def _(archivist: Archivist) -> None:
    def change(files: Files) -> None:
        rows = files["data/citations.jsonl"].splitlines(keepends=True)
        files["data/citations.jsonl"] = b"".join(rows[:2])

    add_signed_files(archivist, change)


@insider("a citation from a document that is not listed", Claim.COMPLETENESS, "a document that is not listed")
def _(archivist: Archivist) -> None:
    def change(files: Files) -> None:
        row = lines.decode_source(files["data/sources.jsonl"].rstrip())
        files["data/sources.jsonl"] = lines.encode_source(replace(row, sha256="1" * 64)) + b"\n"

    add_signed_files(archivist, change)


@insider("a line with a duplicate key, validly signed", Claim.INTEGRITY, "line 1: duplicate key")
def _(archivist: Archivist) -> None:
    def change(files: Files) -> None:
        rows = files["data/captures.jsonl"].splitlines(keepends=True)
        rows[1] = rows[1].replace(b'"hops":[]', b'"hops":[],"hops":[]')
        files["data/captures.jsonl"] = b"".join(rows)

    add_signed_files(archivist, change)


@insider("two lines with one salt", Claim.INTEGRITY, "its salt stands in an earlier line too")
def _(archivist: Archivist) -> None:
    def change(files: Files) -> None:
        rows = [lines.decode_capture(row) for row in files["data/captures.jsonl"].splitlines()]
        rows[2] = replace(rows[2], salt=rows[0].salt)
        files["data/captures.jsonl"] = b"".join(lines.encode_capture(row) + b"\n" for row in rows)

    add_signed_files(archivist, change)


@insider("a named time-stamp whose token is missing", Claim.NOT_AFTER, "missing", exit_code=UNESTABLISHED)
def _(archivist: Archivist) -> None:
    archivist.add_run(tweak=lambda signed: replace(signed, timestamps=(TimestampEntry(authority="tsa.example"),)))


@insider("a start token that is not the one named", Claim.NOT_BEFORE, "not the token that the manifest names")
def _(archivist: Archivist) -> None:
    path = "timestamps/start-tsa.example.tsr"
    token = StartToken(authority="tsa.example", file=path, sha256=hashlib.sha256(b"token").hexdigest())
    run = archivist.add_run(tweak=lambda signed: replace(signed, start_tokens=(token,)))
    run[path] = b"another"
