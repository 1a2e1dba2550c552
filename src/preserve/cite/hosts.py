"""Does this look like a host name? Needed where no scheme is printed: `www.example.org/x`, `example.org/x`, but not `fig.3/b`.

Country codes are those of ISO 3166-1 with the few more that IANA delegated; of the generic names those that documents cite. A
name outside this list is still an address when its scheme or `www.` is printed.
"""

from __future__ import annotations

import re

_COUNTRIES = """ac ad ae af ag ai al am ao aq ar as at au aw ax az ba bb bd be bf bg bh bi bj bm bn bo br bs bt bw by bz ca cc cd cf
cg ch ci ck cl cm cn co cr cu cv cw cx cy cz de dj dk dm do dz ec ee eg er es et eu fi fj fk fm fo fr ga gb gd ge gf gg gh gi gl
gm gn gp gq gr gs gt gu gw gy hk hm hn hr ht hu id ie il im in io iq ir is it je jm jo jp ke kg kh ki km kn kp kr kw ky kz la lb
lc li lk lr ls lt lu lv ly ma mc md me mg mh mk ml mm mn mo mp mq mr ms mt mu mv mw mx my mz na nc ne nf ng ni nl no np nr nu nz
om pa pe pf pg ph pk pl pm pn pr ps pt pw py qa re ro rs ru rw sa sb sc sd se sg sh si sk sl sm sn so sr ss st su sv sx sy sz tc
td tf tg th tj tk tl tm tn to tr tt tv tw tz ua ug uk us uy uz va vc ve vg vi vn vu wf ws ye yt za zm zw"""
_GENERIC = """com org net edu gov mil int info biz name pro aero asia cat coop jobs mobi museum post tel travel arpa onion
academy agency app archive art blog building business capital care center city cloud club community company consulting cool data
day design dev digital directory earth eco education email energy events expert eus farm film finance foundation fund fyi gal
gallery game games global gmbh green group guide guru health help history holdings host hosting house institute international
jetzt land law legal lgbt life link live lol london love ltd management map market media moe money monster movie network news
ngo nyc one ong online ooo page paris partners photo photography pics place plus press productions pub quebec radio report
reviews rocks run saarland sale school science scot services shop show site social software solutions space store studio style
support swiss systems team tech tips today tools top town trade training travel tube university uno vip video vision vote wales
watch website wiki win work works world wtf xyz yoga zone berlin koeln hamburg bayern ruhr wien tirol brussels vlaanderen
google goog microsoft apple amazon xn--p1ai xn--y9a3aq xn--90ais xn--j1amh рф հայ бел укр eu"""
TLDS = frozenset(_COUNTRIES.split()) | frozenset(_GENERIC.split())

# Names that are files far more often than hosts where no scheme, path or cue says otherwise.
_FILES = frozenset(
    {"md", "py", "sh", "rs", "pl", "ps", "cc", "so", "zip", "mov", "st", "pm", "am", "no", "is", "it", "in", "to", "my"}
)

_LABEL = r"[^\W_](?:[\w-]{0,61}[^\W_])?"
# A word without a dot behind it is no label: seen at once, which halves the time of looking for hosts in prose.
HOST = re.compile(rf"(?=[\w-]++\.)(?:{_LABEL}\.)+(?P<tld>[^\W\d_]{{2,24}}|xn--[a-z0-9-]+)", re.IGNORECASE)
_ADDRESS_V6 = re.compile(r"\[[0-9a-f:.]{2,45}\]\Z", re.IGNORECASE)
_ADDRESS_V4 = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}\Z")


def known_tld(name: str) -> bool:
    """Whether `name` is a top-level domain that documents cite."""
    return name.lower() in TLDS


def is_named_host(host: str) -> bool:
    """A dotted name under a top-level domain that we know: enough to be an address where a path follows."""
    match = HOST.fullmatch(host)
    return match is not None and known_tld(match["tld"])


def is_plain_file(host: str) -> bool:
    """Whether a dotted name with nothing after it is rather a file, or two sentences without a space between."""
    return host.rsplit(".", 1)[-1].lower() in _FILES or (host.count(".") == 1 and host[:1].isupper())


def is_host(host: str) -> bool:
    """What may stand after a printed scheme: a dotted name, an IP address, or `localhost`."""
    host = host.lower()
    if _ADDRESS_V6.match(host) or _ADDRESS_V4.match(host) or host == "localhost":
        return True
    return bool(HOST.fullmatch(host.rstrip(".")))
