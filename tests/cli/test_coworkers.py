"""Three co-workers, each at a machine of their own, and a key of theirs that was stolen; the last signs with a P-256 key through a command."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from running import Finished, Run
from sites import AnyHostSite

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="a key of P-256 signs through openssl")


class People:
    """Each has their own keys and trust; files pass between them in one folder."""

    def __init__(self, preserve: Run, folder: Path, site: AnyHostSite) -> None:
        self._run, self.folder, self._site = preserve, folder, site

    def __call__(self, who: str, *arguments: str | Path) -> Finished:
        at = self.folder / "homes" / who
        return self._run(*arguments, env={"XDG_CONFIG_HOME": str(at / "config"), "XDG_STATE_HOME": str(at / "state")})

    def done(self, who: str, *arguments: str | Path) -> Finished:
        finished = self(who, *arguments)
        assert finished.code == 0, finished.stderr
        return finished

    def key_of(self, who: str) -> str:
        """Make a key, and the file WHO.pem of its public half; its id."""
        keyid = self.done(who, "key", "generate", "--no-passphrase", "--name", who).stdout.strip()
        (self.folder / f"{who}.pem").write_text(self.done(who, "key", "export").stdout)
        return keyid

    def capture(self, page: str) -> None:
        options = ("--connect-to", self._site.connect_to, "--delay", "0", "--robots", "ignore", "--no-probe", "--no-timestamp")
        assert self("owner", "capture", *options, "--url", f"http://x.example/{page}").code == 0


@pytest.fixture
def people(preserve: Run, tmp_path: Path, site: AnyHostSite) -> People:
    made = People(preserve, tmp_path, site)
    owner = made.key_of("owner")
    made.key_of("ann")
    made.key_of("bo")
    subprocess.run(
        ["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", "cy.key"],
        cwd=tmp_path, check=True, capture_output=True,
    )  # fmt: skip
    subprocess.run(["openssl", "pkey", "-in", "cy.key", "-pubout", "-out", "cy.pem"], cwd=tmp_path, check=True)
    made.capture("page")
    made.done("reader", "trust", "add", "owner.pem", "--name", "Archivist", "--fingerprint", owner)
    log = next(row["keyid"] for row in made("owner", "key", "list", "--json").lines if row["use"] == "log")
    vkey = made.done("owner", "key", "export", "--vkey", "--archive", "archive").stdout.strip()
    made.done("reader", "trust", "add", vkey, "--name", "the log", "--fingerprint", log)
    (tmp_path / "vkey").write_text(vkey)
    return made


def _row(people: People, keyid: str) -> dict[str, object]:
    return next(row for row in people("owner", "key", "list", "--json").lines if row["keyid"] == keyid)


def _signers(people: People) -> list[str]:
    return _signers_of(people, "archive")


def _signers_of(people: People, archive: str) -> list[str]:
    rows = people("reader", "verify", archive, "--json").lines
    return [row["result"] for row in rows if row.get("claim") == "signer"]


@pytest.mark.long
def test_a_stolen_key_is_revoked_by_two_of_three(people: People, tmp_path: Path) -> None:
    owner = next(row["keyid"] for row in people("owner", "key", "list", "--json").lines if row["default"])
    assert _row(people, owner)["coworkers"] is None
    people.done("owner", "key", "coworkers", "--need", "2", "ann.pem", "bo.pem", "cy.pem")
    circle = _row(people, owner)["coworkers"]
    assert isinstance(circle, dict)
    assert (circle["threshold"], len(circle["keyids"])) == (2, 3)
    assert "any 2 of 3 co-workers may revoke it" in people("owner", "key", "list").stdout
    assert people("reader", "verify", "archive").code == 0
    refused = people("owner", "key", "coworkers", "--need", "1", "ann.pem")
    assert (refused.code, "has to let these in" in refused.stderr) == (2, True)
    assert people("owner", "key", "recovery").code == 2

    # Nobody can do it alone, nor by two files of one person.
    people.done("owner", "key", "revoke", owner, "--reason", "compromised", "--draft", "one.txt")
    assert people("owner", "key", "revoke", owner, "--reason", "compromised", "--draft", "one.txt").code == 2
    shutil.copy(tmp_path / "one.txt", tmp_path / "two.txt")
    asked = people("ann", "key", "agree", "one.txt")
    assert (asked.code, "is revoked as compromised since" in asked.stderr) == (2, True)
    for name in ("one.txt", "two.txt"):
        people.done("ann", "key", "agree", name, "--yes")
    lone = people("owner", "key", "enter", "one.txt", "two.txt")
    assert (lone.code, "make another first" in lone.stderr) == (3, True)
    people.done("owner", "key", "generate", "--no-passphrase", "--name", "the next")
    lone = people("owner", "key", "enter", "one.txt", "two.txt")
    assert (lone.code, "1 of the 3 co-workers whom this archive's log names agreed, and it takes 2" in lone.stderr) == (
        41,
        True,
    )
    assert len(list((tmp_path / "archive/events").iterdir())) == 1

    sign = f"openssl dgst -sha256 -sign {tmp_path}/cy.key"
    people.done("cy", "key", "agree", "two.txt", "--yes", "--key", "cy.pem", "--signer", sign)
    done = people.done("owner", "key", "enter", "one.txt", "two.txt")
    assert "Recorded  events/000002-key" in done.stderr
    assert _row(people, owner)["revoked"] is True
    again = people("owner", "key", "enter", "one.txt", "two.txt")
    assert (again.code, "the log says so already" in again.stderr) == (41, True)
    assert _signers(people) == ["not-checked"]
    told = people("reader", "verify", "archive")
    assert (told.code, "agreed to by 2 of 3 co-workers" in told.stdout) == (41, True)

    # The same from a packet, a bundle and a run in its place, by both verifiers.
    people("owner", "prove", "archive", "http://x.example/page", "-o", "packet.zip")
    people("owner", "bundle", "archive", "-o", "bundle.wacz")
    for what in ("packet.zip", "bundle.wacz", next((tmp_path / "archive/runs").iterdir())):
        found = people("reader", "verify", what)
        assert (found.code, "was revoked as compromised" in found.stdout) == (41, True), found.stdout
    subprocess.run(["unzip", "-q", "packet.zip", "-d", "packet"], cwd=tmp_path, check=True)
    alone = subprocess.run(
        [sys.executable, "packet/verify.py", "--key", owner, "--log", (tmp_path / "vkey").read_text(), "packet.zip"],
        cwd=tmp_path, check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert (alone.returncode, alone.stdout.splitlines()[-1]) == (41, "NOT ESTABLISHED signer-unknown")
    assert "is revoked as compromised" in alone.stdout


@pytest.mark.long
def test_others_come_in_when_enough_agree(people: People, tmp_path: Path) -> None:
    nobody = people("owner", "key", "coworkers", "--need", "1", "ann.pem", "--draft", "early.txt")
    assert (nobody.code, "nobody was named in this archive before" in nobody.stderr) == (2, True)
    people.done("owner", "key", "coworkers", "--need", "1", "ann.pem", "bo.pem")
    people.done("owner", "key", "coworkers", "--need", "1", "cy.pem", "--draft", "next.txt")
    assert people("owner", "key", "enter", "next.txt").code == 41
    people.done("bo", "key", "agree", "next.txt", "--yes")
    assert "already" in people.done("bo", "key", "agree", "next.txt", "--yes").stderr
    people.done("owner", "key", "enter", "next.txt")
    assert people("reader", "verify", "archive").code == 0
    again = people("owner", "key", "enter", "next.txt")
    assert (again.code, "draft it anew" in again.stderr) == (41, True)
    people.done("owner", "trust", "list")

    # Bo is none of them any more, and a file about another archive is refused before anything is asked.
    owner = next(row["keyid"] for row in people("owner", "key", "list", "--json").lines if row["default"])
    people.done("owner", "key", "revoke", owner, "--reason", "superseded", "--draft", "up.txt")
    people.done("bo", "key", "agree", "up.txt", "--yes")
    people.done("owner", "key", "generate", "--no-passphrase", "--name", "the next")
    assert people("owner", "key", "enter", "up.txt").code == 41
    (tmp_path / "up.txt").write_bytes((tmp_path / "up.txt").read_bytes().replace(b'"archive": "preserve/', b'"archive": "q/'))
    assert people("owner", "key", "enter", "up.txt").code == 20


@pytest.mark.long
def test_a_key_is_given_up_since_the_draft(people: People, tmp_path: Path) -> None:
    owner = next(row["keyid"] for row in people("owner", "key", "list", "--json").lines if row["default"])
    people.done("owner", "key", "coworkers", "--need", "1", "ann.pem", "bo.pem")
    drafts = ("first.txt", "second.txt", "third.txt")
    for name in drafts:
        people.done("owner", "key", "revoke", owner, "--reason", "superseded", "--draft", name)
        asked = people("ann", "key", "agree", name)
        assert "is revoked as superseded since 20" in asked.stderr
        people.done("ann", "key", "agree", name, "--yes")
    first, second, third = [
        next(row for row in (tmp_path / name).read_text().splitlines() if '"since"' in row).split('"')[3] for name in drafts
    ]
    assert first < second < third
    people.done("owner", "key", "generate", "--no-passphrase", "--name", "the next")
    for name, code in (("second.txt", 0), ("third.txt", 41), ("first.txt", 0), ("second.txt", 41)):
        entered = people("owner", "key", "enter", name)
        assert (entered.code, "the log says so already" in entered.stderr) == (code, code == 41), entered.stderr
    told = [row["detail"] for row in people("reader", "verify", "archive", "--json").lines if row.get("claim") == "events"]
    for since in (first, second):
        assert any(f"superseded since {since}" in said for said in told)


@pytest.mark.long
@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("--need", "0", "ann.pem"), 2, "0 of 1 co-workers can never agree"),
        (("--need", "3", "ann.pem", "bo.pem"), 2, "3 of 2 co-workers can never agree"),
        (("--need", "1", "ann.pem", "ann.pem"), 2, "named twice"),
        (("--need", "1", "owner.pem"), 2, "no co-worker of itself"),
        (("--need", "1", "cy.key"), 2, "is a private key"),
        (("--need", "1", "vkey"), 20, "public key"),
        (("--need", "1"), 2, "PUB.pem"),
    ],
    ids=["none", "too many", "twice", "oneself", "private", "a log's", "nobody"],
)
def test_circles_that_are_none(people: People, arguments: tuple[str, ...], code: int, says: str) -> None:
    done = people("owner", "key", "coworkers", *arguments)
    assert (done.code, says in done.stderr) == (code, True), done.stderr


def test_who_has_no_key_cannot_agree(people: People, tmp_path: Path) -> None:
    people.done("owner", "key", "coworkers", "--need", "1", "ann.pem")
    owner = next(row["keyid"] for row in people("owner", "key", "list", "--json").lines if row["default"])
    people.done("owner", "key", "revoke", owner, "--reason", "superseded", "--draft", "draft.txt")
    done = people("dee", "key", "agree", "draft.txt", "--yes")
    assert (done.code, "there is no signing key yet" in done.stderr) == (3, True)
    entered = people("owner", "key", "enter", "draft.txt")
    assert (entered.code, "every signing key here is revoked, or about to be" in entered.stderr) == (3, True)
    shutil.move(tmp_path / "homes/owner/config/preserve/keys", tmp_path / "homes/keys")
    entered = people("owner", "key", "enter", "draft.txt")
    assert (entered.code, "there is no signing key here" in entered.stderr) == (3, True)
    assert "revoked" not in entered.stderr


def _pinned(people: People) -> dict[str, tuple[int, str | None]]:
    """The co-workers in the owner's own store: how many it takes, and why one counts no more."""
    rows = people("owner", "trust", "list", "--json").lines
    return {row["keyid"]: (row["threshold"], row["reason"]) for row in rows if row["role"] == "coworker"}


