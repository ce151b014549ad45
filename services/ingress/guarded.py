"""aiohttp's connection, with an end to everything that a sender could draw out or blow up.

Together with `connection.py` the one place that knows how aiohttp's `RequestHandler` works inside (3.14,
which is pinned). Left to itself it answers malformed requests in its own name and quotes them; leaves a
body waiting whose chunks are broken; keeps parts of a head for as long as an idle connection stays open,
half a megabyte of them; and waits without end for a sender that does not read.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final, cast

from aiohttp import web
from aiohttp.http_exceptions import BadHttpMessage, LineTooLong
from aiohttp.http_parser import RawRequestMessage
from aiohttp.streams import EMPTY_PAYLOAD, StreamReader
from aiohttp.web_protocol import RequestHandler, _ErrInfo

from services.ingress.answering import last, rejected
from services.ingress.limited import Reason, count
from services.ingress.peer import Peer
from services.ingress.reception import Reception
from services.ingress.rejections import Refusal

# Of a refused body, what is read and thrown away so that its sender sees the answer: no more than this.
LINGERS_FOR: Final = 8_388_608  # bytes
_LINE_ENDS: Final = 4  # bytes of a header line beside its name and its value
_TOO_MANY: Final = "Too many headers received"  # aiohttp's words


class HeadTooLarge(BadHttpMessage):
    """All of a head's fields together are too much."""


