"""What the servers of the bench have in common: a free port, told on stdout, for ever."""

from __future__ import annotations

import asyncio
import sys

from aiohttp import web


async def serve(runner: web.BaseRunner) -> None:
    """Listen on a free port of loopback, print it, and go on until the process is ended."""
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, backlog=1024).start()
    sys.stdout.write(f"{runner.addresses[0][1]}\n")
    sys.stdout.flush()
    await asyncio.Event().wait()
