"""How well pages are judged: precision and recall of each verdict over the corpus of tests/pagecorpus.py.

python bench/verdicts.py             print the tables, and what is judged wrongly
python bench/verdicts.py --write     weave the tables into docs/accuracy.md
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from pagecorpus import corpus  # noqa: E402 - lies beside the tests
from preserve.model.web import Verdict  # noqa: E402
from preserve.rules.verdict import judge  # noqa: E402

PAGE = ROOT / "docs" / "accuracy.md"
BEGIN, END = "<!-- verdicts: written by bench/verdicts.py -->\n", "<!-- end of verdicts -->"


@dataclass(slots=True)
class Score:
    """What was judged of one part of the corpus."""

    pages: int = 0
    languages: set[str] = field(default_factory=set)
    right: Counter[str] = field(default_factory=Counter)
    given: Counter[str] = field(default_factory=Counter)
    wanted: Counter[str] = field(default_factory=Counter)
    wrong: list[tuple[str, str, str, tuple[str, ...]]] = field(default_factory=list)

    def recall(self, verdict: str) -> float:
        return self.right[verdict] / self.wanted[verdict] if self.wanted[verdict] else 1.0

    def precision(self, verdict: str) -> float:
        return self.right[verdict] / self.given[verdict] if self.given[verdict] else 1.0


def scores() -> tuple[Score, Score]:
    """The tuning part and the part that was held out."""
    both = (Score(), Score())
    for case in corpus():
        score, judged = both[case.held], judge(case.evidence())
        given = judged.verdict.value
        score.pages += 1
        score.languages.add(case.language)
        score.wanted[case.verdict] += 1
        score.given[given] += 1
        if given == case.verdict:
            score.right[given] += 1
        else:
            score.wrong.append((case.name, case.verdict, given, judged.signals))
    return both


def tables(both: tuple[Score, Score]) -> str:
    """Markdown."""
    lines = [
        "| verdict | pages, tuning | precision | recall | pages, held out | precision | recall |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for verdict in Verdict:
        cells = [f"`{verdict.value}`"]
        for score in both:
            cells += [
                str(score.wanted[verdict.value]),
                _share(score.precision(verdict.value)),
                _share(score.recall(verdict.value)),
            ]
        lines.append(f"| {' | '.join(cells)} |")
    cells = ["all, judged rightly"]
    for score in both:
        cells += [str(score.pages), _share(sum(score.right.values()) / score.pages), f"{len(score.languages)} languages"]
    return "\n".join([*lines, f"| {' | '.join(cells)} |"])


def _share(share: float) -> str:
    return "1" if share == 1 else f"{int(share * 1000) / 1000:.3f}".removeprefix("0")


def woven(page: str, made: str) -> str:
    """`page` with the tables between their marks."""
    before, _, rest = page.partition(BEGIN)
    return f"{before}{BEGIN}\n{made}\n\n{END}{rest.partition(END)[2]}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="weave the tables into docs/accuracy.md")
    options = parser.parse_args()
    both = scores()
    made = tables(both)
    print(made)
    for score in both:
        for name, wanted, given, signals in score.wrong:
            print(f"{name}: {given} instead of {wanted}: {'; '.join(signals)}")
    if options.write:
        PAGE.write_text(woven(PAGE.read_text("utf-8"), made), encoding="utf-8")


if __name__ == "__main__":
    main()
