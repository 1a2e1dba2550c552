"""docs/misbehaviours.md: what a capture makes of every case of the library, read from the archive that it left.

`python tests/misbehaviour_page.py` writes the page; a test makes it again and compares. One capture goes over plain HTTP and one over TLS,
each case a host of its own. What the page says comes from captures.jsonl and from the WARC files, read with warcio.
"""

from __future__ import annotations

import os
import ssl
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import trustme
from warcio.archiveiterator import ArchiveIterator

from misbehaviours import CASES, MAX_SIZE, Case, MisbehavingSite, Peer
from running import whole_line
from sites import AnyHostSite

PAGE = Path(__file__).parents[1] / "docs" / "misbehaviours.md"
_DOMAIN = "site.example"
_PATIENCE = 2
"""Seconds of silence that are borne: more than any pause of the cases that do not stall."""

_INTRODUCTION = f"""# What servers do wrong, and what becomes of it

{{count}} cases of `tests/misbehaviours.py`: things that are right if odd, wrong yet readable, cut short, or no response at all. Each was played by a raw-socket
server on loopback, over plain HTTP and over TLS, and captured with `--timeout {_PATIENCE} --max-size {MAX_SIZE}` and no other help. This page is written from what
the two archives hold, by `python tests/misbehaviour_page.py`; a test makes it again and compares.

- *outcome*: the outcome and the status in `captures.jsonl`; an arrow where more than one exchange led there (redirects, and what was asked again);
  then why it is not captured, or what was noted of it. TLS has a line of its own where it differs.
- *in the WARC*: the records of the last exchange that left any. A `response` is exactly what the server's own log says that it sent, byte for byte, wherever it was
  complete; what came beside it (`interim`, `excess`, `garbage`) lies in records of its own ([warc-profile.md](formats/warc-profile.md) section 5).
  An exchange of which its records do not say all there is to say has a `metadata` record with the facts of its connection too, and so has each that came to nothing.

| case | outcome | in the WARC |
|---|---|---|
"""


