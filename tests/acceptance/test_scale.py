"""Scaling under load: 1 to 3 normalizers and back, 1 to 2 reconcilers and back, and the oracle's verdict.

What is taken away gets SIGTERM, as from an orchestrator, with its hands full, and ends by itself with code 0. In each round
three are killed and started again: one with a batch that it has not told of, one between commit and acknowledgement, one anywhere. Nothing may be lost, nothing may take effect twice, and the events of each object
come in order. The sweep, which would make good what was acknowledged too early, is off.

    make scale MINUTES=2      rounds of it for so long, with its figures
"""

from __future__ import annotations

import asyncio
import os
import re
import tempfile
import time
import urllib.request
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pytest

from libs.bus.tail import consumer_counts
from libs.bus.topology import ARCHIVE_QUEUE, NORMALIZER_QUEUE, RECONCILER_QUEUE
from libs.embedded import unprivileged
from libs.embedded.ports import LOOPBACK, free_port
from tests.faults.case import Case, Scene
from tests.faults.ground import ground, thaw
from tests.faults.house import House, Shape, house
from tests.faults.kept import Kept
from tests.faults.load import Running
from tests.faults.play import play

MINUTES: Final = float(os.environ.get("CAUDAL_SCALE_MINUTES", "0"))
# Webhooks a second, on a machine that has other work too.
RATE: Final = 300.0 if MINUTES else 150.0
IN_HAND: Final = 100  # webhooks that come while workers hold still
SHAPE: Final = Shape(normalizers=3, reconcilers=2)
QUEUES: Final = {
    "normalizer": (NORMALIZER_QUEUE,),
    "reconciler": (ARCHIVE_QUEUE, RECONCILER_QUEUE),
}
# One of those that are added has taken and translated a batch, and not told; one has committed, and not acknowledged.
DIES_AT: Final = {
    "normalizer-2": ("normalizer.translated:kill:4",),
    "reconciler-2": ("reconciler.committed:kill:4",),
}
# CAUDAL_GRACE of the house, and the goodbyes; an orchestrator grants 60 s.
ENDS_WITHIN: Final = 25.0
_HANDLED: Final = re.compile(
    rb'^caudal_consumer_messages_total\{[^}]*outcome="handled"[^}]*\} ([0-9.e+]+)$', re.MULTILINE
)

pytestmark = [
    pytest.mark.servers,
    pytest.mark.slow,
    pytest.mark.timeout(300 + 120 * MINUTES),
]


@dataclass(slots=True)
class Figures:
    """What was seen of the scaling itself; times in seconds."""

    rounds: int = 0
    joined: list[float] = field(default_factory=list)
    """From the start of a round's more, with two deaths among them, until all consume."""
    ended: list[float] = field(default_factory=list)
    """From SIGTERM to the end of the process."""
    codes: set[int | None] = field(default_factory=set)
    handled: dict[str, int] = field(default_factory=dict)
    """Messages that came through those that were there for a while only."""
    killed: int = 0

    def shown(self) -> str:
        by_name = ", ".join(f"{name} {count}" for name, count in sorted(self.handled.items()))
        return (
            f"{self.rounds} rounds of 1-3-1 normalizers and 1-2-1 reconcilers: all there after {max(self.joined):.1f} s "
            f"at most, two deaths included; {len(self.ended)} ended on SIGTERM (slowest {max(self.ended):.1f} s), "
            f"{self.killed} killed; messages through them: {by_name}"
        )


