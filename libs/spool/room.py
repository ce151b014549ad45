"""A folder of segments that one process holds: by a lock that the system takes back at its death.

Several processes may share the spool's folder. Each writes in a room of its own, and takes over the
rooms whose owner is gone, to drain and remove them.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import time
from pathlib import Path
from typing import Final, Self

from libs.spool.record import VERSION
from libs.spool.segment import SUFFIX, Segment, sync_folder

_LOCK: Final = "lock"
_PROBE: Final = "probe"
_PROBE_SIZE: Final = 4096
_MADE_WITHIN: Final = 60.0  # seconds after which a folder without a lock is nobody's


class Room:
    """A room that is held. `waiting` are files that were found in it and not opened yet."""

    def __init__(self, folder: Path, lock: int) -> None:
        self.folder = folder
        self.segments: list[Segment] = []  # oldest first
        self.waiting: list[Path] = sorted(folder.glob(f"*{SUFFIX}"))
        self._lock = lock

    @classmethod
    def make(cls, root: Path) -> Self:
        """Make a room of our own. Raises OSError."""
        _make_folder(root)
        folder = root / f"room-{secrets.token_hex(8)}"
        folder.mkdir(mode=0o700)
        lock = os.open(folder / _LOCK, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            sync_folder(root)
        except OSError:
            os.close(lock)
            raise
        return cls(folder, lock)

    @classmethod
    def take_over(cls, folder: Path) -> Self | None:
        """Hold a room whose owner is gone; None where somebody holds it. Raises OSError."""
        try:
            lock = os.open(folder / _LOCK, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            _remove_unfinished(folder)
            return None
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # whoever held it a moment ago may have removed it since we opened it
            held = os.fstat(lock).st_ino == (folder / _LOCK).stat().st_ino
        except (BlockingIOError, FileNotFoundError):
            held = False
        if not held:
            os.close(lock)
            return None
        return cls(folder, lock)

    @property
    def there(self) -> bool:
        """Whether the folder is still the one that we hold."""
        try:
            return (self.folder / _LOCK).stat().st_ino == os.fstat(self._lock).st_ino
        except OSError:
            return False

    def begin_segment(self, after: str, version: int = VERSION) -> Segment:
        segment = Segment.create(self.folder, after, version)
        self.segments.append(segment)
        return segment

    def recover_next(self) -> Segment | None:
        """Open the next file that waits; None for one that is of no use to us."""
        segment = Segment.recover(self.waiting[0])
        del self.waiting[0]
        if segment is not None:
            self.segments.append(segment)
        return segment

    def probe(self) -> None:
        """Have a few bytes on disk and take them away again. Raises OSError."""
        path = self.folder / _PROBE
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.pwrite(descriptor, bytes(_PROBE_SIZE), 0)
            os.fdatasync(descriptor)
        finally:
            os.close(descriptor)
            path.unlink()

    def remove(self) -> None:
        """Give the room up, and remove it if nothing is left in it."""
        for segment in self.segments:
            segment.close()
        with contextlib.suppress(OSError):
            if not self.segments and not any(self.folder.glob(f"*{SUFFIX}")):
                (self.folder / _PROBE).unlink(missing_ok=True)
                (self.folder / _LOCK).unlink()
                self.folder.rmdir()
        os.close(self._lock)


def _make_folder(root: Path) -> None:
    """Make the folder and those above it, and have them on disk."""
    missing = [folder for folder in (root, *root.parents) if not folder.exists()]
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    for folder in missing:
        sync_folder(folder.parent)


def _remove_unfinished(folder: Path) -> None:
    """Remove a room whose maker died before it was one."""
    with contextlib.suppress(OSError):
        if time.time() - folder.stat().st_mtime > _MADE_WITHIN:
            folder.rmdir()
