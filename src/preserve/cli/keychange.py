"""`preserve key rotate`, `revoke` and `recovery`: keys that are replaced, taken back, and the paper for the worst day."""

from __future__ import annotations

import os
import stat
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from preserve.cli.custodyoptions import say, settle, stating, tell_of
from preserve.cli.keycoworkers import DRAFT, draft_revocation
from preserve.cli.moments import moment, why_revoked
from preserve.cli.names import FOLDER
from preserve.errors import ConfigError, FormatError, PreserveError, UsageError
from preserve.formats.printable import printable

if TYPE_CHECKING:
    from preserve.adapters.keys import LocalSigner, StoredKey
    from preserve.model.trust import TrustedKey
    from preserve.ports import Signer
    from preserve.wiring.keychanges import Books
    from preserve.wiring.recording import RecordOptions


_ARCHIVES = click.option(
    "--archive",
    "archives",
    multiple=True,
    metavar="DIR",
    type=FOLDER,
    help="state it in the log of this archive; repeatable  [default: $PRESERVE_ARCHIVE, else ./archive where there is one]",
)
_PAPER = click.option(
    "--recovery",
    "paper",
    metavar="FILE",
    help="sign with the recovery key typed into FILE; - is standard input or the keyboard",
)


@click.command()
@click.argument("key_id", metavar="[ID]", required=False)
@click.option("--to", metavar="ID", help="the key that follows, when there is one already  [default: a new one is made]")
@_ARCHIVES
@_PAPER
@click.option(
    "--passphrase-file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="take the new key's passphrase from its first line",
)
@click.option("--no-passphrase", is_flag=True, help="keep the new key unencrypted")
@click.option("--log", "of_log", is_flag=True, help="replace the key of the archive's log instead; --archive names it")
@click.option(
    "--since", callback=moment, metavar="TIME", help="with --log: since when the old key may have been in other hands"
)
@stating
def rotate(
    key_id: str | None,
    to: str | None,
    archives: tuple[Path, ...],
    paper: str | None,
    passphrase_file: Path | None,
    operator: str | None,
    tsa: tuple[str, ...],
    since: datetime | None,
    *,
    of_log: bool,
    no_passphrase: bool,
    no_timestamp: bool,
) -> None:
    """Let another key follow the signing key ID, by default the one that signs new manifests; with --log, the key of an archive's log.

    That it follows is stated in each archive's log, signed by both keys: who pinned the old key and the log's accepts the new one from then
    on. The old key is superseded in your trust store; what it signed stays valid. With --recovery, the recovery key signs in
    place of the old one, which may be lost or compromised.

    A log's key is replaced by a statement that you and both keys sign, and the new one signs the log from there. Your witnesses must be told
    its vkey, which is printed. A log's key that is lost cannot be replaced.
    """
    if of_log:
        if key_id is not None or paper is not None:
            raise UsageError("--log excludes an ID and --recovery", "name the archive whose log it is: --archive DIR")
        _rotate_log(to, archives, passphrase_file, operator, tsa, since, no_passphrase=no_passphrase, no_timestamp=no_timestamp)
        return
    if since is not None:
        raise UsageError("--since is for --log", "a signing key that is in other hands: preserve key revoke")
    from preserve.cli import passphrase
    from preserve.wiring import keychanges
    from preserve.wiring.signing import open_signer

    old, stored = keychanges.subject(key_id)
    books = _books(archives, operator, tsa, no_timestamp=no_timestamp)
    ask = passphrase.once(passphrase.opener())
    lets_in: Signer
    if paper is not None:
        lets_in = paper_of(paper, old)
    elif stored is not None:
        lets_in = open_signer(stored, ask)
    else:
        raise ConfigError(f"the private half of {old.keyid} is not here", "where it is lost, sign with the paper: --recovery -")
    if to is None:
        books.require_follower(old.keyid, lets_in, datetime.now(UTC))
    new = _successor(to, old, passphrase_file, no_passphrase=no_passphrase)
    signers = (lets_in, open_signer(new, ask if to else passphrase.opener(passphrase_file)))
    try:
        done = keychanges.rotate(books, old.keyid, new, signers, datetime.now(UTC))
    except PreserveError:
        say(f"The key that follows is {new.keyid}. Once this is mended: preserve key rotate {old.keyid} --to {new.keyid}")
        raise
    click.echo(new.keyid)
    for event in done:
        tell_of(event)
    if not books.archives:
        say("No archive was named: the rotation is in no log, and who verifies must pin the new key by hand.")
    say(f"From now on {new.keyid[:16]}… signs; {old.keyid[:16]}… is superseded. Give others the new key: preserve key export")


