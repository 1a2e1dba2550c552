"""Readers of markup and exports: whatever the bytes, a Document or a FormatError; whatever the text, its address comes back."""

from __future__ import annotations

import json
import re
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from preserve.cite import citations
from preserve.documents import read
from preserve.errors import FormatError
from preserve.formats.citations import decode, encode

TOKENS = {
    "a.tex": (
        r"\documentclass{book}", r"\begin{document}", r"\footnote{", r"\footnotemark", r"\footnotetext[3]{", r"\endnote{", r"\url{", r"\href{",
        "}", "{", "}{", "%", "\n", "\n\n", "\\", r"\%", r"\_", r"\begin{verbatim}", r"\end{verbatim}", r"\begin{thebibliography}{9}", r"\bibitem[a]{b}",
        r"\newcommand{\x}[1]{", r"\verb|", "|", r"\setcounter{footnote}{7}", r"\chapter{", r"\item[", r"\'e", r"\enquote{", r"\doi{10.1234/x}", "$", "~",
    ),
    "a.bib": ("@online{k,", "@string{", "@comment{", "}", "{", '"', "=", "url", "title", ",", "#", "\n", "%", "\\", r"\url{", "10.1234/x", "doi = {", "@"),
    "a.adoc": (
        "footnote:[", "footnote:n[", "footnoteref:[", "]", "[", "link:", "++", "----\n", "////\n", "\n", ":a: {a}{b}\n", "{a}", "[[[k,1]]]", "* ", "= T\n", "\\", "<<x>>", "\"`",
    ),
    "a.rst": (
        ".. [#] ", ".. [1] ", ".. [*] ", ".. _x: ", "__ ", ".. code::\n", ".. note::\n", "[#]_ ", "[1]_", "x_ ", "x__", "`", "<", ">`_", "``", "\n", "\n\n", "   ", "::\n", "\\",
    ),
    "a.xml": (
        "<?xml version='1.0'?>", "<!DOCTYPE article>", "<!DOCTYPE article [<!ENTITY a 'b'>]>", "<article>", "</article>", "<para>", "</para>", "<footnote>",
        "</footnote>", "<ulink url='https://e.org/'/>", "&nbsp;", "&a;", "&#0;", "<!--", "-->", "<bibliography><bibliomixed id='x'>", "</bibliomixed></bibliography>", "\n",
    ),
    "a.csv": ("url,title\n", "Note\tURL\n", '"', ",", "\t", "\n", "12", "\r", ";", "|", "\0"),
    "a.ris": ("TY  - JOUR\n", "UR  - ", "ER  - \n", "DO  - ", "PY  - 2019/1/2\n", "\n", "ID  - x\n", "Y2  - ////\n"),
    "a.json": ('[{"type":"book","URL":"', '"}]', '{"items":[', "{", "}", "[", "]", '"title":', '"issued":{"date-parts":[[', "]]}", ",", "null", "1", '"', '"id":'),
}  # fmt: skip
COMMON = (
    "https://e.example.org/a",
    "www.e.example.org/b",
    "10.1234/x",
    "word ",
    " ",
    "“",
    "ibid.",
    "see note 1",
    "\u202e",
    "é",
    "\ud7ff",
    "ß\n",
)


OTHERS = {"text/plain", "text/html", "text/markdown", "text/uri-list"}


def soup(name: str) -> st.SearchStrategy[str]:
    return st.lists(st.sampled_from(TOKENS[name] + COMMON) | st.text(max_size=6), max_size=60).map("".join)


@pytest.mark.parametrize("name", sorted(TOKENS))
def test_no_bytes_crash_a_reader(name: str) -> None:
    @settings(max_examples=80)
    @given(soup(name) | soup(name).map(lambda text: TOKENS[name][0] + text))
    def check(text: str) -> None:
        with suppress(FormatError):
            document = read(name, text.encode("utf-8", "replace"))
            for citation in citations(document):
                assert decode(encode(citation), "other") == citation
            if document.media_type not in OTHERS:
                lines = len(re.split("\r\n|\r|\n", text))
                assert all(1 <= (line.number or 0) <= lines for passage in document.passages for line in passage.lines)

    check()


PATHS = st.lists(st.text("abcXYZ019", min_size=1, max_size=8), min_size=1, max_size=4).map("/".join)
QUERIES = st.sampled_from(["", "?q=1&r=2", "?a=50%25", "#part-2", "/x_y~z", "/wiki/Hawser_(rope)"])
ADDRESSES = st.builds(lambda path, query: f"https://www.example.org/{path}{query}", PATHS, QUERIES)


def tex(url: str) -> str:
    return re.sub(r"([%#&_])", r"\\\1", url)


WRITTEN = {
    "a.tex": lambda urls: "\\begin{document}\nText" + "".join(f" a\\footnote{{T, \\url{{{tex(url)}}}.}}\n" for url in urls) + "\\end{document}",
    "a.bib": lambda urls: "".join(f"@online{{k{n},\n  title = {{T}},\n  url = {{{tex(url)}}}\n}}\n" for n, url in enumerate(urls)),
    "a.adoc": lambda urls: "= T\n\n" + "".join(f"a.footnote:[T, {url}[the page\\].]\n".replace("\\]", "]") for url in urls),
    "a.rst": lambda urls: "".join(f"a [#]_\n\n.. [#] T, `the page <{re.sub('_$', chr(92) + '_', url)}>`__.\n\n" for url in urls),
    "a.xml": lambda urls: (
        "<article>" + "".join(f"<para>a<footnote><para><ulink url='{url.replace('&', '&amp;')}'/></para></footnote></para>" for url in urls) + "</article>"
    ),
    "a.csv": lambda urls: "id,url\n" + "".join(f"{n},{url}\n" for n, url in enumerate(urls, 1)),
    "a.ris": lambda urls: "".join(f"TY  - ELEC\nID  - {n}\nUR  - {url}\nER  - \n" for n, url in enumerate(urls, 1)),
    "a.json": lambda urls: json.dumps([{"id": str(n), "type": "webpage", "URL": url} for n, url in enumerate(urls, 1)]),
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(WRITTEN))
def test_every_address_comes_back_with_its_note(name: str) -> None:
    @settings(max_examples=30)
    @given(st.lists(ADDRESSES, min_size=1, max_size=5))
    def check(urls: list[str]) -> None:
        found = citations(read(name, WRITTEN[name](urls).encode()))
        assert [each.url for each in found] == urls
        marks = [each.note for each in found]
        assert marks == ([f"k{n}" for n in range(len(urls))] if name == "a.bib" else [str(n) for n in range(1, len(urls) + 1)])

    check()
