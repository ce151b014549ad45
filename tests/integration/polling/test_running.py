"""Real processes: polls on their way through the broker, and webhooks that wait for no provider."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from statistics import median

import pytest
import pytest_asyncio

from libs.bus.publisher import Outcome, Publisher
from libs.bus.tail import consumer_counts
from libs.bus.topology import (
    NORMALIZER_QUEUE,
    RECONCILER_QUEUE,
    TRANSLATED,
    WEBHOOKS,
    apply_topology,
)
from libs.contracts import webhook_translated
from libs.contracts.readings import Reading
from libs.domain.lifecycle import State
from libs.embedded.children import Child, start_child
from libs.store.database import Pool
from services.reconciler.apply import apply
from tests.integration.bus.waiting import until
from tests.integration.polling.provider import SECRETS, Provider, link
from tests.integration.polling.rooms import OTHER, REF, poke, said
from tests.integration.store.rooms import value
from tests.unit.reconciler.telling import told

pytestmark = pytest.mark.servers


@pytest_asyncio.fixture
async def provider() -> AsyncIterator[Provider]:
    async with Provider.running() as running:
        yield running


def sources_file(folder: Path, url: str, timeout: str = "5s") -> Path:
    """Write a file with secrets in it that no log may show."""
    path = folder / "sources.toml"
    path.write_text(
        f"""
