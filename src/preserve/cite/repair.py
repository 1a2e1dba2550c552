"""What may have been meant: the forms of an address beside the printed one, each with its reason, best first.

Nothing is replaced. A program that makes text from pages drops the hyphen at a line end; in `nagorno-` + `karabakh` it cannot know
that the hyphen belonged to the address. The signs it leaves: a line longer than its neighbours, and a joined word whose parts stand
apart elsewhere: in the title, in a hyphenated word of the text, in another address, in a shape that is known (a UUID, `wp-content`).
"""

from __future__ import annotations

import re
from itertools import pairwise

from preserve.cite.flat import Flat, Layout, Width
from preserve.cite.urls import Found
from preserve.model.document import Candidate
from preserve.model.noun import dataclass

_TRACKING = re.compile(
    r"(?:utm_\w+|fbclid|gclid|gclsrc|dclid|wbraid|gbraid|msclkid|yclid|ysclid|twclid|igshid|igsh|mc_cid|mc_eid|_hsenc|_hsmi|mkt_tok|oly_\w+|"
    r"ref_src|ref_url|s_cid|cmpid|ncid|spm|vero_id|wickedid|__twitter_impression|guccounter|guce_\w+|subfolder_nav_tracking|_ga|_gl|"
    r"at_(?:medium|campaign|custom\d)|xtor|wt_mc|sr_share|smid|smtyp)\Z",
    re.IGNORECASE,
)
_ARCHIVE = re.compile(
    r"(?:https?:/{1,2})?(?:(?:web|wayback|www|liveweb)\.)?(?:archive\.org/web|archive\.org|archive-it\.org/\w+|webarchive\.[\w.]+(?:/\w+)*|"
    r"arquivo\.pt/wayback|webarchive\.org\.uk/wayback/\w+)/(?:web/)?\d{4,14}(?:[a-z]{2}_)?/(?P<original>(?:https?:?/{0,2})?[\w-]+\..+)\Z|"
    r"(?:https?:/{1,2})?archive\.(?:today|is|ph|li|vn|fo|md)/(?:o/\w+|\d{4}[\d.-]*|newest|oldest)/(?P<other>https?:/{1,2}.+)\Z",
    re.IGNORECASE,
)
_UUID = re.compile(r"(?<![0-9a-f-])(?=[0-9a-f-]{33,35}(?![0-9a-f-]))[0-9a-f]{4,12}(?:-?[0-9a-f]{4,12}){1,4}", re.IGNORECASE)
_TOKEN = re.compile(r"[^\W_]{3,}")
_KNOWN_PATHS = {"wpcontent": 2, "wpincludes": 2, "wpjson": 2, "cgibin": 3}
_KNOWN = re.compile("|".join(_KNOWN_PATHS))
_SMALL = frozenset(
    [
        "a",
        "an",
        "and",
        "as",
        "at",
        "be",
        "by",
        "for",
        "from",
        "go",
        "has",
        "he",
        "her",
        "his",
        "how",
        "in",
        "is",
        "it",
        "its",
        "new",
        "no",
        "not",
        "of",
        "off",
        "on",
        "or",
        "our",
        "out",
        "over",
        "the",
        "their",
        "they",
        "this",
        "to",
        "two",
        "up",
        "us",
        "was",
        "we",
        "what",
        "when",
        "who",
        "why",
        "will",
        "with",
        "you",
        "de",
        "la",
        "le",
        "les",
        "des",
        "du",
        "et",
        "en",
        "un",
        "une",
        "der",
        "die",
        "das",
        "und",
        "von",
        "zu",
        "im",
        "den",
        "el",
        "los",
        "las",
        "y",
        "year",
        "day",
        "old",
        "world",
        "news",
        "rest",
        "non",
        "anti",
        "pre",
        "post",
        "co",
        "re",
        "self",
    ]
)
_STRONG = 5.0


@dataclass(frozen=True, slots=True, order=True)
class _Split:
    """Put a hyphen at `at` of the printed form."""

    score: float
    at: int
    why: str


