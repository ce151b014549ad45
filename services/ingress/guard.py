"""Who is heard, and how often: limits by source, and by address for those that prove nothing.

What an address has failed in is counted until it has proven who it is once. One that failed too often and
proved nothing is refused before anything else is looked at. One that has proven it is always heard,
since behind a proxy that nobody told us of all senders have one address: there a failure costs its
sender the answer alone. So a crowd of forgers shuts out no sender that is known. A failure beyond what
is forgiven ends its connection.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from libs.domain.lifecycle import Authority
from libs.runtime.limits import IngressLimits
from services.ingress.bucket import Bucket
from services.ingress.budget import Share
from services.ingress.limited import Reason, count, too_many
from services.ingress.peer import Peer, Peers
from services.ingress.rejections import Rejection
from services.ingress.tally import Tally

_SOON: Final = 1  # second
# What a sender is told that has proven nothing: not readable, not known, too slow, too large, coded.
FAILURES: Final = frozenset({400, 401, 408, 413, 415})


class Turnstile:
    """What one source has used of its limits."""

    __slots__ = ("deliveries", "failures", "share", "source")

    def __init__(self, source: str, limits: IngressLimits) -> None:
        self.source = source
        self.share = Share()
        self.deliveries = Bucket(limits.source_rate, limits.source_burst)
        self.failures = Bucket(limits.source_failure_rate, limits.source_failure_burst)


class Guard:
    """Holds the limits of all sources and addresses."""

    def __init__(
        self,
        limits: IngressLimits,
        tally: Tally,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.limits = limits
        self.peers = Peers(limits.address_failure_rate, limits.address_failure_burst)
        self._tally = tally
        self._clock = clock
        self._turnstiles: dict[str, Turnstile] = {}

    def turnstile(self, source: str) -> Turnstile:
        """Return the one of a source that exists."""
        if source not in self._turnstiles:
            self._turnstiles[source] = Turnstile(source, self.limits)
        return self._turnstiles[source]

    def admit(self, turnstile: Turnstile, peer: Peer) -> None:
        """Let a request begin, which is in its source's share already; else raise a 429."""
        if turnstile.share.requests > self.limits.source_requests:
            raise self._limited(turnstile, Reason.REQUESTS, _SOON)
        if not peer.proven:
            now = self._clock()
            if peer.failures.opens_at > now:
                wait = peer.failures.wait(now)
                raise self._limited(turnstile, Reason.ADDRESS, wait, close=True)

    def charge(self, turnstile: Turnstile, peer: Peer, authority: Authority) -> None:
        """Count a delivery whose sender is known; raise a 429 where there were too many."""
        now, deliveries = self._clock(), turnstile.deliveries
        if deliveries.opens_at > now:
            raise self._limited(turnstile, Reason.RATE, deliveries.wait(now))
        deliveries.take(now)
        if not peer.proven and authority is not Authority.UNSIGNED:
            self.peers.prove(peer)

    def told(self, rejection: Rejection, turnstile: Turnstile, peer: Peer) -> Rejection:
        """Return what a sender is told: the rejection, or that there were too many of them."""
        if rejection.status not in FAILURES:
            return rejection
        now = self._clock()
        for bucket, reason in (
            (peer.failures, Reason.ADDRESS),
            (turnstile.failures, Reason.FAILURES),
        ):
            if bucket.opens_at > now:
                return self._limited(turnstile, reason, bucket.wait(now), close=True)
            bucket.take(now)
        return rejection

    def malformed(self, peer: Peer) -> None:
        """Count a request that was none: its address has failed as well."""
        now = self._clock()
        if peer.failures.opens_at <= now:
            peer.failures.take(now)

    def _limited(
        self, turnstile: Turnstile, reason: Reason, wait: int, *, close: bool = False
    ) -> Rejection:
        count(reason, turnstile.source)
        self._tally.note("request_limited", turnstile.source, why=reason.value)
        return too_many(wait, close=close)
