"""Runs under valgrind: prepares once, and does each workload in a child of its own.

A child begins with the count of its parent, and writes its own when it ends: what a workload took
is the difference to the child that did nothing.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from bench.instructions.workloads import workloads

NOTHING: Final = "nothing"  # the name of the child that does none of them


def _child(folder: Path, name: str, run: Callable[[], object]) -> None:
    pid = os.fork()
    if pid:
        os.waitpid(pid, 0)
        return
    run()
    (folder / f"{name}.pid").write_text(str(os.getpid()))
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
    _child(folder, NOTHING, lambda: None)
    for name, workload in found.items():
        _child(folder, name, workload.run)


if __name__ == "__main__":
    main()
