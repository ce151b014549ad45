"""One webhook, from its request to its answer. What is cheap to refuse is refused first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from aiohttp import web
from multidict import CIMultiDictProxy

from libs.contracts.delivery import Delivery
from libs.contracts.errors import ContractError
from libs.contracts.notice import AuthFailure
from libs.domain.lifecycle import Authority
from libs.providers.reading import Json, NotReadableError, read_object
from libs.runtime.metrics import INGRESS_ANSWERS
from libs.runtime.tracing.context import HEADER
from services.ingress.accept import Acceptor
from services.ingress.answering import answered
from services.ingress.authentication.addresses import Network, client_address
from services.ingress.authentication.verdict import Address, Attempt, Verdict
from services.ingress.budget import REQUEST_COST, Budget, Hold
from services.ingress.doors import Door, Doors
from services.ingress.envelope import trace, wrap
from services.ingress.failing import rejection_of
from services.ingress.guard import Guard
from services.ingress.ladder import RefusedError
from services.ingress.notices import Notices
from services.ingress.peer import Peer, one_sender
from services.ingress.receiving import (
    check_head,
    check_whole,
    continue_if_welcome,
    glimpse,
    read_body,
)
from services.ingress.redaction import RedactionError
from services.ingress.rejections import Refusal, Rejection, unauthorized, unavailable
from services.ingress.tally import Tally
from services.ingress.ways import Way
from services.ingress.witness import IngressWitness


class Wire(Protocol):
    """The connection that a request came over."""

    @property
    def peername(self) -> Any:  # noqa: ANN401 - as the socket has it
        """The address and port at its other end, where it has any."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhooks:
    """The handlers of every path that leads to a source. Sizes in bytes, times in seconds."""

    doors: Doors
    acceptor: Acceptor
    budget: Budget
    guard: Guard
    max_body_bytes: int
    body_timeout: float
    tally: Tally = field(default_factory=Tally)
    notices: Notices = field(default_factory=Notices)
    trusted_proxies: tuple[Network, ...] = ()
    witness: IngressWitness | None = None
    """Who tells of single deliveries, where anybody does."""
    context_of: Callable[[str | None], str] = trace
    """Gives the trace context of a delivery, from what its sender said of one."""

    async def receive(self, request: web.BaseRequest, way: Way, peer: Peer) -> web.StreamResponse:
        """Handle a request that has found its door. Raises `Rejection`."""
        try:
            with self.budget.hold(way.turnstile.share) as hold:
                return await self._receive(request, way, peer, hold)
        except Rejection as rejection:
            raise self.guard.told(rejection, way.turnstile, peer) from None

    async def _receive(
        self, request: web.BaseRequest, way: Way, peer: Peer, hold: Hold
    ) -> web.StreamResponse:
        door = way.door
        self.guard.admit(way.turnstile, peer)
        if "Expect" in request.headers:
            refused = await continue_if_welcome(request, self.max_body_bytes)
            if refused is not None:
                return refused
        check_head(request, self.max_body_bytes)
        delivery = await self._read(request, way, peer, hold)
        answer = door.provider.acknowledge(delivery)
        if answer.status < 400:
            await self._accept(door, delivery, answer.status, headers=request.headers)
        return answered(request, answer)

    def delivery(  # noqa: PLR0913, PLR0917 - what a request is, made for each
        self,
        way: Way,
        peer: Peer,
        headers: CIMultiDictProxy[str],
        body: bytes,
        hold: Hold,
        wire: Wire,
    ) -> Delivery:
        """Let in a webhook that is here as a whole. Raises `Rejection`."""
        self.guard.admit(way.turnstile, peer)
        if not hold.take(REQUEST_COST):
            raise self._unavailable(way.door, "memory")
        address = self._address(way.door, headers, wire)
        verdict = self._by_head(way, headers, address)
        if verdict is not None and verdict.authority is None:
            raise self._refused(way.door, verdict, headers, body, len(body))
        authority = None if verdict is None else verdict.authority
        check_whole(body, hold, self.max_body_bytes)
        return self._delivery(way, peer, headers, body, address, authority)

    def rejection(self, door: Door, outcome: RefusedError | ContractError) -> Rejection:
        """Say what the sender is told of a delivery that was not kept, and count it."""
        if isinstance(outcome, RefusedError):
            return self._unavailable(door, str(outcome))
        return rejection_of(outcome, method="POST")

    def refused(
        self, delivery: Delivery | None, rejection: Rejection, headers: CIMultiDictProxy[str]
    ) -> None:
        """Tell of a delivery that was not kept, where anybody tells of deliveries."""
        if self.witness is not None and delivery is not None:
            self.witness.refused(delivery, rejection.status, headers.get(HEADER))

    async def _read(self, request: web.BaseRequest, way: Way, peer: Peer, hold: Hold) -> Delivery:
        """Let in a webhook of which the head is here; what the head proves is asked first."""
        if not hold.take(REQUEST_COST):
            raise self._unavailable(way.door, "memory")
        headers = request.headers
        address = self._address(way.door, headers, request.protocol)
        verdict = self._by_head(way, headers, address)
        if verdict is not None and verdict.authority is None:
            shown = self.notices.has_room(way.door.source.slug)
            seen = await glimpse(request, hold, self.max_body_bytes) if shown else None
            raise self._refused(way.door, verdict, headers, seen, request.content_length or 0)
        authority = None if verdict is None else verdict.authority
        body = await read_body(
            request, hold, max_body_bytes=self.max_body_bytes, within=self.body_timeout
        )
        return self._delivery(way, peer, headers, body, address, authority)

    def _by_head(
        self, way: Way, headers: CIMultiDictProxy[str], address: Address | None
    ) -> Verdict | None:
        """Judge what the head proves; None where only the body can prove something.

        On both lanes it comes before anything is said of the body.
        """
        authenticator = way.door.authenticator
        if authenticator.needs_body:
            return None
        return authenticator.judge(Attempt(headers=headers, query=way.query, address=address))

    def sender(self, peer: Peer, headers: CIMultiDictProxy[str], wire: Wire) -> Peer:
        """Return who is to be held to the limits: behind a trusted proxy whom it tells of."""
        if not self.trusted_proxies:
            return peer
        name = wire.peername
        address = client_address(name[0] if name else None, headers, self.trusted_proxies)
        return peer if address is None else self.guard.peers.at(one_sender(str(address)))

    def _address(self, door: Door, headers: CIMultiDictProxy[str], wire: Wire) -> Address | None:
        """Return where a request comes from, where that matters."""
        if not door.needs_address:
            return None
        name = wire.peername
        return client_address(name[0] if name else None, headers, self.trusted_proxies)

    def _delivery(  # noqa: PLR0913, PLR0917 - what a request is, made for each
        self,
        way: Way,
        peer: Peer,
        headers: CIMultiDictProxy[str],
        body: bytes,
        address: Address | None,
        authority: Authority | None,
    ) -> Delivery:
        """Make the delivery; `authority` is what the head alone has proven already."""
        door = way.door
        document = _document(body) if door.authenticator.needs_document else None
        if authority is None:
            attempt = Attempt(
                headers=headers,
                query=way.query,
                body=body,
                document=document or {},
                address=address,
            )
            verdict = door.authenticator.judge(attempt)
            if verdict.authority is None:
                raise self._refused(door, verdict, headers, body, len(body))
            authority = verdict.authority
        self.guard.charge(way.turnstile, peer, authority)
        try:
            redacted = door.redactor.body(body, document)
        except RedactionError:
            raise Refusal.BODY_UNREADABLE.rejection() from None
        return wrap(
            door,
            redacted,
            headers,
            authority=authority,
            route_event=way.route_event,
            context_of=self.context_of,
        )

    def _refused(
        self,
        door: Door,
        verdict: Verdict,
        headers: CIMultiDictProxy[str],
        body: bytes | None,
        size: int,
    ) -> Rejection:
        self._not_let_in(door.source.slug, verdict, headers, body, size)
        return unauthorized()

    def _not_let_in(
        self,
        slug: str,
        verdict: Verdict,
        headers: CIMultiDictProxy[str],
        body: bytes | None,
        size: int,
    ) -> None:
        """Count it, log it now and then, and keep for the lost-and-found what it looked like."""
        failure = verdict.failure or AuthFailure.WRONG
        event = "authentication_failed" if slug else "source_unknown"
        self.tally.note(event, slug, rule=verdict.rule, why=verdict.why)
        if self.notices.not_let_in(slug, failure):
            self.notices.show(
                source=slug,
                failure=failure,
                rule=verdict.rule,
                why=verdict.why,
                body=body,
                size=size,
                headers=headers.keys(),
            )

    def lead_nowhere(self, request: web.BaseRequest) -> None:
        """Keep for the lost-and-found what came to a source that does not exist, or is closed."""
        verdict = Verdict("", failure=AuthFailure.UNKNOWN_SOURCE, why="no such source, or closed")
        size = request.content_length or 0
        self._not_let_in("", verdict, request.headers, None, size)

    async def _accept(
        self, door: Door, delivery: Delivery, status: int, *, headers: CIMultiDictProxy[str]
    ) -> None:
        try:
            kept = await self.acceptor.accept(delivery)
        except (RefusedError, ContractError) as error:
            rejection = self.rejection(door, error)
            self.refused(delivery, rejection, headers)
            raise rejection from None
        if self.witness is not None:
            self.witness.accepted(delivery, kept, status, headers.get(HEADER))

    def _unavailable(self, door: Door, why: str) -> Rejection:
        INGRESS_ANSWERS.labels("refused").inc()
        self.tally.note("delivery_refused", door.source.slug, why=why)
        return unavailable()


def _document(body: bytes) -> dict[str, Json]:
    try:
        return read_object(body)
    except NotReadableError:
        raise Refusal.BODY_UNREADABLE.rejection() from None
