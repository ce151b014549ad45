"""Measures the limits on servers of its own: `python -m bench.limits [--repeat 3] > limits.json`."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from bench.limits.measure import measure
from libs.embedded.servers import remove_data, servers
from libs.runtime.logs import configure_logs
from libs.runtime.settings import LogLevel


def _progress(what: str) -> None:
    sys.stderr.write(f"limits: {what}\n")


async def _measure(home: Path, times: int) -> list[dict[str, Any]]:
    async with servers(home, on_progress=_progress) as found:
        return [await measure(found, home, on_progress=_progress) for _ in range(times)]


def main() -> None:
    """Measure, and write a list with one object for each repetition."""
    parser = argparse.ArgumentParser(prog="python -m bench.limits", description=__doc__)
    parser.add_argument("--repeat", type=int, default=1, metavar="N", help="measure N times")
    told = parser.parse_args()
    configure_logs("limits", LogLevel.WARNING)
    home = Path(tempfile.mkdtemp(prefix="caudal-limits-"))
    try:
        found = asyncio.run(_measure(home, told.repeat))
    finally:
        remove_data(home)
    sys.stdout.write(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
