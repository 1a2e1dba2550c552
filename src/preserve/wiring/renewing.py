"""A renewal put together: the archive locked, everything listed, the list signed, logged and stamped."""

from __future__ import annotations

from preserve.adapters.folder import DiskFolder
from preserve.flows import events
from preserve.flows.events import Recorded
from preserve.flows.renew import renewal
from preserve.formats import hashlist
from preserve.model.event import Renewed
from preserve.wiring.options import PassphraseOf, Tell
from preserve.wiring.recording import RecordOptions, desk


def renew(options: RecordOptions, covers: Renewed, tell: Tell, passphrase: PassphraseOf) -> Recorded:
    """Stamp what is there anew, as an event. Raises LockedError, StoreError, ConfigError (keys), FormatError (nothing is there)."""
    with desk(options, "renew", tell, passphrase) as opened, DiskFolder(options.archive) as folder:
        events.finish_staged(opened.archive, opened.ledger, opened.stamper)
        body, listed = renewal(folder, covers)
        return opened.record(body, files={hashlist.NAME: listed})
