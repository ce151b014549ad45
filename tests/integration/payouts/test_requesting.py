"""On record before it is sent, whatever happens in between; and asked for once."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

import pytest
from aiohttp import web

from libs.bus.publisher import Outcome
from libs.contracts.webhook_received import decode
from libs.domain.lifecycle import Authority
from libs.providers.payu.client import PayU
from libs.runtime.failures import TemporaryError
from libs.store import payouts as store
from libs.store.database import Pool, session
from libs.store.payout_request import RequestState, Resolver
from libs.store.payouts import DoneLatelyError, InTheWayError
from services.payouts.attempt import Attempt, NotOnRecordError
from services.payouts.connection import Connection
from services.payouts.requesting import OtherContentError, request_payouts
from services.reconciler.telling import Told, tell
from tests.acceptance.payu_desk import PERSONAL, known, new, sources_of
from tests.integration.payouts.rooms import (
    Broker,
    connection,
    document,
    now,
    on_record,
    to_be_told,
)
from tests.integration.store.rooms import fetch
from tests.payu_api import PayUApi, answering, cut, silent

pytestmark = pytest.mark.servers

CAUDAL = Path(sys.executable).with_name("caudal")


async def test_it_is_unknown_from_before_the_first_byte(
    pool: Pool, payu: PayU, of: Connection, api: PayUApi
) -> None:
    seen: list[list[tuple[str, str | None]]] = []

    async def look(_request: web.BaseRequest) -> web.StreamResponse:
        seen.append(await on_record(pool))
        return web.json_response({"message": "no"}, status=400)

    async def look_first(_request: web.BaseRequest) -> web.StreamResponse:
        seen.append(await on_record(pool))
        token = "Bearer canary-looked"
        api.good.add(token)
        return web.json_response({"token": token})

    api.instead["authenticate"].append(look_first)
    api.instead["POST"].append(look)
    done = await request_payouts(pool, payu, of, document(known(5, "d")), None, now)
    assert seen == [[("recorded", None)], [("unknown", None)]]
    assert [each.state for each in done.requests] == [RequestState.FAILED]


async def test_killed_while_it_waits_it_stays_unknown(
    pool: Pool, dsn: str, api: PayUApi, tmp_path: Path
) -> None:
    """A real process, a real SIGKILL, and a second run that is refused."""
    api.instead["POST"].append(silent)
    (tmp_path / "sources.toml").write_text(sources_of(api))
    (tmp_path / "payouts.json").write_text(json.dumps([new(5, "d")]))
    arguments = ("payu", "payouts", "create", "payouts.json", "--sources", "sources.toml")
    env = os.environ | {"CAUDAL_POSTGRES_DSN": dsn}
    run = asyncio.create_subprocess_exec
    process = await run(CAUDAL, *arguments, cwd=tmp_path, env=env)
    async with asyncio.timeout(60):
        while not api.seen:
            await asyncio.sleep(0.02)
        process.send_signal(signal.SIGKILL)
        await process.wait()
        assert await on_record(pool) == [("unknown", None)]
        again = await run(CAUDAL, *arguments, cwd=tmp_path, env=env)
        assert await again.wait() == 4
    assert len(api.seen) == 1


async def test_refusal_that_carries_successes_is_an_answer(
    pool: Pool, payu: PayU, of: Connection, api: PayUApi
) -> None:
    good = {"paymentOrderId": "one", "value": 5, "description": "d"}
    bad = {"value": 6, "description": "e", "failureMessages": ["no such bank"]}
    partly = {"successfulItems": [good], "failedItems": [bad]}
    api.instead["POST"].append(answering(422, partly))
    asked = document(known(5, "d"), known(6, "e"), known(7, "f"))
    await request_payouts(pool, payu, of, asked, None, now)
    assert await on_record(pool) == [("succeeded", "one"), ("failed", None), ("unknown", None)]


async def test_nothing_personal_is_on_record(
    pool: Pool, payu: PayU, of: Connection, api: PayUApi
) -> None:
    quoting = {"message": f"{PERSONAL[0]} with {PERSONAL[1]} and {PERSONAL[2]} is on a list"}
    api.instead["POST"].append(answering(422, quoting))
    await request_payouts(pool, payu, of, document(new(5, "refused")), None, now)
    await request_payouts(pool, payu, of, document(new(5, "taken"), new(6, "bad", "8")), None, now)
    rows = await fetch(pool, "select payout_requests::text from payout_requests")
    rows += await fetch(pool, "select convert_from(body, 'UTF8') from to_be_told")
    text = "\n".join(row[0] for row in rows)
    assert "is on a list" in text
    assert [word for word in ("Canary", "canary", *PERSONAL) if word in text] == []


async def test_same_request_is_in_the_way_until_it_is_resolved(
    pool: Pool, payu: PayU, of: Connection, api: PayUApi
) -> None:
    api.instead["POST"].append(cut)
    first = await request_payouts(pool, payu, of, document(new(5, "d")), None, now)
    assert first.why is not None
    [lost] = first.requests
    for same in (document(known(9, "other"), new(5, "d")), document(new(5, "d", "7"))):
        with pytest.raises(InTheWayError) as way:
            await request_payouts(pool, payu, of, same, None, now)
        assert [each.id for each in way.value.requests] == [lost.id]
    await request_payouts(pool, payu, of, document(new(6, "d"), new(5, "e")), None, now)
    await store.resolve(
        pool, lost, payment_order_id=None, by=Resolver.OPERATOR, reason="r", now=now(), told=None
    )
    done = await request_payouts(pool, payu, of, document(new(5, "d")), None, now)
    assert [each.state for each in done.requests] == [RequestState.SUCCEEDED]


async def test_key_that_was_changed_still_knows_what_looks_the_same(
    pool: Pool, payu: PayU, of: Connection, api: PayUApi
) -> None:
    api.instead["POST"].append(cut)
    await request_payouts(pool, payu, of, document(new(5, "d")), None, now)
    rotated = connection(api, "literal-other")
    with pytest.raises(InTheWayError):
        await request_payouts(pool, payu, rotated, document(new(5, "d")), None, now)
    done = await request_payouts(pool, payu, rotated, document(new(7, "d")), None, now)
    assert done.requests[0].state is RequestState.SUCCEEDED


async def test_two_at_once_are_sent_once(
    pool: Pool, payu: PayU, of: Connection, api: PayUApi
) -> None:
    asked = document(new(5, "d"))
    done = await asyncio.gather(
        *(request_payouts(pool, payu, of, asked, None, now) for _ in range(4)),
        return_exceptions=True,
    )
    refused = [each for each in done if isinstance(each, InTheWayError | DoneLatelyError)]
    assert (len(api.payouts), len(refused)) == (1, len(done) - 1)
    [request] = await store.requests_on_record(pool)
    assert request.payment_order_id in api.payouts


async def test_batch_of_a_name_is_sent_once(
    pool: Pool, payu: PayU, of: Connection, api: PayUApi
) -> None:
    asked = document(new(5, "d"), known(6, "e"))
    done = await asyncio.gather(
        *(request_payouts(pool, payu, of, asked, "salaries", now) for _ in range(4))
    )
    assert [each.again for each in done].count(False) == 1
    assert len(api.payouts) == 2
    with pytest.raises(OtherContentError):
        await request_payouts(pool, payu, of, document(new(7, "d")), "salaries", now)


async def test_resolved_as_not_sent_it_is_not_sent(
    pool: Pool, payu: PayU, of: Connection, api: PayUApi
) -> None:
    """An operator who is faster than we are: then nothing of the batch leaves."""

    async def resolve(_request: web.BaseRequest) -> web.StreamResponse:
        first = (await store.requests_on_record(pool))[0]
        await store.resolve(
            pool, first, payment_order_id=None, by=Resolver.OPERATOR, reason="r", now=now(),
            told=None,
        )  # fmt: skip
        return web.json_response({"token": "Bearer canary"})

    api.instead["authenticate"].append(resolve)
    await request_payouts(pool, payu, of, document(known(5, "d"), known(6, "e")), None, now)
    assert api.seen == []
    assert [state for state, _ in await on_record(pool)] == ["resolved", "failed"]


@pytest.mark.parametrize(("order", "answered"), [("o", False), (None, False), (None, True)])
async def test_resolved_while_the_call_is_under_way_it_stays_so_unless_there_is_an_order(
    pool: Pool, payu: PayU, of: Connection, api: PayUApi, order: str | None, *, answered: bool
) -> None:
    async def resolve(_request: web.BaseRequest) -> web.StreamResponse:
        [request] = await store.requests_on_record(pool)
        assert await store.resolve(
            pool, request, payment_order_id=order, by=Resolver.REPORT, reason="r", now=now(),
            told=None,
        )  # fmt: skip
        item = {"value": 5, "description": "d", "paymentOrderId": "o"}
        return web.json_response({"successfulItems" if answered else "failedItems": [item]})

    api.instead["POST"].append(resolve)
    done = await request_payouts(pool, payu, of, document(known(5, "d")), None, now)
    assert await on_record(pool) == [("succeeded", "o") if answered else ("resolved", order)]
    assert (done.why is not None) == (order is not None)


async def test_not_authenticated_it_is_not_done(
    pool: Pool, payu: PayU, of: Connection, api: PayUApi
) -> None:
    api.instead["authenticate"].append(answering(401))
    done = await request_payouts(pool, payu, of, document(known(5, "d")), None, now)
    assert [each.state for each in done.requests] == [RequestState.FAILED]
    assert api.seen == []


async def test_answer_that_cannot_be_put_on_record_is_told(
    pool: Pool, payu: PayU, of: Connection, api: PayUApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object) -> None:
        raise TemporaryError("Postgres: gone")

    monkeypatch.setattr("services.payouts.requesting.store.settle", away)
    monkeypatch.setattr("libs.api.repeating.LONGEST_PAUSE", 0.01)
    monkeypatch.setattr("libs.api.repeating._GROWING", lambda _state: 0.01)
    with pytest.raises(NotOnRecordError) as error:
        await request_payouts(pool, payu, of, document(known(5, "d")), None, now)
    [order] = api.payouts
    assert order in str(error.value)
    assert await on_record(pool) == [("unknown", None)]


async def test_order_that_nobody_asked_for_is_told_of(
    pool: Pool, payu: PayU, of: Connection, api: PayUApi
) -> None:
    item = {"paymentOrderId": "ONE", "value": 5, "description": "d"}
    more = {"paymentOrderId": "two", "value": 7}
    bare = {"paymentOrderId": "three"}
    api.instead["POST"].append(answering(200, {"successfulItems": [more, item, bare]}))
    done = await request_payouts(pool, payu, of, document(known(5, "d")), None, now)
    assert done.unasked == ["two", "three"]
    assert [each.payment_order_id for each in done.requests] == ["ONE"]
    told = await to_be_told(pool)
    assert [json.loads(each.body)["paymentOrderId"] for each in told] == ["ONE", "two", "three"]


async def test_what_is_told_goes_through_the_front_door(
    pool: Pool, payu: PayU, of: Connection
) -> None:
    await request_payouts(pool, payu, of, document(known(5, "d")), None, now)
    [due] = await to_be_told(pool)
    assert (due.authority, due.route_event) == (Authority.OPERATOR, "payout/created")
    async with session(pool) as connection_:
        assert await connection_.fetchval("select delivery_id::text from payout_requests") == due.id
    broker = Broker(Outcome.REFUSED)
    assert await tell(pool, broker) == Told(0, all=False)
    assert len(await to_be_told(pool)) == 1
    broker.says = Outcome.CONFIRMED
    assert await tell(pool, broker) == Told(1, all=True)
    assert await to_be_told(pool) == []
    assert {decode(message)[0].id for message in broker.messages} == {due.id}


async def test_what_was_answered_is_known_though_the_database_is_gone_by_then(
    pool: Pool, payu: PayU, of: Connection, api: PayUApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is on record; reading it once more fails, and changes nothing of what became of it."""

    async def away(*_: object) -> None:
        raise TemporaryError("Postgres: gone")

    monkeypatch.setattr("services.payouts.requesting.store.these_on_record", away)
    attempt = Attempt()
    asked = document(known(5, "d"), new(6, "bad", "8"))
    done = await request_payouts(pool, payu, of, asked, None, now, attempt=attempt)
    [order] = api.payouts
    assert [(each.state.value, each.payment_order_id) for each in done.requests] == [
        ("succeeded", order),
        ("failed", None),
    ]
    assert await on_record(pool) == [("succeeded", order), ("failed", None)]
    assert (attempt.sent, attempt.orders) == (True, [order])
    api.instead["POST"].append(cut)
    [lost] = (await request_payouts(pool, payu, of, document(known(9, "d")), None, now)).requests
    assert lost.state is RequestState.UNKNOWN
