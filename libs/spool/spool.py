"""The spool as the event loop sees it: append, take the oldest, remove it.

`append` returns when the message is on disk; all that wait meanwhile share the next sync. How long
to wait is the caller's choice: whoever gives up cancels, and a message whose writing has not begun
is then left out.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self, TypeVar

import structlog

from libs.runtime.failures import where
from libs.runtime.key_ring import NO_KEYS, KeyRing
from libs.runtime.metrics import (
    SPOOL_BYTES,
    SPOOL_DRAINED,
    SPOOL_FAILURES,
    SPOOL_LIMIT,
    SPOOL_RECORDS,
)
from libs.spool.disk import Disk, Figures, Spooled
from libs.spool.errors import SpoolError, SpoolStalledError
from libs.spool.thread import DiskThread

PROBE_EVERY: Final = 5.0  # seconds between two looks at a disk that was well
PROBE_SOON: Final = 1.0  # the same, at one that was not
TAKE_OVER_EVERY: Final = 30.0  # seconds between two looks for rooms without an owner
FIRST_LOOK: Final = 2.0  # seconds that the start waits for the disk
CLOSE_WITHIN: Final = 2.0

T = TypeVar("T")

log = structlog.get_logger()


@dataclass(slots=True, eq=False)
class _Pending:
    message: bytes | None
    kept: asyncio.Future[None]


class Spool:
    """Messages on local disk. Made by `open`, ended by `close`."""

    def __init__(self, root: Path, *, max_bytes: int, keys: KeyRing) -> None:
        self._root = root
        self._disk = Disk(root, max_bytes=max_bytes, keys=keys)
        self._thread = DiskThread("spool")
        self._pending: deque[_Pending] = deque()
        self._committing: asyncio.Future[None] | None = None
        self._figures = Figures(0, 0)
        self._trouble: str | None = "not tried yet"
        self._troubled_at = float("-inf")
        self._looked = asyncio.Event()
        self._in_trouble = asyncio.Event()
        self._filled = asyncio.Event()
        self._upkeep: asyncio.Task[None] | None = None
        SPOOL_LIMIT.set(max_bytes)

    @classmethod
    async def open(cls, root: Path, *, max_bytes: int, keys: KeyRing = NO_KEYS) -> Self:
        """Begin; never fails. Where the folder cannot be used, it is tried again now and then.

        Messages are sealed under the newest of `keys`, and opened with all of them.
        """
        spool = cls(root, max_bytes=max_bytes, keys=keys)
        spool._upkeep = asyncio.create_task(spool._keep_up(), name="spool-upkeep")
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(spool._looked.wait(), FIRST_LOOK)
        if spool._trouble is not None:
            log.error("spool_not_usable", folder=str(root), why=spool._trouble)
        return spool

    @property
    def usable(self) -> bool:
        """Whether a message that came now would be kept, as far as can be told."""
        return self._trouble is None and not self._thread.stalled

    @property
    def records(self) -> int:
        """How many messages wait to be drained."""
        return self._figures.records

    async def append(self, message: bytes) -> None:
        """Return when the message is on disk. Raises `SpoolError`."""
        if self._thread.stalled:
            self._failed(SpoolStalledError("stalled"))
            raise SpoolStalledError("stalled")
        pending = _Pending(message, asyncio.get_running_loop().create_future())
        self._pending.append(pending)
        if self._committing is None:
            self._commit_pending()
        try:
            await pending.kept
        finally:
            pending.message = None

    async def filled(self) -> None:
        """Return when there is something to drain."""
        await self._filled.wait()

    async def oldest(self) -> Spooled | None:
        """Return the message that shall leave next; None where none can be read."""
        spooled = await self._run(self._disk.oldest)
        self._tell()
        return spooled

    async def remove(self, spooled: Spooled) -> None:
        """Forget a message that is safe elsewhere."""
        await self._run(lambda: self._disk.remove(spooled))
        SPOOL_DRAINED.inc()
        self._tell()

    async def close(self) -> None:
        """Stop. What was not drained stays on disk for the next process."""
        upkeep, self._upkeep = self._upkeep, None
        if upkeep is None:
            return
        upkeep.cancel()
        await asyncio.wait({upkeep})
        closing = self._thread.run(self._disk.close)
        await asyncio.wait({closing}, timeout=CLOSE_WITHIN)
        await self._thread.close(CLOSE_WITHIN if closing.done() else 0)

    def _commit_pending(self) -> None:
        """Have the thread write what waits, and then what came while it wrote."""
        batch = [pending for pending in self._pending if pending.message is not None]
        self._pending.clear()
        if not batch:
            return
        messages = [pending.message for pending in batch if pending.message is not None]
        self._committing = self._run(lambda: self._disk.commit(messages))
        self._committing.add_done_callback(lambda done: self._committed(done, batch))

    def _committed(self, done: asyncio.Future[None], batch: list[_Pending]) -> None:
        self._committing = None
        error = None if done.cancelled() else done.exception()
        for pending in batch:
            if pending.kept.done():
                continue
            if error is None:
                pending.kept.set_result(None)
            else:
                pending.kept.set_exception(error)
        if error is not None:
            self._failed(error)
        elif asyncio.get_running_loop().time() - self._troubled_at > PROBE_SOON:
            self._well()  # a small message that finds room in a full disk makes no summer
        self._tell()
        self._commit_pending()

    async def _keep_up(self) -> None:
        clock = asyncio.get_running_loop().time
        await self._probe()
        self._looked.set()
        await self._take_over()
        taken_over = clock()
        while True:
            if self._trouble is None:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._in_trouble.wait(), PROBE_EVERY)
            if self._trouble is not None:
                await asyncio.sleep(PROBE_SOON)
            await self._probe()
            if clock() - taken_over >= TAKE_OVER_EVERY:
                taken_over = clock()
                await self._take_over()

    async def _probe(self) -> None:
        try:
            await self._run(self._disk.probe)
        except Exception as error:  # noqa: BLE001 - whatever it is, the next probe may succeed
            self._failed(error)
        else:
            self._well()

    async def _take_over(self) -> None:
        """Take over what dead processes left, one file at a time: an append comes in between."""
        try:
            files = await self._run(self._disk.take_over)
            for _ in range(files):
                await self._run(self._disk.open_next)
                self._tell()
        except SpoolError as error:
            self._failed(error)
        except Exception as error:  # noqa: BLE001 - what it left will be tried again
            log.error("spool_take_over_failed", at=where(error))  # noqa: TRY400
        self._tell()

    def _well(self) -> None:
        if self._trouble is not None:
            log.info("spool_usable", folder=str(self._root))
        self._trouble = None
        self._in_trouble.clear()
        self._tell()

    def _failed(self, error: BaseException) -> None:
        reason = error.reason if isinstance(error, SpoolError) else "disk"
        SPOOL_FAILURES.labels(reason).inc()
        if self._trouble is None:
            log.error("spool_failing", folder=str(self._root), reason=reason)
        self._trouble = f"{reason}: {error}" if isinstance(error, SpoolError) else where(error)
        self._in_trouble.set()
        self._troubled_at = asyncio.get_running_loop().time()
        self._tell()

    def _run(self, call: Callable[[], T]) -> asyncio.Future[T]:
        def counted() -> T:
            try:
                return call()
            finally:
                self._figures = self._disk.figures()

        return self._thread.run(counted)

    def _tell(self) -> None:
        SPOOL_BYTES.set(self._figures.bytes)
        SPOOL_RECORDS.set(self._figures.records)
        if self._figures.records:
            self._filled.set()
        else:
            self._filled.clear()
