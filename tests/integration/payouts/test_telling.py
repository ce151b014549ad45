"""The chore that tells what was left: by whichever reconciler, once, when the broker is back."""

from __future__ import annotations

import asyncio

import pytest

from libs.bus.publisher import Outcome
from libs.runtime.failures import TemporaryError
from libs.runtime.metrics import REGISTRY
from libs.store.database import Pool
from libs.store.to_be_told import hold_back, remember_all, telling_turn
from services.payouts.telling import own_delivery
from services.reconciler.telling import PORTION, Telling, Told, tell
from tests.integration.payouts.rooms import Broker, now, to_be_told

pytestmark = pytest.mark.servers


async def remember(pool: Pool, count: int) -> list[str]:
    made = [own_delivery("payu", "payu", "payout/created", b"{}", now()) for _ in range(count)]
    await remember_all(pool, made)
    return [each.id for each in made]


def waiting() -> float | None:
    return REGISTRY.get_sample_value("caudal_to_be_told")


async def test_what_is_left_is_told(pool: Pool) -> None:
    ids = await remember(pool, PORTION + 1)
    broker = Broker(Outcome.CONFIRMED)
    await Telling(pool, broker).run()
    assert (sorted(broker.told), waiting()) == (sorted(ids), 0)
    await Telling(pool, broker).run()
    assert len(broker.told) == len(ids)


async def test_while_the_broker_is_away_it_is_counted(pool: Pool) -> None:
    await remember(pool, 2)
    with pytest.raises(TemporaryError):
        await Telling(pool, Broker(Outcome.UNKNOWN)).run()
    assert (waiting(), len(await to_be_told(pool))) == (2, 2)


async def test_several_reconcilers_tell_it_once(pool: Pool) -> None:
    ids = await remember(pool, 5)
    broker = Broker(Outcome.CONFIRMED)
    await asyncio.gather(*(Telling(pool, broker).run() for _ in range(4)))
    assert sorted(broker.told) == sorted(ids)


async def test_who_comes_second_leaves_it_to_the_first(pool: Pool) -> None:
    await remember(pool, 1)
    broker = Broker(Outcome.CONFIRMED)
    async with telling_turn(pool) as turn:
        assert turn is not None
        assert await tell(pool, broker) == Told(0, all=False, busy=True)
        await Telling(pool, broker).run()
    assert (broker.told, waiting()) == ([], 1)


async def test_what_is_held_back_is_neither_told_nor_counted(pool: Pool) -> None:
    delivery = own_delivery("payu", "payu", "payout/cancel_sent", b"{}", now())
    await hold_back(pool, delivery, now().replace(year=2100))
    broker = Broker(Outcome.CONFIRMED)
    await Telling(pool, broker).run()
    assert (broker.told, waiting()) == ([], 0)
