"""Seal a reference archive for manifests/v<N>/: the demonstration's documents and site, captured by the real commands.

    python tools/seal_reference.py manifests/v1

Two runs: one without time-stamps, one with two throw-away authorities. The private keys are thrown away with the temporary folder
they are made in, so nobody can ever seal another run of this archive. What a verifier needs (whose keys, which roots) is kept beside
it as trust.toml, in the form of the user's own trust store. Run once for each format version, never again.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from importlib import resources
from pathlib import Path

from preserve.adapters.demosite import DemoSite

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from authorities import Authority, Counter, Issuer  # noqa: E402 - they lie with the tests


def main(target: Path) -> None:
    target.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as home:
        env = {**os.environ, "HOME": home, "XDG_CONFIG_HOME": f"{home}/config", "XDG_STATE_HOME": f"{home}/state"}
        archive = target / "archive"

        def run(*arguments: str) -> None:
            done = subprocess.run([sys.executable, "-m", "preserve", *arguments], env=env, check=False)
            if done.returncode not in {0, 10}:
                sys.exit(f"preserve {' '.join(arguments)}: {done.returncode}")

        demo = resources.files("preserve.demo")
        with DemoSite() as site, ExitStack() as open_until_done:
            common = [part for rule in site.connect_to for part in ("--connect-to", rule)]
            common += ["--cacert", str(site.ca_file), "--delay", "0", "--archive", str(archive)]
            common += ["--operator", "A. Reader", "--case", "REFERENCE-1"]
            run("capture", str(demo / "ferry.txt"), "--no-timestamp", *common)
            stamps = []
            for name in ("one", "two"):
                authority = Authority(Path(home) / name, Issuer(f"Reference {name}"))
                counter = open_until_done.enter_context(Counter(authority))
                fingerprint = authority.issuer.fingerprint
                run("trust", "add", str(authority.root_file), "--name", name, "--tsa", "--fingerprint", fingerprint)
                stamps += ["--tsa", f"{name}={counter.url}"]
            run("capture", str(demo / "bridge.md"), *stamps, *common)
        run("verify", str(archive))
        shutil.rmtree(archive / "index", ignore_errors=True)  # derived
        (target / "roots").mkdir()
        for name in ("one", "two"):
            shutil.copy(Path(home) / name / "root.pem", target / "roots" / f"{name}.pem")
        shutil.copy(Path(home) / "config" / "preserve" / "trust.toml", target / "trust.toml")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]))
