"""Columns as text: Postgres reads back what was written, and so does the memory store."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.store.array_literal import array_literal, moments_literal
from libs.store.database import Pool
from libs.store.memory.values import read_array
from tests.integration.store.rooms import fetch

TEXTS = st.text(
    st.characters(codec="utf-8") | st.sampled_from('"\\{},\n\t\x00 ')
) | st.sampled_from(("", "null", "NULL", "{}", '"', "\\", "\\n", "a\\", "a,b", " a "))
NASTY = [
    *("", " ", "null", "NULL", "Null", "{}", "{a,b}", "a,b", " a ", '"', '""', 'a"b', "'", "\\"),
    *(
        "\\\\",
        'a\\"b',
        "\\n",
        "\n",
        "\t\r",
        "\x01\x1f\x7f",
        "ção",
        "日本",
        "😀",
        "\u2028",
        "\ufffd",
    ),
]
SAO_PAULO = timezone(timedelta(hours=-3))
MOMENTS = [
    datetime(2026, 1, 15, 12, tzinfo=UTC),
    datetime(2026, 1, 15, 9, 0, 0, 120000, tzinfo=SAO_PAULO),
    datetime(1907, 1, 1, tzinfo=timezone(timedelta(hours=-3, minutes=-6, seconds=-28))),
    datetime(1, 1, 2, tzinfo=UTC),
    datetime.max.replace(tzinfo=UTC),
]


@given(st.lists(st.none() | TEXTS))
def test_texts_are_read_back_by_the_memory_store(texts: list[str | None]) -> None:
    assert read_array(array_literal(texts), "text") == texts


@pytest.mark.servers
async def test_texts_are_read_back_by_postgres(pool: Pool) -> None:
    """Each by itself, most of which need no backslash, and all of them together."""
    for texts in [*([each, None] for each in NASTY), [*NASTY, None]]:
        [row] = await fetch(pool, "select $1::text::text[] as read", array_literal(texts))
        assert row["read"] == texts


@pytest.mark.servers
async def test_values_are_read_back_by_postgres(pool: Pool) -> None:
    columns: dict[str, list[Any]] = {
        "bigint": [0, -1, 2**63 - 1, None],
        "numeric": [Decimal(t) for t in ("0.00", "47.50", "1E+3", "1E-7", "999999999999999.99")],
        "boolean": [True, False, None],
    }
    for of, values in columns.items():
        [row] = await fetch(pool, f"select $1::text::{of}[] as read", array_literal(values))
        assert row["read"] == values
        assert read_array(array_literal(values), of) == values


@pytest.mark.servers
async def test_moments_are_read_back_by_postgres(pool: Pool) -> None:
    written = moments_literal([*MOMENTS, None])
    rows = await fetch(pool, "select extract(epoch from unnest($1::text::timestamptz[]))", written)
    read = [row[0] for row in rows]
    assert read == [*(_epoch(moment) for moment in MOMENTS), None]
    assert read_array(written, "timestamptz") == [*MOMENTS, None]


def _epoch(moment: datetime) -> Decimal:
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return Decimal(since // timedelta(microseconds=1)) / 10**6


def test_moment_outside_of_the_calendar_is_refused() -> None:
    """The driver refuses it too; Postgres would take it, and nobody could read it again."""
    with pytest.raises(OverflowError):
        moments_literal([datetime.max.replace(tzinfo=SAO_PAULO)])


@pytest.mark.servers
@pytest.mark.parametrize(
    ("text", "error"),
    [("\x00", asyncpg.CharacterNotInRepertoireError), ("\ud800", asyncpg.DataError)],
    ids=["NUL", "half a character"],
)
async def test_what_is_no_text_is_refused(pool: Pool, text: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        await fetch(pool, "select $1::text::text[]", array_literal(["a", text]))
