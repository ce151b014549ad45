"""What a refusal of a request for payouts says of single payouts.

Nobody documents with which status PayU answers where some succeeded and some did not. So the items
count, and the status does not: where a refusal has items, they are the answer.
"""

from __future__ import annotations

from typing import Final

from pydantic import ValidationError

from libs.providers.payu.answers import PayoutAnswer
from libs.providers.reading import NotReadableError, read_json

_TELLING: Final = ("successfulItems", "failedItems", "totalSuccessful")


def has_items(body: bytes) -> bool:
    """Whether it tells of single payouts, readable or not."""
    try:
        told = read_json(body)
    except NotReadableError:
        return any(name.encode() in body for name in _TELLING)
    return isinstance(told, dict) and any(_says(told.get(name)) for name in _TELLING)


def answer_in(body: bytes) -> PayoutAnswer | None:
    """Return the answer that came with a refusal; None where it tells of no payout.

    Raises `NotReadableError` where it tells of some and cannot be read: they may have been made.
    """
    if not has_items(body):
        return None
    try:
        answer = PayoutAnswer.model_validate(read_json(body))
    except (NotReadableError, ValidationError):
        answer = PayoutAnswer()
    if not answer.successful_items and not answer.failed_items:
        raise NotReadableError("its items cannot be read")
    return answer


def _says(value: object) -> bool:
    return value not in (None, [], {}, "", 0, "0")
