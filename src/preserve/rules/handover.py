"""Where things lie in a bundle, what its pages say, and the page that tells a stranger how to check it. Pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Final

from preserve.formats import wacz
from preserve.formats.wacz import Page
from preserve.formats.warc import warc_date
from preserve.model.handover import Gone, Notice
from preserve.model.lines import CaptureLine, CitationLine
from preserve.model.web import Record

README_PATH = f"{wacz.OURS}/README.txt"
ANCHORS_NAME = "preserve-unchanged.warc.gz"
"""The WARC file by which players find what was only listed as unchanged (docs/adr/0272)."""
NOTICES_NAME = "preserve-removed.warc.gz"
"""The WARC file of pages that stand for what players cannot show (docs/adr/0280)."""
MADE = frozenset({wacz.ARCHIVE + ANCHORS_NAME, wacz.ARCHIVE + NOTICES_NAME})
"""What lies among the WARC files and was sealed by no run."""
PROOFS = "proofs/"
THIRD_PARTY = " (third-party capture)"
"""What a page's title ends with that another tool captured."""
REMOVED = " (removed: nothing to replay)"
"""What a page's title ends with that players cannot show."""
_SUFFIX = ".warc.gz"
_SELECTED = "-selected.warc.gz"
_RECORDS = ".records-proof"
_FOREIGN = rf"{wacz.ARCHIVE}[a-z0-9-]+-([0-9]{{6,}}-[0-9]{{8}}t[0-9]{{6}}z)-foreign-[0-9]{{4,}}"
_IMPORTED = re.compile(rf"{_FOREIGN}\.warc(\.gz)?")
_EXTRACT = re.compile(rf"{_FOREIGN}~([0-9]{{4,}})\.warc(\.gz)?")
_ENTRY = re.compile(rf"{wacz.RUN}([0-9]{{6,}}-[0-9]{{8}}t[0-9]{{6}}z)/([^/]+)")

_EVENT = re.compile(rf"{wacz.RUN}([0-9]{{6,}}-(?:key|redaction))/([^/]+)")


def entry_path(run: str, path: str) -> str:
    """Where a file of a run's folder lies in a bundle: one folder a run, for a checker of WACZ files knows no deeper ones."""
    return f"{wacz.RUN}{run}/{path.replace('/', '~')}"


def run_path(entry: str) -> tuple[str, str] | None:
    """The run's name and the path in its folder that an entry stands for; None for an entry of another kind."""
    match = _ENTRY.fullmatch(entry)
    return (match[1], match[2].replace("~", "/")) if match else None


def event_path(event: str, path: str) -> str:
    """Where a file of the folder of an event lies in a bundle: one about keys, or about a removed record."""
    return f"{wacz.RUN}{event}/{path.replace('/', '~')}"


def event_in(entry: str) -> str | None:
    """The path in an archive that such an entry stands for; None for an entry of another kind."""
    match = _EVENT.fullmatch(entry)
    return f"events/{match[1]}/{match[2].replace('~', '/')}" if match else None


def warc_path(path: str, *, whole: bool) -> str:
    """Where the WARC file `path` of a run lies in a bundle, or the records selected from it."""
    name = path.rpartition("/")[2]
    return wacz.ARCHIVE + (name if whole else name.removesuffix(_SUFFIX) + _SELECTED)


def is_imported(entry: str) -> bool:
    """Whether the entry is a WARC file that was imported, as it is."""
    return _IMPORTED.fullmatch(entry) is not None


def imported_in(entry: str) -> tuple[str, str] | None:
    """The run that such a WARC file was imported in, and its path there."""
    match = _IMPORTED.fullmatch(entry)
    return (match[1], f"data/{entry.removeprefix(wacz.ARCHIVE)}") if match else None


def extract_path(path: str, number: int, suffix: str) -> str:
    """Where WARC file `number` (from 1) of the imported WACZ `path` of a run lies in a bundle."""
    return f"{wacz.ARCHIVE}{path.rpartition('/')[2].removesuffix('.wacz')}~{number:04d}{suffix}"


def extracted(entry: str) -> tuple[str, int] | None:
    """The entry of the imported WACZ that a WARC file was taken out of, and its number there."""
    match = _EXTRACT.fullmatch(entry)
    if match is None:
        return None
    name = entry.removeprefix(wacz.ARCHIVE).rpartition("~")[0]
    return entry_path(match[1], f"data/{name}.wacz"), int(match[2])


def is_imported_wacz(entry: str) -> bool:
    """Whether the entry is a WACZ that was imported."""
    place = run_path(entry)
    return place is not None and place[1].endswith(".wacz") and "-foreign-" in place[1]


def is_theirs(entry: str) -> bool:
    """Whether the entry is a WARC file that another tool made."""
    return is_imported(entry) or extracted(entry) is not None


def record_proofs(path: str) -> str:
    """Where, in the run's folder, the proofs of records selected from the WARC file `path` lie."""
    return f"{PROOFS}{path.rpartition('/')[2].removesuffix(_SUFFIX)}{_RECORDS}"


def selected_warc(path: str) -> str:
    """The entry that holds the records which the proofs at `path` are of; "" when these are no proofs of records."""
    name = path.rpartition("/")[2]
    stem = name.removesuffix(_RECORDS)
    return f"{wacz.ARCHIVE}{stem}{_SELECTED}" if stem != name else ""


def line_proofs(path: str) -> str:
    """The same for lines of a file of lines."""
    return f"{PROOFS}{path.rpartition('/')[2].removesuffix('.jsonl')}.lines-proof"


