"""Publishing with an answer: what the broker made of each message, within a deadline.

Only `CONFIRMED` means that the message is safe. Everything else is an outcome too, not an
exception: the caller keeps the message and decides. A deadline that passes is `UNKNOWN`, since the
message may be in the queue by then or get there later: repeating it may make a duplicate.

aiormq pairs a returned message with the publish that it belongs to by the message id, so each
publish carries a fresh one; identities that mean something travel in headers or in the body.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from time import perf_counter
from typing import Final, Self

import structlog
from aiormq.abc import AbstractConnection

from libs.bus.link import (
    CLOSE_WITHIN,
    first_of,
    is_blocked,
    keep,
    place,
    wait_for_event,
)
from libs.bus.pipeline import Outcome, Outgoing, Pipeline
from libs.runtime.stage_metrics import PUBLISH_CONFIRM_SECONDS, PUBLISHED

__all__ = ["Outcome", "Outgoing", "Publisher"]

WINDOW: Final = 128  # calls under way at once; more adds latency and no throughput
# RabbitMQ 3.10 goes on refusing on a channel when a full queue's limit was taken away, not kept to.
RENEW_AFTER: Final = 5.0  # seconds of refusals by one queue after which a fresh channel is tried
LATE_AFTER: Final = 1.0  # seconds without an answer after which we no longer call it ready

_SECONDS: Final = PUBLISH_CONFIRM_SECONDS.labels("confirmed")
_SECONDS_FAILED: Final = PUBLISH_CONFIRM_SECONDS.labels("failed")
_PUBLISHED: Final = {outcome: PUBLISHED.labels(outcome.value) for outcome in Outcome}

log = structlog.get_logger()


class Publisher:
    """Sends messages over a connection of its own, which it keeps up for ever.

    Made by `open`, ended by `close`. Any number of tasks may publish at once.
    """

    def __init__(self, url: str, *, name: str, deadline: float) -> None:
        self._url = url
        self._name = name
        self._deadline = deadline
        self._pipeline: Pipeline | None = None
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
        """Send one message and tell what became of it, see `publish_all` and `Outgoing`."""
        message = Outgoing(
            exchange=exchange,
            routing_key=routing_key,
            body=body,
            content_type=content_type,
            headers=headers,
            message_type=message_type,
            expiration=expiration,
        )
        return (await self.publish_all([message]))[0]

    async def publish_all(self, messages: Sequence[Outgoing]) -> list[Outcome]:
        """Send messages in order, and tell what became of each.

        Answers within the deadline, and at once where there is no connection or the broker has
        blocked it. Trouble with the broker is never raised.
        """
        pipeline = self._usable()
        if pipeline is None:
            _PUBLISHED[Outcome.REFUSED].inc(len(messages))
            return [Outcome.REFUSED] * len(messages)
        begun = perf_counter()  # the loop's own clock counts milliseconds
        outcomes = await self._send(pipeline, messages)
        _tell(outcomes, perf_counter() - begun)
        if Outcome.UNKNOWN in outcomes:
            self._silent_since = asyncio.get_running_loop().time()
        else:
            self._silent_since = None
        for message, outcome in zip(messages, outcomes, strict=True):
            self._note_refusal(message, refused=outcome is Outcome.REFUSED)
        return outcomes

    async def close(self) -> None:
        """Let what is under way finish, for no longer than the deadline, and disconnect."""
        self._stop.set()
        if self._link is None:
            return
        if self._pipeline is not None:
            await asyncio.wait({self._link}, timeout=self._deadline + 2 * CLOSE_WITHIN)
        self._link.cancel()
        await asyncio.wait({self._link}, timeout=2 * CLOSE_WITHIN)

    def _usable(self) -> Pipeline | None:
        pipeline = self._pipeline
        if pipeline is None:
            return None
        channel = pipeline.channel
        return None if channel.is_closed or is_blocked(channel.connection) else pipeline

    async def _send(self, pipeline: Pipeline, messages: Sequence[Outgoing]) -> list[Outcome]:
        until = asyncio.get_running_loop().time() + self._deadline
        try:
            async with asyncio.timeout_at(until):
                await self._window.acquire()
        except TimeoutError:
            return [Outcome.UNKNOWN] * len(messages)
        ticket = object()
        now = self._under_way[ticket] = asyncio.get_running_loop().time()
        try:
            return await pipeline.publish(messages, within=until - now)
        finally:
            self._window.release()
            del self._under_way[ticket]
            if not self._under_way:
                self._idle.set()

    def _note_refusal(self, message: Outgoing, *, refused: bool) -> None:
        """Ask for a fresh channel where one address has been refused for long."""
        if not refused and not self._refused_since:
            return
        address = (message.exchange, message.routing_key)
        if not refused:
            self._refused_since.pop(address, None)
            return
        now = asyncio.get_running_loop().time()
        if now - self._refused_since.setdefault(address, now) >= RENEW_AFTER:
            self._renew.set()

    async def _session(self, connection: AbstractConnection) -> None:
        pipeline = await Pipeline.open(connection)
        self._pipeline, self._silent_since = pipeline, None
        self._refused_since.clear()
        self._renew.clear()
        self._linked.set()
        log.info("publisher_linked", link=self._name, at=place(self._url))
        try:
            await first_of(pipeline.channel.closing, self._stop, self._renew)
            self._leave()
            self._idle.clear()
            if self._under_way:
                await wait_for_event(self._idle, self._deadline)
        finally:
            self._leave()
            pipeline.abandon()

    def _leave(self) -> None:
        """Take no more: what is published from here on is refused, until there is a new channel."""
        self._pipeline = None
        self._linked.clear()


def _tell(outcomes: Sequence[Outcome], seconds: float) -> None:
    """Count what travelled together; nearly always all of it was confirmed."""
    confirmed = outcomes.count(Outcome.CONFIRMED)
    _PUBLISHED[Outcome.CONFIRMED].inc(confirmed)
    if confirmed == len(outcomes):
        _SECONDS.observe(seconds)
        return
    _SECONDS_FAILED.observe(seconds)
    for outcome in outcomes:
        if outcome is not Outcome.CONFIRMED:
            _PUBLISHED[outcome].inc()
