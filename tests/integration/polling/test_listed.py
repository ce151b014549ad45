"""Whom nobody can ask, or not any more: listed for a person; and the walks that find them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from libs.domain.lifecycle import Kind, State
from libs.store.database import Pool, transaction
from libs.store.objects import ObjectKey
from libs.store.overdue import list_overdue, overdue_counts, overdue_names
from libs.store.polls import move_pokes
from services.reconciler.polling.walk import AGAIN, FIRST, walk
from tests.integration.polling.provider import Provider, link
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


async def test_two_walks_do_not_meet(pool: Pool, room: Room) -> None:
    await heard(pool, 1, said(State.PENDING))
    await age(pool, timedelta(hours=2))
    async with transaction(pool) as connection:
        await connection.fetch("select from poll_marks where of = 'first' for update")
        assert await walk(pool, room.access, FIRST) == 0
    assert await walk(pool, room.access, FIRST) == 1
