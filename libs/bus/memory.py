"""A bus in memory with the manners of the real one, for tests and simulations without a broker.

It passes the same suite. It has no disk and no connection: `reachable` set to False plays the
broker that refuses. Its delay queues count the time of the running loop.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from uuid import uuid4

from libs.bus.consumer import FIRST_PAUSE, LONGEST_PAUSE, Handle
from libs.bus.link import wait_for_event
from libs.bus.message import Message
from libs.bus.publisher import Outcome, Outgoing
from libs.bus.topology import EXCHANGES, QUEUES, Queue
from libs.runtime.backoff import Backoff
from libs.runtime.failures import TemporaryError


class MemoryBus:
    """The queues of the topology; also a publisher, as many as use it."""

    def __init__(self, queues: tuple[Queue, ...] = QUEUES) -> None:
        self.reachable = True
        self.waiting: dict[str, deque[Message]] = {queue.name: deque() for queue in queues}
        self.arrived = {queue.name: asyncio.Event() for queue in queues}
        self._queues = queues
        self._kinds = {exchange.name: exchange.kind for exchange in EXCHANGES}

    @property
    def ready(self) -> bool:
        """Whether a publish would be taken now."""
        return self.reachable

    async def publish(  # noqa: PLR0913 - the signature of the real one
        self,
        exchange: str,
        routing_key: str,
        body: bytes,
        *,
        content_type: str,
        headers: Mapping[str, str | int] | None = None,
        message_type: str | None = None,  # noqa: ARG002 - the signature of the real one
        expiration: float | None = None,
    ) -> Outcome:
        """Put the message into every queue that is bound to it, and tell what became of it."""
        await asyncio.sleep(0)  # others get their turn, as they do at a real publish
        if not self.reachable:
            return Outcome.REFUSED
        message = Message(
            body=body,
            headers=dict(headers or {}),
            content_type=content_type,
            routing_key=routing_key,
            redelivered=False,
            message_id=uuid4().hex,
        )
        return Outcome.CONFIRMED if self._route(exchange, message, expiration) else Outcome.RETURNED

    async def publish_all(self, messages: Sequence[Outgoing]) -> list[Outcome]:
        """Put messages into the queues, one after the other."""
        return [
            await self.publish(
                message.exchange,
                message.routing_key,
                message.body,
                content_type=message.content_type,
                headers=message.headers,
                message_type=message.message_type,
                expiration=message.expiration,
            )
            for message in messages
        ]

    async def close(self) -> None:
        """Do nothing; there is no connection."""

    def _route(self, exchange: str, message: Message, expiration: float | None = None) -> bool:
        """Put a message into the queues that take it; tell whether there is any."""
        taking = [queue for queue in self._queues if self._takes(queue, exchange, message)]
        for queue in taking:
            self.waiting[queue.name].append(message)
            self.arrived[queue.name].set()
            if queue.holds_for is not None and queue.dead_letters_to is not None:
                held = min(queue.holds_for, queue.holds_for if expiration is None else expiration)
                asyncio.get_running_loop().call_later(held, self._move_on, queue, message)
        return bool(taking)

    def _takes(self, queue: Queue, exchange: str, message: Message) -> bool:
        kind = self._kinds.get(exchange)
        return any(
            bound == exchange
            and (
                kind == "fanout"
                or (kind == "direct" and key == message.routing_key)
                or (kind == "topic" and matches(key, message.routing_key))
            )
            for bound, key in queue.bindings()
        )

    def _move_on(self, queue: Queue, message: Message) -> None:
        """Give a message that was held long enough to where its queue hands it on."""
        self.waiting[queue.name].remove(message)
        self._route(queue.dead_letters_to or "", message)


class MemoryConsumer:
    """Feeds `handle` with batches of one queue of a `MemoryBus`."""

    def __init__(
        self, bus: MemoryBus, queue: str, handle: Handle, *, max_messages: int = 100
    ) -> None:
        self._waiting = bus.waiting[queue]
        self._arrived = bus.arrived[queue]
        self._handle = handle
        self._max_messages = max_messages

    async def run(self, stop: asyncio.Event) -> None:
        """Consume until `stop` is set; what was not handled then is in the queue again."""
        stopped = asyncio.create_task(stop.wait())
        stopped.add_done_callback(lambda _: self._arrived.set())
        try:
            while not stop.is_set():
                if not self._waiting:
                    self._arrived.clear()
                    await self._arrived.wait()
                    continue
                count = min(len(self._waiting), self._max_messages)
                batch = [self._waiting.popleft() for _ in range(count)]
                if not await self._handled(batch, stop):
                    self._waiting.extendleft(reversed(batch))
        finally:
            stopped.cancel()

    async def _handled(self, batch: list[Message], stop: asyncio.Event) -> bool:
        pauses = Backoff(first=FIRST_PAUSE, most=LONGEST_PAUSE)
        while True:
            try:
                await self._handle(batch)
            except Exception as error:  # noqa: BLE001 - as the real one: hold it and try again
                after = error.after if isinstance(error, TemporaryError) else None
                if await wait_for_event(stop, pauses.pause() if after is None else after):
                    return False
            else:
                return True


def matches(pattern: str, routing_key: str) -> bool:
    """Tell whether a topic binding takes a key: `*` is one word, `#` any number of them."""
    return _matches(pattern.split("."), routing_key.split("."))


def _matches(pattern: list[str], words: list[str]) -> bool:
    if not pattern:
        return not words
    if pattern[0] == "#":
        return any(_matches(pattern[1:], words[skip:]) for skip in range(len(words) + 1))
    return bool(words) and pattern[0] in {"*", words[0]} and _matches(pattern[1:], words[1:])
