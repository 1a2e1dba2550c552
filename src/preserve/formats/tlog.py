"""The archive's append-only log as static files, and the proof that a run carries out of it (docs/formats/log.md).

C2SP tlog-tiles (https://c2sp.org/tlog-tiles): `tile/<L>/<N>` holds the hashes 256·N … 256·N + 255 of level 8·L of the Merkle tree,
`tile/entries/<N>` the entries themselves, each after its length in two bytes. A tile that is not full yet has the suffix `.p/<W>`.
`checkpoint` is the signed head. C2SP tlog-proof (https://c2sp.org/tlog-proof) puts an inclusion proof and a checkpoint in one file.

Everything here is a function of the log's size and of `read`, which gives a file's bytes by its path.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterable, Iterator
from typing import TypeAlias

from preserve.errors import FormatError
from preserve.formats import merkle, note
from preserve.model.noun import dataclass

Read: TypeAlias = Callable[[str], bytes]
"""`read(path)`: the bytes of a file of the log, by its path below the log's folder."""

CHECKPOINT = "checkpoint"
WAITING = ".new"
"""Where the bytes of the next file wait to be renamed."""
TILE_WIDTH = 256
TILE_HEIGHT = 8
MAX_ENTRY = (1 << 16) - 1
MAX_BUNDLE = TILE_WIDTH * (2 + MAX_ENTRY)

PROOF_HEADER = "c2sp.org/tlog-proof@v1"
MAX_PROOF = 1 << 17
_MAX_PATH_LENGTH = 64
_PATH = re.compile(
    r"tile/(entries|0|[1-9]|[1-5][0-9]|6[0-3])/((?:x[0-9]{3}/)*)([0-9]{3})(?:\.p/([1-9]|[1-9][0-9]|1[0-9]{2}|2[0-4][0-9]|25[0-5]))?"
)
_FOLDER = re.compile(r"tile(?:/(?:entries|0|[1-9]|[1-5][0-9]|6[0-3])(?:/x[0-9]{3})*(?:/[0-9]{3}\.p)?)?")


# --------------------------------------------------------------------------------------------------------------------- paths


def tile_path(level: int, index: int, width: int = TILE_WIDTH) -> str:
    """Where the tile `index` of tile level `level` lies when it has `width` hashes: `tile/0/x001/234.p/7`."""
    return _path(str(level), index, width)


def entries_path(index: int, width: int = TILE_WIDTH) -> str:
    """Where the entry bundle `index` lies when it has `width` entries: `tile/entries/000.p/7`."""
    return _path("entries", index, width)


