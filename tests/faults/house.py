"""A whole Caudal of real processes, with proxies in its links where cases want them.

The links: `provider` before the ingress, `ingress-broker` behind it, `worker-broker` of normalizers
and reconcilers, `postgres` of the reconcilers, `apis` between the reconcilers and the APIs of the
providers.
"""

from __future__ import annotations

import asyncio
import json
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit, urlunsplit

from libs.bus.tail import consumer_counts
from libs.bus.topology import ARCHIVE_QUEUE, NORMALIZER_QUEUE, RECONCILER_QUEUE, apply_topology
from libs.embedded.ports import LOOPBACK, free_port
from libs.embedded.postgres import EmbeddedPostgres
from libs.runtime.development import development_sources
from libs.runtime.failures import PermanentError
from services.sandbox.sources_file import sources_text
from tests.faults.disk import small_disk
from tests.faults.faketime import faked
from tests.faults.ground import Ground, Room, make_template
from tests.faults.kept import Kept
from tests.faults.proxy import Proxy, proxy

PROVIDER: Final = "provider"
INGRESS_BROKER: Final = "ingress-broker"
WORKER_BROKER: Final = "worker-broker"
POSTGRES: Final = "postgres"
APIS: Final = "apis"
SOURCES: Final = "sources.toml"  # in the home of a house
READY_WITHIN: Final = 60.0
POLL: Final = 0.1
# The sweep would make good what a consumer had acknowledged too early: cases go without its help.
NO_SWEEP: Final = "86400"
PUBLISH_DEADLINE: Final = 2.0  # seconds; the default, and what I8 is measured against


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """What a house is made of."""

    normalizers: int = 2
    reconcilers: int = 2
    links: Sequence[str] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    ingress_environment: Mapping[str, str] = field(default_factory=dict)
    asks: bool = False
    """The providers can be asked: they are a sandbox, behind the link `apis`."""
    topology: bool = True
    """False: the case puts it in place later."""
    spool_mb: int | None = None
    """Size of the spool's own disk."""
    database_mb: int | None = None
    """Size of the disk of a database of the house's own."""
    faked_clock: bool = False
    """The reconcilers' wall clock can be moved."""


@dataclass(slots=True)
class House:
    """The running processes, by name, and the links between them."""

    ground: Ground
    postgres: EmbeddedPostgres
    room: Room
    home: Path
    processes: dict[str, Kept] = field(default_factory=dict)
    links: dict[str, Proxy] = field(default_factory=dict)
    apis_port: int = field(default_factory=free_port)
    """Where the sandbox of a case listens, where there is one."""

    @property
    def ingress(self) -> Kept:
        return self.processes["ingress"]

    def of(self, role: str) -> list[Kept]:
        return [kept for name, kept in self.processes.items() if name.startswith(role)]

    @property
    def workers(self) -> list[Kept]:
        return self.of("normalizer") + self.of("reconciler")

    @property
    def ingress_url(self) -> str:
        """Where a provider posts: through the proxy, if there is one."""
        link = self.links.get(PROVIDER)
        return f"http://{LOOPBACK}:{link.port}" if link else self.own_url

    @property
    def own_url(self) -> str:
        """Where the ingress itself listens."""
        return f"http://{LOOPBACK}:{self.ingress.environment['CAUDAL_INGRESS_PORT']}"

    @property
    def spool(self) -> Path:
        return Path(self.ingress.environment["CAUDAL_SPOOL_DIR"])

    async def rabbitmqctl(self, *words: str) -> str:
        """Run it on this case's virtual host where the command wants one (`-p`)."""
        return await self.ground.broker.control(
            *(self.room.vhost if word == "VHOST" else word for word in words)
        )

    async def apply_topology(self) -> None:
        await apply_topology(self.room.amqp_url)

    async def level(self) -> str:
        """Return what /health/ready says of the accept ladder; `away` where nobody answers."""
        return await asyncio.to_thread(_level, f"{self.own_url}/health/ready")

    async def until(
        self, condition: Callable[[], Awaitable[bool]], *, seconds: float, what: str
    ) -> None:
        """Poll until it holds. Raises AssertionError that says what never came."""
        try:
            async with asyncio.timeout(seconds):
                while not await condition():
                    await asyncio.sleep(POLL)
        except TimeoutError:
            raise AssertionError(f"not within {seconds:.0f} s: {what}") from None

    async def until_level(self, *levels: str, seconds: float = 30.0) -> None:
        async def reached() -> bool:
            return await self.level() in levels

        await self.until(reached, seconds=seconds, what=f"level {' or '.join(levels)}")

    async def until_ready(self, *, seconds: float = READY_WITHIN) -> None:
        """Wait until the ingress can confirm and every worker consumes."""
        counts = {
            NORMALIZER_QUEUE: len(self.of("normalizer")),
            ARCHIVE_QUEUE: len(self.of("reconciler")),
            RECONCILER_QUEUE: len(self.of("reconciler")),
        }

        async def ready() -> bool:
            if await self.level() not in {"confirmed", "ready"}:
                return False
            try:
                found = await consumer_counts(self.room.amqp_url, counts)
            except (PermanentError, OSError, TimeoutError):
                return False
            return all(found[queue] >= count for queue, count in counts.items())

        await self.until(ready, seconds=seconds, what=f"a ready house ({self.home})")

    def ended_by_themselves(self, before: Mapping[str, int]) -> list[str]:
        """Name the processes that ended although nobody ended them, with their codes.

        `before` is how many lives of each are none of the caller's business.
        """
        return [
            f"{name} ({life.code})"
            for name, kept in self.processes.items()
            for life in kept.lives[max(0, before.get(name, 0) - 1) :]
            if life.ended_by_itself
        ]


