"""Whom this user trusts: `$XDG_CONFIG_HOME/preserve/trust.toml` (docs/formats/keys.md).

The file is the user's: it may be edited by hand, and comments in it stay. Adding appends an entry, removing cuts one out; before the
new text is written it is read back, and must say exactly what was meant. A mistake in it is told with its line and stops the work:
a trust store that is read halfway would trust or distrust the wrong keys.
"""

from __future__ import annotations

import fcntl
import os
import re
import stat
import tomllib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from preserve import durable
from preserve.errors import ConfigError, FormatError
from preserve.formats import signedparts, sshkey, times, toml
from preserve.formats.note import COSIGNATURES, KeyType, VerifierKey
from preserve.formats.strictjson import HASH
from preserve.model.trust import MOST_COWORKERS, Revocation, TrustedKey, TrustRole

if TYPE_CHECKING:
    from preserve.rules.keychain import Circle

_NAME = "trust.toml"
_HEAD = """\
# The keys whose signatures you accept. Compare a fingerprint by another way (telephone, paper) before you add one.
# `preserve trust add|list|remove` change this file; you may edit it too.
"""
_HANDED = (
    "# Keys that somebody else trusts. Compare each fingerprint by another way before you take one: preserve trust import\n"
)
_ENTRY = re.compile(r"^[ \t]*\[\[[ \t]*key[ \t]*\]\][ \t]*(?:#.*)?$", re.MULTILINE)
_FIELDS = frozenset(
    {
        "name", "role", "keyid", "vkey", "ssh", "certificate", "threshold",
        "added", "valid_from", "valid_until", "revoked_at", "reason",
    }
)  # fmt: skip
_E = TypeVar("_E")
_ROLES = {TrustRole.LOG: frozenset({KeyType.ED25519}), TrustRole.WITNESS: COSIGNATURES}


