"""Captures read back from an archive: what a reader saw, or a plain word that it is not what was sealed."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from archives import Archivist, Files, data_files, member, record_index
from packetcorpus import revisit_archive
from pdfs import Sheet, pdf
from preserve.adapters.folder import DiskFolder
from preserve.adapters.reading.room import ReadingRoom
from preserve.flows import change, history
from preserve.flows.bundle import run_names
from preserve.flows.readback import Restored
from preserve.formats import lines, manifest, merkle
from preserve.model.change import ChangeKind
from preserve.model.lines import CaptureLine
from preserve.model.web import Outcome, Verdict
from preserve.rules.damage import Damage

URL = "http://station-1.example/page"


def stored(body: bytes, head: bytes = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n") -> Files:
    """The files of a run in which station 1 answered with exactly this."""
    files = data_files(0, 3)
    path = next(name for name in files if name.endswith(".warc.gz"))
    members = [member("warcinfo", "", b"software: preserve/0\r\n", 0)]
    for page in range(3):
        url = f"http://station-{page}.example/page?run=0"
        members.append(member("request", url, b"GET / HTTP/1.1\r\n\r\n", 2 * page + 1))
        block = head + body if page == 1 else b"HTTP/1.1 200 OK\r\n\r\nother"
        members.append(member("response", url, block, 2 * page + 2))
    files[path], files[path.removesuffix(".warc.gz") + ".records"] = b"".join(members), record_index(members)
    return files


def one_run(files: Files, tmp_path: Path) -> Path:
    archivist = Archivist()
    archivist.add_signed(files, manifest.encode(archivist.manifest(files, 0, 3)))
    return archivist.write(tmp_path / "archive")


def restored(root: Path, capture: int = 1, run: int = 0, limit: int = 1 << 20) -> Restored:
    with DiskFolder(root) as folder:
        shelf = change.shelf(folder, run_names(folder))
        line = list(shelf.runs[run].captures())[capture]
        return shelf.restore(shelf.runs[run], line, limit=limit)


BODY = b"<p>The ferry runs at noon.</p>"
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=x\r\n"


def test_a_page_comes_back_as_it_was(tmp_path: Path) -> None:
    found = restored(one_run(stored(BODY), tmp_path))
    assert (found.status, found.body, found.cut, found.problem, found.altered) == (200, BODY, False, "", False)
    assert (found.media_type, found.header(b"content-type")) == ("text/html", "text/html")


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        (b"Content-Encoding: gzip\r\n", gzip.compress(BODY, mtime=0)),
        (b"Content-Encoding: deflate\r\n", zlib.compress(BODY)),
        (b"Transfer-Encoding: chunked\r\n", b"5\r\n<p>Th\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(BODY) - 5, BODY[5:])),
    ],
)
def test_codings_are_undone(tmp_path: Path, coding: bytes, body: bytes) -> None:
    found = restored(one_run(stored(body, HEAD + coding + b"\r\n"), tmp_path))
    assert (found.body, found.cut, found.coded) == (BODY, False, False)


def test_a_coding_that_is_not_undone_is_told(tmp_path: Path) -> None:
    found = restored(one_run(stored(b"\x0b\x02\x80", HEAD + b"Content-Encoding: compress\r\n\r\n"), tmp_path))
    assert found.coded
    assert found.problem == "its content coding is not undone here: compress"


def test_a_bomb_is_cut(tmp_path: Path) -> None:
    bomb = gzip.compress(b"0" * (64 << 20))
    found = restored(one_run(stored(bomb, HEAD + b"Content-Encoding: gzip\r\n\r\n"), tmp_path), limit=1000)
    assert (len(found.body), found.cut) == (1000, True)


def test_a_long_body_is_cut_and_still_read_whole(tmp_path: Path) -> None:
    root = one_run(stored(b"1234567890" * 200_000), tmp_path)
    found = restored(root, limit=1000)
    assert (found.body, found.cut) == (b"1234567890" * 100, True)
    with DiskFolder(root) as folder:
        run = change.shelf(folder, run_names(folder)).runs[0]
        place = run.place(run.warcs[0].path, 4)
    flip(next(root.glob("runs/*/data/*.warc.gz")), place.offset + place.length - 40)  # far behind what is kept
    assert restored(root, limit=1000).altered


def flip(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


def test_nothing_altered_is_shown(tmp_path: Path) -> None:
    root = one_run(stored(BODY), tmp_path)
    with DiskFolder(root) as folder:
        shelf = change.shelf(folder, run_names(folder))
        place = shelf.runs[0].place(list(shelf.runs[0].captures())[1].records[0].warc, 4)
    warc = next(root.glob("runs/*/data/*.warc.gz"))
    whole = warc.read_bytes()
    for at in range(place.offset, place.offset + place.length):
        warc.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        found = restored(root)
        assert found.altered, at
        assert (found.body, found.head, found.status) == (b"", b"", None)
    warc.write_bytes(whole[: place.offset + 10])
    assert restored(root).altered


def test_a_forged_record_index_is_not_believed(tmp_path: Path) -> None:
    root = one_run(stored(BODY), tmp_path)
    forged = stored(BODY.replace(b"noon", b"dusk"))
    for name, data in forged.items():
        if name.endswith((".warc.gz", ".records")):
            (next(root.glob("runs/*")) / name).write_bytes(data)
    found = restored(root)
    assert found.altered
    assert "not the record index that was signed" in found.problem


def test_a_revisit_is_read_where_its_payload_lies(tmp_path: Path) -> None:
    root = revisit_archive().write(tmp_path / "archive")
    first, second = restored(root, run=0), restored(root, run=1)
    assert second.body == first.body != b""
    assert second.run == first.run == "000000-20261121t120000z"
    next((root / "runs" / first.run).glob("data/*.warc.gz")).unlink()
    assert restored(root, run=1).altered


def test_what_nothing_was_kept_of(tmp_path: Path) -> None:
    root = one_run(stored(BODY), tmp_path)
    with DiskFolder(root) as folder:
        shelf = change.shelf(folder, run_names(folder))
        line = replace(list(shelf.runs[0].captures())[1], records=())
        assert shelf.restore(shelf.runs[0], line).problem == "nothing was kept of an answer"


def test_an_archives_answer_is_not_the_pages(tmp_path: Path) -> None:
    """A dead page whose copy lies in a web archive: what the archive sent is no answer of the page."""
    files = stored(BODY)
    rows = [lines.decode_capture(row) for row in merkle.lines(files["data/captures.jsonl"])]
    rows[1] = replace(
        rows[1], final_url="http://dead.example/", outcome=Outcome.FAILED, status=None, verdict=None, reason="dead"
    )
    files["data/captures.jsonl"] = b"".join(lines.encode_capture(row) + b"\n" for row in rows)
    found = restored(one_run(files, tmp_path))
    assert (found.problem, found.body, found.altered) == ("nothing was kept of an answer", b"", False)


def test_a_pdf_is_read_as_text() -> None:
    def read(words: str) -> tuple[str, str]:
        body = pdf([Sheet().text(72, 700, words)])
        found = Restored(status=200, headers=((b"Content-Type", b"application/pdf"),), body=body)
        page = change.page_of(found, "http://one.example/a.pdf", reader)
        return page.text, change.outline_of(found, page).pieces[0].text

    with ReadingRoom() as reader:
        assert read("The harbour was dredged in 1911.") == ("The harbour was dredged in 1911.",) * 2


# --- a run against those before it


def grown(
    tmp_path: Path, *texts: str, outcomes: Mapping[int, tuple[Outcome, Verdict | None, int | None]] | None = None
) -> Path:
    """An archive in which three stations answer in each run; station 1 with these texts."""
    archivist = Archivist()
    for sequence, text in enumerate(texts):
        bodies = [b"<p>Station 0 is the same.</p>", text.encode(), f"<p>Station 2 is open.</p><p>{sequence} views</p>".encode()]
        files = data_files(sequence, 3, body=bodies.__getitem__)
        rows = [lines.decode_capture(row) for row in merkle.lines(files["data/captures.jsonl"])]
        rows = [_moved(row, sequence) for row in rows]
        if outcomes and sequence in outcomes:
            outcome, verdict, status = outcomes[sequence]
            rows[1] = replace(rows[1], outcome=outcome, verdict=verdict, status=status, reason="so it was")
        files["data/captures.jsonl"] = b"".join(lines.encode_capture(row) + b"\n" for row in rows)
        archivist.add_signed(files, manifest.encode(archivist.manifest(files, sequence, 3)))
    return archivist.write(tmp_path / "grown")


def _moved(row: CaptureLine, sequence: int) -> CaptureLine:
    """The same address in each run, which leads to one of that run's own."""
    return replace(row, url=row.url.removesuffix(f"?run={sequence}"))


