"""The log as its owner, a witness and a stranger meet it: cosigned when it grows, printed, checked, held against what was kept."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from archives import Archivist, LogPen, WitnessPen, write
from preserve.adapters.trust import TrustStore
from preserve.formats import note, tlog
from preserve.formats.counted import counted
from preserve.formats.note import VerifierKey
from running import Finished, Run
from sites import AnyHostSite
from witnesses import WitnessProcess


class Owner:
    """Somebody who captures into ./archive and has its log witnessed."""

    def __init__(self, preserve: Run, site: AnyHostSite, tmp_path: Path, config_home: Path) -> None:
        self.preserve = preserve
        self.folder = tmp_path / "archive"
        self._config = config_home / "preserve"
        self._options = ("--connect-to", site.connect_to, "--delay", "0", "--robots", "ignore")
        self._page = 0

    def capture(self) -> Finished:
        self._page += 1
        return self.preserve("capture", *self._options, "--url", f"http://x.example/{self._page}")

    @property
    def vkey(self) -> str:
        return self.preserve("key", "export", "--vkey").stdout.strip()

    def witnessed_by(self, *witnesses: WitnessProcess) -> None:
        entries = (f'[[witness]]\nname = "{one.name}"\nurl = "{one.url}"\nvkey = "{one.vkey}"\n' for one in witnesses)
        (self._config / "config.toml").write_text("\n".join(entries))

    def policy(self, text: str) -> None:
        (self._config / "policy").write_text(text)

    def cosigned(self, path: str = "log/checkpoint") -> list[str]:
        """Who cosigned the head, or a run's proof."""
        data = (self.folder / path).read_bytes()
        signed = tlog.decode_proof(data).checkpoint if data.startswith(b"c2sp") else note.parse(data)
        return [line.name for line in signed.signatures[1:]]

    def proofs(self) -> list[list[str]]:
        runs = sorted((self.folder / "runs").iterdir())
        return [self.cosigned(f"runs/{run.name}/log/seal.tlog-proof") for run in runs]


@pytest.fixture
def owner(preserve: Run, site: AnyHostSite, tmp_path: Path, config_home: Path) -> Owner:
    found = Owner(preserve, site, tmp_path, config_home)
    assert found.capture().code == 0
    return found


@pytest.fixture
def witness(owner: Owner, tmp_path: Path) -> Iterator[WitnessProcess]:
    with WitnessProcess(tmp_path / "colleague", owner.vkey) as process:
        owner.witnessed_by(process)
        yield process


@pytest.mark.long
def test_two_colleagues(owner: Owner, witness: WitnessProcess, tmp_path: Path) -> None:
    """From a run that nobody saw to a policy that is met, with a witness that is away for a while."""
    preserve = owner.preserve
    done = owner.capture()
    assert (done.code, owner.proofs()) == (0, [[], [witness.name]]), done.stderr
    # It is not known to verify until it is trusted: what is in config.toml says only whom to ask.
    lines = preserve("verify", "archive", "--json").lines
    assert [row["detail"] for row in lines if row.get("claim") == "witnesses"] == [
        f"a signature line of a key that is not known here: {witness.name} {VerifierKey.parse(witness.vkey).key_hash.hex()}"
    ]
    assert preserve("verify", "archive", "--require", "witnesses").code == 41
    keyid = VerifierKey.parse(witness.vkey).fingerprint
    assert preserve("trust", "add", witness.vkey, "--name", "colleague", "--fingerprint", keyid).code == 0
    assert preserve("verify", "archive", "--require", "witnesses").code == 0

    port = witness.port
    witness.stop()
    away = owner.capture()
    assert away.code == 0
    assert f"{witness.name}: no cosignature: it cannot be reached" in away.stderr
    assert preserve("verify", "archive").code == 0
    assert preserve("verify", "archive", "--require", "witnesses").code == 41
    late = preserve("log", "checkpoint", "archive", "--json")
    assert (late.code, [row["name"] for row in late.lines[0]["missing"]]) == (41, [witness.name])

    witness.start(port=port)
    printed = preserve("log", "checkpoint", "archive")
    assert (printed.code, printed.stdout.encode()) == (0, (owner.folder / "log/checkpoint").read_bytes())
    assert owner.proofs() == [[witness.name]] * 3, "runs that lacked it got a proof against the cosigned head"
    assert preserve("verify", "archive", "--require", "witnesses").code == 0
    before = witness.said.read_text()
    assert preserve("log", "checkpoint", "archive").code == 0
    assert witness.said.read_text() == before, "nothing lacks, nobody is asked"
    for run in sorted((owner.folder / "runs").iterdir()):
        assert preserve("verify", run, "--require", "witnesses").code == 0


