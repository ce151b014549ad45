"""The relay publishes every event at least once, and those of one object in their order."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, cast

import aio_pika
import orjson
import pytest
import structlog

from libs.bus.publisher import Outcome, Publisher
from libs.bus.topology import EVENTS, EVENTS_QUEUE, apply_topology
from libs.contracts.event import CONTENT_TYPE, Event
from libs.store.database import Pool
from services.reconciler.apply import apply
from services.reconciler.relay import BATCH, IDLE_POLL, Relay, Relayed
from tests.integration.bus.waiting import until
from tests.integration.store.rooms import fetch, value
from tests.publishing import PublishingOneByOne
from tests.unit.domain.saying import pending
from tests.unit.reconciler.telling import about, told

pytestmark = pytest.mark.servers

Verdict = Callable[[str], Outcome]


class StandIn(PublishingOneByOne):
    """Takes events like a broker; `verdict` says what becomes of `<ref>#<sequence>`."""

    def __init__(self, verdict: Verdict | None = None) -> None:
        self.verdict = verdict or (lambda _name: Outcome.CONFIRMED)
        self.sent: list[str] = []
        self.confirmed: list[tuple[str, bytes]] = []
        self.under_way: set[str] = set()
        self.overtaken: list[str] = []

    async def publish(
        self, exchange: str, routing_key: str, body: bytes, *, content_type: str
    ) -> Outcome:
        assert (exchange, content_type) == (EVENTS, CONTENT_TYPE)
        event = orjson.loads(body)
        assert routing_key == f"payment.{event['data']['state']}.clip"
        ref = event["data"]["provider_ref"]
        name = f"{ref}#{event['sequence']}"
        if ref in self.under_way:
            self.overtaken.append(name)
        self.under_way.add(ref)
        self.sent.append(name)
        await asyncio.sleep(0)
        self.under_way.discard(ref)
        outcome = self.verdict(name)
        if outcome is Outcome.CONFIRMED:
            self.confirmed.append((name, body))
        return outcome

    def names(self) -> list[str]:
        return [name for name, _ in self.confirmed]


def relay_over(pool: Pool, publisher: object) -> Relay:
    return Relay(pool, cast("Publisher", publisher))


async def fill(pool: Pool, objects: int, events: int, first: int = 0) -> list[str]:
    """Commit so many events of so many objects, and return their names."""
    said = [
        about(f"p-{which}", pending(at=first + step, word=f"w-{first + step}"))
        for step in range(events)
        for which in range(objects)
    ]
    await apply(pool, [told(first * 1000 + n, each) for n, each in enumerate(said, 1)])
    return [f"p-{which}#{first + step + 1}" for which in range(objects) for step in range(events)]


def in_order(names: list[str]) -> bool:
    """Whether each object's events stand in order, without a gap, each once."""
    last: Mapping[str, int] = {}
    for name in names:
        ref, _, sequence = name.partition("#")
        if int(sequence) != last.get(ref, 0) + 1:
            return False
        last = {**last, ref: int(sequence)}
    return True


async def test_everything_leaves_in_order(pool: Pool) -> None:
    expected = await fill(pool, objects=7, events=5)
    stand_in = StandIn()
    assert await relay_over(pool, stand_in).once() == Relayed(35, 0)
    assert sorted(stand_in.names()) == sorted(expected)
    assert in_order(stand_in.names())
    assert stand_in.overtaken == []
    assert await value(pool, "select count(*) from outbox") == 0


async def test_nothing_overtakes_a_failed_event(pool: Pool) -> None:
    """What follows in the same object waits; the other objects do not."""
    await fill(pool, objects=2, events=4)
    stand_in = StandIn(lambda name: Outcome.REFUSED if name == "p-0#2" else Outcome.CONFIRMED)
    assert await relay_over(pool, stand_in).once() == Relayed(5, 3)
    assert [name for name in stand_in.sent if name.startswith("p-0")] == ["p-0#1", "p-0#2"]
    assert [name for name in stand_in.names() if name.startswith("p-1")] == [
        "p-1#1", "p-1#2", "p-1#3", "p-1#4",
    ]  # fmt: skip
    stand_in.verdict = lambda _name: Outcome.CONFIRMED
    assert await relay_over(pool, stand_in).once() == Relayed(3, 0)
    assert in_order(stand_in.names())


@pytest.mark.parametrize("outcome", [Outcome.RETURNED, Outcome.REFUSED, Outcome.UNKNOWN])
async def test_unconfirmed_event_stays_in_the_outbox(
    pool: Pool, outcome: Outcome, logged: list[structlog.typing.EventDict]
) -> None:
    await fill(pool, objects=3, events=2)
    assert await relay_over(pool, StandIn(lambda _name: outcome)).once() == Relayed(0, 6)
    assert await value(pool, "select count(*) from outbox") == 6
    assert [
        (e["log_level"], e["count"]) for e in logged if e["event"] == "events_not_confirmed"
    ] == [("warning", 6)]


