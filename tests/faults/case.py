"""What a case is: a fault on a house, under load, with words for the table."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final, Protocol

from services.sandbox.chaos import Chaos
from tests.faults.house import INGRESS_BROKER, POSTGRES, PROVIDER, WORKER_BROKER, House, Shape


class Load(Protocol):
    """The driver at work, as a fault sees it."""

    @property
    def accepted(self) -> int:
        """How many webhooks were answered 2xx so far."""

    @property
    def posted(self) -> bool:
        """Whether the driver has done all that it had to."""

    @property
    def tap(self) -> str:
        """The queue by which the oracle hears every event."""

    @property
    def apis(self) -> Chaos:
        """What goes wrong at the providers' APIs. Raises AssertionError where they have none."""


@dataclass(frozen=True, slots=True)
class Scene:
    """What a fault is given. All chance comes from the seed."""

    house: House
    load: Load
    seed: int
    chance: random.Random

    async def until_accepted(self, count: int, *, seconds: float = 60.0) -> None:
        async def enough() -> bool:
            return self.load.accepted >= count

        await self.house.until(enough, seconds=seconds, what=f"{count} webhooks accepted")

    async def some_more(self, count: int = 50, *, seconds: float = 60.0) -> None:
        """Wait until so many more have been accepted than now."""
        await self.until_accepted(self.load.accepted + count, seconds=seconds)


Act = Callable[[Scene], Awaitable[None]]


async def nothing(_: Scene) -> None:
    """Do nothing."""


EVERY_LINK: Final = (PROVIDER, INGRESS_BROKER, WORKER_BROKER, POSTGRES)
LINKED: Final = Shape(links=EVERY_LINK)
PLAIN: Final = Shape()


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """`act` brings the fault about, holds it and heals it; load goes on around it.

    `prepare` comes before the load, `restore` after the fault whatever happened. `open_door`: the
    ingress runs all the time and its link to the provider is healthy, so that every answer has to
    be there within the deadline and none may be missing.
    """

    name: str
    matrix: str
    """The row of the design's fault matrix."""
    on: str
    fault: str
    act: Act
    prepare: Act = nothing
    restore: Act = nothing
    shape: Shape = field(default_factory=lambda: LINKED)
    webhooks: int = 600
    lasting: float | None = None
    """Seconds that the load goes on for, however many webhooks that makes."""
    rate: float = 100.0
    """Webhooks per second; 0 is as fast as possible."""
    warm: float = 0.1
    """The share of them that is accepted before the fault begins."""
    open_door: bool = True
    may_end: bool = False
    """A process may end by itself of the fault: whoever runs it starts it again."""
    quiet_within: float = 90.0
    """Seconds from the end of the load until nothing is under way any more."""
    seconds: float = 300.0
    """How long all of it may take."""
