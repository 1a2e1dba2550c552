"""Layouts of pages as their makers' tools write them, for the corpus of pages: bodies of responses as bytes.

Markup is written for this project after what such tools produce; the names of elements, scripts and headers are the products' own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape

from pagetexts import Tongue

_RTL = {"ar", "he", "fa"}
Layout = Callable[..., bytes]


def _dir(tongue: Tongue) -> str:
    return f'lang="{tongue.code}" dir="rtl"' if tongue.code in _RTL else f'lang="{tongue.code}"'


def _nav(tongue: Tongue) -> str:
    return "".join(
        f'<li><a href="/s/{at}">{escape(word)}</a></li>' for at, word in enumerate((tongue.site, *tongue.essay[1].split()[:4]))
    )


def _paragraphs(body: Sequence[str]) -> str:
    return "".join(f"<p>{escape(line)}</p>\n" for line in body)


def wordpress(tongue: Tongue, title: str, body: Sequence[str], seed: int = 1) -> bytes:
    return f"""<!DOCTYPE html>
<html {_dir(tongue)}><head><meta charset="UTF-8"><title>{escape(title)} &#8211; {escape(tongue.site)}</title>
<meta name="generator" content="WordPress 6.4.{seed}"><meta property="og:title" content="{escape(title)}"><meta property="og:site_name" content="{escape(tongue.site)}">
<link rel='stylesheet' href='/wp-includes/css/style.min.css?ver=6.4.{seed}'><script src='/wp-includes/js/jquery/jquery.min.js'></script>
<style>.entry{{margin:0}}</style></head><body class="post-template-default single single-post postid-{4000 + seed}">
<header id="masthead" class="site-header"><p class="site-title"><a href="/" rel="home">{escape(tongue.site)}</a></p><nav id="site-navigation" class="main-navigation"><ul>{_nav(tongue)}</ul></nav></header>
<main id="primary" class="site-main"><article id="post-{4000 + seed}" class="post type-post hentry"><header class="entry-header"><h1 class="entry-title">{escape(title)}</h1>
<div class="entry-meta"><time class="entry-date published" datetime="2021-05-03T08:00:00+02:00">3.5.2021</time></div></header><div class="entry-content">
{_paragraphs(body)}</div></article></main><aside id="secondary" class="widget-area"><section class="widget"><h2>{escape(tongue.site)}</h2><ul>{_nav(tongue)}</ul></section></aside>
<footer id="colophon" class="site-footer">&copy; {2020 + seed} {escape(tongue.site)}</footer></body></html>""".encode()


def news(tongue: Tongue, title: str, body: Sequence[str], seed: int = 1) -> bytes:
    names = f'{{"@context":"https://schema.org","@type":"NewsArticle","headline":"{title}","datePublished":"2021-05-03T08:00:00Z","author":{{"@type":"Person","name":"Anna Berg"}}}}'
    return f"""<!doctype html><html {_dir(tongue)} class="no-js"><head><meta charset=utf-8><meta name=viewport content="width=device-width">
<title>{escape(title)} | {escape(tongue.site)}</title><link rel=canonical href="https://www.lake.example/news/2021/05/story-4711"><meta name="twitter:title" content="{escape(title)}">
<script type="application/ld+json">{names}</script><script async src="https://cdn.ads.example/tag/{seed}.js"></script><script>window.dataLayer=window.dataLayer||[];dataLayer.push({{"sid":"{seed * 7919}"}})</script></head>
<body><div class="skip-link"><a href="#main">&rarr;</a></div><header role="banner"><a href="/">{escape(tongue.site)}</a><nav><ul>{_nav(tongue)}</ul></nav></header>
<div class="advert" id="ad-top-{seed}"></div><main id="main"><article><h1>{escape(title)}</h1><p class="byline">Anna Berg</p>
{_paragraphs(body)}<div class="share"><a href="https://social.example/?u=x">+</a><a href="mailto:?x">@</a></div></article></main>
<section class="related"><h2>{escape(tongue.essay[2][:40])}</h2><ul>{_nav(tongue)}</ul></section><footer><p>{escape(tongue.site)} {2000 + seed}</p></footer></body></html>""".encode()


def plain(tongue: Tongue, title: str, body: Sequence[str], seed: int = 1, charset: str = "utf-8") -> bytes:
    text = f"""<HTML><HEAD><META HTTP-EQUIV="Content-Type" CONTENT="text/html; charset={charset}"><TITLE>{escape(title)}</TITLE></HEAD>
