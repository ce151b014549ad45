"""The highest rate that is sustained is found from below, whatever the short look said."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bench.scenes.search import ATTEMPTS, HIGHER, LOWER, Search


def searched(search: Search, most: float, idle: Callable[[float], float]) -> list[float]:
    """Hold rates of a system that carries `most`; return those that were tried."""
    tried = []
    while not search.done:
        tried.append(search.rate)
        if search.rate <= most:
            search.sustained(idle(search.rate))
        else:
            search.failed(most)
    return tried


def test_a_rate_that_leaves_nothing_is_held_as_often_as_asked() -> None:
    search = Search(100, times=3)
    assert searched(search, 100, lambda _: 0.05) == [100, 100, 100]
    assert search.held == [100, 100, 100]


def test_where_a_third_of_the_machine_is_left_higher_ones_are_tried_until_one_fails() -> None:
    search = Search(100, times=2)
    tried = searched(search, 130, lambda _: 0.3)
    assert tried == pytest.approx([100, 112, 125.44, 140.4928, 125.44])
    assert search.held == pytest.approx([100 * HIGHER**2] * 2)


def test_nothing_higher_is_tried_once_the_machine_is_busy() -> None:
    search = Search(100, times=1)
    tried = searched(search, 1000, lambda rate: 0.3 if rate < 110 else 0.02)
    assert tried == pytest.approx([100, 112])
    assert search.held == pytest.approx([112])


def test_a_first_rate_that_is_too_high_is_lowered_and_not_raised_to_it_again() -> None:
    search = Search(200, times=2)
    tried = searched(search, 150, lambda _: 0.4)
    assert tried[:2] == pytest.approx([200, 150])
    assert max(tried[1:]) < 200
    assert all(rate <= 150 for rate in search.held)
    assert len(search.held) == 2


def test_what_was_held_once_and_not_again_counts_beside_the_lower_one() -> None:
    search = Search(100, times=2)
    search.sustained(idle=0)
    search.failed(carried=97)
    assert search.rate == LOWER * 100
    search.sustained(idle=0)
    assert search.done
    assert search.held == [100, LOWER * 100]


def test_one_that_sustains_nothing_ends_with_words() -> None:
    search = Search(100, times=1)
    for _ in range(ATTEMPTS):
        assert not search.done
        search.failed(carried=search.rate)
    with pytest.raises(RuntimeError, match="0 were sustained"):
        assert search.done