def test_each_real_change_is_told_once(tmp_path: Path) -> None:
    texts = ("<p>It is open.</p>", "<p>It is open.</p>", "<p>It is shut.</p>", "<p>It is shut.</p>", "<p>It is gone.</p>")
    with DiskFolder(grown(tmp_path, *texts)) as folder:
        names = run_names(folder)
        shelf = change.shelf(folder, names)
        told = [
            [(found.url, found.kind, found.added, found.removed) for found in change.changes(shelf, name)] for name in names
        ]
        assert told == [
            [],
            [],
            [(URL, ChangeKind.TEXT, ("It is shut.",), ("It is open.",))],
            [],
            [(URL, ChangeKind.TEXT, ("It is gone.",), ("It is shut.",))],
        ]
        kinds = [found.kind.value for found in change.timeline(shelf, change.captures_of(shelf, URL))]
        assert kinds == ["identical", "text", "identical", "text"]
        assert [
            found.kind.value for found in change.timeline(shelf, change.captures_of(shelf, "http://station-2.example/page"))
        ] == ["noise"] * 4
        line = list(shelf.runs[2].captures())[1]
        assert change.words(shelf, names[0], names[2], line) == "the main text differs; now “It is shut.”"
        assert change.words(shelf, names[0], names[1], list(shelf.runs[1].captures())[2]) == ""
        assert all(found.before.page is None and found.after.outline is None for found in change.changes(shelf, names[2]))


