"""The draft of a declaration about captures: what the record says is filled in, what only a person can say is left blank.

It follows the points that Federal Rules of Evidence 902(13) and 902(14) ask of a certification, the form of 28 U.S.C. 1746, and the fields
that the Berkeley Protocol on Digital Open Source Investigations (2020) asks of a collection. It claims nothing about admissibility: that
is for a court.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from preserve.formats.publickey import fingerprint_groups
from preserve.formats.times import rfc3339
from preserve.model.finding import Result
from preserve.model.manifest import FileEntry
from preserve.model.report import Place, Row, SealedRun, State
from preserve.web import render
from preserve.web.render import plain
from preserve.web.report import Site, environment, imported_file

Exhibits = Callable[[], Iterable[tuple[Row, tuple[Place, ...]]]]
"""Rows of which something was kept, with where their records lie; asked for again for each list that is drawn."""
Gaps = Callable[[], Iterable[Row]]
"""Rows of which nothing was captured that is what was cited."""

_BLANK = "_" * 40
_LIMITS = (
    "A hash shows that bytes are the same. It does not show that a site served them, nor that what they say is true.",
    "The record attests what one machine recorded: the addresses that it asked, the certificates presented, the bytes sent and received.",
    "No browser was run. What a script would have fetched while the page is shown was not captured.",
    "Citations were read from the documents by a program; where the print was in doubt, the record says so.",
    (
        "What is listed as third-party was captured by others with other tools. This process kept their file as it came, and its"
        " signature says that the signer had it when the run was sealed: not who made it, when, or whether a site served what is in it."
    ),
    "A capture that is listed as doubtful holds what the server sent, which may not be the page that was cited.",
)


def certificate_page(site: Site, command: str, exhibits: Exhibits, gaps: Gaps) -> Iterator[str]:
    """The draft as a page to print, piece by piece. `command` is what was typed to verify."""
    return (
        environment()
        .get_template("certificate.html")
        .generate(
            site=site,
            command=command,
            exhibits=((row, places, cited_in(site, row)) for row, places in exhibits()),
            gaps=((row, _file(row)) for row in gaps()),
            limits=_LIMITS,
            process=_process(),
            collection=collection(site),
            outcome=outcome(site),
            tools=_tools(site.overview.runs),
        )
    )


def outcome(site: Site) -> str:
    """What the verification said, in words."""
    checked = site.overview.checked
    words = {
        0: "nothing altered, missing or forged; every needed claim established",
        40: "something altered, missing or forged",
        41: "nothing found altered; not every needed claim established",
    }
    return f"{words.get(int(checked.exit_code), 'not completed')} (exit code {int(checked.exit_code)}); time: {checked.time}"


def _tools(runs: Iterable[SealedRun]) -> list[tuple[str, str, str, str]]:
    """(program, hash of its source, Python, platform), each once."""
    found = {
        (f"{tool.name} {tool.version}", tool.source_sha256 or "", f"Python {tool.python}", tool.platform): None
        for run in runs
        if run.manifest is not None
        for tool in (run.manifest.tool,)
    }
    return list(found)


def certificate_text(site: Site, command: str, exhibits: Exhibits, gaps: Gaps) -> Iterator[str]:
    """The same as Markdown that reads as plain text."""
    overview, checked = site.overview, site.overview.checked
    yield "# Draft declaration concerning captures of web pages\n\n"
    yield f"DRAFT, made by {overview.software} on {rfc3339(checked.at)} from the record. Not signed by anyone. Blanks are for the\n"
    yield "person who signs; whether the declaration serves is for that person, for counsel and for the court to say.\n\n"
    yield "## 1. The person who certifies\n\n"
    for label in ("Name", "Title", "Employer", "Qualifications", "Basis of knowledge", "Role in these captures"):
        yield f"- {label}: {_BLANK}\n"
    yield "\n## 2. The process or system (Fed. R. Evid. 902(13))\n\n"
    for program, source, python, platform in _tools(overview.runs):
        yield f"- Program: {plain(program)}, {plain(python)}, {plain(platform)}; SHA-256 of its source: {source or 'not recorded'}\n"
    yield from (f"- {sentence}\n" for sentence in _process())
    yield f"- How I know that the system was working properly when the captures were made: {_BLANK}\n"
    yield "\n## 3. Runs\n\n"
    for run in overview.runs:
        yield from _run(run)
    yield "\n## 4. Digital identification (Fed. R. Evid. 902(14))\n\n"
    yield "Each exhibit is identified by SHA-256 (FIPS 180-4). Identical hash values mean exact duplicates.\n\n"
    yield f"- Verified by: {_BLANK}\n- Command: `{command}`\n- When: {rfc3339(checked.at)} (clock of the machine that verified)\n"
    yield f"- Result: {outcome(site)}\n"
    for one in checked.failing:
        yield f"- FAILS: {one.claim.value}: {plain(one.subject)}: {plain(one.detail)}\n"
    for one in checked.said:
        word = "established" if one.result is Result.PASS else "not established"
        yield f"- {one.claim.value}: {word}: {plain(one.subject)}: {plain(one.detail)}\n"
    yield "\n## 5. Exhibits\n"
    for number, (row, places) in enumerate(exhibits(), 1):
        yield from _exhibit(site, number, row, places)
    yield "\n## 6. What was not captured by this process\n\n"
    none = True
    for row in gaps():
        none = False
        file = _file(row)
        held = f"; in runs/{row.run.name}/{file.path}, SHA-256 {file.sha256}" if file is not None else ""
        yield f"- {_cited_in(row)}: {plain(row.url) or 'no address'}: {render.word(row.state)}: {plain(row.reason) or 'no reason is recorded'}{held}\n"
    if none:
        yield "Every citation was captured.\n"
    yield "\n## 7. Collection (Berkeley Protocol on Digital Open Source Investigations)\n\n"
    for label, value in collection(site):
        yield f"- {label}: {plain(value) if value else _BLANK}\n"
    yield "\n## 8. Limits\n\n"
    yield from (f"- {limit}\n" for limit in _LIMITS)
    yield "\n## 9. Declaration (28 U.S.C. 1746)\n\n"
    yield "If executed within the United States, its territories, possessions, or commonwealths:\n\n"
    yield "> I declare under penalty of perjury that the foregoing is true and correct.\n\n"
    yield "If executed outside the United States:\n\n"
    yield "> I declare under penalty of perjury under the laws of the United States of America that the foregoing is true and correct.\n\n"
    yield f"Executed on (date): {_BLANK}\n\nSignature: {_BLANK}\n"


def _process() -> tuple[str, ...]:
    return (
        (
            "The program asks for each cited address and writes every request and response into WARC files (ISO 28500), byte for byte"
            " as they crossed the wire, with the peer's address, the TLS facts and the certificates presented."
        ),
        (
            "It hashes each stored record (SHA-256), signs the list of hashes, binds the signatures in a SEAL, and appends the SEAL to an"
            " append-only log. Where time-stamp authorities were asked, their tokens are over the SEAL (RFC 3161)."
        ),
    )


def _run(run: SealedRun) -> Iterator[str]:
    yield f"- Run {run.sequence} (runs/{run.name}): "
    if run.manifest is None:
        yield f"cannot be read: {plain(run.problem)}\n"
        return
    signed = ", ".join(f"{plain(signer.name)}, key {fingerprint_groups(signer.keyid)}" for signer in run.manifest.signers)
    yield f"sealed {rfc3339(run.manifest.created)} by the clock of the capturing machine; signed by {signed}; SEAL SHA-256 {run.seal_sha256}"
    proofs = [(stamp, "not before", stamp.earliest) for stamp in run.started] + [
        (stamp, "not after", stamp.latest) for stamp in run.stamped
    ]
    for stamp, word, time in proofs:
        if stamp.proves and time is not None:
            yield f"; {word} {rfc3339(time)}, says {plain(stamp.authority)}"
    yield f"; log entry {run.manifest.log.size_before}\n" if run.logged else "; its place in the log is not established\n"


def _file(row: Row) -> FileEntry | None:
    """The imported file that a third party's capture lies in."""
    return None if row.capture is None else imported_file(row.capture, row.run)


