"""`preserve key rotate --log`: another key signs an archive's log from now on (docs/formats/events.md section 10).

    new key ──pin──► kept ──state──► signed by signer, old key, new key ──► entry of the log, under the new key's first checkpoint ──► place

The new key exists and is pinned before anything names it; what takes trust away, that the old one is superseded, is done last. A kill
before the event is sealed leaves a key that signs nothing; after it, the next command that writes does the rest.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from preserve.adapters.keys import KeyStore, StoredKey
from preserve.adapters.trust import TrustStore
from preserve.errors import ConfigError
from preserve.flows import events
from preserve.flows.events import Recorded
from preserve.formats.note import VerifierKey
from preserve.formats.times import to_milliseconds
from preserve.model.event import LogRotation
from preserve.model.noun import dataclass
from preserve.model.trust import Revocation, TrustRole
from preserve.places import config_folder
from preserve.wiring.logline import log_line
from preserve.wiring.options import PassphraseOf, Tell
from preserve.wiring.recording import RecordOptions, desk
from preserve.wiring.signing import log_key_of

Successor = Callable[[str], StoredKey]
"""The key that follows, of the log with this origin; made when it is called."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogRotated:
    """What came of it: the event, the key that signs now. `finished`: an earlier command had stated it, and a kill kept it from its place."""

    event: Recorded
    vkey: str
    finished: bool = False


def rotate_log(
    options: RecordOptions, successor: Successor, since: datetime | None, tell: Tell, passphrase: PassphraseOf
) -> LogRotated:
    """Let another key follow the key of the archive's log; `since` is when the old one may have come into other hands.

    Raises ConfigError when the old key is not here, or the new one is none of this log; StoreError, TrustError as for every event.
    """
    keys = KeyStore(config_folder())
    with desk(options, "key rotate", tell, passphrase) as opened:
        for done in events.finish_staged(opened.archive, opened.ledger, opened.stamper):
            if isinstance(done.statement.body, LogRotation):
                return _concluded(done, done.statement.body, finished=True)
        old, used = log_key_of(opened.archive), {tenure.key for tenure in log_line(opened.archive)}
        new = successor(old.name)
        if new.vkey is None or new.name != old.name or old.vkey is None:
            raise ConfigError(f"{new.keyid} is no key of the log {old.name}", "`preserve key list` shows what each is for")
        if new.vkey in used:
            raise ConfigError(f"{new.keyid} signed this log before, or signs it now", "a key never comes back: let one be made")
        size, _ = opened.ledger.head()
        body = LogRotation(
            old=old.vkey.encode(),
            new=new.vkey.encode(),
            reason=Revocation.SUPERSEDED if since is None else Revocation.COMPROMISED,
            since=None if since is None else to_milliseconds(since),
        )
        recorded = events.record_event(
            opened.archive,
            opened.ledger.handed_to(keys.log_signer(new, passphrase), size),
            (opened.signer, keys.signer(old, passphrase), keys.signer(new, passphrase)),
            opened.stamper,
            opened.clock,
            actor=opened.actor,
            body=body,
        )
    return _concluded(recorded, body)


def _concluded(event: Recorded, body: LogRotation, *, finished: bool = False) -> LogRotated:
    """The old key is given up in the user's own store, where it is pinned: the last step."""
    trust, old = TrustStore(config_folder()), VerifierKey.parse(body.old)
    if any(key.vkey == body.old for key in trust.trusted_keys()):
        trust.revoke(old.fingerprint, body.since or event.statement.created, body.reason, (TrustRole.LOG,), vkey=body.old)
    return LogRotated(event=event, vkey=body.new, finished=finished)
