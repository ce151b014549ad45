"""The same is not paid twice by mistake, and what was never sent uses up no name."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from yarl import URL

from libs.providers.payu.client import PayU
from libs.runtime.failures import TemporaryError
from libs.runtime.source_api import Environment
from libs.store import payouts as store
from libs.store.database import Pool
from libs.store.payout_request import RequestState, Resolver
from libs.store.payouts import DoneLatelyError, InTheWayError, OrderTakenError
from services.payouts.connection import Connection
from services.payouts.requesting import OtherContentError, request_payouts
from tests.acceptance.payu_desk import known, new
from tests.integration.payouts.rooms import connection, document, now, on_record
from tests.integration.store.rooms import fetch
from tests.payu_api import PayUApi, answering, cut

pytestmark = pytest.mark.servers


@pytest.mark.parametrize("batch", [None, "another"])
async def test_what_was_taken_lately_is_not_asked_for_once_more(
    pool: Pool, payu: PayU, of: Connection, api: PayUApi, batch: str | None
) -> None:
    asked = document(new(5, "d"), new(6, "bad", "8"))
    done = await request_payouts(pool, payu, of, asked, None, now)
    for same in (asked, document(new(7, "e"), new(5, "d", "7"))):
        with pytest.raises(DoneLatelyError) as refused:
            await request_payouts(pool, payu, of, same, batch, now)
        assert [each.id for each in refused.value.requests] == [done.requests[0].id]
    assert len(api.seen) == 1
    await request_payouts(pool, payu, of, document(new(6, "bad", "8")), None, now)
    again = await request_payouts(pool, payu, of, asked, batch, now, again=True)
    assert [each.state for each in again.requests] == [RequestState.SUCCEEDED, RequestState.FAILED]


async def test_what_was_resolved_as_sent_counts_as_taken(
    pool: Pool, payu: PayU, of: Connection, api: PayUApi
) -> None:
    api.instead["POST"].append(cut)
    [lost] = (await request_payouts(pool, payu, of, document(new(5, "d")), None, now)).requests
    await store.resolve(
        pool, lost, payment_order_id="o", by=Resolver.OPERATOR, reason="r", now=now(), told=None
    )
    with pytest.raises(DoneLatelyError):
        await request_payouts(pool, payu, of, document(new(5, "d")), None, now)


async def test_key_that_was_changed_since_hides_nothing(
    pool: Pool, payu: PayU, of: Connection, api: PayUApi
) -> None:
    await request_payouts(pool, payu, of, document(new(5, "d")), None, now)
    other = connection(api, "literal-other")
    with pytest.raises(DoneLatelyError):
        await request_payouts(pool, payu, other, document(new(5, "d")), None, now)


async def test_tomorrow_it_is_another_payout(
    pool: Pool, payu: PayU, of: Connection, api: PayUApi
) -> None:
    def tomorrow() -> datetime:
        return now() + timedelta(hours=24, minutes=1)

    await request_payouts(pool, payu, of, document(new(5, "d")), None, now)
    await request_payouts(pool, payu, of, document(new(5, "d")), None, tomorrow)
    assert len(api.payouts) == 2


async def test_batch_of_which_nothing_was_sent_leaves_its_name(
    pool: Pool, payu: PayU, of: Connection, api: PayUApi
) -> None:
    api.instead["authenticate"].append(answering(401))
    asked = document(known(5, "d"), known(6, "e"))
    first = await request_payouts(pool, payu, of, asked, "salaries", now)
    away = replace(of, address="http://127.0.0.1:1/payu/v1.0")
    async with away.client() as client:
        second = await request_payouts(pool, client, away, asked, "salaries", now)
    for tried in (first, second):
        assert {each.state for each in tried.requests} == {RequestState.FAILED}
        assert {each.sent_at for each in tried.requests} == {None}
    async with of.client() as client:
        third = await request_payouts(pool, client, of, asked, "salaries", now)
    assert {each.state for each in third.requests} == {RequestState.SUCCEEDED}
    assert (await request_payouts(pool, payu, of, asked, "salaries", now)).again
    assert (len(api.payouts), len(await on_record(pool))) == (2, 6)


async def test_batch_that_lost_its_way_after_the_mark_leaves_its_name(
    pool: Pool, payu: PayU, of: Connection, api: PayUApi
) -> None:
    """The token is good, and then nobody listens: nothing of it was sent."""
    async with of.client() as client:
        await client.authenticate()
        client._http._base = URL("http://127.0.0.1:1")
        tried = await request_payouts(pool, client, of, document(known(5, "d")), "salaries", now)
    assert [(each.state, each.sent_at) for each in tried.requests] == [(RequestState.FAILED, None)]
    done = await request_payouts(pool, payu, of, document(known(5, "d")), "salaries", now)
    assert (done.again, len(api.payouts)) == (False, 1)


@pytest.mark.parametrize("step", ["authenticate", "record", "mark"])
@pytest.mark.parametrize("wrong", [ValueError, asyncio.CancelledError, TemporaryError])
async def test_batch_that_was_stopped_before_it_was_sent_leaves_its_name(  # noqa: PLR0917 - fixtures and cases
    pool: Pool, of: Connection, payu: PayU, api: PayUApi, monkeypatch: pytest.MonkeyPatch,
    step: str, wrong: type[BaseException],
) -> None:  # fmt: skip
    """Also where it was put on record, or marked, and the answer to that was lost."""
    record, mark = store.record, store.mark_sent

    async def stopped(*arguments: Any, **named: Any) -> None:  # noqa: ANN401 - any
        if step != "authenticate":
            await (record if step == "record" else mark)(*arguments, **named)
        raise wrong("canary")

    asked = document(known(5, "d"), known(6, "e"))
    name = {
        "authenticate": "libs.providers.payu.client.PayU.authenticate",
        "record": "services.payouts.requesting.store.record",
        "mark": "services.payouts.requesting.store.mark_sent",
    }
    with monkeypatch.context() as patched:
        patched.setattr(name[step], stopped)
        with pytest.raises(wrong):
            await request_payouts(pool, payu, of, asked, "salaries", now)
    assert await on_record(pool) == [("failed", None)] * 2
    assert {each.sent_at for each in await store.requests_on_record(pool)} == {None}
    done = await request_payouts(pool, payu, of, asked, "salaries", now)
    assert ({each.state for each in done.requests}, len(api.seen)) == ({RequestState.SUCCEEDED}, 1)


async def test_batch_that_was_refused_keeps_its_name(
    pool: Pool, payu: PayU, of: Connection, api: PayUApi
) -> None:
    api.instead["POST"].append(answering(422))
    await request_payouts(pool, payu, of, document(known(5, "d")), "salaries", now)
    assert (await request_payouts(pool, payu, of, document(known(5, "d")), "salaries", now)).again
    with pytest.raises(OtherContentError):
        await request_payouts(pool, payu, of, document(known(6, "d")), "salaries", now)


async def test_order_belongs_to_one_request(
    pool: Pool, payu: PayU, of: Connection, api: PayUApi
) -> None:
    api.instead["POST"].extend([cut, cut])
    one, two = [
        (await request_payouts(pool, payu, of, document(known(n, "d")), None, now)).requests[0]
        for n in (5, 6)
    ]

    async def resolve(which: int) -> object:
        return await store.resolve(
            pool, (one, two)[which], payment_order_id="o", by=Resolver.OPERATOR, reason="r",
            now=now(), told=None,
        )  # fmt: skip

    assert await resolve(0) is not None
    with pytest.raises(OrderTakenError, match=one.id):
        await resolve(1)
    # PayU's own answer names it too: then nobody knows what became of the request.
    item = {"paymentOrderId": "o", "value": 7, "description": "d"}
    api.instead["POST"].append(answering(200, {"successfulItems": [item]}))
    done = await request_payouts(pool, payu, of, document(known(7, "d")), None, now)
    assert [each.state for each in done.requests] == [RequestState.UNKNOWN]
    assert done.why is not None
    assert sorted(await on_record(pool)) == [
        ("resolved", "o"),
        ("unknown", None),
        ("unknown", None),
    ]


async def test_other_spelling_is_the_same_payout(
    pool: Pool, payu: PayU, of: Connection, api: PayUApi
) -> None:
    """Also beside a row that was written under another key, where only what it looks like counts."""
    await request_payouts(pool, payu, of, document(known(5, "", "ABC-1")), None, now)
    bare = {"value": "5.00", "bankAccount": {"id": "abc-1"}}
    for same in (of, connection(api, "literal-other")):
        with pytest.raises(DoneLatelyError):
            await request_payouts(pool, payu, same, document(bare), None, now)
    assert len(api.payouts) == 1


@pytest.mark.parametrize("lost", [True, False])
async def test_rehearsal_is_not_in_the_way_of_production(
    pool: Pool, payu: PayU, of: Connection, api: PayUApi, *, lost: bool
) -> None:
    """Neither is its name; what was asked for before the world was noted counts as of both."""
    if lost:
        api.instead["POST"].append(cut)
    asked = document(known(5, "d"))
    await request_payouts(pool, payu, of, asked, "salaries", now)
    production = replace(of, environment=Environment.PRODUCTION)
    done = await request_payouts(pool, payu, production, asked, "salaries", now)
    assert ([each.state for each in done.requests], done.again) == ([RequestState.SUCCEEDED], False)
    for again in (of, production):
        assert (await request_payouts(pool, payu, again, asked, "salaries", now)).again
    await fetch(pool, "delete from payout_requests where environment = 'production' returning 1")
    await fetch(pool, "update payout_requests set environment = null returning 1")
    with pytest.raises((InTheWayError, DoneLatelyError)):
        await request_payouts(pool, payu, production, asked, "another", now)
