"""Every documented rule, and that what breaks it is named by its place and never by its value."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.providers.payu import nit, validation
from libs.providers.payu.banks import CODES, normalised
from libs.providers.payu.dates import COLOMBIA
from libs.providers.payu.findings import NotValidError
from libs.providers.payu.requests import (
    BankAccountUpdate,
    CancelRequest,
    PayoutRequest,
    WebhookRequest,
)
from libs.providers.payu.written import canonical, written

PAYEE = {
    "supplierType": "RELATED_THIRD_PARTY",
    "accountNumber": "21989229100",
    "bankCode": "007",
    "accountType": "CA",
    "country": "CO",
    "documentNumber": "830140299-6",
    "documentType": "NIT",
    "fullName": "Canary Söhne & Co.",
}
AT = "transfers[0].bankAccount"
Told = dict[str, Any]


def transfer(value: object = 1500000, payee: Told | None = None, **changed: Any) -> Told:  # noqa: ANN401 - any JSON
    told = {**PAYEE, **changed} if payee is None else payee
    return {"value": value, "bankAccount": {k: v for k, v in told.items() if v is not None}}


def findings(*transfers: Any, doubts: bool = True) -> list[tuple[str, str]]:  # noqa: ANN401 - any JSON
    try:
        validation.payouts({"transfers": list(transfers)}, doubts=doubts)
    except NotValidError as error:
        return [(each.place, each.what) for each in error.findings]
    return []


def places(*transfers: object, doubts: bool = True) -> list[str]:
    return [place for place, _ in findings(*transfers, doubts=doubts)]


def test_good_payees_pass() -> None:
    assert (
        findings(transfer(), transfer(payee={"id": "e202507e-5551-4b67-be2a-a2a834bf1438"})) == []
    )


GOOD: list[Told] = [
    {"accountNumber": 12345678901234567},
    {"accountNumber": "A" * 17},
    {"bankCode": 7},
    {"bankCode": " 7 "},
    {"bankCode": "1637"},
    {"documentType": "CC", "documentNumber": 1026304116},
    {"documentType": "CEL", "documentNumber": "3001234567"},
    {"documentType": "PP", "documentNumber": "AB-123456"},
    {"expeditionDate": "1996/05/17", "birthDate": "1975-03-07"},
    {"state": "ACTIVE", "merchantId": 510608},
    {"merchantId": "510608"},
    {"supplierType": "SUBMERCHANT", "accountType": "CC", "country": "US"},
]


@pytest.mark.parametrize("changed", GOOD, ids=str)
def test_what_is_documented_passes(changed: Told) -> None:
    assert findings(transfer(**changed)) == []


BAD: list[tuple[str, Any]] = [
    *((field, None) for field in PAYEE),
    *((field, "") for field in PAYEE),
    *((field, ["x"]) for field in PAYEE),
    ("supplierType", "FRIEND"),
    ("supplierType", "related_provider"),
    ("accountNumber", "1" * 18),
    ("accountNumber", "12-34"),
    ("accountNumber", 1.5),
    ("accountNumber", -5),
    ("accountNumber", True),
    ("bankCode", "8"),
    ("bankCode", "0007"),
    ("bankCode", "Bancolombia"),
    ("bankCode", "ABCDEFGHIJ"),
    ("bankCode", "00007"),
    ("bankCode", "\u0660\u0660\u0667"),
    ("bankCode", -7),
    ("accountType", "SAVINGS"),
    ("country", "COL"),
    ("country", "co"),
    ("country", "XX"),
    ("documentNumber", "830140299"),
    ("documentNumber", "830140299-7"),
    ("documentNumber", "830.140.299-6"),
    ("documentNumber", 8301402996),
    ("documentType", "CEDULA"),
    ("documentType", "C.C."),
    ("expeditionDate", "17/05/1996"),
    ("expeditionDate", "1996-02-30"),
    ("expeditionDate", "1996/05-17"),
    ("expeditionDate", "2999-01-01"),
    ("birthDate", "1975-3-7"),
    ("birthDate", "2999/01/01"),
    ("birthDate", "\u0661\u0669\u0667\u0665-\u0660\u0663-\u0660\u0667"),
    ("birthDate", 19750307),
    ("fullName", "line\nbreak"),
    ("state", "BLOCKED"),
    ("merchantId", "abc"),
    ("merchantId", -5),
    ("merchantId", "\u0665"),
    ("nickname", "x"),
]


@pytest.mark.parametrize(("field", "value"), BAD, ids=str)
def test_rule_is_told_by_place(field: str, value: object) -> None:
    changed: Told = {field: value}
    found = findings(transfer(), transfer(**changed))
    assert [place for place, _ in found] == [f"transfers[1].bankAccount.{field}"]
    text = str(value)
    assert len(text) < 5 or text not in found[0][1]


@pytest.mark.parametrize(
    "value",
    [0, -1, "0.00", 0.001, "1.234", True, None, "x", [], "1,5", 10**15, "NaN", "1e3"],
    ids=str,
)
def test_amount_that_is_none(value: object) -> None:
    told = Decimal(str(value)) if isinstance(value, float) else value
    assert places(transfer(told)) == ["transfers[0].value"]


@pytest.mark.parametrize("value", [1, "0.01", "999999999999999.99", "1.50", "1.500"], ids=str)
def test_amount_with_two_decimals(value: object) -> None:
    assert findings(transfer(value)) == []


def test_known_payee_stands_alone() -> None:
    assert places(transfer(payee={**PAYEE, "id": "a"})) == [f"{AT}.id"]
    assert places(transfer(payee={"id": "a" * 37})) == [f"{AT}.id"]
    assert places(transfer(payee={"id": "a/b"})) == [f"{AT}.id"]


def test_all_that_is_wrong_is_told() -> None:
    found = places(
        {"bankAccount": 5},
        transfer(0, country="COL", accountType="X", documentNumber="1-1"),
        "no object",
        {"value": 1, "bankAccount": {"id": "a"}, "description": "a\nb"},
    )
    assert found == [
        "transfers[0].value",
        "transfers[0].bankAccount",
        "transfers[1].value",
        "transfers[1].bankAccount.accountType",
        "transfers[1].bankAccount.country",
        "transfers[1].bankAccount.documentNumber",
        "transfers[2]",
        "transfers[3].description",
    ]


def test_doubts_can_be_overridden_and_rules_cannot() -> None:
    doubtful = transfer(bankCode="8", documentType="PEP", documentNumber="123", nickname="x")
    assert len(findings(doubtful)) == 3
    assert findings(doubtful, doubts=False) == []
    assert findings(transfer(bankCode=None), doubts=False) == []
    assert places(transfer(country="COL"), doubts=False) == [f"{AT}.country"]


@pytest.mark.parametrize(
    "told", [None, 5, "x", {}, [], {"transfers": {}}, {"transfers": []}], ids=str
)
def test_document_that_is_none(told: Any) -> None:  # noqa: ANN401 - any JSON
    with pytest.raises(NotValidError):
        validation.payouts(told)


def test_list_alone_is_a_document() -> None:
    assert len(validation.payouts([transfer()]).transfers) == 1


@pytest.mark.parametrize(
    ("digits", "check"),
    [("830140299", 6), ("899999068", 1), ("860002964", 4), ("890903938", 8), ("800197268", 4)],
)
def test_check_digit_of_known_companies(digits: str, check: int) -> None:
    """Ecopetrol, Banco de Bogotá, Bancolombia, the DIAN itself, and PayU's own example."""
    for digit in range(10):
        assert (nit.what_is_wrong(f"{digits}-{digit}") is None) is (digit == check)