async def test_crash_before_delete_publishes_again(pool: Pool) -> None:
    """Confirmed and not forgotten: the same event leaves again, under the same id."""

    class CrashedError(Exception):
        pass

    await fill(pool, objects=2, events=3)
    crashing = StandIn()

    def crash(name: str) -> Outcome:
        if name == "p-1#3":
            raise CrashedError
        return Outcome.CONFIRMED

    crashing.verdict = crash
    with pytest.raises(CrashedError):
        await relay_over(pool, crashing).once()
    assert len(crashing.names()) >= 4
    after = StandIn()
    assert await relay_over(pool, after).once() == Relayed(6, 0)
    assert in_order(after.names())
    bodies = dict(after.confirmed)
    assert all(bodies[name] == body for name, body in crashing.confirmed)


async def test_two_relays_publish_nothing_twice(pool: Pool) -> None:
    stand_in = StandIn()
    stop = asyncio.Event()
    relays = [relay_over(pool, stand_in) for _ in "12"]
    running = [asyncio.create_task(relay.run(stop)) for relay in relays]
    expected = []
    for first in range(0, 30, 5):
        expected += await fill(pool, objects=11, events=5, first=first)
        for relay in relays:
            relay.wake()
    await until(lambda: len(stand_in.confirmed) >= len(expected))
    stop.set()
    await asyncio.gather(*running)
    assert sorted(stand_in.names()) == sorted(expected)
    assert in_order(stand_in.names())
    assert stand_in.overtaken == []


async def test_other_relay_has_the_turn(pool: Pool) -> None:
    await fill(pool, objects=1, events=1)
    published, go_on = asyncio.Event(), asyncio.Event()

    class Slow(StandIn):
        async def publish(self, *told: Any, **more: Any) -> Outcome:  # noqa: ANN401
            published.set()
            await go_on.wait()
            return await super().publish(*told, **more)

    slow = Slow()
    first = asyncio.create_task(relay_over(pool, slow).once())
    await published.wait()
    assert await relay_over(pool, StandIn()).once() == Relayed(None, 0)
    go_on.set()
    assert await first == Relayed(1, 0)


async def test_what_nobody_told_of_is_found(pool: Pool) -> None:
    """As where a command made the event: nobody wakes the relay, which looks by itself."""
    stop, stand_in = asyncio.Event(), StandIn()
    running = asyncio.create_task(relay_over(pool, stand_in).run(stop))
    await asyncio.sleep(IDLE_POLL / 2)
    expected = await fill(pool, objects=1, events=2)

    async def relayed() -> bool:
        return stand_in.names() == expected

    await until(relayed, 3 * IDLE_POLL)
    stop.set()
    await running


async def test_stop_relays_what_is_left(pool: Pool) -> None:
    await fill(pool, objects=3, events=1)
    stop = asyncio.Event()
    stop.set()
    stand_in = StandIn()
    await relay_over(pool, stand_in).run(stop)
    assert len(stand_in.confirmed) == 3


async def test_more_than_one_turn_of_events(pool: Pool) -> None:
    expected = await fill(pool, objects=BATCH // 4, events=5)
    stand_in = StandIn()
    relay = relay_over(pool, stand_in)
    assert [await relay.once() for _ in "123"] == [
        Relayed(BATCH, 0), Relayed(len(expected) - BATCH, 0), Relayed(0, 0),
    ]  # fmt: skip
    assert in_order(stand_in.names())


async def test_real_broker_gets_each_event(pool: Pool, amqp_url: str) -> None:
    """As a consumer of the default queue sees them."""
    await apply_topology(amqp_url)
    expected = await fill(pool, objects=9, events=4)
    publisher = await Publisher.open(amqp_url, name="relay-test", deadline=10.0)
    try:
        assert await relay_over(pool, publisher).once() == Relayed(36, 0)
    finally:
        await publisher.close()
    names = []
    async with await aio_pika.connect(amqp_url) as connection:
        queue = await (await connection.channel()).get_queue(EVENTS_QUEUE)
        for _ in expected:
            message = await queue.get(timeout=5)
            await message.ack()
            event = Event.model_validate_json(message.body)
            assert message.content_type == CONTENT_TYPE
            assert message.routing_key == "payment.pending.clip"
            assert message.delivery_mode == aio_pika.DeliveryMode.PERSISTENT
            names.append(f"{event.data.provider_ref}#{event.sequence}")
        assert await queue.get(fail=False) is None
    assert sorted(names) == sorted(expected)
    assert in_order(names)
    assert await fetch(pool, "select from outbox") == []


async def test_missing_binding_loses_nothing(pool: Pool, amqp_url: str) -> None:
    """Nobody takes the events: the broker returns them, and they wait."""
    await apply_topology(amqp_url)
    async with await aio_pika.connect(amqp_url) as connection:
        channel = await connection.channel()
        queue = await channel.get_queue(EVENTS_QUEUE)
        await queue.unbind(EVENTS, "#")
        await fill(pool, objects=2, events=2)
        publisher = await Publisher.open(amqp_url, name="relay-test", deadline=10.0)
        try:
            relay = relay_over(pool, publisher)
            assert await relay.once() == Relayed(0, 4)
            await queue.bind(EVENTS, "#")
            assert await relay.once() == Relayed(4, 0)
        finally:
            await publisher.close()
