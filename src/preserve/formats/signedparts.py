"""The parts that manifests and the statements of events have in common, read strictly (docs/formats/manifest.md, events.md)."""

from __future__ import annotations

import re

from preserve.formats.merkle import EMPTY_ROOT
from preserve.formats.note import check_name
from preserve.formats.publickey import Algorithm
from preserve.formats.strictjson import Fields, Json
from preserve.model.manifest import LogLink, Operator, SignerEntry, TimestampEntry

AUTHORITY = re.compile(r"(?!start-)[a-z0-9][a-z0-9._-]{0,99}")
"""An authority's name is a file name; one that begins with "start-" would collide with the start token of another."""
_RFC3161 = re.compile("rfc3161")


def log_link(fields: Fields) -> LogLink:
    """The log just before; an empty log, and no other, has the empty tree's root."""
    link = LogLink(
        origin=fields.text("origin"), size_before=fields.integer("size_before"), root_before=fields.hash("root_before")
    )
    check_name(link.origin)
    if (link.size_before == 0) is not (link.root_before == EMPTY_ROOT.hex()):
        fields.refuse("bad value: an empty log, and no other, has the empty tree's root")
    fields.end()
    return link


def operator(fields: Fields) -> Operator:
    """Who stands for it."""
    found = Operator(
        name=fields.or_null("name", fields.text),
        organisation=fields.or_null("organisation", fields.text),
        role=fields.or_null("role", fields.text),
    )
    fields.end()
    return found


def signer(value: Json, where: str) -> SignerEntry:
    """A key that signs, named before it does."""
    fields = Fields(value, where)
    found = SignerEntry(keyid=fields.hash("keyid"), algorithm=fields.choice("alg", Algorithm).value, name=fields.text("name"))
    fields.end()
    return found


def timestamp(value: Json, where: str) -> TimestampEntry:
    """An authority whose token belongs to it."""
    fields = Fields(value, where)
    entry = TimestampEntry(authority=fields.text("authority", AUTHORITY), protocol=fields.text("protocol", _RFC3161))
    fields.end()
    return entry
