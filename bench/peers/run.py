"""How each peer is started and watched, for the benchmark's driver, which has the servers.

`start` makes tables and queues, starts the processes and returns when they are at work; then load
goes to the house's port, and events come to the queue `peer.ground.events`. `until_quiet` waits
until all is done; `stop` ends the processes. They are in `house.running` by their names, so that
`house.cpu()` accounts for each.
"""

from __future__ import annotations

import asyncio
import importlib.util
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import asyncpg

from bench.house import House
from bench.peers.ground import Ground
from libs.bus.tail import backlog, consumer_counts
from libs.embedded.ports import LOOPBACK

READY_WITHIN: Final = 60.0
STILL: Final = 0.5  # seconds without a new row, once nothing waits, until all is taken for done
PORT: Final = "{port}"  # stands in an argument for the house's
_ROOT: Final = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Process:
    """One process (which may have children), as it is started."""

    name: str
    argv: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Peer:
    """One system: an ingress, and workers of which each is one consumer of the webhooks."""

    ground: Ground
    title: str
    needs: tuple[str, ...]
    ingress: Process
    workers: tuple[Process, ...]

    @property
    def name(self) -> str:
        """Its short name."""
        return self.ground.name

    @property
    def processes(self) -> tuple[Process, ...]:
        """Everything that is started for it, by name."""
        return (self.ingress, *self.workers)

    @property
    def missing(self) -> tuple[str, ...]:
        """What is not installed of what it needs (the extra `bench`)."""
        return tuple(name for name in self.needs if importlib.util.find_spec(name) is None)


def _python(module: str, *words: str) -> tuple[str, ...]:
    return (sys.executable, "-m", module, *words)


_FASTSTREAM: Final = Peer(
    ground=Ground("faststream"),
    title="FastAPI + FastStream + SQLAlchemy",
    needs=("fastapi", "faststream", "typer", "uvicorn", "httptools"),
    ingress=Process(
        "ingress",
        _python(
            "uvicorn",
            "bench.peers.fastapi_faststream.ingress:app",
            *("--host", LOOPBACK, "--port", PORT),
            *("--loop", "uvloop", "--http", "httptools"),
            *("--no-access-log", "--log-level", "warning"),
        ),
    ),
    workers=(
        Process(
            "worker", _python("faststream", "run", "bench.peers.fastapi_faststream.worker:app")
        ),
    ),
)

_CELERY: Final = Peer(
    ground=Ground("celery"),
    title="Flask + Celery + psycopg",
    needs=("flask", "gunicorn", "celery", "psycopg", "psycopg_pool"),
    ingress=Process(
        "ingress",
        _python(
            "gunicorn",
            "bench.peers.flask_celery.ingress:app",
            *("--bind", f"{LOOPBACK}:{PORT}", "--workers", "1"),
            *("--worker-class", "gthread", "--threads", "8", "--keep-alive", "75"),
            *("--log-level", "warning"),
        ),
    ),
    workers=tuple(
        Process(
            name,
            _python(
                "celery",
                *("--app", "bench.peers.flask_celery.tasks", "worker", "--hostname", f"{name}@%h"),
                *("--pool", "threads", "--concurrency", "4", "--loglevel", "warning"),
                *("--without-gossip", "--without-mingle", "--without-heartbeat"),
            ),
        )
        for name in ("worker-1", "worker-2")
    ),
)

PEERS: Final[Mapping[str, Peer]] = {peer.name: peer for peer in (_FASTSTREAM, _CELERY)}


async def start(house: House, peer: Peer) -> None:
    """Bring it up on the house's servers and port, and wait until it is at work."""
    await peer.ground.prepare(house.servers.postgres_dsn, house.servers.amqp_url)
    for process in peer.processes:
        await launch(house, process)
    await until_at_work(house, peer)


async def launch(house: House, process: Process) -> None:
    """Start one of its processes, for the first time or again."""
    house.running[process.name] = await house.spawn(
        process.name,
        [word.replace(PORT, str(house.port)) for word in process.argv],
        {
            "PEER_AMQP_URL": house.servers.amqp_url,
            "PEER_POSTGRES_DSN": house.servers.postgres_dsn,
            "PYTHONPATH": str(_ROOT),
        },
    )


async def until_at_work(house: House, peer: Peer) -> None:
    """Wait until its port is open and all its workers take webhooks. Raises `TimeoutError`."""
    async with asyncio.timeout(READY_WITHIN):
        while not await _at_work(house, peer):
            await asyncio.sleep(0.1)


async def stop(house: House, peer: Peer) -> None:
    """Stop its processes, the ingress first."""
    await house.stop(*(process.name for process in peer.processes))


async def until_quiet(house: House, peer: Peer, *, within: float) -> None:
    """Wait until nothing waits and nothing is stored any more. Raises `TimeoutError`.

    The broker does not tell what workers have in hand, so their rows must have stopped coming.
    """
    async with asyncio.timeout(within):
        before: int | None = None
        while True:
            if await backlog(house.servers.amqp_url, (peer.ground.webhooks,)):
                before = None
                await asyncio.sleep(0.1)
                continue
            stored = await deliveries(house, peer)
            if stored == before:
                return
            before = stored
            await asyncio.sleep(STILL)


async def deliveries(house: House, peer: Peer) -> int:
    """Return how many webhooks are stored."""
    connection = await asyncpg.connect(house.servers.postgres_dsn)
    try:
        counted = f"select count(*) from {peer.ground.schema}.delivery"  # noqa: S608 - ours
        return int(await connection.fetchval(counted))
    finally:
        await connection.close()


async def _at_work(house: House, peer: Peer) -> bool:
    counts = await consumer_counts(house.servers.amqp_url, (peer.ground.webhooks,))
    if counts[peer.ground.webhooks] < len(peer.workers):
        return False
    return await house.is_listening()
