"""Whose turn it is to ask a provider: a row of `poll_turns`, which runs out unless it is renewed."""

from __future__ import annotations

from libs.store.database import Pool, session
from libs.store.queries import query


async def take_turn(  # noqa: PLR0913 - who takes it, and how
    pool: Pool, provider: str, *, name: str, holder: str, seconds: float, succeeds: bool
) -> bool:
    """Take or renew a turn for so many seconds from now; False where it is another's.

    `succeeds` takes it also from a holder of the same name: who was restarted goes on at once.
    """
    async with session(pool) as connection:
        taken = await connection.fetchval(
            query("take_turn"), provider, name, holder, seconds, succeeds
        )
    return taken is not None


async def give_turn_back(pool: Pool, provider: str, *, holder: str) -> None:
    """Let another have it at once; nothing where it is another's already."""
    async with session(pool) as connection:
        await connection.execute(query("give_turn_back"), provider, holder)
