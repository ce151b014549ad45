"""The last guard: what the database refuses is what the lifecycle table does not have."""

from __future__ import annotations

import re
from itertools import product

import asyncpg
import pytest

from libs.domain.lifecycle import Authority, Flag, Kind, State, states_of
from libs.store.database import Pool
from tests.integration.store.rooms import fetch, value

pytestmark = pytest.mark.servers

_INSERT = (
    "insert into objects (source, kind, provider_ref, provider, state, sequence)"
    " values ('clip-mx', $1, $2, 'clip', $3, 1)"
)


async def literals_of(pool: Pool, constraint: str) -> list[str]:
    """Return the literals in a CHECK as Postgres holds it."""
    text = await value(
        pool, "select pg_get_constraintdef(oid) from pg_constraint where conname = $1", constraint
    )
    return re.findall(r"'(\w+)'", str(text))


async def test_check_has_each_state_once(pool: Pool) -> None:
    expected = [word for kind in Kind for word in (kind.value, *(s.value for s in states_of(kind)))]
    assert sorted(await literals_of(pool, "objects_state_of_kind")) == sorted(expected)


async def test_check_has_each_flag(pool: Pool) -> None:
    assert sorted(await literals_of(pool, "objects_known_flags")) == sorted(Flag)


async def test_check_has_each_authority(pool: Pool) -> None:
    assert sorted(await literals_of(pool, "objects_known_authority")) == sorted(Authority)


async def refused(pool: Pool, statement: str, *arguments: object) -> str | None:
    """Return the name of the constraint that refuses it, or None where it is done."""
    try:
        await fetch(pool, statement, *arguments)
    except asyncpg.CheckViolationError as error:
        return str(error.constraint_name)
    return None


async def test_each_state_of_each_kind(pool: Pool) -> None:
    """By a real insert: accepted if and only if the kind has the state."""
    for kind, state in product(Kind, State):
        answer = await refused(pool, _INSERT, kind.value, f"{kind}-{state}", state.value)
        expected = None if state in states_of(kind) else "objects_state_of_kind"
        assert answer == expected, (kind, state)


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ("kind = 'refund'", "objects_state_of_kind"),
        ("state = 'PAID'", "objects_state_of_kind"),
        ("state = ''", "objects_state_of_kind"),
        ("flags = '{late,odd}'", "objects_known_flags"),
        ("authority = 'rumour'", "objects_known_authority"),
        ("state = null", "objects_told_before_published"),
        ("amount = -0.01", "objects_amount_check"),
        ("refunded_amount = -1", "objects_refunded_amount_check"),
        ("sequence = -1", "objects_sequence_check"),
        ("attempts = -1", "objects_attempts_check"),
        ("flags = '{late,conflict,test}'", None),
        ("authority = 'timer'", None),
        ("state = null, sequence = 0", None),
        ("state = null, held = true", None),
    ],
)
async def test_change_that_makes_no_sense(pool: Pool, change: str, constraint: str | None) -> None:
    await fetch(pool, _INSERT, "payment", "p-1", "paid")
    assert await refused(pool, f"update objects set {change}") == constraint  # noqa: S608 - above


@pytest.mark.parametrize(
    "statement",
    [
        _INSERT.replace("$1", "'payment'").replace("$2", "'p-1'").replace("$3", "'paid'"),
        "insert into outbox (object_id, sequence, routing_key, body) values (1, 1, 'k', '')",
        (
            "insert into observations (object_id, key, received_at, delivery_id, content)"
            " values (1, 'k', now(), gen_random_uuid(), '{}')"
        ),
        (
            "insert into dedupe_ledger (name, first_delivery_id, first_received_at)"
            " values ('\\x01', gen_random_uuid(), now())"
        ),
    ],
    ids=["object", "event", "observation", "ledger"],
)
async def test_said_once_stands_once(pool: Pool, statement: str) -> None:
    await fetch(pool, statement)
    with pytest.raises(asyncpg.UniqueViolationError):
        await fetch(pool, statement)
