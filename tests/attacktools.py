"""What attacks are made of: a good archive, ways to change it, and the list that every attack enters itself in.

An attack starts from an archive of two runs. It changes what lies on the disk (an outsider), or makes a third run or another
history with the keys in hand (an insider, a thief), and names the exit code, the claim and the words that the verifier must answer
with. `alone` is the exit code for the folder of run 1 by itself, for attacks that can be seen there; `script` that of the independent
check (manifests/verify.sh), which knows the signer's key and no log's key.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from archives import (
    Archivist,
    Files,
    Pen,
    data_files,
    record_index,
    seal_over,
)
from preserve.formats import manifest, recordindex
from preserve.model.finding import Claim
from preserve.model.manifest import Manifest

OK, ALTERED, UNESTABLISHED = 0, 40, 41

Deed = Callable[[Archivist, Path], None]


@dataclass(frozen=True, kw_only=True)
class Attack:
    """`does(archivist, root)` leaves the attacked archive in `root`. `claim` None: no finding in particular is asked for."""

    name: str
    does: Deed
    exit: int
    claim: Claim | None
    says: str
    alone: int | None = None
    script: int | None = None
    thorough: bool = False
    memory: bool = False
    """The verifier has seen the good archive before."""


ATTACKS: list[Attack] = []


def good() -> Archivist:
    archivist = Archivist(signers=(Pen("A. Archivist"), Pen("Second person")))
    archivist.add_run()
    archivist.add_run(torn=True)
    return archivist


def attack(
    name: str,
    exit_code: int,
    claim: Claim | None,
    says: str,
    *,
    alone: int | None = None,
    script: int | None = None,
    thorough: bool = False,
    memory: bool = False,
) -> Callable[[Deed], Deed]:
    def keep(does: Deed) -> Deed:
        ATTACKS.append(
            Attack(
                name=name,
                does=does,
                exit=exit_code,
                claim=claim,
                says=says,
                alone=alone,
                script=alone if script is None else script,
                thorough=thorough,
                memory=memory,
            )
        )
        return does

    return keep


def on_run(
    name: str, claim: Claim | None, says: str, *, alone: int | None = ALTERED
) -> Callable[[Callable[[Path], None]], None]:
    """An outsider's change to the folder of run 1."""

    def keep(change: Callable[[Path], None]) -> None:
        def does(archivist: Archivist, root: Path) -> None:
            archivist.write(root)
            change(root / "runs" / archivist.names[1])

        attack(name, ALTERED, claim, says, alone=alone)(does)

    return keep


def on_disk(
    name: str, claim: Claim | None, says: str, *, exit_code: int = ALTERED, memory: bool = False
) -> Callable[[Callable[[Path, Archivist], None]], None]:
    """An outsider's change to the archive."""

    def keep(change: Callable[[Path, Archivist], None]) -> None:
        def does(archivist: Archivist, root: Path) -> None:
            archivist.write(root)
            change(root, archivist)

        attack(name, exit_code, claim, says, memory=memory)(does)

    return keep


def insider(
    name: str, claim: Claim | None, says: str, *, exit_code: int = ALTERED, thorough: bool = False, memory: bool = False
) -> Callable[[Callable[[Archivist], None]], None]:
    """Something made with the real keys before it is written."""

    def keep(change: Callable[[Archivist], None]) -> None:
        def does(archivist: Archivist, root: Path) -> None:
            change(archivist)
            archivist.write(root)

        attack(name, exit_code, claim, says, thorough=thorough, memory=memory)(does)

    return keep


def flip(path: Path, place: int, bit: int = 1) -> None:
    data = bytearray(path.read_bytes())
    data[place] ^= bit
    path.write_bytes(data)


def only(folder: Path, pattern: str) -> Path:
    (found,) = folder.glob(pattern)
    return found


def offsets(run: Path) -> list[int]:
    data = only(run, "data/*.records").read_bytes()
    return [recordindex.parse_leaf(row).offset for row in data.splitlines()]


def slices(run: Path) -> list[bytes]:
    """The stored bytes of each record."""
    data = only(run, "data/*.warc.gz").read_bytes()
    return [data[start:end] for start, end in pairwise([*offsets(run), len(data)])]


def reseal(run: Path) -> None:
    bound = {
        str(path.relative_to(run)): path.read_bytes()
        for path in (run / "manifest.json", *(run / "keys").iterdir(), *(run / "signatures").iterdir())
    }
    (run / "SEAL").write_bytes(seal_over(bound))


def add_signed_json(archivist: Archivist, change: Callable[[bytes], bytes]) -> None:
    """A third run whose manifest is changed as bytes, then validly signed."""
    files = data_files(2, 3)
    archivist.add_signed(files, change(manifest.encode(archivist.manifest(files, 2, 3))))


def add_signed_files(
    archivist: Archivist, change: Callable[[Files], None], tweak: Callable[[Manifest], Manifest] | None = None
) -> None:
    """A third run whose files are changed before they are measured and signed."""
    files = data_files(2, 3)
    change(files)
    signed = archivist.manifest(files, 2, 3)
    archivist.add_signed(files, manifest.encode(tweak(signed) if tweak else signed))


def split(files: Files) -> tuple[str, list[bytes]]:
    """The WARC's path and its members."""
    path = next(path for path in files if path.endswith(".warc.gz"))
    rows = [recordindex.parse_leaf(row) for row in files[path.removesuffix(".warc.gz") + ".records"].splitlines()]
    return path, [files[path][row.offset : row.offset + row.length] for row in rows]


def join(files: Files, path: str, members: list[bytes]) -> None:
    files[path] = b"".join(members)
    files[path.removesuffix(".warc.gz") + ".records"] = record_index(members)


def edit(path: Path, old: bytes, new: bytes) -> None:
    data = path.read_bytes()
    assert old in data
    path.write_bytes(data.replace(old, new))
