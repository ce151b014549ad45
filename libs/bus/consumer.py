"""Taking in batches: what is here now is one unit, handled whole and acknowledged whole.

There is no timer. As soon as one message is there, the batch is what has arrived, up to the
limits: alone while the stream is thin, and larger by itself when handling falls behind.

A batch is acknowledged after its handler returned, and only then, with one acknowledgement on the
channel that delivered it. When the handler raises, the same batch is held and tried again, with
growing pauses, until it succeeds or the channel is gone; then it is dropped here, since the broker
delivers it again. Nothing is ever sent back to the queue to be tried again: that would reorder it,
count against its delivery limit and spin. A handler that can tell a hopeless message from a
hopeless database parks the first by itself and returns.

The client library cancels its callbacks together with the connection, so they only hand over;
the handler runs in a task of ours and is left to finish what it began even when the connection is
gone, since it may be in the middle of a commit.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from time import perf_counter
from typing import Final, cast

import structlog
from aiormq.abc import AbstractChannel, AbstractConnection, DeliveredMessage

from libs.bus.inbox import ANSWER_WITHIN, IDLE, Inbox
from libs.bus.link import cancelled_by_us, keep, place, wait_for_event
from libs.bus.message import Message, read
from libs.bus.pace import Pace
from libs.bus.standing import standing_of
from libs.runtime.backoff import Backoff
from libs.runtime.failures import TemporaryError, where
from libs.runtime.metrics import CONSUMER_BATCHES, CONSUMER_MESSAGES
from libs.runtime.stage_metrics import CONSUMER_BATCH_SECONDS

IDLE_FOR: Final = 30.0  # seconds without a delivery after which the channel is renewed
FIRST_PAUSE: Final = 0.1  # seconds before a batch is tried a second time
LONGEST_PAUSE: Final = 30.0
# Messages in hand, of up to 1 MiB: a backlog of full ones took the reconciler to 130 MB with a hundred, and takes it
# to 101 with these; a batch has some five messages under full load.
PREFETCH: Final = 32
APART: Final = 0.01  # seconds between the beginnings of two batches, see `Pace`
CUT_WITHIN: Final = 2.0  # seconds that a cancelled handler may take to end

Handle = Callable[[Sequence[Message]], Awaitable[None]]

log = structlog.get_logger()


class BatchConsumer:
    """Feeds `handle` with batches of one queue, for ever, over a connection of its own.

    `prefetch` messages may be here unacknowledged; a batch has at most `max_messages` of them and
    `max_bytes` of bodies (but at least one message). On stop, the batch in hand has `grace`
    seconds. `counts` tells what happened so far: handled, batches, failures, stale.
    """

    def __init__(  # noqa: PLR0913 - three things it connects, the rest are limits with defaults
        self,
        url: str,
        queue: str,
        handle: Handle,
        *,
        name: str,
        prefetch: int = PREFETCH,
        max_messages: int = PREFETCH,
        max_bytes: int = 2 * 1024 * 1024,
        grace: float = 20.0,
        apart: float = APART,
    ) -> None:
        self._url = url
        self._queue = queue
        self._handle = handle
        self._name = name
        self._prefetch = prefetch
        self._max_messages = max_messages
        self._max_bytes = max_bytes
        self._grace = grace
        self._apart = apart
        self._consuming = False
        self._standing = standing_of(queue)
        self._seconds = CONSUMER_BATCH_SECONDS.labels(queue)
        self._done = CONSUMER_BATCHES.labels(queue=queue, outcome="done")
        self._failed = CONSUMER_BATCHES.labels(queue=queue, outcome="failed")
        self._messages = CONSUMER_MESSAGES.labels(queue=queue, outcome="handled")
        self.counts: Counter[str] = Counter()

    @property
    def consuming(self) -> bool:
        """Whether the broker is sending us messages now."""
        return self._consuming

    async def run(self, stop: asyncio.Event) -> None:
        """Consume until `stop` is set, and connect again as often as it takes.

        Then take no more, let the batch in hand finish within the grace, acknowledge it, and leave
        the rest to the broker.
        """

        async def session(connection: AbstractConnection) -> None:
            await self._consume(connection, stop)

        await keep(self._url, name=self._name, session=session, until=stop)

    async def _consume(self, connection: AbstractConnection, stop: asyncio.Event) -> None:
        try:
            while not stop.is_set():
                await self._consume_once(connection, stop)
        finally:
            self._consuming = False

    async def _consume_once(self, connection: AbstractConnection, stop: asyncio.Event) -> None:
        """Consume over one channel until stopped or idle; ConnectionError for any other end."""
        async with asyncio.timeout(ANSWER_WITHIN):
            channel = await connection.channel(publisher_confirms=False)
            await channel.basic_qos(prefetch_count=self._prefetch)
        inbox = Inbox(channel, self._name, stop, idle_for=IDLE_FOR)
        try:
            await inbox.consume(self._queue)
            self._linked()
            pace = Pace(self._apart)
            while await inbox.arrived():
                await pace.turn()
                batch = inbox.take_now(self._max_messages, self._max_bytes)
                if not batch:
                    break
                if not await self._handled(batch, inbox):
                    break
                await self._acknowledge(batch, channel)
        finally:
            inbox.close()
            self._standing.dropped()
        if not stop.is_set() and inbox.ended_by != IDLE:
            raise ConnectionError(f"no longer consuming: {inbox.ended_by}")
        async with asyncio.timeout(ANSWER_WITHIN):
            await channel.close()  # after the last acknowledgement, in order

    def _linked(self) -> None:
        if not self._consuming:
            log.info("consumer_linked", link=self._name, queue=self._queue, at=place(self._url))
        self._consuming = True

    async def _handled(self, batch: Sequence[DeliveredMessage], inbox: Inbox) -> bool:
        """Hand the batch over until that succeeds; False when it is no longer ours."""
        messages = [read(delivered) for delivered in batch]
        pauses = Backoff(first=FIRST_PAUSE, most=LONGEST_PAUSE)
        while True:
            begun = perf_counter()
            error = await self._attempt(messages, inbox)
            took = perf_counter() - begun  # the loop's own clock counts milliseconds
            self._seconds.observe(took)
            self._standing.worked(took, 0 if error is not None else len(messages))
            if error is None:
                self.counts.update(batches=1, handled=len(messages))
                self._done.inc()
                self._messages.inc(len(messages))
                return True
            after = error.after if isinstance(error, TemporaryError) else None
            pause = pauses.pause() if after is None else after
            self.counts["failures"] += 1
            self._failed.inc()
            log.warning(
                "batch_failed",
                queue=self._queue,
                messages=len(messages),
                error=type(error).__name__,
                pause=round(pause, 2),
                trace=None if isinstance(error, TemporaryError) else where(error),
            )
            if await wait_for_event(inbox.ended, pause):
                return False

    async def _attempt(self, messages: Sequence[Message], inbox: Inbox) -> BaseException | None:
        """Run the handler once, to its end; after a stop for no longer than the grace."""
        work = asyncio.ensure_future(self._handle(messages))
        try:
            await asyncio.wait({work, inbox.stopped}, return_when=asyncio.FIRST_COMPLETED)
            if not work.done():
                await inbox.quiet()
                await asyncio.wait({work}, timeout=self._grace)
        finally:
            if not work.done():
                work.cancel()
                await asyncio.wait({work}, timeout=CUT_WITHIN)
        if not work.done():
            return asyncio.CancelledError()
        return asyncio.CancelledError() if work.cancelled() else work.exception()

    async def _acknowledge(
        self, batch: Sequence[DeliveredMessage], channel: AbstractChannel
    ) -> None:
        tag = cast("int", batch[-1].delivery_tag)  # a delivery has one
        try:
            await channel.basic_ack(tag, multiple=True, wait=False)
        except asyncio.CancelledError:
            if cancelled_by_us():
                raise
            self._stale(len(batch))
        except Exception as error:  # noqa: BLE001 - the channel is gone: delivered again
            self._stale(len(batch))
            log.info("ack_dropped", queue=self._queue, messages=len(batch), error=repr(error))

    def _stale(self, messages: int) -> None:
        self.counts["stale"] += messages
        CONSUMER_MESSAGES.labels(queue=self._queue, outcome="stale").inc(messages)
