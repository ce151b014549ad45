"""What a stage tells of a piece of work that is done; who keeps it is another's affair.

Every span is told when it has ended, with the context that was drawn for it before: nothing is open meanwhile,
so a process that dies leaves no half, and a stage holds no object of a library.
Names of spans and of attributes are closed lists. None of them is for what a stranger wrote: no
body, no header, no reference, nothing of a person. Names go by the semantic conventions where these have one:
https://opentelemetry.io/docs/specs/semconv/messaging/messaging-spans/
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import Final, Protocol


class Kind(Enum):
    """Which side of a call a span is."""

    SERVER = "server"
    CLIENT = "client"
    PRODUCER = "producer"
    CONSUMER = "consumer"


class Name(StrEnum):
    """All spans there are."""

    # in the trace of a delivery, each under the one before
    RECEIVE = "POST /webhooks/{source}"
    PUBLISH = "publish caudal.webhooks"
    FILE = "file caudal.archive"
    TRANSLATE = "translate caudal.normalizer"
    FOLD = "fold caudal.reconciler"
    PUBLISH_EVENT = "publish caudal.events"
    # of a batch, in a trace of its own, with a link to each of its deliveries
    SEND = "send caudal.webhooks"
    SEND_EVENTS = "send caudal.events"
    PROCESS_RECEIVED = "process caudal.normalizer"
    PROCESS_ARCHIVE = "process caudal.archive"
    PROCESS_OUTCOMES = "process caudal.reconciler"
    TRANSACTION = "transaction postgresql"


Value = str | int
Attributes = Mapping[str, Value]

ATTRIBUTES: Final = frozenset(
    {
        "caudal.age_ms",
        "caudal.deliveries",
        "caudal.delivery_id",
        "caudal.event_id",
        "caudal.events",
        "caudal.outcome",
        "caudal.provider",
        "caudal.source",
        "db.operation.batch.size",
        "db.system.name",
        "error.type",
        "http.request.body.size",
        "http.request.method",
        "http.response.status_code",
        "http.route",
        "messaging.batch.message_count",
        "messaging.destination.name",
        "messaging.operation.name",
        "messaging.operation.type",
        "messaging.rabbitmq.destination.routing_key",
        "messaging.system",
        "url.scheme",
    }
)
"""What a span may tell; `exported` leaves out whatever else it is given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """A span. Times are nanoseconds since 1970; contexts are those of `traceparent`.

    `parent` None: it is the first of its trace. `links` are contexts of other traces. `failed` is the
    type of what went wrong.
    """

    name: Name
    kind: Kind
    context: str
    began: int
    ended: int
    attributes: Attributes
    parent: str | None = None
    links: Sequence[str] = ()
    failed: str | None = None


class Traces(Protocol):
    """Whoever keeps spans. None of it raises anything."""

    def samples(self) -> bool:
        """Decide whether a trace that begins now is kept."""

    def record(self, span: Finished) -> None:
        """Take a span, whose context has to be sampled."""
