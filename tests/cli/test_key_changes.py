"""Keys as a person lives with them: replaced, stolen, lost, on a card, carried to another machine, protected by a passphrase."""

from __future__ import annotations

import os
import pty
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from preserve.cli.key import command as key_command
from preserve.errors import PreserveError
from preserve.formats import paperkey
from running import ROOT, Finished, Run
from sites import AnyHostSite


class Person:
    """Somebody with a machine of their own, working on ./archive."""

    def __init__(self, preserve: Run, tmp_path: Path, name: str, site: AnyHostSite) -> None:
        self._run = preserve
        self._env = {"XDG_CONFIG_HOME": str(tmp_path / name / "config"), "XDG_STATE_HOME": str(tmp_path / name / "state")}
        self._site = site

    def __call__(self, *arguments: str | Path, stdin: str = "") -> Finished:
        return self._run(*arguments, stdin=stdin, env=self._env)

    def done(self, *arguments: str | Path, stdin: str = "") -> Finished:
        finished = self(*arguments, stdin=stdin)
        assert finished.code == 0, finished.stderr
        return finished

    def capture(self, *more: str) -> Finished:
        options = ("--connect-to", self._site.connect_to, "--delay", "0", "--robots", "ignore", "--no-probe")
        return self("capture", *options, *(more or ("--url", "http://x.example/page")))

    def signers(self) -> list[tuple[str, str]]:
        """Whether the signer of each run is known, and what is said of it."""
        rows = self("verify", "archive", "--json").lines
        return [(row["result"], row["detail"]) for row in rows if row.get("claim") == "signer"]

    def trust(self, pem: Path, name: str, keyid: str) -> None:
        self.done("trust", "add", pem, "--name", name, "--fingerprint", keyid)


@pytest.fixture
def owner(preserve: Run, tmp_path: Path, site: AnyHostSite) -> Person:
    return Person(preserve, tmp_path, "owner", site)


@pytest.fixture
def stranger(preserve: Run, tmp_path: Path, site: AnyHostSite) -> Person:
    return Person(preserve, tmp_path, "stranger", site)


def _begin(owner: Person, stranger: Person, tmp_path: Path) -> str:
    """A key, a capture, and a stranger who pinned the key and the log's; the key's id."""
    keyid = owner.done("key", "generate", "--no-passphrase", "--name", "A. Archivist").stdout.strip()
    assert owner.capture().code == 0
    (tmp_path / "old.pem").write_text(owner.done("key", "export").stdout)
    stranger.trust(tmp_path / "old.pem", "The archivist", keyid)
    vkey = owner.done("key", "export", "--vkey", "--archive", "archive").stdout.strip()
    log = next(row["keyid"] for row in owner("key", "list", "--json").lines if row["use"] == "log")
    stranger.done("trust", "add", vkey, "--name", "the log", "--fingerprint", log)
    assert stranger("verify", "archive").code == 0
    return keyid


@pytest.mark.parametrize("reason", ["superseded", pytest.param("compromised", marks=pytest.mark.long)])
def test_a_recovery_key_that_another_follows_counts_until_its_own_paper_gives_it_up(
    owner: Person, stranger: Person, tmp_path: Path, reason: str
) -> None:
    _begin(owner, stranger, tmp_path)
    first = owner.done("key", "recovery").stdout
    (one,) = (row["keyid"] for row in owner("trust", "list", "--json").lines if row["role"] == "recovery")
    made = owner.done("key", "recovery", "--recovery", "-", stdin=first)
    give_up = ("key", "revoke", one, "--reason", "superseded", "--recovery", "-")
    assert f"still counts. To give it up, with its own paper: preserve {' '.join(give_up)}" in made.stderr

    events = len(list((tmp_path / "archive" / "events").iterdir()))
    for why in ("superseded", "compromised"):
        refused = owner("key", "revoke", one, "--reason", why, "--recovery", "-", stdin=made.stdout)
        assert (refused.code, "one is given up by its own paper alone" in refused.stderr) == (2, True), refused.stderr
    assert len(list((tmp_path / "archive" / "events").iterdir())) == events, (
        "nobody would obey it, and it could not be taken back"
    )

    if reason == "compromised":
        owner.done(*give_up[:3], "--reason", reason, *give_up[5:], stdin=first)
    else:
        owner.done(*give_up, stdin=first)
    late = owner("key", "rotate", "--recovery", "-", "--no-passphrase", stdin=first)
    assert (late.code, "another recovery key" in late.stderr) == (2, True)
    if reason == "superseded":
        owner.done("key", "rotate", "--recovery", "-", "--no-passphrase", stdin=made.stdout)
        assert owner("verify", "archive").code == stranger("verify", "archive").code == 0


