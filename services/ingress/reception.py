"""Which connections may be open: so many in all, so many from one address.

Where all are taken, those that have been idle for longest make room, a quarter of what there may be at a
look: whoever holds many open and sends nothing holds up nobody. What is turned away is told 503 or 429
at once, without a word having been read.
"""

from __future__ import annotations

import asyncio
import resource
import time
from collections.abc import Callable
from typing import Final, Protocol

from libs.runtime.limits import IngressLimits
from services.ingress.answering import rejected
from services.ingress.guard import Guard
from services.ingress.limited import Reason, count, too_many
from services.ingress.peer import Peer, address_of
from services.ingress.rejections import Rejection, unavailable

KEPT_FREE: Final = 64  # descriptors, for the broker, the spool and the log
LOOK_EVERY: Final = 0.5  # seconds between two looks for idle ones, at least
ROOM: Final = 4  # a look makes room for one of so many
_RETRY: Final = 1  # second


class Idle(Protocol):
    """What may be closed to make room."""

    def idle_since(self) -> float | None:
        """Return the time of the event loop at which it fell idle; None while it is not."""

    def force_close(self) -> None:
        """Close it now."""


class Reception:
    """Counts the connections that are open."""

    def __init__(
        self, guard: Guard, limits: IngressLimits, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.guard = guard
        self.limits = limits
        self._most = min(limits.max_connections, _descriptors())
        self._open: dict[Idle, Peer] = {}
        self._clock = clock
        self._looked = float("-inf")

    def admit(self, connection: Idle, transport: asyncio.Transport) -> Peer | None:
        """Return who it is; None where there is no room, of which the sender has been told."""
        peer = self.guard.peers.at(address_of(transport))
        if peer.connections >= self.limits.address_connections:
            return _turned_away(transport, too_many(_RETRY, close=True), Reason.ADDRESS_CONNECTIONS)
        if len(self._open) >= self._most:
            self._make_room()
        if len(self._open) >= self._most:
            return _turned_away(transport, unavailable(close=True), Reason.CONNECTIONS)
        self._open[connection] = peer
        peer.connections += 1
        return peer

    def left(self, connection: Idle) -> None:
        """Count one less; nothing, where that was done."""
        peer = self._open.pop(connection, None)
        if peer is not None:
            peer.connections -= 1

    def _make_room(self) -> None:
        now = self._clock()
        if now - self._looked < LOOK_EVERY:
            return
        self._looked = now
        idle = [(since, one) for one in self._open if (since := one.idle_since()) is not None]
        idle.sort(key=lambda pair: pair[0])
        for _, one in idle[: max(1, self._most // ROOM)]:
            count(Reason.IDLE)
            self.left(one)
            one.force_close()


def _turned_away(transport: asyncio.Transport, rejection: Rejection, reason: Reason) -> None:
    count(reason)
    transport.write(rejected(rejection))
    transport.close()


def _descriptors() -> int:
    """Return how many connections the system lets this process have."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return 1 << 20
    return max(soft // 2, soft - KEPT_FREE)
