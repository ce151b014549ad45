"""The Celery application and its one task.

Acknowledged late, and given back where it fails or its process dies: Celery's own answer to a task
that failed is to acknowledge it all the same. The event is confirmed before the transaction
commits: a task that dies in between is done again, so that nothing is lost and an event may come
twice.

`mandatory` is not used: kombu documents it as not supported, and with confirms py-amqp would take
the confirm of a returned message for that of the next one. Celery declares the queue of a task
before it publishes the first one instead.
"""

from __future__ import annotations

import os
import time
from typing import Any, Final

import orjson
from celery import Celery
from celery.exceptions import Reject
from celery.signals import worker_init, worker_shutdown
from kombu import Queue
from psycopg import Connection
from psycopg.types.json import Jsonb
from psycopg_pool import ConnectionPool

from bench.peers.ground import Ground, fingerprint
from bench.peers.meaning import meaning

GROUND: Final = Ground("celery")
THREADS: Final = 4  # of a worker; each has a connection to Postgres and one to the broker
CONFIRM_WITHIN: Final = 5.0  # seconds
PAUSE: Final = 1.0  # seconds before a webhook that failed is given back

STORE: Final = f"""
insert into {GROUND.schema}.delivery (fingerprint, source, delivery_id, headers, body)
values (%s, %s, %s, %s, %s) on conflict do nothing
"""  # noqa: S608 - a constant of ours
MOVE: Final = f"""
insert into {GROUND.schema}.payment as old (source, reference, state, rank, delivery_id)
values (%s, %s, %s, %s, %s)
on conflict (source, reference) do update
set state = excluded.state, rank = excluded.rank, delivery_id = excluded.delivery_id,
    updated_at = now()
where old.rank < excluded.rank
"""  # noqa: S608 - a constant of ours

app = Celery("peer", broker=os.environ["PEER_AMQP_URL"])
app.conf.update(
    task_queues=[Queue(GROUND.webhooks, queue_arguments=GROUND.webhooks_arguments)],
    task_default_queue=GROUND.webhooks,
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    task_ignore_result=True,
    broker_transport_options={"confirm_publish": True},
    broker_pool_limit=16,  # connections of a process for publishing: not fewer than its threads
    worker_prefetch_multiplier=64,  # what the guide advises for many short tasks
    worker_enable_remote_control=False,
)

pool: ConnectionPool[Connection[Any]] = ConnectionPool(
    os.environ["PEER_POSTGRES_DSN"], min_size=THREADS, max_size=THREADS, open=False
)


@worker_init.connect
def open_pool(**_: object) -> None:
    """Open the pool in a worker, and nowhere else."""
    pool.open()


@worker_shutdown.connect
def close_pool(**_: object) -> None:
    """Close it."""
    pool.close()


@app.task(name="peer.apply")
def apply(source: str, delivery_id: str, headers: dict[str, str], body: bytes) -> None:
    """Apply one webhook; one that fails is given back after a pause."""
    try:
        _apply(source, delivery_id, headers, body)
    except Exception as error:
        time.sleep(PAUSE)
        raise Reject(error, requeue=True) from error


def _apply(source: str, delivery_id: str, headers: dict[str, str], body: bytes) -> None:
    told = meaning(source, headers.get("Content-Type", ""), body)
    key = fingerprint(source, body)
    with pool.connection() as connection:
        stored = connection.execute(STORE, (key, source, delivery_id, Jsonb(headers), body))
        if not stored.rowcount or told is None:
            return
        moved = connection.execute(
            MOVE, (source, told.reference, told.state, told.rank, delivery_id)
        )
        if moved.rowcount:
            _tell(
                {
                    "delivery_id": delivery_id,
                    "source": source,
                    "reference": told.reference,
                    "state": told.state,
                }
            )


def _tell(event: dict[str, str]) -> None:
    """Publish an event; it is confirmed when this returns."""
    with app.producer_or_acquire() as producer:
        producer.publish(
            orjson.dumps(event),
            routing_key=GROUND.events,
            content_type="application/json",
            content_encoding="utf-8",
            delivery_mode="persistent",
            retry=True,
            confirm_timeout=CONFIRM_WITHIN,
        )
