"""An element as a line of text, without what is random in it: so two captures of a page can be compared by their markup.

Left out are nonces, tokens in hidden fields, cache busters and session ids in addresses, generated names, numbers in scripts, and what
never matters by itself. Where a link leads and which picture is shown stays, to the letter (docs/adr/0150).
"""

from __future__ import annotations

import re
from itertools import pairwise

from preserve.formats.html import Tag
from preserve.pages.markup import fold
from preserve.pages.metadata import KINDS


def word_set(text: str) -> frozenset[str]:
    """A closed list of words."""
    return frozenset(text.split())


_UNTOLD = frozenset(
    {"nonce", "integrity", "srcset", "sizes", "imagesizes", "imagesrcset", "crossorigin", "fetchpriority", "loading"}
)
"""Attributes that never matter by themselves: `srcset` names other sizes of what `src` names."""
_ADDRESSES = frozenset({"href", "src", "action", "data-src", "poster", "data", "content"})
_ASSETS = frozenset({"script", "link", "style"})
_SECRET_META = re.compile(
    r"csrf|xsrf|nonce|token|request-?id|session|trace|generat|render|build|timestamp|server", re.IGNORECASE
)
_PASSING = word_set(
    "_ cb nocache cachebuster cachebust rand random rnd sid phpsessid jsessionid session sessionid session_id token csrf"
    " csrf_token nonce fbclid gclid msclkid mc_cid mc_eid _ga"
)
"""Parameters of any address that say nothing of what it leads to."""
_BUSTERS = _PASSING | word_set("v ver version t ts time timestamp cache hash rev build h d")
"""Those of a script, a style sheet or an image."""
_SESSION = re.compile(r";(?:jsessionid|phpsessid|sid)=[^/?#;]*", re.IGNORECASE)
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)
_CHANCE = re.compile(r"[A-Za-z0-9+/_=-]{20,}|(?=[A-Za-z]*\d)[A-Za-z0-9]{6,}|\d+")
_STAMP = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:?\d\d)?|(?<!\d)\d{10}(?:\d{3})?(?!\d)|[0-9a-fA-F]{16,}")
_READ_ELSEWHERE = frozenset({"title", "author", "published", "modified"})
"""Facts that are compared as what the page says of itself (`Page.visible_metadata`)."""
_HASHED = re.compile(r"(?<=[.\-_/])(?=[0-9a-zA-Z]*\d)[0-9a-zA-Z]{6,}(?=[.\-_]|$)")
_SEGMENT = re.compile(r"[A-Za-z0-9]+")
_OF_A_TOOL = re.compile(r"(?<![\w-])((?:css|emotion|svelte|astro)-)[0-9a-z]{5,8}(?!\w)")
"""Classes as programs for style sheets name them: behind this beginning stands a hash, be it of letters alone."""
_VOWELS = frozenset("aeiouyAEIOUY")


def line(tag: Tag, attributes: dict[str, str]) -> str:
    """An element as one line, its attributes in order of their names, without what is random."""
    name = tag.name
    if name in {"script", "style"} and tag.text.strip():
        return f"<{name}> {_CHANCE.sub('#', fold(tag.text))[:4000]}"
    told = []
    for key in sorted(attributes):
        value = _value(name, key, attributes)
        if value is not None:
            told.append(f"{key}={value}" if value else key)
    return f"<{' '.join([name, *told])}>"[:2000]


def _value(name: str, key: str, attributes: dict[str, str]) -> str | None:
    """An attribute's value, masked; None where the attribute does not matter."""
    value = fold(attributes[key])
    if key in _UNTOLD or key.startswith("on"):
        return None
    if key == "value" and attributes.get("type", "").lower() == "hidden":
        return None
    if name == "meta" and key == "content":
        told = attributes.get("name") or attributes.get("property") or attributes.get("http-equiv") or ""
        if _SECRET_META.search(told) or KINDS.get(told.lower()) in _READ_ELSEWHERE:
            return None
        return address(value, asset=False) if "://" in value else _STAMP.sub("#", value)
    if key in {"id", "class", "for", "name", "aria-labelledby", "aria-describedby", "aria-controls", "aria-owns", "style"}:
        return _SEGMENT.sub(_unrandom, _OF_A_TOOL.sub(r"\1#", value))
    if key in _ADDRESSES:
        return address(value, asset=name in _ASSETS or name in {"img", "source"}, hashed=name in _ASSETS)
    if key.startswith("data-"):
        return _CHANCE.sub("#", value)
    return value


def address(value: str, *, asset: bool, hashed: bool = False) -> str:
    """An address without cache busters and session ids; `hashed` masks the hash that a build puts into a file's name too."""
    if value.startswith("data:"):
        return value[:60]
    before, mark, fragment = value.partition("#")
    path, _, query = before.partition("?")
    path = _UUID.sub("#", _SESSION.sub("", path)) if asset else _SESSION.sub("", path)
    if hashed:
        path = _HASHED.sub("#", path)
    dropped = _BUSTERS if asset else _PASSING
    kept = []
    for pair in query.split("&") if query else ():
        key, _, given = pair.partition("=")
        bare = asset and not given and _CHANCE.fullmatch(key)
        if key.lower() not in dropped and not key.lower().startswith("utm_") and not bare:
            kept.append(pair)
    return path + ("?" + "&".join(kept) if kept else "") + mark + fragment


def _unrandom(match: re.Match[str]) -> str:
    """A part of a name, or "#" when it looks like made by chance: digits among letters, capitals inside, no vowel."""
    part = match[0]
    if part.isdigit():
        return "#"
    mixed = any(char.isdigit() for char in part) and not part.rstrip("0123456789").isalpha()
    odd = len(part) >= 5 and (sum(a.islower() and b.isupper() for a, b in pairwise(part)) >= 2 or part[1:].isupper())
    mute = len(part) >= 5 and _VOWELS.isdisjoint(part)
    tail = any(char.isdigit() for char in part) and len(part) >= 5
    return "#" if mixed or odd or mute or tail else part
