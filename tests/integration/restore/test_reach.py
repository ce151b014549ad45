"""Whether a copy reaches back is said by what stands at its beginning; and nobody relays meanwhile."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio

from libs.bus.kept import keep_copies
from libs.bus.publisher import Outcome, Publisher
from libs.bus.topology import TO_ARCHIVE, WEBHOOKS, apply_topology
from libs.contracts import webhook_received
from libs.contracts.delivery import Delivery
from libs.domain.lifecycle import Authority
from libs.providers.registry import PROVIDERS
from libs.runtime.failures import PermanentError, TemporaryError
from libs.store.acts import Intent, Person, on_record
from libs.store.database import Pool
from libs.store.outbox import relay_away, relay_turn
from services.normalizer.translate import Translator
from services.reconciler.apply import apply
from services.restore.reach import ACTION, reach_of
from services.restore.restoring import alone, close_gap, count_missing, survey
from tests.integration.store.rooms import everything, fetch
from tests.unit.domain.saying import paid
from tests.unit.reconciler.telling import about, delivery_id, told

pytestmark = pytest.mark.servers

NOW = datetime.now(UTC)


@pytest_asyncio.fixture
async def publisher(amqp_url: str) -> AsyncIterator[Publisher]:
    await apply_topology(amqp_url)
    await keep_copies(amqp_url, 3600)
    publisher = await Publisher.open(amqp_url, name="tests")
    yield publisher
    await publisher.close()


def delivery(number: int) -> Delivery:
    return Delivery(
        id=delivery_id(number),
        source="clip-mx",
        provider="clip",
        body=b"{}",
        received_at=NOW - timedelta(seconds=100 - number),
        authority=Authority.SECRET,
        content_type="application/json",
        headers={},
    )


async def publish(publisher: Publisher, deliveries: Sequence[Delivery]) -> None:
    for each in deliveries:
        outcome = await publisher.publish(
            WEBHOOKS, TO_ARCHIVE, webhook_received.encode([each]), content_type="t"
        )
        assert outcome is Outcome.CONFIRMED


async def know(pool: Pool, deliveries: Sequence[Delivery]) -> None:
    """Have it on record what became of them."""
    for number, each in enumerate(deliveries):
        said = told(number, about(f"p-{each.id}", paid(at=1)))
        await apply(pool, [replace(said, delivery_id=each.id, received_at=each.received_at)])


async def covered(pool: Pool, amqp_url: str) -> bool:
    return (await reach_of(pool, amqp_url)).covered


async def test_copy_that_begins_before_the_backup(
    pool: Pool, amqp_url: str, publisher: Publisher
) -> None:
    some = [delivery(number) for number in range(10)]
    await publish(publisher, some)
    assert not await covered(pool, amqp_url)  # nothing is known
    await know(pool, some[:4])
    assert await covered(pool, amqp_url)


async def test_copy_that_begins_after_it(pool: Pool, amqp_url: str, publisher: Publisher) -> None:
    """Neither one that lay in a spool nor one that was put through again makes a copy older."""
    some = [delivery(number) for number in range(10)]
    await know(pool, some[:4])
    again = replace(delivery(50), replay_of=some[0].id, received_at=some[0].received_at)
    spooled = replace(delivery(51), received_at=NOW - timedelta(days=3))
    await publish(publisher, [again, spooled, *some[6:]])
    assert not await covered(pool, amqp_url)


async def test_one_that_was_published_twice_is_not_enough(
    pool: Pool, amqp_url: str, publisher: Publisher
) -> None:
    some = [delivery(number) for number in range(10)]
    await know(pool, some[:4])
    await publish(publisher, [some[3], *some[6:]])
    assert not await covered(pool, amqp_url)


async def test_empty_copy_covers_nothing(pool: Pool, amqp_url: str, publisher: Publisher) -> None:
    assert publisher.ready
    await know(pool, [delivery(1)])
    assert not await covered(pool, amqp_url)


async def test_what_was_said_at_the_beginning_is_said_again(
    pool: Pool, amqp_url: str, publisher: Publisher
) -> None:
    """It went on all the same, and was cut off: now all that the copy has is known."""
    some = [delivery(number) for number in range(10)]
    await publish(publisher, some)
    async with on_record(pool, Intent(Person("ana", "cli"), ACTION, "", {"covered": False})):
        await know(pool, some)
    assert not await covered(pool, amqp_url)


async def test_looking_writes_nothing_and_minds_nobody(
    pool: Pool, amqp_url: str, publisher: Publisher
) -> None:
    some = [delivery(number) for number in range(10)]
    await publish(publisher, some)
    await know(pool, some[:4])
    before = await everything(pool)
    async with relay_turn(pool) as turn:
        assert await turn.next_events(1) is not None
        found = await survey(pool, amqp_url)
        await count_missing(pool, amqp_url, translator(), found, lambda _: None)
    assert (found.covered, found.looked_at, found.missing) == (True, 10, 6)
    assert (found.done, await everything(pool)) == (True, before)


async def test_no_relay_has_its_turn_meanwhile(
    pool: Pool, amqp_url: str, publisher: Publisher
) -> None:
    some = [delivery(number) for number in range(10)]
    await publish(publisher, some)
    await know(pool, some[:4])
    async with alone(pool, amqp_url) as away:
        async with relay_turn(pool) as turn:
            assert await turn.next_events(1) is None
        found = await survey(pool, amqp_url)
        await close_gap(pool, amqp_url, away, translator(), (), found, lambda _: None)
        await away.make_sure()
        await fetch(
            pool,
            "select pg_terminate_backend(pid) from pg_locks"
            " where locktype = 'advisory' and pid <> pg_backend_pid()",
        )
        with pytest.raises(TemporaryError):
            await away.make_sure()
    async with relay_turn(pool) as turn:
        assert await turn.next_events(1) is not None
    assert (found.closed, found.missing) == (True, 6)


async def test_relay_that_has_its_turn_is_waited_for_and_then_named(pool: Pool) -> None:
    async with relay_turn(pool) as turn:
        assert await turn.next_events(1) is not None
        with pytest.raises(PermanentError, match="stop the reconcilers"):
            async with relay_away(pool, within=0.5):
                pass
    async with relay_away(pool, within=0.5):
        pass
    async with relay_turn(pool) as turn:
        assert await turn.next_events(1) is not None


def translator() -> Translator:
    return Translator(PROVIDERS, {})
