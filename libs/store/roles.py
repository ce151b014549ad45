"""Three roles of the database, and what each may do: migrate, reconcile, read.

    caudal_migrate     owns the schema and all in it: `caudal migrate`, `caudal archive …`
    caudal_reconciler  reads all, writes rows: the reconcilers, and commands that change something
    caudal_readonly    reads all

Nobody logs in as one of them; logins are members. Roles belong to the whole server, and who makes
them is mightier than who migrates: so they are made by a command of an administrator's (`caudal
roles apply`) and not by a migration. Where they own the schema, each migration ends with the grants.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import asyncpg

from libs.runtime.failures import PermanentError, TemporaryError
from libs.store.complaints import complaint
from libs.store.database import TEMPORARY
from libs.store.queries import query
from libs.store.scram import verifier

MIGRATIONS_LOCK: Final = 0x0CA0DA1  # two that change the schema: the second waits
WITHIN: Final = 60  # seconds for one statement, and for another one that changes the schema
LOOK_EVERY: Final = 1  # second
# How long everybody else may have to wait behind a change of a table's owner.
_SETTINGS: Final = {"lock_timeout": "2s"}
CONNECT_WITHIN: Final = 10  # seconds


class Role(StrEnum):
    """What a login is for."""

    MIGRATE = "caudal_migrate"
    RECONCILER = "caudal_reconciler"
    READONLY = "caudal_readonly"


# One login for each that needs the database, by what it is for: an operator's commands change something.
LOGINS: Final = {
    "migrate": Role.MIGRATE,
    "reconciler": Role.RECONCILER,
    "operator": Role.RECONCILER,
    "readonly": Role.READONLY,
}

# What the reconcilers' role may do to rows beside reading them. A table that is not named here has
# rows that come, change and go.
WRITES: Final = {
    "alembic_version": "",
    # what came, what was said of it, and what people did, is added to and never rewritten
    "deliveries": "insert",
    "translations": "insert",
    "dedupe_ledger": "insert",
    "acts": "insert",
    "archive_dropped": "",  # by functions of the owner's alone
    # what was paid, and what stands for a payment, is not forgotten
    "objects": "insert, update",
    "payout_requests": "insert, update",
}


@dataclass(frozen=True, slots=True)
class Applied:
    """What was done; nothing of it holds a secret."""

    owner: str
    statements: tuple[str, ...]


async def apply_roles(dsn: str) -> Applied:
    """Make the roles, hand the schema over, and grant; what is so already stays so.

    For a superuser, or for the owner of the database who may also make roles. Raises
    `TemporaryError` where the server is away, and `PermanentError` where that is not allowed.
    """
    async with _administration(dsn) as statements:
        for role in Role:
            await statements.carry_out("role_statement", role)
        await statements.carry_out("take_statement", Role.MIGRATE)
        await statements.carry_out("owner_statements", Role.MIGRATE)
        await statements.carry_out("door_statements", *Role)
        await _grant(statements)
    return Applied(Role.MIGRATE, tuple(statements.done))


async def grant_after_migration(dsn: str) -> None:
    """Grant what the newest schema needs, where the roles are in use; else do nothing."""
    async with _administration(dsn) as statements:
        owner = await statements.value("schema_owner")
        if owner == Role.MIGRATE and await statements.value("roles_known", [*Role]):
            await statements.value("become", Role.MIGRATE)
            await _grant(statements)


async def set_login(dsn: str, name: str, role: Role, password: str) -> None:
    """Make a login of this role, or change the one that is there; the password is not sent.

    Raises `ValueError` for a password that not every client would send alike, and `PermanentError`
    where the login is an administrator's, or the roles are not there.
    """
    secret = verifier(password)
    async with _administration(dsn) as statements:
        if await statements.value("login_known", name):
            raise PermanentError(f"{name} may do more than these roles; take another name")
        if not await statements.value("roles_known", [*Role]):
            raise PermanentError("the roles are not there yet: caudal roles apply")
        await statements.carry_out("login_statements", name, secret, role, [*Role])


async def _grant(statements: _Statements) -> None:
    await statements.carry_out(
        "grant_statements", Role.RECONCILER, Role.READONLY, json.dumps(WRITES)
    )


class _Statements:
    """Queries that give statements, and their execution."""

    def __init__(self, connection: asyncpg.Connection[asyncpg.Record]) -> None:
        self._connection = connection
        self.done: list[str] = []

    async def value(self, name: str, *arguments: object) -> object:
        """Return the first value that a query gives, or None."""
        found: object = await self._connection.fetchval(query(name), *arguments)
        return found

    async def carry_out(self, name: str, *arguments: object) -> None:
        """Run the statements that a query gives."""
        for row in await self._connection.fetch(query(name), *arguments):
            await self._connection.execute(row["statement"])
            self.done.append(row["statement"])


@asynccontextmanager
async def _administration(dsn: str) -> AsyncIterator[_Statements]:
    """One transaction, under the lock of the migrations, which goes with the connection.

    Waited for without a snapshot, as a migration does (migrations/env.py).
    """
    try:
        connection = await asyncpg.connect(
            dsn, timeout=CONNECT_WITHIN, command_timeout=WITHIN, server_settings=_SETTINGS
        )
        try:
            async with asyncio.timeout(WITHIN):
                while not await connection.fetchval(query("take_schema"), MIGRATIONS_LOCK):
                    await asyncio.sleep(LOOK_EVERY)
            async with connection.transaction():
                yield _Statements(connection)
        finally:
            await connection.close(timeout=CONNECT_WITHIN)
    except asyncpg.InsufficientPrivilegeError as error:
        raise PermanentError(f"this login may not do it: {error}") from error
    except TEMPORARY as error:
        raise TemporaryError(complaint(error)) from error
