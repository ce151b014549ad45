"""PayU's report of transfers: each row is a delivery, and some resolve what was unknown.

A request whose answer was lost is looked for by its amount, its description and its time; the
merchant's reference is not echoed otherwise. Only where one row fits one request and no other is it
resolved; the rest is for a person, with the orders that it may be.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from libs.providers.payu.report import PREFIX, Row, Unreadable, row_body
from libs.store import payouts as store
from libs.store.database import Pool
from libs.store.payout_request import AskedPayout, RequestState, Resolver
from libs.store.to_be_told import remember_all
from services.payouts.connection import PROVIDER
from services.payouts.requesting import telling_of
from services.payouts.telling import report_delivery

_BEFORE: Final = timedelta(minutes=10)  # their clock beside ours
_AFTER: Final = timedelta(hours=2)
_A_DAY: Final = timedelta(days=1)


@dataclass(slots=True)
class Imported:
    """What a report has; `ambiguous` are unknown requests with the orders that each may be."""

    rows: list[Row]
    unreadable: list[Unreadable]
    resolved: list[tuple[AskedPayout, Row]] = field(default_factory=list)
    ambiguous: list[tuple[AskedPayout, list[str]]] = field(default_factory=list)


async def import_report(  # noqa: PLR0913 - the report, where it goes, and when
    pool: Pool,
    source: str,
    lines: Sequence[Row | Unreadable],
    *,
    name: str,
    reported_at: datetime | None,
    now: datetime,
    dry_run: bool,
) -> Imported:
    """Put every row among what is to be told, and resolve what can be; a dry run only looks."""
    found = Imported(
        [line for line in lines if isinstance(line, Row)],
        [line for line in lines if isinstance(line, Unreadable)],
    )
    await _look(pool, source, found)
    if dry_run:
        return found
    await remember_all(
        pool,
        [
            report_delivery(
                source, PROVIDER, f"{PREFIX}{row.payout}", row_body(row, reported_at), now
            )
            for row in found.rows
        ],
    )
    resolved = []
    for request, row in found.resolved:
        told = telling_of(request, row.payout, request.sent_at or request.created_at, now)
        done = await store.resolve(
            pool,
            request,
            payment_order_id=row.payout,
            by=Resolver.REPORT,
            reason=f"line {row.line} of {name}",
            now=now,
            told=told,
        )
        if done is not None:
            resolved.append((done, row))
    found.resolved = resolved
    return found


async def _look(pool: Pool, source: str, found: Imported) -> None:
    """Say which unknown request each row may be about."""
    unknown = await store.requests_on_record(pool, source=source, states=[RequestState.UNKNOWN])
    if not unknown:
        return
    known = await store.orders_on_record(pool, source, [row.payout for row in found.rows])
    rows = {row.payout: row for row in found.rows if row.payout not in known}
    fits = {
        request.id: [row for row in rows.values() if _fits(request, row)] for request in unknown
    }
    wanted = [row.payout for candidates in fits.values() for row in candidates]
    for request in unknown:
        candidates = fits[request.id]
        if (
            len(candidates) == 1
            and wanted.count(candidates[0].payout) == 1
            and _tells(candidates[0])
        ):
            found.resolved.append((request, candidates[0]))
        elif candidates:
            found.ambiguous.append((request, [row.payout for row in candidates]))


def _fits(request: AskedPayout, row: Row) -> bool:
    if row.value is None or (row.value, row.currency) != (request.value, request.currency):
        return False
    if (row.description or "") != (request.description or "").strip():
        return False
    sent = request.sent_at
    if row.created is None or sent is None:
        return True
    if not row.zoned and row.created.time() == datetime.min.time():  # a day, and no time
        return sent - _A_DAY <= row.created <= sent + _A_DAY
    moments = [row.created] if row.zoned else [row.created, row.created.replace(tzinfo=UTC)]
    return any(sent - _BEFORE <= moment <= sent + _AFTER for moment in moments)


def _tells(row: Row) -> bool:
    """Whether there is more than an amount to go by."""
    return row.created is not None or bool(row.description)
