"""The poller: whom it asks, how often, what it notes, and what it never does."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from libs.contracts.delivery import Origin
from libs.domain.lifecycle import Authority, Flag, State
from libs.domain.observation import Extent, FacetStatus, Refund
from libs.store.database import Pool
from libs.store.objects import ObjectKey
from libs.store.overdue import overdue_names, polls_of
from libs.store.polls import claim_polls, move_pokes, providers_due
from services.reconciler.polling.run import Desk
from services.reconciler.polling.walk import FIRST, walk
from tests.integration.bus.waiting import until
from tests.integration.polling.provider import Provider, link, refund, sources
from tests.integration.polling.rooms import (
    CHARGE,
    LINK,
    REF,
    Room,
    age,
    counted,
    heard,
    poke,
    said,
    state_of,
)
from tests.integration.store.rooms import fetch, value

pytestmark = pytest.mark.servers


async def test_many_pokes_become_one_poll(pool: Pool, room: Room, provider: Provider) -> None:
    """And the answer enters as a delivery like any other."""
    provider.answers[LINK] = link(REF, "CHECKOUT_PENDING")
    for number in range(1, 8):
        await heard(pool, number, poke())
    assert await room.round() == 1
    assert provider.asked == {LINK: 1}
    [delivery] = room.bus.entered
    assert (delivery.origin, delivery.authority) == (Origin.POLL, Authority.POLL)
    assert (delivery.source, delivery.provider) == ("clip", "clip")
    assert delivery.route_event == f"checkout/{REF}"
    assert delivery.content_type == "application/json"
    assert await value(pool, "select count(*) from pokes") == 0
    await room.folded()
    assert (await state_of(pool))[0] == "pending"
    assert await room.round() == 0
    assert provider.asked == {LINK: 1}


async def test_two_reconcilers_ask_once(pool: Pool, provider: Provider) -> None:
    rooms = [Room(pool, sources(provider.url), name) for name in ("r1", "r2")]
    refs = [f"7f3c1d52-0a44-4c1e-9d0b-{n:012x}" for n in range(40)]
    for n, ref in enumerate(refs):
        provider.answers[f"/clip/v2/checkout/{ref}"] = link(ref, "CHECKOUT_PENDING")
        await heard(pool, n + 1, poke(ref))
    while sum(await asyncio.gather(*(each.round() for each in rooms))):
        continue
    assert set(provider.asked.values()) == {1}
    assert len(provider.asked) == 40
    for each in rooms:
        await each.access.close()


async def test_who_has_something_to_do_is_known(pool: Pool, room: Room) -> None:
    """Due and not claimed, of those who are asked about; the rest of them may sleep."""
    every = tuple(room.pollers)
    assert await providers_due(pool, every) == []
    await heard(pool, 1, poke())
    await heard(pool, 2, poke("0" * 8), source="mobbex")
    await move_pokes(pool, 10)
    assert sorted(await providers_due(pool, every)) == ["clip", "mobbex"]
    assert await providers_due(pool, ("mobbex", "payu")) == ["mobbex"]
    await claim_polls(pool, "clip", 10, by="r1", lease=60)
    assert await providers_due(pool, every) == ["mobbex"]
    await fetch(pool, "update polls set look_at = now() + interval '1 minute'")
    assert await providers_due(pool, every) == []


async def test_due_row_wakes_its_poller(pool: Pool, room: Room, provider: Provider) -> None:
    """Long before that would look by itself."""

    async def nothing_waits() -> int:
        return 0

    desk = Desk(pool, room.access, room.pollers, nothing_waits)
    stop = asyncio.Event()
    running = asyncio.create_task(room.pollers["clip"].run(stop))
    provider.answers[LINK] = link(REF, "CHECKOUT_PENDING")
    await heard(pool, 1, poke())
    await asyncio.sleep(0.2)
    await move_pokes(pool, 10)  # as another reconciler's chore does, which wakes its own pollers
    assert provider.asked == {}
    await desk.due()

    async def asked() -> bool:
        return provider.asked == {LINK: 1}

    await until(asked, 3)
    stop.set()
    await running


async def test_what_was_poked_is_claimed_first(pool: Pool, room: Room) -> None:
    """However long the others wait; what they leave free is theirs."""
    refs = [f"7f3c1d52-0a44-4c1e-9d0b-{n:012x}" for n in range(6)]
    for number, ref in enumerate(refs):
        await heard(pool, number, said(State.PENDING, ref=ref))
    await age(pool, timedelta(hours=2))
    await walk(pool, room.access, FIRST)
    for number, ref in enumerate(refs[3:5]):
        await heard(pool, 10 + number, poke(ref))
    await move_pokes(pool, 10)
    claimed = [await claim_polls(pool, "clip", 1, by="r1", lease=60)]
    claimed += [await claim_polls(pool, "clip", n, by="r1", lease=60) for n in (3, 10, 10)]
    whys = [[each.poll.why for each in some] for some in claimed]
    assert whys == [["poked"], ["poked", "overdue", "overdue"], ["overdue"] * 2, []]
    assert {each.poll.provider_ref for some in claimed for each in some} == set(refs)


async def test_poke_while_asking_asks_once_more(pool: Pool, room: Room, provider: Provider) -> None:
    provider.answers[LINK] = link(REF, "CHECKOUT_PENDING")
    provider.hold = asyncio.Event()
    await heard(pool, 1, poke())
    asking = asyncio.create_task(room.round())
    await provider.arrived.wait()
    await heard(pool, 2, poke())
    await move_pokes(pool, 10)
    assert await room.pollers["clip"].once() == 0  # it is claimed
    provider.hold.set()
    await asking
    assert await room.round() == 1
    assert provider.asked == {LINK: 2}
    assert await room.round() == 0


async def test_paid_link_brings_its_refunds(pool: Pool, room: Room, provider: Provider) -> None:
    """Clip's notice tells neither sum nor id; the query by the charge does, and nothing is left open."""
    notice = said(
        None, key="n1", aliases=(CHARGE,), flags=frozenset({Flag.VERIFY}),
        refunds=(Refund(status=FacetStatus.SUCCEEDED, ledger_key="n1", extent=Extent.UNTOLD),),
    )  # fmt: skip
    await heard(pool, 1, said(State.PAID))
    await heard(pool, 2, notice)
    assert (await state_of(pool))[:2] == ("paid", ["verify"])
    provider.answers[LINK] = link(REF, amount=100)
    provider.answers[f"/clip/refunds/{CHARGE}"] = refund("r-1", 30)
    assert await room.round() == 1
    assert [each.route_event for each in room.bus.entered] == [
        f"checkout/{REF}",
        f"refund/{REF}/{CHARGE}",
    ]
    await room.folded()
    assert [str(each) for each in (await state_of(pool))[2:4]] == ["100.00", "30.00"]
    assert (await state_of(pool))[:2] == ("partially_refunded", [])


