"""What a delivery turned out to say. Closed types; each keeps the provider's own word."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from libs.domain.lifecycle import Kind
from libs.domain.observation import Observation

VALUE_LIMIT: Final = 120


class ParkReason(StrEnum):
    """Why a delivery, or a part of it, was parked."""

    UNKNOWN_VALUE = "unknown_value"  # an authentic word that no mapping knows
    FOREIGN_SHAPE = "foreign_shape"  # readable, but not a body of this webhook
    NOT_READABLE = "not_readable"  # not JSON, not a form, or not safely so
    MALFORMED = "malformed"  # the right shape with a field that cannot be true
    NO_IDENTITY = "no_identity"  # it names no object
    OBJECT_NOT_FOUND = "object_not_found"  # it names an object that is not known (yet)
    FAILED = "failed"  # our code failed on it


@dataclass(frozen=True, slots=True, kw_only=True)
class Poke:
    """No news in itself: a request to ask the provider about one object."""

    kind: Kind
    provider_ref: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ignored:
    """Known, and without meaning for a payment or payout."""

    provider_status: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknown:
    """Not translatable (yet): parked with the raw body, grouped by (provider, field, value).

    `field` is the path in the provider's body (`data.payment.status.code`), `value` the
    offending word, cut to `VALUE_LIMIT` characters; both None where no single field is to blame.
    Never personal data, never a credential. `attempts` is how often it was tried.
    """

    reason: ParkReason
    detail: str
    field: str | None = None
    value: str | None = None
    attempts: int = 1


Reading = Observation | Poke | Ignored | Unknown


def shown(value: object) -> str:
    """Render an offending value for `Unknown.value`: text, cut, without control characters."""
    text = value if isinstance(value, str) else repr(value)
    if not text.isprintable():
        text = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
    return text if len(text) <= VALUE_LIMIT else text[: VALUE_LIMIT - 1] + "…"
