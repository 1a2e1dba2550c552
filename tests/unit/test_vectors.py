"""Every vector in tests/vectors, and whether they are all the refusals there are."""

from __future__ import annotations

import ast
import base64
import hashlib
import sys
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from preserve.errors import FormatError
from preserve.formats import (
    agreement,
    certificate,
    lines,
    manifest,
    note,
    privatekey,
    publickey,
    recordindex,
    seal,
    statement,
    strictjson,
    timestamp,
    tlog,
)
from preserve.formats.note import VerifierKey
from preserve.formats.times import rfc3339

VECTORS = Path(__file__).parents[1] / "vectors"
PATHS = sorted(path for path in VECTORS.glob("*/*") if path.parent.name != "__pycache__")
FORMATS = Path(strictjson.__file__).parent


class Vector:
    def __init__(self, path: Path) -> None:
        head, _, self.body = path.read_bytes().partition(b"\n\n")
        self.headers = dict(row.split(": ", 1) for row in head.decode().splitlines())
        self.expect = self.headers["expect"]
        self.format = self.headers["format"]


def _lines(
    decode: Callable[[bytes], object], encode: Callable[[object], bytes]
) -> Callable[[bytes, Mapping[str, str]], object]:
    def check(body: bytes, headers: Mapping[str, str]) -> None:
        assert encode(decode(body)) == body

    return check


def _json(body: bytes, headers: Mapping[str, str]) -> None:
    value = strictjson.decode(body)
    assert strictjson.decode(strictjson.encode(value)) == strictjson.decode(strictjson.encode_line(value)) == value


def _manifest(body: bytes, headers: Mapping[str, str]) -> None:
    assert manifest.encode(manifest.decode(body)) == body


def _statement(body: bytes, headers: Mapping[str, str]) -> None:
    assert statement.encode(statement.decode(body)) == body


def _agreement(body: bytes, headers: Mapping[str, str]) -> None:
    assert agreement.encode(agreement.decode(body)) == body


def _event_seal(body: bytes, headers: Mapping[str, str]) -> None:
    assert seal.encode(reversed(seal.decode(body, seal.STATEMENT)), seal.STATEMENT) == body


def _source(body: bytes, headers: Mapping[str, str]) -> None:
    assert lines.encode_source(lines.decode_source(body)) == body


def _citation(body: bytes, headers: Mapping[str, str]) -> None:
    assert lines.encode_citation(lines.decode_citation(body)) == body


def _capture(body: bytes, headers: Mapping[str, str]) -> None:
    assert lines.encode_capture(lines.decode_capture(body)) == body


def _seal(body: bytes, headers: Mapping[str, str]) -> None:
    assert seal.encode(reversed(seal.decode(body))) == body


def _records(body: bytes, headers: Mapping[str, str]) -> None:
    assert recordindex.encode(recordindex.decode(body, int(headers["size"]))) == body


def _public_key(body: bytes, headers: Mapping[str, str]) -> None:
    key = publickey.decode(body)
    assert key.pem == body
    assert (key.keyid, key.algorithm) == (headers["keyid"], headers["algorithm"])


def _private_key(body: bytes, headers: Mapping[str, str]) -> None:
    passphrase = headers["passphrase"].encode() if "passphrase" in headers else None
    key = privatekey.decode(body, passphrase)
    assert publickey.from_ed25519(key.public_key().public_bytes_raw()).keyid == headers["keyid"]


def _vkey(body: bytes, headers: Mapping[str, str]) -> None:
    assert VerifierKey.parse(body.decode()).encode().encode() == body


def _note(body: bytes, headers: Mapping[str, str]) -> None:
    signed = note.parse(body)
    assert signed.encode() == body
    opened = note.verify(signed, [VerifierKey.parse(vkey) for vkey in headers["keys"].split(" ")])
    found = {
        "signed": len(opened.signed_by),
        "cosigned": len(opened.cosigned_by),
        "failed": len(opened.failed),
        "unknown": len(opened.unknown),
    }
    assert found == {name: int(headers[name]) for name in found}


def _checkpoint(body: bytes, headers: Mapping[str, str]) -> None:
    assert note.parse_checkpoint(body).encode() == body


def _proof(body: bytes, headers: Mapping[str, str]) -> None:
    proof = tlog.decode_proof(body)
    assert tlog.encode_proof(proof) == body
    entry = Vector(VECTORS / "seal" / "real").body
    assert hashlib.sha256(entry).hexdigest() == headers["entry-sha256"]
    assert proof.includes(entry)
    assert not proof.includes(entry[:-1])


def _bundle(body: bytes, headers: Mapping[str, str]) -> None:
    assert tlog.encode_entries(tlog.decode_entries(body, int(headers["width"]))) == body


