"""Writes the test vectors of the formats: `python tests/vectors/make_vectors.py`. The files are the vectors; this only makes them.

A vector is one file: header lines `name: value`, an empty line, and then the exact bytes to decode. `format` names the decoder,
`expect` is "success" or the kind of refusal. Other headers are what that decoder must know beside the bytes. Any implementation, in
any language, can be held to them.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import published
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

HERE = Path(__file__).parent
EMPTY = hashlib.sha256(b"").hexdigest()


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


KEY = ed25519.Ed25519PrivateKey.from_private_bytes(hashlib.sha256(b"a key for test vectors").digest())
RAW = KEY.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
DER = KEY.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
PEM = KEY.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
KEYID = hashlib.sha256(DER).hexdigest()


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def pem(der: bytes) -> bytes:
    rows = re.findall(".{1,64}", b64(der))
    return ("-----BEGIN PUBLIC KEY-----\n" + "\n".join(rows) + "\n-----END PUBLIC KEY-----\n").encode()


def spki(raw: bytes) -> bytes:
    return bytes.fromhex("302a300506032b6570032100") + raw


Write = Callable[..., None]


def writer(form: str, made: dict[str, bytes]) -> Write:
    def write(name: str, expect: str, body: bytes, comment: str = "", **headers: object) -> None:
        head = {"expect": expect, "format": form, **{key.replace("_", "-"): value for key, value in headers.items()}}
        if comment:
            head["comment"] = comment
        rows = "".join(f"{key}: {value}\n" for key, value in head.items())
        path = f"{form}/{name}"
        assert path not in made, path
        made[path] = rows.encode() + b"\n" + body

    return write


def json_vectors(made: dict[str, bytes]) -> None:
    write = writer("json", made)
    write("plain", "success", b'{"a":[1,-2,"x",true,null]}')
    write("escapes", "success", b'{"a":"\\u202e \\ud83d\\ude00"}', "what cannot be ASCII is escaped; a pair is one character")
    write("largest-integer", "success", b"[9007199254740991,-9007199254740991]")
    write("byte-order-mark", "byte order mark", b'\xef\xbb\xbf{"a":1}')
    write("utf-16", "byte order mark", '{"a":1}'.encode("utf-16"))
    write("not-ascii", "not ASCII", '{"a":"é"}'.encode())
    write("duplicate-key", "duplicate key", b'{"a":1,"b":2,"a":1}')
    write("duplicate-escaped-key", "duplicate key", b'{"a":1,"\\u0061":2}', "two spellings of one name")
    write("float", "not an integer", b"[1.0]")
    write("exponent", "not an integer", b"[1e3]")
    write("nan", "not JSON", b"[NaN]")
    write("infinity", "not JSON", b"[-Infinity]")
    write("negative-zero", "negative zero", b"[-0]")
    write("integer-too-large", "integer too large", b"[9007199254740992]")
    write("integer-far-too-large", "integer too large", b"[" + b"9" * 5000 + b"]")
    write("leading-zero", "not JSON", b"[01]")
    write("trailing-comma", "not JSON", b"[1,]")
    write("two-values", "not JSON", b"{} {}")
    write("empty", "not JSON", b"")
    write("control-character", "not JSON", b'["a\x01"]')
    write("too-deep", "nested too deeply", b"[" * 17 + b"]" * 17)
    write("far-too-deep", "nested too deeply", b"[" * 5_000)
    write("brackets-in-strings", "success", b'["' + b"[" * 40 + b'","\\"[["]')
    write("lone-surrogate", "lone surrogate", b'["\\ud800"]')


def tree(text: str) -> dict[str, str]:
    return {"hash": "sha256", "scheme": "rfc6962", "root": digest(text)}


def manifest() -> dict[str, Any]:
    def entry(path: str, role: str) -> dict[str, Any]:
        return {"path": path, "bytes": 100, "sha256": digest(path), "role": role}

    warc = entry("data/example-000004-0001.warc.gz", "warc")
    warc["records"] = {"file": "data/example-000004-0001.records", "count": 7, "tree": tree("records")}
    return {
        "type": "preserve-manifest/v1",
        "run_id": "1c8d88a0-126a-4323-ad05-41545ae6a2b0",
        "nonce": digest("nonce"),
        "created": "2026-11-21T17:02:45.565Z",
        "interrupted": False,
        "clock": {"source": "system", "ntp_synchronised": None, "max_error_ms": None, "http_date_skew_ms": [-120, 31]},
        "archive": {"id": "archive.example/main", "sequence": 4, "previous_seal_sha256": digest("previous")},
        "log": {"origin": "archive.example/main/log", "size_before": 4, "root_before": digest("root before")},
        "operator": {"name": "A. Archivist", "organisation": None, "role": "collector"},
        "case": {"reference": None, "legal_basis": None, "notes": ""},
        "tool": {
            "name": "preserve",
            "version": "0.1.0",
            "source_sha256": None,
            "python": "3.11.7",
            "platform": "linux",
            "config_sha256": digest("configuration"),
            "dependencies": {"cryptography": "50.0.2", "h11": "0.16.0"},
        },
        "environment": {"hostname_sha256": None, "egress_ip": None, "vantage": "local", "user_agent": "preserve/0.1.0"},
        "sources": {"file": "data/sources.jsonl", "count": 1, "tree": tree("sources")},
        "citations": {"file": "data/citations.jsonl", "count": 3, "tree": tree("citations")},
        "captures": {
            "file": "data/captures.jsonl",
            "count": 3,
            "captured": 2,
            "truncated": 0,
            "failed": 1,
            "refused": 0,
            "tree": tree("captures"),
        },
        "files": [
            entry("data/captures.jsonl", "capture-index"),
            entry("data/citations.jsonl", "citation-index"),
            entry("data/example-000004-0001.records", "record-index"),
            warc,
            entry("data/example-000004-torn-0001.bin", "torn"),
            entry("data/sources.jsonl", "source-index"),
        ],
        "signers": [{"keyid": KEYID, "alg": "ed25519", "name": "A. Archivist"}],
        "timestamps": [{"authority": "tsa-a", "protocol": "rfc3161"}],
        "start_tokens": [{"authority": "tsa-a", "file": "timestamps/start-tsa-a.tsr", "sha256": digest("token")}],
    }


def changed(value: Any, path: str, new: Any) -> Any:
    """`value` with the member at `path` ("log.origin", "files.0.path") set, or deleted when `new` is `...`."""
    copy = json.loads(json.dumps(value))
    at = copy
    *way, last = [int(step) if step.isdigit() else step for step in path.split(".")]
    for step in way:
        at = at[step]
    if new is ...:
        del at[last]
    elif isinstance(at, list) and last == len(at):
        at.append(new)
    else:
        at[last] = new
    return copy


def manifest_vectors(made: dict[str, bytes]) -> None:
    write = writer("manifest", made)
    good = manifest()

    def document(value: Any) -> bytes:
        return json.dumps(value, indent=2).encode() + b"\n"

    def bad(name: str, expect: str, path: str, new: Any, comment: str = "") -> None:
        write(name, expect, document(changed(good, path, new)), comment)

    write("run-four", "success", document(good))
    first = changed(changed(good, "archive.sequence", 0), "archive.previous_seal_sha256", None)
    first = changed(changed(first, "log.size_before", 0), "log.root_before", EMPTY)
    write("first-run", "success", document(first), "run 0 of a new archive with an empty log")
    write("no-timestamps", "success", document(changed(changed(good, "timestamps", []), "start_tokens", [])))
    foreign = {"path": "data/foreign-0001.warc.gz", "bytes": 5, "sha256": digest("foreign"), "role": "foreign"}
    write("foreign-file", "success", document(changed(good, "files.6", foreign)))
    write(
        "bidi-in-name",
        "success",
        document(changed(good, "operator.name", "\u202eA")),
        "kept, escaped; printing it safely is the reader's job",
    )
    write("not-an-object", "not an object", b"[]\n")
    write("duplicate-key", "duplicate key", document(good).replace(b'  "nonce"', b'  "interrupted": false,\n  "nonce"'))
    write("no-newline", "not canonical", document(good)[:-1])
    write("compact", "not canonical", json.dumps(good).encode())
    write("escaped-letter", "not canonical", document(good).replace(b'"local"', b'"\\u006cocal"'))
    order = {name: good[name] for name in sorted(good)}
    write("other-order", "not canonical", document(order))
    write("dependencies-unsorted", "not canonical", document(changed(good, "tool.dependencies", {"h11": "1", "a": "2"})))
    bad("other-type", "bad value", "type", "preserve-manifest/v2")
    bad("unknown-field", "unknown field", "extra", 1)
    bad("unknown-inner-field", "unknown field", "tool.extra", None)
    bad("missing-field", "missing field", "nonce", ...)
    bad("string-for-integer", "wrong type", "archive.sequence", "4")
    bad("true-for-integer", "wrong type", "captures.count", True)
    bad("integer-for-boolean", "wrong type", "interrupted", 0)
    bad("integer-for-string", "wrong type", "case.notes", 0)
    bad("null-for-string", "wrong type", "case.notes", None)
    bad("object-for-array", "wrong type", "files", {})
    bad("string-in-integers", "wrong type", "clock.http_date_skew_ms", ["1"])
    bad("array-for-object", "not an object", "log", [])
    bad("negative-count", "bad value", "sources.count", -1)
    bad("upper-case-hash", "bad value", "nonce", digest("nonce").upper())
    bad("not-a-uuid", "bad value", "run_id", "1c8d88a0")
    bad("time-without-milliseconds", "bad time", "created", "2026-11-21T17:02:45Z")
    bad("time-with-zone", "bad time", "created", "2026-11-21T18:02:45.565+01:00")
    bad("time-that-is-none", "bad time", "created", "2026-02-30T17:02:45.565Z")
    bad("first-with-previous", "bad value", "archive.sequence", 0)
    bad("later-without-previous", "bad value", "archive.previous_seal_sha256", None)
    bad("empty-log-with-root", "bad value", "log.size_before", 0)
    bad("log-with-empty-root", "bad value", "log.root_before", EMPTY)
    bad("origin-with-space", "bad name", "log.origin", "archive example")
    bad("origin-like-json", "bad name", "log.origin", "{archive")
    bad("other-tree", "bad value", "sources.tree.scheme", "rfc9162")
    bad("outcomes-do-not-add-up", "bad value", "captures.failed", 2)
    bad("path-outside-data", "bad value", "files.0.path", "captures.jsonl")
    bad("path-upward", "bad value", "files.4.path", "data/../x")
    bad("path-upper-case", "bad value", "files.4.path", "data/Torn.bin")
    bad("path-too-long", "bad value", "files.4.path", "data/" + "x" * 300)
    bad("unknown-role", "bad value", "files.4.role", "notes")
    bad("warc-without-records", "bad value", "files.3.records", ...)
    bad("torn-with-records", "bad value", "files.4.records", good["files"][3]["records"])
    bad("path-twice", "duplicate", "files.6", good["files"][4])
    bad("index-not-listed", "not listed", "files.5", ...)
    bad("index-listed-as-other", "not listed", "files.5.role", "torn")
    bad("index-nobody-names", "nothing refers", "files.6", {**good["files"][2], "path": "data/other.records"})
    bad("index-for-two", "duplicate", "sources.file", "data/citations.jsonl")
    bad("no-signers", "no signers", "signers", [])
    bad("signer-twice", "duplicate", "signers.1", good["signers"][0])
    bad("unknown-algorithm", "bad value", "signers.0.alg", "rsa")
    bad("authority-twice", "duplicate", "timestamps.1", good["timestamps"][0])
    bad(
        "authority-named-start",
        "bad value",
        "timestamps.0.authority",
        "start-tsa-a",
        "its token would lie where a start token lies",
    )
    bad("other-protocol", "bad value", "timestamps.0.protocol", "roughtime")
    bad("start-token-elsewhere", "bad value", "start_tokens.0.file", "timestamps/tsa-a.tsr")


def stated(kind: str, body: dict[str, Any]) -> dict[str, Any]:
    """The statement of an event."""
    return {
        "type": f"preserve-{kind}/v1",
        "archive": "archive.example/main",
        "log": {"origin": "archive.example/main/log", "size_before": 4, "root_before": digest("root")},
        "created": "2026-11-21T17:02:45.565Z",
        "actor": {"name": "A. Archivist", "organisation": None, "role": None},
        "body": body,
        "signers": [{"keyid": KEYID, "alg": "ed25519", "name": "A. Archivist"}],
        "timestamps": [{"authority": "tsa-a", "protocol": "rfc3161"}],
    }


def _key_vectors(write: Callable[..., None]) -> None:
    """Statements about keys."""
    old, new = digest("the old key"), digest("the new key")

    def key(action: str, **members: object) -> bytes:
        body = {"action": action, "keyid": old, "successor": None, "reason": None, "since": None} | members
        return json.dumps(stated("key", body), indent=2).encode() + b"\n"

    since = "2026-11-20T00:00:00.000Z"
    write("key-rotate", "success", key("rotate", successor=new))
    write("key-recovery", "success", key("recovery"))
    write("key-revoke-superseded", "success", key("revoke", reason="superseded"))
    write("key-revoke-compromised", "success", key("revoke", reason="compromised", since=since))
    write("key-rotate-without-successor", "bad value", key("rotate"))
    write("key-rotate-to-itself", "bad value", key("rotate", successor=old))
    write("key-recovery-with-successor", "bad value", key("recovery", successor=new))
    write("key-revoke-without-reason", "bad value", key("revoke"))
    write("key-revoke-compromised-without-time", "bad value", key("revoke", reason="compromised"))
    write("key-revoke-superseded-since", "bad value", key("revoke", reason="superseded", since=since))
    write("key-no-such-action", "bad value", key("praise"))

    origin = "archive.example/main/log"

    def log_key(seed: bytes, name: str = origin, kind: int = 1) -> str:
        private = ed25519.Ed25519PrivateKey.from_private_bytes(hashlib.sha256(seed).digest())
        raw = private.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        return vkey(name, kind, raw)

    first, second = log_key(b"a log's first key"), log_key(b"a log's second key")

    def rotate_log(**members: object) -> bytes:
        body = {"action": "rotate-log", "old": first, "new": second, "reason": "superseded", "since": None} | members
        return json.dumps(stated("key", body), indent=2).encode() + b"\n"

    write("key-rotate-log", "success", rotate_log())
    write("key-rotate-log-compromised", "success", rotate_log(reason="compromised", since=since))
    write("key-rotate-log-compromised-without-time", "bad value", rotate_log(reason="compromised"))
    write("key-rotate-log-to-itself", "bad value", rotate_log(new=first))
    write("key-rotate-log-of-another-log", "bad value", rotate_log(new=log_key(b"a log's second key", "other.example/log")))
    write("key-rotate-log-to-a-witness", "bad value", rotate_log(new=log_key(b"a log's second key", kind=4)))
    write("key-rotate-log-with-another-hash", "bad value", rotate_log(new=second.replace("+", "+0", 1)))
    write("key-rotate-log-with-keyid", "unknown field", rotate_log(keyid=old))


def _trust_vectors(write: Callable[..., None]) -> None:
    """Statements about what others signed, and whose keys were taken into trust."""

    def document(value: Any) -> bytes:
        return json.dumps(value, indent=2).encode() + b"\n"

    signed = stated(
        "countersignature",
        {
            "run": {"sequence": 0, "seal_sha256": digest("seal 0")},
            "name": "B. Colleague",
            "keyid": digest("an SSH key"),
            "signature": {"form": "sshsig", "sha256": digest("an SSH signature")},
        },
    )
    write("countersignature", "success", document(signed))
    write("countersignature-other-form", "bad value", document(changed(signed, "body.signature.form", "cms")))
    write("countersignature-without-name", "bad value", document(changed(signed, "body.name", "")))
    write("countersignature-short-keyid", "bad value", document(changed(signed, "body.keyid", "00")))
    write("countersignature-unknown-field", "unknown field", document(changed(signed, "body.run.name", "x")))
    times = {"valid_from": None, "valid_until": None, "revoked_at": None, "reason": None}
    key = {"keyid": digest("an SSH key"), "role": "cosigner", "name": "B. Colleague", **times}
    taken = stated(
        "trust",
        {
            "reason": "she joins the archive",
            "file": {"name": "keys.toml", "sha256": digest("keys.toml")},
            "keys": [key],
        },
    )
    revoked = {**key, "revoked_at": "2026-11-20T00:00:00.000Z", "reason": "superseded", "role": "operator"}
    limited = {**key, "valid_until": "2030-01-01T00:00:00.000Z"}
    write("trust", "success", document(taken))
    write("trust-limited", "success", document(changed(taken, "body.keys", [limited, revoked])))
    write("trust-no-keys", "bad value", document(changed(taken, "body.keys", [])))
    write("trust-key-twice", "bad value", document(changed(taken, "body.keys", [key, key])))
    write("trust-out-of-order", "bad value", document(changed(taken, "body.keys", [revoked, limited])))
    write("trust-other-role", "bad value", document(changed(taken, "body.keys.0.role", "friend")))
    write("trust-reason-without-time", "bad value", document(changed(taken, "body.keys.0.reason", "superseded")))
    write("trust-no-reason", "bad value", document(changed(taken, "body.reason", " ")))


def _removal_vectors(write: Callable[..., None]) -> None:
    """Statements about records that were removed, and about files that were stamped anew."""
    first = {
        "file": "data/a-000000-0001.warc.gz",
        "index": 3,
        "offset": 855,
        "length": 276,
        "sha256": digest("was there"),
        "replacement_sha256": digest("is there"),
    }
    body: dict[str, Any] = {
        "run": {"sequence": 0, "seal_sha256": digest("seal 0")},
        "reason": "a person's privacy",
        "authority": "Court of Example",
        "at": "2026-11-21T17:02:45.000Z",
        "records": [first, {**first, "index": 4, "offset": 1131}],
    }
    renewal = {"covers": "data", "list": {"count": 3, "bytes": 500, "sha512": "ab" * 64}}

    def put(name: str, expect: str, kind: str, value: dict[str, Any], path: str = "", new: Any = None) -> None:
        made = stated(kind, changed(value, path, new) if path else value)
        write(name, expect, json.dumps(made, indent=2).encode() + b"\n")

    put("redaction", "success", "redaction", body)
    put("redaction-of-nothing", "bad value", "redaction", body, "records", [])
    put("redaction-of-one-record-twice", "bad value", "redaction", body, "records.1", first)
    put("redaction-out-of-order", "bad value", "redaction", body, "records", body["records"][::-1])
    put("redaction-by-itself", "bad value", "redaction", body, "records.0.replacement_sha256", digest("was there"))
    put("redaction-of-no-bytes", "bad value", "redaction", body, "records.0.length", 0)
    put("redaction-outside", "bad value", "redaction", body, "records.0.file", "../a.warc.gz")
    put("redaction-without-reason", "bad value", "redaction", body, "reason", "")
    put("redaction-by-nobody", "bad value", "redaction", body, "authority", " ")
    put("redaction-unknown-field", "unknown field", "redaction", body, "records.0.url", "http://a.example/")
    put("renewal", "success", "renewal", renewal)
    put("renewal-of-stamps", "success", "renewal", renewal, "covers", "stamps")
    put("renewal-of-nothing", "bad value", "renewal", renewal, "list.count", 0)
    put("renewal-of-something-else", "bad value", "renewal", renewal, "covers", "everything")
    put("renewal-with-a-short-hash", "bad value", "renewal", renewal, "list.sha512", digest("list"))
    put("renewal-unknown-field", "unknown field", "renewal", renewal, "list.file", "renewal.sha512")


COWORKER = ed25519.Ed25519PrivateKey.from_private_bytes(hashlib.sha256(b"a co-worker's key").digest())
COWORKER_DER = COWORKER.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
REVOKED: dict[str, Any] = {
    "action": "revoke",
    "keyid": hashlib.sha256(b"the old key").hexdigest(),
    "successor": None,
    "reason": "compromised",
    "since": "2026-11-20T00:00:00.000Z",
}


def agreement_text(body: dict[str, Any]) -> bytes:
    """What co-workers sign."""
    said = {"archive": "archive.example/main", "log": "archive.example/main/log", "body": body}
    return b"preserve-agreement/v1\n" + json.dumps(said, indent=2).encode() + b"\n"


def _coworker_vectors(write: Callable[..., None]) -> None:
    """Statements about co-workers, and by them."""
    members = sorted(digest(f"co-worker {number}") for number in range(3))
    circle = {"action": "coworkers", "keyid": REVOKED["keyid"], "replaces": None, "threshold": 2, "coworkers": members}
    one = {"key": b64(COWORKER_DER), "signature": b64(COWORKER.sign(agreement_text(REVOKED)))}

    def put(name: str, expect: str, body: dict[str, Any], comment: str = "") -> None:
        write(name, expect, json.dumps(stated("key", body), indent=2).encode() + b"\n", comment)

    put("coworkers", "success", circle)
    put("coworkers-instead", "success", circle | {"replaces": 3, "agreed": [one]})
    put("coworkers-none-needed", "bad value", circle | {"threshold": 0})
    put("coworkers-too-many-needed", "bad value", circle | {"threshold": 4})
    put("coworkers-twice", "bad value", circle | {"coworkers": [members[0], members[0], members[2]]})
    put("coworkers-out-of-order", "bad value", circle | {"coworkers": members[::-1]})
    put("coworkers-seventeen", "bad value", circle | {"coworkers": sorted(digest(f"{number}") for number in range(17))})
    put("coworkers-with-the-key-itself", "bad value", circle | {"coworkers": sorted([*members, REVOKED["keyid"]])})
    put("coworkers-short-keyid", "bad value", circle | {"coworkers": [members[0][:63]]})
    put("coworkers-let-in-by-nobody", "bad value", circle | {"agreed": [one]}, "nobody was named before")
    put("coworkers-unknown-field", "unknown field", circle | {"weights": [1, 1, 1]})
    put("revoke-agreed", "success", REVOKED | {"agreed": [one]})
    given_up = REVOKED | {"reason": "superseded"}
    by = [{"key": b64(COWORKER_DER), "signature": b64(COWORKER.sign(agreement_text(given_up)))}]
    put("superseded-agreed", "success", given_up | {"agreed": by})
    put(
        "superseded-agreed-without-time", "bad value", given_up | {"since": None, "agreed": by}, "who enters it would choose it"
    )
    put("revoke-agreed-by-nobody", "bad value", REVOKED | {"agreed": []})
    put("revoke-agreed-twice", "bad value", REVOKED | {"agreed": [one, one]})
    put("revoke-agreed-unknown-field", "unknown field", REVOKED | {"agreed": [one | {"name": "Ann"}]})
    put(
        "revoke-agreed-weak-key", "bad value", REVOKED | {"agreed": [one | {"key": b64(COWORKER_DER[:12] + b"\1" + bytes(31))}]}
    )
    put("revoke-agreed-padding", "bad value", REVOKED | {"agreed": [one | {"signature": one["signature"].rstrip("=")}]})
    put("rotate-agreed", "bad value", REVOKED | {
        "action": "rotate", "successor": members[0], "reason": None, "since": None, "agreed": [one]
    })  # fmt: skip


def agreement_vectors(made: dict[str, bytes]) -> None:
    """The file that goes from co-worker to co-worker."""
    write = writer("agreement", made)
    text = agreement_text(REVOKED)
    line = f"agreed {b64(COWORKER_DER)} {b64(COWORKER.sign(text))}\n".encode()
    circle = {
        "action": "coworkers", "keyid": REVOKED["keyid"], "replaces": 3, "threshold": 1, "coworkers": [digest("co-worker 0")]
    }  # fmt: skip
    write("draft", "success", text + b"\n")
    write("agreed", "success", text + b"\n" + line)
    write("others-named", "success", agreement_text(circle) + b"\n")
    write("others-named-first", "bad value", agreement_text(circle | {"replaces": None}) + b"\n", "nobody has to agree")
    given_up = REVOKED | {"reason": "superseded"}
    write("given-up", "success", agreement_text(given_up) + b"\n")
    write(
        "given-up-without-time",
        "bad value",
        agreement_text(given_up | {"since": None}) + b"\n",
        "who enters it would choose it",
    )
    recovery = REVOKED | {"action": "recovery", "reason": None, "since": None}
    write("recovery-key", "bad value", agreement_text(recovery) + b"\n", "co-workers let no recovery key in")
    write("other-archive", "bad signature", text.replace(b"main", b"second", 1) + b"\n" + line)
    write("other-time", "bad signature", text.replace(b"-20T", b"-19T") + b"\n" + line)
    write("line-twice", "bad value", text + b"\n" + line + line)
    write("line-without-word", "not a line", text + b"\n" + line.removeprefix(b"agreed "))
    write("line-cut", "not canonical", text + b"\n" + line[:-1])
    write("no-empty-line", "not what co-workers agree to", text + line)
    write("other-version", "not what co-workers agree to", text.replace(b"/v1", b"/v2", 1) + b"\n")
    write("agreed-inside", "bad value", agreement_text(
        REVOKED | {"agreed": [{"key": b64(COWORKER_DER), "signature": b64(COWORKER.sign(text))}]}
    ) + b"\n", "who agreed stands below")  # fmt: skip
    write("two-spaces", "not canonical", text.replace(b'  "body"', b'   "body"') + b"\n")
    write("unknown-field", "unknown field", text.replace(b'  "log"', b'  "case": null,\n  "log"') + b"\n")
    write("too-long", "too long", text + b"\n" + line * 300)


def statement_vectors(made: dict[str, bytes]) -> None:
    write = writer("statement", made)
    runs = [{"sequence": 0, "seal_sha256": digest("seal 0")}, {"sequence": 2, "seal_sha256": digest("seal 2")}]
    good = stated("custody", {"action": "transfer", "reason": "on loan", "to": "Registry B", "result": None, "runs": runs})

    def document(value: Any) -> bytes:
        return json.dumps(value, indent=2).encode() + b"\n"

    def bad(name: str, expect: str, path: str, new: Any, of: dict[str, Any] = good, comment: str = "") -> None:
        write(name, expect, document(changed(of, path, new)), comment)

    write("custody", "success", document(good))
    write("custody-of-everything", "success", document(changed(good, "body.runs", [])))
    first = changed(changed(good, "log.size_before", 0), "log.root_before", EMPTY)
    write("first-entry", "success", document(first), "before anything was captured")
    two = {"keyid": digest("another key"), "alg": "ecdsa-p256-sha256", "name": "Second person"}
    write("two-signers", "success", document(changed(good, "signers.1", two)))
    write("not-an-object", "not an object", b"[]\n")
    write("not-json", "not JSON", b"{\n")
    write("too-long", "too long", document(changed(good, "body.reason", "x" * 70_000)))
    write("duplicate-key", "duplicate key", document(good).replace(b'    "to"', b'    "reason": "another",\n    "to"'))
    write("no-newline", "not canonical", document(good)[:-1])
    write("other-order", "not canonical", document({name: good[name] for name in sorted(good)}))
    bad("other-version", "bad value", "type", "preserve-custody/v2")
    bad("no-such-kind", "bad value", "type", "preserve-praise/v1")
    bad("a-manifest", "bad value", "type", "preserve-manifest/v1")
    bad("another-kinds-body", "missing field", "type", "preserve-rollback/v1")
    bad("unknown-field", "unknown field", "nonce", digest("nonce"))
    bad("unknown-field-in-body", "unknown field", "body.cc", "Registry C")
    bad("no-archive", "bad value", "archive", "")
    bad("empty-log-with-root", "bad value", "log.size_before", 0)
    bad("origin-with-space", "bad name", "log.origin", "archive example")
    bad("no-signers", "no signers", "signers", [])
    bad("signer-twice", "duplicate", "signers.1", good["signers"][0])
    bad("unknown-algorithm", "bad value", "signers.0.alg", "rsa")
    bad("authority-twice", "duplicate", "timestamps.1", good["timestamps"][0])
    bad("other-protocol", "bad value", "timestamps.0.protocol", "roughtime")
    bad("action-of-two-words", "bad value", "body.action", "hand over")
    bad("no-reason", "bad value", "body.reason", " ")
    bad("null-reason", "wrong type", "body.reason", None)
    bad("empty-recipient", "bad value", "body.to", "")
    bad("run-twice", "bad value", "body.runs.1", runs[0])
    bad("runs-out-of-order", "bad value", "body.runs", runs[::-1])
    head = {"size": 9, "root": digest("nine")}
    back = stated("rollback", {"reason": "the disk broke", "remembered": head, "accepted": {"size": 4, "root": digest("root")}})
    write("rollback", "success", document(back))
    bad("rollback-negative", "bad value", "body.remembered.size", -1, back)
    bad("rollback-unknown-field", "unknown field", "body.accepted.time", "x", back)
    _key_vectors(write)
    _coworker_vectors(write)
    _removal_vectors(write)
    _trust_vectors(write)
    sealed = f"{digest('statement')}  statement.json\n".encode()
    key = f"{digest('key')}  keys/{KEYID}.pem\n".encode()
    sign = f"{digest('signature')}  signatures/{KEYID}.sig\n".encode()
    write = writer("event-seal", made)
    write("one-signer", "success", key + sign + sealed)
    write("a-runs", "bad line", key + sealed.replace(b"statement", b"manifest") + sign, "the SEAL of a run")
    write("no-statement", "no statement.json", key + sign)


def line_vectors(made: dict[str, bytes]) -> None:
    def compact(value: Any) -> bytes:
        return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()

    source = {
        "source": 0,
        "name": "paper.txt",
        "bytes": 12,
        "sha256": digest("paper"),
        "media_type": "text/plain",
        "salt": "0" * 32,
    }
    write = writer("source-line", made)
    write("plain", "success", compact(source))
    write("not-canonical", "not canonical", json.dumps(source, sort_keys=True).encode())
    write("short-salt", "bad value", compact({**source, "salt": "0" * 31}))
    write("unknown-field", "unknown field", compact({**source, "x": 0}))

    citation = {
        "citation": 2,
        "document": "paper.txt",
        "document_sha256": digest("paper"),
        "note": "3",
        "note_inferred": None,
        "where": "notes",
        "kind": "url",
        "url": "https://tides.example/tables",
        "url_as_printed": "tides.example/tables",
        "candidates": [{"url": "https://tides.example/tables", "why": "as printed"}],
        "text": "Harbour Office, \u201cTide tables\u201d, tides.example/tables.",
        "title": "Tide tables",
        "date": "2021-05",
        "page": None,
        "line": 40,
        "uncertain": False,
        "problem": None,
        "refers_to": None,
        "not_captured": None,
        "salt": "1" * 32,
    }
    write = writer("citation-line", made)
    write("plain", "success", compact(citation))
    write("not-captured", "success", compact({**citation, "url": None, "problem": "no address", "not_captured": "no address"}))
    write("without-uncertain", "missing field", compact({k: v for k, v in citation.items() if k != "uncertain"}))
    write("without-page", "missing field", compact({k: v for k, v in citation.items() if k != "page"}))
    write("elsewhere", "bad value", compact({**citation, "where": "margin"}))
    write("no-reason", "bad value", compact({**citation, "not_captured": ""}))
    write("line-as-text", "wrong type", compact({**citation, "line": "40"}))
    write("candidate-unknown-field", "unknown field", compact({**citation, "candidates": [{"url": "u", "why": "w", "x": 1}]}))
    write("not-canonical", "not canonical", json.dumps(citation).encode())

    tls = {
        "version": "TLSv1.3",
        "cipher": "TLS_AES_256_GCM_SHA384",
        "chain_sha256": [digest("leaf"), digest("root")],
        "problem": "",
    }
    cited = {
        "citation": 2,
        "as_written": "tides.example/tables",
        "document_sha256": digest("paper"),
        "locator": "footnote 3",
        "name": "paper.txt",
    }
    capture = {
        "capture": 0,
        "url": "tides.example/tables",
        "final_url": "https://tides.example/tables/",
        "outcome": "captured",
        "status": 200,
        "verdict": "ok",
        "signals": ["as printed"],
        "requested_at": "2026-11-21T17:02:45.000Z",
        "finished_at": "2026-11-21T17:02:45.565Z",
        "payload_sha256": digest("payload"),
        "payload_bytes": 1234,
        "hops": [
            {"url": "https://tides.example/tables", "status": 301, "location": "/tables/", "outcome": "captured"},
            {"url": "https://tides.example/tables/", "status": 200, "location": None, "outcome": "captured"},
        ],
        "records": [{"warc": "data/example-000004-0001.warc.gz", "index": 1, "type": "response"}],
        "server": {"ip": "192.0.2.7", "port": 443, "tls": tls},
        "http_date": "Sat, 21 Nov 2026 17:02:45 GMT",
        "cited_in": [cited],
        "salt": "2" * 32,
    }
    sometimes = {"signals", "hops", "http_date"}
    bare = {name: value for name, value in capture.items() if name not in sometimes}
    straight = {"url": capture["final_url"], "status": 200, "location": None, "outcome": "captured"}
    failed = {
        **capture,
        "outcome": "failed",
        "reason": "no such host",
        "status": None,
        "verdict": None,
        "payload_sha256": None,
        "payload_bytes": 0,
        "records": [],
        "hops": [],
        "server": None,
    }
    del failed["http_date"]
    requisite = {name: value for name, value in capture.items() if name != "cited_in"} | {"requisite_of": 0, "capture": 1}
    write = writer("capture-line", made)
    write("plain", "success", compact(capture))
    write("bare", "success", compact(bare))
    write("asked-again", "success", compact({**capture, "retries": 1}))
    write("straight-said", "bad value", compact({**bare, "hops": [straight]}))
    for name in ("as_written", "document_sha256"):
        less = {k: v for k, v in cited.items() if k != name}
        write(f"cited-without-{name.replace('_', '-')}", "missing field", compact({**bare, "cited_in": [less]}))
    write("no-signals-said", "bad value", compact({**bare, "signals": []}))
    write("no-retries-said", "bad value", compact({**bare, "retries": 0}))
    write("empty-reason", "bad value", compact({**bare, "reason": ""}))
    write("null-truncated", "wrong type", compact({**bare, "truncated": None}))
    write("null-date", "wrong type", compact({**bare, "http_date": None}))
    write("failed", "success", compact(failed))
    write("plain-http", "success", compact({**capture, "server": {"ip": "192.0.2.7", "port": 80, "tls": None}}))
    write(
        "truncated",
        "success",
        compact({**capture, "outcome": "truncated", "reason": "longer than 2 GB", "truncated": "length"}),
    )
    write("requisite", "success", compact(requisite))
    write("cited-and-requisite", "unknown field", compact({**capture, "requisite_of": 0}))
    write("neither-cited-nor-requisite", "missing field", compact({k: v for k, v in capture.items() if k != "cited_in"}))
    write("no-reason", "without a reason", compact({k: v for k, v in failed.items() if k != "reason"}))
    write("finished-before", "finished before", compact({**capture, "finished_at": "2026-11-21T17:02:44.999Z"}))
    write("unknown-outcome", "bad value", compact({**capture, "outcome": "lost"}))
    write("bad-certificate-hash", "bad value", compact(changed(capture, "server.tls.chain_sha256", ["00"])))
    write("certificate-no-text", "wrong type", compact(changed(capture, "server.tls.chain_sha256", [0])))
    write("record-unknown-field", "unknown field", compact(changed(capture, "records.0.offset", 1)))
    write("signal-no-text", "wrong type", compact({**capture, "signals": [1]}))
    write("status-true", "wrong type", compact({**capture, "status": True}))
    write("not-canonical", "not canonical", compact(capture).replace(b'"ok"', b'"\\u006fk"'))
    write("duplicate-key", "duplicate key", compact(capture)[:-1] + b',"url":"x"}')
    tried = {
        "url": "https://tides.example/night-tables",
        "outcome": "captured",
        "status": 200,
        "verdict": "ok",
        "why": "a hyphen",
    }
    printed = {**tried, "url": "https://tides.example/nighttables", "status": 404, "verdict": "gone", "why": "as printed"}
    chosen = {**capture, "candidates": [printed, tried], "chosen": tried["url"]}
    memento = {
        "timegate": "https://arc.example/web/",
        "url": "https://arc.example/web/20190601000000/https://tides.example/tables",
        "requested": "2019-06-15",
        "datetime": "2019-06-01T00:00:00.000Z",
        "distance_days": 14,
        "payload_sha256": digest("memento"),
    }
    none = {
        **memento,
        "url": None,
        "datetime": None,
        "distance_days": None,
        "payload_sha256": None,
        "problem": "it has no copy",
    }
    write("chosen", "success", compact(chosen))
    write("candidates", "success", compact({**chosen, "candidates": [printed]} | {"chosen": printed["url"]}))
    write("memento", "success", compact({**capture, "memento": memento}))
    write("no-memento", "success", compact({**capture, "memento": none}))
    write("no-candidate", "bad value", compact({**capture, "candidates": []}))
    write("chosen-is-no-candidate", "bad value", compact({**chosen, "chosen": "https://tides.example/"}))
    write("memento-empty-problem", "bad value", compact({**capture, "memento": {**memento, "problem": ""}}))
    write("memento-half", "bad value", compact({**capture, "memento": {**memento, "datetime": None}}))
    write(
        "memento-none-without-reason",
        "bad value",
        compact({**capture, "memento": {k: v for k, v in none.items() if k != "problem"}}),
    )
    write("memento-no-day", "bad value", compact({**capture, "memento": {**memento, "requested": "2019-06"}}))
    theirs = {
        "file": "data/example-000004-foreign-0001.wacz",
        "name": "saved.wacz",
        "software": "Page Saver 0.11.3",
        "operator": None,
        "signed": None,
    }
    record = {"warc": theirs["file"], "index": 3, "type": "response"}
    foreign = {**capture, "verdict": None, "server": None, "records": [record], "foreign": theirs}
    write("foreign", "success", compact(foreign))
    write("foreign-empty-software", "bad value", compact({**foreign, "foreign": {**theirs, "software": ""}}))
    write("foreign-records-elsewhere", "bad value", compact({**foreign, "records": capture["records"]}))
    write("foreign-unknown-field", "unknown field", compact({**foreign, "foreign": {**theirs, "version": 1}}))
    write("foreign-null", "wrong type", compact({**capture, "foreign": None}))
    write("memento-missing-field", "missing field", compact({**capture, "memento": {"timegate": memento["timegate"]}}))


def seal_vectors(made: dict[str, bytes]) -> None:
    write = writer("seal", made)
    key = f"{digest('key')}  keys/{KEYID}.pem\n".encode()
    man = f"{digest('manifest')}  manifest.json\n".encode()
    sig = f"{digest('signature')}  signatures/{KEYID}.sig\n".encode()
    write("plain", "success", key + man + sig)
    write("empty", "no newline", b"")
    write("no-newline", "no newline", (key + man + sig)[:-1])
    write("not-sorted", "not sorted", man + key + sig)
    write("duplicate-path", "duplicate path", key + man + man + sig)
    write("no-manifest", "no manifest.json", key + sig)
    write("other-file", "bad line", key + man + f"{digest('x')}  readme.txt\n".encode() + sig)
    write("path-upward", "bad line", key + man.replace(b"manifest", b"../manifest") + sig)
    write("binary-mark", "bad line", key + man.replace(b"  m", b" *m") + sig)
    write("upper-case-hash", "bad line", key + man.upper() + sig)
    write("carriage-return", "bad line", key + man.replace(b"\n", b"\r\n") + sig)
    write("blank-line", "bad line", key + b"\n" + man + sig)
    write("too-long", "too long", b"".join(f"{EMPTY}  keys/{n:064x}.pem\n".encode() for n in range(600)) + man)


def record_vectors(made: dict[str, bytes]) -> None:
    write = writer("record-index", made)
    one, two = f"preserve-record/v1 0 0 276 {digest('0')}\n".encode(), f"preserve-record/v1 1 276 325 {digest('1')}\n".encode()
    write("two", "success", one + two, size=601)
    write("none", "success", b"", "an empty WARC file", size=0)
    write("no-newline", "no newline", (one + two)[:-1], size=601)
    write("other-version", "bad line", one.replace(b"/v1", b"/v2"), size=276)
    write("leading-zero", "bad line", one.replace(b" 276 ", b" 0276 "), size=276)
    write("empty-record", "bad line", one.replace(b" 276 ", b" 0 "), size=0)
    write("blank-line", "bad line", one + b"\n", size=276)
    write("number-too-long", "bad line", one.replace(b" 276 ", b" 1" + b"0" * 16 + b" "), size=276)
    write("does-not-count", "does not count", one + two.replace(b"v1 1", b"v1 2"), size=601)
    write("gap", "does not tile", one + two.replace(b" 276 325 ", b" 277 324 "), size=601)
    write("overlap", "does not tile", one + two.replace(b" 276 325 ", b" 275 326 "), size=601)
    write("past-the-end", "does not tile", one + two, size=600)
    write("before-the-end", "does not tile", one + two, size=602)


def key_vectors(made: dict[str, bytes]) -> None:
    write = writer("public-key", made)
    p256 = ec.derive_private_key(int(digest("p256"), 16) >> 1, ec.SECP256R1()).public_key()
    p384 = ec.derive_private_key(int(digest("p384"), 16), ec.SECP384R1()).public_key()
    form = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    write("ed25519", "success", PEM, keyid=KEYID, algorithm="ed25519")
    der = p256.public_bytes(*form)
    write("p-256", "success", pem(der), keyid=hashlib.sha256(der).hexdigest(), algorithm="ecdsa-p256-sha256")
    write("p-384", "unknown algorithm", pem(p384.public_bytes(*form)))
    numbers = rsa.RSAPublicNumbers(65537, (1 << 2047) + 15 * int(digest("rsa"), 16) | 1)
    write("rsa", "unknown algorithm", pem(numbers.public_key().public_bytes(*form)))
    write("unknown-oid", "unknown algorithm", pem(spki(RAW).replace(bytes.fromhex("2b6570"), bytes.fromhex("2b657a"))))
    write("text-before", "not canonical", b"a key\n" + PEM)
    write("two-keys", "not canonical", PEM + PEM)
    write("crlf", "not canonical", PEM.replace(b"\n", b"\r\n"))
    write("no-newline", "not canonical", PEM[:-1])
    write("compressed-point", "not canonical", pem(compressed(p256)))
    write("certificate", "not a public key", PEM.replace(b"PUBLIC KEY", b"CERTIFICATE"))
    write("garbage", "not a public key", b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n")
    write("too-long", "too long", PEM + b"\n" * 9000)
    p = 2**255 - 19
    order8 = 0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7
    weak = {
        "zero": 0,
        "identity": 1,
        "minus-one": p - 1,
        "order-8": order8,
        "order-8-negative": order8 | 1 << 255,
        "order-8-other": p - order8,
        "order-8-other-negative": (p - order8) | 1 << 255,
        "identity-with-sign": 1 | 1 << 255,
        "zero-with-sign": 1 << 255,
        "minus-one-with-sign": (p - 1) | 1 << 255,
        "p": p,
        "p-plus-one": p + 1,
        "not-on-the-curve": 2,
    }
    for name, value in weak.items():
        write(f"weak-{name}", "weak key", pem(spki(value.to_bytes(32, "little"))))
    write("ed25519-short", "not a public key", pem(bytes.fromhex("3029300506032b6570032000") + RAW[1:]))

    write = writer("private-key", made)
    plain = KEY.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    write("plain", "success", plain, keyid=KEYID)
    encrypted = ENCRYPTED.encode()
    write("encrypted", "success", encrypted, keyid=KEYID, passphrase="correct horse")
    write("wrong-passphrase", "wrong passphrase", encrypted, passphrase="battery staple")
    write("no-passphrase", "a passphrase is needed", encrypted)
    write("garbage", "not a PKCS#8 private key", plain.replace(b"M", b"A", 1))
    write("too-long", "too long", plain + b"\n" * 9000)
    unknown = base64.b64decode(b"".join(plain.split(b"\n")[1:-2])).replace(bytes.fromhex("2b6570"), bytes.fromhex("2b657a"))
    write("unknown-oid", "unknown algorithm", pem(unknown).replace(b"PUBLIC", b"PRIVATE"))
    other = ec.derive_private_key(7, ec.SECP256R1())
    write(
        "p-256",
        "unknown algorithm",
        other.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
    )


def compressed(key: ec.EllipticCurvePublicKey) -> bytes:
    point = key.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.CompressedPoint)
    return bytes.fromhex("3039301306072a8648ce3d020106082a8648ce3d030107032200") + point


def vkey(name: str, kind: int = 1, raw: bytes = RAW) -> str:
    key_hash = hashlib.sha256(name.encode() + b"\n" + bytes([kind]) + raw).hexdigest()[:8]
    return f"{name}+{key_hash}+{b64(bytes([kind]) + raw)}"


def signature_line(name: str, text: bytes, kind: int = 1, time: int = 0) -> str:
    key_hash = hashlib.sha256(name.encode() + b"\n" + bytes([kind]) + RAW).digest()[:4]
    stamp = time.to_bytes(8, "big") if kind == 4 else b""
    message = f"cosignature/v1\ntime {time}\n".encode() + text if kind == 4 else text
    return f"\u2014 {name} {b64(key_hash + stamp + KEY.sign(message))}\n"


REAL_LOG = "archive.example/main/log+d2341695+AUSuSC8EmWgrAk9gUm+j6Ch7scBTJbFKV1ilit/4cp3U"
REAL_WITNESS = "partner.example/witness+c56a29a3+BCxA4Cq5OWIUKx5P2YMZmEqvx4CKYGtLAq1Zx3WW3jTS"
REAL_CHECKPOINT = """\
archive.example/main/log
5
G7oLM5Dnqb5K0h5WfTYE0D/fILx1wf6Y6Kk/w8NYZ88=

