"""What the relay tells of single events: that one was published, in the trace of the delivery that made it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from time import time_ns
from typing import Any, Final

import orjson
import structlog

from libs.bus.publisher import Outcome, Publisher
from libs.bus.topology import EVENTS
from libs.runtime.tracing.batch import batch
from libs.runtime.tracing.context import (
    HEADER,
    child_of,
    is_context,
    span_id_of,
    trace_id_of,
)
from libs.runtime.tracing.port import Attributes, Finished, Kind, Name
from libs.runtime.tracing.witness import Witness, age_ms, not_told, since_ms
from libs.store.outbox import WaitingEvent
from services.reconciler.message import message_of

_PUBLISH: Final[Attributes] = {
    "messaging.system": "rabbitmq",
    "messaging.destination.name": EVENTS,
    "messaging.operation.name": "publish",
    "messaging.operation.type": "create",
}
_SEND: Final[Attributes] = {
    **_PUBLISH,
    "messaging.operation.name": "send",
    "messaging.operation.type": "send",
}

log = structlog.get_logger()


class EventsWitness:
    """Publishes events, and tells of them."""

    def __init__(self, witness: Witness) -> None:
        self._witness = witness

    async def publish_all(
        self, publisher: Publisher, events: Sequence[WaitingEvent]
    ) -> list[Outcome]:
        """Publish events at the same time, each with its context as a header where tracing is on.

        One that is not sampled goes on as it came: whoever consumes the event learns that nothing is kept.
        """
        began = time_ns()
        contexts = [self._child(event.traceparent) for event in events]
        attributes = {**_SEND, "messaging.batch.message_count": len(events)}
        with batch(
            self._witness.traces, Name.SEND_EVENTS, Kind.CLIENT, contexts, attributes
        ) as sending:
            outcomes = await publisher.publish_all(
                [
                    message_of(event, self._header(context or event.traceparent))
                    for event, context in zip(events, contexts, strict=True)
                ]
            )
            sending.failed = next((o.value for o in outcomes if o is not Outcome.CONFIRMED), None)
        for event, context, outcome in zip(events, contexts, outcomes, strict=True):
            try:
                self._tell(event, context, outcome, began)
            except Exception as error:  # noqa: BLE001 - what is confirmed has to be forgotten
                not_told(error)
        return outcomes

    def _header(self, context: str | None) -> Mapping[str, str] | None:
        if self._witness.traces is None or context is None or not is_context(context):
            return None
        return {HEADER: context}

    def _child(self, traceparent: str | None) -> str | None:
        if traceparent is None or not self._witness.has_span(traceparent):
            return None
        return child_of(traceparent)

    def _tell(self, event: WaitingEvent, context: str | None, outcome: Outcome, began: int) -> None:
        has_line = self._witness.has_line(event.traceparent)
        if context is None and not has_line:
            return
        told: dict[str, Any] = orjson.loads(event.body)
        data: dict[str, Any] = told["data"]
        age = age_ms(datetime.fromisoformat(data["received_at"]))
        if context is not None:
            self._record(event, context, told, outcome, began, age)
        if has_line:
            log.info(
                "event_told",
                event_id=told["id"],
                delivery_id=data["delivery_id"],
                source=data["source"],
                provider=data["provider"],
                kind=data["kind"],
                state=data["state"],
                outcome=outcome.value,
                age_ms=age,
                duration_ms=since_ms(began),
                trace_id=trace_id_of(event.traceparent),
                span_id=span_id_of(context),
            )

    def _record(  # noqa: PLR0913, PLR0917 - what a span is made of
        self,
        event: WaitingEvent,
        context: str,
        told: dict[str, Any],
        outcome: Outcome,
        began: int,
        age: int,
    ) -> None:
        if self._witness.traces is None:
            return
        self._witness.traces.record(
            Finished(
                name=Name.PUBLISH_EVENT,
                kind=Kind.PRODUCER,
                context=context,
                parent=event.traceparent,
                began=began,
                ended=time_ns(),
                attributes={
                    **_PUBLISH,
                    "messaging.rabbitmq.destination.routing_key": event.routing_key,
                    "caudal.event_id": told["id"],
                    "caudal.delivery_id": told["data"]["delivery_id"],
                    "caudal.source": told["data"]["source"],
                    "caudal.provider": told["data"]["provider"],
                    "caudal.outcome": outcome.value,
                    "caudal.age_ms": age,
                },
                failed=None if outcome is Outcome.CONFIRMED else outcome.value,
            )
        )
