"""Chances of so few, against sums that anybody can make."""

from __future__ import annotations

import math

import pytest

from libs.arrivals.poisson import log_at_most, one_in


def summed(count: int, mean: float) -> float:
    terms = (math.exp(n * math.log(mean) - mean - math.lgamma(n + 1)) for n in range(count + 1))
    return math.log(sum(terms))


@pytest.mark.parametrize(
    ("count", "mean"), [(0, 0.5), (0, 20), (1, 1.5), (3, 18), (40, 80), (80, 100), (449, 450)]
)
def test_chance_is_the_sum_of_its_terms(count: int, mean: float) -> None:
    assert log_at_most(count, mean) == pytest.approx(summed(count, mean), rel=1e-9)


def test_as_many_as_expected_is_no_wonder() -> None:
    assert log_at_most(5, 5) == log_at_most(9, 5) == log_at_most(0, 0) == 0


def test_large_numbers_neither_overflow_nor_last() -> None:
    """A chance that no float holds has a logarithm; the normal law is near where it is near."""
    assert log_at_most(0, 1e6) == -1e6
    assert log_at_most(995_000, 1e6) == pytest.approx(
        math.log(0.5 * math.erfc(5 / 2**0.5)), rel=0.01
    )


@pytest.mark.parametrize(
    ("chance", "said"),
    [(0.5, "1 in 2"), (1 / 12_345, "1 in 12,000"), (1e-12, "less than 1 in 1,000,000,000")],
)
def test_chances_are_said_in_two_digits(chance: float, said: str) -> None:
    assert one_in(math.log(chance)) == said