def _rotate_log(
    to: str | None,
    archives: tuple[Path, ...],
    passphrase_file: Path | None,
    operator: str | None,
    tsa: tuple[str, ...],
    since: datetime | None,
    *,
    no_passphrase: bool,
    no_timestamp: bool,
) -> None:
    from preserve.adapters.keys import KeyStore, KeyUse
    from preserve.adapters.trust import TrustStore
    from preserve.cli import passphrase
    from preserve.places import config_folder
    from preserve.wiring import logrotation

    if no_passphrase and passphrase_file:
        raise UsageError("--no-passphrase and --passphrase-file exclude each other")
    if since is not None and since > datetime.now(UTC):
        raise UsageError("--since lies in the future")
    named = archives or _default_archive()
    if len(named) != 1:
        raise UsageError("--log is for one archive at a time", "each archive has a log of its own: --archive DIR")
    store, ask, made = KeyStore(config_folder()), passphrase.once(passphrase.opener()), dict[str, bytes | None]()
    chosen = None if to is None else store.find(to)

    def successor(origin: str) -> StoredKey:
        if chosen is not None:
            return chosen
        secret = None if no_passphrase else passphrase.new(passphrase_file)
        pin = TrustStore(config_folder()).add
        new = store.make(KeyUse.LOG, origin, now=datetime.now(UTC), pin=pin, passphrase=secret)
        made[new.keyid] = secret
        return new

    def opened(key: StoredKey) -> bytes:
        return made.get(key.keyid) or ask(key)

    options = settle(named[0], None, operator, tsa, no_timestamp=no_timestamp)
    try:
        done = logrotation.rotate_log(options, successor, since, say, opened)
    except PreserveError:
        for keyid in made:
            say(f"The key that was made is {keyid}. Once this is mended: preserve key rotate --log --to {keyid}")
        raise
    click.echo(done.vkey)
    tell_of(done.event)
    if done.finished:
        say("This was stated by an earlier command that was cut short; nothing more was done.")
    say("From now on the key printed above signs the log. Who pinned the old one follows by the log itself.")
    say(
        "Tell your witnesses, who cosign no more until they know it: preserve log witness --log VKEY. Keep a copy of the new key."
    )


def _default_archive() -> tuple[Path, ...]:
    default = Path(os.environ.get("PRESERVE_ARCHIVE") or "archive")
    return (default,) if "PRESERVE_ARCHIVE" in os.environ or (default / "archive.toml").is_file() else ()


@click.command()
@click.argument("key_id", metavar="ID")
@why_revoked
@click.option(
    "--since", callback=moment, metavar="TIME", help="when a compromised key may have come into other hands  [default: now]"
)
@_ARCHIVES
@_PAPER
@DRAFT
@stating
def revoke(
    key_id: str,
    reason: str,
    since: datetime | None,
    archives: tuple[Path, ...],
    paper: str | None,
    draft: Path | None,
    operator: str | None,
    tsa: tuple[str, ...],
    *,
    no_timestamp: bool,
) -> None:
    """Take a key back: in your trust store, and stated in each archive's log.

    What a superseded key signed before stays valid. Of a compromised key, only that stays valid which a time-stamp or a witness saw before
    --since: whoever has the key can claim any time. That it is compromised is for the recovery key to say (--recovery), or for enough of
    the co-workers you named (--draft); without them, it is noted in your own trust store alone.
    """
    from preserve.cli import passphrase
    from preserve.model.trust import Revocation
    from preserve.wiring import keychanges
    from preserve.wiring.signing import open_signer

    why, now = Revocation(reason), datetime.now(UTC)
    if since is not None and why is Revocation.SUPERSEDED:
        raise UsageError("--since is for compromised keys", "a superseded key counts until now")
    if since is not None and since > now:
        raise UsageError("--since lies in the future")
    target, stored = keychanges.subject(key_id)
    if draft is not None:
        if paper is not None:
            raise UsageError("--draft and --recovery exclude each other", "the recovery key needs nobody else")
        draft_revocation(draft, archives or _default_archive(), target.keyid, why, since or now)
        return
    signer: Signer | None = None
    if paper is not None:
        signer = paper_of(paper, target)
    elif why is Revocation.SUPERSEDED and stored is not None:
        signer = open_signer(stored, passphrase.opener())
    elif archives:
        raise UsageError(
            "this is for the recovery key to say in an archive's log (--recovery), or for co-workers (--draft)",
            "without --archive, it is noted in your own trust store alone",
        )
    books = _books(archives, operator, tsa, no_timestamp=no_timestamp) if signer is not None else None
    done = keychanges.revoke(books, target.keyid, why, since or now, signer)
    say(f"Revoked as {reason}: {printable(target.name)}, {target.keyid}")
    for event in done:
        tell_of(event)
    if books is None or not books.archives:
        say("It is noted in your own trust store, and in no log: tell those who verify by another way.")


