"""What a process tells of itself in numbers: all metrics there are, and how they are read.

The set is closed. Each metric stands below with its kind, meaning and unit, and labels take few values that
we choose ourselves: never an id, a reference, or anything that a stranger sent. A process answers
`/metrics` on CAUDAL_METRICS_PORT, where it is set; the ingress on its own port too, while that is loopback's.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Final

from aiohttp import web
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

from libs.runtime.configuration import ConfigurationError

disable_created_metrics()  # type: ignore[no-untyped-call]

# Of our own, so that nothing enters which a library registers with the default one.
REGISTRY: Final = CollectorRegistry()
ProcessCollector(registry=REGISTRY)  # process_*: CPU, memory, open files, start

INGRESS_ACCEPT_LEVEL: Final = Gauge(
    "caudal_ingress_accept_level",
    "1 for the rung of the accept ladder that holds, 0 for the others.",
    ["level"],  # confirmed, spooling, refusing
    registry=REGISTRY,
)
INGRESS_ANSWERS: Final = Counter(
    "caudal_ingress_answers",
    "Deliveries by what became of them; confirmed and spooled were answered 2xx, refused 503.",
    ["outcome"],  # confirmed, spooled, refused
    registry=REGISTRY,
)
INGRESS_PUBLISH_FAILURES: Final = Counter(
    "caudal_ingress_publish_failures",
    "Publishes of the ingress that were not confirmed.",
    ["outcome"],  # refused, returned, unknown
    registry=REGISTRY,
)
NOT_LET_IN: Final = Counter(
    "caudal_source_auth_failures",
    "Requests to a source that did not prove who sent them, by what was wrong.",
    ["source", "kind"],  # slugs of the sources file ("": there is none of that name); `AuthFailure`
    registry=REGISTRY,
)
INGRESS_LIMITED: Final = Counter(
    "caudal_ingress_limited",
    "Requests and connections that a limit of the ingress ended; no source where none was known yet.",
    # rate, requests, failures, address: 429; the others are of connections, see services/ingress/limited.py
    ["source", "reason"],
    registry=REGISTRY,
)
SPOOL_BYTES: Final = Gauge(
    "caudal_spool_bytes",
    "Bytes of the spool of this process on its disk, damaged ones included.",
    registry=REGISTRY,
)
SPOOL_RECORDS: Final = Gauge(
    "caudal_spool_records",
    "Messages in the spool that have not been drained.",
    registry=REGISTRY,
)
SPOOL_FAILURES: Final = Counter(
    "caudal_spool_failures",
    "Writes that the spool could not promise.",
    ["reason"],  # full, disk
    registry=REGISTRY,
)
SPOOL_DRAINED: Final = Counter(
    "caudal_spool_drained", "Messages of the spool that the broker confirmed.", registry=REGISTRY
)
SPOOL_DAMAGED: Final = Counter(
    "caudal_spool_damaged",
    "Stretches of a segment that could not be read and were set aside.",
    registry=REGISTRY,
)

CONSUMER_MESSAGES: Final = Counter(
    "caudal_consumer_messages",
    "Messages of a queue: handled, or handled but delivered again (stale: the channel was lost).",
    ["queue", "outcome"],  # handled, stale
    registry=REGISTRY,
)
CONSUMER_BATCHES: Final = Counter(
    "caudal_consumer_batches",
    "Batches of a queue: done, or failed and held to be tried again.",
    ["queue", "outcome"],  # done, failed
    registry=REGISTRY,
)
ITEMS: Final = Counter(
    "caudal_items",
    "What became of the items (deliveries or outcomes) in the messages of a queue; buried: messages.",
    ["queue", "outcome"],  # done, set_back, contended, given_up, buried
    registry=REGISTRY,
)
BRAKE_ENGAGED: Final = Gauge(
    "caudal_brake_engaged",
    "1 while a consumer holds its batch because too many items fail, else 0.",
    ["service", "queue"],
    registry=REGISTRY,
)
SWEPT: Final = Counter(
    "caudal_swept",
    "Deliveries on file without a translation that were published again.",
    registry=REGISTRY,
)
SOURCE_SILENT: Final = Gauge(
    "caudal_source_silent",
    "1 while a source has fallen out of its usual rate, else 0; as of a few minutes ago.",
    ["source"],  # slugs of the sources file
    registry=REGISTRY,
)
SOURCE_LAST_DELIVERY_AGE: Final = Gauge(
    "caudal_source_last_delivery_age_seconds",
    "Seconds since the last webhook of a source that was counted; some of the last minutes may not be.",
    ["source"],  # slugs of the sources file
    registry=REGISTRY,
)

POLLS: Final = Counter(
    "caudal_polls",
    "Questions to a provider about one object, by what became of them; put_off ones were not asked.",
    # answered, unchanged, not_found, failed, unauthorized, limited, unreachable, put_off, unpublished
    ["provider", "outcome"],
    registry=REGISTRY,
)
POLL_AGREEMENT: Final = Counter(
    "caudal_poll_agreement",
    "Answers beside what the webhooks had told by then; poll_ahead: one of them is late or lost.",
    ["provider", "agreement"],  # agrees, poll_ahead, poll_behind, conflict
    registry=REGISTRY,
)
POLLS_UNDER_WAY: Final = Gauge(
    "caudal_polls_under_way",
    "Calls to a provider that have begun and not ended.",
    ["provider"],
    registry=REGISTRY,
)
POLL_BUDGET: Final = Gauge(
    "caudal_poll_budget",
    "Calls to a provider that may be under way at most, by the process whose turn it is.",
    ["provider"],
    registry=REGISTRY,
)
POLL_TURN: Final = Gauge(
    "caudal_poll_turn",
    "1 where this process is the one that asks a provider, 0 where another is or none.",
    ["provider"],
    registry=REGISTRY,
)
POLL_BREAKER: Final = Gauge(
    "caudal_poll_breaker",
    "1 for the state of the breaker before a provider's API, 0 for the others.",
    ["provider", "state"],  # closed, open, half_open
    registry=REGISTRY,
)
OVERDUE: Final = Gauge(
    "caudal_overdue",
    "Objects of a provider that are overdue, as of a moment ago; the same from each reconciler.",
    ["provider"],
    registry=REGISTRY,
)
OVERDUE_OLDEST: Final = Gauge(
    "caudal_overdue_oldest_seconds",
    "For how long the object of a provider that is longest overdue has been so.",
    ["provider"],
    registry=REGISTRY,
)

TO_BE_TOLD: Final = Gauge(
    "caudal_to_be_told",
    "Deliveries of our own (payouts, cancels, rows of a report) that have not entered yet; the same from each reconciler.",
    registry=REGISTRY,
)

RETENTION_LAST_DONE: Final = Gauge(
    "caudal_retention_last_done_timestamp_seconds",
    "When all that was due to go was gone for the last time (Unix time); the same from each reconciler.",
    registry=REGISTRY,
)
RETENTION_OVERDUE: Final = Gauge(
    "caudal_retention_overdue_days",
    "Days of the archive that are due to go and are still there; the same from each reconciler.",
    registry=REGISTRY,
)
RETENTION_DROPPED: Final = Counter(
    "caudal_retention_dropped",
    "What this process dropped: days (partitions), rows, and bytes of the days.",
    ["what"],  # days, deliveries, bytes, discarded, acts
    registry=REGISTRY,
)
RETENTION_OLDEST: Final = Gauge(
    "caudal_retention_oldest_partition_seconds",
    "Age of the oldest day of the archive that has a partition; the same from each reconciler.",
    registry=REGISTRY,
)
RETENTION_AHEAD: Final = Gauge(
    "caudal_retention_partitions_ahead_days",
    "Days from today on that have their partitions, without a gap; the same from each reconciler.",
    registry=REGISTRY,
)
RETENTION_UNPARTITIONED: Final = Gauge(
    "caudal_retention_unpartitioned_rows",
    "Deliveries in the default partition, counted up to 10,000; the same from each reconciler.",
    registry=REGISTRY,
)


def exposition() -> bytes:
    """Return all metrics as Prometheus reads them."""
    return generate_latest(REGISTRY)


async def answer_metrics(_request: web.BaseRequest) -> web.Response:
    """Handle `GET /metrics`."""
    return web.Response(
        body=exposition(),
        headers={"Content-Type": CONTENT_TYPE_PLAIN_0_0_4, "Cache-Control": "no-store"},
    )


@contextlib.asynccontextmanager
async def telling_metrics(host: str, port: int | None) -> AsyncIterator[str | None]:
    """Answer `/metrics` as long as the block lasts; gives the URL, or None where no port is set.

    Raises `ConfigurationError` where it cannot listen.
    """
    if port is None:
        yield None
        return
    app = web.Application()
    app.router.add_get("/metrics", answer_metrics)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, host, port).start()
        except (OSError, OverflowError) as error:
            why = getattr(error, "strerror", None) or "not possible"
            raise ConfigurationError(
                "CAUDAL_METRICS_PORT", f"cannot listen on {host}:{port}: {why}"
            ) from None
        bound_host, bound_port = runner.addresses[0][:2]
        shown = f"[{bound_host}]" if ":" in bound_host else bound_host
        yield f"http://{shown}:{bound_port}/metrics"
    finally:
        await runner.cleanup()
