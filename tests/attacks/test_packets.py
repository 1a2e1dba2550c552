"""Evidence packets: the two verifiers, which share no code, against every attack on a packet, and against every changed byte."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from types import ModuleType

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA65PrivateKey

import attacks_on_coworkers
import attacks_on_keys
import attacks_on_log_keys
from archives import NOW, Archivist, write
from attackcorpus import ATTACKS as ON_ARCHIVES
from attackcorpus import Attack, good
from attacks_on_coworkers import P256Pen
from attacks_on_packet_keys import GOOD, any_history, of_run, rotated
from authorities import Authority, Issuer, shared
from packetcorpus import (
    ANN,
    ATTACKS,
    BO,
    PacketAttack,
    countersigned,
    packet_of,
    plain,
    reseal,
    revisit_archive,
    revisit_packet,
    signed_with,
    start_token_archive,
    token_archive,
    zipped,
)
from packetverifier import load
from preserve.adapters.folder import DiskFolder
from preserve.adapters.packets import PacketZip, aids
from preserve.flows.verify_packet import verify_packet
from preserve.model.finding import Report
from preserve.model.trust import TrustedKey
from preserve.rules import verify_packet as rules
from running import ROOT
from speaking import unsaid
from sshpens import SshPen

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="the checker in a packet needs openssl")


@pytest.fixture(scope="module")
def independent() -> ModuleType:
    return load()


def _trusted() -> tuple[TrustedKey, ...]:
    return (*good().trusted, shared("a").issuer.pinned("a"))


def _ours(path: Path) -> Report:
    if path.is_dir():
        with DiskFolder(path) as folder:
            return verify_packet(folder, (), _trusted(), [], NOW, aids())
    with PacketZip(path) as packet:
        return verify_packet(packet, list(packet.problems()), _trusted(), [], NOW, aids())


def _theirs(independent: ModuleType, path: Path) -> tuple[int, list[str]]:
    told: list[str] = []
    trust = ["--key", good().signers[0].keyid, "--log", good().log.key.encode(), "--root", f"a={shared('a').root_file}"]
    return independent.main([*trust, str(path)], say=told.append, now=NOW.timestamp()), told


def _agree(independent: ModuleType, path: Path) -> tuple[int, str]:
    """What both answer: exit code and word."""
    report = _ours(path)
    assert not unsaid(report)
    code, told = _theirs(independent, path)
    words = told[-1].split()
    mine = "\n".join(f"{f.result} {f.code} {f.subject}: {f.detail}" for f in report.findings)
    assert (code, words[-1] if code else "") == (int(report.exit_code), report.refusal), f"{mine}\n\n" + "\n".join(told)
    assert all("\x1b" not in line for line in told)
    return code, report.refusal


def _put(path: Path, made: object) -> Path:
    path.write_bytes(made if isinstance(made, bytes) else zipped(made))  # type: ignore[arg-type] # the corpus makes nothing else
    return path


@pytest.mark.parametrize(
    "make",
    [
        plain,
        lambda: packet_of(good().runs[1], capture=2),
        countersigned,
        lambda: countersigned(BO),
        lambda: packet_of(Archivist().add_run(body=lambda page: random.Random(page).randbytes(700_000) + bytes(900_000))),
        lambda: packet_of(token_archive().runs[0]),
        lambda: packet_of(start_token_archive().runs[0]),
        lambda: packet_of(revisit_archive().runs[0]),
        revisit_packet,
    ],
    ids=[
        "first run",
        "second run",
        "signed with SSH too",
        "signed with SSH on P-256",
        "large records",
        "stamped",
        "stamped at its start too",
        "response",
        "revisit",
    ],
)
def test_a_good_packet(make: Callable[[], dict[str, bytes]], independent: ModuleType, tmp_path: Path) -> None:
    assert _agree(independent, _put(tmp_path / "packet.zip", make())) == (0, "")
    write(tmp_path / "unpacked", make())
    assert _agree(independent, tmp_path / "unpacked") == (0, "")


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_attack(attack: PacketAttack, independent: ModuleType, tmp_path: Path) -> None:
    made = attack.make()
    assert _agree(independent, _put(tmp_path / "packet.zip", made)) == (attack.exit, attack.says)
    if isinstance(made, dict) and not any(name.startswith(("/", "..")) for name in made) and not attack.says.startswith("zip-"):
        write(tmp_path / "unpacked", made)
        assert _agree(independent, tmp_path / "unpacked") == (attack.exit, attack.says)


@pytest.mark.parametrize("name", GOOD)
def test_a_good_packet_of_an_archive_with_new_keys(name: str, independent: ModuleType, tmp_path: Path) -> None:
    assert _agree(independent, _put(tmp_path / "packet.zip", GOOD[name]())) == (0, "")
    write(tmp_path / "unpacked", GOOD[name]())
    assert _agree(independent, tmp_path / "unpacked") == (0, "")


_OF_KEYS = {module.__name__ for module in (attacks_on_coworkers, attacks_on_keys, attacks_on_log_keys)}
_ON_KEYS = [attack for attack in ON_ARCHIVES if attack.does.__module__ in _OF_KEYS]


@pytest.mark.long
@pytest.mark.parametrize("attack", _ON_KEYS, ids=lambda attack: attack.name)
def test_packets_of_an_archive_whose_keys_were_attacked(attack: Attack, independent: ModuleType, tmp_path: Path) -> None:
    """Whatever both say of it, they say the same."""
    archivist = good()
    attack.does(archivist, tmp_path / "archive")
    for number in range(len(archivist.runs)):
        code, _ = _agree(independent, _put(tmp_path / "packet.zip", of_run(archivist, number)))
        assert code in {0, 40, 41}


def test_both_read_the_same_statements_about_keys(independent: ModuleType) -> None:
    """The format's own vectors."""
    vectors = [path.read_bytes().partition(b"\n\n") for path in (ROOT / "tests" / "vectors" / "statement").iterdir()]
    about_keys = [(head.startswith(b"expect: success"), body) for head, _, body in vectors if b"preserve-key/v1" in body]
    assert len(about_keys) > 30
    for accepted, body in about_keys:
        try:
            read = independent.good_statement(independent.strict(body, line=False))
        except ValueError:
            read = False
        assert read is accepted, body


