"""What pages do with what strangers wrote: shown, never obeyed; and that every link within a report leads somewhere."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from urllib.parse import urldefrag

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archives import Archivist
from preserve.errors import ExitCode
from preserve.model.handover import Wanted
from preserve.model.lines import HopLine
from preserve.model.report import Checked, Overview, Point, Row, State
from preserve.model.web import Outcome
from preserve.web import folder, render, table
from preserve.web.notes import annotated, notes_markdown
from preserve.web.report import Site, capture_page, cited, rows_page
from preserve.web.timeline import timeline
from reports import Page, surveyed

HOSTILE = [
    '"><script>alert(1)</script>',
    "<img src=x onerror=alert(1)>",
    "' onmouseover='alert(1)",
    "{{ 7 * 7 }} {% raw %}",
    "</title></style></script><svg onload=alert(1)>",
    "\u202eevil\u202c \u2066x\u2069 zero\u200bwidth",
    "\x1b[31mred\x1b[0m\x07\x00",
    "line\u2028separator\nand\r\nmore",
    "--><!-- ]]>",
    "javascript:alert(1)",
    "\ud800 half a pair",
]
DANGEROUS = re.compile("[\x00-\x09\x0b-\x1f\x7f\u200b\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Archivist]:
    archivist = Archivist()
    archivist.add_run(3)
    archivist.add_run(2)
    root = tmp_path_factory.mktemp("pages") / "a"
    archivist.write(root)
    return root, archivist


def site(overview: Overview, **more: object) -> Site:
    return replace(Site(overview=overview, archive="a"), **more)  # type: ignore[arg-type]


def files(root: Path, archivist: Archivist, *, rows_on_page: int = 500, wanted: Wanted | None = None) -> dict[str, str]:
    """Every file of a report by its path."""
    with surveyed(root, archivist.trusted, wanted or Wanted()) as survey:
        whole = site(survey.overview, rows_on_page=rows_on_page, files=(("certificate.html", "a draft declaration"),))
        return {
            path: "".join(pieces)
            for part in folder.parts(whole, survey, declaration=True)
            for path, pieces in folder.draw(whole, survey, part, "preserve verify a")
        }


@pytest.mark.parametrize("rows_on_page", [500, 2])
def test_every_link_within_leads_somewhere(archive: tuple[Path, Archivist], rows_on_page: int) -> None:
    found = files(*archive, rows_on_page=rows_on_page)
    assert {path.split("/")[0] for path in found} <= folder.NAMES
    anchors = {
        path: {each["id"] for _, each in Page(text).elements if "id" in each}
        for path, text in found.items()
        if path.endswith(".html")
    }
    for path, text in found.items():
        if not path.endswith(".html"):
            continue
        page = Page(text)
        for link in [*page.links, *(each["href"] for each in page.all("link"))]:
            if link.startswith(("http://", "https://")):
                continue
            target, anchor = urldefrag(link)
            place = (Path("/") / path).parent / target if target else Path("/") / path
            inside = Path(*[part for part in _resolved(place).parts if part != "/"]).as_posix()
            assert inside in found, f"{path}: {link}"
            assert not anchor or anchor in anchors[inside], f"{path}: {link}"


def _resolved(path: Path) -> Path:
    parts: list[str] = []
    for part in path.parts:
        if part == "..":
            parts.pop()
        else:
            parts.append(part)
    return Path(*parts)


def test_every_page_is_whole_accessible_and_closed_to_the_network(archive: tuple[Path, Archivist]) -> None:
    for path, text in files(*archive, rows_on_page=2).items():
        if not path.endswith(".html"):
            continue
        page = Page(text)
        assert page.all("html") == [{"lang": "en"}], path
        (policy,) = [meta["content"] for meta in page.all("meta") if meta.get("http-equiv") == "Content-Security-Policy"]
        assert policy.startswith("default-src 'none';")
        assert "unsafe" not in policy
        assert len(page.all("main")) == len(page.all("title")) == len(page.all("h1")) == 1, path
        assert page.links[0] == "#main", "the skip link is first"
        assert {"id": "main"} in page.all("main")
        for name in ("img", "iframe", "object", "embed", "video", "audio", "form action", "base"):
            assert page.all(name) == []
        assert not any("style" in each or any(key.startswith("on") for key in each) for _, each in page.elements), path
        for link in page.all("a"):
            if link.get("href", "").startswith("http"):
                assert {"noopener", "noreferrer"} <= set(link["rel"].split()), path
        for tag in ("input", "select"):
            for field in page.all(tag):
                assert re.search(rf'<label>[^<]+<{tag}[^>]* name="{field["name"]}"', text), f"{path}: {field} has no label"
        for cell in page.all("th"):
            assert cell.get("scope") in {"col", "row", "rowgroup"}, path
        for drawing in page.all("svg"):
            assert drawing["role"] == "img"
            assert drawing["aria-label"]
        levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch("h[1-6]", tag)]
        assert all(after <= before + 1 for before, after in pairwise(levels)), f"{path}: {levels}"
        identifiers = [each["id"] for _, each in page.elements if "id" in each]
        assert len(identifiers) == len(set(identifiers)), path


def test_the_one_script_is_named_by_its_hash(archive: tuple[Path, Archivist]) -> None:
    import base64
    import hashlib

    text = files(*archive)["index.html"]
    (script,) = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in text.replace("&#39;", "'")


# ------------------------------------------------------------------------------------------------------------------- hostile


@pytest.fixture(params=HOSTILE, ids=range(len(HOSTILE)))
def text(request: pytest.FixtureRequest) -> str:
    assert isinstance(request.param, str)
    return request.param


def poisoned(row: Row, text: str) -> Row:
    assert row.citation is not None
    assert row.capture is not None
    citation = replace(
        row.citation, document=text, note=text, url=text, url_as_printed=text, text=f"before {text} after", title=text
    )
    capture = replace(row.capture, url=text, final_url=text, reason=text, signals=(text,), http_date=text)
    return replace(row, citation=citation, capture=capture, reason=text, state=State.DOUBTFUL)


def _same_structure(clean: str, hostile: str) -> None:
    """The hostile page has no element, and no attribute, that the clean one has not, apart from links that are not made."""

    def shape(text: str) -> set[tuple[str, frozenset[str]]]:
        return {(tag, frozenset(attributes)) for tag, attributes in Page(text).elements if tag not in {"a", "mark", "wbr"}}

    assert shape(hostile) <= shape(clean)


def test_rows_show_it(archive: tuple[Path, Archivist], text: str) -> None:
    root, archivist = archive
    with surveyed(root, archivist.trusted) as survey:
        row = next(survey.rows())
        documents = (replace(survey.overview.documents[0], name=text),)
        overview = replace(survey.overview, id=text, selection=text, documents=documents)
        page = rows_page(site(overview), 1, [poisoned(row, text)])
        clean = rows_page(
            site(replace(survey.overview, selection="x", documents=(replace(documents[0], name="ok"),))),
            1,
            [poisoned(row, "ok")],
        )
    _same_structure(clean, page)
    assert not DANGEROUS.search(page)
    assert not any(link.lower().startswith(("javascript", "data")) for link in Page(page).links)
    page.encode()


def test_a_capture_page_shows_it(archive: tuple[Path, Archivist], text: str) -> None:
    root, archivist = archive

    def page(word: str) -> str:
        found = survey.page(0, 0)
        (asked,) = found.asked
        assert asked.request is not None
        assert asked.response is not None
        line = replace(
            found.capture,
            url=word,
            final_url=word + "x",
            reason=word,
            signals=(word,),
            http_date=word,
            hops=(replace_hop(word), replace_hop(word)),
        )
        opened = replace(asked.response, text=(word, word), uri=word, fields=((word, word),), problem=word)
        strange = replace(
            asked, url=word, location=word, request=replace(asked.request, text=(word,)), response=opened, beside=(opened,)
        )
        return capture_page(
            site(survey.overview, bundle="x.wacz").below("../"),
            replace(
                found,
                capture=line,
                asked=(strange,),
                cited=(replace(found.cited[0], document=word, text=word, title=word),),
                entered=word,
            ),
        )

    with surveyed(root, archivist.trusted) as survey:
        _same_structure(page("ok"), page(text))
        shown = page(text)
    assert not DANGEROUS.search(shown)
    assert not any(link.lower().startswith(("javascript", "data")) for link in Page(shown).links)


def replace_hop(word: str) -> HopLine:
    return HopLine(url=word, status=302, location=word, outcome=Outcome.CAPTURED)


def test_markdown_shows_it(archive: tuple[Path, Archivist], text: str) -> None:
    root, archivist = archive
    with surveyed(root, archivist.trusted) as survey:
        row = poisoned(next(survey.rows()), text)
        shown = site(survey.overview)
        document = replace(survey.overview.documents[0], name=text)
        found = "".join(notes_markdown(shown, document, 1, 1, annotated(shown, [row])))
    assert not DANGEROUS.search(found)
    from markdown_it import MarkdownIt

    shown = MarkdownIt("commonmark").render(found)
    elements = {tag for tag, _ in Page(shown).elements}
    assert elements <= {"h1", "h2", "p", "ul", "li", "strong", "code"}


def test_tables_show_it(archive: tuple[Path, Archivist], text: str) -> None:
    root, archivist = archive
    with surveyed(root, archivist.trusted) as survey:
        row = poisoned(next(survey.rows()), text)
        found = table.fields(site(survey.overview), row, survey.places(row))
    line = table.json_line(found)
    assert line.isascii()
    assert not DANGEROUS.search(line)
    assert not DANGEROUS.search(table.csv_line(found).removesuffix("\r\n"))


@given(st.text(), st.text())
def test_a_citation_is_its_text_with_the_address_marked(before: str, address: str) -> None:
    shown = Page(str(render.marked(f"{before} {address} end", address) or ""))
    if shown.elements:
        assert {tag for tag, _ in shown.elements} <= {"mark", "a"}
        assert not DANGEROUS.search(shown.text)


def test_an_address_is_marked_where_the_print_broke_it(archive: tuple[Path, Archivist]) -> None:
    root, archivist = archive
    with surveyed(root, archivist.trusted) as survey:
        row = next(survey.rows())
    assert row.citation is not None
    url = "https://www.example.org/a/long-path"
    for printed, marked in (
        ("See https://www. example.org/a/ long-path (2020).", "https://www. example.org/a/ long-path"),
        ("See www.example.org/a/long-path.", "www.example.org/a/long-path"),
    ):
        shown = Page(str(cited(replace(row, citation=replace(row.citation, url=url, url_as_printed=url, text=printed)))))
        assert shown.text == printed
        assert shown.links == [url]
        assert f'<mark class="url"><a href="{url}"' in str(
            cited(replace(row, citation=replace(row.citation, url=url, text=printed)))
        )
        assert marked in shown.text
    ibid = cited(replace(row, citation=replace(row.citation, url=url, url_as_printed=None, text="Ibid.")))
    assert Page(str(ibid)).text == f"Ibid. {url}"


# ------------------------------------------------------------------------------------------------------------ what is said


@pytest.mark.parametrize(
    ("code", "said"), [(ExitCode.DONE, "Unaltered"), (ExitCode.ALTERED, "Altered, missing or forged"), (ExitCode.UNESTABLISHED, "not everything is established")]
)  # fmt: skip
def test_the_first_screen_says_how_it_verifies(archive: tuple[Path, Archivist], code: ExitCode, said: str) -> None:
    root, archivist = archive
    with surveyed(root, archivist.trusted) as survey:
        checked: Checked = replace(survey.overview.checked, exit_code=code)
        page = rows_page(site(replace(survey.overview, checked=checked)), 1, survey.rows())
    assert said in page
    assert page.index(said) < page.index('id="documents"')
    assert ("Unaltered" in page) == (code is ExitCode.DONE)


def test_an_empty_archive_and_an_open_run_are_said(tmp_path: Path) -> None:
    archivist = Archivist()
    archivist.write(tmp_path / "a")
    with surveyed(tmp_path / "a", archivist.trusted) as survey:
        page = rows_page(site(replace(survey.overview, open_run=True)), 1, survey.rows())
    assert "The archive is empty" in page
    assert "A run is open and not sealed yet" in page


def test_a_declaration_claims_no_admissibility_and_leaves_blanks(archive: tuple[Path, Archivist]) -> None:
    found = files(*archive)
    page, plain = Page(found["certificate.html"]), found["certificate.md"]
    for text in (page.text, plain):
        assert "penalty of perjury" in text
        assert "902(13)" in text
        assert "902(14)" in text
        assert "Berkeley Protocol" in text
        assert "the printed address is cut" in text, "gaps are listed"
        assert "admissible" not in text
    blanks = [each for each in page.all("span") if each.get("class", "").startswith("blank")]
    assert len(blanks) > 10
    assert all(each["aria-label"] == "left blank" for each in blanks)
    assert plain.count("_" * 40) > 10
    assert plain.count("### Exhibit") == 5
    assert "A. Archivist" in plain


# ---------------------------------------------------------------------------------------------------------------- timeline


def points(*states: State, days: int = 10) -> list[Point]:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    return [
        Point(
            run=f"{n:06d}",
            sequence=n,
            capture=0,
            at=start + timedelta(days=n * days),
            state=state,
            status=200,
            content=n // 2 + 1,
        )
        for n, state in enumerate(states)
    ]


def test_a_timeline_says_in_words_what_it_draws() -> None:
    drawn = str(timeline(points(State.CAPTURED, State.DOUBTFUL, State.NOT_CAPTURED, State.ALTERED), ("000001", 0)))
    page = Page(drawn)
    assert page.all("svg")[0]["aria-label"] == (
        "Asked 4 times from 2026-01-01 to 2026-01-31: 1 captured, 1 doubtful, 1 not captured, 1 altered"
    )
    assert [each["class"] for each in page.all("g")] == ["captured", "doubtful", "not-captured", "altered"]
    assert drawn.count('class="change"') == 1
    assert drawn.count('class="here"') == 1


def test_a_timeline_of_a_year_has_no_mark_upon_another() -> None:
    states = [State.NOT_CAPTURED if n in {100, 101, 200} else State.CAPTURED for n in range(335)]
    page = Page(str(timeline(points(*states, days=1), ("000334", 0))))
    assert page.all("svg")[0]["aria-label"].endswith(": 332 captured, 3 not captured")
    marks = page.all("g")
    assert len(marks) <= 320 / 12
    assert [each["class"] for each in marks].count("not-captured") == 2, "the gravest is what shows"
    titles = re.findall(r"<title>(.*?)</title>", str(timeline(points(*states, days=1))))
    assert sum(int(count) for title in titles for count in re.findall(r"(\d+) (?:captured|not captured)", title)) == 335
    assert "2026-04-09 to 2026-04-22, runs 98 to 111: 12 captured, 2 not captured; other bytes than before 7 times" in titles
    drawn = [float(x) for x in re.findall(r'circle cx="([\d.]+)"', str(timeline(points(*states, days=1))))]
    assert all(after - before > 8 for before, after in pairwise(drawn))


def test_one_capture_is_no_line() -> None:
    assert timeline(points(State.CAPTURED)) == ""


def test_captures_of_one_moment_stay_on_the_line() -> None:
    drawn = str(timeline(points(State.CAPTURED, State.CAPTURED, days=0)))
    assert [float(x) for x in re.findall(r'cx="([\d.]+)"', drawn)] == [9.0]
    assert "<title>2026-01-01, runs 0 to 1: 2 captured</title>" in drawn


# ------------------------------------------------------------------------------------------------------------------- pager


def test_a_pager_shows_neighbours_and_ends(archive: tuple[Path, Archivist]) -> None:
    root, archivist = archive
    with surveyed(root, archivist.trusted) as survey:
        whole = site(survey.overview)
    assert whole.near(1, 1) == [1]
    assert whole.near(1, 20) == [1, 2, 3, 0, 20]
    assert whole.near(10, 20) == [1, 0, 8, 9, 10, 11, 12, 0, 20]
