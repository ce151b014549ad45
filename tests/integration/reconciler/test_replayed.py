"""What a replay does behind the door: it stands for the delivery that it repeats, once."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import replace

import pytest

from libs.contracts.delivery import Origin
from libs.contracts.readings import ParkReason, Reading, Unknown
from libs.contracts.webhook_translated import Translated
from libs.store.database import Pool
from libs.store.inspect import list_objects, list_parked
from services.reconciler.apply import apply, park_failed
from services.reconciler.waiting import fold_in_waiting
from tests.integration.store.rooms import everything, fetch, table, value
from tests.unit.domain.saying import paid, pending
from tests.unit.reconciler.telling import about, delivery_id, told

pytestmark = pytest.mark.servers

ODD = Unknown(reason=ParkReason.UNKNOWN_VALUE, detail="new word", field="status", value="ODD")
EVEN = Unknown(reason=ParkReason.UNKNOWN_VALUE, detail="new word", field="status", value="EVEN")


def again(number: int, of: int, *readings: Reading) -> Translated:
    """Say what delivery `number` turned out to say, a replay of delivery `of`."""
    original = told(of, *readings)
    replay = delivery_id(number)
    return replace(
        original,
        delivery_id=replay,
        replay_of=original.delivery_id,
        origin=Origin.REPLAY,
        identity=hashlib.sha256(f"replay:{replay}".encode()).hexdigest(),
        body=b"{}",
    )


async def events(pool: Pool) -> object:
    return await value(pool, "select count(*) from outbox")


async def test_mapped_value_leaves_nothing_parked(pool: Pool) -> None:
    await apply(pool, [told(1, ODD)])
    await apply(pool, [again(50, 1, paid(at=1))])
    [row] = await list_objects(pool)
    assert (row.state, row.sequence, row.delivery_id) == ("paid", 1, delivery_id(1))
    assert row.received_at == told(1).received_at
    assert await list_parked(pool) == []
    assert await events(pool) == 1


async def test_what_stands_is_not_repeated(pool: Pool) -> None:
    """Of two readings one was understood at once."""
    await apply(pool, [told(1, pending(at=1), ODD)])
    await apply(pool, [again(50, 1, pending(at=1), paid(at=2))])
    assert await table(pool, "repeats") == []
    assert [row.state for row in await list_objects(pool)] == ["paid"]
    assert await events(pool) == 2


async def test_replay_is_nobodys_duplicate(pool: Pool) -> None:
    await apply(pool, [told(1, ODD)])
    await apply(pool, [again(50, 1, ODD)])
    rows = await table(pool, "translations")
    assert [(str(row[0]), row[3], row[4]) for row in rows] == [
        (delivery_id(1), "parked", None),
        (delivery_id(50), "parked", None),
    ]


async def test_still_unknown_counts_its_replays(pool: Pool) -> None:
    await apply(pool, [told(1, ODD, pending(at=1))])
    [first] = await list_parked(pool)
    await apply(pool, [again(50, 1, EVEN, pending(at=1))])
    await apply(pool, [again(51, 1, EVEN, pending(at=1))])
    [parked] = await list_parked(pool)
    assert (parked.delivery_id, parked.value, parked.replays) == (delivery_id(1), "EVEN", 2)
    assert (parked.origin, parked.parked_at) == ("webhook", first.parked_at)
    assert parked.replayed_at is not None


async def test_failure_of_the_whole_is_replaced(pool: Pool) -> None:
    failed = Unknown(reason=ParkReason.FAILED, detail="a bug")
    await apply(pool, [told(1, failed)])
    await fetch(pool, "update parked set ordinal = -1 returning id")
    await apply(pool, [again(50, 1, paid(at=1), ODD)])
    [parked] = await list_parked(pool)
    assert (parked.ordinal, parked.reason, parked.replays) == (1, "unknown_value", 1)


async def test_replay_that_comes_twice(pool: Pool) -> None:
    await apply(pool, [told(1, ODD, EVEN)])
    replay = again(50, 1, paid(at=1), EVEN)
    await apply(pool, [replay, replay])
    before = await everything(pool)
    replays = [each.replays for each in await list_parked(pool)]
    await apply(pool, [replay])
    await asyncio.gather(*(apply(pool, [replay]) for _ in "123"))
    assert await everything(pool) == before
    assert [each.replays for each in await list_parked(pool)] == replays == [1]


async def test_two_copies_at_once_count_once(pool: Pool) -> None:
    await apply(pool, [told(1, ODD)])
    await asyncio.gather(*(apply(pool, [again(50, 1, EVEN)]) for _ in "1234"))
    assert [each.replays for each in await list_parked(pool)] == [1]


async def test_original_that_comes_late_is_not_parked_again(pool: Pool) -> None:
    await apply(pool, [told(1, ODD)])
    await apply(pool, [again(50, 1, paid(at=1))])
    before = await everything(pool)
    await apply(pool, [told(1, ODD)])
    assert await everything(pool) == before


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
async def test_original_beside_its_replay(pool: Pool, order: tuple[int, int]) -> None:
    """The replay overtook it: what it could not tell is told already."""
    both = [told(1, ODD), again(50, 1, paid(at=1))]
    await apply(pool, [both[index] for index in order])
    assert await list_parked(pool) == []
    assert await events(pool) == 1


async def test_overtaken_original_changes_nothing(pool: Pool) -> None:
    await apply(pool, [again(50, 1, paid(at=1))])
    before = await everything(pool)
    await apply(pool, [told(1, ODD)])
    assert await everything(pool) == before


async def test_replay_of_one_that_waits(pool: Pool) -> None:
    """It waits on under its own delivery, and is folded in once."""
    nameless = about(None, paid(at=2), merchant_ref="m-1")
    known = about("ref-1", pending(at=1), merchant_ref="m-1")
    await apply(pool, [told(1, nameless)])
    await apply(pool, [again(50, 1, nameless)])
    assert [each.reason for each in await list_parked(pool)] == ["object_not_found"]
    await apply(pool, [told(2, known)])
    assert await fold_in_waiting(pool) == 1
    await apply(pool, [again(51, 1, nameless)])
    assert await list_parked(pool) == []
    assert await table(pool, "repeats") == []
    assert await events(pool) == 2


async def test_discarded_one_waits_no_longer(pool: Pool) -> None:
    await apply(pool, [told(1, about(None, paid(at=2), merchant_ref="m-1"))])
    await fetch(pool, "update parked set discarded_at = now(), discard_reason = 'x' returning id")
    await apply(pool, [told(2, about("ref-1", pending(at=1), merchant_ref="m-1"))])
    assert await fold_in_waiting(pool) == 0
    assert [row.state for row in await list_objects(pool)] == ["pending"]


async def test_failing_replay_leaves_what_is_parked(pool: Pool) -> None:
    """Our code fails on it: one reading waits on for its object, the other for its mapping."""
    nameless = about(None, paid(at=2), merchant_ref="m-1")
    await apply(pool, [told(1, nameless, ODD)])
    failed = Unknown(reason=ParkReason.FAILED, detail="a bug")
    await apply(pool, [again(50, 1, failed)])
    await park_failed(pool, again(51, 1, nameless, EVEN), reason="another bug", attempts=5)
    found = [(each.ordinal, each.reason, each.replays) for each in await list_parked(pool)]
    assert sorted(found) == [(-1, "failed", 2), (0, "object_not_found", 0), (1, "unknown_value", 0)]
    await apply(pool, [told(2, about("ref-1", pending(at=1), merchant_ref="m-1"))])
    assert await fold_in_waiting(pool) == 1
    await apply(pool, [again(52, 1, nameless, paid(at=3))])
    assert await list_parked(pool) == []


async def test_who_waited_sees_what_the_other_parked(pool: Pool) -> None:
    """Two replays one right after the other; the second has a mapping that the first had not."""
    await apply(pool, [told(1, ODD)])
    async with pool.acquire() as connection, connection.transaction():
        await connection.fetch("select 1 from parked for update")
        first = asyncio.create_task(apply(pool, [again(50, 1, EVEN)]))
        await asyncio.sleep(0.3)
        second = asyncio.create_task(apply(pool, [again(51, 1, paid(at=1))]))
        await asyncio.sleep(0.3)
    await asyncio.gather(first, second)
    assert await list_parked(pool) == []


async def test_what_was_placed_stays_in_its_place(pool: Pool) -> None:
    """Folded in after waiting, it comes again when another object has that reference, too."""
    nameless = about(None, paid(at=2), merchant_ref="m-1")
    await apply(pool, [told(1, nameless)])
    await apply(pool, [told(2, about("ref-1", pending(at=1), merchant_ref="m-1"))])
    assert await fold_in_waiting(pool) == 1
    await fetch(
        pool, "update objects set merchant_ref = 'm-0' where provider_ref = 'ref-1' returning id"
    )
    await apply(pool, [told(3, about("ref-2", pending(at=1), merchant_ref="m-1"))])
    await apply(pool, [again(50, 1, nameless)])
    states = {row.provider_ref: row.state for row in await list_objects(pool)}
    assert states == {"ref-1": "paid", "ref-2": "pending"}
    assert await list_parked(pool) == []
