"""The budget is the provider's: of several reconcilers one asks, and another where that one is gone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from libs.api.breaker import BreakerState
from libs.runtime.failures import TemporaryError
from libs.store.database import Pool, transaction
from libs.store.polls import move_pokes
from libs.store.turns import give_turn_back, take_turn
from services.reconciler.polling import turn as module
from services.reconciler.polling.turn import Turn
from tests.integration.bus.waiting import until
from tests.integration.polling.provider import Provider, link, sources
from tests.integration.polling.rooms import Room, heard, poke
from tests.integration.store.rooms import fetch, value

pytestmark = pytest.mark.servers


class Running:
    """A reconciler's poller of Clip, and how it is ended."""

    def __init__(self, room: Room, turn: Turn) -> None:
        self.room = room
        self.turn = turn
        self._stop = asyncio.Event()
        self._task = asyncio.create_task(room.pollers["clip"].run(self._stop))

    async def stop(self) -> None:
        self._stop.set()
        await self._task

    async def kill(self) -> None:
        """End it without a word to the database."""
        self._task.cancel()
        await asyncio.wait({self._task})


@asynccontextmanager
async def reconcilers(
    pool: Pool, provider: Provider, *names: str, rate: int = 100
) -> AsyncIterator[list[Running]]:
    """Start them one after the other, each called by a name; no two processes are the same."""
    running: list[Running] = []
    async with AsyncExitStack() as stack:
        for number, name in enumerate(names):
            by = f"{name}/{number}"
            room = Room(pool, sources(provider.url, rate=rate), by)
            turn = Turn(pool, "clip", name=name, holder=by)
            room.pollers["clip"]._turn = turn
            room.pollers["clip"].rows = 5
            running.append(Running(room, turn))
            stack.push_async_callback(room.access.close)
            stack.push_async_callback(running[-1].kill)
            await until(lambda: _begun(turn), 3)  # noqa: B023 - at once
        yield running


async def _begun(turn: Turn) -> bool:
    return not turn._begins


async def _held(turn: Turn) -> bool:
    return turn.held


async def _asked(provider: Provider, least: int) -> bool:
    return len(provider.asked) >= least


async def poked(pool: Pool, provider: Provider, count: int, first: int = 1) -> None:
    for number in range(first, first + count):
        ref = f"7f3c1d52-0a44-4c1e-9d0b-{number:012x}"
        provider.answers[f"/clip/v2/checkout/{ref}"] = link(ref, "CHECKOUT_PENDING")
        await heard(pool, number, poke(ref))
    await move_pokes(pool, count)


async def holder(pool: Pool) -> list[tuple[object, ...]]:
    return [tuple(row) for row in await fetch(pool, "select provider, holder from poll_turns")]


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TURN", 1.0)
    monkeypatch.setattr(module, "RENEWED_EVERY", 0.2)
    monkeypatch.setattr(module, "LOOK_EVERY", 0.1)


async def test_three_reconcilers_ask_no_faster_than_one(pool: Pool, provider: Provider) -> None:
    clock = asyncio.get_running_loop().time
    await poked(pool, provider, 30)
    began = clock()
    async with reconcilers(pool, provider, "r1", "r2", "r3", rate=10) as running:
        await until(lambda: _asked(provider, 30), 20)
        took = clock() - began
        await until(lambda: _entered(running, 30), 5)
    assert took > 1.8  # ten at once, then ten a second
    assert [len(each.room.bus.entered) for each in running] == [30, 0, 0]


async def _entered(running: list[Running], least: int) -> bool:
    return sum(len(each.room.bus.entered) for each in running) >= least


