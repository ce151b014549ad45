"""Weeks of a source as if they had been counted as they came."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from libs.arrivals.week import SPAN, WEEK
from libs.store.database import Pool, transaction

_COUNTED = """
insert into arrivals (source, arrived, filed, deliveries)
select $1, at, at, $2 from generate_series($3::timestamptz, $4::timestamptz - interval '5 minutes', '5 minutes') at
where extract(hour from at at time zone 'utc') = any($5::integer[])
"""
_HEARD = """
insert into arrival_sources as known (source, provider, first_at, last_at)
select $1, 'clip', min(arrived), max(arrived) from arrivals where source = $1
on conflict (source) do update
set first_at = least(known.first_at, excluded.first_at),
    last_at = greatest(known.last_at, excluded.last_at)
"""
_MARK = """
insert into arrival_marks values ('counted', $1)
on conflict (of) do update set until = excluded.until
"""


async def counted_weeks(
    pool: Pool,
    source: str,
    *,
    per_span: int,
    until: datetime,
    weeks: int = 8,
    hours: Sequence[int] = range(24),
    mark: datetime | None = None,
) -> None:
    """Have so many come in every five minutes up to `until`, and all counted up to `mark`."""
    begin = until - weeks * WEEK - SPAN
    async with transaction(pool) as connection:
        await connection.execute(_COUNTED, source, per_span, begin, until, list(hours))
        await connection.execute(_HEARD, source)
        await connection.execute(_MARK, mark or until)