class Scaling:
    """Adds and takes away workers while webhooks come."""

    def __init__(self) -> None:
        self.figures = Figures()

    async def down_to_one(self, scene: Scene) -> None:
        """Leave one of each, before any load."""
        for kept in _further(scene.house):
            kept.environment["CAUDAL_METRICS_PORT"] = str(free_port())
        await asyncio.gather(*(kept.stop() for kept in _further(scene.house)))

    async def rounds(self, scene: Scene) -> None:
        """Scale out and in, at least once and for as long as is told."""
        assert isinstance(scene.load, Running)
        until = time.monotonic() + 60 * MINUTES
        while not self.figures.rounds or time.monotonic() < until:
            await self._round(scene)
            self.figures.rounds += 1
        scene.load.stop()

    async def _round(self, scene: Scene) -> None:
        house = scene.house
        for kept in _further(house):
            kept.arm(*DIES_AT.get(kept.name, ()))
        await self._out(scene, _further(house))
        await self._die(scene, house.of("reconciler")[0])
        await scene.some_more(60)
        for role in QUEUES:
            for fewer in house.of(role)[1:]:
                await self._in(scene, fewer)
                await scene.some_more(30)

    async def _out(self, scene: Scene, more: Sequence[Kept]) -> None:
        """Start more of each; those that are armed die with a batch in hand, and are started again."""
        begun = time.monotonic()
        lives = {kept.name: len(kept.lives) for kept in more}
        await asyncio.gather(*(kept.start() for kept in more))

        async def died() -> bool:
            return all(
                len(kept.lives) >= lives[kept.name] + 2 for kept in more if kept.name in DIES_AT
            )

        await scene.house.until(died, seconds=60, what=f"deaths of {', '.join(DIES_AT)}")
        self.figures.killed += len(DIES_AT)
        await self._all_consume(scene)
        self.figures.joined.append(time.monotonic() - begun)

    async def _in(self, scene: Scene, kept: Kept) -> None:
        """Send SIGTERM to one with its hands full, as an autoscaler does to one after the other."""
        handled = await asyncio.to_thread(_handled_by, kept)
        self.figures.handled[kept.name] = self.figures.handled.get(kept.name, 0) + handled
        await self._fill_hands(scene, kept)
        begun = time.monotonic()
        await kept.stop()
        self.figures.ended.append(time.monotonic() - begun)
        self.figures.codes.add(kept.lives[-1].code)

    async def _die(self, scene: Scene, victim: Kept) -> None:
        """Kill it at whatever it does; whoever runs it starts it again."""
        await self._fill_hands(scene, victim)
        victim.kill()
        self.figures.killed += 1
        await scene.some_more(30)
        await self._all_consume(scene)

    async def _fill_hands(self, scene: Scene, kept: Kept) -> None:
        """Let no worker of its kind go on for a moment, so that all of them then have much in hand."""
        kin = [each for each in scene.house.of(kept.arguments[0]) if each.pid is not None]
        frozen = [pid for each in kin for pid in each.freeze()]
        try:
            await scene.some_more(IN_HAND)
        finally:
            thaw(frozen)
        await asyncio.sleep(0.02)

    async def _all_consume(self, scene: Scene) -> None:
        wanted = {
            queue: len(scene.house.of(role)) for role, queues in QUEUES.items() for queue in queues
        }

        async def there() -> bool:
            return await consumer_counts(scene.house.room.amqp_url, wanted) == wanted

        await scene.house.until(there, seconds=60, what=f"consumers: {wanted}")


def _further(house: House) -> list[Kept]:
    return [*house.of("normalizer")[1:], *house.of("reconciler")[1:]]


def _handled_by(kept: Kept) -> int:
    """Return how many messages this life of a worker has handled, as its metrics tell."""
    url = f"http://{LOOPBACK}:{kept.environment['CAUDAL_METRICS_PORT']}/metrics"
    with urllib.request.urlopen(url, timeout=10) as answer:
        return int(sum(float(found) for found in _HANDLED.findall(answer.read())))


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[House]:
    # Not below pytest's own directory: nobody else may pass that, and Postgres has its own user.
    with tempfile.TemporaryDirectory(prefix="caudal-scale-", ignore_cleanup_errors=True) as place:
        unprivileged.let_pass(Path(place))
        async with (
            ground(Path(place) / "ground") as on,
            house(on, SHAPE, tmp_path, seed=1) as built,
        ):
            yield built


async def test_scaling_loses_and_repeats_nothing(running: House, tmp_path: Path) -> None:
    scaling = Scaling()
    case = Case(
        name="scale",
        matrix="",
        on="normalizer, reconciler",
        fault="scaled out and in",
        shape=SHAPE,
        prepare=scaling.down_to_one,
        act=scaling.rounds,
        webhooks=100,  # of which a tenth comes before it begins
        lasting=3600,  # at most; it ends with the last round
        rate=RATE,
        seconds=300 + 60 * MINUTES,
    )
    row = await play(case, 1, running, tmp_path / "ledger.jsonl")
    figures = scaling.figures
    print(f"\n{figures.shown()}")  # noqa: T201 - the figures are what `make scale` is for
    print(  # noqa: T201
        f"{row.accepted} accepted, {row.archived} archived, {row.folded} folded, {row.emitted} events; "
        f"lost {row.lost}, effects twice {row.duplicates_of_effect}, out of order or otherwise {len(row.problems)}; "
        f"slowest answer {row.longest_answer_ms:.0f} ms; quiet {row.quiet:.1f} s after the last step"
        if row.quiet is not None
        else f"not quiet: {row.problems}"
    )
    assert row.problems == [], f"logs in {tmp_path}"
    assert (row.lost, row.duplicates_of_effect) == (0, 0)
    assert row.accepted == row.archived > 0
    assert figures.codes == {0}
    assert max(figures.ended) < ENDS_WITHIN
    assert set(figures.handled) == {kept.name for kept in _further(running)}
    assert all(figures.handled.values()), "one that was added had nothing to do"
