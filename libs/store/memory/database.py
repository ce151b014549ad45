"""The server: the committed tables, who holds which lock, and what goes on at each of its doors."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Protocol

from libs.store.memory.schema import SCHEMA, Key, Row
from libs.store.memory.transaction import ADVISORY, Lock, Transaction


class Peer(Protocol):
    """A connection, as far as the server knows it."""

    def terminate(self) -> None:
        """Cut it off: its transaction is undone."""


class Database:
    """What is committed. `now` is its clock; subclass it and override `reach` to play faults."""

    def __init__(self, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self.now = now
        self.tables: dict[str, dict[Key, Row]] = {name: {} for name in (*SCHEMA, ADVISORY)}
        self.numbers: dict[str, dict[int, Key]] = defaultdict(dict)
        self.holders: dict[Lock, Transaction] = {}
        self.partitions: set[tuple[str, str]] = set()
        self.peers: set[Peer] = set()
        self._numbers: Counter[str] = Counter()

    def next_number(self, table: str) -> int:
        """Count up; a number is never given twice, whatever becomes of who took it."""
        self._numbers[table] += 1
        return self._numbers[table]

    def left(self, peer: Peer) -> None:
        """Take note that a connection is closed."""
        self.peers.discard(peer)

    async def reach(self, peer: Peer, what: str) -> None:  # noqa: ARG002 - for who overrides it
        """Stand for the way to the server and back.

        `what` is "connect", "begin", the name of a statement, "commit" (before it), "committed"
        (after it: an error here leaves the client not knowing) or "rollback". What is raised here
        is what the client sees; an error of `asyncpg.PostgresConnectionError` ends the connection.
        """
        await asyncio.sleep(0)
