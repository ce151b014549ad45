"""CPU time and memory of process trees, from /proc.

A tree is a root with all its descendants. Children that have ended and were waited for count with
their parent, so that what Postgres' short-lived backends used is not lost.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

_TICK: Final = os.sysconf("SC_CLK_TCK")
_PAGE: Final = os.sysconf("SC_PAGE_SIZE")
_PROC: Final = Path("/proc")


def cpu_seconds(root: int) -> float:
    """User and system time of the tree so far, in seconds."""
    return sum(_times(pid) for pid in _tree(root)) / _TICK


def resident_bytes(pid: int) -> int:
    """Resident memory of one process."""
    return int((_PROC / str(pid) / "statm").read_text().split()[1]) * _PAGE


def _times(pid: int) -> int:
    """utime, stime, and those of children that were waited for, in ticks (proc(5))."""
    try:
        fields = (_PROC / str(pid) / "stat").read_text().rsplit(")", 1)[1].split()
    except (OSError, IndexError):
        return 0
    return sum(int(field) for field in fields[11:15])


def _tree(root: int) -> list[int]:
    children: dict[int, list[int]] = {}
    for entry in _PROC.iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rsplit(")", 1)[1].split()
            except (OSError, IndexError):
                continue
            children.setdefault(int(fields[1]), []).append(int(entry.name))
    found, stack = [], [root]
    while stack:
        pid = stack.pop()
        found.append(pid)
        stack += children.get(pid, [])
    return found
