"""The check digit of a NIT, Colombia's tax number: `830140299-6`.

The digits before the hyphen, from the right, times these primes; the sum modulo 11 (DIAN, Orden
Administrativa 4 of 1989).
"""

from __future__ import annotations

import re
from typing import Final

_WEIGHTS: Final = (3, 7, 13, 17, 19, 23, 29, 37, 41, 43, 47, 53, 59, 67, 71)
_NIT: Final = re.compile(r"([0-9]{1,15})-([0-9])")


def what_is_wrong(nit: str) -> str | None:
    """Say what is wrong with a NIT, without quoting it; None where it is right."""
    found = _NIT.fullmatch(nit)
    if found is None:
        return "must be digits, a hyphen and the check digit"
    return None if check_digit(found[1]) == int(found[2]) else "the check digit does not hold"


def check_digit(digits: str) -> int:
    """Return the check digit of at most 15 digits."""
    total = sum(int(d) * w for d, w in zip(reversed(digits), _WEIGHTS, strict=False)) % 11
    return total if total < 2 else 11 - total
