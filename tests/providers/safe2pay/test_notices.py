"""What one Safe2Pay notice says, beside the corpus: keys, privacy, and refunds over a history."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from itertools import permutations
from typing import Any, Final

import pytest

from libs.contracts.delivery import Delivery
from libs.contracts.readings import Unknown
from libs.domain.fold import Folded, fold
from libs.domain.lifecycle import Flag, Kind, State
from libs.domain.observation import Observation
from libs.providers.port import Terms, identity_of
from libs.providers.safe2pay import PROVIDER
from tests.providers.corpora import samples

TEMPLATE: Final = next(s for s in samples() if s.provider == "safe2pay").delivery()
KNOWN: Final = (1, 2, 3, 5, 6, 7, 8, 11, 12, 13, 14, 15, 18, 19)
Line = dict[str, Any]


def delivery(status: int, **fields: object) -> Delivery:
    body = {
        "IdTransaction": 71585474,
        "TransactionStatus": {"Id": status, "Code": str(status)},
        "Amount": 100,
        "PaymentDate": "2026-01-10T10:15:22.01",
        "IncluedDate": "2026-01-10T09:00:00",
        "SecretKey": "[redacted]",
        **fields,
    }
    return replace(TEMPLATE, body=json.dumps(body).encode())


def said(status: int, **fields: object) -> Observation:
    (reading,) = PROVIDER.translate(delivery(status, **fields), Terms())
    assert isinstance(reading, Observation)
    return reading


def line(amount: float, tax: float | None = None, **fields: object) -> Line:
    return {"Description": "x", "Amount": amount, "Tax": tax, **fields}


def folded(*told: Observation) -> Folded:
    """Fold in every order, with each observation told twice; all orders agree."""
    found = [fold(Kind.PAYMENT, [*order, *order]) for order in permutations(told)]
    assert all(one == found[0] for one in found)
    return found[0]


@pytest.mark.parametrize("number", range(-2, 120))
def test_unknown_number_moves_nothing(number: int) -> None:
    (reading,) = PROVIDER.translate(delivery(number), Terms())

    assert isinstance(reading, Observation if number in KNOWN else Unknown)


@pytest.mark.parametrize("number", KNOWN)
def test_only_three_statuses_tell_when(number: int) -> None:
    told = {
        1: datetime(2026, 1, 10, 12, 0, tzinfo=UTC),
        2: datetime(2026, 1, 10, 13, 15, 22, 10_000, tzinfo=UTC),
        3: datetime(2026, 1, 10, 13, 15, 22, 10_000, tzinfo=UTC),
    }

    assert said(number).occurred_at == told.get(number)


@pytest.mark.parametrize("amount", ["1", "1.0", "1.00", "10e-1", '"1.00"'])
@pytest.mark.parametrize("date", ["14:57:20.9", "14:57:20.90", "14:57:20.900000"])
def test_spelling_of_numbers_keeps_key(amount: str, date: str) -> None:
    body = (
        '{"IdTransaction": 1, "TransactionStatus": {"Id": 3}, '
        f'"Amount": {amount}, "PaymentDate": "2023-12-29T{date}"}}'
    )

    (reading,) = PROVIDER.translate(replace(TEMPLATE, body=body.encode()), Terms())

    assert isinstance(reading, Observation)
    assert reading.key == "1:3:ea6bc69cabe4547d5b93e2a9c7845a9d"


def test_what_varies_without_meaning_keeps_key() -> None:
    paid = line(97, 3, ReleaseDate="2026-02-10T00:00:00", IsTransferred=False)
    later = line(97, 3, ReleaseDate="2026-03-10T00:00:00", IsTransferred=True)
    one = said(3, SecretKey="a", CheckingAccounts=[paid], PaymentMethod={"Id": 6, "Show": True})
    two = said(3, SecretKey="b", CheckingAccounts=[later], PaymentMethod={"Id": 6, "Show": False})

    assert one == two


def test_what_means_something_changes_key() -> None:
    keys = {
        said(6).key,
        said(3).key,
        said(6, Amount=99).key,
        said(6, PaidValue=99).key,
        said(6, PaymentDate=None).key,
        said(6, CheckingAccounts=[line(-1)]).key,
        said(6, CheckingAccounts=[line(-1), line(-1)]).key,
    }

    assert len(keys) == 7
    forth = said(6, CheckingAccounts=[line(-2), line(-1)])
    assert forth.key == said(6, CheckingAccounts=[line(-1), line(-2)]).key


@pytest.mark.parametrize("status", [3, 4, 6])
def test_private_data_never_leaves(status: int) -> None:
    private = line(-1, ReleaseDate="x") | {"Description": "ESTORNO Fulano (31037942000178)"}
    split = {"Identity": "31037942000178", "Name": "Fulano", "CheckingAccounts": [private]}
    notice = delivery(
        status, SecretKey="S3CRET", Vendor="Fulano", CheckingAccounts=[private], Splits=[split]
    )

    readings = PROVIDER.translate(notice, Terms())

    text = repr(readings) + identity_of(notice, readings)
    for word in ("Fulano", "31037942000178", "S3CRET", "SecretKey"):
        assert word not in text


def test_repeated_line_counts_once() -> None:
    sale = [line(48.5, 1.5), line(48.5, 1.5)]
    paid = said(3, CheckingAccounts=sale)
    first = said(6, CheckingAccounts=[*sale, line(-9.7, 0.3)])
    second = said(6, CheckingAccounts=[*sale, line(-9.7, 0.3), line(-19.4, 0.6)])

    after = folded(paid, first, second)

    assert after.state is State.PARTIALLY_REFUNDED
    assert after.refunded_amount == Decimal("30.00")


def test_full_return_is_not_added() -> None:
    sale = [line(48.5, 1.5), line(48.5, 1.5)]
    half = said(6, CheckingAccounts=[*sale, line(-48.5)])
    whole = said(6, CheckingAccounts=[*sale, line(-48.5), line(-48.5)])

    assert folded(said(3), half).refunded_amount == Decimal("50.00")
    after = folded(said(3), half, whole)
    assert after.state is State.REFUNDED
    assert after.refunded_amount == Decimal("100.00")


def test_skipped_payment_still_ends_refunded() -> None:
    after = folded(said(1), said(6))

    assert after.state is State.REFUNDED
    assert after.refunded_amount == Decimal("100.00")


def test_running_refund_moves_nothing() -> None:
    for running in (12, 19):
        after = folded(said(3), said(running))
        assert after.state is State.PAID
        assert after.refunded_amount == 0
        assert folded(said(3), said(running), said(6)).state is State.REFUNDED


def test_dispute_goes_through_its_stations() -> None:
    assert folded(said(3), said(5)).state is State.DISPUTED
    assert folded(said(3), said(5), said(13)).state is State.CHARGED_BACK
    assert folded(said(3), said(5), said(13), said(15)).state is State.PAID


def test_refusal_after_payment_is_conflict() -> None:
    after = folded(said(3), said(8))

    assert after.state is State.PAID
    assert Flag.CONFLICT in after.flags


def test_answer_is_plain_success() -> None:
    for body in (b"", b"{", delivery(3).body):
        answer = PROVIDER.acknowledge(replace(TEMPLATE, body=body))
        assert (answer.status, answer.body) == (200, b"")
