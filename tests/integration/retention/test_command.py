"""`caudal retention`, and what an operator sees of what is gone."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import asyncpg
import pytest

from libs.runtime.development import development_sources
from libs.runtime.failures import TemporaryError
from libs.store.database import Pool, open_pool
from services.reconciler.retention import let_go
from tests.acceptance.stack import Ran, caudal
from tests.integration.access.rooms import Logins, logins
from tests.integration.retention.days import (
    KEPT,
    gone,
    on_file,
    outcome,
    partitions,
    taken,
    unknown,
    with_partitions,
)
from tests.integration.store.rooms import fetch, value
from tests.servers import RunningServers
from tests.unit.domain.saying import paid, pending
from tests.unit.reconciler.telling import about, delivery_id

pytestmark = pytest.mark.servers


async def run(dsn: str, *words: str, days: str = "") -> Ran:
    env = {"CAUDAL_POSTGRES_DSN": dsn, "CAUDAL_RETENTION_ARCHIVE_DAYS": days}
    return await asyncio.to_thread(caudal, *words, env=env)


async def some(pool: Pool) -> None:
    await with_partitions(pool, days=0)
    await taken(
        pool,
        outcome(1, about("p-1", pending(at=1))),
        outcome(2, about("p-1", paid(at=2))),
        outcome(3, unknown()),
    )


async def test_dry_run_touches_nothing_and_run_does_it(pool: Pool, dsn: str) -> None:
    await some(pool)
    before = await partitions(pool)
    dry = await run(dsn, "retention", "run", "--dry-run", "--json", days="30")
    assert dry.returncode == 0, dry.stderr
    due = json.loads(dry.stdout)["due"]
    assert [each["day"] for each in due] == ["2026-03-03", "2026-03-04"]
    assert all(each["bytes"] > 0 for each in due)
    assert await partitions(pool) == before
    status = await run(dsn, "retention", "status", "--check", "--json", days="30")
    assert (status.returncode, len(json.loads(status.stdout)["overdue"])) == (1, 2)
    done = await run(dsn, "retention", "run", "--json", "--by", "ana", "--why", "space", days="30")
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    assert [(d["day"], d["deliveries"], d["kept"]) for d in found["dropped"]] == [
        ("2026-03-03", 2, 1), ("2026-03-04", 0, 0)
    ]  # fmt: skip
    assert found["held_up"] == []
    assert await on_file(pool) == [delivery_id(3)]
    [act] = await fetch(pool, "select who, why, outcome::text from acts where outcome is not null")
    assert (act["who"], act["why"], json.loads(act["outcome"])["days"]) == ("ana", "space", 2)
    told = json.loads((await run(dsn, "retention", "status", "--json", days="30")).stdout)
    assert (told["overdue"], told["dropped"]["deliveries"]) == ([], 2)


@pytest.mark.parametrize(
    ("days", "words"),
    [("14", ()), ("0", ()), ("-1", ()), ("soon", ()), ("", ("--archive-days", "3"))],
)
async def test_too_short_is_told(pool: Pool, dsn: str, days: str, words: tuple[str, ...]) -> None:
    await some(pool)
    ran = await run(dsn, "retention", "run", *words, days=days)
    assert (
        ran.returncode,
        ran.stderr.startswith("caudal: CAUDAL_RETENTION_ARCHIVE_DAYS: must be"),
    ) == (2, True)
    assert await on_file(pool) == [delivery_id(n) for n in (1, 2, 3)]


async def test_without_a_number_everything_stays(pool: Pool, dsn: str) -> None:
    await some(pool)
    ran = await run(dsn, "retention", "run")
    assert (ran.returncode, "everything is kept" in ran.stderr) == (0, True)
    assert len(await on_file(pool)) == 3


async def test_what_is_read_meanwhile_is_told(pool: Pool, dsn: str) -> None:
    await some(pool)
    reader = await asyncpg.connect(dsn)
    async with reader.transaction():
        await reader.execute("select count(*) from deliveries")
        # of the two days the first is tried for some seconds, and so is the second
        ran = await run(dsn, "retention", "run", "--json", days="30")
    await reader.close()
    assert (ran.returncode, json.loads(ran.stdout)["dropped"]) == (1, [])
    assert "in use by somebody" in ran.stderr


async def test_operator_sees_what_is_gone(pool: Pool, dsn: str, tmp_path: Any) -> None:  # noqa: ANN401
    await some(pool)
    before = json.loads((await run(dsn, "objects", "show", "p-1", "--json")).stdout)
    assert before["bodies_gone"] is None
    await gone(pool)
    after = json.loads((await run(dsn, "objects", "show", "p-1", "--json")).stdout)
    since = await value(pool, "select dropped_at from archive_dropped where deliveries > 0")
    told = after.pop("bodies_gone")
    assert (told["deliveries"], told["of"]) == (2, 2)
    assert told["since"][:19] == since.isoformat()[:19]  # type: ignore[attr-defined]
    assert before == after | {"bodies_gone": None}
    shown = (await run(dsn, "objects", "show", "p-1")).stdout
    assert "2 of 2 are gone since" in shown
    sources = tmp_path / "sources.toml"
    sources.write_text(development_sources())
    for dry in ((), ("--dry-run",)):
        ran = await run(dsn, "replay", "--since", "2026-03-01", "--sources", str(sources), *dry)
        assert (
            "no longer on file: 2 deliveries of 1 days from 2026-03-03 to 2026-03-03" in ran.stderr
        )
    ran = await run(dsn, "replay", "--since", "2026-04-01", "--sources", str(sources))
    assert "no longer on file" not in ran.stderr


@pytest.fixture(scope="module")
def database(servers: RunningServers) -> Iterator[Logins]:
    if servers.addresses.postgres is None:
        pytest.skip("the server is somebody else's: no roles are made there")
    found = servers.fresh_database()
    try:
        with logins(servers, found) as made:
            yield made
            servers.drop_database(found)
    finally:
        servers.drop_database(found)


async def test_reconcilers_login_lets_go_and_owns_nothing(database: Logins) -> None:
    async with open_pool(database.reconciler) as pool:
        await some(pool)
        found = await let_go(pool, KEPT, lambda _: None)
        assert (len(found.days), found.done) == (2, True)
        assert await on_file(pool) == [delivery_id(3)]
        for statement in (
            "drop table deliveries_default",
            "delete from deliveries",
            "delete from acts",
            "delete from archive_dropped",
            "insert into archive_dropped (day, deliveries, bytes) values ('2026-01-01', 1, 1)",
        ):
            with pytest.raises(TemporaryError, match="InsufficientPrivilegeError"):
                await fetch(pool, statement)
        with pytest.raises(asyncpg.InvalidParameterValueError):
            await fetch(pool, "select set_aside_day(current_date)")
    async with open_pool(database.readonly) as pool:
        for statement in (
            "select set_aside_day('2026-03-03')",
            "select * from drop_day('2026-03-03')",
        ):
            with pytest.raises(TemporaryError, match="InsufficientPrivilegeError"):
                await fetch(pool, statement)
    ran = await run(database.readonly, "retention", "status", "--json", days="30")
    assert ran.returncode == 0, ran.stderr
