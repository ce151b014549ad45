"""How long each stage takes, how much it does at once, and what came of it. Told once for a batch."""

from __future__ import annotations

from typing import Final

from libs.runtime.metric_kinds import (
    ALL,
    CALLS,
    INGRESS,
    LONG,
    PROVIDERS,
    QUEUES,
    RECONCILER,
    SHORT,
    SIZES,
    WORKERS,
    counter,
    gauge,
    histogram,
)

PARK_REASONS: Final = (
    "unknown_value", "foreign_shape", "not_readable", "malformed", "no_identity",
    "object_not_found", "failed",
)  # fmt: skip

INGRESS_ACCEPT_SECONDS: Final = histogram(
    "caudal_ingress_accept_seconds",
    "From the arrival of the delivery of a message that waited longest until the message was safe, or was "
    "given up. One observation for each message: what a delivery waits is less.",
    SHORT,
    unit="seconds",
    who=[INGRESS],
)
INGRESS_MESSAGE_DELIVERIES: Final = histogram(
    "caudal_ingress_message_deliveries",
    "Deliveries that left the ingress in one message.",
    SIZES,
    unit="deliveries",
    who=[INGRESS],
)
PUBLISH_CONFIRM_SECONDS: Final = histogram(
    "caudal_publish_confirm_seconds",
    "Publishes (of a message, or of several that travel together) from the call until the broker has answered all of it; "
    "failed: one at least was not confirmed, which takes the whole deadline where nothing was answered.",
    SHORT,
    unit="seconds",
    who=ALL,
    outcome=("confirmed", "failed"),
)
PUBLISHED: Final = counter(
    "caudal_published",
    "Messages that were to be published, by what the broker made of them; unknown ones may have arrived.",
    unit="messages",
    who=ALL,
    outcome=("confirmed", "refused", "returned", "unknown"),
)
CONSUMER_BATCH_SECONDS: Final = histogram(
    "caudal_consumer_batch_seconds",
    "Seconds of one attempt to handle a batch of a queue, whether it was done or failed.",
    SHORT,
    unit="seconds",
    who=WORKERS,
    queue=QUEUES,
)
CONSUMER_BATCH_ITEMS: Final = histogram(
    "caudal_consumer_batch_items",
    "Items (deliveries or outcomes) in a batch of a queue.",
    SIZES,
    unit="items",
    who=WORKERS,
    queue=QUEUES,
)
CONSUMER_LAG_SECONDS: Final = histogram(
    "caudal_consumer_lag_seconds",
    "From the receipt of the first delivery of a batch until the batch was done. Replays, and what is tried again, do not count.",
    LONG,
    unit="seconds",
    who=WORKERS,
    queue=QUEUES,
)
FOLD_VERDICTS: Final = counter(
    "caudal_fold_verdicts",
    "Observations that were new in a batch, by their verdict at its end; duplicate: told before by another delivery.",
    unit="observations",
    who=[RECONCILER],
    outcome=("applied", "duplicate", "stale", "conflict", "superseded"),
)
PARKED_READINGS: Final = counter(
    "caudal_parked_readings",
    "Deliveries and parts of them that were parked, by the reason.",
    unit="readings",
    who=[RECONCILER],
    reason=PARK_REASONS,
)
PARKED: Final = gauge(
    "caudal_parked",
    "What is parked now and not discarded, by the reason; as of a minute ago at most, the same from each reconciler.",
    unit="readings",
    who=[RECONCILER],
    reason=PARK_REASONS,
)
RELAYED: Final = counter(
    "caudal_relay_events",
    "Events of the outbox: confirmed, or not confirmed and left there to be published again.",
    unit="events",
    who=[RECONCILER],
    outcome=("confirmed", "left"),
)
RELAY_SECONDS: Final = histogram(
    "caudal_relay_turn_seconds",
    "Turns of the relay in which there was something to publish.",
    SHORT,
    unit="seconds",
    who=[RECONCILER],
)
RELAY_TURN_EVENTS: Final = histogram(
    "caudal_relay_turn_events",
    "Events that were confirmed in one turn of the relay.",
    SIZES,
    unit="events",
    who=[RECONCILER],
)
POLL_SECONDS: Final = histogram(
    "caudal_poll_seconds",
    "Questions to a provider about one object, with all their calls, and the waits for the budget and between attempts.",
    CALLS,
    unit="seconds",
    who=[RECONCILER],
    provider=PROVIDERS,
)