def _histories(independent: ModuleType, folder: Path, seeds: range) -> set[int]:
    found = set()
    for seed in seeds:
        archivist = any_history(seed)
        for number in {len(archivist.runs) - 1, seed % len(archivist.runs)}:
            code, _ = _agree(independent, _put(folder / f"{seed}.zip", of_run(archivist, number)))
            found.add(code)
    return found


@pytest.mark.long
def test_any_history_of_keys(independent: ModuleType, tmp_path: Path) -> None:
    assert _histories(independent, tmp_path, range(12)) >= {0, 41}


@pytest.mark.long
def test_many_histories_of_keys(independent: ModuleType, tmp_path: Path) -> None:
    assert _histories(independent, tmp_path, range(12, 150)) == {0, 40, 41}


def _p256() -> dict[str, bytes]:
    private = ec.generate_private_key(ec.SECP256R1())
    return packet_of(
        signed_with(private, "ecdsa-p256-sha256", lambda document: private.sign(document, ec.ECDSA(hashes.SHA256())))
    )


def test_bytes_after_a_signature_of_p256(independent: ModuleType, tmp_path: Path) -> None:
    """Openssl reads no more than the longest that can be."""
    made = signed_with(P256Pen().private, "ecdsa-p256-sha256", lambda document: P256Pen().sign(document) + b"and more")
    assert _agree(independent, _put(tmp_path / "packet.zip", packet_of(made))) == (40, "bad-signature")


def _ml_dsa() -> dict[str, bytes]:
    private = MLDSA65PrivateKey.generate()
    return packet_of(signed_with(private, "ml-dsa-65", private.sign))


@pytest.mark.parametrize("make", [_p256, _ml_dsa], ids=["P-256", "ML-DSA-65"])
def test_other_algorithms(make: Callable[[], dict[str, bytes]], independent: ModuleType, tmp_path: Path) -> None:
    files = make()
    assert _agree(independent, _put(tmp_path / "packet.zip", files)) == (0, "")
    name = max((name for name in files if name.startswith("signatures/")), key=lambda name: len(files[name]))
    changed = {**files, name: _change(files[name], len(files[name]) - 1, random.Random(1))}
    assert _agree(independent, _put(tmp_path / "packet.zip", changed)) == (40, "seal-hash")
    if make is _p256:
        reseal(changed)
        changed["log/seal.tlog-proof"] = files["log/seal.tlog-proof"]
        assert _agree(independent, _put(tmp_path / "packet.zip", changed)) == (40, "bad-signature")


def test_links_in_a_folder(independent: ModuleType, tmp_path: Path) -> None:
    write(tmp_path / "unpacked", plain())
    (tmp_path / "SEAL").write_bytes((tmp_path / "unpacked/SEAL").read_bytes())
    (tmp_path / "unpacked/SEAL").unlink()
    (tmp_path / "unpacked/SEAL").symlink_to(tmp_path / "SEAL")
    assert _agree(independent, tmp_path / "unpacked") == (40, "not-a-file")


