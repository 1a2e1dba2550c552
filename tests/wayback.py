"""pywb as a neighbour: a collection of WARC files served on loopback, where `make replay-assets` has fetched it."""

from __future__ import annotations

import shutil
import socket
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from browsing import PYWB
from sites import wait_until

WAYBACK = shutil.which("wayback", path=PYWB)


@contextmanager
def collection(home: Path, warcs: Sequence[Path]) -> Iterator[str]:
    """The address of a collection that holds `warcs`, made in the new folder `home`. Files of different folders may have one name."""
    assert WAYBACK is not None
    home.mkdir()
    manager = str(Path(WAYBACK).with_name("wb-manager"))
    subprocess.run([manager, "init", "t"], cwd=home, check=True, capture_output=True)
    for number, warc in enumerate(warcs):
        shutil.copy(warc, home / f"{number}.warc.gz")
        subprocess.run([manager, "add", "t", f"{number}.warc.gz"], cwd=home, check=True, capture_output=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen(
        [WAYBACK, "-b", "127.0.0.1", "-p", str(port)], cwd=home, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )

    def answers() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    try:
        wait_until(answers, timeout=30)
        yield f"http://127.0.0.1:{port}/t"
    finally:
        server.terminate()
        server.wait()
