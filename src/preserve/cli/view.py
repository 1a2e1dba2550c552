"""`preserve view`: an archive in a browser, on this machine alone."""

from __future__ import annotations

import shlex
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING

import click

from preserve import __version__
from preserve.cli.custodyoptions import check_custody, custody, leave_event
from preserve.cli.names import FOLDER
from preserve.errors import ConfigError, ExitCode, FormatError, UsageError
from preserve.formats.printable import printable

if TYPE_CHECKING:
    from preserve.adapters.replayassets import Player
    from preserve.web.replay import Stage
    from preserve.web.view import Means
    from preserve.wiring.viewing import Archive

_PATIENCE = 2.0
"""Seconds that the first page waits for the verification: a small archive is checked by then."""
_NO_PLAYER = "ReplayWeb.page is not on this machine, and nothing is fetched unasked."


@click.command()
@click.argument("archive", required=False, type=FOLDER, metavar="ARCHIVE")
@click.option("--port", type=click.IntRange(0, 65535), default=0, metavar="N", help="Listen here.  [default: a free port]")
@click.option(
    "--open/--no-browser", "browse", default=False, help="Open the address in your browser, or only print it (default)."
)
@click.option(
    "--replay-assets",
    type=FOLDER,
    metavar="DIR",
    help="A folder with ui.js and sw.js of ReplayWeb.page.  [default: what --install-replay installed]",
)
@click.option(
    "--install-replay", is_flag=True, help="Fetch ReplayWeb.page (AGPL-3.0) with your npm, check its hash, and keep it for you."
)
@custody
def command(
    archive: Path | None, port: int, replay_assets: Path | None, custody: str | None, *, browse: bool, install_replay: bool
) -> int:
    """Show ARCHIVE in a browser: the report live, search, verification with progress, comparison, and replay.

    Prints an address on 127.0.0.1 with a secret in it; without the secret, or under another name, nothing is served. Nothing is asked
    of any network, and nothing written into ARCHIVE, but what --custody asks for. It is verified as the view opens; until that has
    ended the pages say "not checked yet". Ctrl-C ends it.

    Replay needs ReplayWeb.page, which is no part of this program. Archived content runs in a frame of an origin of its own, without a
    way to these pages or out.

    Exit code: 0 when it was stopped; 30 when the port cannot be had or the archive cannot be read.
    """
    if install_replay:
        _install()
    if archive is None:
        if install_replay:
            return ExitCode.DONE
        raise UsageError("which archive? Name its folder", "preserve view ARCHIVE")
    _require(archive)
    check_custody(archive, custody)
    _libraries()
    from preserve.adapters import replayassets
    from preserve.wiring.viewing import Archive

    player = replayassets.find(replay_assets)
    if player is not None and not player.known:
        _say("These are not the files of the ReplayWeb.page that was tested (2.5.3). They are used all the same.")
    left = leave_event(archive, custody, action="view")  # first: what is looked at is then whole, and a kill takes nothing away
    with Archive(archive, f"preserve/{__version__}") as opened:
        _serve(opened, archive, port, player, browse=browse)
    return left


def _serve(opened: Archive, archive: Path, port: int, player: Player | None, *, browse: bool) -> None:
    from preserve.adapters import viewserver
    from preserve.web.replay import Stage
    from preserve.web.view import View

    with viewserver.listen(port) as front, viewserver.listen(0) as back:
        view_port, replay_port = front.getsockname()[1], back.getsockname()[1]
        stage = None if player is None else Stage(player.ui, player.worker, opened.bundle, view_port=view_port)
        view = View(opened.desk, archive.resolve().name, str(archive), _means(opened, stage, replay_port))
        secret = viewserver.new_secret()
        doors = [viewserver.Door(port=view_port, answer=view.answer, secret=secret)]
        if stage is not None:
            doors.append(viewserver.Door(port=replay_port, answer=stage.answer, framed=True))
        address = f"http://{viewserver.LOOPBACK}:{view_port}/{secret}/"

        def started() -> None:
            click.echo(address)
            _say("Serving on this machine alone; whoever has the address sees the archive. Stop with Ctrl-C.")
            if browse and not webbrowser.open(address):
                _say("No browser could be opened: open the address yourself.")

        try:
            opened.desk.open(_PATIENCE)
            viewserver.serve(doors, [front, back] if stage is not None else [front], started)
        except KeyboardInterrupt:
            _say("Stopped.")


def _means(opened: Archive, stage: Stage | None, port: int) -> Means:
    from preserve.web.view import Means

    return Means(
        compare=opened.compare,
        compare_all=opened.compare_all,
        events=opened.events,
        frame=None if stage is None else lambda showing: (port, f"{stage.name(showing)}/"),
        no_player="" if stage is not None else _NO_PLAYER,
    )


def _require(archive: Path) -> None:
    if not archive.is_dir() or not any((archive / name).exists() for name in ("archive.toml", "runs")):
        raise FormatError(f"{archive} is not an archive", "capture into it first, or name another folder")


def _libraries() -> None:
    try:
        import jinja2  # noqa: F401
        import starlette  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError as problem:
        raise ConfigError(
            f"{problem.name} is not installed, and preserve view is built on it", "install preserve anew"
        ) from None


def _install() -> None:
    from preserve.adapters import replayassets

    _say(
        f"Fetching {replayassets.PACKAGE} with npm. It is a program of the Webrecorder project under the AGPL-3.0, no part of preserve."
    )
    place = replayassets.install()
    _say(f"Installed  {shlex.quote(str(place))}   checked by its SHA-256")


def _say(text: str) -> None:
    click.echo(printable(text), err=True)
