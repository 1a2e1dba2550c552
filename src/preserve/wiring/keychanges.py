"""Keys that are replaced, revoked and named for recovery: in the user's store, and stated in the logs of the archives they sign.

A key that may be in other hands is distrusted in the user's own store first; what gives trust is done last. A kill in between leaves
less trust, never more.
"""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import datetime

from preserve.adapters.archive import Archive
from preserve.adapters.keys import KeyStore, LocalSigner, StoredKey, paper_signer
from preserve.adapters.trust import TrustStore
from preserve.errors import ConfigError, UsageError
from preserve.flows.events import Recorded
from preserve.formats.times import to_milliseconds
from preserve.model.event import KeyAction, KeyChange
from preserve.model.noun import dataclass
from preserve.model.trust import Revocation, TrustedKey, TrustRole
from preserve.places import config_folder
from preserve.ports import Signer
from preserve.wiring.options import PassphraseOf, Tell
from preserve.wiring.recording import Desk, RecordOptions, desk
from preserve.wiring.signing import log_key_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """The archives whose logs are to say it. Raises FormatError when one of them is none, ConfigError when its log's key is not here."""

    archives: tuple[RecordOptions, ...]
    tell: Tell
    passphrase: PassphraseOf
    """For the logs' own keys."""

    def __post_init__(self) -> None:
        for options in self.archives:
            log_key_of(Archive(options.archive))

    def record(self, body: KeyChange, signers: tuple[Signer, ...]) -> tuple[Recorded, ...]:
        """State it in each archive, signed by all of `signers`; in one whose log says so already, nothing is stated again.

        Raises UsageError for what those who verify would not follow: an entry cannot be taken back, and every verification would tell of it.
        """
        done = []
        for options in self.archives:
            with desk(replace(options, signer=signers[0]), f"key {body.action}", self.tell, self.passphrase) as opened:
                if _is_to_be_stated(opened, body, signers):
                    done.append(opened.record(body, signers))
                else:
                    self.tell(f"{options.archive}: its log says so already")
        return tuple(done)

    def require_follower(self, keyid: str, lets_in: Signer, now: datetime) -> None:
        """Raise UsageError where nobody would follow what `lets_in` says of a key after `keyid`: before one is made for nothing."""
        any_key = paper_signer("any key", os.urandom(32), now)
        body = KeyChange(action=KeyAction.ROTATE, keyid=keyid, successor=any_key.keyid)
        for options in self.archives:
            with desk(replace(options, signer=lets_in), f"key {body.action}", self.tell, self.passphrase) as opened:
                _is_to_be_stated(opened, body, (lets_in, any_key))


def _is_to_be_stated(opened: Desk, body: KeyChange, signers: tuple[Signer, ...]) -> bool:
    from preserve.wiring.coworkers import is_obeyed, is_stated

    if is_stated(opened, body):
        return False
    if not is_obeyed(opened, body, signers):
        raise UsageError(
            f"{opened.archive.root}: as far as your trust store tells, those who verify would not follow this: whoever signs it has no say in it, or was given up in"
            " that log before. Nothing was stated there",
            "preserve verify tells what the log says of the key; with --recovery, the recovery key signs. What was stamped before a theft counts"
            " where the authority's root is pinned: preserve trust add ROOT.pem --tsa --name NAME",
        )
    return True


def rotate(books: Books, keyid: str, new: StoredKey, signers: tuple[Signer, Signer], now: datetime) -> tuple[Recorded, ...]:
    """Let the key `keyid` be followed by `new`, as `signers` say in each archive; the old one is then superseded in the user's store."""
    body = KeyChange(action=KeyAction.ROTATE, keyid=keyid, successor=new.keyid)
    done = books.record(body, signers)
    TrustStore(config_folder()).revoke(
        keyid, max((event.statement.created for event in done), default=to_milliseconds(now)), Revocation.SUPERSEDED
    )
    return done


