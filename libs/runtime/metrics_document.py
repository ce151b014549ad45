"""The document of all metrics, made from their declarations: deploy/metrics.md."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from libs.runtime import metrics_port
from libs.runtime.metric_kinds import ALL, DESCRIBED, Described
from libs.runtime.queue_metrics import LONGEST, LOOK_EVERY, WINDOW

# Everything is declared once the port is imported, which tells it.
_DECLARED: Final = metrics_port.DECLARED

_HEAD: Final = f"""\
# Metrics

All that the processes tell on `/metrics`, and nothing else: `caudal metrics` prints this document from the
declarations ([libs/runtime/](../libs/runtime/metrics.py)), `caudal metrics --json` the same for a program, and a test
compares them with what three running processes tell. Every process tells every name; the column *who* says which of
them counts something there, from the others it is absent or 0.

Labels take values that are listed here, or come from the configuration (`source`, `provider`, `queue`); nothing that a
stranger sent is ever one. Counters end in `_total` and begin at 0 with the process. Histograms have the three usual
names (`_bucket`, `_sum`, `_count`) and one observation for each batch, message or turn, not for each delivery in it:
what a delivery waits is at most so long.

What is told of a queue (`caudal_queue_*`) is looked at every {LOOK_EVERY} s, with a rate over {WINDOW} s. **With several
replicas** each says the same of the depth (take the maximum), tells its own rate (take the sum), and predicts from its
own working rate times the number of consumers: replicas that are equal agree. One that stands still says {LONGEST:,} s
while the others go on: it would ask for all the workers there may be. So wake people by the minimum, and scale by it too.
The prediction is of what waits now: where more comes than is handled, it grows. After a start it is missing until
something was handled, 60 s at most.
"""
_GROUPS: Final = (
    ("Ingress", ("caudal_ingress_", "caudal_source_auth")),
    ("Spool", ("caudal_spool_",)),
    ("Publishing", ("caudal_publish",)),
    ("Queues", ("caudal_queue_",)),
    ("Consumers", ("caudal_consumer_", "caudal_items", "caudal_brake")),
    ("Fold and parked", ("caudal_fold_", "caudal_parked", "caudal_swept", "caudal_to_be_told")),
    ("Relay", ("caudal_relay_",)),
    ("Providers", ("caudal_poll", "caudal_overdue")),
    ("Sources", ("caudal_source_",)),
    ("Others", ("caudal_",)),
    ("Process", ("process_",)),
)


def described() -> list[Described]:
    """Return every metric there is, in the order of the document."""
    return [each for _, some in _grouped(DESCRIBED.values()) for each in some]


def document(metrics: Sequence[Described]) -> str:
    """Write the document, in Markdown."""
    parts = [_HEAD]
    for title, some in _grouped(metrics):
        parts.append(f"\n## {title}\n")
        parts += [_entry(each) for each in some]
    return "\n".join(parts) + "\n"


def _grouped(metrics: Iterable[Described]) -> list[tuple[str, list[Described]]]:
    """Put each where the first of its beginnings stands, by name; groups without any are left out."""
    left = sorted(metrics, key=lambda each: each.name)
    found: list[tuple[str, list[Described]]] = []
    for title, beginnings in _GROUPS:
        some = [each for each in left if each.name.startswith(beginnings)]
        left = [each for each in left if each not in some]
        if some:
            found.append((title, some))
    return found


def _entry(metric: Described) -> str:
    who = "every process" if metric.who == ALL else ", ".join(metric.who)
    lines = [f"- **`{metric.name}`** ({metric.kind}, {metric.unit}; {who}): {metric.meaning}"]
    for name, values in metric.labels:
        told = values if isinstance(values, str) else ", ".join(f"`{each}`" for each in values)
        lines.append(f"  - `{name}`: {told}")
    return "\n".join(lines)
