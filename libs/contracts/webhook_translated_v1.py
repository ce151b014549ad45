"""`webhook.translated`, version 1: JSON by pydantic, the bodies in base64.

Nobody writes it any more; what an older process left in a queue is read.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from pydantic import TypeAdapter, ValidationError

from libs.contracts.errors import refused
from libs.contracts.observation_json import utc, with_utc
from libs.contracts.translated import Translated
from libs.domain.observation import Observation

VERSION: Final = 1
_KNOWN: Final = (VERSION, 2)  # the other one is read elsewhere


@dataclass(frozen=True, slots=True, kw_only=True)
class _Message:
    version: int
    outcomes: tuple[Translated, ...]


_MESSAGE: Final = TypeAdapter(_Message)


def decode(raw: bytes) -> tuple[Translated, ...]:
    """Read one message; `ContractError` for what is not of this version."""
    try:
        message = _MESSAGE.validate_json(raw)
    except ValidationError as error:
        why = f"not webhook.translated: {error.error_count()} errors"
        raise refused(raw, _KNOWN, why) from None
    if message.version != VERSION:
        raise refused(raw, _KNOWN, f"not version {VERSION}")
    return tuple([_with_utc(outcome) for outcome in message.outcomes])


def _with_utc(read: Translated) -> Translated:
    for reading in read.readings:
        if isinstance(reading, Observation):
            with_utc(reading)
    return replace(read, received_at=utc(read.received_at))
