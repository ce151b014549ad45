"""One webhook, from its request to its answer. What is cheap to refuse is refused first."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

import structlog
from aiohttp import web

from libs.contracts.delivery import Delivery
from libs.domain.lifecycle import Authority
from libs.providers.port import Answer
from libs.providers.reading import Json, NotReadableError, read_object
from libs.runtime.metrics import INGRESS_ANSWERS
from services.ingress.accept import Acceptor
from services.ingress.authentication import Attempt
from services.ingress.budget import REQUEST_COST, Budget, Hold
from services.ingress.doors import Door, Doors
from services.ingress.envelope import wrap
from services.ingress.ladder import RefusedError
from services.ingress.receiving import check_head, read_body
from services.ingress.redaction import RedactionError
from services.ingress.rejections import Rejection, not_found, unauthorized, unavailable
from services.ingress.tally import Tally

_EVENT: Final = re.compile(r"[A-Za-z0-9_.:-]{1,64}")

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

    async def by_slug(self, request: web.Request) -> web.Response:
        """Handle `/webhooks/{source}` and `/webhooks/{source}/{event}`."""
        return await self._receive(request, request.match_info["source"])

    async def by_path(self, request: web.Request) -> web.Response:
        """Handle a path of its own, or one that the provider's document prescribes."""
        return await self._receive(request, self.doors.by_path[request.path].source.slug)

    async def _receive(self, request: web.Request, slug: str) -> web.Response:
        door = self.doors.open_at(slug)
        if door is None:
            raise not_found()
        route_event = _route_event(request)
        check_head(request, self.max_body_bytes)
        with self.budget.hold() as hold:
            if not hold.take(REQUEST_COST):
                raise self._unavailable(door, "memory")
            delivery = await self._delivery(request, door, hold, route_event)
            answer = door.provider.acknowledge(delivery)
            if answer.status < 400:
                await self._accept(door, delivery)
        return _response(answer)

    async def _delivery(
        self, request: web.Request, door: Door, hold: Hold, route_event: str | None
    ) -> Delivery:
        attempt = Attempt(headers=request.headers, query=request.query)
        authority = None
        if not door.authenticator.needs_document:
            authority = self._verify(door, attempt)
        body = await read_body(
            request, hold, max_body_bytes=self.max_body_bytes, within=self.body_timeout
        )
        document = None
        if authority is None:
            document = _document(body)
            attempt = Attempt(headers=request.headers, query=request.query, document=document)
            authority = self._verify(door, attempt)
        try:
            redacted = door.redactor.body(body, document)
        except RedactionError:
            raise Rejection(400, "body not readable") from None
        return wrap(door, redacted, request.headers, authority=authority, route_event=route_event)

    def _verify(self, door: Door, attempt: Attempt) -> Authority:
        authority = door.authenticator.verify(attempt)
        if authority is None:
            self.tally.note("authentication_failed", door.source.slug)
            raise unauthorized()
        return authority

    async def _accept(self, door: Door, delivery: Delivery) -> None:
        try:
            await self.acceptor.accept(delivery)
        except RefusedError as refused:
            raise self._unavailable(door, str(refused)) from None
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


def _route_event(request: web.Request) -> str | None:
    """Return the event that the URL names: the path's last segment, else `?event=`."""
    in_path = request.match_info.get("event")
    event = request.query.get("event") if in_path is None else in_path
    if not event:
        return None
    if not _EVENT.fullmatch(event):
        raise not_found() if in_path is not None else Rejection(400, "event not readable")
    return event


def _document(body: bytes) -> dict[str, Json]:
    try:
        return read_object(body)
    except NotReadableError:
        raise Rejection(400, "body not readable") from None


def _response(answer: Answer) -> web.Response:
    headers = {"Content-Type": answer.content_type}
    return web.Response(status=answer.status, body=answer.body, headers=headers)
