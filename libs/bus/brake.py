"""The brake: a consumer on which too much fails stops, instead of putting everything aside.

One delivery that fails is a delivery with something odd about it. When half of them fail it is us:
a bad deploy, a schema that is missing. Then nothing is set back or parked; the batch is held
unacknowledged, tried again now and then, and the brake is released when that goes well. A process
that is started anew, with the mistake mended, starts with a released brake.

Only failures of our own code count, and each delivery once: neither a provider's word that nobody
knows nor a broken body, or a stranger could stop us.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import Final

import structlog

from libs.runtime.backoff import Backoff
from libs.runtime.failures import TemporaryError
from libs.runtime.metrics import BRAKE_ENGAGED

WINDOW: Final = 10  # times `minimum`: how many deliveries the share is taken of
FIRST_PAUSE: Final = 1.0  # seconds before a held batch is tried again, doubling
LONGEST_PAUSE: Final = 30.0
TOLD_EVERY: Final = 30.0  # seconds

log = structlog.get_logger()


class BrakeEngagedError(TemporaryError):
    """The batch is held: too much fails."""


class Brake:
    """Watches over the deliveries that come to one queue's consumer for the first time.

    It engages where at least `minimum` of the last deliveries failed and these are at least
    `share` of them.
    """

    def __init__(
        self,
        service: str,
        queue: str,
        *,
        share: float,
        minimum: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._queue = queue
        self._share = share
        self._minimum = minimum
        self._clock = clock
        self._seen: deque[tuple[int, int]] = deque()  # of each batch: how many, how many failed
        self._added = False  # whether the batch that was judged last is among them
        self._pauses = Backoff(first=FIRST_PAUSE, most=LONGEST_PAUSE)
        self._told_at: float | None = None
        self._metric = BRAKE_ENGAGED.labels(service=service, queue=queue)
        self._metric.set(0)

    @property
    def engaged(self) -> bool:
        """Whether batches are held now."""
        return self._told_at is not None

    def judge(self, *, new: int, new_failed: int, old: int = 0, old_failed: int = 0) -> None:
        """Look at what became of a batch before anything of it is put aside.

        `new` came for the first time, `old` had failed before. Raises `BrakeEngagedError` where
        the batch has to be held.
        """
        self._added = False
        if not new + old:
            return
        if self.engaged:
            if new_failed + old_failed >= self._share * (new + old):
                self._hold(new_failed + old_failed, new + old)
            self._release()
            return
        if not new:
            return
        self._see(new, new_failed)
        seen = sum(count for count, _ in self._seen)
        failed = sum(count for _, count in self._seen)
        if failed >= self._minimum and failed >= self._share * seen:
            self._hold(failed, seen)

    def take_back(self) -> None:
        """Forget the batch that was judged last: it will come again, as if for the first time."""
        if self._added:
            self._seen.pop()
            self._added = False

    def _see(self, count: int, failed: int) -> None:
        self._seen.append((count, failed))
        self._added = True
        enough = WINDOW * self._minimum
        while sum(count for count, _ in self._seen) - self._seen[0][0] >= enough:
            self._seen.popleft()

    def _hold(self, failed: int, of: int) -> None:
        now = self._clock()
        if self._told_at is None or now - self._told_at >= TOLD_EVERY:
            event = "brake_holds" if self.engaged else "brake_engaged"
            log.critical(event, queue=self._queue, failed=failed, of=of, share=self._share)
            self._told_at = now
        self._metric.set(1)
        raise BrakeEngagedError(f"{failed} of {of} failed", after=self._pauses.pause())

    def _release(self) -> None:
        self._told_at = None
        self._seen.clear()
        self._pauses.reset()
        self._metric.set(0)
        log.warning("brake_released", queue=self._queue)
