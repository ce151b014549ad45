"""What goes wrong on purpose: drawn from the seed, healed at the end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from random import Random
from typing import Final

from libs.bus.topology import ARCHIVE_QUEUE, EVENTS_QUEUE, NORMALIZER_QUEUE, RECONCILER_QUEUE
from tests.simulated.broker import OUTSIDE
from tests.simulated.house import Ambush, House

Act = Callable[[], Awaitable[None]]

# What a process does just before it is killed.
MOMENTS: Final = (
    "begin",
    "commit",
    "committed",
    "rollback",
    "lock_objects",
    "batch_on_record",
    "add_to_outbox",
    "file_deliveries",
    "next_events",
    "forget_events",
    "disk",
    "publish",
    "answer",
    "acknowledge",
)
FAULTS: Final = (0, 4, 8, 16)  # in one seed
SECONDS: Final = 8.0  # within which they begin


class Nemesis:
    """Brings a number of faults upon a house."""

    def __init__(self, seed: int, house: House, faults: int | None = None) -> None:
        self._house = house
        self._faults = faults
        self._random = Random(f"nemesis {seed}")
        self._deleted = ""
        self.acts: dict[str, tuple[int, Act]] = {
            "kill": (4, self._kill),
            "ambush": (8, self._ambush),
            "kill all": (1, self._kill_all),
            "freeze": (3, self._freeze),
            "stop": (3, self._stop),
            "broker restarts": (2, self._broker_restarts),
            "broker stalls": (1, self._broker_stalls),
            "alarm": (1, self._alarm),
            "cut": (3, self._cut),
            "half open": (2, self._half_open),
            "unbound": (1, self._unbound),
            "postgres restarts": (2, self._postgres_restarts),
            "backends end": (2, self._backends_end),
            "postgres stalls": (1, self._postgres_stalls),
            "disk full": (1, self._disk_full),
            "queue deleted": (1, self._queue_deleted),
            "clock jumps": (1, self._clock_jumps),
        }

    async def rage(self) -> None:
        """Do what the seed has drawn."""
        drawn = self._random.choice(FAULTS)
        count = drawn if self._faults is None else self._faults
        names = list(self.acts)
        weights = [weight for weight, _ in self.acts.values()]
        async with asyncio.TaskGroup() as tasks:
            for _ in range(count):
                await asyncio.sleep(self._random.expovariate(count / SECONDS))
                [name] = self._random.choices(names, weights)
                self._house.note(f"nemesis: {name}")
                if name not in self._house.spared:
                    tasks.create_task(self._begin(self.acts[name][1]))

    async def _begin(self, act: Act) -> None:
        await act()

    def _role(self) -> str:
        return self._random.choice(list(self._house.mains))

    async def _kill(self) -> None:
        self._house.light(self._role(), self._random.randint(0, 60))

    async def _ambush(self) -> None:
        what = self._random.choice(MOMENTS)
        self._house.ambush = Ambush(what, self._random.randint(1, 8), self._random.randint(0, 3))

    async def _kill_all(self) -> None:
        for role in self._house.mains:
            self._house.kill(role, self._random.uniform(0.1, 3))

    async def _freeze(self) -> None:
        self._house.freeze(self._role(), self._random.choice((0.5, 3, 15, 70)))

    async def _stop(self) -> None:
        role = self._role()
        await self._house.stop(role)
        self._house.loop.call_later(
            self._random.uniform(0.05, 2), self._house.start, role, context=OUTSIDE
        )

    async def _broker_restarts(self) -> None:
        self._house.broker.stop()
        await asyncio.sleep(self._random.uniform(0.2, 8))
        self._house.broker.start()

    async def _broker_stalls(self) -> None:
        broker, seconds = self._house.broker, self._random.choice((1, 4, 25))
        broker.stall(on=True)
        await asyncio.sleep(min(seconds, 18))
        if seconds > 18:
            for connection in list(broker.connections):
                self._house.loop.call_soon(
                    connection.lose, asyncio.CancelledError(), context=connection.context
                )
            await asyncio.sleep(seconds - 18)
        broker.stall(on=False)

    async def _alarm(self) -> None:
        self._house.broker.set_alarm(on=True)
        await asyncio.sleep(self._random.uniform(0.5, 8))
        self._house.broker.set_alarm(on=False)

    async def _cut(self) -> None:
        broker = self._house.broker
        for connection in list(broker.connections):
            if self._random.random() < 0.5:
                broker.cut(connection, ConnectionResetError("cut"))

    async def _half_open(self) -> None:
        """Nothing comes back any more, on some connections, until both ends notice."""
        broker = self._house.broker
        chosen = [each for each in broker.connections if self._random.random() < 0.5]
        for connection in chosen:
            connection.to_client.tear()
        await asyncio.sleep(self._random.uniform(1, 18))
        for connection in chosen:
            broker.cut(connection, asyncio.CancelledError())

    async def _unbound(self) -> None:
        broker = self._house.broker
        bound = [each for each in broker.bindings if each[2] == EVENTS_QUEUE]
        broker.bindings = [each for each in broker.bindings if each[2] != EVENTS_QUEUE]
        await asyncio.sleep(self._random.uniform(0.5, 5))
        broker.bindings += bound

    async def _postgres_restarts(self) -> None:
        self._house.database.stop()
        await asyncio.sleep(self._random.uniform(0.2, 5))
        self._house.database.start()

    async def _backends_end(self) -> None:
        for _ in range(self._random.randint(1, 5)):
            self._house.database.hang_up()
            await asyncio.sleep(self._random.uniform(0.001, 0.3))

    async def _postgres_stalls(self) -> None:
        self._house.database.stall(on=True)
        await asyncio.sleep(self._random.choice((1, 15, 70)))
        self._house.database.stall(on=False)

    async def _queue_deleted(self) -> None:
        """Delete one with all that is in it; once only, since what two hold is nowhere else."""
        if self._deleted:
            return
        self._deleted = self._random.choice((NORMALIZER_QUEUE, ARCHIVE_QUEUE, RECONCILER_QUEUE))
        self._house.broker.delete(self._deleted)
        await asyncio.sleep(self._random.uniform(0.1, 4))
        self._house.broker.declare(self._deleted)

    async def _clock_jumps(self) -> None:
        """Let the database's clock jump by more than the sweep looks back, and back."""
        self._house.clock_ahead = self._random.choice((1, -1)) * timedelta(minutes=15)
        await asyncio.sleep(self._random.uniform(1, 20))
        self._house.clock_ahead = timedelta(0)

    async def _disk_full(self) -> None:
        self._house.disk_full = True
        await asyncio.sleep(self._random.uniform(0.5, 8))
        self._house.disk_full = False

    def heal(self) -> None:
        """Put everything right again."""
        house = self._house
        house.weather.clear()
        house.ambush = None
        house.thaw_all()
        house.database.start()
        for role in house.mains:
            house.start(role)
