"""Each role of the database does its work, and nothing else."""

from __future__ import annotations

import asyncio
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest

from libs.contracts.delivery import Delivery
from libs.domain.lifecycle import Authority
from libs.embedded import unprivileged
from libs.embedded.postgres import _binaries
from libs.runtime.failures import PermanentError, TemporaryError
from libs.store.archive import ensure_partitions, file_deliveries
from libs.store.database import open_pool
from libs.store.migrate import migrate, newest_revision
from libs.store.roles import Role, apply_roles, grant_after_migration, set_login
from tests.acceptance.stack import caudal
from tests.integration.access.rooms import Logins, as_user, logins, on_thread, run
from tests.servers import RunningServers, with_path
from tests.unit.reconciler.telling import delivery_id

pytestmark = pytest.mark.servers

NOW = datetime(2031, 3, 5, 12, tzinfo=UTC)
TABLES = (
    "select relname from pg_class where relnamespace = 'public'::regnamespace"
    " and relkind in ('r', 'p') order by 1"
)
FORBIDDEN_TO_RECONCILERS = (
    "create table mine (x int)",
    "create temporary table mine (x int)",
    "create schema mine",
    "create function mine() returns int language sql as 'select 1'",
    "drop table parked",
    "alter table parked add column mine int",
    "alter table deliveries detach partition deliveries_default",
    "drop function make_partition(text, date)",
    "truncate objects",
    "lock table deliveries in access exclusive mode",
    "update deliveries set body = ''",
    "delete from deliveries",
    "delete from deliveries_default",
    "insert into deliveries_default select * from deliveries",
    "update translations set outcome = 'ignored'",
    "delete from dedupe_ledger",
    "update acts set who = 'nobody'",
    "delete from acts",
    "delete from objects",
    "delete from payout_requests",
    "update alembic_version set version_num = '0001'",
    "create role mine",
    "set role caudal_migrate",
    "alter table objects owner to current_user",
    "select pg_read_file('/etc/passwd')",
    "copy objects to program 'true'",
)


async def ask(dsn: str, statement: str, *arguments: object) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(dsn)
    try:
        async with connection.transaction():
            found: list[asyncpg.Record] = await connection.fetch(statement, *arguments)
        return found
    finally:
        await connection.close()


async def refused(dsn: str, statement: str) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await ask(dsn, statement)


async def test_everything_belongs_to_the_role_that_migrates(database: Logins) -> None:
    owners = await ask(
        database.admin,
        "select relname, pg_get_userbyid(relowner) as owner from pg_class"
        " where relnamespace = 'public'::regnamespace and relkind in ('r', 'p', 'v', 'S')"
        " union all select proname, pg_get_userbyid(proowner) from pg_proc"
        " where pronamespace = 'public'::regnamespace",
    )
    assert len(owners) > 25
    assert {row["owner"] for row in owners} == {Role.MIGRATE.value}
    assert await asyncio.to_thread(on_thread, migrate, database.migrate) == newest_revision()


@pytest.mark.parametrize("statement", FORBIDDEN_TO_RECONCILERS)
async def test_reconciler_may_not(database: Logins, statement: str) -> None:
    await refused(database.reconciler, statement)


async def test_reconciler_makes_days_and_only_days(database: Logins) -> None:
    async with open_pool(database.reconciler) as pool:
        late = delivery_id(1)
        await file_deliveries(pool, [_delivery(late, NOW)])
        assert await ensure_partitions(pool, NOW, days=1) == 2 * 3
        assert await ensure_partitions(pool, NOW, days=1) == 0
    [row] = await ask(
        database.readonly,
        "select d.tableoid::regclass::text as part, pg_get_userbyid(c.relowner) as owner"
        " from deliveries d join pg_class c on c.oid = d.tableoid where id = $1",
        late,
    )
    assert tuple(row) == ("deliveries_20310305", Role.MIGRATE.value)
    await refused(database.reconciler, "delete from deliveries_20310305")
    await refused(database.reconciler, "insert into deliveries_20310305 select * from deliveries")
    for parent in ("'objects'", "'deliveries; drop table objects'", "null"):
        with pytest.raises(asyncpg.InvalidParameterValueError):
            await ask(database.reconciler, f"select make_partition({parent}, current_date)")
    await refused(database.readonly, "select make_partition('deliveries', '2031-05-05')")


