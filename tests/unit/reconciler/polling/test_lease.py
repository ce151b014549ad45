"""A claim outlasts the round that made it, whatever the budget is and however slow the answers are."""

from __future__ import annotations

import pytest

from libs.providers.clients import CLIENTS, SCHEDULES
from services.reconciler.polling.access import SPARE
from services.reconciler.polling.lease import BEGUN_WITHIN, NOTED_WITHIN, lease_of


@pytest.mark.parametrize(
    ("calls", "rate", "concurrency", "timeout"),
    [(5, 5, 2, 10), (1, 0.1, 4, 1), (5, 1000, 1, 60), (1, 5, 2, 0.5)],
)
def test_question_that_begins_last_ends_in_time(
    calls: int, rate: float, concurrency: int, timeout: float
) -> None:
    """Each call waits until all others that may be under way have begun, and is answered at the last moment."""
    ends: float = BEGUN_WITHIN + NOTED_WITHIN
    for _ in range(calls):
        ends += concurrency / rate + timeout
    assert round(ends, 6) <= lease_of(
        calls=calls, rate=rate, concurrency=concurrency, timeout=timeout
    )


@pytest.mark.parametrize("provider", SCHEDULES)
def test_crash_puts_nobody_off_for_long(provider: str) -> None:
    own, client = SCHEDULES[provider], CLIENTS.get(provider)
    lease = lease_of(
        calls=client.calls + SPARE if client else 0,
        rate=own.requests_per_second,
        concurrency=own.concurrency,
        timeout=own.timeout.total_seconds(),
    )
    assert lease <= 150
