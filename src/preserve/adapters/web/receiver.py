"""One response as it arrives: split by the parser, hashed once on the way, spooled.

The digests of an Exchange are all taken here: of the block (head and body), of the body as it crossed the wire, and, where chunk
framing makes them differ, of the content inside it.
"""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

from preserve.adapters.web.spool import Spool
from preserve.formats.http1 import ResponseParser, State


class Receiver:
    """Takes the bytes that answer one request; `finished` once no more are wanted."""

    __slots__ = ("_began", "block", "body", "content", "content_size", "parser", "spool")

    def __init__(self, folder: Path, max_size: int) -> None:
        self.parser = ResponseParser(max_body=max_size)
        self.spool = Spool(folder)
        self.block = sha256()
        self.body = sha256()
        self.content = self.body
        self.content_size = 0
        self._began = False

    @property
    def finished(self) -> bool:
        return self.parser.state is State.DONE or self.parser.cut

    def feed(self, data: bytes) -> bool:
        """Take what came; True once no more is wanted. Raises StoreError when it cannot be kept."""
        parser = self.parser
        raw, pieces = parser.feed(data)
        if not self._began and parser.head:
            self._began = True
            self.block.update(parser.head)
            if parser.chunked:
                self.content = sha256()
        if raw:
            self.block.update(raw)
            self.body.update(raw)
            self.spool.write(raw)
            if parser.chunked:
                for piece in pieces:
                    self.content.update(piece)
                    self.content_size += len(piece)
            else:
                self.content_size += len(raw)
        return parser.state is State.DONE or parser.cut