class Guarded(RequestHandler):
    """A connection that ends in time, whatever is sent or not sent."""

    __slots__ = (
        "_broken", "_head_limit", "_head_size", "_head_timer", "_reception", "_thrown_away",
        "_unfinished", "_unread_timer", "peer",
    )  # fmt: skip

    peer: Peer

    def __init__(self, manager: web.Server, reception: Reception, **settings: Any) -> None:  # noqa: ANN401
        super().__init__(manager, **settings)
        self._reception = reception
        self._head_limit = reception.limits.max_head_bytes
        self._head_size = 0  # bytes of a head that has begun
        self._head_timer: asyncio.TimerHandle | None = None
        self._unread_timer: asyncio.TimerHandle | None = None
        self._unfinished: StreamReader | None = None  # the body of which more is to come
        self._thrown_away = 0  # bytes of a body that was refused
        self._broken = False  # what was sent is no HTTP from some place on

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Let it be, or turn it away before anything is read."""
        peer = self._reception.admit(self, cast(asyncio.Transport, transport))
        if peer is None:
            self._force_close = True
            self._manager = None
            return
        self.peer = peer
        super().connection_made(transport)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Count it as gone."""
        if self._manager is not None:
            self._reception.left(self)
        for timer in (self._head_timer, self._unread_timer):
            if timer is not None:
                timer.cancel()
        super().connection_lost(exc)
        self._let_go()

    def _let_go(self) -> None:
        """Let go of what came: whatever refers to itself in a circle waits for the next collection."""
        unfinished, self._unfinished = self._unfinished, None
        if unfinished is not None and not unfinished.is_eof():
            unfinished._buffer.clear()  # noqa: SLF001 - nobody reads it any more
        for message, payload in self._messages:
            if isinstance(message, RawRequestMessage) and payload is not EMPTY_PAYLOAD:
                payload._buffer.clear()  # noqa: SLF001 - the same
        self._messages.clear()

    def end_with_answer(self) -> None:
        """Read nothing more once the answer to this request has been sent."""
        self._lingering_time = 0.0

    def idle_since(self) -> float | None:
        """Return when it fell idle, half a head or not; None while a request is under way."""
        waiter = self._waiter
        if waiter is None or waiter.done() or self._messages or self._request_in_progress:
            return None
        return self._next_keepalive_close_time - self._keepalive_timeout

    def rest(self) -> bool:
        """Read nothing more for now, see `intake.py`."""
        transport = self.transport
        if transport is None or transport.is_closing() or not transport.is_reading():
            return False
        transport.pause_reading()
        return True

    def go_on(self) -> None:
        """Read again, unless aiohttp has come to wait for something."""
        transport = self.transport
        if transport is None or transport.is_closing():
            return
        if not self._reading_paused and not self._buffer_paused:
            transport.resume_reading()

    def parse(self, data: bytes) -> None:
        """Parse what came, no more at once than a head may have: so none grows in between."""
        limit = self._head_limit
        if len(data) <= limit:
            self._parse(data)
            return
        self._reception.intake.brought(self, len(data))
        for start in range(0, len(data), limit):
            self._parse(data[start : start + limit])

    def _parse(self, data: bytes) -> None:
        if self._broken:
            return  # thrown away, until the connection has ended
        before = self._request_count
        super().data_received(data)
        if self._upgraded:
            self._close = True  # nobody is given another protocol: what follows is not read
        if self._request_count != before:
            self._came(len(data), self._request_count - before)
        elif self._unfinished is None:
            if data:
                self._head_goes_on(len(data))
        elif self._unfinished.is_eof():
            self._unfinished = None
        elif not self._request_in_progress:  # it has been answered
            self._thrown_away += len(data)
            if self._thrown_away > LINGERS_FOR:
                self._break_off()

    def _came(self, size: int, fresh: int) -> None:
        """Look at requests of which the head has come, or at the sign that there is none."""
        if self._head_size:
            size += self._head_size
            self._head_size = 0
            if self._head_timer is not None:
                self._head_timer.cancel()
                self._head_timer = None
        if size > self._head_limit:
            self._measure(fresh)
        self._thrown_away = 0
        message, payload = self._messages[-1]
        if isinstance(message, _ErrInfo):
            message.exc.__traceback__ = None  # it leads to what was sent, and back to itself
            self._break_off()
        else:
            self._unfinished = None if payload.is_eof() else payload

    def _measure(self, fresh: int) -> None:
        """Refuse the first head that is too large, and what follows it."""
        for left in range(min(fresh, len(self._messages)), 0, -1):
            message = self._messages[-left][0]
            if not isinstance(message, _ErrInfo) and _head_size(message) > self._head_limit:
                for _ in range(left):
                    self._messages.pop()
                self._append_error()
                return

    def _head_goes_on(self, size: int) -> None:
        self._head_size += size
        if self._head_size > self._head_limit:
            self._append_error()
            self._break_off()
            if self._waiter is not None and not self._waiter.done():
                self._waiter.set_result(None)
        elif self._head_timer is None:
            self._head_timer = self._loop.call_later(
                self._reception.limits.head_timeout, self._head_is_late
            )

    def _append_error(self) -> None:
        error = HeadTooLarge("head too large")
        self._request_count += 1
        self._messages.append((_ErrInfo(431, error, ""), EMPTY_PAYLOAD))

    def _break_off(self) -> None:
        """Take nothing more; a body that is waited for will not come."""
        self._broken = True
        unfinished, self._unfinished = self._unfinished, None
        if unfinished is not None and not unfinished.is_eof():
            unfinished.set_exception(web.RequestPayloadError("broken off"))

    def _head_is_late(self) -> None:
        self._head_timer = None
        if not self._head_size:
            return
        if self.idle_since() is None:  # its turn has not come: the answer before it is due
            self._head_timer = self._loop.call_later(
                self._reception.limits.head_timeout, self._head_is_late
            )
            return
        count(Reason.SLOW_HEAD)
        self._reception.guard.malformed(self.peer)
        if self.transport is not None:
            self.transport.write(rejected(Refusal.HEAD_SLOW.rejection()))
        self.force_close()

    def pause_writing(self) -> None:
        """Give a sender that does not read some time, and no more."""
        super().pause_writing()
        self._unread_timer = self._loop.call_later(
            self._reception.limits.write_timeout, self._stays_unread
        )

    def resume_writing(self) -> None:
        """Go on: it reads."""
        super().resume_writing()
        if self._unread_timer is not None:
            self._unread_timer.cancel()
            self._unread_timer = None

    def _stays_unread(self) -> None:
        self._unread_timer = None
        count(Reason.UNREAD)
        if self.transport is not None:
            self.transport.abort()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002 - it quotes what was sent
    ) -> web.StreamResponse:
        """Answer what is no request, in our own words."""
        self.logger.error("http failed", exc_info=exc)
        if request.writer.output_size > 0:
            raise ConnectionError("the answer has begun")
        if status >= 500:
            return last(Refusal.BUG.rejection(close=True))
        self._reception.guard.malformed(self.peer)
        if isinstance(exc, HeadTooLarge | LineTooLong) or _TOO_MANY in str(exc):
            count(Reason.HEAD)
            if isinstance(exc, LineTooLong) and _is_target(exc):
                return last(Refusal.TARGET_LONG.rejection())
            return last(Refusal.HEAD_LARGE.rejection())
        count(Reason.MALFORMED)
        return last(Refusal.UNREADABLE.rejection())


def _is_target(error: LineTooLong) -> bool:
    """Tell a target from a field, by how it begins: the parser raises the same for both."""
    return bytes(error.args[0]).startswith((b"/", b"http")) if error.args else False


def _head_size(message: RawRequestMessage) -> int:
    """Return about as many bytes as the head took."""
    fields = sum([len(name) + len(value) + _LINE_ENDS for name, value in message.raw_headers])
    return len(message.path) + fields
