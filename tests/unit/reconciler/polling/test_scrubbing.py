"""No credential enters the archive by an answer, and nothing else of an answer is touched."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import cast

from libs.providers.asking import Asked
from services.reconciler.polling.access import Reach
from services.reconciler.polling.question import delivery_of
from services.reconciler.polling.scrubbing import without_secrets

KEY = "0123456789abcdef"


def test_field_that_holds_a_credential_is_emptied() -> None:
    body = json.dumps({"a": {"SecretKey": 'A1\\"B2'}, "b": "x"}).encode()
    found = json.loads(without_secrets(body, ("SecretKey",), ()))
    assert found == {"a": {"SecretKey": "[redacted]"}, "b": "x"}
    spaced = b'{"secretkey" : "A1", "Amount": 47.50}'
    emptied = b'{"secretkey" : "[redacted]", "Amount": 47.50}'
    assert without_secrets(spaced, ("SecretKey",), ()) == emptied


def test_our_own_is_taken_out_wherever_it_stands() -> None:
    body = b'{"error": "token %b is wrong"}' % KEY.encode()
    assert KEY.encode() not in without_secrets(body, (), (KEY,))


def test_plain_word_and_other_bytes_stay() -> None:
    body = b'{"status": "paid", "Amount": 47.50, "note": "SecretKeys"}\xff'
    assert without_secrets(body, ("SecretKey",), ("paid",)) == body


@dataclass(frozen=True)
class StandInReach:
    source: str = "mobbex"
    provider: str = "mobbex"
    credentials: dict[str, str] = field(default_factory=lambda: {"api_key": KEY})


def test_card_number_of_an_answer_is_masked() -> None:
    body = b'{"data":{"transaction":{"payment":{"source":{"number":"4507990000000010"}}}}}'
    asked = Asked(route_event="operation/5dyoqM7kH", body=body)

    delivery = delivery_of(cast("Reach", StandInReach()), asked)

    assert delivery.body == body.replace(b"4507990000000010", b"450799******0010")
