"""The WARC store: what reaches the file, and that a failure leaves nothing of a call behind."""

from __future__ import annotations

import asyncio
import dataclasses
import errno
import hashlib
import json
import os
import random
import resource
import signal
import subprocess
import sys
import threading
import tracemalloc
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from exchanges import NOON, Repeated, exchange, ids, info
from preserve.adapters import warcfile
from preserve.adapters.warcfile import WarcWriter, resume
from preserve.errors import StoreError
from preserve.formats.gzipmember import pack
from preserve.formats.warc import Member, MemberCheck
from preserve.model.web import Body, Memory, Record, Stored
from preserve.rules.record import records

NOISE = random.Random(11).randbytes(1 << 16)
MIB = 1 << 20

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    return tmp_path


def writer(folder: Path, **options: int) -> WarcWriter:
    return WarcWriter(folder, "slug-000000-x", warcinfo=info, **options)


def record(body: Body, number: int = 0) -> Record:
    return Record(type="resource", id=f"urn:test:{number}", date=NOON, fields=(("WARC-Target-URI", "urn:test:x"),), body=body)


def check(folder: Path, stored: Stored) -> Member:
    with (folder / stored.warc).open("rb") as file:
        file.seek(stored.offset)
        data = file.read(stored.length)
    assert hashlib.sha256(data).hexdigest() == stored.sha256
    examined = MemberCheck()
    examined.feed(data)
    return examined.result()


def assert_tiles(folder: Path, stored: list[Stored]) -> None:
    """The records fill their file without a gap, are whole, and are what was said of them."""
    offset = 0
    for index, place in enumerate(stored):
        member = check(folder, place)
        assert member.problem == ""
        assert member.header is not None
        assert (place.index, place.offset) == (index, offset)
        assert (member.header.type, member.header.id) == (place.type, place.record_id)
        offset += place.length
    assert (folder / stored[-1].warc).stat().st_size == offset


async def test_records_tile_the_file(folder: Path) -> None:
    store = writer(folder)
    pages = [exchange(body) for body in (b"", b"text " * 9000, NOISE, b"big " * MIB, NOISE * 40)]
    new_id = ids()
    stored = [place for page in pages for place in await store.append(records(page, new_id=new_id))]
    store.close()
    assert_tiles(folder, stored)
    assert [place.type for place in stored] == ["warcinfo", *["request", "response"] * 5]
    assert {place.warc for place in stored} == {"data/slug-000000-x-0001.warc.gz"}


async def test_every_record_names_its_files_warcinfo(folder: Path) -> None:
    store = writer(folder, max_size=1)
    stored = [place for number in range(2) for place in await store.append([record(Memory(b"x"), number)])]
    store.close()
    assert [(place.type, place.warc[-12:], place.index) for place in stored] == [
        ("warcinfo", "0001.warc.gz", 0),
        ("resource", "0001.warc.gz", 1),
        ("warcinfo", "0002.warc.gz", 0),
        ("resource", "0002.warc.gz", 1),
    ]
    for head, place in (stored[:2], stored[2:]):
        member = check(folder, place)
        assert member.header is not None
        assert member.header.get("WARC-Warcinfo-ID") == f"<{head.record_id}>"


async def test_a_call_is_never_split_over_files(folder: Path) -> None:
    store = writer(folder, max_size=5000)
    new_id = ids()
    calls = [await store.append(records(exchange(NOISE), new_id=new_id)) for _ in range(4)]
    store.close()
    assert [len({place.warc for place in call}) for call in calls] == [1, 1, 1, 1]
    assert len(list((folder / "data").iterdir())) == 4


async def test_what_append_returned_is_in_the_file_before_any_sync(folder: Path) -> None:
    store = writer(folder)
    stored = await store.append([record(Memory(b"x"))])
    assert_tiles(folder, list(stored))
    store.close()


async def test_a_new_writer_begins_a_new_file(folder: Path) -> None:
    (folder / "data" / "other-0007.warc.gz").touch()
    for expected in ("0001", "0002"):
        store = writer(folder)
        stored = await store.append([record(Memory(b"x"))])
        store.close()
        assert stored[0].warc == f"data/slug-000000-x-{expected}.warc.gz"


async def test_a_call_may_hold_thousands_of_records(folder: Path) -> None:
    store = writer(folder)
    stored = await store.append([record(Memory(b"%d" % number), number) for number in range(3000)])
    store.close()
    assert_tiles(folder, list(stored))
    assert len(stored) == 3001


