"""An evidence packet against what its run signed: names, aids, the capture's line, its records (docs/formats/packet.md section 5).

Each refusal has a code, one word that the checker inside the packet uses too. Where several things are wrong the word is the first
of them in the order of `CODES`, which is the order of the steps; so two programs that find the same things say the same word.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from preserve.errors import FormatError
from preserve.formats import lines, packet, recordindex
from preserve.formats.proof import Kind, Proof
from preserve.formats.warc import Member, framed_digest
from preserve.model.finding import Claim, Finding, Result, failed
from preserve.model.lines import CaptureLine, RecordLine
from preserve.model.manifest import FileEntry, Manifest
from preserve.model.noun import dataclass
from preserve.model.packet import Aids
from preserve.model.tree import Entry
from preserve.model.tree import Kind as EntryKind

REFUSED = (
    "zip-form",
    "zip-crc",
    "not-a-file",
    "unsafe-name",
    "duplicate-name",
    "packet-format",
    "seal-format",
    "file-missing",
    "unlisted-file",
    "seal-hash",
    "key-format",
    "weak-key",
    "key-mismatch",
    "key-missing",
    "signature-missing",
    "bad-signature",
    "manifest-format",
    "signer-set-differs",
    "signer-algorithm",
    "event-proof",
    "key-event",
    "countersignature",
    "token-invalid",
    "token-unnamed",
    "token-time",
    "other-archive",
    "line-proof",
    "line-form",
    "record-proof",
    "record-hash",
    "record-form",
    "original-missing",
    "log-proof",
    "log-signature",
    "log-fork",
    "aid-differs",
)
"""Exit 40."""
OPEN = (
    "token-missing",
    "token-untrusted",
    "created-time",
    "key-unfollowed",
    "log-unknown",
    "witness-quorum",
    "signer-unknown",
)
"""Exit 41."""


def refusal(findings: Iterable[Finding]) -> str:
    """The word for why the packet is not accepted; "" when it is."""
    fails = {finding.code for finding in findings if finding.result is Result.FAIL}
    doubts = {finding.code for finding in findings if finding.result is Result.NOT_CHECKED and finding.needed}
    return next((code for code in REFUSED if code in fails), "") or next((code for code in OPEN if code in doubts), "")


# --------------------------------------------------------------------------------------------------------------------- names


def judge_names(entries: Collection[Entry]) -> Iterator[Finding]:
    """What may lie in a packet, and what every packet has."""
    folders = set[str]()
    for entry in entries:
        parts = entry.path.split("/")
        if entry.kind is not EntryKind.FOLDER:
            folders |= {"/".join(parts[:place]) for place in range(1, len(parts))}
    for entry in entries:
        if entry.kind in {EntryKind.LINK, EntryKind.OTHER} or (entry.kind is EntryKind.FILE and entry.links > 1):
            yield failed(
                Claim.INTEGRITY, entry.path, "not a plain file of one name: only plain files belong here", code="not-a-file"
            )
        elif not packet.is_safe(entry.path):
            why = "an unsafe name: names here are of a-z, 0-9, '.', '_' and '-'"
            yield failed(Claim.COMPLETENESS, entry.path, why, code="unsafe-name")
        elif entry.path not in folders if entry.kind is EntryKind.FOLDER else not packet.belongs(entry.path):
            yield failed(Claim.COMPLETENESS, entry.path, "unlisted: a packet has no such file", code="unlisted-file")
    present = {entry.path for entry in entries if entry.kind is EntryKind.FILE}
    needed = [packet.MARKER, packet.README, packet.VERIFIER, packet.CAPTURE]
    runs = {"", *(match[0] for path in present if (match := packet.RUN.match(path)))}
    needed += [at + name for at in sorted(runs) for name in ("manifest.json", "SEAL", packet.PROOF)]
    needed += [at + packet.RECORDS for at in sorted(runs - {""})]
    events = {match[0] for path in present if (match := packet.EVENT.match(path))}
    needed += [at + name for at in sorted(events) for name in packet.OF_EVENT]
    for path in needed:
        if path not in present:
            yield missing(path)


def missing(path: str) -> Finding:
    return failed(Claim.COMPLETENESS, path, "missing", code="file-missing")


def unlisted(path: str) -> Finding:
    return failed(Claim.COMPLETENESS, path, "unlisted: nothing in the packet calls for it", code="unlisted-file")


def judge_aids(readme: bytes, verifier: bytes, known: Aids, earlier: Collection[str]) -> Iterator[Finding]:
    """README.md and verify.py are signed by nobody, and people follow the one and run the other: they must be ours.

    `earlier` are the SHA-256 of the verifiers and READMEs (with the gap for the key id) of earlier versions.
    """
    plain = _without_key(readme)
    for name, data, ours in ((packet.README, plain, known.readme), (packet.VERIFIER, verifier, known.verifier)):
        if data != ours and hashlib.sha256(data).hexdigest() not in earlier:
            why = "changed, or of a newer version: it is not what preserve puts into packets. Do not follow or run it"
            yield failed(Claim.INTEGRITY, name, why, code="aid-differs")


def _without_key(readme: bytes) -> bytes:
    """README.md with a gap where it names the key. A README that has the gap already is none."""
    marker = b"\nK="
    at = readme.find(marker) + len(marker)
    keyid = readme[at : at + 64]
    return b"" if packet.KEY_GAP in readme or len(keyid) < 64 else readme.replace(keyid, packet.KEY_GAP)


def names_key(readme: bytes, manifest: Manifest) -> bool:
    """Whether the key that README.md names is the manifest's first signer."""
    return b"\nK=" + manifest.signers[0].keyid.encode() in readme


