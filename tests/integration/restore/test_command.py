"""`caudal restore` where the copy falls short: nothing is done, unless somebody says so."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from libs.bus.publisher import Publisher
from libs.runtime.development import development_sources
from libs.store.database import Pool
from tests.acceptance.stack import Ran, caudal
from tests.integration.restore.test_reach import delivery, know, publish, publisher
from tests.integration.store.rooms import everything, fetch

__all__ = ["publisher"]

pytestmark = pytest.mark.servers


async def test_copy_that_falls_short(
    pool: Pool, dsn: str, amqp_url: str, publisher: Publisher, tmp_path: Path
) -> None:
    sources = tmp_path / "sources.toml"
    sources.write_text(development_sources())
    variables = {
        "CAUDAL_AMQP_URL": amqp_url,
        "CAUDAL_POSTGRES_DSN": dsn,
        "CAUDAL_SOURCES": str(sources),
    }

    async def restore(*words: str) -> tuple[Ran, dict[str, Any]]:
        ran = await asyncio.to_thread(caudal, "restore", "--json", *words, env=variables)
        return ran, json.loads(ran.stdout)

    some = [delivery(number) for number in range(6)]
    await know(pool, some[:2])
    await publish(publisher, some[3:])
    before = await everything(pool)
    for words in (("--dry-run",), ()):
        ran, found = await restore(*words)
        assert (ran.returncode, found["covered"]) == (1, False), ran.stderr
        assert "does not reach back" in ran.stderr
        assert await everything(pool) == before
    assert (found["closed"], "--anyway" in ran.stderr) == (False, True)
    ran, found = await restore("--anyway", "--why", "it is so")
    assert (ran.returncode, found["covered"], found["closed"]) == (1, False, True), ran.stderr
    assert found["missing"] == 3
    ran, found = await restore("--anyway")
    assert (ran.returncode, found["covered"], found["missing"]) == (1, False, 0)
    [first, *_] = await fetch(pool, "select why, subject::text from acts order by id")
    assert tuple(first) == ("it is so", '{"covered": false}')
