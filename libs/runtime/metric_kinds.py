"""How a metric is declared: its name, kind, unit, labels with their values, meaning, and who tells it.

What is declared here is told and documented. Labels take few values, all of which we choose: either they
are listed, or it is said where they come from (the names of the sources file, the providers that there
are). Never an id, a reference, or anything that a stranger sent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import product
from typing import Any, Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
)

disable_created_metrics()  # type: ignore[no-untyped-call]

# Of our own, so that nothing enters which a library registers with the default one.
REGISTRY: Final = CollectorRegistry()
ProcessCollector(registry=REGISTRY)  # process_*: CPU, memory, open files, start

INGRESS: Final = "ingress"
NORMALIZER: Final = "normalizer"
RECONCILER: Final = "reconciler"
WORKERS: Final = (NORMALIZER, RECONCILER)
ALL: Final = (INGRESS, *WORKERS)

# Values of labels that a configuration gives; the others are listed where they are declared.
SOURCES: Final = "the names of the sources file"
PROVIDERS: Final = "the providers that there are"
QUEUES: Final = "the queues of the topology"

Values = str | tuple[str, ...]
Histograms = tuple[float, ...]

# Seconds of work on a batch, of a confirm or an accept: a millisecond at rest, the deadline at the worst.
SHORT: Final[Histograms] = (
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15,
)  # fmt: skip
# Seconds from the receipt of a webhook on: milliseconds at rest, hours behind a backlog.
LONG: Final[Histograms] = (
    0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60, 300, 1800, 7200,
)  # fmt: skip
# Seconds of a call to a provider.
CALLS: Final[Histograms] = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
# Things that travel or are done together.
SIZES: Final[Histograms] = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """One metric as it is documented. `name` is the one that is scraped, `who` tell something of it."""

    name: str
    kind: str
    unit: str
    meaning: str
    who: tuple[str, ...]
    labels: tuple[tuple[str, Values], ...] = ()

    @property
    def samples(self) -> tuple[str, ...]:
        """The names under which its samples are scraped."""
        if self.kind != "histogram":
            return (self.name,)
        return tuple(f"{self.name}{part}" for part in ("_bucket", "_sum", "_count"))

    def as_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {**asdict(self), "labels": dict(self.labels), "samples": list(self.samples)}


DESCRIBED: Final[dict[str, Described]] = {}
"""Every metric that was declared, by its name, in the order of declaration."""
_COUNTERS: Final[dict[str, Counter]] = {}


def count_from_zero(process: str) -> None:
    """Let the counters of a process begin at 0 where it is known what they count.

    One that comes into being with its first count shows no increase by it.
    """
    for name, counting in _COUNTERS.items():
        described = DESCRIBED[name]
        listed = [values for _, values in described.labels if isinstance(values, tuple)]
        if process in described.who and listed and len(listed) == len(described.labels):
            for each in product(*listed):
                counting.labels(*each)


def counter(name: str, meaning: str, *, unit: str, who: Sequence[str], **labels: Values) -> Counter:
    """Declare what only grows; it is scraped as `<name>_total`."""
    scraped = f"{name}_total"
    _describe(scraped, "counter", unit, meaning, who, labels)
    _COUNTERS[scraped] = Counter(name, meaning, tuple(labels), registry=REGISTRY)
    return _COUNTERS[scraped]


def gauge(name: str, meaning: str, *, unit: str, who: Sequence[str], **labels: Values) -> Gauge:
    """Declare what goes up and down."""
    _describe(name, "gauge", unit, meaning, who, labels)
    return Gauge(name, meaning, tuple(labels), registry=REGISTRY)


def histogram(
    name: str,
    meaning: str,
    buckets: Histograms,
    *,
    unit: str,
    who: Sequence[str],
    **labels: Values,
) -> Histogram:
    """Declare what has a distribution. To observe takes 1 to 2 µs: once for a batch, not for each in it."""
    _describe(name, "histogram", unit, meaning, who, labels)
    return Histogram(name, meaning, tuple(labels), buckets=buckets, registry=REGISTRY)


def _describe(  # noqa: PLR0913, PLR0917 - the fields of what is made
    name: str,
    kind: str,
    unit: str,
    meaning: str,
    who: Sequence[str],
    labels: dict[str, Values],
) -> None:
    DESCRIBED[name] = Described(
        name=name,
        kind=kind,
        unit=unit,
        meaning=meaning,
        who=tuple(who),
        labels=tuple(labels.items()),
    )


_OF_THE_PROCESS: Final = (
    (
        "process_cpu_seconds_total",
        "counter",
        "seconds",
        "CPU time of the process, user and system.",
    ),
    ("process_resident_memory_bytes", "gauge", "bytes", "Memory that it occupies."),
    ("process_virtual_memory_bytes", "gauge", "bytes", "Addresses that it has reserved."),
    ("process_start_time_seconds", "gauge", "seconds", "When it started, in Unix time."),
    ("process_open_fds", "gauge", "files", "Files and connections that it has open."),
    ("process_max_fds", "gauge", "files", "How many it may have open."),
)
for (
    _name,
    _kind,
    _unit,
    _meaning,
) in _OF_THE_PROCESS:  # Linux tells them; the client's own words differ
    _describe(_name, _kind, _unit, _meaning, ALL, {})
