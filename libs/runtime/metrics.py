"""What a process tells of itself in numbers: what became of what, by the places where that is known.

The set is closed, and stands in deploy/metrics.md as it is declared here, in `stage_metrics` (how long, how
many together) and in `queue_metrics` (what waits). `metrics_port` tells all of them.
"""

from __future__ import annotations

from typing import Final

from libs.runtime.metric_kinds import (
    INGRESS,
    PROVIDERS,
    QUEUES,
    RECONCILER,
    REGISTRY,
    SOURCES,
    WORKERS,
    counter,
    gauge,
)

__all__ = ["REGISTRY"]

INGRESS_ACCEPT_LEVEL: Final = gauge(
    "caudal_ingress_accept_level",
    "1 for the rung of the accept ladder that holds, 0 for the others.",
    unit="1 or 0",
    who=[INGRESS],
    level=("confirmed", "spooling", "refusing"),
)
INGRESS_ANSWERS: Final = counter(
    "caudal_ingress_answers",
    "Deliveries by what became of them; confirmed and spooled were answered 2xx, refused 503.",
    unit="deliveries",
    who=[INGRESS],
    outcome=("confirmed", "spooled", "refused"),
)
INGRESS_REJECTIONS: Final = counter(
    "caudal_ingress_rejections",
    "Requests with a readable head that were not taken, by the status that they were answered with.",
    unit="requests",
    who=[INGRESS],
    status=(
        "400", "401", "404", "405", "408", "413", "414", "415", "417", "429", "431",
        "500", "501", "503", "505",
    ),
)  # fmt: skip
INGRESS_PUBLISH_FAILURES: Final = counter(
    "caudal_ingress_publish_failures",
    "Publishes of the ingress that were not confirmed.",
    unit="messages",
    who=[INGRESS],
    outcome=("refused", "returned", "unknown"),
)
NOT_LET_IN: Final = counter(
    "caudal_source_auth_failures",
    'Requests to a source that did not prove who sent them, by what was wrong; source "": there is none of that name.',
    unit="requests",
    who=[INGRESS],
    source=SOURCES,
    kind=("missing", "repeated", "wrong", "stale", "address", "unknown_source"),
)
INGRESS_LIMITED: Final = counter(
    "caudal_ingress_limited",
    'Requests and connections that a limit of the ingress ended; source "" where none was known yet.',
    unit="requests and connections",
    who=[INGRESS],
    source=SOURCES,
    # rate, requests, failures, address: 429; the others are of connections, see services/ingress/limited.py
    reason=(
        "rate", "requests", "failures", "address", "connections", "address_connections",
        "idle", "malformed", "head", "slow_head", "unread",
    ),
)  # fmt: skip
SPOOL_BYTES: Final = gauge(
    "caudal_spool_bytes",
    "Bytes of the spool of this process on its disk, damaged ones included.",
    unit="bytes",
    who=[INGRESS],
)
SPOOL_LIMIT: Final = gauge(
    "caudal_spool_limit_bytes",
    "Bytes that the spool of this process may fill (CAUDAL_SPOOL_MAX_BYTES); 0 where there is none.",
    unit="bytes",
    who=[INGRESS],
)
SPOOL_RECORDS: Final = gauge(
    "caudal_spool_records",
    "Messages in the spool that have not been drained.",
    unit="messages",
    who=[INGRESS],
)
SPOOL_FAILURES: Final = counter(
    "caudal_spool_failures",
    "Writes that the spool could not promise.",
    unit="writes",
    who=[INGRESS],
    reason=("full", "disk", "stalled"),
)
SPOOL_DRAINED: Final = counter(
    "caudal_spool_drained",
    "Messages of the spool that the broker confirmed.",
    unit="messages",
    who=[INGRESS],
)
SPOOL_DAMAGED: Final = counter(
    "caudal_spool_damaged",
    "Stretches of a segment that could not be read and were set aside.",
    unit="stretches",
    who=[INGRESS],
)

CONSUMER_MESSAGES: Final = counter(
    "caudal_consumer_messages",
    "Messages of a queue: handled, or handled but delivered again (stale: the channel was lost).",
    unit="messages",
    who=WORKERS,
    queue=QUEUES,
    outcome=("handled", "stale"),
)
CONSUMER_BATCHES: Final = counter(
    "caudal_consumer_batches",
    "Batches of a queue: done, or failed and held to be tried again.",
    unit="batches",
    who=WORKERS,
    queue=QUEUES,
    outcome=("done", "failed"),
)
ITEMS: Final = counter(
    "caudal_items",
    "What became of the items (deliveries or outcomes) in the messages of a queue; buried: messages.",
    unit="items",
    who=WORKERS,
    queue=QUEUES,
    outcome=("done", "set_back", "contended", "given_up", "buried"),
)
BRAKE_ENGAGED: Final = gauge(
    "caudal_brake_engaged",
    "1 while a consumer holds its batch because too many items fail, else 0.",
    unit="1 or 0",
    who=WORKERS,
    service=WORKERS,
    queue=QUEUES,
)
SWEPT: Final = counter(
    "caudal_swept",
    "Deliveries on file without a translation that were published again.",
    unit="deliveries",
    who=[RECONCILER],
)
SOURCE_SILENT: Final = gauge(
    "caudal_source_silent",
    "1 while a source has fallen out of its usual rate, else 0; as of a few minutes ago. The same from each reconciler.",
    unit="1 or 0",
    who=[RECONCILER],
    source=SOURCES,
)
SOURCE_LAST_DELIVERY_AGE: Final = gauge(
    "caudal_source_last_delivery_age_seconds",
    "Seconds since the last webhook of a source that was counted; some of the last minutes may not be.",
    unit="seconds",
    who=[RECONCILER],
    source=SOURCES,
)

