#!/usr/bin/env python3
"""Check an evidence packet (preserve-packet/v1) with Python's standard library and openssl, and with nothing of `preserve`.

    python3 verify.py --key KEYID [--log NAME+HASH+KEY] [--root AUTHORITY=ROOT.pem]... [PACKET]

PACKET is packet.zip, or the folder it was unpacked into (without it: the folder that this file lies in). KEYID, the log's key and the
roots must come to you by another way than the packet. What you do not give is not checked, and that is said; but whoever gives one root
asks for all time-stamps, so that those of an authority without a root are then not established.

It reads only. Exit: 0 unaltered; 40 altered, missing or forged; 41 unaltered, but something you asked for is not established; 2 called
wrongly, or openssl is missing. The last line says why in one word, the same that `preserve verify` says; what the words mean, and the
steps below, stand in docs/formats/packet.md of the project.
"""

from __future__ import annotations

import base64
import binascii
import calendar
import hashlib
import json
import os
import re
import shutil
import stat
import struct
import subprocess
import sys
import tempfile
import time
import unicodedata
import zlib
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Rule = Callable[[Any], bool]
    Proof = tuple[bytes, str, int, int, bytes, list[bytes]]
    LogProof = tuple[int, list[bytes], tuple[str, int, bytes], bytes, list[tuple[str, bytes]]]
    Found = dict[str, tuple[dict[str, str], bool]]

REFUSED = (
    "zip-form zip-crc not-a-file unsafe-name duplicate-name packet-format seal-format file-missing unlisted-file seal-hash key-format "
    "weak-key key-mismatch key-missing signature-missing bad-signature manifest-format signer-set-differs signer-algorithm "
    "event-proof key-event countersignature token-invalid token-unnamed token-time other-archive line-proof line-form record-proof record-hash record-form original-missing "
    "log-proof log-signature log-fork aid-differs"
).split()
OPEN = "token-missing token-untrusted created-time key-unfollowed log-unknown witness-quorum signer-unknown".split()
README_SHA256 = "325f6138adf2f8d271c8059aa7e8ba15ea549da3529afa00fe0d8361c139283b"
"""Of README.md with {KEYID} for the key."""

SKEW, WINDOW = 300, 86400
NAME = re.compile(r"(?:README\.md|(?:[a-z0-9][a-z0-9._-]*/){0,3}(?:SEAL|[a-z0-9][a-z0-9._-]*))")
RUN = re.compile(r"originals/([0-9]{6,16})/")
TOKEN = re.compile(r"timestamps/((?!start-)[a-z0-9][a-z0-9._-]{0,99})\.tsr")
OF_RUN = re.compile(
    r"manifest\.json|SEAL|keys/[0-9a-f]{64}\.pem|signatures/[0-9a-f]{64}\.sig|timestamps/(start-)?[a-z0-9][a-z0-9._-]{0,99}\.tsr|"
    r"countersignatures/[0-9a-f]{64}\.sshsig|log/seal\.tlog-proof|proofs/records\.proof|records/[0-9]{2,5}-[a-z]{1,20}\.warc\.gz"
)
EVENT = re.compile(r"events/[0-9]{6,16}-key/")
OF_EVENT = re.compile(
    r"statement\.json|SEAL|keys/[0-9a-f]{64}\.pem|signatures/[0-9a-f]{64}\.sig|log/entry\.tlog-proof|"
    r"timestamps/(?!start-)[a-z0-9][a-z0-9._-]{0,99}\.tsr"
)
OF_PACKET = ("packet", "README.md", "verify.py", "proofs/capture.proof", "proofs/citations.proof")
SMALL, LARGE = 1 << 24, 1 << 26


class Refusal(Exception):
    """Something is wrong: the code, the file, what it is."""


class Check:
    """What was found. `fail` goes on, so that everything that is wrong is told."""

    def __init__(self, say: Callable[[str], object]) -> None:
        self.say = say
        self.codes: list[str] = []
        self.doubts: list[str] = []
        self.aside = False

    def ok(self, what: str) -> None:
        self.say(printable("ok    " + what))

    def note(self, what: str) -> None:
        self.say(printable("      " + what))

    def fail(self, code: str, where: str, what: str) -> None:
        self.codes.append(code)
        self.say(printable("FAIL  %s  %s: %s" % (code, where, what)))

    def doubt(self, code: str, where: str, what: str) -> None:
        if self.aside:  # of what nothing rests on
            self.note("%s: %s" % (where, what))
            return
        self.doubts.append(code)
        self.say(printable("open  %s  %s: %s" % (code, where, what)))

    def refused(self) -> bool:
        return any(code != "aid-differs" for code in self.codes)


def printable(text: str) -> str:
    """Nothing from outside may steer the terminal."""
    hidden = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")
    return "".join("\\u{%x}" % ord(char) if unicodedata.category(char) in hidden else char for char in text)


# ------------------------------------------------------------------------------------------------- where the files come from


class Folder:
    """A packet that was unpacked."""

    def __init__(self, root: str, check: Check) -> None:
        self.root = root
        self.names: list[str] = []
        folders = []
        for path, below, files in os.walk(root):
            for name in sorted(below + files):
                whole = os.path.join(path, name)
                inner = os.path.relpath(whole, root).replace(os.sep, "/")
                status = os.lstat(whole)
                if stat.S_ISDIR(status.st_mode):
                    folders.append(inner)
                elif not stat.S_ISREG(status.st_mode) or status.st_nlink > 1:
                    check.fail("not-a-file", inner, "not a plain file of one name")
                else:
                    self.names.append(inner)
        for inner in folders:
            if not any(name.startswith(inner + "/") for name in self.names):
                check.fail("unlisted-file" if NAME.fullmatch(inner) else "unsafe-name", inner, "a folder that nothing needs")

    def close(self) -> None:
        """Nothing is held open."""

    def blocks(self, name: str) -> Iterator[bytes]:
        # What was put in its place since it was looked at is not followed, and not waited for.
        careful = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
        with os.fdopen(os.open(os.path.join(self.root, name), careful), "rb") as file:
            while True:
                block = file.read(1 << 18)
                if not block:
                    return
                yield block


class Zip:
    """A packet as it came. Everything in it must be said twice alike: before each file, and in the directory at the end."""

    def __init__(self, path: str, check: Check) -> None:
        self.file = open(path, "rb")
        self.names: list[str] = []
        self.places: dict[str, tuple[int, int, int]] = {}
        size = self.file.seek(0, 2)
        try:
            self.read_directory(size, check)
        except (struct.error, Refusal):
            check.fail("zip-form", os.path.basename(path), "not the ZIP of a packet, or changed")
            self.names = []
        for name in self.names:
            crc = left = 0
            for block in self.blocks(name):
                crc, left = zlib.crc32(block, crc), left + len(block)
            if (left, crc) != self.places[name][1:]:
                check.fail("zip-crc", name, "its CRC-32 in the ZIP does not hold")

    def close(self) -> None:
        self.file.close()

    def at(self, start: int, length: int) -> bytes:
        self.file.seek(start)
        return self.file.read(length)

    def read_directory(self, size: int, check: Check) -> None:
        end = self.at(max(0, size - 22), 22)
        mark, disk, first, here, count, length, start, comment = struct.unpack("<4s4H2LH", end)
        if (
            mark != b"PK\x05\x06"
            or (disk, first, here, comment) != (0, 0, count, 0)
            or start + length + 22 != size
            or count > 10000
        ):
            raise Refusal
        directory, place, expected, writers = self.at(start, length), 0, 0, set()
        for _ in range(count):
            head = struct.unpack("<4s6H3L5H2L", directory[place : place + 46])
            common, (name_size, extra, comment, disk, internal, external, at) = head[2:10], head[10:]
            raw = directory[place + 46 : place + 46 + name_size]
            local = struct.pack("<4s5H3L2H", b"PK\x03\x04", *(common + (len(raw), 0))) + raw
            version, flags, method, packed, full = common[0], common[1], common[2], common[6], common[7]
            if head[0] != b"PK\x01\x02" or (flags, method, extra, comment, disk, internal) != (0,) * 6 or packed != full:
                raise Refusal
            if version not in (10, 20) or at != expected or self.at(at, len(local)) != local:
                raise Refusal
            name = raw.decode("latin-1")
            if external >> 16 & 0o170000 not in (0, 0o100000):
                check.fail("not-a-file", printable(name), "not a plain file")
            if name in self.places:
                check.fail("duplicate-name", printable(name), "it is there twice")
            self.names.append(name)
            self.places[name] = (at + len(local), full, common[5])
            writers.add((head[1], version, external))
            place, expected = place + 46 + name_size, at + len(local) + full
        if expected != start or place != length or len(writers) > 1:
            raise Refusal

    def blocks(self, name: str) -> Iterator[bytes]:
        start, left = self.places[name][:2]
        while left:
            block = self.at(start, min(left, 1 << 18))
            if not block:
                return
            yield block
            start, left = start + len(block), left - len(block)


class Run:
    """The files of one run: `at` is "" for the one of the capture, `originals/NNNNNN/` for others."""

    def __init__(self, source: Folder | Zip, at: str = "") -> None:
        self.source, self.at, self.seal = source, at, b""
        self.manifest: Any = None
        self.existed_by: float | None = None
        self.names = [name[len(at) :] for name in source.names if name.startswith(at)]

    def read(self, name: str, limit: int = SMALL) -> bytes:
        data = bytearray()
        for block in self.source.blocks(self.at + name):
            data += block
            if len(data) > limit:
                return b""
        return bytes(data)


# --------------------------------------------------------------------------------------------------------------- signatures

P, L = 2**255 - 19, 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
ED25519 = bytes.fromhex("302a300506032b6570032100")
P256 = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d03010703420004")
ML_DSA_65 = bytes.fromhex("308207b2300b0609608648016503040312038207a100")


def canonical(point: bytes) -> bool:
    y = int.from_bytes(point, "little") % 2**255
    return y < P and not (point[31] >= 128 and y in (1, P - 1))


