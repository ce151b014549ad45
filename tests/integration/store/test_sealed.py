"""With keys no raw body rests in a table as it came; each opens in its own row, and nowhere else."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest

from libs.contracts.readings import ParkReason, Unknown
from libs.runtime.key_ring import MARK, NO_KEYS, AlteredError, KeyMissingError, name_of
from libs.store.archive import delivery_on_file, file_deliveries
from libs.store.audit import filed_with_mark
from libs.store.database import Pool
from libs.store.inspect import parked_of
from libs.store.parked import Choice, bodies_of, parked_deliveries
from libs.store.to_be_told import remember_all, telling_turn, withdraw
from services.payouts.telling import own_delivery
from services.reconciler.apply import apply
from tests.integration.payouts.rooms import now
from tests.integration.store.keyed import BOTH, NEW, NEW_NAME, OLD, OLD_NAME, bodies, pools
from tests.integration.store.rooms import fetch, value
from tests.integration.store.test_archive import ONE
from tests.unit.reconciler.telling import delivery_id, received, told

pytestmark = pytest.mark.servers

CANARY = b"canary-4711"
KNOWN = replace(ONE, body=b'{"holder": "' + CANARY + b'"}')
WORD = Unknown(reason=ParkReason.UNKNOWN_VALUE, detail="a new word", field="word", value="x")


async def test_delivery_rests_sealed_and_reads_back_exactly(dsn: str) -> None:
    async with pools(dsn, OLD) as [pool]:
        await file_deliveries(pool, [KNOWN])
        [kept] = await bodies(pool)
        assert name_of(kept) == OLD_NAME
        assert CANARY not in kept
        assert await delivery_on_file(pool, KNOWN.id) == KNOWN


async def test_digest_tells_nothing_of_the_plain_body(dsn: str) -> None:
    """It is that of what rests, so it shows damage to who has no key, and no two that are alike."""
    async with pools(dsn, OLD) as [pool]:
        await file_deliveries(pool, [KNOWN, replace(KNOWN, id=delivery_id(2))])
        rows = await fetch(pool, "select sha256, body from deliveries")
    assert [row["sha256"] for row in rows] == [hashlib.sha256(r["body"]).digest() for r in rows]
    assert len({row["sha256"] for row in rows}) == 2
    assert hashlib.sha256(KNOWN.body).digest() not in {row["sha256"] for row in rows}


async def test_without_keys_it_rests_as_ever(pool: Pool) -> None:
    await file_deliveries(pool, [KNOWN])
    assert await bodies(pool) == [KNOWN.body]
    assert await value(pool, "select sha256 from deliveries") == bytes.fromhex(KNOWN.sha256)


async def test_plain_sealed_and_sealed_anew_stand_side_by_side(dsn: str) -> None:
    """Switched on and rotated while it runs; and a stranger whose body looks sealed."""
    odd = replace(ONE, id=delivery_id(4), body=MARK + b"\x01" + bytes(60))
    some = [replace(KNOWN, id=delivery_id(n)) for n in (1, 2, 3)]
    async with pools(dsn, NO_KEYS, OLD, BOTH) as [plain, old, both]:
        await file_deliveries(plain, [some[0], odd])
        await file_deliveries(old, [some[1]])
        await file_deliveries(both, [some[2]])
        kept = await bodies(both)
        assert [name_of(each) for each in kept] == ["plain", OLD_NAME, NEW_NAME, "plain"]
        for wanted in (*some, odd):
            assert await delivery_on_file(both, wanted.id) == wanted
        with pytest.raises(KeyMissingError, match=NEW_NAME):
            await delivery_on_file(old, some[2].id)


async def test_swapped_rows_are_refused(dsn: str) -> None:
    other = replace(KNOWN, id=delivery_id(2), body=b"other")
    async with pools(dsn, OLD) as [pool]:
        await file_deliveries(pool, [KNOWN, other])
        await fetch(
            pool,
            "update deliveries d set body = o.body, sha256 = o.sha256 from deliveries o"
            " where o.id <> d.id returning 1",
        )
        for each in (KNOWN, other):
            with pytest.raises(AlteredError, match="or belongs elsewhere") as raised:
                await delivery_on_file(pool, each.id)
            assert CANARY.decode() not in str(raised.value)


@pytest.mark.parametrize("at", [5, 12, 13, 24, 25, 40, -16, -1])
async def test_altered_row_is_refused(dsn: str, at: int) -> None:
    """The name of the key, the nonce, the body and the tag: first and last byte of each."""
    async with pools(dsn, OLD) as [pool]:
        await file_deliveries(pool, [KNOWN])
        [kept] = await bodies(pool)
        place = at % len(kept)
        await fetch(
            pool,
            "update deliveries set body = set_byte(body, $1, get_byte(body, $1) # 1) returning 1",
            place,
        )
        with pytest.raises((AlteredError, KeyMissingError)):
            await delivery_on_file(pool, KNOWN.id)


async def test_parked_body_rests_sealed(dsn: str) -> None:
    outcome = replace(told(1, WORD), body=KNOWN.body)
    async with pools(dsn, OLD, NEW) as [pool, without]:
        await apply(pool, [outcome])
        [parked], [filed] = await bodies(pool, "parked"), await bodies(pool)
        assert (name_of(parked), name_of(filed)) == (OLD_NAME, OLD_NAME)
        assert CANARY not in parked + filed
        [reading] = await parked_of(pool, outcome.delivery_id)
        assert (reading.body, reading.unopened) == (KNOWN.body, None)
        [shut] = await parked_of(without, outcome.delivery_id)
        assert (shut.body, shut.reason) == (None, "unknown_value")
        assert OLD_NAME in str(shut.unopened)


async def test_copy_stands_in_for_what_cannot_be_opened(dsn: str) -> None:
    """And what is nowhere to be opened is named, and in the way of no other."""
    outcomes = [replace(told(n, WORD), body=b"%d" % n) for n in (1, 2, 3)]
    async with pools(dsn, OLD, BOTH) as [old, both]:
        await apply(both, outcomes)
        kept = await parked_deliveries(old, Choice())
        found, unopened = await bodies_of(old, kept)
        assert (found, set(unopened)) == ({}, {o.delivery_id for o in outcomes})
        assert all(NEW_NAME in each.why for each in unopened.values())
        await fetch(both, "update parked set body = '2' where delivery_id = $1", delivery_id(2))
        found, unopened = await bodies_of(old, kept)
        assert {n: d.body for n, d in found.items()} == {delivery_id(2): b"2"}
        assert set(unopened) == {delivery_id(1), delivery_id(3)}
        found, unopened = await bodies_of(both, kept)
        assert (len(found), unopened) == (3, {})


async def test_what_is_to_be_told_rests_sealed(dsn: str) -> None:
    made = own_delivery("payu", "payu", "payout/created", KNOWN.body, now())
    async with pools(dsn, OLD, BOTH, NEW) as [old, both, new]:
        await remember_all(old, [made])
        [kept] = await bodies(old, "to_be_told", "delivery_id")
        assert name_of(kept) == OLD_NAME
        assert CANARY not in kept
        async with telling_turn(new) as turn:
            assert turn is not None
            due, [shut] = await turn.due(10)
            assert (due, shut.id) == ([], made.id)
            assert await turn.due(10, but=[shut.id]) == ([], [])
        async with telling_turn(both) as turn:
            assert turn is not None
            assert await turn.due(10) == ([made], [])
        await withdraw(both, "payu", "payout/created", lambda body: body == KNOWN.body)
        assert await bodies(old, "to_be_told", "delivery_id") == []


async def test_simulator_finds_its_bodies_sealed_or_not(dsn: str) -> None:
    since = received(0)
    some = [
        replace(KNOWN, id=delivery_id(n), received_at=received(n), body=b"%d " % n + mark)
        for n, mark in enumerate([CANARY, CANARY, b"other"], 1)
    ]
    async with pools(dsn, NO_KEYS, OLD) as [plain, old]:
        await file_deliveries(plain, some[:1])
        await file_deliveries(old, some[1:])
        found = [each async for each in filed_with_mark(old, CANARY, since)]
        assert {each.id: each.digest for each in found} == {
            each.id: hashlib.sha256(each.body).digest() for each in some[:2]
        }
        with pytest.raises(KeyMissingError):
            [each async for each in filed_with_mark(plain, CANARY, since)]
