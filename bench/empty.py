"""E: aiohttp's handler that does nothing, on a loop as the ingress has it."""

from __future__ import annotations

import asyncio
import sys

import uvloop
from aiohttp import web


async def _nothing(_request: web.Request) -> web.Response:
    return web.Response()


async def _serve() -> None:
    app = web.Application()
    app.router.add_post("/{tail:.*}", _nothing)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, backlog=1024).start()
    sys.stdout.write(f"{runner.addresses[0][1]}\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(_serve())
