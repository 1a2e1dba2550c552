"""Whose cosignatures are enough: the policy file of C2SP tlog-policy (https://c2sp.org/tlog-policy; docs/formats/policy.md).

    log archive.example/main/log+d2341695+AUSuSC8EmWgrAk9gUm+j6Ch7scBTJbFKV1ilit/4cp3U
    witness partner partner.example/witness+c56a29a3+BCxA4Cq5OWIUKx5P2YMZmEqvx4CKYGtLAq1Zx3WW3jTS
    witness library library.example/witness+…
    group colleagues any partner library
    quorum colleagues

Names are bytes and nothing more; here they are strings in which a byte that is not UTF-8 stands as a lone surrogate, so that two names
are equal just when their bytes are.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import field

from preserve.errors import FormatError
from preserve.formats.note import COSIGNATURES, KeyType, VerifierKey
from preserve.model.noun import dataclass

MAX_SIZE = 1 << 18
MAX_NAMES = 256
"""Logs, witnesses and groups together."""
NONE = "none"
_CONTROL = re.compile(rb"[^\t\n\x20-\x7e\x80-\xff]")
_THRESHOLD = re.compile(r"[1-9][0-9]{0,3}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Counts as cosigning when `threshold` of its `members`, witnesses or groups, do."""

    name: str
    threshold: int
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """`logs` that are accepted (none: they are known otherwise), `witnesses` by name, `groups` in order; `quorum` a name, or None for "none"."""

    logs: tuple[VerifierKey, ...] = ()
    witnesses: Mapping[str, VerifierKey] = field(default_factory=dict)
    groups: tuple[Group, ...] = ()
    quorum: str | None

    def met_by(self, cosigned: Collection[VerifierKey]) -> bool:
        """Whether cosignatures by these keys are enough."""
        if self.quorum is None:
            return True
        standing = {name for name, key in self.witnesses.items() if key in cosigned}
        for group in self.groups:  # members are defined before the group
            if sum(member in standing for member in group.members) >= group.threshold:
                standing.add(group.name)
        return self.quorum in standing


def parse(data: bytes) -> Policy:
    """The policy in a file; raises FormatError that names the line."""
    if len(data) > MAX_SIZE:
        raise FormatError(f"policy: too long: {len(data)} bytes")
    if data and not data.endswith(b"\n"):
        raise FormatError("policy: no newline at the end: the last line may be cut")
    reader = _Reader()
    for number, row in enumerate(data.split(b"\n"), 1):
        if _CONTROL.search(row):
            raise FormatError(f"policy: line {number}: control character")
        words = row.decode("utf-8", "surrogateescape").replace("\t", " ").split(" ")
        words = [word for word in words if word]
        if words and not words[0].startswith("#"):
            try:
                reader.read(words)
            except FormatError as problem:
                raise FormatError(f"policy: line {number}: {problem.message}") from None
    return reader.finish()


class _Reader:
    """The lines so far."""

    def __init__(self) -> None:
        self._logs: list[VerifierKey] = []
        self._witnesses: dict[str, VerifierKey] = {}
        self._groups: list[Group] = []
        self._names: set[str] = set()
        self._members: set[str] = set()
        self._quorums: list[str] = []

    def read(self, words: list[str]) -> None:
        match words:
            case ["log", vkey] | ["log", vkey, _]:
                key = _key(vkey)
                if key.type is not KeyType.ED25519:
                    raise FormatError("not the key of a log")
                if any(key.public == other.public for other in self._logs):
                    raise FormatError("duplicate key: this log is there already")
                self._logs.append(key)
            case ["witness", name, vkey] | ["witness", name, vkey, _]:
                key = _key(vkey)
                if key.type not in COSIGNATURES:
                    raise FormatError("not the key of a witness")
                if any(key.public == other.public for other in self._witnesses.values()):
                    raise FormatError("duplicate key: this witness is there already")
                self._define(name)
                self._witnesses[name] = key
            case ["group", name, threshold, *members] if members:
                self._group(name, threshold, tuple(members))
            case ["quorum", name]:
                if name != NONE and name not in self._names:
                    raise FormatError(f"unknown name: {name!r} is not defined above")
                self._quorums.append(name)
            case _:
                raise FormatError("bad line: not a log, witness, group or quorum with what belongs to it")
        if len(self._logs) + len(self._names) > MAX_NAMES:
            raise FormatError(f"too many names: {MAX_NAMES} are read")

    def _group(self, name: str, threshold: str, members: tuple[str, ...]) -> None:
        for member in members:
            if member not in self._names:
                raise FormatError(f"unknown name: {member!r} is not defined above")
            if member in self._members:
                raise FormatError(f"duplicate member: {member!r} counts in one group, once")
            self._members.add(member)
        if threshold in {"any", "all"}:
            count = 1 if threshold == "any" else len(members)
        elif _THRESHOLD.fullmatch(threshold) and int(threshold) <= len(members):
            count = int(threshold)
        else:
            raise FormatError(f"bad threshold: {threshold!r} is not any, all, or 1 to {len(members)}")
        self._define(name)
        self._groups.append(Group(name=name, threshold=count, members=members))

    def _define(self, name: str) -> None:
        if name == NONE or name in self._names:
            raise FormatError(f"duplicate name: {name!r} means something else already")
        self._names.add(name)

    def finish(self) -> Policy:
        if len(self._quorums) != 1:
            raise FormatError(f"policy: {'no' if not self._quorums else 'more than one'} quorum line: there must be one")
        quorum = self._quorums[0]
        return Policy(
            logs=tuple(self._logs),
            witnesses=self._witnesses,
            groups=tuple(self._groups),
            quorum=None if quorum == NONE else quorum,
        )


def _key(vkey: str) -> VerifierKey:
    try:
        vkey.encode("utf-8")
    except UnicodeEncodeError:
        raise FormatError("vkey: not UTF-8") from None
    return VerifierKey.parse(vkey)
