"""Each user of the broker does its work, and nothing else: what is allowed is written out by hand."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import aio_pika
import pytest
from aio_pika.abc import AbstractChannel, AbstractIncomingMessage
from aio_pika.exceptions import AMQPError
from aiormq.exceptions import ChannelAccessRefused

from libs.bus.permissions import RIGHTS, described
from libs.bus.publisher import Outcome, Publisher
from libs.bus.tail import queue_depths, tail
from libs.bus.topology import EVENTS_QUEUE, EXCHANGES, QUEUES, WEBHOOKS, apply_topology
from libs.runtime.failures import TemporaryError
from tests.acceptance.stack import caudal

pytestmark = pytest.mark.servers

Users = Mapping[str, str]
SERVICES = (
    "ingress",
    "normalizer",
    "reconciler",
    "operator",
    "dead",
    "restore",
    "events",
    "monitoring",
)
STEPS = {f"caudal.delay.{step}s" for step in (1, 5, 30, 120, 600)}
# exchange and key at caudal.webhooks, where any key will do elsewhere
PUBLISHES = {
    "ingress": {"webhook.received", "webhook.archived", "ingress.noticed"},
    "normalizer": {"webhook.translated", "caudal.dead", *STEPS},
    "reconciler": {"webhook.received", "webhook.archived", "caudal.events", "caudal.dead", *STEPS},
    "operator": {"webhook.received", "webhook.archived"},
    "dead": {"caudal.retry"},
    "restore": set(),
    "events": set(),
    "monitoring": set(),
}
CONSUMES = {
    "ingress": set(),
    "normalizer": {"caudal.normalizer"},
    "reconciler": {"caudal.archive", "caudal.reconciler", "caudal.notices"},
    "operator": set(),
    "dead": {"caudal.dead"},
    "restore": set(),  # of these queues: it reads the streams of `libs.bus.kept`
    "events": {"caudal.events.all"},
    "monitoring": set(),
}
KEYS = ("webhook.received", "webhook.archived", "webhook.translated", "ingress.noticed", "other")
ADDRESSES = [
    *((WEBHOOKS, key) for key in KEYS),
    *((each.name, "any") for each in EXCHANGES if each.name != WEBHOOKS),
    ("", "caudal.reconciler"),
    ("amq.topic", "any"),
]


@asynccontextmanager
async def channel_of(url: str) -> AsyncIterator[AbstractChannel]:
    connection = await aio_pika.connect(url)
    async with connection, connection.channel(publisher_confirms=True) as channel:
        yield channel


async def may_publish(url: str, exchange: str, key: str) -> bool:
    try:
        async with channel_of(url) as channel:
            to = channel.default_exchange if exchange == "" else None
            to = to or await channel.get_exchange(exchange, ensure=False)
            await to.publish(aio_pika.Message(b"{}"), key, mandatory=False, timeout=5)
    except ChannelAccessRefused:
        return False
    return True


async def _left_alone(_message: AbstractIncomingMessage) -> None:
    """Neither acknowledge nor refuse it."""


async def may_consume(url: str, queue: str) -> bool:
    try:
        async with channel_of(url) as channel:
            await channel.set_qos(1)
            of = await channel.get_queue(queue, ensure=False)
            await of.cancel(await of.consume(_left_alone, timeout=5))
    except ChannelAccessRefused:
        return False
    return True


@pytest.mark.parametrize("service", SERVICES)
async def test_publishes_where_it_must_and_nowhere_else(users: Users, service: str) -> None:
    found = {
        key if exchange == WEBHOOKS else exchange
        for exchange, key in ADDRESSES
        if await may_publish(users[service], exchange, key)
    }
    assert found == PUBLISHES[service]


@pytest.mark.parametrize("service", SERVICES)
async def test_consumes_what_it_must_and_nothing_else(users: Users, service: str) -> None:
    found = {each.name for each in QUEUES if await may_consume(users[service], each.name)}
    assert found == CONSUMES[service]


@pytest.mark.parametrize("service", SERVICES)
async def test_declares_binds_purges_and_deletes_nothing(users: Users, service: str) -> None:
    async def tried(channel: AbstractChannel, what: str) -> None:
        queue = await channel.get_queue("caudal.reconciler", ensure=False)
        match what:
            case "declare a queue":
                await channel.declare_queue("caudal.mine", durable=True)
            case "declare an exchange":
                await channel.declare_exchange("caudal.mine", durable=True)
            case "bind":
                await queue.bind(WEBHOOKS, "#")
            case "purge":
                await queue.purge()
            case "delete a queue":
                await queue.delete(if_unused=False, if_empty=False)
            case _:
                exchange = await channel.get_exchange(WEBHOOKS, ensure=False)
                await exchange.delete()

    for what in (
        "declare a queue", "declare an exchange", "bind", "purge", "delete a queue", "delete it",
    ):  # fmt: skip
        if (service, what) == ("reconciler", "purge"):
            continue  # who reads a queue may empty it: the broker has one right for both
        with pytest.raises(ChannelAccessRefused):
            async with channel_of(users[service]) as channel:
                await tried(channel, what)
    with pytest.raises(TemporaryError, match="ChannelAccessRefused"):
        await apply_topology(users[service])


@pytest.mark.parametrize("service", ["events", "normalizer"])
async def test_other_hosts_and_passwords_stay_closed(users: Users, service: str) -> None:
    elsewhere = users[service].rpartition("/")[0] + "/%2F"
    wrong = users[service].replace(f"{service}:", f"{service}:x")
    for url in (elsewhere, wrong):
        with pytest.raises((AMQPError, ConnectionError)):
            await aio_pika.connect(url, timeout=5)


async def test_asking_how_deep_a_queue_is_needs_no_right(users: Users) -> None:
    """What the reconciler asks of the normalizer's queue."""
    assert "caudal.normalizer" in await queue_depths(users["reconciler"], ["caudal.normalizer"])


async def test_operator_watches_events(users: Users) -> None:
    async with tail(users["operator"], "caudal.events") as events:
        publisher = await Publisher.open(users["reconciler"], name="test")
        sent = await publisher.publish(
            "caudal.events", "payment.paid.clip", b"{}", content_type="application/json"
        )
        assert sent is Outcome.CONFIRMED
        assert (await anext(events)).body == b"{}"
        await publisher.close()


async def test_consumer_of_events_acknowledges(users: Users) -> None:
    async with channel_of(users["reconciler"]) as channel:
        exchange = await channel.get_exchange("caudal.events", ensure=False)
        await exchange.publish(aio_pika.Message(b"told"), "payment.paid.clip")
    async with channel_of(users["events"]) as channel:
        queue = await channel.get_queue(EVENTS_QUEUE, ensure=False)
        taken = 0
        while message := await queue.get(fail=False):
            await message.ack()
            taken += 1
    assert taken
    await asyncio.sleep(0.2)
    assert (await queue_depths(users[""], [EVENTS_QUEUE]))[EVENTS_QUEUE] == 0


async def test_topology_is_applied_by_its_own_user(users: Users) -> None:
    await apply_topology(users["topology"])
    with pytest.raises(ChannelAccessRefused):
        async with channel_of(users["topology"]) as channel:
            await channel.declare_queue("somebody-elses")


def test_rights_are_shown_and_cover_every_service() -> None:
    ran = caudal("topology", "users", "--json")
    assert json.loads(ran.stdout) == described()
    assert {each.service for each in RIGHTS} == {"topology", *SERVICES}
