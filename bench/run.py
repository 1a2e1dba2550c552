"""Measure `preserve` against the tools one would use instead; print Markdown tables for docs/performance.md.

    python bench/run.py capture [--urls 1000] [--delay 0] [--concurrency 50] [--reps 5]
    python bench/run.py memory  [--urls 1000 20000 100000]
    python bench/run.py body    [--megabytes 300]
    python bench/run.py verify  [--megabytes 1500] [--kind mix] [--reps 5]

Every tool does the same job in turn (A B C, A B C, …), each time from nothing, in a process tree of its own. CPU is user + system of
that whole tree, memory the peak of its largest process, the ratio the median of the ratios within each turn. Machines are noisy: CPU
and ratios are what to look at. Needs wget, curl and openssl on the path for what they are compared in; one that is missing is left out.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
PRESERVE = [sys.executable, "-m", "preserve"]
MANNERS = ["--delay", "0", "--per-host", "8", "--robots", "ignore", "--allow-private", "--no-requisites", "--no-timestamp"]


@dataclass(frozen=True, slots=True)
class Cost:
    """What one run of a command took: seconds, seconds, bytes."""

    wall: float
    cpu: float
    memory: int


@dataclass(frozen=True, slots=True)
class Tool:
    name: str
    command: list[str]
    fine: tuple[int, ...] = (0,)
    needs: str = ""
    """The program that it is about, where the command begins with another one."""

    @property
    def here(self) -> bool:
        return shutil.which(self.needs or self.command[0]) is not None


def run(tool: Tool, folder: Path) -> Cost:
    """Run it in `folder` with a configuration of its own, wait for it, and say what it took. A failure ends the measurement."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    environment |= {"XDG_CONFIG_HOME": str(folder / ".config"), "XDG_STATE_HOME": str(folder / ".state")}
    # As where it was installed: compiled modules are kept, so that not every run begins with compiling.
    environment |= {"PYTHONPYCACHEPREFIX": str(Path(tempfile.gettempdir()) / f"preserve-bench-{os.getuid()}")}
    started = time.perf_counter()
    with (folder / "said").open("wb") as said:
        process = subprocess.Popen(tool.command, cwd=folder, env=environment, stdout=said, stderr=subprocess.STDOUT)
        _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in tool.fine:
        sys.exit(f"{tool.name} ended with {process.returncode}:\n{(folder / 'said').read_text(errors='replace')[-2000:]}")
    return Cost(time.perf_counter() - started, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024)


def in_turn(tools: list[Tool], reps: int, after: Callable[[Tool, Path], None] | None = None) -> dict[str, list[Cost]]:
    """Each tool once and uncounted, then all of them in turn."""
    costs: dict[str, list[Cost]] = {tool.name: [] for tool in tools}
    for rep in range(reps + 1):
        for tool in tools:
            with tempfile.TemporaryDirectory(prefix="bench-", dir=os.environ.get("BENCH_TMP")) as folder:
                cost = run(tool, Path(folder))
                if after is not None:
                    after(tool, Path(folder))
            if rep:
                costs[tool.name].append(cost)
    return costs


def table(costs: dict[str, list[Cost]], count: float, unit: str, against: str) -> str:
    """A Markdown table; ratios are to the tool `against`."""
    rows = [f"| tool | {unit}/s | CPU s | peak MB | CPU ratio | speed ratio |", "|---|---:|---:|---:|---:|---:|"]
    base = costs.get(against)
    for name, runs in costs.items():
        wall, cpu = statistics.median(one.wall for one in runs), statistics.median(one.cpu for one in runs)
        memory = max(one.memory for one in runs) / 1e6
        ratios = "- | -"
        if base is not None:
            less = statistics.median(one.cpu / other.cpu for one, other in zip(runs, base, strict=True))
            faster = statistics.median(other.wall / one.wall for one, other in zip(runs, base, strict=True))
            ratios = f"{less:.2f} | {faster:.2f}"
        rows.append(f"| {name} | {count / wall:.0f} | {cpu:.2f} | {memory:.0f} | {ratios} |")
    return "\n".join(rows)


