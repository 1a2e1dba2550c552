"""The pages on formats say what the vectors show: every refusal is listed, every example decodes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from preserve.adapters.trust import TrustStore
from preserve.formats import lines, manifest, note, publickey, recordindex, seal, statement, tlog

ROOT = Path(__file__).parents[2]
PAGES = {
    name: (ROOT / "docs" / "formats" / f"{name}.md").read_text("utf-8")
    for name in ("manifest", "seal", "records", "captures", "log", "keys", "timestamps", "events")
}
VECTORS = ROOT / "tests" / "vectors"


def blocks(page: str, language: str = "") -> list[bytes]:
    return [match.encode() for match in re.findall(rf"```{language}\n(.*?)\n```", PAGES[page], re.DOTALL)]


def test_every_refusal_is_listed_beside_its_vectors_and_has_one() -> None:
    listed = {}
    for page in PAGES.values():
        for folder, kinds in re.findall(r"^\| `([a-z-]+)` \| (`.*`) \|$", page, re.MULTILINE):
            if (VECTORS / folder).is_dir():
                listed[folder] = set(re.findall(r"`([^`]+)`", kinds))
    shown: dict[str, set[str]] = {}
    for path in VECTORS.glob("*/*"):
        if path.parent.name != "__pycache__":
            shown.setdefault(path.parent.name, set()).add(
                path.read_bytes().split(b"\n", 1)[0].decode().removeprefix("expect: ")
            )
    assert {folder: kinds - {"success"} for folder, kinds in shown.items()} == listed


def test_the_examples_are_in_the_formats() -> None:
    (example,) = blocks("manifest", "json")
    assert manifest.decode(example + b"\n").archive.sequence == 4
    (example,) = blocks("events", "json")
    assert statement.decode(example + b"\n").name == "000004-custody"
    (example,) = blocks("seal")
    assert len(seal.decode(example + b"\n")) == 3
    (example,) = blocks("records")
    assert len(recordindex.decode(example + b"\n", 601)) == 2
    source, citation, capture = blocks("captures", "json")
    assert lines.decode_source(source).source == 0
    assert lines.decode_citation(citation).citation == lines.decode_capture(capture).cited_in[0].citation
    (example,) = blocks("log")
    proof = tlog.decode_proof(example + b"\n")
    known = [
        note.VerifierKey.parse(row.strip()) for row in PAGES["log"].splitlines() if re.match(r" {4}\S+\+[0-9a-f]{8}\+", row)
    ]
    opened = note.verify(proof.checkpoint, known)
    assert len(opened.signed_by) == len(opened.cosigned_by) == 1


def test_the_examples_of_keys_and_trust(tmp_path: Path) -> None:
    (pem,) = blocks("keys")
    (toml,) = blocks("keys", "toml")
    (tmp_path / "trust.toml").write_bytes(toml)
    operator, log = TrustStore(tmp_path).trusted_keys()
    assert operator.keyid == publickey.decode(pem + b"\n").keyid
    assert log.vkey is not None


@pytest.mark.parametrize("page", PAGES)
def test_every_page_has_its_parts(page: str) -> None:
    for part in ("Example", "Verification", "ersions", "Test vectors"):
        assert re.search(rf"^## \d\. .*{part}", PAGES[page], re.MULTILINE), part
