"""Which metrics an expression of Prometheus names, and what of ours it may name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

import promql_parser

from libs.runtime.metrics_document import described

# What Grafana puts in before it asks.
_VARIABLES: Final = {
    "$__rate_interval": "5m",
    "$__interval": "1m",
    "$__range": "1h",
    "$instance": "x",
    "$source": "x",
    "$provider": "x",
}
# Of Prometheus itself, and of RabbitMQ's plug-in.
_OTHERS: Final = re.compile(r"up|ALERTS|rabbitmq_\w+")
_PARTS: Final = ("expr", "lhs", "rhs", "param", "vector_selector", "vs")


def selectors(expression: str) -> Iterator[promql_parser.VectorSelector]:
    """Parse, and give every selector of series. Raises `ValueError` for what is no PromQL."""
    for variable, value in _VARIABLES.items():
        expression = expression.replace(variable, value)
    yield from _within(promql_parser.parse(expression))


def _within(node: Any) -> Iterator[promql_parser.VectorSelector]:  # noqa: ANN401 - any node of the tree
    if isinstance(node, promql_parser.VectorSelector):
        yield node
        return
    for part in _PARTS:
        if (inner := getattr(node, part, None)) is not None:
            yield from _within(inner)
    for argument in getattr(node, "args", None) or ():
        yield from _within(argument)


def undocumented(expression: str) -> set[str]:
    """Return what the expression names that is in no document."""
    known = {name for metric in described() for name in metric.samples}
    named = {selector.name or "" for selector in selectors(expression)}
    return {name for name in named if name not in known and not _OTHERS.fullmatch(name)}
