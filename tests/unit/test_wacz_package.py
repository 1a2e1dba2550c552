"""datapackage.json as validators of data packages read it."""

from __future__ import annotations

import hashlib
import json

from preserve.formats import wacz


def test_an_empty_list_is_no_table() -> None:
    """They look for the first row of whatever ends in .jsonl, and call the package invalid where there is none."""
    sha256 = hashlib.sha256(b"").hexdigest()
    resources = (wacz.Resource(path="a.jsonl", bytes=0, sha256=sha256), wacz.Resource(path="b.jsonl", bytes=1, sha256=sha256))
    data = wacz.encode_package(wacz.Package(title="t", created="2026-11-20T12:00:00Z", software="s", resources=resources))
    assert [resource.get("format") for resource in json.loads(data)["resources"]] == ["txt", None]
    assert wacz.decode_package(data).resources == resources