@pytest.mark.usefixtures("quick")
async def test_stopped_one_gives_its_turn_back(
    pool: Pool, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Long before it runs out, and its questions with it."""
    monkeypatch.setattr(module, "TURN", 60.0)
    provider.hold = asyncio.Event()
    async with reconcilers(pool, provider, "r1", "r2") as [one, other]:
        await poked(pool, provider, 1)
        one.room.pollers["clip"].wake()
        await provider.arrived.wait()
        assert (one.turn.held, other.turn.held) == (True, False)
        await one.stop()
        assert not one.turn.held
        provider.hold.set()
        await until(lambda: _entered([other], 1), 5)
        assert await holder(pool) == [("clip", "r2/1")]
        await other.stop()
    assert await holder(pool) == []


@pytest.mark.usefixtures("quick")
async def test_turn_of_a_dead_one_runs_out(pool: Pool, provider: Provider) -> None:
    async with reconcilers(pool, provider, "r1", "r2") as [one, other]:
        await asyncio.sleep(1.5)
        assert (one.turn.held, other.turn.held) == (True, False)  # it is renewed
        await one.kill()
        await asyncio.sleep(0.3)
        assert not other.turn.held
        await until(lambda: _held(other.turn), 3)


@pytest.mark.usefixtures("quick")
async def test_what_a_dead_one_had_claimed_is_asked_by_its_successor(
    pool: Pool, provider: Provider
) -> None:
    """With the turn, not two minutes later when the claims would run out."""
    provider.hold = asyncio.Event()
    async with reconcilers(pool, provider, "r1", "r2") as [one, other]:
        await poked(pool, provider, 3)
        one.room.pollers["clip"].wake()
        await provider.arrived.wait()
        await one.kill()
        provider.hold.set()
        await until(lambda: _entered([other], 3), 10)
        assert one.room.bus.entered == []


async def test_restarted_one_takes_its_own_turn_at_once(pool: Pool, provider: Provider) -> None:
    async with reconcilers(pool, provider, "r1") as [one]:
        await one.kill()
        assert await holder(pool) == [("clip", "r1/0")]
    async with reconcilers(pool, provider, "r2", "r1") as [stranger, again]:
        assert (stranger.turn.held, again.turn.held) == (False, True)


@pytest.mark.usefixtures("quick")
async def test_two_of_one_name_are_two(pool: Pool, provider: Provider) -> None:
    """Every container of a service may have the same: the last has the turn, and it does not go to and fro."""
    async with reconcilers(pool, provider, "reconciler", "reconciler") as [one, other]:
        await asyncio.sleep(0.5)
        for _ in range(10):
            assert (one.turn.held, other.turn.held) == (False, True)
            await asyncio.sleep(0.1)


@pytest.mark.usefixtures("quick")
async def test_who_lost_its_turn_ends_what_is_under_way(pool: Pool, provider: Provider) -> None:
    """And begins nothing: the rest of the round is there for whoever has it now."""
    provider.hold = asyncio.Event()
    async with reconcilers(pool, provider, "r1") as [one]:
        await poked(pool, provider, 12)
        one.room.pollers["clip"].rows = 12
        one.room.pollers["clip"].wake()
        await until(lambda: _asked(provider, 4), 5)
        async with transaction(pool) as connection:
            await connection.execute(
                "update poll_turns set holder = 'x', until = now() + interval '1 h'"
            )
        await until(lambda: _lost(one.turn), 3)
        provider.hold.set()
        await until(lambda: _free(pool, 8), 5)
        await asyncio.sleep(0.5)
        assert len(provider.asked) == len(one.room.bus.entered) == 4
        assert await value(pool, "select count(*) from polls where claimed_by is not null") == 0


async def _lost(turn: Turn) -> bool:
    return not turn.held


async def _free(pool: Pool, wanted: int) -> bool:
    return (
        await value(
            pool,
            "select count(*) from polls where claimed_by is null and look_at <= now() and asked = 0",
        )
        == wanted
    )


@pytest.mark.usefixtures("quick")
async def test_who_gets_no_answer_leaves_the_turn_to_another(
    pool: Pool, provider: Provider
) -> None:
    """As where its own way to the provider is broken; the other's may be whole."""
    async with reconcilers(pool, provider, "r1", "r2") as [one, other]:
        breaker = one.room.access.lines["clip"].breaker
        while breaker.state is not BreakerState.OPEN:
            breaker.failed()
        await until(lambda: _held(other.turn), 3)
        assert not one.turn.held
        await poked(pool, provider, 2)
        other.room.pollers["clip"].wake()
        await until(lambda: _entered([other], 2), 5)


@pytest.mark.usefixtures("quick")
async def test_without_the_database_a_turn_ends_by_itself(
    pool: Pool, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No later than it does for the others; and it is taken again when the database is back."""

    async def away(*_: object, **__: object) -> bool:
        raise TemporaryError("away")

    async with reconcilers(pool, provider, "r1") as [one]:
        with monkeypatch.context() as patch:
            patch.setattr(module, "take_turn", away)
            await until(lambda: _lost(one.turn), 3)
            ends = await value(pool, "select until from poll_turns")
            assert await value(pool, "select $1 >= clock_timestamp() - interval '0.3 s'", ends)
        await until(lambda: _held(one.turn), 3)


async def test_turn_is_one_holders(pool: Pool) -> None:
    async def take(holder: str, seconds: float = 60.0, *, succeeds: bool = False) -> bool:
        name = holder.partition("/")[0]
        return await take_turn(
            pool, "clip", name=name, holder=holder, seconds=seconds, succeeds=succeeds
        )

    assert await take("a/1")
    assert await take("a/1")
    assert not await take("b/1", succeeds=True)
    assert not await take("a/2")
    assert await take("a/2", 0.0, succeeds=True)
    assert await take("b/1")
    await give_turn_back(pool, "clip", holder="a/2")
    assert not await take("a/1")
    await give_turn_back(pool, "clip", holder="b/1")
    assert await take("a/1")
