"""`preserve log`: the archive's log: its checkpoint for others to keep, checking it, and witnessing the logs of others."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from preserve.cli import whicharchive
from preserve.cli.names import FILE_THERE, NAME
from preserve.cli.plainfile import PLAIN_FILE
from preserve.errors import ExitCode, FormatError, PreserveError, UsageError
from preserve.formats.counted import counted
from preserve.formats.printable import printable

if TYPE_CHECKING:
    from preserve.formats.note import SignedNote, VerifierKey
    from preserve.model.settings import WitnessAddress

_MAX_LOGS = 1 << 20


@click.group("log")
def command() -> None:
    """The append-only log of an archive, and witnessing the logs of others.

    A checkpoint is the log's signed head. Whoever keeps one can tell later whether the log was rolled back or rewritten: a colleague,
    a printed page, a witness that cosigns it.
    """


@command.command()
@whicharchive.argument
@click.option(
    "--witness",
    "given",
    nargs=2,
    multiple=True,
    metavar="URL VKEY",
    help="Ask this witness; repeatable.  [default: those of config.toml]",
)
@click.option("--offline", is_flag=True, help="Ask nobody, and write nothing: print the checkpoint as it is.")
@click.option(
    "--cacert",
    type=PLAIN_FILE,
    metavar="FILE",
    help="Trust these certificate authorities (PEM) where an address is https, instead of the bundled ones.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of the checkpoint's lines.")
def checkpoint(
    archive: Path, given: tuple[tuple[str, str], ...], cacert: Path | None, *, offline: bool, as_json: bool
) -> ExitCode:
    """Print the log's checkpoint, ready to mail or to print; fetch the cosignatures that it lacks.

    ARCHIVE is $PRESERVE_ARCHIVE, else ./archive. A witness that was down when the log grew is asked again. Runs whose proof lacks
    cosignatures get a proof against the cosigned checkpoint; nothing else is touched. Where no witness is asked, what is there is printed,
    of an older copy too: `preserve log verify` says whether it is one.

    \b
    Exit codes: 0 printed, and every configured witness has cosigned
                41 printed, but some witness has not
                40 the log is not what its key signed; or it lies behind what you signed or
                   verified of it, and witnesses were to be asked
    """
    from preserve.adapters.archive import Archive
    from preserve.adapters.settings import read_config
    from preserve.places import config_folder
    from preserve.rules.witness import address, distinct
    from preserve.wiring import witnessing

    if offline and given:
        raise UsageError("--offline and --witness exclude each other")
    place = Archive(archive)
    asked: tuple[WitnessAddress, ...] = ()
    if not offline:
        asked = distinct([address(url, vkey) for url, vkey in given]) if given else read_config(config_folder()).witnesses
    if asked:
        done = witnessing.cosign(place, asked, cacert, _say)
        head, missing = done.head, [(one.name, one.problem) for one in done.missing]
        if done.refreshed:
            _say(f"{counted(len(done.refreshed), 'run')} got a proof against this checkpoint, with its cosignatures")
    else:
        head, missing = witnessing.public_ledger(place).checkpoint(), []
    if as_json:
        click.echo(json.dumps(_described(head, [one.vkey for one in asked], missing)))
    else:
        click.echo(head.encode(), nl=False)
    return ExitCode.UNESTABLISHED if missing else ExitCode.DONE


@command.command()
@click.argument("path", metavar="ARCHIVE|FILE", type=NAME)
@click.option(
    "--against",
    type=FILE_THERE,
    metavar="FILE",
    help="An older checkpoint, as somebody was mailed or printed it: has the log only grown since?",
)
@click.option(
    "--policy",
    type=FILE_THERE,
    metavar="FILE",
    help="Exit 41 unless the witnesses are those that this C2SP policy asks for.  [default: policy in your configuration"
    " folder, for information]",
)
@click.option("--json", "as_json", is_flag=True, help="One finding a line, then the result, as JSON Lines.")
@click.option("-v", "--verbose", is_flag=True, help="Show every finding.")
@click.option("-q", "--quiet", is_flag=True, help="Show only what fails or is needed and not established.")
def verify(path: Path, against: Path | None, policy: Path | None, *, as_json: bool, verbose: bool, quiet: bool) -> ExitCode:
    """Check a log alone: signature, tiles, cosignatures, and that it only grew since it was seen here before.

    Give an archive, or a checkpoint or proof in a file. Whether each entry is what lies in the archive is for `preserve verify`.

    \b
    Exit codes: 0 nothing altered
                40 altered, forged, rolled back or rewritten
                41 the log's key is not trusted, or what was asked is not shown
                20 neither an archive nor a checkpoint
    """
    from datetime import UTC, datetime

    from preserve.adapters.checkpoints import CheckpointMemory
    from preserve.adapters.folder import DiskFolder
    from preserve.adapters.policy import read_demand
    from preserve.adapters.trust import TrustStore
    from preserve.cli.findings import About, show
    from preserve.flows.verify_head import verify_checkpoint, verify_log
    from preserve.formats.tlog import MAX_PROOF
    from preserve.places import config_folder, state_folder

    if not path.exists():
        raise FormatError(f"{path}: no such file or folder", "name an archive, or a file that holds a checkpoint")
    memories = (CheckpointMemory.seen(state_folder()), CheckpointMemory.signed(state_folder()))
    trusted, demand = TrustStore(config_folder()).trusted_keys(), read_demand(config_folder(), policy)
    now, older = datetime.now(UTC), None if against is None else (str(against), _read(against, MAX_PROOF))
    try:
        if path.is_dir():
            with DiskFolder(path) as folder:
                report = verify_log(folder, trusted, memories, now, demand=demand, against=older)
        else:
            data = _read(path, MAX_PROOF)
            report = verify_checkpoint(str(path), data, trusted, memories, now, demand=demand, against=older)
    except FormatError as problem:
        named = problem.message if older and problem.message.startswith(older[0]) else f"{path}: {problem.message}"
        raise FormatError(named, problem.hint) from None
    about = About.LOG if path.is_dir() else About.CHECKPOINT
    return show(report, path, as_json=as_json, verbose=verbose, quiet=quiet, about=about)


@command.command()
@click.option(
    "--listen",
    default="127.0.0.1:0",
    show_default=True,
    metavar="HOST:PORT",
    help="Where to answer; port 0 takes a free one.",
)
@click.option(
    "--log",
    "logs",
    multiple=True,
    required=True,
    metavar="VKEY|FILE",
    help="A log to witness, by its vkey, or a file with one on each line; repeatable.",
)
@click.option("--key", metavar="ID", help="Your witness key.  [default: the only one]")
@click.option(
    "--state",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Where it keeps what it cosigned; never lose it, and never go back to an older copy."
    "  [default: below your state folder]",
)
@click.option(
    "--passphrase-file", type=click.Path(path_type=Path), metavar="FILE", help="Take the key's passphrase from its first line."
)
@click.option("-q", "--quiet", is_flag=True, help="Do not tell of each request.")
def witness(
    listen: str, logs: tuple[str, ...], key: str | None, state: Path | None, passphrase_file: Path | None, quiet: bool
) -> int:
    """Witness the logs of others: cosign their checkpoints as long as they only grow (C2SP tlog-witness).

    Prints its address and its vkey, which is what you give to those whose logs you witness, and answers until it is stopped. It
    learns the name, the size and the root hash of a log, never what is in it. Make its key first:
    preserve key generate --use witness --name NAME
    """
    from preserve.cli import passphrase
    from preserve.wiring import witnessing

    host, port = _place(listen)
    known = _known(logs)
    note = _keep_quiet if quiet else _say
    with witnessing.witness_server(host, port, known, state, key, passphrase.opener(passphrase_file), note) as (server, own):
        try:
            click.echo(f"address: {server.url}")
            click.echo(f"vkey: {own.encode()}")
            _say(f"Witnessing {len(known)} {'log' if len(known) == 1 else 'logs'}; stop with Ctrl-C.")
            server.serve_forever(poll_interval=0.2)
        except KeyboardInterrupt:
            _say("Stopped.")
    return ExitCode.DONE


def _place(listen: str) -> tuple[str, int]:
    host, colon, port = listen.rpartition(":")
    if not colon or not host or not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise UsageError(f"--listen {listen!r} is not HOST:PORT", "for example 127.0.0.1:8470, or [::1]:8470")
    return host.removeprefix("[").removesuffix("]"), int(port)


def _known(given: tuple[str, ...]) -> list[VerifierKey]:
    """The logs named, each once."""
    from preserve.formats.note import KeyType, VerifierKey

    found: dict[VerifierKey, None] = {}
    for named in given:
        path = Path(named)
        rows = [(named, named)]
        if _is_file(path):
            text = _read(path, _MAX_LOGS).decode("utf-8", "replace")
            rows = [(f"{named}: line {number}", row.strip()) for number, row in enumerate(text.splitlines(), 1)]
        for where, row in rows:
            if not row or row.startswith("#"):
                continue
            try:
                key = VerifierKey.parse(row)
            except PreserveError as problem:
                raise UsageError(
                    f"--log {printable(where)}: {problem.message}", "give the log's vkey: preserve key export --vkey"
                ) from None
            if key.type is not KeyType.ED25519:
                raise UsageError(f"--log {printable(where)}: this is a witness's key, not a log's")
            found[key] = None
    if not found:
        raise UsageError("--log names no log")
    return list(found)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name that cannot be looked up, as long as a vkey may be
        return False


def _described(head: SignedNote, asked: list[str], missing: list[tuple[str, str]]) -> dict[str, object]:
    """The checkpoint for a program."""
    from preserve.formats import note

    found = note.parse_checkpoint(head.text)
    opened = note.verify(head, [note.VerifierKey.parse(vkey) for vkey in asked])
    lines = [line for line in head.signatures if line.name != found.origin]
    times = {(one.key.name, one.key.key_hash): one.time for one in opened.cosigned_by}
    return {
        "origin": found.origin,
        "size": found.size,
        "root": found.root.hex(),
        "checkpoint": head.encode().decode(),
        "cosigned": [
            {"name": line.name, "key_hash": line.key_hash.hex(), "time": times.get((line.name, line.key_hash))}
            for line in lines
        ],
        "missing": [{"name": name, "problem": problem} for name, problem in missing],
    }


def _read(path: Path, limit: int) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(limit + 1)
    except OSError as problem:
        raise UsageError(f"{path}: {problem.strerror}") from problem
    if len(data) > limit:
        raise FormatError(f"longer than {limit} bytes", "a checkpoint or a proof is a few lines of text")
    return data


def _keep_quiet(_: str) -> None:
    """What --quiet has for each request."""


def _say(words: str) -> None:
    click.echo(printable(words), err=True)
