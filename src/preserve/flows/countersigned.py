"""SSH signatures that go along when a run is handed over, as `countersignatures/<keyid>.sshsig` (docs/formats/packet.md, wacz-profile.md).

In the archive they are events. A packet and a bundle carry the signatures alone: each is over the run's manifest, which is there, and needs
nothing else to be checked. When they were entered stays behind; so a key that counts at some times only is not established by them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from preserve.errors import FormatError
from preserve.flows.verify_run import RunCheck
from preserve.formats import sshsig, statement
from preserve.model.event import Countersignature
from preserve.model.finding import Claim, Finding, Result, failed
from preserve.model.tree import Entry, Kind
from preserve.model.trust import TrustedKey
from preserve.rules import verify_countersignature as rules

if TYPE_CHECKING:
    from preserve.ports import Folder

FOLDER = "countersignatures"
PLACE = re.compile(rf"{FOLDER}/([0-9a-f]{{64}})\.sshsig")
_EVENT = re.compile(r"(events/[0-9]{6,}-countersignature/)statement\.json")


def path_of(keyid: str) -> str:
    """Where the signature of that key lies beside the run's own files."""
    return f"{FOLDER}/{keyid}.sshsig"


def by_run(folder: Folder) -> Mapping[str, Mapping[str, bytes]]:
    """The signatures in an archive, by the SHA-256 of the run's SEAL and then by the path that they have in what is handed over.

    Raises FormatError where one is not what was entered.
    """
    found: dict[str, dict[str, bytes]] = {}
    for entry in folder.walk():
        match = _EVENT.fullmatch(entry.path)
        if match is None or entry.kind is not Kind.FILE:
            continue
        body = statement.decode(folder.read(entry.path, statement.MAX_SIZE)).body
        if not isinstance(body, Countersignature):
            raise FormatError(f"{entry.path}: not what its folder is called", "look at preserve verify")
        data = folder.read(match[1] + sshsig.NAME, sshsig.MAX_SIZE)
        if isinstance(judged := rules.judge_file(body, data, match[1] + sshsig.NAME), Finding):
            raise FormatError(f"{judged.subject}: {judged.detail}", "look at preserve verify")
        found.setdefault(body.run.seal_sha256, {})[path_of(body.keyid)] = data
    return found


def judge(folder: Folder, run: RunCheck, entries: Iterable[Entry], trusted: Sequence[TrustedKey]) -> Iterator[Finding]:
    """What the signatures that came with a run are worth; `entries` may hold other files too."""
    found: list[Finding] = []
    digests = sshsig.digests_of(run.document)
    for entry in entries:
        match = PLACE.fullmatch(entry.path.removeprefix(run.at))
        if match is None or entry.kind is not Kind.FILE:
            continue
        try:
            signature = sshsig.decode(folder.read(entry.path, sshsig.MAX_SIZE))
        except FormatError as problem:
            yield failed(Claim.CO_SIGNERS, entry.path, problem.message, code=rules.CODE)
            continue
        if signature.key.keyid != match[1]:
            why = "forged: another key's signature under this key's name"
            yield failed(Claim.CO_SIGNERS, entry.path, why, code=rules.CODE)
            continue
        found.append(rules.judge(signature, digests, trusted, run.subject, entry.path, entered=None))
    yield from sorted(found, key=lambda finding: finding.result is not Result.PASS)
