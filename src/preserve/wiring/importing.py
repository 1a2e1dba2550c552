"""An import put together: the archive locked, the files copied and surveyed, tied to footnotes, sealed."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

from preserve import __version__
from preserve.adapters.archive import Archive
from preserve.adapters.journal import Journal
from preserve.errors import FormatError, StoreError
from preserve.flows import imports, run
from preserve.flows.imports import Imported, Wanted
from preserve.model.foreign import Kept
from preserve.model.noun import dataclass
from preserve.wiring import facts
from preserve.wiring.options import PassphraseOf, Tell
from preserve.wiring.recording import Desk, RecordOptions, desk


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportOptions:
    """Where to, who imports, and for which case."""

    record: RecordOptions
    case: str | None = None


def import_files(
    options: ImportOptions, files: tuple[Path, ...], wanted: Wanted, tell: Tell, passphrase: PassphraseOf
) -> Imported:
    """Import `files` as one sealed run.

    Raises FormatError (no WARC or WACZ file), UsageError (a footnote is not answered), StoreError (locked, disk full, a run is open),
    ConfigError (keys), TrustError (the archive does not verify well enough to build on). Then nothing of it is left.
    """
    for file in files:
        if not file.is_file():  # it is searched, then copied: a pipe has it once, and one that nobody writes to never
            raise FormatError(f"{file}: not a plain file", "name .wacz, .warc or .warc.gz files, or copies of them on a disk")
    with desk(options.record, "import", tell, passphrase) as opened:
        archive = opened.archive
        _refuse_open(archive)
        run.check_foundation(archive, opened.ledger)
        identity = facts.identify(archive, opened.clock)
        staging = archive.staging(identity.name)
        try:
            stem = f"{archive.slug}-{identity.name}"
            kept = tuple(_keep(staging.folder, stem, number, file, opened) for number, file in enumerate(files, start=1))
            gathered = imports.gather(identity, kept, wanted, options.record.actor.name or "")
            for document in wanted.documents:
                if document.source in gathered.documents:
                    archive.keep_document(document.source.sha256, document.source.name, document.data)
            opened.stamper.begin(staging, identity)
            settings = _settings(options, kept)
            sealed = imports.finish(
                archive,
                gathered,
                kept,
                opened.ledger,
                opened.signer,
                lambda previous: facts.about(archive, settings, previous),
                opened.clock,
                facts.salt,
                opened.stamper,
            )
        except BaseException:
            if not staging.exists("SEAL"):
                with suppress(StoreError):
                    archive.drop_import(identity.name)
            raise
        return Imported(sealed=sealed, kept=kept, captures=gathered.pages, tied=len(gathered.rows))


def _keep(folder: Path, stem: str, number: int, file: Path, opened: Desk) -> Kept:
    try:
        with file.open("rb") as source:
            return imports.keep(opened.archive.staging(folder.name), stem, number, _name(file), source)
    except FormatError as problem:
        raise FormatError(f"{file}: {problem.message}", problem.hint or "name .wacz, .warc or .warc.gz files") from None
    except StoreError as problem:
        raise StoreError(problem.message, problem.hint.replace("with --resume", "again")) from None
    except OSError as problem:
        raise StoreError(f"{file}: {problem.strerror}") from problem


def _name(file: Path) -> str:
    """The file's name as it goes into signed text: bytes of it that are not UTF-8 are written as \\xNN."""
    return file.name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _refuse_open(archive: Archive) -> None:
    """An import takes the next number; the open run has it already."""
    if not archive.has_journal:
        return
    journal = Journal(archive.journal_file)
    try:
        begun = journal.counts().total > 0
    finally:
        journal.close()
    if begun:
        raise StoreError(f"{archive.root}: a capture is open, and an import would come between", "preserve capture --resume")
    archive.clear_unbegun()


def _settings(options: ImportOptions, kept: tuple[Kept, ...]) -> str:
    """What was done, in one spelling: its hash stands in the manifest."""
    actor = options.record.actor
    said = {
        "operator": actor.name,
        "organisation": actor.organisation,
        "role": actor.role,
        "case": options.case,
        "import": [{"name": one.name, "sha256": one.sha256} for one in kept],
        "fetch": {"user_agent": f"preserve/{__version__} import"},
    }
    return json.dumps(said, sort_keys=True, separators=(",", ":"))
