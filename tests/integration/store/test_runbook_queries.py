"""What the runbook has people ask the database is answered by the schema as it is."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from libs.store.database import Pool
from services.reconciler.apply import apply
from tests.integration.store.rooms import fetch
from tests.unit.domain.saying import declined, paid
from tests.unit.reconciler.telling import about, told

pytestmark = pytest.mark.servers

RUNBOOK = Path(__file__).parents[3] / "deploy" / "runbook.md"


def queries() -> list[str]:
    """Return what stands behind `psql … -c`."""
    lines = re.findall(r"^docker compose exec postgres psql .*$", RUNBOOK.read_text(), re.MULTILINE)
    return [shlex.split(line)[-1] for line in lines]


async def test_queries_are_answered(pool: Pool) -> None:
    assert len(queries()) >= 5
    for query in queries():
        await fetch(pool, query)


async def test_conflicts_are_found(pool: Pool) -> None:
    await apply(pool, [told(1, about("a", paid(at=1))), told(2, about("b", paid(at=1)))])
    await apply(pool, [told(3, about("b", declined(at=5)))])
    [query] = [each for each in queries() if "'conflict'" in each]
    assert [row["provider_ref"] for row in await fetch(pool, query)] == ["b"]
