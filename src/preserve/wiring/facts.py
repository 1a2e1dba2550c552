"""What a run says about itself: its name, its settings, the program and the place that made it."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import ssl
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import ada_url
import certifi
import cryptography
import isal

import preserve
from preserve.adapters.archive import Archive
from preserve.adapters.clock import synchronisation
from preserve.errors import ConfigError
from preserve.flows import seal
from preserve.formats.times import rfc3339
from preserve.model.manifest import Case, Environment, Operator, Tool
from preserve.model.run import RunIdentity
from preserve.model.web import Record
from preserve.ports import Clock
from preserve.rules import record
from preserve.wiring.options import CaptureOptions

_PYTHON: Final = sys.version.split()[0]
"""As `platform.python_version()` says it, which has to load what knows all platforms first."""


def identify(archive: Archive, clock: Clock) -> RunIdentity:
    last = archive.last_seal()
    sequence, started = (0 if last is None else last[0] + 1), clock.now()
    return RunIdentity(
        name=f"{sequence:06d}-{started:%Y%m%dt%H%M%Sz}",
        sequence=sequence,
        run_id=new_id().removeprefix("urn:uuid:"),
        nonce=secrets.token_hex(32),
        started=rfc3339(started),
    )


def resumed(begun: str, now: str) -> str:
    """The settings of a run that goes on: those it began with and, where they differ, each other set it went on with."""
    first = json.loads(begun)
    later: list[object] = first.pop("resumed_with", [])
    if json.loads(now) not in (first, *later):
        later.append(json.loads(now))
    return json.dumps(first | ({"resumed_with": later} if later else {}), sort_keys=True, separators=(",", ":"))


def settings(options: CaptureOptions) -> str:
    """The settings of a run in one spelling: their hash stands in the manifest, their text in every warcinfo record."""
    fetch = asdict(options.fetch)
    cacert = fetch.pop("cacert")
    proxy = options.fetch.proxy
    del fetch["named"]  # follows from the others
    settings = {
        "fetch": {
            **fetch,
            "cacert": None if cacert is None else _sha256(Path(cacert)),
            "proxy": None if proxy is None else proxy.shown,
        },
        "manners": asdict(options.manners),
        "operator": options.operator,
        "organisation": options.organisation,
        "role": options.role,
        "case": options.case,
        "egress_ip": options.egress_ip,
        "authorities": [authority.name for authority in options.authorities],
    }
    return json.dumps(settings, sort_keys=True, separators=(",", ":"))


def about(archive: Archive, settings: str, previous_seal_sha256: str | None) -> seal.About:
    said = json.loads(settings)
    synchronised, max_error_ms = synchronisation()
    return seal.About(
        archive_id=archive.describe().id,
        previous_seal_sha256=previous_seal_sha256,
        operator=Operator(name=said["operator"], organisation=said["organisation"], role=said["role"]),
        case=Case(reference=said["case"], legal_basis=None, notes=""),
        tool=Tool(
            name="preserve",
            version=preserve.__version__,
            source_sha256=_source_sha256(),
            python=_PYTHON,
            platform=sys.platform,
            config_sha256=hashlib.sha256(settings.encode()).hexdigest(),
            dependencies=_libraries(said),
        ),
        environment=Environment(
            hostname_sha256=None, egress_ip=said.get("egress_ip"), vantage="local", user_agent=said["fetch"]["user_agent"]
        ),
        ntp_synchronised=synchronised,
        max_error_ms=max_error_ms,
    )


def _libraries(said: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    """Those whose version could matter to what a capture holds, with the TLS library that Python came with.

    They say it themselves: to look it up in what was installed takes longer than all of the rest that a run says about itself.
    """
    versions = {
        "ada-url": ada_url.get_version(),  # type: ignore[no-untyped-call] # it has no types
        "certifi": certifi.__version__,
        "cryptography": cryptography.__version__,
        "isal": isal.__version__,
    }
    if said["fetch"].get("http2"):
        import h2

        versions["h2"] = h2.__version__
    return (*sorted(versions.items()), ("openssl", ssl.OPENSSL_VERSION))


def _source_sha256() -> str:
    """Over the program's own modules, as `sha256sum` would list them from the package's folder, sorted by path."""
    listing = hashlib.sha256()
    for name, path in sorted(_modules(os.path.dirname(preserve.__file__))):  # noqa: PTH120 -- as in `_modules`
        with open(path, "rb", buffering=0) as file:  # noqa: PTH123 -- as in `_modules`
            listing.update(f"{hashlib.sha256(file.read()).hexdigest()}  {name}\n".encode())
    return listing.hexdigest()


def _modules(folder: str, below: str = "") -> Iterator[tuple[str, str]]:
    """The modules in a folder and in those in it, as they were written: name below the first folder, and path.

    There are hundreds, and `pathlib` takes twice as long.
    """
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                yield from _modules(entry.path, f"{below}{entry.name}/")
            elif entry.name.endswith((".py", ".c")):
                yield f"{below}{entry.name}", entry.path


def warcinfo(name: str, identity: RunIdentity, settings: str, clock: Clock) -> Record:
    said = json.loads(settings)
    facts = (
        ("operator", said["operator"] or ""),
        ("ip", said.get("egress_ip") or ""),
        ("isPartOf", f"run {identity.name} ({identity.run_id})"),
        ("description", said["case"] or ""),
        ("robots", said["manners"]["robots"]),
        ("http-header-user-agent", said["fetch"]["user_agent"]),
        (
            "preserve-libraries",
            f"python {_PYTHON}, " + ", ".join(" ".join(pair) for pair in _libraries(said)),
        ),
        ("preserve-settings", settings),
    )
    return record.warcinfo(name, at=clock.now(), software=f"preserve/{preserve.__version__}", settings=facts, new_id=new_id)


def _sha256(path: Path) -> str:
    """What a file holds, without saying where it lies: a path may name a person."""
    try:
        return f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"
    except OSError as problem:
        raise ConfigError(f"{path}: {problem.strerror}", "--cacert names a PEM file") from problem


def new_id() -> str:
    """A random UUID (RFC 9562 section 5.4). There are several for every address, and the library's takes twice as long."""
    digits = _random.hex()
    variant = "89ab"[int(digits[16], 16) & 3]
    return f"urn:uuid:{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"


def salt() -> str:
    """32 random hex digits."""
    return _random.hex()


class _Random:
    """Random numbers of 128 bits from the system, fetched many at a time: there are several for every address."""

    def __init__(self) -> None:
        self._numbers: list[str] = []

    def hex(self) -> str:
        if not self._numbers:
            digits = secrets.token_hex(16 * 256)
            self._numbers = [digits[start : start + 32] for start in range(0, len(digits), 32)]
        return self._numbers.pop()


_random = _Random()
