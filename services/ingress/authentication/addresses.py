"""Where a request came from, through proxies that are trusted, and whether that is allowed."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import Final

from multidict import CIMultiDictProxy

from libs.contracts.notice import AuthFailure
from libs.domain.lifecycle import Authority
from libs.runtime.authentication.kinds import IpAllowList
from services.ingress.authentication.verdict import Address, Attempt, Rule, Verdict

Network = IPv4Network | IPv6Network
FORWARDED_FOR: Final = "X-Forwarded-For"


class IpAllowListRule(Rule):
    """The address is in one of the networks. That is no proof of who sent it: `unsigned`."""

    __slots__ = ("_networks",)
    rule = "ip_allow_list"

    def __init__(self, kind: IpAllowList) -> None:
        self._networks = kind.networks

    def judge(self, attempt: Attempt) -> Verdict:
        if attempt.address is None:
            return Verdict(self.rule, None, AuthFailure.ADDRESS, "the address is not known")
        if any(attempt.address in network for network in self._networks):
            return Verdict(self.rule, Authority.UNSIGNED)
        return Verdict(self.rule, None, AuthFailure.ADDRESS, "the address is not on the list")


def client_address(
    peer: str | None, headers: CIMultiDictProxy[str], trusted: Sequence[Network]
) -> Address | None:
    """Return the address of the sender; None where a proxy that is trusted tells of none.

    `peer` is the other end of the connection. If it is a trusted proxy, the addresses in
    `X-Forwarded-For` are read from the right, each written by the proxy to the right of it, up
    to the first that is no trusted proxy. What stands to the left of it anybody may have written.
    """
    address = _address(peer)
    if address is None or not trusted or not _in(address, trusted):
        return address
    told = [part for line in headers.getall(FORWARDED_FOR, []) for part in line.split(",")]
    for part in reversed(told):
        address = _address(part.strip())
        if address is None or not _in(address, trusted):
            return address
    return None if not told else address


def is_proxy(peer: str, trusted: Sequence[Network]) -> bool:
    """Tell whether the other end of a connection is a proxy that is trusted."""
    address = _address(peer)
    return address is not None and _in(address, trusted)


def _address(text: str | None) -> Address | None:
    """Read an address; one of IPv4 that came over IPv6 is one of IPv4. A zone or port is left out."""
    if not text:
        return None
    text = text.strip('"')
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _in(address: Address, networks: Sequence[Network]) -> bool:
    return any(address in network for network in networks)
