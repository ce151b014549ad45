"""A token bucket that is one number: the time from which it gives again.

The generic cell rate algorithm (ITU-T I.371): the same decisions as a bucket that is filled by a
clock, without one. To ask is to compare two floats.
"""

from __future__ import annotations

from math import ceil, inf


class Bucket:
    """Gives `burst` at once, and `rate` a second in the long run. Times are of one clock, in s."""

    __slots__ = ("_interval", "_reach", "opens_at")

    def __init__(self, rate: float, burst: int) -> None:
        self._interval = 1 / rate
        self._reach = (burst - 1) * self._interval
        self.opens_at = -inf  # it is empty before that

    def take(self, now: float) -> None:
        """Take one, whether it is there or not: ask `opens_at` first."""
        full = now - self._reach
        opens_at = self.opens_at
        self.opens_at = (max(opens_at, full)) + self._interval

    def wait(self, now: float) -> int:
        """Return the whole seconds after which there is one again, at least 1."""
        return max(1, ceil(self.opens_at - now))
