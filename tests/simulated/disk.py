"""The spool's disk in memory, and its thread as callbacks: what is on it outlives the process.

`Spool`, the ladder and the drain above are the production code. That a torn or damaged file loses
nothing is shown with real files (tests/unit/spool); here a message is on disk or it is not.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from libs.runtime.key_ring import KeyRing
from libs.spool.disk import Figures
from libs.spool.errors import SpoolError, SpoolFullError
from tests.simulated.loop import PROCESS, Process

if TYPE_CHECKING:
    from tests.simulated.house import House

T = TypeVar("T")


@dataclass(slots=True, eq=False)
class Record:
    """A message that waits to be drained."""

    message: bytes


@dataclass(slots=True, eq=False)
class Folder:
    """What one process wrote, and who holds it."""

    owner: Process | None
    records: deque[Record] = field(default_factory=deque)


class Disk:
    """One process's view of the disk of its house, with the methods of `libs.spool.disk.Disk`."""

    def __init__(self, house: House, max_bytes: int) -> None:
        self._house = house
        self._max_bytes = max_bytes
        self._owner = PROCESS.get()
        self._own: Folder | None = None

    def figures(self) -> Figures:
        records = [record for folder in self._held() for record in folder.records]
        return Figures(sum(len(record.message) for record in records), len(records))

    def commit(self, messages: Sequence[bytes]) -> None:
        self.probe()
        if self._house.weather.strikes("sync fails"):
            raise SpoolError("EIO")
        if self._own is None:
            self._own = Folder(self._owner)
            self._house.folders.append(self._own)
        self._own.records.extend(map(Record, messages))

    def oldest(self) -> Record | None:
        return next((record for folder in self._held() for record in folder.records), None)

    def remove(self, record: Record) -> None:
        for folder in self._held():
            if record in folder.records:
                folder.records.remove(record)

    def take_over(self) -> int:
        orphans = [each for each in self._house.folders if each.owner is None or each.owner.dead]
        for folder in orphans:
            folder.owner = self._owner
        return len(orphans)

    def open_next(self) -> bool:
        return True

    def probe(self) -> None:
        if self._house.disk_full or self.figures().bytes > self._max_bytes:
            raise SpoolFullError("ENOSPC")

    def close(self) -> None:
        for folder in self._held():
            folder.owner = None

    def _held(self) -> list[Folder]:
        return [each for each in self._house.folders if each.owner is self._owner]


class DiskThread:
    """Runs calls one after the other, each after a while, with the surface of the real one."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._last = 0.0

    @property
    def stalled(self) -> bool:
        return self._last > asyncio.get_running_loop().time() + 1

    def run(self, call: Callable[[], T]) -> asyncio.Future[T]:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._last = max(loop.time(), self._last) + self._house.weather.latency() / 10
        if self._house.weather.strikes("disk stalls"):
            self._last += 3
        loop.call_at(self._last, self._work, call, future)
        return future

    async def close(self, within: float) -> None:
        """Have nothing to end."""

    def _work(self, call: Callable[[], T], future: asyncio.Future[T]) -> None:
        self._house.seen("disk")
        try:
            result = call()
        except Exception as error:  # noqa: BLE001 - whoever waits for the call gets it
            future.get_loop().call_soon(_settle, future, None, error)
        else:
            future.get_loop().call_soon(_settle, future, result, None)


def _settle(future: asyncio.Future[Any], result: object, error: Exception | None) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(result)
    else:
        future.set_exception(error)


def install(house: House) -> tuple[Callable[..., Disk], Callable[[str], DiskThread]]:
    """Return what takes the place of the two classes in `libs.spool.spool`."""

    def disk(_root: Path, *, max_bytes: int, keys: KeyRing) -> Disk:
        assert not keys  # what is sealed is a matter of bytes: `tests/unit/spool/test_sealed.py`
        return Disk(house, max_bytes)

    def thread(_name: str) -> DiskThread:
        return DiskThread(house)

    return disk, thread
