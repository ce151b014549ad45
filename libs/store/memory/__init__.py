"""A Postgres in memory: the same functions of `libs.store` run on it, unchanged.

It knows no SQL. A statement is found by its name in `libs.store.queries`, and for each name there
is one function over tables of dicts (`apply`, `archive`, `outbox`, `inspection`); a statement
without one fails loudly. Around them stand the manners that the pipeline relies on: what is written
is seen by others after the commit only, rows and keys are locked until the end of the transaction,
who waits in a circle is told so, savepoints, checks and types, and asyncpg's own errors.

It earns trust by passing the suite of the real one (tests/simulated).
"""

from libs.store.memory.connection import MemoryPool
from libs.store.memory.database import Database, Peer

__all__ = ["Database", "MemoryPool", "Peer"]
