"""Records of a run whose removal is stated: what stands there instead (docs/formats/events.md, "redaction")."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from preserve.flows import measure
from preserve.rules import verify_content as content
from preserve.rules import verify_redaction as rules
from preserve.rules.verify_redaction import Removal

if TYPE_CHECKING:
    from preserve.flows.verify_run import RunCheck
    from preserve.ports import Folder


def sort_out(folder: Folder, check: RunCheck, path: str, damaged: dict[str, Sequence[content.Spoiled]]) -> dict[int, Removal]:
    """The records of a WARC file that were removed, each with the statement that it stands by; those that stand by one are not damaged.

    In a sample, a removed record that was not read is looked at all the same: there are few of them.
    """
    spoiled = {record.index: record for record in damaged.get(path, ())}
    gone: dict[int, Removal] = {}
    back: dict[int, Removal] = {}
    for index, stated in check.removed[path].items():
        broken, record = spoiled.get(index), stated[-1].record
        if broken is None and check.sample is None:
            gone[index] = stated[-1]
            continue
        found = measure.stored_sha256(folder, path, record.offset, record.length)
        by = next((removal for removal in reversed(stated) if removal.record.replacement_sha256 == found), None)
        if by is not None:
            gone[index] = by
        elif found == record.sha256:
            back[index] = stated[-1]
        else:
            broken = broken or content.Spoiled(index=index, offset=record.offset, why=content.CHANGED)
            spoiled[index] = replace(broken, why=broken.why + rules.unexplained(stated[-1]))
            continue
        spoiled.pop(index, None)
    check.findings += rules.judge_restored(path, back)
    damaged.pop(path, None)
    if spoiled:
        damaged[path] = [spoiled[index] for index in sorted(spoiled)]
    return gone
