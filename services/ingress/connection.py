"""One connection: whole webhooks take the express lane, whatever else is aiohttp's.

It reads and parses as ever (what bounds that is in `guarded.py`); before it wakes up its task for a
request, the lane is asked. While a webhook is on the lane, the task goes on waiting for its next request, and what
the sender sends meanwhile waits here: answers leave in the order of their requests.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final, Protocol

from aiohttp import web
from aiohttp.http_parser import RawRequestMessage
from aiohttp.streams import StreamReader
from aiohttp.web_protocol import RequestHandler

from libs.runtime.limits import IngressLimits
from services.ingress.express import Asking
from services.ingress.guard import Guard
from services.ingress.guarded import Guarded
from services.ingress.reception import Reception
from services.ingress.tally import Tally

HELD_BACK: Final = 65_536  # bytes of further requests that may wait for an answer
Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class TakesWhole(Protocol):
    """What is needed of the lane: `services.ingress.express.Lane`."""

    def take(self, asking: Asking, message: RawRequestMessage, payload: StreamReader) -> bool:
        """Take a request, and call `asking.answered` later; False: it is not for this lane."""


class Connection(Guarded):
    """A connection with a lane beside it."""

    __slots__ = ("_held_back", "_held_size", "_lane", "_on_lane")

    def __init__(
        self,
        manager: Server,
        lane: TakesWhole,
        reception: Reception,
        **settings: Any,  # noqa: ANN401
    ) -> None:
        super().__init__(manager, reception, **settings)
        self._lane = lane
        self._on_lane = False
        self._held_back: list[bytes] = []
        self._held_size = 0

    def data_received(self, data: bytes) -> None:
        """Parse what came; a whole request goes to the lane, if it is the only one."""
        if self._on_lane:
            self._hold_back(data)
            return
        waiter = self._waiter
        if waiter is None or waiter.done() or self._messages or self._paused:
            self.parse(data)  # a request is under way, or answers are not read
            return
        self._waiter = None  # so that its task is not woken up for what the lane takes
        try:
            self.parse(data)
        finally:
            self._waiter = waiter
        if self._messages and not self._taken() and not waiter.done():
            waiter.set_result(None)

    def _taken(self) -> bool:
        """Give the lane the only request that came; False where it is for the task."""
        if len(self._messages) != 1 or self._close or self._upgraded:
            return False
        message, payload = self._messages[0]
        if not isinstance(message, RawRequestMessage) or self._parser is None:
            return False
        if not self._lane.take(self, message, payload):
            return False
        self._messages.popleft()
        self._parser.message_consumed()
        self._request_in_progress = True  # a shutdown waits for it
        self._on_lane = True
        if self._manager is not None:
            self._manager.requests_count += 1
        return True

    def answered(self, answer: bytes, *, close: bool) -> None:
        """Send the answer to what is on the lane; the next request may come."""
        self._on_lane = False
        self._request_in_progress = False
        if self._handler_waiter is not None and not self._handler_waiter.done():
            self._handler_waiter.set_result(None)
        transport = self.transport
        if transport is None or transport.is_closing():
            return
        transport.write(answer)
        if close or self._close:
            self.close()
            transport.close()
            return
        self._next_keepalive_close_time = self._loop.time() + self._keepalive_timeout
        if self._keepalive_handle is None:
            self._keepalive_handle = self._loop.call_at(
                self._next_keepalive_close_time, self._process_keepalive
            )
        if self._held_back:
            self._go_on()

    def _hold_back(self, data: bytes) -> None:
        self._held_back.append(data)
        self._held_size += len(data)
        if self._held_size > HELD_BACK and not self._buffer_paused:
            self._pause_reading_for_buffer()

    def _go_on(self) -> None:
        data = b"".join(self._held_back)
        self._held_back.clear()
        self._held_size = 0
        if self._buffer_paused:
            self._resume_reading_for_buffer()
        self.data_received(data)

    def resume_reading(self, resume_parser: bool = True) -> None:  # noqa: FBT001, FBT002 - aiohttp's
        """Go on reading where it was paused; aiohttp asks for that after each body that was read.

        Where nothing was paused it would parse nothing once more and ask the transport: 4 µs.
        """
        if self._reading_paused:
            super().resume_reading(resume_parser)

    def idle_since(self) -> float | None:
        """Return when it fell idle; one with a webhook on the lane is not."""
        return None if self._on_lane else super().idle_since()

    def _process_keepalive(self) -> None:
        """Close an idle connection; one with a webhook on the lane is not idle."""
        if self._on_lane:
            self._keepalive_handle = None  # set anew with the answer
        else:
            super()._process_keepalive()


class Server(web.Server):
    """aiohttp's low-level server, each connection of which has the lane beside it."""

    def __init__(
        self,
        handler: Handler,
        lane: TakesWhole,
        reception: Reception | None = None,
        **settings: Any,  # noqa: ANN401
    ) -> None:
        super().__init__(handler, **settings)
        self._lane = lane
        if reception is None:
            limits = IngressLimits()
            reception = Reception(Guard(limits, Tally()), limits)
        self._reception = reception

    def __call__(self) -> RequestHandler:
        """Make what handles one connection."""
        return Connection(self, self._lane, self._reception, loop=self._loop, **self._kwargs)