class TrustStore:
    """One trust.toml. Every method raises ConfigError naming the line when the file is not as it should be."""

    def __init__(self, config: Path) -> None:
        """`config` is the user's configuration folder of preserve."""
        self.path = config / _NAME

    def trusted_keys(self) -> tuple[TrustedKey, ...]:
        """Every entry in the order of the file; none when there is no file."""
        return self._parse(self._text())

    def add(self, *keys: TrustedKey) -> bool:
        """Pin keys, all of them or none; False when every one is pinned for its role already. The file is made when there is none."""
        with self._locked():
            text = self._text()
            known = self._parse(text)
            new = [replace(key, added=times.to_milliseconds(key.added)) for key in keys if not pinned(key, known)]
            if new:
                self._write("\n\n".join([(text or _HEAD).rstrip("\n"), *map(_entry, new)]), (*known, *new))
        return bool(new)

    def find(self, wanted: str) -> tuple[TrustedKey, ...]:
        """The key that is called `wanted`, or every entry with that whole key id: one key may have several roles."""
        known, digits = self.trusted_keys(), wanted.replace("-", "").lower()
        same = tuple(key for key in known if key.keyid == digits)
        return same or (known[_place(known, wanted, "change the file by hand")],)

    def remove(self, wanted: str) -> TrustedKey:
        """Take out the one key whose name or whole key id is `wanted`."""
        with self._locked():
            text = self._text()
            known = self._parse(text)
            place = _place(known, wanted, "take it out of the file by hand")
            self._change(text, known, {place: None})
        return known[place]

    def name_coworkers(self, owner: str, threshold: int, keyids: Collection[str], now: datetime, former: Circle | None) -> None:
        """Let these be co-workers of the operator whom this user calls `owner`, instead of those of `former`, whom the archive named before.

        Whoever was pinned otherwise stays: another archive's co-workers, or those added by hand. Of one who stays the limits stay, and
        the threshold where it is higher and another's than `former`'s. Who counts no more is not taken out, so that they go on counting
        no more.
        """
        leaving = former.members - set(keyids) if former else frozenset()
        with self._locked():
            text = self._text()
            known = self._parse(text)
            changes: dict[int, TrustedKey | None] = {}
            missing = dict.fromkeys(keyids)
            for place, key in enumerate(known):
                if (key.role, key.name) != (TrustRole.COWORKER, owner) or key.threshold is None:
                    continue
                if key.keyid in missing:
                    del missing[key.keyid]
                    replaced = former is not None and key.keyid in former.members and key.threshold == former.threshold
                    changes[place] = replace(key, threshold=threshold if replaced else max(threshold, key.threshold))
                elif key.keyid in leaving and key.revoked_at is None and (key.valid_until is None or key.valid_until > now):
                    changes[place] = None
            new = tuple(
                TrustedKey(
                    name=owner,
                    role=TrustRole.COWORKER,
                    keyid=keyid,
                    vkey=None,
                    added=times.to_milliseconds(now),
                    threshold=threshold,
                )
                for keyid in missing
            )
            self._change(text, known, changes, new)

    def revoke(
        self,
        keyid: str,
        at: datetime,
        reason: Revocation,
        roles: Collection[TrustRole] = (TrustRole.OPERATOR, TrustRole.RECOVERY),
        vkey: str | None = None,
    ) -> tuple[TrustedKey, ...]:
        """Let a pinned key of these `roles` count no longer since `at`, under whatever names it stands, or only as this `vkey`; its entries
        as they are now. What is revoked already keeps the earlier time, and the worse reason.
        """
        with self._locked():
            text = self._text()
            known = self._parse(text)
            meant: dict[int, TrustedKey | None] = {}
            gone = []
            for place, key in enumerate(known):
                if key.keyid == keyid and key.role in roles and vkey in {None, key.vkey}:
                    gone.append(key.revoked(times.to_milliseconds(at), reason))
                    meant[place] = gone[-1]
            if not gone:
                raise ConfigError(f"the key {keyid} is not pinned, so there is nothing to revoke", "`preserve trust list`")
            self._change(text, known, meant)
        return tuple(gone)

    def _change(
        self, text: str, known: Sequence[TrustedKey], changes: Mapping[int, TrustedKey | None], new: Sequence[TrustedKey] = ()
    ) -> None:
        """Write the file with the entries at these places altered, or cut out (None), and with `new` at its end."""
        starts = [match.start() for match in _ENTRY.finditer(text)] + [len(text)]
        if len(starts) != len(known) + 1:
            raise ConfigError(f"{self.path}: its entries cannot be told apart", "change it by hand")
        for place in sorted(changes, reverse=True):
            entry, meant = text[starts[place] : starts[place + 1]], changes[place]
            end = _end_of_entry(entry)
            altered = entry[end:].lstrip("\n") if meant is None else _altered(entry[:end], known[place], meant) + entry[end:]
            text = text[: starts[place]] + altered + text[starts[place + 1] :]
        if new:
            text = "\n\n".join([(text or _HEAD).rstrip("\n"), *map(_entry, new)])
        kept = (changes.get(place, key) for place, key in enumerate(known))
        self._write(text, (*filter(None, kept), *new))

    def _text(self) -> str:
        try:
            with self.path.open("rb") as file:
                if stat.S_IMODE(os.fstat(file.fileno()).st_mode) & 0o002:
                    raise ConfigError(f"{self.path}: anybody can write to it", f"look through it, then chmod 600 '{self.path}'")
                return file.read().decode("utf-8")
        except FileNotFoundError:
            return ""
        except UnicodeDecodeError as problem:
            raise ConfigError(f"{self.path}: not UTF-8 at byte {problem.start}", "correct it by hand") from problem
        except OSError as problem:
            raise ConfigError(f"{self.path}: {problem.strerror}") from problem

    def _parse(self, text: str) -> tuple[TrustedKey, ...]:
        return read(text, str(self.path))

    def _write(self, text: str, meant: tuple[TrustedKey, ...]) -> None:
        if self._parse(text) != meant:
            raise ConfigError(f"{self.path}: the entry cannot be written without changing others", "edit the file by hand")
        try:
            durable.write_file(self.path, text.encode(), mode=0o600)
            durable.sync_folder(self.path.parent)
        except OSError as problem:
            raise ConfigError(f"{self.path}: {problem.strerror}") from problem

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """One writer at a time; the lock is on the folder and ends with the process."""
        try:
            durable.make_folders(self.path.parent, mode=0o700)
            handle = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as problem:
            raise ConfigError(f"{self.path.parent}: {problem.strerror}") from problem
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)


