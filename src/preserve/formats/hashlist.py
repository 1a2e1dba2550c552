"""A renewal's list of files, as `sha512sum` writes and checks it (docs/formats/events.md, "renewal").

    1f40fc92da241694750979ee6cf582f2…  runs/000000-20261121t175146z/SEAL

One line a file: SHA-512 in 128 lower-case hexadecimal digits, two spaces, the path from the archive's folder, a newline; sorted by
path, each path once. In the archive's folder: `sha512sum -c --strict events/000004-renewal/renewal.sha512`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from preserve.errors import FormatError
from preserve.model.lines import FileSha512

NAME = "renewal.sha512"
"""Its name in the event's folder."""
MAX_SIZE = 1 << 30
"""Bytes: millions of files."""
SHA512 = re.compile(r"[0-9a-f]{128}")
_LINE = re.compile(rb"(\\?)([0-9a-f]{128})  ([^\x00\n\r]{1,8192})\n")
_ESCAPES = str.maketrans({"\\": "\\\\", "\n": "\\n"})


def encode(files: Iterable[FileSha512]) -> bytes:
    """The list; raises FormatError for a path that cannot be listed, or that stands twice."""
    data = b"".join(_row(file) for file in sorted(files, key=lambda file: _bytes(file.path)))
    for _ in read(data):
        pass
    return data


def read(data: bytes) -> Iterator[FileSha512]:
    """The files of a list, in its order. Raises FormatError for what `encode` would not have written."""
    before, start, number = b"", 0, 0
    while start < len(data):
        end, number = data.find(b"\n", start) + 1 or len(data), number + 1
        match = _LINE.fullmatch(data, start, end)
        if match is None:
            raise FormatError(f"{NAME}: bad line {number}")
        path = match[3]
        if match[1]:
            path = path.replace(b"\\\\", b"\0").replace(b"\\n", b"\n").replace(b"\0", b"\\")
        file = FileSha512(path=path.decode("utf-8", "surrogateescape"), sha512=match[2].decode())
        if _row(file) != match[0]:
            raise FormatError(f"{NAME}: bad line {number}")
        if path <= before:
            raise FormatError(f"{NAME}: line {number} is out of order")
        before, start = path, end
        yield file


def _row(file: FileSha512) -> bytes:
    """A line; a path that holds a backslash or a line break is written as `sha512sum` does, with a backslash before the line."""
    escaped = file.path.translate(_ESCAPES)
    return ("\\" if escaped != file.path else "").encode() + file.sha512.encode() + b"  " + _bytes(escaped) + b"\n"


def _bytes(path: str) -> bytes:
    return path.encode("utf-8", "surrogateescape")
