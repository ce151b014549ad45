"""A sign of life for whoever watches a process that has no port: a file touched every few seconds.

The process's own event loop touches it, so its age tells whether that loop still turns: a process
that hangs falls silent. It does not tell whether the broker is there: to start a worker anew
because the broker is away would help nobody.
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
    _begin(file)
    beating = asyncio.create_task(_beat(file, every), name="heartbeat")
    try:
        yield
    finally:
        beating.cancel()
        await asyncio.wait({beating})
        _end(file)


def _begin(file: Path) -> None:
    try:
        file.touch()
    except OSError as error:
        raise ConfigurationError(
            "CAUDAL_HEARTBEAT_FILE", f"cannot be written: {file} ({error.strerror})"
        ) from None


async def _beat(file: Path, every: float) -> None:
    while True:
        await asyncio.sleep(every)
        _touch(file)


def _touch(file: Path) -> None:
    with contextlib.suppress(OSError):  # a full disk is no reason to stop working
        file.touch()


def _end(file: Path) -> None:
    with contextlib.suppress(OSError):
        file.unlink()
