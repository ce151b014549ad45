"""Finding what spoils a batch: it is split in halves until the culprit stands alone.

Three kinds of failure are told apart. A server that is away (`TemporaryError`) or memory that is
short is no item's fault: it ends the search, and the whole is tried again later. A place that
somebody else holds (`ContentionError`) gets one more try of the whole, since deadlocks are over at
once; then the search finds out what is held. Anything else is a bug or poison and is searched for
at once.

All portions of one size are tried before any smaller one. So every round that is about single
items leaves something done, and a search that gets nothing done twice in a row is not about single
items: a whole table is locked. It ends then, or it would wait for the same lock once for each item.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

import structlog

from libs.runtime.failures import ContentionError, TemporaryError, short_of_memory, where

FRUITLESS_ROUNDS: Final = 2

Item = TypeVar("Item")

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Failed(Generic[Item]):
    """An item that fails by itself, and with what."""

    item: Item
    error: Exception


async def isolate(
    items: Sequence[Item], do: Callable[[Sequence[Item]], Awaitable[None]]
) -> list[Failed[Item]]:
    """Do all items that can be done, and return those that fail by themselves.

    `do` handles any number of items as one unit; what it did may be done again. Raises
    `TemporaryError` where nothing of this is about single items.
    """
    if not items:
        return []
    error = await _error_of(items, do)
    if isinstance(error, ContentionError):
        error = await _error_of(items, do)
    if error is None:
        return []
    if len(items) == 1:
        return [Failed(items[0], error)]
    log.warning("batch_split", items=len(items), at=where(error))
    return await _search(items, do)


async def _search(
    items: Sequence[Item], do: Callable[[Sequence[Item]], Awaitable[None]]
) -> list[Failed[Item]]:
    failed: list[Failed[Item]] = []
    portions = _halves(items)
    fruitless = 0
    while portions:
        smaller: list[Sequence[Item]] = []
        contention: ContentionError | None = None
        done = 0
        for portion in portions:
            error = await _error_of(portion, do)
            if error is None:
                done += 1
            elif len(portion) == 1:
                failed.append(Failed(portion[0], error))
            else:
                smaller += _halves(portion)
            if isinstance(error, ContentionError):
                contention = error
        fruitless = fruitless + 1 if contention and not done else 0
        if contention and smaller and fruitless == FRUITLESS_ROUNDS:
            raise contention
        portions = smaller
    return failed


async def _error_of(
    items: Sequence[Item], do: Callable[[Sequence[Item]], Awaitable[None]]
) -> Exception | None:
    try:
        await do(items)
    except ContentionError as error:
        return error
    except TemporaryError:
        raise
    except MemoryError:
        raise short_of_memory() from None
    except Exception as error:  # noqa: BLE001 - the one place where a bug becomes one item that failed
        return error
    return None


def _halves(items: Sequence[Item]) -> list[Sequence[Item]]:
    middle = (len(items) + 1) // 2
    return [items[:middle], items[middle:]]
