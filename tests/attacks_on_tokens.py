"""Attacks on time: tokens taken away, swapped, of others, of other times; and the honest cases beside them.

Like the other attacks, on an archive of two runs; but each names two authorities, and carries start tokens and tokens of theirs. The
verifier has both roots pinned. `script` is the exit code of the independent check of the run's folder, given the same roots.
"""

from __future__ import annotations

import copy
import functools
import hashlib
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from archives import Archivist, Files
from attacktools import ALTERED, OK, UNESTABLISHED, Attack
from authorities import Authority, Issuer, shared
from preserve.formats import manifest
from preserve.model.finding import Claim
from preserve.model.manifest import Manifest, StartToken, TimestampEntry
from preserve.model.trust import TrustedKey

TOKEN_ATTACKS: list[Attack] = []


def now() -> datetime:
    """The time of day: authorities know no other one."""
    return datetime.now(UTC).replace(microsecond=0)


def trusted(archivist: Archivist) -> tuple[TrustedKey, ...]:
    return (*archivist.trusted, *(shared(name).issuer.pinned(name) for name in ("a", "b")))


def roots(folder: Path) -> Path:
    """The roots of both authorities as the independent check wants them."""
    folder.mkdir()
    for name in ("a", "b"):
        shutil.copy(shared(name).root_file, folder / f"{name}.pem")
    return folder


def add_stamped(
    archivist: Archivist,
    *,
    created: datetime | None = None,
    ends: Sequence[str] = ("a", "b"),
    began: datetime | None = None,
    start_message: bytes | None = None,
    **options: Any,
) -> Files:
    """One more run made at `created`, now when that is None, that names the authorities `ends`; its start tokens are of `began`."""
    starts: Files = {}
    moment = created or now()

    def tweak(said: Manifest) -> Manifest:
        message = manifest.start_message(said.run_id, said.nonce) if start_message is None else start_message
        for name in ends:
            reply = shared(name).stamp(message) if began is None else shared(name).backdate(message, began)
            starts[manifest.start_token_path(name)] = reply
        return replace(
            said,
            created=moment,
            timestamps=tuple(TimestampEntry(authority=name) for name in ends),
            start_tokens=tuple(
                StartToken(
                    authority=name,
                    file=manifest.start_token_path(name),
                    sha256=hashlib.sha256(starts[manifest.start_token_path(name)]).hexdigest(),
                )
                for name in ends
            ),
        )

    run = archivist.add_run(tweak=tweak, **options)
    run |= starts
    for name in ends:
        run[manifest.token_path(name)] = shared(name).stamp(run["SEAL"])
    return run


@functools.cache
def _good() -> Archivist:
    archivist = Archivist()
    add_stamped(archivist)
    add_stamped(archivist)
    return archivist


def good() -> Archivist:
    return copy.deepcopy(_good())


def _attack(
    name: str, exit_code: int, claim: Claim | None, says: str, *, alone: int | None = None, script: int | None = None
) -> Callable[[Callable[[Archivist, Path], None]], None]:
    def keep(does: Callable[[Archivist, Path], None]) -> None:
        alone_ = exit_code if alone is None else alone
        TOKEN_ATTACKS.append(
            Attack(
                name=name,
                does=does,
                exit=exit_code,
                claim=claim,
                says=says,
                alone=alone_,
                script=alone_ if script is None else script,
            )
        )

    return keep


def _on_run(
    name: str, exit_code: int, claim: Claim, says: str, *, script: int | None = None
) -> Callable[[Callable[[Path], None]], None]:
    """An outsider's change to the folder of run 1."""

    def keep(change: Callable[[Path], None]) -> None:
        def does(archivist: Archivist, root: Path) -> None:
            archivist.write(root)
            change(root / "runs" / archivist.names[1])

        _attack(name, exit_code, claim, says, script=script)(does)

    return keep


@_attack("an honest archive", OK, Claim.CREATED, "borne out within 24 hours by a, b")
def _(archivist: Archivist, root: Path) -> None:
    archivist.write(root)


# ------------------------------------------------------------------------------------------------------------- by an outsider


@_on_run("a token removed", UNESTABLISHED, Claim.NOT_AFTER, "a.tsr: missing: the manifest names it")
def _(run: Path) -> None:
    (run / "timestamps/a.tsr").unlink()


@_on_run("a folder in the place of a token", ALTERED, Claim.COMPLETENESS, "unlisted folder")
def _(run: Path) -> None:
    (run / "timestamps/a.tsr").unlink()
    (run / "timestamps/a.tsr").mkdir()


