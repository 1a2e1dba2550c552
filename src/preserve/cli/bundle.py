"""`preserve bundle`: what was captured and sealed, in one file that players open and strangers can check."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import Enum, auto
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from preserve import __version__
from preserve.cli.custodyoptions import check_custody, custody, leave_event, made, run_ref
from preserve.cli.names import FOLDER, NAME
from preserve.errors import ConfigError, FormatError, UsageError
from preserve.formats.counted import counted
from preserve.formats.printable import printable
from preserve.formats.times import rfc3339
from preserve.model.finding import Result
from preserve.model.handover import Gone

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from preserve.flows.bundle import Contents
    from preserve.model.finding import Report
    from preserve.model.handover import RunPart, Wanted
    from preserve.ports import Folder, Signer

_SOFTWARE = f"preserve/{__version__}"
_TOLD = 20
"""Captures that are told one by one."""


class _Form(Enum):
    """In which form it is handed over."""

    WACZ = auto()
    WARC = auto()
    BAG = auto()


class _Chosen(NamedTuple):
    """The key that will sign the bundle, and how it is made ready when there is something to sign."""

    keyid: str
    open: Callable[[], Signer]


@click.command()
@click.argument("archive", type=FOLDER, metavar="ARCHIVE")
@click.option("-o", "--output", required=True, type=NAME, metavar="X.wacz", help="Where to write it.")
@click.option("--run", "runs", multiple=True, type=click.IntRange(min=0), metavar="N", help="Only this run; repeatable.")
@click.option("--document", "documents", multiple=True, metavar="NAME", help="Only what this document cites; repeatable.")
@click.option("--note", "notes", multiple=True, metavar="N", help="Only what footnotes with this mark cite; repeatable.")
@click.option("--url", "urls", multiple=True, metavar="U", help="Only captures of this address; repeatable.")
@click.option(
    "--warc", is_flag=True, help="Only the WARC files: into the folder, or into one file where its name ends in .warc.gz."
)
@click.option("--bagit", is_flag=True, help="The bundle in a BagIt bag: a folder, or a ZIP where its name ends in .zip.")
@click.option("--key", metavar="ID|PUB.pem", help="The key that signs the bundle [default: your newest].")
@click.option("--signer", metavar="CMD", help="What signs with --key, where its private half is elsewhere.")
@click.option("--passphrase-file", type=click.Path(path_type=Path, dir_okay=False), help="Its first line opens the key.")
@custody
def command(
    archive: Path,
    output: Path,
    runs: tuple[int, ...],
    documents: tuple[str, ...],
    notes: tuple[str, ...],
    urls: tuple[str, ...],
    key: str | None,
    signer: str | None,
    passphrase_file: Path | None,
    custody: str | None,
    *,
    warc: bool,
    bagit: bool,
) -> int:
    """Hand over what ARCHIVE holds: a WACZ that ReplayWeb.page and pywb open, with everything that proves it inside.

    Whole runs go along byte for byte. With --document, --note or --url single captures do: their records, what their pages need, the
    originals that revisits refer to, and the proof that each of them is of the sealed run; nothing else of it is disclosed.

    The archive is verified first and, without --custody, not written to. What does not verify is not handed over: exit code 40. A run that is not
    sealed is left out, and that is said. Of a record that was removed the statement goes along, and players show a page that says so in its place. `preserve verify X.wacz` checks the result.

    With --warc nothing goes along but what was captured: no proofs, no statements, and no pages for players in the place of what was removed.
    """
    from preserve.adapters.folder import DiskFolder
    from preserve.cli.verify import check
    from preserve.flows import bundle
    from preserve.flows.select import select

    if warc and bagit:
        raise UsageError("--warc and --bagit exclude each other")
    if not (archive / "archive.toml").is_file():
        raise FormatError(f"{archive} is not an archive", "capture into it first, or name another folder")
    if output.resolve().is_relative_to(archive.resolve()):
        raise UsageError(f"{output} lies in the archive, and nothing else may", "name a place outside it")
    check_custody(archive, custody)
    chosen = None if warc else _chosen(key, signer, passphrase_file)
    wanted = _wanted(runs, documents, notes, urls)
    form = _Form.WARC if warc else _Form.BAG if bagit else _Form.WACZ
    if (archive / "journal").is_dir():
        _say("A run is open and not sealed yet: it is left out. preserve capture --resume finishes it.")
    report = check(archive)
    with DiskFolder(archive) as folder:
        names = bundle.run_names(folder)
        bundle.refuse_altered(report, names, wanted.runs)
        parts = select(folder, names, wanted)
        bundle.refuse_altered(report, [part.name for part in parts], frozenset())
        if not parts:
            raise UsageError("there is nothing to hand over: no sealed capture fits", "preserve status lists what there is")
        if wanted.by_capture and any(part.whole for part in parts):
            _say(
                "What was imported goes along whole, whatever else lies in the same file: single records of it cannot be proven."
            )
        contents = _write(folder, parts, output, form, chosen)
    _tell_rest(report)
    if contents.removed:
        _tell_removed(contents, form)
    _conclude(output, form, contents, whole=not wanted.by_capture)
    some = bool(runs) or wanted.by_capture
    return leave_event(
        archive,
        custody,
        action="export",
        result=made(output) + ("; single captures" if wanted.by_capture else ""),
        runs=tuple(run_ref(archive, part.name) for part in parts) if some and custody is not None else (),
    )


def _wanted(runs: tuple[int, ...], documents: tuple[str, ...], notes: tuple[str, ...], urls: tuple[str, ...]) -> Wanted:
    from preserve.formats.url import BadUrl, parse
    from preserve.model.handover import Wanted

    addresses = set()
    for url in urls:
        parsed = parse(url)
        if isinstance(parsed, BadUrl):
            raise UsageError(f"{url}: {parsed.problem}")
        addresses.add(parsed.address)
    return Wanted(runs=frozenset(runs), documents=frozenset(documents), notes=frozenset(notes), urls=frozenset(addresses))


def _chosen(wanted: str | None, command: str | None, passphrase_file: Path | None) -> _Chosen:
    """The user's own key, before anything is read for it. Raises ConfigError when there is none that may sign alone."""
    from preserve.adapters.clock import SystemClock
    from preserve.adapters.keys import KeyStore
    from preserve.adapters.trust import TrustStore
    from preserve.cli.passphrase import opener
    from preserve.formats.publickey import Algorithm
    from preserve.places import config_folder
    from preserve.wiring.signing import key_of, open_signer, public_file, revoked_keys

    if command is not None and wanted is None:
        raise UsageError("--signer needs --key: whose signature does it make?", "--key PUB.pem, or the id of a key")
    public = read = None if wanted is None else public_file(wanted)
    found = None
    if public is None or command is None:
        store = KeyStore(config_folder())
        named = wanted if public is None else public.keyid
        found = store.signing_key(named, revoked=revoked_keys(TrustStore(config_folder())))
        if found is None:
            raise ConfigError("there is no key here to sign the bundle with", "make one: preserve key generate")
        public = found.public
    if public.algorithm is Algorithm.ML_DSA_65:
        raise ConfigError(
            "a bundle has one signature, and ML-DSA-65 is never the only one",
            "name an Ed25519 or a P-256 key with --key; `preserve key list` shows them",
        )
    if command is not None:
        return _Chosen(
            public.keyid, lambda: key_of(wanted, None, SystemClock(), _say, opener(passphrase_file), command, public=read)
        )
    own = found
    assert own is not None, "it was looked up"
    return _Chosen(public.keyid, lambda: open_signer(own, opener(passphrase_file)))


