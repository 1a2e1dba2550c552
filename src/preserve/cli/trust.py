"""`preserve trust`: whose signatures and logs this user accepts."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from preserve.errors import ExitCode

if TYPE_CHECKING:
    from preserve.model.trust import TrustedKey


@click.group("trust")
def command() -> None:
    """Whose signatures and logs you accept.

    Verification trusts the keys listed here and no other, least of all those that come with an archive. Your own keys are added when
    they are made.
    """


@command.command()
@click.argument("key", metavar="FILE|VKEY")
@click.option("--name", required=True, metavar="NAME", help="what you call its owner")
@click.option(
    "--fingerprint", metavar="HEX", help="the fingerprint you were given by another way; for scripts, instead of the question"
)
@click.option("--role", type=click.Choice(["operator", "log", "witness"]), help="refuse the key when it is for something else")
@click.option("--tsa", is_flag=True, help="FILE is the root certificate of the time-stamp authority that manifests call NAME")
def add(key: str, name: str, fingerprint: str | None, role: str | None, *, tsa: bool) -> ExitCode:
    """Trust a signer's public key (a PEM file), or a log's or witness's vkey (as a line, or a file that holds it).

    With --tsa, trust the root certificate of a time-stamp authority (PEM or DER), under the name that manifests call it by.
    Shows the key's fingerprint and asks you to compare it with what its owner tells you by another way: on the telephone, on paper.
    """
    from preserve.adapters.trust import TrustStore
    from preserve.errors import TrustError, UsageError
    from preserve.formats.printable import printable
    from preserve.formats.publickey import fingerprint_groups
    from preserve.places import config_folder

    if not name:
        raise UsageError("--name is empty", "say what you call the key's owner")
    entry = _root(key, name) if tsa else _entry(key, name)
    if role is not None and entry.role != role:
        raise UsageError(f"this is a key of role {entry.role}, not {role}")
    click.echo(f"Fingerprint  {fingerprint_groups(entry.keyid)}", err=True)
    if fingerprint is not None:
        given = "".join(char for char in fingerprint.lower() if char not in "-: ")
        if len(given) != 64:
            raise UsageError("--fingerprint is not 64 hex digits", "give all of it: a part can be forged")
        if given != entry.keyid:
            raise TrustError("the fingerprint is another one: this is not the key you were told of", "ask its owner again")
    elif not sys.stdin.isatty():
        raise UsageError(
            "there is no terminal to ask on", "compare the fingerprint by another way and give it with --fingerprint"
        )
    elif not click.confirm("Is it the same that its owner told you by another way?", default=False, err=True):
        click.echo("Nothing was added.", err=True)
        return ExitCode.UNESTABLISHED
    added = TrustStore(config_folder()).add(entry)
    click.echo(f"{'Trusted' if added else 'Trusted already'}: {printable(name)}, {entry.role}", err=True)
    return ExitCode.DONE


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="one JSON object a line")
def list_(as_json: bool) -> None:
    """List the keys you trust."""
    from preserve.adapters.trust import TrustStore
    from preserve.formats.printable import printable
    from preserve.formats.publickey import fingerprint_groups
    from preserve.formats.times import rfc3339
    from preserve.places import config_folder

    for key in TrustStore(config_folder()).trusted_keys():
        moments = {name: getattr(key, name) for name in ("added", "valid_from", "valid_until", "revoked_at")}
        times = {name: rfc3339(moment) if moment else None for name, moment in moments.items()}
        if as_json:
            row = {"name": key.name, "role": key.role, "keyid": key.keyid, "vkey": key.vkey, **times, "reason": key.reason}
            if key.certificate:
                row["certificate"] = key.certificate
            click.echo(json.dumps(row))
        else:
            limits = [f"{name.replace('_', ' ')} {moment}" for name, moment in times.items() if moment]
            click.echo(fingerprint_groups(key.keyid))
            click.echo(
                f"  {key.role:<8}  {printable(key.name)}, {', '.join(limits)}" + (f" ({key.reason})" if key.reason else "")
            )
            if key.vkey:
                click.echo(f"            {printable(key.vkey)}")


@command.command()
@click.argument("name")
def export(name: str) -> None:
    """Print the roots you trust for the time-stamp authority NAME, as PEM: what openssl wants as -CAfile."""
    from preserve.adapters.trust import TrustStore
    from preserve.errors import ConfigError
    from preserve.formats.printable import printable
    from preserve.places import config_folder

    roots = [key.certificate for key in TrustStore(config_folder()).trusted_keys() if key.name == name and key.certificate]
    if not roots:
        raise ConfigError(f"no root is trusted for an authority called {printable(name)}", "`preserve trust list` shows them")
    click.echo("".join(roots), nl=False)


@command.command()
@click.argument("key", metavar="NAME|KEYID")
def remove(key: str) -> None:
    """Stop trusting a key. What it signed is from then on "signer unknown"."""
    from preserve.adapters.trust import TrustStore
    from preserve.formats.printable import printable
    from preserve.places import config_folder

    gone = TrustStore(config_folder()).remove(key)
    click.echo(f"No longer trusted: {printable(gone.name)}, {gone.role}, {gone.keyid}", err=True)


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
    """The entry for a PEM file, a vkey, or a file with a vkey in it."""
    from datetime import UTC, datetime

    from preserve.errors import FormatError, UsageError
    from preserve.formats import publickey
    from preserve.formats.note import KeyType, VerifierKey
    from preserve.model.trust import TrustedKey, TrustRole

    now = datetime.now(UTC)
    path = Path(given)
    try:
        data = path.read_bytes() if path.is_file() else None
    except OSError as problem:
        raise UsageError(f"{given}: {problem.strerror}") from problem
    if data is None and given.count("+") < 2:
        raise UsageError(f"{given}: no such file, and not a vkey")
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
    vkey = VerifierKey.parse(line)
    role = TrustRole.LOG if vkey.type is KeyType.ED25519 else TrustRole.WITNESS
    return TrustedKey(name=name, role=role, keyid=vkey.fingerprint, vkey=line, added=now)
