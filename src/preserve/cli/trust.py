"""`preserve trust`: whose signatures and logs this user accepts."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from preserve.cli import whicharchive
from preserve.cli.custodyoptions import signing
from preserve.cli.moments import moment, revocation, why_revoked
from preserve.cli.trustfiles import export, import_
from preserve.cli.words import WORDS
from preserve.errors import ExitCode
from preserve.formats.counted import counted

if TYPE_CHECKING:
    from datetime import datetime

    from preserve.adapters.trust import TrustStore
    from preserve.model.trust import TrustedKey


@click.group("trust")
def command() -> None:
    """Whose signatures and logs you accept.

    Verification trusts the keys listed here and no other, least of all those that come with an archive. Your own keys are added when
    they are made.
    """


@command.command()
@click.argument("key", metavar="FILE|VKEY|SSHKEY")
@click.option("--name", required=True, type=WORDS, metavar="NAME", help="what you call its owner")
@click.option(
    "--fingerprint",
    metavar="HEX",
    help="the fingerprint you were given by another way; of an SSH key also as SHA256:…; for scripts, instead of the question",
)
@click.option(
    "--role", type=click.Choice(["operator", "log", "witness", "cosigner"]), help="refuse the key when it is for something else"
)
@click.option("--tsa", is_flag=True, help="FILE is the root certificate of the time-stamp authority that manifests call NAME")
@click.option(
    "--recovery",
    is_flag=True,
    help="the key may revoke and replace the keys of the signer whom you call NAME, and signs nothing",
)
@click.option(
    "--coworker",
    type=click.IntRange(1, 16),
    metavar="K",
    help="the key may, with others so added under this NAME, K in all, revoke the keys of the signer whom you call NAME",
)
@click.option("--valid-from", callback=moment, metavar="TIME", help="what it signed before does not count")
@click.option("--valid-until", callback=moment, metavar="TIME", help="what it signs later does not count")
def add(
    key: str,
    name: str,
    fingerprint: str | None,
    role: str | None,
    coworker: int | None,
    valid_from: datetime | None,
    valid_until: datetime | None,
    *,
    tsa: bool,
    recovery: bool,
) -> ExitCode:
    """Trust a signer's public key (a PEM file), a log's or witness's vkey, or an SSH key (these as a line, or a file that holds it).

    An SSH key, as in a .pub file, authorized_keys or allowed_signers, is a co-signer's: it vouches for runs that others sealed (preserve sign).

    With --tsa, trust the root certificate of a time-stamp authority (PEM or DER), under the name that manifests call it by.
    Shows the key's fingerprint and asks you to compare it with what its owner tells you by another way: on the telephone, on paper.
    """
    from preserve.adapters.trust import TrustStore
    from preserve.cli.fingerprints import in_rows
    from preserve.errors import TrustError, UsageError
    from preserve.formats import sshkey
    from preserve.model.trust import TrustRole
    from preserve.places import config_folder

    if not name:
        raise UsageError("--name is empty", "say what you call the key's owner")
    entry = _root(key, name) if tsa else _entry(key, name)
    entry = replace(entry, valid_from=valid_from or entry.valid_from, valid_until=valid_until or entry.valid_until)
    if entry.valid_from and entry.valid_until and entry.valid_until < entry.valid_from:
        raise UsageError("--valid-until lies before --valid-from")
    if recovery and entry.role != "operator":
        raise UsageError(f"--recovery is for a public key in PEM, and this is a key of role {entry.role}")
    if recovery:
        entry = replace(entry, role=TrustRole.RECOVERY)
    if coworker is not None and entry.role != "operator":
        raise UsageError(f"--coworker is for a public key in PEM of one role, and this is a key of role {entry.role}")
    if coworker is not None:
        entry = replace(entry, role=TrustRole.COWORKER, threshold=coworker)
    if role is not None and entry.role != role:
        raise UsageError(f"this is a key of role {entry.role}, not {role}")
    click.echo(in_rows("Fingerprint  ", entry.keyid), err=True)
    store = TrustStore(config_folder())
    _check_not_revoked(store, entry)
    if fingerprint is not None:
        given = "".join(char for char in fingerprint.lower() if char not in "-: ")
        if entry.ssh is not None and fingerprint.startswith("SHA256:"):
            same = fingerprint == sshkey.parse(entry.ssh).key.fingerprint
        elif len(given) != 64:
            raise UsageError("--fingerprint is not 64 hex digits", "give all of it: a part can be forged")
        else:
            same = given == entry.keyid
        if not same:
            raise TrustError("the fingerprint is another one: this is not the key you were told of", "ask its owner again")
    elif not sys.stdin.isatty():
        raise UsageError(
            "there is no terminal to ask on", "compare the fingerprint by another way and give it with --fingerprint"
        )
    elif not click.confirm("Is it the same that its owner told you by another way?", default=False, err=True):
        click.echo("Nothing was added.", err=True)
        return ExitCode.UNESTABLISHED
    _add(store, entry, valid_from, valid_until)
    return ExitCode.DONE


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="one JSON object a line")
def list_(as_json: bool) -> None:
    """List the keys you trust."""
    from preserve.adapters.trust import TrustStore
    from preserve.formats import sshkey
    from preserve.formats.printable import printable
    from preserve.formats.publickey import fingerprint_groups
    from preserve.formats.times import rfc3339
    from preserve.places import config_folder

    trusted = TrustStore(config_folder()).trusted_keys()
    if not trusted:
        click.echo("You trust no key yet. `preserve trust add` adds one; your own are added when they are made.", err=True)
    for key in trusted:
        moments = {name: getattr(key, name) for name in ("added", "valid_from", "valid_until", "revoked_at")}
        times = {name: rfc3339(moment) if moment else None for name, moment in moments.items()}
        if as_json:
            row: dict[str, object] = {
                "name": key.name,
                "role": key.role,
                "keyid": key.keyid,
                "vkey": key.vkey,
                **times,
                "reason": key.reason,
            }
            if key.certificate:
                row["certificate"] = key.certificate
            if key.ssh:
                row["ssh"] = key.ssh
            if key.threshold:
                row["threshold"] = key.threshold
            click.echo(json.dumps(row))
        else:
            said = [f"{name.replace('_', ' ')} {when}" for name, when in times.items() if when and name != "revoked_at"]
            said += [f"it takes {key.threshold}"] if key.threshold else []
            said += [gone] if (gone := revocation((key,))) else []
            click.echo(fingerprint_groups(key.keyid))
            click.echo(f"  {key.role:<8}  {printable(key.name)}, {', '.join(said)}")
            if key.vkey:
                click.echo(f"            {printable(key.vkey)}")
            if key.ssh:
                click.echo(f"            {key.ssh}\n            {sshkey.parse(key.ssh).key.fingerprint}")


@command.command()
@click.argument("key", metavar="NAME|KEYID")
def remove(key: str) -> None:
    """Stop trusting a key. What it signed is from then on "signer unknown"."""
    from preserve.adapters.trust import TrustStore
    from preserve.formats.printable import printable
    from preserve.places import config_folder

    gone = TrustStore(config_folder()).remove(key)
    click.echo(f"No longer trusted: {printable(gone.name)}, {gone.role}, {gone.keyid}", err=True)


@command.command()
@click.argument("key", metavar="NAME|KEYID")
@why_revoked
@click.option(
    "--since", callback=moment, metavar="TIME", help="when it was given up, or may have come into other hands  [default: now]"
)
def revoke(key: str, reason: str, since: datetime | None) -> None:
    """Let a key count no longer: a colleague's, a co-signer's, a log's, a witness's, an authority's root.

    Under whatever names it stands in that role; a key id means the key in every role.

    It is noted in your own trust store, where your trust in it comes from, and nowhere else; `preserve verify` follows it. What was signed
    before a key was given up stays valid; of a compromised one, only what a time-stamp proves to be older. Your own signing key is revoked
    with `preserve key revoke`, which can state it in an archive's log.
    """
    from datetime import UTC, datetime

    from preserve.adapters.trust import TrustStore
    from preserve.errors import UsageError
    from preserve.formats.printable import printable
    from preserve.model.trust import Revocation
    from preserve.places import config_folder

    now = datetime.now(UTC)
    if since is not None and since > now:
        raise UsageError("--since lies in the future")
    trust = TrustStore(config_folder())
    found = trust.find(key)
    for role in sorted({one.role for one in found}):
        for gone in trust.revoke(found[0].keyid, since or now, Revocation(reason), (role,)):
            vkey = f" ({printable(gone.vkey)})" if gone.vkey else ""
            click.echo(
                f"Revoked as {gone.reason} in your trust store: {printable(gone.name)}, {gone.role}, {gone.keyid}{vkey}",
                err=True,
            )


@command.command("accept-rollback")
@click.argument("origin", metavar="ORIGIN")
@click.option("--reason", required=True, type=WORDS, metavar="TEXT", help="why there is no newer one; signed and logged")
@whicharchive.option("the archive with that log, as it is now")
@signing
def accept_rollback(
    origin: str,
    reason: str,
    archive: Path,
    key: str | None,
    operator: str | None,
    tsa: tuple[str, ...],
    *,
    no_timestamp: bool,
) -> ExitCode:
    """Go on with a log that has fewer entries than were seen here before, or others: after a restore from an old backup.

    ORIGIN is the log's name, as preserve verify prints it. The archive must verify in itself. Who has the log's key states
    the rollback in it, signed, and every verification shows it from then on. Who has not accepts what is stated there.

    What lay between is lost to the archive; run folders of it that somebody kept still verify alone.
    """
    from preserve.cli.custodyoptions import said, say, settle, tell_of
    from preserve.cli.passphrase import opener
    from preserve.wiring.rollback import accept_rollback as accept

    options = settle(archive, key, operator, tsa, no_timestamp=no_timestamp)
    done = accept(options, origin, said(reason), say, opener())
    if not done.given_up:
        say("Nothing was rolled back: the log has every entry that was seen here.")
        return ExitCode.DONE
    for event in done.recorded:
        tell_of(event)
    seen = counted(done.given_up[0].size, "entry")
    say(f"Accepted: {origin} had {seen} when it was last seen here; from now on this log counts, as it is now.")
    return ExitCode.DONE


for more in (import_, export):
    command.add_command(more)


def _check_not_revoked(store: TrustStore, entry: TrustedKey) -> None:
    """Refuse a key that the store says is revoked, in whatever role and under whatever name: who holds it may be a thief."""
    from preserve.errors import UsageError
    from preserve.formats.printable import printable

    same = [key for key in store.trusted_keys() if key.keyid == entry.keyid]
    said = revocation(same)
    if not said:
        return
    named = "; ".join(sorted({f"{printable(key.name)}, {key.role}" for key in same if key.revoked_at is not None}))
    back = f"preserve trust remove {entry.keyid}" if len(same) == 1 else f"take its {len(same)} entries out of {store.path}"
    raise UsageError(
        f"this key is {said} in your trust store ({named}), and adding it does not change that",
        f"if it was revoked by mistake: {back}, then add it",
    )


def _add(store: TrustStore, entry: TrustedKey, since: datetime | None, until: datetime | None) -> None:
    """Pin the key; or say that it is, and refuse to when its entry is not as was asked for."""
    from preserve.adapters.trust import pinned
    from preserve.errors import UsageError
    from preserve.formats.printable import printable
    from preserve.formats.times import rfc3339

    here = None if store.add(entry) else pinned(entry, store.trusted_keys())
    if here is None:
        click.echo(f"Trusted: {printable(entry.name)}, {entry.role}", err=True)
        return
    hint = f"to change that, edit its entry in {store.path}"
    if here.threshold != entry.threshold:
        why = (
            f"this key is a co-worker of {printable(here.name)} already, and it stands as one of whom it takes {here.threshold}"
        )
        raise UsageError(why, hint)
    for wanted, has, name in ((since, here.valid_from, "valid_from"), (until, here.valid_until, "valid_until")):
        if wanted is not None and wanted != has:
            stands = f"with {name} {rfc3339(has)}" if has else "without that time"
            raise UsageError(f"this key is trusted already, and stands {stands}", hint)
    click.echo(f"Trusted already: {printable(here.name)}, {here.role}", err=True)


def _ssh(text: str, name: str, now: datetime) -> TrustedKey:
    """The entry for an SSH key, from a line or a file of lines with one key in it."""
    from preserve.errors import UsageError
    from preserve.formats import sshkey
    from preserve.model.trust import TrustedKey, TrustRole

    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    if len(lines) != 1:
        raise UsageError(f"{len(lines)} lines of SSH keys: name one", "give the line itself, in quotation marks")
    handed = sshkey.parse(lines[0])
    click.echo(f"SSH key      {handed.key.fingerprint}", err=True)
    return TrustedKey(
        name=name,
        role=TrustRole.COSIGNER,
        keyid=handed.key.keyid,
        vkey=None,
        ssh=handed.key.line,
        added=now,
        valid_from=handed.valid_from,
        valid_until=handed.valid_until,
    )


def _root(given: str, name: str) -> TrustedKey:
    """The entry for an authority's root certificate."""
    from datetime import UTC, datetime

    from preserve.errors import UsageError
    from preserve.formats import certificate
    from preserve.formats.printable import printable
    from preserve.model.trust import TrustedKey, TrustRole
    from preserve.rules.authority import check_name

    check_name(name)
    try:
        with Path(given).open("rb") as file:
            found = certificate.decode(file.read(certificate.MAX_SIZE + 1))
    except OSError as problem:
        raise UsageError(f"{given}: {problem.strerror}") from problem
    kind = "Root" if certificate.is_root(found) else "Not a root, but a certificate below one: pin its root too"
    click.echo(f"{kind}: {printable(certificate.subject(found))}", err=True)
    return TrustedKey(
        name=name,
        role=TrustRole.TSA,
        keyid=certificate.fingerprint(found),
        vkey=None,
        certificate=certificate.pem(found),
        added=datetime.now(UTC),
    )