<BODY BGCOLOR="#ffffff" TEXT=#000000><CENTER><FONT SIZE=+2><B>{escape(title)}</B></FONT></CENTER><HR><!-- {seed} -->
{"<P>".join(escape(line) for line in body)}
<HR><A HREF="index.html">{escape(tongue.site)}</A></BODY></HTML>"""
    return text.encode(charset, "xmlcharrefreplace")


def tables(tongue: Tongue, title: str, body: Sequence[str], seed: int = 1) -> bytes:
    return f"""<html><head><meta http-equiv="content-language" content="{tongue.code}"><meta http-equiv="Content-Type" content="text/html; charset=utf-8"><title>{escape(tongue.site)} :: {escape(title)}</title></head>
<body><table width=780 align=center cellpadding=4><tr><td colspan=2><img src="/img/logo.gif" alt="{escape(tongue.site)}"></td></tr><tr valign=top><td width=150>
<table class=menu>{"".join(f"<tr><td><a href=/m{at}.asp>{escape(word)}</a>" for at, word in enumerate(tongue.essay[1].split()[:6]))}</table>
<td><h2>{escape(title)}</h2>{"<br><br>".join(escape(line) for line in body)}<tr><td colspan=2><small>{seed * 13} : {escape(tongue.site)}</small></table></body></html>""".encode()


def webforms(tongue: Tongue, title: str, body: Sequence[str], seed: int = 1) -> bytes:
    state = "".join(chr(65 + (at * seed * 31) % 26) for at in range(900))
    return f"""<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Transitional//EN" "http://www.w3.org/TR/xhtml1/DTD/xhtml1-transitional.dtd">
<html xmlns="http://www.w3.org/1999/xhtml" xml:lang="{tongue.code}"><head id="Head1"><title>
	{escape(title)}
</title></head><body><form method="post" action="./story.aspx?id=4711" id="aspnetForm"><input type="hidden" name="__VIEWSTATE" value="{state}" />
<div id="ctl00_Menu"><ul>{_nav(tongue)}</ul></div><div id="ctl00_Search"><input name="ctl00$q" type="text" /><input type="submit" value="&gt;" /></div>
<div id="ctl00_Content" class="content"><h1>{escape(title)}</h1>{_paragraphs(body)}</div><div class="footer">{escape(tongue.site)}</div></form></body></html>""".encode()


def journal(tongue: Tongue, title: str, body: Sequence[str], seed: int = 1) -> bytes:
    return f"""<!DOCTYPE html><html {_dir(tongue)}><head><meta charset="utf-8"><title>{escape(title)} - {escape(tongue.site)}</title><meta name="citation_title" content="{escape(title)}">
<meta name="citation_author" content="Berg, Anna"><meta name="citation_publication_date" content="2021/05/03"><meta name="DC.language" content="{tongue.code}"><meta name="citation_journal_title" content="{escape(tongue.site)}"></head>
<body><div class="navbar"><a href="/login">{escape(tongue.login)}</a><ul>{_nav(tongue)}</ul></div><div class="container"><h1 class="page-header">{escape(title)}</h1><div class="authors">Anna Berg</div>
<div class="abstract"><h2>1</h2>{_paragraphs(body)}</div><div class="item downloads"><a href="/d/{seed}">PDF</a></div></div></body></html>""".encode()


def drupal(tongue: Tongue, title: str, body: Sequence[str], seed: int = 1) -> bytes:
    return f"""<!DOCTYPE html><html {_dir(tongue)} prefix="og: https://ogp.me/ns#"><head><meta charset="utf-8" /><meta name="Generator" content="Drupal 10" /><title>{escape(title)} | {escape(tongue.site)}</title>
