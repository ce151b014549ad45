"""`caudal restore` as deploy/backup.md has it: the operator's login of the database, a user of its own at the broker."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from libs.bus.publisher import Publisher
from libs.runtime.development import development_sources
from libs.store.archive import ensure_partitions
from libs.store.database import open_pool
from libs.store.roles import LOGINS, Role
from tests.acceptance.stack import caudal
from tests.integration.access.rooms import Logins
from tests.integration.restore.test_reach import NOW, delivery, know, publish

pytestmark = pytest.mark.servers


async def test_it_has_all_the_rights_that_it_needs(
    database: Logins, users: Mapping[str, str], tmp_path: Path
) -> None:
    assert LOGINS["operator"] is Role.RECONCILER
    sources = tmp_path / "sources.toml"
    sources.write_text(development_sources())

    async def type_in(user: str, *words: str) -> tuple[int, str, str]:
        variables = {
            "CAUDAL_AMQP_URL": users[user],
            "CAUDAL_POSTGRES_DSN": database.reconciler,
            "CAUDAL_SOURCES": str(sources),
        }
        ran = await asyncio.to_thread(caudal, *words, env=variables)
        return ran.returncode, ran.stdout, ran.stderr

    code, _, error = await type_in("topology", "topology", "apply", "--keep", "1")
    assert code == 0, error
    some = [delivery(number) for number in range(10)]
    async with open_pool(database.reconciler, size=2) as pool:
        await ensure_partitions(pool, NOW, days=0)
        await know(pool, some[:4])
    publisher = await Publisher.open(users["operator"], name="tests")
    try:
        await publish(publisher, some)
    finally:
        await publisher.close()
    for words in (("--dry-run",), ("--why", "lost the database")):
        code, out, error = await type_in("restore", "restore", "--json", *words)
        assert code == 0, error
        told = json.loads(out)
        assert (told["covered"], told["looked_at"], told["missing"]) == (True, 10, 6)
    assert told["closed"] is True
    code, _, error = await type_in("operator", "restore", "--dry-run")
    assert code != 0, "whoever else may read the copies?"
