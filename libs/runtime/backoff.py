"""How long to wait before the next attempt: doubling, bounded, and never all at once.

The jitter keeps fifty processes that lost the same broker from knocking together: each wait is
drawn between half of the step and the whole step.
"""

from __future__ import annotations

import random


class Backoff:
    """Waits in seconds: about `first`, then twice as long each time, never more than `most`."""

    def __init__(self, *, first: float, most: float) -> None:
        self._first = first
        self._most = most
        self._step = first

    def pause(self) -> float:
        """Return the next wait, and make the one after it longer."""
        step, self._step = self._step, min(self._step * 2, self._most)
        return random.uniform(step / 2, step)  # noqa: S311 - spreads load, guards nothing

    def reset(self) -> None:
        """Begin again with the first wait, after something went well."""
        self._step = self._first
