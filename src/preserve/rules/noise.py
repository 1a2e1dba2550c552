"""Whether two spellings of one block of a page differ in nothing but what changes by itself: counters, clocks, tokens.

Each rule asks for the whole block to be such a thing, never for a sentence to hold one: "1,204 views" is a counter, "1,204 people came" is
not, whatever surrounds it. What no rule knows is a change (docs/adr/0150). A date is a clock's only when it shows the day of its capture, in
both. Lists of words are closed: a word that is not in them makes the block a change. The reasons are words for people.
"""

# ruff: noqa: RUF001 - letters and dashes of many languages are the subject

from __future__ import annotations

import re
from datetime import datetime, timedelta
from functools import lru_cache

from preserve.model.change import Piece, Place
from preserve.rules import calendar


def words(text: str) -> frozenset[str]:
    """A closed list of words."""
    return frozenset(text.split())


# A number is taken whole or not at all, looked at ahead and then repeated: possessive quantifiers go wrong before Python 3.11.5.
_NUMBER = re.compile(
    r"(?<![\w.,])[+~]?(?=(?P<number>\d+(?:[.,\u00a0\u202f'’ ]\d{3})*(?:[.,]\d+)?))(?P=number)\s?(?:k|m|tsd|mln|mio|тыс|млн|tys|bin|万|萬|千|천|만)?(?![^\W\d_])\.?"
    r"|\d+(?:[.,]\d{3})*",
    re.IGNORECASE,
)
_WORD = re.compile(r"[^\W\d_]+")
_MANY_WORDS = 6

