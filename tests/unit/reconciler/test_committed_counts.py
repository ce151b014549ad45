"""What is committed of a batch is counted, also where the rest of it has to wait."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, cast

import pytest

from libs.bus.message import Message
from libs.bus.publisher import Publisher
from libs.contracts import webhook_translated
from libs.contracts.webhook_translated import Translated
from libs.runtime.failures import TemporaryError
from libs.runtime.metrics import REGISTRY
from libs.store.database import Pool
from services.reconciler import handling
from services.reconciler.applied import Applied
from services.reconciler.relay import Relay
from tests.unit.domain.saying import paid
from tests.unit.reconciler.telling import about, told


class Woken:
    """A relay that publishes nothing."""

    def wake(self) -> None:
        """Hear that there is something."""


def counted() -> tuple[float, float]:
    def value(name: str, **labels: str) -> float:
        return REGISTRY.get_sample_value(name, labels) or 0.0

    return (
        value("caudal_fold_verdicts_total", outcome="applied"),
        value("caudal_parked_readings_total", reason="malformed"),
    )


async def test_committed_portions_count_where_a_later_one_waits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """They are known when the batch comes again: nobody would ever count them."""
    known: set[str] = set()
    away = True

    async def apply(_: Pool, outcomes: Sequence[Translated], *_more: Any) -> Applied:  # noqa: ANN401
        [one] = outcomes
        if one.delivery_id in known:
            return Applied()
        if known and away:
            raise TemporaryError("the database is away")
        known.add(one.delivery_id)
        return Applied(verdicts=Counter(applied=2), reasons=Counter(malformed=1))

    monkeypatch.setattr(handling, "apply", apply)
    monkeypatch.setattr(handling, "TRANSACTION_DELIVERIES", 1)
    ours = handling.Reconciler(cast("Pool", None), cast("Publisher", None), cast("Relay", Woken()))
    batch = Message(
        body=webhook_translated.encode((told(1, about("a", paid(at=1))), told(2))),
        headers={},
        content_type=webhook_translated.CONTENT_TYPE,
        routing_key="webhook.translated",
        redelivered=False,
        message_id="1",
    )
    verdicts, parked = counted()
    with pytest.raises(TemporaryError):
        await ours.reconcile([batch])
    assert counted() == (verdicts + 2, parked + 1)
    away = False
    await ours.reconcile([batch])
    assert counted() == (verdicts + 4, parked + 2)
