"""The worker: a session, a transaction and at most one event for each webhook.

The event is confirmed before the transaction commits, and the message is acknowledged after that.
A worker that dies in between does all of it again: nothing is lost, an event may come twice. The
other order would lose the event, since the repeated message would find its webhook stored already.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import orjson
from faststream import AckPolicy, FastStream
from faststream.rabbit import Channel, RabbitBroker, RabbitMessage
from pydantic import BaseModel
from sqlalchemy import bindparam, func, make_url
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine
from sqlalchemy.sql.dml import ReturningInsert

from bench.peers.fastapi_faststream.models import DELIVERY, PAYMENT
from bench.peers.fastapi_faststream.settings import AMQP_URL, EVENTS, POSTGRES_DSN, WEBHOOKS
from bench.peers.ground import fingerprint
from bench.peers.meaning import meaning

PREFETCH: Final = 50
SESSIONS: Final = 10
PUBLISH_WITHIN: Final = 5.0  # seconds
PAUSE: Final = 1.0  # seconds before a webhook that failed is given back


def _json(value: Any) -> str:  # noqa: ANN401 - JSON
    return orjson.dumps(value).decode()


def _move() -> ReturningInsert[tuple[int]]:
    columns = PAYMENT.c["source", "reference", "state", "rank", "delivery_id"]
    statement = insert(PAYMENT).values({column.name: bindparam(column.name) for column in columns})
    new = statement.excluded
    return statement.on_conflict_do_update(
        index_elements=[PAYMENT.c.source, PAYMENT.c.reference],
        set_={
            "state": new.state,
            "rank": new.rank,
            "delivery_id": new.delivery_id,
            "updated_at": func.now(),
        },
        where=PAYMENT.c.rank < new.rank,
    ).returning(PAYMENT.c.rank)


# Built once: putting a statement together costs more than executing it. Each returns a row if it
# did something: the webhook was not there yet, the payment got further.
STORE: Final = insert(DELIVERY).on_conflict_do_nothing().returning(DELIVERY.c.delivery_id)
MOVE: Final = _move()

engine = create_async_engine(
    make_url(POSTGRES_DSN).set(drivername="postgresql+asyncpg"),
    pool_size=SESSIONS,
    max_overflow=0,
    json_serializer=_json,
)
sessions = async_sessionmaker(engine, expire_on_commit=False)
broker = RabbitBroker(
    AMQP_URL,
    default_channel=Channel(on_return_raises=True),
    logger=logging.getLogger(__name__),  # its own has two lines for each message
    apply_types=False,  # no injection: it costs a sixth of the worker's time
)
events = broker.publisher(EVENTS, persist=True, mandatory=True, timeout=PUBLISH_WITHIN)


@asynccontextmanager
async def lifespan() -> AsyncIterator[None]:
    """Close the pool at the end."""
    yield
    await engine.dispose()


app = FastStream(broker, lifespan=lifespan)


class Changed(BaseModel):
    """What is told when a payment got further."""

    delivery_id: str
    source: str
    reference: str
    state: str


async def undecoded(message: RabbitMessage) -> RabbitMessage:
    """Leave a message as it is: what was posted is stored byte for byte."""
    return message


# The default policy rejects what failed, and without a dead-letter exchange that drops it.
@broker.subscriber(
    WEBHOOKS,
    channel=Channel(prefetch_count=PREFETCH),
    ack_policy=AckPolicy.NACK_ON_ERROR,
    decoder=undecoded,
)
async def apply(message: RabbitMessage) -> None:
    """Apply one webhook; one that fails is given back after a pause."""
    try:
        await _apply(message.headers, message.body)
    except Exception:
        await asyncio.sleep(PAUSE)
        raise


async def _apply(headers: dict[str, Any], body: bytes) -> None:
    source, delivery_id = headers["source"], headers["delivery_id"]
    delivery = {
        "fingerprint": fingerprint(source, body),
        "source": source,
        "delivery_id": delivery_id,
        "headers": orjson.loads(headers["http"]),
        "body": body,
    }
    told = meaning(source, headers["content_type"], body)
    async with sessions.begin() as session:
        if await session.scalar(STORE, delivery) is None or told is None:
            return
        payment = {"source": source, "delivery_id": delivery_id, **told._asdict()}
        if await session.scalar(MOVE, payment) is None:
            return
        await events.publish(
            Changed(
                delivery_id=delivery_id,
                source=source,
                reference=told.reference,
                state=told.state,
            )
        )
