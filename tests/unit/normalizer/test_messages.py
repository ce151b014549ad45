"""From messages of deliveries to messages of outcomes, through a stand-in publisher."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast

import orjson
import pytest
import structlog

from libs.bus.attempts import ATTEMPTS
from libs.bus.brake import BrakeEngagedError
from libs.bus.message import Message
from libs.bus.publisher import Outcome, Publisher
from libs.bus.topology import DEAD, NORMALIZER_QUEUE, RECEIVED, TRANSLATED, WEBHOOKS, delay
from libs.contracts import webhook_received, webhook_translated
from libs.contracts.readings import ParkReason, Unknown
from libs.runtime.failures import TemporaryError
from services.normalizer.run import MESSAGE_BYTES, MESSAGE_DELIVERIES, Normalizer
from services.normalizer.translate import Translator
from tests.unit.domain.saying import paid
from tests.unit.normalizer.test_translator import DELIVERY, StandIn

SECRET = b'{"card": "4111111111111111"}'


class Bus:
    """Keeps what is published, and answers as it is told."""

    def __init__(self, answer: Outcome = Outcome.CONFIRMED) -> None:
        self.answer = answer
        self.chokes_on: bytes | None = None
        self.sent: list[tuple[str, str, bytes]] = []
        self.headers: list[Mapping[str, Any]] = []

    async def publish(self, exchange: str, routing_key: str, body: bytes, **told: Any) -> Outcome:  # noqa: ANN401
        if exchange == WEBHOOKS and self._chokes(body):
            raise RuntimeError("a bug")
        self.sent.append((exchange, routing_key, body))
        self.headers.append(told.get("headers") or {})
        return self.answer

    def _chokes(self, body: bytes) -> bool:
        if self.chokes_on is None:
            return False
        said = webhook_translated.decode(body)
        return any(self.chokes_on in (outcome.body or b"") for outcome in said)

    def outcomes(self) -> list[list[webhook_translated.Translated]]:
        return [
            list(webhook_translated.decode(body))
            for exchange, _, body in self.sent
            if exchange == WEBHOOKS
        ]


class Choosy(StandIn):
    """Says something that no JSON can hold about one body, fails on another, else says `paid`."""

    def translate(self, delivery: Any, terms: Any) -> tuple[Any, ...]:  # noqa: ANN401
        assert terms is not None
        if delivery.body == b"too much":
            raise MemoryError
        if delivery.body == SECRET:
            raise ValueError(f"cannot read {SECRET!r}")
        word = "\ud800" if delivery.body == b"bad" else "PAID"
        return (paid(at=1, provider_status=word),)


def normalizer(bus: Bus) -> Normalizer:
    return Normalizer(Translator({"odd": Choosy()}, {}), cast("Publisher", bus))


def message(*bodies: bytes) -> Message:
    deliveries = [
        replace(DELIVERY, id=str(uuid.UUID(int=n)), body=body) for n, body in enumerate(bodies)
    ]
    return raw(webhook_received.encode(deliveries))


def raw(body: bytes, failed: int = 0) -> Message:
    return Message(
        body=body,
        headers={ATTEMPTS: failed} if failed else {},
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


async def test_large_bodies_leave_in_portions() -> None:
    """Outcomes carry them: eight messages of a megabyte must not become one of eleven."""
    bus = Bus()
    half = b"x" * (MESSAGE_BYTES // 2)
    await normalizer(bus).handle([message(half, half, b"x"), message(3 * half, half)])
    assert [len(outcomes) for outcomes in bus.outcomes()] == [2, 1, 1, 1]


@pytest.mark.parametrize("bad", [SECRET, b"bad"], ids=["bug", "unsayable"])
async def test_failing_delivery_is_set_back_alone(bad: bytes) -> None:
    """Its neighbours go on; it comes back later, with the count of its attempts."""
    bus = Bus()
    with structlog.testing.capture_logs() as logged:
        await normalizer(bus).handle([message(b"1", bad, b"3")])
    said = [outcome.body for outcomes in bus.outcomes() for outcome in outcomes]
    assert sorted(filter(None, said)) == [b"1", b"3"]
    exchange, key, body = bus.sent[-1]
    assert (exchange, key) == (delay(1), NORMALIZER_QUEUE)
    assert [delivery.body for delivery in webhook_received.decode(body)] == [bad]
    assert bus.headers[-1][ATTEMPTS] == 1
    assert "4111111111111111" not in repr(logged)


@pytest.mark.parametrize("bad", [SECRET, b"bad"], ids=["bug", "unsayable"])
async def test_last_attempt_parks_the_delivery(bad: bytes) -> None:
    """With the frames, the types and the count, and not with what the message may quote."""
    bus = Bus()
    with structlog.testing.capture_logs():
        await normalizer(bus).handle([raw(message(bad).body, failed=4)])
    [[outcome]] = bus.outcomes()
    [reading] = outcome.readings
    assert isinstance(reading, Unknown)
    assert (reading.reason, reading.attempts) == (ParkReason.FAILED, 5)
    assert "services/normalizer/" in reading.detail
    assert "4111111111111111" not in reading.detail
    assert outcome.body == bad
    assert len(bus.sent) == 1


async def test_bug_while_publishing_stops_nobody() -> None:
    """Whatever raises, and wherever: it is found out whose it is, and the brake watches."""
    bus = Bus()
    bus.chokes_on = b"poison"
    with structlog.testing.capture_logs():
        await normalizer(bus).handle([message(b"1", b"poison", b"3")])
        said = [outcome.body for outcomes in bus.outcomes() for outcome in outcomes]
        assert sorted(filter(None, said)) == [b"1", b"3"]
        assert bus.sent[-1][0] == delay(1)
        bus.chokes_on = b""
        with pytest.raises(BrakeEngagedError):
            await normalizer(bus).handle([message(*[b"x"] * 20)])


async def test_short_of_memory_buries_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a message is read, translated or put aside: all of it comes again."""
    bus = Bus()

    def too_much(*_: object, **__: object) -> None:
        raise MemoryError

    def no_buffer(_: bytes) -> None:
        raise orjson.JSONDecodeError("Not enough memory to allocate buffer for parsing", "", 0)

    with structlog.testing.capture_logs():
        with monkeypatch.context() as patch:
            patch.setattr("libs.contracts.webhook_received.orjson.loads", no_buffer)
            with pytest.raises(TemporaryError, match="memory is short"):
                await normalizer(bus).handle([message(b"1")])
        with pytest.raises(TemporaryError, match="memory is short"):
            await normalizer(bus).handle([message(b"1", b"too much")])
        monkeypatch.setattr("libs.bus.itemwise.set_back", too_much)
        with pytest.raises(TemporaryError, match="memory is short"):
            await normalizer(bus).handle([message(SECRET)])
    assert bus.sent == []