# --------------------------------------------------------------------------------------------------------------------- lines


def judge_capture(proofs: Sequence[Proof], manifest: Manifest) -> CaptureLine | Finding:
    """The one line that is the capture."""
    index = manifest.captures
    if len(proofs) != 1 or not _of_list(proofs[0], index.file, index.count, index.root):
        return _bad_proof(packet.CAPTURE)
    try:
        line = lines.decode_capture(proofs[0].leaf)
    except FormatError as problem:
        return failed(Claim.INTEGRITY, packet.CAPTURE, problem.message, code="line-form")
    if line.capture != proofs[0].index:
        return failed(Claim.INTEGRITY, packet.CAPTURE, "the line says that it is another one", code="line-form")
    return line


def judge_citations(proofs: Sequence[Proof], manifest: Manifest, capture: CaptureLine) -> Iterator[Finding]:
    """Exactly the citations that the capture answers, in order."""
    index = manifest.citations
    wanted = sorted({cited.citation for cited in capture.cited_in})
    if [proof.index for proof in proofs] != wanted or not all(
        _of_list(proof, index.file, index.count, index.root) for proof in proofs
    ):
        yield _bad_proof(packet.CITATIONS)
        return
    for proof in proofs:
        try:
            line = lines.decode_citation(proof.leaf)
        except FormatError as problem:
            yield failed(Claim.INTEGRITY, packet.CITATIONS, problem.message, code="line-form")
        else:
            if line.citation != proof.index:
                yield failed(Claim.INTEGRITY, packet.CITATIONS, "a line says that it is another one", code="line-form")


def _of_list(proof: Proof, file: str, count: int, root: str) -> bool:
    return (proof.kind, proof.file, proof.size) == (Kind.LINE, file, count) and proof.leads_to(bytes.fromhex(root))


def _bad_proof(path: str) -> Finding:
    return failed(Claim.INTEGRITY, path, "the proof does not lead to what was signed", code="line-proof")


# ------------------------------------------------------------------------------------------------------------------- records


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """A record that must be in the packet: its file, what was signed for it, what it is called there."""

    path: str
    line: RecordLine
    kind: str


