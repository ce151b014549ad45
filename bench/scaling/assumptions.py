"""What the model takes for granted: nothing of it was measured, and each is a parameter.

`python -m bench.scaling --set peak_factor=3 --set vcpu_hour=0.03` tells what comes of others.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from math import inf
from typing import Any, Final, Self

_MEANING: Final = "meaning"


def _taken(value: float, meaning: str) -> Any:  # noqa: ANN401 - dataclasses' own signature
    return field(default=value, metadata={_MEANING: meaning})


@dataclass(frozen=True, slots=True, kw_only=True)
class Assumptions:
    """Numbers with what they mean."""

    peak_factor: float = _taken(5.0, "the busiest minutes against the mean of the day")
    utilization: float = _taken(0.6, "how much of a core, a disk or a limit is used at the peak")
    least_processes: float = _taken(2, "of each kind: a node may go at any time")
    follower_share: float = _taken(
        0.6, "what a message costs on each of the broker's two followers, against its leader"
    )
    archive_days: float = _taken(
        90,
        "days of raw bodies, and of what became of them, that are counted here (`CAUDAL_RETENTION_ARCHIVE_DAYS`); "
        "without it nothing deletes them",
    )
    ledger_days: float = _taken(
        400,
        "days of the names by which repetitions are known that are counted here; nothing deletes them",
    )
    object_days: float = _taken(
        400,
        "days of objects, and of what was said of them, that are counted here; nothing deletes them",
    )
    outage_hours: float = _taken(4, "how long the broker holds what nobody takes")
    random_leaves: float = _taken(
        2.0,
        "index pages at random places that one webhook changes (dedupe ledger; object, first time)",
    )
    postgres_vcpus: float = _taken(64, "the largest server that one would take for Postgres")
    wal_bytes_per_second: float = _taken(250e6, "what its log may write")
    iops: float = _taken(64_000, "reads and writes a second of its volume")
    volume_gb: float = _taken(64_000, "the largest volume that one would take for Postgres")
    in_memory: float = _taken(
        0.005, "the share of what is kept that is: upper levels of indexes, objects that are open"
    )
    gib_per_vcpu: float = _taken(4, "memory that comes with a vCPU")
    vcpu_hour: float = _taken(0.05, "dollars for a vCPU and its memory, an hour")
    gb_month: float = _taken(0.10, "dollars for a GB of block storage, a month")
    iops_month: float = _taken(0.005, "dollars for a provisioned read or write a second, a month")
    free_iops: float = _taken(3_000, "reads and writes a second that come with a volume")
    gb_between_zones: float = _taken(0.02, "dollars for a GB from one zone to another")
    hours: float = _taken(730, "in a month")

    def with_told(self, told: dict[str, float]) -> Self:
        """Return them with others in their place. Raises `ValueError` for a name that there is not."""
        names = {each.name for each in fields(self)}
        if unknown := sorted(told.keys() - names):
            raise ValueError(f"no such assumption: {', '.join(unknown)}")
        if bad := sorted(name for name, value in told.items() if not 0 < value < inf):
            raise ValueError(f"must be a number above 0: {', '.join(bad)}")
        return replace(self, **told)

    def described(self) -> list[tuple[str, float, str]]:
        """Return each with its value and its meaning."""
        return [
            (each.name, getattr(self, each.name), each.metadata[_MEANING]) for each in fields(self)
        ]
