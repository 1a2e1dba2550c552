"""Who stands for what waits in journal/: before the log's key makes it an entry, which nothing takes away again.

Whoever can write into an archive can put a whole run or event there, validly signed with a key of their own. What a kill kept
from its place was signed by somebody whom this user knows: a key of their trust store, or one that follows from those by the archive's own key
events, a recovery key for what it may say among them. Everything else is left where it lies, and told.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import NoReturn

from preserve.errors import FormatError, TrustError
from preserve.flows.seal import require_signed
from preserve.formats import manifest, seal, statement
from preserve.formats.manifest import token_path
from preserve.model.event import Coworkers, EventKind, KeyChange, Statement
from preserve.model.finding import Claim, Finding, Result
from preserve.model.manifest import Manifest
from preserve.model.trust import Stamp, TrustedKey, TrustRole
from preserve.ports import ArchiveStore, Ledger, Staging
from preserve.rules import keychain, succession
from preserve.rules import verify_event as event_rules
from preserve.rules import verify_signed as signed_rules
from preserve.rules.keychain import Keychain, Stated
from preserve.rules.verify_time import judge_times


def require_known_event(archive: ArchiveStore, name: str, ledger: Ledger, trusted: Sequence[TrustedKey]) -> None:
    """Raise TrustError unless the staged event `name` is in the log already, or says what somebody known may say."""
    staging = archive.event_staging(name)
    held = _held(staging, statement.NAME)
    try:
        said = statement.decode(held[statement.NAME])
    except FormatError as problem:
        _refuse(f"event {name}", name, f"it cannot be read: {problem.message}")
    if _is_entered(ledger, said.log.size_before, held[statement.NAME]):
        return
    require_signed(staging, statement.NAME, said.signers, f"event {name}")
    wrong = [
        *event_rules.judge_place(said, name, archive.describe(), name),
        *keychain.judge_signatures(said, name),
        *succession.judge_rotation(said, name),
    ]
    agreed = isinstance(said.body, KeyChange | Coworkers) and said.body.agreed and not wrong
    if agreed and said.log.size_before in keychain_of(archive, ledger, trusted, (said,)).agreed:
        return  # by enough co-workers, whoever enters it
    known = tuple(keychain.vouching(keychain_of(archive, ledger, trusted).trusted, said))
    _require(f"event {name}", name, held, said, wrong, known, statement.NAME)


def require_known_run(archive: ArchiveStore, name: str, ledger: Ledger, trusted: Sequence[TrustedKey]) -> None:
    """The same for a run that is sealed and waits in journal/."""
    staging = archive.staging(name)
    held = _held(staging, seal.MANIFEST)
    try:
        said = manifest.decode(held[seal.MANIFEST])
    except FormatError as problem:
        _refuse(f"run {name}", name, f"it cannot be read: {problem.message}")
    if not _is_entered(ledger, said.log.size_before, held["SEAL"]):
        require_signed(staging, seal.MANIFEST, said.signers, f"run {name}")
        _require(f"run {name}", name, held, said, [], keychain_of(archive, ledger, trusted).trusted, seal.MANIFEST)


def _require(
    what: str,
    name: str,
    held: dict[str, bytes],
    said: Manifest | Statement,
    wrong: Sequence[Finding],
    known: Sequence[TrustedKey],
    document: str,
) -> None:
    """Raise TrustError for what is wrong, or signed by nobody known."""
    judged = signed_rules.judge_sealed(held, "", document)
    for finding in wrong:
        if finding.result is Result.FAIL:
            _refuse(what, name, finding.detail)
    trust = signed_rules.judge_trust(said, judged.keys, known, name)
    if any(finding.claim is Claim.SIGNER and finding.result is Result.PASS for finding in trust):
        return
    doubts = [finding.detail.partition(":")[0] for finding in trust if finding.claim is Claim.SIGNER]
    _refuse(what, name, f"nobody whom you trust signed it: {'; '.join(doubts) or 'no signature holds'}")


def _refuse(what: str, name: str, why: str) -> NoReturn:
    raise TrustError(
        f"{what} waits in journal/{name} to be entered in the log, and {why}",
        f"nothing was entered. If you do not know who put it there, move journal/{name} out of the archive and keep it; if you know"
        " its signer: preserve trust add",
    )


def _is_entered(ledger: Ledger, index: int, entry: bytes) -> bool:
    """Whether the log holds it: then it has happened, and only its place is missing."""
    size, _ = ledger.head()
    return index < size and ledger.entry(index) == entry


def _held(staging: Staging, document: str) -> dict[str, bytes]:
    """What is signed of a staged run or event, with all keys and signatures that lie there."""
    held = {"SEAL": b"", document: b""}
    for path in staging.files():
        if path in held or signed_rules.KEY.fullmatch(path) or signed_rules.SIGNATURE.fullmatch(path):
            with staging.open(path) as file:
                held[path] = file.read(seal.MAX_SIZE if path == "SEAL" else manifest.MAX_SIZE)
    return held


def keychain_of(
    archive: ArchiveStore, ledger: Ledger, trusted: Sequence[TrustedKey], coming: Sequence[Statement] = ()
) -> Keychain:
    """What follows from the keys in the user's store, by the key events of the archive that its log holds, and those that are `coming`."""
    return keychain.follow(trusted, (*_stated(archive, ledger, trusted), *(Stated(statement=said) for said in coming)))


