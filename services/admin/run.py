"""The process: one port on loopback, a few connections to the database, one to the broker."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Final

import structlog
from aiohttp import web

from libs.bus.publisher import Publisher
from libs.runtime.archive_keys import key_ring
from libs.runtime.configuration import ConfigurationError
from libs.runtime.settings import Settings
from libs.runtime.sources import Sources
from libs.store.database import open_pool
from services.admin.actions import Actions
from services.admin.port import application
from services.admin.serving import Runner
from services.admin.tokens import Tokens
from services.reconciler.polling.access import Access

POOL_SIZE: Final = 4
_PUBLISH_WITHIN: Final = 10.0  # seconds for each publish

log = structlog.get_logger()


async def run(
    settings: Settings,
    tokens: Tokens,
    stop: asyncio.Event,
    *,
    sources: Sources | None = None,
    listening: Callable[[str], None] | None = None,
) -> None:
    """Answer until `stop` is set. Raises `ConfigurationError` where it cannot listen."""
    dsn, url = settings.required_postgres_dsn(), settings.required_amqp_url()
    async with contextlib.AsyncExitStack() as ending:
        pool = await ending.enter_async_context(
            open_pool(dsn, size=POOL_SIZE, keys=key_ring(settings))
        )
        publisher = await Publisher.open(url, name="caudal-admin", deadline=_PUBLISH_WITHIN)
        ending.push_async_callback(publisher.close)
        access = None if sources is None else Access(sources)
        if access is not None:
            ending.push_async_callback(access.close)
        app = application(pool, Actions(pool, publisher, access), tokens)
        runner = Runner(app, access_log=None, shutdown_timeout=settings.grace)
        await runner.setup()
        ending.push_async_callback(runner.cleanup)
        bound = await _listen(runner, settings)
        log.info("admin_listening", url=bound, tokens=len(tokens))
        if listening is not None:
            listening(bound)
        await stop.wait()


async def _listen(runner: web.AppRunner, settings: Settings) -> str:
    host, port = settings.admin_host, settings.admin_port
    try:
        await web.TCPSite(runner, host, port).start()
    except (OSError, OverflowError) as error:
        why = getattr(error, "strerror", None) or "not possible"
        raise ConfigurationError(
            "CAUDAL_ADMIN_PORT", f"cannot listen on {host}:{port}: {why}"
        ) from None
    bound_host, bound_port = runner.addresses[0][:2]
    return f"http://{f'[{bound_host}]' if ':' in bound_host else bound_host}:{bound_port}"