def test_an_empty_folder_in_a_folder(independent: ModuleType, tmp_path: Path) -> None:
    write(tmp_path / "unpacked", plain())
    (tmp_path / "unpacked/more").mkdir()
    assert _agree(independent, tmp_path / "unpacked") == (40, "unlisted-file")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda root: (root / "\x1b[2J").mkdir(), "unsafe-name"),
        (lambda root: (root / "a\nok    all is well").symlink_to("SEAL"), "not-a-file"),
        (lambda root: Path(os.fsdecode(os.fsencode(root) + b"/\xff")).mkdir(), "unsafe-name"),
        (lambda root: Path(os.fsdecode(os.fsencode(root) + b"/\xff")).touch(), "unsafe-name"),
        (lambda root: os.mkfifo(root / "keys" / "x"), "not-a-file"),
        (lambda root: os.link(root / "SEAL", root.parent / "another"), "not-a-file"),
        (lambda root: [(root / "SEAL").unlink(), (root / "SEAL").mkdir()], "file-missing"),
        (lambda root: os.truncate(root / "manifest.json", 1 << 33), "seal-hash"),
        (lambda root: os.truncate(root / "log/seal.tlog-proof", 1 << 33), "log-proof"),
        (lambda root: os.truncate(root / "proofs/capture.proof", 1 << 33), "line-proof"),
    ],
    ids=["escape", "newline", "folder of no text", "file of no text", "pipe", "second name", "folder", "long", "proof", "line"],
)
def test_what_a_folder_can_hold_and_a_zip_cannot(
    change: Callable[[Path], object], says: str, independent: ModuleType, tmp_path: Path
) -> None:
    write(tmp_path / "unpacked", plain())
    change(tmp_path / "unpacked")
    code, told = _theirs(independent, tmp_path / "unpacked")
    assert code == 40
    for line in told:
        assert line.isprintable(), "nothing from outside steers the terminal"
        line.encode()
    assert _agree(independent, tmp_path / "unpacked") == (40, says)


def test_tokens_outlive_the_certificates_of_their_authority(independent: ModuleType, tmp_path: Path) -> None:
    """400 days on, when both have ended."""
    brief = Authority(tmp_path / "brief", Issuer("Brief root", days=(-1, 2)), days=(-1, 1))
    files, later = packet_of(token_archive().runs[0]), NOW + timedelta(days=400)
    files["timestamps/a.tsr"] = brief.stamp(files["SEAL"])
    path = _put(tmp_path / "packet.zip", files)
    with PacketZip(path) as packet:
        keys = (*good().trusted, brief.issuer.pinned("a"))
        report = verify_packet(packet, list(packet.problems()), keys, [], later, aids())
    told: list[str] = []
    trust = ["--key", good().signers[0].keyid, "--log", good().log.key.encode(), "--root", f"a={brief.root_file}"]
    assert independent.main([*trust, str(path)], say=told.append, now=later.timestamp()) == report.exit_code == 0, told


def test_every_code_is_met() -> None:
    """Each word has an attack, but for the one that needs a policy, and each is documented."""
    elsewhere = {"witness-quorum"}
    assert {attack.says for attack in ATTACKS if attack.exit} == (set(rules.REFUSED) | set(rules.OPEN)) - elsewhere
    page = (ROOT / "docs/formats/packet.md").read_text(encoding="utf-8")
    rows = [line.split("`")[1] for line in page.splitlines() if line.startswith("| `") and line.count("`") >= 2]
    codes = [*rules.REFUSED, *rules.OPEN]
    assert [row for row in rows if row in codes] == codes


def test_both_know_the_same_words(independent: ModuleType) -> None:
    assert (tuple(independent.REFUSED), tuple(independent.OPEN)) == (rules.REFUSED, rules.OPEN)


def test_what_is_not_asked_for_is_said(independent: ModuleType, tmp_path: Path) -> None:
    path, told = _put(tmp_path / "packet.zip", packet_of(token_archive().runs[0])), list[str]()
    assert independent.main([str(path)], say=told.append, now=NOW.timestamp()) == 41
    assert told[-1] == "NOT ESTABLISHED signer-unknown"
    assert independent.main(["--key", good().signers[0].keyid, str(path)], say=told.append, now=NOW.timestamp()) == 0
    assert any("not checked: no --log" in line for line in told)
    assert any("not checked: no --root" in line for line in told)
    groups = "-".join(good().signers[0].keyid[at : at + 4] for at in range(0, 64, 4)).upper()
    assert independent.main(["--key", groups, str(path)], say=told.append, now=NOW.timestamp()) == 0


