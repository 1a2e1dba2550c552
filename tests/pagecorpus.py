"""A corpus of pages with the verdict of a careful reader: some 300 responses in 22 languages, each as a server would send it.

Pages are put together from layouts of many kinds (tests/pagelayouts.py) and neutral texts (tests/pagetexts.py). The *tuning* part was at hand
while the rules were made. The *held-out* part has other languages, other layouts, other products; it was written before any rule was changed,
and docs/accuracy.md says how it was met for the first time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import pagelayouts as lay
from pagetexts import TONGUES, Tongue
from preserve.model.page import Answer, Described, Evidence, NotFound
from preserve.pages.reading import read

TUNING = ("en", "de", "fr", "es", "it", "pl", "ru", "ar", "zh", "ja", "hi")
HELD = ("pt", "nl", "sv", "cs", "uk", "he", "fa", "ko", "th", "tr", "el")
HOST = "https://www.lake.example"


@dataclass(frozen=True, kw_only=True)
class Case:
    """One response and what it is worth. `html` is the body; `probe` the body of the host's answer to a made-up address."""

    name: str
    verdict: str
    html: bytes
    held: bool
    language: str = "en"
    asked: str = f"{HOST}/news/2021/05/story-4711"
    final: str = ""
    status: int = 200
    content_type: str = "text/html; charset=utf-8"
    headers: tuple[tuple[bytes, bytes], ...] = ()
    described: Described = field(default=Described())
    probe: bytes | None = None
    probe_status: int = 200
    probe_final: str = ""
    cut: bool = False

    def evidence(self) -> Evidence:
        """What the rules get."""
        final = self.final or self.asked
        headers = ((b"Content-Type", self.content_type.encode()), *self.headers)
        not_found = None
        if self.probe is not None:
            made_up = f"{HOST}/q8w7e6r5t4-nothing"
            there = self.probe_final or made_up
            not_found = NotFound(
                asked=made_up,
                answer=Answer(address=there, status=self.probe_status, headers=headers, size=len(self.probe)),
                page=read(self.probe, content_type=self.content_type, address=there),
            )
        return Evidence(
            asked=self.asked,
            answer=Answer(address=final, status=self.status, headers=headers, size=len(self.html)),
            page=read(self.html, content_type=self.content_type, address=final, cut=self.cut),
            described=self.described,
            not_found=not_found,
        )


def cited(title: str | None = None, *quotes: str, text: str = "", date: str | None = None) -> Described:
    """What a footnote says."""
    note = text or (f"“{title}”, last accessed 3 May 2024." if title else "Last accessed 3 May 2024.")
    return Described(titles=(title,) if title else (), quotes=quotes, dates=(date,) if date else (), texts=(note,))


def corpus() -> list[Case]:
    """All cases; names are unique."""
    found = [*_articles(), *_not_found(), *_walls(), *_shells(), *_mismatches(), *_odd(), *_held_odd()]
    assert len({case.name for case in found}) == len(found), "two cases of one name"
    return found


def _tongues() -> Iterator[tuple[Tongue, bool]]:
    for code in (*TUNING, *HELD):
        yield TONGUES[code], code in HELD


def _articles() -> Iterator[Case]:
    """Honest pages: cited by title, by quotation, or by nothing; and articles about errors, logins, captchas."""
    for at, (tongue, held) in enumerate(_tongues()):
        layouts = lay.HELD if held else lay.TUNING
        layout = layouts[at % len(layouts)]
        html = layout(tongue, tongue.title, tongue.body)
        yield Case(
            name=f"{tongue.code}: article by title",
            verdict="ok",
            html=html,
            held=held,
            language=tongue.code,
            described=cited(tongue.title),
        )
        layout = layouts[(at + 3) % len(layouts)]
        html = layout(tongue, tongue.title, tongue.body)
        probe = layout(tongue, tongue.missing[0], (tongue.missing[1],))
        yield Case(
            name=f"{tongue.code}: article by quotation",
            verdict="ok",
            html=html,
            held=held,
            language=tongue.code,
            described=cited(None, tongue.body[3].rstrip(".。")),
            probe=probe,
        )
        layout = layouts[(at + 5) % len(layouts)]
        essay = layout(tongue, tongue.about, (*tongue.essay, *tongue.essay[:2]))
        yield Case(
            name=f"{tongue.code}: article about error pages",
            verdict="ok",
            html=essay,
            held=held,
            language=tongue.code,
            described=cited(tongue.about),
            probe=probe,
        )
        yield Case(
            name=f"{tongue.code}: article about error pages, nothing cited",
            verdict="ok",
            html=essay,
            held=held,
            language=tongue.code,
        )