@click.command()
@_ARCHIVES
@click.option("--qr", is_flag=True, help="print it as a QR code too")
@click.option(
    "--svg", type=click.Path(path_type=Path), metavar="FILE", help="write the QR code to FILE; print it, then destroy the file"
)
@_PAPER
@stating
def recovery(
    archives: tuple[Path, ...],
    paper: str | None,
    svg: Path | None,
    operator: str | None,
    tsa: tuple[str, ...],
    *,
    qr: bool,
    no_timestamp: bool,
) -> None:
    """Make the recovery key: printed, to be kept on paper, never stored on this machine.

    It can revoke and replace the signing key when that is stolen or lost. Its public half is stated in each archive's log, signed by both, and
    pinned. Make it before it is needed. Where there is one already, it must sign too: --recovery.

    Standard output is the page to print: preserve key recovery | lpr
    """
    from preserve.adapters.keys import paper_signer
    from preserve.cli import passphrase
    from preserve.wiring import keychanges
    from preserve.wiring.signing import open_signer

    owner, stored = keychanges.subject(None)
    assert stored is not None, "the key that signs is here"
    books = _books(archives, operator, tsa, no_timestamp=no_timestamp)
    former = () if paper is None else (paper_of(paper, owner),)
    if books.archives and keychanges.has_coworkers(owner) and not former:
        raise UsageError(
            "co-workers were named for this key, and they let no recovery key in",
            "make the recovery key before the co-workers are named; to make one that is in no log, name no archive",
        )
    if keychanges.recoveries_of(owner) and not former:
        raise UsageError("there is a recovery key already, and it must agree to another", "give it with --recovery")
    signer = open_signer(stored, passphrase.once(passphrase.opener()))
    seed, now = os.urandom(32), datetime.now(UTC)
    made = paper_signer(f"recovery key of {owner.name}", seed, now)
    _print(seed, made.keyid, owner, now, svg, qr=qr)
    try:
        done = keychanges.name_recovery(books, made, (signer, *former), owner.name, now)
    except PreserveError:
        say("The recovery key was printed, but not named everywhere: destroy the paper, and make another once this is mended.")
        raise
    for event in done:
        tell_of(event)
    if not done:
        say("No archive was named: who verifies must pin the recovery key by hand.")
    for key in former:
        say(
            f"The recovery key before it still counts. To give it up, with its own paper:"
            f" preserve key revoke {key.keyid} --reason superseded --recovery -"
        )
    say(_where_it_is(svg))


def _where_it_is(svg: Path | None) -> str:
    """What is to be done with what was printed: the page, and the QR code where it was asked for."""
    if svg is None and not _into_file():
        return "The recovery key is on your screen or paper and nowhere else. Keep it where no machine is."
    if svg is None:
        where, files = "in the file that you wrote it to", "file"
    elif _into_file():
        where, files = f"in {printable(str(svg))} and in the file that you wrote the page to", "files"
    else:
        where, files = f"in {printable(str(svg))}, and on your screen or paper", "file"
    return f"The recovery key is {where}: print it, destroy the {files}, and keep the paper where no machine is."


def _into_file() -> bool:
    """Whether standard output is a file, which keeps what is printed."""
    try:
        return stat.S_ISREG(os.fstat(sys.stdout.fileno()).st_mode)
    except (OSError, ValueError):  # it has no descriptor
        return False


