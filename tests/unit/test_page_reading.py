"""Responses read as pages: what they show, what they call themselves, and never an exception."""

from __future__ import annotations

import time

import pytest

from pagetexts import TONGUES
from preserve.formats.html import EndTag, Tag, pieces
from preserve.model.page import Answer, Evidence, Extract, Media
from preserve.pages.charset import decode
from preserve.pages.reading import LIMIT, media_of, read
from preserve.rules.verdict import judge

HERE = "https://lake.example/news/story"


def test_a_page_is_read() -> None:
    found = read(
        b"""<!doctype html><html lang="en-GB"><head><meta charset=utf-8><title>Ferry &amp; bridge | Courier</title>
        <meta property="og:title" content="Ferry &amp; bridge"><meta name=author content="Anna Berg"><meta name="robots" content="noindex">
        <meta property="article:published_time" content="2021-05-03"><link rel="alternate canonical" href="/n/1"><script src="/a.js"></script><script>var x = "<p>";</script></head>
        <body><nav><a href="/">Home</a></nav><main><h1>Ferry<br>&amp; bridge</h1><p>The fer<b>ry</b> sails&nbsp;twice.<p>And <a href="/x">back</a>.</main>
        <form action="/s"><input type=password name=p><input type=hidden></form><noscript>No script?</noscript><div hidden>Later</div><template>T</template></body></html>""",
        content_type="text/html",
        address=HERE,
    )
    assert found.title == "Ferry & bridge | Courier"
    assert found.titles == ("Ferry & bridge | Courier", "Ferry & bridge")
    assert found.headings == ("Ferry & bridge",)
    assert found.text.splitlines() == ["Home", "Ferry", "& bridge", "The ferry sails twice.", "And back."]
    assert "Home" not in found.main_text
    assert "The ferry sails twice." in found.main_text
    assert (found.language, found.canonical) == ("en-gb", "https://lake.example/n/1")
    assert found.said("author") == ("Anna Berg",)
    assert found.said("published") == ("2021-05-03",)
    markup = found.markup
    assert markup.scripts == ("https://lake.example/a.js",)
    assert markup.inline == 'var x = "<p>";'
    assert (markup.passwords, markup.passwords_aside, markup.inputs, markup.links) == (1, 0, 1, 2)
    assert (markup.noscript, markup.hidden, markup.noindex) == ("No script?", "Later T", True)
    assert markup.forms == ("https://lake.example/s",)


def test_json_ld_and_microdata() -> None:
    found = read(
        b'<html><script type="application/ld+json">{"@graph":[{"@type":["NewsArticle"],"headline":"Ferry","datePublished":"2021-05-03",'
        b'"author":[{"name":"Anna Berg"},"Bo Ek"]},{"@type":"Organization","name":"Courier"}]}</script>'
        b'<meta itemprop="dateModified" content="2021-05-04"><script type="application/ld+json">{"broken</script><p>x',
        content_type="text/html",
    )
    assert found.titles == ("Ferry",)
    assert found.visible_metadata == (
        ("published", "2021-05-03"),
        ("author", "Anna Berg"),
        ("author", "Bo Ek"),
        ("modified", "2021-05-04"),
    )


def test_refresh_and_base() -> None:
    found = read(
        b'<html><base href="https://other.example/a/"><meta http-equiv=Refresh content="3; URL=\'b\'"><iframe src=c></iframe>',
        address=HERE,
    )
    assert (found.markup.refresh, found.markup.refresh_after) == ("https://other.example/a/b", 3)
    assert found.markup.frames == ("https://other.example/a/c",)


def test_passwords_in_a_header_stand_aside() -> None:
    found = read(
        b'<html><div class="site-header"><input type=password></div><div id=main><input type=password></div>',
        content_type="text/html",
    )
    assert (found.markup.passwords, found.markup.passwords_aside) == (2, 1)


@pytest.mark.parametrize(
    ("data", "content_type", "expected"),
    [
        ("Größe für Ü", "text/html; charset=utf-8", "utf-8"),
        ("Größe für Ü".encode("cp1252"), "text/html; charset=ISO-8859-1", "cp1252"),
        ("Größe für Ü", "text/html; charset=iso-8859-1", "utf-8"),
        ('<meta charset="windows-1251">Паром на северный берег'.encode("cp1251"), "text/html", "cp1251"),
        ('<meta charset="utf-8">Паром на северный берег ходит утром'.encode("cp1251"), "text/html", "cp1251"),
        ('<meta charset="gb2312">开往北岸的渡轮'.encode("gb18030"), "text/html", "gb18030"),
        ("북쪽 강변 나룻배".encode("cp949"), "text/html; charset=ks_c_5601-1987", "cp949"),
        ("渡し船の時刻表".encode("iso2022_jp"), "text/html; charset=iso-2022-jp", "iso2022_jp"),
        ("Ferry", "text/html; charset=zip", "utf-8"),
        ("Größe für Ü".encode("utf-16"), "text/html", "utf-16-le"),
    ],
)
def test_the_charset(data: str | bytes, content_type: str, expected: str) -> None:
    raw = data.encode() if isinstance(data, str) else data
    text, codec = decode(raw, content_type)
    assert codec == expected
    if isinstance(data, str):
        assert text == data
    assert "\ufffd" not in text


