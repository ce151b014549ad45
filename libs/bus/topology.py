"""What stands on the broker, as data in one place, and the command that makes it so.

    caudal.webhooks ── webhook.received ──► caudal.normalizer
                    ├─ webhook.archived ──► caudal.archive
                    ├─ webhook.translated ► caudal.reconciler
                    └─ ingress.noticed ───► caudal.notices
    caudal.events ──── # ────────────────► caudal.events.all
    caudal.dead ───── (fanout) ──────────► caudal.dead         what a queue had to give up

    caudal.delay.5s ─ (fanout) ──────────► caudal.delay.5s     and so on, one for each step
                                             │ after its time, under the key that it came with
    caudal.retry ◄───────────────────────────┘
                 └─── <queue's name> ────► that queue          the four that we work on

A message that shall be tried again later goes to the exchange of a step with the name of its queue
as the key (`libs.bus.attempts`); the step's queue holds it and gives it back to that queue, and to
no other. Delay queues need no plugin. They are as safe as the others: a message leaves only after
its queue has confirmed it, and stays while that queue is missing.

No message is dropped by a limit. Every queue is a quorum queue without a length or age limit; the
one limit that RabbitMQ 4 sets by itself, twenty deliveries, is set far away, since attempts are
counted by us and a restart counts for every message that was under way. What passes it
all the same goes to `caudal.dead`, and with `at-least-once` it leaves its queue only after it has
arrived there (which the broker grants only together with `reject-publish`).

No exchange has an alternate exchange: a message that the alternate takes counts as routed, and the
publisher would call safe what lies where nobody looks. Without it, a queue that is missing comes
back to the publisher at once as returned.
https://www.rabbitmq.com/docs/quorum-queues#dead-lettering
"""

from __future__ import annotations

import asyncio
from dataclasses import asdict, dataclass
from typing import Any, Final

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractConnection
from aio_pika.exceptions import AMQPError, ChannelPreconditionFailed
from yarl import URL

from libs.bus.link import place
from libs.contracts import event
from libs.runtime.failures import PermanentError, TemporaryError
from libs.runtime.transport import tls_complaint

APPLY_WITHIN: Final = 30.0  # seconds; a cluster that elects leaders for new queues is slow

WEBHOOKS: Final = "caudal.webhooks"
EVENTS: Final = event.EXCHANGE
DEAD: Final = "caudal.dead"
RETRY: Final = "caudal.retry"

RECEIVED: Final = "webhook.received"
TO_ARCHIVE: Final = "webhook.archived"
TRANSLATED: Final = "webhook.translated"
NOTICED: Final = "ingress.noticed"

NORMALIZER_QUEUE: Final = "caudal.normalizer"
ARCHIVE_QUEUE: Final = "caudal.archive"
RECONCILER_QUEUE: Final = "caudal.reconciler"
NOTICES_QUEUE: Final = "caudal.notices"
EVENTS_QUEUE: Final = event.QUEUE
DEAD_QUEUE: Final = "caudal.dead"

DELIVERY_LIMIT: Final = 10_000  # deliveries; only a message that kills its reader gets this far
NO_LIMIT: Final = 2_000_000_000  # for the last stop, behind which there is nothing
DELAYS: Final = (1, 5, 30, 120, 600)  # seconds: the steps after a first, second, … failure

Argument = str | int


@dataclass(frozen=True, slots=True)
class Exchange:
    """A durable exchange; `kind` is topic, fanout or direct."""

    name: str
    kind: str = "topic"


@dataclass(frozen=True, slots=True)
class Queue:
    """A durable quorum queue that takes what `exchange` routes to it under `routing_key`.

    `retried` is for queues that get messages back from the delay queues, under their own name.
    `holds_for` makes it a delay queue: after so many seconds a message goes to `dead_letters_to`.
    """

    name: str
    exchange: str
    routing_key: str
    dead_letters_to: str | None = DEAD
    retried: bool = False
    holds_for: int | None = None
    no_longer: tuple[str, ...] = ()
    """Keys under which an earlier version bound it, and still publishes for it while it runs."""

    def bindings(self) -> tuple[tuple[str, str], ...]:
        """Return every exchange with the key under which this queue is bound to it."""
        own = (self.exchange, self.routing_key)
        return (own, (RETRY, self.name)) if self.retried else (own,)

    def arguments(self) -> dict[str, Argument]:
        """Return what is declared with the queue; the broker cannot change it afterwards."""
        if self.dead_letters_to is None:
            return {"x-queue-type": "quorum", "x-delivery-limit": NO_LIMIT}
        held = {} if self.holds_for is None else {"x-message-ttl": self.holds_for * 1000}
        return {
            "x-queue-type": "quorum",
            "x-delivery-limit": DELIVERY_LIMIT,
            "x-dead-letter-exchange": self.dead_letters_to,
            "x-dead-letter-strategy": "at-least-once",
            "x-overflow": "reject-publish",
            **held,
        }


