"""The archive's append-only log on disk: fills `ports.Ledger` (docs/formats/log.md).

Strategy. Appending is a pure function of the log and the entry (`tlog.grow`), so whatever a kill interrupts can be done again with
the same result. New tiles are written under names that the present checkpoint does not use; then the checkpoint changes, in one
rename; then the partial tiles that it supersedes are deleted. At every instant the checkpoint's own tiles are all there.

For the one writer, under the archive's lock. Nothing is built on a head that does not verify: signature, root from the tiles, and
growth from the last checkpoint that this user signed or verified.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO, Final, NoReturn

from preserve import durable
from preserve.errors import FormatError, StoreError, TrustError
from preserve.formats import merkle, note, tlog
from preserve.formats.counted import counted
from preserve.formats.note import Checkpoint, NoteSignature, NoteSigner, SignedNote, VerifierKey

_RESTORE = "restore the folder from the newest backup; every sealed run carries its own proof and stays verifiable"
_ACCEPT = "restore the newest backup; if this one is the newest there is: preserve trust accept-rollback {} --reason TEXT"
_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_NOT_PLAIN: Final = frozenset({errno.ELOOP, errno.ENOTDIR, errno.ENXIO})
"""What the system says of a link, of a file in the place of a folder, and of a socket."""

Cosign = Callable[[SignedNote, SignedNote | None, Callable[[int], tuple[bytes, ...]]], tuple[NoteSignature, ...]]
"""Asks witnesses for the lines that a head lacks: the head, the head before it, the consistency proof from a size to the head."""


def _nobody(_: SignedNote) -> None:
    return None


def _alone(*_: object) -> tuple[NoteSignature, ...]:
    return ()


class KeyElsewhere:
    """A log's public key alone: with it, a log can be read and cosigned, not appended to."""

    def __init__(self, key: VerifierKey) -> None:
        self.key = key

    def sign(self, _: bytes) -> NoReturn:
        raise TrustError(f"the key of {self.key.name} is needed to append to its log, and was not opened")


