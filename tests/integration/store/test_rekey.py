"""All of it under the newest key: beside the workers, interrupted, by several at once."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace

import pytest

from libs.contracts.delivery import Delivery
from libs.runtime.key_ring import NO_KEYS, KeyRing, name_of
from libs.store import rekey as store
from libs.store.archive import delivery_on_file, ensure_partitions, file_deliveries
from libs.store.database import Pool, transaction
from libs.store.rekey import FIRST, Place, rekey_some, resting
from libs.store.to_be_told import remember_all
from services.archive import rekeying
from services.archive.rekeying import Rekeyed, not_under, rekey
from services.payouts.telling import own_delivery
from services.reconciler.apply import apply
from tests.integration.payouts.rooms import now
from tests.integration.store.keyed import BOTH, NEW, NEW_NAME, OLD, OLD_NAME, bodies, pools
from tests.integration.store.rooms import fetch, value
from tests.integration.store.test_archive import NOW, ONE
from tests.integration.store.test_sealed import WORD
from tests.unit.reconciler.telling import delivery_id, told

pytestmark = pytest.mark.servers


class Interrupted(Exception):  # noqa: N818 - it is none of ours
    """Somebody has enough."""


STRANGE = KeyRing([bytes(range(90, 122))])


@pytest.fixture(autouse=True)
def _small_portions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "ROWS", 7)
    monkeypatch.setattr(rekeying, "PAUSE", 0.05)
    monkeypatch.setattr(rekeying, "FIRST_PAUSE", 0.05)


def some(first: int, count: int) -> list[Delivery]:
    return [
        replace(ONE, id=delivery_id(n), body=b"body %d" % n) for n in range(first, first + count)
    ]


async def everything_anew(pool: Pool) -> Rekeyed:
    return await rekey(pool, NEW_NAME, lambda _: None)


async def all_read_back(pool: Pool, deliveries: list[Delivery]) -> None:
    for each in deliveries:
        assert await delivery_on_file(pool, each.id) == each


async def test_plain_and_old_become_new_everywhere(dsn: str) -> None:
    """Afterwards the old key is of no use any more; the second time nothing is done."""
    filed = some(1, 20)
    waiting = [own_delivery("payu", "payu", "payout/created", b"%d" % n, now()) for n in range(9)]
    parked = [replace(told(n, WORD), body=b"parked %d" % n) for n in range(100, 109)]
    async with pools(dsn, NO_KEYS, OLD, BOTH, NEW) as [plain, old, both, new]:
        await ensure_partitions(plain, NOW)
        await file_deliveries(plain, filed[:8])
        await file_deliveries(old, filed[8:16])
        await file_deliveries(both, filed[16:])
        await apply(old, parked[:4])
        await apply(plain, parked[4:])
        await remember_all(old, waiting)
        before = await resting(both)
        assert before[Place.DELIVERIES] == Counter({"plain": 13, OLD_NAME: 12, NEW_NAME: 4})
        found = await everything_anew(both)
        assert found.done == {Place.DELIVERIES: 25, Place.PARKED: 9, Place.TO_BE_TOLD: 9}
        assert found.resting == {
            Place.DELIVERIES: {NEW_NAME: 29}, Place.PARKED: {NEW_NAME: 9},
            Place.TO_BE_TOLD: {NEW_NAME: 9},
        }  # fmt: skip
        assert not_under(NEW_NAME, found.resting) == 0
        await all_read_back(new, filed)
        assert not await value(new, "select count(*) from deliveries where sha256 <> sha256(body)")
        kept = await bodies(new)
        assert (await everything_anew(both)).done.total() == 0
        assert await bodies(new) == kept


async def test_interrupted_goes_on_where_it_was(dsn: str) -> None:
    filed = some(1, 30)
    async with pools(dsn, OLD, BOTH) as [old, both]:
        await file_deliveries(old, filed)

        def enough(_: str) -> None:
            raise Interrupted

        with pytest.raises(Interrupted):
            await rekey(both, NEW_NAME, enough)
        assert (await resting(both))[Place.DELIVERIES] == {NEW_NAME: 7, OLD_NAME: 23}
        await all_read_back(both, filed)
        assert (await everything_anew(both)).done.total() == 23
        await all_read_back(both, filed)


async def test_half_a_portion_is_none(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    filed = some(1, 5)

    def fails(_: str) -> None:
        raise RuntimeError

    async with pools(dsn, OLD, BOTH) as [old, both]:
        await file_deliveries(old, filed)
        kept = await bodies(old)
        monkeypatch.setattr(store, "failpoint", fails)
        with pytest.raises(RuntimeError):
            await rekey_some(both, Place.DELIVERIES, FIRST[Place.DELIVERIES])
        assert await bodies(old) == kept


async def test_several_share_the_work(dsn: str) -> None:
    filed = some(1, 200)
    async with pools(dsn, OLD, BOTH, BOTH, BOTH) as [old, *several]:
        await file_deliveries(old, filed)
        found = await asyncio.gather(*(everything_anew(pool) for pool in several))
        assert sum(each.done.total() for each in found) == 200
        assert [not_under(NEW_NAME, each.resting) for each in found] == [0, 0, 0]
        await all_read_back(several[0], filed)


async def test_beside_reconcilers_that_file_and_park(dsn: str) -> None:
    """Some have not heard of the new key yet: what they write is in the next count."""
    filed, more = some(1, 60), some(1000, 300)
    async with pools(dsn, OLD, OLD, BOTH, BOTH) as [old, slow, quick, both]:
        await ensure_partitions(old, NOW)
        await file_deliveries(old, filed)
        working = True

        async def work(pool: Pool, first: int) -> None:
            for start in range(first, 300, 40):
                portion = more[start : start + 20]
                await file_deliveries(pool, [*filed[:5], *portion])  # some of them come again
                await apply(pool, [replace(told(5000 + start, WORD), body=b"p")])

        async def anew() -> int:
            done = 0
            while working:
                done += (await everything_anew(both)).done.total()
            return done

        rekeying_ = asyncio.create_task(anew())
        await asyncio.gather(work(slow, 0), work(quick, 20))
        working = False
        assert await rekeying_ >= 60
        last = await everything_anew(both)
        assert not_under(NEW_NAME, last.resting) == 0
        assert last.unopened == {}
        await all_read_back(both, filed + more)


async def test_partition_made_meanwhile_loses_nothing(dsn: str) -> None:
    """Its rows move from the default partition, some of them while they are sealed anew."""
    filed = some(1, 120)
    async with pools(dsn, OLD, BOTH) as [old, both]:
        await file_deliveries(old, filed)
        await asyncio.gather(everything_anew(both), ensure_partitions(old, NOW))
        assert not_under(NEW_NAME, (await everything_anew(both)).resting) == 0
        assert await value(both, "select count(*) from deliveries_default") == 0
        await all_read_back(both, filed)


async def test_row_that_somebody_holds_is_done_later(dsn: str) -> None:
    filed = some(1, 10)
    async with pools(dsn, OLD, BOTH) as [old, both]:
        await file_deliveries(old, filed)
        async with transaction(old) as connection:
            await connection.execute(
                "select 1 from deliveries where id = $1 for update", delivery_id(3)
            )
            step = await rekey_some(both, Place.DELIVERIES, FIRST[Place.DELIVERIES])
            assert (step.done, step.held) == (6, 1)
            sealing = asyncio.create_task(everything_anew(both))
            await asyncio.sleep(0.1)
        assert not_under(NEW_NAME, (await sealing).resting) == 0


async def test_what_cannot_be_opened_is_left_and_named(dsn: str) -> None:
    filed = some(1, 20)
    async with pools(dsn, OLD, STRANGE, BOTH) as [old, strange, both]:
        await file_deliveries(strange, filed[:9])
        await file_deliveries(old, filed[9:])
        await fetch(
            old,
            "update deliveries set body = set_byte(body, 30, get_byte(body, 30) # 1)"
            " where id = $1 returning 1",
            delivery_id(20),
        )
        kept = await bodies(old)
        found = await everything_anew(both)
        assert found.unopened == {STRANGE.names[0]: 9, "altered": 1}
        assert found.resting[Place.DELIVERIES] == {STRANGE.names[0]: 9, OLD_NAME: 1, NEW_NAME: 10}
        left = await bodies(old)
        assert [*left[:9], left[19]] == [*kept[:9], kept[19]]
        await all_read_back(strange, filed[:9])


async def test_portions_are_bounded_by_size(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "BYTES", 2500)
    filed = [replace(each, body=bytes(1000)) for each in some(1, 5)]
    filed += [replace(each, body=bytes(9000)) for each in some(6, 1)]
    async with pools(dsn, NO_KEYS, BOTH) as [plain, both]:
        await file_deliveries(plain, filed)
        after, steps = FIRST[Place.DELIVERIES], []
        while (step := await rekey_some(both, Place.DELIVERIES, after)).last is not None:
            after = step.last
            steps.append(step.done)
        assert steps == [2, 2, 1, 1]


async def test_restored_row_of_an_old_backup_is_sealed_anew(dsn: str) -> None:
    filed = some(1, 3)
    async with pools(dsn, OLD, BOTH, NEW) as [old, both, new]:
        await file_deliveries(old, filed)
        [backup, *_] = await bodies(old)
        await everything_anew(both)
        await fetch(
            old, "update deliveries set body = $2 where id = $1 returning 1", delivery_id(1), backup
        )
        assert name_of((await bodies(old))[0]) == OLD_NAME
        assert (await everything_anew(both)).done.total() == 1
        await all_read_back(new, filed)
