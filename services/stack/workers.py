"""The worker processes of a stack: each a real process, started again when it ends by itself."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

import structlog

from libs.embedded.children import Child, start_child
from libs.embedded.variables import AMQP_URL, POSTGRES_DSN
from libs.runtime.url_files import SUFFIX

GRACE: Final = 25.0  # seconds that a worker has to finish what it has begun
FIRST_PAUSE: Final = 0.2  # seconds before a worker that ended is started again, doubling
LONGEST_PAUSE: Final = 10.0
# workers are told the addresses themselves
_IN_FILES: Final = frozenset({f"{AMQP_URL}{SUFFIX}", f"{POSTGRES_DSN}{SUFFIX}"})

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Worker:
    """One process: `caudal <arguments>` under a name of its own."""

    name: str
    arguments: tuple[str, ...]


class Workers:
    """Keeps workers running until it is told to stop them."""

    def __init__(self, environment: Mapping[str, str], output: IO[bytes] | int | None) -> None:
        inherited = {name: value for name, value in os.environ.items() if name not in _IN_FILES}
        self._environment = {**inherited, **environment}
        self._output = output
        self._running: dict[str, Child] = {}
        self._keepers: list[asyncio.Task[None]] = []
        self._stopping = False

    def start(self, workers: Sequence[Worker]) -> None:
        """Start workers; each is started again when it ends by itself."""
        self._keepers += [asyncio.create_task(self._keep(worker)) for worker in workers]

    async def close(self) -> None:
        """Stop all of them for good, what feeds the others first."""
        self._stopping = True
        for role in ("ingress", "normalizer", "reconciler"):
            ending = [child for name, child in self._running.items() if name.startswith(role)]
            await asyncio.gather(*(child.stop(GRACE) for child in ending))
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)

    def _ended(self) -> bool:
        return self._stopping

    async def _keep(self, worker: Worker) -> None:
        pause = FIRST_PAUSE
        loop = asyncio.get_running_loop()
        while not self._ended():
            begun = loop.time()
            child = await start_child(
                [sys.executable, "-P", "-m", "services.cli", *worker.arguments],
                name=worker.name,
                env=self._environment,
                stdout=self._output,
                stderr=self._output,
            )
            self._running[worker.name] = child
            code = await child.wait()
            if self._ended():
                return
            log.error("worker_ended", worker=worker.name, code=code, again_in=pause)
            await asyncio.sleep(pause)
            long_run = loop.time() - begun > LONGEST_PAUSE
            pause = FIRST_PAUSE if long_run else min(pause * 2, LONGEST_PAUSE)


@asynccontextmanager
async def keeping(environment: Mapping[str, str], log_file: Path | None) -> AsyncIterator[Workers]:
    """Keep workers for the length of the block; their logs go to `log_file`, or to our stderr."""
    with contextlib.ExitStack() as files:
        output = None if log_file is None else files.enter_context(log_file.open("ab"))
        workers = Workers(environment, sys.stderr.fileno() if output is None else output)
        try:
            yield workers
        finally:
            await workers.close()
