"""What is sure to stand, and what somebody has to look at."""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from multiprocessing.process import BaseProcess

import pytest

from libs.contracts.delivery import Delivery
from libs.contracts.observation_json import observation_json
from libs.contracts.readings import Ignored, Reading
from libs.domain.observation import Observation
from libs.providers.port import Terms
from libs.store.corrections import Archived
from services.normalizer.translate import Translator
from services.replay import screens
from services.replay.screening import doubtful
from services.replay.screens import Screen, screen
from tests.integration.replay.mapping import Mapped, delivered, translator, unknown
from tests.unit.domain.saying import brl, paid, pending
from tests.unit.reconciler.telling import about

PENDING = about("ref-1", pending(at=1, amount=brl("10.00")))
PAID = about("ref-1", paid(at=2, amount=brl("10.00")))
ONE = delivered(1, b"x")


def archived(
    said: Iterable[Observation] = (), repeated: Iterable[Observation] = (), *, parked: bool = False
) -> Archived:
    """Give a row: the delivery said this first, and repeated that."""
    first = [(*_place(each), json.loads(observation_json(_by(each, ONE)))) for each in said]
    again = [_place(each) for each in repeated]
    return Archived(
        id=ONE.id,
        received_at=ONE.received_at,
        source=ONE.source,
        provider=ONE.provider,
        origin=ONE.origin.value,
        authority=ONE.authority.value,
        content_type=ONE.content_type,
        headers=json.dumps(dict(ONE.headers)),
        route_event=None,
        traceparent=None,
        body=ONE.body,
        said=json.dumps(first, sort_keys=True) if first else None,
        repeated=json.dumps(again) if again else None,
        parked=parked,
    )


def _place(said: Observation) -> tuple[str, str, str | None, str]:
    return ONE.source, said.kind.value, said.provider_ref, said.key


def _by(said: Observation, delivery: Delivery) -> Observation:
    return replace(said, delivery_id=delivery.id, received_at=delivery.received_at)


def in_doubt(row: Archived, *readings: Reading) -> bool:
    return doubtful(translator(Mapped({b"x": readings})), [row]) == [0]


def test_the_delivery_is_the_one_on_file() -> None:
    assert archived().delivery == ONE


@pytest.mark.parametrize(
    ("row", "readings"),
    [
        (archived([PENDING, PAID]), (PAID, PENDING)),
        (archived([PENDING], [PAID]), (PENDING, PAID)),
        (archived([], [PAID]), (PAID,)),
        (archived([PAID]), (PAID, replace(PAID, amount=brl("7.00")))),  # the first counts
        (archived(), (Ignored(why="a ping", provider_status="ping"),)),
    ],
)
def test_what_stands_is_sure(row: Archived, readings: Sequence[Reading]) -> None:
    assert not in_doubt(row, *readings)


@pytest.mark.parametrize(
    ("row", "readings"),
    [
        (archived([PENDING]), (replace(PENDING, amount=brl("7.00")),)),
        (archived([PENDING]), (about("ref-2", PENDING),)),
        (archived([PENDING]), (PENDING, PAID)),
        (archived([PENDING, PAID]), (PENDING,)),
        (archived([PENDING], [PAID]), (PENDING,)),
        (archived([PENDING]), (Ignored(why="a ping", provider_status="ping"),)),
        (archived([PENDING], parked=True), (PENDING,)),
        (archived([PENDING]), (PENDING, unknown("x"))),
        (archived([PENDING]), (PENDING, about(None, PAID, "order-1"))),
        (archived([PENDING]), ()),  # the adapter said nothing: a bug
    ],
)
def test_anything_else_is_in_doubt(row: Archived, readings: Sequence[Reading]) -> None:
    assert in_doubt(row, *readings)


def test_only_those_in_doubt() -> None:
    rows = [archived([PENDING]), archived([PAID]), archived([PENDING]), archived()]
    assert doubtful(translator(Mapped({b"x": [PENDING]})), rows) == [1, 3]


@dataclass(frozen=True)
class Elsewhere(Mapped):
    """Knows nothing in the process that made it, and something in others."""

    home: int = 0

    def translate(self, delivery: Delivery, terms: Terms) -> tuple[Reading, ...]:
        if os.getpid() == self.home:
            return (unknown("x"),)
        return super().translate(delivery, terms)


async def _all(screening: Screen, portions: AsyncIterator[list[Archived]]) -> list[list[int]]:
    return [found async for _, found in screening.screened(portions)]


async def test_in_order_alone() -> None:
    rows = [[archived([PENDING])] * n + [archived()] for n in range(9)]

    async def portions() -> AsyncIterator[list[Archived]]:
        for some in rows:
            yield some

    with screen(translator(Mapped({b"x": [PENDING]}))) as screening:
        assert await _all(screening, portions()) == [[n] for n in range(9)]


async def test_processes_take_over_and_one_that_dies_is_not_missed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(screens, "ALONE", 0)
    here = Translator({"clip": Elsewhere({b"x": [PENDING]}, home=os.getpid())}, {})
    killed: list[BaseProcess] = []

    async def portions() -> AsyncIterator[list[Archived]]:
        while True:
            yield [archived([PENDING]), archived()]

    found: list[list[int]] = []
    with screen(here, 2) as screening:
        async with asyncio.timeout(60), aclosing(screening.screened(portions())) as screened:
            async for _, doubt in screened:
                found.append(doubt)
                if doubt == [1] and not killed:
                    for child in multiprocessing.active_children():
                        child.kill()
                        killed.append(child)
                elif doubt == [0, 1] and killed:
                    break
    assert found[0] == [0, 1]
    assert {tuple(each) for each in found} == {(0, 1), (1,)}
