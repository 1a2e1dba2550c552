"""The SHA-256 of records that lie one behind the other (FIPS 180-4): the work that `preserve verify` consists of.

There are two ways to it. `one_by_one` asks hashlib, that is OpenSSL, for each record: it is what counts. `shortcut` hashes two
records at a time in `_sha256pair.c`, or is `one_by_one` itself where that was not compiled or the processor lacks the instructions.
It may be believed when it confirms what was signed, since nobody told it what that is; anything else that it says is to be asked
of `one_by_one` again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from itertools import pairwise

Hashes = Callable[[bytes | bytearray | memoryview, list[int]], list[bytes]]


def one_by_one(data: bytes | bytearray | memoryview, cuts: list[int]) -> list[bytes]:
    """The hashes of data[cuts[i]:cuts[i + 1]], in lower-case hex. `cuts` ascend and lie within the data."""
    sha256, view = hashlib.sha256, memoryview(data)
    return [sha256(view[begin:end]).hexdigest().encode() for begin, end in pairwise(cuts)]


def _shortcut() -> Hashes:
    try:
        from preserve.formats import _sha256pair  # noqa: PLC0415 -- it may not be there
    except ImportError:
        return one_by_one
    return _sha256pair.digests


shortcut: Hashes = _shortcut()

AT_ONCE = 1 << 20 if shortcut is one_by_one else 12 << 20
"""Bytes worth handing over in one call. Alone, records are hashed fastest out of the processor's second cache; in pairs, the more
of them there are to be paired, the less often one is left over, and that weighs more."""
