"""Fixtures for all: a user's folders made for one test, the command line as a process of its own, the shared reference texts."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from hypothesis import settings

from browsing import PLAYER, Browser, RefusingProxy, chromium
from running import ROOT, Run, run_preserve
from sites import AnyHostSite


def pytest_configure() -> None:
    """Every test may take its time. Ctrl-C is heard by what the tests start, too, when a shell runs them in the background and so has it ignored: children inherit that."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    # No property is timed: whatever else a machine does would decide whether it holds.
    settings.register_profile("unhurried", settings(), deadline=None)
    settings.load_profile("unhurried")


@pytest.fixture
def config_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's home of this test alone; its configuration folder is returned, and no PRESERVE_* variable is set."""
    home = tmp_path / "home"
    config = home / ".config"
    state = home / ".local" / "state"
    config.mkdir(parents=True)
    state.mkdir(parents=True)
    for name in [name for name in os.environ if name.startswith("PRESERVE_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(config))
    monkeypatch.setenv("XDG_STATE_HOME", str(state))
    return config


@pytest.fixture
def preserve(config_home: Path, tmp_path: Path) -> Run:
    """Run `preserve` as a user does, in a process of its own, in `tmp_path`, with warnings as errors."""
    return partial(run_preserve, tmp_path)


@pytest.fixture
def site() -> Iterator[AnyHostSite]:
    """A loopback site over plain HTTP that answers for any host."""
    with AnyHostSite() as running:
        yield running


@pytest.fixture
def tls_site() -> Iterator[AnyHostSite]:
    """A loopback site over TLS that answers for any host, with a certificate for each name asked for."""
    with AnyHostSite(tls=True) as running:
        yield running


def _shared(name: str) -> Path:
    folder = ROOT.parent / "shared" / name
    if not folder.is_dir():
        pytest.skip(f"the reference texts are not beside the checkout: shared/{name}")
    return folder


@pytest.fixture
def seeds() -> Path:
    """The folder of reference documents, which are not part of the project."""
    return _shared("seeds")


@pytest.fixture
def golden() -> Path:
    """The folder of hand-read answers for the reference documents."""
    return _shared("golden")


@pytest.fixture(scope="module")
def proxy() -> Iterator[RefusingProxy]:
    """What keeps a browser from asking anybody but loopback."""
    with RefusingProxy() as running:
        yield running


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory, proxy: RefusingProxy) -> Iterator[Browser]:
    """One for all tests of a module that open ReplayWeb.page."""
    if chromium() is None:
        pytest.skip("there is no chromium on this machine")
    if not (PLAYER / "sw.js").is_file():
        pytest.skip("ReplayWeb.page is not here: make replay-assets fetches it")
    with Browser(tmp_path_factory.mktemp("profile"), proxy.port) as running:
        yield running