<script src="/core/assets/vendor/modernizr.js?{seed}"></script></head><body class="path-node page-node-type-article"><div class="dialog-off-canvas-main-canvas" data-off-canvas-main-canvas><div id="page-wrapper">
<header id="header" class="header" role="banner"><div class="section"><a href="/">{escape(tongue.site)}</a></div></header><div class="breadcrumb" role="navigation"><ol><li><a href="/">{escape(tongue.site)}</a></li></ol></div>
<main id="content" class="main-content"><h1 class="page-title"><span>{escape(title)}</span></h1><article class="node node--type-article"><div class="field field--name-body">{_paragraphs(body)}</div></article></main>
<div class="site-footer"><nav role="navigation"><ul class="menu">{_nav(tongue)}</ul></nav></div></div></div></body></html>""".encode()


def careless(tongue: Tongue, title: str, body: Sequence[str], seed: int = 1) -> bytes:
    """Unclosed, misnested, with attributes without quotation marks and a stray byte."""
    return (
        f"<html><head><title>{escape(title)}</head><meta charset=utf-8><body onload=init({seed})><div id=wrap><ul>{_nav(tongue)}<div class=txt><h1>{escape(title)}<b></h1>".replace(
            "</head>", "</title></head>"
        ).encode()
        + b"\xff".join(f"<p><i>{escape(line)}</p></i>\n".encode() for line in body)
        + f"<font color=red>{escape(tongue.site)}<!-- unclosed".encode()
    )


def forum(tongue: Tongue, title: str, body: Sequence[str], seed: int = 1) -> bytes:
    return f"""<!DOCTYPE html><html {_dir(tongue)}><head><meta charset="UTF-8" /><title>{escape(title)} - {escape(tongue.site)}</title></head><body id="phpbb" class="nojs notouch section-viewtopic"><div id="wrap">
<div id="page-header"><form action="./ucp.php?mode=login" method="post" class="headerspace"><fieldset class="quick-login"><input type="text" name="username" /><input type="password" name="password" /><input type="submit" value="{escape(tongue.login)}" /></fieldset></form><ul class="linklist">{_nav(tongue)}</ul></div>
<div id="page-body"><h2 class="topic-title"><a href="./viewtopic.php?t={seed}">{escape(title)}</a></h2>{"".join(f'<div class="post"><div class="postbody"><div class="content">{escape(line)}</div></div></div>' for line in body)}</div>
<div id="page-footer">{escape(tongue.site)}</div></div></body></html>""".encode()


def wiki(tongue: Tongue, title: str, body: Sequence[str], seed: int = 1) -> bytes:
    return f"""<!DOCTYPE html><html class="client-nojs" {_dir(tongue)}><head><meta charset="UTF-8"/><title>{escape(title)} – {escape(tongue.site)}</title><script>document.documentElement.className="client-js";RLCONF={{"wgRequestId":"{seed * 104729}"}};</script></head>
<body class="mediawiki ltr ns-0"><div id="content" class="mw-body" role="main"><h1 id="firstHeading" class="firstHeading">{escape(title)}</h1><div id="mw-content-text" class="mw-body-content"><div class="mw-parser-output">{_paragraphs(body)}</div></div></div>
<div id="mw-navigation"><ul><li id="pt-login"><a href="/w/index.php?title=Special:UserLogin&amp;returnto=x">{escape(tongue.login)}</a></li>{_nav(tongue)}</ul></div><footer id="footer">{escape(tongue.site)}</footer></body></html>""".encode()


def repository(tongue: Tongue, title: str, body: Sequence[str], seed: int = 1, charset: str = "utf-8") -> bytes:
    text = f"""<!DOCTYPE html><html lang="{tongue.code}"><head><meta http-equiv="Content-Type" content="text/html; charset={charset}"><title>{escape(tongue.site)}: {escape(title)}</title><meta name="DC.title" content="{escape(title)}"><meta name="DC.creator" content="Vries, J. de"><meta name="DCTERMS.issued" content="2021-05-03"></head>