def _not_found() -> Iterator[Case]:
    """Not found under status 200, in each language; and the same without anything to judge by."""
    for at, (tongue, held) in enumerate(_tongues()):
        layouts = lay.HELD if held else lay.TUNING
        layout = layouts[(at + 1) % len(layouts)]
        html = layout(tongue, tongue.missing[0], (tongue.missing[1],))
        other = layout(tongue, tongue.missing[0], (tongue.missing[1],), seed=9)
        yield Case(
            name=f"{tongue.code}: not found, as to a made-up address", verdict="soft-404", html=html, held=held, language=tongue.code,
            described=cited(tongue.title), probe=other,
        )  # fmt: skip
        yield Case(
            name=f"{tongue.code}: not found, not probed",
            verdict="soft-404",
            html=html,
            held=held,
            language=tongue.code,
            described=cited(tongue.title),
        )
        if at % 2:
            yield Case(
                name=f"{tongue.code}: not found, nothing cited",
                verdict="ok",
                html=html,
                held=held,
                language=tongue.code,
                probe=other,
            )
        else:
            home = lay.home(tongue)
            yield Case(
                name=f"{tongue.code}: sent to the home page", verdict="soft-404", html=home, held=held, language=tongue.code,
                final=f"{HOST}/" if at % 4 else f"{HOST}/{tongue.code}/", described=cited(tongue.title) if at % 3 else Described(),
            )  # fmt: skip


def _walls() -> Iterator[Case]:
    """Logins, consent and challenges, in each language; and honest pages that carry their parts."""
    for at, (tongue, held) in enumerate(_tongues()):
        back = "%2Fnews%2F2021%2F05%2Fstory-4711"
        place = (
            "/login?next=",
            "/user/login?destination=",
            "/accounts/signin?returnUrl=",
            "/wp-login.php?redirect_to=https%3A%2F%2Fwww.lake.example",
        )[at % 4]
        if at % 2:
            yield Case(
                name=f"{tongue.code}: sent to a login", verdict="login-wall", html=lay.login(tongue), held=held, language=tongue.code,
                final=f"{HOST}{place}{back}", described=cited(tongue.title),
            )  # fmt: skip
            yield Case(
                name=f"{tongue.code}: article with a field to log in", verdict="ok", html=lay.with_login_box(tongue), held=held, language=tongue.code,
                described=cited(tongue.title),
            )  # fmt: skip
        else:
            yield Case(
                name=f"{tongue.code}: a login in its place",
                verdict="login-wall",
                html=lay.login(tongue),
                held=held,
                language=tongue.code,
            )
            yield Case(
                name=f"{tongue.code}: article under a consent dialog", verdict="ok", html=lay.with_consent(tongue, at), held=held, language=tongue.code,
                described=cited(tongue.title) if at % 4 else Described(),
            )  # fmt: skip
        if at % 3 == 0:
            yield Case(
                name=f"{tongue.code}: consent wall",
                verdict="login-wall",
                html=lay.consent(tongue, at),
                held=held,
                language=tongue.code,
                described=cited(tongue.title),
            )
        guards = lay.HELD_GUARDS if held else lay.TUNING_GUARDS
        for shift in (0, 1):
            name, make, watched = guards[(2 * at + shift) % len(guards)]
            if shift == 0:
                yield Case(
                    name=f"{tongue.code}: {name} challenge", verdict="challenge", html=make(tongue), held=held, language=tongue.code,
                    described=cited(tongue.title) if at % 2 else Described(),
                )  # fmt: skip
            elif watched:
                yield Case(
                    name=f"{tongue.code}: article watched by {name}", verdict="ok", html=lay.watched(tongue, watched), held=held, language=tongue.code,
                    described=cited(tongue.title) if at % 2 else Described(),
                )  # fmt: skip


