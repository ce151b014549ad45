"""Counts what strangers can cause at will, and logs it now and then: a flood floods no log."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Final

import structlog

EVERY: Final = 10.0  # seconds between two lines about the same

log = structlog.get_logger()


@dataclass(slots=True)
class _Count:
    total: int = 0
    told: int = 0
    told_at: float = float("-inf")


class Tally:
    """Counts by (event, source); the first is logged at once."""

    def __init__(self) -> None:
        self._counts: dict[tuple[str, str], _Count] = {}

    def note(self, event: str, source: str, **fields: str) -> None:
        """Count one; log a line with how many there were since the last line."""
        count = self._counts.setdefault((event, source), _Count())
        count.total += 1
        now = asyncio.get_running_loop().time()
        if now - count.told_at >= EVERY:
            log.warning(event, source=source, count=count.total - count.told, **fields)
            count.told, count.told_at = count.total, now