class LogFolder:
    """A log and the key that signs its heads.

    `last_known` is the newest checkpoint of this log that this user is remembered to have signed or verified; `signed` is called
    with each new one once it is in place, and then `cosign`.
    """

    def __init__(
        self,
        path: Path,
        signer: NoteSigner,
        *,
        last_known: Checkpoint | None = None,
        signed: Callable[[SignedNote], None] = _nobody,
        cosign: Cosign = _alone,
        former: Sequence[tuple[VerifierKey, int]] = (),
    ) -> None:
        """`former` are the keys that the signer's follows, oldest first, each with the largest size that it signed."""
        self._path = path
        self._signer = signer
        self._last_known = last_known
        self._signed = signed
        self._cosign = cosign
        self._former = tuple(former)

    def handed_to(self, signer: NoteSigner, size: int) -> LogFolder:
        """The same log, whose heads of more than `size` entries another key signs."""
        return LogFolder(
            self._path,
            signer,
            last_known=self._last_known,
            signed=self._signed,
            cosign=self._cosign,
            former=(*self._former, (self._signer.key, size)),
        )

    @property
    def origin(self) -> str:
        return self._signer.key.name

    def head(self) -> tuple[int, bytes]:
        """How many entries there are and the root over them; finishes the deletions of an append that was interrupted.

        Raises TrustError when the log is not what this user's key signed, or falls behind what this user signed or verified last.
        """
        with self._translated():
            head = self._checked()
            self._settle(head.size)
        return head.size, head.root

    def append(self, entry: bytes) -> None:
        """Add an entry, sign the new head, have it cosigned. The entry that is the last already is not added again."""
        size, _ = self.head()
        if size and self.entry(size - 1) == entry:
            self.cosign()
            return
        with self._translated():
            before = note.parse(self._read(tlog.CHECKPOINT)) if size else None
            growth = tlog.grow(size, self._read, entry)
            signed = note.sign(Checkpoint(origin=self.origin, size=growth.size, root=growth.root).encode(), [self._signer])
            for path, data in growth.write:
                durable.make_folders((self._path / path).parent)
                self._write(path, data)
            for folder in {(self._path / path).parent for path, _ in growth.write}:
                durable.sync_folder(folder)
            self._write(tlog.CHECKPOINT, signed.encode())
            durable.sync_folder(self._path)
            self._settle(growth.size)
        head = Checkpoint(origin=self.origin, size=growth.size, root=growth.root)
        self._last_known = head
        self._signed(signed)
        self._have_cosigned(signed, before)

    def checkpoint(self) -> SignedNote:
        """The present head as it is signed and cosigned, verified. Raises FormatError when nothing was appended yet."""
        with self._translated():
            if self._checked().size:
                return note.parse(self._read(tlog.CHECKPOINT))
        raise FormatError(f"{self._path}: there is no checkpoint yet", "the first capture signs one")

    def cosign(self) -> SignedNote:
        """Ask for the cosignatures that the head lacks, and keep them in the checkpoint; the head as it is then."""
        return self._have_cosigned(self.checkpoint(), None)

    def _have_cosigned(self, head: SignedNote, before: SignedNote | None) -> SignedNote:
        """`before` is the head before it, where that is known."""
        size = note.parse_checkpoint(head.text).size
        with self._translated():
            lines = self._cosign(head, before, lambda old: tlog.consistency(old, size, self._read))
            if lines:
                head = replace(head, signatures=(*head.signatures, *lines))
                self._write(tlog.CHECKPOINT, head.encode())
                durable.sync_folder(self._path)
        return head

    def entry(self, index: int) -> bytes:
        """The exact bytes of one entry; raises ValueError for an index that the log does not have."""
        with self._translated():
            return tlog.entry(index, self._checked().size, self._read)

    def entries(self) -> Iterator[bytes]:
        """All entries in order."""
        with self._translated():
            yield from tlog.entries(self._checked().size, self._read)

    def proof(self, index: int) -> bytes:
        """The tlog-proof of one entry against the present head, with the checkpoint as it is signed."""
        with self._translated():
            head = self._checked()
            path = tlog.inclusion(index, head.size, self._read)
            signed = note.parse(self._read(tlog.CHECKPOINT))
        return tlog.encode_proof(tlog.TlogProof(index=index, path=path, checkpoint=signed))

    def _checked(self) -> Checkpoint:
        """The present head, verified."""
        head = self._signed_head() or Checkpoint(origin=self.origin, size=0, root=merkle.EMPTY_ROOT)
        if tlog.root(head.size, self._read) != head.root:
            raise TrustError(f"{self._path}: the entries are not those that the checkpoint was signed over", _RESTORE)
        last = self._last_known
        if last is not None and last.size:
            if last.size > head.size:
                raise TrustError(
                    f"{self._path}: rolled back: it has {counted(head.size, 'entry')}, and had {last.size} when this user last signed or verified it",
                    _ACCEPT.format(self.origin),
                )
            path = tlog.consistency(last.size, head.size, self._read)
            if not merkle.verify_consistency(last.size, last.root, head.size, head.root, path):
                raise TrustError(
                    f"{self._path}: rewritten: its first {last.size} entries are not those that this user signed or verified",
                    _ACCEPT.format(self.origin),
                )
        return head

    def _signed_head(self) -> Checkpoint | None:
        try:
            data = self._read(tlog.CHECKPOINT)
        except FileNotFoundError:
            self._require_unused()
            return None
        signed = note.parse(data)
        head = note.parse_checkpoint(signed.text)
        key = next((key for key, last in self._former if head.size <= last), self._signer.key)
        opened = note.verify(signed, [key])
        if not opened.signed_by or opened.failed or head.origin != self.origin:
            raise TrustError(f"{self._path}: the checkpoint is not signed by this log's key {key.encode()}", _RESTORE)
        return head

    def _require_unused(self) -> None:
        """Without a checkpoint there may be nothing but what the very first append left when it was interrupted."""
        allowed = tlog.leftovers(0)
        for place in self._path.rglob("*"):
            if place.is_file() and place.relative_to(self._path).as_posix() not in allowed:
                raise TrustError(f"{self._path}: the checkpoint is missing, and there are entries", _RESTORE)

    def _settle(self, size: int) -> None:
        """Delete what the checkpoint of `size` supersedes. Tiles that no checkpoint covers yet stay: the next append writes them anew."""
        (self._path / tlog.WAITING).unlink(missing_ok=True)
        for path in tlog.superseded(size):
            place = self._path / path
            place.unlink(missing_ok=True)
            with suppress(OSError):  # the folder of partial tiles goes with its last one
                place.parent.rmdir()

    def _read(self, path: str) -> bytes:
        """A plain file of the log, no component of its path a link: what `verify` calls altered is nothing to build on."""
        limit = note.MAX_NOTE if path == tlog.CHECKPOINT else tlog.MAX_BUNDLE
        with _opened(self._path, path) as file:
            data = file.read(limit + 1)
        if len(data) > limit:
            raise TrustError(f"{self._path / path}: longer than {limit} bytes", _RESTORE)
        return data

    def _write(self, path: str, data: bytes) -> None:
        durable.write_file(self._path / path, data, beside=self._path / tlog.WAITING)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError as problem:
            raise TrustError(f"{self._path}: {problem.filename} is missing", _RESTORE) from problem
        except FormatError as problem:
            raise TrustError(f"{self._path}: {problem.message}", _RESTORE) from problem
        except OSError as problem:
            raise StoreError(f"{problem.filename or self._path}: {problem.strerror}") from problem


def _opened(root: Path, path: str) -> BinaryIO:
    """A plain file below `root`, opened component by component. Raises FileNotFoundError, and TrustError for what is none or is behind a link."""
    place, names = root, path.split("/")
    fd: int | None = None
    try:
        fd = os.open(root, _FOLDER)
        for name in names[:-1]:
            place = place / name
            inner = os.open(name, _FOLDER, dir_fd=fd)
            os.close(fd)
            fd = inner
        place = place / names[-1]
        file = os.open(names[-1], _FILE, dir_fd=fd)
    except FileNotFoundError:
        raise FileNotFoundError(errno.ENOENT, "No such file", str(root / path)) from None
    except OSError as problem:
        if problem.errno in _NOT_PLAIN:
            raise TrustError(f"{place}: a link, or not what belongs there", _RESTORE) from None
        raise StoreError(f"{place}: {problem.strerror}") from problem
    finally:
        if fd is not None:
            os.close(fd)
    if not stat.S_ISREG(os.fstat(file).st_mode):
        os.close(file)
        raise TrustError(f"{place}: not a plain file", _RESTORE)
    return os.fdopen(file, "rb")
