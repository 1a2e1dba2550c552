"""`preserve demo`: the whole job offline, by the same commands that a user would type."""

from __future__ import annotations

import importlib
import shlex
from contextlib import ExitStack
from importlib import resources
from pathlib import Path

import click

from preserve.cli.names import FOLDER
from preserve.errors import ExitCode

_DOCUMENTS = ("ferry.txt", "bridge.md")


@click.command()
@click.option(
    "--archive",
    type=FOLDER,
    default=Path("demo-archive"),
    show_default=True,
    metavar="DIR",
    help="Where to keep what is captured; made when it is not there, added to when it is.",
)
def command(archive: Path) -> int:
    """Show the whole job offline: cite, capture and verify on two bundled documents.

    The pages that they cite come from a small site that this command serves on loopback; nothing is asked of the web. The
    captures are sealed with your own key, which is made when you have none yet, and the archive stays for you to look at.
    """
    from preserve.adapters.demosite import DemoSite

    with ExitStack() as open_until_done:
        folder = resources.files("preserve.demo")
        documents = [str(open_until_done.enter_context(resources.as_file(folder / name))) for name in _DOCUMENTS]
        site = open_until_done.enter_context(DemoSite())
        options = [*(part for rule in site.connect_to for part in ("--connect-to", rule)), "--cacert", str(site.ca_file)]
        # Whatever the user's configuration says, nothing here may leave this machine.
        options.append("--no-timestamp")

        _say("Two documents about a ferry that never was, and a small web on this machine that they cite. No network is used.")
        _step("1. What do they cite?", "cite", *documents)
        captured = _step(
            "2. Capture it, and seal it.", "capture", *documents, "--archive", str(archive), "--delay", "0", *options
        )
        if captured not in {ExitCode.DONE, ExitCode.PARTIAL}:
            return captured
        _say(
            "(By itself, capture exits with 10 here: the page of note 10 is gone, and the demonstration wants you to see that.)"
        )
        verified = _step("3. Is it still what was captured?", "verify", str(archive))
    if verified == ExitCode.DONE:
        where = shlex.quote(str(archive))
        _say(
            f"\nThe captures are in {where}/runs, as WARC. Every footnote and what became of it:\n   $ preserve status {where}"
            f"\nThe same with every proof, as pages for a browser:\n   $ preserve report {where} -o report"
            "\nNow change one byte of any file in a run, and verify again."
        )
    return verified


def _step(title: str, name: str, *arguments: str) -> int:
    shown = [Path(argument).name if argument.endswith(_DOCUMENTS) else argument for argument in arguments]
    _say(f"\n{title}\n   $ preserve {name} {shlex.join(shown)}")
    step = importlib.import_module(f"preserve.cli.{name}").command
    assert isinstance(step, click.Command)
    result = step.main([*arguments], prog_name=f"preserve {name}", standalone_mode=False)
    return result if isinstance(result, int) else ExitCode.DONE


def _say(text: str) -> None:
    click.echo(text, err=True)
