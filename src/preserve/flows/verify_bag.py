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
    """Every finding about the bag, and the bundles in its payload. Raises FormatError where there are no manifests of the kind that we make."""
    entries = list(folder.walk())
    here = {entry.path: entry for entry in entries if entry.kind is Kind.FILE}
    for name in (bagit.MANIFEST, bagit.TAGS):
        if all(entry.path != name for entry in entries):
            raise FormatError(f"a bag without {name}", "only bags with SHA-256 manifests are verified here")
    findings = [*verify_tree.misplaced(entries)]
    findings += [
        failed(Claim.INTEGRITY, entry.path, "a folder in the place of a file")
        for entry in entries
        if entry.path in {bagit.MANIFEST, bagit.TAGS} and entry.kind is Kind.FOLDER
    ]
    payload = {path for path in here if path.startswith(bagit.PAYLOAD)}
    for name, payloads in ((bagit.TAGS, False), (bagit.MANIFEST, True)):
        if name not in here:
            continue  # a link or a folder, which is a finding already
        try:
            listed = bagit.read_manifest(folder.read(name, bagit.MAX_MANIFEST))
        except FormatError as problem:
            findings.append(failed(Claim.INTEGRITY, name, f"altered: {problem.message}; nothing that it lists was checked"))
            continue
        findings += _held(folder, listed, frozenset(here))
        for path in sorted(payload if payloads else here.keys() - payload - {bagit.TAGS}):
            if path not in listed:
                findings.append(failed(Claim.COMPLETENESS, path, f"unlisted file: {name} does not list it"))
                payload.discard(path)
    if not any(finding.result is Result.FAIL for finding in findings):
        findings.append(passed(Claim.INTEGRITY, SUBJECT, f"every file is what the bag lists: {len(payload)} in its payload"))
    return findings, tuple(sorted(path for path in payload if path.endswith(".wacz")))


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