async def test_attempt_before_last_sets_back() -> None:
    bus = Bus()
    with structlog.testing.capture_logs():
        await normalizer(bus).handle([raw(message(SECRET).body, failed=3)])
    assert [sent[0] for sent in bus.sent] == [delay(120)]
    assert bus.headers[0][ATTEMPTS] == 4


async def test_bad_deploy_engages_the_brake() -> None:
    """Nothing is set back or parked, and the batch is held."""
    bus = Bus()
    ours = normalizer(bus)
    bad = [message(*[SECRET] * 19)]
    with structlog.testing.capture_logs() as logged:
        await ours.handle(bad)
        with pytest.raises(BrakeEngagedError):
            await ours.handle(bad)
        await ours.handle([message(b"1")])
    assert [sent[0] for sent in bus.sent] == [*[delay(1)] * 19, WEBHOOKS]
    told = [line["event"] for line in logged if line["event"].startswith("brake")]
    assert told == ["brake_engaged", "brake_released"]


async def test_strange_words_engage_no_brake() -> None:
    """What nobody knows or what is broken is not our failure: a stranger must not stop us."""
    bus = Bus()
    odd = Unknown(reason=ParkReason.UNKNOWN_VALUE, detail="new word")
    ours = Normalizer(Translator({"odd": StandIn((odd,))}, {}), cast("Publisher", bus))
    for _ in range(5):
        await ours.handle([message(*[b"x"] * 20)])
    assert [len(outcomes) for outcomes in bus.outcomes()] == [20] * 5


async def test_unreadable_message_is_buried() -> None:
    bus = Bus()
    with structlog.testing.capture_logs() as logged:
        await normalizer(bus).handle([raw(b"what?"), message(b"1")])
    assert bus.sent[-1][0] == DEAD
    assert bus.sent[-1][2] == b"what?"
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


async def test_no_way_to_set_back_is_no_bad_deploy() -> None:
    """One poisoned delivery while the delay queues take nothing: it goes on when they do."""
    bus = Bus(Outcome.REFUSED)
    ours = normalizer(bus)
    with structlog.testing.capture_logs():
        for _ in range(50):
            with pytest.raises(TemporaryError):
                await ours.handle([message(SECRET)])
        bus.answer = Outcome.CONFIRMED
        bus.sent.clear()
        await ours.handle([message(SECRET)])
    assert [sent[0] for sent in bus.sent] == [delay(1)]


async def test_held_batch_buries_nothing() -> None:
    """What cannot be read is buried once, when the rest of its batch is done."""
    bus = Bus()
    ours = normalizer(bus)
    batch = [raw(b"no message"), message(*[SECRET] * 20)]
    with structlog.testing.capture_logs():
        for _ in range(3):
            with pytest.raises(BrakeEngagedError):
                await ours.handle(batch)
    assert bus.sent == []
