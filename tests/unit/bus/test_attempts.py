"""Attempts are counted by us, and each one waits for longer."""

from __future__ import annotations

from typing import Any

import pytest

from libs.bus.attempts import Tried, set_back, tried
from libs.bus.message import Message
from libs.bus.publisher import Outcome
from libs.bus.topology import DELAYS, NORMALIZER_QUEUE, delay
from libs.runtime.failures import TemporaryError


class Bus:
    def __init__(self, answer: Outcome = Outcome.CONFIRMED) -> None:
        self.answer = answer
        self.sent: list[tuple[str, str, dict[str, Any]]] = []

    async def publish(self, exchange: str, routing_key: str, body: bytes, **told: Any) -> Outcome:  # noqa: ANN401
        assert body == b""
        self.sent.append((exchange, routing_key, told))
        return self.answer


def message(headers: dict[str, Any]) -> Message:
    return Message(
        body=b"", headers=headers, content_type="", routing_key="", redelivered=False, message_id=""
    )


async def test_steps_grow_to_last() -> None:
    bus = Bus()
    for failed in range(1, 8):
        await set_back(
            bus, NORMALIZER_QUEUE, b"", content_type="x", so_far=Tried(failed=failed)
        )  # fmt: skip
    steps = [*DELAYS, DELAYS[-1], DELAYS[-1]]
    assert [(exchange, key) for exchange, key, _ in bus.sent] == [
        (delay(step), NORMALIZER_QUEUE) for step in steps
    ]
    for step, (_, _, told) in zip(steps, bus.sent, strict=True):
        assert step / 2 <= told["expiration"] <= step


def test_contention_waits_for_seconds_only() -> None:
    assert [Tried(failed=4, contended=n).step for n in range(1, 6)] == [1, 5, 30, 30, 30]


async def test_count_travels_in_header() -> None:
    bus = Bus()
    so_far = Tried(failed=3, contended=2)
    await set_back(bus, NORMALIZER_QUEUE, b"", content_type="x", so_far=so_far)
    assert tried(message(bus.sent[0][2]["headers"])) == so_far


@pytest.mark.parametrize("value", [None, "7", -1, b"3", 2.5])
def test_foreign_count_is_none(value: object) -> None:
    """Only what we write ourselves counts; what the broker counts never does."""
    told = message({"x-caudal-attempt": value, "x-delivery-count": 9, "x-death": [{"count": 9}]})
    assert tried(told) == Tried()


@pytest.mark.parametrize("answer", [Outcome.REFUSED, Outcome.RETURNED, Outcome.UNKNOWN])
async def test_unconfirmed_setback_is_temporary(answer: Outcome) -> None:
    with pytest.raises(TemporaryError):
        await set_back(
            Bus(answer), NORMALIZER_QUEUE, b"", content_type="x", so_far=Tried(failed=1)
        )  # fmt: skip