def _exhibit(site: Site, number: int, row: Row, places: Iterable[Place]) -> Iterator[str]:
    line = row.capture
    assert line is not None, "an exhibit was captured"
    yield f"\n### Exhibit {number}\n\n- Cited in: {'; '.join(map(plain, cited_in(site, row)))}\n- Address: {plain(line.url)}\n"
    if line.final_url != line.url:
        yield f"- Came from: {plain(line.final_url)}\n"
    yield f"- Asked {rfc3339(line.requested_at)}, ended {rfc3339(line.finished_at)}; status {line.status if line.status is not None else 'none'}\n"
    yield f"- State: {render.word(row.state)}{f' ({line.verdict.value})' if line.verdict is not None else ''}"
    yield f"{f': {plain(row.reason)}' if row.reason and row.state is not State.CAPTURED else ''}\n"
    if line.payload_sha256:
        yield f"- Content: {line.payload_bytes} bytes, SHA-256 {line.payload_sha256}\n"
    for place in places:
        yield f"- {place.ref.type}: runs/{row.run.name}/{place.ref.warc}, record {place.ref.index}, offset {place.offset}, {place.length} bytes, SHA-256 {place.sha256}\n"


def cited_in(site: Site, row: Row) -> list[str]:
    """Every place that a capture is cited from, of the documents that the report is about."""
    assert row.capture is not None, "an exhibit was captured"
    names = {document.name for document in site.overview.documents}
    found = [
        cited.name + (f", {cited.locator}" if cited.locator else "") for cited in row.capture.cited_in if cited.name in names
    ]
    return list(dict.fromkeys(found)) or ["an address given by itself"]


