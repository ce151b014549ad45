"""How long the disk takes to say that something is on it."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from time import perf_counter
from typing import Final

from bench.limits.figures import Limit, spread

_FILE: Final = 16 * 1024 * 1024  # bytes; as large as a segment of Postgres' log


def data_folder(home: Path) -> Path:
    """Return where Postgres' cluster of a data directory lies, which may be elsewhere."""
    cluster = home / "postgres" / "cluster"
    return cluster.resolve().parent if cluster.exists() else home


def sync_time(folder: Path, *, size: int = 8192, seconds: float = 1.0) -> Limit:
    """Measure a write of `size` bytes and its fdatasync, in microseconds (the value is the median).

    One after the other into a file that was written before, as the log of a database is: its
    length stays, so that only data has to reach the disk.
    """
    block = os.urandom(size)
    times: list[float] = []
    with tempfile.TemporaryFile(dir=folder, buffering=0) as file:
        number = file.fileno()
        os.write(number, bytes(_FILE))
        os.fsync(number)
        until = perf_counter() + seconds
        place = 0
        while (begun := perf_counter()) < until:
            os.pwrite(number, block, place)
            os.fdatasync(number)
            times.append(perf_counter() - begun)
            place = (place + size) % _FILE
    found = spread(times, "us", 1e6)
    return Limit(
        name="fsync",
        value=found["p50_us"],
        unit="us",
        also=found | {"per_s": len(times) / sum(times)},
        settings={
            "bytes": size,
            "call": "pwrite, fdatasync",
            "file": f"{_FILE} bytes, written before",
            "filesystem": filesystem_of(folder),
            "seconds": seconds,
        },
    )


def filesystem_of(folder: Path) -> str:
    """Return the type and the device of what is mounted there, such as `ext4 on /dev/vda`."""
    mounts = Path("/proc/self/mounts")
    here = str(folder.resolve())
    found = ("", "unknown")
    for line in mounts.read_text().splitlines() if mounts.exists() else []:
        device, point, kind = line.split()[:3]
        point = point.replace("\\040", " ")
        inside = here == point or here.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= len(found[0]):
            found = (point, f"{kind} on {device}")
    return found[1]