_HANDSHAKES = """
## Handshakes that fail

No request is sent with `--tls require`, which is the default; the reason and what the server presented are kept all the same. `--tls record` goes on where only the certificate
stands in the way, and marks the capture.

| case | `--tls require` | in the WARC | `--tls record` | in the WARC |
|---|---|---|---|---|
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """What a capture made of a case: its line in captures.jsonl, the blocks of its records by type or kind, what the server sent last."""

    line: Mapping[str, Any]
    exchanges: tuple[tuple[tuple[str, bytes], ...], ...]
    sent: bytes

    @property
    def last(self) -> dict[str, bytes]:
        """The records of the last exchange: "request", "response", "interim", "excess", "garbage", "metadata"."""
        return dict(self.exchanges[-1]) if self.exchanges else {}


def capture(folder: Path, *, tls: bool) -> dict[str, Made]:
    """Capture every case into an archive below `folder`; its WARC files are under `archive/runs/*/data`."""
    context, options = None, []
    if tls:
        ca = trustme.CA()
        ca.cert_pem.write_to_path(folder / "ca.pem")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        ca.issue_cert(*(f"{case.name}.{_DOMAIN}" for case in CASES)).configure_cert(context)
        options = ["--cacert", str(folder / "ca.pem")]
    with MisbehavingSite(context) as site:
        addresses = {
            case.name: f"{'https' if tls else 'http'}://{case.name}.{_DOMAIN}:{site.port}/{case.name}" for case in CASES
        }
        done = _preserve(
            folder, "archive", "".join(f"{address}\n" for address in addresses.values()), "--resolve", f"*:{site.port}:127.0.0.1", *options
        )  # fmt: skip
        assert done.returncode == 10, (done.returncode, done.stderr)
        sent = {case.name: site.sent(case.name) for case in CASES}
    return _made(folder / "archive", sent, site.port)


def _preserve(folder: Path, archive: str, urls: str, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [
            sys.executable, "-W", "error", "-m", "preserve", "capture", "-q", "--archive", archive, "--url-list", "-", "--delay", "0",
            "--concurrency", "200", "--robots", "ignore", "--no-probe", "--no-timestamp", "--timeout", str(_PATIENCE),
            "--max-size", str(MAX_SIZE), *options,
        ],
        input=urls, encoding="utf-8", capture_output=True, cwd=folder, check=False, timeout=120,
        env={**os.environ, "HOME": str(folder), "XDG_CONFIG_HOME": str(folder / "config"), "XDG_STATE_HOME": str(folder / "state")},
    )  # fmt: skip


def _made(archive: Path, sent: Mapping[str, bytes], port: int = 0) -> dict[str, Made]:
    """What an archive of one run holds, by the last part of each address."""
    (run,) = (archive / "runs").iterdir()
    records = _records(run)
    made = {}
    for text in (run / "data" / "captures.jsonl").read_text().splitlines():
        line = whole_line(text.replace(f":{port}/", "/"))
        name = line["url"].rpartition("/")[2]
        own = [records[one["warc"], one["index"]] for one in line["records"]]
        made[name] = Made(line=line, exchanges=tuple(_by_exchange(own)), sent=sent.get(name, b""))
    return made


def _records(run: Path) -> dict[tuple[str, int], tuple[str, bytes, str]]:
    """(kind, block, address) of every record, by file and place: the WARC-Type, or what stands in the URN of what came beside."""
    found = {}
    for warc in sorted((run / "data").glob("*.warc.gz")):
        with warc.open("rb") as file:
            for index, record in enumerate(ArchiveIterator(file, no_record_parse=True)):
                uri = record.rec_headers.get_header("WARC-Target-URI") or ""
                aside = record.rec_type == "resource" and uri.startswith("urn:preserve:")
                kind = uri.split(":")[2] if aside else record.rec_type
                address = uri.split(":", 3)[3] if uri.startswith("urn:preserve:") else uri
                found[f"data/{warc.name}", index] = (kind, record.raw_stream.read(), address)
    return found


def _by_exchange(records: list[tuple[str, bytes, str]]) -> list[tuple[tuple[str, bytes], ...]]:
    """Records in the order of the file. An exchange begins with its request, or with another address, and ends with its metadata.

    A host's certificates and name answer are nobody's.
    """
    exchanges: list[list[tuple[str, bytes]]] = []
    place = ""
    for kind, block, address in records:
        if kind in {"certificates", "dns"} or block.startswith(b"host: "):
            continue
        if not exchanges or kind == "request" or address != place:
            exchanges.append([])
        exchanges[-1].append((kind, block))
        place = "" if kind == "metadata" else address
    return [tuple(one) for one in exchanges]


def both(folder: Path) -> tuple[dict[str, Made], dict[str, Made]]:
    """What becomes of every case, over plain HTTP and over TLS; the archives are left in `folder`, below `plain` and `tls`."""
    with ThreadPoolExecutor(2) as threads:
        jobs = []
        for name in ("plain", "tls"):
            (folder / name).mkdir()
            jobs.append(threads.submit(capture, folder / name, tls=name == "tls"))
        return jobs[0].result(), jobs[1].result()


HANDSHAKES: dict[str, str] = {
    "expired": "the certificate has expired",
    "not-valid-yet": "the certificate is not valid yet",
    "for-another-host": "the certificate is for another host",
    "from-nobody-known": "the certificate's issuer is not known",
    "no-tls": "TLS: the server does not speak TLS on this port",
    "hangs-up": "the server closed the connection during the TLS handshake",
}
"""What goes wrong in a handshake, and the reason that is told."""


def _speaks_plainly(peer: Peer) -> bool:
    peer.say(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")
    peer.farewell()
    return True


def _hangs_up(peer: Peer) -> bool:
    peer.farewell()
    return True


def handshakes(folder: Path) -> tuple[dict[str, Made], dict[str, Made]]:
    """What becomes of each with `--tls require` and with `--tls record`; the archives are left in `folder`."""
    now, ca = datetime.now(UTC), trustme.CA()
    ca.cert_pem.write_to_path(folder / "ca.pem")
    with (
        AnyHostSite(tls=True) as site,
        MisbehavingSite(greet=_speaks_plainly) as plain,
        MisbehavingSite(greet=_hangs_up) as deaf,
    ):
        hosts = {name: f"{name}.{_DOMAIN}" for name in HANDSHAKES}
        site.trust(ca)
        site.certificate(hosts["expired"], ca.issue_cert(hosts["expired"], not_after=now - timedelta(days=1)))
        site.certificate(hosts["not-valid-yet"], ca.issue_cert(hosts["not-valid-yet"], not_before=now + timedelta(days=1)))
        site.certificate(hosts["for-another-host"], ca.issue_cert("other.example"))
        site.certificate(hosts["from-nobody-known"], trustme.CA().issue_cert(hosts["from-nobody-known"]))
        ports = dict.fromkeys(hosts, site.port) | {"no-tls": plain.port, "hangs-up": deaf.port}
        ways = [word for name, port in ports.items() for word in ("--connect-to", f"{hosts[name]}:443:127.0.0.1:{port}")]
        urls = "".join(f"https://{host}/{name}\n" for name, host in hosts.items())
        found = []
        for mode in ("require", "record"):
            done = _preserve(folder, mode, urls, "--tls", mode, "--cacert", str(folder / "ca.pem"), *ways)
            assert done.returncode in {10, 11}, (done.returncode, done.stderr)
            found.append(_made(folder / mode, {}))
    return found[0], found[1]


def written(
    plain: Mapping[str, Made], secure: Mapping[str, Made], required: Mapping[str, Made], recorded: Mapping[str, Made]
) -> str:
    """The page."""
    rows = []
    for case in CASES:
        told, also = _outcome(case, plain[case.name]), _outcome(case, secure[case.name])
        kept, kept_too = _kept(plain[case.name]), _kept(secure[case.name])
        rows.append(f"| {case.name.replace('-', ' ')} | {told if told == also else f'{told}<br>TLS: {also}'} |"
                    f" {kept if kept == kept_too else f'{kept}<br>TLS: {kept_too}'} |\n")  # fmt: skip
    shaken = []
    for name in HANDSHAKES:
        strict, lax = required[name], recorded[name]
        shaken.append(f"| {name.replace('-', ' ')} | {_shaken(strict)} | {_kept(strict)} | {_shaken(lax)} | {_kept(lax)} |\n")
    return _INTRODUCTION.format(count=len(CASES)) + "".join(rows) + _HANDSHAKES + "".join(shaken)


def _shaken(made: Made) -> str:
    """The outcome, why the chain does not verify, and how many certificates of it are kept."""
    server = made.line["server"] or {}
    tls = server.get("tls") or {"problem": "", "chain_sha256": []}
    told = made.line["reason"] or tls["problem"]
    kept = f"; {len(tls['chain_sha256'])} certificate kept" if tls["chain_sha256"] else ""
    return f"**{made.line['outcome']}** {made.line['status'] or ''}".strip() + f"; {told}{kept}"


def _outcome(case: Case, made: Made) -> str:
    """In a few words. Of the signals those of the wire are told; what a page is worth as evidence is judged elsewhere."""
    line = made.line
    statuses = [str(hop["status"] or hop["outcome"]) for hop in line["hops"]]
    way = " → ".join(statuses) if len(statuses) < 5 else f"{statuses[0]} → … ({len(statuses)} exchanges)"
    words = [f"**{line['outcome']}** {way if len(statuses) > 1 else line['status'] or ''}".strip()]
    if line["truncated"]:
        words.append(f"`WARC-Truncated: {line['truncated']}`")
    if line["reason"]:
        words.append(line["reason"])
    words += [told for told in line["signals"] if told in {*case.notes, case.tls_note} or (case.signal and case.signal in told)]
    return "; ".join(words).replace("https://", "http://")


def _kept(made: Made) -> str:
    parts = []
    for kind, block in made.exchanges[-1] if made.exchanges else ():
        if kind == "response":
            parts.append(f"`response` ({'what came' if made.line['truncated'] else f'{len(block)} bytes'})")
        else:
            parts.append(f"`{kind}`")
    return ", ".join(parts) or "nothing: it was never asked"


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made_in:
        PAGE.write_text(written(*both(Path(made_in)), *handshakes(Path(made_in))), encoding="utf-8")
