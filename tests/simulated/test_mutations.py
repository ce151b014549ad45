"""The simulation can fail: each promise that is broken on purpose makes a seed red, and soon."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine, Sequence
from typing import Any, cast

import pytest

from libs.bus.itemwise import Itemwise
from libs.bus.message import Message
from libs.bus.publisher import Outcome, Outgoing, Publisher
from libs.bus.topology import NORMALIZER_QUEUE, RECONCILER_QUEUE
from libs.spool.errors import SpoolError
from libs.store.database import Pool, transaction
from libs.store.memory import MemoryPool
from libs.store.memory.playing import PLAYED
from libs.store.memory.schema import Row
from libs.store.memory.transaction import Transaction
from libs.store.outbox import Turn, WaitingEvent
from services.ingress.draining import Drain
from services.ingress.ladder import Broker as Rung
from services.ingress.ladder import Kept, Ladder
from services.reconciler import apply
from services.reconciler.relay import Relay, message_of
from services.reconciler.sweep import Sweep
from tests.simulated.house import House
from tests.simulated.simulation import Spoil, simulate

SOON = 80  # seeds
MANY = 16  # faults in each


def acknowledged_before_done(queue: str) -> Spoil:
    """Return before the work is done: the consumer acknowledges what may yet be lost.

    The sweep would find it: it is kept out, and so is the fault that nothing else mends, to see
    the loss itself.
    """

    def spoil(patch: pytest.MonkeyPatch, house: House) -> None:
        nobody_sweeps(patch, house)
        house.spared.add("queue deleted")
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
        real = Publisher.publish_all

        async def publish_all(self: Publisher, messages: Sequence[Outgoing]) -> list[Outcome]:
            found = await real(self, messages)
            return [Outcome.CONFIRMED if each is outcome else each for each in found]

        patch.setattr(Publisher, "publish_all", publish_all)
        answered = Rung.deliver

        async def deliver(self: Rung, message: bytes, *, until: float) -> Outcome:
            found = await answered(self, message, until=until)
            return Outcome.CONFIRMED if found is outcome else found

        patch.setattr(Rung, "deliver", deliver)

    return spoil


def forgotten_before_confirmed(patch: pytest.MonkeyPatch, house: House) -> None:
    real = Turn.next_events

    async def next_events(
        self: Turn, limit: int, *, traced: bool = False
    ) -> list[WaitingEvent] | None:
        events = await real(self, limit, traced=traced)
        async with transaction(cast("Pool", MemoryPool(house.database))) as connection:
            await Turn(connection).forget(events or [])
        return events

    patch.setattr(Turn, "next_events", next_events)


def events_overtake(patch: pytest.MonkeyPatch, _house: House) -> None:
    async def publish(self: Relay, events: Sequence[WaitingEvent]) -> list[WaitingEvent]:
        sent = [self._publisher.publish_all([message_of(event)]) for event in events]
        outcomes = [one for answered in await asyncio.gather(*sent) for one in answered]
        both = zip(events, outcomes, strict=True)
        return [event for event, outcome in both if outcome is Outcome.CONFIRMED]

    patch.setattr(Relay, "_publish", publish)


def dedupe_key_dropped(patch: pytest.MonkeyPatch, _house: House) -> None:
    """Every delivery is an observation of its own, however often it says the same."""
    real = PLAYED["add_observations"]

    async def add(tx: Transaction, ids: Any, keys: Any, *more: Any) -> list[Row]:  # noqa: ANN401
        deliveries = more[1]
        own = [f"{key} by {by}" for key, by in zip(keys, deliveries, strict=True)]
        return await real(tx, ids, own, *more)

    patch.setitem(PLAYED, "add_observations", add)


def drained_before_confirmed(patch: pytest.MonkeyPatch, _house: House) -> None:
    async def drain_one(self: Drain) -> bool:
        spooled = await self._spool.oldest()
        if spooled is None:
            return False
        await self._spool.remove(spooled)
        until = asyncio.get_running_loop().time() + self._patience
        await self._broker.deliver(spooled.message, until=until)
        return True

    patch.setattr(Drain, "_drain_one", drain_one)


def spooled_before_synced(patch: pytest.MonkeyPatch, _house: House) -> None:
    begun: set[asyncio.Task[None]] = set()

    async def keep_on_disk(self: Ladder, message: bytes, *_: object) -> Kept:
        assert self._spool is not None
        begun.add(asyncio.create_task(_quietly(self._spool.append(message))))
        return Kept.SPOOLED

    patch.setattr(Ladder, "_keep_on_disk", keep_on_disk)


async def _quietly(work: Coroutine[Any, Any, None]) -> None:
    with contextlib.suppress(SpoolError):
        await work


def nobody_sweeps(patch: pytest.MonkeyPatch, _house: House) -> None:
    async def once(_self: Sweep) -> int:
        return 0

    patch.setattr(Sweep, "once", once)


def archive_queue_trusted(patch: pytest.MonkeyPatch, _house: House) -> None:
    """File nothing but what the archive's own queue brings, which may be deleted."""

    def nothing(*_: object) -> None:
        return None

    patch.setattr(apply, "file_missing", nothing)


MUTATIONS: dict[str, tuple[Spoil, str]] = {
    "acknowledge before commit": (
        acknowledged_before_done(RECONCILER_QUEUE),
        "was accepted and was not translated",
    ),
    "acknowledge before confirm": (
        acknowledged_before_done(NORMALIZER_QUEUE),
        "was accepted and was not translated",
    ),
    "silence for a confirm": (taken_for(Outcome.UNKNOWN), "lost"),
    "a return for a confirm": (taken_for(Outcome.RETURNED), "told"),
    "delete before confirm": (forgotten_before_confirmed, "told"),
    "events overtake": (events_overtake, "told"),
    "no dedupe key": (dedupe_key_dropped, "differ"),
    "drained before confirm": (drained_before_confirmed, "lost"),
    "spooled before sync": (spooled_before_synced, "lost"),
    "nobody sweeps": (nobody_sweeps, "without a translation"),
    "archive queue trusted": (archive_queue_trusted, "not in the archive"),
}


@pytest.mark.slow
@pytest.mark.parametrize("mutation", sorted(MUTATIONS))
def test_broken_promise_is_noticed(mutation: str) -> None:
    spoil, word = MUTATIONS[mutation]
    for seed in range(SOON):
        report = simulate(seed, faults=MANY, spoil=spoil)
        if any(word in breach for breach in report.breaches):
            return
    pytest.fail(f"{SOON} seeds are green with a broken promise: {mutation}")
