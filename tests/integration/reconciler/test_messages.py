"""What the reconciler does with whole messages: the readable, the unreadable, and the poisoned."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import cast

import pytest
import structlog

from libs.bus.attempts import ATTEMPTS
from libs.bus.message import Message
from libs.bus.publisher import Outcome, Publisher
from libs.bus.topology import ARCHIVE_QUEUE, DEAD, RECONCILER_QUEUE, delay
from libs.contracts import webhook_received, webhook_translated
from libs.runtime.failures import TemporaryError
from libs.store.database import Pool
from libs.store.inspect import list_parked
from services.reconciler.handling import Reconciler
from services.reconciler.relay import Relay
from tests.integration.store.rooms import fetch, table, value
from tests.integration.store.test_archive import ONE
from tests.unit.domain.saying import paid, pending
from tests.unit.reconciler.telling import about, delivery_id, told

pytestmark = pytest.mark.servers


class Bus:
    """Keeps what is buried and what is set back."""

    def __init__(self, answer: Outcome = Outcome.CONFIRMED) -> None:
        self.answer = answer
        self.buried: list[tuple[str, bytes]] = []
        self.set_back: list[tuple[str, str, bytes]] = []

    async def publish(
        self,
        exchange: str,
        routing_key: str,
        body: bytes,
        *,
        headers: Mapping[str, str],
        **_: str,
    ) -> Outcome:
        if exchange == DEAD:
            self.buried.append((headers["x-caudal-queue"], body))
        else:
            self.set_back.append((exchange, routing_key, body))
        return self.answer


def reconciler(pool: Pool, bus: Bus) -> Reconciler:
    publisher = cast("Publisher", bus)
    return Reconciler(pool, publisher, Relay(pool, publisher))


def message(body: bytes, failed: int = 0) -> Message:
    return Message(
        body=body,
        headers={ATTEMPTS: failed},
        content_type="x",
        routing_key="k",
        redelivered=False,
        message_id="m",
    )


async def test_many_messages_are_one_unit(pool: Pool) -> None:
    batches = [(told(n, about(f"p-{n}", pending(at=1))),) for n in range(5)]
    await reconciler(pool, Bus()).reconcile(
        [message(webhook_translated.encode(batch)) for batch in batches]
    )
    assert await value(pool, "select count(*) from objects") == 5


async def test_unreadable_message_is_buried(pool: Pool) -> None:
    """Its neighbours in the batch are handled as ever."""
    bus = Bus()
    fine = message(webhook_translated.encode((told(1, paid(at=1)),)))
    await reconciler(pool, bus).reconcile([message(b"{}"), fine, message(b"\xff")])
    assert bus.buried == [(RECONCILER_QUEUE, b"{}"), (RECONCILER_QUEUE, b"\xff")]
    assert await value(pool, "select state from objects") == "paid"


async def test_unreadable_message_waits_for_its_grave(pool: Pool) -> None:
    with pytest.raises(TemporaryError):
        await reconciler(pool, Bus(Outcome.UNKNOWN)).reconcile([message(b"{}")])


@pytest.mark.parametrize(
    "poison", [{"route_event": "a\x00b"}, {"id": "no-uuid"}], ids=lambda one: str(next(iter(one)))
)
async def test_delivery_that_cannot_be_filed_is_buried(
    pool: Pool, poison: dict[str, str], logged: list[structlog.typing.EventDict]
) -> None:
    """Not before its last attempt; its neighbours are on file at once."""
    bus = Bus()
    body = webhook_received.encode([replace(ONE, **poison)])  # type: ignore[arg-type]
    good = [message(webhook_received.encode([replace(ONE, id=delivery_id(n))])) for n in (2, 3)]
    await reconciler(pool, bus).archive([good[0], message(body), good[1]])
    rows = await fetch(pool, "select id::text from deliveries order by id")
    assert [row["id"] for row in rows] == [delivery_id(2), delivery_id(3)]
    assert bus.set_back == [(delay(1), ARCHIVE_QUEUE, body)]
    await reconciler(pool, bus).archive([message(body, failed=4)])
    assert bus.buried == [(ARCHIVE_QUEUE, body)]
    assert {event["event"] for event in logged} == {"batch_split", "item_failed"}


async def test_outcome_that_cannot_be_parked_is_buried(pool: Pool) -> None:
    """Not even its delivery has a name that the database could hold."""
    bus = Bus()
    nameless = replace(told(2, paid(at=1)), delivery_id="no-uuid")
    bad = message(webhook_translated.encode((nameless,)), failed=4)
    good = [
        message(webhook_translated.encode((told(n, about(f"p-{n}", paid(at=1))),))) for n in (1, 3)
    ]
    await reconciler(pool, bus).reconcile([good[0], bad, good[1]])
    assert bus.buried == [(RECONCILER_QUEUE, bad.body)]
    assert await value(pool, "select count(*) from objects") == 2


async def test_failing_outcome_leaves_its_message(pool: Pool) -> None:
    """One of three in a message: the two are folded, the third comes back by itself."""
    bus = Bus()
    bad = told(2, about("p-2", pending(provider_status="a\x00b")))
    three = [told(1, about("p-1", paid(at=1))), bad, told(3, about("p-3", paid(at=1)))]
    await reconciler(pool, bus).reconcile([message(webhook_translated.encode(tuple(three)))])
    assert await value(pool, "select count(*) from objects") == 2
    assert bus.set_back == [(delay(1), RECONCILER_QUEUE, webhook_translated.encode((bad,)))]
    assert await list_parked(pool) == []


async def test_last_attempt_parks_the_outcome(pool: Pool) -> None:
    """With the frames and the count; what became of the delivery is on record, so no sweep."""
    bus = Bus()
    bad = told(2, about("p-2", pending(provider_status="a\x00b")))
    body = webhook_translated.encode((bad,))
    await reconciler(pool, bus).reconcile([message(body, failed=4)])
    await reconciler(pool, bus).reconcile([message(body, failed=4)])
    [row] = await fetch(pool, "select * from parked")
    assert (row["reason"], row["attempts"]) == ("failed", 5)
    assert "services/reconciler/apply.py" in row["detail"]
    assert [(str(row[0]), row[3]) for row in await table(pool, "translations")] == [
        (delivery_id(2), "parked")
    ]
    assert bus.set_back == []


async def test_unconfirmed_setback_holds_the_batch(pool: Pool) -> None:
    bad = told(2, about("p-2", pending(provider_status="a\x00b")))
    with pytest.raises(TemporaryError):
        await reconciler(pool, Bus(Outcome.UNKNOWN)).reconcile(
            [message(webhook_translated.encode((bad,)))]
        )
