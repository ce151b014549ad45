"""The breaker: it opens after failures in a row, one call tries, and the pauses grow."""

from __future__ import annotations

import pytest

from libs.api.breaker import Breaker, BreakerState, OpenError


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def breaker(clock: Clock, *, failures: int = 3) -> Breaker:
    return Breaker(failures=failures, first=10.0, most=40.0, clock=clock)


def fail(one: Breaker, times: int) -> None:
    for _ in range(times):
        one.enter()
        one.failed()


def state(one: Breaker) -> BreakerState:
    return one.state


def test_failures_in_a_row_open_it() -> None:
    one = breaker(Clock())
    fail(one, 2)
    assert state(one) is BreakerState.CLOSED
    fail(one, 1)
    assert state(one) is BreakerState.OPEN
    with pytest.raises(OpenError) as refused:
        one.enter()
    assert refused.value.after is not None
    assert 5.0 <= refused.value.after <= 10.0


def test_success_between_failures_keeps_it_closed() -> None:
    one = breaker(Clock())
    for _ in range(5):
        fail(one, 2)
        one.enter()
        one.succeeded()
    assert state(one) is BreakerState.CLOSED


def test_one_call_tries_after_the_pause() -> None:
    clock = Clock()
    one = breaker(clock)
    fail(one, 3)
    clock.now += 10.0
    one.enter()
    assert state(one) is BreakerState.HALF_OPEN
    with pytest.raises(OpenError):
        one.enter()
    one.succeeded()
    assert state(one) is BreakerState.CLOSED
    one.enter()


def test_failed_trial_makes_the_next_pause_longer() -> None:
    clock = Clock()
    one = breaker(clock)
    fail(one, 3)
    pauses = [one.opens_in]
    for _ in range(4):
        clock.now += 40.0
        fail(one, 1)
        pauses.append(one.opens_in)
    bounds = [(5.0, 10.0), (10.0, 20.0), (20.0, 40.0), (20.0, 40.0), (20.0, 40.0)]
    assert all(low <= pause <= high for pause, (low, high) in zip(pauses, bounds, strict=True))


def test_calls_that_were_under_way_do_not_move_the_pause() -> None:
    clock = Clock()
    one = breaker(clock)
    for _ in range(8):
        one.enter()
    for _ in range(3):
        one.failed()
    first = one.opens_in
    for _ in range(5):
        one.failed()
    assert one.opens_in == first


def test_abandoned_trial_lets_another_try() -> None:
    clock = Clock()
    one = breaker(clock)
    fail(one, 3)
    clock.now += 10.0
    one.enter()
    one.abandoned()
    one.enter()
    one.succeeded()
    assert state(one) is BreakerState.CLOSED
