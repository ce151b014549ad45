"""The simulation can fail: each promise that is broken on purpose makes a seed red, and soon."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, cast

import pytest

from libs.bus.itemwise import Itemwise
from libs.bus.message import Message
from libs.bus.publisher import Outcome, Publisher
from libs.bus.topology import NORMALIZER_QUEUE, RECONCILER_QUEUE
from libs.store.database import Pool, transaction
from libs.store.memory import MemoryPool
from libs.store.memory.playing import PLAYED
from libs.store.memory.schema import Row
from libs.store.memory.transaction import Transaction
from libs.store.outbox import Turn, WaitingEvent
from services.reconciler.relay import Relay
from tests.simulated.house import House
from tests.simulated.simulation import Spoil, simulate

SOON = 60  # seeds


def acknowledged_before_done(queue: str) -> Spoil:
    """Return before the work is done: the consumer acknowledges what may yet be lost."""

    def spoil(patch: pytest.MonkeyPatch, _house: House) -> None:
        real = Itemwise.handle
        begun: set[asyncio.Task[None]] = set()

        async def early(self: Itemwise[Any], messages: Sequence[Message]) -> None:
            if self._queue != queue:
                await real(self, messages)
                return
            begun.add(asyncio.create_task(real(self, messages)))

        patch.setattr(Itemwise, "handle", early)

    return spoil


def taken_for(outcome: Outcome) -> Spoil:
    """Take an answer of the broker, or its silence, for a confirm."""

    def spoil(patch: pytest.MonkeyPatch, _house: House) -> None:
        real = Publisher.publish

        async def publish(self: Publisher, *told: Any, **more: Any) -> Outcome:  # noqa: ANN401
            found = await real(self, *told, **more)
            return Outcome.CONFIRMED if found is outcome else found

        patch.setattr(Publisher, "publish", publish)

    return spoil


def forgotten_before_confirmed(patch: pytest.MonkeyPatch, house: House) -> None:
    real = Turn.next_events

    async def next_events(self: Turn, limit: int) -> list[WaitingEvent]:
        events = await real(self, limit)
        async with transaction(cast("Pool", MemoryPool(house.database))) as connection:
            await Turn(connection).forget(events)
        return events

    patch.setattr(Turn, "next_events", next_events)


def events_overtake(patch: pytest.MonkeyPatch, _house: House) -> None:
    async def publish(self: Relay, events: Sequence[WaitingEvent]) -> list[WaitingEvent]:
        outcomes = await asyncio.gather(*(self._send(event) for event in events))
        both = zip(events, outcomes, strict=True)
        return [event for event, outcome in both if outcome is Outcome.CONFIRMED]

    patch.setattr(Relay, "_publish", publish)


def objects_not_locked(patch: pytest.MonkeyPatch, _house: House) -> None:
    async def lock_objects(tx: Transaction, *columns: Sequence[str]) -> list[Row]:
        rows = [tx.read("objects", key) for key in sorted(set(zip(*columns, strict=True)))]
        return [row for row in rows if row is not None]

    patch.setitem(PLAYED, "lock_objects", lock_objects)


def dedupe_key_dropped(patch: pytest.MonkeyPatch, _house: House) -> None:
    """Every delivery is an observation of its own, however often it says the same."""
    real = PLAYED["add_observations"]

    async def add(tx: Transaction, ids: Any, keys: Any, *more: Any) -> list[Row]:  # noqa: ANN401
        deliveries = more[1]
        own = [f"{key} by {by}" for key, by in zip(keys, deliveries, strict=True)]
        return await real(tx, ids, own, *more)

    patch.setitem(PLAYED, "add_observations", add)


MUTATIONS: dict[str, tuple[Spoil, str]] = {
    "acknowledge before commit": (acknowledged_before_done(RECONCILER_QUEUE), "lost"),
    "acknowledge before confirm": (acknowledged_before_done(NORMALIZER_QUEUE), "lost"),
    "silence for a confirm": (taken_for(Outcome.UNKNOWN), "lost"),
    "a return for a confirm": (taken_for(Outcome.RETURNED), "told"),
    "delete before confirm": (forgotten_before_confirmed, "told"),
    "events overtake": (events_overtake, "told"),
    "objects not locked": (objects_not_locked, ""),
    "no dedupe key": (dedupe_key_dropped, "differ"),
}


@pytest.mark.slow
@pytest.mark.parametrize("mutation", sorted(MUTATIONS))
def test_broken_promise_is_noticed(mutation: str) -> None:
    spoil, word = MUTATIONS[mutation]
    for seed in range(SOON):
        report = simulate(seed, spoil=spoil)
        if any(word in breach for breach in report.breaches):
            return
    pytest.fail(f"{SOON} seeds are green with a broken promise: {mutation}")
