"""Who was not let in, as the ingresses tell it: counted once, whatever comes twice."""

from __future__ import annotations

from collections.abc import Sequence

from libs.arrivals.week import span_of
from libs.contracts.notice import Notice
from libs.store.database import Pool, execute_rows, session


async def count_notices(pool: Pool, notices: Sequence[Notice]) -> None:
    """Add what notices tell to the counts; those that were counted before add nothing."""
    rows = [
        (notice.id, span_of(notice.at), one.source, one.kind.value, one.requests)
        for notice in {notice.id: notice for notice in notices}.values()
        for one in notice.not_let_in
    ]
    async with session(pool) as connection:
        await execute_rows(connection, "add_not_let_in", rows)