def _cited_in(row: Row) -> str:
    if row.citation is None:
        return "an address given by itself"
    where = f", note {plain(row.note)}" if row.note else ""
    return f"{plain(row.citation.document)}{where}{f', page {row.citation.page}' if row.citation.page else ''}"


def collection(site: Site) -> tuple[tuple[str, str], ...]:
    """Fields of a collection and what the record says; "" is for a person to fill in."""
    signed = [run.manifest for run in site.overview.runs if run.manifest is not None]

    def several(values: Iterable[str | None]) -> str:
        return "; ".join(dict.fromkeys(value for value in values if value))

    times = [manifest.created for manifest in signed]
    return (
        ("Collector's name", several(manifest.operator.name for manifest in signed)),
        ("Role", several(manifest.operator.role for manifest in signed)),
        ("Organisation", several(manifest.operator.organisation for manifest in signed)),
        ("Case or matter", several(manifest.case.reference for manifest in signed)),
        ("Legal basis", several(manifest.case.legal_basis for manifest in signed)),
        ("Purpose of the collection", ""),
        ("Internet address of the collecting machine", several(manifest.environment.egress_ip for manifest in signed)),
        ("Client named to servers", several(manifest.environment.user_agent for manifest in signed)),
        ("Collected between", f"{rfc3339(min(times))} and {rfc3339(max(times))} (sealing times)" if times else ""),
        ("Clock", several(f"{manifest.clock.source}{_skew(manifest.clock.http_date_skew_ms)}" for manifest in signed[-1:])),
        ("Addresses, source code and embedded media", "in the WARC files, as listed under Exhibits"),
        ("Screen capture of the page as a reader saw it", ""),
        ("Alterations since collection", "none found" if site.overview.checked.exit_code in {0, 41} else "found: see part 4"),
        ("Custody since collection (who, when, why)", ""),
        ("Storage, copies and access", ""),
    )


def _skew(milliseconds: tuple[int, ...]) -> str:
    if not milliseconds:
        return ""
    return f"; servers' clocks differed by {min(milliseconds)} to {max(milliseconds)} ms"
