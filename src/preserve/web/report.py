"""The pages of a report: an overview, rows of citations, changes, captures. Nouns in, HTML out. Annotated notes are in `web.notes`.

A Site knows what every page needs: the overview, where the report's first page is from here, how other pages are found. The paths that
it gives are those of the folder that `preserve report` writes; who serves the same pages in another way gives other paths by
overriding its methods.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import field, replace
from functools import cache, lru_cache
from itertools import groupby
from typing import Any

from jinja2 import Environment, Template
from markupsafe import Markup, escape

from preserve.errors import ExitCode
from preserve.formats.printable import printable
from preserve.formats.url import BadUrl, parse
from preserve.model.lines import CaptureLine, CitationLine
from preserve.model.manifest import FileEntry
from preserve.model.noun import dataclass
from preserve.model.report import CapturePage, Changed, Overview, Place, Point, Row, SealedRun, State
from preserve.rules.archived_at import ArchivedAt, Import, archived_at
from preserve.web import render, steps
from preserve.web.timeline import timeline

ROWS = 500
"""Rows of a page."""
_TIMES = {
    "self-asserted": "Time: self-asserted. When this was made rests on the signer's word; no authority vouches for it.",
    "stamped": "Time: stamped. Time-stamp authorities vouch that each run existed by the time that they name.",
}
_SOME = "Time: self-asserted. Authorities vouch for some of the runs only; each run says for itself."
_SEALS = "Time: {}. Authorities vouch for the seals of the runs that say so, and for nothing that fails."


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """What all pages of one report share. `archive` is what the archive is called in commands.

    `root` leads from a page to the report's folder ("" or "../../"), `bundle` from there to a bundle that was named, `prefix` is where
    the archive is served, `files` are further files of the report and what they are.
    """

    overview: Overview
    archive: str
    root: str = ""
    bundle: str | None = None
    prefix: str | None = None
    annotated: bool = True
    files: tuple[tuple[str, str], ...] = ()
    rows_on_page: int = ROWS
    live: bool = False
    """Whether the pages are served, and can be searched and played, or lie on a disk."""
    here: str = ""
    """Which of the pages of its bar a served page is."""
    pending: str = ""
    """Why nothing is known of the archive yet; "" when it was verified."""
    _drawn: dict[tuple[int, bool | None], Markup] = field(default_factory=dict, compare=False, repr=False)

    def below(self, root: str) -> Site:
        """The same for a page that lies so deep."""
        return replace(self, root=root, _drawn={})

    # ---------------------------------------------------------------------------------------------------------------- paths

    def page(self, number: int) -> str:
        """The page of rows of that number, from 1."""
        return "index.html" if number == 1 else f"rows/{number:04d}.html"

    def row(self, number: int) -> str:
        """A row, by its number from 0."""
        page = number // self.rows_on_page + 1
        return f"{self.root}{self.page(page)}#row-{number}"

    def capture(self, run: SealedRun, capture: int) -> str:
        return self.at(run.sequence, capture)

    def at(self, sequence: int, capture: int) -> str:
        return self.root + capture_path(sequence, capture)

    def changes(self, number: int) -> str:
        """The page of changes of that number, from 1."""
        return "changes.html" if number == 1 else f"changes/{number:04d}.html"

    def compared(self, point: Point) -> str:
        """Where a capture and the one before it are shown side by side, in a view; "" where there is none before it."""
        if point.pair is None:
            return ""
        run, capture, _ = point.pair.before
        return f"{self.root}changes/{int(run.partition('-')[0])}-{capture}/{point.sequence}-{point.capture}"

    def notes(self, document: int, page: int = 1) -> str:
        """The annotated notes of a document, by its place in the overview; "" when there are none."""
        return notes_path(document, page) if self.annotated else ""

    def replay(self, row: Row) -> str:
        assert row.capture is not None, "there is something to replay"
        return self.capture(row.run, row.capture.capture) + "#replay"

    def policy(self) -> str:
        """The Content-Security-Policy of its pages."""
        return render.policy()

    def script(self) -> Markup:
        """What a page that is served runs besides."""
        return Markup("")

    def played(self, sequence: int, capture: int) -> str:
        """Where a capture is replayed; who serves the pages says."""
        return self.at(sequence, capture) + "#replay"

    # ---------------------------------------------------------------------------------------------------------------- words

    def headline(self) -> str:
        documents = [document for document in self.overview.documents if document.name is not None]
        citations = _counted(self.overview.total, "citation")
        if not self.overview.total:
            return "No citation"
        return (
            f"{citations} in {_counted(len(documents), 'document')}" if documents else _counted(self.overview.total, "address")
        )

    def shows(self, state: State) -> bool:
        """Whether a state is worth a column: those that few archives know only where something stands so."""
        return state not in {State.THIRD_PARTY, State.REMOVED} or dict(self.overview.states)[state] > 0

    def times(self) -> str:
        checked = self.overview.checked
        vouched = any(stamp.proves for run in self.overview.runs for stamp in run.stamped)
        if vouched and checked.exit_code is ExitCode.ALTERED:
            return _SEALS.format(checked.time)
        return _SOME if vouched and checked.time != "stamped" else _TIMES[checked.time]

    def sealed(self, run: SealedRun, intact: bool | None) -> Markup:
        """When a run was sealed, and where it stands in the log: said on every row, drawn once."""
        key = (run.sequence, intact)
        if key not in self._drawn:
            self._drawn[key] = Markup(environment().get_template("parts.html").module.sealed(self, run, intact))  # type: ignore[attr-defined]  # noqa: S704
        return self._drawn[key]

    def near(self, here: int, last: int) -> list[int]:
        """The numbers that a pager shows; 0 stands for those left out."""
        shown = sorted({1, last, *range(max(1, here - 2), min(last, here + 2) + 1)})
        found = list[int]()
        for number in shown:
            if found and number > found[-1] + 1:
                found.append(0)
            found.append(number)
        return found

    def strings(self, url: str | None, capture: CaptureLine, run: SealedRun, label: str | None = None) -> ArchivedAt | None:
        """Where the capture is archived, as manuals have it; None where nothing was kept."""
        if not capture.records or not any(record.type in {"response", "revisit"} for record in capture.records):
            return None
        return archived_at(
            url=url or capture.url,
            captured=capture.finished_at,
            archive=self.overview.id or "an archive",
            seal_sha256=run.seal_sha256,
            prefix=self.prefix,
            label=label,
            imported=_imported(capture, run),
        )


def _imported(capture: CaptureLine, run: SealedRun) -> Import | None:
    """Who brought a third party's capture in; None for one of ours."""
    if capture.foreign is None or run.manifest is None:
        return None
    return Import(by=run.manifest.operator.name, at=run.manifest.created)


