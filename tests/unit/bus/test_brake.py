"""The brake holds what a bad deploy would put aside, says so, and lets go by itself."""

from __future__ import annotations

import pytest
import structlog
from structlog.typing import EventDict

from libs.bus.brake import Brake, BrakeEngagedError
from libs.runtime.metrics import REGISTRY

QUEUE = "test.braked"


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def brake(clock: Clock | None = None) -> Brake:
    return Brake("test", QUEUE, share=0.5, minimum=20, clock=clock or Clock())


def metric() -> float | None:
    return REGISTRY.get_sample_value(
        "caudal_brake_engaged", {"service": "test", "queue": QUEUE}
    )  # fmt: skip


def engaged(clock: Clock | None = None) -> Brake:
    ours = brake(clock)
    with pytest.raises(BrakeEngagedError):
        ours.judge(new=20, new_failed=20)
    return ours


@pytest.fixture(autouse=True)
def logged() -> object:
    with structlog.testing.capture_logs() as lines:
        yield lines


def test_few_failures_engage_nothing() -> None:
    ours = brake()
    for _ in range(19):
        ours.judge(new=1, new_failed=1)
    assert not ours.engaged
    assert metric() == 0


def test_twentieth_failure_engages_it() -> None:
    ours = brake()
    ours.judge(new=19, new_failed=19)
    with pytest.raises(BrakeEngagedError) as raised:
        ours.judge(new=1, new_failed=1)
    assert ours.engaged
    assert metric() == 1
    assert raised.value.after is not None
    assert raised.value.after <= 1


def test_share_below_engages_nothing() -> None:
    ours = brake()
    for _ in range(100):
        ours.judge(new=100, new_failed=49)
    assert not ours.engaged


def test_old_successes_are_forgotten() -> None:
    """A million good ones before do not hide a bad deploy."""
    ours = brake()
    ours.judge(new=1_000_000, new_failed=0)
    for _ in range(20):
        ours.judge(new=10, new_failed=0)
    for _ in range(9):
        ours.judge(new=10, new_failed=10)
    with pytest.raises(BrakeEngagedError):
        ours.judge(new=10, new_failed=10)


def test_retries_count_only_once() -> None:
    """Five poisoned ones in a quiet hour, tried five times each, are five."""
    ours = brake()
    ours.judge(new=5, new_failed=5)
    for _ in range(4):
        ours.judge(new=0, new_failed=0, old=5, old_failed=5)
    assert not ours.engaged


def test_failing_probe_holds_longer() -> None:
    ours = engaged()
    pauses = []
    for _ in range(8):
        with pytest.raises(BrakeEngagedError) as raised:
            ours.judge(new=10, new_failed=10)
        pauses.append(raised.value.after or 0.0)
    assert max(pauses) <= 30
    assert pauses[-1] >= 15


def test_retried_batch_is_a_probe_too() -> None:
    ours = engaged()
    with pytest.raises(BrakeEngagedError):
        ours.judge(new=0, new_failed=0, old=3, old_failed=3)


def test_good_probe_releases_it() -> None:
    ours = engaged()
    ours.judge(new=10, new_failed=1)
    assert not ours.engaged
    assert metric() == 0
    ours.judge(new=19, new_failed=19)  # the window is a fresh one


def test_it_says_so_now_and_then(logged: list[EventDict]) -> None:
    clock = Clock()
    ours = engaged(clock)
    for second in range(1, 91):
        clock.now = second
        with pytest.raises(BrakeEngagedError):
            ours.judge(new=20, new_failed=20)
    told = [(line["event"], line["log_level"], line["queue"]) for line in logged]
    assert told == [
        ("brake_engaged", "critical", QUEUE),
        *[("brake_holds", "critical", QUEUE)] * 3,
    ]


def test_batch_that_comes_again_counts_once() -> None:
    """Its failures could not be put aside, for the broker took nothing: no new failures."""
    ours = brake()
    for _ in range(100):
        ours.judge(new=1, new_failed=1)
        ours.take_back()
    for _ in range(19):
        ours.judge(new=1, new_failed=1)
    assert not ours.engaged


def test_what_was_not_counted_is_not_taken_back() -> None:
    """A batch of old ones alone, which comes again, takes no other batch with it."""
    ours = brake()
    ours.judge(new=19, new_failed=19)
    ours.judge(new=0, new_failed=0, old=1, old_failed=1)
    ours.take_back()
    with pytest.raises(BrakeEngagedError):
        ours.judge(new=1, new_failed=1)


def test_batch_without_deliveries_is_not_held() -> None:
    ours = engaged()
    ours.judge(new=0, new_failed=0)
    assert ours.engaged
