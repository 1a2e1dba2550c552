"""docs/attacks.md names attacks of the corpus, each with the answer that the tests ask for."""

from __future__ import annotations

import importlib.util
import re
import sys

import pytest

import attacks_on_packet_keys  # fills packetcorpus.ATTACKS
from attackcorpus import ATTACKS as ON_ARCHIVES
from attacks_on_tokens import TOKEN_ATTACKS
from packetcorpus import ATTACKS as ON_PACKETS
from running import ROOT

_PAGE = (ROOT / "docs" / "attacks.md").read_text(encoding="utf-8")
_ROWS = [
    [cell.strip() for cell in row.strip("|").split(" |")]
    for row in _PAGE.splitlines()
    if row.startswith("| ") and not row.startswith(("| adversary", "| case"))
]
_NAMED = re.compile(r"`([^`]+)` ([a-z0-9-]+)(?: ·|$)")


def _witnessed() -> dict[str, int]:
    """The attacks that need witnesses stand in the module that tests them."""
    path = ROOT / "tests" / "attacks" / "test_witness_attacks.py"
    spec = importlib.util.spec_from_file_location("witness_attacks_named", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where its dataclasses look for their types
    spec.loader.exec_module(module)
    return {name: attack.exit for name, attack in module.ATTACKS.items()}


@pytest.fixture(scope="module")
def archive_answers() -> set[tuple[str, str]]:
    answers = {(attack.name, str(attack.exit)) for attack in (*ON_ARCHIVES, *TOKEN_ATTACKS)}
    return answers | {(name, str(code)) for name, code in _witnessed().items()}


def test_every_row_is_held_by_a_test(archive_answers: set[tuple[str, str]]) -> None:
    assert attacks_on_packet_keys.GOOD, "the packets with keys are in the corpus"
    packet_answers = {(attack.name, attack.says or "0") for attack in ON_PACKETS}
    assert len(_ROWS) > 50
    for what, on_archive, on_packet, *also in _ROWS:
        named = [_NAMED.findall(cell) for cell in (on_archive, on_packet)]
        assert sum(map(len, named)) or any(also), f"{what}: held by nothing"
        for cell, found, known in ((on_archive, named[0], archive_answers), (on_packet, named[1], packet_answers)):
            assert cell.count("`") == 2 * len(found) or "tests/" in cell, f"{what}: {cell}"
            assert not set(found) - known, f"{what}: {set(found) - known}"


def test_every_file_that_it_names_is_there() -> None:
    for path in re.findall(r"`(tests/[^`]+|manifests/[^`]+)`", _PAGE):
        assert (ROOT / path).exists(), path