_COUNTERS = words(
    # English, German, French
    "view views viewed pageviews pageview hits visitor visitors visits comment comments like likes share shares read follower"
    " followers reaction reactions online downloads reads replies retweets reposts subscribers kommentar kommentare aufruf aufrufe"
    " seitenaufrufe besucher zugriffe gelesen geteilt antworten vue vues visiteurs visites commentaire commentaires partages lectures"
    # Spanish, Portuguese, Italian, Romanian
    " vistas visitas visitantes lecturas comentario comentarios comentário comentários visualizações visualizaciones visualizzazioni visite"
    " visitatori commento commenti condivisioni vizualizări comentarii leituras acessos"
    # Dutch, Swedish, Danish, Norwegian, Finnish
    " weergaven bezoekers reacties visningar besökare kommentarer visninger besøgende besøkende katselua kommenttia kävijää"
    # Polish, Czech, Hungarian, Turkish, Greek
    " wyświetleń wyświetlenia odsłon odwiedzin komentarzy komentarze komentarz zobrazení komentářů komentáře návštěv megtekintés hozzászólás"
    " görüntülenme okunma yorum ziyaretçi προβολές σχόλια επισκέπτες"
    # Russian, Ukrainian, Armenian
    " просмотр просмотра просмотров просмотры комментарий комментария комментариев комментарии посетителей посещений переглядів перегляди"
    " коментарів коментарі դիտում մեկնաբանություն"
    # Arabic, Persian, Hebrew
    " مشاهدة مشاهدات تعليق تعليقات زيارة بازدید نظر צפיות תגובות"
    # Chinese, Japanese, Korean
    " 阅读 阅读量 阅读数 閱讀 浏览 浏览量 浏览次数 瀏覽 次浏览 次观看 次阅读 评论 条评论 則留言 閲覧数 回視聴 コメント 件のコメント 조회 조회수 댓글"
)
_BESIDE_COUNTERS = words(
    "no yet a an and the this of to total number times time so far today this article page post was been has have you are is by users user"
    " guests guest now unique all latest add leave write read nr no. seite diese dieser wurde mal gesamt heute"
    " keine noch insgesamt artikel cette page fois nombre de total aujourd hui aucun articles página esta veces vez número ningún hasta ahora"
    " pagina questa volte numero totale oggi nessun strona razy liczba łącznie всего количество нет пока сегодня за раз страница статья 次 数 条"
    " 回 件 총 m k"
)
_GENERATING = words(
    "generated rendered loaded served built executed took erzeugt generiert geladen généré générée chargée generada generado generata"
    " gerada wygenerowano сгенерирована создана 生成 実行"
)
_BESIDE_GENERATING = words(
    "this page in was time execution script processing generation seconds second sec secs s ms msec milliseconds queries query sql database"
    " db using with and memory mb kb peak die seite diese in sekunden sekunde wurde la cette a été secondes seconde en el segundos página"
    " esta secondi pagina sekundy strona за секунд секунды сек страница 用时 秒 ページ"
)
_AGO = words(
    "ago just now yesterday vor gerade eben gestern il y a hier hace ayer fa ieri há ontem geleden sedan siden sitten temu назад вчера тому"
    " önce πριν منذ قبل לפני 前 전 पहले մեկ առաջ"
)
_UNITS = words(
    "second seconds sec secs minute minutes min mins hour hours hr hrs h m s d day days week weeks month months year years sekunde sekunden"
    " minuten stunde stunden tag tagen tage woche wochen monat monaten jahr jahren std seconde secondes heure heures jour jours semaine"
    " semaines mois an ans segundo segundos minuto minutos hora horas día días semana semanas mes meses año años minuti ore ora giorno giorni"
    " settimane mesi anni dia dias anos uur dagen weken timmar dagar timer dage godziny godzin minut dni час часа часов минуту минуты минут"
    " день дня дней неделю недели месяц месяца лет года годин хвилин saat dakika gün hafta ay yıl ώρες λεπτά ημέρες ساعة ساعات دقيقة دقائق"
    " يوم أيام שעות דקות ימים 分钟 小时 天 分 時間 日 시간 분 일 घंटे मिनट दिन ժամ րոպե 分钟前 小时前 天前 分前 時間前 日前 시간전 분전"
)
_BESIDE_AGO = words(
    "about an a one over almost less than the last updated posted published edited einem einer etwa zuletzt aktualisiert environ il y publié"
    " mis à jour aproximadamente unos publicado actualizado circa pubblicato около опубликовано обновлено"
)
_CLOCK = words(
    "today now time date clock generated rendered heute jetzt uhrzeit datum serverzeit erzeugt aujourd heure date hoy hora fecha oggi ora ore"
    " hoje agora data vandaag nu tijd datum idag nyt dziś dzisiaj teraz godzina сегодня сейчас время дата bugün şimdi saat tarih σήμερα ώρα"
    " اليوم الآن الساعة היום השעה עכשיו 今日 今天 现在 时间 現在 日時 時刻 오늘 현재 시각 այսօր ժամը"
)
_BESIDE_CLOCK = words(
    "is it the current local server page created at on as of ist uhr aktuelle der den es seite am um hui nous sommes le la il est locale"
    " actuelle actual son las es è attuale sono é het i dag jest текущее այսօրվա"
)
_LABELLED = re.compile(
    r"(?:cloudflare )?(?:ray|request|session|trace|correlation|csrf|nonce|x-request)[ -]?(?:id|token|number)?\s*[:#=]\s*(?=\S*\d)[\w.:/+=-]{6,}\W*",
    re.IGNORECASE,
)
_COPYRIGHT = re.compile(r"((?:©|\(c\)|copyright|&copy;).{0,40}?(?:\b\d{4}\s*[-–—]\s*)?)\b(\d{4})\b", re.IGNORECASE)
_COUNTER_NAMES = words(
    "view views viewcount viewcounter pageview pageviews hit hits hitcounter visit visits visitor visitors visitorcount like likes share shares"
    " comment comments commentcount follower followers reaction reactions download downloads reads"
)
_CLOCK_NAMES = words(
    "clock clocktime now today todaysdate currentdate currenttime servertime localtime generated generatedat rendertime"
)
_BESIDE_NAMES = words(
    "count counter counts num number total badge label value text js wrapper container meta post article page icon span box item info stat stats"
    " site the server local current date time at live"
)


def reason(one: Piece, other: Piece, at_one: datetime, at_other: datetime) -> str:
    """Why the difference between two blocks is noise, in a word or two; "" when it is not known to be any.

    The times are those at which each was asked for.
    """
    if one.text == other.text:
        return "the same"
    if one.tabular or other.tabular:
        return ""  # in a table a number is a statement
    names = frozenset(one.names) & frozenset(other.names)
    if _both(_is_counter, one.text, other.text) or (names and _named_counter(one, other)):
        return "a counter"
    if _same_without_numbers(one.text, other.text) and _both(_is_generation, one.text, other.text):
        return "how long the page took to make"
    if _both(_is_relative, one.text, other.text):
        return "how long ago"
    if _LABELLED.fullmatch(one.text) and _LABELLED.fullmatch(other.text) and _label(one.text) == _label(other.text):
        return "the id of a request"
    if _copyright_follows(one, other, at_one, at_other):
        return "the year of a copyright line"
    return (
        "a clock"
        if _clock(one, other, at_one, at_other, named=_is_named(one, _CLOCK_NAMES) and _is_named(other, _CLOCK_NAMES))
        else ""
    )


def title(text: str) -> str:
    """A page's title without the number of unread things that some put before it."""
    return re.sub(r"\A\(\d+\+?\)\s+", "", text)


# --- counters


