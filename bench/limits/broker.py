"""What the broker confirms for a client that costs next to nothing (`bench/native/confirm.c`).

A durable quorum queue of its own, made before and deleted afterwards; nobody consumes from it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote, urlsplit
from uuid import uuid4

import aio_pika

from bench.house import broker_address
from bench.limits.figures import Limit, cpu_cost, spread
from bench.limits.programs import answer_of
from bench.measure.accounting import cpu_seconds
from bench.native_programs import native

WARM: Final = 0.5  # seconds that do not count
WINDOW: Final = 500  # unconfirmed messages at a time


@dataclass(frozen=True, slots=True, kw_only=True)
class Publishing:
    """What is sent: messages of `size` bytes, `window` of them unconfirmed at most.

    `apart` is the time in seconds between the beginnings of two; 0: the next follows at once.
    """

    size: int
    window: int
    apart: float = 0.0
    seconds: float = 2.0

    def settings(self, version: str) -> dict[str, str | int | float]:
        """Return it for a reader, with the version of the library."""
        return {
            "client": f"librabbitmq {version}, one connection, one channel",
            "queue": "quorum, durable",
            "messages": "persistent, mandatory",
            "bytes": self.size,
            "window": self.window,
            "apart_s": self.apart,
            "seconds": self.seconds,
        }


@dataclass(frozen=True, slots=True)
class Confirms:
    """What `confirm` told: confirms per second, microseconds of each, messages in all."""

    version: str
    rate: float
    times: tuple[float, ...]
    sent: int


async def confirmed_rate(  # noqa: PLR0913 - each told by name
    amqp_url: str,
    *,
    size: int,
    webhooks: int = 1,
    window: int = WINDOW,
    seconds: float = 2.0,
    server: int | None = None,
) -> Limit:
    """Measure confirmed messages of `size` bytes per second, `window` of them under way.

    `webhooks` is how many one message stands for, which only scales what `also` tells. Where the
    broker's pid is given as `server`, its CPU time is told as well.
    """
    wanted = Publishing(size=size, window=window, seconds=seconds)
    async with _queue(amqp_url) as queue:
        before = 0.0 if server is None else cpu_seconds(server)
        found = await publish_to(amqp_url, queue, wanted)
        cpu = 0.0 if server is None else cpu_seconds(server) - before
    return Limit(
        name="broker",
        value=found.rate,
        unit="messages/s",
        also={
            "webhooks_per_s": found.rate * webhooks,
            "mb_per_s": found.rate * size / 1e6,
            **cpu_cost(cpu, found.sent, "message"),
            **spread(found.times, "ms", 1e-3),
        },
        settings=wanted.settings(found.version) | {"webhooks_per_message": webhooks},
    )


async def confirm_time(
    amqp_url: str, *, size: int, apart: float = 0.0, seconds: float = 2.0
) -> Limit:
    """Measure one confirmed publish at a time, in milliseconds (the value is the median)."""
    wanted = Publishing(size=size, window=1, apart=apart, seconds=seconds)
    async with _queue(amqp_url) as queue:
        confirms = await publish_to(amqp_url, queue, wanted)
    found = spread(confirms.times, "ms", 1e-3)
    return Limit(
        name="confirmed_publish",
        value=found["p50_ms"],
        unit="ms",
        also=found,
        settings=wanted.settings(confirms.version),
    )


async def publish_to(amqp_url: str, queue: str, wanted: Publishing) -> Confirms:
    """Publish to a queue that is there. Raises `ProgramFailedError` where one is not confirmed."""
    host, port, user, password = broker_address(amqp_url)
    said = await answer_of(
        [
            native("confirm"), host, str(port), user, queue, str(wanted.size), str(wanted.window),
            str(wanted.apart * 1e6), str(WARM), str(wanted.seconds),
        ],
        environment={"BROKER_PASSWORD": password, "BROKER_VHOST": vhost_of(amqp_url)},
        within=WARM + wanted.seconds + 30,
    )  # fmt: skip
    return read_confirms(said)


def read_confirms(said: str) -> Confirms:
    """Read what `confirm` wrote: version, seconds, confirms, messages; then microseconds."""
    head, *lines = said.splitlines()
    version, seconds, confirms, sent = head.split()
    rate = int(confirms) / float(seconds)
    return Confirms(version, rate, tuple(float(line) for line in lines), int(sent))


def vhost_of(amqp_url: str) -> str:
    """Return the virtual host of an AMQP URL; without a path it is the usual one."""
    return unquote(urlsplit(amqp_url).path[1:]) or "/"


@asynccontextmanager
async def _queue(amqp_url: str) -> AsyncIterator[str]:
    async with await aio_pika.connect(amqp_url) as connection, connection.channel() as channel:
        queue = await channel.declare_queue(
            f"caudal.bench.{uuid4().hex}", durable=True, arguments={"x-queue-type": "quorum"}
        )
        try:
            yield queue.name
        finally:  # a quorum queue can be deleted on no condition
            await queue.delete(if_unused=False, if_empty=False)
