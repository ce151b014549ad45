"""One process of ours, kept running as an operator would: started again whenever it ends.

How each life ended is kept: a process may be killed by us or by a failpoint, and otherwise it has
to last.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from libs.embedded.children import Child, start_child
from tests.faults.ground import freeze, thaw

PAUSE: Final = 0.2  # seconds before a process that ended is started again
GRACE: Final = 20.0  # seconds after SIGTERM
KILLED: Final = -signal.SIGKILL


@dataclass(slots=True)
class Life:
    """From a start to an end. `code` is None while it lasts, `asked` is how we meant to end it.

    It may be asked twice: two faults at once may want the same process.
    """

    pid: int
    code: int | None = None
    asked: set[signal.Signals] = field(default_factory=set)
    armed: bool = False

    @property
    def ended_by_itself(self) -> bool:
        if self.code is None:
            return False
        if signal.SIGTERM in self.asked and self.code in {0, -signal.SIGTERM}:
            return False  # the latter before it listens
        return not (self.code == KILLED and (signal.SIGKILL in self.asked or self.armed))


@dataclass(slots=True)
class Peak:
    """The most that any life of a process had."""

    rss_mb: int = 0
    files: int = 0

    def look(self, pid: int) -> None:
        """Take in what /proc says of a living process."""
        with suppress(OSError, ValueError):
            for line in Path(f"/proc/{pid}/status").read_text().splitlines():
                if line.startswith("VmHWM:"):
                    self.rss_mb = max(self.rss_mb, int(line.split()[1]) // 1024)
            self.files = max(self.files, open_files(pid))


@dataclass(slots=True)
class Kept:
    """`caudal <arguments>`, with the variables that it is told."""

    name: str
    arguments: Sequence[str]
    environment: dict[str, str]
    log: Path
    lives: list[Life] = field(default_factory=list)
    peak: Peak = field(default_factory=Peak)
    _armings: deque[str] = field(default_factory=deque)
    _armed_since: int = 0
    _child: Child | None = None
    _keeper: asyncio.Task[None] | None = None
    _wanted: asyncio.Event = field(default_factory=asyncio.Event)

    async def start(self) -> None:
        """Start it, and keep it running until `stop`."""
        self._wanted.set()
        self._keeper = asyncio.create_task(self._keep(), name=f"keeper {self.name}")

    @property
    def pid(self) -> int | None:
        return self._child.pid if self._child is not None and self._child.running else None

    @property
    def deaths(self) -> int:
        return sum(life.code is not None for life in self.lives)

    @property
    def stopped(self) -> bool:
        """Whether it is frozen now."""
        try:
            state = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return False
        return state == "T"

    @property
    def armed_deaths(self) -> int:
        """How often it died at a failpoint, since it was armed."""
        return sum(
            life.armed and life.code == KILLED and not life.asked
            for life in self.lives[self._armed_since :]
        )

    def arm(self, *failpoints: str) -> None:
        """Arm the next lives, one after another; lives beyond get no failpoint."""
        self._armings.clear()
        self._armings.extend(failpoints)
        if failpoints:
            self._armed_since = len(self.lives)

    def kill(self) -> None:
        """SIGKILL; it is started again, unless it is held down."""
        self._end(signal.SIGKILL)

    def terminate(self) -> None:
        """SIGTERM; it is started again, unless it is held down."""
        self._end(signal.SIGTERM)

    def hold_down(self) -> None:
        """Kill it, and do not start it again before `let_up`."""
        self._wanted.clear()
        self.kill()

    def let_up(self) -> None:
        self._wanted.set()

    def freeze(self) -> list[int]:
        """SIGSTOP; gives what `thaw` takes."""
        return [] if self.pid is None else freeze(self.pid)

    async def restart(self) -> None:
        """Stop it in order, and wait until its next life has begun."""
        lives = len(self.lives)
        self.terminate()
        async with asyncio.timeout(GRACE + 15):
            while len(self.lives) == lives:
                await asyncio.sleep(0.02)

    async def stop(self) -> None:
        """Stop it in order, for good."""
        self._wanted.clear()
        self.terminate()
        if self._child is not None:
            with suppress(TimeoutError):
                async with asyncio.timeout(GRACE + 10):
                    await self._child.process.wait()
        if self._keeper is not None:
            await asyncio.sleep(0)
            self._keeper.cancel()
            await asyncio.wait({self._keeper})
        if self._child is not None and self._child.running:
            thaw([self._child.pid])
            self.lives[-1].code = await self._child.kill()

    def _end(self, how: signal.Signals) -> None:
        if self._child is not None and self._child.running:
            self.lives[-1].asked.add(how)
            self.peak.look(self._child.pid)
            self._child.send(how)
            if how is signal.SIGKILL:
                return
            self._child.send(signal.SIGCONT)

    async def _keep(self) -> None:
        while True:
            await self._wanted.wait()
            armed = self._armings.popleft() if self._armings else ""
            self._child = child = await self._begin(armed)
            self.lives.append(Life(child.pid, armed=bool(armed)))
            watching = asyncio.create_task(self._watch(child))
            self.lives[-1].code = await child.wait()
            watching.cancel()
            await asyncio.sleep(PAUSE)

    async def _begin(self, armed: str) -> Child:
        with self.log.open("ab") as log:
            return await start_child(
                [sys.executable, "-P", "-m", "services.cli", *self.arguments],
                name=self.name,
                env=variables(self.environment, armed),
                stdout=log,
                stderr=log,
            )

    async def _watch(self, child: Child) -> None:
        while child.running:
            self.peak.look(child.pid)
            await asyncio.sleep(0.5)


def open_files(pid: int | None) -> int:
    """Count the descriptors of a living process. Raises OSError."""
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def variables(told: Mapping[str, str], armed: str = "") -> dict[str, str]:
    """Return our environment with what is told instead of all that is ours in it."""
    around = {name: value for name, value in os.environ.items() if not name.startswith("CAUDAL_")}
    return around | dict(told) | ({"CAUDAL_FAILPOINTS": armed} if armed else {})
