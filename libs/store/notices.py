"""Who was not let in, as the ingresses tell it: counted once, whatever comes twice.

Of the last `LOST_KEPT` of each source it is kept what they looked like: the lost-and-found.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from libs.arrivals.week import span_of
from libs.contracts.notice import AuthFailure, Lost, Notice
from libs.store.database import Pool, execute_rows, session
from libs.store.queries import query

LOST_KEPT: Final = 100  # of each source


async def count_notices(pool: Pool, notices: Sequence[Notice]) -> None:
    """Add what notices tell to the counts; those that were counted before add nothing."""
    known = {notice.id: notice for notice in notices}.values()
    rows = [
        (notice.id, span_of(notice.at), one.source, one.kind.value, one.requests)
        for notice in known
        for one in notice.not_let_in
    ]
    async with session(pool) as connection:
        await execute_rows(connection, "add_not_let_in", rows)
        lost = [_row(notice, n, one) for notice in known for n, one in enumerate(notice.lost)]
        await execute_rows(connection, "add_lost", lost)
        for source in sorted({one.source for notice in known for one in notice.lost}):
            await connection.execute(query("forget_lost"), source, LOST_KEPT)


async def lost_and_found(pool: Pool, source: str | None = None) -> list[Lost]:
    """Return what was not let in, the latest first; of one source, or of all."""
    async with session(pool) as connection:
        rows = await connection.fetch(query("lost_and_found"), source)
    return [
        Lost(
            source=row["source"],
            at=row["at"],
            failure=AuthFailure(row["failure"]),
            rule=row["rule"],
            why=row["why"],
            size=row["size"],
            sha256=None if row["sha256"] is None else row["sha256"].hex(),
            headers=tuple(row["headers"].split()),
        )
        for row in rows
    ]


def _row(notice: Notice, number: int, one: Lost) -> tuple[object, ...]:
    return (
        notice.id,
        number,
        one.at,
        one.source,
        one.failure.value,
        one.rule,
        one.why,
        one.size,
        None if one.sha256 is None else bytes.fromhex(one.sha256),
        " ".join(one.headers),
    )
