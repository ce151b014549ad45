"""How a queue stands, as one of its consumers sees it: what waits, how fast it goes, how old it is, how long it will take.

Consumers note what they take and what they have done, once for each batch; a look at the depth every few seconds
makes figures of it. The prediction is the backlog over the working rate of this process (messages for each second
of work, over the last minute) times the number of consumers. A worker that is half idle is not half as fast: what
it handles a second says how much came, what it handles in a second of work says how much it can.

With several replicas each predicts by itself, as if the others were like it. They agree where the broker deals
evenly among equals; of unequal ones the quick predicts too little and the slow too much, and one that stands
still (its brake, a lost channel) says the longest there is while the others go on. So what wakes people goes by the
minimum, and so does what scales. `sum(rate)` is the rate of all, whoever they are.
"""

from __future__ import annotations

import contextlib
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from math import nan
from typing import Final

from libs.runtime.queue_metrics import (
    LONGEST,
    QUEUE_CONSUMERS,
    QUEUE_DRAIN,
    QUEUE_MESSAGES,
    QUEUE_OLDEST,
    QUEUE_RATE,
    WINDOW,
)
from libs.runtime.stage_metrics import CONSUMER_LAG_SECONDS

TICK: Final = 1e-9  # seconds of work, below which a clock tells nothing


@dataclass(frozen=True, slots=True)
class Look:
    """What was so at one look. `at` is of a clock that only goes forward, `busy` in seconds."""

    at: float
    waiting: int
    consumers: int
    handled: int
    busy: float


class Standing:
    """Of one queue in this process. `now` is the time of day in seconds."""

    def __init__(
        self, queue: str, *, now: Callable[[], float] = time.time, aged: bool = True
    ) -> None:
        self._queue = queue
        self._now = now
        self._handled = 0
        self._busy = 0.0
        self._in_hand: float | None = None  # when it was received
        self._last: float | None = None  # the same of what was done last
        self._clear: float | None = None  # when nothing was seen to wait, or the first look
        self._waiting: int | None = 0  # None: not known any more
        self._looks: deque[Look] = deque()
        self._moved_at = 0.0  # of the clock of the looks
        self._known = 0.0  # the last working rate that there was
        self._lag = CONSUMER_LAG_SECONDS.labels(queue) if aged else None
        if aged:
            QUEUE_OLDEST.labels(queue).set_function(self.oldest)

    def took(self, received_at: datetime | None) -> None:
        """Note that a batch is in hand, the first of which was received at that time; None: it does not count."""
        self._in_hand = None if received_at is None else received_at.timestamp()

    def did(self) -> None:
        """Note that the batch in hand is done."""
        if self._in_hand is None:
            return
        if self._lag is not None:
            self._lag.observe(max(self._now() - self._in_hand, 0.0))
        self._last, self._in_hand = self._in_hand, None

    def dropped(self) -> None:
        """Note that what was in hand is no longer ours."""
        self._in_hand = None

    def worked(self, seconds: float, handled: int) -> None:
        """Count work, and how many messages it has done (none where it failed)."""
        self._busy += seconds
        self._handled += handled

    def oldest(self) -> float:
        """Return how old the oldest is, in seconds, see `caudal_queue_oldest_seconds`; NaN where it is not known."""
        if self._in_hand is not None:
            since = self._in_hand
        elif self._waiting is None:
            return nan
        elif self._waiting:
            since = max((each for each in (self._last, self._clear) if each is not None), default=0)
        else:
            return 0.0
        return max(self._now() - since, 0.0)

    def looked(self, at: float, waiting: int, consumers: int, *, moved: bool = False) -> None:
        """Tell the figures; `moved` says that others are known to work it off."""
        before = self._looks[-1] if self._looks else None
        look = Look(at, waiting, consumers, self._handled, self._busy)
        if before is None or moved or not before.waiting or look.handled > before.handled:
            self._moved_at = at
        if not waiting or self._clear is None:
            self._clear = self._now()
        self._waiting = waiting
        self._looks.append(look)
        while len(self._looks) > 2 and self._looks[1].at <= at - WINDOW:
            self._looks.popleft()
        QUEUE_MESSAGES.labels(self._queue).set(waiting)
        QUEUE_CONSUMERS.labels(self._queue).set(consumers)
        QUEUE_RATE.labels(self._queue).set(self.rate)
        drain = self.drain
        if drain is None:
            _forget(self._queue, QUEUE_DRAIN)
        else:
            QUEUE_DRAIN.labels(self._queue).set(drain)

    def unknown(self) -> None:
        """Take back what is no longer known: the broker does not answer, or has no such queue."""
        _forget(self._queue, QUEUE_MESSAGES, QUEUE_CONSUMERS, QUEUE_RATE, QUEUE_DRAIN)
        self._looks.clear()
        self._waiting = None

    @property
    def rate(self) -> float:
        """Messages a second over the looks of the last minute."""
        first, last = self._looks[0], self._looks[-1]
        span = last.at - first.at
        return (last.handled - first.handled) / span if span > 0 else 0.0

    @property
    def drain(self) -> float | None:
        """In how many seconds the queue will be empty; None where nothing is known of it yet."""
        first, last = self._looks[0], self._looks[-1]
        handled, busy = last.handled - first.handled, last.busy - first.busy
        if handled and busy >= TICK:
            self._known = handled / busy
        if not last.waiting:
            return 0.0
        if last.at - self._moved_at >= WINDOW:
            return float(LONGEST)
        if not self._known:
            return None
        return min(last.waiting / (self._known * max(last.consumers, 1)), float(LONGEST))


_OF_QUEUES: Final[dict[str, Standing]] = {}


def standing_of(queue: str, *, aged: bool = True) -> Standing:
    """Return how a queue stands in this process; `aged` False: somebody else tells how old it is."""
    found = _OF_QUEUES.get(queue)
    if found is None:
        found = _OF_QUEUES[queue] = Standing(queue, aged=aged)
    return found


def _forget(queue: str, *gauges: object) -> None:
    for gauge in gauges:
        with contextlib.suppress(KeyError):
            gauge.remove(queue)  # type: ignore[attr-defined]
