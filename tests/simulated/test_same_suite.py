"""The memory store passes the suite of the real one: the same functions, collected again.

Left out is what speaks SQL of its own beyond what `memory_rooms` reads, or a real broker.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from types import ModuleType

import pytest
import pytest_asyncio

from libs.store.database import Pool, open_pool
from libs.store.memory import Database
from tests.integration.reconciler import (
    test_again,
    test_any_order,
    test_events,
    test_figures,
    test_meanwhile,
    test_messages,
    test_poison,
    test_relay,
    test_waiting,
)
from tests.integration.store import test_archive, test_arrivals
from tests.integration.store.rooms import logged
from tests.simulated.collecting import collected
from tests.simulated.installed import install_database

__all__ = ["logged"]

SUITES: dict[ModuleType, frozenset[str]] = {
    test_again: frozenset(),
    test_any_order: frozenset(),
    test_events: frozenset({"test_earlier_receipt_replaces_the_later"}),
    test_figures: frozenset(),
    test_meanwhile: frozenset(),
    test_messages: frozenset(),
    test_poison: frozenset(),
    test_relay: frozenset({"test_real_broker_gets_each_event", "test_missing_binding_loses_nothing"}),
    test_waiting: frozenset({"test_failing_one_stays_parked_alone"}),
    test_archive: frozenset({
        "test_each_day_has_its_partition",  # which partition a row lies in is not played
        "test_far_days_are_kept_too",
        "test_early_rows_move_to_their_partition",
        "test_a_made_partition_has_every_guard",
        "test_every_partition_learns_by_itself_what_came_lately",
        "test_filing_goes_on_while_partitions_are_made",
        "test_no_partition_is_made_while_a_day_is_dropped",
    }),
    test_arrivals: frozenset(),
}  # fmt: skip


@pytest.fixture
def dsn(monkeypatch: pytest.MonkeyPatch) -> str:
    """Give the test a database of its own, on which every pool of the test opens."""
    install_database(monkeypatch, Database())
    return "postgresql://memory"


@pytest_asyncio.fixture
async def pool(dsn: str) -> AsyncIterator[Pool]:
    """Give the test a pool on its own database."""
    async with open_pool(dsn, size=6) as opened:
        yield opened


globals().update(collected(SUITES))
