"""Addresses in a passage's text: where each starts, over which line ends it goes on, where it stops.

Two passes. Between `<` and `>` everything belongs to the address, over at most six line ends, as long as no line has a space
inside. Elsewhere an address starts at a scheme, at `www.`, or at a host name with a path, takes what characters an address may
have (RFC 3986; RFC 3987 for letters), asks `joining` at each line end, and gives back the punctuation of the sentence around it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from preserve.cite.flat import Flat, Spans, Width
from preserve.cite.hosts import HOST, is_host, is_named_host, is_plain_file
from preserve.cite.joining import HARD_HYPHENS, SOFT_HYPHENS, Join, at_line_end
from preserve.model.document import CitationKind

_LIMIT_LINES = 6
_LIMIT_BRACKETED = 12
"""Lines within brackets, where no line may have a space inside: in a narrow column a long address takes ten."""
_LIMIT_CHARS = 4000
_CHAR = r"[^\s<>\"“”„«»‘’‹›⟨⟩{}|\\^`⁰¹²³⁴-⁹…։。，、；：（）「」【】\u2028\u2029]"
_RUN = re.compile(f"{_CHAR}+")
HIDDEN = re.compile("[\u00ad\u200b\u200c\u200d\u2060\ufeff]")
_OPENERS = "<⟨‹"
_CLOSERS = {"<": ">", "⟨": "⟩", "‹": "›"}
_STARTS = re.compile(
    rf"(?<![A-Za-z])(?P<scheme>h(?:tt|xx)ps?:(?:[ \t]?\n?[ \t]*/){{0,2}}(?=\s?\S)|ftp://)"
    rf"|(?<![\w@./-])(?P<www>www\d?\.(?=\s?\w))"
    rf"|(?<![\w@./:%=&?#-])(?P<host>{HOST.pattern})(?::\d{{1,5}})?(?=/\S|/$|\?\S|/\n)",
    re.IGNORECASE | re.MULTILINE,
)
_FOREIGN = re.compile(r"[<>\"“”„«»{}|\\^`]")
# What no address goes without: asked of each passage first, because most prose has none of it.
_MAY_START = re.compile(r"[/?]|www|h(?:tt|xx)p", re.IGNORECASE)
_MAY_BE_HOST = re.compile(r"\.[^\W\d_]{2}|\.xn--", re.IGNORECASE)
_CUE = re.compile(
    r"(?:\b(?:online(?:\s*\([^()\n]{1,24}\))?|available(?: \w+)? (?:at|from|on)|accessible at|retrieved from|url|website|web ?site|web|link|"
    r"abrufbar unter|verfügbar unter|online unter|unter|disponible (?:sur|en|à l['’]adresse)|en ligne|en línea|"
    r"доступно(?: по адресу)?|режим доступа|հասանելի է)\s*:?|URL:)\s*(?:[A-Z][\w.]{1,20}\s+)?\Z",
    re.IGNORECASE,
)
_BARE_HOST = re.compile(rf"(?<![\w@./:%=&?#-])(?P<host>{HOST.pattern})(?![\w@/-]|\.\w)", re.IGNORECASE)
_SHAPE = re.compile(
    r"(?:url:\s*)?(?:(?P<scheme>https?|ftp|hxxps?):/{1,2})?(?:[^\s/@?#]*@)?(?P<host>\[[0-9a-f:.]+\]|[^\s/?#:]+)(?::\d{1,5})?(?P<rest>[/?#].*)?\Z",
    re.IGNORECASE | re.DOTALL,
)
_GLUED_MARK = re.compile(r"(?<=[\w./)])\[\d{1,4}\]\Z")
_CUT_END = re.compile(r"%[0-9A-Fa-f]?\Z")


@dataclass(slots=True, kw_only=True)
class Found:
    """One address or identifier in a passage: `text[start:end]` of the Flat, its characters joined, and what is in doubt.

    `closed` says that a bracket closed it, so that its end is certain. `longer` is the form with the next line's first token,
    where joining left it open. `cut` says why the address is not complete ("" when it is).
    """

    start: int
    end: int
    printed: str
    kind: CitationKind = CitationKind.URL
    closed: bool = False
    longer: str = ""
    cut: str = ""
    href: str | None = None
    """Where a link or a resolver leads; the address to ask for when there is one."""
    label: str | None = None
    """The text of a link that is no address."""
    other: str = ""
    """The address that a link's text shows, where it is not the link's own."""
    name: str | None = None
    """The identifier itself, without `doi:` and the like."""
    spaced: bool = False
    """The print has a space inside, which is no character of an address."""


def addresses(flat: Flat, width: Width | None, *, last: bool) -> list[Found]:
    """The addresses in a passage in their order. `last` says that nothing of the document follows this passage."""
    found = list(_bracketed(flat))
    taken = Spans((address.start, address.end) for address in found)
    failed = 0
    for match in _STARTS.finditer(flat.text) if _MAY_START.search(flat.text) else ():
        start = match.start()
        if start < failed or taken.meets(start, start + 1) or (match["host"] and not is_named_host(match["host"])):
            continue
        if (bare := _bare(flat, start, width, last=last, taken=taken)) is not None:
            found.append(bare)
            taken.add(bare.start, bare.end)
        elif run := _RUN.match(flat.text, start, start + _LIMIT_CHARS):
            failed = run.end()
    for match in _BARE_HOST.finditer(flat.text) if _MAY_BE_HOST.search(flat.text) else ():
        host = match["host"]
        if taken.meets(*match.span()) or not is_named_host(host) or is_plain_file(host):
            continue
        if _CUE.search(flat.text, max(0, match.start() - 60), match.start()):
            found.append(Found(start=match.start(), end=match.end(), printed=host))
    return sorted(found, key=lambda address: address.start)


def _bracketed(flat: Flat) -> Iterator[Found]:
    text = flat.text
    for opener in re.finditer(f"[{_OPENERS}]", text):
        start = opener.end()
        end = text.find(_CLOSERS[opener[0]], start, start + _LIMIT_CHARS)
        if end < 0 or text.count("\n", start, end) > _LIMIT_BRACKETED:
            continue
        lines = text[start:end].split("\n")
        printed = unwrap(lines)
        spaced = " " in printed
        # One space or two in something that is an address on both sides: an underscore that the print lost.
        if spaced and (printed.count(" ") > 3 or not re.match(r"(?:https?://|www\.)\S+/\S*\s", printed)):
            continue
        shape = _SHAPE.match(printed)
        if shape is None or _FOREIGN.search(printed) or not is_host(shape["host"]):
            continue
        if not shape["scheme"] and not _is_schemeless(shape["host"], printed):
            continue
        lead = re.match(r"\s*(?:url:\s*)?", text[start:end], re.IGNORECASE)
        begin = start + (lead.end() if lead else 0)
        printed = re.sub(r"\Aurl:\s*", "", printed, flags=re.IGNORECASE)
        yield Found(start=begin, end=end, printed=HIDDEN.sub("", printed), closed=True, spaced=spaced)


def _is_schemeless(host: str, printed: str) -> bool:
    """Whether what stands in brackets without a scheme is an address: no mail address, a known top-level domain or `www.`."""
    return "@" not in printed.partition("/")[0] and (is_named_host(host) or host.lower().startswith("www."))


def unwrap(lines: list[str]) -> str:
    """The pieces of one address, put together: soft hyphens at line ends dropped, hard ones kept."""
    joined = ""
    for at, line in enumerate(lines):
        piece = line.strip()
        if at < len(lines) - 1:
            if piece[-1:] and piece[-1] in SOFT_HYPHENS:
                piece = piece[:-1]
            elif piece[-1:] and piece[-1] in HARD_HYPHENS:
                piece = piece[:-1] + "-"
        joined += piece
    return joined.replace("\u2011", "-")


def _bare(flat: Flat, start: int, width: Width | None, *, last: bool, taken: Spans) -> Found | None:
    text = flat.text
    unclosed = text[start - 1 : start] in _OPENERS if start else False
    stop = min(taken.after(start), start + _LIMIT_CHARS)
    pieces: list[str] = []
    offset, end, longer = start, start, ""
    for _ in range(_LIMIT_LINES + 1):
        if (
            scheme := re.compile(r"h(?:tt|xx)ps?:(?:[ \t]?\n?[ \t]*/){1,2}[ \t]?", re.IGNORECASE).match(text, offset)
        ) and not pieces:
            run_start, lead = scheme.end(), re.sub(r"\s+", "", scheme[0])
        else:
            run_start, lead = offset, ""
        run = _RUN.match(text, run_start, min(stop, _line_end(text, run_start)))
        piece = lead + (run[0] if run else "")
        end = run.end() if run else run_start
        if not piece:
            break
        piece, split = _before_next(piece, lead)
        if split:
            end -= split
            pieces.append(piece)
            break
        pieces.append(piece)
        line_end = _line_end(text, end)
        if text[end:line_end].strip() or line_end >= min(stop, len(text)):
            break
        following = text[line_end + 1 : _line_end(text, line_end + 1)]
        so_far = unwrap([*pieces, ""])
        if (piece[-1] in SOFT_HYPHENS and following.strip()) or (
            unclosed and following.strip() and not re.match(r"\s*(?:https?:|www\.|\[)", following)
        ):
            verdict = Join.JOIN
        else:
            verdict = at_line_end(so_far, flat.texts[flat.index(end - 1)], following, width)
        if verdict is Join.MAYBE and (full := flat.line(end - 1).full) is not None:
            verdict = Join.JOIN if full else Join.STOP
        if verdict is Join.MAYBE:
            token = following.split(maxsplit=1)[0]
            longer = trim(unwrap([*pieces, token]))
        if verdict is not Join.JOIN:
            break
        offset = line_end + 1 + len(following) - len(following.lstrip())
    return _finish(flat, start, end, pieces, longer=longer, unclosed=unclosed, last=last)


def _finish(flat: Flat, start: int, end: int, pieces: list[str], *, longer: str, unclosed: bool, last: bool) -> Found | None:
    text = flat.text
    joined = HIDDEN.sub("", unwrap([*pieces, ""]) if len(pieces) > 1 else "".join(pieces))
    joined = joined.translate({0xFFFE: "-", 0x02: "-", 0x2011: "-"}) if len(pieces) > 1 else joined.replace("\u2011", "-")
    printed = trim(joined)
    shape = _SHAPE.match(printed)
    rest = text[end:].strip()
    if shape is None or not _is_address(shape, printed):
        if re.match(r"(?:https?|ftp):/*\Z", printed, re.IGNORECASE) and not rest:
            return Found(start=start, end=end, printed=printed, cut="the document ends inside the address")
        if re.match(r"(?:https?|ftp)://\w", text[start : start + 9], re.IGNORECASE):
            return Found(start=start, end=end, printed=printed, cut="what follows the scheme is no host name")
        return None
    cut = ""
    if text[end : end + 1] == "…" or re.search(r"[\w/]\.{3,}\Z", joined):
        cut = "the print shortens the address"
    elif not rest and _CUT_END.search(joined):
        cut = "the address ends inside an escape"
    elif not rest and last and (unclosed or joined[-1:] in "-_=&%?"):
        cut = "the document ends inside the address"
    elif not rest and unclosed:
        cut = "the bracket around the address never closes" if joined[-1:] in "-_=&%?" else ""
    return Found(start=start, end=end - (len(joined) - len(printed)), printed=printed, longer=longer, cut=cut)


def _is_address(shape: re.Match[str], printed: str) -> bool:
    host = shape["host"].lower()
    if shape["scheme"]:
        return is_host(host)
    return (
        is_named_host(host)
        or (host.startswith("www.") and host.count(".") >= 2 and is_host(host))
        or (printed.startswith("www.") and is_host(host))
    )


def _line_end(text: str, offset: int) -> int:
    end = text.find("\n", offset)
    return len(text) if end < 0 else end


def _before_next(piece: str, lead: str) -> tuple[str, int]:
    """Cut before another address that follows without a space ("…/a;https://…"); an address inside one stays."""
    for match in re.finditer(r"https?://|(?<=[;,])www\.", piece[len(lead) + 4 :], re.IGNORECASE):
        at = len(lead) + 4 + match.start()
        if piece[at - 1] in "[(":
            at -= 1
        if piece[at - 1] in ";,)]>" or piece[at] in "[(":
            return piece[:at], len(piece) - at
    return piece, 0


def trim(url: str) -> str:
    """Give back the punctuation of the sentence: dots and commas, and closers that the address did not open."""
    if (closer := url.find("]")) >= 0 and "[" not in url[:closer]:
        url = url[:closer]
    while url:
        last = url[-1]
        if (
            last in ".,;:!?'*·›>"
            or (last == "-" and url.endswith("--"))
            or (last in ")]" and url.count(last) > url.count({")": "(", "]": "["}[last]))
        ):
            url = url[:-1]
        elif url.endswith(("'s", "’s")):
            url = url[:-2]
        elif last == "]" and (mark := _GLUED_MARK.search(url)) is not None:
            url = url[: mark.start()]
        else:
            break
    return url