def candidates(
    found: Found, flat: Flat, layout: Layout, title: str | None, url: str, *, assumed: bool
) -> tuple[tuple[Candidate, ...], bool]:
    """The forms that may have been meant, the printed one first, and whether the print is in doubt."""
    shift = len(url) - len(found.printed)  # "https://" put before it
    splits, long_lines = ([], False) if found.href else _lost_hyphens(found, flat, layout, title)
    reasons = ["as the link leads" if found.href else "as printed"]
    if assumed:
        reasons.append("https assumed, no scheme is printed")
    if found.cut:
        reasons.append(found.cut)
    others: list[Candidate] = []
    others.extend(_repaired(url, shift, splits))
    if long_lines and not splits:
        reasons.append("a line of it is longer than its neighbours: a hyphen may be lost at a place unknown")
    if found.longer:
        others.append(Candidate(url=url[:shift] + found.longer, why="the next line may belong to it"))
    if found.spaced:
        others = [
            Candidate(url=url.replace("%20", "_"), why="an underscore may be lost where the print has a space"),
            Candidate(url=url.replace("%20", ""), why="the space may not belong to it"),
        ]
        reasons.append("a space in it is written as %20")
    doubtful = bool(others or long_lines)
    others.extend(_without_tracking(url))
    others.extend(
        _original(candidate.url, candidate.why)
        for candidate in [Candidate(url=url, why=""), *others]
        if _ARCHIVE.match(candidate.url)
    )
    forms = {url: Candidate(url=url, why="; ".join(reasons))}
    for candidate in others:
        forms.setdefault(candidate.url, candidate)
    return tuple(forms.values())[:8], doubtful


def _without_tracking(url: str) -> list[Candidate]:
    head, mark, query = url.partition("?")
    query, hash_mark, fragment = query.partition("#")
    if not mark:
        return []
    kept = [pair for pair in query.split("&") if not _TRACKING.match(pair.partition("=")[0])]
    if len(kept) == len(query.split("&")):
        return []
    clean = head + ("?" + "&".join(kept) if kept else "") + hash_mark + fragment
    return [Candidate(url=clean, why="without parameters that only track readers")]


def _original(url: str, why: str) -> Candidate:
    match = _ARCHIVE.match(url)
    assert match is not None
    original = match["original"] or match["other"]
    original = re.sub(r"\A(https?):/{0,2}", r"\1://", original, flags=re.IGNORECASE)
    if not original.lower().startswith("http"):
        original = "http://" + original
    return Candidate(
        url=original, why=f"the page this archive copy is of; {why}" if why else "the page this archive copy is of"
    )


def _repaired(url: str, shift: int, splits: list[list[_Split]]) -> list[Candidate]:
    """All places mended at once with the best guess each, then the other guesses one at a time."""
    if not splits:
        return []
    best = [choices[0] for choices in splits]
    found = [Candidate(url=_hyphenated(url, shift, best), why="; ".join(split.why for split in best))]
    for place, choices in enumerate(splits):
        for other in choices[1:3]:
            chosen = [*best[:place], other, *best[place + 1 :]]
            found.append(Candidate(url=_hyphenated(url, shift, chosen), why=other.why))
    return found


def _hyphenated(url: str, shift: int, splits: list[_Split]) -> str:
    for split in sorted(splits, key=lambda split: -split.at):
        url = url[: split.at + shift] + "-" + url[split.at + shift :]
    return url


