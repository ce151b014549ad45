"""For how long a round begins questions, and for how long its rows are claimed: longer than it can last."""

from __future__ import annotations

import math
from typing import Final

BEGUN_WITHIN: Final = 30  # seconds after the claim; what was not begun by then is given back
NOTED_WITHIN: Final = 40  # seconds for an answer to be published and noted, or for that to fail


def lease_of(*, calls: int, rate: float, concurrency: int, timeout: float) -> int:
    """Return the seconds of a claim: a question that begins last still ends within it.

    `calls` is how many one question takes at most, `rate` how many may begin in a second, `timeout`
    how many seconds each may take. No more than `concurrency` questions are under way, so that none of
    their calls waits for the rate longer than that many take.
    """
    question = calls * (timeout + concurrency / rate)
    return math.ceil(BEGUN_WITHIN + question + NOTED_WITHIN)
