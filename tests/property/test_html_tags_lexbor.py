"""The tokenizer of pages sees the tags that a whole HTML parser sees (Lexbor, through selectolax)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from selectolax.lexbor import LexborHTMLParser

from preserve.formats.html import tags

PIECES = [
    "<img src=a>", '<IMG SRC="b&amp;c">', "<img src='d&copy=1'>", "<img src=e/>", "<p>", "</p>", "<!--", "-->", "--!>", "<!-->",
    "<script>", "</script>", "<style>", "</style >", "<textarea>", "</textarea>", '"', "'", "<img ", "src=", ">", "<", "/", "=",
    "x", '<a href="', "<!x", "<?", "</", "<title>", "</title>", '<div style="', '<img src="f&#65;&#x41 g&notit;&lt">',
    "<img src=a src=b>", "<b\n>", "\x00", "é",
]  # fmt: skip


@given(st.lists(st.sampled_from(PIECES), max_size=12).map("".join))
def test_images_are_those_that_a_parser_finds(soup: str) -> None:
    soup = soup.replace("\x00", "")  # a NUL becomes U+FFFD there: not ours to imitate
    page = f"<body>{soup}"
    expected = [
        sorted((name, value or "") for name, value in node.attributes.items()) for node in LexborHTMLParser(page).css("img")
    ]
    assert [sorted(tag.attributes.items()) for tag in tags(page) if tag.name == "img"] == expected


@given(st.text(alphabet="<>/!-=\"' aAsStTyYlLeEgGxX&#;\x00\n"))
def test_any_text_is_read_to_its_end(text: str) -> None:
    for tag in tags(text):
        assert tag.name == tag.name.lower()
        assert isinstance(tag.attributes, dict)


def test_self_closing_tags_are_empty_in_svg_and_xml_alone() -> None:
    assert [tag.name for tag in tags("<svg><title/><image href=a /></svg><img src=b>")] == ["svg", "title", "image", "img"]
    assert [tag.name for tag in tags("<script src=a /><img src=b>")] == ["script"]
    assert [tag.name for tag in tags("<script src=a /><img src=b />", xml=True)] == ["script", "img"]


@pytest.mark.parametrize(
    "hostile", ["<div>", "<a ", '<a b="', "<!--", "<script>", "<", "<!", "</", "<a =", "<svg>", "<img src='&#"]
)
def test_a_hostile_page_takes_no_longer_than_another(hostile: str) -> None:
    # A tree builder needs a minute and a half for a megabyte of <div>.
    for tag in tags(hostile * (1_000_000 // len(hostile))):
        tag.attributes  # noqa: B018 - reading them is the work
