"""formats.digests: the hashes of records, one by one and by the shortcut, are the same; and what the shortcut refuses to look at."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import random
import re
import shutil
import subprocess
import sys
import sysconfig
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from preserve.formats import digests
from running import ROOT

_C = ROOT / "src" / "preserve" / "formats" / "_sha256pair.c"
_BOTH = pytest.mark.parametrize("hashes", [digests.one_by_one, digests.shortcut], ids=["one by one", "shortcut"])
_compiled = pytest.mark.skipif(
    digests.shortcut is digests.one_by_one, reason="the shortcut is not compiled, or not for this processor"
)


def _expected(data: bytes, cuts: list[int]) -> list[bytes]:
    return [hashlib.sha256(data[begin:end]).hexdigest().encode() for begin, end in pairwise(cuts)]


@_BOTH
def test_the_standards_own_examples(hashes: digests.Hashes) -> None:
    """Of NIST's examples for FIPS 180-4: one block, two blocks, nothing, and a million times the same letter."""
    texts = {
        b"abc": b"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq": b"248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
        b"": b"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        b"a" * 1_000_000: b"cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0",
    }
    cuts = [0]
    for text in texts:
        cuts.append(cuts[-1] + len(text))
    assert hashes(b"".join(texts), cuts) == list(texts.values())


@_BOTH
def test_every_length_beside_every_other(hashes: digests.Hashes) -> None:
    """Where a record ends in its last block decides on its padding; and a lane may be done before the other, after it, or with it."""
    data = random.Random(3).randbytes(600)
    for length in range(260):
        cuts = [7, 7 + length, 7 + length + 64 * (length % 5), 590, 590, 591]
        assert hashes(data, cuts) == _expected(data, cuts), length


@example(data=b"", cuts=[])
@example(data=b"x" * 200, cuts=[0, 0, 0, 200])
@given(data=st.binary(max_size=2000), cuts=st.lists(st.integers(0, 2000), max_size=12))
def test_any_cuts(data: bytes, cuts: list[int]) -> None:
    cuts = sorted(min(cut, len(data)) for cut in cuts)
    for buffer in (data, bytearray(data), memoryview(b"?" + data)[1:]):
        assert digests.one_by_one(buffer, cuts) == digests.shortcut(buffer, cuts) == _expected(data, cuts)


@_compiled
@pytest.mark.parametrize(
    ("cuts", "error"),
    [
        ([0, 11], ValueError),
        ([5, 4], ValueError),
        ([11, 11], ValueError),
        ([-1, 4], OverflowError),
        ([0, 1 << 64], OverflowError),
        ([0, "4"], TypeError),
        ([0, 4.0], TypeError),
        ([None, 4], TypeError),
        ((0, 4), TypeError),
        (iter([0, 4]), TypeError),
    ],
)
def test_places_that_are_none(cuts: object, error: type[Exception]) -> None:
    with pytest.raises(error):
        digests.shortcut(b"0123456789", cuts)  # type: ignore[arg-type] # on purpose


@_compiled
@pytest.mark.parametrize("data", [memoryview(b"0123456789")[::2], "0123456789", None, 7])
def test_what_is_no_stretch_of_memory(data: object) -> None:
    with pytest.raises((BufferError, TypeError)):
        digests.shortcut(data, [0, 2])  # type: ignore[arg-type] # on purpose


@_compiled
def test_memory_is_let_go_of() -> None:
    """Of what it was given and of what it gave: also when it refuses."""
    room = bytearray(100)
    for _ in range(3):
        digests.shortcut(room, [0, 50, 100])
        with pytest.raises(ValueError, match="ascend"):
            digests.shortcut(room, [50, 0])
    room.append(1)  # BufferError while somebody still holds it
    before = sys.getrefcount(room)
    digests.shortcut(room, [0, 5])
    assert sys.getrefcount(room) == before


def test_where_it_was_not_compiled_hashlib_does_all(tmp_path: Path) -> None:
    code = (
        "import json, sys; sys.modules['preserve.formats._sha256pair'] = None\n"
        "from preserve.formats import digests\n"
        "print(json.dumps([digests.shortcut is digests.one_by_one, digests.AT_ONCE]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True, cwd=tmp_path, timeout=60)
    assert json.loads(done.stdout) == [True, 1 << 20]


@pytest.mark.long
def test_it_is_compiled_without_avx(tmp_path: Path) -> None:
    """SHA's instructions have no AVX form: code that goes back and forth between the two was 200 times slower."""
    compiler, include = shutil.which("gcc"), sysconfig.get_path("include")
    if not compiler or not Path(include, "Python.h").exists() or platform.machine() != "x86_64":
        pytest.skip("there is no gcc for x86-64, or no Python.h")
    target = tmp_path / "_sha256pair.s"
    wide = ["-O2", "-march=haswell", "-mavx512f"]  # as CFLAGS=-march=native may mean
    subprocess.run([compiler, *wide, "-S", "-fPIC", f"-I{include}", str(_C), "-o", str(target)], check=True, timeout=120)
    code = target.read_text(encoding="ascii")
    assert "sha256rnds2" in code
    assert not re.findall(r"^\tv\w+|%[yz]mm", code, re.MULTILINE)


_PROBE = """
import hashlib, random, sys
sys.path.insert(0, sys.argv[1])
from _sha256pair import digests
chance = random.Random(8)
for size in [*range(300), *(chance.randrange(20_000) for _ in range(300))]:
    data = bytearray(chance.randbytes(size))
    cuts = sorted(chance.randrange(size + 1) for _ in range(chance.randrange(9)))
    hashes = [hashlib.sha256(data[begin:end]).hexdigest().encode() for begin, end in zip(cuts, cuts[1:])]
    assert digests(data, cuts) == hashes
    for wrong in ([0, size + 1], [1, 0], [0, -1], [0, None]):
        try:
            digests(data, wrong)
        except (ValueError, OverflowError, TypeError):
            continue
        raise AssertionError(wrong)
print("done")
"""


@pytest.mark.long
def test_it_stays_within_its_memory(tmp_path: Path) -> None:
    """Under the compiler's address and undefined-behaviour sanitizers; Python's own allocator would hide what lies beyond a buffer."""
    compiler, include = shutil.which("gcc"), sysconfig.get_path("include")
    if not compiler or not Path(include, "Python.h").exists():
        pytest.skip("there is no gcc, or no Python.h")
    target = tmp_path / "_sha256pair.abi3.so"
    strict = [
        "-std=c11",
        "-O1",
        "-g",
        "-Wall",
        "-Wextra",
        "-Wpedantic",
        "-Werror",
        "-fsanitize=address,undefined",
        "-fno-sanitize-recover",
    ]
    subprocess.run([compiler, *strict, "-shared", "-fPIC", f"-I{include}", str(_C), "-o", str(target)], check=True, timeout=120)
    sanitizer = subprocess.run(
        [compiler, "-print-file-name=libasan.so"], capture_output=True, text=True, check=True
    ).stdout.strip()
    if not Path(sanitizer).is_absolute():
        pytest.skip("gcc came without its sanitizers")
    done = subprocess.run(
        [sys.executable, "-c", _PROBE, str(tmp_path)],
        env=os.environ | {"LD_PRELOAD": sanitizer, "ASAN_OPTIONS": "detect_leaks=0", "PYTHONMALLOC": "malloc"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    if "ImportError" in done.stderr:
        pytest.skip("not for this processor")
    assert (done.returncode, done.stdout) == (0, "done\n"), done.stderr