def _tile(body: bytes, headers: Mapping[str, str]) -> None:
    assert b"".join(tlog.decode_tile(body, int(headers["width"]))) == body


def _timestamp(body: bytes, headers: Mapping[str, str]) -> None:
    token = timestamp.read(body)
    assert rfc3339(token.time) == headers["time"]
    message = Vector(VECTORS / headers["over"]).body
    root = certificate.decode(base64.b64decode(headers["root"]))
    assert timestamp.verify(token, message, [root]) == ""
    assert timestamp.verify(token, message[:-1], [root]) == "it is over other bytes"


CHECKS: dict[str, Callable[[bytes, Mapping[str, str]], None]] = {
    "json": _json,
    "manifest": _manifest,
    "statement": _statement,
    "agreement": _agreement,
    "event-seal": _event_seal,
    "source-line": _source,
    "citation-line": _citation,
    "capture-line": _capture,
    "seal": _seal,
    "record-index": _records,
    "public-key": _public_key,
    "private-key": _private_key,
    "vkey": _vkey,
    "note": _note,
    "checkpoint": _checkpoint,
    "tlog-proof": _proof,
    "entry-bundle": _bundle,
    "tile": _tile,
    "timestamp": _timestamp,
}
"""Decode a vector and show that encoding the result gives it back; a refusal passes through."""


@pytest.mark.parametrize("path", PATHS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_vector(path: Path) -> None:
    vector = Vector(path)
    assert vector.format == path.parent.name
    check = CHECKS[vector.format]
    if vector.expect == "success":
        check(vector.body, {"size": "0", "width": "0", **vector.headers})
    else:
        with pytest.raises(FormatError) as refusal:
            check(vector.body, vector.headers)
        assert vector.expect in refusal.value.message


def test_the_vectors_are_those_that_the_generator_makes() -> None:
    sys.path.insert(0, str(VECTORS))
    try:
        from make_vectors import vectors
    finally:
        sys.path.remove(str(VECTORS))
    assert {f"{path.parent.name}/{path.name}": path.read_bytes() for path in PATHS} == vectors()


WRITING_ONLY = {
    ("strictjson.py", "_check"): "what may not be written; test_strictjson.py",
    ("recordindex.py", "_check"): "a record of no bytes cannot be spelled; test_recordindex.py",
    ("tlog.py", "_bundle"): "it takes two files to differ; test_tlog.py",
    ("tlog.py", "encode_entries"): "test_tlog.py",
    ("tlog.py", "complete"): "a tile beyond the log; test_tlog.py",
    ("tlog.py", "subtree"): "the same",
    ("manifest.py", "decode"): "a manifest of 16 MiB is no vector; test_manifest.py",
    ("lines.py", "_decode"): "a line of 16 MiB is no vector; test_lines.py",
    ("lines.py", "read"): "a file of lines; test_lines.py",
    ("publickey.py", "from_der"): "DER without PEM around it; test_publickey.py",
    ("privatekey.py", "from_openssh"): "another program's form; test_key_store.py",
    ("publickey.py", "check_ed25519"): "a raw key; note vectors reach it through vkeys",
}
"""Functions some of whose refusals no file can cause, and where they are tested instead."""


def test_every_refusal_of_a_decoder_has_a_vector() -> None:
    reached: set[tuple[str, int]] = set()
    for path in PATHS:
        vector = Vector(path)
        try:
            CHECKS[vector.format](vector.body, {"size": "0", "width": "0", **vector.headers})
        except FormatError as refusal:
            seen: BaseException | None = refusal
            while seen is not None:
                reached |= {
                    (Path(frame.filename).name, frame.lineno or 0) for frame in traceback.extract_tb(seen.__traceback__)
                }
                seen = seen.__context__
    unreached = []
    for name in (
        "strictjson.py",
        "times.py",
        "manifest.py",
        "statement.py",
        "agreement.py",
        "lines.py",
        "seal.py",
        "recordindex.py",
        "publickey.py",
        "privatekey.py",
        "note.py",
        "mldsa44.py",
        "tlog.py",
    ):
        for function, line in _refusals(FORMATS / name):
            if (name, line) not in reached and (name, function) not in WRITING_ONLY:
                unreached.append(f"{name}:{line} in {function}")
    assert not unreached


def _refusals(path: Path) -> set[tuple[str, int]]:
    """(function, line) of each `raise FormatError(…)` and `….refuse(…)`."""
    found = set()
    for function in ast.walk(ast.parse(path.read_bytes())):
        if not isinstance(function, ast.FunctionDef):
            continue
        for node in ast.walk(function):
            raised = (
                isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and ast.unparse(node.exc.func) == "FormatError"
            )
            refused = isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "refuse"
            if raised or refused:
                assert isinstance(node, ast.Raise | ast.Call)
                found.add((function.name, node.lineno))
    return found