def test_called_wrongly(independent: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["--key"], ["--key", "12"], ["--what"], [str(tmp_path / "nowhere")], ["a", "b"], ["--log", "x"]):
        assert independent.main(arguments) == 2
        assert "--key KEYID" in capsys.readouterr().err
    for wrong in ("x", "x+1+é", "x+00000000+AAAA", "x+1+!"):
        assert independent.main(["--log", wrong]) == 2
        assert capsys.readouterr().err.startswith("verify.py: --log: not the key of a log, a line NAME+HASH+KEY")
    for arguments in (["--root", "a"], ["--root"]):
        assert independent.main(arguments) == 2
        assert capsys.readouterr().err.startswith("verify.py: --root: name the authority and the file")
    assert independent.main(["a", "b"]) == 2
    assert capsys.readouterr().err.startswith("verify.py: one packet at a time")
    assert independent.main([str(tmp_path / "nowhere")]) == 2
    assert capsys.readouterr().err.startswith(f"verify.py: {tmp_path / 'nowhere'}: No such file or directory")


# -------------------------------------------------------------------------------------------------------------- every byte


def _change(data: bytes, place: int, chance: random.Random) -> bytes:
    return data[:place] + bytes([data[place] ^ chance.randrange(1, 256)]) + data[place + 1 :]


def _bytes_of_zip(independent: ModuleType, folder: Path, places: Callable[[int], list[int]]) -> None:
    data, chance = zipped(plain()), random.Random("zip")
    for place in places(len(data)):
        path = _put(folder / "packet.zip", _change(data, place, chance))
        code, word = _agree(independent, path)
        assert code == 40, f"byte {place}: {word}"


def test_some_bytes_of_the_zip(independent: ModuleType, tmp_path: Path) -> None:
    _bytes_of_zip(independent, tmp_path, lambda size: sorted(random.Random(7).sample(range(size), 150)))


@pytest.mark.long
def test_every_byte_of_the_zip(independent: ModuleType, tmp_path: Path) -> None:
    """Of README.md and verify.py, which are long, one in some."""
    data = zipped(plain())
    aid = {place for brought in (aids().verifier, plain()["README.md"]) for place in _stretch(data, brought)}
    _bytes_of_zip(independent, tmp_path, lambda size: [at for at in range(size) if at not in aid or at % 29 == 0])


def _stretch(data: bytes, part: bytes) -> range:
    start = data.index(part)
    return range(start, start + len(part))


def _bytes_of_files(independent: ModuleType, folder: Path, places: Callable[[int], list[int]]) -> None:
    """Each byte of each file, in a ZIP that fits it."""
    files, chance = plain(), random.Random("files")
    for name, data in files.items():
        for place in places(len(data)):
            changed = {**files, name: _change(data, place, chance)}
            code, word = _agree(independent, _put(folder / "packet.zip", zipped(changed)))
            assert code == 40, f"{name} byte {place}: {word}"


def test_a_byte_of_every_file(independent: ModuleType, tmp_path: Path) -> None:
    _bytes_of_files(independent, tmp_path, lambda size: [random.Random(size).randrange(size) for _ in range(2)])


@pytest.mark.parametrize("pen", [ANN, BO], ids=["Ed25519", "P-256"])
def test_some_bytes_of_an_ssh_signature(pen: SshPen, independent: ModuleType, tmp_path: Path) -> None:
    files, chance = countersigned(pen), random.Random("SSH")
    name = next(name for name in files if name.startswith("countersignatures/"))
    for place in chance.sample(range(len(files[name])), 25):
        changed = {**files, name: _change(files[name], place, chance)}
        assert _agree(independent, _put(tmp_path / "packet.zip", zipped(changed))) == (40, "countersignature"), place


def _bytes_of_events(independent: ModuleType, folder: Path, places: Callable[[int], list[int]]) -> None:
    files, chance = of_run(rotated()), random.Random("events")
    for name in (name for name in files if name.startswith("events/")):
        for place in places(len(files[name])):
            changed = {**files, name: _change(files[name], place, chance)}
            code, word = _agree(independent, _put(folder / "packet.zip", zipped(changed)))
            assert code == 40, f"{name} byte {place}: {word}"


def test_a_byte_of_every_statement_about_keys(independent: ModuleType, tmp_path: Path) -> None:
    _bytes_of_events(independent, tmp_path, lambda size: [random.Random(size).randrange(size)])


@pytest.mark.long
def test_many_bytes_of_every_statement_about_keys(independent: ModuleType, tmp_path: Path) -> None:
    _bytes_of_events(independent, tmp_path, lambda size: list(range(0, size, max(1, size // 20))))


@pytest.mark.long
def test_many_bytes_of_every_file(independent: ModuleType, tmp_path: Path) -> None:
    _bytes_of_files(independent, tmp_path, lambda size: list(range(0, size, max(1, size // 150))))
