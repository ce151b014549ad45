"""What PayU says of failures is kept without what it repeats of payees and of secrets."""

from __future__ import annotations

from libs.providers.payu.requests import Transfer
from services.payouts.cleaning import LIMIT, MOST, cleaned

TRANSFER = Transfer.model_validate(
    {
        "value": 1,
        "bankAccount": {
            "fullName": "Santiago Romero Pineda",
            "accountNumber": 2198922910000,
            "documentNumber": "AB-77",
            "birthDate": "1975-03-07",
        },
    }
)


def clean(message: str) -> str:
    [found] = cleaned([message], [TRANSFER], ["canary-secret"])
    return found


def test_what_helps_stays() -> None:
    assert clean("There is no registered bank with code: 8") == (
        "There is no registered bank with code: 8"
    )


def test_payee_is_masked() -> None:
    assert clean("payee SANTIAGO ROMERO PINEDA is listed") == "payee *** is listed"
    assert clean("Pineda, Santiago") == "***, ***"
    assert clean("account 2198922910000, document AB-77, born 1975-03-07") == (
        "account ***, document ***, born ***"
    )


def test_long_numbers_of_anybody_are_masked() -> None:
    assert clean("830.140.299-6 and 12345 and 1234") == "*** and *** and 1234"


def test_secrets_and_queries_are_masked() -> None:
    assert clean("key canary-secret at https://h/x?token=abc, sorry") == (
        "key *** at https://h/x?… sorry"
    )


def test_it_is_cut() -> None:
    assert len(clean("x" * 1000)) == LIMIT
    assert clean("a\nb\x1b[31m") == "a b [31m"
    assert len(cleaned(["x"] * 100)) == MOST
