"""Bodies whose key is not at hand are named, and stand in the way of nothing else."""

from __future__ import annotations

from dataclasses import replace

import pytest
import structlog

from libs.bus.publisher import Outcome
from libs.runtime.key_ring import AlteredError
from libs.store.database import Pool
from libs.store.inspect import list_objects
from libs.store.parked import Choice, parked_deliveries
from libs.store.to_be_told import remember_all
from services.payouts.telling import own_delivery
from services.reconciler import telling
from services.reconciler.apply import apply
from services.reconciler.sweep import Sweep
from services.reconciler.telling import Telling, tell
from services.replay.reentry import reenter
from tests.integration.payouts.rooms import Broker, now
from tests.integration.reconciler.test_sweep import LOST, Bus, file, later, sweep
from tests.integration.replay.mapping import Mapped, again, delivered, take
from tests.integration.replay.test_archived import NEW as NEW_MAPPING
from tests.integration.replay.test_archived import OLD as OLD_MAPPING
from tests.integration.replay.test_reentry import Door
from tests.integration.store.keyed import BOTH, NEW_NAME, OLD, OLD_NAME, pools
from tests.integration.store.rooms import value
from tests.unit.domain.saying import paid
from tests.unit.reconciler.telling import delivery_id, told

pytestmark = pytest.mark.servers

Logged = list[structlog.typing.EventDict]


async def test_sweep_goes_on_beside_them(dsn: str, logged: Logged) -> None:
    """Also where they are the oldest: they come back after minutes, with their key or without."""
    async with pools(dsn, OLD, BOTH) as [old, both]:
        bus = Bus()
        await file(both, LOST[:3], minutes_ago=3)
        await later(both, "deliveries", "archived_at", 1)
        await file(old, LOST[3:], minutes_ago=2)
        ours = sweep(old, bus)
        assert await ours.once() == 5
        assert bus.swept == LOST[3:]
        [said] = [each for each in logged if each["event"] == "deliveries_not_opened"]
        assert (said["count"], NEW_NAME in said["why"]) == (3, True)
        assert await ours.once() == 0
        await later(both, "swept", "swept_at", 6)
        bus.swept.clear()
        assert await sweep(both, bus).once() == 5
        assert sorted(each.id for each in bus.swept) == [each.id for each in LOST]


async def test_folding_needs_no_old_key(dsn: str) -> None:
    """What a reconciler does for each webhook reads no body that rests."""
    async with pools(dsn, OLD, BOTH) as [old, both]:
        await apply(both, [told(1, paid(at=1))])
        await apply(old, [told(2, paid(at=2))])
        [row] = await list_objects(old)
        assert row.state == "paid"


async def test_telling_goes_on_behind_them(
    dsn: str, logged: Logged, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(telling, "PORTION", 2)
    async with pools(dsn, OLD, BOTH) as [old, both]:
        shut = [own_delivery("payu", "payu", "payout/created", b"{}", now()) for _ in range(5)]
        await remember_all(both, shut)
        due = [own_delivery("payu", "payu", "payout/created", b"{}", now()) for _ in range(3)]
        await remember_all(old, due)
        broker = Broker(Outcome.CONFIRMED)
        chore = Telling(old, broker)
        await chore.run()
        await chore.run()
        assert sorted(broker.told) == sorted(each.id for each in due)
        [said] = [each for each in logged if each["event"] == "own_deliveries_not_opened"]
        assert said["count"] == 5
        done = await tell(old, broker)
        assert {each.id for each in done.unopened} == {each.id for each in shut}
        assert (done.count, done.all) == (0, True)
        assert (await tell(both, broker)).count == 5


async def test_replay_corrects_the_others(dsn: str) -> None:
    """And says which it could not read, why, and that it is not done."""
    async with pools(dsn, OLD, BOTH) as [old, both]:
        await take(both, OLD_MAPPING, delivered(1, b"p"))
        await take(old, OLD_MAPPING, delivered(2, b"x"), delivered(3, b"o"))
        for dry_run in (True, False):
            found = await again(old, NEW_MAPPING, dry_run=dry_run)
            assert [each.id for each in found.unopened] == [delivery_id(1)]
            assert f"the body of the delivery {delivery_id(1)} is sealed under the key" in str(
                found.unopened[0]
            )
            assert (found.done, len(found.changed), found.looked_at) == (False, 1, 2)
        assert (await again(both, NEW_MAPPING)).done


async def test_replay_of_parked_sends_the_others(dsn: str) -> None:
    async with pools(dsn, OLD, BOTH) as [old, both]:
        await take(both, Mapped(), delivered(1, b"one"))
        await take(old, Mapped(), delivered(2, b"two"))
        door = Door()
        kept = await parked_deliveries(old, Choice())
        found = await reenter(old, door, kept, lambda _: None)
        assert [each.body for each in door.deliveries()] == [b"two"]
        assert [each.id for each in found.unopened] == [delivery_id(1)]
        assert (found.missing, found.done) == ([], False)


async def test_body_of_a_swapped_row_reaches_nobody(dsn: str, pool: Pool) -> None:
    async with pools(dsn, OLD) as [old]:
        bus = Bus()
        await file(old, LOST[:2], minutes_ago=2)
        assert (
            await value(
                pool,
                "with swapped as (update deliveries d set body = o.body from deliveries o"
                " where o.id <> d.id returning 1) select count(*) from swapped",
            )
            == 2
        )
        await sweep(old, bus).once()
        assert bus.swept == []
        found = await again(old, Mapped())
        assert not found.changed


async def test_plain_body_that_looks_sealed_is_replayed(dsn: str) -> None:
    """It came from a stranger while there were keys, and after it was opened it looks sealed still."""
    odd = BOTH.head + bytes(40)
    async with pools(dsn, BOTH) as [both]:
        bus = Bus()
        await file(both, [replace(LOST[0], body=odd)], minutes_ago=2)
        await Sweep.once(sweep(both, bus))
        assert [each.body for each in bus.swept] == [odd]
        found = await again(both, Mapped())
        assert found.unopened == []
    assert OLD_NAME != NEW_NAME
    assert issubclass(AlteredError, Exception)