@pytest.mark.long
def test_a_policy(owner: Owner, witness: WitnessProcess, tmp_path: Path) -> None:
    preserve = owner.preserve
    assert owner.capture().code == 0
    met = f"log {owner.vkey}\nwitness colleague {witness.vkey} {witness.url}\nquorum colleague\n"
    stranger = WitnessPen("stranger", "stranger.example/w").key.encode()
    unmet = f"witness colleague {witness.vkey}\nwitness stranger {stranger}\ngroup both all colleague stranger\nquorum both\n"
    (tmp_path / "met").write_text(met)
    (tmp_path / "unmet").write_text(unmet)
    done = preserve("verify", "archive", "--policy", "met", "--json")
    assert done.code == 0
    assert any(
        row.get("claim") == "witnesses" and row["result"] == "pass" and "quorum colleague is met" in row["detail"]
        for row in done.lines
    )
    refused = preserve("verify", "archive", "--policy", "unmet")
    assert refused.code == 41
    assert "the policy's quorum both is not met: witness.example/w1 saw it at" in refused.stdout
    run = max((owner.folder / "runs").iterdir())
    assert [preserve("verify", run, "--policy", name).code for name in ("met", "unmet")] == [0, 41]
    assert [preserve("log", "verify", "archive", "--policy", name).code for name in ("met", "unmet")] == [0, 41]
    # In the configuration folder a policy is information, until the claim is required.
    owner.policy(unmet)
    assert preserve("verify", "archive").code == 0
    assert preserve("verify", "archive", "--require", "witnesses").code == 41
    assert preserve("verify", "archive", "--require", "witnesses", "--policy", "met").code == 0
    owner.policy("quorum nobody\n")
    wrong = preserve("verify", "archive")
    assert (wrong.code, "policy: line 1: unknown name" in wrong.stderr) == (3, True)
    assert preserve("verify", "archive", "--policy", "archive/archive.toml").code == 2


@pytest.mark.long
def test_a_policy_reaches_packets_and_bundles(owner: Owner, witness: WitnessProcess, tmp_path: Path) -> None:
    preserve = owner.preserve
    assert owner.capture().code == 0
    (tmp_path / "met").write_text(f"witness colleague {witness.vkey}\nquorum colleague\n")
    (tmp_path / "unmet").write_text(f"witness other {WitnessPen('stranger').key.encode()}\nquorum other\n")
    assert preserve("prove", "archive", "http://x.example/2", "-o", "packet.zip").code == 0
    assert preserve("bundle", "archive", "-o", "x.wacz", "--run", "1").code == 0
    for path in ("packet.zip", "x.wacz"):
        assert [preserve("verify", path, "--policy", name).code for name in ("met", "unmet")] == [0, 41], path
        assert preserve("verify", path, "--policy", "met", "--require", "witnesses").code == 0
    last = preserve("verify", "packet.zip", "--policy", "unmet", "--json").lines[-1]
    assert last["refusal"] == "witness-quorum"


@pytest.mark.long
def test_an_archive_that_was_put_back(owner: Owner, witness: WitnessProcess, tmp_path: Path, config_home: Path) -> None:
    """The witness remembers what this machine forgot."""
    shutil.copytree(owner.folder, tmp_path / "backup")
    assert owner.capture().code == 0
    shutil.rmtree(owner.folder)
    shutil.copytree(tmp_path / "backup", owner.folder)
    shutil.rmtree(config_home.parent / ".local/state")
    done = owner.capture()
    assert done.code == 0
    assert f"{witness.name}: no cosignature: it cosigned another log of 2 entries under this name" in done.stderr
    shutil.rmtree(owner.folder)
    shutil.copytree(tmp_path / "backup", owner.folder)
    shutil.rmtree(config_home.parent / ".local/state")
    older = owner.preserve("log", "checkpoint", "archive")
    assert older.code == 41
    assert "it has seen this log with 2 entries, and here are 1" in older.stderr


def test_a_witness_that_answers_for_another(owner: Owner, witness: WitnessProcess, tmp_path: Path) -> None:
    other = WitnessPen("stranger", "stranger.example/w").key.encode()
    done = owner.preserve("log", "checkpoint", "archive", "--witness", witness.url, other)
    assert done.code == 41
    assert "no line of its key" in done.stderr
    assert owner.cosigned() == []


def test_a_witness_that_does_not_know_the_log(owner: Owner, tmp_path: Path) -> None:
    with WitnessProcess(tmp_path / "colleague", LogPen("another", "another.example").key.encode()) as stranger:
        done = owner.preserve("log", "checkpoint", "archive", "--witness", stranger.url, stranger.vkey)
    assert (done.code, "does not witness this log" in done.stderr) == (41, True)