@pytest.mark.long
def test_another_archive_names_others_and_who_is_revoked_stays_so(people: People, tmp_path: Path) -> None:
    ann, bo = (people(who, "trust", "list", "--json").lines[0]["keyid"] for who in ("ann", "bo"))
    dee = people.key_of("dee")
    people.done("owner", "key", "coworkers", "--need", "2", "ann.pem", "bo.pem")
    shutil.move(tmp_path / "archive", tmp_path / "first")
    people.capture("page")
    people.done("owner", "key", "coworkers", "--need", "1", "ann.pem", "dee.pem")
    assert _pinned(people) == {ann: (2, None), bo: (2, None), dee: (1, None)}

    people.done("owner", "trust", "revoke", bo, "--reason", "compromised")
    first = ("--archive", "first", "--draft", "next.txt")
    named = people("owner", "key", "coworkers", "--need", "1", "bo.pem", "dee.pem", *first)
    assert (named.code, f"preserve trust remove {bo}" in named.stderr) == (2, True), named.stderr
    people.done("owner", "key", "coworkers", "--need", "1", "dee.pem", *first)
    for who in ("ann", "bo"):
        people.done(who, "key", "agree", "next.txt", "--yes")
    lacking = people("owner", "key", "enter", "next.txt", "--archive", "first")
    assert (lacking.code, "whose keys were not given up" in lacking.stderr) == (41, True), lacking.stderr
    people.done("owner", "trust", "remove", bo)
    people.done("owner", "key", "enter", "next.txt", "--archive", "first")
    assert _pinned(people) == {dee: (1, None)}, "ann went where others came in her place"

    # Revoked between the draft and the day it is entered.
    people.done("owner", "key", "coworkers", "--need", "1", "ann.pem", "bo.pem", "--draft", "late.txt", "--archive", "first")
    people.done("dee", "key", "agree", "late.txt", "--yes")
    people.done("owner", "trust", "add", "bo.pem", "--name", "Bo", "--fingerprint", bo)
    people.done("owner", "trust", "revoke", "Bo", "--reason", "superseded")
    late = people("owner", "key", "enter", "late.txt", "--archive", "first")
    assert (late.code, "is revoked in your trust store" in late.stderr) == (2, True), late.stderr


