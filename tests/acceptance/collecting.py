"""A collector on a thread of its own, which can fall silent."""

import asyncio
import threading
from typing import Self

from aiohttp import web

from libs.embedded.ports import LOOPBACK
from libs.runtime.tracing.received import ReceivedSpan, read_spans


class Collector:
    """Keeps spans; while `silent`, it takes a request and never answers."""

    def __init__(self) -> None:
        self.spans: list[ReceivedSpan] = []
        self.url = ""
        self.silent = False
        self.requests = 0
        self._loop = asyncio.new_event_loop()
        self._leave = asyncio.Event()
        self._listening = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._listening.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._leave.set)
        self._thread.join(10)

    def trace(self, trace_id: str) -> list[ReceivedSpan]:
        return [span for span in tuple(self.spans) if span.trace_id == trace_id]

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        app = web.Application(client_max_size=1 << 26)
        app.router.add_post("/v1/traces", self._take)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, LOOPBACK, 0).start()
        self.url = f"http://{LOOPBACK}:{runner.addresses[0][1]}"
        self._listening.set()
        await self._leave.wait()
        await runner.cleanup()

    async def _take(self, request: web.Request) -> web.Response:
        self.requests += 1
        if self.silent:
            await self._leave.wait()
        self.spans += read_spans(await request.read())
        return web.Response(content_type="application/x-protobuf")
