"""The spool as it lies on disk: the room that is written in, and those that were taken over.

All of it runs on one thread, the spool's own (`libs.spool.thread`), one call after the other: a
commit, a read and a removal never meet.

A write that fails leaves nothing that counts. After a failed sync nobody knows what the disk holds
of a file, so its segment takes no further message; what was promised in it before stays and is
drained, and the next message begins a new segment.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog

from libs.runtime.failures import where
from libs.runtime.key_ring import NO_KEYS, KeyMissingError, KeyRing, NotOpenedError
from libs.spool.errors import SpoolError, SpoolFullError, spool_error
from libs.spool.record import FRAME_SIZE, HEADER_SIZE, SEALED_VERSION, VERSION
from libs.spool.room import Room
from libs.spool.segment import Segment

SEGMENT_BYTES: Final = 8_388_608  # a segment takes no further message beyond this
RESERVE: Final = 65_536  # with less than this left, the spool calls itself full

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Figures:
    """How much lies on disk, drained or not, and how many messages wait to be drained."""

    bytes: int
    records: int


@dataclass(frozen=True, slots=True)
class Spooled:
    """A message that waits to be drained."""

    message: bytes
    segment: Segment
    room: Room


class Disk:
    """Everything of the spool that this process holds. Raises `SpoolError`, never OSError."""

    def __init__(
        self,
        root: Path,
        *,
        max_bytes: int,
        segment_bytes: int = SEGMENT_BYTES,
        keys: KeyRing = NO_KEYS,
    ) -> None:
        self._root = root
        self._keys = keys
        self._max_bytes = max_bytes
        self._segment_bytes = min(segment_bytes, max_bytes // 8)
        self._own: Room | None = None
        self._others: list[Room] = []
        self._active: Segment | None = None
        self._last = ""  # the name of the segment that was begun last
        self._damaged_bytes = 0

    def figures(self) -> Figures:
        """Count; messages of files that were not opened yet are not among them."""
        segments = [segment for room in self._rooms() for segment in room.segments]
        unopened = sum(_size(path) for room in self._rooms() for path in room.waiting)
        return Figures(
            sum(segment.end for segment in segments) + unopened + self._damaged_bytes,
            sum(segment.records for segment in segments),
        )

    def commit(self, messages: Sequence[bytes]) -> None:
        """Have all these messages on disk, or none of them promised."""
        size = sum(FRAME_SIZE + self._keys.growth + len(message) for message in messages)
        if self.figures().bytes + size + HEADER_SIZE > self._max_bytes:
            raise SpoolFullError("bound")
        try:
            segment = self._writable()
            segment.append([self._keys.seal(message, segment.marker) for message in messages])
        except OSError as error:
            self._take_back(failed=error)
            raise spool_error(error) from error
        except Exception as error:
            log.error("spool_failed", at=where(error))  # noqa: TRY400
            self._take_back(failed=error)
            raise SpoolError("bug") from error

    def oldest(self) -> Spooled | None:
        """Return the oldest message that waits; None where none can be read now."""
        found = [
            (segment, room)
            for room in self._rooms()
            for segment in room.segments
            if segment.records and not segment.unreadable
        ]
        for segment, room in sorted(found, key=lambda each: each[0].path.name):
            try:
                message = self._read(segment)
            except OSError as error:
                _log_unreadable(segment.path, str(spool_error(error)))
            except KeyMissingError as error:
                _log_unreadable(segment.path, str(error))
            else:
                if message is not None:
                    return Spooled(message, segment, room)
                self._dispose(room, segment)
                continue
            segment.unreadable = True  # others need not wait for it
        return None

    def _read(self, segment: Segment) -> bytes | None:
        """Return the oldest message of a segment, as it came; None where none is left.

        Raises OSError, and `KeyMissingError` where it waits for its key. What is not what was sealed
        is damage.
        """
        while (kept := segment.read()) is not None:
            try:
                return self._keys.open(kept, segment.marker)
            except KeyMissingError:
                raise
            except NotOpenedError:
                segment.pass_over()
        return None

    def remove(self, spooled: Spooled) -> None:
        """Forget a message that is safe elsewhere."""
        spooled.segment.advance()
        if not spooled.segment.records:
            with contextlib.suppress(OSError):
                spooled.segment.read()  # nothing, but it notes what damage there is at the end
        if spooled.segment.drained:
            self._dispose(spooled.room, spooled.segment)

    def take_over(self) -> int:
        """Hold the rooms whose owners are gone; return how many files wait to be opened."""
        for room in [*self._rooms()]:
            for segment in [*room.segments]:
                segment.unreadable = False
                if segment.drained and segment is not self._active:
                    self._dispose(room, segment)  # it would not go the last time
        held = {room.folder for room in self._rooms()}
        with contextlib.suppress(OSError):
            self._damaged_bytes = sum(map(_size, self._root.glob("*.damaged")))
        for folder in sorted(self._root.glob("room-*")):
            with contextlib.suppress(OSError):
                found = None if folder in held else Room.take_over(folder)
                if found is not None:
                    self._others.append(found)
                    log.info("spool_room_taken_over", room=folder.name, files=len(found.waiting))
        self._tidy()
        return sum(len(room.waiting) for room in self._rooms())

    def open_next(self) -> bool:
        """Open one file of a room that was taken over; tell whether there was one."""
        for room in self._others:
            if not room.waiting:
                continue
            path = room.waiting[0]
            try:
                segment = room.recover_next()
            except OSError as error:
                _log_unreadable(path, str(spool_error(error)))
                room.waiting.append(room.waiting.pop(0))  # the next look tries it again
                return True
            if segment is not None and not segment.records:
                segment.read()  # nothing, but it notes what damage there is
                self._dispose(room, segment)
            self._tidy()
            return True
        return False

    def probe(self) -> None:
        """Find out whether a message could be kept now."""
        if self.figures().bytes + min(RESERVE, self._max_bytes // 4) > self._max_bytes:
            raise SpoolFullError("bound")
        try:
            self._room().probe()
        except OSError as error:
            raise spool_error(error) from error

    def close(self) -> None:
        """Give everything up; what waits is left for the next process."""
        for room in self._rooms():
            room.remove()
        self._own, self._others, self._active = None, [], None

    def _rooms(self) -> Iterator[Room]:
        if self._own is not None:
            yield self._own
        yield from self._others

    def _room(self) -> Room:
        if self._own is not None and not self._own.there:
            log.error("spool_room_gone", room=self._own.folder.name)
            self._own.remove()
            self._own = self._active = None
        if self._own is None:
            self._own = Room.make(self._root)
        return self._own

    def _writable(self) -> Segment:
        if self._active is not None and self._active.end >= self._segment_bytes:
            self._active = None
        if self._active is None:
            version = SEALED_VERSION if self._keys else VERSION
            self._active = self._room().begin_segment(self._last, version)
            self._last = self._active.path.name
        return self._active

    def _take_back(self, *, failed: Exception) -> None:
        """Take away what does not count, and trust the segment no more."""
        segment, self._active = self._active, None
        if segment is None or self._own is None:
            return
        with contextlib.suppress(OSError):
            segment.cut_back()
        if segment.drained:
            self._dispose(self._own, segment)
        log.debug("spool_segment_given_up", segment=segment.path.name, why=type(failed).__name__)

    def _dispose(self, room: Room, segment: Segment) -> None:
        """Remove a segment of which nothing is left to drain; tried again later if it fails."""
        if segment is self._active:
            self._active = None
        with contextlib.suppress(OSError):
            damaged = segment.end if segment.damaged else 0
            segment.delete()
            room.segments.remove(segment)
            self._damaged_bytes += damaged
        self._tidy()

    def _tidy(self) -> None:
        """Remove the rooms that were taken over and are empty."""
        for room in [room for room in self._others if not room.segments and not room.waiting]:
            self._others.remove(room)
            room.remove()


def _log_unreadable(path: Path, why: str) -> None:
    log.error("spool_not_readable", segment=path.name, error=why)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
