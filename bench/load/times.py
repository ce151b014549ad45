"""What the sender writes: when each request was due, when it was answered, and with which status."""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_EACH: Final = 8 + 8 + 2  # bytes


@dataclass(frozen=True, slots=True)
class Times:
    """By the requests' number; seconds of the monotonic clock, and 0 where no answer came."""

    due: array[float]
    done: array[float]
    statuses: array[int]


def read_times(path: Path) -> Times:
    """Read the file of a run that has ended. Raises `ValueError` where it is cut short."""
    raw = path.read_bytes()
    count, rest = divmod(len(raw), _EACH)
    if rest:
        raise ValueError("the sender's times are cut short")
    due, done, statuses = array("d"), array("d"), array("H")
    due.frombytes(raw[: 8 * count])
    done.frombytes(raw[8 * count : 16 * count])
    statuses.frombytes(raw[16 * count :])
    return Times(due, done, statuses)
