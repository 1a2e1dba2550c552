"""`preserve trust import` and `export`: keys handed over from one archivist to the next, as a file of entries; each is shown before it counts."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from preserve.cli.custodyoptions import record, said, say, settle, signing, tell_of
from preserve.cli.moments import revocation
from preserve.cli.names import FOLDER
from preserve.cli.words import WORDS
from preserve.errors import ConfigError, ExitCode, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from preserve.model.event import TrustTaken
    from preserve.model.trust import Revocation, TrustedKey

_MAX_SIZE = 1 << 20
_DOES = {
    "operator": "signs manifests",
    "log": "signs the checkpoints of that log",
    "witness": "cosigns the checkpoints of logs",
    "tsa": "stands at the root of the time-stamps that manifests name so",
    "recovery": "may revoke and replace every key of the signer of that name, and signs nothing else",
    "cosigner": "signs with SSH what was sealed by others",
    "coworker": "may, together with others, revoke the keys of the signer of that name, and signs nothing else",
}


@click.command("import")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE")
@click.option("--yes", is_flag=True, help="Take every key without asking; for scripts, after the fingerprints were compared.")
@click.option(
    "--archive",
    type=FOLDER,
    metavar="DIR",
    help="Record in this archive, signed and logged, which keys were taken into trust and why.",
)
@click.option("--reason", type=WORDS, metavar="TEXT", help="Why; signed and logged with --archive.")
@signing
def import_(
    file: Path,
    archive: Path | None,
    reason: str | None,
    key: str | None,
    operator: str | None,
    tsa: tuple[str, ...],
    *,
    yes: bool,
    no_timestamp: bool,
) -> ExitCode:
    """Take keys into trust from a file that somebody else hands over: their trust.toml, or what `preserve trust export` printed.

    Each key that is new here is shown with its fingerprint, what it would be trusted for and when its signatures count, and taken only when
    you say so. Keys that you trust already stay as they are, and those that you revoked stay revoked. A key that is revoked in FILE is
    taken as revoked.

    With --archive the archive's log says from then on who took which keys into trust, when and why. It binds nobody else to trust them.
    """
    from datetime import UTC, datetime

    from preserve.adapters.trust import TrustStore, pinned, read
    from preserve.formats.counted import counted
    from preserve.places import config_folder

    if (archive is None) is not (reason is None):
        raise UsageError("--archive and --reason go together", "the archive's log is to say why")
    if archive is not None and not (archive / "archive.toml").is_file():
        raise UsageError(f"{archive} is not an archive", "without --archive nothing is logged")
    data = _read(file)
    store, now = TrustStore(config_folder()), datetime.now(UTC)
    known = store.trusted_keys()
    offered = _revoked_everywhere(read(data.decode("utf-8"), str(file)))
    taken: list[TrustedKey] = []
    if not yes and not sys.stdin.isatty() and any(pinned(one, known) is None for one in offered):
        raise UsageError("there is no terminal to ask on", "compare every fingerprint by another way, and say --yes")
    for one in offered:
        here = pinned(one, known)
        for line in _shown(one, known, here):
            say(line)
        if (
            here is None
            and not _is_revoked_here(one, known)
            and (yes or click.confirm("  Is this its owner's own fingerprint, and do you trust it?", err=True))
        ):
            taken.append(replace(one, added=now))
    if not taken:
        say("Nothing was added.")
        return ExitCode.DONE if all(pinned(one, known) for one in offered) else ExitCode.UNESTABLISHED
    if archive is not None and reason is not None:
        body = _body(file, data, said(reason), taken)
        tell_of(record(settle(archive, key, operator, tsa, no_timestamp=no_timestamp), body))
    store.add(*taken)
    say(f"Trusted from now on: {counted(len(taken), 'key')} of {len(offered)}.")
    return ExitCode.DONE


@click.command("export")
@click.argument("name", required=False)
def export(name: str | None) -> None:
    """Print the keys you trust, as a file that `preserve trust import` reads.

    With NAME, print the roots you trust for the time-stamp authority of that name, as PEM: what openssl wants as -CAfile.
    """
    from preserve.adapters.trust import TrustStore, written
    from preserve.formats.printable import printable
    from preserve.places import config_folder

    trusted = TrustStore(config_folder()).trusted_keys()
    if name is None:
        if not trusted:
            raise ConfigError("you trust no key yet, so there is nothing to hand over", "preserve trust add")
        click.echo(written(trusted), nl=False)
        return
    roots = [key.certificate for key in trusted if key.name == name and key.certificate]
    if not roots:
        raise ConfigError(f"no root is trusted for an authority called {printable(name)}", "`preserve trust list` shows them")
    click.echo("".join(roots), nl=False)


def _read(file: Path) -> bytes:
    try:
        with file.open("rb") as opened:
            data = opened.read(_MAX_SIZE + 1)
        data.decode("utf-8")
    except OSError as problem:
        raise UsageError(f"{file}: {problem.strerror}") from problem
    except UnicodeDecodeError as problem:
        raise UsageError(f"{file}: not a trust file: not UTF-8 at byte {problem.start}") from None
    if len(data) > _MAX_SIZE:
        raise UsageError(f"{file}: not a trust file: longer than {_MAX_SIZE} bytes")
    return data


def _shown(key: TrustedKey, known: Sequence[TrustedKey], here: TrustedKey | None) -> Iterator[str]:
    """What there is to know of an entry before it is taken."""
    from preserve.cli.fingerprints import in_rows
    from preserve.formats.sshkey import parse
    from preserve.formats.times import rfc3339

    yield f"{key.role}  {key.name}: {_DOES[key.role]}"
    yield from in_rows("  Fingerprint  ", key.keyid).split("\n")
    if key.ssh is not None:
        yield f"  SSH key      {parse(key.ssh).key.fingerprint}"
    if key.vkey is not None:
        yield f"  vkey         {key.vkey}"
    if key.threshold is not None:
        yield f"  it takes {key.threshold} of those of that name"
    for what, moment in (("counts from", key.valid_from), ("counts until", key.valid_until)):
        if moment is not None:
            yield f"  {what} {rfc3339(moment)}"
    if said := revocation((key,)):
        yield f"  {said}, by this file"
    if _is_revoked_here(key, known):
        yield f"  In your trust store this key is {revocation(old for old in known if old.keyid == key.keyid)}, and stays so."
        return
    if here is not None:
        same = _limits(here) == _limits(key) and here.name == key.name
        other = "" if same else "; your entry stays as it is, and says something else of it: preserve trust list"
        yield f"  You trust it already{other}."
        return
    if same_name := [old for old in known if old.name == key.name]:
        roles = ", ".join(sorted({old.role for old in same_name}))
        yield f"  You trust another key under this name ({roles})."


def _revoked_everywhere(offered: Sequence[TrustedKey]) -> list[TrustedKey]:
    """What one entry of a file says of a key's revocation holds for its other entries too, as in a store of this user's own."""
    from preserve.model.trust import worse

    gone: dict[str, tuple[datetime, Revocation]] = {}
    for one in offered:
        if one.revoked_at is not None and one.reason is not None:
            gone[one.keyid] = worse(gone.get(one.keyid, (None, None)), (one.revoked_at, one.reason))
    return [
        replace(one, revoked_at=gone[one.keyid][0], reason=gone[one.keyid][1]) if one.keyid in gone else one for one in offered
    ]


def _is_revoked_here(key: TrustedKey, known: Sequence[TrustedKey]) -> bool:
    """Whether taking this entry would trust again, in whatever role, a key that this user's own store has revoked."""
    return key.revoked_at is None and any(old.keyid == key.keyid and old.revoked_at is not None for old in known)


