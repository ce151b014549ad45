"""Logins of the three roles on a database of their own, and users of the broker on a virtual host."""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import quote, urlsplit, urlunsplit

import asyncpg

from libs.bus.permissions import RIGHTS, definitions
from libs.bus.topology import apply_topology
from libs.store.migrate import migrate
from libs.store.roles import Role, apply_roles, set_login
from tests.servers import RunningServers


@dataclass(frozen=True)
class Logins:
    """A database at the newest schema: DSNs of its administrator and of one login for each role."""

    admin: str
    migrate: str
    reconciler: str
    readonly: str
    passwords: tuple[str, ...]


def on_thread(function: object, *arguments: object) -> object:
    """Run something that runs a loop of its own."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(function, *arguments).result()  # type: ignore[arg-type]


def as_user(url: str, name: str, password: str) -> str:
    parts = urlsplit(url)
    netloc = f"{quote(name, safe='')}:{quote(password, safe='')}@{parts.hostname}:{parts.port}"
    return urlunsplit(parts._replace(netloc=netloc))


def run(servers: RunningServers, statement: str) -> None:
    """Run a statement as the server's superuser, in its own database."""
    servers.run(_execute(servers.addresses.postgres_dsn, statement))


async def _execute(dsn: str, statement: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


@contextmanager
def logins(servers: RunningServers, admin: str, *, migrated: bool = True) -> Iterator[Logins]:
    """Apply the roles as `admin`, make a login of each, and migrate as the first of them."""
    mark = secrets.token_hex(4)
    passwords = {role: secrets.token_hex(12) + "'\" \\%" for role in Role}
    names = {role: f"{role.value}_{mark}" for role in Role}

    async def prepare() -> None:
        await apply_roles(admin)
        for role in Role:
            await set_login(admin, names[role], role, passwords[role])

    servers.run(prepare())
    found = {role: as_user(admin, names[role], passwords[role]) for role in Role}
    try:
        if migrated:
            on_thread(migrate, found[Role.MIGRATE])
        yield Logins(
            admin,
            found[Role.MIGRATE],
            found[Role.RECONCILER],
            found[Role.READONLY],
            tuple(passwords.values()),
        )
    finally:
        for name in names.values():
            run(servers, f'drop role "{name}"')


@contextmanager
def broker_users(servers: RunningServers) -> Iterator[Mapping[str, str]]:
    """Give the URL of each service's own user, on a virtual host with our topology."""
    url = servers.fresh_vhost()
    servers.run(apply_topology(url))
    prefix = f"test-{secrets.token_hex(4)}-"
    passwords = {rights.service: secrets.token_hex(12) for rights in RIGHTS}
    vhost = urlsplit(url).path.lstrip("/")
    told = definitions(passwords, vhost=vhost, prefix=prefix)
    import_definitions(servers, told)
    try:
        yield {"": url} | {
            service: as_user(url, f"{prefix}{service}", password)
            for service, password in passwords.items()
        }
    finally:
        servers.release_vhost(url)


def import_definitions(servers: RunningServers, told: Mapping[str, object]) -> None:
    broker = servers.addresses.rabbitmq
    assert broker is not None
    packed = base64.b64encode(json.dumps(told).encode()).decode()
    said = servers.run(
        broker.control("eval", f'rabbit_definitions:import_raw(base64:decode(<<"{packed}">>)).')
    )
    assert said.strip().splitlines()[-1:] == ["ok"], said
