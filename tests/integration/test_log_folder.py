"""The log on disk: killed between every two steps of an append, tampered with, rolled back."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from preserve.adapters.log import LogFolder
from preserve.errors import StoreError, TrustError
from preserve.formats import merkle, note, tlog
from preserve.formats.note import Checkpoint, KeyType, SignedNote, VerifierKey

ORIGIN = "archive.example/main/log"
ENTRIES = [b"seal of run %d\n" % number for number in range(600)]
NEXT = b"seal of the next run\n"


class Signer:
    def __init__(self, seed: int = 1) -> None:
        self._private = Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32)
        self.key = VerifierKey(name=ORIGIN, type=KeyType.ED25519, public=self._private.public_key().public_bytes_raw())

    def sign(self, message: bytes) -> bytes:
        return self._private.sign(message)


SIGNER = Signer()


def checkpoint(entries: list[bytes], signer: Signer = SIGNER) -> SignedNote:
    root = merkle.root(map(merkle.leaf_hash, entries))
    return note.sign(Checkpoint(origin=ORIGIN, size=len(entries), root=root).encode(), [signer])


def expected(entries: list[bytes]) -> dict[str, bytes]:
    """Exactly what the folder of a log with these entries holds."""
    return dict(tlog.files(entries)) | ({"checkpoint": checkpoint(entries).encode()} if entries else {})


def found(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def folders(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_dir()}


def written(folder: Path, entries: list[bytes]) -> Path:
    for path, data in expected(entries).items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    return folder


def test_a_log_from_nothing(tmp_path: Path) -> None:
    log = LogFolder(tmp_path / "log", SIGNER)
    assert log.head() == (0, merkle.EMPTY_ROOT)
    for number, entry in enumerate(ENTRIES[:20]):
        log.append(entry)
        assert found(tmp_path / "log") == expected(ENTRIES[: number + 1])
    assert log.head() == (20, merkle.root(map(merkle.leaf_hash, ENTRIES[:20])))
    assert log.entry(7) == ENTRIES[7]
    assert list(log.entries()) == ENTRIES[:20]
    proof = tlog.decode_proof(log.proof(7))
    assert proof.index == 7
    assert proof.includes(ENTRIES[7])
    assert note.verify(proof.checkpoint, [SIGNER.key]).signed_by == (SIGNER.key,)


def _piped(place: Path) -> None:
    place.unlink()
    os.mkfifo(place)


def _linked(place: Path) -> None:
    place.rename(place.with_name("elsewhere"))
    place.symlink_to("elsewhere")


def _looped(place: Path) -> None:
    shutil.rmtree(place) if place.is_dir() else place.unlink()
    place.symlink_to(place.name)


def _swollen(place: Path) -> None:
    os.truncate(place, 1 << 40)


@pytest.mark.parametrize(
    ("path", "change"),
    [
        *(
            (path, change)
            for path in ("checkpoint", "tile/0/000.p/9", "tile/entries/000.p/9")
            for change in (_piped, _linked, _looped)
        ),
        *((path, _linked) for path in ("tile", "tile/0", "tile/0/000.p", "tile/entries")),
        ("tile", _looped),
        ("checkpoint", _swollen),
        ("tile/0/000.p/9", _swollen),
        ("tile/entries/000.p/9", _swollen),
    ],
)
def test_only_plain_files_are_read(tmp_path: Path, path: str, change: Callable[[Path], None]) -> None:
    """What `verify` calls altered is nothing to build on: no pipe is waited for, no link followed, and nothing endless taken in."""
    log = LogFolder(written(tmp_path / "log", ENTRIES[:9]), SIGNER)
    assert log.head()[0] == 9
    change(tmp_path / "log" / path)
    reading: list[Callable[[], object]] = [lambda: log.append(NEXT), lambda: list(log.entries()), lambda: log.entry(3)]
    if "entries" not in path:
        reading += [log.head, log.checkpoint, lambda: log.proof(3)]
    for does in reading:
        with pytest.raises(TrustError) as caught:
            does()
        assert str(tmp_path / "log" / path) in caught.value.message


def test_a_log_that_is_a_link_is_not_read(tmp_path: Path) -> None:
    written(tmp_path / "elsewhere", ENTRIES[:9])
    (tmp_path / "log").symlink_to("elsewhere")
    with pytest.raises(TrustError, match="log"):
        LogFolder(tmp_path / "log", SIGNER).head()


def test_no_folder_of_partial_tiles_stays_empty(tmp_path: Path) -> None:
    log = LogFolder(written(tmp_path, ENTRIES[:255]), SIGNER)
    log.append(ENTRIES[255])
    assert found(tmp_path) == expected(ENTRIES[:256])
    assert folders(tmp_path) == {"tile", "tile/0", "tile/1", "tile/1/000.p", "tile/entries"}


def test_the_last_entry_again_is_no_second_entry(tmp_path: Path) -> None:
    log = LogFolder(written(tmp_path, ENTRIES[:3]), SIGNER)
    log.append(NEXT)
    log.append(NEXT)
    assert found(tmp_path) == expected([*ENTRIES[:3], NEXT])


# --------------------------------------------------------------------------------------------------------------------- kills

_STEPS = ("open", "fdopen", "fsync", "replace", "unlink", "rmdir", "mkdir")


def killed_at(step: int, work: Callable[[], object]) -> bool:
    """Do `work` in a child process that dies, as by SIGKILL, just before its file system step number `step`; whether it did."""
    child = os.fork()
    if child == 0:
        left = step

        def counted(name: str) -> Callable[..., object]:
            real = getattr(os, name)

            def call(*arguments: Any, **options: object) -> object:
                nonlocal left
                if (name == "open" and arguments[1] & os.O_ACCMODE == os.O_RDONLY) or (
                    name == "fdopen" and arguments[1] == "rb"
                ):
                    return real(*arguments, **options)  # what only reads leaves nothing behind
                if left == 0:
                    os._exit(9)
                left -= 1
                return real(*arguments, **options)

            return call

        for name in _STEPS:
            setattr(os, name, counted(name))
        try:
            work()
        except BaseException:  # noqa: BLE001 -- whatever it is, the child must not return into pytest
            os._exit(1)
        os._exit(0)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status in (0, 9)
    return status == 9


@pytest.mark.long
@pytest.mark.parametrize("size", [0, 1, 255, 256, 512])
def test_killed_at_any_step_the_log_is_whole_and_the_next_append_repairs_it(tmp_path: Path, size: int) -> None:
    before, after = ENTRIES[:size], [*ENTRIES[:size], NEXT]
    original = written(tmp_path / "original", before)
    original.mkdir(exist_ok=True)
    step, committed = 0, set()
    while True:
        folder = tmp_path / "copy"
        shutil.copytree(original, folder)
        killed = killed_at(step, lambda folder=folder: LogFolder(folder, SIGNER).append(NEXT))  # type: ignore[misc]

        # A verifier that comes now finds a whole log, old or new, and beside it only what it can explain.
        entries = after if found(folder).get("checkpoint") == expected(after)["checkpoint"] else before
        committed.add(len(entries))
        assert expected(entries).items() <= found(folder).items()
        beside = set(found(folder)) - set(expected(entries))
        assert beside <= {*tlog.leftovers(len(entries))}

        # The next writer does the same again, or goes on with another entry: no trace of the kill is left.
        other = tmp_path / "other"
        shutil.copytree(folder, other)
        LogFolder(folder, SIGNER).append(NEXT)
        assert found(folder) == expected(after)
        if entries == before:
            LogFolder(other, SIGNER).append(b"another entry")
            assert found(other) == expected([*before, b"another entry"])
        else:
            LogFolder(other, SIGNER).head()
            assert found(other) == expected(after)
        shutil.rmtree(folder)
        shutil.rmtree(other)
        if not killed:
            break
        step += 1
    assert step > 15
    assert committed == {size, size + 1}


# ------------------------------------------------------------------------------------------------------- what is not built on


def test_every_changed_byte_of_what_the_head_needs_stops_the_writer(tmp_path: Path) -> None:
    written(tmp_path, ENTRIES[:5])
    for path, data in found(tmp_path).items():
        for place in range(len(data)):
            (tmp_path / path).write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
            with pytest.raises(TrustError):
                LogFolder(tmp_path, SIGNER).append(NEXT)
        (tmp_path / path).write_bytes(data)
    LogFolder(tmp_path, SIGNER).append(NEXT)


@pytest.mark.parametrize("path", ["tile/0/000.p/5", "tile/entries/000.p/5"])
def test_a_missing_tile_stops_the_writer(tmp_path: Path, path: str) -> None:
    written(tmp_path, ENTRIES[:5])
    (tmp_path / path).unlink()
    with pytest.raises(TrustError, match="missing"):
        LogFolder(tmp_path, SIGNER).append(NEXT)


def test_entries_without_a_checkpoint_are_no_new_log(tmp_path: Path) -> None:
    written(tmp_path, ENTRIES[:5])
    (tmp_path / "checkpoint").unlink()
    with pytest.raises(TrustError, match="the checkpoint is missing"):
        LogFolder(tmp_path, SIGNER).head()


def test_another_key_is_not_this_log(tmp_path: Path) -> None:
    written(tmp_path, ENTRIES[:5])
    with pytest.raises(TrustError, match="not signed by this log's key"):
        LogFolder(tmp_path, Signer(2)).head()


def test_a_checkpoint_that_also_carries_other_signatures_is_fine(tmp_path: Path) -> None:
    written(tmp_path, ENTRIES[:5])
    signed = checkpoint(ENTRIES[:5])
    both = SignedNote(text=signed.text, signatures=signed.signatures + checkpoint(ENTRIES[:5], Signer(2)).signatures)
    (tmp_path / "checkpoint").write_bytes(both.encode())
    assert LogFolder(tmp_path, SIGNER).head()[0] == 5


def test_a_log_put_back_to_an_older_state_is_noticed(tmp_path: Path) -> None:
    kept: list[SignedNote] = []
    log = LogFolder(written(tmp_path / "log", ENTRIES[:5]), SIGNER, signed=kept.append)
    log.append(NEXT)
    last = note.parse_checkpoint(kept[-1].text)
    assert last.size == 6
    old = written(tmp_path / "old", ENTRIES[:5])
    with pytest.raises(TrustError, match="rolled back: it has 5 entries, and had 6"):
        LogFolder(old, SIGNER, last_known=last).append(b"other")
    gone = tmp_path / "gone"
    with pytest.raises(TrustError, match="rolled back: it has 0 entries"):
        LogFolder(gone, SIGNER, last_known=last).head()
    assert LogFolder(tmp_path / "log", SIGNER, last_known=last).head()[0] == 6


def test_a_log_made_anew_with_the_same_key_is_noticed(tmp_path: Path) -> None:
    last = note.parse_checkpoint(checkpoint(ENTRIES[:5]).text)
    forged = written(tmp_path, [b"forged", *ENTRIES[1:9]])
    with pytest.raises(TrustError, match="rewritten: its first 5 entries"):
        LogFolder(forged, SIGNER, last_known=last).head()


def test_an_entry_that_is_too_long_leaves_the_log_as_it_was(tmp_path: Path) -> None:
    written(tmp_path, ENTRIES[:5])
    with pytest.raises(TrustError, match="too long"):
        LogFolder(tmp_path, SIGNER).append(bytes(1 << 16))
    assert found(tmp_path) == expected(ENTRIES[:5])


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full to be a full disk")
def test_a_full_disk_leaves_the_log_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(tmp_path, ENTRIES[:5])
    real = os.open

    def full(path: os.PathLike[str], flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        place = "/dev/full" if Path(path).name == ".new" else path
        return real(place, flags & ~os.O_EXCL & ~os.O_CREAT, mode, dir_fd=dir_fd)

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", full)
        with pytest.raises(StoreError, match="No space left"):
            LogFolder(tmp_path, SIGNER).append(NEXT)
    assert LogFolder(tmp_path, SIGNER).head()[0] == 5
    assert found(tmp_path) == expected(ENTRIES[:5])
