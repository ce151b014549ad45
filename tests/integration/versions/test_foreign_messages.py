"""Messages of another release, or of nobody's, on a real broker with real workers.

What cannot be read is buried with its reason, its neighbours in the queue go on, and so does the worker;
after an upgrade one command brings it back.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Final

import orjson
import pytest
import pytest_asyncio

from libs.bus.buried import Buried, bring_back, look, take_away
from libs.bus.publisher import Outcome, Publisher
from libs.bus.tail import queue_depths
from libs.bus.topology import (
    ARCHIVE_QUEUE,
    DEAD,
    NORMALIZER_QUEUE,
    NOTICED,
    NOTICES_QUEUE,
    RECEIVED,
    RECONCILER_QUEUE,
    TO_ARCHIVE,
    TRANSLATED,
    WEBHOOKS,
    apply_topology,
)
from libs.contracts import notice, webhook_received, webhook_translated
from libs.providers.registry import PROVIDERS
from libs.runtime.development import development_sources
from libs.runtime.settings import load_settings
from libs.runtime.sources import load_sources
from libs.store.database import Pool
from services.normalizer.run import run as run_normalizer
from services.reconciler.run import run as run_reconciler
from tests.acceptance.stack import caudal
from tests.contract.test_notice import NOTICE
from tests.integration.bus.waiting import until
from tests.integration.store.rooms import dsn, fetch, logged, pool, template, value
from tests.integration.store.test_archive import ONE
from tests.unit.domain.saying import paid
from tests.unit.reconciler.telling import about, delivery_id, told

__all__ = ["dsn", "logged", "pool", "template"]

pytestmark = pytest.mark.servers

KEYS: Final = {
    NORMALIZER_QUEUE: RECEIVED,
    ARCHIVE_QUEUE: TO_ARCHIVE,
    RECONCILER_QUEUE: TRANSLATED,
    NOTICES_QUEUE: NOTICED,
}


def delivery(number: int) -> bytes:
    return webhook_received.encode([replace(ONE, id=delivery_id(number), body=b"{}")])


def outcome(number: int) -> bytes:
    return webhook_translated.encode((told(number, about(f"p-{number}", paid(at=1))),))


def noticed(number: int) -> bytes:
    return notice.encode(replace(NOTICE, id=delivery_id(number)))


GOOD: Final = {
    NORMALIZER_QUEUE: delivery,
    ARCHIVE_QUEUE: delivery,
    RECONCILER_QUEUE: outcome,
    NOTICES_QUEUE: noticed,
}


def later(message: bytes) -> bytes:
    """Say the same in a version that nobody knows yet."""
    head, _, rest = message.partition(b",")
    assert head.startswith(b'{"version":')
    return b'{"version":7,' + rest


def with_more(message: bytes) -> bytes:
    """Say more than this release knows, in the same version."""
    line, newline, bodies = message.partition(b"\n")
    said = orjson.loads(line)
    said["mood"] = "sunny"
    for each in said.get("deliveries", said.get("outcomes", [])):
        each["shoe_size"] = 43
    return orjson.dumps(said) + newline + bodies


@dataclass
class House:
    """A broker with a normalizer and a reconciler on it."""

    amqp_url: str
    postgres_dsn: str
    pool: Pool
    publisher: Publisher

    async def send(self, queue: str, *messages: bytes) -> None:
        for message in messages:
            sent = await self.publisher.publish(WEBHOOKS, KEYS[queue], message, content_type="x")
            assert sent is Outcome.CONFIRMED

    async def rest(self) -> None:
        """Wait until nothing waits in the queues that are worked on, nor is in hand."""

        async def empty() -> bool:
            return not any((await queue_depths(self.amqp_url, KEYS)).values())

        await until(empty, within=20)
        await asyncio.sleep(0.3)

    async def buried(self, count: int) -> list[Buried]:
        async def there() -> bool:
            return (await look(self.amqp_url, 100))[1] == count

        await until(there, within=20)
        return (await look(self.amqp_url, 100))[0]

    def run(self, *words: str) -> tuple[int, dict[str, object]]:
        told_by = {"CAUDAL_AMQP_URL": self.amqp_url, "CAUDAL_POSTGRES_DSN": self.postgres_dsn}
        ran = caudal(*words, "--json", env=told_by)
        return ran.returncode, json.loads(ran.stdout or "{}")


@pytest_asyncio.fixture
async def house(
    amqp_url: str, dsn: str, pool: Pool, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[House]:
    await apply_topology(amqp_url)
    path = tmp_path_factory.mktemp("sources") / "sources.toml"
    path.write_text(development_sources())
    settings = load_settings(amqp_url=amqp_url, postgres_dsn=dsn, grace=2.0, polling=False)
    stop = asyncio.Event()
    publisher = await Publisher.open(amqp_url, name="test")
    running = [
        asyncio.create_task(run_normalizer(settings, load_sources(path, PROVIDERS), stop)),
        asyncio.create_task(run_reconciler(settings, stop)),
    ]
    yield House(amqp_url, dsn, pool, publisher)
    crashed = [task for task in running if task.done()]
    stop.set()
    await asyncio.gather(*running)
    await publisher.close()
    assert not crashed


@pytest.mark.parametrize("queue", KEYS)
async def test_foreign_messages_are_buried_and_hold_up_nobody(house: House, queue: str) -> None:
    good = GOOD[queue]
    garbage = (b"", b"\x00\xff\xfe", b"null", b'{"version":1}', b"PK\x03\x04")
    await house.send(queue, good(1), later(good(2)), good(3), *garbage, good(4))
    found = await house.buried(1 + len(garbage))
    assert {each.queue for each in found} == {queue}
    assert all(each.reason and each.comes_back for each in found)
    [newer] = [each for each in found if "not known to this release" in each.reason]
    assert newer.reason.startswith("version 7 ")
    await house.rest()
    match queue:
        case "caudal.normalizer" | "caudal.reconciler":
            done = "select count(*) from translations"
        case "caudal.archive":
            done = "select count(*) from deliveries"
        case _:
            done = "select count(*) from notices"
    await until(lambda: value(house.pool, done), within=10)
    await until(lambda: _equals(house, done, 3), within=10)


async def _equals(house: House, statement: str, count: int) -> bool:
    return await value(house.pool, statement) == count


async def test_more_than_is_known_is_passed_over(house: House) -> None:
    """In the same version a message means the same without it (tests/contract/test_versions.py)."""
    for first, (queue, good) in enumerate(GOOD.items()):
        await house.send(queue, *(with_more(good(10 * first + n)) for n in (1, 2)))
    await until(lambda: _equals(house, "select count(*) from objects", 2), within=20)
    await until(lambda: _equals(house, "select count(*) from notices", 2), within=20)
    await until(lambda: _equals(house, "select count(*) from deliveries", 4), within=20)
    await until(lambda: _equals(house, "select count(*) from translations", 4), within=20)
    await house.rest()
    assert await look(house.amqp_url, 10) == ([], 0)


async def test_command_brings_back_what_can_be_read_by_now(house: House) -> None:
    """The message of an older fault is whole; one that still cannot be read is buried again."""
    fine, hopeless = outcome(5), later(outcome(6))
    for body in (fine, hopeless):
        headers = {"x-caudal-queue": RECONCILER_QUEUE, "x-caudal-reason": "an older release"}
        sent = await house.publisher.publish(
            DEAD, RECONCILER_QUEUE, body, content_type="application/x", headers=headers
        )
        assert sent is Outcome.CONFIRMED
    await house.send(NORMALIZER_QUEUE, later(delivery(7)))
    listed = await house.buried(3)
    code, told_by = await asyncio.to_thread(house.run, "dead", "list")
    assert (code, told_by["count"]) == (0, 3)
    assert await asyncio.to_thread(house.run, "dead", "replay") == (2, {})
    code, told_by = await asyncio.to_thread(
        house.run, "dead", "replay", "--queue", RECONCILER_QUEUE, "--by", "ana", "--why", "upgraded"
    )
    back = told_by["back"]
    assert isinstance(back, list)
    assert (code, len(back), told_by["left"], told_by["homeless"]) == (0, 2, 1, [])
    assert {each["id"] for each in back} == {
        each.id for each in listed if each.queue == RECONCILER_QUEUE
    }
    await until(lambda: _equals(house, "select count(*) from objects", 1), within=20)
    again = await house.buried(2)
    assert {each.id for each in again} < {each.id for each in listed}  # the same have the same name
    [act] = await fetch(
        house.pool, "select who, why from acts where action = 'dead.replay' and outcome is not null"
    )
    assert tuple(act) == ("ana", "upgraded")
    assert await value(house.pool, "select count(*) from observations") == 1


async def test_bringing_back_twice_has_one_effect(house: House) -> None:
    """As after a crash between the confirm and the acknowledgement."""
    headers = {"x-caudal-queue": RECONCILER_QUEUE, "x-caudal-reason": "x"}
    for _ in range(2):
        await house.publisher.publish(
            DEAD, RECONCILER_QUEUE, outcome(1), content_type="x", headers=headers
        )
    assert len((await bring_back(house.amqp_url, lambda _: True)).back) == 2
    await until(lambda: _equals(house, "select count(*) from objects", 1), within=20)
    await house.rest()
    assert await value(house.pool, "select sequence from objects") == 1
    assert await value(house.pool, "select count(*) from observations") == 1
    assert await value(house.pool, "select count(*) from repeats") == 0


async def test_looking_takes_nothing_and_discarding_takes_what_was_named(house: House) -> None:
    headers = {"x-caudal-queue": "caudal.events.all", "x-caudal-reason": "rejected"}
    for body in (b"one", b"two"):
        await house.publisher.publish(DEAD, "x", body, content_type="x", headers=headers)
    first = await house.buried(2)
    assert await house.buried(2) == first or set(await house.buried(2)) == set(first)
    raised = await bring_back(house.amqp_url, lambda _: True)
    assert (raised.back, len(raised.homeless)) == ([], 2)  # no queue that we work on
    code, told_by = await asyncio.to_thread(
        house.run, "dead", "discard", "--id", first[0].id, "--id", "feed", "--reason", "a test"
    )
    assert (code, told_by["not_found"]) == (1, ["feed"])
    assert set(await house.buried(1)) == {first[1]}
    assert await take_away(house.amqp_url, lambda _: True) == [first[1]]
