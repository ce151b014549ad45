"""A cancel is on record before it is sent, and what becomes of the call decides what is told of it."""

from __future__ import annotations

import asyncio
import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from aiohttp import web

from libs.api.errors import RefusedError, UnansweredError, UnsentError
from libs.contracts.delivery import Delivery
from libs.contracts.webhook_translated import of as outcome_of
from libs.domain.lifecycle import Authority
from libs.providers.payu.client import PayU
from libs.providers.payu.own_calls import CANCEL_REQUESTED, CANCEL_SENT, bare_body
from libs.providers.payu.requests import CancelRequest
from libs.providers.port import Terms, identity_of
from libs.providers.registry import PROVIDERS
from libs.runtime.failures import TemporaryError
from libs.store.database import Pool
from libs.store.to_be_told import hold_back
from services.payouts.attempt import Attempt, NotOnRecordError
from services.payouts.canceling import HELD, cancel
from services.payouts.telling import own_delivery
from services.reconciler.apply import apply
from tests.integration.payouts.rooms import now, to_be_told
from tests.integration.store.rooms import fetch, value
from tests.payu_api import PayUApi, answering, cut, silent

pytestmark = pytest.mark.servers

ORDER = "0a0a0a0a-0000-4000-8000-000000000001"


@pytest.fixture(autouse=True)
def _known(api: PayUApi) -> None:
    api.payouts[ORDER] = {}


async def ask(pool: Pool, payu: PayU, attempt: Attempt | None = None) -> str | None:
    return await cancel(pool, payu, "payu", ORDER, CancelRequest(), now, attempt=attempt)


async def told(pool: Pool) -> list[str | None]:
    return [each.route_event for each in await to_be_told(pool)]


async def held(pool: Pool) -> list[tuple[Any, ...]]:
    return [
        tuple(row) for row in await fetch(pool, "select route_event, tell_after from to_be_told")
    ]


async def fold(pool: Pool, *deliveries: Delivery) -> str:
    outcomes = []
    for each in deliveries:
        readings = PROVIDERS["payu"].translate(each, Terms())
        outcomes.append(outcome_of(each, identity_of(each, readings), readings))
    await apply(pool, outcomes)
    return str(await value(pool, "select state from objects where provider_ref = $1", ORDER))


def notified(state: str) -> Delivery:
    body = json.dumps({"pushPaymentId": ORDER, "value": 5, "currency": "COP", "state": state})
    plain = own_delivery("payu", "payu", "TRANSFER_UPDATE", body.encode(), now())
    return plain.__class__(
        id=plain.id, source="payu", provider="payu", body=plain.body, authority=Authority.UNSIGNED,
        received_at=plain.received_at, content_type="application/json", route_event="TRANSFER_UPDATE",
    )  # fmt: skip


async def test_it_is_on_record_before_it_is_sent(pool: Pool, payu: PayU, api: PayUApi) -> None:
    seen: list[list[tuple[Any, ...]]] = []

    async def look(_request: web.BaseRequest) -> web.StreamResponse:
        seen.append(await held(pool))
        assert await told(pool) == []
        return web.json_response({"message": "received"})

    api.instead["DELETE"].append(look)
    assert await ask(pool, payu) == "received"
    [[(event, until)]] = seen
    assert event == "payout/cancel_sent"
    assert isinstance(until, datetime)
    assert timedelta() < until - now() <= HELD
    assert [event for event, _ in await held(pool)] == ["payout/cancel_requested"]
    assert await told(pool) == ["payout/cancel_requested"]


@pytest.mark.parametrize("status", [404, 409, 401])
async def test_refused_it_is_not_told(pool: Pool, payu: PayU, api: PayUApi, status: int) -> None:
    api.instead["DELETE"].extend([answering(status)] * 2)
    attempt = Attempt()
    with pytest.raises(RefusedError):
        await ask(pool, payu, attempt)
    assert (await held(pool), attempt.sent) == ([], False)


async def test_unsent_it_is_not_told(pool: Pool, payu: PayU, api: PayUApi) -> None:
    api.instead["authenticate"].extend([answering(500)] * 3)
    with pytest.raises(UnsentError):
        await ask(pool, payu)
    assert await held(pool) == []


async def test_unanswered_it_counts_where_the_payout_is_rejected(
    pool: Pool, payu: PayU, api: PayUApi
) -> None:
    api.instead["DELETE"].append(cut)
    with pytest.raises(UnansweredError):
        await ask(pool, payu)
    [evidence] = await to_be_told(pool)
    assert evidence.route_event == "payout/cancel_sent"
    assert await fold(pool, notified("CREATED"), evidence) == "created"
    assert await fold(pool, notified("REJECTED")) == "canceled"


