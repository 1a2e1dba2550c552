"""`preserve key`: make and list keys; what else is done with them stands in `keyfiles` and `keychange`."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import click

from preserve.cli.keychange import recovery, revoke, rotate
from preserve.cli.keycoworkers import agree, coworkers, enter
from preserve.cli.keyfiles import export, import_, passphrase_
from preserve.cli.words import WORDS


@click.group("key")
def command() -> None:
    """Make, keep, replace and revoke signing keys.

    Keys lie in your configuration folder, readable by you alone, never in an archive. The private half leaves it only as a backup; the
    public half is what you give to those who are to verify your archives.
    """


@command.command()
@click.option(
    "--name",
    default="unnamed",
    type=WORDS,
    metavar="NAME",
    help="whose key it is, signed into every manifest; or the witness's name",
)
@click.option(
    "--use",
    type=click.Choice(["manifest", "witness"]),
    default="manifest",
    show_default=True,
    help="what it signs: your manifests, or the logs of others that you witness",
)
@click.option(
    "--passphrase-file", type=click.Path(path_type=Path), metavar="FILE", help="take the passphrase from its first line"
)
@click.option("--no-passphrase", is_flag=True, help="keep the key unencrypted, for machines that capture unattended")
@click.option("--keyring", is_flag=True, help="keep the passphrase in the system's keyring, so that nobody is asked")
def generate(name: str, use: str, passphrase_file: Path | None, *, no_passphrase: bool, keyring: bool) -> None:
    """Make an Ed25519 signing key; it is pinned as your own and used from now on.

    The passphrase is asked for, or taken from --passphrase-file, $PRESERVE_PASSPHRASE_FILE or $PRESERVE_PASSPHRASE.
    Prints the key id, which is also its fingerprint.
    """
    from datetime import UTC, datetime

    from preserve.adapters.keys import KeyStore, KeyUse
    from preserve.adapters.trust import TrustStore
    from preserve.cli import passphrase
    from preserve.cli.fingerprints import in_rows
    from preserve.errors import ConfigError, UsageError
    from preserve.places import config_folder

    if no_passphrase and passphrase_file:
        raise UsageError("--no-passphrase and --passphrase-file exclude each other")
    if no_passphrase and keyring:
        raise UsageError("--no-passphrase and --keyring exclude each other")
    if not name:
        raise UsageError("a key needs a name", "say whose it is with --name")
    if use == "witness":
        _check_witness_name(name)
    store, trust = KeyStore(config_folder()), TrustStore(config_folder())
    secret = None if no_passphrase else passphrase.new(passphrase_file)
    key = store.make(KeyUse(use), name, now=datetime.now(UTC), pin=trust.add, passphrase=secret)
    if keyring and secret is not None:
        try:
            passphrase.remember(key.keyid, secret)
        except ConfigError:
            click.echo(
                f"The key {key.keyid} was made, with the passphrase that you gave, which is not in the keyring.", err=True
            )
            raise
        store.protect(key, lambda _: secret, secret, keyring=True)
    click.echo(key.keyid)
    click.echo(in_rows("Fingerprint  ", key.keyid), err=True)
    if key.vkey:
        click.echo(f"vkey         {key.vkey.encode()}", err=True)
    if no_passphrase:
        click.echo("It lies unencrypted in your configuration folder: whoever copies that file can sign as you.", err=True)
    if use == "witness":
        click.echo("Give its vkey to those whose logs you witness. It starts with: preserve log witness --log VKEY", err=True)
        return
    click.echo(
        "Keep a copy of keys/ below that folder in a safe place, and give others the public key: preserve key export", err=True
    )


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="one JSON object a line")
@click.option("--qr", is_flag=True, help="show each fingerprint as a QR code too")
def list_(*, as_json: bool, qr: bool) -> None:
    """List the keys, oldest first. New manifests are signed with the one marked with a star.

    Of a key that co-workers may revoke together, how many of which it takes is shown with it.
    """
    from preserve.adapters.keys import KeyStore
    from preserve.adapters.trust import TrustStore
    from preserve.cli.fingerprints import in_rows
    from preserve.formats.printable import printable
    from preserve.formats.times import rfc3339
    from preserve.places import config_folder
    from preserve.rules.keychain import pinned_circles
    from preserve.wiring.signing import revoked_keys

    keys, trust = KeyStore(config_folder()).stored_keys(), TrustStore(config_folder())
    revoked = revoked_keys(trust)
    owners = {key.keyid: key.name for key in trust.trusted_keys() if key.role == "operator"}
    circles = pinned_circles(trust.trusted_keys())
    signing = [key.keyid for key in keys if key.use == "manifest" and key.keyid not in revoked]
    for key in keys:
        used = key.keyid in signing[-1:]
        circle = circles.get(owners.get(key.keyid, ""))
        if as_json:
            row = {
                "keyid": key.keyid,
                "use": key.use,
                "name": key.name,
                "algorithm": key.public.algorithm,
                "created": rfc3339(key.created),
                "encrypted": key.encrypted,
                "default": used,
                "revoked": key.keyid in revoked,
                "vkey": key.vkey.encode() if key.vkey else None,
                "signer": list(key.command) or None,
                "coworkers": circle and {"threshold": circle.threshold, "keyids": sorted(circle.members)},
            }
            click.echo(json.dumps(row))
            continue
        click.echo(in_rows("* " if used else "  ", key.keyid, err=False))
        where = "with a passphrase" + (" in the keyring" if key.keyring else "") if key.encrypted else "without passphrase"
        where = f"signs through {printable(shlex.join(key.command))}" if key.command else where
        gone = ", revoked" if key.keyid in revoked else ""
        click.echo(f"  {key.use:<8}  {printable(key.name)}, made {rfc3339(key.created)}, {where}{gone}")
        if circle is not None:
            click.echo(f"  any {circle.threshold} of {len(circle.members)} co-workers may revoke it:")
            for keyid in sorted(circle.members):
                click.echo(in_rows("    ", keyid, err=False))
        if qr:
            from preserve.cli.qr import blocks

            click.echo(blocks(key.keyid.upper()))
    if not signing:
        click.echo(
            "Every signing key here is revoked. Make another: preserve key generate"
            if any(key.use == "manifest" for key in keys)
            else "There is no signing key yet. The first capture makes one; `preserve key generate` does it with a passphrase.",
            err=True,
        )


for more in (export, import_, passphrase_, rotate, revoke, recovery, coworkers, agree, enter):
    command.add_command(more)


def _check_witness_name(name: str) -> None:
    from preserve.errors import FormatError, UsageError
    from preserve.formats.note import check_name

    hint = "say it like an address: --name library.example/witness"
    if name == "unnamed":
        raise UsageError("a witness needs a name of its own", hint)
    try:
        check_name(name)
    except FormatError as problem:
        raise UsageError(problem.message, hint) from None
