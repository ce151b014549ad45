"""Fixtures: a real RabbitMQ and a real Postgres, started once per session, when first asked for.

Every test gets a database of its own and a virtual host of its own, so that no test sees what
another left behind. Databases are made one by one (some 50 ms). Virtual hosts are made in bulk,
since `rabbitmqctl` takes a second to start: one call makes the next `VHOSTS_AT_ONCE` and deletes
those that were released. With CAUDAL_AMQP_URL given there is no way to make any: all tests then share that
one virtual host.

The servers run on a thread with a loop of its own: the tests' loops come and go, and children live
only as long as the thread that started them.
"""

import asyncio
import base64
import json
import os
import threading
import uuid
from collections import deque
from collections.abc import Coroutine, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from libs.embedded.errors import EmbeddedError
from libs.embedded.servers import RabbitMq, Servers, remove_data
from libs.embedded.servers import servers as bring_up

VHOSTS_AT_ONCE = 24
START_SECONDS = 300.0
T = TypeVar("T")


class RunningServers:
    """Both servers on their thread, and rooms in them for one test each."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self._ready: Future[Servers] = Future()
        self._loop = asyncio.new_event_loop()
        self._leave = asyncio.Event()
        self._thread = threading.Thread(target=self._serve, name="servers", daemon=True)
        self._free: deque[str] = deque()
        self._released: list[str] = []

    def start(self) -> None:
        """Start both. Raises EmbeddedError."""
        self._thread.start()
        self._ready.result(START_SECONDS)

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._leave.set)
        self._thread.join(START_SECONDS)

    @property
    def addresses(self) -> Servers:
        return self._ready.result(0)

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run something on the servers' own loop, for example `addresses.rabbitmq.kill()`."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(START_SECONDS)

    def fresh_vhost(self) -> str:
        """Return the AMQP URL of an empty virtual host. It stays until it is released."""
        if self.addresses.rabbitmq is None:
            return self.addresses.amqp_url
        if not self._free:
            self._free.extend(self.run(self._exchange_vhosts()))
        name = self._free.popleft()
        return with_path(self.addresses.amqp_url, name)

    def release_vhost(self, url: str) -> None:
        """Have the virtual host deleted when the next ones are made."""
        if self.addresses.rabbitmq is not None:
            self._released.append(urlsplit(url).path.lstrip("/"))

    def fresh_database(self, template: str = "template1") -> str:
        """Return the DSN of a new database, a copy of `template` (to which nobody is connected)."""
        name = f"test_{uuid.uuid4().hex}"
        self.run(self._execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"'))
        return with_path(self.addresses.postgres_dsn, name)

    def drop_database(self, dsn: str) -> None:
        name = urlsplit(dsn).path.lstrip("/")
        self.run(self._execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'))

    def _serve(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serving())

    async def _serving(self) -> None:
        try:
            async with bring_up(self.data_dir) as addresses:
                self._ready.set_result(addresses)
                await self._leave.wait()
        except BaseException as error:
            if self._ready.done():
                raise
            self._ready.set_exception(error)

    async def _execute(self, statement: str) -> None:
        connection = await asyncpg.connect(self.addresses.postgres_dsn)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    async def _exchange_vhosts(self) -> list[str]:
        broker = self.addresses.rabbitmq
        assert broker is not None
        released, self._released = self._released, []
        return await exchange_vhosts(broker, released, VHOSTS_AT_ONCE)


async def exchange_vhosts(broker: RabbitMq, released: list[str], count: int) -> list[str]:
    """Delete the released ones and make new ones, all in one call of rabbitmqctl."""
    names = [f"test-{uuid.uuid4().hex[:12]}" for _ in range(count)]
    user = urlsplit(broker.url).username
    everything = {"configure": ".*", "write": ".*", "read": ".*"}
    definitions = {
        "vhosts": [{"name": name} for name in names],
        "permissions": [{"user": user, "vhost": name, **everything} for name in names],
    }
    packed = base64.b64encode(json.dumps(definitions).encode()).decode()
    old = ",".join(f'<<"{name}">>' for name in released)
    said = await broker.control(
        "eval",
        f'[catch rabbit_vhost:delete(V, <<"tests">>) || V <- [{old}]], '
        f'rabbit_definitions:import_raw(base64:decode(<<"{packed}">>)).',
    )
    # it may warn before, of a directory that was gone already
    assert said.strip().splitlines()[-1:] == ["ok"], said
    return names


def with_path(url: str, path: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{path}"))


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServers]:
    """Both servers, real. That they cannot start is a failure in CI, a skip elsewhere."""
    data_dir = tmp_path_factory.mktemp("servers")
    running = RunningServers(data_dir)
    try:
        running.start()
    except EmbeddedError as error:
        if os.environ.get("CI"):
            pytest.fail(str(error), pytrace=False)
        pytest.skip(str(error))
    yield running
    running.stop()
    remove_data(data_dir)


@pytest.fixture
def amqp_url(servers: RunningServers) -> Iterator[str]:
    """Give the test a broker with nothing declared."""
    url = servers.fresh_vhost()
    yield url
    servers.release_vhost(url)


@pytest.fixture
def postgres_dsn(servers: RunningServers) -> Iterator[str]:
    """Give the test an empty database, dropped afterwards whoever is still connected."""
    dsn = servers.fresh_database()
    yield dsn
    servers.drop_database(dsn)
