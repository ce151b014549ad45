"""Wraps a request into a `Delivery`: which of its headers travel, its number, its trace."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Final

import uuid_utils
from multidict import CIMultiDictProxy

from libs.contracts.delivery import Delivery
from libs.domain.lifecycle import Authority
from libs.runtime.tracing.context import HEADER, drawn, of_sender, unsampled
from services.ingress.doors import Door

# What a sender says in all of its requests is cleaned once.
_SAME_FOR_EVER: Final = frozenset({"content-type", "user-agent"})


def trace(traceparent: str | None) -> str:
    """Keep a valid trace context, begin a new one otherwise: without tracing, none that is sampled.

    What waits somewhere when tracing is switched on would else be kept, all of it or what strangers chose.
    """
    context = None if traceparent is None else of_sender(traceparent)
    return drawn(sampled=False) if context is None else unsampled(context)


def wrap(  # noqa: PLR0913 - what a delivery is made of
    door: Door,
    body: bytes,
    headers: CIMultiDictProxy[str],
    *,
    authority: Authority,
    route_event: str | None,
    context_of: Callable[[str | None], str] = trace,
) -> Delivery:
    """Make the delivery of a request that `door` has let in; `body` and `route_event` are free of credentials."""
    travelling: dict[str, str] = {}
    for sought, name, limit in door.travelling:
        if told := headers.get(sought):
            # what may be remembered has one limit; another header of the same text may be longer
            same = name in _SAME_FOR_EVER
            value = door.known_headers.get(told) if same else None
            if value is None:
                value = _clean(told, limit, door)
                if same:
                    door.know_header(told, value)
            if value:
                travelling[name] = value
    return Delivery(
        id=str(uuid_utils.uuid7()),
        source=door.source.slug,
        provider=door.provider.slug,
        body=body,
        received_at=datetime.now(UTC),
        authority=authority,
        content_type=travelling.get("content-type", ""),
        headers=MappingProxyType(travelling),
        route_event=route_event,
        traceparent=context_of(headers.get(HEADER)),
    )


def _clean(value: str, limit: int, door: Door) -> str:
    """Make text of a header's bytes: bounded, printable, without a secret of the source."""
    if not value.isascii() or not value.isprintable():
        value = value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
        value = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in value)
    return door.redactor.text(value)[:limit]