\u2014 archive.example/main/log 0jQWlfc83r828CadB7aNxnvXKIIS4q20V3jIrQuxVMU8yyU42P95C4GazMpdAPQdEznLiM1w5KHdjTYreEBTzcND6Ao=
\u2014 partner.example/witness xWopowAAAABrAc61cOkPtQuQTIuyzbJy8yITqFJb8dv2YYi+f5FdTjklzAMLgoh0D5Xmm/2dQXQ1emTczb+Yiqn6pFi/U0mXF8YsBw==
"""
REAL_PROOF = "c2sp.org/tlog-proof@v1\nindex 4\nKFsj3JsFjwtoDjRGJ+nRs998vjkNeXz1odbDjs3JNck=\n\n" + REAL_CHECKPOINT


def note_vectors(made: dict[str, bytes]) -> None:
    write = writer("vkey", made)
    origin = "archive.example/main/log"
    write("log", "success", REAL_LOG.encode())
    write("witness", "success", REAL_WITNESS.encode())
    write("no-plus", "not NAME+HASH+KEY", origin.encode())
    write("other-name", "key hash mismatch", vkey(origin).replace("main", "other").encode())
    write("upper-case-hash", "key hash mismatch", re.sub(r"\+[0-9a-f]{8}\+", lambda m: m[0].upper(), REAL_LOG).encode())
    write("ml-dsa-44", "success", published.ML_DSA_44_VKEY.encode(), "from Go: see published.py")
    write("unknown-algorithm", "unknown algorithm", vkey(origin, 2).encode())
    write("short-ml-dsa-44-key", "weak key", vkey(origin, 6).encode())
    write("no-key", "unknown algorithm", f"{origin}+00000000+".encode())
    write("name-with-space", "bad name", vkey("archive example").encode())
    write("name-with-bidi", "bad name", vkey("archive\u202e.example").encode())
    write("name-like-json", "bad name", vkey("{archive").encode())
    write("empty-name", "bad name", vkey("").encode())
    write("weak-key", "weak key", vkey(origin, 1, bytes([1]) + bytes(31)).encode())
    write("short-key", "weak key", vkey(origin, 1, RAW[:31]).encode())
    write("base64-unpadded", "bad base64", REAL_WITNESS.removesuffix("S").encode())
    write("base64-other-alphabet", "bad base64", REAL_LOG.replace("/4c", "_4c").encode())
    spelled = vkey(origin, 1, RAW)
    raw32 = b64(bytes([1]) + RAW)
    assert len(raw32) % 4 == 0
    write("base64-newline", "bad base64", (spelled + "\n").encode())

    write = writer("note", made)
    text = f"{origin}\n5\n{b64(bytes(32))}\n".encode()
    line = signature_line(origin, text)
    known = vkey(origin)
    write(
        "real",
        "success",
        REAL_CHECKPOINT.encode(),
        keys=f"{REAL_LOG} {REAL_WITNESS}",
        signed=1,
        cosigned=1,
        failed=0,
        unknown=0,
    )
    write("unknown-keys", "success", REAL_CHECKPOINT.encode(), keys=known, signed=0, cosigned=0, failed=0, unknown=2)
    write("one", "success", text + b"\n" + line.encode(), keys=known, signed=1, cosigned=0, failed=0, unknown=0)
    other = text.replace(b"\n5\n", b"\n6\n")
    write(
        "text-changed",
        "success",
        other + b"\n" + line.encode(),
        "the line claims a known key and fails",
        keys=known,
        signed=0,
        cosigned=0,
        failed=1,
        unknown=0,
    )
    stretched = base64.b64decode(line.split(" ")[2])
    s = int.from_bytes(stretched[36:], "little") + 2**252 + 27742317777372353535851937790883648493
    again = b64(stretched[:36] + s.to_bytes(32, "little"))
    write(
        "signature-s-plus-l",
        "success",
        text + f"\n\u2014 {origin} {again}\n".encode(),
        "a second spelling of a good signature",
        keys=known,
        signed=0,
        cosigned=0,
        failed=1,
        unknown=0,
    )
    witness = "witness.example"
    cosigned = signature_line(witness, text, 4, 1795280565)
    write(
        "cosigned",
        "success",
        text + b"\n" + (line + cosigned).encode(),
        keys=f"{known} {vkey(witness, 4)}",
        signed=1,
        cosigned=1,
        failed=0,
        unknown=0,
    )
    moved = base64.b64decode(cosigned.split(" ")[2])
    late = b64(moved[:4] + (1795280566).to_bytes(8, "big") + moved[12:])
    write(
        "cosignature-other-time",
        "success",
        text + f"\n\u2014 {witness} {late}\n".encode(),
        keys=vkey(witness, 4),
        signed=0,
        cosigned=0,
        failed=1,
        unknown=0,
    )
    write(
        "cosignature-short",
        "success",
        text + f"\n\u2014 {witness} {b64(moved[:60])}\n".encode(),
        keys=vkey(witness, 4),
        signed=0,
        cosigned=0,
        failed=1,
        unknown=0,
    )
    write(
        "log-key-as-witness",
        "success",
        text + f"\n\u2014 {witness} {b64(moved)}\n".encode(),
        "another type of key is another key",
        keys=vkey(witness, 1),
        signed=0,
        cosigned=0,
        failed=0,
        unknown=1,
    )
    write(
        "ml-dsa-44",
        "success",
        published.ML_DSA_44_CHECKPOINT.encode(),
        "from Go: see published.py",
        keys=published.ML_DSA_44_VKEY,
        signed=0,
        cosigned=1,
        failed=0,
        unknown=0,
    )
    write(
        "ml-dsa-44-other-size",
        "success",
        published.ML_DSA_44_CHECKPOINT.replace("\n1\n", "\n2\n").encode(),
        "the same line under another checkpoint",
        keys=published.ML_DSA_44_VKEY,
        signed=0,
        cosigned=0,
        failed=1,
        unknown=0,
    )
    write("no-signature", "no signature", text)
    write("empty-text", "no newline", b"\n\n" + line.encode())
    write("no-newline", "no newline", text + b"\n" + line.encode()[:-1])
    write("hyphen", "not a signature line", text + b"\n" + line.replace("\u2014", "-").encode())
    write("four-parts", "not a signature line", text + b"\n" + line.replace("\n", " x\n").encode())
    write("short-signature", "not a signature line", text + f"\n\u2014 {origin} AAAA\n".encode())
    write("blank-line-between", "not a signature line", text + b"\n" + line.encode() + b"x\n")
    write("bad-name", "bad name", text + f"\n\u2014 a+b {line.split(' ')[2]}".encode())
    write("bad-base64", "bad base64", text + b"\n" + line.replace("=\n", "\n").encode())
    write("control-character", "control character", text + b"\x07\n\n" + line.encode())
    write("carriage-return", "control character", text.replace(b"\n", b"\r\n") + b"\n" + line.encode())
    write("not-utf-8", "not UTF-8", b"\xff\n\n" + line.encode())
    write("same-key-twice", "duplicate signature", text + b"\n" + (line + line).encode())
    lines = "".join(signature_line(f"w{n}.example", text) for n in range(65))
    write("too-many", "too many signatures", text + b"\n" + lines.encode())
    write("too-long", "too long", b"x" * 70000 + b"\n\n" + line.encode())

    write = writer("checkpoint", made)
    write("plain", "success", text)
    write("empty-log", "success", f"{origin}\n0\n{b64(hashlib.sha256(b'').digest())}\n".encode())
    write("largest", "success", text.replace(b"\n5\n", b"\n9223372036854775807\n"))
    write("too-large", "bad number", text.replace(b"\n5\n", b"\n9223372036854775808\n"))
    write("leading-zero", "bad number", text.replace(b"\n5\n", b"\n05\n"))
    write("sign", "bad number", text.replace(b"\n5\n", b"\n+5\n"))
    write("other-digits", "bad number", text.replace(b"\n5\n", "\n\u0665\n".encode()))
    write("extension-line", "extension line", text + b"extension\n")
    write("two-lines", "not three lines", text.rsplit(b"\n", 2)[0] + b"\n")
    write("short-root", "bad root", f"{origin}\n5\n{b64(bytes(31))}\n".encode())
    write("root-other-spelling", "bad base64", text.replace(b"A=\n", b"B=\n"))
    write("bad-origin", "bad name", text.replace(b"main", b"ma in"))
    write("not-utf-8", "not UTF-8", b"\xff" + text)


def tlog_vectors(made: dict[str, bytes]) -> None:
    write = writer("tlog-proof", made)
    proof = REAL_PROOF.encode()
    seal = made["seal/real"].split(b"\n\n", 1)[1]
    write(
        "real",
        "success",
        proof,
        "entry 4 of 5; the entry is the vector seal/real",
        entry_sha256=hashlib.sha256(seal).hexdigest(),
    )
    write("other-header", "bad header", proof.replace(b"@v1", b"@v2"))
    write("no-checkpoint", "no checkpoint", proof.split(b"\n\n")[0] + b"\n")
    write("no-index", "no index", proof.replace(b"index 4\n", b""))
    write("extra-line", "no index", proof.replace(b"index 4", b"extra AAAA\nindex 4"), "what it says nobody signed")
    write("leading-zero", "bad number", proof.replace(b"index 4", b"index 04"))
    write("short-hash", "bad hash", proof.replace(b"KFsj3JsFjwtoDjRGJ+nRs998vjkNeXz1odbDjs3JNck=", b"AAAA"))
    write("bad-base64", "bad base64", proof.replace(b"KFsj", b"KF j"))
    write("not-ascii", "not ASCII", proof.replace(b"index", "índex".encode()))
    write("too-many-hashes", "too many hashes", proof.replace(b"index 4\n", b"index 4\n" + f"{b64(bytes(32))}\n".encode() * 64))
    write("too-long", "too long", proof + b"x" * (1 << 17))
    write("unsigned", "no signature", proof.rsplit(b"\n\n", 1)[0] + b"\n")

    write = writer("entry-bundle", made)
    write("two", "success", b"\x00\x03abc\x00\x00", width=2)
    write("cut-entry", "cut", b"\x00\x03ab", width=1)
    write("cut-length", "cut", b"\x00\x03abc\x00", width=2)
    write("too-few", "wrong width", b"\x00\x03abc", width=2)
    write("too-many", "wrong width", b"\x00\x03abc\x00\x00", width=1)

    write = writer("tile", made)
    write("two", "success", bytes(64), width=2)
    write("one-short", "wrong width", bytes(63), width=2)


def token_vectors(made: dict[str, bytes]) -> None:
    write = writer("timestamp", made)
    token, root = base64.b64decode(TOKEN), base64.b64decode(ROOT)
    status, content = parts(token)
    kind, wrapped = parts(content)
    version, digests, signed, certificates, infos = parts(parts(wrapped)[0])
    sha256 = bytes.fromhex("0609608648016503040201")

    def around(*inner: bytes) -> bytes:
        return tlv(0x30, status, tlv(0x30, kind, tlv(0xA0, tlv(0x30, *inner))))

    real = around(version, digests, signed, certificates, infos)
    assert real == token
    known = {"root": b64(root), "over": "seal/real"}
    write("real", "success", token, "of openssl", time=TOKEN_TIME, **known)
    two = tlv(0xA0, *sorted((root, *parts(certificates)), reverse=True))
    write(
        "unsorted",
        "success",
        around(version, digests, signed, two, infos),
        "a reader sorts what is not signed",
        time=TOKEN_TIME,
        **known,
    )
    write("not-granted", "not granted", bytes.fromhex("30053003020102"))
    write("granted-with-changes", "not granted", token.replace(bytes.fromhex("3003020100"), bytes.fromhex("3003020101"), 1))
    write("granted-and-empty", "not a time-stamp", bytes.fromhex("30053003020100"))
    write("cut", "not a time-stamp", token[:-1])
    write("byte-after", "not a time-stamp", token + b"\0")
    write("indefinite-length", "not a time-stamp", b"\x30\x80" + token[4:] + b"\0\0")
    write("not-der", "not a time-stamp", b"<html>")
    write("no-certificates", "no certificate", around(version, digests, signed, infos))
    write(
        "another-certificate",
        "no certificates in it are its signer's",
        around(version, digests, signed, tlv(0xA0, root), infos),
    )
    twice = tlv(0xA0, *parts(certificates) * 2)
    write("certificate-twice", "2 certificates in it", around(version, digests, signed, twice, infos))
    changed = certificates[:-1] + bytes([certificates[-1] ^ 1])
    write("certificate-changed", "ESSCertID", around(version, digests, signed, changed, infos), "its own signature was changed")
    other = signed.replace(sha256, bytes.fromhex("0609608648016503040205"))
    write("other-hash", "only SHA-256", around(version, digests, other, certificates, infos), "the imprint is called MD5 or so")
    other = infos.replace(sha256, bytes.fromhex("0609608648016503040205"))
    write("signed-over-other-hash", "only SHA-256", around(version, digests, signed, certificates, other))
    write("signed-data-version", "signed data of version", around(tlv(2, b"\x01"), digests, signed, certificates, infos))
    first = parts(parts(infos)[0])
    old = tlv(0x31, tlv(0x30, tlv(2, b"\x03"), *first[1:]))
    write("signer-version", "not known", around(version, digests, signed, certificates, old), "as for a key identifier")
    sha384 = infos.replace(bytes.fromhex("06082a8648ce3d040302"), bytes.fromhex("06082a8648ce3d040303"))
    write(
        "signature-of-another-hash", "not known", around(version, digests, signed, certificates, sha384), "ECDSA with SHA-384"
    )
    bare = infos.replace(bytes.fromhex("060b2a864886f70d010910022f"), bytes.fromhex("060b2a864886f70d010910023f"))
    write(
        "unbound-certificate",
        "ESSCertID",
        around(version, digests, signed, certificates, bare),
        "the attribute has another name",
    )


def parts(data: bytes) -> list[bytes]:
    """What the one constructed element `data` of DER holds."""
    return split(data[head(data) :])


def split(data: bytes) -> list[bytes]:
    """Elements of DER, one after the other."""
    found = []
    while data:
        start = head(data)
        size = int.from_bytes(data[2:start], "big") if start > 2 else data[1]
        found.append(data[: start + size])
        data = data[start + size :]
    return found


def head(data: bytes) -> int:
    """Bytes of tag and length."""
    return 2 + (data[1] & 0x7F if data[1] & 0x80 else 0)


def tlv(tag: int, *content: bytes) -> bytes:
    """An element of DER."""
    inner = b"".join(content)
    size = len(inner)
    if size < 0x80:
        return bytes((tag, size)) + inner
    digits = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(digits))) + digits + inner


REAL_SEAL = """\
c6450d7222d0da459792026056a3833d20061fecef24321d22ec44076c62b40f  keys/18dcfb730d9fc6ed2751cfc9ebd224d32a5013456899b5849b30600ed69b7063.pem
a7746326480de8923a853a5aa751ab6a21e23107a563f5db30b41a79b31d83d5  keys/acbe773900cd571c867c8ab3998a5a4dc80119239fe6f35b7754eff3eb3d176c.pem
26d623540820efdfdb729f11b933e09cd8ae5d433d9428209223b57a87507d92  keys/b907e6015638559a5e575236e7cf69cc3ee93ecba87716ac536b828dd7f00ecd.pem
304968de1a8d9187078eecc000fb57fe3e0ec182f7a1f901b5f9aed1dcc562da  manifest.json
0bd2af5e01757977ed6010cd4f6a7d79530c88ca4e30bb3f8010bf7834f70b8b  signatures/18dcfb730d9fc6ed2751cfc9ebd224d32a5013456899b5849b30600ed69b7063.sig
bee2de4528a2f6b717cf89fa107d4a4996dc717688996de630412faa230a2dc5  signatures/acbe773900cd571c867c8ab3998a5a4dc80119239fe6f35b7754eff3eb3d176c.sig
986b3cb914e998482e28a99646b7f52fb20d4094489e549ed99e39e7763194e6  signatures/b907e6015638559a5e575236e7cf69cc3ee93ecba87716ac536b828dd7f00ecd.sig
"""

ENCRYPTED = """\
-----BEGIN ENCRYPTED PRIVATE KEY-----
MIGkMGAGCSqGSIb3DQEFDTBTMDIGCSqGSIb3DQEFDDAlBBBjR5rWmgkLJYJ37I+6
b5lBAgMPQkAwDAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEAqzBoIwNWYbuNui
HMJTUjEEQEV5Mof+5vghOXBOqk6+Oo0jnRPSVIHEzVbPL4r+p9P0NBP/SxL83tTm
ddJZfHxCcBzg6irgT9n/9xrQRyOPZnY=
-----END ENCRYPTED PRIVATE KEY-----
"""
"""KEY under "correct horse": PBKDF2-HMAC-SHA256 with 1,000,000 rounds, AES-256-CBC."""


TOKEN = """\
MIID+TADAgEAMIID8AYJKoZIhvcNAQcCoIID4TCCA90CAQMxDzANBglghkgBZQMEAgEFADCBnwYLKoZIhvcNAQkQAQSggY8EgYwwgYkCAQEGBCoDBAEwMTAN
BglghkgBZQMEAgEFAAQgrtOd6Nj/uWnxlG9mvZyfvun95nawKathjYjvqI8xAUUCAQIYDzIwMjYxMTIyMDA0MjQwWjADAgEBAgheIEAUSUDsQKAopCYwJDEO
MAwGA1UECgwFdGVzdHMxEjAQBgNVBAMMCWF1dGhvcml0eaCCAcMwggG/MIIBZKADAgECAhQXmGOx4CeVDvF95xl078T5n6tWDDAKBggqhkjOPQQDAjAwMQ4w
DAYDVQQKDAV0ZXN0czEeMBwGA1UEAwwVUm9vdCBmb3IgdGVzdCB2ZWN0b3JzMB4XDTI2MTAyMzAwNDIzOVoXDTM2MTExOTAwNDIzOVowJDEOMAwGA1UECgwF
dGVzdHMxEjAQBgNVBAMMCWF1dGhvcml0eTBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABBhP8D8TTl+mBpytjnFZE6s4vBsnveTVxJgWD4/pHxnMkEoLmmwi
vX9rrgvZYLwSEyjql5Ycoeg8AEPqpJXxp5ujaDBmMAwGA1UdEwEB/wQCMAAwHQYDVR0OBBYEFKPzh/g4du2yyV0WDCfrIMBoAXk/MB8GA1UdIwQYMBaAFLkE
MB24fpiQGR/h/Mfx7rxebHiFMBYGA1UdJQEB/wQMMAoGCCsGAQUFBwMIMAoGCCqGSM49BAMCA0kAMEYCIQCdlvd/Y22RLjgeMgVliasdJ8dBHes2/EXr98E1
uFFOXAIhAJAAtxMdEy302fGBdyLaV7i+G4iUaQUDgyyn+ffYZgBtMYIBXDCCAVgCAQEwSDAwMQ4wDAYDVQQKDAV0ZXN0czEeMBwGA1UEAwwVUm9vdCBmb3Ig
dGVzdCB2ZWN0b3JzAhQXmGOx4CeVDvF95xl078T5n6tWDDANBglghkgBZQMEAgEFAKCBpDAaBgkqhkiG9w0BCQMxDQYLKoZIhvcNAQkQAQQwHAYJKoZIhvcN
AQkFMQ8XDTI2MTEyMjAwNDI0MFowLwYJKoZIhvcNAQkEMSIEIJPnlcNmZKeqaPCAt7E8e5TjW18ZYj1FzjOc4+14PWWVMDcGCyqGSIb3DQEJEAIvMSgwJjAk
MCIEIFV6m9UorKJYLFGJqeSfiVZYJjrRJXOXCprNHB3GyM1XMAoGCCqGSM49BAMCBEcwRQIgISAvFEwU8Snax6XRVqC1g0XLId1GXZ+/DqjIxnejY90CIQD2
V9eZJ1JiAwp9Nc986wl7hISnnJYwFERH1dE47zmmtw==
"""
"""A reply of openssl over the seal "real"; its signer's certificate is under ROOT."""