def _shells() -> Iterator[Case]:
    """Pages that only scripts can fill; and pages that scripts fill too, but which came filled."""
    for at, (tongue, held) in enumerate(_tongues()):
        shells = lay.HELD_SHELLS if held else lay.TUNING_SHELLS
        yield Case(
            name=f"{tongue.code}: empty shell", verdict="empty-shell", html=shells[at % len(shells)](tongue), held=held, language=tongue.code,
            described=cited(tongue.title) if at % 2 else Described(),
        )  # fmt: skip
        if at % 3 == 1:
            yield Case(
                name=f"{tongue.code}: application that came filled",
                verdict="ok",
                html=lay.filled(tongue),
                held=held,
                language=tongue.code,
                described=cited(tongue.title),
            )
        if at % 4 == 2:
            parks = lay.HELD_PARKED if held else lay.TUNING_PARKED
            yield Case(
                name=f"{tongue.code}: parked",
                verdict="soft-404",
                html=parks[at % len(parks)](tongue),
                held=held,
                language=tongue.code,
            )


def _mismatches() -> Iterator[Case]:
    """Another article in its place; and what only looks like one: another language, a changed headline, a title with its site."""
    for at, (tongue, held) in enumerate(_tongues()):
        layouts = lay.HELD if held else lay.TUNING
        layout = layouts[(at + 2) % len(layouts)]
        essay = layout(tongue, tongue.about, tongue.essay)
        article = layout(tongue, tongue.title, tongue.body)
        yield Case(
            name=f"{tongue.code}: another article",
            verdict="mismatch",
            html=article,
            held=held,
            language=tongue.code,
            described=cited(tongue.other, text=tongue.other),
        )
        if at % 3 == 0:
            yield Case(
                name=f"{tongue.code}: another article, quotation missing too", verdict="mismatch", html=essay, held=held, language=tongue.code,
                described=cited(tongue.title, tongue.body[1], text=tongue.title + tongue.body[1]),
            )  # fmt: skip
        if tongue.code != "en":
            yield Case(
                name=f"{tongue.code}: cited by a translated title", verdict="ok", html=article, held=held, language=tongue.code,
                described=cited(TONGUES["en"].title if at % 2 else TONGUES["en"].other),
            )  # fmt: skip
        if at % 3 == 1:
            changed = layout(tongue, tongue.other, tongue.body)
            yield Case(
                name=f"{tongue.code}: headline changed, quotation there", verdict="ok", html=changed, held=held, language=tongue.code,
                described=cited(tongue.title, tongue.body[4].rstrip(".。")),
            )  # fmt: skip