def _limits(key: TrustedKey) -> tuple[object, ...]:
    return key.valid_from, key.valid_until, key.revoked_at, key.reason, key.threshold


def _body(file: Path, data: bytes, reason: str, taken: Sequence[TrustedKey]) -> TrustTaken:
    import hashlib

    from preserve.formats.bodies.trust import MOST
    from preserve.formats.times import to_milliseconds
    from preserve.model.event import TakenKey, TrustTaken

    if len(taken) > MOST:
        raise UsageError(f"{len(taken)} keys are too many for one event", f"take them in files of {MOST}")
    keys = [
        TakenKey(
            keyid=key.keyid,
            role=key.role,
            name=key.name,
            valid_from=key.valid_from and to_milliseconds(key.valid_from),
            valid_until=key.valid_until and to_milliseconds(key.valid_until),
            revoked_at=key.revoked_at and to_milliseconds(key.revoked_at),
            reason=key.reason,
            threshold=key.threshold,
        )
        for key in taken
    ]
    # A witness with two vkeys is one key here, if its limits are the same.
    ordered = tuple(sorted(set(keys), key=lambda key: (key.keyid, key.role, key.name)))
    try:
        return TrustTaken(reason=reason, file=file.name, sha256=hashlib.sha256(data).hexdigest(), keys=ordered)
    except ValueError as problem:
        raise UsageError(f"{file}: one event cannot say this: {problem}", "take the entries in two files") from None