POLLS: Final = counter(
    "caudal_polls",
    "Questions to a provider about one object, by what became of them; put_off ones were not asked.",
    unit="questions",
    who=[RECONCILER],
    provider=PROVIDERS,
    outcome=(
        "answered", "unchanged", "not_found", "failed", "unauthorized", "limited", "unreachable",
        "put_off", "unpublished",
    ),
)  # fmt: skip
POLL_AGREEMENT: Final = counter(
    "caudal_poll_agreement",
    "Answers beside what the webhooks had told by then; poll_ahead: one of them is late or lost.",
    unit="answers",
    who=[RECONCILER],
    provider=PROVIDERS,
    agreement=("agrees", "poll_ahead", "poll_behind", "conflict"),
)
POLLS_UNDER_WAY: Final = gauge(
    "caudal_polls_under_way",
    "Calls to a provider that have begun and not ended.",
    unit="calls",
    who=[RECONCILER],
    provider=PROVIDERS,
)
POLL_BUDGET: Final = gauge(
    "caudal_poll_budget",
    "Calls to a provider that may be under way at most, by the process whose turn it is; the same from each reconciler.",
    unit="calls",
    who=[RECONCILER],
    provider=PROVIDERS,
)
POLL_TURN: Final = gauge(
    "caudal_poll_turn",
    "1 where this process is the one that asks a provider, 0 where another is or none.",
    unit="1 or 0",
    who=[RECONCILER],
    provider=PROVIDERS,
)
POLL_BREAKER: Final = gauge(
    "caudal_poll_breaker",
    "1 for the state of the breaker before a provider's API, 0 for the others.",
    unit="1 or 0",
    who=[RECONCILER],
    provider=PROVIDERS,
    state=("closed", "open", "half_open"),
)
OVERDUE: Final = gauge(
    "caudal_overdue",
    "Objects of a provider that are overdue, as of a moment ago; the same from each reconciler.",
    unit="objects",
    who=[RECONCILER],
    provider=PROVIDERS,
)
OVERDUE_OLDEST: Final = gauge(
    "caudal_overdue_oldest_seconds",
    "For how long the object of a provider that is longest overdue has been so.",
    unit="seconds",
    who=[RECONCILER],
    provider=PROVIDERS,
)

TO_BE_TOLD: Final = gauge(
    "caudal_to_be_told",
    "Deliveries of our own (payouts, cancels, rows of a report) that have not entered yet; the same from each reconciler.",
    unit="deliveries",
    who=[RECONCILER],
)
TRACE_SPANS: Final = counter(
    "caudal_trace_spans",
    "Spans by what became of them; dropped: more came than the collector takes.",
    unit="spans",
    who=[INGRESS, *WORKERS],
    outcome=("exported", "failed", "dropped"),
)

RETENTION_LAST_DONE: Final = gauge(
    "caudal_retention_last_done_timestamp_seconds",
    "When all that was due to go was gone for the last time (Unix time); the same from each reconciler.",
    unit="seconds",
    who=[RECONCILER],
)
RETENTION_OVERDUE: Final = gauge(
    "caudal_retention_overdue_days",
    "Days of the archive that are due to go and are still there; the same from each reconciler.",
    unit="days",
    who=[RECONCILER],
)
RETENTION_DROPPED: Final = counter(
    "caudal_retention_dropped",
    "What this process dropped: days (partitions), rows, and bytes of the days.",
    unit="as `what` says",
    who=[RECONCILER],
    what=("days", "deliveries", "bytes", "discarded", "acts"),
)
RETENTION_OLDEST: Final = gauge(
    "caudal_retention_oldest_partition_seconds",
    "Age of the oldest day of the archive that has a partition; the same from each reconciler.",
    unit="seconds",
    who=[RECONCILER],
)
RETENTION_AHEAD: Final = gauge(
    "caudal_retention_partitions_ahead_days",
    "Days from today on that have their partitions, without a gap; the same from each reconciler.",
    unit="days",
    who=[RECONCILER],
)
RETENTION_UNPARTITIONED: Final = gauge(
    "caudal_retention_unpartitioned_rows",
    "Deliveries in the default partition, counted up to 10,000; the same from each reconciler.",
    unit="rows",
    who=[RECONCILER],
)
