"""Servers as their operators set them up: nobody has more than they need."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest

from tests.integration.access.rooms import Logins, broker_users, logins
from tests.servers import RunningServers


@pytest.fixture(scope="module")
def database(servers: RunningServers) -> Iterator[Logins]:
    """Give a database that was made by its roles, for the tests of a file."""
    if servers.addresses.rabbitmq is None and servers.addresses.postgres is None:
        pytest.skip("the servers are somebody else's: no roles are made there")
    dsn = servers.fresh_database()
    try:
        with logins(servers, dsn) as found:
            yield found
            servers.drop_database(dsn)
    finally:
        servers.drop_database(dsn)


@pytest.fixture(scope="module")
def users(servers: RunningServers) -> Iterator[Mapping[str, str]]:
    """Give the broker's URL for each service, and under "" its administrator's."""
    if servers.addresses.rabbitmq is None:
        pytest.skip("the broker is somebody else's: no users are made there")
    with broker_users(servers) as found:
        yield found
