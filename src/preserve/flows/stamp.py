"""Asking time-stamp authorities: when a run begins, over its SEAL when it is sealed, and later for what did not come.

    run begins ──start message──► timestamps/start-NAME.tsr   (its hash stands in the manifest: the run is not older)
    SEAL ──log──place──► ask ──► timestamps/NAME.tsr          (the manifest names the authority before: a token taken away is missed)

The order makes every instant safe: a run is sealed, logged and in its place before anybody is asked about it, and a token is a file
that appears whole. What a kill, a dead authority or a lying one leaves out is missing, said so, and asked for again by the next
capture or by `preserve timestamp`. A token that our own verifier would refuse is never kept: not one over other bytes, of another
question, under another policy, or of a time that contradicts the manifest.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import field
from datetime import datetime
from functools import partial

from preserve.errors import FormatError
from preserve.formats import manifest as manifest_format
from preserve.formats import seal, timestamp
from preserve.formats.manifest import start_message, start_token_path, token_path
from preserve.formats.times import rfc3339
from preserve.model.manifest import StartToken
from preserve.model.noun import dataclass
from preserve.model.run import RunIdentity
from preserve.model.trust import Stamp, TrustedKey
from preserve.ports import ArchiveStore, Clock, Staging, TimeAuthority
from preserve.rules.verify_signed import SKEW
from preserve.rules.verify_time import WINDOW, Timed

_START = "timestamps/start-"
_MAX_SEALED = 1 << 16  # of a key or a signature that SEAL lists; none that is accepted comes near


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamped:
    """How a sealed run stands: the authorities that it names, those of them whose token is there, those added to it.

    `problem` says why nothing was asked for it at all.
    """

    named: tuple[str, ...] = ()
    there: tuple[str, ...] = ()
    added: tuple[str, ...] = ()
    problem: str = ""

    @property
    def missing(self) -> tuple[str, ...]:
        return tuple(name for name in self.named if name not in self.there)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """The folder of a run or an event in its place: a small file of it (None when it is not there), and a token to be added."""

    read: Callable[[str, int], bytes | None]
    keep: Callable[[str, bytes], None]


@dataclass(slots=True, kw_only=True)
class Stamper:
    """Asks `authorities`, and keeps what they give. `nonce` makes a fresh number for each question, `tell` reaches a person.

    `trusted` is the user's trust store: where it has a root for an authority, a token must verify under it to be kept.
    """

    authorities: tuple[TimeAuthority, ...]
    trusted: Sequence[TrustedKey]
    nonce: Callable[[], int]
    clock: Clock
    tell: Callable[[str], None]
    _told: set[str] = field(default_factory=set)

    def begin(self, staging: Staging, identity: RunIdentity) -> None:
        """Take a start token of each authority that has given none yet. One that fails is told of, and the run goes on."""
        for authority in self.authorities:
            path = start_token_path(authority.name)
            if staging.exists(path):
                continue
            reply, stamp = self._ask(authority, start_message(identity.run_id, identity.nonce))
            now = self.clock.now()
            if stamp.time is not None and not stamp.problem and abs(stamp.time - now) > SKEW:
                self.tell(
                    f"{authority.name} says that it is {rfc3339(stamp.time)}, this machine says {rfc3339(now)}: one of the clocks"
                    " is wrong. Its start token is not used; if it is this machine's, set it before you capture."
                )
            elif self._told_of(authority.name, stamp, "no start token"):
                _keep(staging, path, reply)

    def expected(self, staging: Staging) -> tuple[str, ...]:
        """The authorities for the manifest to name: those that are asked now, and those that were when the run began."""
        began = (path.removeprefix(_START).removesuffix(".tsr") for path in staging.files() if path.startswith(_START))
        return tuple(dict.fromkeys([*(authority.name for authority in self.authorities), *began]))

    def start_tokens(self, staging: Staging, created: datetime) -> tuple[StartToken, ...]:
        """The start tokens that the manifest of a run sealed at `created` can name."""
        found = []
        for path in [path for path in staging.files() if path.startswith(_START)]:
            with staging.open(path) as file:
                reply = file.read()
            authority = path.removeprefix(_START).removesuffix(".tsr")
            try:
                problem = "the clock was set back since the run began" if timestamp.read(reply).time > created + SKEW else ""
            except FormatError as error:
                problem = error.message
            if problem:
                self.tell(f"{authority}: its start token is left out: {problem}")
                staging.remove(path)
            else:
                found.append(StartToken(authority=authority, file=path, sha256=hashlib.sha256(reply).hexdigest()))
        return tuple(found)

    def complete(self, archive: ArchiveStore, run: str, *, add: bool = False) -> Stamped:
        """Ask for the tokens over the SEAL of a run in its place that it names and lacks; with `add`, for others too."""
        place = _Place(read=partial(archive.read_run, run), keep=partial(archive.keep_token, run))
        return self._complete(place, seal.MANIFEST, manifest_format.MAX_SIZE, manifest_format.decode, add=add)

    def complete_event(self, archive: ArchiveStore, event: str, *, add: bool = False) -> Stamped:
        """The same for an event."""
        from preserve.formats import statement  # noqa: PLC0415 -- what an archive without events starts without

        place = _Place(read=partial(archive.read_event, event), keep=partial(archive.keep_event_token, event))
        return self._complete(place, statement.NAME, statement.MAX_SIZE, statement.decode, add=add)

    def _complete(self, place: _Place, document: str, limit: int, decode: Callable[[bytes], Timed], *, add: bool) -> Stamped:
        try:
            signed, sealed = _read_sealed(place, document, limit, decode)
            named = tuple(entry.authority for entry in signed.timestamps)
            asked = [authority for authority in self.authorities if add or authority.name in named]
            held = {name for name in (*named, *(authority.name for authority in asked)) if _holds(place, name, sealed)}
        except FormatError as problem:
            return Stamped(problem=problem.message)
        there = [name for name in named if name in held]
        added = list[str]()
        for authority in asked:
            name = authority.name
            if name in held:
                continue
            reply, stamp = self._ask(authority, sealed)
            if self._fits(authority.name, stamp, signed.created) and self._told_of(name, stamp, "no time-stamp"):
                place.keep(token_path(name), reply)
                (there if name in named else added).append(name)
        return Stamped(named=named, there=tuple(there), added=tuple(added))

    def _ask(self, authority: TimeAuthority, message: bytes) -> tuple[bytes, Stamp]:
        nonce, name = self.nonce(), authority.name
        reply, problem = authority.ask(timestamp.request(message, nonce, authority.policy))
        if problem:
            return b"", Stamp(authority=name, problem=problem)
        try:
            token = timestamp.read(reply)
        except FormatError as error:
            return b"", Stamp(authority=name, problem=error.message)
        if token.nonce != nonce:
            return b"", Stamp(authority=name, problem="its answer is to another question (the nonce is not ours)")
        if authority.policy is not None and token.policy != authority.policy:
            return b"", Stamp(authority=name, problem=f"it stamped under the policy {token.policy}, not {authority.policy}")
        from preserve.flows.verify_tokens import check  # noqa: PLC0415 -- X.509 costs a start that a run without authorities is spared

        return reply, check(name, reply, message, self.trusted)

    def _fits(self, name: str, stamp: Stamp, created: datetime) -> bool:
        """Whether the time of a token can stand beside the one that was signed; says so where it cannot, or proves little."""
        if stamp.time is None or stamp.problem:
            return True
        if stamp.time < created - SKEW:
            self.tell(
                f"{name} says that it is {rfc3339(stamp.time)}, which is before it was sealed by this machine's clock"
                f" ({rfc3339(created)}): one of the clocks is wrong. Its token is not kept."
            )
            return False
        if stamp.latest is not None and stamp.latest > created + WINDOW:
            self.tell(
                f"{name} stamped it at {rfc3339(stamp.time)} only: that is proven from now on, not the time that it claims."
            )
        return True

    def _told_of(self, name: str, stamp: Stamp, lacking: str) -> bool:
        """Whether a token is kept; what a person should know of it is said, once."""
        words = f"{name}: {lacking}: {stamp.problem}" if stamp.problem else ""
        if not words and stamp.doubt:
            words = f"{name}: its tokens are kept, though they cannot be verified here: {stamp.doubt}"
        if words and (stamp.problem or name not in self._told):
            self.tell(words)
            self._told.add(name)
        return not stamp.problem


def _keep(staging: Staging, path: str, data: bytes) -> None:
    with staging.create(path) as file:
        file.write(data)


def _read_sealed(place: _Place, document: str, limit: int, decode: Callable[[bytes], Timed]) -> tuple[Timed, bytes]:
    """What was signed and SEAL of a run or an event in its place; raises FormatError when SEAL does not fit all that it lists.

    What the manifest lists is not read: whether that is as it was signed is for a verification, and changes nothing about the seal.
    """
    sealed, signed = place.read("SEAL", seal.MAX_SIZE), place.read(document, limit)
    if sealed is None or signed is None:
        raise FormatError(f"SEAL or {document} is missing")
    for line in seal.decode(sealed, document):
        data = signed if line.path == document else place.read(line.path, _MAX_SEALED)
        if data is None:
            raise FormatError(f"{line.path} is missing")
        if hashlib.sha256(data).hexdigest() != line.sha256:
            raise FormatError(f"{line.path} is not the one that was sealed")
    return decode(signed), sealed


def _holds(place: _Place, name: str, sealed: bytes) -> bool:
    """Whether the token of an authority is there; raises FormatError when what is there is no token over `sealed`.

    Under whose root it stands is for a verification: roots come and go, and this is about what to ask for.
    """
    path = token_path(name)
    reply = place.read(path, manifest_format.MAX_TOKEN)
    if reply is None:
        return False
    try:
        over = timestamp.read(reply).over(sealed)
    except FormatError as problem:
        raise FormatError(f"{path}: {problem.message}") from None
    if not over:
        raise FormatError(f"{path}: it is over other bytes")
    return True
