"""One connection to the broker, made again for ever, and closed within a bound.

Whoever wants to talk to the broker hands over a *session*: a coroutine that gets a fresh
connection, works on it and returns or raises when that connection is of no more use. Each session
has a connection of its own, so nothing survives a broken one: no channel leaks and no tag of an
old channel is ever used on a new one.

The client library cancels whatever waits on a connection that it gives up, and that arrives as
CancelledError in tasks which nobody cancelled: `cancelled_by_us` tells the two apart.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Final

import structlog
from aiormq import Connection
from aiormq.abc import AbstractConnection
from aiormq.connection import TCPTransportFactory, TLSTransportFactory, TransportFactory
from aiormq.exceptions import ConnectionClosed
from yarl import URL

from libs.runtime.backoff import Backoff

CONNECT_WITHIN: Final = 5.0  # seconds for TCP, TLS and the AMQP handshake together
CLOSE_WITHIN: Final = 2.0  # seconds for a polite goodbye, then the socket is cut
HEARTBEAT: Final = 5  # seconds; aiormq gives a silent peer up after (heartbeat + 1) * 3
FIRST_PAUSE: Final = 0.1  # seconds before the second attempt to connect
LONGEST_PAUSE: Final = 5.0
STEADY_AFTER: Final = 5.0  # a session that lasted this long was a good one

Session = Callable[[AbstractConnection], Awaitable[None]]

log = structlog.get_logger()

# whatever aiormq complains of reaches us as an exception and is logged once, here
logging.getLogger("aiormq").setLevel(logging.CRITICAL)


def place(url: str) -> str:
    """Return host:port of an AMQP URL, the part that may be shown."""
    parsed = URL(url)
    return f"{parsed.host}:{parsed.port or (5671 if parsed.scheme == 'amqps' else 5672)}"


def cancelled_by_us() -> bool:
    """Tell whether the current task was really cancelled, or only a future that it waited for."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def is_blocked(connection: AbstractConnection) -> bool:
    """Tell whether the broker said `connection.blocked` (an alarm of memory or disk).

    aiormq shows that only through `ready()`, which returns at once while the connection is free
    and waits otherwise: one step of it is the answer, without a task or a timer.
    """
    step = connection.ready().__await__()
    try:
        next(step)
    except StopIteration:
        return False
    else:
        step.close()
        return True


@contextlib.asynccontextmanager
async def connected(url: str, *, name: str) -> AsyncIterator[AbstractConnection]:
    """Open a connection that the broker's tools show as `name`; close it at the end."""
    address = URL(url)
    address = address.update_query({"heartbeat": HEARTBEAT, **address.query, "name": name})
    socket = _Socket(TLSTransportFactory() if address.scheme == "amqps" else TCPTransportFactory())
    connection = Connection(address, transport_factory=socket)
    try:
        async with asyncio.timeout(CONNECT_WITHIN):
            await connection.connect()
        yield connection
    finally:
        await _goodbye(connection, socket)


async def keep(url: str, *, name: str, session: Session, until: asyncio.Event) -> None:
    """Run `session` on one fresh connection after another, for ever, until the event is set."""
    pauses = Backoff(first=FIRST_PAUSE, most=LONGEST_PAUSE)
    clock = asyncio.get_running_loop().time
    while not until.is_set():
        began = clock()
        reason = await _once(url, name, session)
        if until.is_set():
            return
        if clock() - began > STEADY_AFTER:
            pauses.reset()
        pause = pauses.pause()
        log.warning("link_lost", link=name, at=place(url), reason=reason, pause=round(pause, 2))
        await wait_for_event(until, pause)


async def wait_for_event(event: asyncio.Event, seconds: float | None) -> bool:
    """Wait for the event, but no longer than this (None: for ever); tell whether it is set."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
    return event.is_set()


async def first_of(lost: asyncio.Future[Any], *events: asyncio.Event) -> None:
    """Wait until the channel or connection is lost (its reason is raised) or an event is set."""
    waits = [asyncio.create_task(event.wait()) for event in events]
    try:
        await asyncio.wait({lost, *waits}, return_when=asyncio.FIRST_COMPLETED)
        if lost.done():
            lost.result()
    finally:
        for wait in waits:
            wait.cancel()


async def _once(url: str, name: str, session: Session) -> str:
    try:
        async with connected(url, name=name) as connection:
            await session(connection)
    except asyncio.CancelledError:
        if cancelled_by_us():
            raise
        return "stuck"
    except Exception as error:  # noqa: BLE001 - whatever ended it, the answer is a new connection
        return f"{type(error).__name__}: {error}"
    return "ended"


class _Socket(TransportFactory):
    """Makes the transport and remembers it, so that a peer gone silent can be cut off."""

    def __init__(self, factory: TransportFactory) -> None:
        self._factory = factory
        self._writer: asyncio.StreamWriter | None = None

    async def create(
        self,
        url: URL,
        **kwargs: Any,  # noqa: ANN401 - the signature of the library
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, self._writer = await self._factory.create(url, **kwargs)
        return reader, self._writer

    def cut(self) -> None:
        if self._writer is not None:
            self._writer.transport.abort()


async def _goodbye(connection: Connection, socket: _Socket) -> None:
    closing = asyncio.ensure_future(connection.close(ConnectionClosed(200, "closed by us")))
    try:
        await asyncio.wait({closing}, timeout=CLOSE_WITHIN)
    finally:
        if not closing.done():
            socket.cut()
            closing.cancel()
            await asyncio.wait({closing}, timeout=CLOSE_WITHIN)
        if closing.done() and not closing.cancelled():
            closing.exception()