def _opened(chosen: _Chosen | None, parts: Sequence[RunPart]) -> Signer:
    """A bundle of somebody else's archive is signed for by whoever makes it."""
    from preserve.formats.publickey import fingerprint_groups

    assert chosen is not None, "a key was chosen for what is signed"
    if not any(signer.keyid == chosen.keyid for part in parts for signer in part.manifest.signers):
        _say(f"The bundle is signed by your key {fingerprint_groups(chosen.keyid)}, which signed none of its runs.")
    return chosen.open()


def _write(folder: Folder, parts: Sequence[RunPart], output: Path, form: _Form, chosen: _Chosen | None) -> Contents:
    from preserve.adapters import handover
    from preserve.flows import bundle

    now = datetime.now(UTC)
    if form is _Form.WARC and output.name.endswith(".warc.gz"):
        with handover.new_file(output) as file:
            return bundle.write_warcs(folder, parts, handover.FolderSink(None, file), joined=True)
    if form is _Form.WARC:
        with handover.new_folder(output) as place:
            return bundle.write_warcs(folder, parts, handover.FolderSink(place))
    if form is _Form.WACZ:
        return _write_wacz(folder, parts, output, now, _opened(chosen, parts))
    name = f"{output.name.removesuffix('.zip')}.wacz"
    pen = _opened(chosen, parts)
    if output.name.endswith(".zip"):
        with handover.scratch(output) as place:
            contents = _write_wacz(folder, parts, place / name, now, pen)
            handover.zip_bag(output, place / name, moment=now, software=_SOFTWARE, identifier=parts[0].manifest.archive.id)
        return contents
    with handover.new_folder(output) as place:
        (place / "data").mkdir()
        contents = _write_wacz(folder, parts, place / "data" / name, now, pen)
        handover.fill_bag(place, moment=now, software=_SOFTWARE, identifier=parts[0].manifest.archive.id)
    return contents


