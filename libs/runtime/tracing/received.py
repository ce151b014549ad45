"""Spans as a collector receives them: OTLP over HTTP, in protobuf.

https://opentelemetry.io/docs/specs/otlp/#otlphttp
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

PATH: Final = "/v1/traces"
_KINDS: Final = ("unspecified", "internal", "server", "client", "producer", "consumer")
_FAILED: Final = 2  # of a status


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedSpan:
    """A span. Ids are hex digits, `parent_id` "" where it is the first; times are nanoseconds since 1970.

    `links` are pairs of a trace and a span.
    """

    trace_id: str
    span_id: str
    parent_id: str
    name: str
    kind: str
    service: str
    began: int
    ended: int
    failed: bool = False
    attributes: Mapping[str, Any] = field(default_factory=dict)
    resource: Mapping[str, Any] = field(default_factory=dict)
    links: tuple[tuple[str, str], ...] = ()

    @property
    def milliseconds(self) -> float:
        """How long it took."""
        return (self.ended - self.began) / 1_000_000


def read_spans(body: bytes) -> list[ReceivedSpan]:
    """Read the body of a request. Raises `ValueError` where it is none."""
    from google.protobuf.message import DecodeError  # noqa: PLC0415 - where a collector is played
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (  # noqa: PLC0415
        ExportTraceServiceRequest,
    )

    try:
        request: Any = ExportTraceServiceRequest.FromString(body)
    except DecodeError:
        raise ValueError("no spans") from None
    found = []
    for told in request.resource_spans:
        resource = _values(told.resource.attributes)
        for scope in told.scope_spans:
            found += [_span(span, resource) for span in scope.spans]
    return found


def _span(span: Any, resource: Mapping[str, Any]) -> ReceivedSpan:  # noqa: ANN401 - of protobuf
    return ReceivedSpan(
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_id=span.parent_span_id.hex(),
        name=span.name,
        kind=_KINDS[span.kind],
        service=str(resource.get("service.name", "")),
        began=span.start_time_unix_nano,
        ended=span.end_time_unix_nano,
        failed=span.status.code == _FAILED,
        attributes=_values(span.attributes),
        resource=resource,
        links=tuple((link.trace_id.hex(), link.span_id.hex()) for link in span.links),
    )


def _values(attributes: Iterable[Any]) -> dict[str, Any]:
    """Return attributes by name; none of ours is a list or a table."""
    return {
        each.key: getattr(each.value, each.value.WhichOneof("value") or "string_value")
        for each in attributes
    }
