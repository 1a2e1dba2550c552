"""How fast many documents are read: `preserve cite --json` over a folder of texts of 40 kB each; its time, its processors', its memory.

    python bench/bench_many.py                    1,000 documents
    python bench/bench_many.py 200 --peer PYTHON  200, and urlextract beside it, which that Python has installed

The documents differ in layout and in width (tests/typesetting.py). Memory is the peak of the largest process, as the system counts it.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from typesetting import NOTES, PROSE, Style, typeset

SIZE = 40_000
"""Bytes of a document."""
PEER = """
import pathlib, sys
from urlextract import URLExtract
find = URLExtract()
print(sum(len(find.find_urls(path.read_text())) for path in sorted(pathlib.Path(sys.argv[1]).glob("*.txt"))), "addresses")
"""


def make(folder: Path, count: int) -> None:
    """`count` texts of about SIZE bytes, each with its own width, marks and prose."""
    for number in range(count):
        mark = ("bare", "alone", "super", "bracket")[number % 4]
        style = Style(str(number), mark=mark, width=70 + number % 40, lines=38 + number % 12)
        notes, text = NOTES, ""
        while len(text.encode()) < SIZE:
            text = typeset(notes, style).text
            notes = notes + NOTES
        turned = PROSE[number % len(PROSE)]
        (folder / f"paper-{number:04}.txt").write_text(text.replace(PROSE[0], turned), encoding="utf-8")


def measure(name: str, command: list[str]) -> None:
    """Run `command`; print what it took."""
    begun = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        lines = sum(1 for _ in process.stdout)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    took = time.perf_counter() - begun
    if process.returncode:
        raise SystemExit(f"{name} ended with {process.returncode}")
    print(
        f"{name:12} {took:7.1f} s  {used.ru_utime + used.ru_stime:7.1f} s of processors  {used.ru_maxrss / 1024:5.0f} MB  {lines} lines"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("count", type=int, nargs="?", default=1000)
    parser.add_argument("--peer", metavar="PYTHON", help="a Python that has urlextract")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        make(folder, options.count)
        sizes = [path.stat().st_size for path in folder.iterdir()]
        print(f"{len(sizes)} texts, {sum(sizes) / len(sizes) / 1000:.0f} kB each, {len(os.sched_getaffinity(0))} processors")
        measure("preserve", [sys.executable, "-m", "preserve", "cite", "--json", str(folder)])
        if options.peer:
            measure("urlextract", [options.peer, "-c", PEER, str(folder)])


if __name__ == "__main__":
    main()
