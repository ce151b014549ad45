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
from services.reconciler.apply import apply
from services.reconciler.waiting import fold_in_waiting
from tests.integration.store.rooms import everything, fetch, table, value
from tests.unit.domain.saying import declined, paid, pending
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


async def test_what_is_no_longer_said_goes(pool: Pool) -> None:
    """Between the two, a mapping of the part that was understood has changed as well."""
    await apply(pool, [told(1, paid(at=1), ODD), told(2, pending(at=0))])
    replay = again(50, 1, declined(at=1), pending(at=0))
    await apply(pool, [replay])
    [row] = await list_objects(pool)
    assert (row.state, row.previous_state) == ("declined", "paid")
    assert [said[0] for said in await fetch(pool, "select key from observations order by key")] == [
        "declined@1/secret",
        "pending@0/secret",
    ]
    assert await list_parked(pool) == []
    [repeat] = await fetch(pool, "select key, delivery_id from repeats")
    assert (repeat["key"], str(repeat["delivery_id"])) == ("pending@0/secret", delivery_id(2))
    assert await events(pool) == row.sequence
    before = await everything(pool)
    await apply(pool, [replay])
    assert await everything(pool) == before


async def test_what_moves_to_another_object_leaves_the_first(pool: Pool) -> None:
    await apply(pool, [told(1, about("a", paid(at=2)), ODD), told(2, about("a", pending(at=1)))])
    await apply(pool, [again(50, 1, about("b", paid(at=2)), EVEN)])
    states = {row.provider_ref: row.state for row in await list_objects(pool)}
    assert states == {"a": "pending", "b": "paid"}
    [parked] = await list_parked(pool)
    assert (parked.value, parked.replays) == ("EVEN", 1)


async def test_object_that_would_lose_its_state_stays(pool: Pool) -> None:
    """A person has to look: nothing of the delivery is corrected, and it stays parked."""
    await apply(pool, [told(1, about("a", paid(at=2)), ODD)])
    before = await table(pool, "observations"), await table(pool, "outbox")
    replay = again(50, 1, about("b", paid(at=2)), EVEN)
    applied = await apply(pool, [replay, told(2, about("c", paid(at=2)))])
    assert (applied.outcomes, applied.events, applied.parked) == (2, 1, 1)
    await apply(pool, [replay])
    [parked] = await list_parked(pool)
    assert (parked.reason, parked.delivery_id, parked.replays) == ("failed", delivery_id(1), 1)
    assert "clip-mx payment a" in parked.detail
    states = {row.provider_ref: row.state for row in await list_objects(pool)}
    assert states == {"a": "paid", "c": "paid"}
    assert [len(rows) for rows in before] == [
        len(await table(pool, "observations")) - 1,
        len(await table(pool, "outbox")) - 1,
    ]


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0)])
async def test_replays_beside_what_they_repeat(pool: Pool, order: tuple[int, ...]) -> None:
    """All in one batch; what the last one says counts, whatever the order."""
    all_of_it = [
        told(1, pending(at=1), ODD),
        again(50, 1, paid(at=1), ODD),
        again(51, 1, declined(at=1), EVEN),
    ]
    await apply(pool, [all_of_it[index] for index in order])
    assert [row.state for row in await list_objects(pool)] == ["declined"]
    [said] = await fetch(pool, "select key from observations")
    assert said["key"] == "declined@1/secret"
    assert [(each.value, each.replays) for each in await list_parked(pool)] == [("EVEN", 2)]
