"""What each peer stands on: tables of its own in the shared Postgres, queues in the shared RabbitMQ.

Every queue is a durable quorum queue. What a worker cannot get done is delivered again; what fails
twenty times goes to a queue of its own instead of nowhere, and leaves the first only after it has
arrived there (`at-least-once`, which the broker grants only together with `reject-publish`).
https://www.rabbitmq.com/docs/quorum-queues#dead-lettering
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

import aio_pika
import asyncpg

DELIVERY_LIMIT: Final = 20  # what RabbitMQ 4 sets by itself; older ones set none

_TABLES: Final = """
create schema if not exists {schema};
create table if not exists {schema}.delivery (
    fingerprint bytea primary key,
    source text not null,
    delivery_id text not null,
    headers jsonb not null,
    body bytea not null,
    received_at timestamptz not null default now()
);
create table if not exists {schema}.payment (
    source text not null,
    reference text not null,
    state text not null,
    rank smallint not null,
    delivery_id text not null,
    updated_at timestamptz not null default now(),
    primary key (source, reference)
) with (fillfactor = 80);
"""


@dataclass(frozen=True, slots=True)
class Ground:
    """The names of one peer."""

    name: str

    @property
    def schema(self) -> str:
        """The schema of its tables."""
        return f"peer_{self.name}"

    @property
    def webhooks(self) -> str:
        """The queue from which its workers take."""
        return f"peer.{self.name}.webhooks"

    @property
    def events(self) -> str:
        """The queue to which its workers publish what has changed."""
        return f"peer.{self.name}.events"

    @property
    def dead(self) -> str:
        """The queue for what could not be done at all."""
        return f"peer.{self.name}.dead"

    @property
    def webhooks_arguments(self) -> dict[str, str | int]:
        """How the queue of webhooks is declared; whoever declares it again must say the same."""
        return {
            "x-queue-type": "quorum",
            "x-delivery-limit": DELIVERY_LIMIT,
            "x-dead-letter-exchange": "",
            "x-dead-letter-routing-key": self.dead,
            "x-dead-letter-strategy": "at-least-once",
            "x-overflow": "reject-publish",
        }

    async def prepare(self, dsn: str, amqp_url: str) -> None:
        """Make tables and queues; what is there already stays."""
        database = await asyncpg.connect(dsn)
        try:
            await database.execute(_TABLES.format(schema=self.schema))
        finally:
            await database.close()
        async with await aio_pika.connect(amqp_url) as connection:
            channel = await connection.channel()
            for queue in (self.events, self.dead):
                await channel.declare_queue(
                    queue, durable=True, arguments={"x-queue-type": "quorum"}
                )
            await channel.declare_queue(
                self.webhooks, durable=True, arguments=dict(self.webhooks_arguments)
            )


def fingerprint(source: str, body: bytes) -> bytes:
    """Return what tells a repeated webhook: the same bytes from the same source."""
    digest = hashlib.sha256(source.encode())
    digest.update(b"\0")
    digest.update(body)
    return digest.digest()