@given(st.text("0123456789", min_size=1, max_size=15))
def test_one_check_digit_of_ten_holds(digits: str) -> None:
    assert [nit.what_is_wrong(f"{digits}-{n}") for n in range(10)].count(None) == 1


def test_bank_codes_have_their_zeros() -> None:
    assert (normalised("7"), normalised(" 007 "), normalised("23 ")) == ("007", "007", "023")
    assert (normalised("8"), normalised("1062"), normalised("x")) == ("8", "1062", "x")
    assert all(normalised(code) == code for code in CODES)
    assert b'"bankCode":"007"' in written(validation.payouts([transfer(bankCode=7)]))


RULES: list[tuple[str, object]] = [
    ("bankCode", "ABCDEFGHIJ"),
    ("bankCode", "00007"),
    ("bankCode", ""),
    ("bankCode", "  "),
    ("documentType", "C C"),
    ("expeditionDate", "2999-01-01"),
    ("birthDate", "2999-01-01"),
]


@pytest.mark.parametrize(("field", "value"), RULES, ids=str)
def test_what_is_against_a_rule_is_no_doubt(field: str, value: object) -> None:
    changed: Told = {field: value}
    assert places(transfer(**changed), doubts=False) == [f"{AT}.{field}"]


def test_bank_code_of_the_documented_failure_can_be_sent() -> None:
    told = validation.payouts([transfer(bankCode="8")], doubts=False)
    assert b'"bankCode":"8"' in written(told)
    assert findings(transfer(bankCode="8")) == [
        (f"{AT}.bankCode", "is no bank code that Caudal knows")
    ]


def test_phone_number_is_digits() -> None:
    assert places(transfer(documentType="CEL", documentNumber="30O1234567")) == [
        f"{AT}.documentNumber"
    ]