@lru_cache(maxsize=2)  # a command asks several times, and the file has an entry for each archive that was ever made here
def read(text: str, name: str) -> tuple[TrustedKey, ...]:
    """The keys of a trust file, the user's own or one that was handed over; messages call it `name`. Raises ConfigError."""
    try:
        document = toml.loads(text)
    except tomllib.TOMLDecodeError as problem:
        raise ConfigError(f"{name}: {problem}", "correct that line by hand") from problem
    lines = [text.count("\n", 0, match.start()) + 1 for match in _ENTRY.finditer(text)]
    entries = document.pop("key", [])
    if document or not isinstance(entries, list):
        _refuse(name, 1, f"unknown: {min(document, default='key')!r}; entries begin with [[key]]")
    keys: dict[tuple[str | None, ...], TrustedKey] = {}
    for place, entry in enumerate(entries):
        line = lines[place] if len(lines) == len(entries) else 1
        try:
            key = _read_entry(entry)
        except FormatError as problem:
            _refuse(name, line, problem.message)
        if keys.setdefault(_identity(key), key) is not key:
            _refuse(name, line, "this key stands above already")
    return tuple(keys.values())


def _place(known: Sequence[TrustedKey], wanted: str, else_: str) -> int:
    """Where the one key is whose name or whole key id is `wanted`."""
    digits = wanted.replace("-", "").lower()
    places = [place for place, key in enumerate(known) if wanted == key.name or digits == key.keyid]
    if len(places) != 1:
        raise ConfigError(
            f"{len(places) or 'no'} trusted keys fit {wanted!r}",
            f"`preserve trust list` shows them; name one by its key id, or {else_}",
        )
    return places[0]


def _refuse(name: str, line: int, why: str) -> NoReturn:
    raise ConfigError(f"{name}: line {line}: {why}", "correct the entry by hand, or take it out")


def pinned(key: TrustedKey, known: Iterable[TrustedKey]) -> TrustedKey | None:
    """The entry that pins just this key for this role; None when there is none."""
    return next((old for old in known if _identity(old) == _identity(key)), None)


def written(keys: Iterable[TrustedKey]) -> str:
    """A trust file with these keys."""
    return _HANDED + "".join("\n" + _entry(replace(key, added=times.to_milliseconds(key.added))) for key in keys)


def _identity(key: TrustedKey) -> tuple[str | None, ...]:
    """What no two entries have in common. One root may stand for several authorities, one person be the co-worker of several."""
    several = {TrustRole.TSA, TrustRole.COWORKER}
    return key.keyid, key.role, key.vkey, key.certificate, key.name if key.role in several else None


def _end_of_entry(entry: str) -> int:
    """Where the last line with a value ends: the comments after it may speak of the next entry, and stay."""
    end = place = 0
    for row in entry.splitlines(keepends=True):
        place += len(row)
        if row.strip() and not row.lstrip().startswith("#"):
            end = place
    return end


def _entry(key: TrustedKey) -> str:
    rows: list[tuple[str, str | None]] = [
        ("name", _string(key.name)),
        ("role", _string(key.role)),
        _named(key),
        ("certificate", f'"""\n{key.certificate}"""' if key.certificate else None),
        ("added", times.rfc3339(key.added)),
        ("valid_from", times.rfc3339(key.valid_from) if key.valid_from else None),
        *_changing(key),
    ]
    return "[[key]]\n" + "".join(f"{name} = {value}\n" for name, value in rows if value)


def _altered(entry: str, old: TrustedKey, meant: TrustedKey) -> str:
    """The text of an entry, with the lines that say something else now at its end."""
    new = [row for row, was in zip(_changing(meant), _changing(old), strict=True) if row != was]
    if not new:
        return entry
    stale = re.compile(rf"[ \t]*(?:{'|'.join(name for name, _ in new)})[ \t]*=")
    rows = [row for row in entry.splitlines(keepends=True) if not stale.match(row)]
    rows += [f"{name} = {value}\n" for name, value in new if value]
    return "".join(row if row.endswith("\n") else row + "\n" for row in rows)


def _named(key: TrustedKey) -> tuple[str, str]:
    """What says which key it is."""
    if key.vkey:
        return "vkey", _string(key.vkey)
    return ("ssh", _string(key.ssh)) if key.ssh else ("keyid", _string(key.keyid))


def _changing(key: TrustedKey) -> list[tuple[str, str | None]]:
    """What of an entry is altered later: by a revocation, or by another number of co-workers."""
    return [
        ("threshold", str(key.threshold) if key.threshold else None),
        ("valid_until", times.rfc3339(key.valid_until) if key.valid_until else None),
        ("revoked_at", times.rfc3339(key.revoked_at) if key.revoked_at else None),
        ("reason", _string(key.reason) if key.reason else None),
    ]


