"""What a batch puts aside, and what a replay takes off that list again.

A replay stands for the delivery that it repeats: what is parked of that one is replaced by what is
still not translated. Outcomes that are on record change nothing any more, so a replay that comes
twice is applied once, and the delivery that it repeats is not parked again when a copy of it comes
late.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from libs.contracts.delivery import Delivery
from libs.contracts.readings import ParkReason
from libs.contracts.webhook_translated import Translated
from libs.store.database import Connection
from libs.store.outcomes import WHOLE, Parked, on_record, park, unpark
from libs.store.parked import Row, lock_parked, park_again


class News(NamedTuple):
    """What a batch brings.

    `before` is what is parked of deliveries that it replays, locked; `unfiled` are the deliveries
    that are not on file.
    """

    outcomes: list[Translated]
    before: list[Row]
    unfiled: list[Delivery]


async def news_of(connection: Connection, outcomes: Sequence[Translated]) -> News:
    """Look up what a batch brings.

    The lock comes first: of two copies of a replay the second looks when the first is on record.
    And twice: who had to wait does not see at once what the other put in the place of the rows.
    """
    replayed = [o.evidence for o in outcomes if o.replay_of is not None]
    await lock_parked(connection, replayed)
    rows = await lock_parked(connection, replayed)
    named = sorted({(o.delivery_id, o.received_at, o.source) for o in outcomes})
    known = await on_record(connection, named)
    news = [o for o in outcomes if o.delivery_id not in known.told]
    repeated = {o.evidence for o in news if o.replay_of is not None}
    unfiled = {o.delivery_id: o.delivery for o in outcomes if o.delivery_id not in known.filed}
    return News(
        news,
        [row for row in rows if row.delivery_id in repeated],
        [delivery for delivery in unfiled.values() if delivery is not None],
    )


async def put_aside(
    connection: Connection,
    news: Sequence[Translated],
    parked: Sequence[Parked],
    before: Sequence[Row],
) -> None:
    """Park what deliveries did not tell; of a replayed one, instead of the rows in `before`.

    Of several replays of one delivery the last one counts, and of the delivery itself nothing. A
    replay on which our own code fails tells nothing: what is parked stays, and waits on.
    """
    last = {
        o.evidence: o.delivery_id
        for o in sorted(news, key=lambda o: o.delivery_id)
        if o.replay_of is not None
    }
    await park(connection, [p for p in parked if p.outcome.evidence not in last])
    still = [p for p in parked if last.get(p.outcome.evidence) == p.outcome.delivery_id]
    failing = {p.outcome.evidence for p in still if p.why.reason is ParkReason.FAILED}
    gone = [r for r in before if r.delivery_id not in failing or r.reason == ParkReason.FAILED]
    await unpark(connection, [row.id for row in gone])
    await park_again(
        connection,
        [replace(p, ordinal=WHOLE) if p.outcome.evidence in failing else p for p in still],
        before,
    )
