"""The client's side of AMQP as `libs.bus` uses it of aiormq: a connection, its channels, the wire.

What is sent arrives late, in order, and not at all once the wire is cut. What reaches the client
is a callback of the client's process: it waits while that is frozen and is gone when that is dead.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextvars import Context, copy_context
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from aiormq.abc import DeliveredMessage
from aiormq.exceptions import ChannelInvalidStateError, DeliveryError, PublishError
from pamqp.commands import Basic, Queue
from pamqp.header import ContentHeader

from libs.bus.pipeline import OPEN_WITHIN, PERSISTENT, Outcome, Outgoing, outcome_of
from tests.simulated.loop import PROCESS

if TYPE_CHECKING:
    from tests.simulated.broker import Broker

Callback = Callable[[DeliveredMessage], Awaitable[Any]]


class Pipe:
    """One direction: everything in order, each a little later than it was sent."""

    def __init__(self, late: Callable[[], float], context: Context) -> None:
        self.held = False
        self.cut = False
        self._late = late
        self._context = context
        self._under_way: deque[tuple[Callable[..., None], tuple[Any, ...]]] = deque()
        self._due = 0
        self._last = 0.0

    def send(self, arrive: Callable[..., None], *what: object) -> None:
        if self.cut:
            return
        loop = asyncio.get_running_loop()
        self._under_way.append((arrive, what))
        self._last = max(self._last, loop.time() + self._late())
        loop.call_at(self._last, self._arrive, context=self._context)

    def take_back(self, arrive: Callable[..., None], *what: object) -> None:
        """Put what has arrived back in front, and let nothing through until released."""
        self._under_way.appendleft((arrive, what))
        self._due += 1
        self.held = True

    def release(self) -> None:
        self.held = False
        due, self._due = self._due, 0
        for _ in range(due):
            asyncio.get_running_loop().call_soon(self._arrive, context=self._context)

    def tear(self, keep: int = 0) -> None:
        """Cut it: of what is under way so many still arrive."""
        self.cut = True
        while len(self._under_way) > keep:
            self._under_way.pop()

    def __len__(self) -> int:
        return len(self._under_way)

    def _arrive(self) -> None:
        if self.held:
            self._due += 1
        elif self._under_way:
            arrive, what = self._under_way.popleft()
            arrive(*what)


class Closing:
    """What aiormq calls `closing`: a future that tells why it ended, with observers."""

    def __init__(self) -> None:
        self._lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @property
    def is_closed(self) -> bool:
        return self._lost.done()

    @property
    def closing(self) -> asyncio.Future[None]:
        seen: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._lost.add_done_callback(lambda lost: _same(lost, seen))
        return seen

    def end(self, why: BaseException | None) -> None:
        if self._lost.done():
            return
        _fail(self._lost, why or ConnectionError("closed by us"))


def _same(lost: asyncio.Future[None], seen: asyncio.Future[None]) -> None:
    _fail(seen, asyncio.CancelledError() if lost.cancelled() else lost.exception())


def _fail(future: asyncio.Future[Any], why: BaseException | None) -> None:
    """End a future with an error that nobody has to take: who would may be dead."""
    if future.done():
        return
    if why is None or isinstance(why, asyncio.CancelledError):
        future.cancel()
    else:
        future.set_exception(why)
        future._log_traceback = False


class Connection(Closing):
    """One connection; both its ends hold on to this object, what is in between are the pipes."""

    def __init__(self, broker: Broker, name: str, late: Callable[[], float]) -> None:
        super().__init__()
        self.broker = broker
        self.name = name
        self.context = copy_context()
        self.process = PROCESS.get(None)
        self.to_server = Pipe(late, Context())
        self.to_client = Pipe(late, self.context)
        self.channels: list[Channel] = []
        self.publishes = False
        self._unblocked = asyncio.Event()
        self._unblocked.set()

    async def ready(self) -> None:
        await self._unblocked.wait()

    def block(self, *, on: bool) -> None:
        """Take `connection.blocked` or `unblocked` of the broker."""
        if on:
            self._unblocked.clear()
        else:
            self._unblocked.set()

    async def channel(
        self, *, publisher_confirms: bool = True, on_return_raises: bool = False
    ) -> Channel:
        channel = Channel(self, asks=publisher_confirms and on_return_raises)
        self.channels.append(channel)
        await channel.ask(self.broker.nothing)
        return channel

    def lose(self, why: BaseException) -> None:
        """Notice at the client's end that it is gone."""
        self.to_client.tear()
        self.end(why)
        for channel in self.channels:
            channel.lose(why)

    def close(self) -> None:
        """Close politely: what was sent still arrives, and then the end of it."""
        if not self.is_closed:
            self.lose(ConnectionError("closed by us"))
        self.to_server.send(self.broker.disconnected, self)


