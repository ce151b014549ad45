"""The functions that play statements, by the name of what they play."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, Final

from libs.store.memory.schema import Row

Play = Callable[..., Awaitable[list[Row]]]

PLAYED: Final[dict[str, Play]] = {}


def plays(name: str) -> Callable[[Play], Play]:
    """Say which named query a function plays."""

    def entered(play: Play) -> Play:
        PLAYED[name] = play
        return play

    return entered


def rows_of(columns: Iterable[Sequence[Any]]) -> list[tuple[Any, ...]]:
    """Turn arrays, one for each column, into rows, as `unnest` does."""
    return list(zip(*columns, strict=True))
