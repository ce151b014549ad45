"""Limits by source and by address: who floods waits, who is known is heard, who forges shuts out nobody."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest

from libs.bus.publisher import Outcome
from libs.domain.lifecycle import Authority
from libs.runtime.limits import IngressLimits
from libs.runtime.metrics import REGISTRY
from services.ingress.guard import Guard
from services.ingress.rejections import Rejection, unauthorized
from services.ingress.tally import Tally
from tests.unit.ingress.stand_ins import Ingress, StandInPublisher, running_ingress, until

GOOD = "/webhooks/shop?token=open-sesame"
WRONG = "/webhooks/shop?token=wrong"
KEYED = b'{"SecretKey": "OLD-SECRET-KEY"}'


def limited(source: str, reason: str) -> float:
    labels = {"source": source, "reason": reason}
    return REGISTRY.get_sample_value("caudal_ingress_limited_total", labels) or 0


async def told(run: Ingress, path: str, body: bytes = b"{}") -> tuple[int, str | None]:
    async with run.http.post(run.url + path, data=body) as answer:
        return answer.status, answer.headers.get("Retry-After")


@asynccontextmanager
async def running(**settings: Any) -> AsyncIterator[Ingress]:  # noqa: ANN401
    async with running_ingress(**settings) as run:
        yield run


@pytest.mark.usefixtures("both_lanes")
async def test_stranger_that_fails_too_often_is_not_heard() -> None:
    """Not even with the right secret: whatever comes is refused before it is looked at."""
    before = limited("shop", "address")
    async with running(address_failure_rate=0.5, address_failure_burst=3) as run:
        answers = [await told(run, WRONG) for _ in range(5)]
        assert answers == [(401, None)] * 3 + [(429, "2")] * 2
        assert (await told(run, "/webhooks/body", KEYED))[0] == 429
        assert limited("shop", "address") == before + 2
        assert (await told(run, "/nowhere"))[0] == 404
        async with run.http.get(run.url + "/health/ready") as answer:
            assert answer.status == 200
    assert run.publisher.messages == []


@pytest.mark.usefixtures("both_lanes")
async def test_refused_stranger_is_heard_again() -> None:
    async with running(address_failure_rate=10, address_failure_burst=1) as run:
        assert [(await told(run, WRONG))[0] for _ in range(2)] == [401, 429]
        await asyncio.sleep(0.15)
        assert (await told(run, GOOD))[0] == 200
        assert [(await told(run, WRONG))[0] for _ in range(3)].count(429) >= 1
        assert (await told(run, GOOD))[0] == 200  # it has proven who it is


@pytest.mark.usefixtures("both_lanes")
async def test_known_address_is_heard_whatever_others_send_from_it() -> None:
    """Behind a proxy of which nobody told us, forgers and providers have one address."""
    async with running(address_failure_burst=2, address_failure_rate=0.01) as run:
        assert (await told(run, GOOD))[0] == 200
        answers = [(await told(run, WRONG))[0] for _ in range(6)]
        assert answers == [401] * 2 + [429] * 4
        assert (await told(run, GOOD))[0] == 200


@pytest.mark.usefixtures("both_lanes")
async def test_open_door_proves_nobody() -> None:
    async with running(address_failure_burst=2, address_failure_rate=0.01) as run:
        assert (await told(run, "/webhooks/free"))[0] == 200
        assert [(await told(run, WRONG))[0] for _ in range(3)] == [401, 401, 429]
        assert (await told(run, "/webhooks/free"))[0] == 429


@pytest.mark.usefixtures("both_lanes")
async def test_failures_of_a_source_do_not_shut_it() -> None:
    async with running(source_failure_burst=2, source_failure_rate=0.1) as run:
        assert [await told(run, WRONG) for _ in range(3)] == [(401, None)] * 2 + [(429, "10")]
        assert (await told(run, GOOD))[0] == 200
        assert (await told(run, "/webhooks/header"))[0] == 401  # the other has its own


@pytest.mark.usefixtures("both_lanes")
async def test_unreadable_bodies_count_as_failures() -> None:
    """To read them is the work that has to be done before anybody is known."""
    async with running(address_failure_burst=2, address_failure_rate=0.01) as run:
        answers = [(await told(run, "/webhooks/body", b"[[[["))[0] for _ in range(3)]
        assert answers == [400, 400, 429]


async def test_malformed_requests_count_as_failures() -> None:
    async with running(address_failure_burst=2, address_failure_rate=0.01) as run:
        for _ in range(3):
            assert (await run.raw(b"NONSENSE\r\n\r\n")).startswith(b"HTTP/1.1 400 ")
        assert (await told(run, GOOD))[0] == 429


@pytest.mark.usefixtures("both_lanes")
async def test_source_beyond_its_rate_waits_alone() -> None:
    before = limited("shop", "rate")
    async with running(source_rate=0.5, source_burst=3) as run:
        answers = [await told(run, GOOD) for _ in range(5)]
        assert answers == [(200, None)] * 3 + [(429, "2")] * 2
        assert (await told(run, "/webhooks/free"))[0] == 200
    assert limited("shop", "rate") == before + 2
    assert len(run.publisher.deliveries) == 4


@pytest.mark.usefixtures("both_lanes")
async def test_forgeries_use_up_nothing_of_the_rate() -> None:
    async with running(source_rate=0.1, source_burst=3, source_failure_burst=2) as run:
        for _ in range(10):
            assert (await told(run, WRONG))[0] in {401, 429}
        assert [(await told(run, GOOD))[0] for _ in range(4)] == [200, 200, 200, 429]


@pytest.mark.usefixtures("both_lanes")
async def test_requests_at_once_are_bounded_by_source() -> None:
    opened = asyncio.Event()

    async def behave(_: bytes) -> Outcome:
        await opened.wait()
        return Outcome.CONFIRMED

    publisher = StandInPublisher(behave=behave)
    async with running(source_requests=3, publisher=publisher, publish_deadline=10) as run:
        asked = [asyncio.create_task(told(run, GOOD)) for _ in range(5)]
        await until(lambda: sum(one.done() for one in asked) == 2)
        other = asyncio.create_task(told(run, "/webhooks/free"))
        await asyncio.sleep(0.05)
        opened.set()
        answers = sorted([await one for one in asked], key=lambda answer: answer[0])
        assert answers == [(200, None)] * 3 + [(429, "1")] * 2
        assert (await other)[0] == 200
        assert (await told(run, GOOD))[0] == 200  # they were given back


async def test_distributed_forgers_shut_out_nobody() -> None:
    """Each address fails once, which is forgiven; the source's failures are told 429."""
    limits = IngressLimits(source_failure_burst=5, source_failure_rate=1)
    guard = Guard(limits, Tally(), clock=lambda: 1000.0)
    turnstile = guard.turnstile("shop")
    statuses = []
    for n in range(10):
        peer = guard.peers.at(f"192.0.2.{n}")
        guard.admit(turnstile, peer)
        statuses.append(guard.told(unauthorized(), turnstile, peer).status)
    assert statuses == [401] * 5 + [429] * 5
    sender = guard.peers.at("198.51.100.7")
    guard.admit(turnstile, sender)
    guard.charge(turnstile, sender, Authority.SECRET)
    assert sender.proven
    unrelated = Rejection(404, "not found")
    assert guard.told(unrelated, turnstile, sender) is unrelated


async def test_a_flood_waits_behind_itself() -> None:
    """Of what waits for the broker, another source's delivery leaves with the next message."""
    opened = asyncio.Semaphore(0)

    async def behave(_: bytes) -> Outcome:
        await opened.acquire()
        return Outcome.CONFIRMED

    publisher = StandInPublisher(behave=behave)
    async with AsyncExitStack() as stack:
        run = await stack.enter_async_context(
            running(publisher=publisher, publish_deadline=10, batch_deliveries=10)
        )
        flood = [asyncio.create_task(told(run, GOOD, b"%d" % n)) for n in range(90)]
        await asyncio.sleep(0.3)
        other = asyncio.create_task(told(run, "/webhooks/free"))
        await asyncio.sleep(0.1)
        for _ in range(3):  # two are under way already, it is in the third
            opened.release()
        assert (await asyncio.wait_for(other, 2))[0] == 200
        assert sum(one.done() for one in flood) < 40
        for _ in range(30):
            opened.release()
        assert {(await one)[0] for one in flood} == {200}
