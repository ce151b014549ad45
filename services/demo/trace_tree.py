"""A trace as a tree: each span under its parent, with when it began and how long it took."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from libs.runtime.tracing.received import ReceivedSpan

_NAME: Final = 58  # characters of the first column


def roots(spans: Sequence[ReceivedSpan]) -> list[ReceivedSpan]:
    """Return the spans whose parent is none of these, in order of time."""
    known = {span.span_id for span in spans}
    return sorted((s for s in spans if s.parent_id not in known), key=lambda s: s.began)


def tree(spans: Sequence[ReceivedSpan]) -> list[str]:
    """Draw the spans of one trace, a line each."""
    first = min((span.began for span in spans), default=0)
    return [line for root in roots(spans) for line in _drawn(root, spans, first, "", "", "")]


def _drawn(  # noqa: PLR0913, PLR0917 - a place in a drawing
    span: ReceivedSpan,
    spans: Sequence[ReceivedSpan],
    first: int,
    before: str,
    branch: str,
    below: str,
) -> Iterator[str]:
    name = f"{before}{branch}{span.name}"
    since = (span.began - first) / 1_000_000
    failed = "  failed" if span.failed else ""
    links = f"  {len(span.links)} links" if len(span.links) != 1 else "  1 link"
    yield (
        f"{name:<{_NAME}} {span.kind:<8} {span.service.removeprefix('caudal-'):<10}"
        f" at {since:7.1f} ms  took {span.milliseconds:7.1f} ms{links if span.links else ''}{failed}"
    )
    children = sorted((s for s in spans if s.parent_id == span.span_id), key=lambda s: s.began)
    for child in children:
        end = child is children[-1]
        yield from _drawn(
            child,
            spans,
            first,
            before + below,
            "└─ " if end else "├─ ",
            "   " if end else "│  ",
        )