def _odd() -> Iterator[Case]:
    """Single cases of the tuning part."""
    en, de, ru, ja = (TONGUES[code] for code in ("en", "de", "ru", "ja"))
    case = Case(name="", verdict="ok", html=b"", held=False)
    article = lay.news(en, en.title, en.body)
    yield replace(case, name="404 in the head", verdict="gone", html=lay.plain(en, en.missing[0], en.missing[1:]), status=404)
    yield replace(case, name="410", verdict="gone", html=b"gone", status=410)
    yield replace(case, name="500", verdict="gone", html=b"<h1>Server Error</h1>", status=500)
    yield replace(
        case,
        name="403",
        verdict="challenge",
        html=b"<html><head><title>403 Forbidden</title></head><body><h1>Forbidden</h1></body></html>",
        status=403,
    )
    yield replace(case, name="429", verdict="challenge", html=b"Too many requests", status=429)
    yield replace(case, name="401", verdict="login-wall", html=b"Unauthorized", status=401)
    yield replace(
        case,
        name="mitigated by header",
        verdict="challenge",
        html=article,
        status=503,
        headers=((b"cf-mitigated", b"challenge"),),
    )
    yield replace(
        case,
        name="waf action by header",
        verdict="challenge",
        html=b"<html></html>",
        status=202,
        headers=((b"x-amzn-waf-action", b"challenge"),),
    )
    yield replace(case, name="white space", verdict="empty-shell", html=b" \n\n ")
    yield replace(case, name="title and site", html=article, described=cited(f"{en.title} - {en.site}"))
    yield replace(
        case, name="title cut by dots", html=article, described=cited("Ferry to the north shore will sail twice a day…")
    )
    yield replace(
        case,
        name="title with a printer's errors",
        html=article,
        described=cited("Ferry to the north shore will sai1 twice a day frorn May"),
    )
    yield replace(case, name="title in capitals", html=article, described=cited(en.title.upper()))
    yield replace(
        case,
        name="headline without subtitle",
        html=lay.news(en, "Ferry twice a day: north shore gets an afternoon boat", en.body),
        described=cited("Ferry twice a day"),
    )
    yield replace(
        case, name="quotation with a gap", html=article, described=cited(None, "We have waited … for an afternoon boat")
    )
    yield replace(
        case,
        name="quotation with other marks",
        html=article,
        described=cited(None, "children under seven travel free,  and bicycles are carried"),
    )
    yield replace(
        case,
        name="quotation absent, title there",
        html=article,
        described=cited(en.title, "The council resigned after the vote on the harbour"),
    )
    yield replace(
        case,
        name="quotation from elsewhere",
        verdict="mismatch",
        html=article,
        described=cited(None, "Volcanic glass was traded across three mountain ranges before pottery"),
    )
    yield replace(case, name="short title", html=article, described=cited("Home"))
    yield replace(case, name="cyrillic title, latin page", html=article, described=cited(ru.title))
    yield replace(
        case,
        name="latin title, japanese page",
        html=lay.news(ja, ja.title, ja.body),
        described=cited("Ferry timetable changes"),
    )
    yield replace(
        case,
        name="date and author fit a translated page",
        html=lay.journal(de, de.title, de.body),
        described=cited(en.other, text="Anna Berg, Library", date="2021-05-03"),
    )
    yield replace(
        case,
        name="windows-1251",
        html=lay.plain(ru, ru.title, ru.body, charset="windows-1251"),
        content_type="text/html",
        language="ru",
        described=cited(ru.title, text=ru.title),
    )
    yield replace(
        case,
        name="shift_jis, declared in the page",
        html=lay.plain(ja, ja.title, ja.body, charset="shift_jis"),
        content_type="text/html",
        language="ja",
        described=cited(ja.title, text=ja.title),
    )
    yield replace(
        case,
        name="latin-1 said, utf-8 sent",
        html=lay.news(de, de.title, de.body),
        content_type="text/html; charset=iso-8859-1",
        language="de",
        described=cited(de.title),
    )
    yield replace(
        case,
        name="windows-1251 another article",
        verdict="mismatch",
        html=lay.plain(ru, ru.title, ru.body, charset="windows-1251"),
        content_type="text/html",
        language="ru",
        described=cited(ru.other, text=ru.other),
    )
    yield replace(
        case, name="cut in the middle", html=article[: len(article) // 2], cut=True, described=cited(None, en.body[5])
    )
    yield replace(case, name="cut before the title", html=article[:120], cut=True, described=cited(en.title))
    yield replace(case, name="frames", html=lay.frames(en), described=cited(en.title))
    yield replace(
        case,
        name="one image",
        html=b'<html><head><title>plan.png (PNG Image)</title></head><body><img src="plan.png"></body></html>',
        described=cited(en.title),
    )
    yield replace(
        case, name="plain text", html="\n".join(en.body).encode(), content_type="text/plain", described=cited(None, en.body[1])
    )
    yield replace(
        case,
        name="pdf not read",
        html=b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n",
        content_type="application/pdf",
        described=cited(en.title),
    )
    yield replace(
        case,
        name="a login instead of a pdf",
        verdict="login-wall",
        html=lay.login(en),
        content_type="application/pdf",
        described=cited(en.title),
    )
    yield replace(
        case, name="short note", html=lay.plain(en, "Ferry notice", ("No ferry on Sunday.",)), described=cited("Ferry notice")
    )
    yield replace(case, name="short note, nothing cited", html=lay.plain(en, "Ferry notice", ("No ferry on Sunday.",)))
    yield replace(
        case,
        name="login page that was cited",
        html=lay.login(en),
        asked=f"{HOST}/login",
        described=cited("Please log in to continue"),
    )
    yield replace(
        case,
        name="home page that was cited",
        html=lay.home(en),
        asked=f"{HOST}/index.html",
        final=f"{HOST}/",
        described=cited(en.site),
    )
    yield replace(case, name="home page moved to its language", html=lay.home(en), asked=f"{HOST}/", final=f"{HOST}/en/")
    yield replace(
        case, name="short link to a home page", html=lay.home(en), asked="https://sho.rt.example/a8Xk2", final=f"{HOST}/"
    )
    yield replace(case, name="sent home, but the article is there", html=article, final=f"{HOST}/", described=cited(en.title))
    yield replace(
        case,
        name="sent to the address of an error",
        verdict="soft-404",
        html=lay.home(en),
        final=f"{HOST}/errors/404.html?from=story",
        described=cited(en.title),
    )
    yield replace(
        case,
        name="article whose address has 404 in it",
        html=lay.news(en, en.about, en.essay),
        asked=f"{HOST}/2019/404-not-found-history",
        final=f"{HOST}/2019/404-not-found-history/",
        described=cited(en.about),
    )
    yield replace(
        case,
        name="a made-up address goes home, and so did this",
        verdict="soft-404",
        html=lay.home(en),
        asked=f"{HOST}/news?id=12",
        final=f"{HOST}/start",
        described=cited(en.title),
        probe=lay.home(en),
        probe_final=f"{HOST}/start",
    )
    yield replace(
        case,
        name="nothing found for the title itself",
        verdict="soft-404",
        html=lay.search(en, en.title),
        described=cited("Lindholm Courier"),
        probe=lay.search(en, "q8w7e6r5t4"),
    )
    yield replace(
        case,
        name="host says everything exists, this does",
        html=article,
        described=cited(en.title),
        probe=lay.news(en, en.missing[0], en.missing[1:]),
    )
    yield replace(
        case, name="article with a demonstration captcha", html=lay.captcha_article(en), described=cited("How a captcha works")
    )
    yield replace(case, name="form to write to us, with a captcha", html=lay.contact(en), described=cited("Write to us"))
    yield replace(
        case,
        name="article about domain parking",
        html=lay.news(
            en,
            "What is domain parking",
            (
                *en.essay,
                "Companies such as sedoparking.com and parkingcrew.net show advertisements on domains that wait for a buyer.",
            ),
        ),
        described=cited("What is domain parking"),
    )
    yield replace(
        case,
        name="sold domain",
        verdict="soft-404",
        html=lay.home(en),
        asked="https://lindholm-ferry.example/timetable",
        final="https://www.hugedomains.com/domain_profile.cfm?d=lindholm-ferry.com",
    )
    yield replace(
        case,
        name="consent host",
        verdict="login-wall",
        html=lay.consent(de, 1),
        language="de",
        final="https://consent.lake.example/collectConsent?sessionId=3_cc&lang=de",
        described=cited(de.title),
    )
    yield replace(
        case,
        name="single sign-on",
        verdict="login-wall",
        html=lay.login(de),
        language="de",
        final="https://sso.university.example/idp/profile/SAML2/Redirect/SSO?execution=e1s1&RelayState=https%3A%2F%2Fwww.lake.example%2Fnews%2F2021%2F05%2Fstory-4711",
    )
    yield replace(
        case,
        name="refresh to elsewhere",
        verdict="empty-shell",
        html=b'<html><head><meta http-equiv="refresh" content="0; url=https://new.example/x"></head><body></body></html>',
    )
    yield replace(
        case,
        name="mixed languages",
        html=lay.news(en, f"{en.title} / {de.title}", (*en.body[:3], *de.body[:3])),
        described=cited(de.title),
    )
    yield replace(case, name="deep nesting", html=b"<div>" * 3000 + article, described=cited(en.title))


def _held_odd() -> Iterator[Case]:
    """Single cases of the held-out part, written without a look at how the rules fare."""
    nl, cs, he, tr, ko, uk, el, pt = (TONGUES[code] for code in ("nl", "cs", "he", "tr", "ko", "uk", "el", "pt"))
    case = Case(name="", verdict="ok", html=b"", held=True, asked="https://archive.shore.example/doc/view.php?id=77")
    base = "https://archive.shore.example"
    article = lay.forum(nl, nl.title, nl.body)
    yield replace(case, name="held: 404", verdict="gone", html=article, status=404)
    yield replace(case, name="held: 451", verdict="challenge", html=b"<h1>Unavailable</h1>", status=451)
    yield replace(
        case,
        name="held: datadome by header",
        verdict="challenge",
        html=b"<html></html>",
        status=405,
        headers=((b"x-datadome", b"protected"),),
    )
    yield replace(
        case,
        name="held: windows-1250",
        html=lay.repository(cs, cs.title, cs.body, charset="windows-1250"),
        content_type="text/html",
        language="cs",
        described=cited(cs.title, text=cs.title),
    )
    yield replace(
        case,
        name="held: windows-1255, visual ordering not used",
        html=lay.repository(he, he.title, he.body, charset="windows-1255"),
        content_type="text/html; charset=windows-1255",
        language="he",
        described=cited(he.title),
    )
    yield replace(
        case,
        name="held: iso-8859-9",
        html=lay.repository(tr, tr.title, tr.body, charset="iso-8859-9"),
        content_type="text/html",
        language="tr",
        described=cited(tr.title, tr.body[1], text=tr.title),
    )
    yield replace(
        case,
        name="held: euc-kr",
        html=lay.repository(ko, ko.title, ko.body, charset="euc-kr"),
        content_type="text/html",
        language="ko",
        described=cited(ko.title),
    )
    yield replace(
        case,
        name="held: koi8-u",
        html=lay.repository(uk, uk.title, uk.body, charset="koi8-u"),
        content_type="text/html; charset=koi8-u",
        language="uk",
        described=cited(uk.title),
    )
    yield replace(
        case,
        name="held: koi8-u another",
        verdict="mismatch",
        html=lay.repository(uk, uk.title, uk.body, charset="koi8-u"),
        content_type="text/html; charset=koi8-u",
        language="uk",
        described=cited(uk.other, text=uk.other),
    )
    yield replace(
        case,
        name="held: greek capitals without accents",
        html=lay.forum(el, el.title, el.body),
        language="el",
        described=cited("ΤΟ ΠΟΡΘΜΕΙΟ ΓΙΑ ΤΗ ΒΟΡΕΙΑ ΟΧΘΗ ΘΑ ΦΕΥΓΕΙ ΔΥΟ ΦΟΡΕΣ ΤΗΝ ΗΜΕΡΑ ΑΠΟ ΤΟΝ ΜΑΪΟ"),
    )
    yield replace(
        case,
        name="held: title with its volume and pages",
        html=lay.repository(nl, nl.title, nl.body),
        language="nl",
        described=cited(f"{nl.title}, jrg. 12 nr. 3"),
    )
    yield replace(
        case,
        name="held: title shortened by the writer",
        html=article,
        language="nl",
        described=cited("Veerpont vaart twee keer per dag naar de noordoever"),
    )
    yield replace(
        case,
        name="held: quotation with a bracket",
        html=article,
        language="nl",
        described=cited(None, "[De] gemeenteraad besloot [...] om de tweede overtocht een seizoen lang te proberen"),
    )
    yield replace(
        case,
        name="held: quotation over two blocks",
        html=article,
        language="nl",
        described=cited(None, "een seizoen lang te proberen. „Op een boot in de middag hebben we elf jaar gewacht”"),
    )
    yield replace(
        case,
        name="held: quotation of a page about something else",
        verdict="mismatch",
        html=article,
        language="nl",
        described=cited(
            None,
            "Het vulkanische glas werd over drie bergketens verhandeld voordat aardewerk bestond",
            text="Het vulkanische glas werd over drie bergketens verhandeld",
        ),
    )
    yield replace(
        case,
        name="held: two titles, one is right",
        html=article,
        language="nl",
        described=Described(titles=(nl.other, nl.title)),
    )
    yield replace(
        case,
        name="held: dated as cited, headline changed",
        html=lay.repository(nl, nl.title, nl.body),
        language="nl",
        described=cited("Regionale bijdragen aan het onderzoek van bruggen", text="J. de Vries", date="2021-05-03"),
    )
    yield replace(
        case,
        name="held: cut",
        html=article[: len(article) * 2 // 3],
        cut=True,
        language="nl",
        described=cited("Iets dat pas aan het einde genoemd wordt"),
    )
    yield replace(
        case,
        name="held: thread closed to guests",
        verdict="login-wall",
        html=lay.forum_guests(nl),
        language="nl",
        described=cited(nl.title),
    )
    yield replace(case, name="held: forum with a login box on top", html=article, language="nl", described=cited(nl.title))
    yield replace(
        case,
        name="held: cas",
        verdict="login-wall",
        html=lay.login(pt),
        language="pt",
        final="https://cas.shore.example/cas/login?service=https%3A%2F%2Farchive.shore.example%2Fdoc%2Fview.php%3Fid%3D77",
    )
    yield replace(
        case,
        name="held: sent home by query",
        verdict="soft-404",
        html=lay.home(pt),
        language="pt",
        final=f"{base}/index.php",
        described=cited(pt.title),
    )
    yield replace(
        case,
        name="held: sent to the root of its language",
        verdict="soft-404",
        html=lay.home(nl),
        language="nl",
        final=f"{base}/nl-nl/",
        described=cited(nl.title),
    )
    yield replace(
        case,
        name="held: sent to another section",
        verdict="mismatch",
        html=lay.home(nl),
        language="nl",
        final=f"{base}/nieuws/",
        described=cited(nl.title, text=nl.title),
    )
    yield replace(
        case,
        name="held: moved to a new address",
        html=article,
        language="nl",
        final="https://new.shore.example/item/77-veerpont",
        described=cited(nl.title),
    )
    yield replace(
        case,
        name="held: moved from www to the home page of a blog that is it",
        html=article,
        asked="http://veer.example/",
        final="https://www.veer.example/",
        described=cited(nl.title),
    )
    yield replace(
        case,
        name="held: error address",
        verdict="soft-404",
        html=lay.home(tr),
        language="tr",
        final=f"{base}/PageNotFound?aspxerrorpath=/doc/view.php",
        described=cited(tr.title),
    )
    yield replace(
        case,
        name="held: manual of an error code",
        html=lay.repository(nl, "HTTP 404 Not Found", ("Status 404: de server heeft niets gevonden.",)),
        described=cited("HTTP 404 Not Found"),
    )
    yield replace(
        case,
        name="held: manual of an error code, nothing cited",
        html=lay.repository(nl, "HTTP 404 Not Found", ("Status 404: de server heeft niets gevonden.",)),
    )
    yield replace(
        case,
        name="held: article about logins",
        html=lay.forum(nl, "Inloggen met een sleutel in plaats van een wachtwoord", nl.essay),
        described=cited("Inloggen met een sleutel in plaats van een wachtwoord"),
    )
    yield replace(case, name="held: article about cookies", html=lay.with_consent(nl, 3), described=cited(nl.title))
    yield replace(case, name="held: gallery", html=lay.gallery(nl), described=Described())
    yield replace(
        case,
        name="held: data",
        html=b'{"ferry": ["morning", "afternoon"]}',
        content_type="application/json",
        described=Described(),
    )
    yield replace(
        case, name="held: feed", html=lay.feed(nl), content_type="application/rss+xml", language="nl", described=cited(nl.title)
    )
    yield replace(case, name="held: image", html=b"\x89PNG\r\n\x1a\n....", content_type="image/png", described=cited(nl.title))
    yield replace(case, name="held: zip", html=b"PK\x03\x04....", content_type="application/zip", described=cited(nl.title))
    yield replace(
        case,
        name="held: nothing but a script that leaves",
        verdict="empty-shell",
        html=b"<html><head><script>window.location.replace('https://elsewhere.example/' + location.search);</script></head><body></body></html>",
    )
    yield replace(
        case,
        name="held: search that found nothing",
        verdict="soft-404",
        html=lay.search(nl, nl.title),
        language="nl",
        described=cited(nl.other, text=nl.other),
        probe=lay.search(nl, "zzz"),
    )
    yield replace(
        case,
        name="held: host says not found honestly, this is another",
        verdict="mismatch",
        html=article,
        language="nl",
        described=cited(nl.other, text=nl.other),
        probe=lay.forum(nl, nl.missing[0], nl.missing[1:]),
        probe_status=404,
    )
    yield replace(
        case, name="held: entry of a wiki", html=lay.wiki(nl, nl.title, nl.body), language="nl", described=cited(nl.title)
    )
    yield replace(
        case,
        name="held: entry of a wiki that nobody wrote",
        verdict="soft-404",
        html=lay.wiki(nl, nl.other, ("Deze pagina bestaat niet. U kunt hem aanmaken.",)),
        language="nl",
        described=cited(nl.title),
        probe=lay.wiki(nl, "Q8w7e6", ("Deze pagina bestaat niet. U kunt hem aanmaken.",)),
    )