def strong(raw: bytes) -> bool:
    """A canonical point on edwards25519 that is not of small order: else one signature fits every message."""
    if len(raw) != 32 or not canonical(raw):
        return False
    y = int.from_bytes(raw, "little") % 2**255
    xx = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    if xx and pow(xx, (P - 1) // 2, P) != 1:
        return False
    for _ in range(3):
        t = D * xx * y * y % P
        xx, y = 4 * xx * y * y * pow((1 + t) * (1 + t), P - 2, P) % P, (y * y + xx) * pow(1 - t, P - 2, P) % P
    return not (xx == 0 and y == 1)


def openssl(arguments: list[str], **files: bytes) -> tuple[bool, str]:
    """(whether openssl says yes, what it says); `files` are written where it can read them, under their names."""
    folder = tempfile.mkdtemp()
    try:
        for name, data in files.items():
            with open(os.path.join(folder, name), "wb") as file:
                file.write(data)
        done = subprocess.run(
            ["openssl"] + arguments, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
        )
        return done.returncode == 0, done.stdout.decode("utf-8", "replace")
    finally:
        shutil.rmtree(folder)


def ed25519(raw: bytes, message: bytes, signature: bytes) -> bool:
    """RFC 8032, with the one spelling of a signature."""
    if len(signature) != 64 or int.from_bytes(signature[32:], "little") >= L or not canonical(signature[:32]):
        return False
    arguments = "pkeyutl -verify -rawin -pubin -keyform DER -inkey key -sigfile signature -in message".split()
    return openssl(arguments, key=ED25519 + raw, signature=signature, message=message)[0]


def algorithm(der: bytes) -> str:
    if der.startswith(ED25519) and len(der) == 44:
        return "ed25519"
    if der.startswith(P256) and len(der) == 91:
        return "ecdsa-p256-sha256"
    return "ml-dsa-65" if der.startswith(ML_DSA_65) and len(der) == 22 + 1952 else ""


def read_key(check: Check, run: Run, name: str, keyid: str) -> bytes | None:
    """The DER of a public key, or None: it has one spelling in PEM, and its name is its hash."""
    pem = run.read(name, 8192)
    try:
        der = base64.b64decode(b"".join(pem.split(b"\n")[1:-2]), validate=True)
    except binascii.Error:
        der = b""
    text = base64.b64encode(der)
    rows = [text[at : at + 64] for at in range(0, len(text), 64)]
    if b"\n".join([b"-----BEGIN PUBLIC KEY-----"] + rows + [b"-----END PUBLIC KEY-----", b""]) != pem or not algorithm(der):
        check.fail("key-format", run.at + name, "not a public key in its one spelling, or of an unknown algorithm")
        return None
    if algorithm(der) == "ed25519" and not strong(der[12:]):
        check.fail("weak-key", run.at + name, "a weak key: one signature would fit every message")
        return None
    if algorithm(der) == "ecdsa-p256-sha256" and not openssl("pkey -pubin -inform DER -in key -noout".split(), key=der)[0]:
        check.fail("key-format", run.at + name, "not a point on P-256")
        return None
    if hashlib.sha256(der).hexdigest() != keyid:
        check.fail("key-mismatch", run.at + name, "another key under this key's name")
        return None
    return der


def signed(check: Check, der: bytes, manifest: bytes, signature: bytes) -> bool | None:
    kind = algorithm(der)
    if kind == "ed25519":
        return ed25519(der[12:], manifest, signature)
    pem = b"-----BEGIN PUBLIC KEY-----\n" + base64.encodebytes(der) + b"-----END PUBLIC KEY-----\n"
    if kind == "ecdsa-p256-sha256":
        # Openssl reads the first 72 bytes, and what it reads it holds to DER: so they have to be all, in one SEQUENCE.
        if not 8 <= len(signature) <= 72 or signature[0] != 0x30 or signature[1] != len(signature) - 2:
            return False
        arguments = "dgst -sha256 -verify key -signature signature message".split()
        return openssl(arguments, key=pem, signature=signature, message=manifest)[0]
    if not openssl("pkey -pubin -in key -noout".split(), key=pem)[0]:
        check.note("a signature by ML-DSA was not checked: this openssl does not know it (3.5 does)")
        return None
    return openssl(
        "pkeyutl -verify -rawin -pubin -inkey key -sigfile signature -in message".split(),
        key=pem,
        signature=signature,
        message=manifest,
    )[0]


def check_seal(check: Check, run: Run, document: str = "manifest.json") -> dict[str, bytes]:
    """SEAL, keys, signatures. Returns the DER of the keys whose signature over the document holds, by key id."""
    run.seal = run.read("SEAL", 65535)
    first = re.escape(document).encode()
    form = re.compile(rb"([0-9a-f]{64})  (%s|keys/[0-9a-f]{64}\.pem|signatures/[0-9a-f]{64}\.sig)" % first)
    rows = [form.fullmatch(row) for row in run.seal.split(b"\n")[:-1]]
    paths = [row[2].decode() for row in rows if row]
    if not run.seal.endswith(b"\n") or None in rows or paths != sorted(set(paths)) or document not in paths:
        check.fail("seal-format", run.at + "SEAL", "not a SEAL")
    else:
        for row in filter(None, rows):
            name = row[2].decode()
            if name not in run.names:
                check.fail("file-missing", run.at + name, "SEAL lists it")
            elif hashlib.sha256(run.read(name)).hexdigest() != row[1].decode():
                check.fail("seal-hash", run.at + name, "its SHA-256 is not the one in SEAL")
        for name in run.names:
            if (name.startswith(("keys/", "signatures/")) or name == document) and name not in paths:
                check.fail("unlisted-file", run.at + name, "SEAL does not list it")
    signed_bytes, keys = run.read(document), {}
    for name in run.names:
        keyid = name.partition("/")[2][:64]
        if name.startswith("signatures/") and "keys/%s.pem" % keyid not in run.names:
            check.fail("key-missing", run.at + name, "a signature without its key")
        if not name.startswith("keys/"):
            continue
        der = read_key(check, run, name, keyid)
        if der is None:
            continue
        if "signatures/%s.sig" % keyid not in run.names:
            check.fail("signature-missing", run.at + name, "a key without its signature")
            continue
        holds = signed(check, der, signed_bytes, run.read("signatures/%s.sig" % keyid, 8192))
        if holds is False:
            check.fail("bad-signature", run.at + "signatures/%s.sig" % keyid, "not over %s by that key" % document)
        else:
            keys[keyid] = der if holds else der[:22]
    if not keys:
        check.fail("bad-signature", run.at + document, "no valid signature: nothing that it says was checked")
    return keys


# ----------------------------------------------------------------------------------------------------------- SSH signatures

NAMESPACE = b"preserve-manifest-v1"
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def packed(*parts: bytes) -> bytes:
    """Strings as SSH writes them, each after its length."""
    return b"".join(struct.pack(">I", len(part)) + part for part in parts)


def unpacked(data: bytes, count: int) -> list[bytes]:
    """Exactly that many strings, or ValueError."""
    found = []
    for _ in range(count):
        size = int.from_bytes(data[:4], "big")
        if len(data) < 4 + size:
            raise ValueError("cut")
        found.append(data[4 : 4 + size])
        data = data[4 + size :]
    if data:
        raise ValueError("more than there should be")
    return found


def read_ssh(data: bytes) -> tuple[bytes, bytes, bytes, bytes]:
    """An SSH signature made for manifests: (DER of the key, its SSH form, name of the hash, signature); ValueError for any other."""
    body = base64.b64decode(b"".join(data.split(b"\n")[1:-2]), validate=True)
    text = base64.b64encode(body)
    rows = [text[at : at + 70] for at in range(0, len(text), 70)]
    if b"\n".join([b"-----BEGIN SSH SIGNATURE-----"] + rows + [b"-----END SSH SIGNATURE-----", b""]) != data:
        raise ValueError("not in its one spelling")
    if body[:10] != b"SSHSIG\0\0\0\1":
        raise ValueError("not an SSH signature of version 1")
    blob, namespace, reserved, hashed, signature = unpacked(body[10:], 5)
    if (namespace, reserved) != (NAMESPACE, b"") or hashed not in (b"sha256", b"sha512"):
        raise ValueError("made for something else, or with an unknown hash")
    if blob.startswith(packed(b"ssh-ed25519")):
        kind, raw = unpacked(blob, 2)
        if len(raw) != 32 or not strong(raw):
            raise ValueError("a weak key")
        der = ED25519 + raw
    else:
        kind, curve, point = unpacked(blob, 3)
        der = P256 + point[1:]
        if (kind, curve, point[:1], len(point)) != (b"ecdsa-sha2-nistp256", b"nistp256", b"\4", 65):
            raise ValueError("neither Ed25519 nor ECDSA on P-256")
        if not openssl("pkey -pubin -inform DER -in key -noout".split(), key=der)[0]:
            raise ValueError("not a point on P-256")
    called, value = unpacked(signature, 2)
    if called != kind:
        raise ValueError("the signature calls itself another than its key")
    return der, blob, hashed, value


def der_integer(data: bytes) -> bytes:
    """A number of an ECDSA signature, which SSH and DER write alike."""
    value = int.from_bytes(data, "big")
    if not 0 < value < ORDER or data != value.to_bytes(value.bit_length() // 8 + 1, "big"):
        raise ValueError("a number out of range, or not in its one spelling")
    return b"\2" + bytes([len(data)]) + data


def check_countersignatures(check: Check, run: Run) -> None:
    """What others signed afterwards, with SSH. Whose keys these are, this program does not know."""
    names = [name for name in run.names if name.startswith("countersignatures/")]
    for name in names:
        try:
            der, blob, hashed, value = read_ssh(run.read(name, 2048))
            if hashlib.sha256(der).hexdigest() != name.partition("/")[2][:64]:
                raise ValueError("another key's signature under this key's name")
            if algorithm(der) != "ed25519":
                numbers = b"".join(map(der_integer, unpacked(value, 2)))
                value = b"\x30" + bytes([len(numbers)]) + numbers
            digest = hashlib.new(hashed.decode(), run.read("manifest.json")).digest()
            if not signed(check, der, b"SSHSIG" + packed(NAMESPACE, b"", hashed, digest), value):
                raise ValueError("not over manifest.json by that key")
        except ValueError as problem:
            check.fail("countersignature", run.at + name, str(problem))
            continue
        mark = base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")
        check.note("%smanifest.json: also signed with SSH by key SHA256:%s; whose it is was not checked" % (run.at, mark))


# --------------------------------------------------------------------------------------------------------------------- JSON


def strict(data: bytes, line: bool) -> Any:
    """JSON in its one spelling, or ValueError: ASCII, no key twice, whole numbers below 2^53, not nested deeply."""

    def members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            raise ValueError("a key stands twice")
        return found

    def integer(text: str) -> int:
        if len(text) > 17 or abs(int(text)) > 2**53 - 1:
            raise ValueError("a number is too large")
        return int(text)

    def refuse(_: str) -> None:
        raise ValueError("a number is no integer")

    outside, depth = re.sub(rb'"(?:[^"\\]|\\.)*"', b"", data), 0
    for bracket in re.findall(rb"[\[\]{}]", outside):
        depth += 1 if bracket in b"[{" else -1
        if depth > 16:
            raise ValueError("nested too deeply")
    text = data.decode("ascii")
    value = json.loads(text, object_pairs_hook=members, parse_int=integer, parse_float=refuse, parse_constant=refuse)
    if re.search("[\ud800-\udfff]", json.dumps(value, ensure_ascii=False)):
        raise ValueError("a lone surrogate")
    again = json.dumps(value, sort_keys=True, separators=(",", ":")) if line else json.dumps(value, indent=2) + "\n"
    if again != text:
        raise ValueError("it has another spelling")
    return value


def text(value: Any) -> bool:
    return type(value) is str


def form(pattern: str) -> Rule:
    compiled = re.compile(pattern)
    return lambda value: type(value) is str and compiled.fullmatch(value) is not None


def number(value: Any) -> bool:
    return type(value) is int and value >= 0


def yes_no(value: Any) -> bool:
    return type(value) is bool


def null_or(check: Rule) -> Rule:
    return lambda value: value is None or check(value)


def several(check: Rule) -> Rule:
    return lambda value: type(value) is list and all(check(item) for item in value)


def fields(*first: tuple[str, Rule], **more: Rule) -> Rule:
    """An object with just these members, in this order (lines of a .jsonl file have theirs sorted)."""
    wanted = [*first, *more.items()]
    names = [name for name, _ in wanted]
    return lambda value: type(value) is dict and list(value) == names and all(check(value[name]) for name, check in wanted)


def moment(value: Any) -> bool:
    if not form(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")(value) or not value.isascii():
        return False
    try:
        return bool(time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds(value))) == value[:19])
    except (ValueError, OverflowError):
        return False


def seconds(value: str) -> float:
    return calendar.timegm(time.strptime(value[:19], "%Y-%m-%dT%H:%M:%S")) + int(value[20:23]) / 1000


HASH, SALT = form("[0-9a-f]{64}"), form("[0-9a-f]{32}")
DATA = form(r"data(/[a-z0-9][a-z0-9._-]*){1,3}")
AUTHORITY = form(r"(?!start-)[a-z0-9][a-z0-9._-]{0,99}")
ALGORITHM = form("ed25519|ecdsa-p256-sha256|ml-dsa-65")
OUTCOME = form("captured|truncated|failed|refused")
TREE = fields(hash=form("sha256"), scheme=form("rfc6962"), root=HASH)
INDEX = fields(file=DATA, count=number, tree=TREE)
FILE = (("path", lambda value: DATA(value) and len(value) <= 200), ("bytes", number), ("sha256", HASH))
ROLES = {"record-index", "capture-index", "citation-index", "source-index", "torn", "foreign"}
WARC = fields(*FILE, role=form("warc"), records=INDEX)
OTHER = fields(*FILE, role=lambda value: text(value) and value in ROLES)


def some_pairs(value: Any) -> bool:
    return type(value) is dict and list(value) == sorted(value) and all(map(text, value.values()))


MANIFEST = fields(
    type=form("preserve-manifest/v1"),
    run_id=form("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"),
    nonce=HASH,
    created=moment,
    interrupted=yes_no,
    clock=fields(
        source=text,
        ntp_synchronised=null_or(yes_no),
        max_error_ms=null_or(number),
        http_date_skew_ms=several(lambda value: type(value) is int),
    ),
    archive=fields(id=text, sequence=number, previous_seal_sha256=null_or(HASH)),
    log=fields(origin=text, size_before=number, root_before=HASH),
    operator=fields(name=null_or(text), organisation=null_or(text), role=null_or(text)),
    case=fields(reference=null_or(text), legal_basis=null_or(text), notes=text),
    tool=fields(
        name=text,
        version=text,
        source_sha256=null_or(HASH),
        python=text,
        platform=text,
        config_sha256=HASH,
        dependencies=some_pairs,
    ),
    environment=fields(hostname_sha256=null_or(HASH), egress_ip=null_or(text), vantage=text, user_agent=text),
    sources=INDEX,
    citations=INDEX,
    captures=fields(file=DATA, count=number, captured=number, truncated=number, failed=number, refused=number, tree=TREE),
    files=several(lambda value: WARC(value) or OTHER(value)),
    signers=several(fields(keyid=HASH, alg=ALGORITHM, name=text)),
    timestamps=several(fields(authority=AUTHORITY, protocol=form("rfc3161"))),
    start_tokens=several(fields(authority=AUTHORITY, file=text, sha256=HASH)),
)
RECORD = fields(index=number, type=text, warc=text)
TLS = fields(chain_sha256=several(HASH), cipher=text, problem=text, version=text)
SAID = form("(?s).+")
CITED = fields(as_written=text, citation=number, document_sha256=HASH, locator=null_or(text), name=text)
VERDICT = form("ok|gone|soft-404|challenge|login-wall|empty-shell|mismatch")
CAPTURE = {
    "capture": number,
    "final_url": text,
    "finished_at": moment,
    "outcome": OUTCOME,
    "payload_bytes": number,
    "payload_sha256": null_or(HASH),
    "records": several(RECORD),
    "requested_at": moment,
    "salt": SALT,
    "server": null_or(fields(ip=text, port=number, tls=null_or(TLS))),
    "status": null_or(number),
    "url": text,
    "verdict": null_or(VERDICT),
}
TRIED = fields(outcome=OUTCOME, status=null_or(number), url=text, verdict=null_or(VERDICT), why=text)
MEMENTO = {
    "datetime": null_or(moment),
    "distance_days": null_or(number),
    "payload_sha256": null_or(HASH),
    "requested": form(r"[0-9]{4}-[0-9]{2}-[0-9]{2}"),
    "timegate": text,
    "url": null_or(text),
}
# Members that a line has only where they say something.
SOMETIMES: dict[str, Rule] = {
    "candidates": lambda value: value != [] and several(TRIED)(value),
    "chosen": text,
    "hops": several(fields(location=null_or(text), outcome=OUTCOME, status=null_or(number), url=text)),
    "http_date": text,
    "memento": lambda value: line_of(MEMENTO, {"problem": SAID})(value),  # noqa: PLW0108 it is defined below
    "reason": SAID,
    "retries": lambda value: number(value) and value > 0,
    "signals": lambda value: value != [] and several(text)(value),
    "truncated": form("length|time|disconnect|unspecified"),
    "unchanged": lambda value: number(value) and value > 0,
}
CITATION = fields(
    candidates=several(fields(url=text, why=text)),
    citation=number,
    date=null_or(text),
    document=text,
    document_sha256=HASH,
    kind=text,
    line=null_or(number),
    not_captured=null_or(SAID),
    note=null_or(text),
    note_inferred=null_or(text),
    page=null_or(number),
    problem=null_or(text),
    refers_to=null_or(text),
    salt=SALT,
    text=null_or(text),
    title=null_or(text),
    uncertain=yes_no,
    url=null_or(text),
    url_as_printed=null_or(text),
    where=form("notes|body"),
)


def line_of(always: dict[str, Rule], sometimes: dict[str, Rule]) -> Rule:
    """An object with the first members, and those of the second that it has; sorted, as in the lines of a .jsonl file."""

    def rule(value: Any) -> bool:
        there = {name: check for name, check in sometimes.items() if type(value) is dict and name in value}
        return fields(*sorted([*always.items(), *there.items()]))(value)

    return rule


def capture_line(value: Any, last: dict[str, Rule]) -> bool:
    """Whether this is the line of a capture in its one spelling: no member says what its absence says."""
    if not line_of({**CAPTURE, **last}, SOMETIMES)(value) or not (value.get("reason") or value["outcome"] == "captured"):
        return False
    straight = {"location": None, "outcome": value["outcome"], "status": value["status"], "url": value["final_url"]}
    return bool(value.get("hops") != [straight])


def good_manifest(value: Any) -> bool:
    """What the parts of a manifest must be to each other."""
    if not MANIFEST(value) or not value["signers"] or not origin_form(value["log"]["origin"]):
        return False
    archive, log, captures, files = value["archive"], value["log"], value["captures"], value["files"]
    named = [entry["records"]["file"] for entry in files if "records" in entry]
    roles = [("record-index", name) for name in named]
    roles += [
        (kind, value[key]["file"])
        for kind, key in (("source-index", "sources"), ("citation-index", "citations"), ("capture-index", "captures"))
    ]
    once = [
        [entry["path"] for entry in files],
        [signer["keyid"] for signer in value["signers"]],
        [entry["authority"] for entry in value["timestamps"]],
        [entry["authority"] for entry in value["start_tokens"]],
        [name for _, name in roles],
    ]
    indexes = sorted((entry["role"], entry["path"]) for entry in files if entry["role"].endswith("-index"))
    return (
        (archive["sequence"] == 0) is (archive["previous_seal_sha256"] is None)
        and (log["size_before"] == 0) is (log["root_before"] == hashlib.sha256(b"").hexdigest())
        and captures["count"] == sum(captures[name] for name in ("captured", "truncated", "failed", "refused"))
        and all(len(values) == len(set(values)) for values in once)
        and all(token["file"] == "timestamps/start-%s.tsr" % token["authority"] for token in value["start_tokens"])
        and indexes == sorted(roles)
    )


WORDS = form(r"(?s).*\S.*")
REASON = form("superseded|compromised")
KEY_CHANGE = fields(
    action=form("rotate|revoke|recovery"),
    keyid=HASH,
    successor=null_or(HASH),
    reason=null_or(REASON),
    since=null_or(moment),
)
AGREED = several(fields(key=lambda value: bool(agreeing(value)), signature=lambda value: bool(spelled(value))))
COWORKERS = fields(
    action=form("coworkers"),
    keyid=HASH,
    replaces=null_or(number),
    threshold=number,
    coworkers=several(HASH),
)
LOG_ROTATION = fields(
    action=form("rotate-log"),
    old=lambda value: text(value) and log_key(value),
    new=lambda value: text(value) and log_key(value),
    reason=REASON,
    since=null_or(moment),
)
STATEMENT = fields(
    type=form("preserve-key/v1"),
    archive=WORDS,
    log=fields(origin=text, size_before=number, root_before=HASH),
    created=moment,
    actor=fields(name=null_or(text), organisation=null_or(text), role=null_or(text)),
    body=lambda value: said_of_keys(value) is True,
    signers=several(fields(keyid=HASH, alg=ALGORITHM, name=text)),
    timestamps=several(fields(authority=AUTHORITY, protocol=form("rfc3161"))),
)


def log_key(value: str) -> bool:
    """Whether it is the key of a log, in its one spelling."""
    try:
        return origin_form(read_vkey(value)[0])
    except ValueError:
        return False


def spelled(value: Any) -> bytes:
    """What is written in base64 in its one spelling; b"" for anything else."""
    try:
        data = base64.b64decode(value, validate=True) if text(value) and len(value) <= 400 else b""
    except ValueError:
        return b""
    return data if base64.b64encode(data).decode() == value else b""


def agreeing(value: Any) -> str:
    """The id of the key of one who agreed; "" where it is none that may."""
    der = spelled(value)
    kind = algorithm(der)
    good = (kind == "ed25519" and strong(der[12:])) or (
        kind == "ecdsa-p256-sha256" and openssl("pkey -pubin -inform DER -in key -noout".split(), key=der)[0]
    )
    return hashlib.sha256(der).hexdigest() if good else ""


def said_of_keys(value: Any) -> bool:
    """A body, with those who agreed to it where somebody did."""
    if type(value) is not dict or "agreed" not in value:
        return KEY_CHANGE(value) or COWORKERS(value) or LOG_ROTATION(value)
    rest = {name: member for name, member in value.items() if name != "agreed"}
    one = value["agreed"]
    if not AGREED(one) or not 0 < len(one) <= 16 or list(value)[-1] != "agreed":
        return False
    keys = [agreeing(each["key"]) for each in one]
    revoked = KEY_CHANGE(rest) and rest["action"] == "revoke"
    return keys == sorted(set(keys)) and (revoked or COWORKERS(rest))


def good_statement(value: Any) -> bool:
    """What the parts of a statement about keys must be to each other."""
    if not STATEMENT(value) or not value["signers"] or not origin_form(value["log"]["origin"]):
        return False
    body, log = value["body"], value["log"]
    once = [
        [signer["keyid"] for signer in value["signers"]],
        [entry["authority"] for entry in value["timestamps"]],
    ]
    if body["action"] == "coworkers":
        members = body["coworkers"]
        if members != sorted(set(members)) or not 0 < body["threshold"] <= len(members) <= 16 or body["keyid"] in members:
            return False
        if "agreed" in body and body["replaces"] is None:
            return False
        body = {"since": None, "reason": None, "action": "", "successor": None, "keyid": ""}
    if any(len(values) != len(set(values)) for values in once):
        return False
    if (log["size_before"] == 0) is not (log["root_before"] == hashlib.sha256(b"").hexdigest()):
        return False
    if (body["since"] is not None) is not (body["reason"] == "compromised" or "agreed" in body):
        return False
    if body["action"] == "rotate-log":
        return bool(body["old"] != body["new"] and read_vkey(body["old"])[0] == read_vkey(body["new"])[0])
    return (
        (body["successor"] is not None) is (body["action"] == "rotate")
        and body["successor"] != body["keyid"]
        and (body["reason"] is not None) is (body["action"] == "revoke")
    )


def origin_form(name: str) -> bool:
    return 0 < len(name) < 256 and "+" not in name and name[0] != "{" and name.isprintable() and not re.search(r"\s", name)


# ------------------------------------------------------------------------------------------------------------------- proofs


def node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def leads_to(leaf: bytes, index: int, size: int, path: list[bytes], root: bytes) -> bool:
    """RFC 9162, section 2.1.3.2."""
    result, last = hashlib.sha256(b"\x00" + leaf).digest(), size - 1
    if index > last:
        return False
    for step in path:
        if last == 0:
            return False
        if index % 2 or index == last:
            result = node(step, result)
            while index and not index % 2:
                index, last = index // 2, last // 2
        else:
            result = node(result, step)
        index, last = index // 2, last // 2
    return last == 0 and result == root


def unbase64(row: bytes) -> bytes:
    data = base64.b64decode(row, validate=True)
    if base64.b64encode(data) != row:
        raise ValueError
    return data


def whole_number(row: bytes) -> int:
    if not re.fullmatch(rb"0|[1-9][0-9]{0,18}", row) or int(row) >= 1 << 63:
        raise ValueError
    return int(row)


def read_proofs(data: bytes) -> Iterator[Proof]:
    """(kind, file, size, index, leaf, path) of each proof in a file; ValueError when it is none."""
    if not data.endswith(b"\n"):
        raise ValueError
    for part in data[:-1].split(b"\n\n"):
        rows = part.split(b"\n")
        if not 5 <= len(rows) <= 69:
            raise ValueError
        kind = {b"preserve-record-proof/v1": b"warc ", b"preserve-line-proof/v1": b"file "}.get(rows[0], b"\n")
        for row, start in zip(rows[1:5], (kind, b"size ", b"index ", b"leaf ")):
            if not row.startswith(start):
                raise ValueError
        path = [unbase64(row) for row in rows[5:]]
        if any(len(step) != 32 for step in path):
            raise ValueError
        yield kind, rows[1][5:].decode("ascii"), whole_number(rows[2][5:]), whole_number(rows[3][6:]), rows[4][5:], path


def proven(proof: Proof, kind: bytes, index: Any) -> bool:
    """Whether a proof leads to what the manifest signs for this list."""
    return proof[:3] == (kind, index["file"], index["count"]) and leads_to(
        proof[4], proof[3], proof[2], proof[5], bytes.fromhex(index["tree"]["root"])
    )


def check_lines(check: Check, run: Run) -> Any:
    """The line that is the capture, and those of the citations that it answers; None when it cannot be believed."""
    try:
        proofs = list(read_proofs(run.read("proofs/capture.proof", LARGE)))
    except ValueError:
        check.fail("line-proof", "proofs/capture.proof", "not a file of proofs")
        return None
    if len(proofs) != 1 or not proven(proofs[0], b"file ", run.manifest["captures"]):
        check.fail("line-proof", "proofs/capture.proof", "it does not lead to what was signed")
        return None
    last: dict[str, Rule] = {"requisite_of": number} if b'"requisite_of":' in proofs[0][4] else {"cited_in": several(CITED)}
    capture: Any = {}
    try:
        capture = strict(proofs[0][4], line=True)
        good = capture_line(capture, last) and capture["capture"] == proofs[0][3]
        good = good and seconds(capture["finished_at"]) >= seconds(capture["requested_at"])
    except ValueError:
        good = False
    if not good:
        check.fail("line-form", "proofs/capture.proof", "the line is not that of a capture, or of another one")
        return None
    wanted = sorted({cited["citation"] for cited in capture.get("cited_in", ())})
    if not wanted:
        return capture
    if "proofs/citations.proof" not in run.names:
        check.fail("file-missing", "proofs/citations.proof", "the capture answers citations")
        return capture
    try:
        proofs = list(read_proofs(run.read("proofs/citations.proof", LARGE)))
    except ValueError:
        check.fail("line-proof", "proofs/citations.proof", "not a file of proofs")
        return capture
    if [proof[3] for proof in proofs] != wanted or not all(
        proven(proof, b"file ", run.manifest["citations"]) for proof in proofs
    ):
        check.fail("line-proof", "proofs/citations.proof", "it does not lead to what was signed")
        return capture
    for proof in proofs:
        try:
            line = strict(proof[4], line=True)
            if not CITATION(line) or line["citation"] != proof[3]:
                raise ValueError
        except ValueError:
            check.fail("line-form", "proofs/citations.proof", "a line is not that of a citation, or of another one")
    return capture


# ------------------------------------------------------------------------------------------------------------------ records


def check_records(check: Check, run: Run, capture: Any, called: set[str]) -> Found:
    """Every record that the capture names, then originals. Returns {file: (header fields, whether it is an original)}."""
    named = [(record["warc"], record["index"], record["type"]) for record in (capture or {}).get("records", ())]
    where = run.at + "proofs/records.proof"
    found: Found = {}
    proofs: list[Proof] = []
    if "proofs/records.proof" in run.names:
        called.add(where)
        try:
            proofs = list(read_proofs(run.read("proofs/records.proof", LARGE)))
        except ValueError:
            check.fail("record-proof", where, "not a file of proofs")
            return found
    elif named:
        check.fail("file-missing", where, "the capture names records")
        return found
    warcs = {entry["path"]: entry for entry in run.manifest["files"] if "records" in entry}
    expected = []
    for place, proof in enumerate(proofs):
        warc = warcs.get(proof[1])
        leaf = re.fullmatch(
            rb"preserve-record/v1 (0|[1-9][0-9]{0,15}) (0|[1-9][0-9]{0,15}) ([1-9][0-9]{0,15}) ([0-9a-f]{64})", proof[4]
        )
        if (
            warc is None
            or leaf is None
            or int(leaf[1]) != proof[3]
            or int(leaf[2]) + int(leaf[3]) > warc["bytes"]
            or not proven(proof, b"warc ", dict(warc["records"], file=warc["path"]))
            or (place < len(named) and (proof[1], proof[3]) != named[place][:2])
        ):
            check.fail("record-proof", where, "proof %d does not lead to what was signed" % (place + 1))
            return found
        kind = named[place][2] if place < len(named) else "original"
        expected.append(("records/%02d-%s.warc.gz" % (place + 1, kind), kind, int(leaf[3]), leaf[4].decode()))
    if len(proofs) < len(named):
        check.fail("record-proof", where, "a record has no proof")
        return found
    for name, kind, length, sha256 in expected:
        called.add(run.at + name)
        if name not in run.names:
            check.fail("file-missing", run.at + name, "there is a proof of it")
            continue
        whole, size = hashlib.sha256(), 0
        for block in run.source.blocks(run.at + name):
            whole.update(block)
            size += len(block)
            if size > length:
                break
        if (size, whole.hexdigest()) != (length, sha256):
            check.fail("record-hash", run.at + name, "not the bytes that were signed")
            continue
        try:
            header = read_record(run.source.blocks(run.at + name))
        except (ValueError, zlib.error) as problem:
            check.fail("record-form", run.at + name, "not one WARC record in one gzip member: %s" % problem)
            continue
        if header["warc-type"] != ("response" if kind == "original" else kind):
            check.fail("record-form", run.at + name, "it is a %s" % header["warc-type"])
        found[run.at + name] = (header, kind == "original")
    return found


def read_record(blocks: Iterator[bytes]) -> dict[str, str]:
    """The header of the one record in the one gzip member; ValueError when it is not as it should be."""
    stored, inflate, head, header = b"", zlib.decompressobj(-15), b"", None
    content = size = left = 0
    crc, trailer, end, whole, payload, seen = 0, b"", b"", hashlib.sha256(), hashlib.sha256(), b""
    framed = hashlib.sha1()  # noqa: S324 what a revisit of a chunk-framed body states, beside the SHA-256 of both that are signed
    started = in_head = False
    for block in blocks:
        if not started:
            stored += block
            if len(stored) < 10:
                continue
            if stored[:8] != b"\x1f\x8b\x08\x00\x00\x00\x00\x00":
                raise ValueError("another gzip header")
            started, block = True, stored[10:]
        while block and not inflate.eof:
            piece = inflate.decompress(block, 1 << 18)
            block = inflate.unconsumed_tail
            crc, size = zlib.crc32(piece, crc), size + len(piece)
            if header is None:
                head += piece
                cut = head.find(b"\r\n\r\n")
                if cut < 0 and len(head) > 1 << 20:
                    raise ValueError("no end of the WARC header")
                if cut < 0:
                    continue
                header = read_header(head[: cut + 2])
                left, piece = int(header["content-length"]), head[cut + 4 :]
                in_head = header.get("content-type", "").lower().startswith("application/http")
            part, rest = piece[:left], piece[left:]
            whole.update(part)
            if in_head:
                seen = (seen + part)[-(1 << 20) :]
                gap = re.search(rb"\n\r?\n", seen)
                if gap:
                    in_head = False
                    payload.update(seen[gap.end() :])
                    framed.update(seen[gap.end() :])
            else:
                payload.update(part)
                framed.update(part)
            left -= len(part)
            end += rest[:5]
            if len(end) > 4 or not b"\r\n\r\n".startswith(end):
                raise ValueError("it does not end where its Content-Length says")
        if inflate.eof:
            trailer += (inflate.unused_data if not trailer else b"") + (block if trailer or not inflate.unused_data else b"")
            if len(trailer) > 8:
                raise ValueError("more bytes follow the gzip member")
    content = trailer == struct.pack("<2L", crc, size & 0xFFFFFFFF)
    if header is None or left or end != b"\r\n\r\n" or not content:
        raise ValueError("cut, or its CRC-32 does not hold")
    hold(header.get("warc-block-digest"), whole)
    if header["warc-type"] != "revisit":
        hold(header.get("warc-payload-digest"), payload)
    header[" sha1"] = "sha1:" + base64.b32encode(framed.digest()).decode()  # no field has a space in its name
    return header


def hold(stated: str | None, found: Any) -> None:
    if stated is not None and stated != "sha256:" + found.hexdigest():
        raise ValueError("a digest in its header does not hold")


def read_header(data: bytes) -> dict[str, str]:
    rows = data.decode("utf-8").split("\r\n")
    if rows[0] != "WARC/1.1" or rows[-1]:
        raise ValueError("not a WARC/1.1 header")
    header: dict[str, str] = {}
    for row in rows[1:-1]:
        name, colon, value = row.partition(":")
        value = value.strip(" \t")
        if (
            not colon
            or not re.fullmatch(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+", name)
            or re.search("[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029]", value)
        ):
            raise ValueError("a bad header line")
        name = name.lower()
        if name in header and name not in ("warc-concurrent-to", "warc-protocol"):
            raise ValueError("a field stands twice")
        header.setdefault(name, value)
    if not re.fullmatch("0|[1-9][0-9]{0,18}", header.get("content-length", "")) or "warc-type" not in header:
        raise ValueError("no type or length")
    if not header.get("warc-record-id", "").startswith("<") or "warc-date" not in header:
        raise ValueError("no id or date")
    return header


def check_originals(check: Check, found: Found) -> None:
    """A revisit has its payload in another record; that is here, and no other."""
    wanted = {
        header.get("warc-refers-to"): (name, header.get("warc-payload-digest"))
        for name, (header, _) in found.items()
        if header["warc-type"] == "revisit"
    }
    have = {  # of a chunk-framed body no digest is stated, and a revisit of it says the SHA-1
        header["warc-record-id"]: (name, header.get("warc-payload-digest", header[" sha1"]))
        for name, (header, extra) in found.items()
        if extra
    }
    lost = [name for key, (name, digest) in wanted.items() if key not in have or have[key][1] != digest]
    for name in lost:
        check.fail("original-missing", name, "the record that this revisit refers to is missing, or has another payload")
    for key, (name, _) in have.items():
        if key not in wanted and not lost:
            check.fail("unlisted-file", name, "nothing refers to it")


# -------------------------------------------------------------------------------------------------------------- time-stamps

HASHES = {"608648016503040201": "sha256", "608648016503040202": "sha384", "608648016503040203": "sha512"}
RSA, EC = "2a864886f70d010101", "2a8648ce3d0201"
# How a token may be signed: with a key of what algorithm; over what hash, where the name says one.
SIGNATURES = {RSA: (RSA, ""), "2a864886f70d01010b": (RSA, "sha256"), "2a864886f70d01010c": (RSA, "sha384")}
SIGNATURES.update({EC: (EC, ""), "2a8648ce3d040302": (EC, "sha256"), "2a8648ce3d040303": (EC, "sha384")})
SIGNATURES.update({"2a864886f70d01010d": (RSA, "sha512"), "2a8648ce3d040304": (EC, "sha512")})
SIGNED_DATA, TIME_STAMP = "2a864886f70d010702", "2a864886f70d0109100104"
CONTENT_TYPE, MESSAGE_DIGEST = "2a864886f70d010903", "2a864886f70d010904"
# The attributes by which a signature binds its certificate, and their hash where they name none (ESSCertID, RFC 5816).
BINDINGS = {"2a864886f70d010910020c": "sha1", "2a864886f70d010910022f": "sha256"}
STRINGS = {0x0C: "utf-8", 0x12: "ascii", 0x13: "ascii", 0x14: "utf-8", 0x16: "ascii", 0x1A: "ascii"}
STRINGS.update({0x1C: "utf-32-be", 0x1E: "utf-16-be"})

# What a token is made of, the whole of it (RFC 3161, RFC 5652, RFC 5280): of what nobody signed openssl reads some otherwise, and some
# not at all. Each number is the tag of an element, `..` is any; = what is in it, ( what it is made of ); ? it may be missing, + there
# may be several, < sorted. Words stand for other lines.
FORMS = {
    "TEXT": "0c|12|13|14|16|1a|1c|1e",
    "PLAIN": "06 05?",
    "ALGORITHM": "06 05|06|30?",
    "NAME": "31( 30( 06 TEXT )+< )+?",
    "NAME_IN_FULL": "30( NAME )",
    "NO_PARAMETERS": "",
    "NULL": "05?",
    "CURVE": "06",
    "PSS": "30( a0( 30( PLAIN ) )? a1( 30( 06 30( PLAIN ) ) )? a2( 02 )? a3( 02 )? )",
    "EXTENSIONS": "30( 06 01=ff? 04 )+",
    "ATTRIBUTE": "06 31( ..+< )",
    "TO_BE_SIGNED": "a0( 02=02 )? 02 30( ALGORITHM ) 30( NAME ) 30( 17|18 17|18 ) 30( NAME ) 30( 30( ALGORITHM ) 03 ) a3( 30( EXTENSIONS ) )?",
    "CERTIFICATE": "30( TO_BE_SIGNED ) 30( ALGORITHM ) 03",
    "SIGNER": "02=01 30( 30( NAME ) 02 ) 30( PLAIN ) a0( 30( ATTRIBUTE )+< ) 30( PLAIN ) 04 a1( 30( ATTRIBUTE )+ )?",
    "CONTENT": "30( 06=%s a0( 04 ) )" % TIME_STAMP,
    "SIGNED": "02=03 31( 30( PLAIN )+< ) CONTENT a0( 30( CERTIFICATE )+ ) a1( 30+ )? 31( 30( SIGNER ) )",
    "REPLY": "30( 30( 02=00 30( 0c+ )? 03? ) 30( 06=%s a0( 30( SIGNED ) ) ) )" % SIGNED_DATA,
    "STAMPED": "30( 02=01 06 30( 30( PLAIN ) 04 ) 02 18 30( 02? 80? 81? )? 01=ff? 02? a0( .. )? a1( EXTENSIONS )? )",
    "BINDING": "30( 30( 30( 30( PLAIN )? 04 30( 30( a4( 30( NAME ) )+ ) 02 )? )+ ) 30( 30( 06 )+ )? )",
}


# What the algorithms of certificates have for parameters: of RSA, ECDSA, EdDSA.
USUAL = (
    ("2a864886f70d0101(01|05|0b|0c|0d)", "NULL"),
    ("2a864886f70d01010a", "PSS"),
    ("2a8648ce3d0201", "CURVE"),
    ("2a8648ce3d04(01|0302|0303|0304)|2b6570|2b6571", "NO_PARAMETERS"),
)


def elements(data: bytes) -> list[tuple[int, bytes, bytes]]:
    """The DER elements that `data` is made of, as (tag, content, all of it); ValueError when it is not DER."""
    found, place = [], 0
    while place < len(data):
        if place + 2 > len(data) or data[place] & 0x1F == 0x1F:
            raise ValueError("DER: cut, or a tag of several bytes")
        start, length = place + 2, data[place + 1]
        if length >= 128:
            start, length = start + length - 128, int.from_bytes(data[start : start + length - 128], "big")
            if length < 128 or data[place + 2] == 0:
                raise ValueError("DER: not a length in its shortest form")
        if start + length > len(data) or start > place + 6:
            raise ValueError("DER: cut")
        found.append((data[place], data[start : start + length], data[place : start + length]))
        place = start + length
    return found


def inside(data: bytes, *way: int) -> bytes:
    """What is in the element that the way leads to: its number, then in it, and so on."""
    for place in way:
        data = elements(data)[place][1]
    return data


def encode(tag: int, *parts: bytes) -> bytes:
    """A DER element."""
    inner = b"".join(parts)
    size = b"" if len(inner) < 128 else len(inner).to_bytes((len(inner).bit_length() + 7) // 8, "big")
    return bytes([tag, 128 + len(size) if size else len(inner)]) + size + inner


def check_nested(data: bytes) -> None:
    """ValueError when anything that `data` is made of, however deep, is not DER."""
    left = [(data, 64)]
    while left:
        within, deeper = left.pop()
        if not deeper:
            raise ValueError("DER: nested too deep")
        for tag, inner, _ in elements(within):
            if not in_der(tag, inner):
                raise ValueError("DER: not a value of its type")
            left += [(inner, deeper - 1)] if tag & 0x20 else []


def in_der(tag: int, data: bytes) -> bool:
    """Whether it is the one spelling of a value, where its tag says of what type it is."""
    if tag & 0xC0:
        return tag & 0xC0 == 0x80
    if tag == 0x01:  # BOOLEAN
        return data in (b"\0", b"\xff")
    if tag in (0x02, 0x0A):  # INTEGER, ENUMERATED
        return data != b"" and not (len(data) > 1 and data[0] in (0, 255) and (data[0] ^ data[1]) < 128)
    if tag == 0x03:  # BIT STRING, after the number of bits at its end that are none
        return data != b"" and data[0] < 8 and (len(data) > 1 or data[0] == 0) and data[-1] & ((1 << data[0]) - 1) == 0
    if tag == 0x06:  # OBJECT IDENTIFIER
        return len(data) < 64 and re.fullmatch(rb"((?!\x80)[\x80-\xff]{0,17}[\0-\x7f])+", data) is not None
    if tag in (0x17, 0x18):  # UTCTime, GeneralizedTime
        return moment_of(tag, data) is not None
    if tag not in STRINGS:
        return tag in (0x04, 0x30, 0x31) or (tag == 0x05 and data == b"")
    try:
        data.decode(STRINGS[tag])
    except UnicodeDecodeError:
        return False
    return tag != 0x13 or re.fullmatch(rb"[A-Za-z0-9 '()+,\-./:=?]*", data) is not None


def moment_of(tag: int, data: bytes) -> datetime | None:
    """What a UTCTime or a GeneralizedTime says."""
    form = rb"([0-9]{12})()Z" if tag == 0x17 else rb"([0-9]{14})(?:\.([0-9]*[1-9]))?Z"
    written = re.fullmatch(form, data)
    if written is None:
        return None
    century = "" if tag == 0x18 else "20" if data < b"5" else "19"
    whole = century + written[1].decode() + (written[2] or b"").decode().ljust(6, "0")[:6]
    try:
        return datetime.strptime(whole + "+0000", "%Y%m%d%H%M%S%f%z")
    except ValueError:
        return None


def form_of(name: str) -> Any:
    """A line of FORMS: a list of (tags, content, list of what it is made of, signs)."""
    text = FORMS[name]
    while re.search("[A-Z]", text):
        text = re.sub("[A-Z_]+", lambda word: FORMS[word[0]], text)
    levels: Any = [[]]
    for word in text.split():
        said, signs = re.fullmatch(r"([^?+<]*)([?+<]*)", word).groups()  # type: ignore[union-attr] # it fits any word
        if said.endswith("("):
            levels.append([])
            levels[-2].append([said[:-1], "", levels[-1], ""])
        elif said == ")":
            levels.pop()
            levels[-1][-1][3] = signs
        else:
            tags, _, content = said.partition("=")
            levels[-1].append([tags, content, None, signs])
    return levels[0]


def made_of(form: Any, data: bytes) -> bool:
    """Whether `data`, which is DER, is made as a form says."""
    found, place = elements(data), 0
    for tags, content, parts, signs in form:
        first = place
        while place < len(found) and (place == first or "+" in signs):
            tag, inner, _ = found[place]
            if tags != ".." and "%02x" % tag not in tags.split("|"):
                break
            if (content and inner.hex() != content) or (parts is not None and not made_of(parts, inner)):
                break
            place += 1
        met = [whole for _, _, whole in found[first:place]]
        if (not met and "?" not in signs) or ("<" in signs and met != sorted(met)):
            return False
    return place == len(found)


REPLY, STAMPED, BINDING, NAME_IN_FULL = map(form_of, ("REPLY", "STAMPED", "BINDING", "NAME_IN_FULL"))


def fields_of(certificate: bytes) -> list[bytes]:
    """Serial number, algorithm, issuer, validity, subject, key, ...: as they stand in it."""
    return [whole for tag, _, whole in elements(inside(certificate, 0, 0)) if tag != 0xA0]


def usual(algorithm: bytes) -> bool:
    """Whether it is one of the algorithms that certificates have, with its own parameters: of others each program reads what it likes."""
    code = inside(algorithm, 0, 0).hex()
    wanted = [form for codes, form in USUAL if re.fullmatch(codes, code)]
    return bool(wanted) and made_of(form_of(wanted[0]), b"".join(whole for _, _, whole in elements(inside(algorithm, 0))[1:]))


def plain(certificate: bytes) -> bool:
    """Whether every program reads it alike: the others are left out, and a chain with one of them ends there."""
    fields = fields_of(certificate)
    number, times, of_key = inside(fields[0], 0), inside(fields[3], 0), elements(inside(fields[5], 0))[0][2]
    algorithms = (fields[1], of_key, elements(inside(certificate, 0))[1][2])
    for _, together, _ in elements(inside(fields[2], 0)) + elements(
        inside(fields[4], 0)
    ):  # of a name, what stands at one level
        kinds = [inside(one, 0) for _, one, _ in elements(together)]
        if len(set(kinds)) != len(kinds):
            return False
    return b"\0" < number < b"\x80" and b"." not in times and all(map(usual, algorithms))


def above(signer: bytes, held: list[bytes]) -> list[bytes]:
    """The signer's certificate, and those that can lie between it and a root, by their names."""
    named: dict[bytes, list[bytes]] = {}
    for one in filter(plain, held):
        named.setdefault(fields_of(one)[4], []).append(one)
    kept, wanted = {signer: True}, [fields_of(signer)[2]]
    for name in wanted:  # it grows, and no name is looked for twice
        for one in named.pop(name, []):
            kept[one] = True
            wanted.append(fields_of(one)[2])
    return list(kept)


def check_attributes(attributes: dict[str, bytes], signer: bytes) -> None:
    """They are over a time-stamp, and bind its signer's certificate; ValueError if not."""
    if attributes.get(CONTENT_TYPE) != encode(6, bytes.fromhex(TIME_STAMP)) or attributes.get(MESSAGE_DIGEST, b"")[:1] != b"\4":
        raise ValueError("not said to be over a time-stamp")
    bound = [name for name in BINDINGS if name in attributes]
    if not bound:
        raise ValueError("its signer's certificate is not bound")
    for name in bound:
        if not made_of(BINDING, attributes[name]):
            raise ValueError("not a binding")
        for place, (_, one, _) in enumerate(elements(inside(attributes[name], 0, 0))):
            parts, kind = elements(one), BINDINGS[name]
            if parts[0][0] == 0x30:
                kind = HASHES.get(inside(parts.pop(0)[1], 0).hex(), "") if kind != "sha1" else ""
            if not kind or (place == 0 and hashlib.new(kind, signer).digest() != parts[0][1]):
                raise ValueError("another certificate is bound")


def check_options(options: list[tuple[int, bytes, bytes]]) -> None:
    """Accuracy, nonce, and the authority's name, where they are said."""
    names = [elements(inner)[0] for tag, inner, _ in options if tag == 0xA0]
    if not all(tag != 0xA4 or made_of(NAME_IN_FULL, inner) for tag, inner, _ in names):
        raise ValueError("a name that is none")
    numbers = [one for tag, inner, whole in options for one in elements(inner if tag == 0x30 else whole) if tag in (0x30, 2)]
    for tag, number, _ in numbers:
        if not in_der(2, number) or number[0] > 127 or (tag != 2 and not 0 < int.from_bytes(number, "big") < 1000):
            raise ValueError("a number that is none")


def accuracy_of(options: list[tuple[int, bytes, bytes]]) -> float:
    """Seconds within which the authority vouches for its clock; what is more than WINDOW is as much."""
    said = [elements(inner) for tag, inner, _ in options if tag == 0x30]
    parts = {tag: min(int.from_bytes(number, "big"), WINDOW + 1) for tag, number, _ in said[0]} if said else {}
    return parts.get(2, 0) + parts.get(0x80, 0) / 1e3 + parts.get(0x81, 0) / 1e6


def read_token(reply: bytes) -> tuple[str, bytes, datetime, float, bytes]:
    """(hash name, imprint, time, its accuracy in seconds, the reply without what proves nothing) of a granted RFC 3161 reply; ValueError, IndexError for none."""
    check_nested(reply)
    if not made_of(REPLY, reply):
        raise ValueError("not granted, or not a reply")
    signed = elements(inside(reply, 0, 1, 1, 0))
    info, stamped = elements(inside(signed[-1][1], 0)), inside(signed[2][1], 1, 0)
    check_nested(stamped)
    if not made_of(STAMPED, stamped):
        raise ValueError("no time-stamp")
    named = [HASHES.get(inside(one, 0).hex(), "") for _, one, _ in elements(signed[1][1])]
    kind = HASHES.get(inside(info[2][1], 0).hex(), "")
    if "" in named or kind not in named:
        raise ValueError("signed over a weak hash, or another than it says")
    held = [whole for _, _, whole in elements(signed[3][1])]
    who = [whole for _, _, whole in elements(info[1][1])]
    signers = [one for one in held if [fields_of(one)[2], fields_of(one)[0]] == who]
    if len(signers) != 1:
        raise ValueError("not one certificate of its signer")
    key, over = SIGNATURES.get(inside(info[4][1], 0).hex(), ("", ""))
    if key != inside(fields_of(signers[0])[5], 0, 0, 0).hex() or over not in ("", kind):
        raise ValueError("signed in a way that is not known")
    attributes = {}
    for _, attribute, _ in elements(info[3][1]):
        ((_, _, attributes[inside(attribute, 0).hex()]),) = elements(inside(attribute, 1))
    if len(attributes) != len(elements(info[3][1])):
        raise ValueError("an attribute stands there twice")
    check_attributes(attributes, signers[0])
    told = elements(inside(stamped, 0))
    check_options(told[5:])
    name, when = HASHES.get(inside(told[2][1], 0, 0).hex()), moment_of(*told[4][:2])
    if name is None or when is None:
        raise ValueError("a weak hash, or no time")
    certificates = encode(0xA0, *sorted(above(signers[0], held)))
    algorithm = next(bytes.fromhex(code) for code, meant in SIGNATURES.items() if meant == (key, kind))
    info[4] = (0x30, b"", encode(0x30, encode(6, algorithm), b"\5\0" if key == RSA else b""))
    signature = encode(0x31, encode(0x30, *(whole for tag, _, whole in info if tag != 0xA1)))
    content = encode(0x30, encode(2, b"\3"), encode(0x31, info[2][2]), signed[2][2], certificates, signature)
    plain = encode(0x30, encode(6, bytes.fromhex(SIGNED_DATA)), encode(0xA0, content))
    return name, inside(told[2][1], 1), when, accuracy_of(told[5:]), encode(0x30, encode(0x30, encode(2, b"\0")), plain)


def check_token(check: Check, run: Run, name: str, message: bytes, roots: dict[str, bytes], named: bool) -> float | None:
    """When `message` existed, as the authority says: of a start token not before, of another one by then; None when that is not shown.

    Nothing is asked of certificates in the token. The authority vouches for its clock to within an accuracy, and for no more.
    """
    reply, where = run.read(name, 1 << 18), run.at + name
    code = "token-invalid" if named else "token-unnamed"
    try:
        kind, digest, when, accuracy, plain = read_token(reply)
    except (ValueError, IndexError):
        check.fail(code, where, "not a granted time-stamp")
        return None
    stamped = when.timestamp()
    if hashlib.new(kind, message).digest() != digest:
        check.fail(code, where, "it is over other bytes")
        return None
    authority, start = re.sub(r"^timestamps/(start-)?|\.tsr$", "", name), name.startswith("timestamps/start-")
    millionths = (
        int(stamped) * 10**6 + when.microsecond
    )  # exact, and cut to thousandths so that nothing more is said than is vouched for
    within = round(accuracy * 10**6)
    moment = (millionths - within) // 1000 / 1000 if start else -(-(millionths + within) // 1000) / 1000
    said = moment_in_words(stamped)
    if authority not in roots:
        if roots and named:
            check.doubt("token-untrusted", where, "no --root was given for it; it says %s" % said)
        else:
            check.note("%s: says %s; not checked: no --root for it" % (where, said))
        return None
    arguments = ["ts", "-verify", "-data", "data", "-in", "reply", "-CAfile", "root", "-attime", str(int(stamped))]
    good, why = openssl(arguments, data=message, reply=plain, root=roots[authority])
    if not good:
        why = re.sub(r"Using configuration from .*", "", why)
        check.fail(code, where, "openssl ts -verify: " + why.strip().replace("\n", " ")[-200:])
        return None
    if accuracy > WINDOW:
        vague = "%s says %s, and is sure of it to more than a day: that proves no time" % (authority, said)
        if named:
            check.doubt("token-untrusted", where, vague)
        else:
            check.note("%s: %s" % (where, vague))
        return None
    vague = " (it was %s, give or take %.12g s)" % (said, accuracy) if accuracy else ""
    check.ok(
        "%s: %s %s, says %s%s"
        % (where, "sealed after" if start else "the seal existed by", moment_in_words(moment), authority, vague)
    )
    return moment


def moment_in_words(moment: float) -> str:
    thousandths = round(moment * 1000)
    return "%s.%03d UTC" % (time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(thousandths // 1000)), thousandths % 1000)


def check_times(check: Check, run: Run, roots: dict[str, bytes], now: float) -> None:
    """Tokens over SEAL (not after) and of the run's beginning (not before), held against the time that the signer claims."""
    manifest = run.manifest
    created, where, seen = seconds(manifest["created"]), run.at + "timestamps/", []
    named = {"timestamps/%s.tsr" % entry["authority"] for entry in manifest["timestamps"]}
    late = False
    for name in sorted(named | {name for name in run.names if TOKEN.fullmatch(name)}):
        if name not in run.names:
            check.doubt("token-missing", run.at + name, "it is named, and not here")
            continue
        stamped = check_token(check, run, name, run.seal, roots, name in named)
        if stamped is not None and stamped < created - SKEW:
            check.fail("token-time", run.at + name, "it is older than the time in the manifest that it stamps")
            continue
        if stamped is not None:
            seen.append(stamped)
        if stamped is not None and stamped > created + WINDOW and name in named:
            late = True
    run.existed_by = min(seen) if seen else None
    if "start_tokens" not in manifest:  # an event happens at once
        return
    begun = ("preserve-run/v1 %s %s\n" % (manifest["run_id"], manifest["nonce"])).encode("ascii")
    for token in manifest["start_tokens"]:
        if token["file"] not in run.names:
            check.doubt("token-missing", run.at + token["file"], "it is named, and not here")
        elif hashlib.sha256(run.read(token["file"], 1 << 18)).hexdigest() != token["sha256"]:
            check.fail("token-invalid", run.at + token["file"], "not the token that the manifest names")
        else:
            stamped = check_token(check, run, token["file"], begun, roots, named=True)
            if stamped is not None and stamped > created + SKEW:
                check.fail("token-time", run.at + token["file"], "it was taken after the run was sealed")
    if late or created > now + SKEW:
        check.doubt("created-time", where, "the time that the signer claims, %s, is not borne out" % manifest["created"])
    elif not seen:
        check.note("%stime: %s, the signer's word" % (run.at, manifest["created"]))


# ------------------------------------------------------------------------------------------------------------------ the log


def read_log_proof(data: bytes) -> LogProof:
    """(index, path, checkpoint as (origin, size, root), its text, its signature lines) of a tlog-proof; ValueError, IndexError for none."""
    head, _, tail = data.partition(b"\n\n")
    words, gap, lines = tail.rpartition(b"\n\n")
    rows, body = head.split(b"\n"), words.decode("utf-8").split("\n")
    index, path = whole_number(rows[1][6:]), [unbase64(row) for row in rows[2:]]
    size, root = whole_number(body[1].encode()), unbase64(body[2].encode())
    if rows[0] != b"c2sp.org/tlog-proof@v1" or not rows[1].startswith(b"index ") or len(rows) > 65 or not gap:
        raise ValueError
    if len(body) != 3 or len(root) != 32 or not origin_form(body[0]) or any(len(step) != 32 for step in path):
        raise ValueError
    if any((char < " " and char != "\n") or "\x7f" <= char < "\xa0" for char in words.decode("utf-8")) or not lines.endswith(
        b"\n"
    ):
        raise ValueError
    signatures = [signature_line(row) for row in lines.decode("utf-8")[:-1].split("\n")]
    if len(signatures) > 64 or len({(name, raw[:4]) for name, raw in signatures}) != len(signatures):
        raise ValueError
    return index, path, (body[0], size, root), words + b"\n", signatures


def head_signed(proof: LogProof, own: bytes, others: list[bytes]) -> str:
    """Whether the log's key signed the checkpoint: "", or the word for why not. `others` were the log's keys at other sizes."""

    def mark(raw: bytes) -> bytes:
        return hashlib.sha256(proof[2][0].encode() + b"\n\x01" + raw).digest()[:4]

    lines = {said[:4]: said[4:] for who, said in proof[4] if who == proof[2][0]}
    if mark(own) in lines:
        return "" if ed25519(own, proof[3], lines[mark(own)]) else "log-signature"
    # One letter of the base64 away from the key that is known: a changed byte, and not another key.
    changes = [(int.from_bytes(told, "big") ^ int.from_bytes(mark(own), "big")) << 4 for told in lines]
    if any(sum((change >> bits) & 63 != 0 for bits in range(0, 36, 6)) == 1 for change in changes):
        return "log-signature"
    return "log-unknown" if set(lines) - {mark(raw) for raw in others} else "log-signature"


def check_log(check: Check, run: Run, trust: Trust) -> None:
    """SEAL is the entry of the append-only log that the manifest says; with the log's key: its checkpoint is signed by that key."""
    where, manifest = run.at + "log/seal.tlog-proof", run.manifest
    try:
        proof = read_log_proof(run.read("log/seal.tlog-proof", 1 << 17))
    except (ValueError, IndexError):
        check.fail("log-proof", where, "not a proof")
        return
    index, path, (origin, size, root), _, _ = proof
    if origin != manifest["log"]["origin"]:
        check.fail("log-signature", where, "a checkpoint of another log")
        return
    if index != manifest["log"]["size_before"] or not leads_to(run.seal, index, size, path, root):
        check.fail("log-proof", where, "SEAL is not the entry of that log that the manifest says")
    if trust.head is not None and trust.head[0] == origin:
        if trust.head[1] < size:
            check.fail("event-proof", "events", "proven against a head that is older than that of " + where)
        elif trust.head[1] == size and trust.head[2] != root:
            check.fail("log-fork", "events", "another history of the log than that of " + where)
    if trust.vkey is None:
        check.note(
            "%s: entry %d of %s, if its checkpoint is to be believed; not checked: no --log" % (where, index, printable(origin))
        )
        return
    if trust.vkey[0] != origin:
        check.doubt("log-unknown", where, "the key that you gave is that of another log")
        return
    code = head_signed(proof, *trust.log_keys(origin, size))
    if code == "log-unknown":
        check.doubt(code, where, "its checkpoint is signed by another key of this log than the one that you gave")
    elif code:
        check.fail(code, where, "its checkpoint is not signed by the log's key")
    else:
        check.ok("%s: entry %d of %s, whose checkpoint is signed by the log's key" % (where, index, printable(origin)))


def signature_line(row: str) -> tuple[str, bytes]:
    dash, name, code = row.split(" ")
    raw = unbase64(code.encode("ascii"))
    if dash != "\u2014" or len(raw) < 5 or not origin_form(name):
        raise ValueError
    return name, raw


# ------------------------------------------------------------------------------------------------- what the log says of keys


class Event(Run):
    """One statement, as `manifest`, and the proof that the log holds it. `keys` are those whose signature over it holds."""

    keys: dict[str, bytes]
    proof: LogProof

    @property
    def index(self) -> int:
        return int(self.manifest["log"]["size_before"])

    @property
    def body(self) -> Any:
        return self.manifest["body"]

    def signers(self) -> set[str]:
        return {signer["keyid"] for signer in self.manifest["signers"]}


class Key:
    """A key that is trusted: from when on, and since when not any more."""

    def __init__(self, since: float | None = None) -> None:
        self.since = since
        self.revoked: tuple[int, float] | None = None
        self.ended: int | None = None

    def vouches(self, created: float, existed_by: float | None, index: int | None = None) -> bool:
        """Whether it counts for what it signed at `created`, in the log's entry `index`."""
        if self.since is not None and created < self.since:
            return False
        if self.revoked is None:
            return True
        stolen, at = self.revoked[0] == 0, self.revoked[1]
        if not stolen:
            return created <= at
        if index is not None and self.ended is not None and index > self.ended:
            return False
        return existed_by is not None and existed_by < at


class Circle:
    """Co-workers, any `threshold` of whom may revoke the key that names them; `since` when only its own word lets them in."""

    def __init__(self, event: Event, since: float | None) -> None:
        self.threshold: int = event.body["threshold"]
        self.members: set[str] = set(event.body["coworkers"])
        self.named, self.since = event.index, since


class Trust:
    """The signer's key and the log's that were given; and what follows from them, by the statements that came along."""

    def __init__(self, keyid: str, vkey: tuple[str, bytes] | None) -> None:
        self.given, self.vkey = keyid, vkey
        self.operators = {keyid: Key()} if keyid else {}
        self.recoveries: dict[str, Key] = {}
        self.circle: Circle | None = None
        self.agreed: set[int] = set()
        self.tenures: list[tuple[bytes, int, int | None]] = []
        self.head: tuple[str, int, bytes] | None = None

    def log_keys(self, origin: str, size: int) -> tuple[bytes, list[bytes]]:
        """The key that may sign a checkpoint of so many entries, and those that were the log's at other sizes."""
        own = [raw for raw, first, last in self.tenures if first <= size and (last is None or size <= last)]
        own = own or ([self.vkey[1]] if self.vkey is not None and self.vkey[0] == origin else [])
        return (own or [b""])[0], [raw for raw, _, _ in self.tenures]

    def knows(self, run: Run, keys: dict[str, bytes], index: int, *, of_keys: bool = False) -> bool:
        """Whether somebody who is trusted signed it. Of keys (`of_keys`) a recovery key may speak too; ML-DSA is never enough."""
        pinned = {**self.operators, **self.recoveries} if of_keys else self.operators
        kinds = {keyid: algorithm(der) for keyid, der in keys.items()}
        created = seconds(run.manifest["created"])
        return set(kinds.values()) - {"", "ml-dsa-65"} != set() and any(
            kinds[keyid] and pinned[keyid].vouches(created, run.existed_by, index) for keyid in kinds if keyid in pinned
        )


def follow(trust: Trust, events: list[Event], known_log: bool) -> set[int]:
    """The keys that follow, in the order of the log; the entries that were obeyed. Trust is taken away by whoever may; it is handed on only
    under a log that is known. A revocation reaches back: the way is gone again with what was learnt, until nothing new is."""
    revoked: dict[str, tuple[int, float]] = {}
    ended: dict[str, int] = {}
    trust.agreed = set()
    while True:
        trust.operators = {trust.given: Key()} if trust.given else {}
        trust.recoveries, trust.circle, now = {}, None, dict(revoked)
        obeyed: set[int] = set()
        gone: dict[str, int] = {}
        for keyid, key in trust.operators.items():
            key.revoked = revoked.get(keyid)
        for event in events:
            if step(trust, event, known_log, now, gone):
                obeyed.add(event.index)
        for keyid, index in gone.items():
            ended[keyid] = min(index, ended.get(keyid, index))
        if now == revoked:
            break
        revoked = now
    for keyid, key in [*trust.operators.items(), *trust.recoveries.items()]:
        key.ended = ended.get(keyid)
    return obeyed | trust.agreed


def step(trust: Trust, event: Event, known_log: bool, revoked: dict[str, tuple[int, float]], gone: dict[str, int]) -> bool:
    """One statement on the way; whether it was obeyed."""
    body, created = event.body, seconds(event.manifest["created"])
    keyid, action = body["keyid"], body["action"]

    def counts(one: str, key: Key) -> bool:
        return one in event.signers() and one not in gone and key.vouches(created, event.existed_by)

    def together() -> bool:
        """Whether enough co-workers agreed. The owner's own keys are none of theirs, and none counts that was given up."""
        if trust.circle is None:
            return False
        agreed = {agreeing(one["key"]) for one in body.get("agreed", ())} & trust.circle.members
        return len(agreed - set(trust.operators) - set(gone)) >= trust.circle.threshold

    def comes(keys: dict[str, Key], one: str, key: Key) -> None:
        key.revoked = revoked.get(one)
        keys.setdefault(one, key)

    if action == "recovery":
        heard = False
        for one, key in trust.operators.items() if known_log else ():
            before = {paper: other for paper, other in trust.recoveries.items() if paper != keyid}
            alone = not before and trust.circle is None
            if counts(one, key) and (alone or any(counts(*other) for other in before.items())):
                comes(trust.recoveries, keyid, Key())
                heard = True
        return heard
    if action == "coworkers":
        present = trust.circle
        if not known_log or keyid not in trust.operators or not counts(keyid, trust.operators[keyid]):
            return False
        if body["replaces"] != (present.named if present else None):
            return False
        since: float | None = None
        if present and together():
            trust.agreed.add(event.index)
            since = present.since
        elif not present and not trust.recoveries:
            since = created
        elif not any(counts(*other) for other in trust.recoveries.items()):
            return False
        trust.circle = Circle(event, since)
        return True
    heard, papers = False, list(trust.recoveries.items())  # one key may be on paper and sign as well
    if action == "rotate":
        speak = papers + [(keyid, trust.operators[keyid])] if known_log and keyid in trust.operators else []
        since, reason = created, 1
    else:
        reason = 0 if body["reason"] == "compromised" else 1
        since = seconds(body["since"]) if body["since"] else created
        speak = papers if keyid in trust.operators else []
        bound = trust.circle.since if trust.circle else None
        if keyid in trust.operators and (bound is None or bound < since) and together():
            trust.agreed.add(event.index)
            heard = True
        if not heard and reason == 1:
            since = created  # another time is for co-workers to say
        if keyid in trust.operators and reason == 1:
            speak = papers + [(keyid, trust.operators[keyid])]
        elif keyid not in trust.operators and keyid in trust.recoveries:
            speak = [(keyid, trust.recoveries[keyid])]
    if not heard and not any(counts(*other) for other in speak):
        return False
    if action == "rotate":
        comes(trust.operators, body["successor"], Key(created))
    revoked[keyid] = min(revoked.get(keyid, (reason, since)), (reason, since))
    gone.setdefault(keyid, event.index)
    return True


def log_line(events: list[Event], vkey: tuple[str, bytes] | None, origin: str) -> list[tuple[bytes, int, int | None]]:
    """The keys of the log one after the other, each with the smallest and the largest size that it signs; [] when none was replaced."""
    found = []
    for event in events:
        if event.body["action"] == "rotate-log":
            (name, old), (_, new) = read_vkey(event.body["old"]), read_vkey(event.body["new"])
            both = {hashlib.sha256(ED25519 + raw).hexdigest() for raw in (old, new)}
            if name == origin and both <= set(event.keys):
                found.append((event.index, old, new))
    if not found:
        return []
    line: list[tuple[bytes, int, int | None]] = []
    olds, first = [old for _, old, _ in found], 0
    current = vkey[1] if vkey is not None and vkey[0] == origin and vkey[1] in olds else olds[0]
    for index, old, new in found:
        if old == current and new not in [raw for raw, _, _ in line] + [current] and index >= first:
            line.append((current, first, index))
            current, first = new, index + 1
    return [*line, (current, first, None)]


def check_statement(check: Check, event: Event, roots: dict[str, bytes], now: float) -> None:
    """One statement by itself: who signed it, when, and whether these had to."""
    event.keys = check_seal(check, event, "statement.json")
    if not event.keys:
        return
    check_signers(check, event, event.keys, "statement.json")
    check_times(check, event, roots, now)
    body, signers, why = event.body, event.signers(), ""
    if event.at != "events/%06d-key/" % event.index:
        why = "misplaced: it is entry %d of the log" % event.index
    elif body["action"] == "rotate-log":
        both = {hashlib.sha256(ED25519 + read_vkey(body[name])[1]).hexdigest() for name in ("old", "new")}
        if read_vkey(body["old"])[0] != event.manifest["log"]["origin"] or not both < signers:
            why = "the old key, the new one and a signer of the archive do not all sign it"
    elif body["action"] == "coworkers":
        if body["keyid"] not in signers:
            why = "the key that they may revoke does not name them"
    elif body["action"] != "revoke":
        coming = body["successor"] if body["action"] == "rotate" else body["keyid"]
        if coming not in signers or len(signers) == 1:
            why = "the key that comes in and another one do not both sign it"
    if why:
        check.fail("key-event", event.at[:-1], why)
    check_agreed(check, event)


def check_agreed(check: Check, event: Event) -> None:
    """Those who are said to have agreed signed just this, for this archive."""
    body = {name: member for name, member in event.body.items() if name != "agreed"}
    said = {"archive": event.manifest["archive"], "log": event.manifest["log"]["origin"], "body": body}
    message = b"preserve-agreement/v1\n" + json.dumps(said, indent=2).encode() + b"\n"
    for one in event.body.get("agreed", ()):
        if not signed(check, spelled(one["key"]), message, spelled(one["signature"])):
            check.fail("bad-signature", event.at[:-1], "the key %s is said to have agreed, and did not" % agreeing(one["key"]))


def read_event(check: Check, source: Folder | Zip, at: str) -> Event | None:
    """A statement that the log holds, by its proof; nobody's signature was looked at."""
    event = Event(source, at)
    document = event.read("statement.json", 65535)
    try:
        event.manifest = strict(document, line=False)
        good = good_statement(event.manifest)
    except (ValueError, RecursionError):
        good = False
    if not good:
        check.fail("manifest-format", at + "statement.json", "not a statement about keys, in its one spelling")
        return None
    try:
        event.proof = read_log_proof(event.read("log/entry.tlog-proof", 1 << 17))
    except (ValueError, IndexError):
        check.fail("event-proof", at + "log/entry.tlog-proof", "not a proof")
        return None
    index, path, (origin, size, root), _, _ = event.proof
    if (origin, index) != (event.manifest["log"]["origin"], event.index) or not leads_to(document, index, size, path, root):
        check.fail("event-proof", at + "log/entry.tlog-proof", "it does not show that the log holds the statement")
        return None
    event.keys = check_seal(Check(lambda _: None), event, "statement.json")
    return event


def check_events(check: Check, source: Folder | Zip, trust: Trust, roots: dict[str, bytes], now: float) -> set[tuple[str, str]]:
    """Every statement about keys, and what follows from them; the (archive, log) that they are of."""
    places = sorted({found.group(0) for found in map(EVENT.match, source.names) if found}, key=lambda at: (len(at), at))
    read = [read_event(check, source, at) for at in places]
    events = sorted((event for event in read if event is not None), key=lambda event: event.index)
    if len({event.proof[2:4] + (tuple(event.proof[4]),) for event in events}) > 1:
        check.fail("event-proof", "events", "they are proven against several heads of the log")
    if check.refused() or not events:
        return set()
    proof = events[0].proof
    trust.head = proof[2]
    origin, size, _ = proof[2]
    line = log_line(events, trust.vkey, origin)
    known = trust.vkey is not None and trust.vkey in [(origin, raw) for raw, _, _ in line or [(trust.vkey[1], 0, None)]]
    trust.tenures = line
    own, others = trust.log_keys(origin, size)
    code = head_signed(proof, own, others) if own else ""
    if code == "log-signature":
        check.fail(code, "events", "the head that they are proven against is not signed by the log's key")
        return set()
    if trust.vkey is None:
        check.note("events: no key that they name is trusted for it: no --log")
    elif code or not known:
        check.doubt("log-unknown", "events", "they are proven by a key of the log that is not known; they were not followed")
        known = False
    check.aside = True
    for event in events:
        check_statement(check, event, roots, now)
    check.aside = False
    if check.refused():
        return set()
    changes = [event for event in events if event.body["action"] != "rotate-log"]
    ended = {last for _, _, last in line if last is not None}

    def established(event: Event) -> bool:
        return event.index in trust.agreed or trust.knows(event, event.keys, event.index, of_keys=event in changes)

    obeyed = follow(trust, changes, known)
    heard = [event for event in events if established(event)]
    if known and not ended <= {event.index for event in heard}:
        check.note("events: nobody whom you know signed that the log's key was replaced; what is said of keys was not followed")
        known, line = False, []
        follow(trust, changes, known)
    trust.tenures = line if known else []
    for event in heard if known else ():
        tell_event(check, event, trust, obeyed, ended)
    return {(event.manifest["archive"], origin) for event in events}


def tell_event(check: Check, event: Event, trust: Trust, obeyed: set[int], ended: set[int]) -> None:
    """What somebody who is known said of keys; and whether it was followed."""
    body, where = event.body, event.at[:-1]
    if body["action"] == "rotate-log":
        if event.index in ended:
            check.ok("%s: the log's key was replaced at entry %d" % (where, event.index))
        elif ended:
            check.doubt("key-unfollowed", where, "the log's key was not the one that it replaces")
        return
    keyid, pinned = body["keyid"], {**trust.operators, **trust.recoveries}
    if body["action"] == "coworkers" and event.index in obeyed:
        count = (body["threshold"], len(body["coworkers"]), keyid)
        check.ok("%s: any %d of %d co-workers may revoke the key %s" % (where, *count))
    elif event.index in obeyed:
        said = {"rotate": "is followed by %s", "revoke": "is revoked as %s", "recovery": "is the recovery key%s"}
        check.ok("%s: key %s " % (where, keyid) + said[body["action"]] % (body["successor"] or body["reason"] or ""))
    elif (
        (body["action"] == "revoke" and keyid in pinned and (pinned[keyid].revoked or (1, 0))[0] != 0)
        or (body["action"] == "rotate" and keyid in pinned and body["successor"] not in pinned)
        or (body["action"] == "recovery" and keyid not in pinned)
        or (body["action"] == "coworkers" and keyid in pinned)
    ):
        check.doubt("key-unfollowed", where, "who signed it may not say so of the key %s" % keyid)


# --------------------------------------------------------------------------------------------------------------- the packet


def check_names(check: Check, names: list[str]) -> list[str]:
    for name in names:
        if len(name) > 200 or not NAME.fullmatch(name):
            check.fail("unsafe-name", printable(name), "names here are of a-z, 0-9, '.', '_' and '-'")
        elif EVENT.match(name):
            if not OF_EVENT.fullmatch(EVENT.sub("", name, count=1)):
                check.fail("unlisted-file", name, "a packet has no such file")
        elif name not in OF_PACKET and not OF_RUN.fullmatch(RUN.sub("", name, count=1) if RUN.match(name) else name):
            check.fail("unlisted-file", name, "a packet has no such file")
    runs = sorted({""} | {found.group(0) for found in map(RUN.match, names) if found})
    wanted = ["packet", "README.md", "verify.py", "proofs/capture.proof"]
    wanted += [at + name for at in runs for name in ("manifest.json", "SEAL", "log/seal.tlog-proof")]
    for at in sorted({found.group(0) for found in map(EVENT.match, names) if found}):
        wanted += [at + name for name in ("statement.json", "SEAL", "log/entry.tlog-proof")]
    for name in wanted + [at + "proofs/records.proof" for at in runs if at]:
        if name not in names:
            check.fail("file-missing", name, "every packet has it")
    return runs


def check_aids(check: Check, run: Run) -> str:
    """README.md and verify.py are signed by nobody: they must be the ones that this file knows."""
    with open(os.path.abspath(__file__), "rb") as own:
        if run.read("verify.py") != own.read():
            check.fail("aid-differs", "verify.py", "changed, or of another version than the one that you run")
    readme = run.read("README.md")
    found = re.search(rb"\nK=([0-9a-f]{64})\n", readme)
    plain = readme.replace(found.group(1), b"{KEYID}") if found and b"{KEYID}" not in readme else b""
    if hashlib.sha256(plain).hexdigest() != README_SHA256:
        check.fail("aid-differs", "README.md", "changed, or of another version than the verify.py that you run")
    return found.group(1).decode() if found else ""


def check_signers(check: Check, run: Run, keys: dict[str, bytes], document: str) -> None:
    """Those that signed are those that the document names, each with its algorithm."""
    named = {signer["keyid"]: signer["alg"] for signer in run.manifest["signers"]}
    if set(named) != set(keys):
        check.fail("signer-set-differs", run.at + document, "those that signed are not those that it names")
    for keyid in set(named) & set(keys):
        if named[keyid] != (algorithm(keys[keyid]) or "ml-dsa-65"):
            check.fail("signer-algorithm", run.at + "keys/%s.pem" % keyid, "it is of another algorithm than %s says" % document)


def open_run(
    check: Check, source: Folder | Zip, at: str, roots: dict[str, bytes], now: float
) -> tuple[Run | None, dict[str, bytes]]:
    """The run's own files; None when nothing that they say can be believed. Returns (run, keys)."""
    run = Run(source, at)
    keys = check_seal(check, run)
    if not keys:
        return None, {}
    try:
        run.manifest = strict(run.read("manifest.json"), line=False)
        good = good_manifest(run.manifest)
    except (ValueError, RecursionError):
        good = False
    if not good:
        check.fail("manifest-format", at + "manifest.json", "not a manifest of version 1 in its one spelling")
        return None, {}
    check_signers(check, run, keys, "manifest.json")
    check_times(check, run, roots, now)
    check_countersignatures(check, run)
    return (None, {}) if check.refused() else (run, keys)


def check_packet(
    check: Check,
    source: Folder | Zip,
    keyid: str,
    vkey: tuple[str, bytes] | None,
    roots: dict[str, bytes],
    now: float,
) -> None:
    if set(check.codes) - {"unlisted-file"}:  # an empty folder may stand where a file is missing
        return
    at_all = check_names(check, source.names)
    if check.refused():
        return
    packet = Run(source)
    shown = check_aids(check, packet)
    if packet.read("packet") != b"preserve-packet/v1\n":
        check.fail("packet-format", "packet", "not a packet of version 1")
        return
    trust = Trust(keyid, vkey)
    archives = check_events(check, source, trust, roots, now)
    if check.refused():
        return
    main, keys = open_run(check, source, "", roots, now)
    if main is None:
        return
    if archives - {(main.manifest["archive"]["id"], main.manifest["log"]["origin"])}:
        check.fail("other-archive", "events", "what is said of keys is of another archive")
    if shown != main.manifest["signers"][0]["keyid"]:
        check.fail("aid-differs", "README.md", "it names another key")
    capture = check_lines(check, main)
    if capture is None:
        return
    called = set(OF_PACKET[:4])
    if capture.get("cited_in"):
        called.add("proofs/citations.proof")
    found, runs, signers = check_records(check, main, capture, called), [main], [keys]
    for at in at_all[1:]:
        other, keys = open_run(check, source, at, roots, now)
        if other is None:
            return
        mine, its = main.manifest, other.manifest
        if (mine["archive"]["id"], mine["log"]["origin"]) != (its["archive"]["id"], its["log"]["origin"]) or not (
            at == "originals/%06d/" % its["archive"]["sequence"] and its["archive"]["sequence"] < mine["archive"]["sequence"]
        ):
            check.fail("other-archive", at + "manifest.json", "not an earlier run of the same archive")
        found.update(check_records(check, other, None, called))
        runs.append(other)
        signers.append(keys)
    if not check.refused():
        check_originals(check, found)
    for run in runs:
        called |= {run.at + name for name in ("manifest.json", "SEAL", "log/seal.tlog-proof")}
        called |= {run.at + token["file"] for token in run.manifest["start_tokens"]}
        called |= {
            run.at + name
            for name in run.names
            if TOKEN.fullmatch(name) or name.startswith(("keys/", "signatures/", "countersignatures/"))
        }
    for name in [] if check.refused() else source.names:
        if name not in called and not EVENT.match(name):
            check.fail("unlisted-file", name, "nothing in the packet calls for it")
    for run, keys in zip(runs, signers):
        check_log(check, run, trust)
        for signer in sorted(keys):
            follows = ", which follows from the one that you gave" if signer in trust.operators else ""
            whose = ", the one that you gave" if signer == keyid else follows
            counts = trust.knows(run, {signer: keys[signer]}, run.manifest["log"]["size_before"])
            (check.ok if counts else check.note)("%smanifest.json: signed by key %s%s" % (run.at, signer, whose))
        if not trust.knows(run, keys, run.manifest["log"]["size_before"]):
            why = "the key that you gave did not sign it" if keyid else "no --key was given: anybody could have made this"
            if trust.operators.keys() & keys.keys():
                why = "its key was given up or revoked, or did not count yet, when it says that it was signed"
            check.doubt("signer-unknown", run.at + "manifest.json", why)
    if not check.refused():
        ended = (
            capture["outcome"] if capture.get("status") is None else "%s, status %d" % (capture["outcome"], capture["status"])
        )
        place = capture["capture"], main.manifest["archive"]["sequence"], printable(capture["url"]), ended
        check.ok("capture %d of run %d, %s (%s)" % place)
        many = "1 record is" if len(found) == 1 else "%d records are" % len(found)
        check.ok(many + " byte for byte what was signed")
        for tried in capture.get("candidates", ()):
            chosen = "  (chosen)" if tried["url"] == capture.get("chosen") else ""
            check.note("tried: %s: %s%s" % (printable(tried["url"]), tried["verdict"] or tried["outcome"], chosen))
        memento = capture.get("memento")
        if memento and memento["url"] and memento["datetime"]:
            check.note(
                "an archive's word, not the page: a copy of %s, %s" % (memento["datetime"][:10], printable(memento["url"]))
            )
        check.note("a packet shows one capture; what else its run holds cannot be seen in it")


def read_vkey(value: str) -> tuple[str, bytes]:
    """Name and key of a log."""
    name, mark, code = value.split("+", 2)
    raw = unbase64(code.encode("ascii"))
    if raw[:1] != b"\x01" or not strong(raw[1:]) or hashlib.sha256(name.encode() + b"\n" + raw).hexdigest()[:8] != mark:
        raise ValueError("not the key of a log")
    return name, raw[1:]


def main(arguments: list[str], say: Callable[[str], object] = print, now: float | None = None) -> int:
    """Check what `arguments` say; the exit code."""
    keyid, vkey = "", None
    roots: dict[str, bytes] = {}
    paths: list[str] = []
    try:
        waiting = iter(arguments)
        for word in waiting:
            if word == "--key":
                keyid = next(waiting, "").replace("-", "").lower()
                if not re.fullmatch("[0-9a-f]{64}", keyid):
                    raise ValueError("--key: a key id has 64 hexadecimal digits")
            elif word == "--log":
                try:
                    vkey = read_vkey(next(waiting, ""))
                except ValueError:
                    raise ValueError("--log: not the key of a log, a line NAME+HASH+KEY") from None
            elif word == "--root":
                name, _, path = next(waiting, "").partition("=")
                if not path:
                    raise ValueError("--root: name the authority and the file, AUTHORITY=ROOT.pem")
                with open(path, "rb") as file:
                    roots[name] = file.read()
            elif word in ("-h", "--help"):
                say(str(__doc__))
                return 0
            elif word.startswith("-"):
                raise ValueError("unknown: " + word)
            else:
                paths.append(word)
        if len(paths) > 1:
            raise ValueError("one packet at a time")
        (path,) = paths or [os.path.dirname(os.path.abspath(__file__))]
        if shutil.which("openssl") is None:
            raise ValueError("openssl is missing")
        check = Check(say)
        if os.path.exists(path) and not os.path.isdir(path) and not os.path.isfile(path):
            raise ValueError(path + " is neither a folder nor a plain file")
        source = Folder(path, check) if os.path.isdir(path) else Zip(path, check)
        try:
            check_packet(check, source, keyid, vkey, roots, time.time() if now is None else now)
        finally:
            source.close()
    except (ValueError, OSError) as problem:
        why = "%s: %s" % (problem.filename, problem.strerror) if isinstance(problem, OSError) and problem.filename else problem
        print("verify.py: %s\n\n%s" % (why, __doc__), file=sys.stderr)
        return 2
    code = next((word for word in REFUSED if word in check.codes), "")
    if code:
        say("REFUSED " + code)
        return 40
    code = next((word for word in OPEN if word in check.doubts), "")
    say("NOT ESTABLISHED " + code if code else "UNALTERED")
    return 41 if code else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
