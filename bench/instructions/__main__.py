"""Runs under valgrind: prepares once, and does each workload in a child of its own.

A child begins with the count of its parent, and writes its own when it ends: what a workload took
is the difference to a child that did nothing.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from bench.instructions.workloads import workloads

ROUNDS: Final = 3


def _child(folder: Path, name: str, run: Callable[[], object], rounds: int) -> None:
    pid = os.fork()
    if pid:
        os.waitpid(pid, 0)
        return
    for _ in range(rounds):
        run()
    (folder / f"{name}.{rounds}.pid").write_text(str(os.getpid()))
    os._exit(0)


def main() -> None:
    """Write which process did what into the folder that is told."""
    folder = Path(sys.argv[1])
    found = workloads()
    for workload in found.values():
        workload.run()
    gc.collect()
    gc.freeze()
    gc.disable()
    for name, workload in found.items():
        for rounds in (0, ROUNDS):
            _child(folder, name, workload.run, rounds)


if __name__ == "__main__":
    main()