def imported_file(capture: CaptureLine, run: SealedRun) -> FileEntry | None:
    """The signed file that a third party's capture lies in; None for one of ours."""
    if capture.foreign is None or run.manifest is None:
        return None
    return next((entry for entry in run.manifest.files if entry.path == capture.foreign.file), None)


def capture_path(sequence: int, capture: int) -> str:
    """Where a capture's page lies in the report: a thousand to a folder."""
    return f"captures/{sequence:06d}/{capture // 1000:04d}/{capture:07d}.html"


def timeline_path(sequence: int, capture: int) -> str:
    """Where the captures of an address are compared, in a view: beside the page of one of them, so that links lead to the same places."""
    return capture_path(sequence, capture).removesuffix(".html") + "-changes.html"


def notes_path(document: int, page: int = 1) -> str:
    return f"notes/{document + 1:04d}.html" if page == 1 else f"notes/{document + 1:04d}-{page:04d}.html"


def _counted(number: int, what: str) -> str:
    plural = {"address": "addresses"}.get(what, what + "s")
    return f"{number:,} {what if number == 1 else plural}"


# --------------------------------------------------------------------------------------------------------------------- rows


@dataclass(frozen=True, slots=True, kw_only=True)
class _Group:
    """The rows of one document that stand on a page."""

    index: int
    name: str | None
    notes: str
    rows: tuple[Row, ...]


