"""What a batch puts aside, and what a replay takes off that list again, or corrects.

A replay stands for the delivery that it repeats: what is parked of that one is replaced by what is
still not translated, and what it said before by what it says now. Outcomes that are on record
change nothing any more, so a replay that comes twice is applied once, and the delivery that it
repeats is not parked again when a copy of it comes late.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Final, NamedTuple

from libs.contracts.readings import ParkReason, Unknown
from libs.contracts.webhook_translated import Translated
from libs.runtime.failures import TemporaryError
from libs.store.database import Connection, Pool, transaction
from libs.store.objects import ObjectKey, lock_objects
from libs.store.outcomes import (
    Parked,
    park,
    record_failed,
    record_outcomes,
    record_pokes,
    unpark,
    with_outcome,
)
from libs.store.parked import Row, lock_parked, park_again
from services.reconciler.correction import Planned, plan, write_objects
from services.reconciler.standing import Compared, beside_standing

ROUNDS: Final = 5  # in which a replay may turn out to touch more objects than thought


async def not_on_record(
    connection: Connection, outcomes: Sequence[Translated]
) -> tuple[list[Translated], list[Row]]:
    """Return the outcomes that are news, and, locked, what is parked of deliveries replayed here.

    The lock comes first: of two copies of a replay the second looks when the first is on record.
    """
    replayed = [o.evidence for o in outcomes if o.replay_of is not None]
    rows = await lock_parked(connection, replayed)
    named = sorted({(o.delivery_id, o.received_at, o.source) for o in outcomes})
    known = await with_outcome(connection, named)
    news = [o for o in outcomes if o.delivery_id not in known]
    repeated = {o.evidence for o in news if o.replay_of is not None}
    return news, [row for row in rows if row.delivery_id in repeated]


async def put_aside(
    connection: Connection,
    news: Sequence[Translated],
    parked: Sequence[Parked],
    before: Sequence[Row],
) -> None:
    """Park what deliveries did not tell; of a replayed one, instead of the rows in `before`."""
    replayed = {o.evidence for o in news if o.replay_of is not None}
    await park(connection, [p for p in parked if p.outcome.evidence not in replayed])
    await unpark(connection, [row.id for row in before])
    await park_again(connection, [p for p in parked if p.outcome.evidence in replayed], before)


async def to_correct(connection: Connection, news: Sequence[Translated]) -> dict[str, Translated]:
    """Return, by their own ids, the replays that cannot just be added to what stands.

    They say something else than their delivery did: a mapping of another part of it has changed
    since. Or they come together with it, or with another replay of it, and stand for that too.
    """
    replays = {o.delivery_id: o for o in news if o.replay_of is not None}
    if not replays:
        return {}
    tellers = defaultdict[str, set[str]](set)
    for outcome in news:
        tellers[outcome.evidence].add(outcome.delivery_id)
    compared = await beside_standing(connection, list(replays.values()))
    return {
        each.outcome.delivery_id: replays[each.outcome.delivery_id]
        for each in compared
        if each.contradicts or len(tellers[each.outcome.evidence]) > 1
    }


class Correction(NamedTuple):
    """What one did, in counts."""

    events: int = 0
    parked: int = 0


async def correct(pool: Pool, replay: Translated) -> Correction:
    """Put what a replay says in the place of what its delivery said, in one transaction.

    Where that would leave an object without any state, all stays, and a person has to look: the
    delivery is parked as `failed`.
    """
    wanted = dict[ObjectKey, str]()
    for _ in range(ROUNDS):
        try:
            async with transaction(pool) as connection:
                news, before = await not_on_record(connection, [replay])
                if not news:
                    return Correction()
                rows = await lock_objects(connection, wanted) if wanted else {}
                [compared] = await beside_standing(connection, news)
                more = compared.touched - rows.keys()
                if not more:
                    planned = await plan(connection, [compared], rows)
                    return await _carry_out(connection, compared, planned, before)
        except _StatelessError as stateless:
            return await _park(pool, replay, str(stateless))
        wanted |= dict.fromkeys(more, replay.provider)
    raise TemporaryError("other processes move the same objects all the time")


class _StatelessError(Exception):
    """Rolls back a correction that would leave an object without a state."""


async def _carry_out(
    connection: Connection, compared: Compared, planned: Planned, before: Sequence[Row]
) -> Correction:
    outcome = compared.outcome
    if left := [each.before.key for each in planned.objects if each.left]:
        named = ", ".join(f"{key.source} {key.kind} {key.provider_ref}" for key in left)
        raise _StatelessError(f"what it says now would leave one of these without a state: {named}")
    await write_objects(connection, planned)
    await put_aside(connection, [outcome], compared.parked, before)
    await record_pokes(connection, [outcome])
    await record_outcomes(connection, [outcome])
    events = sum(each.after is not None for each in planned.objects)
    return Correction(events=events, parked=len(compared.parked))


async def _park(pool: Pool, replay: Translated, detail: str) -> Correction:
    why = Unknown(reason=ParkReason.FAILED, detail=detail)
    async with transaction(pool) as connection:
        news, before = await not_on_record(connection, [replay])
        if not news:
            return Correction()
        await put_aside(connection, news, [Parked(replay, -1, why)], before)
        await record_failed(connection, replay)
    return Correction(parked=1)
