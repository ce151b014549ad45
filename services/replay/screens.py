"""Screening portions of the archive: in this process, and in several beside it.

Translating is most of the work, and pure: a portion goes to another process as the database gave
it, and what comes back is what of it is in doubt. Of 180,000 deliveries, one process screens 16,000
a second and two on two cores 22,000: a delivery's way to the other one is 12 µs. So the
process that feeds the others screens as well.
"""

from __future__ import annotations

import asyncio
import copyreg
import multiprocessing
import os
import signal
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from concurrent.futures import BrokenExecutor, Executor, ProcessPoolExecutor
from contextlib import contextmanager
from threading import Thread
from types import MappingProxyType
from typing import Final

from libs.runtime.garbage import collect_seldom
from libs.store.corrections import Archived
from services.normalizer.translate import Translator
from services.replay.screening import doubtful

ALONE: Final = 4_000  # deliveries: what takes a quarter of a second is not worth a start
AHEAD: Final = 2  # portions for each other process, so that none waits for us

_translators: list[Translator] = []  # of a process that screens for another: one


class Screen:
    """Screens here, and beside in others that an executor has, once those are worth their start."""

    def __init__(
        self, translator: Translator, executor: Executor | None = None, others: int = 0
    ) -> None:
        self.translator = translator
        self._executor = executor
        self._others = others
        self._seen = 0
        self._beside = 0
        self._up: asyncio.Future[list[BaseException | None]] | None = None

    async def screened(
        self, portions: AsyncIterator[list[Archived]]
    ) -> AsyncGenerator[tuple[list[Archived], list[int]]]:
        """Give each portion, in order, with what of it is in doubt (by position).

        The next ones are fetched meanwhile: also alone, the server works while we do.
        """
        waiting: deque[tuple[list[Archived], asyncio.Task[list[int]]]] = deque()
        try:
            async for some in portions:
                waiting.append((some, asyncio.create_task(self._doubtful(some))))
                if len(waiting) > AHEAD * self._others + 1:
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
        if self._executor is not None and self._seen > ALONE and self._have_room(self._executor):
            self._beside += 1
            loop = asyncio.get_running_loop()
            try:
                return await loop.run_in_executor(self._executor, _doubtful, archived)
            except BrokenExecutor:  # one was killed, perhaps for its memory: we go on alone
                self._executor = None
            finally:
                self._beside -= 1
        return doubtful(self.translator, archived)

    def _have_room(self, executor: Executor) -> bool:
        """Whether the others wait for work; starts them at first, and until they are up they do not."""
        if self._up is None:
            loop = asyncio.get_running_loop()
            starts = [loop.run_in_executor(executor, _start) for _ in range(self._others)]
            self._up = asyncio.gather(*starts, return_exceptions=True)
        return self._up.done() and self._beside < AHEAD * self._others


@contextmanager
def screen(translator: Translator, processes: int = 1) -> Iterator[Screen]:
    """Give a screen of so many processes, this one among them."""
    others = processes - 1
    if not others:
        yield Screen(translator)
        return
    executor = ProcessPoolExecutor(
        others,
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_begin,
        initargs=(translator,),
    )
    try:
        yield Screen(translator, executor, others)
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