def _string(text: str) -> str:
    """A basic string of TOML 1.0: whatever cannot be seen is escaped."""
    return '"' + "".join(_escaped(char) for char in text) + '"'


def _escaped(char: str) -> str:
    if char in '"\\':
        return "\\" + char
    if char.isprintable():
        return char
    return f"\\u{ord(char):04x}" if ord(char) < 0x10000 else f"\\U{ord(char):08x}"


def _read_entry(entry: object) -> TrustedKey:
    if not isinstance(entry, dict):
        raise FormatError("not an entry: entries begin with [[key]]")
    if unknown := set(entry) - _FIELDS:
        raise FormatError(f"unknown field: {min(unknown)!r}")
    role = _take(entry, "role", TrustRole)
    called = "vkey" if role in _ROLES else "ssh" if role is TrustRole.COSIGNER else "keyid"
    if {"vkey", "ssh", "keyid"} & set(entry) != {called}:
        raise FormatError(
            "an operator, a recovery key, a coworker or a tsa has a 'keyid', a log or a witness a 'vkey', a cosigner an 'ssh'"
        )
    if ("threshold" in entry) is not (role is TrustRole.COWORKER):
        raise FormatError("a coworker, and no other, has a 'threshold'")
    threshold = entry.get("threshold")
    if threshold is not None and (type(threshold) is not int or not 0 < threshold <= MOST_COWORKERS):
        raise FormatError(f"'threshold' is no number of 1 to {MOST_COWORKERS}")
    if ("certificate" in entry) is not (role is TrustRole.TSA):
        raise FormatError("a tsa, and no other, has a 'certificate'")
    if role is TrustRole.TSA and not signedparts.AUTHORITY.fullmatch(_text(entry, "name")):
        raise FormatError(f"'name' is {entry['name']!r}, which no manifest calls an authority")
    vkey = _text(entry, "vkey") if "vkey" in entry else None
    ssh = _text(entry, "ssh") if "ssh" in entry else None
    if ssh is not None:
        handed = sshkey.parse(ssh)
        if handed.key.line != ssh:
            raise FormatError("'ssh' is not just the type and the key, as in 'ssh-ed25519 AAAA…'")
        keyid = handed.key.keyid
    elif vkey is None:
        keyid = _text(entry, "keyid")
        if not HASH.fullmatch(keyid):
            raise FormatError("'keyid' is not 64 lower-case hex digits")
    else:
        parsed = VerifierKey.parse(vkey)
        if parsed.type not in _ROLES[role]:
            raise FormatError(f"'vkey' is not a {role}'s")
        keyid = parsed.fingerprint
    key = TrustedKey(
        name=_text(entry, "name"),
        role=role,
        keyid=keyid,
        vkey=vkey,
        ssh=ssh,
        threshold=threshold,
        certificate=_text(entry, "certificate") if role is TrustRole.TSA else None,
        added=_required_time(entry, "added"),
        valid_from=_time(entry, "valid_from"),
        valid_until=_time(entry, "valid_until"),
        revoked_at=_time(entry, "revoked_at"),
        reason=_take(entry, "reason", Revocation) if "reason" in entry else None,
    )
    if (key.revoked_at is None) is not (key.reason is None):
        raise FormatError("'revoked_at' and 'reason' stand together")
    return key


def _text(entry: dict[str, Any], name: str) -> str:
    value = entry.get(name)
    if not isinstance(value, str) or not value:
        raise FormatError(f"{name!r} is missing or no text")
    return value


def _take(entry: dict[str, Any], name: str, kind: Callable[[str], _E]) -> _E:
    try:
        return kind(_text(entry, name))
    except ValueError:
        raise FormatError(f"{name!r} is {entry[name]!r}") from None


def _required_time(entry: dict[str, Any], name: str) -> datetime:
    moment = _time(entry, name)
    if moment is None:
        raise FormatError(f"{name!r} is missing")
    return moment


def _time(entry: dict[str, Any], name: str) -> datetime | None:
    value = entry.get(name)
    if value is None:
        return None
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise FormatError(f"{name!r} is not a time with its zone, like 2026-11-21T17:02:45Z")
    return value.astimezone(UTC)
