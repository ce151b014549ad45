"""What the normalizer tells of single deliveries: that one was translated, and to what."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from time import time_ns
from typing import Final

import structlog

from libs.bus.topology import NORMALIZER_QUEUE, TRANSLATED, WEBHOOKS
from libs.contracts.delivery import Delivery
from libs.contracts.readings import Ignored, Poke, Reading, Unknown
from libs.contracts.webhook_translated import Translated
from libs.domain.observation import Observation
from libs.runtime.tracing.batch import Open, batch
from libs.runtime.tracing.context import child_of, span_id_of, trace_id_of
from libs.runtime.tracing.port import Attributes, Finished, Kind, Name
from libs.runtime.tracing.witness import Witness, age_ms, not_told, since_ms

FAILED: Final = "failed"
HELD: Final = "held"
_NOT_DONE: Final = frozenset({FAILED, HELD})
# What a delivery with several readings is called after: the first of these that is among them.
_WORDS: Final[Mapping[type, str]] = {
    Unknown: "parked",
    Observation: "translated",
    Poke: "asked",
    Ignored: "ignored",
}
_SEND: Final[Attributes] = {
    "messaging.system": "rabbitmq",
    "messaging.destination.name": WEBHOOKS,
    "messaging.rabbitmq.destination.routing_key": TRANSLATED,
    "messaging.operation.name": "send",
    "messaging.operation.type": "send",
}
_TRANSLATE: Final[Attributes] = {
    "messaging.system": "rabbitmq",
    "messaging.destination.name": NORMALIZER_QUEUE,
    "messaging.operation.name": "translate",
    "messaging.operation.type": "process",
}

log = structlog.get_logger()


class NormalizerWitness:
    """Tells of deliveries, a portion of a batch at a time."""

    def __init__(self, witness: Witness) -> None:
        self._witness = witness

    def portion(self, deliveries: Sequence[Delivery]) -> Portion:
        """Begin with deliveries that are translated together."""
        return Portion(self._witness, deliveries)

    def sending(self, outcomes: Sequence[Translated]) -> AbstractContextManager[Open]:
        """Tell of a message of outcomes as one span."""
        attributes = {**_SEND, "caudal.deliveries": len(outcomes)}
        links = (outcome.traceparent for outcome in outcomes)
        return batch(self._witness.traces, Name.SEND, Kind.CLIENT, links, attributes)


class Portion:
    """Deliveries that are translated together, and leave together.

    Each has the time of the portion: what it waited for was the others. A delivery that came twice is told of once.
    """

    def __init__(self, witness: Witness, deliveries: Sequence[Delivery]) -> None:
        self._witness = witness
        once: dict[str, Delivery] = {}
        for each in deliveries:
            once.setdefault(each.id, each)
        self._deliveries = once.values()
        self._began = time_ns()
        self._contexts = {
            each.id: child_of(each.traceparent)
            for each in self._deliveries
            if each.traceparent is not None and witness.has_span(each.traceparent)
        }
        self._words: dict[str, tuple[Reading, ...]] = {}

    def said(self, outcomes: Sequence[Translated]) -> tuple[Translated, ...]:
        """Take what the deliveries say; it travels on in the context of the translation."""
        self._words = {outcome.delivery_id: outcome.readings for outcome in outcomes}
        return tuple(
            [
                outcome
                if (context := self._contexts.get(outcome.delivery_id)) is None
                else replace(outcome, traceparent=context)
                for outcome in outcomes
            ]
        )

    def done(self, failed: Iterable[Delivery]) -> None:
        """Tell of each, now that the outcomes of all but these are safe. Raises nothing."""
        try:
            self._tell(failed)
        except Exception as error:  # noqa: BLE001 - what is safe stays so
            not_told(error)

    def held(self) -> None:
        """Tell of each that it comes again. Raises nothing.

        Its outcome may have got through without an answer: what is done with it has the span for its parent.
        """
        try:
            for delivery in self._deliveries:
                self._span(delivery, HELD)
        except Exception as error:  # noqa: BLE001 - the batch is held, and for another reason
            not_told(error)

    def _tell(self, failed: Iterable[Delivery]) -> None:
        failures = {delivery.id for delivery in failed}
        for delivery in self._deliveries:
            readings = self._words.get(delivery.id, ())
            outcome = FAILED if delivery.id in failures else word_of(readings)
            self._span(delivery, outcome)
            if self._witness.has_line(delivery.traceparent):
                log.info(
                    "delivery_translated",
                    delivery_id=delivery.id,
                    source=delivery.source,
                    provider=delivery.provider,
                    outcome=outcome,
                    readings=[type(reading).__name__ for reading in readings],
                    age_ms=age_ms(delivery.received_at),
                    duration_ms=since_ms(self._began),
                    trace_id=trace_id_of(delivery.traceparent),
                    span_id=span_id_of(self._contexts.get(delivery.id)),
                )

    def _span(self, delivery: Delivery, outcome: str) -> None:
        traces, context = self._witness.traces, self._contexts.get(delivery.id)
        if traces is None or context is None:
            return
        traces.record(
            Finished(
                name=Name.TRANSLATE,
                kind=Kind.CONSUMER,
                context=context,
                parent=delivery.traceparent,
                began=self._began,
                ended=time_ns(),
                attributes={
                    **_TRANSLATE,
                    "caudal.delivery_id": delivery.id,
                    "caudal.source": delivery.source,
                    "caudal.provider": delivery.provider,
                    "caudal.outcome": outcome,
                    "caudal.age_ms": age_ms(delivery.received_at),
                },
                failed=outcome if outcome in _NOT_DONE else None,
            )
        )


def word_of(readings: Sequence[Reading]) -> str:
    """Say in one word what a delivery turned out to say; one that says nothing has failed."""
    kinds = {type(reading) for reading in readings}
    return next((word for kind, word in _WORDS.items() if kind in kinds), FAILED)