def _write_wacz(folder: Folder, parts: Sequence[RunPart], output: Path, now: datetime, signer: Signer) -> Contents:
    from preserve.adapters.handover import zip_file
    from preserve.adapters.sorting import SortedLines
    from preserve.adapters.waczkey import WaczKey
    from preserve.flows import bundle
    from preserve.places import config_folder

    key = WaczKey.of_user(config_folder())
    about = bundle.About(title=parts[0].manifest.archive.id, created=now, software=_SOFTWARE)
    with zip_file(output, now) as sink, SortedLines() as sorter:
        return bundle.write_wacz(folder, parts, sink, sorter, about, signer, key)


def _tell_rest(report: Report) -> None:
    """What does not verify elsewhere in the archive is said, though none of it went along."""
    failing = sorted({finding.subject for finding in report.findings if finding.result is Result.FAIL})
    if failing:
        _say(f"The archive does not verify elsewhere, in what was left out: {', '.join(failing[:3])}. See preserve verify.")


def _tell_removed(contents: Contents, form: _Form) -> None:
    """That some of it is not there any more, how a receiver learns of that, and what cannot be replayed."""
    count, lost = contents.removed, contents.lost
    stands = "In their places stand records that say so" if count > 1 else "In its place stands one that says so"
    more = "; the signed statement goes along, and preserve verify exits 41 and tells it."
    if form is _Form.WARC:
        more = "; the signed statement is not in WARC files; a bundle without --warc has it."
    _say(f"{counted(count, 'record')} {'were' if count > 1 else 'was'} removed from the archive. {stands}{more}")
    if not lost:
        return
    place = "the place of each" if len(lost) > 1 else "its place"
    shown = f"players show a page that says so in {place}"
    if form is _Form.WARC:  # a page that no site sent would be one of their captures (docs/adr/0285)
        shown = f"nothing stands in {place}, and players may show another capture there"
    _say(f"{counted(len(lost), 'answer')} cannot be replayed; {shown}.")
    for one in lost[:_TOLD]:
        why = "removed" if one.why is Gone.REMOVED else "as an earlier capture, which was removed"
        _say(f"  run {int(one.run.partition('-')[0])}  {rfc3339(one.at)}  {one.url}  ({why})")
    if len(lost) > _TOLD:
        _say(f"  and {len(lost) - _TOLD} more: preserve verify tells them of each run")


def _conclude(output: Path, form: _Form, contents: Contents, *, whole: bool) -> None:
    where = printable(str(output))
    what = (
        f"{counted(contents.captures, 'capture')} in {counted(contents.records, 'record')} of {counted(contents.runs, 'run')}"
    )
    _say(f"Bundled  {where}   {what}" + (f", {counted(contents.pages, 'page')}" if contents.pages else ""))
    if not whole and form is not _Form.WARC:
        _say("A selection: what was not asked for is not in it, and preserve verify says so.")
    if form is _Form.WACZ:
        _say(f"Check it with: preserve verify {where}")


def _say(text: str) -> None:
    click.echo(printable(text), err=True)