async def test_tasks_that_append_at_once_do_not_mix(folder: Path) -> None:
    store = writer(folder)
    bodies = [Repeated(NOISE, 20 + number) if number % 3 else Memory(b"small") for number in range(12)]
    calls = await asyncio.gather(*(store.append([record(body, number)]) for number, body in enumerate(bodies)))
    store.close()
    stored = sorted((place for call in calls for place in call), key=lambda place: place.index)
    assert_tiles(folder, stored)
    assert len(stored) == 13


async def test_others_get_their_turn_while_a_large_body_is_written(folder: Path) -> None:
    store = writer(folder)
    turns = 0

    async def tick() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    ticker = asyncio.create_task(tick())
    await store.append([record(Repeated(NOISE, 20 * 16))])
    ticker.cancel()
    store.close()
    assert turns >= 20


async def test_memory_is_flat_for_a_large_body(folder: Path) -> None:
    store = writer(folder)
    await store.append([record(Memory(b"x"))])
    tracemalloc.start()
    try:
        await store.append([record(Repeated(NOISE, 64 * 16)), record(Repeated(b"text" * 8192, 64 * 32))])
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    store.close()
    assert peak < 2 * MIB


# When the disk is full


class Full:
    """A disk that takes `space` bytes more and then says ENOSPC, in the middle of a write as real ones do."""

    def __init__(self, space: int) -> None:
        self.space = space
        self._write = os.write

    def write(self, fd: int, data: bytes | memoryview) -> int:
        if not self.space:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        taken = self._write(fd, bytes(data)[: self.space])
        self.space -= taken
        return taken

    def writev(self, fd: int, parts: list[bytes]) -> int:
        return self.write(fd, b"".join(parts))


@pytest.mark.parametrize("space", [0, 1, 300, 700, 66_000, 70_000, 3 * MIB])
async def test_nothing_of_a_failed_call_counts(folder: Path, monkeypatch: pytest.MonkeyPatch, space: int) -> None:
    store = writer(folder)
    before = list(await store.append([record(Memory(b"before"))]))
    disk = Full(space)
    with monkeypatch.context() as patched:
        patched.setattr(os, "write", disk.write)
        patched.setattr(os, "writev", disk.writev)
        with pytest.raises(StoreError, match="No space left") as caught:
            await store.append([record(Memory(NOISE), 1), record(Repeated(NOISE, 60), 2)])
    assert "--resume" in caught.value.hint
    assert_tiles(folder, before)
    after = await store.append([record(Memory(b"after"), 3)])
    store.close()
    assert_tiles(folder, [*before, *after])