def _is_counter(text: str) -> str:
    """The counters that a block names, when it is nothing but a number and such words; else ""."""
    words = _words(text)
    counters = words & _COUNTERS
    if not counters or not words <= _COUNTERS | _BESIDE_COUNTERS or len(_WORD.findall(text)) > _MANY_WORDS:
        return ""
    numbers = [found[0] for found in _NUMBER.finditer(text)]
    if len(numbers) > len(counters) or (not numbers and not words & {"no", "keine", "aucun", "ningún", "nessun", "нет"}):
        return ""
    return " ".join(sorted({word[:4] for word in counters}))


def _named_counter(one: Piece, other: Piece) -> bool:
    """An element whose name says that it is a counter, and in which nothing but numbers differs."""
    if len(_WORD.findall(one.text)) > 4 or not _same_without_numbers(one.text, other.text):
        return False
    return _is_named(one, _COUNTER_NAMES) and _is_named(other, _COUNTER_NAMES)


def _is_named(piece: Piece, words: frozenset[str]) -> bool:
    """Whether one of the element's names is made of these words and of such as say nothing."""
    name: set[str] = set()
    for word in piece.names:
        if word:
            name.add(word.lower())
            continue
        name = {part for part in name if not part.isdigit()}
        if name & words and name <= words | _BESIDE_NAMES:
            return True
        name = set()
    return False


def _same_without_numbers(one: str, other: str) -> bool:
    return _NUMBER.sub("#", one) == _NUMBER.sub("#", other)


def _is_generation(text: str) -> str:
    words = _words(text)
    return "yes" if words & _GENERATING and words <= _GENERATING | _BESIDE_GENERATING and any(map(str.isdigit, text)) else ""


def _is_relative(text: str) -> str:
    words = _words(text)
    if len(words) > _MANY_WORDS or not words <= _AGO | _UNITS | _BESIDE_AGO:
        return ""
    return "yes" if words & _AGO or any(word.endswith(("前", "전")) for word in words) else ""


def _label(text: str) -> str:
    return re.split(r"[:#=]", text, maxsplit=1)[0].strip().lower()


def _words(text: str) -> frozenset[str]:
    return frozenset(word.casefold() for word in _WORD.findall(text))


def _both(test: object, one: str, other: str) -> bool:
    assert callable(test)
    first = test(one)
    return bool(first) and first == test(other)


# --- clocks


def _copyright_follows(one: Piece, other: Piece, at_one: datetime, at_other: datetime) -> bool:
    if len(one.text) > 200 or one.place is Place.ADVERT:
        return False
    first, second = _COPYRIGHT.search(one.text), _COPYRIGHT.search(other.text)
    if first is None or second is None or _COPYRIGHT.sub(r"\1#", one.text) != _COPYRIGHT.sub(r"\1#", other.text):
        return False
    return int(first[2]) == at_one.year and int(second[2]) == at_other.year


def _clock(one: Piece, other: Piece, at_one: datetime, at_other: datetime, *, named: bool) -> bool:
    """Whether nothing but dates and times differs, and they are those of a clock."""
    if max(len(one.text), len(other.text)) > 300:
        return False
    first, second = _read(one.text), _read(other.text)
    if first.rest != second.rest or not first.moments:
        return False
    told = _words(first.rest)
    if len(told) > _MANY_WORDS:
        return False
    if named or (told & _CLOCK and told <= _CLOCK | _BESIDE_CLOCK):
        return True
    unknown = told - _CLOCK - _BESIDE_CLOCK
    if unknown and (not told & _CLOCK or len(unknown) > 2):
        return False  # "closed on", "the ferry leaves at": somebody's statement, whatever day it names
    pairs = [(a, b) for a, b in zip(first.moments, second.moments, strict=True) if a.text != b.text]
    dated = any(moment.date for moment in first.moments)
    return all(_follows(a, at_one, dated=dated) and _follows(b, at_other, dated=dated) for a, b in pairs)


@lru_cache(maxsize=512)
def _read(text: str) -> calendar.Read:
    return calendar.read(text)


def _follows(moment: calendar.Moment, at: datetime, *, dated: bool) -> bool:
    """Whether it is what a clock would have shown, somewhere on earth."""
    days = [at + timedelta(days=step) for step in (-1, 0, 1)]
    if moment.date:
        return any(moment.could_be(day) for day in days)
    if moment.weekday is not None:
        return any(day.weekday() == moment.weekday for day in days)
    if dated:
        return True  # the time of a day that was checked
    shown = moment.minute % 15
    return any((at + timedelta(minutes=step)).minute % 15 == shown for step in (-2, -1, 0, 1, 2))
