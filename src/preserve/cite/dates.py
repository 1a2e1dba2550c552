"""Dates as documents print them, in six languages, and whether a date is of publication or of access.

A date is as precise as the print: "2021-01-12", "2015-11", "2013". Numbers alone ("3.5.2024") are read day first where dots part
them, as on the continent; with slashes only when one of the two cannot be a month. What cannot be decided is not decided.
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Iterator

from preserve.model.noun import dataclass

_MONTHS = {
    1: "january jan januar jänner janvier janv enero ene января январь янв հունվարի հունվար",
    2: "february feb februar feber février févr fevrier febrero февраля февраль фев փետրվարի փետրվար",
    3: "march mar märz mrz mars marzo марта март մարտի մարտ",
    4: "april apr avril avr abril abr апреля апрель апр ապրիլի ապրիլ",
    5: "may mai mayo мая май մայիսի մայիս",
    6: "june jun juni juin junio июня июнь հունիսի հունիս",
    7: "july jul juli juillet juil julio июля июль հուլիսի հուլիս",
    8: "august aug août aout agosto ago августа август авг օգոստոսի օգոստոս",
    9: "september sept sep septembre septiembre setiembre сентября сентябрь сент սեպտեմբերի սեպտեմբեր",
    10: "october oct oktober okt octobre octubre октября октябрь окт հոկտեմբերի հոկտեմբեր",
    11: "november nov novembre noviembre ноября ноябрь нояб նոյեմբերի նոյեմբեր",
    12: "december dec dezember dez décembre déc decembre diciembre dic декабря декабрь дек դեկտեմբերի դեկտեմբեր",
}
_NUMBER = {name: number for number, names in _MONTHS.items() for name in names.split()}
_MONTH = "(?:" + "|".join(sorted(_NUMBER, key=len, reverse=True)) + r")(?![^\W\d_])\.?"
_DAY = r"(?:[12]\d|3[01]|0?[1-9])"
_YEAR = r"(?:1[5-9]|20)\d\d"
_ANY_YEAR = re.compile(_YEAR)
_OF = r"(?:\s+(?:de|del|of)\s+|[\s,]+)"
_ORDINAL = r"(?:st|nd|rd|th|er|º|ª|-ին)?\.?"
_DATE = re.compile(
    rf"(?P<iso>\b(?P<y1>{_YEAR})-(?P<m1>0[1-9]|1[0-2])(?:-(?P<d1>0[1-9]|[12]\d|3[01]))?\b(?!-\d))"
    rf"|(?P<dmy>\b(?P<d2>{_DAY}){_ORDINAL}(?:[–-]{_DAY}\.?)?{_OF}(?P<m2>{_MONTH}){_OF}(?P<y2>{_YEAR})\b)"
    rf"|(?P<mdy>\b(?P<m3>{_MONTH})\s+(?P<d3>{_DAY})(?:st|nd|rd|th)?(?:[–-]{_DAY})?,?\s+(?P<y3>{_YEAR})\b)"
    rf"|(?P<ymd>\b(?P<y6>{_YEAR}),?\s+(?P<m6>{_MONTH})\s+(?P<d6>{_DAY})\b)"
    rf"|(?P<dots>\b(?P<d4>{_DAY})\.\s?(?P<m4>0?[1-9]|1[0-2])\.\s?(?P<y4>{_YEAR})\b)"
    rf"|(?P<slash>\b(?P<a5>\d{{1,2}})/(?P<b5>\d{{1,2}})/(?P<y5>{_YEAR})\b)"
    rf"|(?P<my>\b(?P<m7>{_MONTH}){_OF}(?P<y7>{_YEAR})\b)"
    rf"|(?P<ym>\b(?P<y8>{_YEAR}),?\s+(?P<m8>{_MONTH}))"
    rf"|(?P<year>\b(?P<y9>{_YEAR})\b)",
    re.IGNORECASE,
)
_ACCESS = re.compile(
    r"(?:access(?:ed)?|retrieved|visited|viewed|consulted|checked|(?:last )?seen|archived|as of|abgerufen|abruf|zugriff|zugegriffen|eingesehen|"
    r"abrufdatum|stand|besucht|consultée?|accédé|vu|consultad[oa]|accedido|visitado|acceso|recuperado|"
    r"дата обращения|обращение|посещени\w+|просмотрено|այցելություն|այցելվել է|դիտվել է|մուտք)"
    r"(?:[\s:,]+(?:on|am|le|el|vom|the|date|on the|from (?:the )?original(?: \(\w+\))? on)\b)?[\s:,(՝]*\Z",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Dated:
    """A date in a text: `iso` as precise as printed, `access` when it says when somebody looked."""

    start: int
    end: int
    iso: str
    access: bool

    @property
    def year_only(self) -> bool:
        return len(self.iso) == 4


def dates(text: str) -> Iterator[Dated]:
    """The dates in `text`, in order."""
    if not _ANY_YEAR.search(text):
        return
    for match in _DATE.finditer(text):
        if (iso := _iso(match)) is not None:
            yield Dated(match.start(), match.end(), iso, bool(_ACCESS.search(text, max(0, match.start() - 60), match.start())))


def _iso(match: re.Match[str]) -> str | None:
    kind = match.lastgroup and next(
        name for name in ("iso", "dmy", "mdy", "ymd", "dots", "slash", "my", "ym", "year") if match[name]
    )
    if kind == "year":
        return match["y9"]
    if kind == "slash":
        return _slashed(int(match["a5"]), int(match["b5"]), match["y5"])
    at = {"iso": "1", "dmy": "2", "mdy": "3", "ymd": "6", "dots": "4", "my": "7", "ym": "8"}[kind or "iso"]
    month = match[f"m{at}"]
    number = int(month) if month.isdigit() else _NUMBER[month.rstrip(".").lower()]
    day = None if at in "78" else match[f"d{at}"]
    year = match[f"y{at}"]
    if day and int(day) > monthrange(int(year), number)[1]:
        return f"{year}-{number:02}"  # 31 June: the month is all that can be meant
    return f"{year}-{number:02}" + (f"-{int(day):02}" if day else "")


def _slashed(a: int, b: int, year: str) -> str | None:
    if a > 12 >= b >= 1 and a <= 31:
        return f"{year}-{b:02}-{a:02}"
    if b > 12 >= a >= 1 and b <= 31:
        return f"{year}-{a:02}-{b:02}"
    return f"{year}-{a:02}-{b:02}" if a == b and 1 <= a <= 12 else (year if 1 <= a <= 12 and 1 <= b <= 12 else None)
