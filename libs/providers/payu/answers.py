"""What the Payouts API answers: every documented field, and whatever else comes with it.

Liberal, since an answer that cannot be read is one that was lost: numbers and texts are taken for
each other, a field of a wrong type is as if it were not told, both documented forms of a date are
read. A payee's dates stay text: they come back one day early (midnight in Colombia, shown as UTC).
Source: https://developers.payulatam.com/latam/es/docs/integrations/api-integration/payouts-api.html
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, ClassVar, Final

from pydantic import BeforeValidator, Field

from libs.providers.payu.discreet import Discreet
from libs.providers.payu.wire import identity, text_of

SUCCESS: Final = "SUCCESS"
FAILED: Final = "FAILED"
DELETED: Final = "DELETED"
_NUMBER: Final = re.compile(r"-?[0-9]{1,30}(\.[0-9]{1,20})?")
_ISO: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T.+")
_DAY_FIRST: Final = "%Y-%d-%m %H:%M:%S"
_MONTH_FIRST: Final = "%Y-%m-%d %H:%M:%S"


def _text(value: object) -> str | None:
    try:
        return text_of(value)
    except ValueError:
        return None


def _id(value: object) -> str | None:
    try:
        return identity(value)
    except ValueError:
        return None


def _amount(value: object) -> Decimal | None:
    text = _text(value)
    return Decimal(text) if text is not None and _NUMBER.fullmatch(text) else None


def _count(value: object) -> int | None:
    text = _text(value)
    return int(text) if text is not None and text.isascii() and text.isdigit() else None


def _moment(value: object) -> datetime | str | None:
    """Read `2021-08-27T21:57:28.874+00:00` and the documented `2021-27-08 21:57:28`."""
    text = _text(value)
    if text is None or not text.isascii():
        return text
    try:
        if _ISO.fullmatch(text):
            found = datetime.fromisoformat(text)
            return found if found.tzinfo else found.replace(tzinfo=UTC)
    except ValueError:
        return text
    for form in (_DAY_FIRST, _MONTH_FIRST):
        try:
            return datetime.strptime(text, form).replace(tzinfo=UTC)
        except ValueError:
            continue
    return text


def _texts(value: object) -> tuple[str, ...]:
    """Read a list of texts; an old draft has objects in it."""
    if value is None:
        return ()
    found: list[str] = []
    for one in value if isinstance(value, list | tuple) else [value]:
        parts = one.values() if isinstance(one, dict) else [one]
        if text := " ".join(text for part in parts if (text := _text(part))):
            found.append(text)
    return tuple(found)


def _list(value: object) -> object:
    return [] if value is None else value


def _object(value: object) -> object:
    return value if isinstance(value, dict | Discreet) else None


Text = Annotated[str | None, BeforeValidator(_text)]
Id = Annotated[str | None, BeforeValidator(_id)]
Amount = Annotated[Decimal | None, BeforeValidator(_amount)]
Count = Annotated[int | None, BeforeValidator(_count)]
Moment = Annotated[datetime | str | None, BeforeValidator(_moment)]
Texts = Annotated[tuple[str, ...], BeforeValidator(_texts)]


class AnsweredPayee(Discreet):
    """A bank account as it is on record at PayU, or as it was refused (no id, bank name, state)."""

    SHOWN: ClassVar[frozenset[str]] = frozenset({"processing_status", "id"})

    processing_status: Text = None
    id: Text = None
    supplier_type: Text = None
    account_number: Text = None
    bank_code: Text = None
    bank_name: Text = None
    account_type: Text = None
    country: Text = None
    document_number: Text = None
    document_type: Text = None
    expedition_date: Text = None
    full_name: Text = None
    birth_date: Text = None
    state: Text = None
    merchant_id: Text = None


class _Item(Discreet):
    processing_status: Text = None
    value: Amount = None
    description: Text = None
    bank_account: Annotated[AnsweredPayee | None, BeforeValidator(_object)] = None


class SuccessfulItem(_Item):
    """A payout that PayU took. Without a `payment_order_id` nobody can tell which it is."""

    SHOWN: ClassVar[frozenset[str]] = frozenset({"processing_status", "payment_order_id", "value"})

    payment_order_id: Id = None


class FailedItem(_Item):
    """A payout that PayU did not take. The messages may quote what was sent."""

    SHOWN: ClassVar[frozenset[str]] = frozenset({"processing_status", "value"})

    failure_messages: Texts = ()


class PayoutAnswer(Discreet):
    """What became of each; some may have succeeded and some not."""

    SHOWN: ClassVar[frozenset[str]] = frozenset({"total_successful", "total_failed"})

    total_successful: Count = None
    total_failed: Count = None
    successful_items: Annotated[tuple[SuccessfulItem, ...], BeforeValidator(_list)] = ()
    failed_items: Annotated[tuple[FailedItem, ...], BeforeValidator(_list)] = ()


class Message(Discreet):
    """The whole answer to a cancel and to the update of a bank account."""

    SHOWN: ClassVar[frozenset[str]] = frozenset({"message"})

    message: Text = None


class Webhook(Discreet):
    """A registration as it is on record at PayU, or what became of one that was deleted."""

    SHOWN: ClassVar[frozenset[str]] = frozenset({"id", "status", "enabled_events"})

    processing_status: Text = None
    id: Text = None
    created: Moment = None
    account_id: Text = None
    callback_url: Text = None
    description: Text = None
    enabled_events: Texts = Field(default=())
    status: Text = None
    # About the last notification that failed; in old drafts only.
    failure_code: Text = None
    failure_messages: Texts = Field(default=())

    @property
    def failed(self) -> bool:
        """Whether PayU says that what was asked for was not done."""
        return self.processing_status == FAILED

    @property
    def live(self) -> bool:
        """Whether notifications go there."""
        return (self.status or "").upper() != DELETED


def first_message(body: Any) -> Texts:  # noqa: ANN401 - whatever a refusal says
    """Return what a refusal says, where it says it under a usual name. It may quote anything."""
    if not isinstance(body, dict):
        return ()
    for name in ("failureMessages", "message", "error_description", "error", "errors"):
        if found := _texts(body.get(name)):
            return found
    return ()