def judge_record_proofs(
    proofs: Sequence[Proof], manifest: Manifest, capture: CaptureLine | None, at: str
) -> tuple[list[Expected], list[Finding]]:
    """The records that the proofs are of: those that the capture names, in its order, then originals."""
    named = [(record.warc, record.index, record.type) for record in capture.records] if capture is not None else []
    warcs = {entry.path: entry for entry in manifest.files}
    if len(proofs) < len(named):
        return [], [missing(at + packet.RECORDS) if not proofs else _bad_record_proof(at, "a record has no proof")]
    expected = []
    for place, proof in enumerate(proofs):
        kind = named[place][2] if place < len(named) else packet.ORIGINAL
        if place < len(named) and (proof.file, proof.index) != named[place][:2]:
            return [], [_bad_record_proof(at, f"proof {place + 1} is not of the record that the capture names")]
        line = _proven(proof, warcs.get(proof.file))
        if line is None:
            return [], [_bad_record_proof(at, f"proof {place + 1} does not lead to what was signed")]
        expected.append(Expected(path=at + packet.record_name(place, kind), line=line, kind=kind))
    return expected, []


def _proven(proof: Proof, entry: FileEntry | None) -> RecordLine | None:
    if entry is None or entry.records is None or (proof.kind, proof.size) != (Kind.RECORD, entry.records.count):
        return None
    try:
        line = recordindex.parse_leaf(proof.leaf)
    except FormatError:
        return None
    fits = line.index == proof.index and line.offset + line.length <= entry.bytes
    return line if fits and proof.leads_to(bytes.fromhex(entry.records.root)) else None


def _bad_record_proof(at: str, why: str) -> Finding:
    return failed(Claim.INTEGRITY, at + packet.RECORDS, why, code="record-proof")


def judge_record(record: Expected, size: int, sha256: str, member: Member) -> Iterator[Finding]:
    """The file of one record: its bytes, then what they are."""
    if (size, sha256) != (record.line.length, record.line.sha256):
        yield failed(Claim.INTEGRITY, record.path, f"altered: {sha256} is not the hash that was signed", code="record-hash")
        return
    kind = "response" if record.kind == packet.ORIGINAL else record.kind
    if member.problem or member.header is None:
        yield failed(Claim.STRUCTURE, record.path, member.problem or "no WARC record", code="record-form")
    elif member.header.type != kind:
        yield failed(
            Claim.STRUCTURE, record.path, f"the capture calls it a {kind}: it is a {member.header.type}", code="record-form"
        )


def judge_originals(found: Mapping[str, Member], kinds: Mapping[str, str]) -> Iterator[Finding]:
    """Each revisit has its original, and no other record is there; `found` and `kinds` are by the record's file."""
    headers = {path: member.header for path, member in found.items() if member.header is not None}
    wanted = {
        (header.get("WARC-Refers-To") or "").strip("<>"): (path, header.payload_digest)
        for path, header in headers.items()
        if header.type == "revisit"
    }
    have = {
        header.id: (path, header.payload_digest or framed_digest(found[path].payload))
        for path, header in headers.items()
        if kinds[path] == packet.ORIGINAL
    }
    lost = [path for key, (path, digest) in wanted.items() if key not in have or have[key][1] != digest]
    for path in lost:
        why = "the record that this revisit refers to is missing, or has another payload"
        yield failed(Claim.COMPLETENESS, path, why, code="original-missing")
    for key, (path, _) in have.items():
        if key not in wanted and not lost:
            yield unlisted(path)


def judge_other_run(manifest: Manifest, other: Manifest, at: str) -> Iterator[Finding]:
    """A run that holds originals: an earlier one of the same archive, under its own number."""
    number = packet.RUN.fullmatch(at)
    if (
        other.archive.id != manifest.archive.id
        or other.log.origin != manifest.log.origin
        or number is None
        or number[1] != f"{other.archive.sequence:06d}"
        or other.archive.sequence >= manifest.archive.sequence
    ):
        yield failed(Claim.INTEGRITY, at + "manifest.json", "not an earlier run of the same archive", code="other-archive")
