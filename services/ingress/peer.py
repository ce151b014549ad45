"""Who is at the other end of a connection: its address, and what came from there before.

Addresses are remembered, not for ever: those that have proven who they are beside the others, so
that a crowd of strangers makes us forget strangers only. A network of IPv6 that one customer gets (/64) is
one address.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from functools import lru_cache
from ipaddress import IPv6Address, IPv6Network, ip_address
from typing import Final

from services.ingress.bucket import Bucket

REMEMBERED: Final = 8192  # addresses of each of the two kinds
_ONE_CUSTOMER: Final = 64  # bits of an IPv6 address


class Peer:
    """One address. `connections` are those that are open now."""

    __slots__ = ("address", "connections", "failures", "proven")

    def __init__(self, address: str, failures: Bucket) -> None:
        self.address = address
        self.failures = failures
        self.connections = 0
        self.proven = False  # whether a credential was right that came from there


class Peers:
    """The addresses that are known, those heard of last at the end."""

    def __init__(self, rate: float, burst: int, *, remembered: int = REMEMBERED) -> None:
        self._rate = rate
        self._burst = burst
        self._remembered = remembered
        self._strangers: OrderedDict[str, Peer] = OrderedDict()
        self._proven: OrderedDict[str, Peer] = OrderedDict()

    def __len__(self) -> int:
        return len(self._strangers) + len(self._proven)

    def at(self, address: str) -> Peer:
        """Return what is known of an address; nothing, the first time."""
        for known in (self._proven, self._strangers):
            if (peer := known.get(address)) is not None:
                known.move_to_end(address)
                return peer
        peer = Peer(address, Bucket(self._rate, self._burst))
        self._keep(self._strangers, peer)
        return peer

    def prove(self, peer: Peer) -> None:
        """Note that a credential was right that came from there."""
        peer.proven = True
        self._strangers.pop(peer.address, None)
        self._keep(self._proven, peer)

    def _keep(self, known: OrderedDict[str, Peer], peer: Peer) -> None:
        """Remember one more, and forget the one that was not heard of for longest.

        Whoever is connected keeps its count of connections: it goes to the end, if any is there
        that is not. There are fewer connections than there are places.
        """
        known[peer.address] = peer
        for _ in range(len(known) - self._remembered):
            for _ in range(self._remembered):
                oldest = next(iter(known))
                if not known[oldest].connections:
                    break
                known.move_to_end(oldest)
            del known[next(iter(known))]


def address_of(transport: asyncio.BaseTransport) -> str:
    """Return the address of whoever is connected: the only place that asks for it."""
    return one_sender(name_of(transport))


def name_of(transport: asyncio.BaseTransport) -> str:
    """Return the address as the socket has it; "" where it has none."""
    name = transport.get_extra_info("peername")
    return str(name[0]) if isinstance(name, tuple) else ""


@lru_cache(maxsize=1024)
def one_sender(address: str) -> str:
    """Return what counts as one sender: an address of IPv4, a /64 of IPv6."""
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(IPv6Network((parsed, _ONE_CUSTOMER), strict=False))
    return str(parsed)
