"""The real ingress, with the real providers, in front of a real broker."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aio_pika

from libs.bus.topology import NORMALIZER_QUEUE
from libs.contracts.delivery import Delivery
from libs.contracts.webhook_received import decode
from libs.providers.registry import PROVIDERS
from libs.runtime.development import development_sources
from libs.runtime.secret_references import SecretReader
from libs.runtime.settings import load_settings
from libs.runtime.sources import read_sources
from services.ingress.run import run


@asynccontextmanager
async def ingress_before(amqp_url: str, **settings: object) -> AsyncIterator[str]:
    """Run the ingress with the sources for development; gives its URL."""
    stop = asyncio.Event()
    url: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    folder = tempfile.TemporaryDirectory()  # the spool, where the test brings none
    told: dict[str, object] = {
        "amqp_url": amqp_url,
        "ingress_port": 0,
        "grace": 5,
        "spool_dir": Path(folder.name),
    }
    process = asyncio.create_task(
        run(
            load_settings(**{**told, **settings}),
            read_sources(development_sources(), PROVIDERS, SecretReader(Path(), {})),
            stop,
            listening=url.set_result,
        )
    )
    process.add_done_callback(lambda _: url.cancel())
    try:
        yield await url
    finally:
        stop.set()
        await asyncio.wait({process}, timeout=30)
        folder.cleanup()
    process.result()


async def messages_of(amqp_url: str, queue_name: str = NORMALIZER_QUEUE) -> list[list[Delivery]]:
    """Take everything that lies in a queue now."""
    connection = await aio_pika.connect(amqp_url)
    found: list[list[Delivery]] = []
    async with connection, connection.channel() as channel:
        queue = await channel.get_queue(queue_name)
        while (message := await queue.get(fail=False)) is not None:
            assert message.content_type == "application/vnd.caudal.webhook-received.v1"
            found.append([*decode(message.body)])
            await message.ack()
    return found