def test_a_page_that_was_not_asked_for_in_between(tmp_path: Path) -> None:
    lost = {1: (Outcome.REFUSED, None, None), 2: (Outcome.CAPTURED, Verdict.GONE, 404)}
    with DiskFolder(
        grown(tmp_path, "<p>Open.</p>", "<p>x</p>", "<p>No such page.</p>", "<p>Open.</p>", outcomes=lost)
    ) as folder:
        names = run_names(folder)
        shelf = change.shelf(folder, names)
        assert [[found.kind.value for found in change.changes(shelf, name)] for name in names] == [[], [], ["gone"], ["back"]]
        (gone,) = change.changes(shelf, names[2])
        assert gone.before.sequence == 0
        (back,) = change.changes(shelf, names[3])
        assert (back.added, back.removed, back.reasons[-1]) == ((), (), "as it was in run 0")
        assert [seen.sequence for seen in change.captures_of(shelf, URL)] == [0, 2, 3]


def test_a_page_that_comes_back_is_held_against_what_it_was(tmp_path: Path) -> None:
    lost = {1: (Outcome.FAILED, None, None)}
    with DiskFolder(grown(tmp_path, "<p>Open.</p>", "<p>x</p>", "<p>Shut.</p>", outcomes=lost)) as folder:
        names = run_names(folder)
        (back,) = change.changes(change.shelf(folder, names), names[2])
        assert (back.kind, back.added, back.removed) == (ChangeKind.BACK, ("Shut.",), ("Open.",))
        assert back.reasons[-1] == "not as it was in run 0"


def test_the_history_counts_each_citation_once_by_what_is_known_last(tmp_path: Path) -> None:
    ended = {1: (Outcome.FAILED, None, None), 2: (Outcome.CAPTURED, Verdict.SOFT_404, 200)}
    with DiskFolder(grown(tmp_path, "a", "b", "c", outcomes=ended)) as folder:
        found = history.history(folder, run_names(folder), Damage(()))
    assert [(tally.cited, tally.ok, tally.doubtful, tally.failed, tally.unaddressed) for tally in found] == [
        (3, 3, 0, 0, 1),
        (6, 5, 0, 1, 2),  # each run has a document of its own
        (9, 7, 1, 1, 3),
    ]