def test_a_witness_whose_state_is_lost_does_not_start(owner: Owner, witness: WitnessProcess) -> None:
    assert owner.capture().code == 0
    witness.stop()
    shutil.rmtree(witness.home / "state")
    env = {"XDG_CONFIG_HOME": str(witness.home / "config"), "XDG_STATE_HOME": str(witness.home / "state")}
    done = owner.preserve("log", "witness", "--log", owner.vkey, env=env)
    assert (done.code, "was used with another state folder" in done.stderr) == (3, True)


@pytest.mark.long
def test_what_log_witness_refuses(preserve: Run, tmp_path: Path) -> None:
    log = LogPen("log", "archive.example/log").key.encode()
    assert preserve("log", "witness").code == 2
    assert "there is no witness key yet" in preserve("log", "witness", "--log", log).stderr
    assert preserve("key", "generate", "--use", "witness", "--no-passphrase").code == 2
    assert preserve("key", "generate", "--use", "witness", "--no-passphrase", "--name", "with space").code == 2
    assert preserve("key", "generate", "--use", "witness", "--no-passphrase", "--name", "w.example").code == 0
    (tmp_path / "logs").write_text(f"# mine\n{log}\nnonsense\n")
    bad = preserve("log", "witness", "--log", "logs")
    assert (bad.code, "logs: line 3: vkey" in bad.stderr) == (2, True)
    assert preserve("log", "witness", "--log", WitnessPen("w").key.encode()).code == 2
    for place in ("nowhere", "127.0.0.1:", ":80", "127.0.0.1:99999"):
        assert preserve("log", "witness", "--log", log, "--listen", place).code == 2, place
    assert preserve("log", "witness", "--log", log, "--listen", "192.0.2.1:9").code == 3
    assert preserve("log", "witness", "--log", log, "--key", "w.example", "--listen", "192.0.2.1:9").code == 3


# ----------------------------------------------------------------------------------------------------------------- log verify


@pytest.fixture
def stranger(preserve: Run, tmp_path: Path) -> Archivist:
    """Somebody else's archive of three runs in ./archive, whose log is trusted; older heads lie beside it."""
    archivist = Archivist()
    for _ in range(3):
        archivist.add_run(pages=1)
    archivist.write(tmp_path / "archive")
    vkey = archivist.log.key
    assert preserve("trust", "add", vkey.encode(), "--name", "log", "--fingerprint", vkey.fingerprint).code == 0
    for size in (1, 2, 3):
        (tmp_path / f"head-{size}").write_bytes(archivist.checkpoint(size).encode())
    return archivist


def test_an_older_checkpoint(preserve: Run, stranger: Archivist, tmp_path: Path) -> None:
    for size in (1, 2, 3):
        done = preserve("log", "verify", "archive", "--against", f"head-{size}")
        assert done.code == 0
        assert f"head-{size}: the log only grew since this checkpoint, of {counted(size, 'entry')}" in done.stdout
    assert preserve("log", "verify", "head-3", "--against", "head-3").code == 0
    open_end = preserve("log", "verify", "head-3", "--against", "head-2")
    assert (open_end.code, "is shown by the log alone" in open_end.stdout) == (41, True)
    run = stranger.names[1]
    assert preserve("log", "verify", f"archive/runs/{run}/log/seal.tlog-proof", "--json").lines[-1] == {"ok": True, "exit": 0}


def test_a_rolled_back_and_a_rewritten_log(preserve: Run, stranger: Archivist, tmp_path: Path) -> None:
    shorter = Archivist()
    shorter.add_run(pages=1)
    shorter.write(tmp_path / "shorter")
    rewritten = Archivist()
    for _ in range(3):
        rewritten.add_run(pages=2)
    rewritten.write(tmp_path / "rewritten")
    for archive, word in (("shorter", "rolled back"), ("rewritten", "rewritten")):
        done = preserve("log", "verify", archive, "--against", "head-2", "--json")
        assert done.code == 40, done.stdout
        assert any(row.get("result") == "fail" and row["detail"].startswith(word) for row in done.lines)
    (tmp_path / "fork").write_bytes(rewritten.checkpoint(3).encode())
    forked = preserve("log", "verify", "fork", "--against", "head-3")
    assert (forked.code, "a fork" in forked.stdout) == (40, True)


def test_what_was_seen_is_remembered(preserve: Run, stranger: Archivist, tmp_path: Path) -> None:
    assert preserve("log", "verify", "archive").code == 0
    rewritten = Archivist()
    for _ in range(3):
        rewritten.add_run(pages=2)
    (tmp_path / "fork").write_bytes(rewritten.checkpoint(3).encode())
    assert preserve("log", "verify", "head-3").code == 0
    assert preserve("log", "verify", "fork").code == 40
    older = Archivist()
    older.add_run(pages=1)
    assert preserve("log", "verify", older.write(tmp_path / "older")).code == 40


