"""What the ingress tells of single deliveries: that one came, and that it was published.

A request that is not let in makes no delivery, and so nothing that anybody could fill a collector or a log with.

A sender's `traceparent` is continued, so that who asks by the number of a trace finds it; but whether it is
kept is decided here. On the open internet its flag would let a stranger have everything kept, and its number would do
as well, since the usual sampler goes by that: the decision is drawn.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from time import time_ns
from typing import Final

import structlog

from libs.bus.topology import RECEIVED, WEBHOOKS
from libs.contracts.delivery import Delivery
from libs.runtime.tracing.batch import batch
from libs.runtime.tracing.context import (
    drawn,
    is_context,
    parent_of_publish,
    span_id_of,
    trace_id_of,
)
from libs.runtime.tracing.port import Attributes, Finished, Kind, Name, Traces, Value
from libs.runtime.tracing.witness import Witness, nanoseconds, since_ms
from services.ingress.envelope import trace
from services.ingress.ladder import Kept, RefusedError

REFUSED: Final = "refused"
_HTTP: Final[Attributes] = {
    "http.request.method": "POST",
    "http.route": "/webhooks/{source}",
    "url.scheme": "http",
}
_PUBLISH: Final[Attributes] = {
    "messaging.system": "rabbitmq",
    "messaging.destination.name": WEBHOOKS,
    "messaging.rabbitmq.destination.routing_key": RECEIVED,
    "messaging.operation.name": "publish",
    "messaging.operation.type": "create",
}
_SEND: Final[Attributes] = {
    **_PUBLISH,
    "messaging.operation.name": "send",
    "messaging.operation.type": "send",
}

log = structlog.get_logger()


class IngressWitness:
    """Tells of deliveries, and decides which are told of where tracing is on."""

    def __init__(self, witness: Witness) -> None:
        self._witness = witness
        self._traces: Traces | None = witness.traces

    def enter(self, told: str | None) -> str:
        """Return the context that a delivery travels with; `told` is what its sender said."""
        if self._traces is None:
            return trace(told)
        return drawn(sampled=self._traces.samples(), trace_id=trace_id_of(told))

    def accepted(self, delivery: Delivery, kept: Kept, status: int, told: str | None) -> None:
        """Tell of a delivery that is safe, and of which the sender is told so."""
        self._received(delivery, kept.value, status, told)
        if self._witness.has_line(delivery.traceparent):
            context = delivery.traceparent
            log.info(
                "delivery_accepted",
                delivery_id=delivery.id,
                source=delivery.source,
                provider=delivery.provider,
                outcome=kept.value,
                size=len(delivery.body),
                authority=delivery.authority.value,
                duration_ms=since_ms(nanoseconds(delivery.received_at)),
                trace_id=trace_id_of(context),
                span_id=self._span_id(context),
            )

    def refused(self, delivery: Delivery, status: int, told: str | None) -> None:
        """Tell of a delivery that is not known to be safe; the log has its own line of it."""
        self._received(delivery, REFUSED, status, told)

    @contextmanager
    def sending(self, deliveries: Sequence[Delivery]) -> Iterator[dict[str, Value]]:
        """Tell of one message with all of these in it, and of each; gives the attributes, for what became of it."""
        traces, began = self._traces, time_ns()
        sampled = [each for each in deliveries if self._witness.has_span(each.traceparent)]
        attributes: dict[str, Value] = {**_SEND, "messaging.batch.message_count": len(deliveries)}
        with batch(
            traces, Name.SEND, Kind.CLIENT, [each.traceparent for each in sampled], attributes
        ):
            yield attributes
        for delivery in sampled:
            self._published(delivery, attributes.get("caudal.outcome", REFUSED), began)

    def _published(self, delivery: Delivery, outcome: Value, began: int) -> None:
        if self._traces is None or delivery.traceparent is None:
            return
        self._traces.record(
            Finished(
                name=Name.PUBLISH,
                kind=Kind.PRODUCER,
                context=delivery.traceparent,
                parent=parent_of_publish(delivery.traceparent),
                began=began,
                ended=time_ns(),
                attributes={**_PUBLISH, **_of(delivery, outcome)},
                failed=RefusedError.__name__ if outcome == REFUSED else None,
            )
        )

    def _received(self, delivery: Delivery, outcome: str, status: int, told: str | None) -> None:
        if self._traces is None or not self._witness.has_span(delivery.traceparent):
            return
        context = delivery.traceparent or ""
        self._traces.record(
            Finished(
                name=Name.RECEIVE,
                kind=Kind.SERVER,
                context=parent_of_publish(context),
                parent=told if is_context(told) else None,
                began=nanoseconds(delivery.received_at),
                ended=time_ns(),
                attributes={
                    **_HTTP,
                    **_of(delivery, outcome),
                    "http.response.status_code": status,
                    "http.request.body.size": len(delivery.body),
                },
                failed=str(status) if outcome == REFUSED else None,
            )
        )

    def _span_id(self, traceparent: str | None) -> str | None:
        if traceparent is None or not self._witness.has_span(traceparent):
            return None
        return span_id_of(parent_of_publish(traceparent))


def outcome_of(answer: Kept | RefusedError) -> str:
    """Say in one word what became of a message."""
    return answer.value if isinstance(answer, Kept) else REFUSED


def _of(delivery: Delivery, outcome: Value) -> Attributes:
    return {
        "caudal.delivery_id": delivery.id,
        "caudal.source": delivery.source,
        "caudal.provider": delivery.provider,
        "caudal.outcome": outcome,
    }