def _print(seed: bytes, keyid: str, owner: TrustedKey, now: datetime, svg: Path | None, *, qr: bool) -> None:
    from preserve.formats import paperkey
    from preserve.formats.publickey import fingerprint_groups
    from preserve.formats.times import rfc3339

    lines = paperkey.encode(seed)
    page = [
        f"RECOVERY KEY of {printable(owner.name)}, made on {rfc3339(now)}",
        "",
        f"id  {fingerprint_groups(keyid)}",
        f"of  {fingerprint_groups(owner.keyid)}",
        "",
        *(f"    {line}" for line in lines),
        "",
        "Whoever has this page can revoke and replace that signing key. Keep it on paper, where no machine is.",
        "To use it:  preserve key revoke ID --reason compromised --recovery -",
        "       or:  preserve key rotate ID --recovery -",
    ]
    click.echo("\n".join(page))
    if qr:
        from preserve.cli.qr import blocks

        click.echo(blocks("\n".join(lines)))
    if svg is not None:
        from preserve.cli.qr import picture

        try:
            with os.fdopen(os.open(svg, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as file:
                file.write(picture("\n".join(lines)))
        except OSError as problem:
            raise UsageError(f"{svg}: {problem.strerror}") from problem
        say(f"{svg} is the key itself: print it, then destroy it.")


def paper_of(given: str, owner: TrustedKey) -> LocalSigner:
    """The recovery key that was typed, when it is the one of the key's owner as far as that is known here."""
    from preserve.adapters.keys import paper_signer
    from preserve.formats import paperkey
    from preserve.wiring import keychanges

    signer = paper_signer(f"recovery key of {owner.name}", paperkey.decode(_typed(given)), datetime.now(UTC))
    keychanges.check_paper(signer, owner)
    return signer


def _typed(given: str) -> str:
    """The seven lines: from a file, from standard input, or asked for one by one, each checked as it is typed."""
    from preserve.formats import paperkey

    if given != "-":
        try:
            return Path(given).read_text(encoding="utf-8", errors="replace")
        except OSError as problem:
            raise UsageError(f"{given}: {problem.strerror}") from problem
    if not sys.stdin.isatty():
        return sys.stdin.read(1 << 16)
    rows: list[str] = []
    while len(rows) < paperkey.LINES:
        row = str(click.prompt(f"Line {len(rows) + 1}", err=True))
        try:
            paperkey.check_line(len(rows), row)
        except FormatError as problem:
            say(problem.message)
            continue
        rows.append(row)
    return "\n".join(rows)


def _successor(to: str | None, old: TrustedKey, passphrase_file: Path | None, *, no_passphrase: bool) -> StoredKey:
    """The key that follows: the one that was named, or one that is made now under the same name."""
    from preserve.adapters.keys import KeyStore, KeyUse
    from preserve.adapters.trust import TrustStore
    from preserve.cli import passphrase
    from preserve.places import config_folder

    store, trust = KeyStore(config_folder()), TrustStore(config_folder())
    if no_passphrase and passphrase_file:
        raise UsageError("--no-passphrase and --passphrase-file exclude each other")
    if to is None:
        secret = None if no_passphrase else passphrase.new(passphrase_file)
        return store.make(KeyUse.MANIFEST, old.name, now=datetime.now(UTC), pin=trust.add, passphrase=secret)
    new = store.signing_key(to)
    assert new is not None, "find refuses what is not there"
    if new.keyid == old.keyid:
        raise UsageError("a key does not follow itself", "`preserve key list` shows the others")
    if any(key.keyid == new.keyid and key.revoked_at is not None for key in trust.trusted_keys()):
        raise ConfigError(f"the key {new.keyid} is revoked", "name another with --to, or let one be made")
    return new


def _books(archives: tuple[Path, ...], operator: str | None, tsa: tuple[str, ...], *, no_timestamp: bool) -> Books:
    from preserve.cli.passphrase import opener
    from preserve.wiring.keychanges import Books

    options: list[RecordOptions] = [
        settle(path, None, operator, tsa, no_timestamp=no_timestamp) for path in archives or _default_archive()
    ]
    return Books(archives=tuple(options), tell=say, passphrase=opener())
