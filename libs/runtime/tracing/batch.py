"""The span of a batch: one for all of its deliveries, in a trace of its own, with a link to each.

One message, one transaction carries many deliveries, each of another trace. None of these is the parent of
what is done once for all of them; so each has its own spans in its own trace, and the batch leads to all.
https://opentelemetry.io/docs/specs/semconv/messaging/messaging-spans/#batch-receiving
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from time import time_ns

import structlog

from libs.runtime.tracing.context import (
    CURRENT,
    HEADER,
    child_of,
    drawn,
    is_sampled,
    span_id_of,
    trace_id_of,
)
from libs.runtime.tracing.port import Attributes, Finished, Kind, Name, Traces
from libs.runtime.tracing.witness import not_told


@dataclass(slots=True)
class Open:
    """A batch that is worked on. `failed` is the type of what went wrong, where nothing is raised of it."""

    failed: str | None = None


@contextmanager
def batch(
    traces: Traces | None,
    name: Name,
    kind: Kind,
    links: Iterable[str | None],
    attributes: Attributes,
) -> Iterator[Open]:
    """Tell of the block as one span, with a link to each of its parts that is sampled.

    Where none of them is, nothing is told: a batch is kept for what it leads to. Inside the block it is
    what `CURRENT` has and what a message is stamped with, lines of the log name it, and another batch is a child of it.
    A task or timer that begins inside keeps all of that, however long it lasts: what belongs to no batch begins outside.
    """
    opened = Open()
    sampled = [] if traces is None else [each for each in links if each and is_sampled(each)]
    if traces is None or not sampled:
        yield opened
        return
    parent = CURRENT.get()
    context = drawn() if parent is None else child_of(parent)
    began = time_ns()
    token = CURRENT.set(context)
    try:
        with structlog.contextvars.bound_contextvars(
            trace_id=trace_id_of(context), span_id=span_id_of(context)
        ):
            yield opened
    except BaseException as error:
        opened.failed = type(error).__name__
        raise
    finally:
        CURRENT.reset(token)
        try:
            traces.record(
                Finished(
                    name=name,
                    kind=kind,
                    context=context,
                    parent=parent,
                    began=began,
                    ended=time_ns(),
                    links=sampled,
                    attributes=attributes,
                    failed=opened.failed,
                )
            )
        except Exception as error:  # noqa: BLE001 - what the block did is done
            not_told(error)


def stamped() -> Mapping[str, str] | None:
    """Return the header for a message of the batch that is worked on; None where it has no span."""
    context = CURRENT.get()
    return None if context is None else {HEADER: context}
