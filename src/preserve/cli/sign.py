"""`preserve sign`: a second person's signature, with the SSH key that they have, under a run that was sealed already."""

from __future__ import annotations

from pathlib import Path

import click

from preserve.cli.custodyoptions import say, settle, signing, tell_of
from preserve.cli.names import FOLDER, NAME
from preserve.cli.words import WORDS
from preserve.errors import ExitCode, UsageError


@click.command("sign")
@click.argument("archive", type=FOLDER, metavar="ARCHIVE")
@click.argument("run", required=False)
@click.option("--ssh", "ssh", type=NAME, metavar="KEY", help="Sign with this SSH key, through ssh-keygen.")
@click.option(
    "--signature",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Take in a signature that was made elsewhere: manifest.json.sig.",
)
@click.option(
    "--name",
    type=WORDS,
    metavar="NAME",
    help="Whose signature it is.  [default: the name you trust the key under, else its comment]",
)
@signing
def command(
    archive: Path,
    run: str | None,
    ssh: Path | None,
    signature: Path | None,
    name: str | None,
    key: str | None,
    operator: str | None,
    tsa: tuple[str, ...],
    *,
    no_timestamp: bool,
) -> ExitCode:
    """Add an SSH signature to RUN of ARCHIVE, by its number or folder; to the newest run without it.

    Somebody who saw the run can vouch for it with the SSH key that they have: Ed25519 or ECDSA on P-256, in a file or in an agent (then name
    the .pub file). The signature is entered in the archive's log by whoever keeps the archive, and nothing that was sealed changes.

    At another machine, and without preserve, it is made with

    \b
      ssh-keygen -Y sign -n preserve-manifest-v1 -f KEY manifest.json

    and taken in here with --signature manifest.json.sig --name NAME. Whose key it is, each verifier says: preserve trust add KEY.pub
    """
    from preserve.adapters.sshkeygen import sign
    from preserve.cli.passphrase import opener
    from preserve.formats import sshsig
    from preserve.wiring.countersigning import countersign

    if (ssh is None) is (signature is None):
        raise UsageError("say with what to sign", "--ssh KEY signs here, --signature FILE takes in what was signed elsewhere")
    options = settle(archive, key, operator, tsa, no_timestamp=no_timestamp)

    def made(document: bytes) -> bytes:
        if ssh is not None:
            return sign(ssh, document)
        assert signature is not None, "one of the two is given"
        try:
            with signature.open("rb") as file:
                return file.read(sshsig.MAX_SIZE + 1)
        except OSError as problem:
            raise UsageError(f"{signature}: {problem.strerror}") from problem

    done = countersign(options, run, made, name or _comment(ssh), say, opener())
    tell_of(done.recorded)
    say(f"Signed by {done.name}, SSH key {done.key.fingerprint}")
    if not done.pinned:
        say(
            "You do not trust that key yet, so that verify names it as unknown. After comparing its fingerprint with its owner:"
        )
        say(f"  preserve trust add '{done.key.line}' --name NAME")
    return ExitCode.DONE


def _comment(key: Path | None) -> str | None:
    """What a key's .pub file calls it, where there is one that can be read."""
    from preserve.errors import FormatError
    from preserve.formats import sshkey

    if key is None:
        return None
    public = key if key.suffix == ".pub" else key.with_name(key.name + ".pub")
    try:
        with public.open("r", encoding="utf-8") as file:
            return sshkey.parse(file.read(sshkey.MAX_LINE).strip()).who or None
    except (OSError, UnicodeDecodeError, FormatError):
        return None
