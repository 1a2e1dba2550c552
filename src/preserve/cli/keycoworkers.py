"""`preserve key coworkers`, `agree` and `enter`: people who may revoke a key together, and how they do."""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from preserve.cli import whicharchive
from preserve.cli.custodyoptions import say, settle, signing, stating, tell_of
from preserve.cli.names import FILE
from preserve.errors import ExitCode, UsageError
from preserve.formats.printable import printable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from preserve.formats.agreement import Draft
    from preserve.model.trust import Revocation

DRAFT = click.option(
    "--draft",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="enter nothing: write to FILE what the co-workers are to agree to, each with preserve key agree",
)
_ARCHIVE = whicharchive.option("the archive in whose log it is stated")


@click.command()
@click.argument("people", nargs=-1, required=True, metavar="PUB.pem...")
@click.option("--need", type=int, required=True, metavar="K", help="how many of them it takes")
@_ARCHIVE
@click.option(
    "--recovery",
    "paper",
    metavar="FILE",
    help="sign with the recovery key typed into FILE; - is standard input or the keyboard",
)
@DRAFT
@stating
def coworkers(
    people: tuple[str, ...],
    need: int,
    archive: Path,
    paper: str | None,
    draft: Path | None,
    operator: str | None,
    tsa: tuple[str, ...],
    *,
    no_timestamp: bool,
) -> None:
    """Name the co-workers any K of whom may together revoke your signing key, and the keys that follow it.

    PUB.pem are their public keys (each: preserve key export), at most 16; compare the fingerprints with their owners. Name them before they
    are needed, and have it stamped. They can revoke and nothing else: they sign no manifest and let no key follow.

    Where a recovery key was named before, it signs too (--recovery). In place of co-workers who were named before, others come by
    --recovery, or when enough of those agree: --draft FILE, then preserve key agree and key enter.
    """
    from dataclasses import replace

    from preserve.cli import passphrase
    from preserve.cli.fingerprints import in_rows
    from preserve.cli.keychange import paper_of
    from preserve.formats.agreement import Draft
    from preserve.formats.publickey import fingerprint_groups
    from preserve.wiring import coworkers as wired
    from preserve.wiring import keychanges
    from preserve.wiring.signing import open_signer

    owner, stored = keychanges.subject(None)
    assert stored is not None, "the key that signs is here"
    members = [_public(path) for path in people]
    if len(set(members)) != len(members):
        raise UsageError("the same key is named twice", "each co-worker has a key of their own")
    _check_not_revoked(members)
    signer = open_signer(stored, passphrase.once(passphrase.opener()))
    papers = () if paper is None else (paper_of(paper, owner),)
    options = replace(settle(archive, None, operator, tsa, no_timestamp=no_timestamp), signer=signer)
    done = wired.name(
        options, owner, need, members, papers, say, passphrase.once(passphrase.opener()), only_draft=draft is not None
    )
    for keyid in members:
        click.echo(in_rows("Co-worker  ", keyid), err=True)
    if isinstance(done, Draft):
        assert draft is not None, "that was asked for"
        write_draft(draft, done)
        return
    tell_of(done)
    say(
        f"Any {need} of {len(members)} may revoke {fingerprint_groups(owner.keyid)}. To use it: preserve key revoke ID --draft FILE"
    )


@click.command()
@click.argument("file", type=FILE, metavar="FILE")
@click.option("--key", metavar="ID|PUB.pem", help="agree with this key; see `preserve key list`")
@click.option("--signer", metavar="CMD", help="what signs with --key, where its private half is elsewhere")
@click.option("--yes", is_flag=True, help="do not ask; for scripts")
def agree(file: Path, key: str | None, signer: str | None, *, yes: bool) -> ExitCode:
    """Agree, as a co-worker, to what FILE says: that a key is revoked, or that others are named.

    Shows it, asks, and adds a line with your signature to FILE. Nothing else is needed but the file and your key: no archive. Several may
    sign one file in turn, or each a copy. Talk to the others by another way first: what enough of you signed cannot be taken back.
    """
    from preserve.adapters.trust import TrustStore
    from preserve.cli.fingerprints import in_rows
    from preserve.cli.passphrase import opener
    from preserve.formats.agreement import encode
    from preserve.places import config_folder
    from preserve.rules.keychain import describe
    from preserve.wiring.coworkers import agree as do

    if file.exists() and not file.is_file():
        raise UsageError(f"{file}: not a plain file", "what you agree to is written back into it: save it, and name that file")
    found = read_draft(file)
    say(f"Archive    {found.archive}")
    say(f"Log        {found.origin}")
    say(f"Statement  {describe(found.body)}")
    pinned = (key.name for key in TrustStore(config_folder()).trusted_keys() if key.keyid == found.body.keyid)
    whose = next(pinned, None)
    say(f"Key of     {whose}" if whose else "Key of     nobody whom you trust: ask whose it is")
    for one in found.body.agreed:
        click.echo(in_rows("Agreed     ", one.keyid), err=True)
    if not yes and not sys.stdin.isatty():
        raise UsageError("there is no terminal to ask on", "read what it says, and say --yes")
    if not yes and not click.confirm("Do you agree?", default=False, err=True):
        say("Nothing was signed.")
        return ExitCode.UNESTABLISHED
    try:
        signed = do(found, key, signer, say, opener())
    except ValueError as problem:
        raise UsageError(str(problem)) from None
    mine = {one.keyid for one in signed.body.agreed} - {one.keyid for one in found.body.agreed}
    if not mine:
        say("This key has agreed already.")
        return ExitCode.DONE
    _write(file, encode(signed))
    click.echo(in_rows("Agreed     ", mine.pop()), err=True)
    say("It counts where that key is named as a co-worker. Give the file back, or to the next one.")
    return ExitCode.DONE


