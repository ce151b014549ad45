"""Objects of which so much was said that no batch can be asked to fold them.

A batch only adds to what was said of such an object. Here it is folded, over everything, as any
other: its row and its event come later, and several steps may become one. The share of the time
that goes into it is bounded, however large the crowd; so a flood of reports about one object slows
no other.
"""

from __future__ import annotations

from collections.abc import Collection
from time import monotonic
from typing import Final

import structlog

from libs.domain.fold import fold
from libs.domain.lifecycle import Kind
from libs.runtime.failures import TemporaryError, where
from libs.store.crowded import crowded_objects, forget_crowded
from libs.store.database import Pool, transaction
from libs.store.objects import (
    ObjectKey,
    add_to_outbox,
    lock_objects,
    observations_of,
    update_objects,
)
from libs.store.together import Writes
from services.reconciler.change import change_of, outbox_row

REST: Final = 60  # times as long as it worked: 1.6 % of the time

log = structlog.get_logger()


class Crowd:
    """Folds what is noted as crowded, one object after another, with rests."""

    def __init__(self, pool: Pool, holds: Collection[str] = ()) -> None:
        self._pool = pool
        self._holds = holds
        self._until: float = 0

    async def run(self) -> int:
        """Fold what there is, unless it is time to rest; return how many objects that was."""
        done = 0
        if monotonic() < self._until:
            return done
        for key in await crowded_objects(self._pool):
            begun = monotonic()
            try:
                await _fold(self._pool, key, self._holds)
                done += 1
            except TemporaryError:
                raise
            except Exception as error:  # noqa: BLE001 - a bug stops one crowd and no other
                log.error("crowd_not_folded", kind=key.kind, at=where(error))  # noqa: TRY400
            now = monotonic()
            self._until = now + REST * (now - begun)
            if self._until > now + 1:  # a large one; the others come after the rest
                break
        return done


async def _fold(pool: Pool, key: ObjectKey, holds: Collection[str]) -> None:
    async with transaction(pool) as connection:
        row = (await lock_objects(connection, [key]))[key]
        known = (await observations_of(connection, [row.id]))[row.id]
        folded = fold(Kind(row.kind), known.values()) if known else None
        change = change_of(row, folded, holds) if folded is not None else None
        if change is not None:
            writes = Writes()
            update_objects(writes, [change.row])
            if change.news:
                add_to_outbox(writes, [outbox_row(change.row)])
            await writes.execute(connection)
        await forget_crowded(connection, row.id)
