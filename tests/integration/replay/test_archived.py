"""Archived deliveries with today's mappings: who changes, in one event, and who does not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from random import Random

import pytest
import pytest_asyncio

from libs.contracts.readings import Reading
from libs.domain.lifecycle import Authority
from libs.domain.observation import Observation
from libs.store.database import Pool, open_pool
from libs.store.inspect import list_objects, list_parked
from libs.store.parked import Choice, discard
from services.reconciler.apply import apply
from tests.integration.replay.mapping import (
    ALL,
    Mapped,
    again,
    delivered,
    take,
    translator,
    unknown,
)
from tests.integration.store.rooms import everything, fetch, folded_rows, table, value
from tests.servers import RunningServers
from tests.unit.domain.saying import brl, declined, paid, pending
from tests.unit.reconciler.histories import history_of
from tests.unit.reconciler.telling import SOURCE, about, delivery_id, received

pytestmark = pytest.mark.servers

PENDING = about("ref-1", pending(at=1, amount=brl("10.00")))
PAID = about("ref-1", paid(at=2, amount=brl("10.00")))
OTHER = about("ref-2", paid(at=3))
OLD = Mapped({b"p": [PENDING], b"o": [OTHER]})
NEW = Mapped({b"p": [PENDING], b"x": [PAID], b"o": [OTHER]})


async def events(pool: Pool) -> object:
    return await value(pool, "select count(*) from outbox")


async def states(pool: Pool) -> dict[str, tuple[str | None, int]]:
    return {row.provider_ref: (row.state, row.sequence) for row in await list_objects(pool)}


async def three(pool: Pool) -> None:
    """Take one that waits, one that nobody knows, and one of another object."""
    await take(pool, OLD, delivered(1, b"p"), delivered(2, b"x"), delivered(3, b"o"))


async def test_one_event_for_what_changed(pool: Pool) -> None:
    await three(pool)
    assert await states(pool) == {"ref-1": ("pending", 1), "ref-2": ("paid", 1)}
    found = await again(pool, NEW)
    assert await states(pool) == {"ref-1": ("paid", 2), "ref-2": ("paid", 1)}
    assert await events(pool) == 3
    assert await list_parked(pool) == []
    assert [(a.provider_ref, a.state, b.state) for a, b in found.changed] == [
        ("ref-1", "pending", "paid")
    ]
    assert (found.looked_at, found.differing, found.unparked, found.done) == (3, 1, 1, True)


async def test_money_of_an_unsigned_notice_stays_held(pool: Pool) -> None:
    """Also money that only today's mapping has found; of a source that does not hold, it is told."""
    await three(pool)
    unsigned = Mapped({**NEW.meanings, b"x": [replace(PAID, authority=Authority.UNSIGNED)]})
    found = await again(pool, unsigned, holds={SOURCE})
    assert found.changed == []
    [row] = [row for row in await list_objects(pool) if row.provider_ref == "ref-1"]
    assert (row.state, row.held, row.sequence) == ("paid", True, 1)
    # what is held stays so, whatever the sources file says meanwhile
    dearer = Mapped({**unsigned.meanings, b"p": [replace(PENDING, amount=brl("7.00"))]})
    assert (await again(pool, dearer)).changed == []
    assert await events(pool) == 2
    await again(pool, NEW, holds={SOURCE})  # now it is by somebody better
    assert (await states(pool))["ref-1"] == ("paid", 2)
    assert await events(pool) == 3


async def test_second_time_changes_nothing(pool: Pool) -> None:
    await three(pool)
    await again(pool, NEW)
    before = await everything(pool)
    found = await again(pool, NEW)
    assert (found.differing, found.changed) == (0, [])
    assert await everything(pool) == before


async def test_dry_run_says_the_same_and_touches_nothing(pool: Pool) -> None:
    await three(pool)
    before = await everything(pool)
    dry = await again(pool, NEW, dry_run=True)
    assert await everything(pool) == before
    real = await again(pool, NEW)
    assert dry.changed == real.changed
    assert (dry.differing, dry.unparked) == (real.differing, real.unparked)


async def test_dry_run_of_an_object_that_is_new(pool: Pool) -> None:
    await take(pool, Mapped(), delivered(1, b"x"))
    found = await again(pool, NEW, dry_run=True)
    assert [(a.state, b.state, b.sequence) for a, b in found.changed] == [(None, "paid", 1)]
    assert await list_objects(pool) == []


