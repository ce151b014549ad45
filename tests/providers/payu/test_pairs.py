"""The two status fields of PayU, in all their combinations and spellings."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import permutations
from typing import Final

import pytest

from libs.contracts.delivery import Delivery
from libs.contracts.readings import Unknown
from libs.domain.fold import fold
from libs.domain.lifecycle import Flag, Kind, State
from libs.domain.observation import Observation
from libs.providers.payu import PROVIDER
from libs.providers.port import Terms, identity_of
from tests.providers.corpora import samples

TEMPLATE: Final = next(s for s in samples() if s.provider == "payu").delivery()

# From least to most; the last two are final where `status` says them.
ORDER: Final = ("created", "in_review", "processing", "cancel_requested", "sent")
STATUS: Final = {
    "REQUEST_BY_THE_MERCHANT": "created",
    "IN_VALIDATION": "in_review",
    "IN_PAYU_PROCESS": "processing",
    "AWAITING_BANK_SENT": "processing",
    "IN_BANKING_PROCESS": "sent",
    "CONFIRMED_BY_THE_BANK": "paid",
    "REJECTED": "rejected",
}
STATE: Final = {
    "AWAITING_SANCTION_SCREENING": "in_review",
    "AWAITING_FOR_SENT": "created",
    "SENT_TO_CREATE": "created",
    "CREATED": "created",
    "AWAITING_TO_CANCEL": "cancel_requested",
    "SENT_FOR_CANCELLATION": "cancel_requested",
    "CANCELLATION_FAILED": "processing",
    "REJECTED": "rejected",
    "PROCESSING_COMPLETED": "processing",
}


def delivery(**fields: object) -> Delivery:
    body = {"pushPaymentId": "7202a9a7-ef51-4202-bd23-e604f9cbb25b", "value": 10, **fields}
    return replace(TEMPLATE, body=json.dumps(body).encode())


def said(**fields: object) -> Observation:
    (reading,) = PROVIDER.translate(delivery(**fields), Terms())
    assert isinstance(reading, Observation)
    return reading


@pytest.mark.parametrize("status", STATUS)
@pytest.mark.parametrize("state", STATE)
def test_every_pair_decides_once(state: str, status: str) -> None:
    observation = said(state=state, status=status)

    ours, theirs = STATE[state], STATUS[status]
    final = theirs in ("paid", "rejected")
    if final:
        expected = theirs
    elif ours == "rejected":
        expected = ours
    else:
        expected = max(ours, theirs, key=ORDER.index)
    assert observation.state == expected
    asks = state == "PROCESSING_COMPLETED" and not final
    assert observation.flags == ({Flag.VERIFY} if asks else frozenset())
    assert observation.occurred_at is None


@pytest.mark.parametrize("gap", [" ", "-", "_", "  ", " - ", "__", "\t"])
@pytest.mark.parametrize("word", STATUS | STATE)
def test_any_spelling_is_one_word(word: str, gap: str) -> None:
    field = "status" if word in STATUS else "state"
    spelled = f" {word.replace('_', gap).lower()}\n"

    assert said(**{field: spelled}) == said(**{field: word})


@pytest.mark.parametrize("nothing", [None, "", "   "])
def test_empty_field_is_absent(nothing: str | None) -> None:
    assert said(state=nothing, status="IN_VALIDATION") == said(status="IN_VALIDATION")


def test_event_never_decides_state() -> None:
    readings = {
        event: PROVIDER.translate(
            replace(delivery(status="CONFIRMED_BY_THE_BANK"), route_event=event), Terms()
        )
        for event in ("TRANSFER_CREATION", "TRANSFER_UPDATE", "VALIDATION_RESULT", "NEWS", None)
    }

    keys = set()
    for event, (reading,) in readings.items():
        assert isinstance(reading, Observation)
        assert reading.state is State.PAID
        assert reading.facts.get("event") == event
        keys.add(reading.key)
    assert len(keys) == 1


def test_each_news_has_its_key() -> None:
    told: list[dict[str, object]] = [
        {"state": "CREATED"},
        {"status": "REJECTED"},
        {"state": "REJECTED"},
        {"state": "CREATED", "status": "REJECTED"},
        {"state": "CREATED", "validationState": "X"},
        {"state": "CREATED", "errorCode": "X"},
        {"state": "CREATED", "errorCode": "-"},
        {"state": "CREATED", "dateOfTheNextValidation": 1630187848874},
    ]

    keys = {said(**fields).key for fields in told}

    assert len(keys) == len(told)
    late = said(state="CREATED", dateOfTheNextValidation="1630187848874")
    assert late.key in keys


def test_word_mapped_later_is_news() -> None:
    notice = delivery(state="CREATED", status="SENT BY ACH")
    before, unknown = PROVIDER.translate(notice, Terms())
    (after,) = PROVIDER.translate(notice, Terms(aliases={"Sent by ACH": "IN_BANKING_PROCESS"}))

    assert isinstance(unknown, Unknown)
    assert isinstance(before, Observation)
    assert isinstance(after, Observation)
    assert before.key != after.key
    assert fold(Kind.PAYOUT, [before, after]).state is State.SENT


def test_personal_data_never_leaves() -> None:
    private = {
        "fullName": "Santiago Romero Pineda",
        "documentNumber": "1026304116",
        "supplierBankAccountId": "e202507e-5551-4b67-be2a-a2a834bf1438",
        "errorMessage": "La cuenta de Santiago Romero Pineda no existe",
        "errorCode": "the account of Santiago Romero Pineda 1026304116",
    }
    for word in ("REJECTED", "NOBODY KNOWS"):
        notice = delivery(state=word, **private)
        readings = PROVIDER.translate(notice, Terms())
        text = repr(readings) + identity_of(notice, readings)
        assert "Romero" not in text
        assert "ROMERO" not in text
        assert "1026304116" not in text
        assert "e202507e" not in text


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("AWAITING_TO_CANCEL", "SENT_FOR_CANCELLATION", "REJECTED"), State.CANCELED),
        (("AWAITING_FOR_SENT", "REJECTED"), State.REJECTED),
        (("AWAITING_TO_CANCEL", "CANCELLATION_FAILED", "REJECTED"), State.REJECTED),
    ],
)
def test_cancel_is_decided_over_history(words: tuple[str, ...], expected: State) -> None:
    for order in permutations(said(state=word) for word in words):
        assert fold(Kind.PAYOUT, order).state is expected


def test_status_rejected_keeps_cancel_evidence() -> None:
    both = said(state="SENT_FOR_CANCELLATION", status="REJECTED")

    assert both.state is State.REJECTED
    assert fold(Kind.PAYOUT, [both]).state is State.CANCELED
