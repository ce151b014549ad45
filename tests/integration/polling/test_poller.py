"""The poller: whom it asks, how often, what it notes, and what it never does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio
import structlog

from libs.bus.publisher import Outcome as Published
from libs.contracts.delivery import Origin
from libs.contracts.readings import Poke
from libs.contracts.webhook_translated import of
from libs.domain.lifecycle import Authority, Flag, Kind, State
from libs.domain.observation import Extent, FacetStatus, Observation, Refund
from libs.providers.port import identity_of
from libs.providers.registry import PROVIDERS
from libs.runtime.failures import TemporaryError
from libs.runtime.metrics import REGISTRY
from libs.runtime.sources import Sources
from libs.store.database import Pool, transaction
from libs.store.objects import ObjectKey
from libs.store.polls import list_overdue, move_pokes, overdue_names, polls_of
from services.reconciler.apply import apply
from services.reconciler.polling import poller as module
from services.reconciler.polling.access import Access
from services.reconciler.polling.poller import Poller
from services.reconciler.polling.walk import AGAIN, FIRST, walk
from tests.integration.polling.provider import SECRETS, Bus, Provider, link, refund, sources
from tests.integration.store.rooms import fetch, value
from tests.unit.reconciler.telling import told

pytestmark = pytest.mark.servers

REF = "7f3c1d52-0a44-4c1e-9d0b-5b1f6f8e2a10"
OTHER = "0e3c1d52-0a44-4c1e-9d0b-5b1f6f8e2a11"
CHARGE = "11111111-2222-4333-8444-555555555555"
LINK = f"/clip/v2/checkout/{REF}"
LONG_AGO = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest_asyncio.fixture
async def provider() -> AsyncIterator[Provider]:
    async with Provider.running() as running:
        yield running


class Room:
    """One reconciler's pollers, and what they need."""

    def __init__(self, pool: Pool, told_sources: Sources, name: str = "r1") -> None:
        self.pool = pool
        self.bus = Bus()
        self.access = Access(told_sources)
        self.pollers = {
            each: Poller(each, pool, self.bus, self.access, by=name) for each in self.access.lines
        }

    async def round(self, provider: str = "clip") -> int:
        """Move what was poked, and do one round."""
        await move_pokes(self.pool, 500)
        return await self.pollers[provider].once()

    async def folded(self) -> None:
        """Translate and fold what entered, as the workers do."""
        entered, self.bus.entered = self.bus.entered, []
        outcomes = []
        for delivery in entered:
            readings = PROVIDERS[delivery.provider].translate(delivery, self.access.terms("x"))
            outcomes.append(of(delivery, identity_of(delivery, readings), readings))
        await apply(self.pool, outcomes)


@pytest_asyncio.fixture
async def room(pool: Pool, provider: Provider) -> AsyncIterator[Room]:
    made = Room(pool, sources(provider.url))
    yield made
    await made.access.close()


def poke(ref: str = REF) -> Poke:
    return Poke(kind=Kind.PAYMENT, provider_ref=ref, why="short notice UPDATE")


def said(
    state: State | None = State.PENDING,
    *,
    ref: str = REF,
    by: Authority = Authority.SECRET,
    **more: Any,  # noqa: ANN401 - any further field
) -> Observation:
    fields = {
        "kind": Kind.PAYMENT, "provider_ref": ref, "key": f"{state}-{by}", "provider_status": "x",
        "state": state, "authority": by, "received_at": LONG_AGO, "delivery_id": "d",
    }  # fmt: skip
    return Observation(**{**fields, **more})


async def heard(pool: Pool, number: int, *readings: Any, source: str = "clip") -> None:  # noqa: ANN401
    await apply(pool, [told(number, *readings, source=source, provider=source)])


async def age(pool: Pool, by: timedelta, ref: str | None = None) -> None:
    """Let time pass for what is stored."""
    async with transaction(pool) as connection:
        for table, columns in {
            "objects": ("created_at", "updated_at"),
            "polls": ("entered_at", "look_at", "due_at", "ask_at", "poked_at", "base_at", "seen_at",
                      "tried_at", "asked_at"),
        }.items():  # fmt: skip
            changes = ", ".join(f"{each} = {each} - $1::interval" for each in columns)
            await connection.execute(
                f"update {table} set {changes} where provider_ref = coalesce($2, provider_ref)",  # noqa: S608 - ours
                by,
                ref,
            )


async def state_of(pool: Pool, ref: str = REF) -> tuple[Any, ...]:
    rows = await fetch(
        pool,
        "select state, flags, amount, refunded_amount, authority from objects where provider_ref = $1",
        ref,
    )
    return tuple(rows[0]) if rows else ()