class Channel(Closing):
    """One channel."""

    def __init__(self, connection: Connection, *, asks: bool) -> None:
        super().__init__()
        self.connection = connection
        self._asks = asks
        self.on_consumer_cancel_callbacks: set[Callable[[Basic.Cancel], None]] = set()
        self._broker = connection.broker
        self._published = 0
        self._answers: dict[int, asyncio.Future[Any]] = {}
        self._questions: set[asyncio.Future[Any]] = set()

    async def basic_publish(
        self,
        body: bytes,
        *,
        exchange: str,
        routing_key: str,
        properties: Basic.Properties,
        mandatory: bool,
    ) -> None:
        assert mandatory
        assert self._asks, "a channel without confirms, or one that hides what is returned"
        self._check_open()
        self._published += 1
        self._broker.seen("publish")
        tag = self._published
        answer = self._answers[tag] = asyncio.get_running_loop().create_future()
        try:
            self.connection.to_server.send(
                self._broker.published, self, tag, exchange, routing_key, body, properties
            )
            await answer
        finally:
            self._answers.pop(tag, None)

    def answered(self, tag: int, how: str) -> None:
        """Take the broker's answer to a publish."""
        self._broker.seen("answer")
        answer = self._answers.get(tag)
        if answer is None or answer.done():
            return
        if how == "ack":
            answer.set_result(None)
        elif how == "return":
            _fail(answer, PublishError(_returned(self), Basic.Return(312, "NO_ROUTE", "", "")))
        else:
            _fail(answer, DeliveryError(None, Basic.Nack(tag)))

    async def basic_qos(self, *, prefetch_count: int) -> None:
        await self.ask(self._broker.limit, prefetch_count)

    async def basic_consume(
        self, queue: str, callback: Callback, *, no_ack: bool = False, consumer_tag: str
    ) -> None:
        assert not no_ack
        await self.ask(self._broker.consume, queue, callback, consumer_tag)

    async def queue_declare(
        self,
        queue: str,
        *,
        passive: bool,
        timeout: float | None = None,  # noqa: ASYNC109 - as aiormq
    ) -> Queue.DeclareOk:
        assert passive
        async with asyncio.timeout(timeout):
            return Queue.DeclareOk(queue, *await self.ask(self._broker.count, queue))

    async def basic_cancel(self, consumer_tag: str, *, nowait: bool) -> None:
        assert nowait
        self._check_open()
        self.connection.to_server.send(self._broker.cancelled, self, consumer_tag)

    async def basic_ack(self, tag: int, *, multiple: bool, wait: bool) -> None:
        assert not wait
        self._check_open()
        self._broker.seen("acknowledge")
        self.connection.to_server.send(self._broker.acknowledged, self, tag, multiple)

    async def close(self) -> None:
        if not self.is_closed:
            await self.ask(self._broker.channel_closed)
            self.end(None)

    async def ask(self, what: Callable[..., None], *told: object) -> Any:  # noqa: ANN401 - the answer
        """Ask and wait for the answer, for ever."""
        self._check_open()
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._questions.add(answer)
        try:
            self.connection.to_server.send(what, self, answer, *told)
            return await answer
        finally:
            self._questions.discard(answer)

    def tell(self, answer: asyncio.Future[Any], value: object = None) -> None:
        """Take the broker's answer to a question."""
        if not answer.done():
            answer.set_result(value)

    def deliver(  # noqa: PLR0917 - a frame with its content
        self,
        callback: Callback,
        tag: int,
        key: str,
        body: bytes,
        properties: Basic.Properties,
        redelivered: bool,  # noqa: FBT001 - sent along the wire
    ) -> None:
        """Hand a message over, as the client library does: in order of the tags."""
        if self.is_closed:
            return
        frame = Basic.Deliver("", tag, redelivered, "", key)
        header = ContentHeader(body_size=len(body), properties=properties)
        message = DeliveredMessage(delivery=frame, header=header, body=body, channel=self)  # type: ignore[arg-type]
        step = callback(message).__await__()
        try:
            next(step)
        except StopIteration:
            return
        raise AssertionError("a callback of the client library must only hand over")

    def cancel_consumer(self, tag: str) -> None:
        """Take the broker's word that the queue is gone."""
        for callback in list(self.on_consumer_cancel_callbacks):
            callback(Basic.Cancel(tag))

    def lose(self, why: BaseException) -> None:
        """Notice that it is gone."""
        self.end(why)
        for answer in (*self._answers.values(), *self._questions):
            _fail(answer, why)

    def _check_open(self) -> None:
        if self.is_closed:
            raise ChannelInvalidStateError("closed")


class Pipeline:
    """What `libs.bus.pipeline` does with many messages, with a publish of its own for each."""

    def __init__(self, channel: Channel) -> None:
        self.channel = channel
        self._under_way: set[asyncio.Future[None]] = set()

    @classmethod
    async def open(cls, connection: Connection) -> Pipeline:
        async with asyncio.timeout(OPEN_WITHIN):
            return cls(await connection.channel(publisher_confirms=True, on_return_raises=True))

    async def publish(self, messages: Sequence[Outgoing], *, within: float) -> list[Outcome]:
        """Publish side by side, in order; what has no answer by then is not known."""
        publishes = [asyncio.ensure_future(self._publish(message)) for message in messages]
        self._under_way.update(publishes)
        try:
            await asyncio.wait(publishes, timeout=within)
        finally:
            self._under_way.difference_update(publishes)
            for publish in publishes:
                publish.cancel()
        return [outcome_of(publish) for publish in publishes]

    def abandon(self) -> None:
        for publish in self._under_way:
            publish.cancel()

    async def _publish(self, message: Outgoing) -> None:
        await self.channel.basic_publish(
            message.body,
            exchange=message.exchange,
            routing_key=message.routing_key,
            properties=Basic.Properties(
                content_type=message.content_type,
                headers=dict(message.headers or {}),
                delivery_mode=PERSISTENT,
                message_id=uuid4().hex,
                message_type=message.message_type,
                expiration=None
                if message.expiration is None
                else str(int(message.expiration * 1000)),
            ),
            mandatory=True,
        )


def _returned(channel: Channel) -> DeliveredMessage:
    """Return what stands in the error of a returned message; nobody of ours looks at it."""
    frame = Basic.Return(312, "NO_ROUTE", "", "")
    header = ContentHeader(properties=Basic.Properties())
    return DeliveredMessage(delivery=frame, header=header, body=b"", channel=channel)  # type: ignore[arg-type]