def test_today_is_not_ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    """The day is Colombia's: late in the evening there it is tomorrow in UTC."""
    monkeypatch.setattr("libs.providers.payu.dates.today", lambda: date(2026, 11, 26))
    assert findings(transfer(expeditionDate="2026-11-26", birthDate="2026/11/26")) == []
    assert places(transfer(expeditionDate="2026-11-27", birthDate="2026/11/27")) == [
        f"{AT}.expeditionDate",
        f"{AT}.birthDate",
    ]
    assert COLOMBIA.utcoffset(None) == timedelta(hours=-5)


OWN = {"merchantId": "508029", "accountId": "512321"}


@pytest.mark.parametrize(
    ("told", "place"),
    [
        (transfer(merchantId=510608), f"{AT}.merchantId"),
        (transfer(accountId="1"), f"{AT}.accountId"),
        (transfer() | {"merchantId": 1}, "transfers[0].merchantId"),
        (transfer(payee={"id": "a", "accountId": 1}), f"{AT}.accountId"),
    ],
    ids=["merchant", "account", "beside the payee", "known payee"],
)
def test_numbers_of_another_account_are_not_sent(told: Told, place: str) -> None:
    with pytest.raises(NotValidError) as error:
        validation.payouts([told], doubts=False, own=OWN)
    assert [each.place for each in error.value.findings] == [place]


def test_own_numbers_may_be_told() -> None:
    for own in (508029, "508029", "0508029"):
        validation.payouts([transfer(merchantId=own)], own=OWN)
    with pytest.raises(NotValidError, match="accountId: is not that of this account"):
        validation.webhook(webhook(), update=False, own=OWN)
    validation.webhook(webhook(accountId=512321), update=False, own=OWN)


def test_model_is_held_to_the_same_rules() -> None:
    """The same places and words, whether it was read from a document or made by a program."""
    bad: Told = {
        "transfers": [transfer(), transfer(0, country="COL", documentNumber="1-1", nick="x")]
    }
    with pytest.raises(NotValidError) as read:
        validation.payouts(bad)
    with pytest.raises(NotValidError) as made:
        validation.request(PayoutRequest.model_validate(bad))
    assert made.value.findings == read.value.findings
    with pytest.raises(NotValidError, match="at least one transfer"):
        validation.request(PayoutRequest(transfers=()))


def test_canonical_bytes_are_those_of_the_content() -> None:
    first = validation.payouts([transfer("1500000.00", bankCode=7, accountNumber=123)])
    shuffled = dict(reversed(transfer(1500000, bankCode="007", accountNumber="123").items()))
    again = validation.payouts([shuffled])
    other = validation.payouts([transfer(1500001, bankCode="007", accountNumber=123)])
    assert canonical(first) != canonical(other)
    assert canonical(first) == canonical(again)


def webhook(**changed: object) -> WebhookRequest:
    told = {
        "accountId": 1,
        "callbackUrl": "https://hooks.example.com/x",
        "description": "d",
        "enabledEvents": ["TRANSFER_UPDATE"],
    }
    return WebhookRequest.model_validate(told | changed)


@pytest.mark.parametrize(
    ("changed", "place"),
    [
        ({"callbackUrl": "ftp://x"}, "callbackUrl"),
        ({"callbackUrl": "https://user:pass@example.com/"}, "callbackUrl"),
        ({"callbackUrl": "https://[x"}, "callbackUrl"),
        ({"callbackUrl": "https://example.com/a b"}, "callbackUrl"),
        ({"callbackUrl": "https://example.com:99999/"}, "callbackUrl"),
        ({"callbackUrl": ""}, "callbackUrl"),
        ({"description": ""}, "description"),
        ({"enabledEvents": []}, "enabledEvents"),
        ({"enabledEvents": ["TRANSFER_UPDATE"] * 2}, "enabledEvents"),
        ({"enabledEvents": ["PAYOUT"]}, "enabledEvents"),
        ({"id": "a"}, "id"),
    ],
    ids=str,
)
def test_rules_of_a_webhook(changed: Told, place: str) -> None:
    with pytest.raises(NotValidError) as error:
        validation.webhook(webhook(**changed), update=False)
    assert {each.place for each in error.value.findings} == {place}


def test_update_of_a_webhook_needs_its_id() -> None:
    with pytest.raises(NotValidError, match="id: is missing"):
        validation.webhook(webhook(), update=True)
    validation.webhook(webhook(id="a"), update=True)
    validation.webhook(webhook(), update=False)


def test_rules_of_the_other_calls() -> None:
    validation.cancel(CancelRequest(comments="Por error", push_payment_id="a-1"))
    with pytest.raises(NotValidError):
        validation.cancel(CancelRequest(push_payment_id="a b"))
    validation.bank_account(BankAccountUpdate(id="a", account_number=1, bank_code="7"))
    with pytest.raises(NotValidError):
        validation.bank_account(BankAccountUpdate(id="a", account_number="1" * 18))
    with pytest.raises(NotValidError):
        validation.bank_account(BankAccountUpdate(id="a", account_number=1, bank_code="8"))
