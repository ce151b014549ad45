"""Many webhooks, as fast as the ingress takes them, with two reconcilers on the same objects."""

from __future__ import annotations

import asyncio
import json
import os
import random
import uuid
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import aiohttp
import pytest

from tests.acceptance.stack import Published, Stack
from tests.processes import wait_until

pytestmark = [pytest.mark.servers, pytest.mark.slow]

WEBHOOKS: Final = 20_000 if os.environ.get("CAUDAL_TEST_PROFILE") == "ci" else 4_000
SENDERS: Final = 64
# Each payment tells these three, and the last one twice.
STEPS: Final = (
    ("CREATED", "2026-01-10T10:00:00Z", "created_at"),
    ("PENDING", "2026-01-10T10:01:00Z", "declined_at"),
    ("COMPLETED", "2026-01-10T10:02:00Z", "completed_at"),
)


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    with Stack(tmp_path, "--ephemeral", "--reconcilers", "2", "--normalizers", "2") as running:
        yield running


def test_volume_ends_exactly_right(stack: Stack) -> None:
    listener = stack.listen()

    answers = asyncio.run(_post_all(stack.line["ingress_url"], _bodies()))

    assert answers == Counter({200: WEBHOOKS})
    payments = WEBHOOKS // 4
    assert wait_until(lambda: len(_paid(listener.events)) == payments, seconds=120)
    objects = stack.objects()
    assert Counter(row["state"] for row in objects) == Counter({"paid": payments})
    wanted = sum(row["sequence"] for row in objects)
    assert wait_until(lambda: len(listener.events) >= wanted, seconds=30)
    told = defaultdict(list)
    for event in listener.events:
        told[event.body["data"]["provider_ref"]].append(event.body["sequence"])
    assert {ref: told[ref] for ref in told} == {
        row["provider_ref"]: list(range(1, row["sequence"] + 1)) for row in objects
    }
    assert stack.parked() == []
    sampled = stack.ask("objects", "show", objects[0]["provider_ref"])
    verdicts = Counter(line["verdict"] for line in sampled["observations"])
    assert verdicts == Counter(applied=len(STEPS), duplicate=1)
    assert "deadlock" not in stack.log().lower()


def _paid(events: list[Published]) -> set[str]:
    return {e.body["subject"] for e in tuple(events) if e.body["data"]["state"] == "paid"}


def _bodies() -> list[bytes]:
    chance = random.Random(20_000)
    bodies = []
    for n in range(WEBHOOKS // 4):
        payment = uuid.UUID(int=chance.getrandbits(128), version=4)
        told = [_body(payment, n, step) for step in range(len(STEPS))]
        bodies += [*told, told[-1]]
    chance.shuffle(bodies)
    return bodies


def _body(payment: uuid.UUID, n: int, step: int) -> bytes:
    status, at, field = STEPS[step]
    return json.dumps(
        {
            "id": str(uuid.UUID(int=n * 10 + step, version=4)),
            "payment_request_id": str(payment),
            "resource": "CHECKOUT",
            "resource_status": status,
            "attempts": 1,
            "sent_date": at,
            "me_reference_id": f"R-{n}",
            field: at,
        }
    ).encode()


async def _post_all(url: str, bodies: list[bytes]) -> Counter[int]:
    answers: Counter[int] = Counter()
    waiting = iter(bodies)
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as client:

        async def send() -> None:
            for body in waiting:
                target = f"{url}/webhooks/clip?token=dev-clip-token"
                async with client.post(target, data=body) as answer:
                    answers[answer.status] += 1

        await asyncio.gather(*(send() for _ in range(SENDERS)))
    return answers