@asynccontextmanager
async def house(ground: Ground, shape: Shape, home: Path, *, seed: int) -> AsyncIterator[House]:
    """Give a house that is ready (but for the topology, where the shape says so)."""
    async with AsyncExitStack() as stack:
        postgres = ground.postgres
        if shape.database_mb is not None:
            place = ground.data_dir / f"disk-{home.name}"
            stack.enter_context(small_disk(place, shape.database_mb))
            postgres = await stack.enter_async_context(
                EmbeddedPostgres(place, home / "postgres.log")
            )
            await make_template(postgres)
        room = await ground.room(postgres)
        stack.push_async_callback(ground.release, room)
        if shape.spool_mb is not None:
            stack.enter_context(small_disk(home / "spool", shape.spool_mb))
        if shape.topology:
            await apply_topology(room.amqp_url)
        made = House(ground, postgres, room, home)
        await _lay_links(made, shape, stack, seed)
        made.processes = _processes(made, shape)
        stack.push_async_callback(_stop_all, made)
        for kept in made.processes.values():
            await kept.start()
        if shape.topology:
            await made.until_ready()
        yield made


async def _lay_links(made: House, shape: Shape, stack: AsyncExitStack, seed: int) -> None:
    broker = urlsplit(made.room.amqp_url).port or 0
    database = urlsplit(made.room.dsn).port or 0
    targets = {
        PROVIDER: free_port(),
        INGRESS_BROKER: broker,
        WORKER_BROKER: broker,
        POSTGRES: database,
        APIS: made.apis_port,
    }
    for name in shape.links:
        made.links[name] = await stack.enter_async_context(proxy(targets[name], seed=seed))


def _processes(made: House, shape: Shape) -> dict[str, Kept]:
    sources = made.home / SOURCES
    sources.write_text(_sources(made, asks=shape.asks))
    told = {
        "CAUDAL_POSTGRES_DSN": _through(made, POSTGRES, made.room.dsn),
        "CAUDAL_SOURCES": str(sources),
        "CAUDAL_LOG_FORMAT": "json",
        "CAUDAL_GRACE": "15",
        "CAUDAL_SWEEP_AFTER": NO_SWEEP,
        **shape.environment,
    }
    link = made.links.get(PROVIDER)
    ingress = {
        "CAUDAL_AMQP_URL": _through(made, INGRESS_BROKER, made.room.amqp_url),
        "CAUDAL_INGRESS_PORT": str(link.target if link else free_port()),
        "CAUDAL_SPOOL_DIR": str(made.home / "spool"),
        "CAUDAL_PUBLISH_DEADLINE": str(PUBLISH_DEADLINE),
        **shape.ingress_environment,
    }
    worker = {"CAUDAL_AMQP_URL": _through(made, WORKER_BROKER, made.room.amqp_url)}
    names = ["ingress"]
    names += [f"normalizer-{n}" for n in range(1, shape.normalizers + 1)]
    names += [f"reconciler-{n}" for n in range(1, shape.reconcilers + 1)]
    found = {}
    for name in names:
        role = name.partition("-")[0]
        own = ingress if role == "ingress" else worker
        if role == "reconciler" and shape.faked_clock:
            own = own | faked(made.home)
        found[name] = Kept(
            name,
            (role,) if role == "ingress" else (role, "--name", name),
            told | own,
            made.home / f"{name}.log",
        )
    return found


def _sources(made: House, *, asks: bool) -> str:
    if not asks:
        return development_sources()
    return sources_text(f"http://{LOOPBACK}:{made.links[APIS].port}")


def _through(made: House, link: str, url: str) -> str:
    """Return the URL with the port of the proxy in that link, if there is one."""
    laid = made.links.get(link)
    if laid is None:
        return url
    parts = urlsplit(url)
    credentials = parts.netloc.rpartition("@")[0]
    return urlunsplit(parts._replace(netloc=f"{credentials}@{LOOPBACK}:{laid.port}"))


async def _stop_all(made: House) -> None:
    """Stop in order, what feeds the others first."""
    for link in made.links.values():
        link.heal()
    for role in ("ingress", "normalizer", "reconciler"):
        await asyncio.gather(*(kept.stop() for kept in made.of(role)))


def _level(url: str) -> str:
    try:
        with urllib.request.urlopen(url, timeout=3) as answer:  # noqa: S310 - our own address
            told = json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            told = json.load(error)
    except (OSError, ValueError):
        return "away"
    return str(told.get("level", told["status"]))