async def test_outside_the_range_nothing_changes(pool: Pool) -> None:
    await three(pool)
    late = replace(ALL, since=received(3))
    other = replace(ALL, sources=("clip-br",))
    assert (await again(pool, NEW, late)).looked_at == 1
    assert (await again(pool, NEW, other)).looked_at == 0
    assert await states(pool) == {"ref-1": ("pending", 1), "ref-2": ("paid", 1)}


async def test_content_changes_under_the_same_key(pool: Pool) -> None:
    await three(pool)
    dearer = Mapped({**OLD.meanings, b"o": [replace(OTHER, amount=brl("7.00"))]})
    await again(pool, dearer)
    rows = {row.provider_ref: (row.amount, row.sequence) for row in await list_objects(pool)}
    assert str(rows["ref-2"][0]) == "7.00"
    assert (rows["ref-2"][1], rows["ref-1"][1]) == (2, 1)


async def test_several_deliveries_of_one_object_are_one_event(pool: Pool) -> None:
    await take(pool, OLD, delivered(1, b"p"), delivered(2, b"x"), delivered(3, b"y"))
    refused = about("ref-1", declined(at=1))
    await again(pool, Mapped({**NEW.meanings, b"y": [refused]}))
    assert await states(pool) == {"ref-1": ("paid", 2)}


async def test_observation_moves_to_another_object(pool: Pool) -> None:
    await take(pool, OLD, delivered(1, b"p"), delivered(2, b"o"), delivered(3, b"q"))
    moved = about("ref-1", OTHER)
    later = about("ref-2", pending(at=9))
    both = Mapped({**OLD.meanings, b"q": [later]})
    await again(pool, both)
    found = await again(pool, Mapped({**both.meanings, b"o": [moved]}))
    assert found.done
    assert await states(pool) == {"ref-1": ("paid", 2), "ref-2": ("pending", 2)}


async def test_object_without_a_state_is_left_to_a_person(pool: Pool) -> None:
    """Its only observation is about another object now: it is not moved, or the money stood twice."""
    await three(pool)
    moved = Mapped({**OLD.meanings, b"o": [about("ref-1", OTHER)]})
    found = await again(pool, moved)
    assert (found.done, [k.provider_ref for k in found.left]) == (False, ["ref-1", "ref-2"])
    assert await states(pool) == {"ref-1": ("pending", 1), "ref-2": ("paid", 1)}
    before = await everything(pool)
    once_more = await again(pool, moved)
    assert (once_more.left, once_more.changed) == (found.left, [])
    assert await everything(pool) == before


async def test_removed_key_that_another_repeated_stays(pool: Pool) -> None:
    """It is attributed to the one outside the range that still says it."""
    same = Mapped({b"1": [PENDING, PAID], b"2": [PAID]})
    await take(pool, same, delivered(1, b"1"), delivered(2, b"2"))
    narrow = replace(ALL, until=received(2))
    await again(pool, Mapped({b"1": [PENDING], b"2": [PAID]}), narrow)
    rows = {row.provider_ref: (row.state, row.delivery_id) for row in await list_objects(pool)}
    assert rows == {"ref-1": ("paid", delivery_id(2))}
    assert await table(pool, "repeats") == []


async def test_what_is_left_proves_no_more_than_it_did(pool: Pool) -> None:
    """What goes over to one that repeated it without a proof is not proven any more."""
    unsigned = replace(PAID, authority=Authority.UNSIGNED)
    first = replace(delivered(1, b"1"), authority=Authority.UNSIGNED)
    await take(pool, Mapped({b"1": [unsigned], b"2": [PAID]}), first, delivered(2, b"2"))
    [row] = await list_objects(pool)
    assert (row.delivery_id, row.flags) == (delivery_id(2), [])
    narrow = replace(ALL, since=received(2))
    await again(pool, Mapped({b"1": [unsigned], b"2": [PENDING]}), narrow)
    [row] = await list_objects(pool)
    assert (row.state, row.delivery_id) == ("paid", delivery_id(1))
    assert row.flags == ["uncorroborated"]


async def test_what_was_understood_can_become_unknown(pool: Pool) -> None:
    await take(pool, NEW, delivered(1, b"p"), delivered(2, b"x"))
    await again(pool, OLD)
    assert await states(pool) == {"ref-1": ("pending", 3)}
    assert [(each.value, each.replays) for each in await list_parked(pool)] == [("x", 1)]


