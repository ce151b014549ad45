"""The memory store as a server that goes away, loses connections, and answers late or never."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from random import Random
from typing import Final

import asyncpg

from libs.store.memory import Database, Peer
from tests.simulated.loop import PROCESS, Process
from tests.simulated.weather import Weather

# Errors of a statement that leave the connection as it is.
_STATEMENT: Final = (
    asyncpg.DeadlockDetectedError,
    asyncpg.SerializationError,
    asyncpg.LockNotAvailableError,
    asyncpg.QueryCanceledError,
)
_LOST: Final = (
    asyncpg.ConnectionDoesNotExistError,
    asyncpg.AdminShutdownError,
    asyncpg.IdleInTransactionSessionTimeoutError,
)
_AWAY: Final = (
    ConnectionRefusedError,
    asyncpg.CannotConnectNowError,
    asyncpg.TooManyConnectionsError,
)


class Postgres(Database):
    """The server of one simulation."""

    def __init__(
        self,
        now: Callable[[], datetime],
        random: Random,
        weather: Weather,
        seen: Callable[[str], None],
    ) -> None:
        super().__init__(now)
        self._seen = seen
        self.up = True
        self.stalled = False
        self._held: list[tuple[Peer, str, asyncio.Event]] = []
        self.owners: dict[Peer, Process | None] = {}
        self._random = random
        self._weather = weather

    async def reach(self, peer: Peer, what: str) -> None:
        """Take time, and fail as drawn."""
        for each in what.split("+"):  # of several writes together, each
            self._seen(each)
        if self.stalled:
            await self._hold(peer, "stalled")
        await asyncio.sleep(self._weather.latency())
        if not self.up:
            raise self._random.choice(_AWAY)("away")
        if what == "connect":
            self.owners[peer] = PROCESS.get(None)
            return
        self._fail(peer, what)
        if self._weather.strikes("statement hangs"):
            await self._hold(peer, "for ever")

    def _fail(self, peer: Peer, what: str) -> None:
        lost = {"commit": "lost before commit", "committed": "lost after commit"}
        if self._weather.strikes(lost.get(what, "connection lost")):
            peer.terminate()
            raise self._random.choice(_LOST)("lost")
        if what not in {"committed", "rollback", "release"} and self._weather.strikes(
            "statement fails"
        ):
            raise self._random.choice(_STATEMENT)("failed")

    async def _hold(self, peer: Peer, why: str) -> None:
        """Give no answer, until it is let go or the connection is cut."""
        held = (peer, why, asyncio.Event())
        self._held.append(held)
        try:
            await held[2].wait()
        finally:
            self._held.remove(held)

    def left(self, peer: Peer) -> None:
        """Let go of what the connection waits for."""
        super().left(peer)
        self._let_go(lambda held, _: held is peer)

    def _let_go(self, chosen: Callable[[Peer, str], bool]) -> None:
        for peer, why, wake in self._held:
            if chosen(peer, why):
                wake.set()

    def hang_up(self, chosen: Callable[[Peer], bool] = lambda _: True) -> None:
        """Terminate backends: what they had not committed is undone."""
        for peer in [each for each in self.peers if chosen(each)]:
            peer.terminate()

    def hang_up_on(self, process: Process) -> None:
        """Notice that a client is gone."""
        self.hang_up(lambda peer: self.owners.get(peer) is process)

    def stop(self) -> None:
        """Go down, as by kill -9."""
        self.up = False
        self.hang_up()

    def start(self) -> None:
        """Come back with what was committed."""
        self.up = True

    def stall(self, *, on: bool) -> None:
        """Freeze or continue it."""
        self.stalled = on
        if not on:
            self._let_go(lambda _, why: why == "stalled")
