"""The ingress as a process: opens the publisher, listens, and stops in order.

Stopping: no new connections, what was begun is finished within the grace, its deliveries leave,
the spool is drained as far as the grace allows, then the connection to the broker is closed.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Mapping
from ipaddress import ip_address
from typing import Final

import structlog
from aiohttp import web

from libs.bus.front_door import Publishing
from libs.bus.publisher import Publisher
from libs.contracts.notice import AuthFailure
from libs.providers.port import Provider
from libs.providers.registry import PROVIDERS
from libs.runtime.archive_keys import KEYS, WITHOUT_KEYS, key_ring
from libs.runtime.authentication.kinds import open_to_all
from libs.runtime.configuration import ConfigurationError
from libs.runtime.metric_kinds import INGRESS, count_from_zero
from libs.runtime.metrics import INGRESS_LIMITED, NOT_LET_IN
from libs.runtime.settings import Settings
from libs.runtime.sources import Sources
from libs.runtime.tracing.witness import Witness
from libs.spool.spool import Spool
from services.ingress.accept import PUBLISH_PART, Acceptor
from services.ingress.budget import Budget
from services.ingress.connection import Server
from services.ingress.doors import Doors, build_doors
from services.ingress.draining import Drain
from services.ingress.envelope import trace
from services.ingress.express import Lane
from services.ingress.front import Front
from services.ingress.guard import Guard
from services.ingress.health import Health
from services.ingress.http_log import http_log
from services.ingress.ladder import Broker, Ladder, Level
from services.ingress.limited import Reason
from services.ingress.notices import Notices
from services.ingress.reception import Reception
from services.ingress.tally import Tally
from services.ingress.webhooks import Webhooks
from services.ingress.witness import IngressWitness

# How long the rest of a refused body is read and thrown away, so that the sender sees the answer.
LINGERING: Final = 3.0  # seconds
BACKLOG: Final = 1024
# The event loop takes one connection a turn from each listening socket; a crowd that comes with much to read
# makes long turns. With one handle of the socket, a newcomer behind a thousand of them waited for 6 s.
ACCEPTS: Final = 16  # connections a turn
LEVEL_EVERY: Final = 0.5  # seconds between two looks at the level
# The limits that are counted by source; the others end what has not said yet for whom it is.
LIMITS_OF_A_SOURCE: Final = (Reason.RATE, Reason.REQUESTS, Reason.FAILURES, Reason.ADDRESS)

log = structlog.get_logger()

# Told the URL once the port is bound.
Listening = Callable[[str], None]


async def run(  # noqa: PLR0913 - what it is told, each by name
    settings: Settings,
    sources: Sources,
    stop: asyncio.Event,
    *,
    listening: Listening | None = None,
    providers: Mapping[str, Provider] = PROVIDERS,
    witness: Witness | None = None,
) -> None:
    """Take webhooks until `stop` is set. Raises `ConfigurationError` where it cannot listen."""
    url, deadline = settings.required_amqp_url(), PUBLISH_PART * settings.publish_deadline
    publisher, noticing = await asyncio.gather(
        Publisher.open(url, name="ingress", deadline=deadline),
        Publisher.open(url, name="ingress-notices", deadline=deadline),
    )
    try:
        await serve(
            settings,
            sources,
            stop,
            publisher=publisher,
            noticing=noticing,
            providers=providers,
            listening=listening,
            witness=witness,
        )
    finally:
        await asyncio.gather(publisher.close(), noticing.close())


async def serve(  # noqa: PLR0913  # everything that the process consists of
    settings: Settings,
    sources: Sources,
    stop: asyncio.Event,
    *,
    publisher: Publishing,
    providers: Mapping[str, Provider],
    noticing: Publishing | None = None,
    listening: Listening | None = None,
    witness: Witness | None = None,
) -> None:
    """Listen and answer until `stop` is set, publishing through `publisher`.

    `noticing` takes what is told beside the webhooks; without it nobody is told.
    """
    count_from_zero(INGRESS)
    _count_sources_from_zero(sources)
    doors = build_doors(sources, providers)
    _warn(sources, doors)
    broker = Broker(publisher)
    keys = key_ring(settings)
    if not keys:
        log.warning("configuration_odd", key=KEYS, why=WITHOUT_KEYS)
    spool = await Spool.open(
        settings.spool_dir.absolute(), max_bytes=settings.spool_max_bytes, keys=keys
    )
    drain = Drain(spool, broker, patience=PUBLISH_PART * settings.publish_deadline)
    ladder = Ladder(broker, spool)
    telling = None if witness is None else IngressWitness(witness)
    acceptor = Acceptor(
        ladder,
        deadline=settings.publish_deadline,
        batch_deliveries=settings.batch_deliveries,
        batch_bytes=settings.batch_bytes,
        witness=telling,
    )
    tally, notices = Tally(), Notices(noticing)
    guard = Guard(settings, tally)
    webhooks = Webhooks(
        doors=doors,
        acceptor=acceptor,
        budget=Budget(settings.pending_bytes),
        guard=guard,
        max_body_bytes=settings.max_body_bytes,
        body_timeout=settings.body_timeout,
        tally=tally,
        notices=notices,
        trusted_proxies=settings.trusted_proxies,
        witness=telling,
        context_of=trace if telling is None else telling.enter,
    )
    health = Health(lambda: Level.REFUSING if stop.is_set() else ladder.tell())
    front = Front(webhooks, health, tells_metrics=_is_loopback(settings.ingress_host))
    server = Server(
        front.handle,
        Lane(webhooks, front.ways),
        Reception(guard, settings, trusted_proxies=settings.trusted_proxies),
        access_log=None,
        auto_decompress=False,
        keepalive_timeout=settings.keepalive_timeout,
        lingering_time=LINGERING,
        max_line_size=settings.max_field_bytes,
        max_field_size=settings.max_field_bytes,
        max_headers=settings.max_headers,
        logger=http_log(tally),
    )
    runner = web.ServerRunner(server, shutdown_timeout=settings.grace)
    await runner.setup()
    beside = [
        asyncio.create_task(drain.run(), name="spool-drain"),
        asyncio.create_task(_tell_level(ladder), name="accept-level"),
        asyncio.create_task(notices.run(), name="notices"),
    ]
    try:
        url = await _listen(runner, settings)
        log.info("listening", url=url, sources=len(sources))
        if listening is not None:
            listening(url)
        await stop.wait()
        log.info("stopping")
    finally:
        leave_by = asyncio.get_running_loop().time() + settings.grace
        await runner.cleanup()
        await acceptor.drain()
        await drain.finish(leave_by)
        for task in beside:
            task.cancel()
        await asyncio.wait(beside)
        await spool.close()
        await notices.tell()
    log.info("stopped", spooled=spool.records)


def _count_sources_from_zero(sources: Sources) -> None:
    """Do for what is counted by source what `count_from_zero` does for the others."""
    for reason in Reason:
        INGRESS_LIMITED.labels("", reason.value)
    NOT_LET_IN.labels("", AuthFailure.UNKNOWN_SOURCE.value)
    for source in sources:
        for reason in LIMITS_OF_A_SOURCE:
            INGRESS_LIMITED.labels(source.slug, reason.value)
        for kind in AuthFailure:
            if kind is not AuthFailure.UNKNOWN_SOURCE:
                NOT_LET_IN.labels(source.slug, kind.value)


async def _tell_level(ladder: Ladder) -> None:
    """Keep metric and log right without any traffic."""
    while True:
        ladder.tell()
        await asyncio.sleep(LEVEL_EVERY)


async def _listen(runner: web.ServerRunner, settings: Settings) -> str:
    host, port = settings.ingress_host, settings.ingress_port
    try:
        for listener in await _listeners(host, port):
            for _ in range(ACCEPTS):
                await web.SockSite(runner, listener.dup(), backlog=BACKLOG).start()
            listener.close()
    except socket.gaierror:
        raise ConfigurationError("CAUDAL_INGRESS_HOST", f"no such address: {host}") from None
    except (OSError, OverflowError) as error:
        why = getattr(error, "strerror", None) or "not possible"
        raise ConfigurationError(
            "CAUDAL_INGRESS_PORT", f"cannot listen on {host}:{port}: {why}"
        ) from None
    bound_host, bound_port = runner.addresses[0][:2]
    return f"http://{f'[{bound_host}]' if ':' in bound_host else bound_host}:{bound_port}"


def _is_loopback(host: str) -> bool:
    """Tell whether only this machine can ask: the world is not told the names of sources, and their traffic."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


async def _listeners(host: str, port: int) -> list[socket.socket]:
    """Listen on every address of a host. Raises `OSError`."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    addresses = dict.fromkeys((family, address) for family, _, _, _, address in found)
    listening: list[socket.socket] = []
    try:
        for family, address in addresses:
            listening.append(socket.create_server(address[:2], family=family, backlog=BACKLOG))
    except BaseException:
        for each in listening:
            each.close()
        raise
    return listening


def _warn(sources: Sources, doors: Doors) -> None:
    for key, message in sources.warnings:
        log.warning("configuration_odd", key=key, why=message)
    for source in sources:
        if open_to_all(source.authentication):
            log.warning("source_unauthenticated", source=source.slug, provider=source.provider)
        elif source.closed:
            log.warning("source_closed", source=source.slug, provider=source.provider)
    for path in doors.unled:
        log.warning("documented_path_unled", path=path, why="give one source this `path`")