def _stated(archive: ArchiveStore, ledger: Ledger, trusted: Sequence[TrustedKey]) -> Iterator[Stated]:
    for name in archive.event_names():
        if not name.endswith(f"-{EventKind.KEY}"):
            continue
        held = dict[str, bytes]()
        try:
            document = archive.read_event(name, statement.NAME, statement.MAX_SIZE) or b""
            said = statement.decode(document)
            for path, limit in _bound(said):
                if (data := archive.read_event(name, path, limit)) is not None:
                    held[path] = data
        except FormatError:
            continue  # `preserve verify` says so; nothing follows from it
        judged = signed_rules.judge_sealed(held | {statement.NAME: document}, "", statement.NAME)
        sound = {key.keyid for key in judged.keys} == {signer.keyid for signer in said.signers}
        sound = sound and not any(keychain.judge_signatures(said, name))
        if isinstance(said.body, KeyChange | Coworkers) and sound and _is_entered(ledger, said.log.size_before, document):
            # What SEAL does not bind was stamped by nobody.
            existed_by = None if judged.findings else _existed_by(archive, name, said, judged.seal, trusted)
            yield Stated(statement=said, existed_by=existed_by)


def _existed_by(
    archive: ArchiveStore, name: str, said: Statement, sealed: bytes, trusted: Sequence[TrustedKey]
) -> datetime | None:
    """By when an authority that this user trusts saw an event: what it says then counts though its signer's key was stolen later."""
    authorities = {key.name for key in trusted if key.role is TrustRole.TSA}
    stamps = dict[str, Stamp]()
    for authority in sorted(authorities):
        path = token_path(authority)
        try:
            reply = archive.read_event(name, path, manifest.MAX_TOKEN)
        except FormatError:
            continue
        if reply is not None:
            from preserve.flows.verify_tokens import check  # noqa: PLC0415 -- X.509 costs a start that most archives can be spared

            stamps[path] = check(authority, reply, sealed, trusted)
    return judge_times(said, stamps, said.created, "", name).existed_by


def _bound(said: Statement) -> Iterator[tuple[str, int]]:
    """(path, most bytes) of what holds a statement together."""
    yield "SEAL", seal.MAX_SIZE
    for signer in said.signers:
        yield seal.key_path(signer.keyid), signed_rules.MAX_SIGNATURE
        yield seal.signature_path(signer.keyid), signed_rules.MAX_SIGNATURE
