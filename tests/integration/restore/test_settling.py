"""After a gap was closed, each object's events go on behind the last that was told, whatever was told."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from random import Random
from typing import Any

import pytest
import pytest_asyncio

from libs.bus.message import Message
from libs.contracts.webhook_translated import Translated
from libs.store.database import Pool, open_pool, transaction
from services.reconciler.apply import apply
from services.restore.settling import Settled
from services.restore.settling import settle as settle_rows
from services.restore.told import ToldBook
from tests.integration.store.rooms import everything, fetch, folded_rows
from tests.servers import RunningServers
from tests.unit.domain.saying import UNSIGNED, brl, entry, full, paid, pending, refund
from tests.unit.reconciler.histories import batches_of, expected_rows, history_of, outcomes_of
from tests.unit.reconciler.telling import SOURCE, about, told

pytestmark = pytest.mark.servers


@pytest_asyncio.fixture
async def lost(servers: RunningServers, template: str) -> AsyncIterator[Pool]:
    """Give the database that will be lost; `pool` is the one that is restored."""
    found = servers.fresh_database(template)
    async with open_pool(found, size=2) as opened:
        yield opened
    servers.drop_database(found)


async def in_batches(pool: Pool, outcomes: Sequence[Translated], random: Random, most: int) -> None:
    for batch in batches_of(outcomes, random, most):
        await apply(pool, batch)


async def events(pool: Pool) -> list[dict[str, Any]]:
    return [
        json.loads(row["body"]) for row in await fetch(pool, "select body from outbox order by id")
    ]


def messages(bodies: Sequence[dict[str, Any]]) -> list[Message]:
    return [
        Message(json.dumps(body).encode(), {}, "", "", redelivered=False, message_id="")
        for body in bodies
    ]


async def settle(pool: Pool, published: Sequence[dict[str, Any]]) -> Settled:
    book, found = ToldBook(), Settled()
    await book.enter(messages(published))
    assert book.unreadable == 0
    async with transaction(pool) as connection:
        await settle_rows(connection, book.last, found)
    return found


@pytest.mark.parametrize("seed", range(8))
async def test_no_number_is_used_for_two_things(pool: Pool, lost: Pool, seed: int) -> None:
    """A backup in the middle; then the same in other batches, with news that nobody was told."""
    random = Random(seed)
    said = [each for n in range(10) for each in history_of(f"pay-{n}", Random(50 * seed + n), 8)]
    random.shuffle(said)
    outcomes = outcomes_of(said)
    backup, loss = sorted(random.sample(range(1, len(outcomes)), 2))
    await in_batches(lost, outcomes[:loss], Random(seed), 3)
    published = await events(lost)
    published = published[: random.randint(len(published) // 2, len(published))]
    await in_batches(pool, outcomes[:backup], Random(seed), 3)
    gap = outcomes[backup:]
    random.shuffle(gap)
    await in_batches(pool, gap, random, 25)
    found = await settle(pool, published)
    assert found.unknown == []
    assert await folded_rows(pool) == expected_rows(said)
    before = await everything(pool)
    await settle(pool, published)
    assert await everything(pool) == before
    by_object: dict[str, dict[int, dict[str, Any]]] = defaultdict(dict)
    for event in (*published, *await events(pool)):
        known = by_object[event["partitionkey"]].setdefault(event["sequence"], event)
        assert known == event
    rows = await fetch(
        pool,
        "select source || '/' || kind || '/' || provider_ref as key, state, sequence, delivery_id::text"
        " from objects where state is not null",
    )
    for key, state, sequence, delivery in rows:
        told_of = by_object[key]
        assert sorted(told_of) == list(range(1, sequence + 1))
        last = told_of[sequence]["data"]
        assert (last["state"], last["delivery_id"]) == (state, delivery)
        for number in range(2, sequence + 1):
            # what was thrown away and told anew follows what was told last
            assert told_of[number]["data"]["previous_state"] == told_of[number - 1]["data"]["state"]


async def test_what_was_told_and_is_so_is_not_told_again(pool: Pool, lost: Pool) -> None:
    three = [
        told(1, about("p", pending(at=1))),
        told(2, about("p", paid(at=2))),
        told(3, about("p", full(at=3))),
    ]
    for each in three:
        await apply(lost, [each])
    await apply(pool, three[::-1])
    found = await settle(pool, await events(lost))
    assert (found.corrected, await events(pool)) == (0, [])
    [row] = await fetch(pool, "select sequence, state, previous_state from objects")
    assert tuple(row) == (3, "refunded", "paid")
    await apply(pool, [told(4, about("p", paid(at=9, amount=None, word="again")))])
    numbers = [event["sequence"] for event in await events(pool)]
    assert numbers in ([], [4])


async def test_told_of_and_unknown_is_named(pool: Pool, lost: Pool) -> None:
    """Its deliveries are in no copy: a person has to know."""
    await apply(lost, [told(1, about("p", paid(at=1)))])
    found = await settle(pool, await events(lost))
    assert [key.provider_ref for key in found.unknown] == ["p"]


async def test_garbage_among_the_events_is_counted() -> None:
    book = ToldBook()
    await book.enter(
        [
            Message(body, {}, "", "", redelivered=False, message_id="")
            for body in (b"", b"[]", b"{}")
        ]
    )
    assert (book.unreadable, book.last) == (3, {})


async def test_less_than_was_told_is_no_news(pool: Pool, lost: Pool) -> None:
    """The delivery that said paid is in no copy: an older state must not undo it."""
    first, second = told(1, about("p", pending(at=1))), told(2, about("p", paid(at=2)))
    for each in (first, second):
        await apply(lost, [each])
    published = await events(lost)
    await apply(pool, [first])
    found = await settle(pool, published)
    assert ([key.provider_ref for key in found.behind], found.corrected) == (["p"], 0)
    assert await events(pool) == []
    before = await everything(pool)
    again = await settle(pool, published)
    assert (again.behind, await everything(pool)) == (found.behind, before)
    await apply(pool, [told(3, about("p", full(at=3)))])
    [news] = await events(pool)
    assert (news["sequence"], news["data"]["previous_state"]) == (3, "paid")
    assert news["data"]["state"] == "refunded"


async def test_what_was_missing_turns_up(pool: Pool, lost: Pool) -> None:
    """By hand, or out of a spool: the object says what was told, and nothing is told again."""
    first, second = told(1, about("p", pending(at=1))), told(2, about("p", paid(at=2)))
    for each in (first, second):
        await apply(lost, [each])
    published = await events(lost)
    await apply(pool, [first])
    await settle(pool, published)
    await apply(pool, [second])
    found = await settle(pool, published)
    assert (found.behind, found.corrected, await events(pool)) == ([], 0, [])
    [row] = await fetch(pool, "select sequence, state, previous_state, held from objects")
    assert tuple(row) == (2, "paid", "pending", False)


async def test_less_than_was_told_before_is_no_news(pool: Pool, lost: Pool) -> None:
    """Two refunds were told, and the first is missing: a sum without it must not undo the other."""
    said = [
        told(1, about("p", paid(at=1, amount=brl("10.00")))),
        told(2, about("p", refund(entry("4.00", ledger="r-1"), at=2))),
        told(3, about("p", refund(entry("6.00", ledger="r-2"), at=3))),
    ]
    for each in said:
        await apply(lost, [each])
    published = await events(lost)
    amounts = [each["data"]["refunded_amount"] for each in published]
    assert amounts[-1] == "10.00"
    await apply(pool, [said[0], said[2]])
    found = await settle(pool, published)
    assert ([key.provider_ref for key in found.behind], found.corrected) == (["p"], 0)
    assert await events(pool) == []


async def test_what_was_put_right_since_is_known(pool: Pool, lost: Pool) -> None:
    """An earlier event named a delivery that says it no longer, and of which that is on record."""
    first, second = told(1, about("p", pending(at=1))), told(2, about("p", paid(at=2)))
    for each in (first, second):
        await apply(lost, [each])
        await apply(pool, [each])
    published = await events(lost)
    await fetch(
        pool, "delete from observations where delivery_id = $1 returning 1", first.delivery_id
    )
    found = await settle(pool, published)
    assert (found.behind, found.corrected) == ([], 0)
    await fetch(
        pool, "delete from translations where delivery_id = $1 returning 1", first.delivery_id
    )
    found = await settle(pool, published)
    assert [key.provider_ref for key in found.behind] == ["p"]


async def test_number_of_what_is_unknown_is_not_used_again(pool: Pool, lost: Pool) -> None:
    await apply(lost, [told(1, about("p", pending(at=1)))])
    await apply(lost, [told(2, about("p", paid(at=2)))])
    published = await events(lost)
    found = await settle(pool, published)
    before = await everything(pool)
    again = await settle(pool, published)
    assert (again.unknown, await everything(pool)) == (found.unknown, before)
    await apply(pool, [told(3, about("p", full(at=3)))])
    [news] = await events(pool)
    assert (news["sequence"], news["data"]["previous_state"]) == (3, "paid")
    assert news["id"] not in {each["id"] for each in published}


async def test_what_waits_to_be_proved_waits_on(pool: Pool, lost: Pool) -> None:
    """Held is held: neither the restore nor the number behind the last that was told lets it go."""
    first = told(1, about("p", pending(at=1)))
    second = told(2, about("p", paid(at=2, by=UNSIGNED)))
    for each in (lost, pool):
        await apply(each, [first], holds={SOURCE})
        await apply(each, [second], holds={SOURCE})
    published = await events(lost)
    assert [each["data"]["state"] for each in published] == ["pending"]
    found = await settle(pool, published)
    assert (found.behind, found.corrected, await events(pool)) == ([], 0, [])
    [row] = await fetch(pool, "select sequence, state, previous_state, held from objects")
    assert tuple(row) == (1, "paid", "pending", True)
