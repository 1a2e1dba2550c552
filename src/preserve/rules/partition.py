"""Which process of a run asks which host, when several share one (docs/adr/0040-several-processes-and-machines.md).

Delay, requests at once, robots.txt and kept connections belong to a host, so hosts are what is divided. Any machine computes the
same part from the name alone; nothing has to be agreed.
"""

from __future__ import annotations

import hashlib


def part_of(host: str, parts: int) -> int:
    """The part, from 0, that a queue ("host:port") belongs to.

    All ports of a host are one part, and so are a host and the same with "www." before it: most redirects lead from one to the other.
    """
    if parts <= 1:
        return 0
    name = host.rpartition(":")[0] or host
    return int.from_bytes(hashlib.sha256(name.removeprefix("www.").encode()).digest()[:8], "big") % parts
