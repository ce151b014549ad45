"""Runs a program to its end and returns what it said."""

from __future__ import annotations

import asyncio
import os
from asyncio.subprocess import PIPE
from collections.abc import Mapping, Sequence
from pathlib import Path

from libs.embedded.children import start_child


class ProgramFailedError(Exception):
    """A program that measures did not come to its end; the message has what it complained of."""


async def answer_of(
    argv: Sequence[str | Path], *, environment: Mapping[str, str] | None = None, within: float
) -> str:
    """Return what `argv` writes. Raises `ProgramFailedError`, also after `within` seconds."""
    name = Path(argv[0]).name
    told = {**os.environ, **(environment or {})}
    child = await start_child(argv, name=name, env=told, stdout=PIPE, stderr=PIPE)
    try:
        async with asyncio.timeout(within):
            said, complaint = await child.process.communicate()
    except TimeoutError:
        raise ProgramFailedError(f"{name} did not end within {within:.0f} s") from None
    finally:
        await child.kill()
    if child.returncode != 0:
        raise ProgramFailedError(f"{name}: {complaint.decode(errors='replace').strip()}")
    return said.decode()
