"""The lists of what was unchanged, written when nothing more is asked and before the run is sealed.

Their lines are in the journal, each since its answer came. So a kill loses none: what is not entered as written is written again, and
what was written of it is a torn tail, as ever. Some pages at a time are taken, so that memory stays flat for any number.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from preserve.ports import Clock, Journal, WarcStore
from preserve.rules import unchanged

_LINES: Final = 2000
"""Lines that are written in one go, and those of one page more; a page has no more than requisites (rules.requisites.MOST)."""


async def write(journal: Journal, store: WarcStore, clock: Clock, new_id: Callable[[], str]) -> None:
    """Write and enter every list that is due. Raises StoreError; what was entered by then stays."""
    after = -1
    while lists := journal.unlisted(_LINES, after):
        now, after = clock.now(), lists[-1].page
        stored = await store.append([unchanged.record(each, at=now, new_id=new_id) for each in lists])
        journal.list_unchanged(lists, stored)
    store.sync()
    journal.sync()