async def test_a_file_that_could_not_be_begun_is_not_there(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = writer(folder)
    with monkeypatch.context() as patched:
        patched.setattr(os, "writev", Full(100).writev)
        patched.setattr(os, "write", Full(0).write)
        with pytest.raises(StoreError):
            await store.append([record(Memory(b"x"))])
    assert list((folder / "data").iterdir()) == []
    stored = await store.append([record(Memory(b"x"))])
    store.close()
    assert_tiles(folder, list(stored))


async def test_the_kernels_own_limit_is_met_in_the_same_way(folder: Path) -> None:
    store = writer(folder)
    before = list(await store.append([record(Memory(b"before"))]))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(StoreError, match="too large"):
            await store.append([record(Memory(NOISE)), record(Memory(NOISE))])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert_tiles(folder, before)
    store.close()


async def test_a_file_that_cannot_be_cut_back_takes_nothing_more(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = writer(folder)
    await store.append([record(Memory(b"x"))])

    def stuck(fd: int, size: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as patched:
        patched.setattr(os, "writev", Full(100).writev)
        patched.setattr(os, "write", Full(0).write)
        patched.setattr(os, "ftruncate", stuck)
        with pytest.raises(StoreError):
            await store.append([record(Memory(NOISE))])
    with pytest.raises(StoreError, match="cannot be cut off"):
        await store.append([record(Memory(b"x"))])
    store.close()


async def test_a_cancelled_call_leaves_nothing(folder: Path) -> None:
    store = writer(folder)
    before = list(await store.append([record(Memory(b"before"))]))
    task = asyncio.create_task(store.append([record(Repeated(NOISE, 160))]))
    for _ in range(5):
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert_tiles(folder, before)
    after = await store.append([record(Memory(b"after"), 1)])
    store.close()
    assert_tiles(folder, [*before, *after])


@dataclass(frozen=True)
class Liar:
    """A Body that gives other bytes than it promised, or none at all."""

    size: int
    problem: str = ""

    def chunks(self) -> Iterator[bytes]:
        yield b"short"
        if self.problem:
            raise OSError(errno.EIO, self.problem)

    def close(self) -> None:
        return None


@pytest.mark.parametrize("body", [Liar(6), Liar(2 * MIB), Liar(5, "bad sector"), Liar(2 * MIB, "bad sector")])
async def test_a_body_that_cannot_be_read_again_is_told(folder: Path, body: Body) -> None:
    store = writer(folder)
    before = list(await store.append([record(Memory(b"before"))]))
    with pytest.raises(StoreError):
        await store.append([record(body)])
    store.close()
    assert_tiles(folder, before)


async def test_what_cannot_be_written_is_told_by_its_place(folder: Path) -> None:
    store = WarcWriter(folder / "nowhere", "x", warcinfo=info)
    with pytest.raises(StoreError, match="nowhere"):
        await store.append([record(Memory(b"x"))])
    store.close()


async def test_sync_reaches_every_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", lambda fd: synced.append(os.fstat(fd).st_ino))
    store = writer(folder, max_size=1)
    for number in range(3):
        await store.append([record(Memory(b"x"), number)])
    store.sync()
    assert {path.stat().st_ino for path in (folder / "data").iterdir()} <= set(synced)
    store.close()


async def test_sync_reaches_a_file_that_becomes_full_meanwhile(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    store = writer(folder, max_size=1)
    for number in range(2):
        await store.append([record(Memory(b"x"), number)])
    loop = asyncio.get_running_loop()
    more = iter((2, 3))

    def fsync(handle: int) -> None:
        place = os.fstat(handle).st_ino
        for number in (
            more if threading.current_thread() is not threading.main_thread() else ()
        ):  # the capture goes on meanwhile
            asyncio.run_coroutine_threadsafe(store.append([record(Memory(b"x"), number)]), loop).result(10)
        synced.append(place)

    data = folder / "data"
    monkeypatch.setattr(os, "fsync", fsync)
    await asyncio.to_thread(store.sync)
    assert {path.stat().st_ino for path in data.iterdir()} <= set(synced)
    store.close()


@pytest.mark.parametrize("at", [0, MIB, 40 * len(NOISE) - 1])
async def test_a_large_body_that_changed_while_it_waited_is_not_kept(at: int, folder: Path) -> None:
    """Its digests were taken when it came, and the header says them."""
    store, new_id = writer(folder), ids()
    kept = await store.append(records(exchange(b"first"), new_id=new_id))
    whole = bytearray(NOISE * 40)
    whole[at] ^= 1
    answer, *others = sorted(records(exchange(NOISE * 40), new_id=new_id), key=lambda one: one.type != "response")
    with pytest.raises(StoreError, match="is not that record: WARC-Block-Digest does not hold"):
        await store.append([replace(answer, body=Memory(bytes(whole))), *others])
    again = await store.append(records(exchange(NOISE * 40), new_id=new_id))
    store.close()
    assert_tiles(folder, [*kept, *again])


async def test_two_may_sync_at_the_same_time(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The end of a run does not wait for the thread that syncs every second."""
    store = writer(folder, max_size=1)
    for number in range(3):
        await store.append([record(Memory(b"x"), number)])
    synced: list[int] = []
    both = threading.Barrier(2)

    def fsync(handle: int) -> None:
        with suppress(threading.BrokenBarrierError):  # nobody else gets here while the first does
            both.wait(0.1)
        synced.append(os.fstat(handle).st_ino)

    monkeypatch.setattr(os, "fsync", fsync)
    await asyncio.gather(*(asyncio.to_thread(store.sync) for _ in range(2)))
    assert {path.stat().st_ino for path in (folder / "data").iterdir()} <= set(synced)
    store.close()


async def test_writing_waits_for_nobody_elses_thread(folder: Path) -> None:
    store, loop, end = writer(folder), asyncio.get_running_loop(), threading.Event()
    loop.set_default_executor(ThreadPoolExecutor(1))
    busy = loop.run_in_executor(None, end.wait, 10)
    kept = await store.append([record(Memory(NOISE * 4))])
    assert [place.type for place in kept] == ["warcinfo", "resource"]
    assert not busy.done()
    end.set()
    store.close()


# After a kill


async def written(folder: Path, count: int) -> tuple[Path, list[Stored]]:
    store = writer(folder)
    stored = [place for number in range(count) for place in await store.append([record(Memory(NOISE[:5000]), number)])]
    store.close()
    return folder / stored[0].warc, stored


async def test_a_torn_tail_is_moved_aside(folder: Path) -> None:
    path, stored = await written(folder, 3)
    good = path.read_bytes()
    for number in (1, 2):
        path.write_bytes(good + b"torn" * number)
        torn = resume(path, len(good))
        assert torn == path.with_name(f"slug-000000-x-torn-000{number}.bin")
        assert torn.read_bytes() == b"torn" * number
        assert path.read_bytes() == good
        assert resume(path, len(good)) is None
    assert_tiles(folder, stored)
    assert sorted(os.listdir(folder / "data")) == [
        "slug-000000-x-0001.warc.gz",
        "slug-000000-x-torn-0001.bin",
        "slug-000000-x-torn-0002.bin",
    ]


async def test_torn_bytes_are_kept_once_when_the_cut_itself_was_killed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, stored = await written(folder, 2)
    good = path.stat().st_size
    with path.open("ab") as file:
        file.write(b"torn")

    class Killed(BaseException):
        pass

    for victim in ("_copy_tail", "_sync_folder", "_same_tail"):
        with monkeypatch.context() as patched:

            def kill(*_: object) -> None:
                raise Killed

            patched.setattr(warcfile, victim, kill)
            try:
                resume(path, good)
            except Killed:
                continue
    resume(path, good)
    assert [entry.name for entry in (folder / "data").iterdir() if "torn" in entry.name] == ["slug-000000-x-torn-0001.bin"]
    assert_tiles(folder, stored)


async def test_a_file_without_a_good_record_is_moved_aside_whole(folder: Path) -> None:
    path, _ = await written(folder, 1)
    data = path.read_bytes()
    torn = resume(path, 0)
    assert torn is not None
    assert torn.read_bytes() == data
    assert not path.exists()


async def test_a_file_that_lost_bytes_is_not_mended(folder: Path) -> None:
    path, _ = await written(folder, 1)
    size = path.stat().st_size
    with pytest.raises(StoreError, match="lost"):
        resume(path, size + 1)
    assert path.stat().st_size == size
    with pytest.raises(ValueError, match="name"):
        resume(path.with_name("page.html"), 0)
    with pytest.raises(StoreError, match="0009"):
        resume(path.with_name("slug-000000-x-0009.warc.gz"), 0)


WRITER = """
import asyncio, json, sys
from dataclasses import asdict, replace
from pathlib import Path
from hashlib import sha256
from exchanges import HEAD, exchange, ids, info, Repeated
from preserve.adapters.warcfile import WarcWriter
from preserve.rules.record import records

async def main():
    store = WarcWriter(Path(sys.argv[1]), "slug-000000-x", warcinfo=info)
    new_id, number = ids(), 0
    while True:
        number += 1
        page = exchange(b"page %d " % number * 500)
        if number % 5 == 0:
            body = Repeated(bytes(range(256)) * 256, 200)
            digest = sha256(HEAD + body.piece * body.times).hexdigest()
            page = replace(exchange(chunked=True), block_sha256=digest, body=body)
        for place in await store.append(records(page, new_id=new_id)):
            print(json.dumps(asdict(place)), flush=True)

asyncio.run(main())
"""


@pytest.mark.parametrize("lines", [3, 40, 101])
def test_a_killed_writer_leaves_every_record_that_it_told_of(folder: Path, lines: int) -> None:
    tests = Path(__file__).parents[1]
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(folder)], stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(tests)}
    )
    assert process.stdout is not None
    told = [process.stdout.readline() for _ in range(lines)]
    process.send_signal(signal.SIGKILL)
    told += process.stdout.read().splitlines(keepends=True)
    process.wait()
    process.stdout.close()
    stored = [Stored(**json.loads(line)) for line in told if line.endswith(b"\n")]
    assert len(stored) >= lines
    path = folder / stored[0].warc
    good = stored[-1].offset + stored[-1].length
    assert path.stat().st_size >= good
    resume(path, good)
    assert path.stat().st_size == good
    for place in stored:
        problem = check(folder, place).problem
        assert problem in ("", "WARC-Block-Digest does not hold")  # the large ones bear a digest that was made up


@pytest.mark.parametrize("size", [1000, 3 * MIB])
async def test_what_was_not_compressed_rightly_is_not_kept(folder: Path, monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    store = writer(folder)
    before = await store.append(records(exchange(b"sound"), new_id=ids()))
    whole = (folder / before[0].warc).stat().st_size
    if size > MIB:
        # A body that waited on a disk, and is not what it was when its digest was taken.
        lying = exchange(b"x" * size)
        lying = dataclasses.replace(lying, body=Memory(b"y" * size))
    else:
        monkeypatch.setattr(
            warcfile, "pack", lambda head, body, tail: bytes([*pack(head, body, tail)[:-9], 7, *pack(head, body, tail)[-8:]])
        )
        lying = exchange(b"x" * size)
    with pytest.raises(StoreError, match="record"):
        await store.append(records(lying, new_id=ids()))
    assert (folder / before[0].warc).stat().st_size == whole
    store.close()