def rows_page(site: Site, number: int, rows: Iterable[Row]) -> str:
    """A page of citations; the first one is the overview, with what the verification says."""
    last = max(1, -(-site.overview.total // site.rows_on_page))
    template = "index.html" if number == 1 else "rows.html"
    return _page(template, site, documents=groups(site, rows), here=number, last=last)


def changes_page(site: Site, number: int, changed: Iterable[Changed]) -> str:
    """A page of the list of changes."""
    last = max(1, -(-(site.overview.changes or 0) // site.rows_on_page))
    return _page("changed.html", site, changed=tuple(changed), here=number, last=last)


def groups(site: Site, rows: Iterable[Row]) -> list[_Group]:
    """The rows under their documents."""
    indexes = {document.name: number for number, document in enumerate(site.overview.documents)}
    found = []
    for name, group in groupby(rows, key=lambda row: row.document):
        notes = site.notes(indexes[name])
        found.append(_Group(index=indexes[name], name=name, notes=site.root + notes if notes else "", rows=tuple(group)))
    return found


def cited(row: Row | CitationLine) -> Markup:
    """What a document says, with the address marked and, where it can be asked for, linked."""
    citation = row.citation if isinstance(row, Row) else row
    return _cited(row.url, "", None) if citation is None else _cited(row.url, citation.text or "", citation.url_as_printed)


@lru_cache(2 * ROWS)
def _cited(url: str | None, said: str, as_printed: str | None) -> Markup:
    """Remembered for as many as a page has: rows, notes and captures all show it."""
    text = render.flat(said)
    found = render.marked(text, url, as_printed, _bare(url))
    if found is not None:
        return found
    shown = render.marked(url, url) if url else None
    return escape(printable(text)) + (" " if text and shown else "") + (shown or "")


def changes(site: Site, points: Sequence[Point]) -> Markup:
    """What became of an address, in one line below its line of time; "" where nobody compares, and where there is nothing to tell."""
    if not steps.compared(points):
        return Markup("")
    real, noises, waiting = list(steps.real(points)), steps.noises(points), steps.waiting(points)
    return Markup(_template("steps.html").module.changes(site, points, real, noises, waiting))  # type: ignore[attr-defined]  # noqa: S704


def _bare(url: str | None) -> str | None:
    """The address without its scheme, as it is often printed."""
    return url.partition("://")[2].removesuffix("/") or None if url else None


@cache
def environment() -> Environment:
    """What all pages are drawn with; made once."""
    return render.environment(cited=cited, timeline=timeline, changes=changes)


def _page(template: str, site: Site, **context: Any) -> str:
    return _template(template).render(site=site, **context)


@cache
def _template(name: str) -> Template:
    return environment().get_template(name)


# ------------------------------------------------------------------------------------------------------------- one capture


def capture_page(site: Site, page: CapturePage) -> str:
    """Everything about one capture."""
    line = page.capture
    places = tuple(dict.fromkeys(one.place for one in _opened(page) if one.place.length))
    strings = site.strings(page.cited[0].url if page.cited else None, line, page.run)
    address = typed(page.entered or line.url)
    other = _other_bytes(page)
    prove = f"preserve prove {shlex.quote(site.archive)} {address} --run {page.run.sequence} -o packet.zip"
    bundle = f"preserve bundle {shlex.quote(site.archive)} --run {page.run.sequence} --url {address} -o page.wacz"
    return _page(
        "capture.html",
        site,
        page=page,
        title=next((one.title for one in page.cited if one.title), None),
        here=(page.run.name, line.capture),
        places=places,
        commands=tuple(_commands(site, page, places)),
        prove="" if line.foreign else prove,  # its records have no proofs of their own
        bundle=bundle,
        compare=_compared(site, page),
        compared=steps.compared(page.points),
        told=steps.told(page.points),
        waiting=steps.waiting(page.points),
        more=site.root + timeline_path(page.run.sequence, line.capture),
        other=other,
        difference="" if other is None else _difference(site, page, other),
        archive=shlex.quote(site.archive),
        typed=typed(line.url),
        strings=() if strings is None else strings.items(),
    )


def _other_bytes(page: CapturePage) -> Point | None:
    """The last capture before this one that something came of, when that was other bytes; what it comes to, nobody has looked at."""
    before: Point | None = None
    for point in page.points:
        if (point.run, point.capture) == (page.run.name, page.capture.capture):
            return before if before is not None and point.content and point.content != before.content else None
        before = point if point.content else before
    return None


def _difference(site: Site, page: CapturePage, before: Point) -> str:
    """What tells the two apart; "" where one is a third party's, or both are of one run: `preserve diff` compares runs of ours."""
    if State.THIRD_PARTY in {before.state, page.state} or before.sequence == page.run.sequence:
        return ""
    runs = f"--from {before.sequence} --to {page.run.sequence}"
    return f"preserve diff {shlex.quote(site.archive)} {typed(page.capture.url)} {runs}"


def _compared(site: Site, page: CapturePage) -> str:
    """Where the capture is compared with the one before; "" where there is none, or nobody to compare them."""
    before = [
        place for place, point in enumerate(page.points) if (point.run, point.capture) == (page.run.name, page.capture.capture)
    ]
    if not site.live or not before or before[0] == 0:
        return ""
    earlier = page.points[before[0] - 1]
    return f"{site.root}changes/{earlier.sequence}-{earlier.capture}/{page.run.sequence}-{page.capture.capture}"


def _opened(page: CapturePage) -> Iterator[Any]:
    for asked in page.asked:
        yield from (one for one in (asked.request, asked.response, *asked.beside) if one is not None)


def typed(url: str) -> str:
    """An address as it is typed into a shell: in the form that goes on the wire, where it has one."""
    parsed = parse(url)
    return shlex.quote(printable(url) if isinstance(parsed, BadUrl) else parsed.address)


def _commands(site: Site, page: CapturePage, places: Sequence[Place]) -> Iterator[str]:
    """How to check the run and these records without this program."""
    manifest = page.run.manifest
    yield f"cd {shlex.quote(f'{site.archive}/runs/{page.run.name}')}"
    yield "sha256sum -c --strict SEAL"
    yield "sha256sum SEAL   # " + page.run.seal_sha256
    if manifest is not None:
        for signer in manifest.signers:
            yield f"openssl pkey -pubin -in keys/{signer.keyid}.pem -outform DER | sha256sum   # {signer.keyid}"
            yield (
                f"openssl pkeyutl -verify -rawin -pubin -inkey keys/{signer.keyid}.pem -sigfile signatures/{signer.keyid}.sig"
                " -in manifest.json"
            )
        for stamp in page.run.stamped:
            yield f"openssl ts -verify -data SEAL -in timestamps/{stamp.authority}.tsr -CAfile ROOT-OF-{stamp.authority}.pem"
    file = imported_file(page.capture, page.run)
    if file is not None:
        yield f"sha256sum {shlex.quote(file.path)}   # {file.sha256} (a third party's file, signed as a whole)"
    for place in places:
        yield (
            f"tail -c +{place.offset + 1} {shlex.quote(place.ref.warc)} | head -c {place.length} | sha256sum"
            f"   # {place.sha256} ({place.ref.type})"
        )
    for place in [place for place in places if place.ref.type in {"response", "revisit"}][-1:]:
        yield f"tail -c +{place.offset + 1} {shlex.quote(place.ref.warc)} | head -c {place.length} | zcat | less"
