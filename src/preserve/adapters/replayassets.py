"""ReplayWeb.page on this machine: found where the user has it, or fetched with the user's own npm when asked to.

It is a program of others under the AGPL-3.0 and no part of this one (docs/adr/0137). What is installed is one exact version: the
package's SHA-256 is checked before anything is taken out of it, and that of each file whenever it is used.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import tarfile
import tempfile
from pathlib import Path

from preserve import durable
from preserve.errors import ConfigError, StoreError
from preserve.model.noun import dataclass

PACKAGE = "replaywebpage@2.5.3"
_SHA256 = "b7d35c39c4da9b7121c5a393911d8675d4cc6f19513c380191e16b086bea812c"
_FILES = {
    "ui.js": "ad95b260fa467a6c4799e669ad76ac8e7d5abefa71d1a2970ae6b63dc454a3c3",
    "sw.js": "29a833e871e2f9b7f135f5b86bba0476b69ad975c129c2473ff5055f73f5a2d0",
}
_LICENSE = "LICENSE"
_LARGEST = 16 << 20
_PATIENCE = 300
"""Seconds that npm may take."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Player:
    """The two files that replay; `known` when they are those of the version that was tested."""

    ui: Path
    worker: Path
    known: bool


def installed_at() -> Path:
    """Where `preserve view --install-replay` puts it: below `$XDG_DATA_HOME/preserve/replay`, else ~/.local/share."""
    given = os.environ.get("XDG_DATA_HOME", "")
    base = Path(given) if given.startswith("/") else Path.home() / ".local/share"
    return base / "preserve" / "replay" / PACKAGE.replace("@", "-")


def find(folder: Path | None) -> Player | None:
    """The player in the folder that the user names, else the installed one, else None.

    Raises ConfigError when the named folder holds none, or the installed files are not what was installed.
    """
    if folder is not None:
        for place in (folder, folder / "replaywebpage", folder / "package"):
            if all((place / name).is_file() for name in _FILES):
                return _player(place)
        raise ConfigError(f"{folder}: there is no ui.js and sw.js of ReplayWeb.page", "see preserve view --install-replay")
    place = installed_at()
    if not place.is_dir():
        return None
    try:
        found = _player(place)
    except ConfigError as problem:
        raise ConfigError(problem.message, "preserve view --install-replay fetches it anew") from problem
    if not found.known:
        raise ConfigError(f"{place}: not the files that were installed", "preserve view --install-replay fetches it anew")
    return found


def _player(place: Path) -> Player:
    try:
        known = all(hashlib.sha256((place / name).read_bytes()).hexdigest() == sha256 for name, sha256 in _FILES.items())
    except OSError as problem:
        raise ConfigError(f"{place}: {problem.strerror}") from problem
    return Player(ui=place / "ui.js", worker=place / "sw.js", known=known)


def install() -> Path:
    """Fetch the package with npm, check it, and keep what replays. Raises ConfigError, StoreError; nothing is left half done."""
    place = installed_at()
    with tempfile.TemporaryDirectory(prefix="preserve-replay-") as scratch:
        files = _taken_out(_fetched(Path(scratch)))
    try:
        durable.make_folders(place, mode=0o755)
        for name, data in files.items():
            durable.write_file(place / name, data)
        durable.sync_folder(place)
    except OSError as problem:
        raise StoreError(f"{place}: {problem.strerror}") from problem
    return place


def _fetched(scratch: Path) -> Path:
    try:
        done = subprocess.run(
            ["npm", "pack", "--silent", PACKAGE], cwd=scratch, capture_output=True, timeout=_PATIENCE, check=False, text=True
        )
    except FileNotFoundError:
        raise ConfigError(
            "npm is not here, and ReplayWeb.page is fetched with it", "install npm, or name a folder: --replay-assets"
        ) from None
    except subprocess.TimeoutExpired:
        raise ConfigError(f"npm did not answer within {_PATIENCE} seconds", "try again later") from None
    found = sorted(scratch.glob("*.tgz"))
    if done.returncode or not found:
        said = (done.stderr.strip().splitlines() or ["it said nothing"])[0][:300]
        raise ConfigError(f"npm could not fetch {PACKAGE}: {said}", "is there a network?")
    if hashlib.sha256(found[0].read_bytes()).hexdigest() != _SHA256:
        raise ConfigError(f"what npm fetched as {PACKAGE} is not the package that is known", "nothing of it was kept")
    return found[0]


def _taken_out(package: Path) -> dict[str, bytes]:
    """The files that are kept, each held against its hash; the licence goes with them."""
    found = {}
    try:
        with tarfile.open(package) as archive:
            for name in (*_FILES, _LICENSE):
                member = archive.extractfile(f"package/{name}")
                if member is not None:
                    found[name] = member.read(_LARGEST)
    except (tarfile.TarError, KeyError, OSError) as problem:
        raise ConfigError(f"{package.name} cannot be opened: {problem}") from problem
    if any(hashlib.sha256(found.get(name, b"")).hexdigest() != sha256 for name, sha256 in _FILES.items()):
        raise ConfigError(f"{package.name} does not hold the files that are known", "nothing of it was kept")
    return found