async def test_discarded_stays_discarded_while_it_is_unknown(pool: Pool) -> None:
    await three(pool)
    assert await discard(pool, Choice(value="x"), "not ours") == 1
    await again(pool, OLD)
    assert await list_parked(pool) == []
    [kept] = await list_parked(pool, discarded=True)
    assert (kept.discard_reason, kept.replays) == ("not ours", 0)
    await again(pool, NEW)
    assert await list_parked(pool, discarded=True) == []


async def test_late_copy_of_the_old_outcome_changes_nothing(pool: Pool) -> None:
    """The broker delivers once more what was translated before the mapping was corrected."""
    await three(pool)
    stale = translator(OLD).outcome_of(delivered(3, b"o"))
    await again(pool, Mapped({**NEW.meanings, b"o": [about("ref-1", OTHER), unknown("z")]}))
    before = await everything(pool)
    await apply(pool, [stale])
    assert await everything(pool) == before


async def test_two_replays_and_a_reconciler_at_once(pool: Pool) -> None:
    deliveries = [delivered(n, b"x" if n % 3 else b"p") for n in range(1, 40)]
    await take(pool, OLD, *deliveries)
    fresh = [delivered(n, b"o") for n in range(100, 140)]
    await asyncio.gather(again(pool, NEW), again(pool, NEW), *(take(pool, NEW, d) for d in fresh))
    found = await states(pool)
    assert found["ref-1"] == ("paid", 2)
    assert found["ref-2"] == ("paid", 1)


async def test_failing_translation_leaves_what_stands(pool: Pool) -> None:
    class Failing(Mapped):
        def translate(self, *_: object) -> tuple[Reading, ...]:
            raise ValueError("a bug")

    await three(pool)
    before = await everything(pool)
    found = await again(pool, Failing())
    assert found.failed == [delivery_id(n) for n in (1, 2, 3)]
    assert not found.done
    assert await everything(pool) == before


@pytest_asyncio.fixture
async def second(servers: RunningServers, template: str) -> AsyncIterator[Pool]:
    """Give the test a second database."""
    dsn = servers.fresh_database(template)
    async with open_pool(dsn, size=2) as opened:
        yield opened
    servers.drop_database(dsn)


_AUTHORITIES = (Authority.UNSIGNED, Authority.SECRET, Authority.SIGNED)


def _bodies() -> Iterator[bytes]:
    return (str(n).encode() for n in range(60))


def _any_mapping(random: Random, said: list[Observation]) -> Mapped:
    """Make up what bodies mean: one or two observations, or nothing known."""
    return Mapped({body: random.sample(said, random.randint(1, 2)) for body in _bodies()
                   if random.random() < 0.8}, with_its_authority=True)  # fmt: skip


@pytest.mark.parametrize("seed", range(6))
async def test_as_if_it_had_always_been_so(pool: Pool, second: Pool, seed: int) -> None:
    """After a replay all that stands is what today's mapping would have made from the start."""
    random = Random(seed)
    said = [each for n in range(8) for each in history_of(f"p-{n}", random, 5)]
    old, new = _any_mapping(random, said), _any_mapping(random, said)
    deliveries = [
        replace(delivered(n, body), authority=random.choice(_AUTHORITIES))
        for n, body in enumerate(_bodies(), 1)
    ]
    await take(pool, old, *deliveries)
    before = {row.provider_ref: row.sequence for row in await list_objects(pool)}
    await take(second, new, *deliveries)
    found = await again(pool, new)

    left = {key.provider_ref for key in found.left}
    for name in ("observations", "repeats", "aliases", "parked"):
        mine, fresh = await table(pool, name), await table(second, name)
        keep = [row for row in mine if not left & set(map(str, row))]
        assert keep == [row for row in fresh if not left & set(map(str, row))], name
    mine_rows, fresh_rows = await folded_rows(pool), await folded_rows(second)
    told = {ref for ref in fresh_rows if ref not in left}
    assert {ref: mine_rows[ref] for ref in told} == {ref: fresh_rows[ref] for ref in told}
    changed = {b.provider_ref for _, b in found.changed}
    after = {row.provider_ref: row.sequence for row in await list_objects(pool)}
    assert after == {ref: before.get(ref, 0) + (ref in changed) for ref in after}
    last = await fetch(pool, "select count(*) from outbox x join objects o on o.id = x.object_id"
                             " and o.sequence = x.sequence")  # fmt: skip
    assert last[0][0] == sum(1 for sequence in after.values() if sequence)