@pytest.mark.long
def test_what_is_wrong_with_a_log(preserve: Run, stranger: Archivist, tmp_path: Path) -> None:
    good = preserve("log", "verify", "archive", "--json")
    assert good.code == 0
    assert {row["claim"] for row in good.lines[:-1]} == {"log-consistency", "witnesses"}
    for change, code in (
        ({"log/tile/0/000.p/3": bytes(96)}, 40),
        ({"log/more": b"x"}, 40),
        ({"log/checkpoint": stranger.checkpoint(pen=LogPen("a thief", stranger.origin)).encode()}, 40),
        ({"log/checkpoint": b"torn"}, 40),
    ):
        root = tmp_path / "changed"
        shutil.rmtree(root, ignore_errors=True)
        stranger.write(root)
        write(root, change)
        assert preserve("log", "verify", root).code == code, change
    (tmp_path / "other").write_bytes(Archivist(origin="other.example/log").checkpoint().encode())
    (tmp_path / "nothing").write_bytes(b"nothing\n")
    (tmp_path / "empty").mkdir()
    assert preserve("log", "verify", "archive", "--against", "other").code == 20
    assert preserve("log", "verify", "archive", "--against", "nothing").code == 20
    assert [preserve("log", "verify", path).code for path in ("nothing", "absent", "empty")] == [20, 20, 20]
    assert preserve("log", "verify", "other").code == 41, "no key is trusted for that log"
    thief = stranger.checkpoint(2, pen=LogPen("a thief", stranger.origin)).encode()
    (tmp_path / "thief").write_bytes(thief)
    assert preserve("log", "verify", "thief").code == 41, "a checkpoint alone may be that of an honest successor"
    assert preserve("log", "verify", "archive", "--against", "thief").code == 40


def test_checkpoint_of_a_stranger_asks_nobody(preserve: Run, stranger: Archivist) -> None:
    done = preserve("log", "checkpoint", "archive", "--offline")
    assert (done.code, done.stdout.encode()) == (0, stranger.checkpoint().encode())
    described = json.loads(preserve("log", "checkpoint", "archive", "--json").stdout)
    assert (described["origin"], described["size"], described["missing"]) == (stranger.origin, 3, [])
    assert preserve("log", "checkpoint", "absent").code != 0


def test_a_log_that_holds_is_not_said_of_the_archive(preserve: Run, config_home: Path, tmp_path: Path) -> None:
    archivist = Archivist()
    archivist.add_run()
    root = archivist.write(tmp_path / "archive")
    for key in archivist.trusted:
        TrustStore(config_home / "preserve").add(key)
    (record,) = root.glob("runs/*/data/*.warc.gz")
    record.write_bytes(b"")
    said = preserve("log", "verify", "archive")
    assert said.code == 0
    assert said.stdout.splitlines()[-1] == (
        "Of the log, nothing was found altered, missing or forged, and every needed claim is established."
        " Whether the archive is what it says was not looked at: preserve verify."
    )
    assert preserve("verify", "archive").code == 40


@pytest.mark.long
def test_nothing_is_added_behind_what_was_verified_here(owner: Owner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The archive moved and was added to there, and that was verified here: what is added to the copy left here would be another history."""
    newer = tmp_path / "newer"
    shutil.copytree(owner.folder, newer)
    with monkeypatch.context() as there:
        there.setenv("XDG_STATE_HOME", str(tmp_path / "there"))
        assert owner.preserve("custody", "add", "newer", "--action", "copy", "--reason", "moved").code == 0
    assert owner.preserve("verify", "newer").code == 0
    head = (owner.folder / "log/checkpoint").read_bytes()
    for refused in (owner.capture(), owner.preserve("custody", "add", "archive", "--action", "copy", "--reason", "x")):
        assert refused.code == 40
        assert "rolled back: it has 1 entry, and had 2 when this user last signed or verified it" in refused.stderr
        assert "preserve trust accept-rollback" in refused.stderr
    for asked in ((), ("--offline",)):
        printed = owner.preserve("log", "checkpoint", "archive", *asked)
        assert (printed.code, printed.stdout.encode()) == (0, head), "nothing is added: it is printed as it is"
    nobody = WitnessPen("nobody").key.encode()
    asking = owner.preserve("log", "checkpoint", "archive", "--witness", "http://127.0.0.1:1/", nobody)
    assert (asking.code, asking.stdout, "rolled back" in asking.stderr) == (40, "", True)
    assert (owner.folder / "log/checkpoint").read_bytes() == head
    origin = head.decode().partition("\n")[0]
    assert owner.preserve("trust", "accept-rollback", origin, "--reason", "the newer copy burnt").code == 0
    assert owner.capture().code == 0
    assert owner.preserve("verify", "archive").code == 0
