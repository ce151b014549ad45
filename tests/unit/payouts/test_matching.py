"""Which answer is about which request; and what stays unknown, because it cannot be told apart."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.providers.payu import validation
from libs.providers.payu.answers import PayoutAnswer
from libs.providers.payu.requests import Transfer
from libs.providers.reading import read_json
from services.payouts.matching import matched

EXAMPLES = Path(__file__).parents[1] / "payu" / "examples"
Json = dict[str, Any]


def transfer(value: int, description: str | None = "d", payee: str = "p", **new: Any) -> Json:  # noqa: ANN401 - any JSON
    told = {"value": value, "bankAccount": new or {"id": payee}}
    return told if description is None else told | {"description": description}


def asked(*told: Json) -> tuple[Transfer, ...]:
    return tuple(Transfer.model_validate(one) for one in told)


def answer(good: list[Json], bad: list[Json]) -> PayoutAnswer:
    return PayoutAnswer.model_validate({"successfulItems": good, "failedItems": bad})


def outcomes(transfers: tuple[Transfer, ...], told: PayoutAnswer) -> list[str | None]:
    found = matched(transfers, told)
    return [
        None if item is None else getattr(item, "payment_order_id", "failed")
        for item in found.items
    ]


def test_example() -> None:
    """Its third payee is answered under another id: the description tells."""
    request = validation.payouts(
        read_json((EXAMPLES / "payouts.request.json").read_bytes()), doubts=False
    )
    told = PayoutAnswer.model_validate(read_json((EXAMPLES / "payouts.answer.json").read_bytes()))
    assert outcomes(request.transfers, told) == [
        "7202a9a7-ef51-4202-bd23-e604f9cbb25b",
        "failed",
        "32740b81-5ecc-466c-bc09-699e6e5ceefb",
    ]


def test_payees_are_told_apart_by_their_accounts() -> None:
    accounts: tuple[Json, ...] = (
        {"accountNumber": 1, "documentNumber": 5},
        {"accountNumber": 2, "documentNumber": 5},
    )
    transfers = asked(*(transfer(5, **each) for each in accounts))
    echo = {"accountNumber": "1", "documentNumber": "5", "id": "new"}
    other = echo | {"accountNumber": "2"}
    told = answer(
        [{"paymentOrderId": "second", "value": 5, "description": "d", "bankAccount": other}],
        [{"value": 5, "description": "d", "bankAccount": echo}],
    )
    assert outcomes(transfers, told) == ["failed", "second"]


PHONE: Json = {"accountNumber": 3001234567, "documentNumber": 5, "accountType": "CA"}
ECHO: Json = {"accountNumber": "3001234567", "documentNumber": "5"}


@pytest.mark.parametrize("codes", [("507", "801"), ("801", "507")])
@pytest.mark.parametrize("spelt", [{}, {"accountType": " ca"}])
def test_one_number_at_two_banks(codes: tuple[str, str], spelt: Json) -> None:
    """A phone number is the account number of two wallets; PayU takes one and not the other."""
    transfers = asked(*(transfer(5, **PHONE, bankCode=code) for code in codes))
    item = {"value": 5, "description": "d"}
    told = answer(
        [item | {"paymentOrderId": "one", "bankAccount": ECHO | spelt | {"bankCode": "801"}}],
        [item | {"bankAccount": ECHO | spelt | {"bankCode": "507"}}],
    )
    wanted = {"507": "failed", "801": "one"}
    assert outcomes(transfers, told) == [wanted[code] for code in codes]


def test_one_number_in_two_kinds_of_account_at_a_bank_that_is_spelt_otherwise() -> None:
    kinds = [PHONE | {"bankCode": "007", "accountType": kind} for kind in ("CA", "CC")]
    transfers = asked(*(transfer(5, **each) for each in kinds))
    item = {"value": 5, "description": "d"}
    told = answer(
        [
            item
            | {"paymentOrderId": "one", "bankAccount": ECHO | {"bankCode": 7, "accountType": "CC"}}
        ],
        [item | {"bankAccount": ECHO | {"bankCode": "7", "accountType": "CA"}}],
    )
    assert outcomes(transfers, told) == ["failed", "one"]


def test_success_and_failure_of_the_same_account_are_not_guessed() -> None:
    """Without the bank in the answer the two requests look the same, and are not."""
    transfers = asked(*(transfer(5, **PHONE, bankCode=code) for code in ("507", "801")))
    item = {"value": 5, "description": "d", "bankAccount": ECHO}
    one = item | {"paymentOrderId": "one"}
    assert outcomes(transfers, answer([one], [item])) == [None, None]
    assert outcomes(transfers, answer([one], [])) == [None, None]
    two = item | {"paymentOrderId": "two"}
    assert outcomes(transfers, answer([one, two], [])) == ["one", "two"]
    assert outcomes(transfers, answer([], [item, item])) == ["failed", "failed"]


def test_what_cannot_be_told_apart_is_unknown() -> None:
    transfers = asked(transfer(5, payee="a"), transfer(5, payee="b"))
    told = answer([{"paymentOrderId": "one", "value": 5, "description": "d"}], [{"value": 5}])
    assert outcomes(transfers, told) == [None, None]
    assert [item.payment_order_id for item in matched(transfers, told).unasked] == ["one"]


def test_one_of_two_that_was_not_answered_is_unknown() -> None:
    transfers = asked(transfer(5, payee="a"), transfer(6, payee="b"))
    told = answer([{"paymentOrderId": "one", "value": 5}], [])
    assert outcomes(transfers, told) == ["one", None]


def test_identical_requests_are_interchangeable() -> None:
    transfers = asked(transfer(5), transfer(5))
    item = {"value": 5, "description": "d", "bankAccount": {"id": "P"}}
    told = answer([item | {"paymentOrderId": "one"}], [item])
    assert outcomes(transfers, told) == ["one", "failed"]


def test_success_without_an_order_is_none() -> None:
    transfers = asked(transfer(5))
    assert outcomes(transfers, answer([{"value": 5, "description": "d"}], [])) == [None]


@given(st.data())
def test_whatever_is_echoed_whole_is_found(data: st.DataObject) -> None:
    """Any order of the answer, any split: each request finds its own."""
    numbers = data.draw(st.lists(st.integers(1, 4), min_size=1, max_size=8))
    transfers = asked(*(transfer(n, payee=str(at)) for at, n in enumerate(numbers)))
    items: list[Json] = [
        {"value": n, "description": "d", "paymentOrderId": f"o{at}", "bankAccount": {"id": str(at)}}
        for at, n in enumerate(numbers)
    ]
    shuffled = data.draw(st.permutations(items))
    failed = set(data.draw(st.lists(st.sampled_from(range(len(items))), max_size=8)))
    good = [each for each in shuffled if int(each["bankAccount"]["id"]) not in failed]
    bad = [each for each in shuffled if int(each["bankAccount"]["id"]) in failed]
    for each in bad:
        del each["paymentOrderId"]
    assert outcomes(transfers, answer(good, bad)) == [
        "failed" if at in failed else f"o{at}" for at in range(len(items))
    ]
