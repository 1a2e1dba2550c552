"""What a file is: by its bytes first; and what is no document says so by name."""

from __future__ import annotations

import pytest

from preserve.documents import read
from preserve.errors import FormatError


@pytest.mark.parametrize(
    ("name", "data", "media_type"),
    [
        ("a.txt", b"Plain text with https://a.example.org/x in it.", "text/plain"),
        ("a.html", b"Only a name, no markup < here >", "text/plain"),
        ("a.txt", b"<!DOCTYPE html><title>x</title><p>y", "text/html"),
        ("a", b"<?xml version='1.0'?><!-- c --><html><body>x</body></html>", "text/html"),
        ("a.htm", b"<p>A fragment</p>", "text/html"),
        ("a.md", b"Some text", "text/markdown"),
        ("a.txt", b"Text[^1].\n\n[^1]: Note", "text/markdown"),
        ("a.txt", b"A [x](https://a.example.org) and [y](https://b.example.org).", "text/markdown"),
        ("urls.txt", b"# list\nhttps://a.example.org/\nwww.b.example.org/x\n", "text/uri-list"),
        ("plan", b'{"url": "https://a.example.org/"}\n', "application/jsonl"),
    ],
)
def test_forms_are_told_by_content(name: str, data: bytes, media_type: str) -> None:
    document = read(name, data)
    assert (document.media_type, document.name, document.size) == (media_type, name, len(data))


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "empty (0 bytes)"),
        (b" \n\t\n", "nothing but white space"),
        (b"\x89PNG\r\n\x1a\n", "a picture"),
        (b"\x1f\x8b\x08\x00", "a gzip file"),
        (b"{\\rtf1 x}", "an RTF file"),
        (b"\xd0\xcf\x11\xe0\xa1", "an old Office file"),
        (bytes(range(256)), "binary data"),
        (b'{"url": 1}\n', "line 1: `url` is neither a string nor null"),
    ],
)
def test_what_is_no_document_says_what_it_is_and_what_to_do(data: bytes, says: str) -> None:
    with pytest.raises(FormatError) as refused:
        read("thing", data)
    assert refused.value.message.startswith("thing: ")
    assert says in refused.value.message
    assert refused.value.hint


@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32", "cp1252"])
def test_encodings(codec: str) -> None:
    text = "Café, naïve “quoted” – http://a.example.org/x and some more text\n" * 5
    document = read("a.txt", text.encode(codec))
    assert document.passages[0].lines[0].text == text.splitlines()[0]


def test_a_declared_charset_comes_first_and_a_guess_is_told() -> None:
    page = '<html><meta charset="windows-1251"><p>Паром ходит</p>'.encode("cp1251")
    assert (read("a", page).encoding, read("a", page).remarks) == ("cp1251", ())
    guessed = read("a.txt", ("Паром ходит по реке с давних времён. " * 20).encode("cp1251"))
    assert guessed.encoding == "cp1251"
    assert "no charset is declared" in guessed.remarks[0]


def test_a_few_broken_bytes_leave_the_rest_utf8() -> None:
    document = read("a.txt", ("é" * 500).encode() + b"\xc3(" + b" end")
    assert document.encoding == "utf-8"
    assert "U+FFFD" in document.remarks[0]


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_line_numbers_are_an_editors(end: bytes) -> None:
    document = read("a.txt", end.join([b"one", b"", b"three https://a.example.org/x"]))
    assert [line.number for passage in document.passages for line in passage.lines] == [1, 3]
