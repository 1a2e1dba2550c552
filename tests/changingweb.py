"""A web of fifty pages on ten hosts in ten languages that changes as a seed says, and knows what it truly showed.

Every HTML page carries what moves by itself and means nothing: tokens, nonces, a hidden field, session ids, cache busters, adverts,
counters, how long it took to make, the id of the request, today's date, the year of the copyright. Each answer has new ones. What is
*real* is drawn apart from that, day by day, and `Truth` is told of nothing else.
"""

from __future__ import annotations

import hashlib
import random
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta

from sites import AnyHostSite, Reply, Request, respond


@dataclass(frozen=True, slots=True, kw_only=True)
class Tongue:
    """A language: how it dates, counts and tells. `#` stands for a number."""

    code: str
    title: str
    today: Callable[[date], str]
    counters: tuple[str, ...]
    noises: tuple[str, ...]
    sentences: tuple[str, ...]


def _named(form: str, months: str) -> Callable[[date], str]:
    names = months.split()
    return lambda day: form.format(d=day.day, m=names[day.month - 1], y=day.year)


_EN = "January February March April May June July August September October November December"
TONGUES = (
    Tongue(
        code="en", title="The landing stage at berth #", today=_named("Today is {d} {m} {y}", _EN),
        counters=("# views", "# comments"), noises=("Page generated in 0.# seconds", "Request ID: a7-#-c4"),
        sentences=(
            "The ferry crossed the inner basin # times in the first season.",
            "A storm took # planks from the northern pier, and they were never put back.",
            "The council paid # crowns for the new lamp, which was lit in the autumn.",
            "Of the boats that were built here, # still carry mail to the islands.",
            "The lock keeper wrote # pages about the tides, most of them in pencil.",
            "There were # steps down to the water before the quay was raised.",
        ),
    ),
    Tongue(
        code="de", title="Der Anleger am Liegeplatz #",
        today=_named("Heute ist der {d}. {m} {y}", "Januar Februar März April Mai Juni Juli August September Oktober November Dezember"),
        counters=("Besucher: #", "# Kommentare"), noises=("Seite in 0,# Sekunden erzeugt",),
        sentences=(
            "Die Fähre querte das innere Becken # Mal im ersten Sommer.",
            "Ein Sturm nahm # Bohlen vom nördlichen Steg, die niemand ersetzte.",
            "Der Rat zahlte # Kronen für die neue Laterne, die im Herbst brannte.",
            "Von den hier gebauten Booten bringen # noch immer Post auf die Inseln.",
            "Der Schleusenwärter schrieb # Seiten über die Gezeiten, meist mit Bleistift.",
        ),
    ),
    Tongue(
        code="fr", title="Le débarcadère du quai #",
        today=_named("Nous sommes le {d} {m} {y}", "janvier février mars avril mai juin juillet août septembre octobre novembre décembre"),
        counters=("# visites", "# commentaires"), noises=("Page générée en 0,# secondes",),
        sentences=(
            "Le bac traversa le bassin # fois pendant la première saison.",
            "Une tempête emporta # planches de la jetée nord, jamais remplacées.",
            "Le conseil paya # couronnes pour la nouvelle lanterne du port.",
            "Parmi les barques construites ici, # portent encore le courrier.",
            "L'éclusier écrivit # pages sur les marées, presque toutes au crayon.",
        ),
    ),
    Tongue(
        code="es", title="El embarcadero del muelle #",
        today=_named("Hoy es {d} de {m} de {y}", "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre"),
        counters=("# visitas", "# comentarios"), noises=("hace # horas",),
        sentences=(
            "La barca cruzó la dársena # veces en la primera temporada.",
            "Un temporal se llevó # tablas del muelle norte, que nadie repuso.",
            "El concejo pagó # coronas por el farol nuevo del puerto.",
            "De las barcas hechas aquí, # llevan todavía el correo a las islas.",
        ),
    ),
    Tongue(
        code="ru", title="Пристань у причала #",
        today=_named("Сегодня {d} {m} {y}", "января февраля марта апреля мая июня июля августа сентября октября ноября декабря"),
        counters=("Просмотров: #", "# комментариев"), noises=("Страница сгенерирована за 0,# секунды",),
        sentences=(
            "Паром пересёк внутренний бассейн # раз за первое лето.",
            "Буря унесла # досок с северного мола, и их не вернули.",
            "Совет заплатил # крон за новый фонарь у воды.",
            "Из построенных здесь лодок # до сих пор возят почту.",
        ),
    ),
    Tongue(
        code="pl", title="Przystań przy nabrzeżu #",
        today=_named("Dziś jest {d} {m} {y}", "stycznia lutego marca kwietnia maja czerwca lipca sierpnia września października listopada grudnia"),
        counters=("Wyświetlenia: #", "# komentarzy"), noises=(),
        sentences=(
            "Prom przepłynął basen # razy w pierwszym sezonie.",
            "Burza zabrała # desek z północnego mola i nikt ich nie oddał.",
            "Rada zapłaciła # koron za nową latarnię w porcie.",
        ),
    ),
    Tongue(
        code="tr", title="Rıhtımdaki # numaralı iskele",
        today=_named("Bugün {d} {m} {y}", "Ocak Şubat Mart Nisan Mayıs Haziran Temmuz Ağustos Eylül Ekim Kasım Aralık"),
        counters=("# görüntülenme", "# yorum"), noises=("# saat önce",),
        sentences=(
            "Vapur ilk mevsimde iç havuzu # kez geçti.",
            "Fırtına kuzey iskelesinden # tahta götürdü ve kimse yerine koymadı.",
            "Meclis limandaki yeni fener için # kron ödedi.",
        ),
    ),
    Tongue(
        code="ja", title="第#桟橋の渡し場", today=lambda day: f"{day.year}年{day.month}月{day.day}日",
        counters=("閲覧数 #", "#件のコメント"), noises=("#時間前",),
        sentences=(
            "渡し船は最初の季節に内港を#回渡った。",
            "嵐は北の桟橋から#枚の板を奪い、戻されることはなかった。",
            "町は新しい灯に#クローネを払った。",
        ),
    ),
    Tongue(
        code="ar", title="مرسى الرصيف رقم #",
        today=_named("اليوم {d} {m} {y}", "يناير فبراير مارس أبريل مايو يونيو يوليو أغسطس سبتمبر أكتوبر نوفمبر ديسمبر"),
        counters=("# مشاهدة", "# تعليقات"), noises=(),
        sentences=(
            "عبرت العبارة الحوض الداخلي # مرة في الموسم الأول.",
            "أخذت العاصفة # لوحا من الرصيف الشمالي ولم يعدها أحد.",
            "دفع المجلس # كرونة ثمنا للمصباح الجديد.",
        ),
    ),
    Tongue(
        code="hy", title="Նավամատույց թիվ #",
        today=_named("այսօր {d} {m} {y}", "հունվարի փետրվարի մարտի ապրիլի մայիսի հունիսի հուլիսի օգոստոսի սեպտեմբերի հոկտեմբերի նոյեմբերի դեկտեմբերի"),
        counters=("# դիտում", "# մեկնաբանություն"), noises=(),
        sentences=(
            "Լաստանավը առաջին տարում # անգամ անցավ ավազանը։",
            "Փոթորիկը հյուսիսային պատնեշից # տախտակ տարավ։",
            "Խորհուրդը նոր լապտերի համար վճարեց # կրոն։",
        ),
    ),
)  # fmt: skip

