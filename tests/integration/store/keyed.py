"""Keys for the tests, and pools that have them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

from libs.runtime.key_ring import KeyRing
from libs.store.database import Pool, open_pool
from tests.integration.store.rooms import fetch

FIRST: Final = bytes(range(32))
SECOND: Final = bytes(range(50, 82))
OLD: Final = KeyRing([FIRST])
BOTH: Final = KeyRing([SECOND, FIRST])
NEW: Final = KeyRing([SECOND])
OLD_NAME, NEW_NAME = BOTH.names[1], BOTH.names[0]


@asynccontextmanager
async def pools(dsn: str, *rings: KeyRing) -> AsyncIterator[list[Pool]]:
    """Give a pool for each ring, all on one database."""
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(open_pool(dsn, size=3, keys=ring)) for ring in rings]


async def bodies(pool: Pool, table: str = "deliveries", order: str = "id") -> list[bytes]:
    """Return the bodies of a table as they rest."""
    rows = await fetch(pool, f"select body from {table} order by {order}")  # noqa: S608 - ours
    return [row["body"] for row in rows]
