"""What makes a plan, as it stands in the first line of a ledger."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Final, Self

from services.simulator.names import mark_of
from services.simulator.providers import SIMULATIONS

_BASE: Final = datetime(2026, 1, 15, 12, tzinfo=UTC)
_EVERY_SOURCE: Final = tuple((slug, slug) for slug in SIMULATIONS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What makes a plan. Shares go from 0 to 1; `delay` is in seconds.

    `duplicates`, `truncated`, `unknown` and `malformed` are shares of all webhooks; the others are
    shares of the news, of which `losses` are never sent at all. `lives` is how many are open at a
    time. A plan ends after `count` webhooks, or when `born` lives have ended; with neither it has
    no end and is closed while it runs. `sources` are pairs of a source's slug and its provider.
    """

    seed: int
    run: str = "1"
    count: int | None = 1000
    sources: tuple[tuple[str, str], ...] = _EVERY_SOURCE
    duplicates: float = 0.0
    reorder: float = 0.0
    delay: float = 0.0
    unknown: float = 0.0
    malformed: float = 0.0
    lives: int = 256
    base: datetime = _BASE
    born: int | None = None
    losses: float = 0.0
    truncated: float = 0.0
    wrong_type: float = 0.0
    mojibake: float = 0.0

    @property
    def mark(self) -> str:
        """What every body of this run has in its text."""
        return mark_of(self.seed, self.run)

    def as_json(self) -> dict[str, Any]:
        """Return what `from_json` reads."""
        return asdict(self) | {"base": self.base.isoformat()}

    @classmethod
    def from_json(cls, told: dict[str, Any]) -> Self:
        """Read what `as_json` wrote; `TypeError` or `ValueError` for anything else."""
        sources = tuple((str(slug), str(provider)) for slug, provider in told["sources"])
        base = datetime.fromisoformat(told["base"])
        return cls(**(told | {"sources": sources, "base": base}))


def tap_of(options: Options) -> str:
    """Name the queue that takes the events while this run lasts."""
    return f"caudal.simulate.{options.mark}"
