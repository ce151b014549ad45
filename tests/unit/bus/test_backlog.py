"""The backlog is told, or it is said that it cannot be told now: never anything else."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from libs.bus import tail
from libs.bus.tail import backlog
from libs.runtime.failures import TemporaryError


async def test_stuck_broker_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """Aiormq cancels whatever waits on a connection that it gives up; nobody cancelled us."""

    @contextlib.asynccontextmanager
    async def connected(_url: str, *, name: str) -> AsyncIterator[None]:
        assert name
        given_up = asyncio.get_running_loop().create_future()
        given_up.cancel()
        await given_up
        yield

    monkeypatch.setattr(tail, "connected", connected)
    with pytest.raises(TemporaryError):
        await backlog("amqp://nowhere", ("a",))


async def test_own_cancellation_stays_one(monkeypatch: pytest.MonkeyPatch) -> None:
    @contextlib.asynccontextmanager
    async def connected(_url: str, *, name: str) -> AsyncIterator[None]:
        assert name
        await asyncio.Event().wait()
        yield

    monkeypatch.setattr(tail, "connected", connected)
    asking = asyncio.create_task(backlog("amqp://nowhere", ("a",)))
    await asyncio.sleep(0)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
