"""What is posted: the simulator's webhooks as bytes that are ready for the wire.

Lives of all five providers take turns, as they would for a merchant who uses all of them; a share
of the webhooks comes twice, byte for byte. Every request carries its number in `X-Request-Id`,
which travels with a delivery: so each event can be traced to the webhook that caused it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Final

from services.simulator.credentials import Credentials, credentials_from
from services.simulator.lives import JSON, Body
from services.simulator.plan import Plan

DUPLICATES: Final = 0.05  # of all webhooks; providers repeat what was answered late
HOST: Final = "127.0.0.1"
HOT_SOURCE: Final = "conectados"
HOT_OBJECT: Final = 999_000_000_000_000_001


@dataclass(frozen=True, slots=True)
class Corpus:
    """What makes a stream of requests: the same seed and run, the same bytes."""

    seed: int
    run: str
    hot_share: float = 0.0
    """The share of requests that are about one and the same object, each with other bytes."""

    def requests(self, count: int) -> list[bytes]:
        """Return the first `count` requests, whole: line, headers, body."""
        return list(self.stream(count))

    def stream(self, count: int) -> Iterator[bytes]:
        """Give the same one by one."""
        return islice(self._all(count), count)

    def _all(self, count: int) -> Iterator[bytes]:
        credentials = credentials_from(None)
        plan = Plan.from_seed(self.seed, run=self.run, count=count, duplicates=DUPLICATES)
        heat = 0.0
        for webhook in plan.webhooks():
            heat += self.hot_share
            if heat >= 1.0:
                heat -= 1.0
                body = hot_body(f"{self.run}/{webhook.index}")
                yield _wire(credentials, webhook.index, HOT_SOURCE, body)
            else:
                yield _wire(credentials, webhook.index, webhook.source, webhook.body)


def hot_body(which: str) -> Body:
    """Say of the hot object one more time that a sale of Conectados was approved, under another code: it is news."""
    said = {
        "event_type": "sale_conditions_approved",
        "code": 0,
        "state": "created",
        "message": "hot",
        "approval_sale_code": which,
        "purchase_allowed": True,
        "transaction_id": HOT_OBJECT,
        "external_reference": "bench-hot",
        "aproved_total_amount": 10000,
    }
    return Body(json.dumps(said).encode(), JSON, None)


def _wire(credentials: Credentials, number: int, source: str, body: Body) -> bytes:
    request = credentials.request(source, body)
    lines = [
        f"POST {request.path} HTTP/1.1",
        f"Host: {HOST}",
        *(f"{name}: {value}" for name, value in request.headers.items()),
        f"X-Request-Id: {number}",
        f"Content-Length: {len(request.body)}",
        "",
        "",
    ]
    return "\r\n".join(lines).encode() + request.body
