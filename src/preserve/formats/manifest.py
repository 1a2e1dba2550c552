"""manifest.json, `preserve-manifest/v1`: what the signers sign (docs/formats/manifest.md).

The signature is over the exact bytes, so a manifest has one spelling: members in the order below, two spaces of indentation,
ASCII, a newline at the end. `decode` takes every field by its exact type, refuses the unknown, and at last requires that encoding
the result gives the same bytes again. `encode` refuses what `decode` would refuse: nothing is signed that cannot be read back.
"""

from __future__ import annotations

import re
from collections import Counter

from preserve.errors import FormatError
from preserve.formats import signedparts, strictjson
from preserve.formats.strictjson import Fields, Json
from preserve.formats.times import rfc3339
from preserve.model.manifest import (
    ArchiveLink,
    CaptureIndex,
    Case,
    ClockFacts,
    Environment,
    FileEntry,
    IndexFile,
    Manifest,
    Role,
    StartToken,
    Tool,
)

TYPE = "preserve-manifest/v1"
MAX_SIZE = 1 << 24
"""Bytes. A manifest lists files, not captures: 16 MiB are some 30,000 WARC files."""

MAX_TOKEN = 1 << 18
"""Bytes of a time-stamp reply. They are some 2 to 10 KiB; one with a long chain and revocation lists can have more."""

PATH = re.compile(r"[a-z0-9][a-z0-9._-]*(/[a-z0-9][a-z0-9._-]*){0,3}")
MAX_PATH = 200
_DATA = re.compile(r"data(/[a-z0-9][a-z0-9._-]*){1,3}")
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_TREE: dict[str, Json] = {"hash": "sha256", "scheme": "rfc6962"}


def token_path(authority: str) -> str:
    """Where a run keeps the token of `authority` over SEAL."""
    return f"timestamps/{authority}.tsr"


def start_token_path(authority: str) -> str:
    """Where a run keeps the token that `authority` gave when the run began."""
    return f"timestamps/start-{authority}.tsr"


def start_message(run_id: str, nonce: str) -> bytes:
    """What is stamped when a run begins: nobody can guess the nonce before, so the token cannot be older than the run."""
    return f"preserve-run/v1 {run_id} {nonce}\n".encode("ascii")


def encode(manifest: Manifest) -> bytes:
    """The bytes to sign; raises FormatError for a manifest that `decode` would refuse."""
    data = _write(manifest)
    decode(data)
    return data


def decode(data: bytes) -> Manifest:
    """The manifest in exactly these bytes; raises FormatError naming what is wrong."""
    if len(data) > MAX_SIZE:
        raise FormatError(f"manifest.json: too long: {len(data)} bytes")
    try:
        value = strictjson.decode(data)
    except FormatError as problem:
        raise FormatError(f"manifest.json: {problem.message}") from None
    fields = Fields(value, "manifest.json")
    fields.constant("type", TYPE)
    manifest = Manifest(
        run_id=fields.text("run_id", _UUID),
        nonce=fields.hash("nonce"),
        created=fields.time("created"),
        interrupted=fields.boolean("interrupted"),
        clock=_clock(fields.object("clock")),
        archive=_archive(fields.object("archive")),
        log=signedparts.log_link(fields.object("log")),
        operator=signedparts.operator(fields.object("operator")),
        case=_case(fields.object("case")),
        tool=_tool(fields.object("tool")),
        environment=_environment(fields.object("environment")),
        sources=_index(fields.object("sources")),
        citations=_index(fields.object("citations")),
        captures=_captures(fields.object("captures")),
        files=fields.array("files", _file),
        signers=fields.array("signers", signedparts.signer),
        timestamps=fields.array("timestamps", signedparts.timestamp),
        start_tokens=fields.array("start_tokens", _start_token),
    )
    fields.end()
    _check(manifest)
    if _write(manifest) != data:
        raise FormatError("manifest.json: not canonical: the same content has another spelling")
    return manifest


# ------------------------------------------------------------------------------------------------------------------- writing


