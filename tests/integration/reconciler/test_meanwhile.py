"""What somebody else writes between the reading and the writing of a batch is never overwritten."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace

import pytest

from libs.contracts.webhook_translated import Translated
from libs.runtime.failures import ContentionError
from libs.store.database import Connection, Pool, session, transaction
from libs.store.objects import ObjectKey, lock_objects, make_objects, update_objects
from libs.store.on_record import OnRecord, batch_on_record
from libs.store.outcomes import ledger_name
from libs.store.together import StaleError, Writes
from services.reconciler import apply as applying
from services.reconciler.apply import apply
from tests.integration.store.rooms import everything, table
from tests.unit.domain.saying import brl, entry, paid, pending, refund
from tests.unit.reconciler.telling import about, told

pytestmark = pytest.mark.servers

FIRST = told(1, pending(at=1, amount=brl("10.00")))
SECOND = told(2, paid(at=2, amount=brl("10.00")))
THIRD = told(3, refund(entry("4.00"), at=3))


def meddling(monkeypatch: pytest.MonkeyPatch, pool: Pool, said: Sequence[Translated]) -> list[int]:
    """Let another reconciler apply one after another, each right after something was read."""
    real, left, reads = batch_on_record, list(said), [0]

    async def read(connection: Connection, *wanted: object, most: int) -> OnRecord:
        found = await real(connection, *wanted, most=most)  # type: ignore[arg-type]
        reads[0] += 1
        if left:
            monkeypatch.setattr(applying, "batch_on_record", real)
            await apply(pool, [left.pop(0)])
            monkeypatch.setattr(applying, "batch_on_record", read)
        return found

    monkeypatch.setattr(applying, "batch_on_record", read)
    return reads


async def test_known_object_is_read_again(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    await apply(pool, [FIRST])
    reads = meddling(monkeypatch, pool, [SECOND])
    await apply(pool, [THIRD])
    assert reads == [3]
    [row] = await table(pool, "objects")
    assert "partially_refunded" in row
    assert len(await table(pool, "observations")) == 3
    assert len(await table(pool, "outbox")) == 3


async def test_new_object_is_read_again(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    reads = meddling(monkeypatch, pool, [FIRST])
    await apply(pool, [SECOND])
    assert reads == [3]
    [row] = await table(pool, "objects")
    assert "paid" in row
    assert len(await table(pool, "outbox")) == 2


async def test_same_name_is_one_first_delivery(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two deliveries of one name, about two objects: the ledger's word makes the second look again."""
    one, other = told(1, about("a", paid(at=1))), told(2, about("b", paid(at=2)))
    assert ledger_name(one) != ledger_name(other)
    monkeypatch.setattr(applying, "ledger_name", lambda _: b"one name")
    reads = meddling(monkeypatch, pool, [one])
    await apply(pool, [other])
    assert reads == [3]
    found = [tuple(map(str, row)) for row in await table(pool, "translations")]
    assert one.delivery_id in next(row for row in found if row[0] == other.delivery_id)[1:]
    assert other.delivery_id not in next(row for row in found if row[0] == one.delivery_id)[1:]


async def test_made_twice_meanwhile(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also after the first reading of the attempt that locks; then nobody can any more."""
    batch = [told(n, about(f"ref-{n}", paid(at=n))) for n in (1, 2, 3)]
    reads = meddling(monkeypatch, pool, batch[:2])
    await apply(pool, [told(90 + n, about(f"ref-{n}", pending(at=90 + n))) for n in (1, 2, 3)])
    assert reads == [3]
    assert len(await table(pool, "objects")) == 3
    assert len(await table(pool, "observations")) == 5


async def test_names_entered_all_the_time_give_up(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each reading is followed by a new name of the batch: it ends, and leaves nothing behind."""
    monkeypatch.setattr(
        applying, "ledger_name", lambda outcome: outcome.delivery_id[-2:].encode()[-1:]
    )
    copies = [told(16 + n, about(f"copy-{n}", paid(at=n))) for n in range(16)]
    batch = [told(32 + n, about(f"ref-{n}", paid(at=n))) for n in range(16)]
    monkeypatch.setattr(applying, "LOCKED", 5)
    reads = meddling(monkeypatch, pool, copies)
    with pytest.raises(ContentionError):
        await apply(pool, batch)
    assert reads == [1 + 2 * 5]
    for made in ("objects", "observations", "translations"):
        assert len(await table(pool, made)) == 1 + 2 * 5


@asynccontextmanager
async def held_up(pool: Pool, ref: str) -> AsyncIterator[None]:
    """Somebody makes an object and thinks better of it: until then, who makes it too has to wait."""
    with suppress(_NeverMindError):
        async with transaction(pool) as connection:
            await make_objects(connection, {ObjectKey(FIRST.source, "payment", ref): "clip"})
            yield
            raise _NeverMindError


class _NeverMindError(Exception):
    pass


MAKING = [told(n, about(ref, pending(at=n))) for n, ref in enumerate("abx", 10)]
CHANGING = [told(n, about(ref, paid(at=n))) for n, ref in enumerate("ax", 20)]


async def both_get_through(pool: Pool, other: Sequence[Translated]) -> None:
    """One makes a and waits at b; then the other waits for it; then b is free."""
    async with held_up(pool, "b"):
        tasks = []
        for batch in (MAKING, other):
            tasks.append(asyncio.create_task(apply(pool, batch)))
            await asyncio.sleep(0.3)
        assert not any(task.done() for task in tasks)
    await asyncio.gather(*tasks)
    assert len(await table(pool, "observations")) == 1 + len(MAKING) + len(CHANGING)


async def test_who_changes_waits_for_nobody_that_inserts(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One makes a, b and x, which is there by now. Another changes x and makes a."""
    meddling(monkeypatch, pool, [told(1, about("x", pending(at=1)))])
    await both_get_through(pool, CHANGING)


async def test_who_locks_waits_for_nobody_that_inserts(pool: Pool) -> None:
    """One makes a and b, and changes x. Another locks x and makes a."""
    await apply(pool, [told(1, about("x", pending(at=1)))])
    await both_get_through(
        pool, [replace(each, replay_of=told(50 + n).delivery_id) for n, each in enumerate(CHANGING)]
    )


async def test_stale_write_leaves_nothing(pool: Pool) -> None:
    await apply(pool, [FIRST])
    async with transaction(pool) as connection:
        key = ObjectKey(FIRST.source, "payment", "ref-1")
        rows = await lock_objects(connection, [key])
    await apply(pool, [SECOND])
    before = await everything(pool)
    writes = Writes()
    update_objects(writes, rows.values())
    writes.add("note_crowded", [(rows[key].id,)])
    with pytest.raises(StaleError):
        async with session(pool) as connection:
            await writes.execute(connection)
    assert await everything(pool) == before


async def test_writer_waits_for_who_holds_the_row(pool: Pool) -> None:
    await apply(pool, [FIRST])
    async with transaction(pool) as connection:
        await lock_objects(connection, [ObjectKey(FIRST.source, "payment", "ref-1")])
        waiting = asyncio.create_task(apply(pool, [SECOND]))
        done, _ = await asyncio.wait([waiting], timeout=0.2)
        assert not done
    assert (await waiting).events == 1
