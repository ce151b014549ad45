"""One webhook, from its request to its answer. What is cheap to refuse is refused first."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field

import structlog
from aiohttp import web

from libs.contracts.delivery import Delivery
from libs.domain.lifecycle import Authority
from libs.providers.reading import Json, NotReadableError, read_object
from libs.runtime.metrics import INGRESS_ANSWERS
from services.ingress.accept import Acceptor
from services.ingress.answering import answered
from services.ingress.authentication import Attempt
from services.ingress.budget import REQUEST_COST, Budget, Hold
from services.ingress.doors import Door, Doors
from services.ingress.envelope import wrap
from services.ingress.ladder import RefusedError
from services.ingress.notices import Notices
from services.ingress.receiving import check_head, continue_if_welcome, read_body
from services.ingress.redaction import RedactionError
from services.ingress.rejections import Rejection, unauthorized, unavailable
from services.ingress.tally import Tally
from services.ingress.ways import Way

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhooks:
    """The handlers of every path that leads to a source. Sizes in bytes, times in seconds."""

    doors: Doors
    acceptor: Acceptor
    budget: Budget
    max_body_bytes: int
    body_timeout: float
    tally: Tally = field(default_factory=Tally)
    notices: Notices = field(default_factory=Notices)
    tells_all: bool = field(default_factory=lambda: log.is_enabled_for(logging.DEBUG))
    """Whether every delivery has a line in the log; asking the log each time takes 1 µs."""

    async def receive(self, request: web.BaseRequest, way: Way) -> web.StreamResponse:
        """Handle a request that has found its door."""
        door = way.door
        if "Expect" in request.headers:
            refused = await continue_if_welcome(request, self.max_body_bytes)
            if refused is not None:
                return refused
        check_head(request, self.max_body_bytes)
        with self.budget.hold() as hold:
            if not hold.take(REQUEST_COST):
                raise self._unavailable(door, "memory")
            delivery = await self._delivery(request, way, hold)
            answer = door.provider.acknowledge(delivery)
            if answer.status < 400:
                await self._accept(door, delivery)
        return answered(request, answer)

    async def _delivery(self, request: web.BaseRequest, way: Way, hold: Hold) -> Delivery:
        door, headers = way.door, request.headers
        authority = None
        if not door.authenticator.needs_document:
            authority = self._verify(door, Attempt(headers=headers, query=way.query))
        body = await read_body(
            request, hold, max_body_bytes=self.max_body_bytes, within=self.body_timeout
        )
        document = None
        if authority is None:
            document = _document(body)
            attempt = Attempt(headers=headers, query=way.query, document=document)
            authority = self._verify(door, attempt)
        try:
            redacted = door.redactor.body(body, document)
        except RedactionError:
            raise Rejection(400, "body not readable") from None
        return wrap(door, redacted, headers, authority=authority, route_event=way.route_event)

    def _verify(self, door: Door, attempt: Attempt) -> Authority:
        authority = door.authenticator.verify(attempt)
        if authority is None:
            self.tally.note("authentication_failed", door.source.slug)
            self.notices.not_let_in(door.source.slug, door.authenticator.failure(attempt))
            raise unauthorized()
        return authority

    async def _accept(self, door: Door, delivery: Delivery) -> None:
        try:
            await self.acceptor.accept(delivery)
        except RefusedError as refused:
            raise self._unavailable(door, str(refused)) from None
        if self.tells_all:
            log.debug(
                "delivery_accepted",
                delivery_id=delivery.id,
                source=delivery.source,
                size=len(delivery.body),
                authority=delivery.authority.value,
            )

    def _unavailable(self, door: Door, why: str) -> Rejection:
        INGRESS_ANSWERS.labels("refused").inc()
        self.tally.note("delivery_refused", door.source.slug, why=why)
        return unavailable()


def _document(body: bytes) -> dict[str, Json]:
    try:
        return read_object(body)
    except NotReadableError:
        raise Rejection(400, "body not readable") from None
