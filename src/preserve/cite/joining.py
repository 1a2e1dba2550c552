"""Does an address go on after a line end? The rules, each with the evidence it rests on (docs/formats/citations.md section 3).

Of 76 breaks found in real documents, half stood after `/` or after a hyphen of the address, the others before or after the marks
`- . = & % _ ?`, or in mid-word. None of the joins is made on one character alone: the next line has to look like the rest of an
address, and a line that had room for it was not broken there.
"""

from __future__ import annotations

import re
from enum import Enum

from preserve.cite.flat import Width
from preserve.cite.hosts import known_tld

SOFT_HYPHENS = "\u00ad\u2010"
"""At a line end put there by the typesetter: dropped (19 of 19)."""
HARD_HYPHENS = "-\ufffe\x02\u2011"
"""At a line end part of the address (13 of 13); U+FFFE and U+0002 are how pdfium prints that hyphen."""

_FILE = r"(?:html?|shtml|xhtml|pdf|php\d?|aspx?|jsp|cfm|docx?|xlsx?|pptx?|txt|xml|json|jpe?g|png|gif|mp[34]|zip|stm|epub)"
_STRONG = re.compile(
    rf"[^\s/]*/|.*%[0-9A-Fa-f]{{2}}|.*[=&?_]|.*\.{_FILE}\b|(?:[\w]*-){{2,}}|.*\d[a-z]+\d|.*[a-z]\d+[a-z]", re.IGNORECASE
)
_NEW_ADDRESS = re.compile(r"https?:|ftp:|www\d?\.|doi:|\[|\(|<|[\"“”„«»‘’]|\*|•", re.IGNORECASE)
_HOSTED = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+([a-z]{2,24})(?:/|\Z|[.,;)>]*\Z)", re.IGNORECASE)
_PLAIN = re.compile(r"[^\W\d_]+(?:[’'][^\W\d_]+)?[.,;:)\]>]*\Z")
_CLOSER = re.compile(r"[.,;:!?)\]>]+\Z")
_AFTERWORDS = frozenset(
    re.findall(
        r"\S+",
        """accessed last retrieved visited viewed archived and or see also in at on for the a an of to from as by with but cf
        checked consulted available cited quoted hereinafter abgerufen zuletzt letzter zugriff stand am und siehe vgl consulté
        consultée le la les et voir dernier consultado consultada accedido último visitado y véase el los дата обращения и см
        archiviert archivé page pages p pp para paras emphasis translated also this that we it is are was were has have which
        who date accès zugegriffen abrufdatum eingesehen gesehen վերջին այցելություն""",
    )
)
_BARE_SCHEME = re.compile(r"(?:https?|ftp):?/{0,2}\Z", re.IGNORECASE)
_HOST_SO_FAR = re.compile(r"(?:(?:https?|ftp):/{1,2})?[^/?#\s]*\Z", re.IGNORECASE)


class Join(Enum):
    """What becomes of a line end inside or after an address."""

    STOP = "the address ends here"
    JOIN = "it goes on"
    MAYBE = "it may go on: the reader decides"