async def test_day_that_was_set_aside_is_written_by_nobody(database: Logins) -> None:
    """Not even after the grants of a migration that ran in between."""
    old = datetime.now(UTC) - timedelta(days=40)
    part = f"going_deliveries_{old:%Y%m%d}"
    async with open_pool(database.reconciler) as pool:
        await ensure_partitions(pool, old, days=0)
        await file_deliveries(pool, [_delivery(delivery_id(3), old)])
        await ask(database.reconciler, "select set_aside_day($1)", old.date())
        await grant_after_migration(database.migrate)
        assert await ask(database.reconciler, f"select 1 from {part}")  # noqa: S608
        await refused(database.reconciler, f"delete from {part}")  # noqa: S608
        await refused(database.reconciler, f"update {part} set body = ''")  # noqa: S608
        await ask(database.reconciler, "select drop_day($1)", old.date())


async def test_readers_write_nothing(database: Logins) -> None:
    tables = [row["relname"] for row in await ask(database.readonly, TABLES)]
    assert len(tables) > 20
    for table in tables:
        await ask(database.readonly, f"table {table} limit 1")
        for statement in (
            f"insert into {table} default values",
            f"delete from {table}",  # noqa: S608
            f"truncate {table}",
            f"select * from {table} for update",  # noqa: S608
        ):
            await refused(database.readonly, statement)
    for statement in (
        "select nextval('objects_id_seq')",
        "create table mine (x int)",
        "create temporary table mine (x int)",
        "set role caudal_reconciler",
    ):
        await refused(database.readonly, statement)


@pytest.mark.parametrize(
    "words",
    [
        ("objects", "list", "--json"),
        ("parked", "list", "--json"),
        ("parked", "groups", "--json"),
        ("sources", "status", "--json"),
        ("overdue", "list", "--json"),
        ("audit", "list", "--json"),
        ("payu", "payouts", "requests", "--json"),
    ],
    ids=" ".join,
)
def test_commands_that_read_need_the_reader_alone(database: Logins, words: tuple[str, ...]) -> None:
    ran = caudal(*words, env={"CAUDAL_POSTGRES_DSN": database.readonly})
    assert (ran.returncode, ran.stderr) == (0, "")


def test_commands_that_change_something_do_not(database: Logins) -> None:
    ran = caudal(
        "parked", "discard", "--all", "--reason", "none of ours",
        env={"CAUDAL_POSTGRES_DSN": database.readonly},
    )  # fmt: skip
    assert ran.returncode == 1
    assert "InsufficientPrivilegeError" in ran.stderr


async def test_tables_of_later_migrations_are_granted(database: Logins) -> None:
    connection = await asyncpg.connect(database.migrate)
    try:
        await connection.execute("set role caudal_migrate")
        await connection.execute(
            "create table later (id bigint generated always as identity, x int)"
        )
        await ask(database.readonly, "select * from later")
        await refused(database.reconciler, "insert into later (x) values (1)")
        await grant_after_migration(database.migrate)
        await ask(database.reconciler, "insert into later (x) values (1)")
        await refused(database.readonly, "insert into later (x) values (1)")
    finally:
        await connection.execute("drop table later")
        await connection.close()


async def test_stranger_does_not_get_in(servers: RunningServers, database: Logins) -> None:
    run(servers, "create role test_stranger login password 'word'")
    try:
        with pytest.raises(asyncpg.PostgresError, match="permission denied for database"):
            await ask(as_user(database.admin, "test_stranger", "word"), "select 1")
    finally:
        run(servers, "drop role test_stranger")


async def test_login_has_one_role_and_its_new_password(database: Logins) -> None:
    name = urlsplit(database.readonly).username or ""
    await set_login(database.admin, name, Role.RECONCILER, "another word")
    try:
        again = as_user(database.admin, name, "another word")
        roles = "select array_agg(roleid::regrole::text) from pg_auth_members where member = $1::regrole"
        assert [tuple(row) for row in await ask(again, roles, name)] == [(["caudal_reconciler"],)]
        with pytest.raises(asyncpg.InvalidPasswordError):
            await ask(database.readonly, "select 1")
    finally:
        await set_login(database.admin, name, Role.READONLY, database.passwords[2])
    await ask(database.readonly, "select 1")


async def test_administrator_is_not_made_a_login(database: Logins) -> None:
    name = urlsplit(database.admin).username or ""
    with pytest.raises(PermanentError, match="may do more"):
        await set_login(database.admin, name, Role.READONLY, "word")
    with pytest.raises(ValueError, match="printable") as caught:
        await set_login(database.admin, "mine", Role.READONLY, "contraseña")
    assert "contrase" not in str(caught.value)


async def test_no_login_applies_roles(database: Logins) -> None:
    for dsn in (database.reconciler, database.readonly):
        with pytest.raises((PermanentError, TemporaryError)):
            await apply_roles(dsn)


