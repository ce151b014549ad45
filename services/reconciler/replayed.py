"""What a batch puts aside, and what a replay takes off that list again.

A replay stands for the delivery that it repeats: what is parked of that one is replaced by what is
still not translated. Outcomes that are on record change nothing any more, so a replay that comes
twice is applied once, and the delivery that it repeats is not parked again when a copy of it comes
late.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from libs.contracts.readings import ParkReason
from libs.contracts.webhook_translated import Translated
from libs.store.database import Connection
from libs.store.outcomes import WHOLE, Parked, park, unpark
from libs.store.parked import Row, lock_parked, park_again
from libs.store.together import Writes


def is_replay(outcome: Translated) -> bool:
    """Whether an outcome stands for a delivery that came before."""
    return outcome.replay_of is not None


async def lock_replayed(connection: Connection, outcomes: Sequence[Translated]) -> list[Row]:
    """Lock and return what is parked of deliveries that a batch replays.

    The lock comes before all else: of two copies of a replay the second looks when the first is on
    record. And twice: who had to wait does not see at once what the other put in the place of the
    rows.
    """
    replayed = [o.evidence for o in outcomes if is_replay(o)]
    await lock_parked(connection, replayed)
    return await lock_parked(connection, replayed)


async def put_aside(
    connection: Connection,
    writes: Writes,
    news: Sequence[Translated],
    parked: Sequence[Parked],
    locked: Sequence[Row],
) -> None:
    """Park what deliveries did not tell; of a replayed one, instead of the rows that are locked.

    Of several replays of one delivery the last one counts, and of the delivery itself nothing. A
    replay on which our own code fails tells nothing: what is parked stays, and waits on.
    """
    last = {
        o.evidence: o.delivery_id for o in sorted(news, key=lambda o: o.delivery_id) if is_replay(o)
    }
    park(writes, [p for p in parked if p.outcome.evidence not in last])
    if not last:
        return
    before = [row for row in locked if row.delivery_id in last]
    still = [p for p in parked if last.get(p.outcome.evidence) == p.outcome.delivery_id]
    failing = {p.outcome.evidence for p in still if p.why.reason is ParkReason.FAILED}
    gone = [r for r in before if r.delivery_id not in failing or r.reason == ParkReason.FAILED]
    await unpark(connection, [row.id for row in gone])
    await park_again(
        connection,
        [replace(p, ordinal=WHOLE) if p.outcome.evidence in failing else p for p in still],
        before,
    )
