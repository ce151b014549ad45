"""A process that appends until it is killed, and says on stdout what it was promised.

python -m tests.unit.spool.appending <folder> <seed>
"""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Iterator
from itertools import count
from pathlib import Path

from libs.spool.disk import Disk


def batches(seed: int) -> Iterator[list[bytes]]:
    """Make batches of messages for ever, each message with its number in front."""
    chance = random.Random(seed)
    number = count()
    while True:
        sizes = chance.choices([0, 1, 100, 5000, 200_000], k=chance.randint(1, 3))
        yield [b"%d:" % next(number) + chance.randbytes(size) for size in sizes]


def main(root: Path, seed: int) -> None:
    chance = random.Random(seed)
    disk = Disk(root, max_bytes=1_000_000_000, segment_bytes=300_000)
    for batch in batches(seed):
        disk.commit(batch)
        os.write(1, b"%d\n" % len(batch))
        if chance.random() < 0.2:
            spooled = disk.oldest()
            assert spooled is not None
            os.write(1, b"drained\n")
            disk.remove(spooled)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
