"""Plays one case: load, fault, healing, quiet, and the verdict."""

from __future__ import annotations

import random
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

from tests.faults.case import Case, Scene
from tests.faults.house import PUBLISH_DEADLINE, House
from tests.faults.load import Running
from tests.faults.report import Row

# On two cores that others use too, an answer may be read later than it was written.
MARGIN: Final = 1.0  # seconds
POSTED_WITHIN: Final = 120.0  # seconds from healing until the driver is done
RECOVERED_WITHIN: Final = 45.0  # seconds from healing until the ingress confirms again
RSS_BOUND: Final = 400  # MB; a worker has about 70
FILES_BOUND: Final = 400  # a process has about 20, and one for each open request


async def play(case: Case, seed: int, house: House, ledger: Path) -> Row:
    """Return the row; what is wrong stands in its `problems`.

    Raises AssertionError where the case could not be brought about at all.
    """
    row = Row(case=case.name, seed=seed, matrix=case.matrix, on=case.on, fault=case.fault)
    chance = random.Random(f"{case.name}/{seed}")
    before = {name: len(kept.lives) for name, kept in house.processes.items()}
    load = Running(house, case, seed, ledger)
    scene = Scene(house, load, seed, chance)
    try:
        await case.prepare(scene)
        await load.begin()
        await scene.until_accepted(int(case.webhooks * case.warm))
        await case.act(scene)
    finally:
        await case.restore(scene)
    healed = time.monotonic()
    try:
        row.recovered = await _recovered(house, healed, row)
        await load.end(POSTED_WITHIN)
        await load.judge(row, healed, case.quiet_within)
    finally:
        await load.close()
    _look(case, house, row, before)
    return row


async def _recovered(house: House, healed: float, row: Row) -> float | None:
    with suppress(AssertionError):
        await house.until_level("confirmed", seconds=RECOVERED_WITHIN)
        return time.monotonic() - healed
    row.problems.append(
        f"{RECOVERED_WITHIN:.0f} s after healing the level is {await house.level()}"
    )
    return None


def _look(case: Case, house: House, row: Row, before: dict[str, int]) -> None:
    """Check what the oracle does not see: the honesty of answers, and the processes."""
    longest = 1000 * (PUBLISH_DEADLINE + MARGIN)
    if case.open_door and row.longest_answer_ms > longest:
        row.problems.append(f"an answer took {row.longest_answer_ms:.0f} ms")
    if case.open_door and row.unknown_answers:
        row.problems.append(f"{row.unknown_answers} requests without an answer")
    if not case.may_end:
        row.problems += [f"ended by itself: {each}" for each in house.ended_by_themselves(before)]
    if case.shape.asks and not row.polled:
        row.problems.append("no provider was asked about anything")
    row.peak_rss_mb = max(kept.peak.rss_mb for kept in house.processes.values())
    row.peak_files = max(kept.peak.files for kept in house.processes.values())
    if row.peak_rss_mb > RSS_BOUND or row.peak_files > FILES_BOUND:
        row.problems.append(f"a process grew to {row.peak_rss_mb} MB, {row.peak_files} files")
