"""How fast documents are read: 300 pages with 500 notes as PDF, the same as DOCX, ODT and EPUB; the processor's time and the peak memory.

    python bench/bench_readers.py            each form in a process of its own; pdfium's bare text of the same PDF beside it
    python bench/bench_readers.py FILE...    the same for documents of yours

The PDF is written by hand (tests/pdfs.py), 46 lines a page of about 80 letters, with raised marks and notes at the foot.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pypdfium2

from preserve.cite import citations
from preserve.documents import read

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from packages import docx, epub, foot, odt, para, run
from pdfs import Sheet, pdf

PAGES, NOTES = 300, 500
SENTENCE = "The ferry at the lower crossing has run since the spring of the year in which"
WORDS = SENTENCE.split()


def note(number: int) -> str:
    return f"A. Weir, The Winch, vol. {number}, https://www.ferry.example.org/exhibits/{number}/the-winch-house.html (2019)."


def make(folder: Path) -> list[Path]:
    sheets, number = [], 0
    for page in range(PAGES):
        own = range(number, NOTES * (page + 1) // PAGES)
        number = own.stop
        sheet = Sheet()
        for line in range(46 - 2 * len(own)):
            shift = (page * 7 + line) % len(WORDS)
            sheet.text(72, 740 - 13 * line, " ".join(WORDS[shift:] + WORDS[:shift]), 11)
        for place, each in enumerate(own):
            sheet.mark(468, 740 - 13 * 3 * place, str(each + 1)).text(72, 120 - 24 * place, f"{each + 1} {note(each + 1)}", 8)
        sheets.append(sheet.text(300, 40, str(page + 1), 9))
    texts = [" ".join([SENTENCE] * 9) for _ in range(NOTES * 3)]
    marked = [(text, at // 3 + 1 if at % 3 == 0 else 0) for at, text in enumerate(texts)]
    body = "".join(para(run(text), foot(mark) if mark else "") for text, mark in marked)
    cited = '<text:note text:note-class="footnote"><text:note-citation>{0}</text:note-citation><text:note-body><text:p>{1}</text:p></text:note-body></text:note>'
    flowing = "".join(f"<text:p>{text}{cited.format(mark, note(mark)) if mark else ''}</text:p>" for text, mark in marked)
    page_of = "".join(
        f"<p>{text}{f'<a href={chr(34)}n.xhtml#n{mark}{chr(34)}>{mark}</a>' if mark else ''}</p>" for text, mark in marked
    )
    listed = "".join(f'<p id="n{each}">{each}. {note(each)}</p>' for each in range(1, NOTES + 1))
    made = {
        "paper.pdf": pdf(sheets),
        "paper.docx": docx(body, {each: para(run(note(each))) for each in range(1, NOTES + 1)}),
        "paper.odt": odt(flowing),
        "paper.epub": epub({"t.xhtml": page_of, "n.xhtml": listed}),
    }
    for name, data in made.items():
        (folder / name).write_bytes(data)
    return [folder / name for name in made]


def measure(path: Path) -> None:
    """One document, in this process; prints a line."""
    data = path.read_bytes()
    begun = time.process_time()
    document = read(path.name, data)
    between = time.process_time()
    rows = citations(document)
    ended = time.process_time()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{path.name:14} {between - begun:7.2f} s read {ended - between:7.2f} s cite {document.note_count:6} notes {len(rows):6} citations {peak:6.0f} MB"
    )


def bare(path: Path) -> None:
    """The peer: pdfium's text of every page, without places, lines or notes."""
    begun = time.process_time()
    document = pypdfium2.PdfDocument(path.read_bytes())
    chars = sum(len(page.get_textpage().get_text_range()) for page in document)
    print(f"{'pdfium, bare':14} {time.process_time() - begun:7.2f} s read {'':15} {chars} characters")


def main(paths: list[str]) -> None:
    if paths[:1] == ["--one"]:
        measure(Path(paths[1]))
        return
    if paths[:1] == ["--bare"]:
        bare(Path(paths[1]))
        return
    with tempfile.TemporaryDirectory() as scratch:
        for path in [Path(each) for each in paths] or make(Path(scratch)):
            subprocess.run([sys.executable, __file__, "--one", str(path)], check=True)
            if path.suffix == ".pdf":
                subprocess.run([sys.executable, __file__, "--bare", str(path)], check=True)


if __name__ == "__main__":
    main(sys.argv[1:])