def paths(size: int) -> Iterator[str]:
    """Every file that a checkpoint of `size` entries needs, but for the checkpoint itself; superseded partial tiles are not among them."""
    for level in _levels(size):
        count = size >> (TILE_HEIGHT * level)
        for index in range((count + TILE_WIDTH - 1) // TILE_WIDTH):
            width = min(TILE_WIDTH, count - index * TILE_WIDTH)
            yield tile_path(level, index, width)
            if level == 0:
                yield entries_path(index, width)


def explains(size: int, path: str) -> bool:
    """Whether `path` is among `paths(size)`, told without listing them: a forged size cannot make this slow."""
    if path == CHECKPOINT:
        return True
    match = _PATH.fullmatch(path)
    if match is None or len(path) > _MAX_PATH_LENGTH:
        return False
    level = 0 if match[1] == "entries" else int(match[1])
    index = int(match[2].replace("x", "").replace("/", "") + match[3])
    count = size >> (TILE_HEIGHT * level)
    width = min(TILE_WIDTH, count - index * TILE_WIDTH)
    return width > 0 and path == _path(match[1], index, width)


def is_folder(path: str) -> bool:
    """Whether a file of some log could lie in `path`: an append that was interrupted leaves such folders without one."""
    return len(path) <= _MAX_PATH_LENGTH and _FOLDER.fullmatch(path) is not None


def _path(kind: str, index: int, width: int) -> str:
    digits = f"{index % 1000:03d}"
    while index >= 1000:
        index //= 1000
        digits = f"x{index % 1000:03d}/{digits}"
    return f"tile/{kind}/{digits}" + (f".p/{width}" if width < TILE_WIDTH else "")


def _levels(size: int) -> range:
    return range((max(size, 1).bit_length() + TILE_HEIGHT - 1) // TILE_HEIGHT if size else 0)


# ------------------------------------------------------------------------------------------------------------- tiles, entries


def encode_entries(entries: Iterable[bytes]) -> bytes:
    """An entry bundle; raises FormatError for an entry longer than its length field can say."""
    bundle = bytearray()
    for entry in entries:
        if len(entry) > MAX_ENTRY:
            raise FormatError(f"log entry: too long: {len(entry)} bytes")
        bundle += len(entry).to_bytes(2, "big") + entry
    return bytes(bundle)


def decode_entries(data: bytes, width: int) -> tuple[bytes, ...]:
    """The `width` entries of a bundle; raises FormatError when there are more or fewer."""
    entries: list[bytes] = []
    place = 0
    while place < len(data):
        length = int.from_bytes(data[place : place + 2], "big")
        entry = data[place + 2 : place + 2 + length]
        if len(data) - place < 2 or len(entry) < length:
            raise FormatError(f"entry bundle: cut: entry {len(entries)} is not whole")
        entries.append(entry)
        place += 2 + length
    if len(entries) != width:
        raise FormatError(f"entry bundle: wrong width: {len(entries)} entries where {width} belong")
    return tuple(entries)


def decode_tile(data: bytes, width: int) -> tuple[bytes, ...]:
    """The `width` hashes of a tile."""
    if len(data) != width * merkle.HASH_SIZE:
        raise FormatError(f"tile: wrong width: {len(data)} bytes where {width} hashes belong")
    return tuple(data[place : place + merkle.HASH_SIZE] for place in range(0, len(data), merkle.HASH_SIZE))


def entries(size: int, read: Read) -> Iterator[bytes]:
    """All entries of a log in order, a bundle in memory at a time."""
    for index in range((size + TILE_WIDTH - 1) // TILE_WIDTH):
        width = min(TILE_WIDTH, size - index * TILE_WIDTH)
        yield from decode_entries(read(entries_path(index, width)), width)


def entry(index: int, size: int, read: Read) -> bytes:
    """Entry `index` of a log of `size`; raises FormatError when it is not the one that the tile was made from."""
    if not 0 <= index < size:
        raise ValueError(f"no entry {index} in a log of {size}")
    number, place = divmod(index, TILE_WIDTH)
    return _bundle(number, min(TILE_WIDTH, size - number * TILE_WIDTH), read)[place]


def _bundle(number: int, width: int, read: Read) -> tuple[bytes, ...]:
    """The entries of a bundle, which are what the tile beside it hashes."""
    bundle = decode_entries(read(entries_path(number, width)), width)
    if tuple(map(merkle.leaf_hash, bundle)) != decode_tile(read(tile_path(0, number, width)), width):
        raise FormatError(f"entry bundle: does not fit its tile: {entries_path(number, width)}")
    return bundle


def files(log_entries: Iterable[bytes]) -> Iterator[tuple[str, bytes]]:
    """The path and exact bytes of every tile and bundle of a log with these entries: what its folder must hold, no more, no less.

    Lazily, in memory O(256 · levels); the tiles come when they are full, the partial ones at the end.
    """
    bundle: list[bytes] = []
    pending: list[list[bytes]] = []
    done: list[int] = []
    bundles = 0
    for item in log_entries:
        bundle.append(item)
        carry, level = merkle.leaf_hash(item), 0
        if len(bundle) == TILE_WIDTH:
            yield entries_path(bundles), encode_entries(bundle)
            bundle, bundles = [], bundles + 1
        while True:
            if level == len(pending):
                pending.append([])
                done.append(0)
            pending[level].append(carry)
            if len(pending[level]) < TILE_WIDTH:
                break
            yield tile_path(level, done[level]), b"".join(pending[level])
            carry = merkle.root(pending[level])
            pending[level] = []
            done[level] += 1
            level += 1
    if bundle:
        yield entries_path(bundles, len(bundle)), encode_entries(bundle)
    for level, hashes in enumerate(pending):
        if hashes:
            yield tile_path(level, done[level], len(hashes)), b"".join(hashes)


def complete(size: int, read: Read) -> merkle.Complete:
    """The complete subtrees of a log of `size`, out of its tiles; each tile is read once."""
    tiles: dict[tuple[int, int], tuple[bytes, ...]] = {}

    def subtree(level: int, index: int) -> bytes:
        tile_level, inner = divmod(level, TILE_HEIGHT)
        first = index << inner
        number, offset = divmod(first, TILE_WIDTH)
        if (tile_level, number) not in tiles:
            width = min(TILE_WIDTH, (size >> (TILE_HEIGHT * tile_level)) - number * TILE_WIDTH)
            if width < 1:
                raise FormatError(f"log: no tile {tile_level}/{number} in a log of {size}")
            tiles[tile_level, number] = decode_tile(read(tile_path(tile_level, number, width)), width)
        return merkle.root(tiles[tile_level, number][offset : offset + (1 << inner)])

    return subtree


def root(size: int, read: Read) -> bytes:
    """The root of a log of `size`, from its tiles."""
    return merkle.root_of(size, complete(size, read))


def inclusion(index: int, size: int, read: Read) -> tuple[bytes, ...]:
    """The inclusion proof of entry `index` in a log of `size`, from its tiles."""
    return merkle.inclusion_path(index, size, complete(size, read))


def consistency(old: int, new: int, read: Read) -> tuple[bytes, ...]:
    """The consistency proof from size `old` (> 0) to size `new`, from the tiles of a log of `new` entries."""
    return merkle.consistency_path(old, new, complete(new, read))


# ------------------------------------------------------------------------------------------------------------------- growing


@dataclass(frozen=True, slots=True, kw_only=True)
class Growth:
    """A log with one more entry: its head, and the files to write before the checkpoint that says so."""

    size: int
    root: bytes
    write: tuple[tuple[str, bytes], ...]


def grow(size: int, read: Read, item: bytes) -> Growth:
    """Append `item` to a log of `size`. A pure function: the same entry on the same log gives the same bytes."""
    write: dict[str, bytes] = {}
    number, width = divmod(size, TILE_WIDTH)
    before = _bundle(number, width, read) if width else ()
    write[entries_path(number, width + 1)] = encode_entries((*before, item))
    carry = merkle.leaf_hash(item)
    for level, number, width in _touched(size + 1):
        hashes = (*(decode_tile(read(tile_path(level, number, width)), width) if width else ()), carry)
        write[tile_path(level, number, width + 1)] = b"".join(hashes)
        carry = merkle.root(hashes)

    def read_new(path: str) -> bytes:
        return write[path] if path in write else read(path)

    return Growth(size=size + 1, root=root(size + 1, read_new), write=tuple(write.items()))


def superseded(size: int) -> tuple[str, ...]:
    """The partial tiles that growing to `size` replaced: to be deleted once the checkpoint of `size` is written, and only then."""
    return tuple(_paths_of(tile for tile in _touched(size) if tile[2]))


def leftovers(size: int) -> tuple[str, ...]:
    """What an interrupted append may leave beside the files of a log of `size`: the next append removes or overwrites it.

    Either the checkpoint was written and the tiles it supersedes are still there, or new tiles were and the checkpoint was not.
    """
    return (WAITING, *superseded(size), *_paths_of((level, number, width + 1) for level, number, width in _touched(size + 1)))


def _touched(size: int) -> Iterator[tuple[int, int, int]]:
    """(level, tile, hashes it had before) for each tile that gets a hash when a log grows to `size`."""
    level = 0
    while size and size % (1 << (TILE_HEIGHT * level)) == 0:
        yield level, *divmod((size - 1) >> (TILE_HEIGHT * level), TILE_WIDTH)
        level += 1


def _paths_of(tiles: Iterable[tuple[int, int, int]]) -> Iterator[str]:
    """The paths of (level, tile, width); an entry bundle goes with each tile of level 0."""
    for level, number, width in tiles:
        yield tile_path(level, number, width)
        if level == 0:
            yield entries_path(number, width)


# --------------------------------------------------------------------------------------------------------------------- proof


@dataclass(frozen=True, slots=True, kw_only=True)
class TlogProof:
    """`log/seal.tlog-proof`: entry `index` is in the tree that `checkpoint` (a signed note, not yet verified) describes."""

    index: int
    path: tuple[bytes, ...]
    checkpoint: note.SignedNote

    def includes(self, item: bytes) -> bool:
        """Whether `item` is that entry, if the checkpoint is to be believed."""
        head = note.parse_checkpoint(self.checkpoint.text)
        return merkle.verify_inclusion(merkle.leaf_hash(item), self.index, head.size, self.path, head.root)


def encode_proof(proof: TlogProof) -> bytes:
    """The file's bytes."""
    rows = [PROOF_HEADER, f"index {proof.index}", *(base64.b64encode(step).decode() for step in proof.path)]
    return "".join(row + "\n" for row in rows).encode() + b"\n" + proof.checkpoint.encode()


def decode_proof(data: bytes) -> TlogProof:
    """The proof in exactly these bytes; the note's text is a checkpoint, nothing is verified. Raises FormatError.

    The `extra` line of C2SP tlog-proof is refused: our proofs have none, and what it says would be signed by nobody.
    """
    if len(data) > MAX_PROOF:
        raise FormatError(f"tlog-proof: too long: {len(data)} bytes")
    head, gap, tail = data.partition(b"\n\n")
    try:
        rows = head.decode("ascii").split("\n")
    except UnicodeDecodeError:
        raise FormatError("tlog-proof: not ASCII") from None
    if rows[0] != PROOF_HEADER:
        raise FormatError("tlog-proof: bad header")
    if not gap:
        raise FormatError("tlog-proof: no checkpoint")
    if len(rows) < 2 or not rows[1].startswith("index "):
        raise FormatError("tlog-proof: no index")
    if len(rows) > 2 + 63:
        raise FormatError(f"tlog-proof: too many hashes: {len(rows) - 2}")
    path = tuple(note.unbase64(row) for row in rows[2:])
    if any(len(step) != merkle.HASH_SIZE for step in path):
        raise FormatError("tlog-proof: bad hash: not 32 bytes")
    proof = TlogProof(index=note.decimal(rows[1].removeprefix("index ")), path=path, checkpoint=note.parse(tail))
    note.parse_checkpoint(proof.checkpoint.text)
    return proof
