"""The token: one renewal for all who wait, ahead of time, once on a 401, and no stampede."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
from aiohttp import web

from libs.api.errors import RefusedError, UnsentError
from libs.api.http import Http
from libs.api.token import HOLD_OFF, Issued, SharedToken
from libs.providers.payu.client import PayU
from tests.payu_api import PayUApi, answering
from tests.unit.payu.conftest import account

MANY = 200


@dataclass
class Clock:
    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def timed(api: PayUApi, clock: Clock) -> AsyncIterator[PayU]:
    http = Http(api.url, timeout=20, connections=20)
    yield PayU(http, account, clock=clock)
    await http.close()


async def test_parallel_calls_share_one_renewal(api: PayUApi, timed: PayU, clock: Clock) -> None:
    await asyncio.gather(*(timed.webhooks() for _ in range(MANY)))
    assert (api.authenticated, len(api.seen)) == (1, MANY)
    clock.now += 541  # 59 seconds before its end
    await asyncio.gather(*(timed.webhooks() for _ in range(MANY)))
    assert (api.authenticated, len(api.seen)) == (2, 2 * MANY)


async def test_token_is_kept_until_a_minute_before_its_end(
    api: PayUApi, timed: PayU, clock: Clock
) -> None:
    assert await timed.authenticate() == 600
    clock.now += 539
    assert await timed.authenticate() == 61
    assert api.authenticated == 1


async def test_expiry_under_parallel_calls_is_one_renewal(api: PayUApi, timed: PayU) -> None:
    """Whoever got a 401 repeats the call once, with a token that one of them renewed."""
    await timed.webhooks()
    api.expire()
    await asyncio.gather(*(timed.webhooks() for _ in range(MANY)))
    assert api.authenticated == 2
    assert len(api.seen) <= 1 + 2 * MANY


async def test_second_401_is_the_answer(api: PayUApi, payu: PayU) -> None:
    api.instead["GET"].extend([answering(401)] * 2)
    with pytest.raises(RefusedError) as refused:
        await payu.webhooks()
    assert refused.value.unauthorized
    assert (api.authenticated, len(api.seen)) == (2, 2)


async def test_failed_renewal_fails_all_and_is_not_repeated_by_each(
    api: PayUApi, timed: PayU, clock: Clock
) -> None:
    api.instead["authenticate"].extend([answering(403, {"message": "locked"})] * 50)
    failures = await asyncio.gather(
        *(timed.webhooks() for _ in range(MANY)), return_exceptions=True
    )
    assert {type(each) for each in failures} == {RefusedError}
    assert (api.authenticated, api.seen) == (1, [])
    with pytest.raises(RefusedError):
        await timed.webhooks()
    assert api.authenticated == 1
    clock.now += HOLD_OFF
    api.instead["authenticate"].clear()
    assert await timed.webhooks() == ()


async def test_token_that_cannot_be_renewed_early_is_used_to_its_end(
    api: PayUApi, timed: PayU, clock: Clock
) -> None:
    await timed.webhooks()
    clock.now += 550
    api.instead["authenticate"].extend([answering(503)] * 50)
    assert await timed.webhooks() == ()
    clock.now += 51
    with pytest.raises(UnsentError):
        await timed.webhooks()


async def test_one_who_gives_up_does_not_end_the_renewal(api: PayUApi, timed: PayU) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slow(_request: web.BaseRequest) -> web.StreamResponse:
        begun.set()
        await go_on.wait()
        return web.json_response({"token": "Bearer canary-slow"})

    api.instead["authenticate"].append(slow)
    api.good.add("Bearer canary-slow")
    first = asyncio.create_task(timed.webhooks())
    second = asyncio.create_task(timed.webhooks())
    await begun.wait()
    first.cancel()
    go_on.set()
    assert await second == ()
    assert api.authenticated == 1


async def test_spoiled_token_is_not_taken_from_who_has_a_newer_one() -> None:
    words = iter(("older", "canary"))

    async def renew() -> Issued:
        return Issued(next(words), 600)

    token = SharedToken(renew)
    old = await token.get()
    token.spoil(old)
    assert await token.get() == "canary"
    token.spoil(old)
    assert await token.get() == "canary"
    assert "canary" not in repr(token._held)
