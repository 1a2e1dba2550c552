"""Recording an event: stated, signed, entered in the log, put in its place, stamped (docs/formats/events.md section 6).

    body ──state──► statement.json ──sign──► signatures, keys ──► SEAL ──enter──► log ──place──► events/ ──stamp──► tokens

The order is that of a run, and for the same reason: SEAL is written last, so a folder in journal/ that has one is whole, and every step
after it can be done again. A kill before SEAL leaves nothing that counts; a kill after it is finished by the next command that
writes to the archive (`finish_staged`).

An event may be recorded while a run is open: the run reads the log's head when it is sealed. A run whose SEAL is written but which has
no place yet goes first; who holds the archive's lock sees to that.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from preserve.errors import TrustError
from preserve.flows import vouch
from preserve.flows.run import check_foundation
from preserve.flows.seal import require_signed
from preserve.flows.stamp import Stamped, Stamper
from preserve.formats import seal, statement
from preserve.formats.times import to_milliseconds
from preserve.model.event import Body, Statement
from preserve.model.lines import SealLine
from preserve.model.manifest import LogLink, Operator, SignerEntry, TimestampEntry
from preserve.model.noun import dataclass
from preserve.ports import ArchiveStore, Clock, Ledger, Signer, Staging


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """An event in its place: the name of its folder in events/, what was signed, how its time-stamps stand."""

    name: str
    statement: Statement
    stamped: Stamped

    @property
    def log_index(self) -> int:
        return self.statement.log.size_before


def record_event(
    archive: ArchiveStore,
    ledger: Ledger,
    signers: Sequence[Signer],
    stamper: Stamper,
    clock: Clock,
    *,
    actor: Operator,
    body: Body,
    files: Mapping[str, bytes] = MappingProxyType({}),
) -> Recorded:
    """Record what happened, signed by each of `signers`. Call it under the archive's lock, with no sealed run waiting for its place.

    `files` go along in the event's folder, by their names; `body` says what they hold.

    The same event that a kill had kept from its place is finished and not recorded twice.
    Raises TrustError when archive and log do not fit, FormatError when `body` cannot be stated.
    """
    for finished in finish_staged(archive, ledger, stamper):
        said = finished.statement
        if said.body == body and {key.keyid for key in said.signers} == {signer.keyid for signer in signers}:
            return finished
    check_foundation(archive, ledger)
    size, root = ledger.head()
    said = Statement(
        archive=archive.describe().id,
        log=LogLink(origin=ledger.origin, size_before=size, root_before=root.hex()),
        created=to_milliseconds(clock.now()),
        actor=actor,
        body=body,
        signers=tuple(SignerEntry(keyid=key.keyid, algorithm=key.algorithm, name=key.name) for key in signers),
        timestamps=tuple(TimestampEntry(authority=authority.name) for authority in stamper.authorities),
    )
    _stage(archive.event_staging(said.name), statement.encode(said), signers, files)
    return _enter(archive, said.name, ledger, stamper)


def finish_staged(archive: ArchiveStore, ledger: Ledger, stamper: Stamper) -> tuple[Recorded, ...]:
    """Finish what a kill kept from its place; what was not whole yet is taken away: nothing of it counted.

    Raises TrustError for one that nobody signed whom this user knows: an entry of the log stays for ever, and whoever can write into
    the folder could put it there.
    """
    done = []
    for name in archive.staged_events():
        if archive.event_staging(name).exists("SEAL"):
            vouch.require_known_event(archive, name, ledger, stamper.trusted)
            done.append(_enter(archive, name, ledger, stamper))
        else:
            archive.drop_event(name)
    return tuple(done)


def _stage(staging: Staging, document: bytes, signers: Sequence[Signer], files: Mapping[str, bytes]) -> None:
    for path, data in files.items():
        _write(staging, path, data)
    bound = {statement.NAME: document}
    for signer in signers:
        bound[seal.key_path(signer.keyid)] = signer.public_pem
        bound[seal.signature_path(signer.keyid)] = signer.sign(document)
    for path, data in bound.items():
        _write(staging, path, data)
    lines = (SealLine(path=path, sha256=hashlib.sha256(data).hexdigest()) for path, data in bound.items())
    _write(staging, "SEAL", seal.encode(lines, statement.NAME))


def _enter(archive: ArchiveStore, name: str, ledger: Ledger, stamper: Stamper) -> Recorded:
    """Everything after SEAL. Authorities come last: until then nobody outside is waited for."""
    staging = archive.event_staging(name)
    with staging.open(statement.NAME) as file:
        document = file.read()
    said = statement.decode(document)
    size, root = ledger.head()
    if size == said.log.size_before and root.hex() == said.log.root_before:
        require_signed(staging, statement.NAME, said.signers, f"event {name}")
        ledger.append(document)
    elif size != said.log.size_before + 1 or ledger.entry(said.log.size_before) != document:
        raise TrustError(
            f"event {name} was signed to be entry {said.log.size_before} of the log, which now has {size} entries of its own",
            "somebody put back an older log, or another archive's: restore log/ from the newest backup",
        )
    archive.place_event(name)
    return Recorded(name=name, statement=said, stamped=stamper.complete_event(archive, name))


def _write(staging: Staging, path: str, data: bytes) -> None:
    with staging.create(path) as file:
        file.write(data)
