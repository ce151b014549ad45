"""The thread on which the spool waits for its disk, so that the event loop never does.

A daemon: a disk that answers no more keeps no process from ending.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, Final, TypeVar

STALLED_AFTER: Final = 1.0  # seconds that one call may take before the disk counts as stalled

T = TypeVar("T")
_Job = tuple[Callable[[], Any], asyncio.Future[Any]]


class DiskThread:
    """Runs calls one after the other; begun by its first call, ended by `close`."""

    def __init__(self, name: str) -> None:
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._busy_since: float | None = None
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    @property
    def stalled(self) -> bool:
        """Whether the call that runs now has taken too long already."""
        since = self._busy_since
        return since is not None and time.monotonic() - since > STALLED_AFTER

    def run(self, call: Callable[[], T]) -> asyncio.Future[T]:
        """Return the future of a call. It runs even if nobody waits for it any more."""
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._jobs.put((call, future))
        return future

    async def close(self, within: float) -> None:
        """Let what was asked for finish, but wait no longer than this many seconds."""
        ended = self.run(lambda: None)
        self._jobs.put(None)
        await asyncio.wait({ended}, timeout=within)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            call, future = job
            self._busy_since = time.monotonic()
            result: Any = None
            error: Exception | None = None
            try:
                result = call()
            except Exception as raised:  # noqa: BLE001 - whoever waits for the call gets it
                error = raised
            self._busy_since = None
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits
                future.get_loop().call_soon_threadsafe(_settle, future, result, error)


def _settle(future: asyncio.Future[Any], result: object, error: Exception | None) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(result)
    else:
        future.set_exception(error)
