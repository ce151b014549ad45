"""A collector that keeps what it is sent: OTLP over HTTP on a free port of this machine."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

from aiohttp import web

from libs.embedded.ports import LOOPBACK
from libs.runtime.tracing.received import PATH, ReceivedSpan, read_spans

CONTENT_TYPE: Final = "application/x-protobuf"
_LARGEST: Final = 64 * 1024 * 1024  # bytes


class Collector:
    """Takes spans, and lets others wait for them."""

    def __init__(self) -> None:
        self.spans: list[ReceivedSpan] = []
        self._more = asyncio.Event()

    async def until(self, enough: Callable[[list[ReceivedSpan]], bool], within: float) -> bool:
        """Wait until what has come is enough, for so many seconds; tell whether it is."""
        try:
            async with asyncio.timeout(within):
                while not enough(self.spans):
                    self._more.clear()
                    await self._more.wait()
        except TimeoutError:
            return False
        return True

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[str]:
        """Listen as long as the block lasts; gives what goes into OTEL_EXPORTER_OTLP_ENDPOINT."""
        app = web.Application(client_max_size=_LARGEST)
        app.router.add_post(PATH, self._take)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        try:
            await web.TCPSite(runner, LOOPBACK, 0).start()
            yield f"http://{LOOPBACK}:{runner.addresses[0][1]}"
        finally:
            await runner.cleanup()

    async def _take(self, request: web.Request) -> web.Response:
        body = await request.read()
        try:
            packed = request.headers.get("Content-Encoding") == "gzip" and body[:2] == b"\x1f\x8b"
            self.spans += read_spans(gzip.decompress(body) if packed else body)
        except ValueError:
            return web.Response(status=400)
        self._more.set()
        return web.Response(content_type=CONTENT_TYPE)