def _entry(given: str, name: str) -> TrustedKey:
    """The entry for a PEM file, a vkey, an SSH key, or a file with one of these in it."""
    from datetime import UTC, datetime

    from preserve.errors import FormatError, UsageError
    from preserve.formats import publickey
    from preserve.formats.note import KeyType, VerifierKey
    from preserve.model.trust import TrustedKey, TrustRole

    now = datetime.now(UTC)
    if given.startswith(("ssh-", "ecdsa-", "sk-")) and " " in given:
        return _ssh(given, name, now)
    path, data = Path(given), None
    try:
        if path.exists() and not path.is_dir():
            with path.open("rb") as file:
                data = file.read(1 << 16)  # a key is far shorter
    except OSError as problem:
        if given.count("+") < 2:  # else a vkey, longer than any name of a file
            raise UsageError(f"{given}: {problem.strerror}") from problem
    if data is None and given.count("+") < 2:
        raise UsageError(f"{given}: no such file, and neither a vkey nor an SSH key")
    if data is not None and b"PRIVATE KEY" in data:
        raise UsageError(
            f"{given} is a private key", "ask for the public one: `preserve key export` prints it. Treat this one as stolen"
        )
    if data is not None and data.lstrip().startswith(b"-----BEGIN CERTIFICATE"):
        raise UsageError(f"{given} is a certificate", "with --tsa it is trusted as the root of a time-stamp authority")
    if data is not None and data.startswith(b"-----BEGIN"):
        public = publickey.decode(data)
        return TrustedKey(name=name, role=TrustRole.OPERATOR, keyid=public.keyid, vkey=None, added=now)
    try:
        line = given if data is None else data.decode("utf-8").removesuffix("\n")
    except UnicodeDecodeError:
        raise FormatError(f"{given}: neither a public key in PEM nor a vkey") from None
    if data is not None and " " in line:
        return _ssh(line, name, now)
    vkey = VerifierKey.parse(line)
    role = TrustRole.LOG if vkey.type is KeyType.ED25519 else TrustRole.WITNESS
    return TrustedKey(name=name, role=role, keyid=vkey.fingerprint, vkey=line, added=now)
