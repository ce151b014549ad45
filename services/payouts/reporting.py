"""PayU's report of transfers: each row is a delivery, and some resolve what was unknown.

A request whose answer was lost is looked for by its amount, its description and its time; the
merchant's reference is not echoed otherwise. Only where one row fits one request and no other is it
resolved, and only by a row that says when its payout was made, of a report that is not older than the
request. Payouts that were known here before it was sent are not it. The rest is for a person, with the
orders that it may be.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from libs.providers.payu.dates import COLOMBIA
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
    environment: str | None = None,
) -> Imported:
    """Put every row among what is to be told, and resolve what can be; a dry run only looks.

    With an `environment` only requests are resolved that may be of it.
    """
    found = Imported(
        [line for line in lines if isinstance(line, Row)],
        [line for line in lines if isinstance(line, Unreadable)],
    )
    await _look(pool, source, found, reported_at, environment)
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
        try:
            done = await store.resolve(
                pool,
                request,
                payment_order_id=row.payout,
                by=Resolver.REPORT,
                reason=f"line {row.line} of {name}",
                now=now,
                told=told,
            )
        except store.OrderTakenError:  # by somebody who was faster
            found.ambiguous.append((request, [row.payout]))
            continue
        if done is not None:
            resolved.append((done, row))
    found.resolved = resolved
    return found


async def _look(
    pool: Pool, source: str, found: Imported, reported_at: datetime | None, environment: str | None
) -> None:
    """Say which unknown request each row may be about."""
    unknown = await store.requests_on_record(
        pool, source=source, states=[RequestState.UNKNOWN], environment=environment
    )
    if not unknown:
        return
    ids = [row.payout for row in found.rows]
    known = await store.orders_on_record(pool, source, ids)
    rows = {row.payout: row for row in found.rows if row.payout not in known}
    fits: dict[str, list[Row]] = {}
    for request in unknown:
        candidates = [row for row in rows.values() if _fits(request, row)]
        if candidates and request.sent_at is not None:
            names = [row.payout for row in candidates]
            old = await store.seen_before(pool, source, names, request.sent_at - _BEFORE)
            candidates = [row for row in candidates if row.payout not in old]
        fits[request.id] = candidates
    wanted = [row.payout for candidates in fits.values() for row in candidates]
    for request in unknown:
        candidates = fits[request.id]
        if (
            len(candidates) == 1
            and wanted.count(candidates[0].payout) == 1
            and _tells(request, candidates[0], reported_at)
        ):
            found.resolved.append((request, candidates[0]))
        elif candidates:
            found.ambiguous.append((request, [row.payout for row in candidates]))


def _fits(request: AskedPayout, row: Row) -> bool:
    """Whether a row may be about a request; one that tells no time may be of any."""
    if row.value is None or (row.value, row.currency) != (request.value, request.currency):
        return False
    if (row.description or "") != (request.description or "").strip():
        return False
    sent = request.sent_at
    if row.created is None or sent is None:
        return True
    first, last = sent - _BEFORE, sent + _AFTER
    if row.day:
        zones = (COLOMBIA, UTC)
        days = {moment.astimezone(zone).date() for moment in (first, last) for zone in zones}
        return row.created.date() in days
    moments = [row.created] if row.zoned else [row.created, row.created.replace(tzinfo=UTC)]
    return any(first <= moment <= last for moment in moments)


def _tells(request: AskedPayout, row: Row, reported_at: datetime | None) -> bool:
    """Whether a row that fits is enough to go by: it tells its time, and is not from before."""
    if row.created is None or request.sent_at is None:
        return False
    return reported_at is None or reported_at >= request.sent_at
