"""`preserve verify BAG`: the folder of a BagIt hand-over, what it lists against what lies in it (RFC 8493 section 3).

The hashes of a bag are nobody's word: whoever changes a file can change them too. They show damage on the way; what was sealed is shown
by the bundle in the payload, which is verified after this.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from preserve.errors import FormatError
from preserve.formats import bagit
from preserve.model.finding import Claim, Finding, Result, failed, passed
from preserve.model.tree import Kind
from preserve.rules import verify_tree

if TYPE_CHECKING:
    from preserve.ports import Folder

_BLOCK = 1 << 20
SUBJECT = "bag"


def check_bag(folder: Folder) -> tuple[list[Finding], tuple[str, ...]]:
    """Every finding about the bag, and the bundles in its payload. Raises FormatError when a manifest cannot be read at all."""
    entries = list(folder.walk())
    here = {entry.path: entry for entry in entries if entry.kind is Kind.FILE}
    for name in (bagit.MANIFEST, bagit.TAGS):
        if name not in here:
            raise FormatError(f"a bag without {name}", "only bags with SHA-256 manifests are verified here")
    payload = bagit.read_manifest(folder.read(bagit.MANIFEST, bagit.MAX_MANIFEST))
    tags = bagit.read_manifest(folder.read(bagit.TAGS, bagit.MAX_MANIFEST))
    findings = [*verify_tree.misplaced(entries)]
    for listed in (tags, payload):
        findings += _held(folder, listed, frozenset(here))
    for path in sorted(here):
        if path.startswith(bagit.PAYLOAD) and path not in payload:
            findings.append(failed(Claim.COMPLETENESS, path, f"unlisted file: {bagit.MANIFEST} does not list it"))
        elif not path.startswith(bagit.PAYLOAD) and path not in tags and path != bagit.TAGS:
            findings.append(failed(Claim.COMPLETENESS, path, f"unlisted file: {bagit.TAGS} does not list it"))
    if not any(finding.result is Result.FAIL for finding in findings):
        findings.append(passed(Claim.INTEGRITY, SUBJECT, f"every file is what the bag lists: {len(payload)} in its payload"))
    return findings, tuple(sorted(path for path in payload if path in here and path.endswith(".wacz")))


def _held(folder: Folder, listed: Mapping[str, str], here: frozenset[str]) -> Iterator[Finding]:
    for path, sha256 in listed.items():
        if path not in here:
            yield failed(Claim.COMPLETENESS, path, "missing: the bag lists it")
            continue
        digest = hashlib.sha256()
        with folder.open(path) as file:
            while piece := file.read(_BLOCK):
                digest.update(piece)
        if digest.hexdigest() != sha256:
            yield failed(Claim.INTEGRITY, path, f"altered: its SHA-256 is {digest.hexdigest()}, the bag lists {sha256}")
