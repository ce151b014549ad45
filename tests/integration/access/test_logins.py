"""`caudal roles apply --passwords`: a login for each service, by an administrator whose address is a file."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from libs.store.roles import LOGINS
from tests.acceptance.stack import Ran, caudal
from tests.integration.access.rooms import Logins, as_user, run
from tests.servers import RunningServers

pytestmark = pytest.mark.servers

ODD = " '\"\\%/@:#?&é"[:-1]  # printable ASCII of every kind that a URL or SQL takes for more


@pytest.fixture
def prefix(servers: RunningServers) -> Iterator[str]:
    """Give a beginning of names; the logins belong to the whole server and are dropped."""
    found = f"test-{secrets.token_hex(4)}-"
    yield found
    for login in LOGINS:
        run(servers, f'drop role if exists "{found}{login}"')


def given(folder: Path, passwords: dict[str, str]) -> Path:
    folder.mkdir(exist_ok=True)
    for login, word in passwords.items():
        (folder / login).write_text(f"{word}\n")
    return folder


def apply(admin: str, home: Path, passwords: Path, prefix: str) -> Ran:
    (home / "dsn").write_text(f"{admin}\n")
    return caudal(
        "roles", "apply", "--passwords", str(passwords), "--prefix", prefix, "--json",
        env={"CAUDAL_POSTGRES_DSN_FILE": str(home / "dsn")},
    )  # fmt: skip


async def role_of(dsn: str) -> list[str]:
    connection = await asyncpg.connect(dsn)
    try:
        told = "select rolname from pg_roles where pg_has_role(current_user, oid, 'member')"
        return [row[0] for row in await connection.fetch(f"{told} and rolname like 'caudal\\_%'")]
    finally:
        await connection.close()


async def test_each_login_has_its_role_and_the_newest_password(
    database: Logins, tmp_path: Path, prefix: str
) -> None:
    words = {login: f"{secrets.token_hex(8)}{ODD}" for login in LOGINS}
    ran = apply(database.admin, tmp_path, given(tmp_path / "words", words), prefix)
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout)["logins"] == {f"{prefix}{k}": v for k, v in LOGINS.items()}
    for login, role in LOGINS.items():
        assert await role_of(as_user(database.admin, f"{prefix}{login}", words[login])) == [role]
    again = words | {"reconciler": "another"}
    ran = apply(database.admin, tmp_path, given(tmp_path / "words", again), prefix)
    assert ran.returncode == 0, ran.stderr
    name = f"{prefix}reconciler"
    assert await role_of(as_user(database.admin, name, "another")) == [LOGINS["reconciler"]]
    with pytest.raises(asyncpg.InvalidPasswordError):
        await role_of(as_user(database.admin, name, words["reconciler"]))
    for word in (*words.values(), "another"):
        assert word not in ran.stdout + ran.stderr


@pytest.mark.parametrize("content", ["", "huntér2", "two\nlines"])
def test_unusable_password_is_not_quoted(
    database: Logins, tmp_path: Path, prefix: str, content: str
) -> None:
    folder = given(tmp_path / "words", {"readonly": content})
    ran = apply(database.admin, tmp_path, folder, prefix)
    assert ran.returncode == 2
    assert "hunt" not in ran.stdout + ran.stderr
    assert "lines" not in ran.stdout + ran.stderr.replace("one line", "")