async def test_doubt_is_asked_about_at_once(pool: Pool, room: Room, provider: Provider) -> None:
    """Unsigned money until a poll agrees; then it is settled, and nobody asks again."""
    before = counted("caudal_poll_agreement_total", provider="clip", agreement="agrees")
    provider.answers[LINK] = link(REF)
    await heard(pool, 1, said(State.PAID, by=Authority.UNSIGNED))
    assert (await state_of(pool))[1] == ["uncorroborated"]
    assert await room.round() == 1
    await room.folded()
    assert (await state_of(pool))[:2] == ("paid", [])
    assert counted("caudal_poll_agreement_total", provider="clip", agreement="agrees") == before + 1
    await age(pool, timedelta(seconds=3))
    assert await room.round() == 1  # it looks whether it is settled
    assert provider.asked == {LINK: 1}
    assert await value(pool, "select count(*) from polls") == 0


async def test_ordinary_webhook_asks_nobody(pool: Pool) -> None:
    await heard(pool, 1, said(State.PENDING))
    await heard(pool, 2, said(State.PAID))
    assert await value(pool, "select count(*) from pokes") == 0


async def test_lost_webhook_is_found_by_schedule(
    pool: Pool, room: Room, provider: Provider
) -> None:
    provider.answers[LINK] = link(REF)
    await heard(pool, 1, said(State.PENDING))
    assert await walk(pool, room.access, FIRST) == 0  # it is young
    await age(pool, timedelta(minutes=70))
    assert await walk(pool, room.access, FIRST) == 1
    assert await walk(pool, room.access, FIRST) == 0
    assert await overdue_names(pool) == {ObjectKey("clip", "payment", REF)}
    assert await room.round() == 1
    await room.folded()
    assert (await state_of(pool))[0] == "paid"
    assert await overdue_names(pool) == set()
    await age(pool, timedelta(seconds=3))
    await room.round()
    assert await value(pool, "select count(*) from polls") == 0


