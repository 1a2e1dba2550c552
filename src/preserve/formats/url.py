"""Addresses: what was cited, and what of it goes on the wire.

`parse` reads an address as a browser's address bar does (WHATWG URL Standard, https://url.spec.whatwg.org/, through ada), with
the differences that evidence asks for: nothing inside it is dropped in silence. A space, a line end or a password makes a
`BadUrl` that says so; the caller repairs what it took from a document, this module does not guess. Percent-escapes stay exactly
as they were cited, a name in another script becomes its `xn--` form, odd spellings of an IPv4 address (`0x7f.1`, `2130706433`)
become the address they mean, the fragment stays at home.

`surt` is the Sort-friendly URI Reordering Transform in the form that CDX indexes are sorted by (webarchive-commons'
WaybackURLKeyMaker): `http://www.example.org:80/A/?b=2&a=1` → `org,example)/a?a=1&b=2`.
"""

from __future__ import annotations

import re
from functools import lru_cache

import ada_url

from preserve.model.noun import dataclass

_DEFAULT_PORT = {"http": 80, "https": 443}
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_HOST_AND_PORT = re.compile(r"(?:[^/?#@\\:]+\.[^/?#@\\:]*|localhost):\d+(?:[/?#]|\Z)")
_INNER_SPACE = re.compile(r"\s")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_PORT = re.compile(r":[0-9]+\Z")


