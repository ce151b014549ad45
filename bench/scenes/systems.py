"""Whoever turns webhooks into events: Caudal, and each peer, started and watched in the same way."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

from bench.house import WORKERS, House
from bench.peers import run as peers
from libs.bus.tail import backlog
from libs.bus.topology import EVENTS_QUEUE

CAUDAL: Final = "caudal"
POLL: Final = 0.05
SETTLES: Final = 2 * POLL  # seconds


class System(Protocol):
    """One system. `cpu` of its own processes is told under the names of `processes`."""

    @property
    def name(self) -> str: ...

    @property
    def events(self) -> str:
        """The queue that its events come to."""

    @property
    def processes(self) -> tuple[str, ...]: ...

    @property
    def settles(self) -> float:
        """Seconds that `until_quiet` looks on once all is done, which are nobody's."""

    async def start(self, house: House) -> None: ...

    async def stop(self, house: House) -> None: ...

    async def until_quiet(self, house: House, *, within: float) -> None:
        """Return when every webhook has been done and every event was consumed."""

    async def done(self, house: House) -> int | None:
        """Return how many webhooks it has done so far; None where it does not keep them all."""

    async def about_done(self, house: House) -> int | None:
        """Return the same to about a second, at a cost that does not grow with them."""


@dataclass(frozen=True, slots=True)
class Caudal:
    """Ours: three processes."""

    environment: Mapping[str, str] = field(default_factory=dict)
    name: str = CAUDAL
    events: str = EVENTS_QUEUE
    processes: tuple[str, ...] = WORKERS
    settles: float = SETTLES

    async def start(self, house: House) -> None:
        await house.start(*self.processes, environment=self.environment)

    async def stop(self, house: House) -> None:
        await house.stop(*self.processes)

    async def until_quiet(self, house: House, *, within: float) -> None:
        """Wait for two looks in a row: what a process has in hand stands in no queue."""
        for _ in range(2):
            await house.until_quiet(within=within)
            while await backlog(house.servers.amqp_url, (self.events,)):
                await asyncio.sleep(POLL)
            await asyncio.sleep(POLL)

    async def done(self, house: House) -> int | None:
        return await house.count("translations")

    async def about_done(self, house: House) -> int | None:
        return await house.inserted("translations")


@dataclass(frozen=True, slots=True)
class PeerSystem:
    """One of the peers."""

    peer: peers.Peer

    @property
    def name(self) -> str:
        return self.peer.name

    @property
    def events(self) -> str:
        return self.peer.ground.events

    @property
    def processes(self) -> tuple[str, ...]:
        return tuple(process.name for process in self.peer.processes)

    @property
    def settles(self) -> float:
        return peers.STILL

    async def start(self, house: House) -> None:
        await peers.start(house, self.peer)

    async def stop(self, house: House) -> None:
        await peers.stop(house, self.peer)

    async def until_quiet(self, house: House, *, within: float) -> None:
        await peers.until_quiet(house, self.peer, within=within)
        while await backlog(house.servers.amqp_url, (self.events,)):
            await asyncio.sleep(POLL)

    async def done(self, house: House) -> int | None:  # noqa: ARG002 - a repeated one leaves no row
        return None

    async def about_done(self, house: House) -> int | None:
        return await self.done(house)
