"""The walk: each object is passed once when it is old enough to need anything, and once more for sure.

By id beyond a mark, a thousand at a time: no round looks at more, however many objects there are, and an
object that is settled leaves no row. Ids are given before they are committed, so what was committed late
may lie behind the mark. No transaction of ours lasts two minutes: where no object is looked at before it is
so old, all before it are committed by then; else a second mark goes the same way two minutes later.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import takewhile
from typing import Final

from libs.domain.lifecycle import Kind
from libs.store.database import Pool
from libs.store.objects import StoredObject
from libs.store.polls import Looked, seen_of
from libs.store.walk import Passed, walking
from services.reconciler.polling.access import Access
from services.reconciler.polling.need import Action, Row, Why, need

ROUND: Final = 1000  # objects
LATE: Final = timedelta(minutes=2)
# A finished object whose last look was due so long ago (when polling was off) is left alone.
PAST: Final = timedelta(days=7)
FIRST: Final = "first"
AGAIN: Final = "again"


def marks(access: Access) -> tuple[str, ...]:
    """Return the marks that walk. To pass an object takes 35 µs: it is not done twice for nothing."""
    return (FIRST,) if _alone(access) else (FIRST, AGAIN)


def _alone(access: Access) -> bool:
    return timedelta(seconds=access.shortest) >= LATE


async def walk(pool: Pool, access: Access, mark: str) -> int:
    """Pass the next objects, and return how many those were."""
    age = timedelta(seconds=access.shortest) + (LATE if mark == AGAIN else timedelta())
    async with walking(pool, mark) as turn:
        if turn is None:
            return 0
        found = list(
            takewhile(lambda each: each.created_at + age <= each.now, await turn.objects(ROUND))
        )
        if found:
            also = (AGAIN,) if mark == FIRST and _alone(access) else ()
            await turn.add(_unsettled(found, access, mark), found[-1].row.id, also)
        return len(found)


def _unsettled(
    passed: Sequence[Passed], access: Access, mark: str
) -> list[tuple[StoredObject, Looked]]:
    # the first time round has had its last look at it by now
    past = timedelta() if mark == AGAIN else PAST
    found = [(each.row, _look(each, access, past)) for each in passed]
    return [(row, looked) for row, looked in found if looked is not None]


def _look(passed: Passed, access: Access, past: timedelta) -> Looked | None:
    """Say what the object needs; None for nothing."""
    row, now = passed.row, passed.now
    schedule = access.schedule(row.source, row.provider)
    if schedule is None:
        return None
    reach = access.reach(row.source, row.provider)
    found = need(
        Kind(row.kind),
        seen_of(row, passed.updated_at),
        Row(name="/".join(row.key), entered_at=passed.created_at),
        schedule,
        askable=reach is not None and reach.client.askable(row.provider_ref),
        now=now,
    )
    if found.action is Action.SETTLED or _past(found.looked, now - past):
        return None
    return found.looked


def _past(looked: Looked, before: datetime) -> bool:
    return looked.why == Why.CHECK and looked.due_at is not None and looked.due_at < before
