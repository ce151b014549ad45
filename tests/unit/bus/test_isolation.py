"""A batch is split until the culprit stands alone, and the others never notice."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import structlog

from libs.bus.isolation import isolate
from libs.runtime.failures import ContentionError, TemporaryError


class Doing:
    """Does numbers, but for those that are poisoned or held by somebody else."""

    def __init__(
        self, *, poison: Sequence[int] = (), held: Sequence[int] = (), away_after: int = 1 << 30
    ) -> None:
        self.done: set[int] = set()
        self.calls: list[int] = []
        self.held = set(held)
        self._poison = set(poison)
        self._away_after = away_after

    async def __call__(self, items: Sequence[int]) -> None:
        self.calls.append(len(items))
        if len(self.calls) > self._away_after:
            raise TemporaryError("away")
        if self.held.intersection(items):
            raise ContentionError("held")
        if self._poison.intersection(items):
            raise ValueError("poison")
        self.done.update(items)


@pytest.mark.parametrize("poison", [(), (0,), (99,), (3, 4), (0, 50, 51, 99), tuple(range(100))])
async def test_poison_stands_alone_in_end(poison: tuple[int, ...]) -> None:
    doing = Doing(poison=poison)
    with structlog.testing.capture_logs():
        failed = await isolate(range(100), doing)
    assert sorted(each.item for each in failed) == list(poison)
    assert doing.done == set(range(100)) - set(poison)
    assert all(type(each.error) is ValueError for each in failed)


async def test_one_poison_costs_few_tries() -> None:
    doing = Doing(poison=(333,))
    with structlog.testing.capture_logs():
        await isolate(range(500), doing)
    assert len(doing.calls) <= 1 + 2 * 9


async def test_server_away_splits_nothing() -> None:
    doing = Doing(away_after=0)
    with pytest.raises(TemporaryError):
        await isolate(range(100), doing)
    assert doing.calls == [100]


async def test_server_away_ends_the_search() -> None:
    doing = Doing(poison=(7,), away_after=3)
    with pytest.raises(TemporaryError), structlog.testing.capture_logs():
        await isolate(range(100), doing)
    assert len(doing.calls) == 4


async def test_deadlock_is_over_at_once() -> None:
    """One more try of the whole, before anything is split."""
    calls: list[int] = []

    async def do(items: Sequence[int]) -> None:
        calls.append(len(items))
        if len(calls) == 1:
            raise ContentionError("deadlock")

    assert await isolate(range(100), do) == []
    assert calls == [100, 100]


@pytest.mark.parametrize("held", [(0,), (99,), (40, 60), (10, 11, 12)])
async def test_held_object_holds_up_nobody(held: tuple[int, ...]) -> None:
    doing = Doing(held=held, poison=(5,))
    with structlog.testing.capture_logs():
        failed = await isolate(range(100), doing)
    assert sorted(each.item for each in failed) == sorted((*held, 5))
    assert doing.done == set(range(100)) - {*held, 5}
    kinds = {each.item: type(each.error) for each in failed}
    assert kinds == {5: ValueError, **dict.fromkeys(held, ContentionError)}


async def test_locked_table_is_waited_for() -> None:
    """Where nothing at all can be done it is not about single items: hold the whole."""
    doing = Doing(held=range(100))
    with pytest.raises(ContentionError), structlog.testing.capture_logs():
        await isolate(range(100), doing)
    assert doing.calls == [100, 100, 50, 50, 25, 25, 25, 25]


async def test_nothing_to_do_is_done() -> None:
    doing = Doing()
    assert await isolate([], doing) == []
    assert doing.calls == []


async def test_short_of_memory_is_no_items_fault() -> None:
    async def do(_: Sequence[int]) -> None:
        raise MemoryError

    with pytest.raises(TemporaryError, match="memory is short"):
        await isolate(range(4), do)
