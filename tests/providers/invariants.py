"""What holds of every reading, whatever the bytes were of which it was made."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from libs.contracts.readings import VALUE_LIMIT, Ignored, Poke, Reading, Unknown
from libs.domain.money import quantum
from libs.domain.observation import Observation
from tests.providers.corpora import rendered

ANSWERS: Final = {200, 201, 400}
KEY_LIMIT: Final = 600  # characters, see services.normalizer.translate
_CURRENCY: Final = re.compile(r"[A-Z]{3}|TEST")


def check(readings: Sequence[Reading]) -> None:
    """Raise `AssertionError` where a reading is none that may be passed on."""
    assert readings, "nothing was said"
    for reading in readings:
        assert isinstance(reading, Observation | Poke | Ignored | Unknown)
        text = json.dumps(rendered(reading), ensure_ascii=False)
        escapes = text.replace("\\\\", "")  # without the backslashes that are meant as such
        assert "\\u0000" not in escapes, "a NUL character, which Postgres does not take"
        assert text.encode()
        if isinstance(reading, Unknown):
            assert len(reading.value or "") <= VALUE_LIMIT, "too long a value"
        if isinstance(reading, Observation):
            _check_observation(reading)


def _check_observation(said: Observation) -> None:
    assert said.provider_ref or said.merchant_ref, "no name of an object"
    assert len(said.key) <= KEY_LIMIT, "too long a key"
    if said.amount is not None:
        _check_amount(said.amount.amount, said.amount.currency)
    for amount in (said.fees, said.net, *(refund.amount for refund in said.refunds)):
        _check_amount(amount, None)
    currency = said.amount.currency if said.amount else said.currency
    assert currency is None or _CURRENCY.fullmatch(currency), "not a currency"
    assert all(type(text) is str for text in said.facts.values()), "a fact that is no text"
    for moment in (said.occurred_at, said.expires_at):
        assert moment is None or moment.tzinfo is not None, "a time without a zone"


def _check_amount(amount: Decimal | None, currency: str | None) -> None:
    if amount is None:
        return
    assert amount.is_finite(), "no finite amount"
    assert amount >= 0, "a negative amount"
    assert not amount.is_signed(), "minus zero"
    assert amount < 10**16, "more than money can be"
    if currency is not None:
        assert amount == amount.quantize(quantum(currency)), "parts of the smallest coin"
