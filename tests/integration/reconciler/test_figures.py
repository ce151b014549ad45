"""What the reconciler tells in numbers: verdicts and reasons once committed, the outbox, what is parked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import pytest

from libs.bus.message import Message
from libs.bus.publisher import Publisher
from libs.bus.standing import standing_of
from libs.contracts import webhook_translated
from libs.contracts.readings import ParkReason, Unknown
from libs.contracts.webhook_translated import Translated
from libs.runtime.metrics import REGISTRY
from libs.store.database import Pool
from libs.store.standing import outbox_standing, parked_by_reason
from services.reconciler.apply import apply
from services.reconciler.figures import PARKED_EVERY, Figures
from services.reconciler.handling import Reconciler
from services.reconciler.relay import Relay
from tests.integration.reconciler.test_relay import StandIn
from tests.unit.domain.saying import declined, paid, pending
from tests.unit.reconciler.telling import about, told

pytestmark = pytest.mark.servers


def sample(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


def verdicts() -> dict[str, float]:
    outcomes = ("applied", "duplicate", "stale", "conflict", "superseded")
    return {each: sample("caudal_fold_verdicts_total", outcome=each) for each in outcomes}


def grown(before: dict[str, float]) -> dict[str, float]:
    return {
        name: value - before[name] for name, value in verdicts().items() if value > before[name]
    }


def reconciler(pool: Pool) -> tuple[Reconciler, Relay, StandIn]:
    stand_in = StandIn()
    publisher = cast("Publisher", stand_in)
    relay = Relay(pool, publisher)
    return Reconciler(pool, publisher, relay), relay, stand_in


def message(outcomes: Sequence[Translated]) -> Message:
    return Message(
        body=webhook_translated.encode(tuple(outcomes)),
        headers={},
        content_type=webhook_translated.CONTENT_TYPE,
        routing_key="webhook.translated",
        redelivered=False,
        message_id="1",
    )


async def test_verdicts_are_counted_once_and_as_they_stand(pool: Pool) -> None:
    ours, _, _ = reconciler(pool)
    batch = [
        told(1, about("a", paid(at=5))),
        told(2, about("a", pending(at=9))),  # stale: paid stands
        told(3, about("b", pending(at=2))),
    ]
    before = verdicts()
    await ours.reconcile([message(batch)])
    assert grown(before) == {"applied": 2, "stale": 1}

    before = verdicts()
    await ours.reconcile([message(batch)])
    assert grown(before) == {}, "the same batch again adds nothing"

    before = verdicts()
    await ours.reconcile([message([told(4, about("a", paid(at=5)))])])
    assert grown(before) == {"duplicate": 1}, "the same said by another delivery"


async def test_conflicts_are_counted(pool: Pool) -> None:
    ours, _, _ = reconciler(pool)
    before = verdicts()
    await ours.reconcile([message([told(1, about("a", paid(at=1)), about("a", declined(at=9)))])])
    assert grown(before).get("applied") == 1
    assert sum(grown(before).values()) == 2


async def test_what_is_parked_is_counted_by_reason(pool: Pool) -> None:
    ours, _, _ = reconciler(pool)
    odd = Unknown(reason=ParkReason.UNKNOWN_VALUE, detail="odd", field="status", value="odd")
    before = sample("caudal_parked_readings_total", reason="unknown_value")
    await ours.reconcile([message([told(1, odd), told(2, about("a", paid(at=1)))])])
    assert sample("caudal_parked_readings_total", reason="unknown_value") == before + 1
    assert await parked_by_reason(pool) == {"unknown_value": 1}

    figures = Figures(pool)
    await figures.run()
    assert sample("caudal_parked", reason="unknown_value") == 1
    assert sample("caudal_parked", reason="failed") == 0
    await ours.reconcile([message([told(3, odd)])])
    for _ in range(PARKED_EVERY - 1):
        await figures.run()
        assert sample("caudal_parked", reason="unknown_value") == 1, "not every time"
    await figures.run()
    assert sample("caudal_parked", reason="unknown_value") == 2


async def test_outbox_is_told_as_a_queue(pool: Pool) -> None:
    _, relay, stand_in = reconciler(pool)
    assert (await outbox_standing(pool, 10)).waiting == 0
    assert (await outbox_standing(pool, 10)).head is None
    await apply(pool, [told(n, about(f"o{n}", paid(at=n))) for n in range(1, 4)])
    standing = await outbox_standing(pool, 10)
    assert (standing.waiting, standing.age >= 0) == (3, True)
    assert (await outbox_standing(pool, 2)).waiting == 2, "it is not counted further"

    figures = Figures(pool)
    await figures.run()
    assert sample("caudal_queue_messages", queue="outbox") == 3
    before = sample("caudal_relay_events_total", outcome="confirmed")
    await relay.once()
    assert len(stand_in.sent) == 3
    assert sample("caudal_relay_events_total", outcome="confirmed") == before + 3
    await figures.run()
    assert sample("caudal_queue_messages", queue="outbox") == 0
    assert sample("caudal_queue_oldest_seconds", queue="outbox") == 0
    assert sample("caudal_queue_predicted_drain_seconds", queue="outbox") == 0


async def test_a_batch_says_how_late_it_was(pool: Pool) -> None:
    ours, _, _ = reconciler(pool)
    name, queue = "caudal_consumer_lag_seconds_count", "caudal.reconciler"
    standing_of(queue).looked(0.0, waiting=0, consumers=1)  # a broker was asked, and has nothing
    before = sample(name, queue=queue)
    await ours.reconcile([message([told(1, about("a", paid(at=1)))])])
    assert sample(name, queue=queue) == before + 1
    assert sample("caudal_queue_oldest_seconds", queue=queue) == 0, "nothing is in hand"
