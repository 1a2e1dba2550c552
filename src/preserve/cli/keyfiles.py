"""`preserve key import`, `export` and `passphrase`: keys between this machine and others, and what protects them here."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from preserve.cli.names import FOLDER
from preserve.cli.words import WORDS
from preserve.errors import ConfigError, FormatError, UsageError
from preserve.formats.printable import printable

if TYPE_CHECKING:
    from preserve.adapters.keys import KeyStore, KeyUse, StoredKey
    from preserve.formats.keybackup import Backup
    from preserve.formats.note import VerifierKey
    from preserve.model.trust import TrustedKey

_PASSPHRASE_FILE = click.option(
    "--passphrase-file", type=click.Path(path_type=Path), metavar="FILE", help="take the passphrase from its first line"
)


@click.command("import")
@click.argument("file", type=click.Path(path_type=Path), metavar="FILE")
@click.option("--name", type=WORDS, metavar="NAME", help="whose key it is, signed into every manifest")
@click.option("--vkey", metavar="VKEY", help="the key is a log's or a witness's, and this is its public line")
@click.option(
    "--signer", metavar="CMD", help="FILE is a public key; this command signs with its private half, which stays where it is"
)
@_PASSPHRASE_FILE
def import_(file: Path, name: str | None, vkey: str | None, signer: str | None, passphrase_file: Path | None) -> None:
    """Keep a key that was made elsewhere or comes from a backup; it is pinned as your own.

    FILE is what `preserve key export --private` wrote, or an Ed25519 private key of openssl (PKCS#8 PEM) or ssh-keygen. It is protected
    here by the passphrase that it has.

    With --signer, FILE is a public key, Ed25519 or P-256, of a card, a security module, a key service or an agent. CMD is split into
    arguments as a shell does, and run by none. It gets the bytes to sign on its standard input and prints the raw signature: 64
    bytes for Ed25519, DER for P-256, as `openssl dgst -sha256 -sign KEY.pem` does. It is asked once, and the key kept only when that
    signature holds. With a key that is here already, another command takes the place of its command.
    """
    from preserve.adapters.keys import KeyStore
    from preserve.formats import keybackup
    from preserve.places import config_folder

    try:
        with file.open("rb") as opened:
            data = opened.read(keybackup.MAX_SIZE + 1)
    except OSError as problem:
        raise UsageError(f"{file}: {problem.strerror}") from problem
    store = KeyStore(config_folder())
    if name == "":
        raise UsageError("--name is empty", "say whose key it is")
    if signer is not None:
        if vkey is not None:
            raise UsageError("--vkey and --signer exclude each other", "a log's key is used too often to lie elsewhere")
        _import_public(store, file, data, name, signer)
    elif data.startswith(b"-----BEGIN PUBLIC KEY"):
        raise UsageError(
            f"{file} is a public key",
            "say with --signer what signs with it; to trust somebody else's signatures: preserve trust add",
        )
    else:
        _import_private(store, file, data, name, vkey, passphrase_file)


def _import_public(store: KeyStore, file: Path, data: bytes, name: str | None, command: str) -> None:
    """Keep a public key and the command that signs with it, once it has; of a key that is here already, another command."""
    import shlex
    from datetime import UTC, datetime

    from preserve.adapters.keys import KeyUse
    from preserve.adapters.signercommand import CommandSigner, split
    from preserve.formats import publickey

    if b"PRIVATE KEY" in data:
        raise UsageError(f"{file} is a private key", "give its public half with --signer, or import it without")
    arguments = split(command)
    try:
        public = publickey.decode(data)
    except FormatError as problem:
        raise FormatError(f"{file}: {problem.message}", problem.hint) from None
    if public.algorithm is publickey.Algorithm.ML_DSA_65:
        raise UsageError("an ML-DSA-65 key never signs alone", "import an Ed25519 or a P-256 key")
    known = _known(store, public.keyid)
    if known is not None and known.use is not KeyUse.MANIFEST:
        raise ConfigError(f"this key is here already, as a {known.use}'s key for {known.name}", "no key does two of these")
    if known is not None and not known.command:
        _say_known(known)
        return
    CommandSigner(public, name or "unnamed", arguments).prove()
    if known is not None and known.command != arguments:
        store.redirect(known, arguments)
        click.echo(known.keyid)
        was, now_is = (printable(shlex.join(command)) for command in (known.command, arguments))
        click.echo(
            f"This key is here already, as {printable(known.name)}; it signs now through {now_is}, before through {was}.",
            err=True,
        )
        return
    if known is not None:
        _say_known(known)
        return
    now = datetime.now(UTC)
    _said(store.keep_remote(name or "unnamed", public, arguments, now=now, pin=_pin))


def _import_private(
    store: KeyStore, file: Path, data: bytes, name: str | None, vkey: str | None, passphrase_file: Path | None
) -> None:
    from datetime import UTC, datetime

    from preserve.adapters.keys import KeyUse, public_of
    from preserve.cli import passphrase
    from preserve.formats import keybackup, privatekey
    from preserve.formats.note import VerifierKey

    try:
        backup = keybackup.decode(data)
        secret = passphrase.given_for(file.name, passphrase_file) if privatekey.is_encrypted(backup.pem) else None
        if backup.pem.startswith(b"-----BEGIN OPENSSH"):
            private = privatekey.from_openssh(backup.pem)
        else:
            private = privatekey.decode(backup.pem, secret)
        line = None if vkey is None else VerifierKey.parse(vkey)
    except FormatError as problem:
        hint = problem.hint or "only Ed25519 keys lie in files here; others sign through a command: --signer"
        raise FormatError(f"{file}: {problem.message}", hint) from None
    public = public_of(private)
    use, called = _purpose(backup, name, line)
    if line is not None and line.fingerprint != public.keyid:
        raise UsageError(
            "--vkey is the line of another key", "`preserve key export --vkey` prints the right one where the key is"
        )
    known = _known(store, public.keyid)
    if known is not None and (known.use is not use or (known.vkey and known.name != called)):
        raise ConfigError(f"this key is here already, as a {known.use}'s key for {known.name}", "no key does two of these")
    if known is not None:
        _say_known(known)
        return
    if use is KeyUse.LOG and store.log_key(called) is not None:
        click.echo(f"Another key of the log {printable(called)} is here too; its archive says which one counts.", err=True)
    made = backup.created or datetime.now(UTC)
    _said(store.keep(use, called, private, now=made, pin=_pin, passphrase=secret))
    if secret is None:
        click.echo("It lies unencrypted in your configuration folder. To protect it: preserve key passphrase", err=True)


def _purpose(backup: Backup, name: str | None, line: VerifierKey | None) -> tuple[KeyUse, str]:
    """What the key is for and how it is called: by its vkey, by what its file says, or a manifest key by --name."""
    from preserve.adapters.keys import KeyUse
    from preserve.formats.note import KeyType

    if line is not None:
        use = KeyUse.LOG if line.type is KeyType.ED25519 else KeyUse.WITNESS
        if backup.use not in (None, use):
            raise UsageError(f"--vkey is a {use}'s line, and the file says that it is a {backup.use}'s key")
        return use, line.name
    if backup.use is not None and backup.use not in set(KeyUse):
        raise FormatError(f"not a key: its use {backup.use!r} is not known")
    use = KeyUse(backup.use or KeyUse.MANIFEST)
    if use is not KeyUse.MANIFEST and name not in (None, backup.name):
        raise UsageError(f"the name of a {use}'s key is part of what it signs", "leave --name away")
    return use, name or backup.name or "unnamed"


def _known(store: KeyStore, keyid: str) -> StoredKey | None:
    return next((key for key in store.stored_keys() if key.keyid == keyid), None)


def _say_known(key: StoredKey) -> None:
    click.echo(key.keyid)
    click.echo(f"This key is here already, as {printable(key.name)}; nothing was changed.", err=True)


def _said(key: StoredKey) -> None:
    from preserve.cli.fingerprints import in_rows

    click.echo(key.keyid)
    click.echo(in_rows("Fingerprint  ", key.keyid), err=True)
    gone = _revoked(key.keyid)
    pinned = (
        f"it stays {gone} in your trust store, and what it signs from then on does not count"
        if gone
        else "it is pinned as your own"
    )
    click.echo(f"Kept: {printable(key.name)}, a {key.use} key; {pinned}.", err=True)


def _pin(key: TrustedKey) -> None:
    """Pin it as the user's own; a key that their own store revoked, in whatever role, is kept and not trusted again."""
    from preserve.adapters.trust import TrustStore
    from preserve.places import config_folder

    if not _revoked(key.keyid):
        TrustStore(config_folder()).add(key)


def _revoked(keyid: str) -> str:
    from preserve.adapters.trust import TrustStore
    from preserve.cli.moments import revocation
    from preserve.places import config_folder

    return revocation(key for key in TrustStore(config_folder()).trusted_keys() if key.keyid == keyid)


@click.command()
@click.argument("key_id", metavar="[ID]", required=False)
@click.option("--vkey", is_flag=True, help="the vkey line of a log's or a witness's key instead; ID may be its name")
@click.option(
    "--private", is_flag=True, help="the private half, for a backup; always with a passphrase, unless --no-passphrase"
)
@click.option("--archive", type=FOLDER, metavar="DIR", help="the key of this archive's log")
@_PASSPHRASE_FILE
@click.option("--no-passphrase", is_flag=True, help="with --private: as it lies here, even unencrypted")
def export(
    key_id: str | None, archive: Path | None, passphrase_file: Path | None, *, vkey: bool, private: bool, no_passphrase: bool
) -> None:
    """Print a public key as PEM, to give to those who verify; with --private, the whole key, for `preserve key import`.

    ID is a key id, the beginning of one, or a name; without it, the key that signs new manifests.
    """
    from preserve.adapters.keys import KeyStore
    from preserve.places import config_folder

    if archive is not None and key_id is not None:
        raise UsageError("an ID and --archive exclude each other")
    store = KeyStore(config_folder())
    chosen = _chosen(store, key_id, archive, vkey=vkey)
    if private and vkey:
        raise UsageError("--private and --vkey exclude each other")
    if private:
        click.echo(_backup(store, chosen, passphrase_file, no_passphrase=no_passphrase), nl=False)
        what = "the file has the passphrase that the key has here" if chosen.encrypted else "the passphrase opens it"
        click.echo(f"Keep it off this machine; {'whoever has it can sign' if no_passphrase else what}.", err=True)
    elif vkey:
        if chosen.vkey is None:
            raise ConfigError(f"{key_id} is no log's and no witness's key", "`preserve key list` shows which are")
        click.echo(chosen.vkey.encode())
    else:
        click.echo(chosen.public.pem, nl=False)


def _chosen(store: KeyStore, key_id: str | None, archive: Path | None, *, vkey: bool) -> StoredKey:
    from preserve.adapters.keys import KeyUse

    if archive is not None:
        from preserve.adapters.archive import Archive
        from preserve.wiring.logline import log_line

        current = log_line(Archive(archive))[-1].key
        found = store.log_key(current.name, current.fingerprint)
        if found is None:
            raise ConfigError(
                f"the key of this archive's log ({current.name}) is not here", "`preserve key list` shows what is"
            )
        return found
    if key_id is not None:
        return store.find(key_id)
    if vkey:
        logs = [key for key in store.stored_keys() if key.use is KeyUse.LOG]
        if len(logs) != 1:
            raise ConfigError(f"{len(logs) or 'no'} logs have a key here", "name one, or its archive with --archive")
        return logs[0]
    from preserve.adapters.trust import TrustStore
    from preserve.places import config_folder
    from preserve.wiring.signing import revoked_keys

    chosen = store.signing_key(revoked=revoked_keys(TrustStore(config_folder())))
    if chosen is None:
        raise ConfigError("there is no signing key yet", "preserve key generate")
    return chosen


def _backup(store: KeyStore, key: StoredKey, passphrase_file: Path | None, *, no_passphrase: bool) -> bytes:
    from preserve.cli import passphrase

    if no_passphrase and key.encrypted:
        raise UsageError("this key has a passphrase here, and keeps it in the backup", "leave --no-passphrase away")
    if not key.encrypted:
        store.private(key, lambda _: b"")  # what is not here is told before a passphrase is asked for
    secret = None if no_passphrase or key.encrypted else passphrase.new(passphrase_file)
    return store.backup(key, secret)


@click.command("passphrase")
@click.argument("key_id", metavar="[ID]", required=False)
@click.option("--new-file", type=click.Path(path_type=Path), metavar="FILE", help="take the new passphrase from its first line")
@click.option("--remove", is_flag=True, help="keep the key unencrypted, for machines that capture unattended")
@click.option("--keyring", is_flag=True, help="keep the new passphrase in the system's keyring, so that nobody is asked")
@_PASSPHRASE_FILE
def passphrase_(
    key_id: str | None, new_file: Path | None, passphrase_file: Path | None, *, remove: bool, keyring: bool
) -> None:
    """Set, change or remove the passphrase of a key. Copies made before keep the old one.

    ID is a key id, the beginning of one, or a name; without it, the key that signs new manifests. The old passphrase is asked for, or
    taken from --passphrase-file, $PRESERVE_PASSPHRASE_FILE, $PRESERVE_PASSPHRASE or the keyring.
    """
    from preserve.adapters.keys import KeyStore
    from preserve.cli import passphrase
    from preserve.places import config_folder

    if remove and (new_file or keyring):
        raise UsageError("--remove excludes --new-file and --keyring")
    store = KeyStore(config_folder())
    key = _chosen(store, key_id, None, vkey=False)
    old = passphrase.opener(passphrase_file)
    store.private(key, held := passphrase.once(old))  # a wrong passphrase is told before a new one is asked for
    new = None if remove else passphrase.new(new_file, environment=False)
    if keyring and new is not None:
        passphrase.remember(key.keyid, new)
    store.protect(key, held, new, keyring=keyring)
    if key.keyring and not keyring:
        passphrase.forget(key.keyid)
    said = "no passphrase any more" if new is None else "the new passphrase" + (", kept in the keyring" if keyring else "")
    click.echo(f"The key {key.keyid[:16]}… has {said}.", err=True)
