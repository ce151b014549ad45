"""How every source stands: what came of it, what is usual, who was not let in, what is parked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from rich.table import Table
from rich.text import Text

from libs.arrivals.silence import Heard, Standing, Verdict, judge
from libs.arrivals.usual import Slot, Usual
from libs.arrivals.week import hour_of_week
from libs.contracts.event import timestamp
from libs.store.arrivals import Counted, read_counted
from libs.store.database import Pool
from libs.store.sightings import Sighting, sightings
from services.inspection.tables import table_of

# A count that is older than this says that nobody counts, or that the archive lags.
STALE: Final = timedelta(minutes=15)
_COLOURS: Final = {
    Standing.OK: "green",
    Standing.QUIET: "cyan",
    Standing.SILENT: "red",
    Standing.LEARNING: "yellow",
    Standing.NEVER: "dim",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceRow:
    """One source. `slot` is this hour of the week; `configured` whether the sources file has it."""

    seen: Sighting
    provider: str | None
    configured: bool
    verdict: Verdict
    slot: Slot
    age: timedelta | None

    @property
    def silent(self) -> bool:
        return self.verdict.standing is Standing.SILENT


@dataclass(frozen=True, slots=True)
class Status:
    """All sources, judged as of `counted.until`."""

    counted: Counted
    rows: tuple[SourceRow, ...]

    @property
    def stale(self) -> bool:
        return self.counted.now - self.counted.until > STALE


async def source_status(pool: Pool, configured: Mapping[str, str]) -> Status:
    """Return how sources stand: those of the sources file (slug, provider), and all that is known."""
    counted = await read_counted(pool)
    seen = await sightings(pool, counted)
    return status_of(counted, seen, configured)


def status_of(
    counted: Counted, seen: Mapping[str, Sighting], configured: Mapping[str, str]
) -> Status:
    """Put together what is known of every source, in order of their names."""
    known = {each.source: each for each in counted.sources}
    rows = []
    for source in sorted({*configured, *seen, *known}):
        sighting = seen.get(source, Sighting(source=source))
        usual = known[source].usual if source in known else Usual()
        heard = known[source].heard if source in known else _heard(sighting)
        last_at = sighting.last_at
        rows.append(
            SourceRow(
                seen=sighting,
                provider=configured.get(source) or sighting.provider,
                configured=source in configured,
                verdict=_since(judge(usual, heard, counted.until), sighting, counted),
                slot=usual.slot(hour_of_week(counted.now)),
                age=None if last_at is None else max(counted.now - last_at, timedelta(0)),
            )
        )
    return Status(counted, tuple(rows))


def _heard(seen: Sighting) -> Heard | None:
    """Take for heard what came on file and is not counted yet."""
    return None if seen.last_at is None else Heard(seen.last_at, seen.last_hour)


def _since(verdict: Verdict, seen: Sighting, counted: Counted) -> Verdict:
    """Say where a silent source was heard again meanwhile."""
    if verdict.standing is not Standing.SILENT or seen.last_at is None:
        return verdict
    if seen.last_at < counted.until:
        return verdict
    return Verdict(verdict.standing, f"{verdict.why}; something came since, and is counted soon")


def source_table(status: Status) -> Table:
    """Return sources as a table; a narrow terminal sees the columns that matter most."""
    return table_of(
        None,
        (
            {
                "source": row.seen.source,
                "provider": row.provider or "",
                "state": Text(row.verdict.standing.value, style=_COLOURS[row.verdict.standing]),
                "last delivery": _last(row),
                "last hour": str(row.seen.last_hour),
                "usual": _usual(row),
                "not let in": _refused(row.seen),
                "parked": str(row.seen.parked),
                "why": row.verdict.why,
            }
            for row in status.rows
        ),
        (
            "source", "provider", "state", "last delivery", "last hour", "usual", "not let in",
            "parked", "why",
        ),
        spared=("provider", "usual"),
    )  # fmt: skip


def source_view(row: SourceRow, counted: Counted) -> dict[str, Any]:
    """Return a source for a program."""
    seen = row.seen
    usual = row.slot if row.slot.weeks else None
    return {
        "source": seen.source,
        "provider": row.provider,
        "configured": row.configured,
        "state": row.verdict.standing.value,
        "why": row.verdict.why,
        "judged_at": timestamp(counted.until),
        "last_delivery_at": None if seen.last_at is None else timestamp(seen.last_at),
        "last_delivery_age_seconds": None if row.age is None else row.age // timedelta(seconds=1),
        "last_hour": seen.last_hour,
        "usual_median": None if usual is None else usual.median,
        "usual_low": None if usual is None else usual.low,
        "auth_failures_last_hour": _sum(each.hour for each in seen.refused.values()),
        "auth_failures_last_day": _sum(each.day for each in seen.refused.values()),
        "auth_failures_by_kind": {
            kind: {"last_hour": each.hour, "last_day": each.day}
            for kind, each in seen.refused.items()
        },
        "parked": seen.parked,
    }


def _sum(numbers: Iterable[int]) -> int:
    return sum(numbers)


def _last(row: SourceRow) -> str:
    if row.seen.last_at is None or row.age is None:
        return ""
    return f"{timestamp(row.seen.last_at)[:19]}Z, {_age(row.age)} ago"


def _age(age: timedelta) -> str:
    """Say it in the largest unit of which there are at least two."""
    units: Sequence[tuple[str, timedelta]] = (
        ("d", timedelta(days=1)),
        ("h", timedelta(hours=1)),
        ("min", timedelta(minutes=1)),
    )
    for name, unit in units:
        if age >= 2 * unit:
            return f"{age // unit} {name}"
    return f"{age // timedelta(seconds=1)} s"


def _usual(row: SourceRow) -> str:
    return f"{row.slot.median} (low {row.slot.low})" if row.slot.weeks else ""


def _refused(seen: Sighting) -> str:
    """Say how many in the last hour and in the last day, and of what kind."""
    day = sum(each.day for each in seen.refused.values())
    if not day:
        return ""
    hour = sum(each.hour for each in seen.refused.values())
    kinds = ", ".join(f"{each.day} {kind}" for kind, each in seen.refused.items())
    return f"{hour} / {day} ({kinds})"
