"""A card number that a provider sends whole travels masked, on either lane."""

from __future__ import annotations

import pytest

from libs.contracts.delivery import Delivery
from libs.personal.datum import Datum
from libs.providers.card_fields import CardFields
from libs.providers.port import Answer
from libs.providers.reading import read_object
from services.ingress.redaction import Redactor
from tests.unit.ingress.stand_ins import PROVIDERS, Ingress, StandInProvider

CARD, MASKED = b"4507990000000010", b"450799******0010"
KEY = "0123456789abcdef" * 4
CARDS = CardFields.of({"payment.source.number": Datum.CARD})


@pytest.mark.usefixtures("both_lanes")
@pytest.mark.parametrize(
    "body",
    [
        b'{"card": {"number": "%b"}, "id": "%b"}',
        b"card%%5Bnumber%%5D=%b&id=%b",
        b'{"card": {"number": "%b", "id": "%b"',
    ],
)
async def test_it_is_masked_before_the_bus(ingress: Ingress, body: bytes) -> None:
    status, _ = await ingress.post("/webhooks/shop?token=open-sesame", body % (CARD, CARD))

    assert status == 200
    [delivery] = ingress.publisher.deliveries
    assert delivery.body == body % (MASKED, CARD)


async def test_answer_sees_no_more_than_the_bus(
    ingress: Ingress, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[bytes] = []

    def answer(delivery: Delivery) -> Answer:
        seen.append(delivery.body)
        return Answer()

    provider = PROVIDERS["plain"]
    assert isinstance(provider, StandInProvider)
    monkeypatch.setattr(StandInProvider, "acknowledge", lambda _, delivery: answer(delivery))
    await ingress.post("/webhooks/shop?token=open-sesame", b'{"card_number":"%b"}' % CARD)

    assert seen == [b'{"card_number":"%b"}' % MASKED]


@pytest.mark.parametrize("beside", [b"", b',"note":"\\u0041"'])
def test_beside_a_credential(beside: bytes) -> None:
    """Whether the credential is taken out the quick way or the thorough one."""
    redactor = Redactor(["SecretKey"], [KEY], CARDS)
    body = b'{"SecretKey":"%b","source":{"number":"%b"}%b}'
    sent = body % (KEY.encode(), CARD, beside)

    found = redactor.body(sent, read_object(sent))

    assert found == body % (b"[redacted]", MASKED, beside)


def test_without_cards_nothing_is_sought() -> None:
    body = b'{"source":{"number":"%b"}}' % CARD
    assert Redactor([], []).body(body) == body
