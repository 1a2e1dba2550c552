"""Packages from strangers: bombs, doubles, entities. Each is refused by name, fast, and in little memory."""

from __future__ import annotations

import io
import subprocess
import sys
import zipfile

import pytest

from packages import docx_parts, packed, para, run
from preserve.documents import package, read
from preserve.errors import FormatError


def parts() -> dict[str, str | bytes]:
    return docx_parts(para(run("harmless")), {})


def refused(data: bytes) -> FormatError:
    with pytest.raises(FormatError) as failure:
        read("paper.docx", data)
    assert failure.value.hint
    return failure.value


def test_a_part_that_unpacks_to_far_more_is_refused() -> None:
    made = parts()
    made["word/document.xml"] = b"<a>" + b" " * 8_000_000 + b"</a>"
    assert "unpacks from" in refused(packed(made)).message


def test_all_parts_together_have_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(package, "TOTAL", 1000)
    made = parts()
    made["word/document.xml"] = str(made["word/document.xml"]).replace("harmless", "harmless " * 100)
    assert "unpacks from" in refused(packed(made)).message


def test_too_many_entries_are_refused_before_they_are_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(package, "ENTRIES", 20)
    made = parts() | {f"x/{number}": "" for number in range(30)}
    assert "more than 20 entries" in refused(packed(made)).message


def test_too_many_elements_are_refused_before_they_are_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(package, "ELEMENTS", 50)
    made = parts()
    made["word/document.xml"] = "<a>" + "<b/>" * 200 + "</a>"
    assert "more than 50 elements" in refused(packed(made)).message


def test_two_parts_of_one_name_are_refused() -> None:
    out = io.BytesIO(packed(parts()))
    with zipfile.ZipFile(out, "a") as made, pytest.warns(UserWarning, match="Duplicate"):
        made.writestr("word/document.xml", "<other/>")
    assert "two parts are named word/document.xml" in refused(out.getvalue()).message


ENTITIES = {
    "a bomb": '<!DOCTYPE a [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]><a>&b;</a>',
    "a file": '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>',
    "an address": '<!DOCTYPE a SYSTEM "http://127.0.0.1:9/a.dtd"><a/>',
    "parameters": '<!DOCTYPE a [<!ENTITY % p SYSTEM "http://127.0.0.1:9/p"> %p;]><a/>',
}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-32"])
@pytest.mark.parametrize("kind", ENTITIES)
def test_document_types_are_refused_whatever_they_declare(kind: str, encoding: str) -> None:
    made = parts()
    made["word/document.xml"] = f'<?xml version="1.0" encoding="{encoding}"?>{ENTITIES[kind]}'.encode(encoding)
    message = refused(packed(made)).message
    assert "document type" in message or ("utf-32" in encoding and "not well-formed" in message)


def test_deep_nesting_is_refused() -> None:
    made = parts()
    made["word/document.xml"] = "<a>" * 5000 + "</a>" * 5000
    assert "not well-formed" in refused(packed(made)).message


def test_a_damaged_part_is_named() -> None:
    data = bytearray(packed(parts(), stored=True))
    at = data.find(b"harmless")
    data[at] ^= 1
    assert "word/document.xml is damaged" in refused(bytes(data)).message


def test_an_encrypted_part_is_told() -> None:
    data = bytearray(packed(parts()))
    entry = data.find(b"PK\x01\x02", data.find(b"PK\x01\x02") + 1)
    while data[entry + 46 : entry + 46 + 17] != b"word/document.xml":
        entry = data.find(b"PK\x01\x02", entry + 1)
    data[entry + 8] |= 1
    assert "encrypted" in refused(bytes(data)).message


@pytest.mark.parametrize(
    ("name", "what"),
    [("xl/workbook.xml", "XLSX"), ("ppt/presentation.xml", "PPTX"), ("datapackage.json", "WACZ"), ("readme", "no document")],
)
def test_other_packages_are_told_apart(name: str, what: str) -> None:
    assert what in refused(packed({name: "x"})).message


def test_a_cut_package_is_told() -> None:
    assert "damaged ZIP" in refused(packed(parts())[:-30]).message


def test_a_large_bomb_takes_little_memory_and_time() -> None:
    """160 MB of white space, read by a process of its own whose memory is measured."""
    program = (
        "import io, resource, zipfile\n"
        "from preserve.documents import read\n"
        "from preserve.errors import FormatError\n"
        "out = io.BytesIO()\n"
        "with zipfile.ZipFile(out, 'w', zipfile.ZIP_DEFLATED, compresslevel=1) as made:\n"
        "    made.writestr('_rels/.rels', '<Relationships/>')\n"
        "    with made.open('word/document.xml', 'w') as part:\n"
        "        for _ in range(160): part.write(b' ' * 1_000_000)\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "try: read('bomb.docx', out.getvalue())\n"
        "except FormatError: print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert int(done.stdout) < 60_000  # kB; most of it are the modules