def _lost_hyphens(found: Found, flat: Flat, layout: Layout, title: str | None) -> tuple[list[list[_Split]], bool]:
    """For each place where a hyphen may be lost the guesses, best first; and whether a line is longer than its neighbours."""
    width = layout.own_width(flat.passage.where)
    if "/" not in found.printed:
        return [], False
    words = [word.lower() for word in re.findall(r"[^\W_]+", re.sub(r"[’']", "", title or ""))]
    evidence = _Evidence(
        found=found,
        layout=layout,
        title=words,
        title_pairs=frozenset(pairwise(words)),
        like_title=_reads_like(found.printed, words),
        own=frozenset(_TOKEN.findall(found.printed)),
    )
    places: list[list[_Split]] = []
    long_lines = False
    for window in _windows(found, flat, width, layout):
        choices = evidence.splits(window)
        long_lines |= window.very_long
        if choices:
            places.append(choices)
    return places, long_lines


@dataclass(frozen=True, slots=True, kw_only=True)
class _Window:
    """The characters `first` to `last` of the printed form that stand on one line; `low` to `high` are where it may have ended."""

    first: int
    last: int
    low: int
    high: int
    long: bool
    very_long: bool = False
    """Long enough that something is lost even where no place can be named."""


def _windows(found: Found, flat: Flat, width: Width | None, layout: Layout) -> list[_Window]:
    """The lines that the address stands on, with the place on each where the typesetter must have broken it."""
    windows: list[_Window] = []
    printed_at, offset = 0, found.start
    while offset < found.end:
        index = flat.index(offset)
        line_end = min(flat.offsets[index] + len(flat.texts[index]), found.end)
        piece = flat.text[offset:line_end]
        stripped = piece.lstrip()
        column = flat.column(offset) + len(piece) - len(stripped)
        length = len(stripped)
        natural = not layout.breaks_addresses and not flat.texts[index][: flat.column(offset)].strip(" <([\t")
        long = width is not None and len(flat.texts[index]) >= width.too_long and not natural
        if width is not None and long:
            low, high = printed_at + int(width.least * 0.85) - column, printed_at + width.too_long - column
        else:
            low, high = printed_at, printed_at + length
        windows.append(
            _Window(
                first=printed_at,
                last=printed_at + length,
                low=low,
                high=high,
                long=long,
                very_long=width is not None and long and len(flat.texts[index]) > 1.1 * width.most,
            )
        )
        printed_at += length
        offset = flat.offsets[index] + len(flat.texts[index]) + 1
    return windows