@pytest.mark.long
def test_a_key_rotated_stolen_and_revoked_as_a_stranger_sees_it(owner: Person, stranger: Person, tmp_path: Path) -> None:
    old = _begin(owner, stranger, tmp_path)
    page = owner.done("key", "recovery")
    assert "nowhere else" in page.stderr
    everything = b"".join(path.read_bytes() for path in (tmp_path / "owner").rglob("*") if path.is_file())
    first = page.stdout.partition("    1: ")[2][:12]
    assert first.encode() not in everything

    new = owner.done("key", "rotate", "--no-passphrase").stdout.strip()
    assert [row["keyid"] for row in owner("key", "list", "--json").lines if row["default"]] == [new]
    assert owner.capture().code == 0
    assert owner("verify", "archive").code == stranger("verify", "archive").code == 0
    groups = "-".join(new[place : place + 4] for place in range(0, 64, 4))
    assert [result for result, _ in stranger.signers()] == ["pass", "pass"]
    assert f"{groups}, through the rotation signed by The archivist, key {old[:4]}" in stranger.signers()[1][1]

    late = owner.capture("--url", "http://x.example/again", "--key", old)
    assert late.code == 3
    assert "is revoked: it signs no more" in late.stderr

    (tmp_path / "page.txt").write_text(page.stdout)
    done = owner("key", "revoke", new, "--reason", "compromised", "--recovery", "page.txt")
    assert done.code == 0, done.stderr
    assert [result for result, _ in stranger.signers()] == ["pass", "not-checked"]
    assert "was revoked as compromised" in stranger.signers()[1][1]
    assert owner("verify", "archive").code == stranger("verify", "archive").code == 41
    none = owner.capture()
    assert none.code == 3
    assert "every signing key here is revoked" in none.stderr

    third = owner.done("key", "rotate", new, "--recovery", "-", "--no-passphrase", stdin=page.stdout).stdout.strip()
    assert owner.capture().code == 0
    assert f"key {third[:4]}" in stranger.signers()[2][1]
    assert "through the rotation signed by the recovery key of The archivist" in stranger.signers()[2][1]
    assert "is revoked as compromised" in stranger("custody", "list", "archive").stdout


@pytest.mark.long
def test_a_superseded_key(owner: Person, stranger: Person, tmp_path: Path) -> None:
    keyid = _begin(owner, stranger, tmp_path)
    assert owner("key", "revoke", keyid, "--reason", "superseded", "--since", "2026-01-01").code == 2
    done = owner.done("key", "revoke", keyid, "--reason", "superseded")
    assert "Recorded  events/000001-key" in done.stderr
    assert owner("verify", "archive").code == stranger("verify", "archive").code == 0
    (pinned,) = [row for row in owner("trust", "list", "--json").lines if row["role"] == "operator"]
    assert (pinned["reason"], pinned["revoked_at"] is None) == ("superseded", False)