async def test_finished_object_is_looked_at_once_more(pool: Pool, provider: Provider) -> None:
    """The refund that got lost shows itself only so."""
    room = Room(pool, sources(provider.url, finished='["1h"]'))
    await heard(pool, 1, said(State.PAID, aliases=(CHARGE,)))
    await age(pool, timedelta(minutes=70))
    await walk(pool, room.access, FIRST)
    provider.answers[LINK] = link(REF)
    provider.answers[f"/clip/refunds/{CHARGE}"] = refund("r-1", 100)
    assert await room.round() == 1
    await room.folded()
    assert (await state_of(pool))[0] == "refunded"
    await age(pool, timedelta(seconds=10))
    await room.round()
    assert await value(pool, "select count(*) from polls") == 0
    assert provider.asked[LINK] == 1
    await room.access.close()


async def test_stale_poll_lowers_nothing(pool: Pool, room: Room, provider: Provider) -> None:
    before = counted("caudal_poll_agreement_total", provider="clip", agreement="poll_behind")
    provider.answers[LINK] = link(REF, "CHECKOUT_PENDING")
    await heard(pool, 1, said(State.PAID))
    await heard(pool, 2, poke())
    await room.round()
    await room.folded()
    assert (await state_of(pool))[:2] == ("paid", [])
    assert (
        counted("caudal_poll_agreement_total", provider="clip", agreement="poll_behind")
        == before + 1
    )


async def test_mobbex_and_safe2pay_are_asked(pool: Pool, room: Room, provider: Provider) -> None:
    """By their own queries, with their own headers; an error inside a 200 is none that says anything."""
    doubt = frozenset({Flag.VERIFY})
    await heard(
        pool, 1, replace(said(State.PAID), provider_ref="5dyoqM7kH", flags=doubt), source="mobbex"
    )
    await heard(
        pool, 2, replace(said(State.PAID), provider_ref="71585474", flags=doubt), source="safe2pay"
    )
    provider.answers["/mobbex/operations/5dyoqM7kH"] = {
        "result": False,
        "code": "OPERATIONS:NOT_FOUND",
    }
    provider.answers["/safe2pay/v2/transaction/Get?Id=71585474"] = {
        "ResponseDetail": {"IdTransaction": 71585474, "Status": "3", "Message": "Autorizado", "Amount": 47.5,
                           "PaymentDateTime": "2026-01-15T08:12:03"},
        "HasError": False,
    }  # fmt: skip
    await room.round("mobbex")
    await room.round("safe2pay")
    assert (
        provider.headers["/mobbex/operations/5dyoqM7kH"]["x-access-token"] == "mobbex-access-token"
    )
    assert provider.headers["/safe2pay/v2/transaction/Get?Id=71585474"]["X-API-KEY"] == "s2p-token"
    assert [row.outcome for row in await polls_of(pool, "5dyoqM7kH")] == ["not_found"]
    await room.folded()
    assert str((await state_of(pool, "71585474"))[2]) == "47.50"
