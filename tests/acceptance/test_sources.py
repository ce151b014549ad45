"""`caudal sources status` on a running stack, as an operator sees it."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from tests.acceptance.stack import Request, Stack, source
from tests.processes import wait_until

pytestmark = [pytest.mark.servers, pytest.mark.slow]

SOURCES = (
    source(
        "shop", "clip", '{ kind = "query_token", parameter = "token", secrets = ["literal:open"] }'
    )
    + source(
        "office",
        "conectados",
        '{ kind = "header_token", header = "X-Word", secrets = ["env:NOT_SET"] }',
    )
    + source("night", "mobbex", '{ kind = "none" }')
)
CREATED = (
    b'{"id":"a3b0","type":"payment","resource":"CHECKOUT","resource_status":"NEVER_SEEN_BEFORE"}'
)


def status(stack: Stack) -> dict[str, dict[str, Any]]:
    return {row["source"]: row for row in stack.ask("sources", "status", *_file(stack))}


def _file(stack: Stack) -> tuple[str, str]:
    return "--sources", str(stack.home / "sources.toml")


def test_sources_that_were_never_heard_of_are_told(stack: Stack) -> None:
    rows = status(stack)
    assert {(name, row["state"], row["configured"]) for name, row in rows.items()} == {
        ("shop", "never", True),
        ("office", "never", True),
        ("night", "never", True),
    }
    assert rows["shop"]["provider"] == "clip"
    assert rows["shop"]["last_delivery_at"] is None


def test_what_comes_and_who_is_not_let_in_is_told(stack: Stack) -> None:
    right = Request("/webhooks/shop?token=open", CREATED)
    assert stack.send(right).status == 200
    knocks = [Request("/webhooks/shop?token=guess", b"{}")] * 3 + [Request("/webhooks/shop", b"{}")]
    assert [answer.status for answer in stack.send_all(knocks)] == [401] * 4

    def told() -> bool:
        row = status(stack)["shop"]
        return bool(row["last_hour"] and row["auth_failures_last_hour"] == 4 and row["parked"])

    assert wait_until(told, seconds=30), status(stack)
    row = status(stack)["shop"]
    assert (row["state"], row["last_hour"], row["parked"]) == ("learning", 1, 1)
    assert row["auth_failures_by_kind"] == {
        "missing": {"last_hour": 1, "last_day": 1},
        "wrong": {"last_hour": 3, "last_day": 3},
    }
    assert 0 <= row["last_delivery_age_seconds"] < 60
    assert "guess" not in json.dumps(status(stack)) + stack.log()


def test_silent_source_is_told_and_checked(stack: Stack) -> None:
    """Weeks of it are written where the reconciler would have counted them."""
    assert stack.caudal("sources", "status", "--check", *_file(stack)).returncode == 0
    asyncio.run(_weeks_of("office", stack.line["postgres_dsn"]))

    assert status(stack)["office"]["state"] == "silent"
    assert status(stack)["shop"]["state"] == "learning"
    shown = stack.caudal("sources", "status", *_file(stack))
    assert shown.returncode == 0
    assert shown.stderr == ""
    [line] = [line for line in shown.stdout.splitlines() if " office " in line]
    assert "silent" in line
    assert "0 in 60 minutes; at this time of the week even a thin one has 60" in line
    assert "60 (low 60)" in line
    checked = stack.caudal("sources", "status", "--check", *_file(stack))
    assert checked.returncode == 1
    assert " silent " in checked.stdout


def test_without_a_sources_file_the_known_ones_are_told(stack: Stack) -> None:
    rows = {row["source"]: row for row in stack.ask("sources", "status")}
    assert {(name, row["configured"]) for name, row in rows.items()} == {
        ("shop", False),
        ("office", False),
    }


async def _weeks_of(slug: str, dsn: str) -> None:
    """Sixty an hour for eight weeks, and nothing for the last three hours."""
    mark = _five_minutes(datetime.now(UTC))
    connection = await asyncpg.connect(dsn)
    try:
        async with connection.transaction():
            await connection.execute(
                "insert into arrival_sources values ($1, 'conectados', $2, $3, 8, 0)",
                slug,
                mark - timedelta(weeks=9),
                mark - timedelta(hours=3),
            )
            await connection.execute(
                "insert into arrival_usual select $1, hour, 8, 8, 60, 60"
                " from generate_series(0, 167) as hour",
                slug,
            )
            await connection.execute(
                "insert into arrival_marks values ('counted', $1), ('learnt', $2)"
                " on conflict (of) do update set until = excluded.until",
                mark,
                mark.replace(minute=0),
            )
    finally:
        await connection.close()


def _five_minutes(at: datetime) -> datetime:
    return at.replace(minute=at.minute // 5 * 5, second=0, microsecond=0)