MAX_LENGTH = 1 << 16
"""Characters of an address: twice what any server is known to take, and little enough for a record's header."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Url:
    """An http or https address that can be asked.

    `address` has no fragment and names one resource: it is also what duplicates are found by. `hostname` is the name or the
    address (IPv6 without brackets), `authority` the value of the Host header, `target` the bytes of the request line (path
    and query), `literal` whether the host is an IP address.
    """

    address: str
    scheme: str
    hostname: str
    port: int
    authority: bytes
    target: bytes
    literal: bool

    @property
    def queue(self) -> str:
        """The queue this waits in: the host's name, whatever the port; a dot at the end of a name makes no other host.

        Nor does an IPv4 address that is written as an IPv6 one (RFC 4291 section 2.5.5.2).
        """
        groups = self.hostname[7:].split(":") if self.hostname.startswith("::ffff:") else ()
        if len(groups) == 2:
            return ".".join(str(octet) for group in groups for octet in divmod(int(group, 16), 256))
        return self.hostname.rstrip(".")

    @property
    def host(self) -> str:
        """Who answers: "host:port", IPv6 in brackets; a dot at the end of a name makes no other host."""
        return f"[{self.hostname}]:{self.port}" if ":" in self.hostname else f"{self.hostname.rstrip('.')}:{self.port}"


@dataclass(frozen=True, slots=True)
class BadUrl:
    """Why an address cannot be asked, in a few words. `policy`: it is well formed, but not of a kind that is ever fetched."""

    problem: str
    policy: bool = False


@lru_cache(maxsize=1024)
def parse(text: str) -> Url | BadUrl:
    """The address that `text` names; https is assumed where no scheme is written. The last answers are remembered."""
    text = text.strip()
    if not text:
        return BadUrl("the address is empty")
    if _INNER_SPACE.search(text):
        return BadUrl("there is a space in the address")
    if _CONTROL.search(text):
        return BadUrl("there is a control character in the address")
    if text.startswith("//"):
        text = "https:" + text
    scheme = _SCHEME.match(text)
    if scheme is None or _HOST_AND_PORT.match(text):
        text = "https://" + text
    elif scheme[1].lower() not in _DEFAULT_PORT:
        return BadUrl(f"{scheme[1].lower()}: is not fetched, only http and https", policy=True)
    return _resolve(text, None)


def join(base: Url, location: bytes) -> Url | BadUrl:
    """Where a Location header leads from `base` (RFC 9110 section 10.2.2).

    A header is bytes: those beyond ASCII are percent-escaped as they are, which is what browsers send; spaces inside are
    escaped too, for servers do write them.
    """
    text = "".join(chr(byte) if byte < 0x80 else f"%{byte:02X}" for byte in location.strip(b" \t\r\n"))
    if not text:
        return BadUrl("the Location is empty")
    if _CONTROL.search(text):
        return BadUrl("there is a control character in the Location")
    scheme = _SCHEME.match(text)
    if scheme is not None and scheme[1].lower() not in _DEFAULT_PORT:
        return BadUrl(f"a redirect to {scheme[1].lower()}: is not followed, only to http and https")
    return _resolve(text, base.address)


def reference(text: str, base: str) -> Url | BadUrl:
    """The address that a reference inside a page or a style sheet means; `base` is an absolute address.

    As a browser reads it: spaces around it and line ends inside are nothing, spaces inside are escaped.
    """
    try:
        if ada_url.URL(text, base).protocol not in {"http:", "https:"}:
            return BadUrl("not an address that is fetched", policy=True)
    except ValueError:
        return BadUrl("the address cannot be read")
    return _resolve(text, base)


def _resolve(text: str, base: str | None) -> Url | BadUrl:
    if len(text) > MAX_LENGTH:
        return BadUrl(f"the address is longer than {MAX_LENGTH} characters")
    try:
        parsed = ada_url.URL(text, base)
    except ValueError:  # ada refuses it; UnicodeEncodeError (a lone surrogate) is a ValueError too
        return BadUrl(_why_unreadable(text))
    # An address in the standard's spelling says the rest itself: "scheme://", credentials before an "@", host, port, then a slash.
    # Reading it here costs a third of asking the parser for each part.
    address = parsed.href.partition("#")[0]
    scheme, _, rest = address.partition("://")
    authority, slash, target = rest.partition("/")
    if "@" in authority:
        return BadUrl("the address carries a user name or a password")
    hostname, colon, digits = authority.rpartition(":") if _PORT.search(authority) else (authority, "", "")
    port = int(digits) if colon else _DEFAULT_PORT[scheme]
    if port == 0:
        return BadUrl("port 0 cannot be asked")
    return Url(
        address=address,
        scheme=scheme,
        hostname=hostname.strip("[]"),
        port=port,
        authority=authority.encode(),
        target=(slash + target).encode(),
        literal=parsed.host_type is not ada_url.HostType.DEFAULT,
    )


def _why_unreadable(text: str) -> str:
    rest = text.partition(":")[2].lstrip("/\\")
    host = re.split(r"[/?#\\]", rest, maxsplit=1)[0].rpartition("@")[2]
    if not host or host.startswith(":"):
        return "the address has no host"
    return "the address cannot be read: the host or the port is malformed"


_WWW = re.compile(r"www\d*\.")
_SESSION_IN_PATH = re.compile(r"(?:\(\w\([0-9a-z]{24}\)\)/)|;jsessionid=[0-9a-z]{32}\Z")
_SESSION_IN_QUERY = re.compile(
    r"(?:\A|(?<=&))(?:jsessionid=[0-9a-z]{32}|phpsessid=[0-9a-z]{32}|sid=[0-9a-z]{32}|aspsessionid[a-z]{8}=[0-9a-z]{24}|cfid=[^&]+&cftoken=[^&]+)(?:&|\Z)"
)


def surt(address: str) -> str:
    """The index key of an address; what is not http(s) (`urn:…`, `dns:…`) is returned as it is."""
    parsed = parse(address)
    if isinstance(parsed, BadUrl):
        return address
    hostname = parsed.hostname
    key = hostname if ":" in hostname else ",".join(reversed(_WWW.sub("", hostname, count=1).split(".")))
    if parsed.port != _DEFAULT_PORT[parsed.scheme]:
        key += f":{parsed.port}"
    path, _, query = parsed.target.decode("ascii").lower().partition("?")
    path = _SESSION_IN_PATH.sub("", path)
    if len(path) > 1:
        path = path.rstrip("/") or "/"
    query = _SESSION_IN_QUERY.sub("", query).rstrip("&")
    if query:
        query = "?" + "&".join(sorted(query.split("&")))
    return f"{key}){path}{query}"
