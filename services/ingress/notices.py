"""Tells the others who was not let in: counts, and what some looked like, whatever goes on at the door.

The ingress knows no database. What it counts leaves as one small message every few seconds at most,
over a connection of its own, so that neither a flood of strangers nor a queue that takes nothing is
felt by a webhook. It may get lost: with this process, what it has not told yet is forgotten. That is
on purpose: nothing but a column of a table goes by it, and the metric counts for itself.
"""

from __future__ import annotations

import asyncio
import hashlib
import uuid
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Final

import structlog

from libs.bus.front_door import Publishing
from libs.bus.publisher import Outcome, Outgoing
from libs.bus.topology import NOTICED, WEBHOOKS
from libs.contracts.notice import CONTENT_TYPE, AuthFailure, Lost, Notice, NotLetIn, encode
from libs.runtime.failures import where
from libs.runtime.metrics import NOT_LET_IN

EVERY: Final = 5.0  # seconds between two messages, at least
# Of those whom it does not let in, so many are shown in a message: of one source, and in all.
SHOWN_OF_SOURCE: Final = 10
SHOWN: Final = 100
NAMES: Final = 40  # headers of each
LONGEST_NAME: Final = 64  # characters

log = structlog.get_logger()


class Notices:
    """Counts by source and kind, both of which are ours: a stranger makes no new ones."""

    def __init__(
        self,
        publisher: Publishing | None = None,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._publisher = publisher
        self._now = now
        self._counts: Counter[tuple[str, AuthFailure]] = Counter()
        self._lost: list[Lost] = []
        self._shown: Counter[str] = Counter()
        self._untold: bytes | None = None

    def not_let_in(self, source: str, kind: AuthFailure) -> bool:
        """Count a request that proved nothing; tell whether it may be shown as well, see `show`."""
        NOT_LET_IN.labels(source, kind.value).inc()
        if source:
            self._counts[source, kind] += 1
        return self.has_room(source)

    def has_room(self, source: str) -> bool:
        """Tell whether one more of a source may be shown in the next message."""
        return self._shown[source] < SHOWN_OF_SOURCE and len(self._lost) < SHOWN

    def show(  # noqa: PLR0913 - what there is to show, each told by name
        self,
        *,
        source: str,
        failure: AuthFailure,
        rule: str,
        why: str,
        body: bytes | None,
        size: int,
        headers: Iterable[str],
    ) -> None:
        """Keep what such a request looked like, for the next message. Values of headers are not asked for."""
        self._shown[source] += 1
        names = [name.lower()[:LONGEST_NAME] for name in headers]
        self._lost.append(
            Lost(
                source=source,
                at=self._now(),
                failure=failure,
                rule=rule,
                why=why,
                size=size if body is None else len(body),
                sha256=None if body is None else hashlib.sha256(body).hexdigest(),
                headers=tuple(sorted({name for name in names if _is_name(name)})[:NAMES]),
            )
        )

    async def run(self) -> None:
        """Tell for ever; whoever has enough cancels."""
        while True:
            await asyncio.sleep(EVERY)
            await self.tell()

    async def tell(self) -> None:
        """Send what was counted. What was not confirmed is sent again as it was, under its id."""
        if self._publisher is None:
            return
        if self._untold is None and (self._counts or self._lost):
            self._untold = self._message()
        if self._untold is None:
            return
        message = Outgoing(
            exchange=WEBHOOKS, routing_key=NOTICED, body=self._untold, content_type=CONTENT_TYPE
        )
        try:
            [outcome] = await self._publisher.publish_all([message])
        except Exception as error:  # noqa: BLE001 - a notice is not worth more
            log.error("notice_failed", at=where(error))  # noqa: TRY400
            return
        if outcome is Outcome.CONFIRMED:
            self._untold = None

    def _message(self) -> bytes:
        counts, self._counts = self._counts, Counter()
        lost, self._lost = self._lost, []
        self._shown.clear()
        told = tuple(NotLetIn(source, kind, count) for (source, kind), count in counts.items())
        return encode(Notice(str(uuid.uuid4()), self._now(), told, tuple(lost)))


def _is_name(text: str) -> bool:
    return bool(text) and text.isascii() and text.isprintable() and " " not in text
