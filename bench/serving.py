"""What the servers of the bench have in common: a port, told on stdout, for ever."""

from __future__ import annotations

import asyncio
import os
import sys
from typing import Final

from aiohttp import web

PORT: Final = "BENCH_PORT"  # where it has to be a certain one


async def serve(runner: web.BaseRunner) -> None:
    """Listen on a port of loopback, a free one where none is told, print it, and go on until the process is ended."""
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", int(os.environ.get(PORT, "0")), backlog=1024).start()
    sys.stdout.write(f"{runner.addresses[0][1]}\n")
    sys.stdout.flush()
    await asyncio.Event().wait()