async def test_passwords_stay_out_of_the_servers_log(
    servers: RunningServers, database: Logins
) -> None:
    """Also where the server logs every statement."""
    run(servers, "alter system set log_statement = 'all'")
    run(servers, "select pg_reload_conf()")
    try:
        await asyncio.sleep(0.3)
        name = urlsplit(database.readonly).username or ""
        await set_login(database.admin, name, Role.READONLY, database.passwords[2])
        await ask(database.admin, "select 'seen in the log'")
    finally:
        run(servers, "alter system reset log_statement")
        run(servers, "select pg_reload_conf()")
    said = (servers.data_dir / "postgres.log").read_text()
    assert "seen in the log" in said
    assert database.passwords[2][:20] not in said


async def test_grown_database_is_handed_over(servers: RunningServers) -> None:
    """Made by one login, with partitions; afterwards the roles do what that did."""
    dsn = servers.fresh_database()
    try:
        await asyncio.to_thread(on_thread, migrate, dsn)
        async with open_pool(dsn) as pool:
            await ensure_partitions(pool, NOW, days=0)

        def handed_over() -> None:
            with logins(servers, dsn, migrated=False) as found:
                on_thread(asyncio.run, _works(found))
                on_thread(migrate, found.migrate)
                servers.drop_database(dsn)

        await asyncio.to_thread(handed_over)
    finally:
        servers.drop_database(dsn)


async def test_dump_is_restored_and_handed_over(database: Logins, servers: RunningServers) -> None:
    """As deploy/backup.md has it: by the administrator, then the roles, then `caudal migrate`."""
    programs = _binaries(unprivileged.account()) / "bin"
    day = NOW + timedelta(days=30)  # of which no other test makes partitions
    async with open_pool(database.reconciler) as pool:
        await ensure_partitions(pool, day, days=0)
        await file_deliveries(pool, [_delivery(delivery_id(5), day)])
    dump = ["pg_dump", "--format=custom", database.admin]
    packed = await asyncio.to_thread(_run, programs, dump)
    restored = servers.fresh_database()
    try:
        load = ["pg_restore", "--no-owner", "--no-privileges", "--exit-on-error", "-d", restored]
        await asyncio.to_thread(_run, programs, load, packed)
        with pytest.raises(TemporaryError, match="InsufficientPrivilege"):
            await asyncio.to_thread(on_thread, migrate, with_database(database.migrate, restored))
        await apply_roles(restored)
        found = Logins(
            admin=restored,
            migrate=with_database(database.migrate, restored),
            reconciler=with_database(database.reconciler, restored),
            readonly=with_database(database.readonly, restored),
            passwords=database.passwords,
        )
        await asyncio.to_thread(on_thread, migrate, found.migrate)
        owners = await ask(
            restored,
            "select distinct pg_get_userbyid(relowner) as owner from pg_class"
            " where relnamespace = 'public'::regnamespace and relkind in ('r', 'p', 'v', 'S')"
            " union select pg_get_userbyid(proowner) from pg_proc"
            " where pronamespace = 'public'::regnamespace",
        )
        assert [row["owner"] for row in owners] == [Role.MIGRATE.value]
        assert await ask(found.readonly, "select 1 from deliveries")
        await _works(found, day)
    finally:
        servers.drop_database(restored)


def _run(programs: Path, words: list[str], given: bytes | None = None) -> bytes:
    """Run one of the server's programs."""
    ran = subprocess.run(
        [programs / words[0], *words[1:]], check=False, capture_output=True, input=given
    )
    assert ran.returncode == 0, ran.stderr.decode()
    return ran.stdout


def with_database(login: str, of: str) -> str:
    """Return a login's DSN for the database of another DSN."""
    return with_path(login, urlsplit(of).path.lstrip("/"))


def _delivery(name: str, at: datetime) -> Delivery:
    return Delivery(
        id=name,
        source="clip",
        provider="clip",
        body=b"{}",
        received_at=at,
        authority=Authority.SECRET,
    )


async def _works(found: Logins, at: datetime = NOW) -> None:
    async with open_pool(found.reconciler) as pool:
        await file_deliveries(pool, [_delivery(delivery_id(2), at)])
        assert await ensure_partitions(pool, at + timedelta(days=1), days=0) == 2
    await refused(found.reconciler, f"delete from deliveries_{at:%Y%m%d}")  # noqa: S608 - a day
    assert await ask(found.readonly, f"select 1 from deliveries_{at:%Y%m%d}")  # noqa: S608
