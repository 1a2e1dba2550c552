"""The units that `schedule install` writes, read by systemd itself, and the cron line as cron's shell reads it."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from preserve.errors import UsageError
from preserve.formats import units

ODD = 'a "b" %n $HOME \\ c'


def service(folder: Path, user: str | None = None) -> units.Service:
    return units.Service(
        name="preserve-test-0",
        archive=str(folder / ODD),
        command=(sys.executable, "-m", "preserve", "schedule", "run", "--once", "--archive", str(folder / ODD)),
        environment={"XDG_CONFIG_HOME": str(folder / ODD)},
        user=user,
    )


@pytest.mark.parametrize("user", [None, "root"])
def test_systemd_finds_no_fault(tmp_path: Path, user: str | None) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not here (Debian: apt install systemd)")
    files = units.systemd(service(tmp_path, user))
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *(str(tmp_path / name) for name in files)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    complaints = [line for line in done.stderr.splitlines() if "preserve-test-0" in line]
    assert complaints == []
    calendar = next(line for line in files["preserve-test-0.timer"].splitlines() if line.startswith("OnCalendar="))
    timed = subprocess.run(
        ["systemd-analyze", "calendar", calendar.partition("=")[2]], capture_output=True, text=True, timeout=60, check=False
    )
    assert timed.returncode == 0, timed.stderr
    assert "*-*-* *:00/5:00" in timed.stdout


def test_systemd_does_find_faults(tmp_path: Path) -> None:
    """The check before this one can fail."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not here (Debian: apt install systemd)")
    broken = tmp_path / "preserve-test-0.service"
    broken.write_text(units.systemd(service(tmp_path))["preserve-test-0.service"].replace("KillMode=mixed", "KillMode=kindly"))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(broken)], capture_output=True, text=True, timeout=60, check=False
    )
    assert "preserve-test-0" in done.stderr


def test_the_cron_line_means_the_same_to_a_shell(tmp_path: Path) -> None:
    comment, line = units.cron(service(tmp_path)).splitlines()
    assert comment.startswith("# ")
    assert line.startswith("*/5 * * * * ")
    # cron turns an unescaped % into a line end and takes the backslash from an escaped one; then a shell reads the rest.
    seen = line.split(" ", 5)[5].replace(r"\%", "%")
    assert shlex.split(seen) == ["env", f"XDG_CONFIG_HOME={tmp_path / ODD}", *service(tmp_path).command]
    assert units.cron(service(tmp_path, "ada")).splitlines()[1].startswith("*/5 * * * * ada env ")


def test_a_path_with_a_line_break_is_refused(tmp_path: Path) -> None:
    broken = units.Service(name="x", archive="/a\nExecStartPre=/bin/false", command=("/a\nb",), environment={})
    with pytest.raises(UsageError, match="line break"):
        units.systemd(broken)
    with pytest.raises(UsageError, match="line break"):
        units.cron(broken)