def counted(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0


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


async def test_link_counts_though_its_refund_is_not_answered(
    pool: Pool, room: Room, provider: Provider
) -> None:
    """And all of it is asked again, until the refund is known as well."""
    await heard(pool, 1, said(State.CREATED, aliases=(CHARGE,)))
    await heard(pool, 2, poke())
    provider.answers[LINK] = link(REF, amount=100)
    provider.answers[f"/clip/refunds/{CHARGE}"] = 503
    assert await room.round() == 1
    assert [each.route_event for each in room.bus.entered] == [f"checkout/{REF}"]
    await room.folded()
    assert (await state_of(pool))[0] == "paid"
    [row] = await polls_of(pool, REF)
    assert (row.outcome, row.failures, row.asked) == ("failed", 1, 0)
    await age(pool, timedelta(minutes=1))
    provider.answers[f"/clip/refunds/{CHARGE}"] = refund("r-1", 100)
    await room.round()
    await room.folded()
    assert (await state_of(pool))[0] == "refunded"


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


async def test_not_there_yet_is_asked_again(pool: Pool, room: Room, provider: Provider) -> None:
    """A notice may come before the API shows the change."""
    await heard(pool, 1, poke())
    await room.round()
    [row] = await polls_of(pool, REF)
    assert (row.outcome, row.failures, row.asked) == ("not_found", 1, 0)
    await age(pool, timedelta(seconds=10))
    provider.answers[LINK] = link(REF, "CHECKOUT_CREATED")
    await room.round()
    assert provider.asked == {LINK: 2}
    [row] = await polls_of(pool, REF)
    assert (row.outcome, row.failures, row.asked) == ("answered", 0, 1)


async def test_breaker_opens_and_rows_stay(pool: Pool, room: Room, provider: Provider) -> None:
    """After some failures nobody knocks; what is due stays on the list, and later all are asked."""
    provider.broken = 500
    refs = [f"7f3c1d52-0a44-4c1e-9d0b-{n:012x}" for n in range(30)]
    for n, ref in enumerate(refs):
        await heard(pool, n + 1, poke(ref))
    await room.round()
    asked = sum(provider.asked.values())
    assert 5 <= asked <= 5 + 4  # those that were under way
    assert room.access.lines["clip"].breaker.state == "open"
    assert await room.round() == 0
    assert sum(provider.asked.values()) == asked
    assert len(await list_overdue(pool)) == 30
    outcomes = await fetch(pool, "select outcome, count(*) from polls group by 1 order by 1")
    assert dict(tuple(each) for each in outcomes) == {"failed": asked, "put_off": 30 - asked}


async def test_wrong_credentials_rest_the_source(
    pool: Pool, room: Room, provider: Provider, logged: list[structlog.typing.EventDict]
) -> None:
    """And are shown nowhere."""
    provider.broken = 401
    for n in range(1, 21):
        await heard(pool, n, poke(f"7f3c1d52-0a44-4c1e-9d0b-{n:012x}"))
    await room.round()
    assert 3 <= sum(provider.asked.values()) <= 3 + 4
    assert room.access.lines["clip"].breaker.state == "closed"
    assert not any(secret in repr(logged) for secret in SECRETS)
    rows = await fetch(pool, "select outcome from polls")
    assert {row["outcome"] for row in rows} == {"unauthorized", "put_off"}


async def test_limit_of_the_rate_puts_all_off(pool: Pool, room: Room, provider: Provider) -> None:
    provider.broken = 412
    await heard(pool, 1, poke())
    await room.round()
    [row] = await polls_of(pool, REF)
    assert (row.outcome, row.failures) == ("limited", 0)
    await heard(pool, 2, poke(OTHER))
    assert await room.round() == 0


async def test_answer_that_the_broker_did_not_take_is_asked_again(
    pool: Pool, room: Room, provider: Provider
) -> None:
    provider.answers[LINK] = link(REF)
    room.bus.outcome = Published.UNKNOWN
    await heard(pool, 1, poke())
    await room.round()
    [row] = await polls_of(pool, REF)
    assert (row.outcome, row.asked) == ("unpublished", 0)
    room.bus.outcome = Published.CONFIRMED
    await age(pool, timedelta(seconds=10))
    await room.round()
    assert len(room.bus.entered) == 1


async def test_crash_between_asking_and_noting(
    pool: Pool, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The claim runs out, somebody else asks again, and the same answer twice is one."""
    one, other = (Room(pool, sources(provider.url), name) for name in ("r1", "r2"))
    provider.answers[LINK] = link(REF)
    await heard(pool, 1, poke())

    async def dies(*_: object, **__: object) -> None:
        raise TemporaryError("gone")

    with monkeypatch.context() as patch:
        patch.setattr(module, "note_tried", dies)
        with pytest.raises(BaseExceptionGroup):
            await one.round()
    await one.folded()
    sequence = await value(pool, "select sequence from objects")
    assert await other.round() == 0
    async with transaction(pool) as connection:
        await connection.execute("update polls set claimed_until = now() - interval '1 s'")
    assert await other.round() == 1
    await other.folded()
    assert provider.asked[LINK] == 2
    assert await value(pool, "select sequence from objects") == sequence
    assert await value(pool, "select count(*) from observations") == 1
    for each in (one, other):
        await each.access.close()


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
