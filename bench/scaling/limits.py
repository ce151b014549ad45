"""What one cell carries at most: one database, one virtual host of a broker, and the processes around them.

Everything else is multiplied by starting more of it; these are not.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import Final

from bench.scaling.assumptions import Assumptions
from bench.scaling.costs import Costs, Measured
from bench.scaling.storage import kept_bytes

DAY: Final = 86_400  # seconds
PAGE: Final = 8192  # bytes


@dataclass(frozen=True, slots=True)
class Limit:
    """One thing that there is once, and the webhooks a second at which it is full."""

    name: str
    webhooks_per_second: float
    how: str
    """The arithmetic."""
    of_broker: bool = False
    """Whether it is a broker's, which several cells may share, each in a virtual host of its own."""


def limits(costs: Costs, found: Measured, taken: Assumptions) -> list[Limit]:
    """Return all of them, the lowest first."""
    postgres_us = costs.sustained.cpu_us["postgres"]
    carried = broker_bytes(costs, found)
    kept = sum(kept_bytes(costs, found, taken).values())
    per_day = 1e9 * taken.volume_gb / kept
    every = [
        Limit(
            "the relay, of which one works at a time",
            found.relay_events_per_second / found.events_per_webhook,
            f"{found.relay_events_per_second:,.0f} events/s measured / {found.events_per_webhook:.2f} events a webhook",
        ),
        Limit(
            "one queue of the broker, `caudal.events.all`: one event a message, one leader",
            costs.events_per_second / found.events_per_webhook,
            f"{costs.events_per_second:,.0f} messages/s measured / {found.events_per_webhook:.2f}",
        ),
        Limit(
            "the broker's log: two queues of raw webhooks, outcomes, events",
            costs.broker_bytes_per_second / carried,
            f"{costs.broker_bytes_per_second / 1e6:.0f} MB/s measured / {carried:,.0f} bytes a webhook",
            of_broker=True,
        ),
        Limit(
            "Postgres' processors",
            taken.postgres_vcpus / postgres_us * 1e6,
            f"{taken.postgres_vcpus:.0f} vCPUs assumed / {postgres_us:.0f} µs measured, if it scales straight",
        ),
        Limit(
            "Postgres' log, each random page whole",
            taken.wal_bytes_per_second / wal_bytes(found, taken),
            f"{taken.wal_bytes_per_second / 1e6:.0f} MB/s assumed / ({found.wal_bytes_per_webhook:,.0f} measured"
            f" + {taken.random_leaves:g} × 8,192 bytes)",  # noqa: RUF001 - the sign for times
        ),
        Limit(
            "Postgres' disk: what is kept",
            per_day / DAY * taken.peak_factor,
            f"{taken.volume_gb:,.0f} GB assumed / {kept / 1e6:,.2f} MB for each webhook a day"
            f" after {taken.object_days:g} days = {per_day / 1e6:,.0f} million a day, {taken.peak_factor:g} times that at the peak",
        ),
        Limit(
            "Postgres' disk: reads and writes",
            taken.iops / (2 * taken.random_leaves),
            f"{taken.iops:,.0f} a second assumed / {taken.random_leaves:g} pages a webhook, read and written",
        ),
    ]
    return sorted(every, key=lambda limit: limit.webhooks_per_second)


def times(peak: float, limit: Limit, taken: Assumptions) -> int:
    """Return how often there has to be what has this limit, for so many webhooks a second."""
    return max(1, ceil(peak / (taken.utilization * limit.webhooks_per_second)))


def wal_bytes(found: Measured, taken: Assumptions) -> float:
    """Return what one webhook writes into Postgres' log, where each page at a random place goes there as a whole.

    It does so at its first change after a checkpoint; in large indexes two changes seldom find the same page.
    """
    return found.wal_bytes_per_webhook + PAGE * taken.random_leaves


def broker_bytes(costs: Costs, found: Measured) -> float:
    """Return what one webhook writes into the logs of a broker: twice as it came, its outcome, its events.

    An outcome carries the body once more, so that the reconciler may file what the archive's queue has not brought yet.
    """
    return 3 * costs.webhook_bytes + costs.event_bytes * found.events_per_webhook
