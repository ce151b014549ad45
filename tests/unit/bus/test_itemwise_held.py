"""What a worker says of a batch that its brake holds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import pytest
import structlog

from libs.bus.brake import BrakeEngagedError
from libs.bus.isolation import Failed
from libs.bus.itemwise import Codec, GivenUp, Itemwise, Limits, Work
from libs.bus.message import Message
from libs.bus.publisher import Publisher
from libs.runtime.failures import ContentionError

QUEUE = "test.held"


async def fails(items: Sequence[bytes]) -> list[Failed[bytes]]:
    """Hold up the first, and fail on the others."""
    failed: list[Failed[bytes]] = [Failed(items[0], ContentionError("somebody has it"))]
    for item in items[1:]:
        try:
            int(item)
        except ValueError as error:
            failed.append(Failed(item, error))
    return failed


async def never(_: GivenUp[bytes]) -> None:
    pytest.fail("something of a batch that is held was given up")


def message(body: bytes) -> Message:
    return Message(
        body=body,
        headers={},
        content_type="text/plain",
        routing_key="x",
        redelivered=False,
        message_id=body.decode(),
    )


async def test_held_batch_says_where_it_fails() -> None:
    """Each time it is tried; the bug is told, not what somebody else held, nor what stood in the item."""
    ours = Itemwise[bytes](
        QUEUE,
        service="test",
        codec=Codec("text/plain", decode=lambda body: (body,), encode=lambda item: item),
        work=Work(fails, never),
        publisher=cast("Publisher", None),
        limits=Limits(brake_minimum=2),
    )
    batch = [message(b"number %d" % number) for number in range(4)]
    for _ in range(2):
        with structlog.testing.capture_logs() as logs, pytest.raises(BrakeEngagedError):
            await ours.handle(batch)
        [told] = [line for line in logs if line["event"] == "item_failed"]
        assert (told["queue"], told["attempt"], told["log_level"]) == (QUEUE, 1, "error")
        assert "fails" in told["at"]
        assert "number" not in str(logs)
