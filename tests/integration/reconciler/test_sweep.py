"""What is on file and was never translated is published again, once in a while, and costs little."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, cast

import pytest

from libs.bus.publisher import Outcome, Publisher
from libs.bus.topology import RECEIVED, WEBHOOKS
from libs.contracts import webhook_received
from libs.contracts.delivery import Delivery
from libs.runtime.failures import TemporaryError
from libs.store.archive import file_deliveries
from libs.store.database import Pool, transaction
from services.reconciler.apply import apply
from services.reconciler.sweep import FAR_EVERY, LONG_BACKLOG, ROUND, Sweep
from tests.integration.store.rooms import value
from tests.integration.store.test_archive import ONE
from tests.unit.domain.saying import paid
from tests.unit.reconciler.telling import delivery_id, received, told

pytestmark = pytest.mark.servers

LOST = [replace(ONE, id=delivery_id(n), received_at=received(n)) for n in range(1, 6)]


class Bus:
    """Keeps what is published to be translated."""

    def __init__(self) -> None:
        self.answer = Outcome.CONFIRMED
        self.waiting = 0
        self.swept: list[Delivery] = []

    async def publish(self, exchange: str, routing_key: str, body: bytes, **_: Any) -> Outcome:  # noqa: ANN401
        assert (exchange, routing_key) == (WEBHOOKS, RECEIVED)
        if self.answer is Outcome.CONFIRMED:
            self.swept += webhook_received.decode(body)
        return self.answer

    async def backlog(self) -> int:
        return self.waiting


def sweep(pool: Pool, bus: Bus) -> Sweep:
    return Sweep(pool, cast("Publisher", bus), bus.backlog, after=60)


async def file(pool: Pool, deliveries: Sequence[Delivery], *, minutes_ago: float) -> None:
    await file_deliveries(pool, deliveries)
    await later(pool, "deliveries", "archived_at", minutes_ago)


async def later(pool: Pool, table: str, column: str, minutes: float) -> None:
    """Move all of it into the past."""
    async with transaction(pool) as connection:
        await connection.execute(
            f"update {table} set {column} = {column} - $1::interval",  # noqa: S608 - ours
            timedelta(minutes=minutes),
        )


async def test_lost_delivery_is_translated_again(pool: Pool) -> None:
    """The same bytes under the same id; what was translated stays alone."""
    bus = Bus()
    await file(pool, LOST, minutes_ago=2)
    await apply(pool, [told(n, paid(at=1)) for n in (1, 3)])
    assert await sweep(pool, bus).once() == 3
    assert bus.swept == [LOST[1], LOST[3], LOST[4]]


async def test_fresh_delivery_is_not_lost(pool: Pool) -> None:
    bus = Bus()
    await file(pool, LOST, minutes_ago=0.5)
    assert await sweep(pool, bus).once() == 0
    await later(pool, "deliveries", "archived_at", 1)
    assert await sweep(pool, bus).once() == 5


async def test_swept_delivery_waits_for_minutes(pool: Pool) -> None:
    """Longer each time, until it is translated; then it is forgotten."""
    bus = Bus()
    await file(pool, LOST[:1], minutes_ago=2)
    ours = sweep(pool, bus)
    counts = [await ours.once(), await ours.once()]
    for minutes in (5, 5, 5, 5):
        await later(pool, "swept", "swept_at", minutes)
        counts.append(await ours.once())
    assert counts == [1, 0, 1, 0, 1, 0]
    assert await value(pool, "select times from swept") == 3
    await apply(pool, [told(1, paid(at=1))])
    await later(pool, "swept", "swept_at", 60)
    assert await ours.once() == 0
    assert await value(pool, "select count(*) from swept") == 0


async def test_clock_that_was_behind_hides_nothing(pool: Pool) -> None:
    """What was filed while the server's clock was an hour behind lies before the mark."""
    bus = Bus()
    ours = sweep(pool, bus)
    assert await ours.once() == 0
    await file(pool, LOST, minutes_ago=62)
    assert [await ours.once() for _ in range(FAR_EVERY)] == [*[0] * (FAR_EVERY - 1), 5]


async def test_round_is_bounded_and_goes_on(pool: Pool) -> None:
    many = [
        replace(ONE, id=delivery_id(n), received_at=received(0), body=b"x")
        for n in range(ROUND + 3)
    ]
    bus = Bus()
    await file(pool, many, minutes_ago=2)
    ours = sweep(pool, bus)
    assert await ours.once() == ROUND
    assert await value(pool, "select count(*) from sweep_mark") == 0
    await ours.run()
    assert sorted(each.id for each in bus.swept) == [each.id for each in many]
    assert await value(pool, "select count(*) from sweep_mark") == 1


async def test_mark_spares_what_was_seen(pool: Pool) -> None:
    """Behind the mark nothing is looked at, but for what a late commit may have left there."""
    bus = Bus()
    ours = sweep(pool, bus)
    await ours.once()
    await file(pool, LOST[:1], minutes_ago=5)
    assert await ours.once() == 1
    await file(pool, LOST[1:2], minutes_ago=7)
    assert await ours.once() == 0


async def test_long_backlog_is_not_loss(pool: Pool) -> None:
    bus = Bus()
    await file(pool, LOST, minutes_ago=2)
    bus.waiting = LONG_BACKLOG + 1
    assert await sweep(pool, bus).once() == 0
    bus.waiting = LONG_BACKLOG
    assert await sweep(pool, bus).once() == 5


async def test_unconfirmed_sweep_notes_nothing(pool: Pool) -> None:
    bus = Bus()
    bus.answer = Outcome.UNKNOWN
    await file(pool, LOST, minutes_ago=2)
    with pytest.raises(TemporaryError):
        await sweep(pool, bus).once()
    bus.answer = Outcome.CONFIRMED
    assert await sweep(pool, bus).once() == 5


async def test_one_sweeps_at_a_time(pool: Pool) -> None:
    class Nested(Bus):
        async def publish(self, *told: Any, **more: Any) -> Outcome:  # noqa: ANN401
            counts.append(await sweep(pool, Bus()).once())
            return await super().publish(*told, **more)

    counts: list[int] = []
    await file(pool, LOST, minutes_ago=2)
    assert await sweep(pool, Nested()).once() == 5
    assert counts == [0]


async def test_large_bodies_travel_apart(pool: Pool) -> None:
    bus = Bus()
    large = [replace(one, body=b"x" * 700_000) for one in LOST[:3]]
    await file(pool, large, minutes_ago=2)
    await sweep(pool, bus).once()
    assert bus.swept == large
