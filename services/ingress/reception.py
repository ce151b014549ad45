"""Which connections may be open: so many in all, so many from one address.

Where all are taken, one that is idle makes room for whoever is known, or has fewer than its share: of the
address that has most, and of one that has proven who it is last of all. So whoever holds many open and
sends nothing holds up nobody. What is turned away is told 503 or 429 at once, without a word
having been read.
"""

from __future__ import annotations

import asyncio
import resource
import time
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from libs.runtime.limits import IngressLimits
from services.ingress.answering import rejected
from services.ingress.authentication.addresses import Network, is_proxy
from services.ingress.guard import Guard
from services.ingress.intake import Intake, Reads
from services.ingress.limited import Reason, count, too_many
from services.ingress.peer import Peer, address_of, name_of
from services.ingress.rejections import Rejection, unavailable

KEPT_FREE: Final = 64  # descriptors, for the broker, the spool and the log
LOOK_EVERY: Final = 0.05  # seconds between two looks for idle ones, at least: each takes 2 ms
LOOK_AGAIN: Final = 0.01  # before one goes that belongs to somebody known
_RETRY: Final = 1  # second


class Idle(Reads, Protocol):
    """A connection: it may be left unread, and closed to make room."""

    def idle_since(self) -> float | None:
        """Return the time of the event loop at which it fell idle; None while it is not."""

    def force_close(self) -> None:
        """Close it now."""


class Reception:
    """Counts the connections that are open."""

    def __init__(
        self,
        guard: Guard,
        limits: IngressLimits,
        *,
        trusted_proxies: Sequence[Network] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.guard = guard
        self._trusted = trusted_proxies
        self.limits = limits
        self._most = min(limits.max_connections, _descriptors())
        self._open: dict[Idle, Peer] = {}
        self.intake = Intake(self._open)
        self._addresses = 0  # from which any is open
        self._may_go: list[Idle] = []  # idle at the last look; the first to go at the end
        self._clock = clock
        self._looked = float("-inf")

    def admit(self, connection: Idle, transport: asyncio.Transport) -> Peer | None:
        """Return who it is; None where there is no room, of which the sender has been told."""
        peer = self.guard.peers.at(address_of(transport))
        proxy = bool(self._trusted) and is_proxy(name_of(transport), self._trusted)
        if proxy and not peer.proven:
            self.guard.peers.prove(peer)
        if peer.connections >= self.limits.address_connections and not proxy:
            _turn_away(transport, too_many(_RETRY, close=True), Reason.ADDRESS_CONNECTIONS)
            return None
        if len(self._open) >= self._most and not self._make_room(peer):
            _turn_away(transport, unavailable(close=True), Reason.CONNECTIONS)
            return None
        self._open[connection] = peer
        peer.connections += 1
        if peer.connections == 1:
            self._addresses += 1
        return peer

    def left(self, connection: Idle) -> None:
        """Count one less; nothing, where that was done."""
        peer = self._open.pop(connection, None)
        if peer is not None:
            peer.connections -= 1
            if not peer.connections:
                self._addresses -= 1

    def _make_room(self, newcomer: Peer) -> bool:
        """Close an idle connection for a newcomer; False where there is none for it."""
        if not newcomer.proven and newcomer.connections * self._addresses >= self._most:
            return False
        if not self._may_go:
            self._look(LOOK_EVERY)
        while self._may_go:
            one = self._may_go[-1]
            peer = self._open.get(one)
            if peer is None or one.idle_since() is None:
                self._may_go.pop()
                continue
            if peer.proven:
                if not newcomer.proven:
                    return False
                if self._look(LOOK_AGAIN):  # strangers may have fallen idle since
                    continue
            self._may_go.pop()
            count(Reason.IDLE)
            self.left(one)
            one.force_close()
            return True
        return False

    def _look(self, every: float) -> bool:
        """Look which are idle; False where the last look is not so long ago."""
        now = self._clock()
        if now - self._looked < every:
            return False
        self._looked = now
        idle = [
            ((peer.proven, -peer.connections, since), one)
            for one, peer in self._open.items()
            if (since := one.idle_since()) is not None
        ]
        idle.sort(key=lambda pair: pair[0], reverse=True)
        self._may_go = [one for _, one in idle]
        return True


def _turn_away(transport: asyncio.Transport, rejection: Rejection, reason: Reason) -> None:
    count(reason)
    transport.write(rejected(rejection))
    transport.close()


def _descriptors() -> int:
    """Return how many connections the system lets this process have."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return 1 << 20
    return max(soft // 2, soft - KEPT_FREE)
