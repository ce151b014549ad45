"""Which deliveries are told of, and in which way: a span for each stage, a line in the log, or both.

A line for each delivery and stage costs about as much as the stage itself (deploy/README.md has the figures), so by
default there is none. All processes have to be told the same: what is sampled is decided once, where the delivery
comes in, and travels with it as the flag of its `traceparent`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from time import time_ns
from typing import Final

import structlog

from libs.runtime.failures import where
from libs.runtime.metrics import TRACE_SPANS
from libs.runtime.settings import LogDeliveries
from libs.runtime.tracing.context import is_sampled
from libs.runtime.tracing.port import Traces

_TOLD_ONCE: Final[set[str]] = set()

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Witness:
    """What a process tells of single deliveries. `traces` None: tracing is off."""

    traces: Traces | None = None
    lines: LogDeliveries = LogDeliveries.NONE

    def has_span(self, traceparent: str | None) -> bool:
        """Tell whether a delivery with this context gets spans."""
        return self.traces is not None and is_sampled(traceparent)

    def has_line(self, traceparent: str | None) -> bool:
        """Tell whether a delivery with this context has its lines in the log."""
        if self.lines is LogDeliveries.SAMPLED:
            return is_sampled(traceparent)
        return self.lines is LogDeliveries.ALL


def not_told(error: Exception) -> None:
    """Count that something could not be told, and log once where: what it was to tell of is done, and stays so."""
    TRACE_SPANS.labels("failed").inc()
    at = where(error)
    if at not in _TOLD_ONCE:
        _TOLD_ONCE.add(at)
        log.error("delivery_not_told", at=at)


def nanoseconds(moment: datetime) -> int:
    """Return a moment as spans have it: nanoseconds since 1970."""
    return round(moment.timestamp() * 1_000_000) * 1_000


def age_ms(received_at: datetime) -> int:
    """Return how long ago a delivery was received, in whole milliseconds; never less than none."""
    return max(0, round((datetime.now(UTC) - received_at).total_seconds() * 1000))


def since_ms(began: int) -> float:
    """Return the milliseconds since a time in nanoseconds, to a hundredth."""
    return round((time_ns() - began) / 1_000_000, 2)
