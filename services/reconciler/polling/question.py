"""One question to a provider, and what became of it: an outcome and answers, never an exception."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

import structlog
import uuid_utils

from libs.api.breaker import OpenError
from libs.api.errors import RefusedError, UnansweredError, UnsentError
from libs.contracts.delivery import Delivery, Origin
from libs.domain.lifecycle import Authority
from libs.domain.observation import Observation
from libs.providers.asking import (
    Asked,
    BrokenOffError,
    FailedQueryError,
    LimitedError,
    NotAskableError,
    NotAuthorizedError,
    NotThereError,
    Wanted,
)
from libs.providers.card_fields import CardFields
from libs.providers.port import Terms
from libs.providers.registry import PROVIDERS
from libs.runtime.failures import where
from services.reconciler.polling.access import Reach
from services.reconciler.polling.scrubbing import without_secrets

_CARDS: Final = {slug: CardFields.of(each.personal_fields) for slug, each in PROVIDERS.items()}
LIMITED_FOR: Final = 30  # seconds, where the provider does not say for how long

log = structlog.get_logger()


class Outcome(StrEnum):
    """What became of asking."""

    ANSWERED = "answered"
    UNCHANGED = "unchanged"  # the same answer as the last time
    NOT_FOUND = "not_found"  # the provider knows no such object, yet
    FAILED = "failed"  # the query failed, by the provider's own word or with a 5xx
    UNAUTHORIZED = "unauthorized"  # the credentials were not accepted
    LIMITED = "limited"  # too much was asked
    UNREACHABLE = "unreachable"  # not connected, or no answer in time
    PUT_OFF = "put_off"  # not asked: the breaker is open
    UNPUBLISHED = "unpublished"  # answered, and the broker did not take it

    @property
    def answered(self) -> bool:
        """Whether the provider said what is true of the object."""
        return self in (Outcome.ANSWERED, Outcome.UNCHANGED)

    @property
    def failed(self) -> bool:
        """Whether the next question comes later and later; what rests by itself does not count."""
        return not self.answered and self not in (Outcome.PUT_OFF, Outcome.LIMITED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """`why` is for a person; `after` the seconds for which the provider wants to be left alone."""

    outcome: Outcome
    deliveries: tuple[Delivery, ...] = ()
    why: str = ""
    after: float | None = None


async def ask(reach: Reach, wanted: Wanted) -> Result:
    """Ask about one object. What was answered before a further question failed is told all the same."""
    try:
        answers = await reach.ask(wanted)
    except BrokenOffError as broken:
        failed = _without_answer(broken.cause, reach)
        return replace(failed, deliveries=tuple(delivery_of(reach, one) for one in broken.answers))
    except Exception as error:  # noqa: BLE001 - a bug in a client spoils one question
        return _without_answer(error, reach)
    deliveries = tuple(delivery_of(reach, answer) for answer in answers)
    return Result(outcome=Outcome.ANSWERED, deliveries=deliveries)


def _without_answer(error: Exception, reach: Reach) -> Result:  # noqa: PLR0911 - one for each outcome
    match error:
        case NotThereError():
            return Result(outcome=Outcome.NOT_FOUND, why="the provider knows no such object")
        case NotAuthorizedError():
            return Result(outcome=Outcome.UNAUTHORIZED, why="the credentials were not accepted")
        case LimitedError():
            return Result(outcome=Outcome.LIMITED, why="too much was asked", after=LIMITED_FOR)
        case FailedQueryError() | NotAskableError():
            return Result(outcome=Outcome.FAILED, why=str(error))
        case OpenError():
            return Result(outcome=Outcome.PUT_OFF, why=str(error), after=error.after)
        case UnsentError() | UnansweredError():
            return Result(outcome=Outcome.UNREACHABLE, why=str(error))
        case RefusedError() if error.status >= 500 and error.after is None:
            return Result(outcome=Outcome.FAILED, why=str(error))
        case RefusedError():
            return Result(outcome=Outcome.LIMITED, why=str(error), after=error.after or LIMITED_FOR)
    log.error("client_failed", provider=reach.provider, at=where(error))
    return Result(outcome=Outcome.FAILED, why="our own code failed")


def delivery_of(reach: Reach, asked: Asked) -> Delivery:
    """Put an answer into the envelope in which it enters, without credentials and whole card numbers."""
    body = without_secrets(
        asked.body,
        PROVIDERS[reach.provider].secret_body_fields,
        reach.credentials.values(),
    )
    return Delivery(
        id=str(uuid_utils.uuid7()),
        source=reach.source,
        provider=reach.provider,
        body=_CARDS[reach.provider].masked(body),
        received_at=datetime.now(UTC),
        authority=Authority.POLL,
        content_type=asked.content_type,
        route_event=asked.route_event,
        origin=Origin.POLL,
    )


def said_by(result: Result, terms: Terms) -> tuple[Observation, ...]:
    """Read what the answers say, as the normalizer will; for comparing, not for storing."""
    readings = [
        reading
        for delivery in result.deliveries
        for reading in PROVIDERS[delivery.provider].translate(delivery, terms)
    ]
    return tuple(reading for reading in readings if isinstance(reading, Observation))


def digest_of(result: Result, said: tuple[Observation, ...]) -> bytes:
    """Name the answer: by what it says, or by its bytes where it says nothing."""
    told = sorted(each.key for each in said) or [each.sha256 for each in result.deliveries]
    return hashlib.sha256("\n".join(told).encode()).digest()
