"""One delivery: the exact bytes that somebody sent us, in an envelope (`webhook.received`)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType

from libs.domain.frozen import unguarded
from libs.domain.lifecycle import Authority


class Origin(StrEnum):
    """The door's label: how a delivery came. All of them take the same path behind it."""

    WEBHOOK = "webhook"
    POLL = "poll"
    REPORT = "report"
    REPLAY = "replay"
    OPERATOR = "operator"


@unguarded
@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """The envelope. `id` is a UUIDv7; `body` is exact but for a credential that was taken out.

    `source` is the slug in the URL and names one merchant account at `provider`. `content_type`
    is the header as it came ("" where there was none) and is never to be relied on. `headers`
    holds allow-listed names in lower case. `route_event` is what the URL said
    (`/webhooks/<source>/<event>` or `?event=`). `traceparent` is W3C Trace Context. A replay is a
    delivery of its own: `replay_of` is the id of the one whose bytes and times it repeats.
    """

    id: str
    source: str
    provider: str
    body: bytes
    received_at: datetime
    authority: Authority
    content_type: str = ""
    headers: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    route_event: str | None = None
    origin: Origin = Origin.WEBHOOK
    traceparent: str | None = None
    replay_of: str | None = None

    @property
    def evidence(self) -> str:
        """The id of the delivery that is the evidence for what this one says.

        A replay proves nothing that the delivery which it repeats did not prove: what it says
        stands under that one's id, so that saying it again adds nothing.
        """
        return self.replay_of or self.id

    @property
    def sha256(self) -> str:
        """The SHA-256 of the body as it travels, in hex."""
        return hashlib.sha256(self.body).hexdigest()
