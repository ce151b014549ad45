"""What the ingress tells of single deliveries: that one came, and that it was published.

A request that is not let in makes no delivery, and so nothing that anybody could fill a collector or a log with.

A sender's `traceparent` is continued, so that who asks by the number of a trace finds it; but whether it is
kept is decided here. On the open internet its flag would let a stranger have everything kept, and its number would do
as well, since the usual sampler goes by that: the decision is drawn.
"""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from time import time_ns
from typing import Final

import structlog

from libs.bus.topology import RECEIVED, WEBHOOKS
from libs.contracts.delivery import Delivery
from libs.runtime.tracing.batch import batch
from libs.runtime.tracing.context import (
    drawn,
    of_sender,
    parent_of_publish,
    span_id_of,
    trace_id_of,
)
from libs.runtime.tracing.port import Attributes, Finished, Kind, Name, Traces, Value
from libs.runtime.tracing.witness import Witness, nanoseconds, not_told, since_ms
from services.ingress.envelope import trace
from services.ingress.ladder import Kept, RefusedError

REFUSED: Final = "refused"
_ACCEPTED: Final = "delivery_accepted"
_NOT_KEPT: Final = "delivery_not_kept"
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
        return drawn(sampled=self._traces.samples(), trace_id=trace_id_of(of_sender(told)))

    def accepted(self, delivery: Delivery, kept: Kept, status: int, told: str | None) -> None:
        """Tell of a delivery that is safe, and of which the sender is told so. Raises nothing."""
        self._tell(_ACCEPTED, delivery, kept.value, status, told)

    def refused(self, delivery: Delivery, status: int, told: str | None) -> None:
        """Tell of a delivery that is not known to be safe. Raises nothing."""
        self._tell(_NOT_KEPT, delivery, REFUSED, status, told)

    def sending(self, deliveries: Sequence[Delivery]) -> Sending:
        """Begin with deliveries that leave in one message."""
        return Sending(self._witness, deliveries)

    def _tell(
        self, event: str, delivery: Delivery, outcome: str, status: int, told: str | None
    ) -> None:
        try:
            self._received(delivery, outcome, status, told)
            if self._witness.has_line(delivery.traceparent):
                self._log(event, delivery, outcome, status)
        except Exception as error:  # noqa: BLE001 - what became of the delivery is true all the same
            not_told(error)

    def _log(self, event: str, delivery: Delivery, outcome: str, status: int) -> None:
        log.info(
            event,
            delivery_id=delivery.id,
            source=delivery.source,
            provider=delivery.provider,
            outcome=outcome,
            code=status,
            size=len(delivery.body),
            authority=delivery.authority.value,
            duration_ms=since_ms(nanoseconds(delivery.received_at)),
            trace_id=trace_id_of(delivery.traceparent),
            span_id=self._span_id(delivery.traceparent),
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
                parent=of_sender(told),
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


class Sending:
    """Deliveries that leave in one message: one span for it, and one for each in its own trace."""

    def __init__(self, witness: Witness, deliveries: Sequence[Delivery]) -> None:
        self._traces = witness.traces
        self._began = time_ns()
        self._count = len(deliveries)
        self._sampled = [each for each in deliveries if witness.has_span(each.traceparent)]

    async def done_by(self, keeping: Awaitable[Kept]) -> Kept:
        """Wait until the message is safe, and tell of it."""
        attributes: dict[str, Value] = {
            **_SEND,
            "caudal.deliveries": self._count,
            "caudal.outcome": REFUSED,
        }
        links = [each.traceparent for each in self._sampled]
        with batch(self._traces, Name.SEND, Kind.CLIENT, links, attributes):
            kept = await keeping
            attributes["caudal.outcome"] = kept.value
        return kept

    def tell(self, answer: Kept | RefusedError) -> None:
        """Tell of each delivery, now that all are answered. Raises nothing."""
        outcome = answer.value if isinstance(answer, Kept) else REFUSED
        try:
            for delivery in self._sampled:
                self._published(delivery, outcome)
        except Exception as error:  # noqa: BLE001 - the next message has to leave
            not_told(error)

    def _published(self, delivery: Delivery, outcome: str) -> None:
        if self._traces is None or delivery.traceparent is None:
            return
        self._traces.record(
            Finished(
                name=Name.PUBLISH,
                kind=Kind.PRODUCER,
                context=delivery.traceparent,
                parent=parent_of_publish(delivery.traceparent),
                began=self._began,
                ended=time_ns(),
                attributes={**_PUBLISH, **_of(delivery, outcome)},
                failed=RefusedError.__name__ if outcome == REFUSED else None,
            )
        )


def _of(delivery: Delivery, outcome: Value) -> Attributes:
    return {
        "caudal.delivery_id": delivery.id,
        "caudal.source": delivery.source,
        "caudal.provider": delivery.provider,
        "caudal.outcome": outcome,
    }
