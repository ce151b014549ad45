"""From the text of a statement to the function that plays it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Any, Final

import asyncpg

from libs.store.memory import (
    apply,
    archive,
    arrivals,
    inspection,
    replays,
    retention,
    sweep,
    telling,
)
from libs.store.memory.playing import PLAYED
from libs.store.memory.schema import Row
from libs.store.memory.transaction import Transaction
from libs.store.memory.values import read_array
from libs.store.queries import Parts, columns_as_text, named, parameters, parts_of

# Importing them enters their functions in PLAYED.
PLAYING: Final = (apply, archive, arrivals, inspection, replays, retention, sweep, telling)


class UnknownStatementError(Exception):
    """The fake does not know this statement: write a function for it beside the others."""


def called(statement: str) -> str:
    """Return the name of a statement, or the names of its parts."""
    name = named(statement)
    if name is not None:
        return name
    parts = parts_of(statement)
    if parts is not None:
        return "+".join(name for name, _ in parts)
    raise UnknownStatementError(statement)


async def run(transaction: Transaction, statement: str, arguments: Sequence[Any]) -> list[Row]:
    """Run a statement inside a transaction; `UnknownStatementError` where nobody plays it."""
    name = called(statement)
    parts = parts_of(statement)
    if parts is None:
        return await _play(transaction, name, arguments)
    return await _play_together(transaction, parts, arguments)


async def _play(transaction: Transaction, name: str, arguments: Sequence[Any]) -> list[Row]:
    if name not in PLAYED:
        raise UnknownStatementError(name)
    of = columns_as_text(name)
    told = [read_array(each, of[n]) if n in of else each for n, each in enumerate(arguments)]
    return await PLAYED[name](transaction, *told)


async def _play_together(
    transaction: Transaction, parts: Parts, arguments: Sequence[Any]
) -> list[Row]:
    """Play one after the other; of those that are wanted whole, each row has to be written."""
    left = iter(arguments)
    own = [list(islice(left, parameters(name))) for name, _ in parts]
    for (name, whole), told in zip(parts, own, strict=True):
        rows = await _play(transaction, name, told)
        if whole and len(rows) != next(left):
            raise asyncpg.DivisionByZeroError("division by zero")
    return [{"count": len(parts)}]
