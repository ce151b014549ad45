"""Reads a spool's folder as the next process would: takes over, drains, and goes."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from libs.spool.disk import Disk

ROOMY: Final = 100_000_000


def written(root: Path, messages: list[bytes]) -> Path:
    """Leave a spool behind that holds these, one sync each; return its one segment."""
    disk = Disk(root, max_bytes=ROOMY)
    for message in messages:
        disk.commit([message])
    disk.close()
    [segment] = root.glob("*/*.segment")
    return segment


def opened(root: Path) -> Disk:
    disk = Disk(root, max_bytes=ROOMY)
    disk.take_over()
    while disk.open_next():
        continue
    return disk


def drained(root: Path, disk: Disk | None = None) -> list[bytes]:
    """Drain everything that can be read, and give the folder up."""
    disk = disk or opened(root)
    found: list[bytes] = []
    while (spooled := disk.oldest()) is not None:
        found.append(spooled.message)
        disk.remove(spooled)
    assert disk.figures().records == 0
    disk.close()
    return found