<body><div id="ds-header"><a href="/">{escape(tongue.site)}</a></div><div id="ds-body"><h2>{escape(title)}</h2><table class="item">{"".join(f"<tr><th>{at}</th><td>{escape(line)}</td></tr>" for at, line in enumerate(body))}</table></div><!--{seed}--></body></html>"""
    return text.encode(charset, "xmlcharrefreplace")


def static_site(tongue: Tongue, title: str, body: Sequence[str], seed: int = 1) -> bytes:
    return f"""<!doctype html><html {_dir(tongue)}><meta charset=utf-8><title>{escape(title)}</title><link rel=stylesheet href=/main.{seed:04x}.css><nav><a href=/>{escape(tongue.site)}</a></nav><h1>{escape(title)}</h1>{"".join(f"<p>{escape(line)}" for line in body)}<footer>{escape(tongue.site)}</footer>""".encode()


def gov(tongue: Tongue, title: str, body: Sequence[str], seed: int = 1) -> bytes:
    return f"""<!DOCTYPE html><html {_dir(tongue)} class="govuk-template"><head><meta charset="utf-8"><title>{escape(title)} - {escape(tongue.site)}</title><meta property="article:published_time" content="2021-05-03"></head><body class="govuk-template__body"><script>document.body.className += ' js-enabled'</script>
<div id="global-cookie-message" class="cookie-banner" role="region"><p>{escape(tongue.consent)}</p><button>OK</button></div><a href="#content" class="skip-link">#</a><header><a href="/">{escape(tongue.site)}</a></header>
<div class="width-container"><main id="content" role="main"><h1 class="heading-xl">{escape(title)}</h1><div class="govspeak">{_paragraphs(body)}</div></main></div><footer role="contentinfo"><ul>{_nav(tongue)}</ul><p>{seed}</p></footer></body></html>""".encode()


TUNING: tuple[Layout, ...] = (wordpress, news, plain, tables, webforms, journal, drupal, careless)
HELD: tuple[Layout, ...] = (forum, wiki, repository, static_site, gov)


def home(tongue: Tongue) -> bytes:
    teasers = "".join(
        f'<div class="teaser"><h3><a href="/a/{at}">{escape(line[:60])}</a></h3><p>{escape(line)}</p></div>'
        for at, line in enumerate(tongue.essay)
    )
    return f"""<!DOCTYPE html><html {_dir(tongue)}><head><meta charset="utf-8"><title>{escape(tongue.site)}</title><meta property="og:site_name" content="{escape(tongue.site)}"></head><body><header><h1>{escape(tongue.site)}</h1><nav><ul>{_nav(tongue)}</ul></nav></header><main>{teasers}<h2>{escape(tongue.essay[2][:40])}</h2></main><footer>{escape(tongue.site)}</footer></body></html>""".encode()


def search(tongue: Tongue, words: str) -> bytes:
    return f"""<!DOCTYPE html><html {_dir(tongue)}><head><meta charset="utf-8"><title>{escape(tongue.site)}</title></head><body><nav><ul>{_nav(tongue)}</ul></nav><main><h2>{escape(tongue.missing[0])}</h2><p>{escape(tongue.missing[1])}</p><form action="/search"><input name="q" value="{escape(words)}"></form><p>{escape(tongue.site)}: 0</p></main></body></html>""".encode()


def login(tongue: Tongue) -> bytes:
    return f"""<!DOCTYPE html><html {_dir(tongue)}><head><meta charset="utf-8"><title>{escape(tongue.login)} - {escape(tongue.site)}</title><meta name="robots" content="noindex"></head><body class="login"><div id="login"><h1><a href="/">{escape(tongue.site)}</a></h1>
