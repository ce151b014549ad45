"""A sign of life for whoever watches a process that has no port: a file touched every few seconds.

The process's own event loop touches it, so its age tells that the loop still turns: a process that
hangs, or that was killed and left the file behind, falls silent. It does not tell that the broker
is there: to start a worker anew because the broker is away would help nobody.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

from libs.runtime.configuration import ConfigurationError

EVERY: Final = 5.0  # seconds; a watcher should allow for several


@contextlib.asynccontextmanager
async def heartbeat(file: Path | None, *, every: float = EVERY) -> AsyncIterator[None]:
    """Touch `file` (None: nothing) at once and every few seconds, and remove it at the end.

    Raises `ConfigurationError` where it cannot be written at the start.
    """
    if file is None:
        yield
        return
    try:
        file.touch()
    except OSError as error:
        raise ConfigurationError(
            "CAUDAL_HEARTBEAT_FILE", f"cannot be written: {file} ({error.strerror})"
        ) from None
    beating = asyncio.create_task(_beat(file, every), name="heartbeat")
    try:
        yield
    finally:
        beating.cancel()
        await asyncio.wait({beating})
        file.unlink(missing_ok=True)


async def _beat(file: Path, every: float) -> None:
    while True:
        with contextlib.suppress(OSError):  # a full disk is no reason to stop working
            file.touch()
        await asyncio.sleep(every)
