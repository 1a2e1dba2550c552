"""What the room and its desk say to each other: one question, one answer, each with its lengths before it.

    question   seconds (double), length of the kind, of the name, of the data; then these
    answer     one letter, length of what follows; then that

Nothing is pickled: whoever takes over the desk's process by a parser's fault can say no more than a wrong text.
"""

from __future__ import annotations

import struct

QUESTION = struct.Struct("=dHIQ")
ANSWER = struct.Struct("=cQ")

TEXT = b"T"
"""A text in UTF-8."""
DOCUMENT = b"D"
"""A document, as `formats.documents` writes it."""
REFUSED = b"R"
"""It was read and is not what it should be: a JSON array of what is wrong and what to do."""
MEMORY = b"M"
"""The memory that is allowed did not suffice."""