GONE, SOFT, DEAD = "gone", "soft", "dead"


@dataclass(slots=True)
class Shown:
    """What a page truly shows."""

    number: int
    host: str
    path: str
    tongue: Tongue
    title: str
    author: str
    sentences: list[str]
    picture: int = 0
    beside: list[str] = field(default_factory=list)
    state: str = ""

    @property
    def url(self) -> str:
        return f"http://{self.host}{self.path}"

    @property
    def truth(self) -> tuple[str, ...]:
        """What a reader would call the same page; how it stands first: "", or one of GONE, SOFT, DEAD."""
        if self.state:
            return (self.state,)
        return ("", self.title, self.author, str(self.picture), *self.beside, "", *self.sentences)


class Web:
    """The pages; `site` answers for them. Set `today` and call `pass_day` to let the world go on."""

    def __init__(self, site: AnyHostSite, seed: int, *, pages: int = 50) -> None:
        self.today = date(2026, 3, 1)
        self.fates = random.Random(seed)
        self.chance = random.Random(seed + 1)
        self.dead: dict[str, date] = {}
        self.pages = [self._page(number) for number in range(pages)]
        self.pages[3].path, self.pages[17].path = "/p3/tides.txt", "/p17/berths.csv"
        self.pages[31].path = "/p31/chart.png"
        self._back: dict[int, date] = {}
        self._at = {(page.host, page.path): page for page in self.pages}
        site.otherwise(self._answer)

    def _page(self, number: int) -> Shown:
        tongue = TONGUES[number % len(TONGUES)]
        told = random.Random(number)
        return Shown(
            number=number,
            host=f"{tongue.code}.harbour.example",
            path=f"/p{number}/",
            tongue=tongue,
            title=tongue.title.replace("#", str(number + 1)),
            author="Ada Lund",
            sentences=[self._sentence(tongue, told) for _ in range(24)],
            beside=[f"berth-{number}-{place}" for place in range(4)],
        )

    def _sentence(self, tongue: Tongue, chance: random.Random) -> str:
        return chance.choice(tongue.sentences).replace("#", str(chance.randint(1000, 9_999_999)))

    # ------------------------------------------------------------------------------------------------------------ the world

    def truth(self, page: Shown) -> tuple[str, ...]:
        return (DEAD,) if page.host in self.dead else page.truth

    def pass_day(self) -> None:
        """Let what is real change, as the seed says: one page on most days, sometimes several, sometimes none."""
        self.today += timedelta(days=1)
        self.dead = {host: until for host, until in self.dead.items() if until > self.today}
        for number in [number for number, until in self._back.items() if until <= self.today]:
            del self._back[number]
            self.pages[number].state = ""
            if self.fates.random() < 0.5:
                self._change(self.pages[number], "number")
        for _ in range(self.fates.choice((0, 0, 0, 1, 1, 1, 1, 2, 3))):
            page = self.fates.choice(self.pages)
            if page.number not in self._back:
                kinds = ("sentence", "number", "more", "less", "order", "author", "beside", "picture", "title", GONE, SOFT)
                self._change(page, self.fates.choice(kinds))

    def die(self, host: str, days: int) -> None:
        """Let a host answer nobody for so many days."""
        self.dead[host] = self.today + timedelta(days=days)

    def _change(self, page: Shown, kind: str) -> None:
        place = self.fates.randrange(len(page.sentences))
        if not page.path.endswith("/"):
            kind = "number"  # a file has no state of its own but its content
        if kind in {GONE, SOFT}:
            page.state = kind
            self._back[page.number] = self.today + timedelta(days=self.fates.randint(1, 20))
        elif kind == "sentence":
            page.sentences[place] = self._sentence(page.tongue, self.fates)
        elif kind == "number":
            old = next(word for word in _numbers(page.sentences[place]))
            page.sentences[place] = page.sentences[place].replace(old, str(int(old) + 1))
        elif kind == "more":
            page.sentences.insert(place, self._sentence(page.tongue, self.fates))
        elif kind == "less" and len(page.sentences) > 6:
            del page.sentences[place]
        elif kind == "order" and place and page.sentences[place] != page.sentences[place - 1]:
            page.sentences[place - 1], page.sentences[place] = page.sentences[place], page.sentences[place - 1]
        elif kind == "author":
            page.author = self.fates.choice(("Ada Lund", "Bo Lund", "Cleo Lund"))
        elif kind == "beside":
            page.beside = [*page.beside[1:], f"berth-{page.number}-{self.fates.randrange(10**6)}"]
        elif kind == "picture":
            page.picture += 1
        elif kind == "title":
            page.title = f"{page.tongue.title.replace('#', str(page.number + 1))} ({self.fates.choice('ABCDEF')})"

    # ----------------------------------------------------------------------------------------------------------- its answers

    def _answer(self, request: Request) -> Reply:
        host = request.host.partition(":")[0]
        if host in self.dead:
            return Reply(pieces=[], keep=False)
        page = self._at.get((host, request.target))
        if page is None:
            return self._other(request)
        if page.state == GONE:
            return self._missing(page.tongue, "404 Not Found")
        if page.state == SOFT:
            return self._missing(page.tongue, "200 OK")
        if page.path.endswith(".png"):
            return _reply(_png(repr(page.truth)), "image/png")
        if page.path.endswith((".txt", ".csv")):
            return _reply("\n".join((page.title, *page.sentences, "")).encode(), "text/plain; charset=utf-8")
        return _reply(self._html(page).encode(), "text/html; charset=utf-8")

    def _other(self, request: Request) -> Reply:
        path = request.target.partition("?")[0]
        if path.startswith("/picture/"):
            return _reply(_png(path), "image/png")
        if path == "/style.css":
            return _reply(b"body { margin: 2em }\n" * 120, "text/css")
        if path == "/robots.txt":
            return _reply(b"User-agent: *\nDisallow:\n", "text/plain")
        host = request.host.partition(":")[0]
        return self._missing(next(page.tongue for page in self.pages if page.host == host), "404 Not Found", soft=True)

    def _missing(self, tongue: Tongue, status: str, *, soft: bool = False) -> Reply:
        """What each host says of a page that it lacks; to a made-up address it says it with 200, as many do."""
        body = f"<!doctype html><title>{tongue.code} 404</title><h1>404</h1><p>{tongue.code}: 404, not here.</p>"
        return _reply(body.encode(), "text/html; charset=utf-8", status="200 OK" if soft else status)

    def _html(self, page: Shown) -> str:
        token, tongue, today = f"{self.chance.getrandbits(64):016x}", page.tongue, self.today

        def number() -> str:
            return str(self.chance.randint(100, 999))

        advert = f"<p>{self.chance.choice(('Ropes', 'Sails', 'Lamps'))} {number()}</p>" * self.chance.randint(0, 3)
        beside = "".join(f'<li><a href="/{name}/?sid={token[:8]}">{name}</a></li>' for name in page.beside)
        paragraphs = "".join(f"<p>{sentence}</p>\n" for sentence in page.sentences)
        noises = "".join(f"<p>{text.replace('#', number())}</p>" for text in tongue.noises)
        counters = "".join(f"<p>{text.replace('#', number())}</p>" for text in tongue.counters)
        return f"""<!doctype html>
<html lang="{tongue.code}"><head><meta charset="utf-8"><title>{page.title}</title>
<meta name="author" content="{page.author}"><meta name="csrf-token" content="{token}">
<link rel="stylesheet" href="/style.css?v={token[:6]}">
<script nonce="{token[4:]}">var rid='{token[2:14]}';var t={self.chance.randint(1_772_000_000, 1_804_000_000)};</script></head>
<body class="css-{token[:6]}"><!-- served by web{self.chance.randint(1, 9)} -->
<nav><a href="/;jsessionid={token.upper()}">{tongue.code}</a><ul>{beside}</ul></nav>
<div class="ad-slot">{advert}</div>
<main><h1>{page.title}</h1>
<img src="/picture/{page.number}-{page.picture}.png" alt="">
{paragraphs}{counters}</main>
<form><input type="hidden" name="csrf" value="{token[::-1]}"></form>
<footer><p>{tongue.today(today)}</p>{noises}<p>© 2019-{today.year} harbour.example</p></footer></body></html>
"""


def _numbers(sentence: str) -> list[str]:
    return "".join(letter if letter.isascii() and letter.isdigit() else " " for letter in sentence).split()


def _reply(body: bytes, media_type: str, *, status: str = "200 OK") -> Reply:
    return Reply(pieces=[respond(body, status=status, fields=[("Content-Type", media_type)])])


def _png(seed: str) -> bytes:
    """A picture of which every name has its own: 128 by 128 points that do not compress."""
    rows = b"".join(b"\0" + hashlib.shake_128(f"{seed} {row}".encode()).digest(128) for row in range(128))

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = struct.pack(">IIBBBBB", 128, 128, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows, 1)) + chunk(b"IEND", b"")
