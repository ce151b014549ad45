"""One run of the bench: the scenes in order, on servers of its own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from statistics import median
from time import monotonic
from typing import Any, Final

from bench.figures import Figure
from bench.house import house
from bench.limits.machine import machine
from bench.limits.measure import Extent, measure
from bench.scenes.asking import asking
from bench.scenes.bare_path import bare_path
from bench.scenes.drain import drain
from bench.scenes.end_to_end import end_to_end
from bench.scenes.growth import growth
from bench.scenes.hot import hot
from bench.scenes.idle import idle
from bench.scenes.ingress import ingress
from bench.scenes.latency import latency
from bench.scenes.memory import memory
from bench.scenes.stage import Progress, Stage
from services.stack.temporary import temporary_data

Scene = Callable[[Stage, float], Awaitable[list[Figure]]]
# In order; each is told the rate that is sustained end to end.
SCENES: Final[Mapping[str, Scene]] = {
    "idle": idle,
    "ingress": ingress,
    "end_to_end": end_to_end,
    "latency": latency,
    "drain": drain,
    "asking": asking,
    "hot": hot,
    "growth": growth,
    "bare_path": bare_path,
}
# It bounds the others and has no target of its own; the whole has to stay under 25 minutes.
ON_REQUEST: Final = frozenset({"bare_path"})
# These are told as multiples of it, so it is measured in the same run.
NEED_SUSTAINED: Final = frozenset({"latency", "drain"})
QUICK: Final = ("idle", "ingress", "end_to_end", "latency", "drain")


@dataclass(frozen=True, slots=True)
class Chosen:
    """What is run. `only` empty: everything, or what is quick."""

    quick: bool = False
    only: tuple[str, ...] = ()

    def has(self, scene: str) -> bool:
        """Whether a scene is wanted."""
        if self.only:
            needed = scene == "end_to_end" and not NEED_SUSTAINED.isdisjoint(self.only)
            return needed or scene in self.only
        return scene in QUICK if self.quick else scene not in ON_REQUEST


async def run(chosen: Chosen, progress: Progress) -> dict[str, Any]:
    """Measure, and return the result as JSON values."""
    begun = monotonic()
    figures: list[Figure] = []
    limits: Mapping[str, Any] = {}
    sustained = 0.0
    with temporary_data() as home:
        progress("starting RabbitMQ and Postgres")
        async with house(home) as built:
            stage = Stage(built, progress, quick=chosen.quick)
            told = await machine(built.servers, home)
            if chosen.has("limits"):
                extent = Extent(seconds=stage.seconds(2, 0.5))
                limits = await measure(built.servers, home, extent, on_progress=progress)
            for name, scene in SCENES.items():
                if not chosen.has(name):
                    continue
                for figure in await scene(stage, sustained):
                    progress(f"  {figure.key} {figure.median:.3g} {figure.unit}")
                    figures.append(figure)
                    if figure.key == "end_to_end":
                        sustained = median(figure.beside["per_second"])
    return {
        **_of_what(),
        "quick": chosen.quick,
        "seconds": round(monotonic() - begun),
        "machine": told,
        "limits": limits,
        "figures": [figure.as_json() for figure in figures],
    }


async def run_memory(minutes: float, progress: Progress) -> dict[str, Any]:
    """Hold full load for so many minutes."""
    with temporary_data() as home:
        async with house(home) as built:
            told = await machine(built.servers, home)
            figures = await memory(Stage(built, progress), minutes)
    return {
        **_of_what(),
        "machine": told,
        "figures": [figure.as_json() for figure in figures],
    }


def _of_what() -> dict[str, str]:
    return {"version": version("caudal"), "at": datetime.now(UTC).date().isoformat()}
