"""The pure hot paths, each as a function that does its work once over a fixed corpus.

No clock, no network, no chance: the same instructions every time, but for what the interpreter
itself does differently (a few thousandths).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from libs.contracts import webhook_received, webhook_translated
from libs.contracts.delivery import Delivery
from libs.domain.fold import Folded, fold
from libs.domain.lifecycle import Authority, Kind
from libs.domain.observation import Observation
from libs.providers.port import Terms
from libs.providers.registry import PROVIDERS
from libs.store.objects import ObjectKey, unknown_object
from services.normalizer.translate import Translator
from services.reconciler.change import change_of, outbox_row
from services.simulator.plan import Plan

WEBHOOKS: Final = 200
_RECEIVED: Final = datetime(2026, 1, 15, 12, 0, 0, 123456, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Workload:
    """What is done, and how often one call does it."""

    run: Callable[[], object]
    times: int


def workloads() -> Mapping[str, Workload]:
    """Prepare all of them. `reference` is what the others are measured in: reading the same JSON."""
    deliveries = _deliveries()
    message = webhook_received.encode(deliveries)
    translator = Translator(PROVIDERS, {slug: Terms() for slug in PROVIDERS})
    outcomes = tuple(translator.outcome_of(delivery) for delivery in deliveries)
    translated = webhook_translated.encode(outcomes)
    histories = _histories(outcomes)
    folded = [(kind, said[0].provider_ref or "x", fold(kind, said)) for kind, said in histories]
    bodies = [delivery.body for delivery in deliveries if delivery.body.startswith(b"{")]
    count = len(deliveries)
    return {
        "reference": Workload(lambda: [json.loads(body) for body in bodies], len(bodies)),
        "receive": Workload(lambda: webhook_received.encode(deliveries), count),
        "read_received": Workload(lambda: webhook_received.decode(message), count),
        "translate": Workload(lambda: [translator.outcome_of(each) for each in deliveries], count),
        "tell": Workload(lambda: webhook_translated.encode(outcomes), count),
        "read_told": Workload(lambda: webhook_translated.decode(translated), count),
        "fold": Workload(lambda: [fold(kind, said) for kind, said in histories], len(histories)),
        "event": Workload(lambda: [_event(*each) for each in folded], len(folded)),
    }


def _deliveries() -> tuple[Delivery, ...]:
    plan = Plan.from_seed(1, run="instructions", count=WEBHOOKS)
    return tuple(
        Delivery(
            id=f"019b0000-0000-7000-8000-{webhook.index:012x}",
            source=webhook.source,
            provider=webhook.provider,
            body=webhook.body.raw,
            received_at=_RECEIVED,
            authority=Authority.SECRET,
            content_type=webhook.body.content_type,
            headers={"content-type": webhook.body.content_type},
            route_event=webhook.body.event,
            traceparent="00-11111111111111111111111111111111-2222222222222222-01",
        )
        for webhook in plan.webhooks()
    )


def _histories(
    outcomes: tuple[webhook_translated.Translated, ...],
) -> list[tuple[Kind, list[Observation]]]:
    """Return what was said about each object, as it stands after every webhook about it."""
    known: dict[tuple[str, Kind, str | None], list[Observation]] = {}
    histories = []
    for outcome in outcomes:
        for reading in outcome.readings:
            if isinstance(reading, Observation):
                key = (outcome.source, reading.kind, reading.provider_ref)
                said = known.setdefault(key, [])
                said.append(reading)
                histories.append((reading.kind, list(said)))
    return histories


def _event(kind: Kind, ref: str, folded: Folded) -> object:
    """From what an object folds to, to the bytes that are published."""
    change = change_of(unknown_object(ObjectKey("clip", kind.value, ref), "clip", 1), folded)
    return outbox_row(change.row) if change is not None and change.news else None
