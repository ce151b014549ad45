"""From messages of deliveries to messages of outcomes, through a stand-in publisher."""

from __future__ import annotations

import uuid
from dataclasses import replace
from typing import Any, cast

import pytest
import structlog

from libs.bus.message import Message
from libs.bus.publisher import Outcome, Publisher
from libs.bus.topology import DEAD, RECEIVED, TRANSLATED, WEBHOOKS
from libs.contracts import webhook_received, webhook_translated
from libs.contracts.readings import Unknown
from libs.domain.observation import Observation
from libs.runtime.failures import TemporaryError
from services.normalizer.run import MESSAGE_DELIVERIES, Normalizer
from services.normalizer.translate import Translator
from tests.unit.domain.saying import paid
from tests.unit.normalizer.test_translator import DELIVERY, StandIn


class Bus:
    """Keeps what is published, and answers as it is told."""

    def __init__(self, answer: Outcome = Outcome.CONFIRMED) -> None:
        self.answer = answer
        self.sent: list[tuple[str, str, bytes]] = []

    async def publish(self, exchange: str, routing_key: str, body: bytes, **_: Any) -> Outcome:  # noqa: ANN401
        self.sent.append((exchange, routing_key, body))
        return self.answer

    def outcomes(self) -> list[list[webhook_translated.Translated]]:
        return [
            list(webhook_translated.decode(body))
            for exchange, _, body in self.sent
            if exchange == WEBHOOKS
        ]


class Choosy(StandIn):
    """Says something that no JSON can hold about one body, and `paid` about the others."""

    def translate(self, delivery: Any, terms: Any) -> tuple[Any, ...]:  # noqa: ANN401
        assert terms is not None
        word = "\ud800" if delivery.body == b"bad" else "PAID"
        return (paid(at=1, provider_status=word),)


def normalizer(bus: Bus) -> Normalizer:
    return Normalizer(Translator({"odd": Choosy()}, {}), cast("Publisher", bus))


def message(*bodies: bytes) -> Message:
    deliveries = [
        replace(DELIVERY, id=str(uuid.UUID(int=n)), body=body) for n, body in enumerate(bodies)
    ]
    return raw(webhook_received.encode(deliveries))


def raw(body: bytes) -> Message:
    return Message(
        body=body,
        headers={},
        content_type=webhook_received.CONTENT_TYPE,
        routing_key=RECEIVED,
        redelivered=False,
        message_id="m-1",
    )


async def test_messages_of_a_batch_leave_together() -> None:
    bus = Bus()
    await normalizer(bus).handle([message(b"1", b"2"), message(b"3")])
    [outcomes] = bus.outcomes()
    assert len(outcomes) == 3
    assert bus.sent[0][:2] == (WEBHOOKS, TRANSLATED)


async def test_large_batches_leave_in_portions() -> None:
    bus = Bus()
    await normalizer(bus).handle([message(*[b"x"] * (MESSAGE_DELIVERIES + 1))])
    assert [len(outcomes) for outcomes in bus.outcomes()] == [MESSAGE_DELIVERIES, 1]


async def test_unsayable_outcome_spoils_no_other() -> None:
    bus = Bus()
    with structlog.testing.capture_logs():
        await normalizer(bus).handle([message(b"1", b"bad", b"3")])
    [outcomes] = bus.outcomes()
    kinds = [type(outcome.readings[0]) for outcome in outcomes]
    assert kinds == [Observation, Unknown, Observation]
    assert outcomes[1].body == b"bad"


async def test_unreadable_message_is_buried() -> None:
    bus = Bus()
    with structlog.testing.capture_logs() as logged:
        await normalizer(bus).handle([raw(b"what?"), message(b"1")])
    assert bus.sent[0][0] == DEAD
    assert bus.sent[0][2] == b"what?"
    assert [len(outcomes) for outcomes in bus.outcomes()] == [1]
    assert logged[0]["event"] == "message_not_readable"


@pytest.mark.parametrize("answer", [Outcome.REFUSED, Outcome.RETURNED, Outcome.UNKNOWN])
async def test_unconfirmed_outcomes_are_tried_again(answer: Outcome) -> None:
    with pytest.raises(TemporaryError):
        await normalizer(Bus(answer)).handle([message(b"1")])


async def test_no_deliveries_no_message() -> None:
    bus = Bus()
    await normalizer(bus).handle([message()])
    assert bus.sent == []
