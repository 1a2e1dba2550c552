"""What a host's "not found" looks like: each is asked once a run for an address that was made up. asyncio.

The answer tells a page from one that only says that the page is not there. It is asked in the host's queue like everything else, its
robots.txt is obeyed where it is to be, and it is kept as `urn:preserve:probe:<URL>`, never under the bare address: no player shall
show it (docs/adr/0170-a-made-up-address.md).
"""

from __future__ import annotations

import asyncio
import base64
import json
import zlib
from collections.abc import Awaitable, Callable, Sequence

from preserve.flows.once import Once
from preserve.flows.pursuit import Pursuit
from preserve.flows.slot import Slot
from preserve.formats.entity import entity
from preserve.formats.url import Url, join
from preserve.model.page import Answer, NotFound
from preserve.model.web import Exchange, Outcome
from preserve.pages.reading import read
from preserve.ports import Journal, Reader
from preserve.rules import redirect
from preserve.rules.verdict_head import answer

_SIZE = 1 << 18
"""Bytes of the answer that are compared."""
_HOPS = 5
_REMEMBERED = 256
"""Hosts whose answer is kept in memory; the journal has them all."""
_NONE = "null"


class Probes:
    """The hosts' answers to addresses that nobody has."""

    def __init__(
        self,
        *,
        journal: Journal,
        pursuit: Pursuit,
        keep: Callable[[str, str, Sequence[Exchange]], Awaitable[None]],
        token: Callable[[], str],
        reader: Reader,
    ) -> None:
        """`keep` is as in Pursuit, for probes; `token` gives a word that no address holds."""
        self._journal = journal
        self._pursuit = pursuit
        self._keep = keep
        self._token = token
        self._reader = reader
        self._known: Once[NotFound | None] = Once(_REMEMBERED)
        self._reading = asyncio.Lock()
        self.cut_short = False
        """Whether one was not asked to its end since the run is to end: then what it was asked for cannot be judged yet."""

    async def of(self, near: Url, slot: Slot) -> NotFound | None:
        """What the host of `near` answers to an address beside it that was made up; None when that could not be learnt.

        The place in the queue is given back: whoever asks on takes a new one.
        """
        origin = f"{near.scheme}://{near.host}"
        if (known := self._known.known(origin)) is not None:
            slot.release()  # whoever asks needs a place in this very queue
            return await slot.wait_for(known)
        if (noted := self._journal.noted(f"probe:{origin}")) is not None:
            return await self._load(noted)
        return await self._known.ask(origin, lambda: self._ask(origin, near, slot))

    async def _ask(self, origin: str, near: Url, slot: Slot) -> NotFound | None:
        place = join(near, f"no-such-page-{self._token()}".encode())
        assert isinstance(place, Url), "an address with a host has neighbours"
        asked = place.address
        errand = self._pursuit.errand(slot)
        exchanges: list[Exchange] = []
        seen: list[str] = []
        try:
            while True:
                barred = await self._pursuit.barred(place, slot) if await slot.move(place.queue) else None
                if barred is None:
                    await self._end_early(origin, exchanges, slot)
                    return None
                if barred:
                    break
                seen.append(place.address)
                exchange = await errand.ask(place, exchanges.append, insist=False)
                if errand.cut_short:
                    await self._end_early(origin, exchanges, slot)
                    return None
                onward = redirect.follow(exchange, place, seen) if len(seen) <= _HOPS else None
                if onward is None or onward.url is None:
                    break
                place = onward.url
            slot.release()
            noted = _dump(asked, exchanges[-1]) if exchanges else _NONE
            await self._keep(f"probe:{origin}", noted, exchanges)
        finally:
            for exchange in exchanges:
                exchange.body.close()
        return await self._load(noted)

    async def _end_early(self, origin: str, exchanges: Sequence[Exchange], slot: Slot) -> None:
        """The run is to end: it is asked when it is resumed, where it still matters."""
        self.cut_short = True
        slot.release()
        await self._keep(f"cut-short:probe:{origin}", "", exchanges)

    async def _load(self, noted: str) -> NotFound | None:
        if noted == _NONE:
            return None
        async with self._reading:  # one at a time, as the reader does: a hundred hosts shall not hold every thread there is
            return await asyncio.to_thread(_load, noted, self._reader)


def _dump(asked: str, exchange: Exchange) -> str:
    """What has to be known to tell a page from this answer, for the journal."""
    if exchange.outcome is not Outcome.CAPTURED:
        return _NONE
    head = answer(exchange)
    fields = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in head.headers]
    body = base64.b85encode(zlib.compress(entity(exchange, _SIZE))).decode()
    return json.dumps(
        {"asked": asked, "url": head.address, "status": head.status, "fields": fields, "size": head.size, "body": body}
    )


def _load(noted: str, reader: Reader) -> NotFound | None:
    said = json.loads(noted)
    if said is None:
        return None
    fields = tuple((name.encode("latin-1"), value.encode("latin-1")) for name, value in said["fields"])
    head = Answer(address=said["url"], status=said["status"], headers=fields, size=said["size"])
    body = zlib.decompress(base64.b85decode(said["body"]))
    page = read(
        body,
        content_type=head.header(b"content-type"),
        address=head.address,
        cut=len(body) >= _SIZE,
        main=reader.main_text,
    )
    return NotFound(asked=said["asked"], answer=head, page=page)
