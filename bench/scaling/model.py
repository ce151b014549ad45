"""From webhooks a day to processes, nodes, disks and money, step by step."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import Final

from bench.scaling.assumptions import Assumptions
from bench.scaling.costs import Costs, Measured
from bench.scaling.limits import DAY, Limit, broker_bytes, limits, times, wal_bytes
from bench.scaling.storage import kept_bytes

OURS: Final = ("ingress", "normalizer", "reconciler")
BROKER_NODES: Final = 3
POSTGRES_NODES: Final = 2  # the one that writes, and its standby
LEAST_VCPU: Final = 0.25  # of one process
LEAST_SERVER: Final = 2  # vCPUs of a node of the broker or the database
COMMITS: Final = 3  # filed, applied, relayed
BATCHES: Final = 100  # a second, of one consumer: 10 ms apart at least (libs/bus/pace.py)


@dataclass(frozen=True, slots=True)
class Group:
    """Processes of a kind; cores are of all of them together, busy at the peak and provided."""

    count: int
    busy: float
    vcpus: float


@dataclass(frozen=True, slots=True)
class Need:
    """What a number of webhooks a day needs; all cells together, but where it says otherwise."""

    per_day: float
    mean: float
    peak: float
    cells: int
    brokers: int
    groups: dict[str, Group]
    first_limit: Limit
    stored_gb: dict[str, float]
    broker_gb: float
    wal_mb_per_second: float
    """Of one cell, at the peak, each page at a random place whole."""
    disk_per_second: float
    """Of one cell's Postgres, at the peak: pages at random places, read and written, and syncs of its log."""
    dollars: dict[str, float]

    @property
    def vcpus(self) -> float:
        """Provided, servers included."""
        return sum(group.vcpus for group in self.groups.values())

    @property
    def cores(self) -> float:
        """Busy at the peak."""
        return sum(group.busy for group in self.groups.values())

    @property
    def month(self) -> float:
        """Dollars."""
        return sum(self.dollars.values())


def need(per_day: float, costs: Costs, found: Measured, taken: Assumptions) -> Need:
    """Work it out."""
    mean = per_day / DAY
    peak = taken.peak_factor * mean
    every = limits(costs, found, taken)
    first = next(limit for limit in every if not limit.of_broker)
    cells = times(peak, first, taken)
    brokers = max(times(peak, limit, taken) for limit in every if limit.of_broker)
    each = peak / cells
    groups = {name: _times(cells, _ours(name, each, costs, taken)) for name in OURS}
    groups["broker"] = _times(brokers, _broker(peak / brokers, costs, taken))
    stored = {name: per_day * size / 1e9 for name, size in kept_bytes(costs, found, taken).items()}
    groups["postgres"] = _times(cells, _postgres(each, sum(stored.values()) / cells, costs, taken))
    syncs = COMMITS * min(each, BATCHES * groups["reconciler"].count / cells)
    disk = 2 * taken.random_leaves * each + syncs
    broker_gb = BROKER_NODES * 3600 * taken.outage_hours * mean * broker_bytes(costs, found) / 1e9
    written = wal_bytes(found, taken)
    # Each message to two more nodes, a webhook in and out of the broker, the log of Postgres to the standby.
    between = (BROKER_NODES + 1) * broker_bytes(costs, found) + written
    return Need(
        per_day=per_day,
        mean=mean,
        peak=peak,
        cells=cells,
        brokers=brokers,
        groups=groups,
        first_limit=first,
        stored_gb=stored,
        broker_gb=broker_gb,
        wal_mb_per_second=each * written / 1e6,
        disk_per_second=disk,
        dollars=_dollars(
            groups,
            POSTGRES_NODES * sum(stored.values()) + broker_gb,
            POSTGRES_NODES * cells * max(0.0, disk / taken.utilization - taken.free_iops),
            per_day * taken.hours / 24 * between / 1e9,
            taken,
        ),
    )


def _times(count: int, group: Group) -> Group:
    return Group(group.count * count, group.busy * count, group.vcpus * count)


def _ours(name: str, rate: float, costs: Costs, taken: Assumptions) -> Group:
    """As few processes as keep each below the share of its one core that it may use."""
    count = int(taken.least_processes)
    while costs.cores(name, rate / count) > taken.utilization:
        count += 1
    one = costs.cores(name, rate / count)
    return Group(count, count * one, count * max(LEAST_VCPU, _quarters(one / taken.utilization)))


def _broker(rate: float, costs: Costs, taken: Assumptions) -> Group:
    """Three nodes; each message is led by one of them and followed by the others."""
    busy = costs.cores("broker", rate) * (1 + (BROKER_NODES - 1) * taken.follower_share)
    vcpus = BROKER_NODES * max(LEAST_SERVER, ceil(busy / BROKER_NODES / taken.utilization))
    return Group(BROKER_NODES, busy, vcpus)


def _postgres(rate: float, stored: float, costs: Costs, taken: Assumptions) -> Group:
    """One that writes, and a standby as large, which has to take its place; `stored` is in GB.

    What it has of memory decides, where much is kept: processors come with it.
    """
    busy = costs.cores("postgres", rate)
    memory = taken.in_memory * stored / taken.gib_per_vcpu
    vcpus = POSTGRES_NODES * max(LEAST_SERVER, ceil(busy / taken.utilization), ceil(memory))
    return Group(POSTGRES_NODES, busy, vcpus)


def _dollars(
    groups: dict[str, Group], disks_gb: float, disk: float, between_gb: float, taken: Assumptions
) -> dict[str, float]:
    """Return dollars a month; `disk` are reads and writes a second that do not come with a volume."""
    return {
        "processors": sum(group.vcpus for group in groups.values()) * taken.hours * taken.vcpu_hour,
        "disks": disks_gb * taken.gb_month,
        "reads and writes": disk * taken.iops_month,
        "between zones": between_gb * taken.gb_between_zones,
    }


def _quarters(value: float) -> float:
    return ceil(4 * value) / 4
