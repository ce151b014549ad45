"""The relay: from the outbox to `caudal.events`, at least once, in order for each object.

One relay is at work at a time (the turn is a lock in the database). An event is removed only after
its confirm, in the transaction that took the turn; what a crash leaves is published again with the
same id. Events of different objects travel together, those of one object after one another.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Final

import structlog

from libs.bus.pace import Pace
from libs.bus.publisher import Outcome, Publisher
from libs.bus.standing import standing_of
from libs.runtime.failpoints import failpoint
from libs.runtime.failures import TemporaryError, where
from libs.runtime.queue_metrics import OUTBOX
from libs.runtime.stage_metrics import RELAY_SECONDS, RELAY_TURN_EVENTS, RELAYED
from libs.runtime.tracing.witness import Witness
from libs.store.database import Pool
from libs.store.outbox import WaitingEvent, events_wait, relay_turn
from services.reconciler.message import message_of
from services.reconciler.witness_of_events import EventsWitness

BATCH: Final = 1000
TURN: Final = (
    15.0  # seconds of publishing in one turn, well below the idle limit of its transaction
)
IDLE_POLL: Final = 1.0  # seconds between looks when nobody wakes the relay
APART: Final = 0.01  # seconds between the beginnings of two turns, see `Pace`
TURN_POLL: Final = 0.05  # seconds until asking again for a turn that another relay has
FIRST_PAUSE: Final = 0.2  # seconds after a publish that was not confirmed, doubling
LONGEST_PAUSE: Final = 5.0

_CONFIRMED: Final = RELAYED.labels("confirmed")
_LEFT: Final = RELAYED.labels("left")

log = structlog.get_logger()

__all__ = ["BATCH", "Relay", "Relayed", "message_of"]


@dataclass(frozen=True, slots=True)
class Relayed:
    """What one turn did. `confirmed` is None where another relay had the turn."""

    confirmed: int | None
    waiting: int


class Relay:
    """Publishes what waits in the outbox until it is stopped; `wake` makes it look at once."""

    def __init__(self, pool: Pool, publisher: Publisher, witness: Witness | None = None) -> None:
        self._pool = pool
        self._witness = None if witness is None else EventsWitness(witness)
        self._publisher = publisher
        self._woken = asyncio.Event()
        self._standing = standing_of(OUTBOX, aged=False)

    def wake(self) -> None:
        """Say that something was committed."""
        self._woken.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Relay until stopped, and then once more what is left."""
        pause, pace = FIRST_PAUSE, Pace(APART)
        while not stop.is_set():
            await pace.turn()
            self._woken.clear()
            try:
                done = await self.once()
            except TemporaryError as error:
                log.warning("relay_waits", error=str(error), pause=pause)
                done = Relayed(confirmed=0, waiting=1)
            except Exception as error:  # noqa: BLE001 - a bug in the relay stops no consumer
                log.error("relay_failed", at=where(error), pause=pause)  # noqa: TRY400
                done = Relayed(confirmed=0, waiting=1)
            if done.confirmed is None:
                await self._wait(stop, TURN_POLL)
            elif done.waiting:
                await self._wait(stop, pause, wakeable=False)
                pause = min(pause * 2, LONGEST_PAUSE)
            else:
                pause = FIRST_PAUSE
                if done.confirmed < BATCH:
                    await self._rest(stop)
        try:
            await self.once()
        except TemporaryError as error:
            log.warning("relay_left_events", error=str(error))

    async def once(self) -> Relayed:
        """Take a turn: publish up to `BATCH` events and remove those that were confirmed."""
        begun = perf_counter()
        async with relay_turn(self._pool) as turn:
            events = await turn.next_events(BATCH, traced=self._witness is not None)
            if events is None:
                return Relayed(confirmed=None, waiting=0)
            failpoint("relay.claimed")
            confirmed = await self._publish(events)
            if confirmed:
                failpoint("relay.confirmed")
                await turn.forget(confirmed)
                failpoint("relay.forgotten")
        if events:
            self._tell(perf_counter() - begun, len(confirmed), len(events) - len(confirmed))
        return Relayed(len(confirmed), len(events) - len(confirmed))

    def _tell(self, seconds: float, confirmed: int, left: int) -> None:
        """Count a turn that has been committed."""
        _CONFIRMED.inc(confirmed)
        _LEFT.inc(left)
        RELAY_SECONDS.observe(seconds)
        RELAY_TURN_EVENTS.observe(confirmed)
        self._standing.worked(seconds, confirmed)

    async def _publish(self, events: Sequence[WaitingEvent]) -> list[WaitingEvent]:
        """Publish in waves: the first event of every object, then the second of each, and so on."""
        queues: dict[int, list[WaitingEvent]] = {}
        for event in events:
            queues.setdefault(event.object_id, []).append(event)
        confirmed: list[WaitingEvent] = []
        loop = asyncio.get_running_loop()
        until = loop.time() + TURN
        while queues and loop.time() < until:
            wave = [queue[0] for queue in queues.values()]
            if self._witness is None:
                outcomes = await self._publisher.publish_all([message_of(event) for event in wave])
            else:
                outcomes = await self._witness.publish_all(self._publisher, wave)
            for event, outcome in zip(wave, outcomes, strict=True):
                if outcome is Outcome.CONFIRMED:
                    confirmed.append(event)
                    queues[event.object_id].pop(0)
                else:
                    queues[event.object_id].clear()  # what follows must not overtake it
            queues = {object_id: queue for object_id, queue in queues.items() if queue}
        if len(confirmed) < len(events):
            log.warning("events_not_confirmed", count=len(events) - len(confirmed))
        return confirmed

    async def _rest(self, stop: asyncio.Event) -> None:
        """Wait until somebody wakes us, or a look finds events of which nobody told us."""
        while not stop.is_set():
            await self._wait(stop, IDLE_POLL)
            if self._woken.is_set():
                return
            try:
                if await events_wait(self._pool):
                    return
            except TemporaryError:
                return  # the turn says what is the matter

    async def _wait(self, stop: asyncio.Event, seconds: float, *, wakeable: bool = True) -> None:
        waits = [asyncio.ensure_future(stop.wait())]
        if wakeable:
            waits.append(asyncio.ensure_future(self._woken.wait()))
        try:
            await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
