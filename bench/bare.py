"""The ingress with nothing in it: bodies are put together, published and confirmed, and answered.

No source is looked for, nobody is authenticated, nothing is taken out, wrapped or told. What is left is
what an ingress with confirm pays on this stack: the connections of ours on aiohttp's parser, and the
broker beside it on the same cores.
"""

from __future__ import annotations

import asyncio
import os
import sys
from typing import Final

import structlog
import uvloop
from aiohttp import web
from aiohttp.http_parser import RawRequestMessage
from aiohttp.streams import StreamReader

from bench.serving import serve
from libs.bus.front_door import deliver
from libs.bus.publisher import Outcome, Publisher
from libs.embedded.variables import AMQP_URL
from libs.providers.port import Answer
from services.ingress.accept import UNDER_WAY, WORTH_A_MESSAGE
from services.ingress.answering import written
from services.ingress.connection import Server
from services.ingress.express import Asking

DEADLINE: Final = 5.0  # seconds
MOST: Final = 500  # bodies of one message
_ANSWER: Final = Answer(status=200, content_type="application/json", body=b"{}")


def counted(webhooks: int, body: bytes) -> bytes:
    """Say of how many webhooks a message is, for whoever takes it (`bare_workers.py`)."""
    return b"%d\n%b" % (webhooks, body)


class _Bare:
    """A lane that takes every whole request, whatever is in it."""

    def __init__(self, publisher: Publisher) -> None:
        self._publisher = publisher
        self._waiting: list[tuple[bytes, Asking]] = []
        self._under_way = 0
        self._pumps: set[asyncio.Task[None]] = set()

    def take(self, asking: Asking, message: RawRequestMessage, payload: StreamReader) -> bool:
        if message.should_close or not payload.is_eof():
            return False
        self._waiting.append((payload.read_nowait(), asking))
        enough = len(self._waiting) >= WORTH_A_MESSAGE
        if not self._under_way or (self._under_way < UNDER_WAY and enough):
            self._under_way += 1
            pump = asyncio.create_task(self._keep_all())
            self._pumps.add(pump)
            pump.add_done_callback(self._pumps.discard)
        return True

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Keep what did not come whole, or as the very first on its connection."""
        outcome = await deliver(self._publisher, counted(1, await request.read()))
        return web.Response(status=200 if outcome is Outcome.CONFIRMED else 503)

    async def _keep_all(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
            message = counted(len(batch), b"".join([body for body, _ in batch]))
            outcome = await deliver(self._publisher, message)
            for _, asking in batch:
                asking.answered(written(_ANSWER), close=outcome is not Outcome.CONFIRMED)
            if self._under_way > 1 and len(self._waiting) < WORTH_A_MESSAGE:
                break
        self._under_way -= 1


async def _serve() -> None:
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    publisher = await Publisher.open(os.environ[AMQP_URL], name="bare", deadline=DEADLINE)
    bare = _Bare(publisher)
    await serve(web.ServerRunner(Server(bare.handle, bare, access_log=None)))


if __name__ == "__main__":
    uvloop.run(_serve())
