"""What people did: who, why, to what, and what came of it.

An act is on record before it is begun; where that cannot be, it is not done. Its end is a row of
its own: rows of this table are added and never changed, which the reconcilers' role may not do.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import structlog

from libs.runtime.failures import PermanentError, TemporaryError
from libs.store.database import Connection, Pool, session, transaction
from libs.store.queries import query

HTTP: Final = "http"

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Person:
    """Who it was, and how they came: `http`, or `cli:` with the user of the machine."""

    who: str
    via: str


@dataclass(frozen=True, slots=True)
class Intent:
    """What somebody is about to do to what, and why; over HTTP there has to be a reason."""

    person: Person
    action: str
    why: str
    subject: Mapping[str, Any]


@dataclass(slots=True)
class Noted:
    """An act that is under way. Its outcome goes on record when it ends."""

    act: str
    outcome: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Act:
    """An act as it is on record; `outcome` is None where nobody knows how it ended."""

    act: str
    at: datetime
    who: str
    via: str
    action: str
    why: str
    subject: dict[str, Any]
    ended_at: datetime | None
    outcome: dict[str, Any] | None


@asynccontextmanager
async def on_record(pool: Pool, intent: Intent) -> AsyncIterator[Noted]:
    """Do something on record. Raises `TemporaryError`, before it is done, where that cannot be.

    Where its end cannot be put on record, that changes nothing of what was done: it is logged, and
    the record shows an act whose outcome is not known.
    """
    noted = Noted(str(uuid.uuid4()))
    async with session(pool) as connection:
        await connection.execute(query("begin_act"), *_columns(noted, intent))
    try:
        yield noted
    except BaseException as error:
        noted.outcome["failed"] = _reason(error)
        raise
    finally:
        try:
            async with session(pool) as connection:
                await _end(connection, noted, intent)
        except TemporaryError as error:
            log.error("act_end_not_on_record", act=noted.act, action=intent.action, why=str(error))  # noqa: TRY400


@asynccontextmanager
async def in_one_transaction(pool: Pool, intent: Intent) -> AsyncIterator[tuple[Connection, Noted]]:
    """Do something to the database on record: both are there afterwards, or neither."""
    noted = Noted(str(uuid.uuid4()))
    async with transaction(pool) as connection:
        await connection.execute(query("begin_act"), *_columns(noted, intent))
        yield connection, noted
        await _end(connection, noted, intent)


async def list_acts(
    pool: Pool,
    *,
    since: datetime | None = None,
    who: str | None = None,
    action: str | None = None,
    limit: int = 100,
) -> list[Act]:
    """Return acts, newest first."""
    async with session(pool) as connection:
        rows = await connection.fetch(query("list_acts"), since, who, action, limit)
    return [
        Act(
            act=str(row["act"]),
            at=row["at"],
            who=row["who"],
            via=row["via"],
            action=row["action"],
            why=row["why"],
            subject=json.loads(row["subject"]),
            ended_at=row["ended_at"],
            outcome=None if row["outcome"] is None else json.loads(row["outcome"]),
        )
        for row in rows
    ]


async def _end(connection: Connection, noted: Noted, intent: Intent) -> None:
    outcome = json.dumps(noted.outcome or {"done": True})
    await connection.execute(query("end_act"), *_columns(noted, intent), outcome)


def _columns(noted: Noted, intent: Intent) -> tuple[str, ...]:
    person = intent.person
    subject = json.dumps(dict(intent.subject))
    return (noted.act, person.who, person.via, intent.action, intent.why, subject)


def _reason(error: BaseException) -> str:
    """Say why it failed, in our own words where there are any."""
    ours = isinstance(error, PermanentError | TemporaryError)
    return str(error) if ours else type(error).__name__
