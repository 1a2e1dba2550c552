"""A ZIP file of named parts, as DOCX (ISO/IEC 29500-2), ODT (ISO/IEC 26300-3) and EPUB (OCF 3.3) are; nothing in it is trusted.

Everything is bounded before it is built: how many entries the directory may have, how many bytes a part may unpack to and how
many times its packed size that may be, how many elements an XML part may hold. Two entries of one name are refused, because two
programs would read two documents. XML may have no document type: then there are no entities to expand and nothing to fetch.
"""

from __future__ import annotations

import io
import posixpath
import zipfile
import zlib
from urllib.parse import unquote

from lxml import etree

from preserve.errors import FormatError

ENTRIES = 10_000
"""A document of many pictures has hundreds."""
PART = 64 * 1024 * 1024
"""Bytes; the text of a thousand pages is a tenth of that."""
TOTAL = 256 * 1024 * 1024
"""Bytes unpacked in one reading."""
RATIO = 200
"""Times its packed size; XML of real documents reaches 50, a bomb 1,000."""
RATIO_FROM = 1024 * 1024
"""Bytes up to which any ratio is harmless."""
ELEMENTS = 1_500_000
"""Elements in one XML part: what a parsed one takes is what counts in memory."""

_BOMB = "it is made to exhaust memory, or damaged; get another copy"
_DAMAGED = "get another copy of the file, or open it in the program that made it and save it again"
_ENTRY = b"PK\x01\x02"
_UNREADABLE = (zipfile.BadZipFile, ValueError, RuntimeError, OSError, IndexError)
"""What zipfile raises for damage: RuntimeError (and what derives from it) for a version, a method or a cipher that it does not know."""


class Package:
    """The parts of a ZIP file by name. Everything here raises FormatError, naming the file and the part."""

    def __init__(self, name: str, data: bytes) -> None:
        self.name = name
        if data.count(_ENTRY) > ENTRIES:
            raise FormatError(f"{name}: more than {ENTRIES} entries in this ZIP file", _BOMB)
        try:
            self._zip = zipfile.ZipFile(io.BytesIO(data))
        except (*_UNREADABLE, OverflowError) as problem:
            raise FormatError(f"{name}: a damaged ZIP file ({problem})", _DAMAGED) from problem
        self._parts: dict[str, zipfile.ZipInfo] = {}
        for entry in self._zip.infolist():
            if entry.filename in self._parts:
                raise FormatError(
                    f"{name}: two parts are named {entry.filename}", "two programs would read two documents; get another copy"
                )
            self._parts[entry.filename] = entry
        self._left = TOTAL

    @property
    def names(self) -> tuple[str, ...]:
        """All parts, in the order of the directory."""
        return tuple(self._parts)

    def __contains__(self, part: str) -> bool:
        return part in self._parts

    def read(self, part: str) -> bytes:
        """The bytes of a part."""
        entry = self._parts.get(part)
        if entry is None:
            raise FormatError(f"{self.name}: the part {part} is missing", _DAMAGED)
        if entry.flag_bits & 1:
            raise FormatError(
                f"{self.name}: the part {part} is encrypted", "open the document with its password and save it without one"
            )
        size, packed = entry.file_size, max(entry.compress_size, 1)
        if size > PART or size > self._left or (size > RATIO_FROM and size > RATIO * packed):
            raise FormatError(f"{self.name}: the part {part} unpacks from {packed} to {size} bytes", _BOMB)
        self._left -= size
        try:
            with self._zip.open(entry) as stream:
                data = stream.read(size + 1)  # never more than the directory says, whatever the stream holds
        except (*_UNREADABLE, zlib.error, EOFError) as problem:
            raise FormatError(f"{self.name}: the part {part} is damaged ({problem})", _DAMAGED) from problem
        except (MemoryError, OverflowError) as problem:
            raise FormatError(f"{self.name}: the part {part} cannot be unpacked", _BOMB) from problem
        if len(data) != size:
            raise FormatError(f"{self.name}: the part {part} is damaged (it ends early)", _DAMAGED)
        return data

    def xml(self, part: str) -> etree._Element:
        """The root element of an XML part."""
        return parse(self.name, part, self.read(part))


def parse(name: str, part: str, data: bytes) -> etree._Element:
    """The root element of `data`, without comments and processing instructions; raises FormatError for what is not safe XML."""
    if b"<!DOCTYPE" in data.replace(b"\0", b""):  # UTF-16 and UTF-32 put zeros between
        raise FormatError(
            f"{name}: the part {part} declares a document type or entities", "no program writes such; get another copy"
        )
    if data.count(b"<") > 2 * ELEMENTS:
        raise FormatError(f"{name}: the part {part} has more than {ELEMENTS} elements", _BOMB)
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, remove_comments=True, remove_pis=True
    )
    try:
        root = etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError, LookupError) as problem:
        raise FormatError(f"{name}: the part {part} is not well-formed XML ({problem})", _DAMAGED) from problem
    if root.getroottree().docinfo.internalDTD is not None:  # in an encoding in which the bytes looked otherwise
        raise FormatError(
            f"{name}: the part {part} declares a document type or entities", "no program writes such; get another copy"
        )
    return root


def local(element: etree._Element) -> str:
    """An element's name without its namespace: the strict and the transitional form of a standard differ only there."""
    return element.tag.rpartition("}")[2]


def attribute(element: etree._Element, name: str) -> str | None:
    """An attribute's value by its name without namespace."""
    for key, value in element.attrib.items():
        if str(key).rpartition("}")[2] == name:
            return str(value)
    return None


def resolved(base: str, target: str) -> str:
    """The name of the part to which `target` leads from the part `base`; a leading slash is the package's root."""
    path = unquote(target.partition("#")[0])
    if not path:
        return base
    if path.startswith("/"):
        return posixpath.normpath(path).lstrip("/")
    return posixpath.normpath(posixpath.join(posixpath.dirname(base), path))
