"""Whom nobody can ask, or not any more: listed for a person; and the walks that find them."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import pytest

from libs.domain.lifecycle import Kind, State
from libs.store.database import Pool, transaction
from libs.store.objects import ObjectKey
from libs.store.overdue import list_overdue, overdue_counts, overdue_names
from libs.store.polls import move_pokes
from services.reconciler.polling import run as module
from services.reconciler.polling.access import Access
from services.reconciler.polling.walk import AGAIN, FIRST, ROUND, marks, walk
from tests.integration.polling.provider import Provider, link, sources
from tests.integration.polling.rooms import (
    CHARGE,
    LINK,
    OTHER,
    REF,
    Room,
    age,
    heard,
    poke,
    said,
)
from tests.integration.store.rooms import value

pytestmark = pytest.mark.servers


async def test_exhausted_schedule_stays_listed(pool: Pool, room: Room, provider: Provider) -> None:
    """Asked twice, nothing final: from then on it is a person's."""
    provider.answers[LINK] = link(REF, "CHECKOUT_PENDING")
    await heard(pool, 1, said(State.PENDING))
    await age(pool, timedelta(minutes=70))
    await walk(pool, room.access, FIRST)
    for _ in range(12):
        await room.round()
        await room.folded()
        await age(pool, timedelta(minutes=20))
    assert provider.asked == {LINK: 2}
    [listed] = await list_overdue(pool)
    assert (listed.poll.why, listed.poll.ask_at) == ("overdue", None)
    assert (listed.poll.asked, listed.poll.outcome, listed.state) == (2, "unchanged", "pending")


async def test_who_cannot_be_asked_is_listed(pool: Pool, room: Room, provider: Provider) -> None:
    """Conectados and PayU: a task for a person, never asked."""
    await heard(pool, 1, replace(said(State.AUTHORIZED), provider_ref="12345"), source="conectados")
    payout = replace(said(State.SENT), kind=Kind.PAYOUT, provider_ref="p-1")
    await heard(pool, 2, payout, source="payu")
    await age(pool, timedelta(minutes=90))
    await walk(pool, room.access, FIRST)
    for each in ("conectados", "payu"):
        await room.round(each)
    assert await overdue_names(pool) == {
        ObjectKey("conectados", "payment", "12345"),
        ObjectKey("payu", "payout", "p-1"),
    }
    assert all(each.poll.ask_at is None for each in await list_overdue(pool))
    assert provider.asked == {}


async def test_what_is_counted_is_what_is_listed(pool: Pool, room: Room) -> None:
    """News takes an object off both, until it was looked at again; one that nobody knows stays."""
    for number, ref in enumerate((REF, OTHER)):
        await heard(pool, number + 1, said(State.PENDING, ref=ref))
    await heard(pool, 3, poke(CHARGE))
    await move_pokes(pool, 10)
    await age(pool, timedelta(minutes=90))
    await walk(pool, room.access, FIRST)
    assert await overdue_names(pool) == {
        ObjectKey("clip", "payment", ref) for ref in (REF, OTHER, CHARGE)
    }
    [(count, oldest)] = (await overdue_counts(pool)).values()
    assert (count, 90 * 60 <= oldest < 100 * 60) == (3, True)
    await heard(pool, 4, said(State.AUTHORIZED, ref=REF))
    await age(pool, timedelta(hours=1), CHARGE)
    assert len(await list_overdue(pool)) == 2
    [(count, oldest)] = (await overdue_counts(pool)).values()
    assert (count, 150 * 60 <= oldest < 160 * 60) == (2, True)
    assert len(await list_overdue(pool, waiting=True)) == 3


async def test_late_commit_behind_the_mark_is_found(pool: Pool, room: Room) -> None:
    await heard(pool, 1, said(State.PENDING))
    await heard(pool, 2, said(State.PENDING, ref=OTHER))
    await age(pool, timedelta(hours=2))
    async with transaction(pool) as connection:
        await connection.execute(
            "update poll_marks set upto = (select max(id) from objects) where of = 'first'"
        )
    assert await walk(pool, room.access, FIRST) == 0
    assert await walk(pool, room.access, AGAIN) == 2
    assert await value(pool, "select count(*) from polls") == 2


async def test_second_walk_is_spared_where_the_first_comes_late(
    pool: Pool, provider: Provider
) -> None:
    """Its mark goes along, so that it begins there where it is needed again."""
    late, soon = sources(provider.url), sources(provider.url, spans='["3s"]')
    assert marks(Access(late)) == (FIRST,)
    assert marks(Access(soon)) == (FIRST, AGAIN)
    await heard(pool, 1, said(State.PENDING))
    await age(pool, timedelta(hours=2))
    assert await walk(pool, Access(late), FIRST) == 1
    assert await value(pool, "select count(distinct upto) from poll_marks where upto > 0") == 1
    assert await walk(pool, Access(soon), AGAIN) == 0
    await heard(pool, 2, said(State.PENDING, ref=OTHER))
    await age(pool, timedelta(hours=2))
    assert await walk(pool, Access(soon), FIRST) == 1
    assert await walk(pool, Access(soon), AGAIN) == 1


async def test_walk_over_very_many_comes_in_pieces(
    pool: Pool, room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It lasts no longer than it may, however many there are, and rests as long as it works."""
    rounds = []

    async def endless(*_: object) -> int:
        rounds.append(asyncio.get_running_loop().time())
        await asyncio.sleep(0.05)
        return ROUND

    async def nothing_waits() -> int:
        return 0

    monkeypatch.setattr(module, "walk", endless)
    desk = module.Desk(pool, room.access, room.pollers, nothing_waits)
    begun = asyncio.get_running_loop().time()
    await desk.walk()
    assert asyncio.get_running_loop().time() - begun < module.WALK_FOR + 0.5
    assert 3 <= len(rounds) <= 11
    assert min(b - a for a, b in pairwise(rounds)) >= 0.09


async def test_two_walks_do_not_meet(pool: Pool, room: Room) -> None:
    await heard(pool, 1, said(State.PENDING))
    await age(pool, timedelta(hours=2))
    async with transaction(pool) as connection:
        await connection.fetch("select from poll_marks where of = 'first' for update")
        assert await walk(pool, room.access, FIRST) == 0
    assert await walk(pool, room.access, FIRST) == 1
