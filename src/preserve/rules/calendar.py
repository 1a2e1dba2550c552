"""Dates and times of day as pages print them, found in a line and taken out of it.

Numeric forms, and the names of months and week days in some twenty languages. What is not recognised is left in the line: then two
lines that differ in it are not taken for two looks at a clock.
"""

# ruff: noqa: RUF001 - names in many languages are the subject

from __future__ import annotations

import re
from datetime import UTC, datetime

from preserve.model.noun import dataclass

_MONTHS = (
    # one row a language, twelve names each
    "january february march april may june july august september october november december",
    "januar februar märz april mai juni juli august september oktober november dezember",
    "jänner feber maerz april mai juni juli august september oktober november dezember",
    "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
    "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
    "gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre",
    "janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro",
    "ianuarie februarie martie aprilie mai iunie iulie august septembrie octombrie noiembrie decembrie",
    "januari februari maart april mei juni juli augustus september oktober november december",
    "januari februari mars april maj juni juli augusti september oktober november december",
    "januar februar marts april maj juni juli august september oktober november december",
    "januar februar mars april mai juni juli august september oktober november desember",
    "tammikuuta helmikuuta maaliskuuta huhtikuuta toukokuuta kesäkuuta heinäkuuta elokuuta syyskuuta lokakuuta marraskuuta joulukuuta",
    "stycznia lutego marca kwietnia maja czerwca lipca sierpnia września października listopada grudnia",
    "ledna února března dubna května června července srpna září října listopadu prosince",
    "január február március április május június július augusztus szeptember október november december",
    "января февраля марта апреля мая июня июля августа сентября октября ноября декабря",
    "январь февраль март апрель май июнь июль август сентябрь октябрь ноябрь декабрь",
    "січня лютого березня квітня травня червня липня серпня вересня жовтня листопада грудня",
    "ocak şubat mart nisan mayıs haziran temmuz ağustos eylül ekim kasım aralık",
    "ιανουαρίου φεβρουαρίου μαρτίου απριλίου μαΐου ιουνίου ιουλίου αυγούστου σεπτεμβρίου οκτωβρίου νοεμβρίου δεκεμβρίου",
    "يناير فبراير مارس أبريل مايو يونيو يوليو أغسطس سبتمبر أكتوبر نوفمبر ديسمبر",
    "ינואר פברואר מרץ אפריל מאי יוני יולי אוגוסט ספטמבר אוקטובר נובמבר דצמבר",
    "հունվարի փետրվարի մարտի ապրիլի մայիսի հունիսի հուլիսի օգոստոսի սեպտեմբերի հոկտեմբերի նոյեմբերի դեկտեմբերի",
    "जनवरी फ़रवरी मार्च अप्रैल मई जून जुलाई अगस्त सितंबर अक्टूबर नवंबर दिसंबर",
    "jan feb mar apr may jun jul aug sep oct nov dec",
    "jan feb mrz apr mai jun jul aug sept okt nov dez",
    "janv févr mars avr mai juin juil août sept oct nov déc",
    "ene feb mar abr may jun jul ago sept oct nov dic",
)
_DAYS = (
    # from Monday
    "monday tuesday wednesday thursday friday saturday sunday",
    "mon tue wed thu fri sat sun",
    "montag dienstag mittwoch donnerstag freitag samstag sonntag",
    "lundi mardi mercredi jeudi vendredi samedi dimanche",
    "lunes martes miércoles jueves viernes sábado domingo",
    "lunedì martedì mercoledì giovedì venerdì sabato domenica",
    "maandag dinsdag woensdag donderdag vrijdag zaterdag zondag",
    "måndag tisdag onsdag torsdag fredag lördag söndag",
    "mandag tirsdag onsdag torsdag fredag lørdag søndag",
    "maanantai tiistai keskiviikko torstai perjantai lauantai sunnuntai",
    "poniedziałek wtorek środa czwartek piątek sobota niedziela",
    "pondělí úterý středa čtvrtek pátek sobota neděle",
    "понедельник вторник среда четверг пятница суббота воскресенье",
    "понеділок вівторок середа четвер пʼятниця субота неділя",
    "pazartesi salı çarşamba perşembe cuma cumartesi pazar",
    "δευτέρα τρίτη τετάρτη πέμπτη παρασκευή σάββατο κυριακή",
    "الاثنين الثلاثاء الأربعاء الخميس الجمعة السبت الأحد",
    "երկուշաբթի երեքշաբթի չորեքշաբթի հինգշաբթի ուրբաթ շաբաթ կիրակի",
    "星期一 星期二 星期三 星期四 星期五 星期六 星期日",
    "月曜日 火曜日 水曜日 木曜日 金曜日 土曜日 日曜日",
    "월요일 화요일 수요일 목요일 금요일 토요일 일요일",
)
_MONTH = {name: number for row in _MONTHS for number, name in enumerate(row.split(), 1)}
_WEEKDAY = {name: number for row in _DAYS for number, name in enumerate(row.split())}
_NAMES = "|".join(sorted(map(re.escape, _MONTH), key=len, reverse=True))
_WEEKDAYS = "|".join(sorted(map(re.escape, _WEEKDAY), key=len, reverse=True))
_FOUND = re.compile(
    rf"""
    (?P<y1>\d{{4}})(?P<s1>[-/.])(?P<m1>\d{{1,2}})(?P=s1)(?P<d1>\d{{1,2}})(?!\d)
  | (?<!\d)(?P<a2>\d{{1,2}})(?P<s2>[-/.])(?P<b2>\d{{1,2}})(?P=s2)(?P<y2>\d{{4}}|\d{{2}})(?!\d)
  | (?P<y3>\d{{4}})\s?[年년]\s?(?P<m3>\d{{1,2}})\s?[月월]\s?(?P<d3>\d{{1,2}})\s?[日일]
  | (?<!\d)(?P<d4>\d{{1,2}})(?:st|nd|rd|th|er|º|°|ª|\.)?\s*(?:de\s+|of\s+|di\s+)?(?P<m4>{_NAMES})(?![^\W\d_])\.?(?:,?\s*(?:de\s+|del\s+)?(?P<y4>\d{{4}}))?
  | (?<![^\W\d_])(?P<m5>{_NAMES})\.?\s+(?P<d5>\d{{1,2}})(?:st|nd|rd|th)?(?!\d)(?:,?\s+(?P<y5>\d{{4}}))?
  | (?<![^\W\d_])(?P<w6>{_WEEKDAYS})(?![^\W\d_])
  | (?<![\d:])(?P<h7>[01]?\d|2[0-3])[:h](?P<n7>[0-5]\d)(?::[0-5]\d(?:[.,]\d{{1,9}})?)?(?:\s?[ap]\.?m\b\.?)?(?:\s?(?:UTC|GMT|Z|[CEWMPA][EDS]{{1,2}}T)\b)?(?:\s?[+-]\d\d:?\d\d)?
  | (?<!\d)(?P<e8>1[5-9]\d{{8}}|2\d{{9}})(?:\d{{3}})?(?!\d)
    """,
    re.IGNORECASE | re.VERBOSE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """A date, a week day or a time of day as printed. `date` has (year or None, the numbers that are month and day in either order)."""

    text: str
    date: tuple[int | None, int, int] | None = None
    swapped: bool = False
    weekday: int | None = None
    minute: int = 0

    def could_be(self, day: datetime) -> bool:
        """Whether the date is that day."""
        assert self.date is not None
        year, month, number = self.date
        if year is not None and year not in {day.year, day.year % 100}:
            return False
        return (month, number) == (day.month, day.day) or (self.swapped and (number, month) == (day.month, day.day))


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """A line without its dates and times (each a NUL), and those."""

    rest: str
    moments: tuple[Moment, ...]


def read(text: str) -> Read:
    """Take the dates and times out of a line."""
    found: list[Moment] = []

    def taken(match: re.Match[str]) -> str:
        found.append(_moment(match))
        return "\0"

    rest = _FOUND.sub(taken, text)
    return Read(rest=rest, moments=tuple(found))


def _moment(match: re.Match[str]) -> Moment:
    text, part = match[0], match.groupdict()
    if part["y1"] or part["y3"]:
        key = "1" if part["y1"] else "3"
        return Moment(text=text, date=(int(part["y" + key]), int(part["m" + key]), int(part["d" + key])))
    if part["y2"]:
        return Moment(text=text, date=(int(part["y2"]), int(part["b2"]), int(part["a2"])), swapped=True)
    if part["m4"] or part["m5"]:
        key = "4" if part["m4"] else "5"
        year = part["y" + key]
        month = _MONTH[part["m" + key].lower()]
        return Moment(text=text, date=(int(year) if year else None, month, int(part["d" + key])))
    if part["w6"]:
        return Moment(text=text, weekday=_WEEKDAY[part["w6"].lower()])
    if part["e8"]:
        at = datetime.fromtimestamp(int(part["e8"]), UTC)
        return Moment(text=text, date=(at.year, at.month, at.day))
    return Moment(text=text, minute=int(part["n7"]))
