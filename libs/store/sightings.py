"""What operators ask about a source: when it was seen last, whom it did not let in, what is parked."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from libs.arrivals.week import HOUR, span_of
from libs.store.arrivals import Counted
from libs.store.database import Pool, session
from libs.store.queries import query

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Refused:
    """How many requests were not let in for one reason: in the last hour, and in the last day."""

    hour: int
    day: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """A source as of now. `last_hour` begins at five minutes, so it is up to five longer."""

    source: str
    provider: str | None = None
    last_at: datetime | None = None
    last_hour: int = 0
    refused: Mapping[str, Refused] = field(default_factory=dict)
    parked: int = 0


async def sightings(pool: Pool, counted: Counted) -> dict[str, Sighting]:
    """Return every source of which anything is known, by slug."""
    hour_ago = span_of(counted.now - HOUR)
    uncounted = max(counted.until, counted.now - DAY) if counted.sources else counted.now - DAY
    async with session(pool) as connection:
        seen = await connection.fetch(query("sighted_sources"), uncounted, hour_ago)
        kinds = await connection.fetch(
            query("not_let_in_since"), span_of(counted.now - DAY), hour_ago
        )
        parked = {
            row["source"]: row["count"] for row in await connection.fetch(query("parked_by_source"))
        }
    refused: dict[str, dict[str, Refused]] = defaultdict(dict)
    for row in kinds:
        refused[row["source"]][row["kind"]] = Refused(int(row["recent"]), int(row["requests"]))
    by_source = {row["source"]: row for row in seen}
    return {
        source: Sighting(
            source=source,
            provider=by_source[source]["provider"] if source in by_source else None,
            last_at=by_source[source]["last_at"] if source in by_source else None,
            last_hour=int(by_source[source]["recent"]) if source in by_source else 0,
            refused=refused.get(source, {}),
            parked=parked.get(source, 0),
        )
        for source in {*by_source, *refused, *parked}
    }