def delay(seconds: int) -> str:
    """Return the name of a step's exchange, and of its queue."""
    return f"caudal.delay.{seconds}s"


EXCHANGES: Final = (
    Exchange(WEBHOOKS),
    Exchange(EVENTS),
    Exchange(DEAD, kind="fanout"),
    Exchange(RETRY, kind="direct"),
    *(Exchange(delay(step), kind="fanout") for step in DELAYS),
)

QUEUES: Final = (
    Queue(DEAD_QUEUE, DEAD, "", dead_letters_to=None),
    Queue(NORMALIZER_QUEUE, WEBHOOKS, RECEIVED, retried=True),
    Queue(ARCHIVE_QUEUE, WEBHOOKS, TO_ARCHIVE, retried=True, no_longer=(RECEIVED,)),
    Queue(RECONCILER_QUEUE, WEBHOOKS, TRANSLATED, retried=True),
    Queue(NOTICES_QUEUE, WEBHOOKS, NOTICED, retried=True),
    Queue(EVENTS_QUEUE, EVENTS, "#"),
    *(
        Queue(delay(step), delay(step), "", dead_letters_to=RETRY, holds_for=step)
        for step in DELAYS
    ),
)


class TopologyConflictError(PermanentError):
    """Something stands on the broker under our name, made differently; the message names it."""


@dataclass(frozen=True, slots=True)
class TopologyReport:
    """What stands on the broker now, and where that broker is (host:port)."""

    broker: str
    exchanges: tuple[str, ...]
    queues: tuple[str, ...]


async def apply_topology(
    url: str,
    *,
    exchanges: tuple[Exchange, ...] = EXCHANGES,
    queues: tuple[Queue, ...] = QUEUES,
    retire: bool = False,
) -> TopologyReport:
    """Declare all of it; what is there already and equal stays as it is.

    `retire` takes away what only an earlier version needs. While one of its processes runs, that
    would lose: its ingress publishes once for both queues, and the archive would get nothing.

    Raises `TopologyConflictError` with everything that differs, after declaring what could be, and
    `TemporaryError` where the broker cannot be reached.
    """
    try:
        async with asyncio.timeout(APPLY_WITHIN):
            conflicts = await _declared(url, exchanges, queues, retire=retire)
    except (AMQPError, OSError, TimeoutError) as error:
        what = tls_complaint(error) or type(error).__name__
        raise TemporaryError(f"the broker at {place(url)} did not do it: {what}") from error
    if conflicts:
        raise TopologyConflictError("; ".join(conflicts))
    return TopologyReport(
        broker=place(url),
        exchanges=tuple(exchange.name for exchange in exchanges),
        queues=tuple(queue.name for queue in queues),
    )


async def _declared(
    url: str, exchanges: tuple[Exchange, ...], queues: tuple[Queue, ...], *, retire: bool
) -> list[str]:
    """Declare over a connection that is closed also where it never came about.

    One that `aio_pika.connect` did not bring about is left to the collector, and begins to close
    itself then, where no loop runs.
    """
    connection = aio_pika.Connection(URL(url))
    try:
        await connection.connect()
        return await _declare(connection, exchanges, queues, retire=retire)
    finally:
        await connection.close()


def topology() -> dict[str, list[dict[str, Any]]]:
    """Return the whole of it as plain data, for showing."""
    return {
        "exchanges": [asdict(exchange) for exchange in EXCHANGES],
        "queues": [
            {
                "name": queue.name,
                "exchange": queue.exchange,
                "routing_key": queue.routing_key,
                "retried": queue.retried,
                "arguments": queue.arguments(),
            }
            for queue in QUEUES
        ],
    }


async def _declare(
    connection: AbstractConnection,
    exchanges: tuple[Exchange, ...],
    queues: tuple[Queue, ...],
    *,
    retire: bool,
) -> list[str]:
    conflicts: list[str] = []
    things: tuple[Exchange | Queue, ...] = (*exchanges, *queues)
    for thing in things:
        # the broker closes a channel on which it finds a difference: one for each
        async with connection.channel(publisher_confirms=False) as channel:
            try:
                await _declare_one(channel, thing, retire=retire)
            except ChannelPreconditionFailed as error:
                kind = type(thing).__name__.lower()
                conflicts.append(f"{kind} {thing.name} differs from ours: {error}")
    return conflicts


async def _declare_one(channel: AbstractChannel, thing: Exchange | Queue, *, retire: bool) -> None:
    if isinstance(thing, Exchange):
        await channel.declare_exchange(thing.name, thing.kind, durable=True)
        return
    arguments: dict[str, Any] = dict(thing.arguments())
    queue = await channel.declare_queue(thing.name, durable=True, arguments=arguments)
    for exchange, routing_key in thing.bindings():
        await queue.bind(exchange, routing_key)
    for routing_key in thing.no_longer if retire else ():
        await queue.unbind(thing.exchange, routing_key)
