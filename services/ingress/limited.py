"""Counts what a limit has ended: by source and reason, both of which are ours."""

from __future__ import annotations

from enum import StrEnum
from functools import cache

from prometheus_client import Counter

from libs.runtime.metrics import INGRESS_LIMITED
from services.ingress.rejections import Refusal, Rejection


class Reason(StrEnum):
    """Which limit it was."""

    RATE = "rate"  # deliveries a second of one source
    REQUESTS = "requests"  # requests of one source under way
    FAILURES = "failures"  # failed requests to one source
    ADDRESS = "address"  # failed requests of one address
    CONNECTIONS = "connections"  # all that may be open
    ADDRESS_CONNECTIONS = "address_connections"  # all that one address may have open
    IDLE = "idle"  # closed to make room for others
    MALFORMED = "malformed"  # no HTTP that we take
    HEAD = "head"  # a head with too much in it
    SLOW_HEAD = "slow_head"
    UNREAD = "unread"  # answers that nobody read


@cache
def _counter(source: str, reason: Reason) -> Counter:
    return INGRESS_LIMITED.labels(source, reason.value)


def count(reason: Reason, source: str = "") -> None:
    """Count one."""
    _counter(source, reason).inc()


def too_many(wait: int, *, close: bool = False) -> Rejection:
    """Say that it was too much, and after how many seconds it may be tried again."""
    return Refusal.TOO_MANY.rejection(close=close, headers={"Retry-After": str(wait)})
