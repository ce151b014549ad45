"""What a batch does when it comes again, whole, in part or in other company."""

from __future__ import annotations

from dataclasses import replace

import pytest

from libs.contracts.readings import Ignored, ParkReason, Poke, Unknown
from libs.contracts.webhook_translated import Translated
from libs.domain.lifecycle import Authority, Kind
from libs.store.database import Pool
from libs.store.inspect import list_objects
from services.reconciler.apply import apply
from tests.integration.store.rooms import everything, table
from tests.unit.domain.saying import brl, declined, entry, expired, opened, paid, pending, refund
from tests.unit.reconciler.telling import about, delivery_id, told

pytestmark = pytest.mark.servers

POKE = Poke(kind=Kind.PAYMENT, provider_ref="ref-9", why="short notice")
UNKNOWN = Unknown(reason=ParkReason.UNKNOWN_VALUE, detail="new word", field="status", value="ODD")


def history() -> list[Translated]:
    """Tell a bit of everything that an outcome can be."""
    return [
        told(1, pending(at=1, amount=brl("10.00"), merchant_ref="m-1", aliases=("r-1",))),
        told(2, paid(at=2, amount=brl("10.00"))),
        told(3, paid(at=2, amount=brl("10.00"))),
        told(4, refund(entry("4.00"), at=3), about("ref-2", opened(at=3))),
        told(5, about("ref-3", declined(at=4)), UNKNOWN),
        told(6, about("ref-3", expired(at=5))),
        told(7, about(None, paid(at=6), merchant_ref="nobody")),
        told(8, POKE),
        told(9, Ignored(provider_status="card.updated", why="no money")),
        told(10, about("ref-3", paid(at=7))),
    ]


async def test_same_batch_twice_changes_nothing(pool: Pool) -> None:
    first = await apply(pool, history())
    before = await everything(pool)
    again = await apply(pool, history())
    assert await everything(pool) == before
    assert (first.observations, first.events, again.observations, again.events) == (7, 7, 0, 0)


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("together", [False, True])
async def test_proof_that_comes_second_stands(pool: Pool, *, turned: bool, together: bool) -> None:
    """Of the same notice, without a proof and with one, in any order: the one without is the repeat."""
    batch = [
        told(1, replace(paid(at=2, amount=brl("10.00")), authority=Authority.UNSIGNED)),
        told(2, paid(at=2, amount=brl("10.00"))),
    ]
    if turned:
        batch.reverse()
    for part in [batch] if together else [[each] for each in batch]:
        await apply(pool, part)
    [row] = await list_objects(pool)
    assert (row.state, row.flags, row.authority) == ("paid", [], "secret")
    assert row.delivery_id == delivery_id(2)
    assert row.sequence == (1 if turned else 2)
    found = await everything(pool)
    assert [str(each[1]) for each in found["observations"] if str(each[1]) == delivery_id(1)] == []
    assert len(found["repeats"]) == 1
    await apply(pool, batch)
    assert await everything(pool) == found


async def test_batch_torn_apart_ends_the_same(pool: Pool) -> None:
    """After a commit whose answer was lost the broker delivers in other batches."""
    await apply(pool, history()[:6])
    for outcome in history()[3:]:
        await apply(pool, [outcome])
    torn = await everything(pool)
    await apply(pool, list(reversed(history())))
    assert await everything(pool) == torn
    assert [row[1] for row in torn["outbox"]] == [1, 2, 3, 1, 1, 2, 3]


async def test_same_outcome_twice_in_one_batch(pool: Pool) -> None:
    await apply(pool, [outcome for outcome in history() for _ in "12"])
    doubled = await everything(pool)
    await apply(pool, history())
    assert await everything(pool) == doubled
    assert len(doubled["translations"]) == 10


async def test_each_delivery_has_its_outcome(pool: Pool) -> None:
    """The one that repeats another says so."""
    await apply(pool, history())
    rows = [(str(row[0]), row[3], row[4]) for row in await table(pool, "translations")]
    words = ["observed"] * 7 + ["poked", "ignored", "observed"]
    assert [(row[0], row[1]) for row in rows] == [
        (delivery_id(number), word) for number, word in enumerate(words, 1)
    ]
    assert [(row[0], str(row[2])) for row in rows if row[2] is not None] == [
        (delivery_id(3), delivery_id(2))
    ]


async def test_pokes_of_one_object_are_one(pool: Pool) -> None:
    await apply(pool, [told(number, POKE) for number in (5, 3, 9)])
    [row] = await table(pool, "pokes")
    assert row[2] == "ref-9"
    assert row[5:] == (told(3).received_at, told(9).received_at)
