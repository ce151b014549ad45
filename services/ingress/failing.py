"""What a sender is told where something of ours fails, and what the log and the metrics are told of it."""

from __future__ import annotations

import traceback
from functools import cache

import structlog
from prometheus_client import Counter

from libs.runtime.metrics import INGRESS_REJECTIONS
from services.ingress.rejections import Refusal, Rejection, unavailable

log = structlog.get_logger()


def rejection_of(error: Exception, *, method: str) -> Rejection:
    """Log what was raised and give the answer for it, which tells a stranger nothing.

    Neither the exception's text nor the query is logged: both may hold what was sent.
    """
    if isinstance(error, MemoryError):
        log.error("memory_short", method=method)  # no frames: they need some
        return unavailable()
    log.error(  # the frames alone, without the text
        "request_failed",
        method=method,
        error=type(error).__name__,
        frames=traceback.format_tb(error.__traceback__)[-8:],
    )
    return Refusal.BUG.rejection()


def count_rejection(status: int) -> None:
    """Count a request that was not taken; only statuses that we give ourselves come here."""
    _counter(status).inc()


@cache
def _counter(status: int) -> Counter:
    return INGRESS_REJECTIONS.labels(str(status))
