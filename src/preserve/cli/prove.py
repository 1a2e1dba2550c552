"""`preserve prove`: one capture in a packet that a stranger can check alone."""

from __future__ import annotations

from pathlib import Path

import click

from preserve.cli.custodyoptions import check_custody, custody, leave_event, run_ref
from preserve.cli.custodyoptions import made as handed
from preserve.cli.names import FOLDER, NAME
from preserve.errors import ExitCode, FormatError, TrustError, UsageError
from preserve.formats.printable import printable


@click.command("prove")
@click.argument("archive", type=FOLDER, metavar="ARCHIVE")
@click.argument("url", metavar="URL")
@click.option("-o", "--output", required=True, type=NAME, metavar="X.zip", help="Where to write it.")
@click.option("--run", type=click.IntRange(min=0), metavar="N", help="The capture of this run [default: the latest].")
@click.option("--document", metavar="NAME", help="Only a capture that this document cites.")
@click.option("--note", metavar="N", help="Only a capture that a footnote with this mark cites.")
@custody
def command(
    archive: Path, url: str, output: Path, run: int | None, document: str | None, note: str | None, custody: str | None
) -> int:
    """Put ONE capture of URL into a packet: its records, and everything that proves them; nothing of the other captures.

    The packet holds a README.md that explains the check in plain words, and verify.py, which does it with Python and openssl alone.
    Who gets it needs your key id by another way: preserve key list. The latest capture is taken of which something was kept.

    The archive is verified first and, without --custody, not written to. `preserve verify X.zip` checks the packet.

    \b
    Exit codes: 0 made
                2 there is no such capture; it is a third party's, or too much for a
                  packet; or it, or what it refers to, was removed
                40 the archive is altered, and proves nothing
    """
    from preserve.adapters.folder import DiskFolder
    from preserve.adapters.handover import zip_file
    from preserve.adapters.packets import aids
    from preserve.cli.verify import check
    from preserve.flows import prove
    from preserve.flows.bundle import run_names
    from preserve.formats.packet import EPOCH
    from preserve.formats.publickey import fingerprint_groups
    from preserve.formats.times import rfc3339
    from preserve.model.finding import REDACTED, Result
    from preserve.model.packet import Chosen
    from preserve.rules.damage import Damage

    if not (archive / "archive.toml").is_file():
        raise FormatError(f"{archive} is not an archive", "capture into it first, or name another folder")
    if output.resolve().is_relative_to(archive.resolve()):
        raise UsageError(f"{output} lies in the archive, and nothing else may", "name a place outside it")
    check_custody(archive, custody)
    report = check(archive)
    for finding in report.findings:
        if finding.result is Result.FAIL:
            raise TrustError(
                f"the archive does not verify, and proves nothing: {finding.subject}: {finding.detail}",
                "preserve verify says everything that is wrong",
            )
    with DiskFolder(archive) as folder:
        chosen = Chosen(url=url, run=run, note=note, document=document)
        shown = prove.prove(folder, run_names(folder), chosen, aids())
        if Damage(report.findings).removed(f"runs/{shown.run}", shown.capture.records):
            raise UsageError(
                f"the capture of {url} in run {shown.run} was removed from the archive: there is nothing left to prove",
                "preserve verify says by whom and why; --run N takes the capture of another run",
            )
        with zip_file(output, EPOCH) as sink:
            prove.write(folder, shown.members, sink)
    made = check(output)
    if made.exit_code is ExitCode.ALTERED:
        output.unlink()
        if any(finding.code == REDACTED for finding in report.findings):
            raise UsageError(
                f"a record that the capture of {url} needs was removed from the archive: it can no longer be proven",
                "preserve verify says which, by whom and why",
            )
        raise TrustError("the archive was changed meanwhile: the packet made of it does not verify", "look at preserve verify")
    capture = shown.capture
    signer = next(member.name for member in shown.members if member.name.startswith("keys/")).removeprefix("keys/")[:64]
    click.echo(
        f"{printable(str(output))}: capture {capture.capture} of run {shown.run}, {capture.outcome}"
        f" {rfc3339(capture.requested_at)}, {printable(capture.url)}",
        err=True,
    )
    if shown.originals:
        click.echo(f"Its payload lies in an earlier run, whose record goes along: {', '.join(shown.originals)}", err=True)
    click.echo(f"Tell the reader by another way whose key it is: {fingerprint_groups(signer)}", err=True)
    if made.refusal:
        click.echo(f"Not all is established ({made.refusal}): preserve verify {printable(str(output))} says what.", err=True)
    return leave_event(archive, custody, action="export", result=handed(output), runs=(run_ref(archive, shown.run),))
