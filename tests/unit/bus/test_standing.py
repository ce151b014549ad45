"""How a queue stands: rate, age and prediction, from what was noted and what was looked at."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import count
from math import isnan

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from libs.bus.standing import Standing
from libs.runtime.metrics import REGISTRY
from libs.runtime.queue_metrics import LONGEST

_NUMBERS = count()


class Clock:
    """A time of day that a test sets."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(name="clock")
def a_clock() -> Clock:
    return Clock()


@pytest.fixture(name="queue")
def a_queue() -> str:
    return f"queue-{next(_NUMBERS)}"


def told(queue: str, what: str) -> float | None:
    return REGISTRY.get_sample_value(f"caudal_queue_{what}", {"queue": queue})


def received(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC)


def test_empty_queue_is_empty(queue: str, clock: Clock) -> None:
    standing = Standing(queue, now=clock)
    standing.looked(0, 0, 1)

    assert told(queue, "messages") == 0
    assert told(queue, "oldest_seconds") == 0
    assert told(queue, "predicted_drain_seconds") == 0
    assert told(queue, "rate") == 0


def test_rate_is_of_a_minute(queue: str, clock: Clock) -> None:
    standing = Standing(queue, now=clock)
    for at in range(0, 300, 5):
        standing.looked(at, 0, 1)
        standing.worked(0.1, 50 if at < 200 else 0)
    assert told(queue, "rate") == 0
    standing.worked(0.1, 120)
    standing.looked(300, 0, 1)
    assert told(queue, "rate") == pytest.approx(2.0)


def test_prediction_is_backlog_over_what_all_consumers_can(queue: str, clock: Clock) -> None:
    """Half idle, a worker that does 100 in half a second of work can do 200 a second."""
    standing = Standing(queue, now=clock)
    standing.looked(0, 0, 1)
    standing.worked(0.5, 100)
    standing.looked(5, 4000, 1)
    assert told(queue, "predicted_drain_seconds") == pytest.approx(20.0)
    standing.looked(10, 4000, 4)
    assert told(queue, "predicted_drain_seconds") == pytest.approx(5.0)


def test_nothing_is_predicted_before_anything_is_known(queue: str, clock: Clock) -> None:
    standing = Standing(queue, now=clock)
    standing.looked(0, 70, 1)
    assert told(queue, "predicted_drain_seconds") is None
    standing.looked(30, 70, 1)
    assert told(queue, "predicted_drain_seconds") is None
    standing.worked(1.0, 10)
    standing.looked(35, 60, 1)
    assert told(queue, "predicted_drain_seconds") == pytest.approx(6.0)


def test_who_stands_still_says_the_longest_after_a_minute(queue: str, clock: Clock) -> None:
    standing = Standing(queue, now=clock)
    standing.looked(0, 0, 1)
    standing.worked(1.0, 10)
    said = []
    for at in range(5, 100, 5):
        standing.looked(at, 20, 1)
        said.append((at, told(queue, "predicted_drain_seconds")))
    longest = [at for at, seconds in said if seconds == LONGEST]
    assert longest == list(range(65, 100, 5))
    assert {seconds for at, seconds in said if at < 65} == {2.0}
    standing.worked(1.0, 10)
    standing.looked(100, 10, 1)
    assert told(queue, "predicted_drain_seconds") == pytest.approx(1.0)


def test_who_is_idle_does_not_become_stuck_by_the_first_message(queue: str, clock: Clock) -> None:
    standing = Standing(queue, now=clock)
    standing.worked(1.0, 10)
    for at in range(0, 600, 5):
        standing.looked(at, 0, 1)
    standing.looked(600, 5, 1)
    assert told(queue, "predicted_drain_seconds") in (None, pytest.approx(0.5))


def test_others_that_work_it_off_count(queue: str, clock: Clock) -> None:
    """The outbox: another relay has the turn."""
    standing = Standing(queue, now=clock, aged=False)
    standing.looked(0, 0, 1)
    standing.worked(1.0, 100)
    for at in range(5, 200, 5):
        standing.looked(at, 300, 1, moved=True)
    assert told(queue, "predicted_drain_seconds") == pytest.approx(3.0)


