"""The process table, for tests that prove that nothing is left behind."""

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path


def living() -> dict[int, int]:
    """Return pid -> parent's pid of all processes but zombies."""
    if sys.platform != "linux":
        listing = subprocess.run(
            ["/bin/ps", "-axo", "pid=,ppid=,stat="], check=True, capture_output=True, text=True
        ).stdout
        rows = [line.split() for line in listing.splitlines()]
        return {int(pid): int(parent) for pid, parent, state in rows if state[0] != "Z"}
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                state, parent = (entry / "stat").read_text().rpartition(")")[2].split()[:2]
            except OSError:  # gone meanwhile
                continue
            if state != "Z":
                found[int(entry.name)] = int(parent)
    return found


def descendants(pid: int) -> set[int]:
    """Return the children of `pid`, theirs, and so on."""
    table = living()
    found: set[int] = set()
    frontier = {pid}
    while frontier:
        frontier = {child for child, parent in table.items() if parent in frontier} - found
        found |= frontier
    return found


def wait_until(condition: Callable[[], bool], *, seconds: float = 10.0) -> bool:
    """Poll until `condition` holds; False if it does not within `seconds`.

    One that starts a command has half of the time at most: what is waited for needs the rest.
    """
    deadline = time.monotonic() + seconds
    while True:
        began = time.monotonic()
        if condition():
            return True
        if time.monotonic() > deadline:
            return False
        time.sleep(max(0.02, time.monotonic() - began))


def gone(pids: set[int], *, seconds: float = 10.0) -> bool:
    """Whether all of them end within `seconds`."""
    return wait_until(lambda: not pids & living().keys(), seconds=seconds)


def stopped(pid: int) -> bool:
    """Whether every thread of it stands still: SIGSTOP takes effect some time after it was sent."""
    if sys.platform != "linux":
        return True
    states = [
        (task / "stat").read_text().rpartition(")")[2].split()[0]
        for task in Path(f"/proc/{pid}/task").iterdir()
    ]
    return set(states) <= {"T", "Z"}
