"""The pages of `preserve view`: those of a report, drawn when they are asked for, and what only a running program can show.

    index.html  rows/…  captures/…  notes/…  certificate.html     as a report has them, at the same paths
    search  check  check.json  events                             looking for citations; verifying; what was done with the archive
    changes/RUN-N/RUN-N  replay/RUN-N                             two captures compared; one replayed
    captures/…-changes.html                                       each capture of an address compared with the one before it

Who asks has shown the token; where the socket is, is another's business. Only `check` is ever posted to, and only the check it starts.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from itertools import chain
from typing import Any, Protocol
from urllib.parse import urlencode

from preserve.errors import FormatError, PreserveError
from preserve.model.change import Change, Pair
from preserve.model.lines import CaptureLine
from preserve.model.noun import dataclass
from preserve.model.report import CapturePage, Point, State
from preserve.model.viewing import Answer, Asked, EventLine, Found, Progress, Showing, Stage
from preserve.rules import sidebyside
from preserve.rules.change import ending
from preserve.web import folder, render, steps
from preserve.web.livesite import LiveSite, framed, routed
from preserve.web.report import environment, groups, timeline_path, typed

COMPARING = 1.5
"""Seconds that a page spends on comparing before it comes, and says how much is left."""
CAPTURES = 60
"""Of one address, of which a page of its own tells one by one."""
ROWS = 100
"""Rows of a page: fewer than on the disk, for each is drawn when it is asked for."""
_STYLES = {render.STYLE: (render.STYLE,), "view.css": ("view.css", "difference.css")}
_TEXT = "text/plain; charset=utf-8"


class Source(folder.Source, Protocol):
    """What the pages are drawn from; `flows.report.Survey` is one."""

    def __len__(self) -> int: ...

    def line(self, run: int, capture: int) -> CaptureLine: ...

    def points(self, run: int, capture: int) -> tuple[tuple[Point, ...], int]: ...

    def every_point(self, run: int, capture: int) -> tuple[Point, ...]: ...


class Backing(Protocol):
    """The archive behind the pages; `flows.view.Desk` is one."""

    @property
    def lock(self) -> AbstractContextManager[Any]:
        """Held by whoever reads `survey`."""
        ...

    @property
    def survey(self) -> Source: ...

    @property
    def ready(self) -> bool:
        """Whether there is a `survey` yet."""
        ...

    @property
    def checked(self) -> bool: ...

    def progress(self) -> Progress: ...

    def check(self) -> bool: ...

    def find(self, query: str, state: State | None, document: int | None, first: int, count: int) -> Found: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What others do for the pages: compare two captures, list events (and what does not hold of them), show a capture.

    `compare_all` compares pairs of captures for so many seconds at most; what they come to stands in the points of a survey then.
    `frame` gives the port and the path of the frame in which a capture is replayed; None, and `no_player` says why, where there is no player.
    """

    compare: Callable[[tuple[str, CaptureLine], tuple[str, CaptureLine]], Change]
    compare_all: Callable[[Sequence[Pair], float], None]
    events: Callable[[], tuple[tuple[EventLine, ...], tuple[str, ...]]]
    frame: Callable[[Showing], tuple[int, str]] | None
    no_player: str = ""


