"""One file of the spool: written at its end, read from its front, gone when all is drained.

Nothing here is thread-safe: all of it runs on the spool's own thread. What was not synced does
not count: `end` is the length up to which every byte is on disk, and nothing beyond it is read.

How far it was drained stands beside it in `<name>.drained`. That is not synced: where it is lost,
messages are drained again, which is harmless.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import struct
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Self
from zlib import crc32

import structlog

from libs.runtime.failpoints import failpoint
from libs.runtime.metrics import SPOOL_DAMAGED
from libs.spool.record import (
    FRAME_SIZE,
    HEADER_SIZE,
    MARKER_SIZE,
    SEALED_VERSION,
    VERSION,
    frame,
    header,
    length_of,
    stretch_at,
    version_of,
    whole,
)

SUFFIX: Final = ".segment"
_NAME: Final = re.compile(r"\d{20}-([0-9a-f]{16})\.segment")
_POSITION: Final = struct.Struct("<QI")
_CLOSED: Final = -1

log = structlog.get_logger()


class Segment:
    """A segment that is held by this process. Every method may raise OSError."""

    def __init__(self, path: Path, marker: bytes, descriptor: int) -> None:
        self.path = path
        self.end = HEADER_SIZE
        self.records = 0  # not drained yet
        self.damaged = False
        self.unreadable = False  # the disk could not read it a while ago
        self.marker = marker
        self._file = descriptor
        self._cursor = HEADER_SIZE  # drained up to here
        self._next = HEADER_SIZE  # end of the record that was read last
        self._position: int | None = None

    @classmethod
    def create(cls, folder: Path, after: str, version: int = VERSION) -> Self:
        """Begin a segment whose name sorts behind `after`; on disk with the first `append`."""
        marker = secrets.token_bytes(MARKER_SIZE)
        number = max(time.time_ns(), int(after[:20] or 0) + 1)
        path = folder / f"{number:020d}-{marker.hex()}{SUFFIX}"
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        segment = cls(path, marker, descriptor)
        try:
            _write(descriptor, header(marker, version), 0)
            sync_folder(folder)
        except OSError:
            with contextlib.suppress(OSError):
                path.unlink()
            segment.close()
            raise
        return segment

    @classmethod
    def recover(cls, path: Path) -> Self | None:
        """Open what another process left: cut a torn tail, count what is to drain.

        None for a file that is not ours to read: another name, or a later version.
        """
        named = _NAME.fullmatch(path.name)
        if named is None:
            return None
        segment = cls(path, bytes.fromhex(named[1]), _open(path))
        try:
            data = _read(segment._file, 0, os.fstat(segment._file).st_size)
            version = version_of(data[:HEADER_SIZE])
            if version not in {None, VERSION, SEALED_VERSION}:
                log.error("spool_segment_of_later_version", segment=path.name, version=version)
                segment.close()
                return None
            segment._take_stock(data, header_whole=version is not None)
        except OSError:
            segment.close()
            raise
        return segment

    def append(self, messages: Sequence[bytes]) -> None:
        """Write messages and have them on disk; on an error none of them counts."""
        data = b"".join([frame(self.marker, message) for message in messages])
        _write(self._file, data, self.end)
        failpoint("spool.written")
        os.fdatasync(self._file)
        failpoint("spool.synced")
        if os.fstat(self._file).st_nlink == 0:
            raise FileNotFoundError(2, "the segment was removed")
        self.end += len(data)
        self.records += len(messages)

    def cut_back(self) -> None:
        """Take away what was written and does not count."""
        os.ftruncate(self._file, self.end)

    def read(self) -> bytes | None:
        """Return the oldest message that is not drained; None where none is left.

        Bytes that are no record are passed over, and make the segment `damaged`.
        """
        while self._cursor < self.end:
            message = self._record()
            if message is not None:
                return message
            rest = _read(self._file, self._cursor, self.end - self._cursor)
            stretch = stretch_at(rest, 0, self.marker)
            if stretch.message is None:
                self._note_damage(self._cursor, stretch.end)
                self._cursor += stretch.end
        self.records = 0
        return None

    def pass_over(self) -> None:
        """Leave out the message that was read last: it is whole, and not what was kept here."""
        self._note_damage(self._cursor, self._next - self._cursor)
        self._cursor = self._next
        self.records = max(self.records - 1, 0)

    def advance(self) -> None:
        """Remember that the message that was read last is drained."""
        self._cursor = self._next
        self.records = max(self.records - 1, 0)
        # a later process would not know of damage; and a file that was given up is not ours any more
        if not self.damaged and self._file != _CLOSED:
            with contextlib.suppress(OSError):
                self._keep_position()

    @property
    def drained(self) -> bool:
        return self._cursor >= self.end

    def delete(self) -> None:
        """Remove the file; one that has damaged bytes in it is kept beside the folders instead."""
        if self.damaged:
            self.path.rename(self.path.parent.parent / f"{self.path.name}.damaged")
        else:
            self.path.unlink(missing_ok=True)
        _position_file(self.path).unlink(missing_ok=True)
        self.close()

    def close(self) -> None:
        """Close once: the number of a closed file may soon be that of another."""
        files, self._file, self._position = (self._file, self._position), _CLOSED, None
        for file in files:
            if file not in {None, _CLOSED}:
                os.close(file)

    def _record(self) -> bytes | None:
        head = _read(self._file, self._cursor, FRAME_SIZE)
        length = length_of(head, self.marker)
        if length is None or self._cursor + FRAME_SIZE + length > self.end:
            return None
        message = _read(self._file, self._cursor + FRAME_SIZE, length)
        if not whole(head, message):
            return None
        self._next = self._cursor + FRAME_SIZE + length
        return message

    def _take_stock(self, data: bytes, *, header_whole: bool) -> None:
        if len(data) < HEADER_SIZE:  # torn while it was made: nothing was promised yet
            self.end = self._cursor = len(data)
            return
        # a damaged header may have been longer or shorter: the first record is sought from the front
        at = self._cursor = self._kept_position(len(data)) if header_whole else 0
        while at < len(data):
            stretch = stretch_at(data, at, self.marker)
            if stretch.torn:
                log.info("spool_tail_cut", segment=self.path.name, bytes=len(data) - at)
                self.end = at
                with contextlib.suppress(OSError):
                    self.cut_back()
                return
            if stretch.message is not None:
                self.records += 1
            at = stretch.end
        self.end = at

    def _note_damage(self, at: int, size: int) -> None:
        self.damaged = True
        SPOOL_DAMAGED.inc()
        log.error("spool_record_damaged", segment=self.path.name, at=at, bytes=size)

    def _kept_position(self, size: int) -> int:
        try:
            kept, crc = _POSITION.unpack(_position_file(self.path).read_bytes())
        except (OSError, struct.error):
            return HEADER_SIZE
        sound = crc == crc32(_POSITION.pack(kept, 0)) and HEADER_SIZE <= kept <= size
        return int(kept) if sound else HEADER_SIZE

    def _keep_position(self) -> None:
        if self._position is None:
            self._position = os.open(_position_file(self.path), os.O_RDWR | os.O_CREAT, 0o600)
        crc = crc32(_POSITION.pack(self._cursor, 0))
        os.pwrite(self._position, _POSITION.pack(self._cursor, crc), 0)


def sync_folder(folder: Path) -> None:
    """Have on disk which files a folder holds."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _position_file(path: Path) -> Path:
    return path.with_suffix(".drained")


def _open(path: Path) -> int:
    """Open to cut and to read; to read alone, where the disk has become read-only."""
    try:
        return os.open(path, os.O_RDWR)
    except OSError:
        return os.open(path, os.O_RDONLY)


def _write(descriptor: int, data: bytes, at: int) -> None:
    view = memoryview(data)
    while view:
        written = os.pwrite(descriptor, view, at)
        view, at = view[written:], at + written


def _read(descriptor: int, at: int, size: int) -> bytes:
    """Read up to `size` bytes; fewer only at the end of the file."""
    pieces: list[bytes] = []
    while size > 0 and (piece := os.pread(descriptor, size, at)):
        pieces.append(piece)
        at, size = at + len(piece), size - len(piece)
    return b"".join(pieces)
