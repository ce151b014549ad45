"""Publishing with an answer: what the broker made of each message, within a deadline.

Only `CONFIRMED` means that the message is safe. Everything else is an outcome too, not an
exception: the caller keeps the message and decides. A deadline that passes is `UNKNOWN`, since the
message may be in the queue by then or get there later: repeating it may make a duplicate.

aiormq pairs a returned message with the publish that it belongs to by the message id, so each
publish carries a fresh one; identities that mean something travel in headers or in the body.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from enum import StrEnum
from functools import partial
from typing import Final, Self
from uuid import uuid4

import structlog
from aiormq.abc import AbstractChannel, AbstractConnection
from aiormq.exceptions import DeliveryError, PublishError
from pamqp.commands import Basic

from libs.bus.link import (
    CLOSE_WITHIN,
    cancelled_by_us,
    first_of,
    is_blocked,
    keep,
    place,
    wait_for_event,
)

PERSISTENT: Final = 2
OPEN_WITHIN: Final = 5.0  # seconds to open the channel
WINDOW: Final = 128  # publishes under way at once; more adds latency and no throughput
# RabbitMQ 3.10 goes on refusing on a channel when a full queue's limit was taken away, not kept to.
RENEW_AFTER: Final = 5.0  # seconds of refusals by one queue after which a fresh channel is tried
LATE_AFTER: Final = 1.0  # seconds without an answer after which we no longer call it ready

log = structlog.get_logger()


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


class Publisher:
    """Sends messages over a connection of its own, which it keeps up for ever.

    Made by `open`, ended by `close`. Any number of tasks may publish at once.
    """

    def __init__(self, url: str, *, name: str, deadline: float) -> None:
        self._url = url
        self._name = name
        self._deadline = deadline
        self._channel: AbstractChannel | None = None
        self._linked = asyncio.Event()
        self._stop = asyncio.Event()
        self._window = asyncio.Semaphore(WINDOW)
        self._under_way: dict[object, float] = {}  # when each was sent, oldest first
        self._idle = asyncio.Event()
        self._silent_since: float | None = None  # when a deadline passed without an answer
        self._refused_since: dict[tuple[str, str], float] = {}  # by exchange and routing key
        self._renew = asyncio.Event()
        self._link: asyncio.Task[None] | None = None

    @classmethod
    async def open(cls, url: str, *, name: str, deadline: float = 2.0) -> Self:
        """Begin to connect, and return when connected or after `deadline` seconds.

        Where the broker is not up yet the publisher is not `ready`, and goes on trying.
        `deadline` also bounds every publish.
        """
        publisher = cls(url, name=name, deadline=deadline)
        publisher._link = asyncio.create_task(
            keep(url, name=name, session=publisher._session, until=publisher._stop),
            name=f"link {name}",
        )
        await wait_for_event(publisher._linked, deadline)
        return publisher

    @property
    def ready(self) -> bool:
        """Whether the broker would take a message now, as far as can be told without asking.

        RabbitMQ tells of an alarm only after the first publish that it holds back; therefore a
        publish that waits for longer than a second, or just ran out of time, makes it False too.
        """
        if self._usable() is None:
            return False
        now = asyncio.get_running_loop().time()
        if self._silent_since is not None and now - self._silent_since < self._deadline:
            return False
        oldest = next(iter(self._under_way.values()), now)
        return now - oldest < LATE_AFTER

    async def publish(  # noqa: PLR0913 - what a message is made of, each told by name
        self,
        exchange: str,
        routing_key: str,
        body: bytes,
        *,
        content_type: str,
        headers: Mapping[str, str | int] | None = None,
        message_type: str | None = None,
        expiration: float | None = None,
    ) -> Outcome:
        """Send one message, persistent and mandatory, and tell what became of it.

        `expiration` is for delay queues: after so many seconds at the head of its queue the
        message moves on, however long the queue would hold it.

        Answers within the deadline, and at once where there is no connection or the broker has
        blocked it. Trouble with the broker is never raised.
        """
        channel = self._usable()
        if channel is None:
            return Outcome.REFUSED
        publish = partial(
            channel.basic_publish,
            body,
            exchange=exchange,
            routing_key=routing_key,
            properties=Basic.Properties(
                content_type=content_type,
                headers=dict(headers or {}),
                delivery_mode=PERSISTENT,
                message_id=uuid4().hex,
                message_type=message_type,
                expiration=None if expiration is None else str(int(expiration * 1000)),
            ),
            mandatory=True,
        )
        try:
            async with asyncio.timeout(self._deadline):
                await self._send(publish)
        except asyncio.CancelledError:
            if cancelled_by_us():
                raise
            return Outcome.UNKNOWN
        except (TypeError, ValueError):
            raise  # a key or a header that cannot be written: our own mistake
        except Exception as error:  # noqa: BLE001 - aiormq passes on whatever ended the channel
            outcome = self._outcome(error)
        else:
            outcome, self._silent_since = Outcome.CONFIRMED, None
        self._note_refusal((exchange, routing_key), refused=outcome is Outcome.REFUSED)
        return outcome

    async def close(self) -> None:
        """Let what is under way finish, for no longer than the deadline, and disconnect."""
        self._stop.set()
        if self._link is None:
            return
        if self._channel is not None:
            await asyncio.wait({self._link}, timeout=self._deadline + 2 * CLOSE_WITHIN)
        self._link.cancel()
        await asyncio.wait({self._link}, timeout=2 * CLOSE_WITHIN)

    def _usable(self) -> AbstractChannel | None:
        channel = self._channel
        if channel is None or channel.is_closed or is_blocked(channel.connection):
            return None
        return channel

    async def _send(self, publish: Callable[[], Awaitable[object]]) -> None:
        async with self._window:
            ticket = object()
            self._under_way[ticket] = asyncio.get_running_loop().time()
            try:
                await publish()
            finally:
                del self._under_way[ticket]
                if not self._under_way:
                    self._idle.set()

    def _outcome(self, error: Exception) -> Outcome:
        if isinstance(error, TimeoutError):
            self._silent_since = asyncio.get_running_loop().time()
            return Outcome.UNKNOWN
        if not isinstance(error, DeliveryError):
            return Outcome.UNKNOWN
        self._silent_since = None
        return Outcome.RETURNED if isinstance(error, PublishError) else Outcome.REFUSED

    def _note_refusal(self, address: tuple[str, str], *, refused: bool) -> None:
        """Ask for a fresh channel where one address has been refused for long."""
        if not refused:
            self._refused_since.pop(address, None)
            return
        now = asyncio.get_running_loop().time()
        if now - self._refused_since.setdefault(address, now) >= RENEW_AFTER:
            self._renew.set()

    async def _session(self, connection: AbstractConnection) -> None:
        async with asyncio.timeout(OPEN_WITHIN):
            channel = await connection.channel(publisher_confirms=True, on_return_raises=True)
        self._channel, self._silent_since = channel, None
        self._refused_since.clear()
        self._renew.clear()
        self._linked.set()
        log.info("publisher_linked", link=self._name, at=place(self._url))
        try:
            await first_of(channel.closing, self._stop, self._renew)
        finally:
            self._channel = None
            self._linked.clear()
        self._idle.clear()
        if self._under_way:
            await wait_for_event(self._idle, self._deadline)