def at_line_end(url: str, line: str, following: str, width: Width | None) -> Join:
    """Whether `url`, which runs to the end of `line`, goes on at the start of `following` (both as printed)."""
    rest = following.strip()
    token = rest.split(maxsplit=1)[0] if rest else ""
    if not token:
        return Join.STOP
    if _BARE_SCHEME.search(url):
        return Join.JOIN if re.match(r"[/\w]", token) else Join.STOP
    if url[-1] in "_-/" and re.match(r"\([\w%-]+\)", token):
        return Join.JOIN  # "Ferry_" + "(Lower)"
    if _NEW_ADDRESS.match(token):
        wrapped = re.search(r"(?:/web/\d{4,14}[a-z_]*|archive\.\w+/[\w/]*|[?&]\w+=)/?\Z", url, re.IGNORECASE)
        return Join.JOIN if wrapped and token.lower().startswith("http") else Join.STOP
    if re.fullmatch(r"\[?\(?\d{1,4}[.)\]]?", rest) and url[-1] not in "/=-_%&":
        return Join.STOP  # a note number on its own line
    last, first = url[-1], token[0]
    if first in "/?&=%_#~+" or (first == "-" and len(token) > 1 and token[1].isalnum()):
        return Join.JOIN if len(token) > 1 else Join.STOP
    if last in "-_=&?%#~+":
        return Join.JOIN if re.match(r"[\w%/.~(]", token) else Join.STOP
    if _had_room(line, token, width, slack=0.75 if last == "/" else 0.85):
        return Join.STOP
    if first == "." or last == ".":
        return _at_dot(url, token)
    if last == "/":
        return _after_slash(token, rest)
    if last in ",;:":
        return (
            Join.JOIN
            if re.match(rf"[\w,%-]*(?:/|\.{_FILE}\b)", token, re.IGNORECASE) and not _HOSTED.match(token)
            else Join.STOP
        )
    if not (last.isalnum() and first.isalnum()):
        return Join.STOP
    return _in_mid_word(url, token, rest)


def _had_room(line: str, token: str, width: Width | None, slack: float) -> bool:
    """Whether the line was so short that the next piece would have stood on it, had it belonged to the address."""
    if width is None:
        return False
    piece = token[: token.find("/", 1) + 1] or token  # some typesetters break after a slash only
    return len(line.rstrip()) + len(piece) <= slack * width.least


def _at_dot(url: str, token: str) -> Join:
    """`www.example.` + `org/x`, `report` + `.pdf`, `report.` + `pdf`; any other dot ends the sentence."""
    bare = _CLOSER.sub("", token).lstrip(".")
    if re.match(rf"{_FILE}\Z", bare, re.IGNORECASE) and "/" in re.sub(r"\Ahttps?://", "", url):
        return Join.JOIN
    if _HOST_SO_FAR.match(url):
        labels = re.split(r"[/?#:]", bare, maxsplit=1)[0].split(".")
        return Join.JOIN if known_tld(labels[-1]) and all(labels) else Join.STOP
    if url[-1] == ".":
        return (
            Join.JOIN if re.match(rf"[\w-]+(?:/|\.{_FILE}\b)", token, re.IGNORECASE) and not _HOSTED.match(token) else Join.STOP
        )
    return Join.JOIN if re.match(rf"\.(?:{_FILE}\b|\d+/|[\w-]+/)", token, re.IGNORECASE) else Join.STOP


def _after_slash(token: str, rest: str) -> Join:
    bare = _CLOSER.sub("", token)
    if _STRONG.match(bare) or re.search(r"\d", bare) or "-" in bare or "." in bare:
        return Join.STOP if re.fullmatch(r"\d{1,2}", bare) and token == bare and rest != token else Join.JOIN
    if bare.lower() in _AFTERWORDS:
        return Join.STOP
    ends = token != bare or rest == token
    if _PLAIN.match(token) and not ends:
        return Join.MAYBE if bare.islower() else Join.STOP
    return Join.JOIN if ends and (bare.islower() or token != bare) else Join.MAYBE


def _in_mid_word(url: str, token: str, rest: str) -> Join:
    bare = _CLOSER.sub("", token)
    if (hosted := _HOSTED.match(token)) and known_tld(hosted[1]) and not _HOST_SO_FAR.match(url):
        return Join.STOP
    if _HOST_SO_FAR.match(url) and not known_tld(url.rsplit(".", 1)[-1].lower()):
        # The host itself is unfinished: "https://www.exam" + "ple.org/x".
        return Join.JOIN if _HOSTED.match(token) else Join.STOP
    if _STRONG.match(bare):
        return Join.JOIN
    if (cut := re.search(r"\.([a-z]{1,4})\Z", url)) and re.fullmatch(_FILE, cut[1] + bare, re.IGNORECASE):
        return Join.JOIN  # "report.p" + "df"
    if bare.lower() in _AFTERWORDS or not (token != bare or rest == token):
        return Join.STOP
    return Join.MAYBE if re.fullmatch(r"[a-z0-9]+", bare) else Join.STOP
