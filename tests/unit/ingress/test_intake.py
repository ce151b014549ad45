"""Large pieces that come all at once: few lie in memory together, and each is answered."""

from __future__ import annotations

import asyncio
import socket
import time

import pytest

from services.ingress import intake
from services.ingress.intake import Intake, Reads
from tests.unit.ingress.stand_ins import Ingress, running_ingress

SENDERS = 60
BODY = b"[" + b"1," * 30_000 + b"1]"
LARGEST_READ = 262_144
A_LOT = 400_000
TARGET = "/webhooks/shop?token=open-sesame"
HEAD = f"POST {TARGET} HTTP/1.1\r\nHost: a\r\nContent-Length: {len(BODY)}\r\n\r\n".encode()


@pytest.fixture
def most(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Collect how much each turn had brought, piece by piece."""
    monkeypatch.setattr(intake, "A_LOT", A_LOT)
    seen: list[int] = []
    counted = Intake.brought

    def brought(self: Intake, connection: Reads, size: int) -> None:
        counted(self, connection, size)
        seen.append(self._brought)

    monkeypatch.setattr(Intake, "brought", brought)
    return seen


def sender(run: Ingress) -> socket.socket:
    host, port = run.url.removeprefix("http://").split(":")
    connected = socket.create_connection((host, int(port)))
    connected.settimeout(10)
    return connected


async def answers(senders: list[socket.socket]) -> list[bytes]:
    return await asyncio.gather(*[asyncio.to_thread(one.recv, 4096) for one in senders])


@pytest.mark.parametrize("left_out", [0, 1], ids=["whole", "not to the end"])
async def test_one_turn_brings_a_lot_and_no_more(most: list[int], left_out: int) -> None:
    async with running_ingress(address_connections=1000) as run:
        senders = [sender(run) for _ in range(SENDERS)]
        await asyncio.sleep(0.2)  # all of them have been let in
        data = HEAD + BODY
        for one in senders:
            one.sendall(data[: len(data) - left_out])
        time.sleep(0.2)  # noqa: ASYNC251 - so that one turn finds all of it
        await asyncio.sleep(0.2)
        assert most
        assert max(most) <= A_LOT + LARGEST_READ
        assert sum(len(BODY) for _ in senders) > 4 * A_LOT
        for one in senders:
            one.sendall(data[len(data) - left_out :])
        told = await answers(senders)
        assert [answer[:12] for answer in told] == [b"HTTP/1.1 200"] * SENDERS
        for one in senders:
            one.close()


async def test_one_that_waits_for_its_task_stays_unread(most: list[int]) -> None:
    """What aiohttp does not read for a reason of its own is not read because of this."""
    async with running_ingress(address_connections=1000, body_timeout=5) as run:
        senders = [sender(run) for _ in range(SENDERS)]
        await asyncio.sleep(0.2)
        for one in senders:
            one.sendall((HEAD + BODY) * 2)
        told = b""
        for one in senders:
            while told.count(b"HTTP/1.1 200") < 2:
                told += await asyncio.to_thread(one.recv, 4096)
            told = b""
            one.close()
        assert max(most) <= A_LOT + LARGEST_READ


class Reader:
    """Reads until it is told to rest."""

    def __init__(self) -> None:
        self.reads = True

    def rest(self) -> bool:
        rested, self.reads = self.reads, False
        return rested

    def go_on(self) -> None:
        self.reads = True


async def test_who_was_read_waits_until_all_others_were_heard() -> None:
    first, second, third = readers = [Reader(), Reader(), Reader()]
    counted = Intake(readers)
    counted.brought(first, intake.A_LOT + 1)
    assert [each.reads for each in readers] == [False, False, False]
    await asyncio.sleep(0)  # the end of the turn, see `call_soon`
    assert [each.reads for each in readers] == [False, True, True]
    counted.brought(second, intake.A_LOT + 1)
    await asyncio.sleep(0)
    assert [each.reads for each in readers] == [False, False, True]
    counted.brought(third, 1)
    await asyncio.sleep(0)
    assert [each.reads for each in readers] == [True, True, True]


async def test_one_that_rests_for_another_reason_is_left_alone() -> None:
    busy, paused = Reader(), Reader()
    paused.reads = False
    counted = Intake([busy, paused])
    counted.brought(busy, intake.A_LOT + 1)
    for _ in range(3):
        await asyncio.sleep(0)
    assert (busy.reads, paused.reads) == (True, False)