@click.command()
@click.argument("files", nargs=-1, required=True, type=FILE, metavar="FILE...")
@_ARCHIVE
@signing
def enter(
    files: tuple[Path, ...],
    archive: Path,
    key: str | None,
    operator: str | None,
    tsa: tuple[str, ...],
    *,
    no_timestamp: bool,
) -> ExitCode:
    """Enter in the archive's log what enough co-workers agreed to; FILE may be one file, or the copies that came back.

    It counts by their signatures, whoever enters it; your own signing key signs the entry. What would not be obeyed is not entered.
    """
    from preserve.cli import passphrase
    from preserve.model.event import Coworkers
    from preserve.rules.keychain import describe
    from preserve.wiring.coworkers import enter as do

    drafts = [read_draft(file) for file in files]
    if isinstance(drafts[0].body, Coworkers):
        _check_not_revoked(drafts[0].body.members)
    options = settle(archive, key, operator, tsa, no_timestamp=no_timestamp)
    try:
        done = do(options, drafts, say, passphrase.once(passphrase.opener()))
    except ValueError as problem:
        raise UsageError(str(problem)) from None
    if isinstance(done, str):
        say(f"Nothing was entered: {done}")
        return ExitCode.UNESTABLISHED
    tell_of(done)
    say(f"Stated: {describe(drafts[0].body)}")
    return ExitCode.DONE


def draft_revocation(file: Path, archives: tuple[Path, ...], keyid: str, why: Revocation, since: datetime) -> None:
    """`preserve key revoke --draft`: what co-workers are asked to agree to."""
    from preserve.formats.times import to_milliseconds
    from preserve.model.event import KeyAction, KeyChange
    from preserve.wiring.coworkers import draft

    if len(archives) != 1:
        raise UsageError("--draft is for one archive at a time", "co-workers agree to each archive by itself: --archive DIR")
    body = KeyChange(
        action=KeyAction.REVOKE,
        keyid=keyid,
        reason=why,
        since=to_milliseconds(since) if why == "compromised" else None,
    )
    write_draft(file, draft(archives[0], body))


def write_draft(file: Path, made: Draft) -> None:
    """A new file for the co-workers."""
    from preserve.formats.agreement import encode

    try:
        with file.open("xb") as opened:
            opened.write(encode(made))
    except OSError as problem:
        raise UsageError(f"{file}: {problem.strerror}") from problem
    say(
        f"Nothing is stated yet. Each co-worker: preserve key agree {printable(file.name)}. Then here: preserve key enter {file}"
    )


def read_draft(file: Path) -> Draft:
    """What a file says, with every signature in it verified."""
    from preserve.formats import agreement

    try:
        with file.open("rb") as opened:
            return agreement.decode(agreement.as_sent(opened.read(agreement.MAX_SIZE + 1)))
    except OSError as problem:
        raise UsageError(f"{file}: {problem.strerror}") from problem


def _write(file: Path, data: bytes) -> None:
    from preserve import durable

    try:
        durable.write_file(file, data, mode=file.stat().st_mode & 0o777)
    except OSError as problem:
        raise UsageError(f"{file}: {problem.strerror}") from problem


def _check_not_revoked(members: Iterable[str]) -> None:
    """Refuse to name somebody whose key the user's own store has revoked: they would be named, and never count here."""
    from preserve.adapters.trust import TrustStore
    from preserve.formats.publickey import fingerprint_groups
    from preserve.places import config_folder
    from preserve.wiring.signing import revoked_keys

    for keyid in sorted(revoked_keys(TrustStore(config_folder())).intersection(members)):
        raise UsageError(
            f"the key {fingerprint_groups(keyid)} is revoked in your trust store",
            f"name another of theirs; or, if it was revoked by mistake, take that out: preserve trust remove {keyid}",
        )


def _public(path: str) -> str:
    """The id of a co-worker's public key."""
    from preserve.formats import publickey
    from preserve.formats.publickey import Algorithm

    try:
        with Path(path).open("rb") as file:
            data = file.read(publickey.MAX_PEM + 1)
    except OSError as problem:
        raise UsageError(f"{path}: {problem.strerror}") from problem
    if b"PRIVATE KEY" in data:
        raise UsageError(f"{path} is a private key", "ask for the public one: `preserve key export` prints it")
    public = publickey.decode(data)
    if public.algorithm is Algorithm.ML_DSA_65:
        raise UsageError(f"{path} is of ML-DSA-65, which is never the only signature", "name an Ed25519 or a P-256 key")
    return public.keyid