<form name="loginform" action="/session" method="post"><label for="u">1</label><input id="u" name="user" type="text"><label for="p">2</label><input id="p" name="pass" type="password"><input type="checkbox" name="remember"><input type="submit" value="{escape(tongue.login)}"></form><p><a href="/lost">?</a></p></div></body></html>""".encode()


def forum_guests(tongue: Tongue) -> bytes:
    return forum(tongue, tongue.site, (tongue.login,)).replace(
        b'<div id="page-footer">',
        b'<form action="./ucp.php" method="post"><input type="text" name="username"><input type="password" name="password"></form><div id="page-footer">',
    )


def with_login_box(tongue: Tongue) -> bytes:
    box = f'<div class="login-box"><form action="/login" method="post"><input name="u"><input type="password" name="p"><button>{escape(tongue.login)}</button></form></div>'
    return wordpress(tongue, tongue.title, tongue.body).replace(b'<main id="primary"', box.encode() + b'<main id="primary"')


_DIALOGS = (
    '<div id="onetrust-consent-sdk"><div id="onetrust-banner-sdk" role="alertdialog"><p>{}</p><button id="onetrust-accept-btn-handler">OK</button></div></div>',
    '<div id="didomi-host"><div id="didomi-popup" class="didomi-popup-container"><p>{}</p><button id="didomi-notice-agree-button">OK</button></div></div>',
    '<div id="sp_message_container_1" style="display:block"><iframe src="https://cmp.lake.example/index.html"></iframe><p>{}</p></div>',
    '<div id="usercentrics-root" data-x="1"><p>{}</p></div>',
)


def with_consent(tongue: Tongue, kind: int) -> bytes:
    dialog = _DIALOGS[kind % len(_DIALOGS)].format(escape(tongue.consent))
    return news(tongue, tongue.title, tongue.body).replace(b"<body>", f"<body>{dialog}".encode(), 1)


def consent(tongue: Tongue, kind: int) -> bytes:
    dialog = _DIALOGS[kind % len(_DIALOGS)].format(escape(tongue.consent))
    return f"""<!DOCTYPE html><html {_dir(tongue)}><head><meta charset="utf-8"><title>{escape(tongue.site)}</title><script src="https://cdn.cookielaw.org/scripttemplates/otSDKStub.js"></script></head><body>{dialog}</body></html>""".encode()


# Challenges: name, what the challenge is, and the script by which the product watches honest pages (None when it has none).


def _challenge(head: str, body: str) -> Callable[[Tongue], bytes]:
    def make(tongue: Tongue) -> bytes:
        words = escape(tongue.script)
        return f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">{head}</head><body>{body.replace("@@", words)}</body></html>'.encode()

    return make


Guard = tuple[str, Callable[[Tongue], bytes], str | None]
TUNING_GUARDS: tuple[Guard, ...] = (
    ("Cloudflare", _challenge('<title>Just a moment...</title><meta name="robots" content="noindex,nofollow"><meta http-equiv="refresh" content="390">', '<div class="main-wrapper" role="main"><div class="main-content"><noscript><div class="h2"><span id="challenge-error-text">@@</span></div></noscript></div></div><script>(function(){window._cf_chl_opt={cvId:"3",cZone:"www.lake.example",cType:"managed",cRay:"8f2"};var a=document.createElement("script");a.src="/cdn-cgi/challenge-platform/h/b/orchestrate/chl_page/v1?ray=8f2";document.head.appendChild(a)})();</script>'), "<script>(function(){var a=document.createElement('script');a.innerHTML='window.__CF$cv$params={r:1}';a.src='/cdn-cgi/challenge-platform/scripts/jsd/main.js'})();</script>"),
    ("Akamai", _challenge("<title>Access Denied</title>", "<h1>Access Denied</h1>You don't have permission to access \"http&#58;&#47;&#47;www&#46;lake&#46;example&#47;\" on this server.<p>Reference&#32;&#35;18&#46;5c1f1602&#46;1700000000&#46;2f4d5e6<p>https&#58;&#47;&#47;errors&#46;edgesuite&#46;net&#47;18&#46;5c1f1602"), '<script type="text/javascript" src="/akam/13/4d5e6f" defer></script>'),
    ("DataDome", _challenge("<title>lake.example</title><style>#cmsg{animation: A 1.5s;}</style>", "<p id=\"cmsg\">@@</p><script data-cfasync=\"false\">var dd={'rt':'c','cid':'AHrlqAAAAAMA','hsh':'ABC','t':'bv','s':1,'host':'geo.captcha-delivery.com'}</script><script data-cfasync=\"false\" src=\"https://ct.captcha-delivery.com/c.js\"></script>"), '<script src="https://js.datadome.co/tags.js" async></script>'),
    ("HUMAN", _challenge("<title>Access to this page has been denied</title>", '<div class="px-captcha-container"><div class="px-captcha-header">@@</div><div id="px-captcha"></div></div><script>window._pxAppId="PXabc";window._pxJsClientSrc="/abc/init.js";window._pxUuid="1";</script><script src="https://captcha.px-cdn.net/PXabc/captcha.js?a=c"></script>'), '<script>window._pxAppId="PXabc";</script><script src="https://client.perimeterx.net/PXabc/main.min.js" async></script>'),
    ("Incapsula", _challenge('<meta name="robots" content="noindex,nofollow"><script src="/_Incapsula_Resource?SWJIYLWA=5074a744e2e3d891814e9a2dace20bd4"></script>', '<iframe id="main-iframe" src="/_Incapsula_Resource?CWUDNSAI=23&xinfo=9-1&incident_id=1-2&edet=12&cinfo=04" frameborder=0 width="100%">Request unsuccessful. Incapsula incident ID: 1-2</iframe>'), '<script src="/_Incapsula_Resource?SWJIYLWA=719d34d31c8e3a6e6fffd425f7e032f3" async></script>'),
    ("AWS WAF", _challenge("<title></title>", '<script>window.awsWafCookieDomainList=[];window.gokuProps={"key":"AQ","iv":"A","context":"x"};</script><script src="https://a1.b2.eu-west-1.token.awswaf.com/a1/b2/challenge.js"></script><div id="challenge-container"></div><noscript><h1>@@</h1></noscript>'), '<script src="https://a1.edge.sdk.awswaf.com/a1/telemetry.js" defer></script>'),
    ("recaptcha", _challenge("<title>Robot Check</title>", '<form action="/verify" method="post"><p>@@</p><div class="g-recaptcha" data-sitekey="6L"></div><input type="submit"></form><script src="https://www.google.com/recaptcha/api.js" async></script>'), '<script src="https://www.google.com/recaptcha/api.js?render=6Lx"></script>'),
)  # fmt: skip
HELD_GUARDS: tuple[Guard, ...] = (
    ("Cloudflare block", _challenge("<title>Attention Required! | Cloudflare</title>", '<div id="cf-wrapper"><div id="cf-error-details" class="cf-error-details-wrapper"><h1 data-translate="block_headline">Sorry, you have been blocked</h1><h2 class="cf-subheadline">You are unable to access lake.example</h2><p>@@</p><p>Cloudflare Ray ID: 8f2</p></div></div>'), '<script defer src="https://static.cloudflareinsights.com/beacon.min.js"></script>'),
    ("Akamai behaviour", _challenge('<meta http-equiv="refresh" content="5; URL=\'/?bm-verify=AAQAA\'" />', '<div id="sec-if-cpt-container" class="sec-container"></div><script>var i=1700000000;var j=i+Number("7482"+"60410");var xhr=new XMLHttpRequest();xhr.open("POST","/_sec/verify?provider=interstitial",false);</script>'), None),
    ("Sucuri", _challenge("<title>You are being redirected...</title>", "<noscript>@@</noscript><script>var s={},u,c,U,r,i,l=0,a,e=eval,w=String.fromCharCode,sucuri_cloudproxy_js='',S='cz0i';</script>"), None),
    ("Anubis", _challenge('<title>Making sure you&#39;re not a bot!</title><script id="anubis_version" type="application/json">"v1"</script>', '<main><h1 id="title">Making sure you&#39;re not a bot!</h1><p id="status">@@</p><script async type="module" src="/.within.website/x/cmd/anubis/static/js/main.mjs"></script></main>'), None),
    ("hcaptcha", _challenge("<title>One more step</title>", '<h1>One more step</h1><p>@@</p><form id="captcha-form" method="POST"><div class="h-captcha" data-sitekey="x"></div></form><script src="https://js.hcaptcha.com/1/api.js" async defer></script>'), '<script src="https://js.hcaptcha.com/1/api.js?render=explicit" async></script>'),
    ("F5", _challenge("<title>Request Rejected</title>", "The requested URL was rejected. Please consult with your administrator.<br><br>Your support ID is: 12345678901234567890<br><br><a href='javascript:history.back();'>[Go Back]</a>"), "<script>window['bobcmn'] = '101110101010102000';</script>"),
    ("own captcha", _challenge("<title>Verification</title>", '<div id="captcha-box"><p>@@</p><img src="/captcha/image.php?r=1"><form method="post"><input name="code" type="text"><button>OK</button></form></div>'), None),
    ("Aliyun", _challenge("", "<script>var arg1='5B2F3A';var _0x4818=['csKHwqMI'];function setCookie(n,v){document.cookie=n+'='+v}setCookie('acw_sc__v2',arg1);</script>"), None),
    ("Vercel", _challenge("<title>Vercel Security Checkpoint</title>", '<p id="header-text">@@</p><script src="/.well-known/vercel/security/static/challenge.v2.min.js"></script>'), None),
)  # fmt: skip


def watched(tongue: Tongue, script: str) -> bytes:
    return drupal(tongue, tongue.title, tongue.body).replace(b"</head>", script.encode() + b"</head>", 1)


# Empty shells: what a build tool leaves in index.html.


def _shell(head: str, body: str) -> Callable[[Tongue], bytes]:
    def make(tongue: Tongue) -> bytes:
        fill = {"@@": escape(tongue.script), "##": escape(tongue.site), "$$": escape(tongue.title)}
        text = f'<!doctype html><html {_dir(tongue)}><head><meta charset="utf-8">{head}</head><body>{body}</body></html>'
        for mark, words in fill.items():
            text = text.replace(mark, words)
        return text.encode()

    return make


TUNING_SHELLS = (
    _shell(
        '<title>##</title><script defer src="/static/js/main.8d1f.js"></script>', '<noscript>@@</noscript><div id="root"></div>'
    ),
    _shell(
        '<title>##</title><meta property="og:title" content="$$">',
        '<app-root></app-root><div id="app"></div><script src="runtime.js" type="module"></script><script src="main.js" type="module"></script>',
    ),
    _shell(
        '<base href="/"><title>##</title>',
        '<div id="__next"><div class="spinner"></div></div><script id="__NEXT_DATA__" type="application/json">{"props":{},"page":"/[slug]"}</script><script src="/_next/static/chunks/main.js"></script>',
    ),
    _shell(
        "<title>##</title>",
        '<div id="app"><div class="loading">...</div></div><script type="module" crossorigin src="/assets/index-4f.js"></script>',
    ),
)
HELD_SHELLS = (
    _shell(
        "<title>##</title>",
        '<div id="svelte"></div><script type="module">import { start } from "/_app/immutable/start.js"; start({target: document.body});</script>',
    ),
    _shell(
        '<title>##</title><link rel="modulepreload" href="/a.js">',
        '<div id="q-app"><p>@@</p></div><script src="/js/app.js"></script>',
    ),
    _shell(
        "<title></title>",
        "<noscript><h2>@@</h2></noscript><script>window.__INITIAL_STATE__={}</script><script src='/dist/bundle.js'></script>",
    ),
    _shell(
        "<title>##</title>",
        '<div id="ember-application"></div><script src="/assets/vendor.js"></script><script src="/assets/app.js"></script>',
    ),
)


def filled(tongue: Tongue) -> bytes:
    state = '<script>window.__NUXT__={"data":[{"x":1}]}</script><script src="/_nuxt/app.js" defer></script>'
    inside = f'<div id="__nuxt"><div id="__layout"><nav>{_nav(tongue)}</nav><main><h1>{escape(tongue.title)}</h1>{_paragraphs(tongue.body)}</main></div></div><noscript>{escape(tongue.script)}</noscript>'
    return f'<!doctype html><html {_dir(tongue)}><head><meta charset="utf-8"><title>{escape(tongue.title)}</title></head><body>{inside}{state}</body></html>'.encode()


TUNING_PARKED = (
    _shell(
        "<title>lake.example</title>",
        '<div id="container"><p>This domain may be for sale.</p></div><script src="https://img1.sedoparking.com/js/jquery.js"></script><script>var dto={"domain":"lake.example"};</script>',
    ),
    _shell(
        "<title>lake.example</title>",
        '<div id="target"></div><script>window.park = "eyJ1dWlkIjoi";</script><script src="/bXq.js"></script>',
    ),
    _shell("", '<script>window.onload=function(){window.location.href="/lander"}</script>'),
)
HELD_PARKED = (
    _shell(
        "<title>lake.example</title>",
        '<iframe src="https://parking.bodiscdn.com/x"></iframe><script src="https://www.bodis.com/park.js"></script><ul><li><a href="/?q=1">Ferry tickets</a></li><li><a href="/?q=2">Hotels</a></li></ul>',
    ),
    _shell(
        "<title>lake.example is for sale</title>",
        '<h1>lake.example</h1><p>Buy this domain</p><script src="https://cdn.dan.com/lander.js"></script>',
    ),
    _shell(
        "<title>lake.example</title>",
        '<div id="main"></div><script src="https://c.parkingcrew.net/scripts/sale_form.js"></script><script>var ads=new google.ads.domains.Caf({});</script>',
    ),
)


def frames(tongue: Tongue) -> bytes:
    return f'<html><head><title>{escape(tongue.site)}</title></head><frameset cols="20%,*"><frame src="menu.html" name="menu"><frame src="story.html" name="main"><noframes><body>-</body></noframes></frameset></html>'.encode()


def captcha_article(tongue: Tongue) -> bytes:
    demo = b'<div class="g-recaptcha" data-sitekey="demo"></div><script src="https://www.google.com/recaptcha/api.js" async></script>'
    return wordpress(tongue, "How a captcha works", (*tongue.essay, *tongue.body)).replace(b"</article>", demo + b"</article>")


def contact(tongue: Tongue) -> bytes:
    return f"""<!DOCTYPE html><html {_dir(tongue)}><head><meta charset="utf-8"><title>Write to us</title><script src="https://www.google.com/recaptcha/api.js"></script></head><body><nav><ul>{_nav(tongue)}</ul></nav><main><h1>Write to us</h1><p>{escape(tongue.body[0])}</p><form><input name="name"><input name="email" type="email"><textarea name="text"></textarea><div class="g-recaptcha"></div><button>OK</button></form></main></body></html>""".encode()


def gallery(tongue: Tongue) -> bytes:
    images = "".join(f'<a href="/full/{at}.jpg"><img src="/thumb/{at}.jpg" alt=""></a>' for at in range(24))
    return f'<!DOCTYPE html><html {_dir(tongue)}><head><meta charset="utf-8"><title>{escape(tongue.site)}</title><script src="/lightbox.js"></script></head><body><h1>{escape(tongue.site)}</h1>{images}</body></html>'.encode()


def feed(tongue: Tongue) -> bytes:
    return f'<?xml version="1.0" encoding="utf-8"?><rss version="2.0"><channel><title>{escape(tongue.site)}</title><item><title>{escape(tongue.title)}</title><description>{escape(tongue.body[0])}</description></item></channel></rss>'.encode()
