"""The way to each provider: one budget and one breaker for all its sources, one session for each source.

A source without `api`, or whose credentials are not there, cannot be asked; that is logged and stops
nothing else.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from types import MappingProxyType
from typing import Final

import structlog

from libs.api.breaker import Breaker, BreakerState, OpenError
from libs.api.budget import Budget
from libs.api.errors import RefusedError
from libs.api.http import Call, Http
from libs.api.repeating import at_once, repeated
from libs.providers.asking import (
    Asked,
    Client,
    FailedQueryError,
    NotAuthorizedError,
    NotThereError,
    Query,
    Reply,
    Schedule,
    Send,
    Wanted,
)
from libs.providers.clients import CLIENTS, SCHEDULES
from libs.providers.port import Terms
from libs.runtime.configuration import ConfigurationError
from libs.runtime.source_api import Asking
from libs.runtime.sources import Source, Sources
from services.reconciler.polling.schedules import schedule_of

DENIED: Final = 3  # answers in a row that do not take the credentials, after which a source rests
FIRST_REST: Final = 60  # seconds
LONGEST_REST: Final = 3600
SPARE: Final = 1  # call of a question that is made once more

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Line:
    """What all sources of one provider share."""

    budget: Budget
    breaker: Breaker


@dataclass(frozen=True, slots=True)
class Reach:
    """One source whose provider can be asked."""

    source: str
    provider: str
    client: Client
    http: Http
    line: Line
    denied: Breaker
    credentials: Mapping[str, str] = field(repr=False)

    async def ask(self, wanted: Wanted) -> tuple[Asked, ...]:
        """Ask about one object."""
        if self.denied.state is not BreakerState.CLOSED:
            self.denied.enter()  # one tries whether they are accepted again
        try:
            answers = await self.client.ask(self._sender(), self.credentials, wanted)
        except NotAuthorizedError:
            self.denied.failed()
            raise
        except (NotThereError, FailedQueryError):  # by somebody who took them
            self.denied.succeeded()
            raise
        except BaseException:
            self.denied.abandoned()
            raise
        self.denied.succeeded()
        return answers

    async def find(self, merchant_ref: str) -> tuple[str, ...]:
        """Return what the provider calls the objects of a merchant's reference."""
        return await self.client.find(self._sender(), self.credentials, merchant_ref)

    def _sender(self) -> Send:
        """Return what makes the calls of one question: one of them is repeated where it failed in passing.

        Else one failure of several calls costs the whole question a pause that doubles each time: of
        a provider that fails one call in four, half of the questions about a paid link failed.
        """
        spare = iter((True,) * SPARE)

        def again(error: BaseException) -> bool:
            closed = self.line.breaker.state is BreakerState.CLOSED
            return closed and at_once(error) and next(spare, False)

        def send(query: Query) -> Awaitable[Reply]:
            return repeated(partial(self._call, query), again)

        return send

    async def _call(self, query: Query) -> Reply:
        """Make one call in its turn; what fails on the provider's side is told to the breaker."""
        call = Call(
            method="GET",
            path=query.path,
            name=query.name,
            query=query.parameters,
            headers=query.headers,
        )
        breaker = self.line.breaker
        async with self.line.budget.turn():
            if self.denied.state is BreakerState.OPEN:  # by what was answered meanwhile
                raise OpenError("not asked: the credentials rest", after=self.denied.opens_in)
            breaker.enter()
            try:
                answer = await self.http.send(call)
            except RefusedError as error:
                if error.passing:
                    breaker.failed()
                    raise
                breaker.succeeded()
                return Reply(status=error.status, body=error.body)
            except Exception:
                breaker.failed()
                raise
            except BaseException:
                breaker.abandoned()
                raise
            breaker.succeeded()
            return Reply(status=answer.status, body=answer.body, content_type=answer.content_type)


class Access:
    """Whom we can ask, and when each source is asked. `clock` is the breakers'."""

    def __init__(self, sources: Sources, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.sources = sources
        self.lines = {each: _line(each, sources.asking.get(each), clock) for each in SCHEDULES}
        self._reaches: dict[str, Reach] = {}
        for source in sources:
            reach = self._reach(source, clock)
            if reach is not None:
                self._reaches[source.slug] = reach
        self._schedules = {
            (source.slug, source.provider): schedule_of(
                source.provider,
                sources.asking.get(source.provider),
                askable=source.slug in self._reaches,
            )
            for source in sources
            if source.provider in SCHEDULES
        }
        self._strangers = {
            each: schedule_of(each, sources.asking.get(each), askable=False) for each in SCHEDULES
        }

    def reach(self, source: str, provider: str) -> Reach | None:
        """Return how a source is asked; None where it cannot be."""
        found = self._reaches.get(source)
        return found if found is not None and found.provider == provider else None

    def schedule(self, source: str, provider: str) -> Schedule | None:
        """Return when a source is asked; None for a provider that does not exist (any more)."""
        return self._schedules.get((source, provider)) or self._strangers.get(provider)

    def terms(self, source: str) -> Terms:
        """Return what the sources file says about the translation of a source."""
        told = self.sources.by_slug.get(source)
        if told is None:
            return Terms()
        return Terms(currency=told.currency, timezone=told.timezone, aliases=told.aliases)

    def rate(self, provider: str) -> float:
        """Return how many calls a second may be made of a provider."""
        told = self.sources.asking.get(provider) or Asking()
        return told.requests_per_second or SCHEDULES[provider].requests_per_second

    def timeout(self, provider: str) -> float:
        """Return the seconds that one call may take."""
        told = self.sources.asking.get(provider) or Asking()
        return (told.timeout or SCHEDULES[provider].timeout).total_seconds()

    def calls(self, provider: str) -> int:
        """Return how many calls a question takes at most, with what is repeated; 0 for nobody to ask."""
        client = CLIENTS.get(provider)
        return 0 if client is None else client.calls + SPARE

    @property
    def shortest(self) -> float:
        """Seconds after which an object may have to be looked at, whatever it is."""
        every = (*self._schedules.values(), *self._strangers.values())
        return min(each.shortest.total_seconds() for each in every)

    async def close(self) -> None:
        """Close all sessions."""
        for reach in self._reaches.values():
            await reach.http.close()

    def _reach(self, source: Source, clock: Callable[[], float]) -> Reach | None:
        client = CLIENTS.get(source.provider)
        if client is None or source.api is None:
            return None
        try:
            found = {name: source.api.credential(name, source.slug) for name in client.credentials}
        except ConfigurationError as error:
            log.warning("source_cannot_be_asked", key=error.key, why=error.message)
            return None
        line = self.lines[source.provider]
        return Reach(
            source=source.slug,
            provider=source.provider,
            client=client,
            http=Http(
                source.api.base_url or client.base_url,
                timeout=self.timeout(source.provider),
                connections=line.budget.concurrency,
            ),
            line=line,
            denied=Breaker(failures=DENIED, first=FIRST_REST, most=LONGEST_REST, clock=clock),
            credentials=MappingProxyType(found),
        )


def _line(provider: str, told: Asking | None, clock: Callable[[], float]) -> Line:
    own, told = SCHEDULES[provider], told or Asking()
    budget = Budget(
        rate=told.requests_per_second or own.requests_per_second,
        concurrency=told.concurrency or own.concurrency,
    )
    return Line(budget, Breaker(clock=clock))