async def test_unanswered_and_refused_in_the_end_it_does_not_count(
    pool: Pool, payu: PayU, api: PayUApi
) -> None:
    api.instead["DELETE"].append(cut)
    with pytest.raises(UnansweredError):
        await ask(pool, payu)
    [evidence] = await to_be_told(pool)
    await fold(pool, notified("CREATED"), evidence)
    assert await fold(pool, notified("CANCELLATION_FAILED"), notified("REJECTED")) == "rejected"


async def test_evidence_alone_makes_no_state(pool: Pool, payu: PayU, api: PayUApi) -> None:
    """A payout that nobody told of: the object waits for news, and no event leaves."""
    api.instead["DELETE"].append(cut)
    with pytest.raises(UnansweredError):
        await ask(pool, payu)
    assert await fold(pool, *await to_be_told(pool)) == "None"
    assert await value(pool, "select count(*) from outbox") == 0


async def test_killed_while_it_waits_it_is_told_in_the_end(
    pool: Pool, payu: PayU, api: PayUApi
) -> None:
    api.instead["DELETE"].append(silent)
    asking = asyncio.create_task(ask(pool, payu))
    async with asyncio.timeout(30):
        while not api.seen:
            await asyncio.sleep(0.02)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert await told(pool) == []
    await fetch(
        pool, "update to_be_told set tell_after = tell_after - $1::interval returning 1", HELD
    )
    assert await told(pool) == ["payout/cancel_sent"]


async def test_accepted_and_not_put_on_record_it_is_unknown(
    pool: Pool, payu: PayU, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object) -> None:
        raise TemporaryError("Postgres: gone")

    monkeypatch.setattr("services.payouts.canceling.store.tell_instead", away)
    monkeypatch.setattr("libs.api.repeating._GROWING", lambda _state: 0.01)
    attempt = Attempt()
    with pytest.raises(NotOnRecordError, match=ORDER):
        await ask(pool, payu, attempt)
    assert attempt.sent
    assert [event for event, _ in await held(pool)] == ["payout/cancel_sent"]


async def test_put_on_record_and_not_known_so_it_is_taken_out(
    pool: Pool, payu: PayU, api: PayUApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The commit was done, its answer was lost: nothing is sent, so nothing is told."""

    async def answer_lost(*arguments: Any) -> None:  # noqa: ANN401 - those of the real one
        await hold_back(*arguments)
        raise TemporaryError("Postgres: gone")

    monkeypatch.setattr("services.payouts.canceling.store.hold_back", answer_lost)
    attempt = Attempt()
    with pytest.raises(TemporaryError, match="gone"):
        await ask(pool, payu, attempt)
    assert (await held(pool), api.seen, attempt.sent) == ([], [], False)


async def test_refused_it_is_so_though_that_cannot_be_put_on_record(
    pool: Pool, payu: PayU, api: PayUApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object) -> None:
        raise TemporaryError("Postgres: gone")

    monkeypatch.setattr("services.payouts.canceling.store.tell_instead", away)
    monkeypatch.setattr("libs.api.repeating._GROWING", lambda _state: 0.01)
    api.instead["DELETE"].append(answering(409))
    attempt = Attempt()
    with pytest.raises(RefusedError):
        await ask(pool, payu, attempt)
    assert not attempt.sent


@pytest.mark.parametrize(("status", "left"), [(404, 1), (409, 1), (422, 1), (403, 2), (429, 2)])
async def test_refusal_takes_out_what_an_unanswered_one_left(
    pool: Pool, payu: PayU, api: PayUApi, status: int, left: int
) -> None:
    """Another payout's evidence stays, and all of it where the refusal is not about the payout."""
    other = ORDER.replace("0001", "0002")
    api.instead["DELETE"].extend([cut, cut, answering(status)])
    for order in (ORDER, other):
        with pytest.raises(UnansweredError):
            await cancel(pool, payu, "payu", order, CancelRequest(), now)
    with pytest.raises(RefusedError):
        await ask(pool, payu)
    assert await told(pool) == ["payout/cancel_sent"] * left


async def test_refusal_leaves_what_was_accepted_and_what_is_under_way(
    pool: Pool, payu: PayU, api: PayUApi
) -> None:
    await ask(pool, payu)
    body = bare_body(ORDER, now())
    await hold_back(pool, own_delivery("payu", "payu", CANCEL_SENT, body, now()), now() + HELD)
    api.instead["DELETE"].append(answering(409))
    with pytest.raises(RefusedError):
        await ask(pool, payu)
    assert {event for event, _ in await held(pool)} == {CANCEL_REQUESTED, CANCEL_SENT}