def _write(manifest: Manifest) -> bytes:
    clock, tool, captures = manifest.clock, manifest.tool, manifest.captures
    return strictjson.encode(
        {
            "type": TYPE,
            "run_id": manifest.run_id,
            "nonce": manifest.nonce,
            "created": rfc3339(manifest.created),
            "interrupted": manifest.interrupted,
            "clock": {
                "source": clock.source,
                "ntp_synchronised": clock.ntp_synchronised,
                "max_error_ms": clock.max_error_ms,
                "http_date_skew_ms": clock.http_date_skew_ms,
            },
            "archive": {
                "id": manifest.archive.id,
                "sequence": manifest.archive.sequence,
                "previous_seal_sha256": manifest.archive.previous_seal_sha256,
            },
            "log": {
                "origin": manifest.log.origin,
                "size_before": manifest.log.size_before,
                "root_before": manifest.log.root_before,
            },
            "operator": {
                "name": manifest.operator.name,
                "organisation": manifest.operator.organisation,
                "role": manifest.operator.role,
            },
            "case": {
                "reference": manifest.case.reference,
                "legal_basis": manifest.case.legal_basis,
                "notes": manifest.case.notes,
            },
            "tool": {
                "name": tool.name,
                "version": tool.version,
                "source_sha256": tool.source_sha256,
                "python": tool.python,
                "platform": tool.platform,
                "config_sha256": tool.config_sha256,
                "dependencies": dict(sorted(tool.dependencies)),
            },
            "environment": {
                "hostname_sha256": manifest.environment.hostname_sha256,
                "egress_ip": manifest.environment.egress_ip,
                "vantage": manifest.environment.vantage,
                "user_agent": manifest.environment.user_agent,
            },
            "sources": _write_index(manifest.sources),
            "citations": _write_index(manifest.citations),
            "captures": {
                "file": captures.file,
                "count": captures.count,
                "captured": captures.captured,
                "truncated": captures.truncated,
                "failed": captures.failed,
                "refused": captures.refused,
                "tree": {**_TREE, "root": captures.root},
            },
            "files": [_write_file(entry) for entry in manifest.files],
            "signers": [{"keyid": key.keyid, "alg": key.algorithm, "name": key.name} for key in manifest.signers],
            "timestamps": [{"authority": entry.authority, "protocol": entry.protocol} for entry in manifest.timestamps],
            "start_tokens": [
                {"authority": token.authority, "file": token.file, "sha256": token.sha256} for token in manifest.start_tokens
            ],
        }
    )


def _write_index(index: IndexFile) -> dict[str, Json]:
    return {"file": index.file, "count": index.count, "tree": {**_TREE, "root": index.root}}


def _write_file(entry: FileEntry) -> dict[str, Json]:
    members: dict[str, Json] = {"path": entry.path, "bytes": entry.bytes, "sha256": entry.sha256, "role": entry.role.value}
    if entry.records is not None:
        members["records"] = _write_index(entry.records)
    return members


# ------------------------------------------------------------------------------------------------------------------- reading


def _clock(fields: Fields) -> ClockFacts:
    clock = ClockFacts(
        source=fields.text("source"),
        ntp_synchronised=fields.or_null("ntp_synchronised", fields.boolean),
        max_error_ms=fields.or_null("max_error_ms", fields.integer),
        http_date_skew_ms=fields.array("http_date_skew_ms", strictjson.integer),
    )
    fields.end()
    return clock


def _archive(fields: Fields) -> ArchiveLink:
    link = ArchiveLink(
        id=fields.text("id"),
        sequence=fields.integer("sequence"),
        previous_seal_sha256=fields.or_null("previous_seal_sha256", fields.hash),
    )
    if (link.sequence == 0) is not (link.previous_seal_sha256 is None):
        fields.refuse("bad value: run 0, and no other, has no previous seal")
    fields.end()
    return link


def _case(fields: Fields) -> Case:
    case = Case(
        reference=fields.or_null("reference", fields.text),
        legal_basis=fields.or_null("legal_basis", fields.text),
        notes=fields.text("notes"),
    )
    fields.end()
    return case


