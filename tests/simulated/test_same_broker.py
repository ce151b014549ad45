"""The broker in memory, seen over its wire, passes the suite of the real one.

The real `Publisher` and `BatchConsumer` run on it. Left out is what needs a second client library
to do something behind our back, or a signal to a real node.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from random import Random
from types import ModuleType

import pytest
import pytest_asyncio

from libs.bus.publisher import Publisher
from tests.integration.bus import test_consumer, test_manners, test_publisher, test_topology
from tests.integration.bus.test_manners import Bus, Real
from tests.simulated.broker import Broker
from tests.simulated.collecting import collected
from tests.simulated.installed import install_broker
from tests.simulated.weather import Weather

pytestmark = pytest.mark.asyncio(loop_scope="session")

SUITES: dict[ModuleType, frozenset[str]] = {
    test_manners: frozenset(),
    test_consumer: frozenset({
        "test_deleted_queue_is_consumed_again",
        "test_forgotten_consumer_notices_itself",
    }),
    test_publisher: frozenset({
        "test_full_queue_is_refused",
        "test_lifted_limit_is_noticed",
        "test_headers_and_type_arrive",
        "test_stopped_broker_is_unknown",
        "test_closing_is_bounded_on_stopped_broker",
        "test_cancelling_the_caller_is_raised",
        "test_nobody_there_is_refused_at_once",
        "test_alarm_blocks_and_clears",
    }),
    test_topology: frozenset({
        "test_applying_twice_changes_nothing",
        "test_changed_argument_names_the_queue",
        "test_one_missing_queue_is_noticed",
        "test_binding_of_old_is_kept_until_retired",
        "test_absent_broker_is_temporary",
        "test_rejected_message_reaches_dead_queue",
        "test_event_without_queue_is_returned",
        "test_tail_takes_from_nobody",
        "test_missing_exchange_cannot_be_tailed",
        "test_topology_is_plain_data",
    }),
}  # fmt: skip


@pytest.fixture
def url(monkeypatch: pytest.MonkeyPatch) -> str:
    """Give the test a broker of its own."""
    weather = Weather(Random(0), slow=0)
    weather.clear()
    broker = Broker(Random(0), weather, lambda _: None)
    install_broker(monkeypatch, broker, test_consumer)
    return "amqp://simulated"


@pytest_asyncio.fixture(loop_scope="session")
async def publisher(url: str) -> AsyncIterator[Publisher]:
    """Give a publisher that is ready."""
    publisher = await Publisher.open(url, name="test-publisher")
    yield publisher
    await publisher.close()


@pytest.fixture
def bus(url: str, publisher: Publisher) -> Bus:
    """Give the real clients."""
    return Real(url, publisher)


globals().update(collected(SUITES))