[sources.clip]
provider = "clip"
authentication = {{ kind = "none" }}
[sources.clip.api]
base_url = "{url}/clip"
credentials = {{ api_key = "literal:{SECRETS[0]}", secret_key = "literal:{SECRETS[1]}" }}
[providers.clip]
requests_per_second = 100
concurrency = 4
timeout = "{timeout}"
[providers.clip.overdue]
default = ["2s", "1h"]
finished = []
"""
    )
    return path


@asynccontextmanager
async def workers(
    amqp_url: str, dsn: str, sources: Path, *commands: tuple[str, ...]
) -> AsyncIterator[list[Child]]:
    """Run processes of the command until the block ends; their logs go beside the sources."""
    environment = {
        **os.environ,
        "CAUDAL_AMQP_URL": amqp_url,
        "CAUDAL_POSTGRES_DSN": dsn,
        "CAUDAL_SOURCES": str(sources) if sources.suffix else "",
        "CAUDAL_LOG_FORMAT": "json",
    }
    await apply_topology(amqp_url)
    children: list[Child] = []
    async with AsyncExitStack() as stack:
        output = stack.enter_context((sources.parent / "log").open("ab"))
        for number, command in enumerate(commands):
            children.append(
                await start_child(
                    [sys.executable, "-P", "-m", "services.cli", *command],
                    name=f"{command[0]}-{number}", env=environment, stdout=output, stderr=output,
                )
            )  # fmt: skip
        wanted = {
            RECONCILER_QUEUE: sum(command[0] == "reconciler" for command in commands),
            NORMALIZER_QUEUE: sum(command[0] == "normalizer" for command in commands),
        }

        async def consuming() -> bool:
            return await consumer_counts(amqp_url, tuple(wanted)) == wanted

        try:
            await until(consuming, 60)
            yield children
        finally:
            for child in children:
                if child.running:
                    await child.kill()


async def publish(publisher: Publisher, number: int, *readings: Reading) -> None:
    outcome = told(number, *readings, source="clip")
    message = webhook_translated.encode((outcome,))
    answer = await publisher.publish(
        WEBHOOKS, TRANSLATED, message, content_type=webhook_translated.CONTENT_TYPE
    )
    assert answer is Outcome.CONFIRMED


async def state(pool: Pool, ref: str) -> object:
    rows = await value(pool, "select count(*) from objects where provider_ref = $1", ref)
    return rows and await value(pool, "select state from objects where provider_ref = $1", ref)


async def latencies(pool: Pool, publisher: Publisher, first: int, count: int) -> list[float]:
    """Publish one webhook after the other, and measure until each is folded."""
    clock = asyncio.get_running_loop().time
    taken = []
    for number in range(first, first + count):
        ref, began = f"w-{number}", clock()
        await publish(publisher, number, replace(said(State.PAID), provider_ref=ref))
        await until(lambda ref=ref: _is(pool, ref, "paid"), 20)  # type: ignore[misc]
        taken.append(clock() - began)
    return taken


async def _is(pool: Pool, ref: str, wanted: str) -> bool:
    return await state(pool, ref) == wanted


async def test_hanging_provider_delays_no_webhook(
    amqp_url: str, dsn: str, pool: Pool, provider: Provider, tmp_path: Path
) -> None:
    """Forty questions hang, the breaker opens; webhooks are folded as before, and a stop is quick."""
    provider.hold = asyncio.Event()
    sources = sources_file(tmp_path, provider.url, timeout="1s")
    async with workers(amqp_url, dsn, sources, ("reconciler",)) as [child]:
        publisher = await Publisher.open(amqp_url, name="test")
        try:
            await latencies(pool, publisher, 100, 3)
            quiet = await latencies(pool, publisher, 200, 12)
            for number in range(1, 41):
                await publish(publisher, number, poke(f"7f3c1d52-0a44-4c1e-9d0b-{number:012x}"))
            await until(lambda: _asked(provider, 4), 20)
            hanging = await latencies(pool, publisher, 300, 12)
            await until(lambda: _tried(pool, 4), 30)  # each twice: the breaker is open
            broken = await latencies(pool, publisher, 400, 12)
        finally:
            await publisher.close()
        assert median(hanging) < 3 * median(quiet) + 0.1
        assert median(broken) < 3 * median(quiet) + 0.1
        assert sum(provider.asked.values()) <= 12
        assert await value(pool, "select count(*) from poll_turns where name = 'reconciler'") == 5
        child.send(signal.SIGTERM)
        async with asyncio.timeout(15):
            assert await child.wait() == 0
    assert await value(pool, "select count(*) from poll_turns") == 0
    log = (tmp_path / "log").read_text()
    assert not any(secret in log for secret in SECRETS)
    assert "error" not in {
        line.partition('"level":"')[2].partition('"')[0] for line in log.splitlines()
    }


async def test_lost_webhook_is_found_by_two_reconcilers(
    amqp_url: str, dsn: str, pool: Pool, provider: Provider, tmp_path: Path
) -> None:
    """Created and then silence: the schedule asks, once, and the answer is folded; a poke likewise."""
    provider.answers[f"/clip/v2/checkout/{REF}"] = link(REF, amount=12.5)
    provider.answers[f"/clip/v2/checkout/{OTHER}"] = link(OTHER, "CHECKOUT_EXPIRED")
    sources = sources_file(tmp_path, provider.url)
    await apply(pool, [told(1, said(State.CREATED), source="clip")])
    names = [("reconciler", "--name", f"r{n}") for n in (1, 2)]
    async with workers(amqp_url, dsn, sources, ("normalizer",), *names):
        publisher = await Publisher.open(amqp_url, name="test")
        try:
            await publish(publisher, 2, poke(OTHER))
        finally:
            await publisher.close()
        await until(lambda: _is(pool, REF, "paid"), 40)
        await until(lambda: _is(pool, OTHER, "expired"), 40)
        await until(lambda: _settled(pool), 40)
    assert dict(provider.asked) == {
        f"/clip/v2/checkout/{REF}": 1,
        f"/clip/v2/checkout/{OTHER}": 1,
    }
    assert (
        str(await value(pool, "select amount from objects where provider_ref = $1", REF)) == "12.50"
    )
    assert await value(pool, "select count(*) from deliveries where origin = 'poll'") == 2


async def test_without_sources_nobody_asks(
    amqp_url: str, dsn: str, pool: Pool, tmp_path: Path
) -> None:
    """What is deployed already goes on as it is; one line says so."""
    await apply(pool, [told(1, poke(), source="clip")])
    empty = tmp_path / "none"
    async with workers(amqp_url, dsn, empty, ("reconciler", "--name", "r1")) as [child]:
        await until(lambda: _logged(tmp_path, "polling_is_off"), 20)
        child.send(signal.SIGTERM)
        async with asyncio.timeout(15):
            assert await child.wait() == 0
    assert (tmp_path / "log").read_text().count("polling_is_off") == 1
    assert await value(pool, "select count(*) from pokes") == 1


async def _logged(folder: Path, event: str) -> bool:
    return event in (folder / "log").read_text()


async def _asked(provider: Provider, least: int) -> bool:
    return sum(provider.asked.values()) >= least


async def _tried(pool: Pool, least: int) -> bool:
    found = await value(pool, "select count(*) from polls where outcome = 'unreachable'")
    return isinstance(found, int) and found >= least


async def _settled(pool: Pool) -> bool:
    return await value(pool, "select count(*) from polls") == 0
