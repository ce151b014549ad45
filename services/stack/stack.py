"""Bring everything up in order, say when it is ready, and take it down in reverse.

servers ─► migrations, topology ─► ingress, normalizers, reconcilers ─► ready
"""

from __future__ import annotations

import asyncio
import json
import urllib.request
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from libs.bus.tail import consumer_counts
from libs.bus.topology import ARCHIVE_QUEUE, NORMALIZER_QUEUE, RECONCILER_QUEUE, apply_topology
from libs.embedded.ports import LOOPBACK
from libs.embedded.servers import Servers, servers
from libs.embedded.variables import AMQP_URL, POSTGRES_DSN
from libs.providers.registry import PROVIDERS
from libs.runtime.archive_keys import key_ring
from libs.runtime.development import development_sources
from libs.runtime.failures import TemporaryError
from libs.runtime.settings import load_settings
from libs.runtime.sources import load_sources
from libs.runtime.url_files import without_url_files
from libs.store.migrate import migrate
from services.stack.addresses import Addresses, forget, remember
from services.stack.claimed_port import claimed_port
from services.stack.keys import told_to_workers
from services.stack.watch import watched
from services.stack.workers import Worker, keeping

READY_WITHIN: Final = 60.0  # seconds
POLL: Final = 0.1

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What to bring up. `port` None takes 8080, or a free one where that is taken.

    `variables` are told to the workers beside ours.
    """

    data_dir: Path
    sources: Path | None = None
    port: int | None = None
    normalizers: int = 1
    reconcilers: int = 1
    log_file: Path | None = None
    variables: Mapping[str, str] = field(default_factory=dict)


@asynccontextmanager
async def stack(
    wanted: Wanted, environment: Mapping[str, str], on_progress: Progress
) -> AsyncIterator[Addresses]:
    """Give the addresses of a stack that is ready, and stop it at the end of the block.

    Raises `ConfigurationError` before anything is started where the sources, the keys or the port
    cannot be used, and `EmbeddedError` where a server cannot be brought up.
    """
    data_dir = wanted.data_dir.absolute()
    data_dir.mkdir(parents=True, exist_ok=True)
    sources = _sources(wanted, data_dir)
    key_ring(load_settings())
    around = without_url_files(environment, (AMQP_URL, POSTGRES_DSN))
    with claimed_port(wanted.port) as port:
        async with servers(data_dir, env=around, on_progress=on_progress) as found:
            on_progress("applying migrations and topology")
            await asyncio.to_thread(migrate, found.postgres_dsn)
            await apply_topology(found.amqp_url, retire=True)  # nothing else runs on it
            on_progress("starting ingress, normalizers and reconcilers")
            told = {
                **wanted.variables,
                AMQP_URL: found.amqp_url,
                POSTGRES_DSN: found.postgres_dsn,
                "CAUDAL_SOURCES": str(sources),
                "CAUDAL_INGRESS_HOST": LOOPBACK,
                "CAUDAL_INGRESS_PORT": str(port),
                "CAUDAL_SPOOL_DIR": str(data_dir / "spool"),
                **told_to_workers(data_dir),
            }
            async with watched(found), keeping(told, wanted.log_file) as workers:
                workers.start(_workers(wanted))
                addresses = Addresses(
                    ingress_url=f"http://{LOOPBACK}:{port}",
                    amqp_url=found.amqp_url,
                    postgres_dsn=found.postgres_dsn,
                    data_dir=str(data_dir),
                )
                await _ready(addresses, wanted, found)
                remember(addresses, sources)
                try:
                    yield addresses
                finally:
                    forget(data_dir)
                    on_progress("stopping")


def _sources(wanted: Wanted, data_dir: Path) -> Path:
    """Return the sources file, checked; where none is given, the one of the data directory.

    That one is made for development if it is not there, and left as it is if it is: somebody may
    have changed it.
    """
    path = wanted.sources
    if path is None:
        path = data_dir / "sources.toml"
        if not path.exists():
            path.write_text(development_sources(), encoding="utf-8")
    load_sources(path.absolute(), PROVIDERS)
    return path.absolute()


def _workers(wanted: Wanted) -> list[Worker]:
    found = [Worker("ingress", ("ingress",))]
    for role, count in (("normalizer", wanted.normalizers), ("reconciler", wanted.reconcilers)):
        found += [
            Worker(f"{role}-{n}", (role, "--name", f"{role}-{n}")) for n in range(1, count + 1)
        ]
    return found


async def _ready(addresses: Addresses, wanted: Wanted, found: Servers) -> None:
    """Wait until the broker confirms to the ingress and every worker consumes."""
    needed = {
        NORMALIZER_QUEUE: wanted.normalizers,
        ARCHIVE_QUEUE: wanted.reconcilers,
        RECONCILER_QUEUE: wanted.reconcilers,
    }

    async def ready() -> bool:
        if not await asyncio.to_thread(_confirms, f"{addresses.ingress_url}/health/ready"):
            return False
        counts = await consumer_counts(found.amqp_url, needed)
        return all(counts[queue] >= number for queue, number in needed.items())

    try:
        async with asyncio.timeout(READY_WITHIN):
            while not await ready():
                await asyncio.sleep(POLL)
    except TimeoutError:
        raise TemporaryError(
            f"the workers were not ready within {READY_WITHIN:.0f} s; their logs say why"
        ) from None


def _confirms(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:  # noqa: S310 - our own address
            return bool(json.load(answer)["level"] == "confirmed")
    except (OSError, ValueError):
        return False
