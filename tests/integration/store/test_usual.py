"""What is usual is learnt from what was counted, once for each hour, and kept in Postgres."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from libs.arrivals.usual import Slot
from libs.arrivals.week import HOUR, WEEK, hour_of, hour_of_week, span_of
from libs.contracts.notice import AuthFailure, Notice, NotLetIn
from libs.store.archive import file_deliveries
from libs.store.arrivals import KEPT, NOTICES_KEPT, arrivals_turn, read_counted
from libs.store.database import Pool
from libs.store.notices import count_notices
from libs.store.sightings import Refused, sightings
from tests.integration.store.rooms import fetch, value
from tests.integration.store.test_arrivals import deliveries
from tests.integration.store.weeks import counted_weeks
from tests.unit.reconciler.telling import delivery_id

pytestmark = pytest.mark.servers

UNTIL = hour_of(datetime.now(UTC))
WRONG = AuthFailure.WRONG


async def learn(pool: Pool) -> bool:
    async with arrivals_turn(pool) as turn:
        assert turn is not None
        return await turn.learn()


async def test_usual_is_learnt_and_kept(pool: Pool) -> None:
    await counted_weeks(pool, "shop", per_span=5, until=UNTIL)
    assert await learn(pool)
    [shop] = (await read_counted(pool)).sources
    assert (shop.usual.weeks, shop.usual.gap, len(shop.usual.slots)) == (8, 0, 168)
    assert set(shop.usual.slots.values()) == {Slot(weeks=8, heard=8, low=60, median=60)}
    assert shop.recent == 60


async def test_learning_is_done_once_an_hour(pool: Pool) -> None:
    """And it takes the place of what was learnt before."""
    await counted_weeks(pool, "shop", per_span=5, until=UNTIL)
    assert [await learn(pool), await learn(pool)] == [True, False]
    await fetch(pool, "update arrivals set deliveries = 9")
    await fetch(pool, "update arrival_marks set until = until + interval '1 hour'"
                      " where of = 'counted'")  # fmt: skip
    assert [await learn(pool), await learn(pool)] == [True, False]
    [shop] = (await read_counted(pool)).sources
    assert shop.usual.slot(hour_of_week(UNTIL - 2 * HOUR)).median == 108


async def test_nothing_is_learnt_before_something_is_counted(pool: Pool) -> None:
    assert not await learn(pool)


async def test_hours_of_the_night_are_learnt_apart(pool: Pool) -> None:
    await counted_weeks(pool, "shop", per_span=4, until=UNTIL, hours=range(20, 24))
    await counted_weeks(pool, "other", per_span=1, until=UNTIL, weeks=4)
    assert await learn(pool)
    [other, shop] = (await read_counted(pool)).sources
    medians = [shop.usual.slot(hour).median for hour in range(24)]
    assert medians == [0] * 20 + [48] * 4
    assert (other.usual.weeks, other.usual.slot(3)) == (4, Slot(4, 4, 12, 12))


async def test_what_is_older_than_what_is_learnt_from_is_forgotten(pool: Pool) -> None:
    await counted_weeks(pool, "shop", per_span=1, until=UNTIL, weeks=16)
    old = Notice(delivery_id(1), UNTIL - KEPT - HOUR, (NotLetIn("shop", WRONG, 1),))
    new = Notice(delivery_id(2), UNTIL - KEPT + HOUR, (NotLetIn("shop", WRONG, 1),))
    await count_notices(pool, [old, new])
    await fetch(
        pool,
        "update notices set noted_at = noted_at - $1::interval where id = $2",
        NOTICES_KEPT + timedelta(minutes=1),
        old.id,
    )
    assert await learn(pool)
    assert await value(pool, "select min(arrived) from arrivals") == UNTIL - KEPT
    assert await value(pool, "select min(at) from not_let_in") == UNTIL - KEPT + HOUR
    assert str(await value(pool, "select id from notices")) == new.id


async def test_operators_see_what_is_not_counted_yet(pool: Pool) -> None:
    """What came on file since the mark is seen, and what is counted is not seen twice."""
    now = datetime.now(UTC)
    mark = span_of(now) - timedelta(minutes=10)
    await counted_weeks(pool, "shop", per_span=1, until=mark)
    await file_deliveries(pool, deliveries([now - timedelta(minutes=2), now - 3 * HOUR]))
    await file_deliveries(pool, deliveries([now - timedelta(minutes=1)], source="new", first=9))
    told = (NotLetIn("shop", WRONG, 2), NotLetIn("knocked", AuthFailure.MISSING, 1))
    await count_notices(
        pool,
        [
            Notice(delivery_id(1), now, told),
            Notice(delivery_id(2), now - 3 * HOUR, told[:1]),
            Notice(delivery_id(3), now - 30 * HOUR, told[:1]),
        ],
    )
    found = await sightings(pool, await read_counted(pool))
    assert set(found) == {"shop", "new", "knocked"}
    shop = found["shop"]
    assert shop.last_at == now - timedelta(minutes=2)
    assert shop.last_hour in {10, 11, 12}  # by where in its five minutes this is
    assert shop.refused == {"wrong": Refused(hour=2, day=4)}
    assert (found["new"].provider, found["new"].last_hour) == ("clip", 1)
    assert found["knocked"].last_at is None


async def test_parked_are_told_by_source_without_the_discarded(pool: Pool) -> None:
    for number, discarded in enumerate((None, None, UNTIL)):
        await fetch(
            pool,
            "insert into parked (delivery_id, ordinal, source, provider, origin, reason, detail,"
            " received_at, discarded_at, discard_reason)"
            " values ($1, 0, 'shop', 'clip', 'webhook', 'unknown_value', '', now(), $2, $3)",
            delivery_id(number),
            discarded,
            None if discarded is None else "a test",
        )
    found = await sightings(pool, await read_counted(pool))
    assert (found["shop"].parked, found["shop"].last_at) == (2, None)


async def test_weeks_are_eight(pool: Pool) -> None:
    """What was before is not learnt from, though it is kept a little longer."""
    await counted_weeks(pool, "shop", per_span=9, until=UNTIL - 8 * WEEK - HOUR, weeks=2)
    await counted_weeks(pool, "shop", per_span=1, until=UNTIL)
    assert await learn(pool)
    [shop] = (await read_counted(pool)).sources
    assert shop.usual.weeks == 8
    assert {slot.median for slot in shop.usual.slots.values()} == {12}