def _reads_like(printed: str, title: list[str]) -> bool:
    """Whether the last part of the path spells the title with hyphens, as many sites do: then every word has its hyphen."""
    slug = max(re.split(r"[/?#]", printed), key=len).lower()
    tokens = [token for token in re.split(r"[-_.]", slug) if token]
    return len(tokens) >= 4 and sum(token in title for token in tokens) >= 0.6 * len(tokens)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Evidence:
    """What speaks for a hyphen at each place of one address."""

    found: Found
    layout: Layout
    title: list[str]
    like_title: bool
    title_pairs: frozenset[tuple[str, str]]
    own: frozenset[str]

    def splits(self, window: _Window) -> list[_Split]:
        """The places on this line where a hyphen may be lost, best first; none when no place has evidence enough."""
        printed = self.found.printed
        choices = [*self._uuid(window)]
        # A host has no hyphen to lose unless its own line shows that one is lost.
        path = 0 if window.long else printed.find("/", printed.find("//") + 2)
        words = re.sub("%[0-9A-Fa-f]{2}", "%%%", printed)  # an escape's digits are no part of the word beside it
        for token in _TOKEN.finditer(words, max(window.first, path), window.last):
            choices.extend(self._token(token[0], token.start(), window))
        needed = 2.5 if window.long else _STRONG
        choices = sorted((split for split in choices if split.score >= needed), key=lambda split: (-split.score, split.at))
        if choices and choices[0].score >= _STRONG + 2:
            return choices[:1]
        return choices[:3]

    def _uuid(self, window: _Window) -> list[_Split]:
        for match in _UUID.finditer(self.found.printed, window.first, window.last):
            digits = match[0].replace("-", "")
            if len(digits) != 32 or match[0].count("-") != 3:
                continue
            whole = "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
            at = next(place for place, char in enumerate(whole) if match[0][place : place + 1] != char)
            if whole[:at] + whole[at + 1 :] == match[0]:
                return [_Split(9.0, match.start() + at, "the shape of a UUID has a hyphen there")]
        return []

    def _token(self, token: str, start: int, window: _Window) -> list[_Split]:
        lower = token.lower()
        if len(token) == 8 and re.search(r"perma\.cc/\Z", self.found.printed[:start], re.IGNORECASE):
            return [_Split(9.0, start + 4, "a name at perma.cc has a hyphen there")]
        known = _KNOWN.match(lower)
        if known and len(token) == known.end():
            return [
                _Split(9.0, start + _KNOWN_PATHS[known[0]], f"`{token[: _KNOWN_PATHS[known[0]]]}-` is how that path is known")
            ]
        whole_word = lower in self.title or (self.layout.words[lower] > 1 and not window.long)
        choices = []
        for at in range(1, len(token)):
            split = self._at(lower, token, at, start, window)
            if split is not None and not (whole_word and split.score < _STRONG + 2):
                choices.append(split)
        return choices

    def _at(self, lower: str, token: str, at: int, start: int, window: _Window) -> _Split | None:
        left, right = lower[:at], lower[at:]
        place = start + at
        within = window.low - 2 <= place <= window.high + 2
        score, why = 0.0, ""
        if self._adjacent(left, right):
            sure = self.like_title or self._aligned(left, right, start, start + len(token))
            score, why = (6.0 if window.long else 5.0 if sure else 3.0), f"the title has “{left} {right}”"
        elif window.long and (left, right) in self.layout.pairs and len(lower) > 4:
            score, why = 5.0, f"`{left}-{right}` stands elsewhere in the document"
        elif self._word(left) and self._word(right) and len(lower) > 4:
            score, why = 3.0, f"“{left}” and “{right}” are two words"
        elif window.long and token[at:] in self.own and token[at - 1].isalpha() and len(right) > 2:
            score, why = 2.9, f"“{token[at:]}” is a word of this address"
        elif window.long and self._beside_number(left, right):
            score, why = 2.8, f"“{left}” and “{right}” are a word and a number"
        elif window.long and token.isalpha() and self._half_known(left, right):
            score, why = 2.6, f"“{left}” and “{right}” may be two words"
        if not score or (window.long and not within and score < _STRONG):
            return None
        if self.like_title and left in self.title and right in self.title:
            score += 0.5
        if window.long:
            score += 1.0 if within else -0.5
            why += ", and its line is longer than its neighbours"
        return _Split(score + min(len(left), len(right)) * 0.05, place, f"a hyphen may be lost at a line end: {why}")

    def _beside_number(self, left: str, right: str) -> bool:
        for word, number in ((left, right), (right, left)):
            if len(word) > 3 and len(number) < 5 and self._word(word) and any(map(str.isdecimal, number)):
                return True
        return False

    def _half_known(self, left: str, right: str) -> bool:
        """Whether one half is a word of the title, or a small word, and the other could be one."""
        for known, other in ((left, right), (right, left)):
            if len(known) > 3 and (known in self.title or known in _SMALL) and len(other) > 2 and re.search("[aeiouy]", other):
                return True
        return False

    def _adjacent(self, left: str, right: str) -> bool:
        return (left, right) in self.title_pairs

    def _aligned(self, left: str, right: str, start: int, end: int) -> bool:
        """Whether the words of the address around the pair are those around it in the title."""
        before = re.search(r"([^\W_]+)-\Z", self.found.printed[:start])
        after = re.match(r"-([^\W_]+)", self.found.printed[end:])
        triples = set(zip(self.title, self.title[1:], self.title[2:], strict=False))
        return (before is not None and (before[1].lower(), left, right) in triples) or (
            after is not None and (left, right, after[1].lower()) in triples
        )

    def _word(self, word: str) -> bool:
        if len(word) <= 2:
            return word in _SMALL
        return word in self.title or word in _SMALL or self.layout.words[word] > 0
