"""How unlikely so few are, where they come by chance alone."""

from __future__ import annotations

from math import exp, lgamma, log, log1p
from typing import Final

_NO_MORE: Final = 1e-16  # a term that adds nothing to the sum any more


def log_at_most(count: int, mean: float) -> float:
    """Return the natural logarithm of the chance of `count` or fewer where `mean` are expected.

    For fewer than expected; from `mean` on it is 0, "no wonder". Summed from the last term down: each
    is smaller than the one before, so that some hundreds are enough however many are expected.
    """
    if count >= mean:
        return 0.0
    last = count * log(mean) - mean - lgamma(count + 1)
    rest, term = 0.0, 1.0
    for number in range(count, 0, -1):
        term *= number / mean
        rest += term
        if term < _NO_MORE * (1.0 + rest):
            break
    return last + log1p(rest)


def one_in(log_chance: float) -> str:
    """Say a chance in words: `1 in 12,000`."""
    most = 1_000_000_000
    if log_chance < -log(most):
        return f"less than 1 in {most:,}"
    return f"1 in {_two_digits(exp(-log_chance)):,}"


def _two_digits(number: float) -> int:
    """Keep two digits: of a chance nobody wants more."""
    whole = str(int(number))
    return int(whole[:2].ljust(len(whole), "0"))
