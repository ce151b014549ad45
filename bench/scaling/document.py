"""The tables of deploy/scaling.md, between marks in it, so that they cannot drift from what was measured."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from bench.scaling.assumptions import Assumptions
from bench.scaling.costs import PROCESSES, Costs, Measured
from bench.scaling.limits import limits
from bench.scaling.model import Need, need

DOCUMENT: Final = Path(__file__).parents[2] / "deploy" / "scaling.md"
VOLUMES: Final = (1e6, 10e6, 100e6, 1000e6)
_BLOCK: Final = re.compile(
    r"(<!-- (?P<name>[a-z]+): written by .*? -->\n).*?(?=<!-- end -->)", re.DOTALL
)

Told = tuple[Mapping[str, Costs], Costs, Measured, Assumptions]


def costs_table(told: Told) -> str:
    """Write the CPU of each process for one webhook, by processor and rate."""
    by_processor, _, found, _ = told
    rows = [
        [costs.processor, f"{point.rate:,.0f}", *(f"{point.cpu_us[name]:,.0f}" for name in PROCESSES),
         f"{sum(point.cpu_us[name] for name in PROCESSES):,.0f}"]
        for costs in by_processor.values()
        for point in costs.points
    ]  # fmt: skip
    relay = (
        f"\nOf the reconciler's, the relay takes {found.relay_cpu_us:.0f} µs an event, and does "
        f"{found.relay_events_per_second:,.0f} a second without other load of ours.\n"
    )
    return _table(["processor", "webhooks/s", *PROCESSES, "together"], rows) + relay


def bytes_table(told: Told) -> str:
    """Write what one webhook leaves, by table."""
    _, costs, found, _ = told
    rows = [[name, f"{size:,.0f}"] for name, size in sorted(found.bytes_per_webhook.items())]
    rows += [["log (WAL), without full pages", f"{found.wal_bytes_per_webhook:,.0f}"]]
    table = _table(["table, with its indexes", "bytes a webhook"], rows)
    each = sum(size for name, size in costs.bytes_per_object.items() if name.startswith("objects"))
    return (
        f"{table}\nOf {found.webhooks:,} webhooks of the simulator came {found.objects_per_webhook * found.webhooks:,.0f}"
        f" objects and {found.events_per_webhook * found.webhooks:,.0f} events. Of ten million objects, each takes "
        f"{each:,.0f} bytes with its indexes.\n"
    )


def limits_table(told: Told) -> str:
    """Write what there is once, the lowest first."""
    _, costs, found, taken = told
    rows = [
        [
            limit.name,
            f"{limit.webhooks_per_second:,.0f}",
            f"{_per_day(limit.webhooks_per_second, taken):,.0f}",
            limit.how,
        ]
        for limit in limits(costs, found, taken)
    ]
    return _table(["what there is once", "webhooks/s", "million a day", "from"], rows)


def needs_table(told: Told) -> str:
    """Write what each volume needs, a column for each."""
    found = [need(volume, *told[1:]) for volume in VOLUMES]
    head = ["", *(f"{each.per_day / 1e6:,.0f} million a day" for each in found)]
    taken = told[3]
    days = {
        name: f"{getattr(taken, name):g}" for name in ("archive_days", "ledger_days", "object_days")
    }
    return _table(head, [[name.format(**days), *map(tell, found)] for name, tell in _LINES])


def arithmetic(told: Told) -> str:
    """Write the steps for one volume, with its numbers in them."""
    _, costs, found, taken = told
    one = need(VOLUMES[1], costs, found, taken)
    ingress, postgres = one.groups["ingress"], one.groups["postgres"]
    rate = one.peak / one.cells
    stored = sum(one.stored_gb.values())
    each = sum(found.bytes_per_webhook[name] for name in ("deliveries", "translations"))
    lines = [
        f"mean          {one.per_day:,.0f} / 86,400 s = {one.mean:,.0f} webhooks/s",
        f"peak          {taken.peak_factor:g} × {one.mean:,.0f} = {one.peak:,.0f} webhooks/s",  # noqa: RUF001
        f"cells         {one.peak:,.0f} / ({taken.utilization:g} × {one.first_limit.webhooks_per_second:,.0f}), rounded up = {one.cells}",  # noqa: RUF001
        f"ingress       {ingress.count} processes at {rate / ingress.count:,.0f}/s: {ingress.busy:.2f} cores busy, {ingress.vcpus:g} vCPUs provided",
        f"Postgres      {postgres.busy:.2f} cores at {rate:,.0f}/s / {taken.utilization:g}, or {taken.in_memory:g} × {stored:,.0f} GB / {taken.gib_per_vcpu:g} GiB: {postgres.vcpus / 2:g} vCPUs, twice",  # noqa: RUF001
        f"archive       {one.per_day:,.0f} × {taken.archive_days:g} days × {each:,.0f} bytes = {one.stored_gb['archive']:,.0f} GB",  # noqa: RUF001
        f"disk          {stored:,.0f} GB in all after {taken.object_days:g} days, twice; {one.disk_per_second:,.0f} reads and writes/s at the peak",
        f"money         {one.vcpus:g} vCPUs × {taken.hours:g} h × ${taken.vcpu_hour:g} = ${one.dollars['processors']:,.0f}, and so on",  # noqa: RUF001
    ]
    return "```\n" + "\n".join(lines) + "\n```\n"


def assumptions_table(told: Told) -> str:
    """Write what is taken for granted."""
    rows = [
        [f"`{name}`", f"{value:,.10g}", meaning] for name, value, meaning in told[3].described()
    ]
    return _table(["assumption", "value", "what it is"], rows)


BLOCKS: Final[Mapping[str, Callable[[Told], str]]] = {
    "costs": costs_table,
    "bytes": bytes_table,
    "assumptions": assumptions_table,
    "limits": limits_table,
    "needs": needs_table,
    "arithmetic": arithmetic,
}


def written(text: str, told: Told) -> str:
    """Return the document with every block as it is today. Raises `ValueError` where one is missing, or of no known name."""
    names = [found["name"] for found in _BLOCK.finditer(text)]
    if sorted(names) != sorted(BLOCKS):
        raise ValueError(f"the document has the blocks {names}, and there are {list(BLOCKS)}")
    return _BLOCK.sub(lambda found: f"{found[1]}{BLOCKS[found['name']](told)}", text)


def _per_day(rate: float, taken: Assumptions) -> float:
    """Return the million webhooks a day of which this rate is the peak, with what is to be left free."""
    return taken.utilization * rate / taken.peak_factor * 86_400 / 1e6


def _group(name: str) -> Callable[[Need], str]:
    def tell(one: Need) -> str:
        group = one.groups[name]
        return f"{group.count:,} · {group.busy:,.{1 if group.busy >= 10 else 2}f} busy · {group.vcpus:,g} vCPU"

    return tell


_LINES: Final[Sequence[tuple[str, Callable[[Need], str]]]] = (
    ("mean, peak: webhooks/s", lambda one: f"{one.mean:,.0f}, {one.peak:,.0f}"),
    ("cells, brokers", lambda one: f"{one.cells}, {one.brokers}"),
    ("ingress: processes · cores at the peak · provided", _group("ingress")),
    ("normalizers", _group("normalizer")),
    ("reconcilers", _group("reconciler")),
    ("broker nodes", _group("broker")),
    ("Postgres servers", _group("postgres")),
    ("together", lambda one: f"{one.cores:,.1f} busy · {one.vcpus:,g} vCPU"),
    ("database after {object_days} days, GB (archive of {archive_days} + ledger of {ledger_days} + objects)",
     lambda one: " + ".join(f"{gb:,.0f}" for gb in one.stored_gb.values())),
    ("broker's disks for an outage, GB", lambda one: f"{one.broker_gb:,.0f}"),
    ("reads and writes/s of one Postgres at the peak", lambda one: f"{one.disk_per_second:,.0f}"),
    ("its log at the peak, each random page whole, MB/s", lambda one: f"{one.wal_mb_per_second:,.1f}"),
    ("dollars a month: processors + disks + reads and writes + between zones",
     lambda one: " + ".join(f"{dollars:,.0f}" for dollars in one.dollars.values())),
    ("together, dollars a month", lambda one: f"{one.month:,.0f}"),
    ("for a million webhooks, dollars", lambda one: f"{one.month / (one.per_day * 365 / 12 / 1e6):,.2f}"),
)  # fmt: skip


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
