"""Single fields of a notice: each function reads one thing, or parks the notice and says why.

Absent are: a missing key, null and blank text (as forms write null). A value that is there but
cannot be true parks the notice; nothing is guessed from it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

from libs.contracts.readings import ParkReason, Unknown, shown
from libs.domain.frozen import unguarded
from libs.domain.money import Money, MoneyError
from libs.providers.mobbex.body import number_text
from libs.providers.mobbex.wire import Data, Payment
from libs.providers.port import Terms

DEFAULT_CURRENCY: Final = "ARS"
TEST_CURRENCY: Final = "TEST"
TEXT_LIMIT: Final = 200

# ~9 characters of base64url, `CHD-` and `GRP-` before some; wide enough for what may come.
_ID: Final = re.compile(r"[!-~]{1,100}")
_NUMBER: Final = re.compile(r"[+-]?[0-9]{1,40}(\.[0-9]{1,40})?")
_CURRENCY: Final = re.compile(r"[A-Z]{3}|TEST")
_TIME: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}.*", re.ASCII)
_FIRST_YEAR: Final = 2000  # zero times (1970, 0001) are no times


class ParkedError(Exception):
    """The notice cannot be translated; `unknown` is the reading to give."""

    def __init__(
        self,
        reason: ParkReason,
        detail: str,
        *,
        field: str | None = None,  # the name that `Unknown` has for it
        value: object = None,
    ) -> None:
        super().__init__(detail)
        self.unknown = Unknown(reason=reason, detail=detail, field=field, value=word(value))


def word(value: object) -> str | None:
    """Show an offending value; of a container only its kind, since persons may stand in it."""
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | Decimal):
        return shown(number_text(value))
    if isinstance(value, str):
        return shown(value)
    return "a list" if isinstance(value, list) else "an object"


def is_absent(value: object) -> bool:
    """Whether nothing was said. An empty list is how some encoders write an empty object."""
    return value is None or value == [] or (isinstance(value, str) and not value.strip())


def status_code(value: object, path: str) -> str | None:
    """Return the digits of a status code, trimmed, or None. A number is taken by its text."""
    if is_absent(value):
        return None
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise ParkedError(
        ParkReason.MALFORMED, "the status code is no string of digits", field=path, value=value
    )


def identity(data: Data, *, execution: bool) -> str:
    """Name the object: `data.payment.id` in its letter case, else the checkout or execution."""
    payment_id = data.payment.id if data.payment else None
    if not is_absent(payment_id):
        return _id(payment_id, "data.payment.id")
    checkout = ("checkout", data.checkout.uid if data.checkout else None)
    charge = ("execution", data.execution.uid if data.execution else None)
    for name, uid in (charge, checkout) if execution else (checkout, charge):
        if uid is not None:
            return f"{name}:{_id(uid, f'data.{name}.uid')}"
    raise ParkedError(
        ParkReason.NO_IDENTITY, "neither a payment id nor a uid", field="data.payment.id"
    )


def _id(value: object, path: str) -> str:
    if isinstance(value, str) and _ID.fullmatch(value.strip()):
        return value.strip()
    raise ParkedError(ParkReason.MALFORMED, "not an id", field=path, value=value)


@unguarded
@dataclass(frozen=True, slots=True, kw_only=True)
class Sum:
    """`payment.total` in its currency. `told` is False where the currency is the default."""

    amount: Money | None
    currency: str
    told: bool

    @property
    def is_test(self) -> bool:
        return self.currency == TEST_CURRENCY


def currency_of(data: Data, terms: Terms) -> tuple[str, bool]:
    """Return the currency of the payment's amounts and whether the notice told it.

    The checkout's currency is not believed (it says ARS in test mode), unless it says `TEST`.
    """
    payment = data.payment or Payment()
    candidates = (
        (payment.currency and payment.currency.code, "data.payment.currency.code"),
        (payment.currency_data and payment.currency_data.value, "data.payment.currency_data.value"),
    )
    for value, path in candidates:
        if not is_absent(value):
            return _currency(value, path), True
    asked = data.checkout.currency.code if data.checkout and data.checkout.currency else None
    if isinstance(asked, str) and asked.strip().upper() == TEST_CURRENCY:
        return TEST_CURRENCY, True
    return (terms.currency or DEFAULT_CURRENCY).strip().upper(), False


def _currency(value: object, path: str) -> str:
    if isinstance(value, str) and _CURRENCY.fullmatch(value.strip().upper()):
        return value.strip().upper()
    raise ParkedError(ParkReason.MALFORMED, "not a currency", field=path, value=value)


def total_of(data: Data, currency: str) -> Money | None:
    """Return what the customer pays, `data.payment.total` in major units, or None."""
    value = data.payment.total if data.payment else None
    if is_absent(value):
        return None
    try:
        if isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
            return Money.of(value.strip(), currency)
        if isinstance(value, int | Decimal) and not isinstance(value, bool):
            return Money.of(value, currency)
    except MoneyError as error:
        detail = f"not an amount: {error}"
    else:
        detail = "not a number"
    raise ParkedError(ParkReason.MALFORMED, detail, field="data.payment.total", value=value)


@unguarded
@dataclass(frozen=True, slots=True)
class Times:
    """The provider's clock: `updated` names the notice, `occurred_at` dates it."""

    updated: str | None
    occurred_at: datetime | None
    unreadable: tuple[str, ...] = field(default=())


def times_of(data: Data) -> Times:
    """Read `updated`, then `created`; what cannot be read is named and the next one counts."""
    payment = data.payment or Payment()
    told = {"updated": payment.updated, "created": payment.created}
    read = {name: moment(value) for name, value in told.items()}
    updated = read["updated"]
    return Times(
        _plain(updated) if updated else None,
        updated or read["created"],
        tuple(name for name, value in told.items() if not is_absent(value) and not read[name]),
    )


def moment(value: object) -> datetime | None:
    """Read `2022-05-24T08:26:05.377Z`; None for what is no time. Without a zone it is UTC."""
    if not isinstance(value, str) or not _TIME.fullmatch(value.strip()):
        return None
    try:
        time = datetime.fromisoformat(value.strip())
        time = time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return time if time.year >= _FIRST_YEAR else None


def _plain(time: datetime) -> str:
    precision = "microseconds" if time.microsecond % 1000 else "milliseconds"
    return time.isoformat(timespec=precision).replace("+00:00", "Z")


def merchant_ref(data: Data) -> str | None:
    """Return the merchant's reference as text, leading zeros and all; None for what is none."""
    value = data.payment.reference if data.payment else None
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        return number_text(value)
    if not isinstance(value, str):
        return None
    text = value.strip()
    return text if text and text.isprintable() and len(text) <= TEXT_LIMIT else None