def test_a_few_broken_bytes_are_damage() -> None:
    text, codec = decode("Größe für Übung im Flußbett, schön".encode() + b"\xff" + "längs der Brücke".encode(), "text/html")
    assert (codec, text.count("\ufffd")) == ("utf-8", 1)


@pytest.mark.parametrize(
    ("data", "content_type", "media"),
    [
        (b"", "text/html", Media.EMPTY),
        (b"  \n", "text/html", Media.EMPTY),
        (b"%PDF-1.7", "text/html", Media.PDF),
        (b"<!DOCTYPE html><p>log in", "application/pdf", Media.HTML),
        (b"<p>x", "text/plain", Media.TEXT),
        (b"<p>x", "", Media.HTML),
        (b"words", "", Media.TEXT),
        (b"words", "text/html", Media.HTML),
        (b"\x89PNG\r\n\x1a\n", "text/html", Media.IMAGE),
        (b"x", "image/webp", Media.IMAGE),
        (b"PK\x03\x04", "", Media.OTHER),
        (b"\0\0\0\0", "application/octet-stream", Media.OTHER),
        (b'{"a":1}', "application/json", Media.TEXT),
        (b"x", "video/mp4", Media.OTHER),
    ],
)
def test_what_kind_of_thing_it_is(data: bytes, content_type: str, media: Media) -> None:
    assert media_of(data, content_type) is media
    assert read(data, content_type=content_type, address=HERE).media is media


def test_a_pdf_is_read_by_whoever_can() -> None:
    assert read(b"%PDF-1.7 x").unread == "the text of the PDF was not read"
    found = read(b"%PDF-1.7 x", pdf=lambda data: Extract(text=f"Ferry\n\n {len(data)} bytes"))
    assert (found.text, found.main_text, found.unread) == ("Ferry\n10 bytes", "Ferry\n10 bytes", "")
    assert read(b"%PDF-1.7 x", pdf=lambda data: Extract()).unread == "no text could be read in the PDF"
    assert read(b"%PDF-1.7 x", pdf=lambda data: Extract(problem="it takes too long")).unread == "it takes too long"


def test_where_the_main_text_cannot_be_looked_for_the_page_is_read_all_the_same() -> None:
    html = f"<html><nav>Home</nav><p>{'The ferry runs at noon. ' * 20}</p></html>".encode()
    found = read(html, content_type="text/html", main=lambda markup: Extract(problem="it takes too long"))
    assert found.main_text.startswith("The ferry runs")
    assert (found.remark, found.unread) == ("it takes too long", "")
    answer = Answer(address=HERE, status=200, size=500)
    assert judge(Evidence(asked=HERE, answer=answer, page=found)).signals == ("it takes too long",)


def test_more_than_is_read_is_cut() -> None:
    found = read(b"<html><p>" + b"a " * LIMIT, content_type="text/html", main=None)
    assert found.cut
    assert found.size == LIMIT
    assert len(found.text) < LIMIT


@pytest.mark.long
@pytest.mark.parametrize(
    "bomb",
    [
        b"<div>" * 200_000,
        b"<a href=x>" * 100_000,
        b"<h1>" * 200_000,
        b"<div>" * 1000 + b"</p></b></i>" * 60_000,
        b"<a " + b"x=y " * 250_000 + b">hi",
        b"<p " + b"a" * 1_000_000,
        b"<" * 1_000_000,
        b"&" * 1_000_000,
        b"<script type=application/ld+json>" + b"[" * 150_000,
        b"<meta name=author content=x>" * 30_000,
        b"<table><tr><td>" * 60_000,
        b"\0" * 1_000_000,
    ],
    ids=range(12),
)
def test_bombs_take_time_in_proportion(bomb: bytes) -> None:
    began = time.process_time()
    found = read(b"<html>" + bomb, content_type="text/html", address=HERE)
    assert time.process_time() - began < 4  # at rest half a second; a tree builder takes minutes for the first
    assert found.media is Media.HTML
    assert len(found.visible_metadata) <= 60
    assert len(found.headings) <= 400


def test_main_text_without_trafilatura_is_the_blocks_outside_navigation() -> None:
    tongue = TONGUES["en"]
    inside = "".join(f"<p>{line}</p>" for line in tongue.body)
    html = "<div>" * 300 + f"<nav><p>{'menu ' * 60}</p></nav><main>{inside}</main><footer>{'foot ' * 60}</footer>"
    found = read(html.encode(), content_type="text/html", address=HERE)
    assert found.markup.depth > 200
    assert found.main_text == "\n".join(tongue.body)


def test_main_text_may_be_left_out() -> None:
    assert read(b"<html><p>words", content_type="text/html", main=None).main_text == ""


def test_pieces_of_a_page() -> None:
    found = list(pieces("a<p class=x>b</P><!-- c --><script>d<e></script>f<title>g&amp;</title><svg><style/></svg>h<br/>i<"))
    assert found == [
        "a",
        Tag("p", " class=x"),
        "b",
        EndTag("p"),
        Tag("script", "", "d<e>"),
        EndTag("script"),
        "f",
        Tag("title", "", "g&amp;"),
        EndTag("title"),
        Tag("svg", ""),
        Tag("style", "/"),
        EndTag("svg"),
        "h",
        Tag("br", "/"),
        "i<",
    ]