@pytest.mark.long
def test_compromised_is_for_the_paper_to_say(owner: Person, stranger: Person, tmp_path: Path) -> None:
    keyid = _begin(owner, stranger, tmp_path)
    refused = owner("key", "revoke", keyid, "--reason", "compromised", "--archive", "archive")
    assert refused.code == 2
    assert "--recovery" in refused.stderr
    assert [row["reason"] for row in owner("trust", "list", "--json").lines] == [None, None]
    noted = owner.done("key", "revoke", keyid, "--reason", "compromised", "--since", "2026-01-01T00:00:00+01:00")
    assert "in no log" in noted.stderr
    assert not (tmp_path / "archive" / "events").exists()
    assert owner("trust", "list", "--json").lines[0]["revoked_at"] == "2025-12-31T23:00:00.000Z"


@pytest.mark.long
def test_paper_typed_wrong_or_of_another(owner: Person, stranger: Person, tmp_path: Path) -> None:
    keyid = _begin(owner, stranger, tmp_path)
    page = owner.done("key", "recovery").stdout
    right = page.partition("    3: ")[2][:4]
    wrong = ("Z" if right[0] != "Z" else "Y") + right[1:]
    ask = ("key", "revoke", keyid, "--reason", "compromised", "--recovery", "-")
    done = owner(*ask, stdin=page.replace(f"    3: {right}", f"    3: {wrong}"))
    assert done.code == 20
    assert "line 3 is mistyped" in done.stderr
    done = owner(*ask, stdin="\n".join(paperkey.encode(bytes(32))))
    assert done.code == 2
    assert "another recovery key" in done.stderr
    assert owner("verify", "archive").code == 0
    again = owner("key", "recovery")
    assert again.code == 2
    assert "must agree to another" in again.stderr
    (tmp_path / "page").write_text(page)
    assert owner.done("key", "recovery", "--recovery", "page").stdout != page
    assert owner("verify", "archive").code == 0