def test_age_is_of_what_is_in_hand(queue: str, clock: Clock) -> None:
    standing = Standing(queue, now=clock)
    standing.took(received(clock.now - 30))
    assert told(queue, "oldest_seconds") == pytest.approx(30)
    clock.now += 15  # a batch that is held
    assert told(queue, "oldest_seconds") == pytest.approx(45)
    standing.did()
    assert told(queue, "oldest_seconds") == 0


def test_age_of_what_waits_is_at_most_since_it_was_empty(queue: str, clock: Clock) -> None:
    standing = Standing(queue, now=clock)
    standing.took(received(clock.now - 3600))
    standing.did()
    standing.looked(0, 0, 1)
    clock.now += 7
    standing.looked(7, 12, 1)
    assert told(queue, "oldest_seconds") == pytest.approx(7)


def test_age_of_what_waits_is_at_most_that_of_what_was_done_last(queue: str, clock: Clock) -> None:
    standing = Standing(queue, now=clock)
    standing.looked(0, 5, 1)
    clock.now += 100
    standing.took(received(clock.now - 20))
    standing.did()
    standing.looked(100, 5, 1)
    assert told(queue, "oldest_seconds") == pytest.approx(20)


def test_batch_that_is_lost_is_in_hand_no_longer(queue: str, clock: Clock) -> None:
    standing = Standing(queue, now=clock)
    standing.took(received(clock.now - 30))
    standing.dropped()
    assert told(queue, "oldest_seconds") == 0


def test_replays_do_not_count(queue: str, clock: Clock) -> None:
    standing = Standing(queue, now=clock)
    standing.took(None)
    clock.now += 50
    assert told(queue, "oldest_seconds") == 0
    standing.did()
    assert REGISTRY.get_sample_value("caudal_consumer_lag_seconds_count", {"queue": queue}) == 0


def test_a_sender_with_a_fast_clock_makes_nothing_negative(queue: str, clock: Clock) -> None:
    standing = Standing(queue, now=clock)
    standing.took(received(clock.now + 60))
    assert told(queue, "oldest_seconds") == 0


def test_what_is_no_longer_known_is_taken_back(queue: str, clock: Clock) -> None:
    standing = Standing(queue, now=clock)
    standing.looked(0, 5, 2)
    standing.unknown()
    for what in ("messages", "consumers", "rate", "predicted_drain_seconds"):
        assert told(queue, what) is None
    standing.looked(5, 0, 2)
    assert told(queue, "messages") == 0
    assert told(queue, "rate") == 0


def test_age_that_is_not_known_is_no_zero(queue: str, clock: Clock) -> None:
    """While the broker is away messages may wait; what is in hand has its age all the same."""
    standing = Standing(queue, now=clock)
    standing.looked(0, 0, 1)
    standing.took(received(clock.now - 30))
    standing.unknown()
    assert told(queue, "oldest_seconds") == pytest.approx(30)
    standing.did()
    assert isnan(told(queue, "oldest_seconds") or 0)
    clock.now += 40
    standing.looked(40, 0, 1)
    assert told(queue, "oldest_seconds") == 0


@example([(0, 0, 0, 0.0, False), (1, 0, 1, 5e-324, False)])
@given(
    st.lists(
        st.tuples(
            st.integers(0, 10_000),  # waiting
            st.integers(0, 5),  # consumers
            st.integers(0, 500),  # handled
            st.floats(0, 5, allow_nan=False),  # busy
            st.booleans(),  # moved
        ),
        min_size=1,
        max_size=40,
    )
)
def test_figures_are_never_absurd(
    looks: list[tuple[int, int, int, float, bool]],
) -> None:
    standing = Standing("of-any", now=Clock())
    for number, (waiting, consumers, handled, busy, moved) in enumerate(looks):
        standing.worked(busy, handled)
        standing.looked(5.0 * number, waiting, consumers, moved=moved)
        drain = standing.drain
        assert standing.rate >= 0
        assert drain is None or 0 <= drain <= LONGEST
        assert (drain == 0) == (waiting == 0) or drain is None
