"""What waits in each queue, how fast it is worked off, and when that will be done.

`services` scale by them. The figures of a queue are told by each process that consumes from it; the outbox
is told as the queue `outbox` by each reconciler. How they come about: `libs.bus.standing`.
"""

from __future__ import annotations

from typing import Final

from libs.runtime.metric_kinds import QUEUES, WORKERS, gauge

OUTBOX: Final = "outbox"
WINDOW: Final = 60  # seconds over which a rate is taken
LOOK_EVERY: Final = 5  # seconds between two looks at the depths
LONGEST: Final = 86_400  # seconds; a prediction of a day is one of never

_QUEUES: Final = f"{QUEUES}, {OUTBOX}"

QUEUE_MESSAGES: Final = gauge(
    "caudal_queue_messages",
    "Messages that wait in a queue, without those that a consumer has in hand; every 5 s, and gone while the broker "
    "cannot be asked. Each process says the same of a queue: take the maximum. Of the outbox 100,000 at most.",
    unit="messages",
    who=WORKERS,
    queue=_QUEUES,
)
QUEUE_CONSUMERS: Final = gauge(
    "caudal_queue_consumers",
    "Consumers that the broker has for a queue, of all processes together.",
    unit="consumers",
    who=WORKERS,
    queue=_QUEUES,
)
QUEUE_RATE: Final = gauge(
    "caudal_queue_rate",
    "Messages a second of a queue that this process has handled, over the last 60 s, and gone while "
    "the broker cannot be asked. Their sum is the rate of the queue.",
    unit="messages a second",
    who=WORKERS,
    queue=_QUEUES,
)
QUEUE_OLDEST: Final = gauge(
    "caudal_queue_oldest_seconds",
    "Age of what this process has in hand, from its receipt; where it has nothing in hand and messages wait, the most that "
    "they can be old: since the queue was seen empty, or since the receipt of what was handled last. 0 where nothing "
    "waits; NaN where nothing is in hand and the broker, which was asked before, cannot be. Replays, and what is tried "
    "again, do not count.",
    unit="seconds",
    who=WORKERS,
    queue=_QUEUES,
)
QUEUE_DRAIN: Final = gauge(
    "caudal_queue_predicted_drain_seconds",
    "In how many seconds the queue is empty if nothing comes any more: the backlog over the rate of this process times "
    "the number of consumers. 0 when empty; 86,400 at most, and where messages wait and none was handled in 60 s. Not "
    "told before the process has handled something, or waited for so long.",
    unit="seconds",
    who=WORKERS,
    queue=_QUEUES,
)