@_on_run("every token removed", UNESTABLISHED, Claim.NOT_BEFORE, "start-b.tsr: missing: the manifest names it")
def _(run: Path) -> None:
    shutil.rmtree(run / "timestamps")


@_on_run("a start token removed", UNESTABLISHED, Claim.NOT_BEFORE, "start-a.tsr: missing")
def _(run: Path) -> None:
    (run / "timestamps/start-a.tsr").unlink()


@_on_run(
    "the token of one authority as another's", ALTERED, Claim.NOT_AFTER, "b.tsr: does not verify: unable to get local issuer"
)
def _(run: Path) -> None:
    shutil.copy(run / "timestamps/a.tsr", run / "timestamps/b.tsr")


@_on_run("the token of another run", ALTERED, Claim.NOT_AFTER, "it is over other bytes")
def _(run: Path) -> None:
    shutil.copy(min(run.parent.iterdir()) / "timestamps/a.tsr", run / "timestamps/a.tsr")


@_on_run("the start token of another run", ALTERED, Claim.NOT_BEFORE, "not the token that the manifest names")
def _(run: Path) -> None:
    shutil.copy(min(run.parent.iterdir()) / "timestamps/start-a.tsr", run / "timestamps/start-a.tsr")


@_on_run("a start token in place of a token", ALTERED, Claim.NOT_AFTER, "it is over other bytes")
def _(run: Path) -> None:
    shutil.copy(run / "timestamps/start-a.tsr", run / "timestamps/a.tsr")


@_on_run("a fresh start token over the same bytes", ALTERED, Claim.NOT_BEFORE, "not the token that the manifest names")
def _(run: Path) -> None:
    said = manifest.decode((run / "manifest.json").read_bytes())
    (run / "timestamps/start-a.tsr").write_bytes(shared("a").stamp(manifest.start_message(said.run_id, said.nonce)))


@_on_run("garbage for a token", ALTERED, Claim.NOT_AFTER, "not a time-stamp")
def _(run: Path) -> None:
    (run / "timestamps/a.tsr").write_bytes(b"<html>")


@_on_run("nothing for a token", ALTERED, Claim.NOT_AFTER, "not a time-stamp")
def _(run: Path) -> None:
    (run / "timestamps/a.tsr").write_bytes(b"")


@_on_run("a byte after a token", ALTERED, Claim.NOT_AFTER, "not a time-stamp", script=OK)
def _(run: Path) -> None:
    """openssl reads what it needs and stops."""
    with (run / "timestamps/a.tsr").open("ab") as file:
        file.write(b"\0")


@_on_run("a token longer than any", ALTERED, Claim.NOT_AFTER, "longer than", script=OK)
def _(run: Path) -> None:
    with (run / "timestamps/a.tsr").open("ab") as file:
        file.write(bytes(manifest.MAX_TOKEN))


@_on_run("a refusal for a token", ALTERED, Claim.NOT_AFTER, "not granted: waiting")
def _(run: Path) -> None:
    (run / "timestamps/a.tsr").write_bytes(bytes.fromhex("30053003020103"))


@_on_run("a token over a SHA-1", ALTERED, Claim.NOT_AFTER, "only SHA-256, SHA-384 and SHA-512 count")
def _(run: Path) -> None:
    """Genuine, but of a hash under which two files can be made alike; openssl does not mind."""
    (run / "timestamps/a.tsr").write_bytes(shared("a").stamp((run / "SEAL").read_bytes(), "sha1"))


def _thief(run: Path) -> None:
    """An authority of the attacker's own, whose root comes along with its tokens."""
    issuer = Issuer("Root of a")
    thief = Authority(run.parent.parent / ".." / f"thief-{run.name}", issuer, extra=(issuer.certificate,))
    (run / "timestamps/a.tsr").write_bytes(thief.stamp((run / "SEAL").read_bytes()))


_on_run("a token under the attacker's own root, sent along", ALTERED, Claim.NOT_AFTER, "self-signed certificate")(_thief)


@_on_run("a token that was signed with a certificate of the past", ALTERED, Claim.NOT_AFTER, "certificate has expired")
def _(run: Path) -> None:
    old = Authority(run.parent.parent / ".." / f"old-{run.name}", shared("a").issuer, days=(-20, -10))
    (run / "timestamps/a.tsr").write_bytes(old.stamp((run / "SEAL").read_bytes()))


