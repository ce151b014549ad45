"""The garbage collector of a process that holds thousands of objects for a moment, and few cycles.

A batch under way is some ten thousand lists, tuples and rows, all alive: the collector went through
them once for every 700 that were made, and through all modules time and again. That took a sixth of
the CPU of each process. Memory at full load stays what it was (about 90 MB).

https://docs.python.org/3/library/gc.html#gc.set_threshold
"""

from __future__ import annotations

import gc
from typing import Final

THRESHOLDS: Final = (10_000, 20, 20)


def collect_seldom() -> None:
    """Leave what is loaded by now out of every collection, and look for garbage less often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