def _tool(fields: Fields) -> Tool:
    dependencies = fields.object("dependencies")
    tool = Tool(
        name=fields.text("name"),
        version=fields.text("version"),
        source_sha256=fields.or_null("source_sha256", fields.hash),
        python=fields.text("python"),
        platform=fields.text("platform"),
        config_sha256=fields.hash("config_sha256"),
        dependencies=tuple((name, dependencies.text(name)) for name in dependencies.names()),
    )
    fields.end()
    return tool


def _environment(fields: Fields) -> Environment:
    environment = Environment(
        hostname_sha256=fields.or_null("hostname_sha256", fields.hash),
        egress_ip=fields.or_null("egress_ip", fields.text),
        vantage=fields.text("vantage"),
        user_agent=fields.text("user_agent"),
    )
    fields.end()
    return environment


def _root(fields: Fields) -> str:
    fields.constant("hash", "sha256")
    fields.constant("scheme", "rfc6962")
    root = fields.hash("root")
    fields.end()
    return root


def _index(fields: Fields) -> IndexFile:
    index = IndexFile(file=fields.text("file", _DATA), count=fields.integer("count"), root=_root(fields.object("tree")))
    fields.end()
    return index


def _captures(fields: Fields) -> CaptureIndex:
    captures = CaptureIndex(
        file=fields.text("file", _DATA),
        count=fields.integer("count"),
        captured=fields.integer("captured"),
        truncated=fields.integer("truncated"),
        failed=fields.integer("failed"),
        refused=fields.integer("refused"),
        root=_root(fields.object("tree")),
    )
    if captures.count != captures.captured + captures.truncated + captures.failed + captures.refused:
        fields.refuse("bad value: the outcomes do not add up to the count")
    fields.end()
    return captures


def _file(value: Json, where: str) -> FileEntry:
    fields = Fields(value, where)
    entry = FileEntry(
        path=fields.text("path", _DATA),
        bytes=fields.integer("bytes"),
        sha256=fields.hash("sha256"),
        role=fields.choice("role", Role),
        records=_index(fields.object("records")) if fields.has("records") else None,
    )
    if len(entry.path) > MAX_PATH:
        fields.refuse(f"bad value: a path of {len(entry.path)} characters")
    if (entry.role is Role.WARC) is not (entry.records is not None):
        fields.refuse("bad value: a file of role warc, and no other, has records")
    fields.end()
    return entry


def _start_token(value: Json, where: str) -> StartToken:
    fields = Fields(value, where)
    token = StartToken(
        authority=fields.text("authority", signedparts.AUTHORITY), file=fields.text("file", PATH), sha256=fields.hash("sha256")
    )
    if token.file != start_token_path(token.authority):
        fields.refuse(f"bad value: 'file' is {token.file!r}")
    fields.end()
    return token


def _check(manifest: Manifest) -> None:
    """What the parts must be to each other."""
    roles = {entry.path: entry.role for entry in manifest.files}
    _once("files", [entry.path for entry in manifest.files])
    _once("signers", [signer.keyid for signer in manifest.signers])
    _once("timestamps", [entry.authority for entry in manifest.timestamps])
    _once("start_tokens", [token.authority for token in manifest.start_tokens])
    if not manifest.signers:
        raise FormatError("manifest.json: bad value: no signers")
    named = [(entry.records.file, Role.RECORD_INDEX) for entry in manifest.files if entry.records is not None]
    named.append((manifest.sources.file, Role.SOURCE_INDEX))
    named.append((manifest.citations.file, Role.CITATION_INDEX))
    named.append((manifest.captures.file, Role.CAPTURE_INDEX))
    _once("index files", [path for path, _ in named])
    for path, role in named:
        if roles.get(path) is not role:
            raise FormatError(f"manifest.json: bad value: {path} is not listed in files as {role}")
    indexes = {Role.RECORD_INDEX, Role.SOURCE_INDEX, Role.CITATION_INDEX, Role.CAPTURE_INDEX}
    if orphan := {path for path, role in roles.items() if role in indexes} - {path for path, _ in named}:
        raise FormatError(f"manifest.json: bad value: nothing refers to the index {min(orphan)}")


def _once(what: str, values: list[str]) -> None:
    value, times = Counter(values).most_common(1)[0] if values else ("", 1)
    if times > 1:
        raise FormatError(f"manifest.json: duplicate: {value!r} stands twice in {what}")
