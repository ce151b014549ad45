"""The span of what a consumer does with a batch, linked to its messages and to each delivery in them."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from itertools import chain
from typing import Final

from libs.bus.message import Message
from libs.bus.topology import ARCHIVE_QUEUE, NORMALIZER_QUEUE, RECONCILER_QUEUE
from libs.runtime.tracing.batch import Open, batch
from libs.runtime.tracing.context import of_message
from libs.runtime.tracing.port import Attributes, Kind, Name, Traces

NAMES: Final = {
    NORMALIZER_QUEUE: Name.PROCESS_RECEIVED,
    ARCHIVE_QUEUE: Name.PROCESS_ARCHIVE,
    RECONCILER_QUEUE: Name.PROCESS_OUTCOMES,
}


def processing(
    traces: Traces, queue: str, items: Sequence[object], messages: Sequence[Message]
) -> AbstractContextManager[Open]:
    """Tell of the block as one span; `messages` has the one that each item came in."""
    brought = dict.fromkeys(of_message(message.headers) for message in messages)
    deliveries = [getattr(item, "traceparent", None) for item in items]
    attributes: Attributes = {
        "messaging.system": "rabbitmq",
        "messaging.destination.name": queue,
        "messaging.operation.name": "process",
        "messaging.operation.type": "process",
        "messaging.batch.message_count": len({id(message) for message in messages}),
        "caudal.deliveries": len(items),
    }
    return batch(traces, NAMES[queue], Kind.CONSUMER, chain(brought, deliveries), attributes)