def revoke(books: Books | None, keyid: str, reason: Revocation, since: datetime, signer: Signer | None) -> tuple[Recorded, ...]:
    """Let the key count no longer: in the user's store, and, said by `signer`, in each archive."""
    trust = TrustStore(config_folder())
    if signer is None or books is None:
        trust.revoke(keyid, since, reason)
        return ()
    if reason is Revocation.COMPROMISED:
        trust.revoke(keyid, since, reason)
        return books.record(
            KeyChange(action=KeyAction.REVOKE, keyid=keyid, reason=reason, since=to_milliseconds(since)), (signer,)
        )
    # A superseded key counts until it has said so itself.
    done = books.record(KeyChange(action=KeyAction.REVOKE, keyid=keyid, reason=reason), (signer,))
    trust.revoke(keyid, max((event.statement.created for event in done), default=since), reason)
    return done


def name_recovery(
    books: Books, paper: LocalSigner, signers: tuple[Signer, ...], owner: str, now: datetime
) -> tuple[Recorded, ...]:
    """Let the key on `paper` be the recovery key of the user's signing key, which is called `owner` in the user's store."""
    done = books.record(KeyChange(action=KeyAction.RECOVERY, keyid=paper.keyid), (*signers, paper))
    entry = TrustedKey(name=owner, role=TrustRole.RECOVERY, keyid=paper.keyid, vkey=None, added=now)
    TrustStore(config_folder()).add(entry)
    return done


def subject(wanted: str | None) -> tuple[TrustedKey, StoredKey | None]:
    """The pinned key that is meant, by id, beginning of an id, or name; the signing key where none is named. Its private half, where it is here."""
    keys, pinned = KeyStore(config_folder()), TrustStore(config_folder()).trusted_keys()
    roles = {TrustRole.OPERATOR, TrustRole.RECOVERY}
    if wanted is None:
        revoked = {key.keyid for key in pinned if key.revoked_at is not None}
        own = keys.signing_key(revoked=revoked)
        if own is None:
            raise ConfigError("there is no signing key yet", "preserve key generate")
        wanted = own.keyid
    digits = wanted.replace("-", "").lower()
    found = [key for key in pinned if key.role in roles and (key.name == wanted or (digits and key.keyid.startswith(digits)))]
    if len(found) != 1:
        raise ConfigError(
            f"{len(found) or 'no'} pinned keys fit {wanted!r}",
            "`preserve trust list` shows them; give more of the id. A key of another role: preserve trust revoke",
        )
    stored = next((key for key in keys.stored_keys() if key.keyid == found[0].keyid), None)
    return found[0], stored


def recoveries_of(owner: TrustedKey) -> tuple[TrustedKey, ...]:
    """The recovery keys that are pinned for the same name and not revoked."""
    pinned = TrustStore(config_folder()).trusted_keys()
    return tuple(key for key in pinned if key.role is TrustRole.RECOVERY and key.name == owner.name and key.revoked_at is None)


def has_coworkers(owner: TrustedKey) -> bool:
    """Whether somebody is pinned who may revoke the owner's keys together with others."""
    pinned = TrustStore(config_folder()).trusted_keys()
    return any(key.role is TrustRole.COWORKER and key.name == owner.name for key in pinned)


def check_paper(paper: LocalSigner, owner: TrustedKey) -> None:
    """Refuse another paper than the one that is pinned for the key's owner, and any but its own for a recovery key. Raises UsageError."""
    if owner.role is TrustRole.RECOVERY and paper.keyid != owner.keyid:
        raise UsageError(
            "this is the paper of another recovery key, and one is given up by its own paper alone",
            "where that is lost, leave --recovery and --archive away: it is noted in your own trust store",
        )
    known = {key.keyid for key in recoveries_of(owner)} | {owner.keyid}
    if known > {owner.keyid} and paper.keyid not in known:
        raise UsageError(
            "this is the paper of another recovery key", "`preserve trust list` shows the ids of those that are pinned"
        )
