"""The attack corpus of evidence packets: ways to alter one, with the exit code and the word that both verifiers must answer with.

A packet is made here from the formats alone, as a list of (name, bytes), and put into a ZIP by Python's zipfile: neither the program's
flow nor its writer is asked. An attack changes the list, the ZIP's bytes, or the run that the packet is made of.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import io
import json
import re
import struct
import tempfile
import warnings
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA65PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID

from archives import Archivist, Files, LogPen, Pen, data_files, member, seal_over
from attacks_by_insiders import JSON_TRICKS
from attacktools import good, join, split
from authorities import Authority, Issuer, accuracy_of, shared
from preserve.adapters.packets import aids
from preserve.formats import der, gzipmember, lines, manifest, merkle, packet, proof, tlog
from preserve.formats.timestamp import read as read_token
from preserve.model.manifest import Manifest, SignerEntry, StartToken, TimestampEntry
from sshpens import P256Pen, SshPen, armor, mpint, strings

Packet = dict[str, bytes]
ANN, BO = SshPen("Ann"), P256Pen("Bo")
P256_SPKI = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d030107034200")
PAGE = "http://station-1.example/page?run={}"


# ------------------------------------------------------------------------------------------------------------- made by hand


def tree(kind: proof.Kind, run: Files, file: str, leaves: str) -> proof.Tree:
    return proof.Tree(kind, file, merkle.lines(run[leaves]))


def packet_of(run: Files, capture: int = 1) -> Packet:
    """The packet of one capture of a run, as docs/formats/packet.md says."""
    captures, citations = list(merkle.lines(run["data/captures.jsonl"])), list(merkle.lines(run["data/citations.jsonl"]))
    line = json.loads(captures[capture])
    keyid = json.loads(run["manifest.json"].decode("ascii", "replace"), strict=False)["signers"][0]["keyid"]
    brought = aids()
    made = {
        "packet": b"preserve-packet/v1\n",
        "README.md": brought.readme.replace(b"{KEYID}", keyid.encode()),
        "verify.py": brought.verifier,
        **{name: data for name, data in run.items() if not name.startswith("data/")},
    }
    whole = tree(proof.Kind.LINE, run, "data/captures.jsonl", "data/captures.jsonl")
    made["proofs/capture.proof"] = proof.encode([whole.prove(capture, captures[capture])])
    cited = sorted({answer["citation"] for answer in line["cited_in"]})
    whole = tree(proof.Kind.LINE, run, "data/citations.jsonl", "data/citations.jsonl")
    made["proofs/citations.proof"] = proof.encode([whole.prove(number, citations[number]) for number in cited])
    proofs = []
    for place, record in enumerate(line["records"]):
        index = record["warc"].removesuffix(".warc.gz") + ".records"
        leaf = list(merkle.lines(run[index]))[record["index"]]
        proofs.append(tree(proof.Kind.RECORD, run, record["warc"], index).prove(record["index"], leaf))
        _, _, offset, length, _ = leaf.split()
        data = run[record["warc"]][int(offset) : int(offset) + int(length)]
        made[f"records/{place + 1:02d}-{record['type']}.warc.gz"] = data
    made["proofs/records.proof"] = proof.encode(proofs)
    return made


def zipped(files: Packet | list[tuple[str, bytes]], compression: int = zipfile.ZIP_STORED) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", compression) as file, warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # it warns of duplicate names, and some attacks want them
        for name, data in files.items() if isinstance(files, dict) else files:
            file.writestr(name, data)
    return target.getvalue()


def token_archive() -> Archivist:
    """An archive whose one run is stamped by an authority, now; it claims the moment of the stamp."""
    archivist = Archivist()
    files = data_files(0, 3)
    moment = read_token(shared("a").stamp(b"now")).time
    signed = replace(
        archivist.manifest(files, 0, 3), created=moment - timedelta(seconds=1), timestamps=(TimestampEntry(authority="a"),)
    )
    run = archivist.add_signed(files, manifest.encode(signed))
    run["timestamps/a.tsr"] = shared("a").stamp(run["SEAL"])
    return archivist


def signed_with(private: ec.EllipticCurvePrivateKey | MLDSA65PrivateKey, name: str, sign: Callable[[bytes], bytes]) -> Files:
    """A run signed by the archivist and by a key of another algorithm, `name` in the manifest."""
    archivist = Archivist()
    der = private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    pem = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    keyid, files = hashlib.sha256(der).hexdigest(), data_files(0, 3)
    signed = archivist.manifest(files, 0, 3)
    entry = SignerEntry(keyid=keyid, algorithm=name, name="Second key")
    document = manifest.encode(replace(signed, signers=(*signed.signers, entry)))
    run = archivist.seal(files, document)
    run |= {f"keys/{keyid}.pem": pem, f"signatures/{keyid}.sig": sign(document)}
    reseal(run)
    archivist.append(run)
    return run


def start_token_archive() -> Archivist:
    """An archive whose one run begins with a token and ends with another."""
    archivist, files = Archivist(), data_files(0, 3)
    signed = archivist.manifest(files, 0, 3)
    start = shared("a").stamp(manifest.start_message(signed.run_id, signed.nonce))
    named = StartToken(authority="a", file="timestamps/start-a.tsr", sha256=hashlib.sha256(start).hexdigest())
    stamps = (TimestampEntry(authority="a"),)
    signed = replace(signed, created=read_token(start).time, timestamps=stamps, start_tokens=(named,))
    run = archivist.add_signed(files, manifest.encode(signed))
    run |= {"timestamps/a.tsr": shared("a").stamp(run["SEAL"]), "timestamps/start-a.tsr": start}
    return archivist


def revisit_archive() -> Archivist:
    """Two runs: in the second, station 1 answered with what it had answered in the first."""
    body = b"the timetable of the ferry, line by line\n" * 40
    archivist = Archivist()
    digest = "sha256:" + hashlib.sha256(body).hexdigest()

    def change(files: Files, sequence: int) -> None:
        path, members = split(files)
        url = PAGE.format(sequence)
        head = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n"
        more = {"WARC-Payload-Digest": digest}
        if sequence:
            more |= {
                "WARC-Refers-To": "<urn:uuid:00000000-0000-4000-8000-000000000004>",
                "WARC-Refers-To-Target-URI": PAGE.format(0),
                "WARC-Refers-To-Date": "2026-11-21T12:00:00Z",
                "WARC-Profile": "http://netpreserve.org/warc/1.1/revisit/identical-payload-digest",
            }
        members[4] = member("revisit" if sequence else "response", url, head + (b"" if sequence else body), 4, **more)
        join(files, path, members)
        rows = [lines.decode_capture(row) for row in merkle.lines(files["data/captures.jsonl"])]
        refs = tuple(replace(ref, type="revisit") if ref.index == 4 and sequence else ref for ref in rows[1].records)
        rows[1] = replace(rows[1], records=refs, payload_sha256=digest[7:])
        files["data/captures.jsonl"] = b"".join(lines.encode_capture(row) + b"\n" for row in rows)

    for sequence in range(2):
        files = data_files(sequence, 3)
        change(files, sequence)
        archivist.add_signed(files, manifest.encode(archivist.manifest(files, sequence, 3)))
        archivist.documents |= {
            f"documents/{json.loads(row)['sha256']}/{json.loads(row)['name']}": (
                f"The register of stations, part {sequence}.\n".encode()
            )
            for row in merkle.lines(files["data/sources.jsonl"])
        }
    return archivist


# ------------------------------------------------------------------------------------------------------------------ attacks


@dataclass(frozen=True, kw_only=True)
class PacketAttack:
    """`files` is the attacked packet, or `data` the bytes of the ZIP itself; `says` the word that is answered with `exit`."""

    name: str
    says: str
    make: Callable[[], Packet | list[tuple[str, bytes]] | bytes]
    exit: int = 40


ATTACKS: list[PacketAttack] = []


@functools.cache
def _plain() -> Packet:
    return packet_of(good().runs[0])


def plain() -> Packet:
    """The packet that most attacks begin with."""
    return dict(_plain())


def on_packet(name: str, says: str, exit_code: int = 40) -> Callable[[Callable[[Packet], None]], None]:
    """Somebody without keys changes files of a packet and packs it again."""

    def keep(change: Callable[[Packet], None]) -> None:
        def make() -> Packet:
            files = plain()
            change(files)
            return files

        ATTACKS.append(PacketAttack(name=name, says=says, make=make, exit=exit_code))

    return keep


def on_zip(name: str, says: str) -> Callable[[Callable[[bytes], bytes]], None]:
    """Somebody changes the ZIP."""

    def keep(change: Callable[[bytes], bytes]) -> None:
        ATTACKS.append(PacketAttack(name=name, says=says, make=lambda: change(zipped(plain()))))

    return keep


def on_run(name: str, says: str, exit_code: int = 40) -> Callable[[Callable[[Archivist], Files]], None]:
    """Somebody with keys seals a run; the packet is made of it."""

    def keep(seal: Callable[[Archivist], Files]) -> None:
        ATTACKS.append(PacketAttack(name=name, says=says, make=lambda: packet_of(seal(good())), exit=exit_code))

    return keep


def flipped(data: bytes, place: int, bit: int = 1) -> bytes:
    place %= len(data)
    return data[:place] + bytes([data[place] ^ bit]) + data[place + 1 :]


KEY = Pen("A. Archivist").keyid
SECOND = Pen("Second person").keyid


def reseal(files: Packet) -> None:
    bound = {name: data for name, data in files.items() if name == "manifest.json" or name.startswith(("keys/", "signatures/"))}
    files["SEAL"] = seal_over(bound)


# --- records and lines


@on_packet("one bit in a record", "record-hash")
def _(files: Packet) -> None:
    files["records/01-response.warc.gz"] = flipped(files["records/01-response.warc.gz"], 60)


@on_packet("a gzip header that means the same", "record-hash")
def _(files: Packet) -> None:
    files["records/01-response.warc.gz"] = flipped(files["records/01-response.warc.gz"], 4)


@on_packet("an empty gzip member appended", "record-hash")
def _(files: Packet) -> None:
    files["records/01-response.warc.gz"] += gzipmember.pack(b"", b"", b"")


@on_packet("a record cut", "record-hash")
def _(files: Packet) -> None:
    files["records/02-request.warc.gz"] = files["records/02-request.warc.gz"][:-8]


@on_packet("a record emptied", "record-hash")
def _(files: Packet) -> None:
    files["records/02-request.warc.gz"] = b""


@on_packet("a record missing", "file-missing")
def _(files: Packet) -> None:
    del files["records/01-response.warc.gz"]


@on_packet("two records exchanged", "record-hash")
def _(files: Packet) -> None:
    one, two = "records/01-response.warc.gz", "records/02-request.warc.gz"
    files[one], files[two] = files[two], files[one]


@on_packet("a record and its leaf forged", "record-proof")
def _(files: Packet) -> None:
    forged = files["records/01-response.warc.gz"] = member("response", PAGE, b"HTTP/1.1 200 OK\r\n\r\nforged", 4)
    rows = files["proofs/records.proof"].split(b"\n")
    rows[4] = b" ".join([*rows[4].split(b" ")[:4], b"%d" % len(forged), hashlib.sha256(forged).hexdigest().encode()])
    files["proofs/records.proof"] = b"\n".join(rows)


@on_packet("the records of another capture", "record-proof")
def _(files: Packet) -> None:
    other = packet_of(good().runs[0], 2)
    files |= {name: data for name, data in other.items() if name.startswith("records/") or name == "proofs/records.proof"}


@on_packet("a record more, with a good proof", "unlisted-file")
def _(files: Packet) -> None:
    other = packet_of(good().runs[0], 2)
    first = other["proofs/records.proof"].split(b"\n\n")[0]
    files["proofs/records.proof"] += b"\n" + first.rstrip(b"\n") + b"\n"
    files["records/03-original.warc.gz"] = other["records/01-response.warc.gz"]


@on_packet("a record file more", "unlisted-file")
def _(files: Packet) -> None:
    files["records/03-response.warc.gz"] = files["records/01-response.warc.gz"]


@on_packet("no proofs of records", "file-missing")
def _(files: Packet) -> None:
    del files["proofs/records.proof"]


@on_packet("one proof of a record fewer", "record-proof")
def _(files: Packet) -> None:
    files["proofs/records.proof"] = files["proofs/records.proof"].split(b"\n\n")[0] + b"\n"


for _place in (0, 30, 60, 75, 120, -3):

    @on_packet(f"one bit in the proof of a record, at {_place}", "record-proof")
    def _(files: Packet, place: int = _place) -> None:
        files["proofs/records.proof"] = flipped(files["proofs/records.proof"], place)

    @on_packet(f"one bit in the proof of the line, at {_place}", "line-proof")
    def _(files: Packet, place: int = _place) -> None:
        files["proofs/capture.proof"] = flipped(files["proofs/capture.proof"], place)


@on_packet("an address in the line altered", "line-proof")
def _(files: Packet) -> None:
    files["proofs/capture.proof"] = files["proofs/capture.proof"].replace(b"station-1", b"station-7")


@on_packet("another capture's line", "record-proof")
def _(files: Packet) -> None:
    other = packet_of(good().runs[0], 2)
    files |= {name: data for name, data in other.items() if name in ("proofs/capture.proof", "proofs/citations.proof")}


@on_packet("two lines", "line-proof")
def _(files: Packet) -> None:
    files["proofs/capture.proof"] += b"\n" + packet_of(good().runs[0], 2)["proofs/capture.proof"]


@on_packet("a proof with a line more", "line-proof")
def _(files: Packet) -> None:
    files["proofs/capture.proof"] += base64.b64encode(bytes(32)) + b"\n"


@on_packet("a citation shown as the capture", "line-proof")
def _(files: Packet) -> None:
    files["proofs/capture.proof"] = files["proofs/citations.proof"]


@on_packet("another citation", "line-proof")
def _(files: Packet) -> None:
    files["proofs/citations.proof"] = packet_of(good().runs[0], 2)["proofs/citations.proof"]


@on_packet("the citation missing", "file-missing")
def _(files: Packet) -> None:
    del files["proofs/citations.proof"]


@on_packet("the line missing", "file-missing")
def _(files: Packet) -> None:
    del files["proofs/capture.proof"]


# --- what is signed


@on_packet("the manifest edited", "seal-hash")
def _(files: Packet) -> None:
    files["manifest.json"] = files["manifest.json"].replace(b'"captured": 3', b'"captured": 4')


@on_packet("the manifest edited, SEAL recomputed", "bad-signature")
def _(files: Packet) -> None:
    files["manifest.json"] = files["manifest.json"].replace(b"A. Archivist", b"B. Archivist", 1)
    reseal(files)


@on_packet("the manifest of another run", "seal-hash")
def _(files: Packet) -> None:
    files["manifest.json"] = good().runs[1]["manifest.json"]


@on_packet("the sealed files of another run", "line-proof")
def _(files: Packet) -> None:
    files |= {name: data for name, data in good().runs[1].items() if not name.startswith("data/")}


for _name in ("manifest.json", "SEAL", "packet", "README.md", "verify.py", "log/seal.tlog-proof", f"keys/{KEY}.pem"):

    @on_packet(f"{_name[:24]} missing", "file-missing")
    def _(files: Packet, name: str = _name) -> None:
        del files[name]


@on_packet("SEAL without one of its lines", "unlisted-file")
def _(files: Packet) -> None:
    files["SEAL"] = b"".join(files["SEAL"].splitlines(keepends=True)[1:])


@on_packet("SEAL with its lines in another order", "seal-format")
def _(files: Packet) -> None:
    files["SEAL"] = b"".join(reversed(files["SEAL"].splitlines(keepends=True)))


@on_packet("SEAL with junk after its lines", "seal-format")
def _(files: Packet) -> None:
    files["SEAL"] += b"junk\n"


@on_packet("one bit in SEAL", "seal-hash")
def _(files: Packet) -> None:
    files["SEAL"] = files["SEAL"].replace(files["SEAL"][:1], b"0" if files["SEAL"][:1] != b"0" else b"1", 1)


@on_packet("a co-signer stripped, SEAL recomputed", "signer-set-differs")
def _(files: Packet) -> None:
    del files[f"keys/{SECOND}.pem"], files[f"signatures/{SECOND}.sig"]
    reseal(files)


def countersigned(pen: SshPen = ANN) -> Packet:
    """A packet that somebody else signed too, with SSH."""
    files = plain()
    files[f"countersignatures/{pen.keyid}.sshsig"] = pen.signature(files["manifest.json"])
    return files


_COUNTERSIGNATURES: dict[str, Callable[[bytes], bytes]] = {
    "over something else": lambda document: ANN.signature(document + b"\n"),
    "by another key under its name": lambda document: SshPen("A. Thief").signature(document),
    "with another key written in it": lambda document: armor(SshPen("A. Thief").body(document, blob=ANN.blob)),
    "made for another purpose": lambda document: armor(ANN.body(document, namespace=b"git")),
    "with something reserved": lambda document: armor(ANN.body(document, reserved=b"x")),
    "of a newer version": lambda document: armor(ANN.body(document, version=2)),
    "over SHA-1": lambda document: armor(ANN.body(document, hash_=b"sha1")),
    "naming another hash than it uses": lambda document: armor(ANN.body(document, hash_=b"sha256", says=b"sha512")),
    "calling itself RSA": lambda document: armor(ANN.body(document, algorithm=b"ssh-rsa")),
    "of a weak key": lambda document: armor(ANN.body(document, blob=strings(b"ssh-ed25519", b"\1" + bytes(31)))),
    "of a security token": lambda document: armor(
        ANN.body(document, blob=strings(b"sk-ssh-ed25519@openssh.com", ANN.raw, b"ssh:"))
    ),
    "of an RSA key": lambda document: armor(ANN.body(document, blob=strings(b"ssh-rsa", b"\1\0\1", bytes(256)))),
    "with a byte behind it": lambda document: armor(ANN.body(document) + b"\0"),
    "with a newline behind it": lambda document: ANN.signature(document) + b"\n",
    "in shorter lines": lambda document: armor(ANN.body(document), 64),
    "without base64": lambda _: b"-----BEGIN SSH SIGNATURE-----\n????\n-----END SSH SIGNATURE-----\n",
    "far too long": lambda document: ANN.signature(document) * 20,
    "empty": lambda _: b"",
    "with the bare signature in it": lambda document: armor(ANN.body(document, signature=ANN.sign(document))),
    "with S + L": lambda document: armor(ANN.body(document, signature=_second_spelling(document))),
}


def _second_spelling(document: bytes) -> bytes:
    message = b"SSHSIG" + strings(b"preserve-manifest-v1", b"", b"sha512", hashlib.sha512(document).digest())
    raw, order = ANN.sign(message), 2**252 + 27742317777372353535851937790883648493
    return raw[:32] + (int.from_bytes(raw[32:], "little") + order).to_bytes(32, "little")


def _on_countersignature(name: str, make: Callable[[bytes], bytes]) -> None:
    @on_packet(f"an SSH signature {name}", "countersignature")
    def _(files: Packet) -> None:
        files[f"countersignatures/{ANN.keyid}.sshsig"] = make(files["manifest.json"])


for _how, _forge in _COUNTERSIGNATURES.items():
    _on_countersignature(_how, _forge)


@on_packet("a P-256 SSH signature with a zero before a number", "countersignature")
def _(files: Packet) -> None:
    numbers = strings(b"\0" + mpint(1 << 200), mpint(7))
    files[f"countersignatures/{BO.keyid}.sshsig"] = armor(BO.body(files["manifest.json"], signature=numbers))


@on_packet("a P-256 SSH signature by a point off the curve", "countersignature")
def _(files: Packet) -> None:
    point = BO.point[:-1] + bytes([BO.point[-1] ^ 1])
    blob = strings(BO.type, b"nistp256", point)
    keyid = hashlib.sha256(P256_SPKI + point).hexdigest()
    files[f"countersignatures/{keyid}.sshsig"] = armor(BO.body(files["manifest.json"], blob=blob))


@on_packet("an SSH signature under a name that is no key", "unlisted-file")
def _(files: Packet) -> None:
    files["countersignatures/ann.sshsig"] = ANN.signature(files["manifest.json"])


@on_packet("a signer added", "signer-set-differs")
def _(files: Packet) -> None:
    pen = Pen("A. Latecomer")
    files |= {f"keys/{pen.keyid}.pem": pen.public.pem, f"signatures/{pen.keyid}.sig": pen.sign(files["manifest.json"])}
    reseal(files)


@on_packet("a signature stripped, SEAL recomputed", "signature-missing")
def _(files: Packet) -> None:
    del files[f"signatures/{SECOND}.sig"]
    reseal(files)


@on_packet("a key stripped, SEAL recomputed", "key-missing")
def _(files: Packet) -> None:
    del files[f"keys/{SECOND}.pem"]
    reseal(files)


@on_packet("all signatures removed, SEAL recomputed", "key-missing")
def _(files: Packet) -> None:
    del files[f"keys/{KEY}.pem"], files[f"keys/{SECOND}.pem"]
    reseal(files)


@on_packet("nobody signed", "bad-signature")
def _(files: Packet) -> None:
    for keyid in (KEY, SECOND):
        del files[f"keys/{keyid}.pem"], files[f"signatures/{keyid}.sig"]
    reseal(files)


@on_packet("a signature with one bit changed, SEAL recomputed", "bad-signature")
def _(files: Packet) -> None:
    files[f"signatures/{KEY}.sig"] = flipped(files[f"signatures/{KEY}.sig"], 40)
    reseal(files)


@on_packet("a signature in its second spelling (S + L)", "bad-signature")
def _(files: Packet) -> None:
    raw, order = files[f"signatures/{KEY}.sig"], 2**252 + 27742317777372353535851937790883648493
    files[f"signatures/{KEY}.sig"] = raw[:32] + (int.from_bytes(raw[32:], "little") + order).to_bytes(32, "little")
    reseal(files)


@on_packet("a byte appended to a signature", "bad-signature")
def _(files: Packet) -> None:
    files[f"signatures/{KEY}.sig"] += b"\n"
    reseal(files)


@on_packet("the key swapped under the same key id", "key-mismatch")
def _(files: Packet) -> None:
    thief = Pen("A. Thief")
    files |= {f"keys/{KEY}.pem": thief.public.pem, f"signatures/{KEY}.sig": thief.sign(files["manifest.json"])}
    reseal(files)


@on_packet("the same key in another spelling of PEM", "key-format")
def _(files: Packet) -> None:
    files[f"keys/{KEY}.pem"] += b"\n"
    reseal(files)


@on_packet("a key of an unknown algorithm", "key-format")
def _(files: Packet) -> None:
    files[f"keys/{KEY}.pem"] = files[f"keys/{KEY}.pem"].replace(b"MCowBQYDK2Vw", b"MCowBQYDK2Vu")
    reseal(files)


@on_packet("a weak key (the identity) that signs everything", "weak-key")
def _(files: Packet) -> None:
    der = bytes.fromhex("302a300506032b6570032100") + b"\x01" + bytes(31)
    pem = b"-----BEGIN PUBLIC KEY-----\n" + base64.b64encode(der) + b"\n-----END PUBLIC KEY-----\n"
    keyid = hashlib.sha256(der).hexdigest()
    files |= {f"keys/{keyid}.pem": pem, f"signatures/{keyid}.sig": b"\x01" + bytes(63)}
    reseal(files)


# --- the log


@on_packet("the log's proof of another run", "log-proof")
def _(files: Packet) -> None:
    files["log/seal.tlog-proof"] = good().runs[1]["log/seal.tlog-proof"]


def _older_head() -> Packet:
    """Genuine, of when the log had no entry of this run yet."""
    head = tlog.TlogProof(index=1, path=(), checkpoint=good().checkpoint(1))
    return {**packet_of(good().runs[1]), "log/seal.tlog-proof": tlog.encode_proof(head)}


ATTACKS.append(PacketAttack(name="checkpoint of an older, smaller log", says="log-proof", make=_older_head))


@on_packet("one bit in a checkpoint's signature", "log-signature")
def _(files: Packet) -> None:
    rows = files["log/seal.tlog-proof"].split(b" ")
    raw = base64.b64decode(rows[-1])
    files["log/seal.tlog-proof"] = b" ".join([*rows[:-1], base64.b64encode(flipped(raw, 20)) + b"\n"])


@on_packet("a checkpoint signed by a thief", "log-unknown", 41)
def _(files: Packet) -> None:
    archivist = good()
    archivist.__dict__["log"] = LogPen("a thief's log", archivist.origin)
    files["log/seal.tlog-proof"] = archivist.proof(0)


@on_packet("a checkpoint of another log", "log-signature")
def _(files: Packet) -> None:
    files["log/seal.tlog-proof"] = files["log/seal.tlog-proof"].replace(
        b"archive.example/main/log", b"archive.example/math/log"
    )


@on_packet("a log's proof that is none", "log-proof")
def _(files: Packet) -> None:
    files["log/seal.tlog-proof"] = b"proof\n"


@on_packet("a log's proof with an extra line", "log-proof")
def _(files: Packet) -> None:
    files["log/seal.tlog-proof"] = files["log/seal.tlog-proof"].replace(b"\n", b"\nextra AAAA\n", 1)


# --- what lies beside it


@on_packet("an unlisted file", "unlisted-file")
def _(files: Packet) -> None:
    files["notes.txt"] = b"x"


@on_packet("an unlisted file without an extension", "unlisted-file")
def _(files: Packet) -> None:
    files["records/noext"] = b"x"


@on_packet("another capture's whole list", "unlisted-file")
def _(files: Packet) -> None:
    files["data/captures.jsonl"] = good().runs[0]["data/captures.jsonl"]


@on_packet("a token that nobody named", "token-unnamed")
def _(files: Packet) -> None:
    files["timestamps/tsa.example.tsr"] = b"x"


@on_packet("a start token that nobody named", "unlisted-file")
def _(files: Packet) -> None:
    files["timestamps/start-tsa.example.tsr"] = b"x"


@on_packet("a second run that nothing refers to", "file-missing")
def _(files: Packet) -> None:
    files["originals/000001/manifest.json"] = good().runs[1]["manifest.json"]


@on_packet("a name that leads out", "unsafe-name")
def _(files: Packet) -> None:
    files["../escape"] = b"x"


@on_packet("an absolute name", "unsafe-name")
def _(files: Packet) -> None:
    files["/etc/escape"] = b"x"


@on_packet("a name that differs in case alone", "unsafe-name")
def _(files: Packet) -> None:
    files["seal"] = b"x"
    files["Manifest.json"] = files["manifest.json"]


@on_packet("a hidden file", "unsafe-name")
def _(files: Packet) -> None:
    files[".hidden"] = b"x"


@on_packet("a name that is a terminal escape", "unsafe-name")
def _(files: Packet) -> None:
    files["\x1b[2J"] = b"x"


@on_packet("another version", "packet-format")
def _(files: Packet) -> None:
    files["packet"] = b"preserve-packet/v2\n"


@on_packet("a verify.py that is always content", "aid-differs")
def _(files: Packet) -> None:
    files["verify.py"] = b"print('UNALTERED')\n"


@on_packet("a README.md that names another key", "aid-differs")
def _(files: Packet) -> None:
    files["README.md"] = files["README.md"].replace(KEY.encode(), SECOND.encode())


@on_packet("a README.md with another command", "aid-differs")
def _(files: Packet) -> None:
    files["README.md"] = files["README.md"].replace(b"python3 verify.py", b"echo UNALTERED")


@on_packet("a README.md without the key", "aid-differs")
def _(files: Packet) -> None:
    files["README.md"] = aids().readme


@on_packet("a README.md that stays, for a record that does not", "record-hash")
def _(files: Packet) -> None:
    files["records/01-response.warc.gz"] = gzipmember.pack(b"", b"forged", b"")
    files["README.md"] += b"!"


# --- the ZIP


@on_zip("a byte before the ZIP", "zip-form")
def _(data: bytes) -> bytes:
    return b"#" + data


@on_zip("a byte after the ZIP", "zip-form")
def _(data: bytes) -> bytes:
    return data + b"\n"


@on_zip("a comment", "zip-form")
def _(data: bytes) -> bytes:
    return data[:-2] + b"\x02\x00hi"


@on_zip("the ZIP cut", "zip-form")
def _(data: bytes) -> bytes:
    return data[:-30]


@on_zip("half of the ZIP", "zip-form")
def _(data: bytes) -> bytes:
    return data[: len(data) // 2]


@on_zip("a header that disagrees with the directory", "zip-form")
def _(data: bytes) -> bytes:
    before, name, after = data.rpartition(b"proofs/capture.proof")
    return before + name[:-1] + b"F" + after


@on_zip("a byte of a file changed in place", "zip-crc")
def _(data: bytes) -> bytes:
    return data.replace(b"station-1.example/page", b"station-7.example/page", 1)


ATTACKS.append(PacketAttack(name="compressed entries", says="zip-form", make=lambda: zipped(plain(), zipfile.ZIP_DEFLATED)))


def _patched(data: bytes, mark: bytes, offset: int, form: str, value: int, entry: int = 0) -> bytes:
    """`value` written at `offset` of the header of one entry that begins with `mark`."""
    place = -1
    for _ in range(entry + 1):
        place = data.index(mark, place + 1)
    changed = bytearray(data)
    struct.pack_into(form, changed, place + offset, value)
    return bytes(changed)


_LOCAL, _CENTRAL, _END = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"
for _name, _local, _central, _form, _value in (
    ("an entry that says that it is encrypted", 6, 8, "<H", 1),
    ("an entry with its sizes behind it", 6, 8, "<H", 8),
    ("an entry with a name in another encoding", 6, 8, "<H", 0x800),
    ("an entry that wants ZIP64", 4, 6, "<H", 45),
    ("an entry far longer than the file", 22, 24, "<L", 0xFFFFFFF0),
    ("an entry whose length stands elsewhere", 22, 24, "<L", 0xFFFFFFFF),
):

    @on_zip(_name, "zip-form")
    def _(data: bytes, rest: tuple[int, int, str, int] = (_local, _central, _form, _value)) -> bytes:
        local, central, form, value = rest
        return _patched(_patched(data, _LOCAL, local, form, value), _CENTRAL, central, form, value)


@on_zip("two entries over the same bytes", "zip-form")
def _(data: bytes) -> bytes:
    return _patched(data, _CENTRAL, 42, "<L", 0, entry=1)


@on_zip("a directory that leaves an entry out", "zip-form")
def _(data: bytes) -> bytes:
    (count,) = struct.unpack_from("<H", data, data.rindex(_END) + 8)
    return _patched(_patched(data, _END, 8, "<H", count - 1), _END, 10, "<H", count - 1)


@on_zip("a ZIP after the ZIP", "zip-form")
def _(data: bytes) -> bytes:
    return data + data


@on_zip("a FIFO by its attributes", "zip-form")
def _(data: bytes) -> bytes:
    return _patched(data, _CENTRAL, 38, "<L", 0o010644 << 16)


@on_packet("a name with a backslash", "unsafe-name")
def _(files: Packet) -> None:
    files["keys\\x"] = b"x"


@on_packet("a name in Unicode's other form", "zip-form")
def _(files: Packet) -> None:
    files["proofs/cafe\u0301"] = b"x"


@on_packet("a look-alike letter in a name", "zip-form")
def _(files: Packet) -> None:
    files["m\u0430nifest.json"] = b"x"


def _twice(*, first: bool) -> list[tuple[str, bytes]]:
    files = list(plain().items())
    forged = ("proofs/capture.proof", b"forged\n")
    return [files[0], forged, *files[1:]] if first else [*files, forged]


ATTACKS += [
    PacketAttack(name="a forged file twice, first", says="duplicate-name", make=lambda: _twice(first=True)),
    PacketAttack(name="a forged file twice, last", says="duplicate-name", make=lambda: _twice(first=False)),
]


def _linked() -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as file:
        for name, data in plain().items():
            about = zipfile.ZipInfo(name)
            about.external_attr = 0o120777 << 16
            file.writestr(about, data)
    return target.getvalue()


ATTACKS.append(PacketAttack(name="symlinks", says="not-a-file", make=_linked))


# --- validly signed, and still not to be accepted

for _name, (_change, _said) in JSON_TRICKS.items():

    def _seal(archivist: Archivist, change: Callable[[bytes], bytes] = _change) -> Files:
        files = data_files(2, 3)
        return archivist.add_signed(files, change(manifest.encode(archivist.manifest(files, 2, 3))))

    def _make(seal: Callable[[Archivist], Files] = _seal) -> Packet:
        run = seal(good())
        honest = {**run, "manifest.json": good().runs[0]["manifest.json"]}
        return {**packet_of(honest), "manifest.json": run["manifest.json"]}

    ATTACKS.append(PacketAttack(name=f"a validly signed manifest with {_name}", says="manifest-format", make=_make))


def resigned(
    archivist: Archivist, change: Callable[[Files], None], tweak: Callable[[Manifest], Manifest] | None = None
) -> Files:
    files = data_files(2, 3)
    change(files)
    signed = archivist.manifest(files, 2, 3)
    return archivist.add_signed(files, manifest.encode(tweak(signed) if tweak else signed))


def nothing(_: Files) -> None:
    pass


@on_run("an Ed25519 key called P-256", "signer-algorithm")
def _(archivist: Archivist) -> Files:
    def tweak(signed: Manifest) -> Manifest:
        return replace(signed, signers=(replace(signed.signers[0], algorithm="ecdsa-p256-sha256"), *signed.signers[1:]))

    return resigned(archivist, nothing, tweak)


@on_run("a Merkle root that is not that of the lines", "line-proof")
def _(archivist: Archivist) -> Files:
    return resigned(archivist, nothing, lambda signed: replace(signed, captures=replace(signed.captures, root="0" * 64)))


@on_run("a log position that is not the run's", "log-proof")
def _(archivist: Archivist) -> Files:
    return resigned(archivist, nothing, lambda signed: replace(signed, log=replace(signed.log, size_before=7)))


def _members(change: Callable[[list[bytes]], None]) -> Callable[[Files], None]:
    def keep(files: Files) -> None:
        path, members = split(files)
        change(members)
        join(files, path, members)

    return keep


def _content(data: bytes) -> bytes:
    return b"".join(gzipmember.Unpacker().feed(data))


FORMS: dict[str, Callable[[bytes], bytes]] = {
    "two members": lambda data: data + gzipmember.pack(b"", b"", b""),
    "no gzip": lambda data: b"WARC/1.1\r\n",
    "a gzip header with a time": lambda data: flipped(data, 5),
    "a CRC-32 that does not hold": lambda data: flipped(data, -6),
    "a cut member": lambda data: data[:-4],
    "two records": lambda data: gzipmember.pack(_content(data) * 2, b"", b""),
    "a Content-Length too small": lambda data: gzipmember.pack(
        re.sub(rb"(Content-Length: [0-9]*)[0-9]\r", rb"\g<1>0\r", _content(data)), b"", b""
    ),
    "a block digest that does not hold": lambda data: gzipmember.pack(
        _content(data).replace(b"Station 1", b"Station 9"), b"", b""
    ),
    "another version of WARC": lambda data: gzipmember.pack(_content(data).replace(b"WARC/1.1", b"WARC/1.0"), b"", b""),
    "a field twice": lambda data: gzipmember.pack(
        _content(data).replace(b"WARC-Type: response", b"WARC-Type: response\r\nWARC-Type: response"), b"", b""
    ),
    "no end": lambda data: gzipmember.pack(_content(data)[:-2], b"", b""),
    "another type": lambda data: gzipmember.pack(
        _content(data).replace(b"WARC-Type: response", b"WARC-Type: resource"), b"", b""
    ),
}

for _name, _bend in FORMS.items():

    @on_run(f"a validly signed record with {_name}", "record-form")
    def _(archivist: Archivist, bend: Callable[[bytes], bytes] = _bend) -> Files:
        def change(members: list[bytes]) -> None:
            bent = bend(members[4])
            assert bent != members[4]
            members[4] = bent

        return resigned(archivist, _members(change))


LINES: dict[str, Callable[[bytes], bytes]] = {
    "an unknown field": lambda row: row.replace(b'{"capture":1', b'{"aaa":1,"capture":1'),
    "spaces": lambda row: row.replace(b'"capture":1', b'"capture": 1'),
    "another number": lambda row: row.replace(b'"capture":1', b'"capture":2'),
    "true for a number": lambda row: row.replace(b',"salt"', b',"retries":true,"salt"'),
    "no retries, said": lambda row: row.replace(b',"salt"', b',"retries":0,"salt"'),
    "no reason, said": lambda row: row.replace(b',"records"', b',"reason":"","records"'),
    "no signals, said": lambda row: row.replace(b',"status"', b',"signals":[],"status"'),
    "the only exchange, said": lambda row: row.replace(
        b'"hops":[]',
        b'"hops":[{"location":null,"outcome":"captured","status":200,"url":"http://station-1.example/page?run=2"}]',
    ),
    "what was written left out": lambda row: row.replace(b'"as_written":"http://station-1.example/page?run=2",', b""),
    "a time that is none": lambda row: row.replace(b"T12:00:00.000Z", b"T25:00:00.000Z"),
    "an unknown outcome": lambda row: row.replace(b'"outcome":"captured"', b'"outcome":"imagined"'),
    "a short salt": lambda row: row[: row.index(b'"salt":"') + 8] + row[row.index(b'"salt":"') + 9 :],
}

for _name, _bend in LINES.items():

    @on_run(f"a validly signed line with {_name}", "line-form")
    def _(archivist: Archivist, bend: Callable[[bytes], bytes] = _bend) -> Files:
        def change(files: Files) -> None:
            rows = list(merkle.lines(files["data/captures.jsonl"]))
            bent = bend(rows[1])
            assert bent != rows[1]
            rows[1] = bent
            files["data/captures.jsonl"] = b"".join(row + b"\n" for row in rows)

        return resigned(archivist, change)


@on_run("a citation's line that leaves out that it is certain", "line-form")
def _(archivist: Archivist) -> Files:
    def change(files: Files) -> None:
        files["data/citations.jsonl"] = files["data/citations.jsonl"].replace(b'"uncertain":false,', b"")

    return resigned(archivist, change)


@on_run("a citation's line with an unknown field", "line-form")
def _(archivist: Archivist) -> Files:
    def change(files: Files) -> None:
        files["data/citations.jsonl"] = files["data/citations.jsonl"].replace(b'{"candidates":[]', b'{"a":1,"candidates":[]')

    return resigned(archivist, change)


@on_run("an honest run of strangers", "log-unknown", 41)
def _(_: Archivist) -> Files:
    stranger = Archivist(signers=(Pen("A. Stranger"),), origin="stranger.example/log", id="stranger.example")
    return stranger.add_run()


@on_run("forged content under the attacker's own key", "log-unknown", 41)
def _(_: Archivist) -> Files:
    thief = Archivist(signers=(Pen("A. Thief"),))
    thief.__dict__["log"] = LogPen("a thief's log", thief.origin)
    return thief.add_run(body=lambda page: b"forged %d" % page)


@on_run("forged content under the attacker's own key, in the real log", "signer-unknown", 41)
def _(archivist: Archivist) -> Files:
    thief = Archivist(signers=(Pen("A. Thief"),))
    return thief.add_run(body=lambda page: b"forged %d" % page)


# --- time-stamps


def on_stamped(name: str, says: str, exit_code: int = 40) -> Callable[[Callable[[Packet], None]], None]:
    def keep(change: Callable[[Packet], None]) -> None:
        def make() -> Packet:
            files = packet_of(token_archive().runs[0])
            change(files)
            return files

        ATTACKS.append(PacketAttack(name=name, says=says, make=make, exit=exit_code))

    return keep


@on_stamped("a named token missing", "token-missing", 41)
def _(files: Packet) -> None:
    del files["timestamps/a.tsr"]


@on_stamped("a token over other bytes", "token-invalid")
def _(files: Packet) -> None:
    files["timestamps/a.tsr"] = shared("a").stamp(b"other bytes")


@on_stamped("a token of another authority under this one's name", "token-invalid")
def _(files: Packet) -> None:
    files["timestamps/a.tsr"] = shared("b").stamp(files["SEAL"])


@on_stamped("a refusal for a token", "token-invalid")
def _(files: Packet) -> None:
    files["timestamps/a.tsr"] = bytes.fromhex("30053003020103")


@on_stamped("the status of a granted token changed", "token-invalid")
def _(files: Packet) -> None:
    at = files["timestamps/a.tsr"].index(bytes.fromhex("3003020100"))
    files["timestamps/a.tsr"] = flipped(files["timestamps/a.tsr"], at + 4)


def _stamped_by(files: Packet, issuer: Issuer, **options: object) -> None:
    """By an authority of a moment, whatever its certificate is for."""
    with tempfile.TemporaryDirectory() as folder:
        authority = Authority(Path(folder) / "a", issuer, **options)  # type: ignore[arg-type] # the options of Authority
        files["timestamps/a.tsr"] = authority.backdate(files["SEAL"], read_token(files["timestamps/a.tsr"]).time)


@on_stamped("a token under the attacker's own root, sent along", "token-invalid")
def _(files: Packet) -> None:
    issuer = Issuer("Root of a")
    with tempfile.TemporaryDirectory() as folder:
        thief = Authority(Path(folder) / "a", issuer, extra=(issuer.certificate,))
        files["timestamps/a.tsr"] = thief.stamp(files["SEAL"])


@on_stamped("a token that was signed with a certificate of the past", "token-invalid")
def _(files: Packet) -> None:
    _stamped_by(files, shared("a").issuer, days=(-20, -10))


@on_stamped("a token signed with a certificate for something else", "token-invalid")
def _(files: Packet) -> None:
    _stamped_by(files, shared("a").issuer, purpose=ExtendedKeyUsageOID.SERVER_AUTH)


@on_stamped("a token that is none", "token-invalid")
def _(files: Packet) -> None:
    files["timestamps/a.tsr"] = b"token"


@on_stamped("a token over SHA-1", "token-invalid")
def _(files: Packet) -> None:
    files["timestamps/a.tsr"] = shared("a").stamp(files["SEAL"], "sha1")


@on_stamped("a token whose signature has one bit changed", "token-invalid")
def _(files: Packet) -> None:
    files["timestamps/a.tsr"] = flipped(files["timestamps/a.tsr"], -5)


def _reworked(change: Callable[[list[bytes]], list[bytes]]) -> Callable[[Packet], None]:
    """The token with the parts of its signed data (version, hashes, what is signed, certificates, signers) changed: none is signed itself."""

    def does(files: Packet) -> None:
        status, content = der.element(files["timestamps/a.tsr"]).inside(der.SEQUENCE)
        kind, wrapped = content.inside(der.SEQUENCE)
        parts = [part.whole for part in wrapped.inside(der.context(0))[0].inside(der.SEQUENCE)]
        signed = der.encode(der.context(0), der.encode(der.SEQUENCE, *change(parts)))
        files["timestamps/a.tsr"] = der.encode(der.SEQUENCE, status.whole, der.encode(der.SEQUENCE, kind.whole, signed))

    return does


def _inner(whole: bytes) -> bytes:
    return der.element(whole).content


def _respelled_inside(parts: list[bytes]) -> list[bytes]:
    """The first of the signed attributes with its length in two bytes: openssl reads that, and signs what it would be in DER."""
    (info,) = der.elements(_inner(parts[4]))
    fields = [part.whole for part in der.elements(info.content)]
    first, *rest = der.elements(_inner(fields[3]))
    longer = bytes((first.tag, 0x81, len(first.content))) + first.content
    fields[3] = der.encode(der.context(0), longer, *(part.whole for part in rest))
    return [*parts[:4], der.encode(der.SET, der.encode(der.SEQUENCE, *fields))]


def _with_certificate_of(authority: str) -> Callable[[list[bytes]], list[bytes]]:
    def change(parts: list[bytes]) -> list[bytes]:
        held = [part.whole for part in der.elements(_inner(parts[3]))]
        more = shared(authority).certificate.public_bytes(Encoding.DER)
        return [*parts[:3], der.encode_set(der.context(0), [*held, more]), parts[4]]

    return change


def _of_signer(change: Callable[[list[bytes]], list[bytes]]) -> Callable[[list[bytes]], list[bytes]]:
    """The parts of the signature changed: version, signer, hash, what is signed, algorithm, signature."""

    def rework(parts: list[bytes]) -> list[bytes]:
        (info,) = der.elements(_inner(parts[4]))
        fields = change([part.whole for part in der.elements(info.content)])
        return [*parts[:4], der.encode(der.SET, der.encode(der.SEQUENCE, *fields))]

    return rework


def _certificate_of_version_2(parts: list[bytes]) -> list[bytes]:
    """Of a stranger, among those that nobody signed: some libraries end in an error of their own there."""
    more = shared("b").certificate.public_bytes(Encoding.DER)
    at = more.index(bytes.fromhex("a003020102")) + 4
    held = [part.whole for part in der.elements(_inner(parts[3]))]
    return [*parts[:3], der.encode_set(der.context(0), [*held, more[:at] + b"\1" + more[at + 1 :]]), parts[4]]


def _other_parameters(algorithm: bytes) -> bytes:
    kind, *_ = der.element(algorithm).inside(der.SEQUENCE)
    return der.encode(der.SEQUENCE, kind.whole, der.encode(der.OCTET_STRING))


def _rsa(_: bytes) -> bytes:
    return der.encode(der.SEQUENCE, der.encode_oid("1.2.840.113549.1.1.1"), der.encode(der.NULL))


for _name, _says, _exit, _rework in (
    ("a token with a signature of another version", "token-invalid", 40, _of_signer(lambda f: [der.encode_integer(3), *f[1:]])),
    ("a token that calls its signature RSA", "token-invalid", 40, _of_signer(lambda f: [*f[:4], _rsa(f[4]), *f[5:]])),
    (
        "a token with other parameters of a hash",
        "token-invalid",
        40,
        _of_signer(lambda f: [*f[:2], _other_parameters(f[2]), *f[3:]]),
    ),
    (
        "a token with its signed attributes under another tag",
        "token-invalid",
        40,
        _of_signer(lambda f: [*f[:3], b"\x80" + f[3][1:], *f[4:]]),
    ),
    ("a token with its hashes under another tag", "token-invalid", 40, lambda p: [p[0], b"\x11" + p[1][1:], *p[2:]]),
    ("a token with a certificate of version 2", "token-invalid", 40, _certificate_of_version_2),
    ("a token with another authority's certificate beside its own", "", 0, _with_certificate_of("b")),
    ("a token with its signer's certificate twice", "token-invalid", 40, _with_certificate_of("a")),
    ("a token signed twice", "token-invalid", 40, lambda p: [*p[:4], der.encode(der.SET, _inner(p[4]) * 2)]),
    ("a token signed by nobody", "token-invalid", 40, lambda p: [*p[:4], der.encode(der.SET)]),
    ("a token of signed data of a version that is none", "token-invalid", 40, lambda p: [der.encode_integer(9), *p[1:]]),
    ("a token with a length in another spelling deep in it", "token-invalid", 40, _respelled_inside),
    ("a token with one part more", "token-invalid", 40, lambda p: [*p, der.encode(der.SEQUENCE)]),
):
    on_stamped(_name, _says, _exit)(_reworked(_rework))


@on_stamped("a token with a byte behind it", "token-invalid")
def _(files: Packet) -> None:
    files["timestamps/a.tsr"] += b"\n"


@on_stamped("a token twice in its file", "token-invalid")
def _(files: Packet) -> None:
    files["timestamps/a.tsr"] *= 2


@on_stamped("a token with a length in another spelling", "token-invalid")
def _(files: Packet) -> None:
    token = files["timestamps/a.tsr"]
    assert token[1] == 0x82, "a length of two bytes"
    files["timestamps/a.tsr"] = token[:1] + b"\x83\x00" + token[2:]


def on_started(name: str, says: str, exit_code: int = 40) -> Callable[[Callable[[Packet], None]], None]:
    def keep(change: Callable[[Packet], None]) -> None:
        def make() -> Packet:
            files = packet_of(start_token_archive().runs[0])
            change(files)
            return files

        ATTACKS.append(PacketAttack(name=name, says=says, make=make, exit=exit_code))

    return keep


@on_started("a start token missing", "token-missing", 41)
def _(files: Packet) -> None:
    del files["timestamps/start-a.tsr"]


@on_started("a start token exchanged", "token-invalid")
def _(files: Packet) -> None:
    files["timestamps/start-a.tsr"] = shared("a").stamp(b"other bytes")


def _claimed(shift: timedelta, authority: str = "a") -> Packet:
    """A run that claims another time than that of its stamp."""
    archivist, files = Archivist(), data_files(0, 3)
    moment = read_token(shared("a").stamp(b"now")).time
    signed = replace(archivist.manifest(files, 0, 3), created=moment + shift, timestamps=(TimestampEntry(authority=authority),))
    run = archivist.add_signed(files, manifest.encode(signed))
    run[f"timestamps/{authority}.tsr"] = shared("a" if authority == "a" else "b").stamp(run["SEAL"])
    return packet_of(run)


def _sure(shift: timedelta, accuracy: int) -> Packet:
    """A run stamped so long after the time that it claims, by an authority that is sure of its clock to so many seconds."""
    files = packet_of(token_archive().runs[0])
    created = manifest.decode(files["manifest.json"]).created
    files["timestamps/a.tsr"] = shared("a").backdate(files["SEAL"], created + shift, accuracy_of(accuracy))
    return files


def _sure_at_the_start(shift: timedelta, accuracy: int) -> Packet:
    """The same for the token that a run begins with."""
    archivist, files = Archivist(), data_files(0, 3)
    signed = archivist.manifest(files, 0, 3)
    created = read_token(shared("a").stamp(b"now")).time
    message = manifest.start_message(signed.run_id, signed.nonce)
    start = shared("a").backdate(message, created + shift, accuracy_of(accuracy))
    named = StartToken(authority="a", file="timestamps/start-a.tsr", sha256=hashlib.sha256(start).hexdigest())
    run = archivist.add_signed(files, manifest.encode(replace(signed, created=created, start_tokens=(named,))))
    run["timestamps/start-a.tsr"] = start
    return packet_of(run)


def _impostor(authority: Authority, *, named: bool) -> Packet:
    """A token by another authority than it is called, that says of itself what would make a true one prove nothing."""
    files = packet_of((token_archive() if named else good()).runs[0])
    created = manifest.decode(files["manifest.json"]).created
    files["timestamps/a.tsr"] = authority.backdate(files["SEAL"], created, accuracy_of(90_000))
    return files


ATTACKS += [
    PacketAttack(
        name="a forged token that is sure to more than a day",
        says="token-invalid",
        make=lambda: _impostor(shared("b"), named=True),
    ),
    PacketAttack(
        name="a forged token added later that is sure to more than a day",
        says="token-unnamed",
        make=lambda: _impostor(shared("b"), named=False),
    ),
    PacketAttack(
        name="a token added later that is sure to more than a day",
        says="",
        make=lambda: _impostor(shared("a"), named=False),
        exit=0,
    ),
]
_MINUTE, _DAY = timedelta(minutes=1), timedelta(days=1)
ATTACKS += [
    PacketAttack(name=name, says=says, make=functools.partial(make, shift, accuracy), exit=exit_code)
    for name, says, exit_code, make, shift, accuracy in (
        ("stamped before it was made, as the authority is sure to ten minutes", "", 0, _sure, -14 * _MINUTE, 600),
        (
            "stamped before it was made, by an authority that is sure to ten minutes",
            "token-time",
            40,
            _sure,
            -16 * _MINUTE,
            600,
        ),
        ("stamped a day later, by an authority that is sure to ten minutes", "", 0, _sure, _DAY - 11 * _MINUTE, 600),
        ("stamped a day later, as the authority is sure to ten minutes", "created-time", 41, _sure, _DAY - 9 * _MINUTE, 600),
        ("a token of an authority that is sure to a day", "created-time", 41, _sure, _MINUTE, 86_400),
        ("a token of an authority that is sure to more than a day", "token-untrusted", 41, _sure, _MINUTE, 86_401),
        ("begun after it was sealed, as the authority is sure to ten minutes", "", 0, _sure_at_the_start, 14 * _MINUTE, 600),
        ("begun after it was sealed", "token-time", 40, _sure_at_the_start, 16 * _MINUTE, 600),
        ("begun when an authority knows to more than a day", "token-untrusted", 41, _sure_at_the_start, -_MINUTE, 1 << 70),
    )
]


ATTACKS += [
    PacketAttack(name="claimed later than stamped", says="token-time", make=lambda: _claimed(timedelta(hours=1))),
    PacketAttack(name="back-dated", says="created-time", make=lambda: _claimed(timedelta(days=-400)), exit=41),
    PacketAttack(
        name="an authority without a root", says="token-untrusted", make=lambda: _claimed(timedelta(0), "unpinned"), exit=41
    ),
]


# --- revisits


def revisit_packet() -> Packet:
    """The packet of a revisit whose original lies in the run before."""
    runs = revisit_archive().runs
    files, first = packet_of(runs[1]), packet_of(runs[0])
    for name, data in first.items():
        if not name.startswith(("records/", "proofs/")) and name not in ("packet", "README.md", "verify.py"):
            files[f"originals/000000/{name}"] = data
    files["originals/000000/proofs/records.proof"] = first["proofs/records.proof"].split(b"\n\n")[0] + b"\n"
    files["originals/000000/records/01-original.warc.gz"] = first["records/01-response.warc.gz"]
    return files


def on_revisit(name: str, says: str, exit_code: int = 40) -> Callable[[Callable[[Packet], None]], None]:
    def keep(change: Callable[[Packet], None]) -> None:
        def make() -> Packet:
            files = revisit_packet()
            change(files)
            return files

        ATTACKS.append(PacketAttack(name=name, says=says, make=make, exit=exit_code))

    return keep


@on_revisit("the original of a revisit missing, with its run", "original-missing")
def _(files: Packet) -> None:
    for name in [name for name in files if name.startswith("originals/")]:
        del files[name]


@on_revisit("the original of a revisit missing", "file-missing")
def _(files: Packet) -> None:
    del files["originals/000000/records/01-original.warc.gz"]


@on_revisit("the original of a revisit altered", "record-hash")
def _(files: Packet) -> None:
    name = "originals/000000/records/01-original.warc.gz"
    files[name] = flipped(files[name], 50)


@on_revisit("another record as the original", "original-missing")
def _(files: Packet) -> None:
    other = packet_of(revisit_archive().runs[0], 2)
    files["originals/000000/proofs/records.proof"] = other["proofs/records.proof"].split(b"\n\n")[0] + b"\n"
    files["originals/000000/records/01-original.warc.gz"] = other["records/01-response.warc.gz"]


@on_revisit("the original's run unsealed", "seal-hash")
def _(files: Packet) -> None:
    files["originals/000000/manifest.json"] += b" "


@on_revisit("the original's run under another number", "other-archive")
def _(files: Packet) -> None:
    for name in [name for name in files if name.startswith("originals/")]:
        files[name.replace("000000", "000001")] = files.pop(name)


@on_revisit("the original's run of another archive", "other-archive")
def _(files: Packet) -> None:
    stranger = Archivist(origin="archive.example/main/log", id="other.example")
    run = stranger.add_run()
    made = packet_of(run)
    for name in [name for name in files if name.startswith("originals/")]:
        del files[name]
    for name, data in made.items():
        if not name.startswith(("records/", "proofs/")) and name not in ("packet", "README.md", "verify.py"):
            files[f"originals/000000/{name}"] = data
    files["originals/000000/proofs/records.proof"] = made["proofs/records.proof"].split(b"\n\n")[0] + b"\n"
    files["originals/000000/records/01-original.warc.gz"] = made["records/01-response.warc.gz"]


assert len({attack.name for attack in ATTACKS}) == len(ATTACKS), "attack names are unique"
assert packet.MARK == b"preserve-packet/v1\n"
