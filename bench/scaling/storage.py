"""What is kept, and how large it is after so many days: bytes a webhook, times the days that are counted of each kind.

Only the archive is ever deleted, and only where its days are set: the ledger and the objects go on growing.
"""

from __future__ import annotations

from typing import Final

from bench.scaling.assumptions import Assumptions
from bench.scaling.costs import Costs, Measured

ARCHIVE: Final = ("deliveries", "translations")
LEDGER: Final = ("dedupe_ledger",)
FACTS: Final = ("observations", "object_aliases", "repeats", "parked", "pokes", "polls")
OBJECTS: Final = "objects"


def kept_bytes(costs: Costs, found: Measured, taken: Assumptions) -> dict[str, float]:
    """Return what one webhook a day makes of each kind, in bytes, after the days that are counted.

    The size of an object is that of ten million: in a table of a few thousand much of an index is empty.
    """
    each = found.bytes_per_webhook
    an_object = sum(
        size for name, size in costs.bytes_per_object.items() if name.startswith(OBJECTS)
    )
    facts = found.objects_per_webhook * an_object + sum(each.get(name, 0.0) for name in FACTS)
    return {
        "archive": taken.archive_days * sum(each[name] for name in ARCHIVE),
        "ledger": taken.ledger_days * sum(each[name] for name in LEDGER),
        "objects": taken.object_days * facts,
    }