@contextlib.contextmanager
def miniweb(port: int, delay: float) -> Iterator[None]:
    server = subprocess.Popen(
        [sys.executable, str(HERE / "miniweb.py"), "--port", str(port), "--delay", str(delay)], stdout=subprocess.PIPE
    )
    try:
        assert server.stdout is not None
        server.stdout.readline()
        yield
    finally:
        server.terminate()
        server.wait()


def address_list(folder: Path, count: int, port: int, kind: str) -> Path:
    path = folder / f"{kind}{count}"
    said = [sys.executable, str(HERE / "miniweb.py"), "--urls", str(count), "--port", str(port), "--kind", kind]
    path.write_bytes(subprocess.run(said, check=True, capture_output=True).stdout)
    return path


def preserve(addresses: Path, *more: str) -> Tool:
    return Tool("preserve", [*PRESERVE, "capture", "-q", "--url-list", str(addresses), "--archive", "a", *MANNERS, *more])


def capture(said: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory() as folder, miniweb(said.port, said.delay):
        addresses = address_list(Path(folder), said.urls, said.port, "mix")
        targets, concurrency = addresses.read_text().split(), str(said.concurrency)
        sheet = Path(folder) / "curl"
        sheet.write_text("".join(f'url = "{target}"\noutput = "/dev/null"\n' for target in targets))
        tools = [
            preserve(addresses, "--concurrency", concurrency),
            Tool(
                "wget --warc-file",
                ["wget", "-q", "-e", "robots=off", "--warc-file=x", "-i", str(addresses), "-O", "/dev/null"],
            ),
            Tool(
                "curl, no WARC",
                ["curl", "-s", "--no-progress-meter", "--parallel", "--parallel-max", concurrency, "-K", str(sheet)],
            ),
            Tool("httpx + warcio", [sys.executable, str(HERE / "naive.py"), str(addresses), "x.warc.gz", concurrency]),
        ]
        if said.delay:
            del tools[1]  # one address after the other: a delay makes it wait, nothing else
        tools = [tool for tool in tools if tool.here]
        costs = in_turn(tools, said.reps, _complete(len(targets)))
    print(f"{said.urls} addresses, {said.delay:g} ms, {concurrency} at once, median of {said.reps}\n")
    print(table(costs, said.urls, "URL", "wget --warc-file"))
    if said.delay:
        reached = said.urls / statistics.median(one.wall for one in costs["preserve"])
        ideal = said.concurrency / said.delay * 1000
        print(
            f"\npreserve: {reached:.0f} of {ideal:.0f} URL/s that the delay allows, start and sealing included: {reached / ideal:.0%}"
        )


def _complete(count: int) -> Callable[[Tool, Path], None]:
    """A run that kept less than it was asked for measures nothing."""

    def look(tool: Tool, folder: Path) -> None:
        if tool.name == "preserve":
            (lines,) = folder.glob("a/runs/*/data/captures.jsonl")
            kept = sum(b'"outcome":"captured"' in line for line in lines.open("rb"))
            if kept != count:
                sys.exit(f"preserve captured {kept} of {count}")

    return look


def memory(said: argparse.Namespace) -> None:
    print("| addresses | URL/s | CPU s per 1,000 | peak MB |\n|---:|---:|---:|---:|")
    with tempfile.TemporaryDirectory() as folder, miniweb(said.port, 0):
        for count in said.urls:
            tool = preserve(address_list(Path(folder), count, said.port, "tiny"), "--concurrency", "50")
            (cost,) = in_turn([tool], 1, _complete(count))["preserve"] if count < 50_000 else [_once(tool)]
            print(
                f"| {count:,} | {count / cost.wall:.0f} | {cost.cpu / count * 1000:.2f} | {cost.memory / 1e6:.0f} |", flush=True
            )


def _once(tool: Tool) -> Cost:
    with tempfile.TemporaryDirectory(prefix="bench-", dir=os.environ.get("BENCH_TMP")) as folder:
        return run(tool, Path(folder))


def body(said: argparse.Namespace) -> None:
    print("| body | s | CPU s | peak MB |\n|---|---:|---:|---:|")
    with tempfile.TemporaryDirectory() as folder, miniweb(said.port, 0):
        for name, path in (("small", "tiny/0"), (f"{said.megabytes} MB", f"big/{said.megabytes}")):
            one = Path(folder) / "one"
            one.write_text(f"http://127.1.0.1:{said.port}/{path}\n")
            (cost,) = in_turn([preserve(one)], 1)["preserve"]
            print(f"| {name} | {cost.wall:.1f} | {cost.cpu:.2f} | {cost.memory / 1e6:.0f} |", flush=True)


_KILOBYTES = {"mix": 52, "pdf": 2150, "html": 30, "img": 72, "css": 22}
"""What an address of each kind adds to a WARC file, about."""


def verify(said: argparse.Namespace) -> None:
    """Verification of an archive against what only reads or hashes the same files, on one processor and on two."""
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_TMP")) as folder:
        home = Path(folder)
        with miniweb(said.port, 0):
            addresses = address_list(home, said.megabytes * 1000 // _KILOBYTES[said.kind], said.port, said.kind)
            run(preserve(addresses, "--concurrency", "50", "--warc-size", "100M"), home)
        files = [str(path) for path in sorted(home.glob("a/runs/*/data/*.warc.gz"))]
        size = sum(os.path.getsize(file) for file in files) / 1e6
        records = sum(path.read_bytes().count(b"\n") for path in home.glob("a/runs/*/data/*.records"))
        one, two = ["taskset", "-c", "0"], ["taskset", "-c", "0,1"]
        check = [*PRESERVE, "verify", "-q", str(home / "a")]
        (home / "hashlib").mkdir()
        (home / "hashlib" / "sitecustomize.py").write_text("import sys\nsys.modules['preserve.formats._sha256pair'] = None\n")
        keys = ["env", f"XDG_CONFIG_HOME={home}/.config", f"XDG_STATE_HOME={home}/.state"]
        beside = Path(sys.executable).parent
        warcio, fastwarc = str(beside / "warcio"), str(beside / "fastwarc")
        tools = [
            Tool("preserve verify", [*one, *keys, *check], (0, 41)),
            Tool("preserve verify, not compiled", [*one, *keys, f"PYTHONPATH={home}/hashlib", *check], (0, 41)),
            Tool("openssl dgst -sha256", [*one, "openssl", "dgst", "-sha256", *files], needs="openssl"),
            Tool("sha256sum", [*one, "sha256sum", *files], needs="sha256sum"),
            Tool("preserve verify, two processors", [*two, *keys, *check], (0, 41)),
            Tool(
                "openssl dgst -sha256, two at once",
                [*two, "sh", "-c", "printf '%s\\0' \"$@\" | xargs -0 -n 1 -P 2 openssl dgst -sha256", "sh", *files],
                needs="openssl",
            ),
            Tool("warcio check", [*one, warcio, "check", *files], needs=warcio),
            Tool(
                "fastwarc check",
                [*one, "sh", "-c", 'for file; do "$0" check -q "$file" || exit 1; done', fastwarc, *files],
                needs=fastwarc,
            ),
        ]
        costs = in_turn([tool for tool in tools if tool.here], said.reps)
    print(f"{size:.0f} MB of WARC files, {records:,} records, page cache warm, median of {said.reps}\n")
    print(table(costs, size, "MB", "openssl dgst -sha256"))


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--port", type=int, default=8190)
    what = ask.add_subparsers(required=True)
    one = what.add_parser("capture")
    one.set_defaults(go=capture)
    one.add_argument("--urls", type=int, default=1000)
    one.add_argument("--delay", type=float, default=0, help="milliseconds")
    one.add_argument("--concurrency", type=int, default=50)
    one.add_argument("--reps", type=int, default=5)
    one = what.add_parser("memory")
    one.set_defaults(go=memory)
    one.add_argument("--urls", type=int, nargs="+", default=[1000, 20_000, 100_000])
    one = what.add_parser("body")
    one.set_defaults(go=body)
    one.add_argument("--megabytes", type=int, default=300)
    one = what.add_parser("verify")
    one.set_defaults(go=verify)
    one.add_argument("--megabytes", type=int, default=1500)
    one.add_argument("--kind", default="mix", choices=_KILOBYTES, help="what the pages are")
    one.add_argument("--reps", type=int, default=5)
    said = ask.parse_args()
    said.go(said)


if __name__ == "__main__":
    main()
