"""The broker's furniture: queues and exchanges that go, are not there yet, or may not be used."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Final

import aio_pika

from libs.bus.topology import (
    ARCHIVE_QUEUE,
    EVENTS,
    NORMALIZER_QUEUE,
    RECONCILER_QUEUE,
    WEBHOOKS,
)
from libs.embedded.rabbitmq_node import USER
from tests.faults.case import Case, Scene
from tests.faults.ground import thaw
from tests.faults.house import Shape

MISSING_FOR: Final = 3.0  # seconds until the operator notices
SWEPT: Final = Shape(environment={"CAUDAL_SWEEP_AFTER": "10"})
EVERYTHING: Final = (".*", ".*", ".*")


def cases() -> list[Case]:
    found = [
        Case(
            name=f"delete-queue-{queue.rpartition('.')[2]}",
            matrix="B4",
            on="broker",
            fault=f"`{queue}` deleted with all that 100 webhooks left in it; topology applied 3 s later",
            shape=SWEPT,
            act=partial(_delete_queue, queue),
            webhooks=900,
            quiet_within=120,
        )
        for queue in (NORMALIZER_QUEUE, ARCHIVE_QUEUE, RECONCILER_QUEUE)
    ]
    found += [
        Case(
            name=f"delete-exchange-{exchange.rpartition('.')[2]}",
            matrix="B4",
            on="broker",
            fault=f"exchange `{exchange}` deleted; topology applied 3 s later",
            act=partial(_delete_exchange, exchange),
            webhooks=900,
        )
        for exchange in (WEBHOOKS, EVENTS)
    ]
    found += [
        Case(
            name="permissions-withdrawn",
            matrix="B4",
            on="broker",
            fault="permissions withdrawn, connections closed, 4 s",
            act=_withdraw,
            restore=_grant,
            webhooks=900,
        ),
        Case(
            name="no-topology-at-start",
            matrix="B4 N4",
            on="broker",
            fault="nothing declared when everything starts; topology applied under load",
            shape=Shape(topology=False),
            act=_late_topology,
            webhooks=900,
        ),
        Case(
            name="consumer-timeout",
            matrix="B5",
            on="broker",
            fault="a reader frozen beyond the consumer timeout (its channel is closed by the broker)",
            prepare=_short_consumer_timeout,
            act=_outlast_the_timeout,
            restore=_usual_consumer_timeout,
            webhooks=900,
            rate=40,
        ),
    ]
    return found


async def _delete_queue(queue: str, scene: Scene) -> None:
    """Delete it while its readers are frozen, so that there is something to lose in it."""
    role = "normalizer" if queue == NORMALIZER_QUEUE else "reconciler"
    stopped = [pid for kept in scene.house.of(role) for pid in kept.freeze()]
    try:
        await scene.some_more(100)
        await scene.house.rabbitmqctl("delete_queue", "-p", "VHOST", queue)
    finally:
        thaw(stopped)
    await asyncio.sleep(MISSING_FOR)
    await scene.house.apply_topology()


async def _delete_exchange(exchange: str, scene: Scene) -> None:
    """Delete it with its bindings. The oracle's own queue is bound again before anything else."""
    async with await aio_pika.connect(scene.house.room.amqp_url) as connection:
        channel = await connection.channel()
        await channel.exchange_delete(exchange)
        await asyncio.sleep(MISSING_FOR)
        if exchange == EVENTS:
            made = await channel.declare_exchange(exchange, "topic", durable=True)
            await (await channel.get_queue(scene.load.tap)).bind(made, "#")
    await scene.house.apply_topology()


async def _withdraw(scene: Scene) -> None:
    await scene.house.rabbitmqctl("clear_permissions", "-p", "VHOST", USER)
    await scene.house.rabbitmqctl("close_all_connections", "--vhost", "VHOST", "withdrawn")
    await asyncio.sleep(4)
    await _grant(scene)


async def _grant(scene: Scene) -> None:
    await scene.house.rabbitmqctl("set_permissions", "-p", "VHOST", USER, *EVERYTHING)


async def _late_topology(scene: Scene) -> None:
    await scene.some_more(100)
    await scene.house.apply_topology()
    await scene.house.until_ready()


async def _short_consumer_timeout(scene: Scene) -> None:
    """Three seconds, looked after every second; channels learn of it when they are opened."""
    await scene.house.rabbitmqctl(
        "eval",
        "application:set_env(rabbit, consumer_timeout, 3000),"
        " application:set_env(rabbit, channel_tick_interval, 1000).",
    )
    for kept in scene.house.workers:
        await kept.restart()
    await scene.house.until_ready()


async def _outlast_the_timeout(scene: Scene) -> None:
    stopped = scene.house.processes["normalizer-1"].freeze()
    stopped += scene.house.processes["reconciler-1"].freeze()
    try:
        await asyncio.sleep(8)
    finally:
        thaw(stopped)


async def _usual_consumer_timeout(scene: Scene) -> None:
    await scene.house.rabbitmqctl(
        "eval",
        "application:set_env(rabbit, consumer_timeout, 300000),"
        " application:set_env(rabbit, channel_tick_interval, 60000).",
    )