def pages(
    sequence: int,
    citations: Iterable[CitationLine],
    answers: Mapping[int, tuple[str, datetime]],
    alone: Iterable[tuple[CaptureLine, str, str]],
    theirs: Collection[int] = frozenset(),
    lost: Collection[int] = frozenset(),
) -> Iterator[Page]:
    """The pages of one run. `answers`: citation → the address at which a player enters its capture, and when it was asked.

    `theirs` are the citations that a third party's capture answers, `lost` those whose capture players cannot show. What is `alone` comes
    with the address at which a player enters it and what its title ends with.
    """
    for citation in citations:
        if (answer := answers.get(citation.citation)) is None:
            continue
        note = citation.note if citation.note is not None else citation.note_inferred or ""
        where = f"note {note}" if note else "text"
        yield Page(
            id=f"{sequence}-{citation.citation}",
            url=answer[0],
            moment=answer[1],
            title=f"{citation.document}, {where}: {citation.title or citation.url or answer[0]}"
            + (THIRD_PARTY if citation.citation in theirs else "")
            + (REMOVED if citation.citation in lost else ""),
            document=citation.document,
            note=note,
            text=citation.text or "",
        )
    for capture, url, ending in alone:
        identifier = f"{sequence}-capture-{capture.capture}"
        yield Page(id=identifier, url=url, moment=capture.requested_at, title=f"{url}{ending}", document="", note="", text="")


_SAID: Final = {
    Gone.REMOVED: "What was captured here was removed from the archive.",
    Gone.ORIGINAL: "What came from this address at this time was what the archive had already. That was removed from the archive since.",
}


def notice(stands: Notice) -> Record:
    """A page for what players cannot show: no evidence, it follows from what was removed, and so does its id. No response: nobody sent it."""
    named = hashlib.sha256(f"preserve-removed {stands.uri} {warc_date(stands.date)}".encode()).hexdigest()
    block = (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Removed</title>\n'
        f"<p>{_SAID[stands.why]}</p>\n"
        "<p>This page was put in its place when the bundle was made, so that no other capture is shown there."
        " <code>preserve verify</code> says what was removed, by whom and why.</p>\n"
    ).encode("ascii")
    return Record(
        type="resource",
        id=f"urn:uuid:{named[:8]}-{named[8:12]}-8{named[13:16]}-8{named[17:20]}-{named[20:32]}",
        date=stands.date,
        fields=(
            ("WARC-Target-URI", stands.uri),
            ("WARC-Block-Digest", f"sha256:{hashlib.sha256(block).hexdigest()}"),
            ("Content-Type", "text/html; charset=utf-8"),
        ),
        head=block,
    )


README = """\
How to check this bundle
========================

This file lies in a WACZ, a ZIP of web captures. ReplayWeb.page and pywb show what it holds; showing proves nothing.

With preserve:         preserve verify BUNDLE.wacz
Keys are trusted only when you pinned them (preserve trust add), after comparing the fingerprint by another way.

Without preserve, with unzip, sha256sum and openssl. Unpack it; each folder preserve-RUN holds what was sealed with one run, "~" in a
name standing for "/". In such a folder:

  for f in *~*; do d=$(echo "$f" | tr '~' /); mkdir -p "${d%/*}"; mv "$f" "$d"; done
  K=<key id, 64 digits, known to you from elsewhere>
  sha256sum -c --strict SEAL
  openssl pkey -pubin -in keys/$K.pem -outform DER | sha256sum       # must print $K
  openssl pkeyutl -verify -rawin -pubin -inkey keys/$K.pem -sigfile signatures/$K.sig -in manifest.json

A folder countersignatures/ holds what others signed afterwards with SSH keys. This prints each key's fingerprint, to be compared with
its owner:

  for s in countersignatures/*.sshsig; do ssh-keygen -Y check-novalidate -n preserve-manifest-v1 -s $s < manifest.json; done

Folders preserve-NUMBER-key and preserve-NUMBER-redaction hold what the archive's log says of keys and of records that were removed: each
a statement.json with its SEAL and signatures, checked like a run's manifest.json. A removed record has other bytes than those that were
signed, "replacement_sha256" of the statement, and says so itself.

Two files in archive/ were made for players when the bundle was made; no run sealed them, and they prove nothing. They follow from the
rest: preserve-unchanged.warc.gz leads to what was only listed as unchanged; the pages in preserve-removed.warc.gz stand where a capture
was removed, or was as one that was. In pages/pages.jsonl its title ends with "(removed: nothing to replay)".

A whole run: manifest.json lists every file with its SHA-256. Its WARC files lie in archive/ of this bundle under the same name: put
them into data/, and the folder is the run as it was sealed.

A run with a folder proofs/ is a selection. archive/NAME-selected.warc.gz holds records of data/NAME.warc.gz, each stored member
unchanged, in the order of proofs/NAME.records-proof. A proof's "leaf" line says offset, length and SHA-256 of the stored member in
the original file; the hashes below it lead to the root that manifest.json signs (RFC 6962). What was not selected is not here.

The bundle itself: datapackage.json lists every entry with its SHA-256, datapackage-digest.json holds the SHA-256 of datapackage.json
and two signatures. "signedData" is ECDSA P-384 by the bundle's own key. "preserve" holds a statement that names that key and that
SHA-256, and an Ed25519 signature over the statement by the key in preserve/ :

  python3 -c 'import json,base64,sys; d=json.load(open("datapackage-digest.json"))["preserve"]
  open("statement","w").write(d["statement"]); open("statement.sig","wb").write(base64.b64decode(d["signature"]))'
  openssl pkeyutl -verify -rawin -pubin -inkey preserve/$K.pem -sigfile statement.sig -in statement
  sha256sum datapackage.json                                         # the last number of the statement

A capture attests what the capturing machine received. That a server said so to everybody is not claimed.
"""