ROOT = """\
MIIBtDCCAVugAwIBAgIUZDlUQCNDgYw/FI5MVXd3U3yx5j4wCgYIKoZIzj0EAwIwMDEOMAwGA1UECgwFdGVzdHMxHjAcBgNVBAMMFVJvb3QgZm9yIHRlc3Qg
dmVjdG9yczAeFw0yNjEwMjMwMDQyMzlaFw0zNjExMTkwMDQyMzlaMDAxDjAMBgNVBAoMBXRlc3RzMR4wHAYDVQQDDBVSb290IGZvciB0ZXN0IHZlY3RvcnMw
WTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAASiMcb2NttXgdEzbtRpVtPvw/JjcF7yOq4oCw/rATmMDXUNIL8mvPGClY7OSxq06EE1C3dbPsCpwaeHGVyoue/k
o1MwUTAPBgNVHRMBAf8EBTADAQH/MB0GA1UdDgQWBBS5BDAduH6YkBkf4fzH8e68Xmx4hTAfBgNVHSMEGDAWgBS5BDAduH6YkBkf4fzH8e68Xmx4hTAKBggq
hkjOPQQDAgNHADBEAiA+YQ0SIGm3arG41FmL9pkhZpM1mrM5UFme5hxMrGexzwIgK09QCge2upohPHidilv1yejy2RTVpdmu04Ghq3DjNsY=
"""

TOKEN_TIME = "2026-11-22T00:42:40.000Z"


def vectors() -> dict[str, bytes]:
    """Every vector by its path below this folder."""
    made: dict[str, bytes] = {}
    json_vectors(made)
    manifest_vectors(made)
    statement_vectors(made)
    agreement_vectors(made)
    line_vectors(made)
    seal_vectors(made)
    writer("seal", made)("real", "success", REAL_SEAL.encode(), "three signers")
    record_vectors(made)
    key_vectors(made)
    note_vectors(made)
    tlog_vectors(made)
    token_vectors(made)
    return made


if __name__ == "__main__":
    for old in HERE.glob("*/*"):
        old.unlink()
    for path, content in vectors().items():
        (HERE / path).parent.mkdir(exist_ok=True)
        (HERE / path).write_bytes(content)
