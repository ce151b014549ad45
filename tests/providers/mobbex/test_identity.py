"""The same news has the same key, other news another, and objects are never mixed up."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from libs.contracts.readings import ParkReason
from libs.domain.fold import fold
from libs.domain.lifecycle import Flag, Kind, State
from libs.providers.mobbex import PROVIDER
from libs.providers.port import Terms, identity_of
from tests.providers.mobbex.notices import as_form, delivered, notice, observed, parked


def _without_updated(**payment: object) -> dict[str, Any]:
    body = notice()
    body["data"]["payment"].update(payment)
    del body["data"]["payment"]["updated"]
    return body


def test_key_names_type_payment_code_time() -> None:
    assert observed(notice()).key == "checkout:5dyoqM7kH:200:2025-11-03T14:21:40.318Z"


def test_key_without_updated_hashes_content() -> None:
    canonical = (
        '{"data":{"checkout":{"uid":"KXW4IGZ3QTC7D9NE"},"payment":{"currency":{"code":"ARS"},'
        '"id":"5dyoqM7kH","reference":"0001","status":{"code":"200"},"total":"6705"}},'
        '"type":"checkout"}'
    )

    key = observed(_without_updated()).key

    assert key == hashlib.sha256(canonical.encode()).hexdigest()[:32]


@pytest.mark.parametrize(
    "body",
    [
        notice(),
        _without_updated(),
        _without_updated(total=0.5, source={"installment": {"count": 1, "reference": ""}}),
        _without_updated(childs=[], extra={}, gone=None, kept=True, lost=False),
        {**_without_updated(), "list": [{"uid": "á&=[]"}, {"uid": 2}, [1, [2, 3]]]},
    ],
)
def test_form_and_json_share_identity(body: dict[str, Any]) -> None:
    plain, form = observed(body), observed(as_form(body))

    assert (plain.key, plain.provider_ref) == (form.key, form.provider_ref)
    assert plain.amount == form.amount


def test_resent_notice_keeps_its_name() -> None:
    names = set()
    for body in (as_form(_without_updated()), as_form(_without_updated())):
        delivery = delivered(body)
        names.add(identity_of(delivery, PROVIDER.translate(delivery, Terms())))

    assert len(names) == 1


@pytest.mark.parametrize(
    "other",
    [
        notice(code="300"),
        notice(type_="payment"),
        notice(updated="2025-11-03T14:21:40.319Z"),
        notice(id="5dyoqM7kh"),
    ],
)
def test_other_news_has_another_key(other: dict[str, Any]) -> None:
    assert observed(other).key != observed(notice()).key


def test_number_text_counts_in_fingerprint() -> None:
    plain = observed(_without_updated(total="6705"))
    cents = observed(_without_updated(total="6705.00"))

    assert plain.amount == cents.amount
    assert plain.key != cents.key


@pytest.mark.parametrize("value", ["a b", "x" * 101, "5dyo\nM7kH", "ñandú", 7, True, {"a": 1}])
def test_impossible_payment_id_is_parked(value: object) -> None:
    unknown = parked(notice(id=value))

    assert (unknown.reason, unknown.field) == (ParkReason.MALFORMED, "data.payment.id")


def test_each_partial_refund_is_own_entry() -> None:
    first = observed(notice(code="605"))
    second = observed(notice(code="605", updated="2025-11-04T09:00:00.000Z"))

    assert first.refunds[0].ledger_key != second.refunds[0].ledger_key


def test_reversal_reported_twice_counts_once() -> None:
    told = [observed(notice()), observed(notice("operator")), observed(notice(code="602"))]

    folded = fold(Kind.PAYMENT, told)

    assert folded.state is State.REFUNDED
    assert folded.refunded_amount == folded.amount
    assert Flag.AMOUNT_MISMATCH not in folded.flags


def test_late_expiry_raises_no_conflict() -> None:
    late = observed(notice("checkout:expired", "401", updated="2025-11-03T15:30:00.000Z"))

    folded = fold(Kind.PAYMENT, [observed(notice()), late])

    assert folded.state is State.PAID
    assert folded.flags == frozenset()


def test_approved_reversal_alone_is_not_paid() -> None:
    folded = fold(Kind.PAYMENT, [observed(notice("operator"))])

    assert folded.state is State.REFUNDED
    assert Flag.VERIFY in folded.flags
    assert folded.amount is None