@_on_run("a token became a link", ALTERED, Claim.INTEGRITY, "only plain files and folders belong here")
def _(run: Path) -> None:
    (run / "timestamps/a.tsr").rename(run.parent.parent.parent / "elsewhere")
    (run / "timestamps/a.tsr").symlink_to(run.parent.parent.parent / "elsewhere")


# -------------------------------------------------------------------------------------------------- what nobody named beforehand


@_on_run("a genuine token added", OK, Claim.NOT_AFTER, "later.tsr: no root is pinned for later")
def _(run: Path) -> None:
    (run / "timestamps/later.tsr").write_bytes(shared("a").stamp((run / "SEAL").read_bytes()))


@_on_run("a token over something else added", ALTERED, Claim.COMPLETENESS, "later.tsr: unlisted file")
def _(run: Path) -> None:
    (run / "timestamps/later.tsr").write_bytes(shared("a").stamp(b"something else"))


@_on_run("a file that is no token added", ALTERED, Claim.COMPLETENESS, "later.tsr: unlisted file")
def _(run: Path) -> None:
    (run / "timestamps/later.tsr").write_bytes(b"a letter")


@_on_run("a start token added", ALTERED, Claim.COMPLETENESS, "start-later.tsr: unlisted file")
def _(run: Path) -> None:
    (run / "timestamps/start-later.tsr").write_bytes(shared("a").stamp((run / "SEAL").read_bytes()))


@_on_run("another file among the tokens", ALTERED, Claim.COMPLETENESS, "a.txt: unlisted file")
def _(run: Path) -> None:
    (run / "timestamps/a.txt").write_bytes(b"")


# -------------------------------------------------------------------------------------------------------------- with the keys


def _replace_last(archivist: Archivist, make: Callable[[], Files], *, keep_tokens: bool) -> None:
    """The signer's own key makes run 1 anew; the log, and whoever has seen it, stays as it was."""
    old, name = archivist.runs.pop(), archivist.names.pop()
    entries = list(archivist.entries)
    archivist.entries.pop()
    run = make()
    archivist.entries[:] = entries
    archivist.names[-1] = name
    run["log/seal.tlog-proof"] = old["log/seal.tlog-proof"]
    if keep_tokens:
        run |= {path: data for path, data in old.items() if path in ("timestamps/a.tsr", "timestamps/b.tsr")}


@_attack("forged content under the signer's key, the old tokens", ALTERED, Claim.NOT_AFTER, "it is over other bytes")
def _(archivist: Archivist, root: Path) -> None:
    _replace_last(archivist, lambda: add_stamped(archivist, body=lambda page: b"forged %d" % page), keep_tokens=True)
    archivist.write(root)


@_attack("forged content under the signer's key, fresh tokens", ALTERED, Claim.LOG_INCLUSION, "", alone=ALTERED)
def _(archivist: Archivist, root: Path) -> None:
    _replace_last(archivist, lambda: add_stamped(archivist, body=lambda page: b"forged %d" % page), keep_tokens=False)
    archivist.write(root)


@_attack("back-dated, with fresh genuine tokens", UNESTABLISHED, Claim.CREATED, "not borne out")
def _(archivist: Archivist, root: Path) -> None:
    past = now() - timedelta(days=3)
    forged = Archivist()
    add_stamped(forged, created=past, began=past)
    forged.write(root)


@_attack(
    "back-dated, and a start token gives it away", ALTERED, Claim.NOT_BEFORE, "after the run that begins with it was sealed"
)
def _(archivist: Archivist, root: Path) -> None:
    forged = Archivist()
    add_stamped(forged, created=now() - timedelta(hours=2))
    forged.write(root)


@_attack("post-dated, and a token gives it away", ALTERED, Claim.NOT_AFTER, "one of the clocks was wrong")
def _(archivist: Archivist, root: Path) -> None:
    add_stamped(archivist, created=now() + timedelta(hours=2))
    archivist.write(root)


@_attack("a start token over something older", ALTERED, Claim.NOT_BEFORE, "it is over other bytes")
def _(archivist: Archivist, root: Path) -> None:
    add_stamped(archivist, start_message=b"a question asked years ago")
    archivist.write(root)


@_attack("an authority that nobody pinned", UNESTABLISHED, Claim.NOT_AFTER, "no root is pinned for c")
def _(archivist: Archivist, root: Path) -> None:
    add_stamped(archivist, ends=("a", "c"))
    archivist.write(root)