class View:
    """Answers for one archive, called `archive` in commands, that lies at `place`."""

    def __init__(self, backing: Backing, archive: str, place: str, means: Means) -> None:
        self._backing = backing
        self._archive = archive
        self._place = place
        self._means = means

    def answer(self, asked: Asked) -> Answer | None:
        """The page at a path; None where there is none."""
        if (named := routed(asked.path)) is None:
            return None
        kind, parts = named
        if asked.method == "POST":
            return self._start() if kind == "check" else Answer(status=405, media_type=_TEXT)
        if kind == "style":
            return Answer(text="".join(map(render.asset, _STYLES[parts[0]])), media_type="text/css; charset=utf-8")
        if kind == "progress":
            return self._progress()
        if not self._backing.ready:
            return self._opening()
        try:
            drawn: Answer | None = getattr(self, f"_{kind}")(asked, *parts)
        except FormatError as problem:
            return self._problem(404, "This cannot be shown", problem.message)
        except PreserveError as problem:
            return self._problem(
                500, "This cannot be read", f"{problem.message}. {problem.hint}" if problem.hint else problem.message
            )
        return drawn

    # --------------------------------------------------------------------------------------------------------------- answers

    def _site(self, here: str = "", depth: int = 0, frames: str = "") -> LiveSite:
        pending = ""
        if not self._backing.checked:
            now = self._backing.progress()
            pending = (
                f"It could not be checked: {now.problem}."
                if now.stage is Stage.FAILED
                else "The archive is open, and every byte of it is being read just now."
            )
        return LiveSite(
            overview=self._backing.survey.overview,
            archive=self._archive,
            root="../" * depth,
            rows_on_page=ROWS,
            live=True,
            here=here,
            pending=pending,
            frames=frames,
        )

    def _html(self, site: LiveSite, template: str, *, status: int = 200, **context: Any) -> Answer:
        text = environment().get_template(template).render(site=site, **context)
        return Answer(status=status, text=text, fields=framed(site))

    def _problem(self, status: int, title: str, said: str) -> Answer:
        """A page that says so, and needs nothing of the archive for it."""
        return Answer(status=status, text=render.page("refused.html", title=title, said=said, again=0))

    def _opening(self) -> Answer:
        """Before the archive has been read there is nothing to show, and the page asks again."""
        now = self._backing.progress()
        if now.stage is Stage.FAILED:
            return self._problem(500, "The archive cannot be read", now.problem)
        said = "A large one takes a while. Nothing is known of it yet; this page looks again every two seconds."
        return Answer(status=503, text=render.page("refused.html", title="The archive is being opened", said=said, again=2))

    def _start(self) -> Answer:
        self._backing.check()
        return Answer(status=303, location="check", media_type=_TEXT)

    def _progress(self) -> Answer:
        now = self._backing.progress()
        said = {"stage": now.stage, "done": now.done, "total": now.total}
        return Answer(text=json.dumps(said), media_type="application/json")

    # ------------------------------------------------------------------------------------------------- the pages of a report

    def _drawn(self, site: LiveSite, part: folder.Part, path: str | None = None) -> Answer | None:
        """One of the files of a part of the report: that at `path`, or the first."""
        with self._backing.lock:
            for name, pieces in folder.draw(site, self._backing.survey, part, self._typed("verify")):
                if path is None or name == path:
                    return Answer(text="".join(pieces), fields=framed(site), media_type=_media_type(name))
        return None

    def _typed(self, command: str) -> str:
        return f"preserve {command} {shlex.quote(self._place)}"

    def _rows(self, asked: Asked, number: str | None) -> Answer | None:
        page = int(number or 1)
        site = self._site("index.html")
        last = max(1, -(-site.overview.total // ROWS))
        return self._drawn(site, folder.Part("rows", 0, page)) if 1 <= page <= last else None

    def _capture(self, asked: Asked, sequence: str, capture: str) -> Answer | None:
        with self._backing.lock:
            place = self._find(int(sequence), int(capture))
            return None if place is None else self._drawn(self._site(), folder.Part("capture", *place))

    def _notes(self, asked: Asked, document: str, number: str | None, form: str) -> Answer | None:
        site, index = self._site(), int(document) - 1
        if not 0 <= index < len(site.overview.documents):
            return None
        begin = site.overview.documents[index].first // ROWS
        return self._drawn(site, folder.Part("rows", 0, begin + int(number or 1)), asked.path)

    def _certificate(self, asked: Asked, form: str) -> Answer:
        site = self._site("certificate.html")
        if site.pending:
            return self._problem(
                503, "Not checked yet", "A declaration rests on a verification, and that has not ended. " + site.pending
            )
        part = folder.Part("certificate" if form == "html" else "certificate text")
        drawn = folder.draw(site, self._backing.survey, part, self._typed("verify"))
        ((name, pieces),) = drawn
        return Answer(pieces=self._one_by_one(pieces), fields=framed(site), media_type=_media_type(name))

    def _one_by_one(self, pieces: Iterable[str]) -> Iterator[str]:
        """The pieces of a long page, each made when it is wanted, others getting their turn between."""
        source = iter(pieces)
        while True:
            with self._backing.lock:
                text = "".join(piece for _, piece in zip(range(200), source, strict=False))
            if not text:
                return
            yield text

    def _find(self, sequence: int, capture: int) -> tuple[int, int] | None:
        """The place of a run and the number of one of its captures that have a page."""
        survey = self._backing.survey
        for place, run in enumerate(survey.overview.runs):
            if run.sequence == sequence and capture in survey.captures(place, capture, capture + 1):
                return place, capture
        return None

    def _line(self, sequence: int, capture: int) -> tuple[str, CaptureLine] | None:
        """The name of a run and what was sealed of one of its captures."""
        place = self._find(sequence, capture)
        return None if place is None else (self._backing.survey.overview.runs[place[0]].name, self._backing.survey.line(*place))

    # ------------------------------------------------------------------------------------------------- what is only here

    def _search(self, asked: Asked) -> Answer:
        query = " ".join(asked.query.get("q", "").split())[:400]
        state = next((one for one in State if one.value == asked.query.get("state")), None)
        document, here = _number(asked.query.get("document"), -1), max(1, _number(asked.query.get("page"), 1))
        with self._backing.lock:
            site = self._site("search")
            chosen = document if 0 <= document < len(site.overview.documents) else None
            found = self._backing.find(query, state, chosen, (here - 1) * ROWS, ROWS)
            rows = [row for number in found.numbers for row in self._backing.survey.rows(number, number + 1)]
            return self._html(
                site,
                "search.html",
                query=query,
                state="" if state is None else state.value,
                document=chosen,
                found=found,
                documents=groups(site, rows),
                here=here,
                last=max(1, -(-found.total // ROWS)),
                pages=_pages(query, state, chosen),
            )

    def _check(self, asked: Asked) -> Answer:
        now = self._backing.progress()
        part = now.done * 1000 // now.total if now.total else 0
        with self._backing.lock:
            return self._html(self._site("check"), "check.html", progress=now, thousandths=part, command=self._typed("verify"))

    def _events(self, asked: Asked) -> Answer:
        events, problems = self._means.events()
        return self._html(self._site("events"), "events.html", events=events, problems=problems)

    def _changes(self, asked: Asked, *numbers: str) -> Answer | None:
        first, second, third, fourth = map(int, numbers)
        with self._backing.lock:
            before, after = self._line(first, second), self._line(third, fourth)
            if before is None or after is None or before == after or before[1].url != after[1].url:
                return None
            site = self._site(depth=2)
        change = self._means.compare(before, after)
        return self._html(
            site,
            "changes.html",
            change=change,
            before=site.at(first, second),
            after=site.at(third, fourth),
            rows=sidebyside.rows(change),
            ending=ending,
        )

    def _timeline(self, asked: Asked, sequence: str, capture: str) -> Answer | None:
        """The captures of an address compared, as many as there is time for; who asks again gets more of them.

        Those around the one that was asked for; of many, a page of them by its number. Time that is left is spent on the rest.
        """
        number = _number(asked.query.get("page"), 0)
        before = self._points(int(sequence), int(capture), number)
        if before is None:
            return None
        pairs = dict.fromkeys(one.pair for one in chain(*before) if one.pair is not None and one.step is None)
        self._means.compare_all(list(pairs), COMPARING)
        with self._backing.lock:
            found, line = self._points(int(sequence), int(capture), number), self._line(int(sequence), int(capture))
            if found is None or line is None:
                return None
            points, whole = found
            site = self._site(depth=3)
            address = site.root + timeline_path(int(sequence), int(capture))
            return self._html(
                site,
                "timeline.html",
                points=points,
                whole=whole,
                kinds=tuple(steps.by_kind(whole)),
                number=number,
                pages=-(-len(whole) // CAPTURES),
                size=CAPTURES,
                here=(line[0], int(capture)),
                line=line[1],
                run=next(run for run in site.overview.runs if run.name == line[0]),
                told=steps.told(points),
                waiting=steps.waiting(points),
                address=address,
                more=f"{address}?page={number}" if number else address,
            )

    def _points(self, sequence: int, capture: int, page: int) -> tuple[Sequence[Point], tuple[Point, ...]] | None:
        """The captures of a capture's address: those of a page (around it, where that is 0), and all. None where there are none."""
        with self._backing.lock:
            place = self._find(sequence, capture)
            if place is None:
                return None
            whole = self._backing.survey.every_point(*place)
            part = whole[(page - 1) * CAPTURES : page * CAPTURES] if page else self._backing.survey.points(*place)[0]
            return (part, whole) if part else None

    def _replay(self, asked: Asked, sequence: str, capture: str) -> Answer | None:
        with self._backing.lock:
            place = self._find(int(sequence), int(capture))
            if place is None:
                return None
            page = self._backing.survey.page(*place)
        frame = self._frame(page, asked.name) if page.entered and page.state not in {State.ALTERED, State.REMOVED} else None
        return self._html(
            self._site(depth=1, frames=frame[0] if frame else ""),
            "replay.html",
            page=page,
            frame=None if frame is None else frame[0] + frame[1],
            problem=self._means.no_player,
            archive=shlex.quote(self._place),
            bundle=f"{self._typed('bundle')} --run {page.run.sequence} --url {typed(page.entered or page.capture.url)} -o page.wacz",
        )

    def _frame(self, page: CapturePage, name: str) -> tuple[str, str] | None:
        """The origin and the path at which the capture is shown."""
        if self._means.frame is None or page.entered is None:
            return None
        port, path = self._means.frame(
            Showing(
                run=page.run.name,
                sequence=page.run.sequence,
                capture=page.capture.capture,
                url=page.entered,
                at=page.capture.requested_at,
            )
        )
        return f"http://{name}:{port}", f"/{path}"


def _media_type(name: str) -> str:
    return "text/markdown; charset=utf-8" if name.endswith(".md") else "text/html; charset=utf-8"


def _number(text: str | None, otherwise: int) -> int:
    return int(text) if text and text.isascii() and text.isdecimal() and len(text) < 10 else otherwise


def _pages(query: str, state: State | None, document: int | None) -> Callable[[int], str]:
    asked = {"q": query, "state": "" if state is None else state.value, "document": "" if document is None else document}

    def page(number: int) -> str:
        return "search?" + urlencode({**asked, "page": number})

    return page
