"""What makes a system run schedules: systemd units (systemd.service(5), systemd.timer(5)) and lines for cron (crontab(5)). Text only.

The timer looks every five minutes what is due: a schedule's own times stay in schedules.toml, where changing them needs no installation.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence

from preserve.errors import UsageError
from preserve.model.noun import dataclass

MINUTES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """What is to be run: `name` is the units' name, `archive` the folder's absolute path, `command` the program with its arguments.

    `environment` is what the program needs of the environment that it was installed from, `user` who runs it (None: whoever installs).
    """

    name: str
    archive: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    user: str | None = None


def systemd(service: Service) -> dict[str, str]:
    """The timer and the service, by file name. Raises UsageError when a path holds what a unit cannot."""
    _check([*service.command, *service.environment.values(), service.archive])
    lines = [
        "[Unit]",
        f"Description=Scheduled captures into {_text(service.archive)}",
        "Wants=network-online.target",
        "After=network-online.target",
        "",
        "[Service]",
        "Type=oneshot",
        *([f"User={service.user}"] if service.user else []),
        *(f"Environment={_quoted(f'{name}={value}')}" for name, value in service.environment.items()),
        f"ExecStart={' '.join(map(_argument, service.command))}",
        "# 10: sealed, but some target is not captured or is worthless. 30: another capture is under way. 130: stopped, goes on next time.",
        "SuccessExitStatus=10 30 130",
        "KillMode=mixed",
        "TimeoutStartSec=infinity",
        "TimeoutStopSec=5min",
        "NoNewPrivileges=yes",
        "Nice=10",
    ]
    timer = [
        "[Unit]",
        f"Description=Look every {MINUTES} minutes which captures are due in {_text(service.archive)}",
        "",
        "[Timer]",
        f"OnCalendar=*:0/{MINUTES}",
        "AccuracySec=10s",
        "Persistent=true",
        "",
        "[Install]",
        "WantedBy=timers.target",
    ]
    return {f"{service.name}.service": "\n".join(lines) + "\n", f"{service.name}.timer": "\n".join(timer) + "\n"}


def cron(service: Service) -> str:
    """The line for a crontab, or with a `user` for a file in /etc/cron.d. Raises UsageError as `systemd` does."""
    _check([*service.command, *service.environment.values(), service.archive])
    environment = [f"{name}={value}" for name, value in service.environment.items()]
    command = shlex.join([*(["env", *environment] if environment else []), *service.command]).replace("%", r"\%")
    who = f"{service.user} " if service.user else ""
    comment = f"# Scheduled captures into {service.archive}: looks every {MINUTES} minutes what is due."
    return f"{comment}\n*/{MINUTES} * * * * {who}{command}\n"


def _check(texts: Sequence[str]) -> None:
    for text in texts:
        if not text.isprintable():
            raise UsageError(f"{text!r} cannot stand in a unit: it holds a line break or another control character")


def _text(text: str) -> str:
    return text.replace("%", "%%")


def _quoted(text: str) -> str:
    escaped = _text(text).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _argument(text: str) -> str:
    return _quoted(text.replace("$", "$$"))
