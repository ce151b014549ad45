"""What is posted: the simulator's webhooks as bytes that are ready for the wire.

Lives of all five providers take turns, as they would for a merchant who uses all of them; a share
of the webhooks comes twice, byte for byte. Every request carries its number in `X-Request-Id`,
which travels with a delivery: so each event can be traced to the webhook that caused it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Final

from services.simulator.credentials import Credentials, credentials_from
from services.simulator.lives import Body
from services.simulator.plan import Plan

DUPLICATES: Final = 0.05  # of all webhooks; providers repeat what was answered late
HOST: Final = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Corpus:
    """What makes a stream of requests: the same seed and run, the same bytes."""

    seed: int
    run: str

    def requests(self, count: int) -> list[bytes]:
        """Return the first `count` requests, whole: line, headers, body."""
        return list(islice(self._all(count), count))

    def _all(self, count: int) -> Iterator[bytes]:
        credentials = credentials_from(None)
        plan = Plan.from_seed(self.seed, run=self.run, count=count, duplicates=DUPLICATES)
        for webhook in plan.webhooks():
            yield _wire(credentials, webhook.index, webhook.source, webhook.body)


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
