"""Many messages with one write and one wait: the fast way to publish with confirms.

The client library spends about 90 µs of CPU on each publish of many (a lock, two futures, a timer, a
hop to its writer, a system call), whatever it carries. Here all messages of a call are written as
one piece, and one call waits for their answers: 6 µs a message of 1.2 kB where hundreds travel
together, and 140 µs instead of 190 for one that travels alone. Connection, channel, frames and the
pairing of answers stay the library's; nothing but the loop around them is ours.

Tags are counted by the channel, so a pipeline must be the only one that publishes on it.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from struct import Struct
from typing import Any, Final, Self, cast

import pamqp.frame
from aiormq import Channel
from aiormq.abc import AbstractConnection, ChannelFrame
from aiormq.exceptions import ChannelInvalidStateError, DeliveryError, PublishError
from pamqp.commands import Basic
from pamqp.header import ContentHeader

PERSISTENT: Final = 2
OPEN_WITHIN: Final = 5.0  # seconds to open the channel
_SIZE: Final = Struct(">Q")
_BODY: Final = Struct(">BHL")
_BODY_FRAME: Final = 3
_FRAME_END: Final = b"\xce"
_SIZE_AT: Final = 11  # in a frame of a content header: behind its own head, class and weight
_ID_DIGITS: Final = 32
# Messages of one piece. For each frame of answers the library goes through all that are outstanding.
_PIECE: Final = 128
_FORMS: Final = 1024  # addresses that are remembered; a topology has some dozens


class Outcome(StrEnum):
    """What became of one publish."""

    CONFIRMED = "confirmed"
    """In every queue that it was routed to, on disk. The only one to build a promise on."""
    REFUSED = "refused"
    """Not taken: the broker said no (a queue is full), is blocked by an alarm, or is not there."""
    RETURNED = "returned"
    """Taken by no queue: the binding or the queue is missing. An operator has to act."""
    UNKNOWN = "unknown"
    """Sent, and no answer: it may have arrived."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """A message to publish: persistent, mandatory.

    `expiration` is for delay queues: after so many seconds at the head of its queue the message
    moves on, however long the queue would hold it.
    """

    exchange: str
    routing_key: str
    body: bytes
    content_type: str
    headers: Mapping[str, str | int] | None = None
    message_type: str | None = None
    expiration: float | None = None

    @property
    def plain(self) -> bool:
        """Whether it has nothing that differs from message to message but body and id."""
        return not self.headers and self.message_type is None and self.expiration is None


class _Batch:
    """The messages of one call that wait for their answers."""

    __slots__ = ("answers", "done", "left")

    def __init__(self, answers: list[asyncio.Future[object]]) -> None:
        self.answers = answers
        self.left = len(answers)
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        for answer in answers:
            answer.add_done_callback(self._one)

    def _one(self, answer: asyncio.Future[object]) -> None:
        answer.exception()  # whoever gave up does not look at it any more
        self.left -= 1
        if not self.left:
            self.end()

    def end(self) -> None:
        """Wait no longer."""
        if not self.done.done():
            self.done.set_result(None)


class Pipeline:
    """Publishes on a channel of its own until that ends."""

    def __init__(self, channel: Channel) -> None:
        self.channel = channel
        self._turn = asyncio.Lock()
        self._forms: dict[tuple[str, str, str], _Form] = {}
        self._batches: set[_Batch] = set()
        self._ids = secrets.token_hex(8)  # with the tag behind it, new for every publish

    @classmethod
    async def open(cls, connection: AbstractConnection) -> Self:
        """Open a channel with confirms on this connection."""
        async with asyncio.timeout(OPEN_WITHIN):
            channel = await connection.channel(publisher_confirms=True, on_return_raises=True)
        return cls(cast("Channel", channel))

    async def publish(self, messages: Sequence[Outgoing], *, within: float) -> list[Outcome]:
        """Send all, in order, and return what became of each in `within` seconds.

        What has no answer by then, or when `abandon` is called, is `UNKNOWN`. Raises `TypeError` or
        `ValueError` for what cannot be written.
        """
        until = asyncio.get_running_loop().time() + within
        outcomes: list[Outcome] = []
        for start in range(0, len(messages), _PIECE):
            outcomes += await self._publish(messages[start : start + _PIECE], until)
        return outcomes

    async def _publish(self, messages: Sequence[Outgoing], until: float) -> list[Outcome]:
        try:
            async with asyncio.timeout_at(until):
                batch = await self._send(messages)
        except (ChannelInvalidStateError, TimeoutError):
            return [Outcome.UNKNOWN] * len(messages)
        alarm = asyncio.get_running_loop().call_at(until, batch.end)
        self._batches.add(batch)
        try:
            await batch.done
        finally:
            alarm.cancel()
            self._batches.discard(batch)
        return [outcome_of(answer) for answer in batch.answers]

    def abandon(self) -> None:
        """Say that no answers will come any more: the channel has ended."""
        for batch in self._batches:
            batch.end()

    async def _send(self, messages: Sequence[Outgoing]) -> _Batch:
        """Write all as one piece. Where that is broken off, nothing has left and no tag is lost."""
        channel = self.channel
        async with self._turn:
            if channel.is_closed:
                raise ChannelInvalidStateError("closed")
            before = channel.delivery_tag
            tags = range(before + 1, before + 1 + len(messages))
            ids = [f"{self._ids}{tag:016x}" for tag in tags]
            parts: list[bytes] = []
            for message, message_id in zip(messages, ids, strict=True):
                self._write(parts, message, message_id)
            loop = asyncio.get_running_loop()
            answers: list[asyncio.Future[object]] = [loop.create_future() for _ in tags]
            batch = _Batch(answers)
            channel.confirmations.update(zip(tags, answers, strict=True))
            channel.message_id_delivery_tag.update(zip(ids, tags, strict=True))
            batch.done.add_done_callback(lambda _: self._forget(ids))
            channel.delivery_tag = tags.stop - 1
            # with a future to be told by, the library's writer waits for a socket that is full
            frame = ChannelFrame(
                b"".join(parts), should_close=False, drain_future=loop.create_future()
            )
            try:
                await channel.write_queue.put(frame)
            except BaseException:
                channel.delivery_tag = before
                for tag in tags:
                    channel.confirmations.pop(tag, None)
                batch.end()
                raise
            return batch

    def _forget(self, ids: Sequence[str]) -> None:
        for message_id in ids:
            self.channel.message_id_delivery_tag.pop(message_id, None)

    def _write(self, parts: list[bytes], message: Outgoing, message_id: str) -> None:
        """Append the frames of one message."""
        form = self._form(message)
        size = len(message.body)
        parts += (form.before, _SIZE.pack(size), form.between, message_id.encode(), form.behind)
        most = self.channel.max_content_size
        for start in range(0, size, most):
            piece = message.body if size <= most else message.body[start : start + most]
            parts += (_BODY.pack(_BODY_FRAME, self.channel.number, len(piece)), piece, _FRAME_END)

    def _form(self, message: Outgoing) -> _Form:
        if not message.plain:
            return _form(message, self.channel.number)
        address = (message.exchange, message.routing_key, message.content_type)
        form = self._forms.get(address)
        if form is None:
            if len(self._forms) >= _FORMS:
                self._forms.clear()
            form = self._forms[address] = _form(message, self.channel.number)
        return form


@dataclass(frozen=True, slots=True)
class _Form:
    """The frames in front of a body, but for what differs: size of the body, message id, the rest."""

    before: bytes
    between: bytes
    behind: bytes


def _form(message: Outgoing, channel: int) -> _Form:
    """Let the library write the frames once, and cut them where what differs has its place."""
    place = "\0" * _ID_DIGITS
    publish = Basic.Publish(
        exchange=message.exchange, routing_key=message.routing_key, mandatory=True
    )
    expiration = message.expiration
    header = ContentHeader(
        body_size=0,
        properties=Basic.Properties(
            content_type=message.content_type,
            headers=dict(message.headers or {}),
            delivery_mode=PERSISTENT,
            message_id=place,
            message_type=message.message_type,
            expiration=None if expiration is None else str(int(expiration * 1000)),
        ),
    )
    method = pamqp.frame.marshal(publish, channel)
    frame = pamqp.frame.marshal(header, channel)
    between, behind = frame[_SIZE_AT + _SIZE.size :].split(place.encode(), 1)
    return _Form(method + frame[:_SIZE_AT], between, behind)


def outcome_of(answer: asyncio.Future[Any]) -> Outcome:
    """Say what an answer means; none yet, or none any more, is `UNKNOWN`."""
    if not answer.done() or answer.cancelled():
        return Outcome.UNKNOWN
    error = answer.exception()
    if error is None:
        return Outcome.CONFIRMED
    if isinstance(error, PublishError):
        return Outcome.RETURNED
    return Outcome.REFUSED if isinstance(error, DeliveryError) else Outcome.UNKNOWN
