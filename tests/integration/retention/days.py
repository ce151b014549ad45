"""An archive of some days of March 2026, and letting go of all of it that is not needed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from libs.contracts.readings import ParkReason, Reading, Unknown
from libs.contracts.webhook_translated import Translated
from libs.runtime.retention import Retention
from libs.store.archive import ensure_partitions
from libs.store.database import Pool
from services.reconciler.apply import apply
from services.reconciler.retention import Let, let_go
from tests.integration.store.rooms import fetch
from tests.unit.reconciler.telling import told

KEPT = Retention(retention_archive_days=30)
A_DAY = 1440  # deliveries of `telling` are a minute apart
FIRST_DAY = datetime(2026, 3, 3, tzinfo=UTC)  # of delivery 1


def outcome(number: int, *readings: Reading) -> Translated:
    """Say what a delivery says, with its body along, as workers do."""
    return replace(told(number, *readings), body=b'{"number": %d}' % number)


def whole(outcomes: Sequence[Translated]) -> list[Translated]:
    """Have each bring its body along."""
    return [replace(each, body=b'{"of": "%b"}' % each.delivery_id.encode()) for each in outcomes]


def unknown(word: str = "odd") -> Unknown:
    return Unknown(reason=ParkReason.UNKNOWN_VALUE, detail="a new word", field="word", value=word)


async def with_partitions(pool: Pool, days: int = 3) -> None:
    """Have a partition for each day from the first on."""
    await ensure_partitions(pool, FIRST_DAY + timedelta(days=1), days=days)


async def taken(pool: Pool, *outcomes: Translated) -> None:
    """Have them applied one by one."""
    for each in outcomes:
        await apply(pool, [each])


async def gone(pool: Pool, kept: Retention = KEPT) -> Let:
    return await let_go(pool, kept, lambda _: None)


async def partitions(pool: Pool) -> list[str]:
    rows = await fetch(
        pool,
        "select relname from pg_class where relkind = 'r'"
        " and relname ~ '^(going_)?(deliveries|translations)_' order by 1",
    )
    return [row["relname"] for row in rows]


async def on_file(pool: Pool) -> list[str]:
    return [str(row["id"]) for row in await fetch(pool, "select id from deliveries order by id")]
