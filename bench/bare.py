"""The ingress with nothing in it: bodies are put together, published and confirmed, and answered.

No source is looked for, nobody is authenticated, nothing is taken out, wrapped or told. What is left is
what every ingress with confirm pays on this stack: aiohttp's low-level server, a wait for each
request, and the broker beside it on the same cores.
"""

from __future__ import annotations

import asyncio
import os
import sys
from typing import Final

import structlog
import uvloop
from aiohttp import web

from bench.serving import serve
from libs.bus.front_door import deliver
from libs.bus.publisher import Outcome, Publisher
from libs.embedded.variables import AMQP_URL
from libs.providers.port import Answer
from services.ingress.accept import UNDER_WAY, WORTH_A_MESSAGE
from services.ingress.answering import answered

DEADLINE: Final = 5.0  # seconds
MOST: Final = 500  # bodies of one message
_ANSWER: Final = Answer(status=200, content_type="application/json", body=b"{}")
_Waiting = tuple[bytes, "asyncio.Future[bool]"]


class _Bare:
    def __init__(self, publisher: Publisher) -> None:
        self._publisher = publisher
        self._waiting: list[_Waiting] = []
        self._pumps: set[asyncio.Task[None]] = set()

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        content = request.content
        body = content.read_nowait() if content.is_eof() else await content.read()
        kept = asyncio.get_running_loop().create_future()
        self._waiting.append((body, kept))
        under_way = len(self._pumps)
        if not under_way or (under_way < UNDER_WAY and len(self._waiting) >= WORTH_A_MESSAGE):
            pump = asyncio.create_task(self._keep_all())
            self._pumps.add(pump)
            pump.add_done_callback(self._pumps.discard)
        if not await kept:
            return web.Response(status=503)
        return answered(request, _ANSWER)

    async def _keep_all(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
            outcome = await deliver(self._publisher, b"".join([body for body, _ in batch]))
            for _, kept in batch:
                if not kept.done():
                    kept.set_result(outcome is Outcome.CONFIRMED)
            if len(self._pumps) > 1 and len(self._waiting) < WORTH_A_MESSAGE:
                return


async def _serve() -> None:
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    publisher = await Publisher.open(os.environ[AMQP_URL], name="bare", deadline=DEADLINE)
    await serve(web.ServerRunner(web.Server(_Bare(publisher).handle, access_log=None)))


if __name__ == "__main__":
    uvloop.run(_serve())
