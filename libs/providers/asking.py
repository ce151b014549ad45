"""Asking a provider back: what a client is given, what it gives, and the ways in which that fails.

A client knows its provider's calls and nothing of HTTP: it is handed `send`, which makes one call
within the budget and gives any answer that is about the question (an error of the provider's side
never comes back from it). What it returns enters as deliveries of origin `poll`, and is translated
by the same adapter as a webhook.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import time, timedelta
from types import MappingProxyType
from typing import Final, Protocol

from libs.contracts.delivery import Delivery
from libs.domain.frozen import unguarded
from libs.domain.lifecycle import Authority
from libs.providers.reading import Json, NotReadableError, read_object

_NOTHING: Final[Mapping[str, str]] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """One GET. `name` stands for it in errors and logs; `path` is quoted already."""

    path: str
    name: str
    parameters: Mapping[str, str] = field(default_factory=lambda: _NOTHING, repr=False)
    headers: Mapping[str, str] = field(default_factory=lambda: _NOTHING, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What the provider answered."""

    status: int
    body: bytes = field(repr=False)
    content_type: str = ""


Send = Callable[[Query], Awaitable[Reply]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """The object that is asked about; `names` are its other names."""

    provider_ref: str
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One answer about an object; `route_event` is what was asked, `<call>/<provider_ref>…`."""

    route_event: str
    body: bytes = field(repr=False)
    content_type: str = ""


class NotThereError(Exception):
    """The provider knows no such object (yet)."""


class BrokenOffError(Exception):
    """A further question about the object failed: `answers` came before that, `cause` is why."""

    def __init__(self, answers: tuple[Asked, ...], cause: Exception) -> None:
        super().__init__("not everything was answered")
        self.answers = answers
        self.cause = cause


class NotAskableError(Exception):
    """There is no query for this; the message says why."""


class FailedQueryError(Exception):
    """It was answered that the query failed; the message quotes nothing of the answer."""


class NotAuthorizedError(Exception):
    """The credentials were not accepted."""


class LimitedError(Exception):
    """Too much was asked; later again."""


class Client(Protocol):
    """One provider's queries. `libs.providers.clients` holds one instance of each."""

    @property
    def base_url(self) -> str:
        """The provider's production address."""

    @property
    def credentials(self) -> tuple[str, ...]:
        """The names of the credentials that it needs."""

    @property
    def calls(self) -> int:
        """How many calls `ask` makes at most."""

    def askable(self, provider_ref: str) -> bool:
        """Whether a query can name this object."""

    async def ask(
        self, send: Send, credentials: Mapping[str, str], wanted: Wanted
    ) -> tuple[Asked, ...]:
        """Ask what is true of one object; at least one answer, or one of the errors above."""

    async def find(
        self, send: Send, credentials: Mapping[str, str], merchant_ref: str
    ) -> tuple[str, ...]:
        """Return the provider's references of all objects with this merchant's reference."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """When a provider is asked, in spans after the last news; and how much may be asked of it.

    `overdue` has the spans of a method (lower-case, as the object says it), `default` those of every
    other. `finished` is when an object whose state is final is looked at once more: a refund or a late
    payment that got lost shows itself only so. `banking` puts a time off to the next banking day.
    """

    overdue: Mapping[str, tuple[timedelta, ...]]
    default: tuple[timedelta, ...]
    finished: tuple[timedelta, ...] = ()
    requests_per_second: int = 5
    concurrency: int = 2
    timeout: timedelta = timedelta(seconds=10)
    banking: Banking | None = None

    def spans(self, method: str | None) -> tuple[timedelta, ...]:
        """Return the spans of a method."""
        return self.overdue.get((method or "").lower(), self.default)

    @property
    def shortest(self) -> timedelta:
        """The shortest span after which anything may have to be done."""
        every = (*self.overdue.values(), self.default, self.finished)
        return min((spans[0] for spans in every if spans), default=timedelta(days=1))


@dataclass(frozen=True, slots=True, kw_only=True)
class Banking:
    """Banks work on weekdays: what is sent after `cut_off` (in `zone`) goes on the next of them."""

    zone: str
    cut_off: time


@unguarded
@dataclass(frozen=True, slots=True)
class Route:
    """What was asked, taken apart: `checkout/<ref>` or `refund/<ref>/<refund>`."""

    call: str
    provider_ref: str | None


def is_polled(delivery: Delivery) -> bool:
    """Whether a delivery is an answer of the provider's API, or repeats one."""
    return delivery.authority is Authority.POLL


def route_of(delivery: Delivery) -> Route:
    """Read what was asked."""
    call, _, rest = (delivery.route_event or "").partition("/")
    return Route(call, rest.partition("/")[0] or None)


def document_of(reply: Reply) -> dict[str, Json]:
    """Return the JSON object that was answered, whatever its status; raise what bars the way to it."""
    if reply.status in (401, 403):
        raise NotAuthorizedError
    if reply.status == 404:
        raise NotThereError
    try:
        return read_object(reply.body)
    except NotReadableError:
        raise FailedQueryError(f"answered {reply.status} without JSON") from None
