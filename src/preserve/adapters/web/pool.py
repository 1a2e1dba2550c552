"""Connections that wait to be asked again: a few for each origin, a bounded number over all, the longest idle given up first."""

from __future__ import annotations

from preserve.adapters.web.connection import Connection

_MOST_IDLE = 256
_IDLE_SECONDS = 20.0
"""How long a connection may wait; servers close theirs after 5 to 75 s."""


class Pool:
    """Idle connections by origin."""

    def __init__(self, per_origin: int) -> None:
        self._per_origin = per_origin
        self._idle: dict[str, list[Connection]] = {}
        self._origin: dict[Connection, str] = {}

    def take(self, origin: str, now: float) -> Connection | None:
        """The connection of that origin that was used last and still stands."""
        waiting = self._idle.get(origin)
        while waiting:
            connection = waiting.pop()
            del self._origin[connection]
            if not waiting:
                del self._idle[origin]
            if now - connection.idle_since < _IDLE_SECONDS and connection.usable():
                return connection
            connection.drop()
        return None

    def put(self, origin: str, connection: Connection, now: float) -> None:
        """Keep a connection for the next request to its origin, or drop it when enough are kept."""
        waiting = self._idle.setdefault(origin, [])
        connection.idle_since = now
        waiting.append(connection)
        self._origin[connection] = origin
        if len(waiting) > self._per_origin:
            self._give_up(waiting[0])
        elif len(self._origin) > _MOST_IDLE:
            self._give_up(next(iter(self._origin)))

    def close(self) -> None:
        for connection in tuple(self._origin):
            self._give_up(connection)

    def _give_up(self, connection: Connection) -> None:
        origin = self._origin.pop(connection)
        waiting = self._idle[origin]
        waiting.remove(connection)
        if not waiting:
            del self._idle[origin]
        connection.drop()
