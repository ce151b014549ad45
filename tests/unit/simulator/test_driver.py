"""The driver posts as a provider would, and every answer, or its absence, is in the ledger."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp import web

from services.simulator.credentials import credentials_from
from services.simulator.driver import Driver, Pace
from services.simulator.ledger import Answers, read_ledger
from services.simulator.plan import Options, Plan, Webhook
from services.simulator.providers import SIMULATIONS

Answering = Callable[["Ingress", web.Request], Awaitable[web.StreamResponse]]
HASTE = Pace(concurrency=8, timeout=2.0, give_up=20.0, longest_retry_after=0.2)
ORDERLY = Options(seed=2, count=120, duplicates=0.1)


class Ingress:
    """A receiver that a test makes answer as it likes. It keeps the bodies, in order of arrival."""

    def __init__(self) -> None:
        self.url = ""
        self.bodies: list[bytes] = []
        self.requests: list[web.Request] = []
        self.taken: dict[bytes, int] = {}  # the place in `bodies` at which each was taken first
        self.answering: Answering = _take

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request)
        self.bodies.append(body := await request.read())
        place = len(self.bodies) - 1
        answer = await self.answering(self, request)
        if answer.status < 300:
            self.taken.setdefault(body, place)
        return answer


async def _take(_: Ingress, request: web.Request) -> web.StreamResponse:
    return web.Response(status=_success(request))


def _success(request: web.Request) -> int:
    return SIMULATIONS[request.path.split("/")[2]].success


@pytest.fixture
async def ingress() -> AsyncIterator[Ingress]:
    found = Ingress()
    app = web.Application()
    app.router.add_post("/{path:.*}", found.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    found.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield found
    await runner.cleanup()


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    return tmp_path / "ledger.jsonl"


def driver(ingress: Ingress, ledger: Path, options: Options, pace: Pace = HASTE) -> Driver:
    return Driver(
        Plan(options), url=ingress.url, credentials=credentials_from(None), ledger=ledger,
        tap="tap", pace=pace,
    )  # fmt: skip


def planned(options: Options) -> list[Webhook]:
    return list(Plan(options).webhooks())


def _sent(webhook: Webhook) -> bytes:
    return webhook.body.raw.replace(b"[redacted]", b"DEV-SAFE2PAY-SECRET-KEY")


async def drive(
    ingress: Ingress, ledger: Path, options: Options = ORDERLY, pace: Pace = HASTE
) -> Answers:
    await driver(ingress, ledger, options, pace).run()
    return read_ledger(ledger)


async def test_every_webhook_is_posted_once(ingress: Ingress, ledger: Path) -> None:
    answers = await drive(ingress, ledger)
    assert list(answers.accepted) == [1] * 120
    assert answers.end == "done"
    assert Counter(ingress.bodies) == Counter(_sent(webhook) for webhook in planned(ORDERLY))


async def test_each_source_gets_its_credential(ingress: Ingress, ledger: Path) -> None:
    await drive(ingress, ledger)
    for request in ingress.requests:
        source = request.path.split("/")[2]
        if source in {"clip", "mobbex", "payu"}:
            assert request.query["token"] == f"dev-{source}-token"
        elif source == "conectados":
            assert request.headers["X-Webhook-Token"] == "dev-conectados-token"


async def test_webhook_waits_for_the_one_before(ingress: Ingress, ledger: Path) -> None:
    """Whatever its answers are, what has to come in order does."""

    async def moody(ingress: Ingress, request: web.Request) -> web.StreamResponse:
        if ingress.bodies.count(ingress.bodies[-1]) < 3:
            return web.Response(status=503, headers={"Retry-After": "1"})
        return web.Response(status=_success(request))

    ingress.answering = moody
    options = replace(ORDERLY, count=60)
    answers = await drive(ingress, ledger, options)
    assert min(answers.accepted) == 1
    some = planned(options)
    waiting = [webhook for webhook in some if webhook.after is not None]
    assert len(waiting) > 20
    for webhook in waiting:
        before = _sent(some[webhook.after or 0])
        if _sent(webhook) != before:
            assert ingress.taken[before] < ingress.bodies.index(_sent(webhook))


@pytest.mark.parametrize("status", [500, 502, 503, 429, 408])
async def test_what_was_not_taken_comes_again(ingress: Ingress, ledger: Path, status: int) -> None:
    async def at_second(ingress: Ingress, request: web.Request) -> web.StreamResponse:
        first = ingress.bodies.count(ingress.bodies[-1]) == 1
        return web.Response(status=status if first else _success(request))

    ingress.answering = at_second
    answers = await drive(ingress, ledger, Options(seed=2, count=20))
    assert list(answers.tries) == [2] * 20
    assert list(answers.accepted) == [1] * 20
    assert answers.kinds[str(status)] == 20


async def test_refusal_for_good_is_not_repeated(ingress: Ingress, ledger: Path) -> None:
    async def refuse(_: Ingress, __: web.Request) -> web.StreamResponse:
        return web.Response(status=401)

    ingress.answering = refuse
    answers = await drive(ingress, ledger, Options(seed=2, count=20))
    assert list(answers.tries) == [1] * 20
    assert list(answers.final) == [401] * 20


async def test_silence_and_cuts_are_unknown(ingress: Ingress, ledger: Path) -> None:
    async def vanish(ingress: Ingress, request: web.Request) -> web.StreamResponse:
        if ingress.bodies.count(ingress.bodies[-1]) > 1:
            return web.Response(status=_success(request))
        if len(ingress.bodies) % 2:
            assert request.transport is not None
            request.transport.abort()
        else:
            await asyncio.sleep(1.0)
        return web.Response()

    ingress.answering = vanish
    pace = Pace(concurrency=1, timeout=0.3)
    answers = await drive(ingress, ledger, Options(seed=2, count=4), pace)
    assert set(answers.kinds) <= {"cut", "timeout", "200", "201"}
    assert answers.kinds["cut"] >= 1
    assert answers.kinds["timeout"] >= 1
    assert list(answers.accepted) == [1] * 4


async def test_nobody_there_is_given_up(ledger: Path) -> None:
    nobody = Ingress()
    nobody.url = "http://127.0.0.1:9"
    pace = Pace(give_up=0.3)
    driving = driver(nobody, ledger, Options(seed=2, count=5), pace)
    progress = await driving.run()
    assert progress.given_up == 5
    assert progress.settled == 0
    assert set(read_ledger(ledger).kinds) == {"not_connected"}


async def test_stop_leaves_nothing_under_way(ingress: Ingress, ledger: Path) -> None:
    stop = asyncio.Event()

    async def stop_at_ten(ingress: Ingress, request: web.Request) -> web.StreamResponse:
        if len(ingress.bodies) == 10:
            stop.set()
        return web.Response(status=_success(request))

    ingress.answering = stop_at_ten
    progress = await driver(ingress, ledger, Options(seed=2, count=5000)).run(stop)
    answers = read_ledger(ledger)
    assert progress.ended == answers.end == "stopped"
    assert sum(answers.tries) == len(ingress.bodies) < 100


async def test_duration_ends_with_whole_lives(ingress: Ingress, ledger: Path) -> None:
    options = Options(seed=2, count=None, lives=16)
    answers = await drive(ingress, ledger, options, Pace(concurrency=4, duration=0.3, rate=400))
    assert answers.close_at is not None
    assert list(answers.accepted) == [1] * len(list(Plan(options).webhooks(answers.close_at)))


async def test_rate_is_held(ingress: Ingress, ledger: Path) -> None:
    """150 webhooks at 300 in a second take half a second, however fast the answers are."""
    driving = driver(ingress, ledger, Options(seed=2, count=150), Pace(rate=300))
    progress = await driving.run()
    assert 0.49 < progress.seconds < 5


async def test_ledger_tells_no_secret(ingress: Ingress, ledger: Path) -> None:
    await drive(ingress, ledger)
    text = await asyncio.to_thread(ledger.read_text)
    assert "dev-" not in text
    assert "DEV-" not in text
    assert json.loads(text.splitlines()[0])["plan"]["seed"] == 2
