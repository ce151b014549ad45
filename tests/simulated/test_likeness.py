"""The memory store has the tables of the real one, and plays every query that a worker runs."""

from __future__ import annotations

from pathlib import Path

import pytest

import libs.store
from libs.store.database import Pool
from libs.store.memory.playing import PLAYED
from libs.store.memory.schema import TABLES
from libs.store.memory.statements import PLAYING
from libs.store.queries import names
from tests.integration.store.rooms import dsn, fetch, logged, pool, template

__all__ = ["dsn", "logged", "pool", "template"]

# The statements of the workers; those of operators' commands need not be played.
_OF_THE_WORKERS = ("apply", "archive", "arrivals", "outbox", "sweep", "waiting")


def test_every_query_of_the_workers_is_played() -> None:
    """What is missing gets a function in libs/store/memory."""
    folder = Path(libs.store.__file__).parent / "sql"
    of_the_workers = {
        name
        for file in _OF_THE_WORKERS
        for name in names()
        if f"-- name: {name}\n" in (folder / f"{file}.sql").read_text()
    }
    assert of_the_workers - PLAYED.keys() == set()


def test_nothing_is_played_that_is_gone() -> None:
    assert PLAYING
    assert PLAYED.keys() - names() == set()


@pytest.mark.servers
async def test_tables_are_those_of_the_migrations(pool: Pool) -> None:
    rows = await fetch(
        pool,
        "select table_name, column_name, data_type, is_nullable = 'YES' as optional,"
        " column_default is not null as given, is_identity = 'YES' as counted"
        " from information_schema.columns where table_schema = 'public'",
    )
    real = {tuple(row) for row in rows if row["table_name"] in {table.name for table in TABLES}}
    played = {
        (
            table.name,
            column,
            kind,
            column in table.optional,
            column in table.defaults,
            column == table.identity,
        )
        for table in TABLES
        for column, kind in table.columns.items()
    }
    assert played == real


@pytest.mark.servers
async def test_keys_and_checks_are_those_of_the_migrations(pool: Pool) -> None:
    rows = await fetch(
        pool,
        "select c.conrelid::regclass::text as of, c.contype::text as kind, c.conname,"
        " array(select attname::text from unnest(c.conkey) with ordinality as k (number, place)"
        " join pg_attribute a on a.attrelid = c.conrelid and a.attnum = k.number order by place)"
        " as columns from pg_constraint c where c.contype in ('p', 'u', 'c')",
    )
    shapes = {table.name: table for table in TABLES}
    real = [row for row in rows if row["of"] in shapes]
    keys = {(row["of"], tuple(row["columns"])) for row in real if row["kind"] in "pu"}
    counted = {(table.name, (table.identity,)) for table in TABLES if table.identity}
    assert keys == {(table.name, table.key) for table in TABLES} | counted
    checks = {(row["of"], row["conname"]) for row in real if row["kind"] == "c"}
    assert checks == {(table.name, name) for table in TABLES for name in table.checks}