@pytest.mark.long
def test_a_key_that_never_signs_alone_does_not_agree(people: People, tmp_path: Path) -> None:
    mldsa = pytest.importorskip(
        "cryptography.hazmat.primitives.asymmetric.mldsa", reason="this version of cryptography has no ML-DSA"
    )
    private = mldsa.MLDSA65PrivateKey.generate()
    (tmp_path / "seed").write_bytes(private.private_bytes_raw())
    (tmp_path / "mldsa.pem").write_bytes(private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    (tmp_path / "sign.py").write_text(
        "import sys\nfrom cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA65PrivateKey as Key\n"
        "key = Key.from_seed_bytes(open('seed', 'rb').read())\nsys.stdout.buffer.write(key.sign(sys.stdin.buffer.read()))\n"
    )
    people.done("owner", "key", "coworkers", "--need", "1", "ann.pem")
    owner = next(row["keyid"] for row in people("owner", "key", "list", "--json").lines if row["default"])
    people.done("owner", "key", "revoke", owner, "--reason", "compromised", "--draft", "draft.txt")
    before = (tmp_path / "draft.txt").read_bytes()
    signer = ("--key", "mldsa.pem", "--signer", f"{sys.executable} sign.py")
    done = people("dee", "key", "agree", "draft.txt", "--yes", *signer)
    assert (done.code, "never the only signature" in done.stderr) == (2, True), done.stderr
    assert (tmp_path / "draft.txt").read_bytes() == before
    assert people("dee", "trust", "list").stdout == "", "nor is it anybody's own"


@pytest.mark.long
def test_co_workers_of_another_archive_do_not_make_up_the_number(people: People, tmp_path: Path) -> None:
    """The owner's own store has them all; whoever else verifies knows those whom the archive's own log names."""
    owner = next(row["keyid"] for row in people("owner", "key", "list", "--json").lines if row["default"])
    people.done("owner", "key", "coworkers", "--need", "2", "ann.pem", "bo.pem")
    shutil.move(tmp_path / "archive", tmp_path / "first")
    people.capture("page")
    dee = people.key_of("dee")
    people.done("owner", "key", "coworkers", "--need", "1", "dee.pem")
    people.done("owner", "key", "generate", "--no-passphrase", "--name", "the next")
    first = ("--archive", "first")
    people.done("owner", "key", "revoke", owner, "--reason", "compromised", "--draft", "mix.txt", *first)
    for who in ("ann", "dee"):
        people.done(who, "key", "agree", "mix.txt", "--yes")
    refused = people("owner", "key", "enter", "mix.txt", *first)
    assert refused.code == 41, refused.stderr
    assert "1 of the 2 co-workers whom this archive's log names agreed, and it takes 2" in refused.stderr
    assert "1 more agreed who is named in your trust store, and not in this log" in refused.stderr
    assert "still to agree: " in refused.stderr
    assert _groups(dee) not in refused.stderr.partition("still to agree: ")[2]
    assert _signers_of(people, "first") == ["pass"]
    people.done("bo", "key", "agree", "mix.txt", "--yes")
    people.done("owner", "key", "enter", "mix.txt", *first)
    assert _signers_of(people, "first") == ["not-checked"]


@pytest.mark.long
def test_whom_no_log_names_counts_for_those_who_trust_them_by_hand(people: People, tmp_path: Path) -> None:
    owner = next(row["keyid"] for row in people("owner", "key", "list", "--json").lines if row["default"])
    ann = people("ann", "trust", "list", "--json").lines[0]["keyid"]
    by_hand = ("trust", "add", "ann.pem", "--coworker", "1", "--fingerprint", ann, "--name")
    people.done("owner", *by_hand, "owner")
    people.done("owner", "key", "generate", "--no-passphrase", "--name", "the next")
    people.done("owner", "key", "revoke", owner, "--reason", "compromised", "--draft", "alone.txt")
    people.done("ann", "key", "agree", "alone.txt", "--yes")
    entered = people.done("owner", "key", "enter", "alone.txt")
    assert "This archive's log names no co-workers: it counts only for those who trust these by hand" in entered.stderr
    assert _signers(people) == ["pass"]
    people.done("reader", *by_hand, "Archivist")
    assert _signers(people) == ["not-checked"]


def _groups(keyid: str) -> str:
    return "-".join(keyid[place : place + 4] for place in range(0, 64, 4))
