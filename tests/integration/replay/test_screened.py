"""What is screened out of a replay is what a close look finds the same; and that is nearly all."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

import pytest

from libs.domain.observation import Observation
from libs.store.archive import Unopened
from libs.store.corrections import Archived, archived_between, read_only
from libs.store.database import Pool
from services.replay.comparison import compare
from services.replay.screening import doubtful
from tests.integration.replay.mapping import ALL, Mapped, delivered, take, translator
from tests.unit.reconciler.histories import history_of

pytestmark = pytest.mark.servers

BODIES = [str(n).encode() for n in range(80)]


def _mapping(random: Random, said: Sequence[Observation], known: float) -> Mapped:
    return Mapped(
        {
            body: random.sample(said, random.randint(1, 2))
            for body in BODIES
            if random.random() < known
        }
    )


async def _looked_at(pool: Pool, mapped: Mapped) -> tuple[list[Archived], set[str], set[str]]:
    """Return the archive, what is in doubt, and what differs (ids)."""
    today = translator(mapped)
    unopened: list[Unopened] = []
    async with read_only(pool) as connection:
        portions = archived_between(connection, ALL.since, ALL.until, (), unopened.append)
        rows = [row async for some in portions for row in some]
        compared, failed = await compare(connection, today, [row.delivery for row in rows])
    assert not failed + [each.id for each in unopened]
    differing = {each.outcome.delivery_id for each in compared if each.differs}
    return rows, {rows[number].id for number in doubtful(today, rows)}, differing


@pytest.mark.parametrize("seed", range(4))
async def test_nothing_that_differs_is_missed(pool: Pool, seed: int) -> None:
    random = Random(seed)
    said = [each for n in range(8) for each in history_of(f"p-{n}", random, 5)]
    old, new = _mapping(random, said, 0.8), _mapping(random, said, 0.8)
    mixed = Mapped({**new.meanings, **{body: old.meanings[body] for body in [*old.meanings][:40]}})
    await take(pool, old, *(delivered(n, body) for n, body in enumerate(BODIES, 1)))

    rows, doubt, differing = await _looked_at(pool, mixed)
    assert len(rows) == len(BODIES)
    assert differing
    assert differing <= doubt

    rows, doubt, differing = await _looked_at(pool, old)
    assert not differing
    assert doubt == {row.id for row in rows if row.parked}
