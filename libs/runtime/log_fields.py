"""The closed list of what a line of the log may tell. Whatever is not here shows its type alone.

A field comes on the list when it is known what it holds, and that this is never something a stranger wrote.
`tests/architecture/test_log_fields.py` finds a line that uses another name. Spans have a list of their own
(`libs.runtime.tracing.port`).
"""

from __future__ import annotations

from typing import Final

# Names that we or a provider gave to a thing. They are shown as they are, so that an operator can look them
# up, also where their digits happen to look like a card's; but only while they are made like an identifier.
IDENTIFIERS: Final = frozenset(
    {
        "at",
        "delivery_id",
        "event_id",
        "first",
        "parked",
        "provider",
        "provider_ref",
        "queue",
        "request_id",
        "source",
        "span_id",
        "trace_id",
        "traceparent",
    }
)

# What else may be told. It is looked through, since the text of an error is among it.
_TEXTS: Final = frozenset(
    {
        # of every line
        "event",
        "exception",
        "level",
        "logger",
        "service",
        "stack",
        # our own words and reasons
        "error",
        "frames",
        "kind",
        "outcome",
        "reason",
        "state",
        "trace",
        "where",
        "why",
        # parts of Caudal and of the machine
        "authority",
        "folder",
        "key",
        "link",
        "method",
        "path",
        "providers",
        "readings",
        "room",
        "rule",
        "segment",
        "server",
        "url",
        "worker",
        # counts, sizes and times
        "again_in",
        "age_ms",
        "act",
        "action",
        "attempt",
        "attempts",
        "bytes",
        "code",
        "count",
        "deliveries",
        "duration_ms",
        "events",
        "failed",
        "files",
        "items",
        "left",
        "messages",
        "observations",
        "of",
        "outcomes",
        "pause",
        "port",
        "repeats",
        "share",
        "shown",
        "size",
        "sources",
        "spooled",
        "tokens",
        "version",
    }
)

LOGGED: Final = IDENTIFIERS | _TEXTS
