"""News that names its object only by the merchant's reference waits until that is known."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
import structlog

from libs.contracts.webhook_translated import Translated
from libs.domain.observation import Observation
from libs.store.database import Pool
from libs.store.inspect import list_objects, list_parked
from services.reconciler.apply import apply
from services.reconciler.waiting import fold_in_waiting
from tests.integration.store.rooms import everything, fetch, table, value
from tests.unit.domain.saying import paid, pending
from tests.unit.reconciler.telling import SOURCE, about, delivery_id, told

pytestmark = pytest.mark.servers


def nameless(said: Observation, merchant_ref: str = "m-1") -> Observation:
    return about(None, said, merchant_ref=merchant_ref)


KNOWN = about("ref-1", pending(at=1), merchant_ref="m-1")


async def states(pool: Pool) -> list[tuple[str, str | None]]:
    return [(row.provider_ref, row.state) for row in await list_objects(pool)]


async def test_known_object_is_found_at_once(pool: Pool) -> None:
    await apply(pool, [told(1, KNOWN)])
    await apply(pool, [told(2, nameless(paid(at=2)))])
    assert await states(pool) == [("ref-1", "paid")]
    assert await list_parked(pool) == []


async def test_unknown_object_is_waited_for(pool: Pool) -> None:
    await apply(pool, [told(1, nameless(paid(at=2)))])
    [parked] = await list_parked(pool)
    assert (parked.reason, parked.value) == ("object_not_found", "m-1")
    assert await fold_in_waiting(pool) == 0
    await apply(pool, [told(2, KNOWN)])
    assert await fold_in_waiting(pool) == 1
    assert await states(pool) == [("ref-1", "paid")]
    assert await list_parked(pool) == []
    assert await value(pool, "select max(sequence) from outbox") == 2
    assert await fold_in_waiting(pool) == 0


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
async def test_both_in_one_batch(pool: Pool, order: Sequence[int]) -> None:
    both = [told(1, KNOWN), told(2, nameless(paid(at=2)))]
    await apply(pool, [both[index] for index in order])
    await fold_in_waiting(pool)
    assert await states(pool) == [("ref-1", "paid")]
    assert await list_parked(pool) == []


async def test_waiting_told_again_adds_nothing(pool: Pool) -> None:
    """The broker delivers once more what has found its object meanwhile."""
    late = told(1, nameless(paid(at=2)))
    await apply(pool, [late])
    await apply(pool, [late, told(2, KNOWN)])
    await fold_in_waiting(pool)
    before = await everything(pool)
    await apply(pool, [late])
    assert await fold_in_waiting(pool) == 0
    assert await everything(pool) == before


async def test_others_of_that_name_stay_out(pool: Pool) -> None:
    """A reference belongs to its source and its kind."""
    await apply(pool, [told(1, nameless(paid(at=2))), told(2, KNOWN, source="clip-br")])
    assert await fold_in_waiting(pool) == 0
    assert [parked.source for parked in await list_parked(pool)] == [SOURCE]


async def test_one_of_two_is_not_guessed(pool: Pool) -> None:
    """Two objects share the merchant's reference: what names neither waits for a person."""
    other = about("ref-0", pending(at=5), merchant_ref="m-1")
    await apply(pool, [told(1, nameless(paid(at=3)))])
    await apply(pool, [told(2, KNOWN), told(3, other)])
    await fold_in_waiting(pool)
    await apply(pool, [told(4, nameless(paid(at=2)))])
    assert sorted(await states(pool)) == [("ref-0", "pending"), ("ref-1", "pending")]
    assert [each.reason for each in await list_parked(pool)] == ["object_not_found"] * 2


async def test_nobody_waits_for_no_reference(pool: Pool) -> None:
    """An observation without any name is parked and meets no object without a reference."""
    await apply(pool, [told(1, about("ref-1", pending(at=1))), told(2, about(None, paid(at=2)))])
    assert await fold_in_waiting(pool) == 0
    assert [parked.reason for parked in await list_parked(pool)] == ["object_not_found"]


async def test_more_than_one_round_of_waiting(pool: Pool) -> None:
    said = [told(n, nameless(paid(at=n, word=f"w-{n}"), f"m-{n % 5}")) for n in range(250)]
    await apply(pool, said)
    await apply(pool, [told(900 + n, about(f"r-{n}", pending(at=1), f"m-{n}")) for n in range(5)])
    assert [await fold_in_waiting(pool) for _ in range(4)] == [100, 100, 50, 0]
    assert await value(pool, "select count(*) from observations") == 255


async def test_two_sweeps_at_once_share_the_work(pool: Pool) -> None:
    said = [told(n, nameless(paid(at=n, word=f"w-{n}"), f"m-{n % 9}")) for n in range(180)]
    named = [told(900 + n, about(f"r-{n}", pending(at=1), f"m-{n}")) for n in range(9)]
    await apply(pool, said)
    await asyncio.gather(
        apply(pool, named), *(fold_in_waiting(pool) for _ in "123"), apply(pool, _later(said))
    )
    while await fold_in_waiting(pool):
        pass
    assert await value(pool, "select count(*) from observations") == 9 + 180
    assert await list_parked(pool) == []


async def test_failing_one_stays_parked_alone(
    pool: Pool, logged: list[structlog.typing.EventDict]
) -> None:
    """What cannot be folded in neither stops the sweep nor the other that waits."""
    await apply(pool, [told(1, nameless(paid(at=2))), told(2, nameless(paid(at=3)))])
    await fetch(
        pool,
        "update parked set reading = jsonb_set(reading, '{key}', '5') where delivery_id = $1",
        delivery_id(1),
    )
    await apply(pool, [told(3, KNOWN)])
    assert await fold_in_waiting(pool) == 1
    assert await fold_in_waiting(pool) == 0
    [row] = await table(pool, "parked")
    assert (str(row[0]), row[4], row[10]) == (delivery_id(1), "failed", None)
    assert await states(pool) == [("ref-1", "paid")]
    assert "waiting_observation_failed" in [event["event"] for event in logged]


def _later(said: Sequence[Translated]) -> list[Translated]:
    return list(reversed(said))
