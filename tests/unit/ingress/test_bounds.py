"""What the limits are made of: a bucket, turns, shares, and what is remembered of addresses."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingress.bucket import Bucket
from services.ingress.budget import Budget, Share
from services.ingress.peer import Peers, address_of
from services.ingress.turns import Turns


@given(
    rate=st.floats(0.1, 100),
    burst=st.integers(1, 20),
    gaps=st.lists(st.floats(0, 3), min_size=1, max_size=60),
)
def test_bucket_gives_as_one_filled_by_a_clock(rate: float, burst: int, gaps: list[float]) -> None:
    bucket, now, tokens = Bucket(rate, burst), 1000.0, float(burst)
    for gap in gaps:
        now += gap
        tokens = min(float(burst), tokens + gap * rate)
        if abs(tokens - 1) < 1e-6:
            return  # on the edge, floats decide
        given = bucket.opens_at <= now
        assert given == (tokens >= 1)
        if given:
            bucket.take(now)
            tokens -= 1
        else:
            assert bucket.wait(now) >= (1 - tokens) / rate - 1e-6


@given(st.lists(st.sampled_from("aaaaaaaabc"), max_size=60))
def test_turns_keep_the_order_and_starve_nobody(lines: list[str]) -> None:
    turns: Turns[tuple[str, int]] = Turns()
    for n, line in enumerate(lines):
        turns.put(line, (line, n))
    taken = []
    while turns.waiting:
        first = turns.first()
        taken.append(turns.take())
        assert taken[-1] == first
    assert sorted(taken) == sorted((line, n) for n, line in enumerate(lines))
    for line in "abc":
        mine = [n for n, (name, _) in enumerate(taken) if name == line]
        assert [taken[n] for n in mine] == sorted(taken[n] for n in mine)
        for nth, at in enumerate(mine):  # before its nth, no other line had more than n turns
            assert at <= (nth + 1) * len(set(lines))


def test_one_source_cannot_hold_what_others_need() -> None:
    budget, flooding, other = Budget(1000), Share(), Share()
    held = [budget.hold(flooding) for _ in range(1000)]
    assert sum(hold.take(10) for hold in held) == 50
    late = budget.hold(other)
    assert late.take(200)
    assert not late.take(200)
    for hold in [*held, late]:
        hold.give_back()
        hold.give_back()
    assert (budget.held, flooding.held, flooding.requests, other.requests) == (0, 0, 0, 0)


def test_strangers_make_us_forget_strangers_only() -> None:
    peers = Peers(1, 10, remembered=100)
    known = peers.at("198.51.100.1")
    peers.prove(known)
    connected = peers.at("198.51.100.2")
    connected.connections = 1
    for n in range(10_000):
        peers.at(f"203.0.113.{n}")
    assert peers.at("198.51.100.1") is known
    assert peers.at("198.51.100.2") is connected
    assert len(peers) <= 201


class _Transport(asyncio.BaseTransport):
    def __init__(self, peername: object) -> None:
        super().__init__({"peername": peername})


@pytest.mark.parametrize(
    ("peername", "address"),
    [
        (("192.0.2.1", 1), "192.0.2.1"),
        (("::ffff:192.0.2.1", 1, 0, 0), "192.0.2.1"),
        (("2001:db8:1:2:3::4", 1, 0, 0), "2001:db8:1:2::/64"),
        (("2001:db8:1:2:ffff::", 1, 0, 0), "2001:db8:1:2::/64"),
        (("fe80::1%eth0", 1, 0, 2), "fe80::/64"),
        ("/run/socket", ""),
        (None, ""),
    ],
)
def test_address_is_that_of_one_customer(peername: object, address: str) -> None:
    assert address_of(_Transport(peername)) == address
