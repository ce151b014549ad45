"""An event loop with virtual time, on which several "processes" share one thread.

A process is a group of tasks, known by a context variable that its tasks and callbacks inherit.
Inside a process callbacks run in the order in which they became ready, as asyncio promises; which
process goes next is drawn from the seed. Timers fire in virtual order and cost nothing.

A process that is killed is never resumed: no `except` and no `finally` of it runs, wherever it
stood. One that is frozen is resumed later, with whatever piled up meanwhile.
"""

from __future__ import annotations

import asyncio
import heapq
from asyncio import events
from collections import deque
from collections.abc import Callable, Coroutine, Generator
from contextvars import Context, ContextVar
from random import Random
from typing import Any

STEP = 0.00002  # seconds that one step takes


class StandstillError(Exception):
    """Nothing is ready and no timer runs: what is awaited will never happen."""


class Process:
    """Something that runs, freezes and dies as a whole."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.ready: deque[events.Handle] = deque()
        self.frozen = False
        self.dead = False
        self.thaws = 0
        self.fuse: int | None = None
        self.tasks: set[asyncio.Task[Any]] = set()  # held, or a dead one's would be collected
        self.context = Context()
        self.context.run(PROCESS.set, self)

    def __repr__(self) -> str:
        return self.name


PROCESS: ContextVar[Process] = ContextVar("PROCESS")


def _held(
    loop: asyncio.AbstractEventLoop,
    work: Coroutine[Any, Any, Any] | Generator[Any, None, Any],
    **more: Any,  # noqa: ANN401 - what asyncio passes to a task
) -> asyncio.Task[Any]:
    task: asyncio.Task[Any] = asyncio.Task(work, loop=loop, **more)
    process = PROCESS.get(None)
    if process is not None:
        process.tasks.add(task)
        task.add_done_callback(process.tasks.discard)
    return task


class SeededLoop(asyncio.BaseEventLoop):
    """Runs everything in an order that follows from the seed."""

    def __init__(self, random: Random) -> None:
        super().__init__()
        self.steps = 0
        self.burnt: Callable[[Process], None] | None = None
        self.outside = Process("outside")
        self._random = random
        self._now = 0.0
        self._cancelled = 0
        self._runnable: list[Process] = []
        self.set_task_factory(_held)

    def time(self) -> float:
        """Return virtual seconds."""
        return self._now

    def process(self, name: str) -> Process:
        """Make a process without any task."""
        return Process(name)

    def run_in(
        self, process: Process, work: Coroutine[Any, Any, Any], name: str | None = None
    ) -> asyncio.Task[Any]:
        """Begin a task of a process."""
        return process.context.run(self.create_task, work, name=name)

    def kill(self, process: Process) -> None:
        """End it at once; none of its code runs again."""
        process.dead = True
        process.fuse = None
        process.ready.clear()
        self._settle(process)

    def freeze(self, process: Process, *, on: bool) -> None:
        """Let it stand still, or go on."""
        process.frozen = on
        self._settle(process)

    def _call_soon(
        self, callback: Callable[..., Any], args: tuple[Any, ...], context: Context | None
    ) -> events.Handle:
        handle = events.Handle(callback, args, self, context)
        self._enter(handle)
        return handle

    def _enter(self, handle: events.Handle) -> None:
        process = handle._context.get(PROCESS, self.outside)  # type: ignore[attr-defined]
        if not process.dead:
            process.ready.append(handle)
            if len(process.ready) == 1:
                self._settle(process)

    def _settle(self, process: Process) -> None:
        """Have it among those that can run, or not."""
        able = bool(process.ready) and not process.frozen
        if able and process not in self._runnable:
            self._runnable.append(process)
        elif not able and process in self._runnable:
            self._runnable.remove(process)

    def _asyncgen_finalizer_hook(self, _agen: object) -> None:
        """Leave a generator that nobody iterates any more as it is: its process is dead."""

    def _run_once(self) -> None:
        runnable = self._runnable
        if not runnable and not self._stopping:
            self._leap()
        self._now += STEP
        self._move_due()
        if runnable:
            many = len(runnable)
            process = runnable[int(self._random.random() * many) if many > 1 else 0]
            handle = process.ready.popleft()
            if not process.ready:
                runnable.remove(process)
            if not handle._cancelled:
                handle._run()
            self.steps += 1
            if process.fuse is not None:
                self._burn(process, process.fuse)

    def _burn(self, process: Process, left: int) -> None:
        """Kill it when so many of its steps are done: between any two of its awaits."""
        process.fuse = left - 1 if left else None
        if not left and self.burnt is not None:
            self.burnt(process)

    def _leap(self) -> None:
        """Go to the next moment at which something happens."""
        while self._scheduled and self._scheduled[0]._cancelled:
            heapq.heappop(self._scheduled)._scheduled = False
        if not self._scheduled:
            raise StandstillError
        self._now = max(self._now, self._scheduled[0]._when)

    def _move_due(self) -> None:
        while self._scheduled and self._scheduled[0]._when <= self._now:
            handle = heapq.heappop(self._scheduled)
            handle._scheduled = False
            if not handle._cancelled:
                self._enter(handle)

    _scheduled: list[Any]
    _stopping: bool

    def _timer_handle_cancelled(self, _handle: events.TimerHandle) -> None:
        """Leave it in the heap until many are cancelled, or until its time comes."""
        self._cancelled += 1
        if self._cancelled > 50 and self._cancelled * 2 > len(self._scheduled):
            self._scheduled = [each for each in self._scheduled if not each._cancelled]
            heapq.heapify(self._scheduled)
            self._cancelled = 0
