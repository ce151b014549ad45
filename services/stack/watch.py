"""Starts a server of the stack again that ended although nobody asked it to."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Final

import structlog

from libs.embedded.errors import EmbeddedError
from libs.embedded.postgres import EmbeddedPostgres
from libs.embedded.rabbitmq import EmbeddedRabbit
from libs.embedded.servers import Servers
from libs.runtime.backoff import Backoff

LOOK_EVERY: Final = 0.5  # seconds
FIRST_PAUSE: Final = 0.5  # seconds after a start that failed, doubling
LONGEST_PAUSE: Final = 10.0

log = structlog.get_logger()


@contextlib.asynccontextmanager
async def watched(found: Servers) -> AsyncIterator[None]:
    """Watch over the servers that are our own children, for the length of the block.

    Those in containers are their engine's affair, and somebody else's are nobody's here.
    """
    ours = [
        server
        for server in (found.rabbitmq, found.postgres)
        if isinstance(server, EmbeddedRabbit | EmbeddedPostgres)
    ]
    watching = [asyncio.create_task(_keep(server), name=f"watch {server.title}") for server in ours]
    try:
        yield
    finally:
        for task in watching:
            task.cancel()
        await asyncio.gather(*watching, return_exceptions=True)


async def _keep(server: EmbeddedRabbit | EmbeddedPostgres) -> None:
    pauses = Backoff(first=FIRST_PAUSE, most=LONGEST_PAUSE)
    down = False
    while True:
        await asyncio.sleep(LOOK_EVERY)
        if not (down or server.ended):
            continue
        down = True
        log.error("server_ended", server=server.title)
        try:
            await server.kill()  # what is left of it
            await server.start()
        except EmbeddedError as error:
            log.error("server_not_started", server=server.title, why=str(error))  # noqa: TRY400
            await asyncio.sleep(pauses.pause())
        else:
            down = False
            pauses.reset()
            log.warning("server_started_again", server=server.title)
