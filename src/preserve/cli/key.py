"""`preserve key`: make, list and export signing keys."""

from __future__ import annotations

import json
from pathlib import Path

import click


@click.group("key")
def command() -> None:
    """Make, list and export signing keys.

    Keys lie in your configuration folder, readable by you alone, never in an archive. The private half never leaves it; the public
    half is what you give to those who are to verify your archives.
    """


@command.command()
@click.option("--name", default="unnamed", metavar="NAME", help="whose key it is; signed into every manifest")
@click.option(
    "--passphrase-file", type=click.Path(path_type=Path), metavar="FILE", help="take the passphrase from its first line"
)
@click.option("--no-passphrase", is_flag=True, help="keep the key unencrypted, for machines that capture unattended")
def generate(name: str, passphrase_file: Path | None, no_passphrase: bool) -> None:
    """Make an Ed25519 signing key; it is pinned as your own and used from now on.

    The passphrase is asked for, or taken from --passphrase-file, $PRESERVE_PASSPHRASE_FILE or $PRESERVE_PASSPHRASE.
    Prints the key id, which is also its fingerprint.
    """
    from datetime import UTC, datetime

    from preserve.adapters.keys import KeyStore, KeyUse
    from preserve.adapters.trust import TrustStore
    from preserve.cli import passphrase
    from preserve.errors import UsageError
    from preserve.formats.publickey import fingerprint_groups
    from preserve.places import config_folder

    if no_passphrase and passphrase_file:
        raise UsageError("--no-passphrase and --passphrase-file exclude each other")
    if not name:
        raise UsageError("a key needs a name", "say whose it is with --name")
    config = config_folder()
    key = KeyStore(config).make(
        KeyUse.MANIFEST,
        name,
        now=datetime.now(UTC),
        pin=TrustStore(config).add,
        passphrase=None if no_passphrase else passphrase.new(passphrase_file),
    )
    click.echo(key.keyid)
    click.echo(f"Fingerprint  {fingerprint_groups(key.keyid)}", err=True)
    if no_passphrase:
        click.echo("It lies unencrypted in your configuration folder: whoever copies that file can sign as you.", err=True)
    click.echo(
        "Keep a copy of keys/ below that folder in a safe place, and give others the public key: preserve key export", err=True
    )


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="one JSON object a line")
def list_(as_json: bool) -> None:
    """List the keys, oldest first. New manifests are signed with the one marked with a star."""
    from preserve.adapters.keys import KeyStore
    from preserve.formats.printable import printable
    from preserve.formats.publickey import fingerprint_groups
    from preserve.formats.times import rfc3339
    from preserve.places import config_folder

    store = KeyStore(config_folder())
    chosen = store.signing_key()
    for key in store.stored_keys():
        used = chosen is not None and key.keyid == chosen.keyid
        if as_json:
            row = {
                "keyid": key.keyid,
                "use": key.use,
                "name": key.name,
                "algorithm": key.public.algorithm,
                "created": rfc3339(key.created),
                "encrypted": key.encrypted,
                "default": used,
                "vkey": key.vkey.encode() if key.vkey else None,
            }
            click.echo(json.dumps(row))
        else:
            click.echo(f"{'*' if used else ' '} {fingerprint_groups(key.keyid)}")
            protected = "with a passphrase" if key.encrypted else "without passphrase"
            click.echo(f"  {key.use:<8}  {printable(key.name)}, made {rfc3339(key.created)}, {protected}")
    if chosen is None:
        click.echo(
            "There is no signing key yet. The first capture makes one; `preserve key generate` does it with a passphrase.",
            err=True,
        )


@command.command()
@click.argument("key_id", metavar="[ID]", required=False)
@click.option("--vkey", is_flag=True, help="the vkey line of a log's key instead; ID may be the log's origin")
def export(key_id: str | None, vkey: bool) -> None:
    """Print a public key as PEM, to give to those who verify.

    ID is a key id, the beginning of one, or a name; without it, the key that signs new manifests.
    """
    from preserve.adapters.keys import KeyStore, KeyUse
    from preserve.errors import ConfigError
    from preserve.places import config_folder

    store = KeyStore(config_folder())
    if vkey:
        logs = [key for key in store.stored_keys() if key.use is KeyUse.LOG]
        if key_id is None and len(logs) != 1:
            raise ConfigError(f"{len(logs) or 'no'} logs have a key here", "`preserve key list` shows them; name one")
        line = (store.find(key_id) if key_id else logs[0]).vkey
        if line is None:
            raise ConfigError(f"{key_id} is no log's key", "`preserve key list` shows which are")
        click.echo(line.encode())
        return
    chosen = store.find(key_id) if key_id else store.signing_key()
    if chosen is None:
        raise ConfigError("there is no signing key yet", "preserve key generate")
    click.echo(chosen.public.pem, nl=False)