@pytest.mark.long
def test_paper_typed_at_the_keyboard(owner: Person, stranger: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A line with a mistake is asked for again at once; what is typed is not shown."""
    keyid = _begin(owner, stranger, tmp_path)
    page = owner.done("key", "recovery").stdout
    rows = [row.strip() for row in page.splitlines() if row.startswith("    ")]
    master, terminal = pty.openpty()
    os.write(master, "\n".join([rows[0], "UUUU", *rows[1:]]).encode() + b"\n")
    arguments = ("key", "revoke", keyid, "--reason", "compromised", "--recovery", "-")
    done = subprocess.run(
        [sys.executable, "-m", "preserve", *arguments],
        stdin=terminal,
        capture_output=True,
        encoding="utf-8",
        cwd=tmp_path,
        env={**os.environ, **owner._env},
        timeout=60,
        check=False,
    )
    os.close(terminal)
    os.close(master)
    assert done.returncode == 0, done.stderr
    assert "line 2 has 'U', which no line has" in done.stderr
    assert rows[3] not in done.stderr


def test_qr_codes(owner: Person, tmp_path: Path) -> None:
    owner.done("key", "generate", "--no-passphrase")
    assert "▄▄▄▄▄" in owner.done("key", "list", "--qr").stdout
    page = owner.done("key", "recovery", "--qr", "--svg", "code.svg")
    assert "▄▄▄▄▄" in page.stdout
    assert (tmp_path / "code.svg").read_bytes().startswith(b"<?xml")
    assert (tmp_path / "code.svg").stat().st_mode & 0o077 == 0
    assert "print it, then destroy it" in page.stderr
    assert "in code.svg, and on your screen or paper: print it, destroy the file," in page.stderr, "the page went elsewhere"


@pytest.mark.long
def test_several_archives_and_a_rotation_that_is_mended(owner: Person, stranger: Person, tmp_path: Path) -> None:
    old = _begin(owner, stranger, tmp_path)
    assert owner.capture("--url", "http://x.example/page", "--archive", "second").code == 0
    both = ("--archive", "archive", "--archive", "second")
    head = tmp_path / "second" / "log" / "checkpoint"
    kept = head.read_bytes()
    for archives, code in ((("--archive", "archive", "--archive", "nowhere"), 20), (both, 40)):
        head.write_bytes(b"x")
        assert owner("key", "rotate", *archives, "--no-passphrase").code == code
        assert len([row for row in owner("key", "list", "--json").lines if row["use"] == "manifest"]) == 1, (
            "none is made for nothing"
        )
    assert not (tmp_path / "archive" / "events").exists()

    to = owner.done("key", "generate", "--no-passphrase", "--name", "A. Archivist").stdout.strip()
    failed = owner("key", "rotate", old, "--to", to, *both)
    assert (failed.code, f"Once this is mended: preserve key rotate {old} --to {to}" in failed.stderr) == (40, True)
    head.write_bytes(kept)
    assert owner("key", "rotate", old, "--to", old).code == 2
    mended = owner.done("key", "rotate", old, "--to", to, *both)
    assert (mended.stdout.strip(), mended.stderr.count("its log says so already")) == (to, 1)
    for archive in ("archive", "second"):
        assert len(list((tmp_path / archive / "events").iterdir())) == 1
        assert owner("verify", archive).code == 0
    assert stranger("verify", "archive").code == 0


@pytest.mark.long
def test_what_nobody_would_follow_is_not_stated(owner: Person, stranger: Person, tmp_path: Path) -> None:
    """An entry of the log cannot be taken back, and every verification by somebody else would say "not followed" (41)."""
    old = _begin(owner, stranger, tmp_path)
    page = owner.done("key", "recovery").stdout
    (paper,) = (row["keyid"] for row in owner("trust", "list", "--json").lines if row["role"] == "recovery")
    new = owner.done("key", "rotate", "--no-passphrase").stdout.strip()
    events = sorted((tmp_path / "archive" / "events").iterdir())
    for refused, stdin in (
        (("rotate", old, "--no-passphrase"), ""),
        (("rotate", old, "--to", new, "--archive", "archive", "--recovery", "-"), "\n".join(paperkey.encode(bytes(32)))),
        (("rotate", paper, "--no-passphrase", "--recovery", "-"), page),
        (("revoke", old, "--reason", "superseded"), ""),
    ):
        done = owner("key", *refused, stdin=stdin)
        assert done.code == 2, (refused, done.stderr)
    again = owner.done("key", "rotate", old, "--to", new)
    assert "its log says so already" in again.stderr
    assert sorted((tmp_path / "archive" / "events").iterdir()) == events
    assert [row["keyid"] for row in owner("key", "list", "--json").lines if row["default"]] == [new]
    assert owner("verify", "archive").code == stranger("verify", "archive").code == 0


def _card(tmp_path: Path) -> tuple[Path, str]:
    """The public half of a P-256 key, and the command that signs with it."""
    key, public = tmp_path / "card.pem", tmp_path / "card.pub"
    subprocess.run(["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", key], check=True)
    subprocess.run(["openssl", "pkey", "-in", key, "-pubout", "-out", public], check=True, capture_output=True)
    return public, f"openssl dgst -sha256 -sign {shlex.quote(str(key))}"


@pytest.mark.long
def test_a_capture_signed_by_a_card(owner: Person, stranger: Person, tmp_path: Path) -> None:
    public, command = _card(tmp_path)
    assert owner.capture("--url", "http://x.example/", "--signer", command).code == 2
    assert owner("key", "import", public).code == 2
    failed = owner.capture(
        "--url", "http://x.example/", "--key", str(public), "--signer", "sh -c 'printf \"no \\033[1mcard\" >&2; exit 1'"
    )
    assert failed.code == 3
    assert "no \\u{1b}[1mcard" in failed.stderr
    assert not (tmp_path / "archive" / "runs").exists() or not list((tmp_path / "archive" / "runs").iterdir())
    resumed = owner.capture("--resume", "--key", str(public), "--signer", command)
    assert resumed.code == 0, resumed.stderr
    (run,) = (tmp_path / "archive" / "runs").iterdir()
    checked = subprocess.run(
        [
            "openssl",
            "dgst",
            "-sha256",
            "-verify",
            public,
            "-signature",
            next((run / "signatures").iterdir()),
            run / "manifest.json",
        ],
        check=True,
        capture_output=True,
    )
    assert checked.stdout == b"Verified OK\n"
    assert owner("verify", "archive").code == 0  # the key was pinned as the user's own

    keyid = owner.done("key", "import", public, "--signer", command, "--name", "The card").stdout.strip()
    assert "is here already" in owner.done("key", "import", public, "--signer", command).stderr
    assert owner.capture().code == 0
    event = owner.done("custody", "add", "archive", "--action", "copy", "--reason", "a second copy")
    assert "events/000002-custody" in event.stderr
    owner.done("custody", "add", "archive", "--action", "copy", "--reason", "x", "--key", public, "--signer", command)
    assert owner("verify", "archive").code == 0
    assert owner("key", "export", keyid, "--private").code == 3
    owner.done("bundle", "archive", "-o", "x.wacz")
    assert owner("verify", "x.wacz").code == 0
    (listed,) = [row for row in owner("key", "list", "--json").lines if row["use"] == "manifest"]
    assert listed["signer"] == shlex.split(command)

    # From the card to a key of the machine, and back: rotations between kinds of keys are rotations.
    stranger.trust(public, "The archivist", keyid)
    new = owner.done("key", "rotate", "--no-passphrase").stdout.strip()
    assert new != keyid
    assert owner.capture().code == 0
    assert owner("verify", "archive").code == 0
    assert stranger("verify", "archive").code == 41  # the log's key is not pinned, so nothing is followed


def test_a_command_signs_before_it_is_kept(owner: Person, tmp_path: Path) -> None:
    """What it is given to sign says what it is for, names the key, is another each time, and is nothing that counts anywhere."""
    public, command = _card(tmp_path)
    lie = owner("key", "import", public, "--signer", "echo lie", "--name", "The card")
    assert lie.code == 3
    assert "answered 4 bytes that are no signature by the key" in lie.stderr
    assert "nothing was kept" in lie.stderr
    assert [row for row in owner("key", "list", "--json").lines if row["name"] == "The card"] == []

    through = f"sh -c 'tee -a {tmp_path}/asked | {command}'"
    keyid = owner.done("key", "import", public, "--signer", through, "--name", "The card").stdout.strip()
    again = owner.done("key", "import", public, "--signer", through)
    assert "nothing was changed" in again.stderr
    first, second = re.findall(
        r"preserve-signer-check/v1\nkey ([0-9a-f]{64})\nnonce [0-9a-f]{64}\n", (tmp_path / "asked").read_text()
    )
    assert first == second == keyid
    assert len(set((tmp_path / "asked").read_text().splitlines())) == 4, "two nonces"

    assert owner("key", "import", public, "--signer", "echo lie").code == 3
    other = owner.done("key", "import", public, "--signer", command)
    assert f"it signs now through {command}, before through sh -c" in other.stderr
    (listed,) = [row for row in owner("key", "list", "--json").lines if row["keyid"] == keyid]
    assert (listed["signer"], listed["name"]) == (shlex.split(command), "The card")


def test_a_schedule_names_no_command(owner: Person, tmp_path: Path) -> None:
    public, command = _card(tmp_path)
    more = ("--every", "1d", "--url", "http://x.example/", "--key", str(public), "--signer", command)
    done = owner("schedule", "add", "--archive", "archive", *more)
    assert done.code == 2
    assert "key import" in done.stderr


@pytest.mark.long
def test_moving_house(owner: Person, stranger: Person, tmp_path: Path) -> None:
    """Signing key and log key as files, to a machine that goes on where the other left off."""
    _begin(owner, stranger, tmp_path)
    (tmp_path / "pass").write_text("a long passphrase\n")
    for name, options in (("sign.key", ()), ("log.key", ("--archive", "archive"))):
        saved = owner.done("key", "export", "--private", *options, "--passphrase-file", "pass")
        (tmp_path / name).write_text(saved.stdout)
        opened = ["openssl", "pkey", "-in", str(tmp_path / name), "-passin", "pass:a long passphrase", "-noout"]
        assert subprocess.run(opened, check=False).returncode == 0
    heir = Person(owner._run, tmp_path, "heir", owner._site)
    assert "is not on this machine" in heir.capture().stderr
    heir.done("key", "import", "sign.key", "--passphrase-file", "pass")
    heir.done("key", "import", "log.key", "--passphrase-file", "pass")
    assert "here already" in heir.done("key", "import", "log.key", "--passphrase-file", "pass").stderr
    assert heir("key", "import", "log.key", "--name", "other", "--passphrase-file", "pass").code == 2
    wrong = tmp_path / "wrong"
    wrong.write_text("another\n")
    done = heir("key", "import", "sign.key", "--passphrase-file", wrong)
    assert done.code == 20
    assert "wrong passphrase" in done.stderr
    for key in heir("key", "list", "--json").lines:
        heir.done("key", "passphrase", key["keyid"], "--passphrase-file", "pass", "--remove")
    assert heir.capture().code == 0
    assert heir("verify", "archive").code == stranger("verify", "archive").code == 0


@pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="ssh-keygen makes the key of this test")
def test_keys_of_other_programs(owner: Person, tmp_path: Path) -> None:
    for name, secret in (("open", ""), ("closed", "secret")):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", secret, "-f", tmp_path / name], check=True)
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", tmp_path / "ed.pem"], check=True)
    subprocess.run(["openssl", "genpkey", "-algorithm", "x25519", "-out", tmp_path / "x.pem"], check=True)
    assert owner("key", "import", "open", "--name", "S").code == 0
    assert owner("key", "import", "ed.pem", "--name", "E").code == 0
    closed = owner("key", "import", "closed")
    assert closed.code == 20
    assert "ssh-keygen -p" in closed.stderr
    assert owner("key", "import", "x.pem").code == 20
    (tmp_path / "weak.pub").write_bytes((ROOT / "tests/vectors/public-key/weak-identity").read_bytes().partition(b"\n\n")[2])
    weak = owner("key", "import", "weak.pub", "--signer", "true")
    assert weak.code == 20
    assert "weak key" in weak.stderr
    assert (
        owner(
            "key",
            "import",
            "ed.pem",
            "--vkey",
            "archive.example/main/log+d2341695+AUSuSC8EmWgrAk9gUm+j6Ch7scBTJbFKV1ilit/4cp3U",
        ).code
        == 2
    )
    assert [row["name"] for row in owner("key", "list", "--json").lines] == ["S", "E"]


@pytest.mark.long
def test_validity_in_the_trust_store(owner: Person, stranger: Person, tmp_path: Path) -> None:
    keyid = _begin(owner, stranger, tmp_path)
    stranger.done("trust", "remove", keyid)
    add = ("trust", "add", "old.pem", "--name", "A", "--fingerprint", keyid)
    for limits, code in (
        (("--valid-from", "2000-01-01", "--valid-until", "2400-01-01T00:00:00Z"), 0),
        (("--valid-until", "2000-01-01"), 41),
        (("--valid-from", "2400-01-01"), 41),
    ):
        stranger.done(*add, *limits)
        assert stranger("verify", "archive").code == code
        assert limits[1][:10] in stranger("trust", "list").stdout
        stranger.done("trust", "remove", keyid)
    assert stranger(*add, "--valid-from", "2026-01-02", "--valid-until", "2026-01-01").code == 2
    assert stranger(*add, "--valid-from", "yesterday").code == 2
    assert stranger(*add, "--valid-from", "2026-01-02T10:00").code == 2
    stranger.done(*add, "--recovery")
    assert stranger("trust", "list", "--json").lines[-1]["role"] == "recovery"
    assert stranger("verify", "archive").code == 41


# ---------------------------------------------------------------------------------------------------------------- passphrases


def _invoke(*arguments: str | Path) -> Result:
    return CliRunner().invoke(key_command, [str(argument) for argument in arguments])


@pytest.mark.long
def test_a_passphrase_set_changed_and_removed(config_home: Path, tmp_path: Path) -> None:
    (tmp_path / "one").write_text("first\n")
    (tmp_path / "two").write_text("second\n")
    assert _invoke("generate", "--no-passphrase").exit_code == 0
    (key,) = (config_home / "preserve" / "keys").glob("*.pem")

    def opens(secret: str) -> bool:
        return (
            subprocess.run(
                ["openssl", "pkey", "-in", key, "-passin", f"pass:{secret}", "-noout"], check=False, capture_output=True
            ).returncode
            == 0
        )

    assert _invoke("passphrase", "--new-file", tmp_path / "one").exit_code == 0
    assert opens("first")
    assert b"ENCRYPTED" in key.read_bytes()
    refused = _invoke("passphrase", "--passphrase-file", tmp_path / "two", "--remove")
    assert isinstance(refused.exception, PreserveError)
    assert "wrong passphrase" in refused.exception.message
    assert _invoke("passphrase", "--passphrase-file", tmp_path / "one", "--new-file", tmp_path / "two").exit_code == 0
    assert opens("second")
    assert not opens("first")
    assert _invoke("passphrase", "--passphrase-file", tmp_path / "two", "--remove").exit_code == 0
    assert b"ENCRYPTED" not in key.read_bytes()
    assert _invoke("passphrase", "--remove", "--keyring").exit_code != 0


def test_a_passphrase_in_the_keyring(config_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import keyring
    import keyring.backend

    from preserve.adapters.keys import KeyStore
    from preserve.cli.passphrase import opener

    class Ring(keyring.backend.KeyringBackend):
        priority = 1

        def __init__(self) -> None:
            super().__init__()  # type: ignore[no-untyped-call]  # keyring says nothing of its types
            self.held: dict[tuple[str, str], str] = {}

        def get_password(self, service: str, username: str) -> str | None:
            return self.held.get((service, username))

        def set_password(self, service: str, username: str, password: str) -> None:
            self.held[service, username] = password

        def delete_password(self, service: str, username: str) -> None:
            del self.held[service, username]

    before = keyring.get_keyring()
    ring = Ring()
    keyring.set_keyring(ring)
    try:
        (tmp_path / "pass").write_text("from the ring\n")
        made = _invoke("generate", "--keyring", "--passphrase-file", tmp_path / "pass")
        assert made.exit_code == 0, made.exception
        store = KeyStore(config_home / "preserve")
        (key,) = store.stored_keys()
        assert (key.keyring, ring.held) == (True, {("preserve", key.keyid): "from the ring"})
        assert store.signer(key, opener()).sign(b"x")
        assert _invoke("list").output.count("in the keyring") == 1
        assert _invoke("passphrase", "--remove").exit_code == 0
        assert ring.held == {}
        assert not store.stored_keys()[0].keyring
        assert _invoke("passphrase", "--keyring", "--new-file", tmp_path / "pass").exit_code == 0
        ring.held.clear()
        lost = _invoke("passphrase", "--remove")
        assert isinstance(lost.exception, PreserveError)
        assert "the keyring has no passphrase" in lost.exception.message
    finally:
        keyring.set_keyring(before)


def test_without_the_keyring_package_its_installation_is_told(
    config_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)
    (tmp_path / "pass").write_text("x\n")
    assert _invoke("generate", "--no-passphrase").exit_code == 0
    refused = _invoke("passphrase", "--keyring", "--new-file", tmp_path / "pass")
    assert isinstance(refused.exception, PreserveError)
    assert (refused.exception.exit_code, refused.exception.hint) == (3, "pip install 'preserve[keyring]'")
    (key,) = (config_home / "preserve" / "keys").glob("*.pem")
    assert b"ENCRYPTED" not in key.read_bytes()
