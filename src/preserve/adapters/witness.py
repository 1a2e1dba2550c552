"""Asking a witness over HTTP: the client of C2SP tlog-witness (https://c2sp.org/tlog-witness).

How it is asked, and what passes the guard against private addresses, is in preserve/posting.py. The answer is not believed: whose
lines are in it, and whether they hold, is for flows/witness.py to find out.
"""

from __future__ import annotations

from pathlib import Path

from preserve.errors import FormatError
from preserve.formats import note, witness
from preserve.model.settings import WitnessAddress
from preserve.model.witness import Submitted
from preserve.posting import Poster, refused

_SILENCE = 5.0
_TOTAL = 10.0
"""Seconds; a witness only looks something up and signs, and a run waits for it."""
_OK, _CONFLICT, _INCONSISTENT = 200, 409, 422
_WHY = {
    403: "it knows another key for this log",
    404: "it does not witness this log, or there is no witness at that address",
    422: "it says that this log did not only grow since it cosigned it last; see preserve log verify",
}


class HttpWitness:
    """ports.Witness: one witness at one address."""

    def __init__(
        self,
        address: WitnessAddress,
        *,
        user_agent: str,
        cacert: Path | None = None,
        silence: float = _SILENCE,
        total: float = _TOTAL,
    ) -> None:
        """`silence` and `total` are the seconds without a byte, and in all. `cacert` stands instead of the bundled anchors."""
        self.name = address.name
        self.vkey = address.vkey
        self._poster = Poster(
            url=address.url.rstrip("/") + witness.PATH,
            user_agent=user_agent,
            cacert=cacert,
            silence=silence,
            total=total,
            headers={"Content-Type": "text/plain; charset=utf-8"},
        )

    def add_checkpoint(self, request: bytes) -> Submitted:
        """Ask once. Raises ConfigError when `cacert` holds no certificates."""
        reply = self._poster.post(request, note.MAX_NOTE)
        if reply.problem:
            return Submitted(problem=reply.problem)
        if reply.status == _OK:
            return Submitted(lines=reply.body)
        if reply.status == _CONFLICT and reply.type == witness.SIZE_TYPE:
            try:
                return Submitted(size=witness.decode_size(reply.body))
            except FormatError as problem:
                return Submitted(problem=f"its answer cannot be read: {problem.message}")
        # Another root of one size is 409 in version 1.0.0 of the standard, with no size to go by, and 422 since.
        conflict = reply.status in {_CONFLICT, _INCONSISTENT}
        return Submitted(problem=_WHY.get(reply.status, refused(reply)), conflict=conflict)
