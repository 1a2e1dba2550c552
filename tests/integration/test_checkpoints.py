from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from preserve.adapters.checkpoints import CheckpointMemory
from preserve.errors import ConfigError
from preserve.formats import note
from preserve.formats.note import Checkpoint, KeyType, SignedNote, VerifierKey

ORIGIN = "archive.example/main/log"


class Signer:
    def __init__(self, name: str) -> None:
        self._private = Ed25519PrivateKey.from_private_bytes(bytes(32))
        self.key = VerifierKey(name=name, type=KeyType.ED25519, public=self._private.public_key().public_bytes_raw())

    def sign(self, message: bytes) -> bytes:
        return self._private.sign(message)


def signed(size: int, origin: str = ORIGIN) -> SignedNote:
    return note.sign(Checkpoint(origin=origin, size=size, root=bytes([size]) * 32).encode(), [Signer(origin)])


def test_nothing_is_remembered_at_first(tmp_path: Path) -> None:
    memory = CheckpointMemory.seen(tmp_path)
    assert memory.recall(ORIGIN) is None
    assert memory.head(ORIGIN) is None
    assert list(tmp_path.iterdir()) == []


def test_the_newest_of_each_origin_is_remembered_as_it_was_signed(tmp_path: Path) -> None:
    memory = CheckpointMemory.seen(tmp_path)
    assert memory.remember(signed(3)) == ""
    assert memory.remember(signed(9, "other.example/log")) == ""
    assert memory.remember(signed(5)) == ""
    assert memory.remember(signed(4)) == ""
    assert memory.recall(ORIGIN) == signed(5)
    head = memory.head(ORIGIN)
    assert head is not None
    assert (head.size, head.root) == (5, bytes([5]) * 32)
    assert {path.read_bytes() for path in tmp_path.rglob("*.checkpoint")} == {
        signed(5).encode(),
        signed(9, "other.example/log").encode(),
    }


def test_a_fork_of_the_same_size_never_replaces_what_is_remembered(tmp_path: Path) -> None:
    memory = CheckpointMemory.seen(tmp_path)
    memory.remember(signed(5))
    fork = note.sign(Checkpoint(origin=ORIGIN, size=5, root=bytes(32)).encode(), [Signer(ORIGIN)])
    assert "another log of the same size" in memory.remember(fork)
    assert memory.recall(ORIGIN) == signed(5)


def test_what_was_seen_and_what_was_signed_are_two_memories(tmp_path: Path) -> None:
    CheckpointMemory.seen(tmp_path).remember(signed(5))
    assert CheckpointMemory.signed(tmp_path).recall(ORIGIN) is None


def test_a_memory_that_cannot_be_written_says_so_and_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / "seen").write_text("a file where the folder belongs")
    problem = CheckpointMemory.seen(tmp_path).remember(signed(5))
    assert "seen" in problem


def test_rollbacks_are_remembered_with_the_log_that_states_them(tmp_path: Path) -> None:
    memory = CheckpointMemory.seen(tmp_path)
    assert memory.rollbacks(ORIGIN) == frozenset()
    memory.remember(signed(5), ["a" * 64])
    memory.remember(signed(6))
    memory.remember(signed(4), ["c" * 64])
    assert memory.rollbacks(ORIGIN) == {"a" * 64}, "what was seen is not forgotten, and an older log adds nothing"
    memory.replace(signed(2), ["b" * 64])
    assert memory.rollbacks(ORIGIN) == {"b" * 64}
    assert memory.rollbacks("other.example/log") == frozenset()


@pytest.mark.parametrize("data", [b"garbage\n", b"\xff", b"a" * 63 + b"\n"])
def test_rollbacks_that_cannot_be_read_are_never_taken_for_none(tmp_path: Path, data: bytes) -> None:
    memory = CheckpointMemory.seen(tmp_path)
    memory.remember(signed(5), ["a" * 64])
    (path,) = tmp_path.rglob("*.rollbacks")
    path.write_bytes(data)
    with pytest.raises(ConfigError, match="cannot be read"):
        memory.rollbacks(ORIGIN)


@pytest.mark.parametrize("data", [b"", b"garbage", signed(5, "other.example/log").encode(), signed(5).encode()[:-3]])
def test_a_memory_that_cannot_be_read_is_never_taken_for_none(tmp_path: Path, data: bytes) -> None:
    memory = CheckpointMemory.seen(tmp_path)
    memory.remember(signed(5))
    (path,) = tmp_path.rglob("*.checkpoint")
    path.write_bytes(data)
    with pytest.raises(ConfigError, match="cannot be read"):
        memory.recall(ORIGIN)
    with pytest.raises(ConfigError, match="cannot be read"):
        memory.remember(signed(6))
