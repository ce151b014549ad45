"""Screening portions of the archive: in this process, and in several beside it.

Translating is nearly all of the work, and pure: a portion goes to another process as the database
gave it, and what comes back is what of it is in doubt.
"""

from __future__ import annotations

import asyncio
import copyreg
import multiprocessing
import os
import signal
from collections import deque
from collections.abc import AsyncIterator, Iterator, Sequence
from concurrent.futures import BrokenExecutor, Executor, ProcessPoolExecutor
from contextlib import contextmanager
from threading import Thread
from types import MappingProxyType
from typing import Final

from libs.runtime.garbage import collect_seldom
from libs.store.corrections import Archived
from services.normalizer.translate import Translator
from services.replay.screening import doubtful

ALONE: Final = 10_000  # deliveries: what takes less than a second is not worth a start
AHEAD: Final = 2  # portions for each process, so that none waits for the database or for us

_translators: list[Translator] = []  # of a process that screens for another: one


class Screen:
    """Screens here, until processes are worth their start (half a second of CPU) and have come up."""

    def __init__(
        self, translator: Translator, executor: Executor | None = None, processes: int = 1
    ) -> None:
        self.translator = translator
        self._executor = executor
        self._processes = processes
        self._seen = 0
        self._up: asyncio.Future[list[BaseException | None]] | None = None

    async def screened(
        self, portions: AsyncIterator[list[Archived]]
    ) -> AsyncIterator[tuple[list[Archived], list[int]]]:
        """Give each portion, in order, with what of it is in doubt (by position).

        The next ones are fetched meanwhile: also alone, the server works while we do.
        """
        waiting: deque[tuple[list[Archived], asyncio.Task[list[int]]]] = deque()
        try:
            async for some in portions:
                waiting.append((some, asyncio.create_task(self._doubtful(some))))
                if len(waiting) > AHEAD * self._processes:
                    first, screening = waiting.popleft()
                    yield first, await screening
            while waiting:
                first, screening = waiting.popleft()
                yield first, await screening
        finally:
            for _, screening in waiting:
                screening.cancel()

    async def _doubtful(self, archived: Sequence[Archived]) -> list[int]:
        self._seen += len(archived)
        if self._executor is not None and self._seen > ALONE and self._are_up(self._executor):
            loop = asyncio.get_running_loop()
            try:
                return await loop.run_in_executor(self._executor, _doubtful, archived)
            except BrokenExecutor:  # one was killed, perhaps for its memory: we go on alone
                self._executor = None
        return doubtful(self.translator, archived)

    def _are_up(self, executor: Executor) -> bool:
        if self._up is None:
            loop = asyncio.get_running_loop()
            starts = [loop.run_in_executor(executor, _start) for _ in range(self._processes)]
            self._up = asyncio.gather(*starts, return_exceptions=True)
        return self._up.done()


@contextmanager
def screen(translator: Translator, processes: int = 1) -> Iterator[Screen]:
    """Give a screen; with more than one process it has so many beside this one."""
    if processes <= 1:
        yield Screen(translator)
        return
    executor = ProcessPoolExecutor(
        processes,
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_begin,
        initargs=(translator,),
    )
    try:
        yield Screen(translator, executor, processes)
    finally:
        executor.shutdown(cancel_futures=True)


def _begin(translator: Translator) -> None:
    """Begin to screen for the process that started this one, for as long as it lives."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the command, which ends us
    Thread(target=_end_with_parent, daemon=True).start()
    _translators.append(translator)
    collect_seldom()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _start() -> None:
    """Do nothing: whoever answers is up."""


def _doubtful(archived: Sequence[Archived]) -> list[int]:
    return doubtful(_translators[0], archived)


def _reduced(proxy: MappingProxyType[object, object]) -> tuple[object, tuple[dict[object, object]]]:
    return _proxy, (dict(proxy),)


def _proxy(kept: dict[object, object]) -> MappingProxyType[object, object]:
    return MappingProxyType(kept)


# A translator holds some, and pickle knows none.
copyreg.pickle(MappingProxyType, _reduced)  # type: ignore[arg-type]
