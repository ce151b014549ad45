"""The breaker: after some failures in a row nobody asks for a while, then one call tries.

Closed (calls pass), open (they are refused at once), half open (one call is under way to see whether it is over). Each time
that one fails the pause doubles, with jitter, so that many processes do not try together.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from enum import StrEnum
from typing import Final

from libs.api.errors import UnsentError
from libs.runtime.backoff import Backoff

FAILURES: Final = 5
FIRST_PAUSE: Final = 5.0  # seconds
LONGEST_PAUSE: Final = 300.0


class BreakerState(StrEnum):
    """Whether calls pass."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class OpenError(UnsentError):
    """The breaker is open; `after` is how long it stays so."""


class Breaker:
    """One provider's breaker. `clock` gives seconds that only grow."""

    def __init__(
        self,
        *,
        failures: int = FAILURES,
        first: float = FIRST_PAUSE,
        most: float = LONGEST_PAUSE,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._allowed = failures
        self._pauses = Backoff(first=first, most=most)
        self._clock = clock
        self._failed = 0
        self._until = 0.0
        self._trying = False

    @property
    def state(self) -> BreakerState:
        """What it is now."""
        if self._failed < self._allowed:
            return BreakerState.CLOSED
        if self._trying or self._clock() >= self._until:
            return BreakerState.HALF_OPEN
        return BreakerState.OPEN

    @property
    def opens_in(self) -> float:
        """Seconds until a call may try; 0 where one may now."""
        if self._failed < self._allowed:
            return 0.0
        left = max(0.0, self._until - self._clock())
        return max(left, 1.0) if self._trying else left

    def enter(self) -> None:
        """Ask to make a call; then tell what became of it. Raises `OpenError`."""
        if wait := self.opens_in:
            raise OpenError("not asked: the last calls failed", after=wait)
        self._trying = self._failed >= self._allowed

    def succeeded(self) -> None:
        """Tell that a call was answered, whatever the answer says about the object."""
        self._failed = 0
        self._trying = False
        self._pauses.reset()

    def failed(self) -> None:
        """Tell that a call failed on the provider's side."""
        was_trying, self._trying = self._trying, False
        self._failed += 1
        if was_trying or self._failed == self._allowed:
            self._until = self._clock() + self._pauses.pause()

    def abandoned(self) -> None:
        """Tell that a call ended without saying anything about the provider (it was cancelled)."""
        self._trying = False
