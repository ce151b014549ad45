"""Which rate is held next: the highest that is sustained is looked for from below, and held several times.

A short look tells where to begin, and begins too low for some: so after a hold that left the machine idle a
higher rate is tried, until one is not sustained. The same for whoever is measured, ours and peers.
"""

from __future__ import annotations

from math import inf
from typing import Final

LOWER: Final = 0.9  # after a run that was not sustained; or what it carried, where that is less
HIGHER: Final = 1.12
IDLE: Final = 0.1  # of all cores: with less, nothing much higher can be carried
ATTEMPTS: Final = 12


class Search:
    """`rate` is what is to be held next; `held` are the rates that count so far, in webhooks a second."""

    def __init__(self, rate: float, times: int) -> None:
        self.rate = rate
        self.held: list[float] = []
        self._times = times
        self._too_high = inf
        self._attempts = 0
        self._goes_up = False

    @property
    def done(self) -> bool:
        """Whether enough was held. Raises `RuntimeError` after too many attempts."""
        if len(self.held) >= self._times and not self._goes_up:
            return True
        if self._attempts >= ATTEMPTS:
            raise RuntimeError(f"after {ATTEMPTS} runs {len(self.held)} were sustained")
        return False

    def sustained(self, idle: float) -> None:
        """Note that `rate` was held; `idle` is the share of all cores that was left. What was lower counts no more."""
        self._attempts += 1
        self.held = [each for each in self.held if not self._goes_up]
        self.held.append(self.rate)
        self._goes_up = idle > IDLE and HIGHER * self.rate < self._too_high
        if self._goes_up:
            self.rate *= HIGHER

    def failed(self, carried: float) -> None:
        """Note that `rate` was not held; `carried` is what came through a second."""
        self._attempts += 1
        self._too_high = min(self._too_high, self.rate)
        if self._goes_up:
            self._goes_up = False
            self.rate = self.held[-1]
        else:
            self.rate = min(LOWER * self.rate, carried)
