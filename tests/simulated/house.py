"""The processes of the pipeline on one seeded loop: started, killed, frozen, stopped, restarted."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any, Final

from libs.bus.publisher import Publisher
from libs.contracts.delivery import Delivery
from libs.providers.registry import PROVIDERS
from libs.runtime.development import development_sources
from libs.runtime.failpoints import FailpointError
from libs.runtime.secret_references import SecretReader
from libs.runtime.settings import Settings, load_settings
from libs.runtime.sources import Sources, read_sources
from libs.spool.spool import Spool
from services.ingress.accept import PUBLISH_PART, Acceptor
from services.ingress.draining import Drain
from services.ingress.ladder import Broker as Rung
from services.ingress.ladder import Ladder, RefusedError
from services.normalizer.run import run as run_normalizer
from services.reconciler.run import run as run_reconciler
from tests.simulated.broker import OUTSIDE, Broker
from tests.simulated.disk import Folder
from tests.simulated.loop import PROCESS, Process, SeededLoop
from tests.simulated.postgres import Postgres
from tests.simulated.weather import Weather

URL: Final = "amqp://simulated"
DSN: Final = "postgresql://simulated"
BEGAN: Final = datetime(2026, 3, 2, 12, tzinfo=UTC)
MARGIN: Final = 0.2  # seconds beyond the deadline in which an answer is still in time
GRACE: Final = 30.0  # seconds after which who was asked to stop is killed

Main = Callable[[asyncio.Event], Awaitable[None]]


@dataclass
class Ambush:
    """Kill whoever does this for the nth time from now, so many steps later."""

    what: str
    nth: int
    steps: int


@dataclass(eq=False)
class Running:
    """A process that was started, its main task, and how it is asked to stop."""

    process: Process
    main: asyncio.Task[None]
    stop: asyncio.Event


class House:
    """Everything that runs, and the two servers behind it."""

    def __init__(self, seed: int, loop: SeededLoop) -> None:
        self.loop = loop
        self.ambush: Ambush | None = None
        self.moments: Counter[str] = Counter()
        self.clock_ahead = timedelta(0)
        self.random = Random(f"house {seed}")
        self.weather = Weather(Random(f"weather {seed}"))
        self.broker = Broker(Random(f"broker {seed}"), self.weather, self.seen)
        self.database = Postgres(
            lambda: self.now() + self.clock_ahead,
            Random(f"postgres {seed}"),
            self.weather,
            self.seen,
        )
        self.settings = settings()
        self.sources = sources()
        self.complaints: list[str] = []
        self.trace: list[str] = []
        self.running: dict[str, Running] = {}
        self.dead: list[Process] = []
        self.acceptors: dict[Process, Acceptor] = {}
        self.folders: list[Folder] = []
        self.disk_full = False
        self.spared: set[str] = set()  # faults that must not come
        self.mains: dict[str, Main] = {
            **{f"ingress-{n}": self._ingress for n in (1, 2)},
            **{f"normalizer-{n}": self._normalizer(n) for n in (1, 2)},
            **{f"reconciler-{n}": self._reconciler(n) for n in (1, 2)},
        }
        loop.burnt = self._burnt

    def now(self) -> datetime:
        """Return the time of day."""
        return BEGAN + timedelta(seconds=self.loop.time())

    def seen(self, what: str) -> None:
        """Take note of what the running process does; somebody may wait for it to kill it."""
        self.moments[what] += 1
        ambush, process = self.ambush, PROCESS.get(None)
        if ambush is None or process is None or what != ambush.what:
            return
        ambush.nth -= 1
        if ambush.nth <= 0:
            self.ambush = None
            process.fuse = ambush.steps

    def failpoint(self, name: str) -> None:
        """Stand for a bug that shows now and then, where the code has a named moment."""
        if name == "reconciler.applied" and self.weather.strikes("bug"):
            raise FailpointError(name)

    def note(self, what: str) -> None:
        """Add to the trace."""
        self.trace.append(f"{self.loop.time():9.4f} {self.loop.steps:6} {what}")

    def start(self, role: str) -> None:
        """Start a process, if it does not run."""
        if role in self.running:
            return
        self.note(f"start {role}")
        process = self.loop.process(role)
        stop = asyncio.Event()
        main = self.loop.run_in(process, self._main(role, stop), role)
        running = self.running[role] = Running(process, main, stop)
        main.add_done_callback(lambda done: self._ended(role, running, done), context=OUTSIDE)

    def kill(self, role: str, restart_after: float | None = None) -> None:
        """Kill it as SIGKILL does; its connections end, and what it had not committed is undone."""
        running = self.running.pop(role, None)
        if running is None:
            return
        self.note(f"kill {role}")
        process = running.process
        self.loop.kill(process)
        self.dead.append(process)
        self.database.hang_up_on(process)
        self.acceptors.pop(process, None)
        for connection in self._connections_of(process):
            connection.to_client.tear()
            connection.to_server.tear(self.random.randint(0, len(connection.to_server)))
            connection.to_server.cut = False
            connection.to_server.send(self.broker.disconnected, connection)
        if restart_after is not None:
            self.loop.call_later(restart_after, self.start, role, context=OUTSIDE)

    def light(self, role: str, steps: int) -> None:
        """Kill it after so many of its steps; it is started again a little later."""
        if role in self.running:
            self.running[role].process.fuse = steps

    def freeze(self, role: str, seconds: float) -> None:
        """Stop it as SIGSTOP does, for a while. Servers give up a silent client after theirs."""
        running = self.running.get(role)
        if running is None or running.process.frozen:
            return
        self.note(f"freeze {role} {seconds:.1f}")
        process = running.process
        self.loop.freeze(process, on=True)
        self.loop.call_later(seconds, self._thaw, process, context=OUTSIDE)
        if seconds > 12:
            self.loop.call_later(12, self._heartbeats_missed, process, context=OUTSIDE)
        if seconds > 60:
            self.loop.call_later(60, self.database.hang_up_on, process, context=OUTSIDE)

    async def stop(self, role: str, within: float = GRACE) -> bool:
        """Ask it to stop, and wait; whoever does not in time is killed, as a supervisor does."""
        running = self.running.get(role)
        if running is None:
            return True
        self.note(f"stop {role}")
        running.stop.set()
        await asyncio.wait({running.main}, timeout=within)
        if running.main.done() or running.process.dead:
            return True
        self.kill(role)
        return False

    def thaw_all(self) -> None:
        """Continue all that is frozen."""
        for running in self.running.values():
            self._thaw(running.process)
            running.process.fuse = None

    def _connections_of(self, process: Process) -> list[Any]:
        return [each for each in self.broker.connections if each.process is process]

    def _burnt(self, process: Process) -> None:
        if process.name in self.running:
            self.kill(process.name, self.random.uniform(0.05, 2))

    def _thaw(self, process: Process) -> None:
        self.loop.freeze(process, on=False)
        process.thaws += 1

    def _heartbeats_missed(self, process: Process) -> None:
        if process.frozen:
            for connection in self._connections_of(process):
                self.broker.cut(connection, ConnectionResetError("heartbeats missed"))

    def _ended(self, role: str, running: Running, main: asyncio.Task[None]) -> None:
        if self.running.get(role) is not running:
            return
        del self.running[role]
        self.note(f"ended {role}")
        if not running.stop.is_set():
            why = "cancelled" if main.cancelled() else repr(main.exception())
            self.complaints.append(f"{role} ended by itself: {why}")
        elif main.cancelled() or main.exception() is not None:
            self.complaints.append(f"{role} did not stop cleanly: {main!r}")

    async def _main(self, role: str, stop: asyncio.Event) -> None:
        await self.mains[role](stop)

    async def _ingress(self, stop: asyncio.Event) -> None:
        """Do what `services.ingress.run` does, without HTTP."""
        deadline = self.settings.publish_deadline
        publisher = await Publisher.open(URL, name="ingress", deadline=PUBLISH_PART * deadline)
        try:
            broker = Rung(publisher)
            spool = await Spool.open(Path("spool"), max_bytes=self.settings.spool_max_bytes)
            drain = Drain(spool, broker, patience=PUBLISH_PART * deadline)
            acceptor = self.acceptors[PROCESS.get()] = Acceptor(
                Ladder(broker, spool),
                deadline=deadline,
                batch_deliveries=self.settings.batch_deliveries,
                batch_bytes=self.settings.batch_bytes,
            )
            draining = asyncio.create_task(drain.run())
            await stop.wait()
            del self.acceptors[PROCESS.get()]
            leave_by = self.loop.time() + self.settings.grace
            await acceptor.drain()
            await drain.finish(leave_by)
            draining.cancel()
            await asyncio.wait({draining})
            await spool.close()
        finally:
            await publisher.close()

    async def take(self, delivery: Delivery, answer: asyncio.Future[bool]) -> None:
        """Take a delivery as the ingress does for one request; runs in its process."""
        process, began = PROCESS.get(), self.loop.time()
        acceptor = self.acceptors.get(process)
        if acceptor is None:
            return
        thaws = process.thaws
        try:
            await acceptor.accept(delivery)
            accepted = True
        except RefusedError:
            accepted = False
        took = self.loop.time() - began
        if took > self.settings.publish_deadline + MARGIN and process.thaws == thaws:
            self.complaints.append(f"{delivery.id} waited {took:.2f} s for its answer")
        await asyncio.sleep(self.weather.latency())
        if not answer.done():
            answer.set_result(accepted)

    def _normalizer(self, number: int) -> Main:
        async def main(stop: asyncio.Event) -> None:
            await run_normalizer(self.settings, self.sources, stop, name=f"normalizer-{number}")

        return main

    def _reconciler(self, number: int) -> Main:
        async def main(stop: asyncio.Event) -> None:
            await run_reconciler(self.settings, stop, name=f"reconciler-{number}")

        return main


def settings() -> Settings:
    """Return the defaults, for servers that are not there, and a sweep that does not take minutes."""
    return load_settings(amqp_url=URL, postgres_dsn=DSN, sweep_after=5)


def sources() -> Sources:
    """Return the sources of the five providers."""
    return read_sources(development_sources(), PROVIDERS, SecretReader(Path()))
