"""Who is told of scheduled captures, as config.toml names them: texts in, receivers out, or a UsageError saying what is wrong.

Addresses and commands stand in the user's own configuration alone, never in an archive: whoever can write there must not be able to
have a program started or a message sent elsewhere. A schedule only picks receivers by name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import PurePath

from preserve.errors import UsageError
from preserve.formats.url import BadUrl, parse
from preserve.model.digest import MailSecurity, Receiver, ToCommand, ToMail, ToWebhook
from preserve.model.pattern import pattern

NAME = pattern(r"[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?")
_MEMBERS = {
    "command": frozenset({"command"}),
    "webhook": frozenset({"webhook", "secret_file"}),
    "smtp": frozenset({"smtp", "security", "user", "password_file", "from", "to"}),
}
TEXTS = frozenset({"name", "webhook", "secret_file", "smtp", "security", "user", "password_file", "from"})
LISTS = frozenset({"command", "to"})
_MAIL = pattern(r"[^\s<>()\[\],;:\\\"@]+@[^\s<>()\[\],;:\\\"@]+")
_PLACE = pattern(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[^\s:/@\[\]]+)(?::(?P<port>[0-9]{1,5}))?")
_PORTS = {MailSecurity.STARTTLS: 587, MailSecurity.TLS: 465, MailSecurity.NONE: 25}


def receiver(texts: Mapping[str, str], lists: Mapping[str, Sequence[str]], home: PurePath) -> Receiver:
    """The receiver that these settings describe; relative paths start from `home`. Raises UsageError."""
    given = texts.keys() | lists.keys()
    ways = [way for way in _MEMBERS if way in given]
    if len(ways) != 1:
        raise UsageError("a receiver has one of 'command', 'webhook' and 'smtp'")
    if strange := given - _MEMBERS[ways[0]] - {"name"}:
        raise UsageError(f"{min(strange)!r} does not belong to a receiver with {ways[0]!r}")
    name = texts.get("name", ways[0])
    if not NAME.fullmatch(name):
        raise UsageError(f"{name!r} cannot be a receiver's name: a-z, 0-9, '.', '_' and '-'")
    if ways[0] == "command":
        if not lists["command"]:
            raise UsageError("'command' is empty: name the program, then its arguments")
        return ToCommand(name=name, command=tuple(lists["command"]))
    return _webhook(name, texts, home) if ways[0] == "webhook" else _mail(name, texts, lists, home)


def distinct(receivers: Sequence[Receiver]) -> tuple[Receiver, ...]:
    """`receivers`, when no two have one name; else UsageError."""
    names = [each.name for each in receivers]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise UsageError(f"two receivers are called {twice}: give them names")
    return tuple(receivers)


def _webhook(name: str, texts: Mapping[str, str], home: PurePath) -> ToWebhook:
    url = texts["webhook"]
    if "@" in url.partition("//")[2].partition("/")[0]:
        raise UsageError("the address holds a user or a password: the secret in 'secret_file' is what proves the sender")
    parsed = parse(url)
    if isinstance(parsed, BadUrl) or not re.match("https?://", url, re.IGNORECASE):
        raise UsageError(f"{url!r} is not an address that can be posted to")
    if "secret_file" not in texts:
        raise UsageError("'secret_file' is missing: messages are signed with it")
    return ToWebhook(name=name, url=url, secret_file=home / texts["secret_file"])


def _mail(name: str, texts: Mapping[str, str], lists: Mapping[str, Sequence[str]], home: PurePath) -> ToMail:
    place = _PLACE.fullmatch(texts["smtp"])
    if place is None or (place["port"] and not 0 < int(place["port"]) < 65536):
        raise UsageError(f"smtp = {texts['smtp']!r} is not HOST or HOST:PORT")
    words = texts.get("security", MailSecurity.STARTTLS.value)
    if words not in {security.value for security in MailSecurity}:
        raise UsageError(f"security = {words!r}: it is 'starttls', 'tls' or 'none'")
    security = MailSecurity(words)
    if ("user" in texts) is not ("password_file" in texts):
        raise UsageError("'user' and 'password_file' stand together")
    if "user" in texts and security is MailSecurity.NONE:
        raise UsageError("a password is not sent in the clear: security = 'starttls' or 'tls'")
    sender, to = texts.get("from"), tuple(lists.get("to", ()))
    if sender is None or not to:
        raise UsageError("'from' and 'to' are needed: to = [\"someone@example.org\"]")
    for address in (sender, *to):
        if not address.isascii() or not address.isprintable() or not _MAIL.fullmatch(address):
            raise UsageError(f"{address!r} is not a mail address like someone@example.org")
    return ToMail(
        name=name,
        host=place["host"].strip("[]"),
        port=int(place["port"] or _PORTS[security]),
        security=security,
        sender=sender,
        to=to,
        user=texts.get("user"),
        password_file=home / texts["password_file"] if "password_file" in texts else None,
    )
