"""A plan is a function of its options, and has the shares that were asked for."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from itertools import islice
from typing import Any

import pytest

from services.simulator.plan import Options, Plan, Role, Webhook

BUSY = Options(
    seed=7, count=4000, duplicates=0.15, reorder=0.3, delay=4.0, unknown=0.05, malformed=0.05
)


@cache
def webhooks(options: Options) -> list[Webhook]:
    return list(Plan(options).webhooks())


def told(some: list[Webhook]) -> list[tuple[object, ...]]:
    return [(w.index, w.source, w.role, w.body, w.after, w.late, w.taken) for w in some]


def test_same_options_give_same_plan() -> None:
    assert told(webhooks(BUSY)) == told(list(Plan(BUSY).webhooks()))


@pytest.mark.parametrize("other", [replace(BUSY, seed=8), replace(BUSY, run="2")])
def test_runs_share_no_body(other: Options) -> None:
    bodies = {webhook.digest for webhook in webhooks(BUSY)}
    assert bodies.isdisjoint({webhook.digest for webhook in webhooks(other)})


def test_options_survive_the_ledger() -> None:
    options = replace(BUSY, sources=(("mx", "clip"),), base=datetime(2026, 3, 1, tzinfo=UTC))
    assert Options.from_json(options.as_json()) == options


@pytest.mark.parametrize("count", [1, 2, 17, 300, 1000])
def test_count_is_exact(count: int) -> None:
    assert len(webhooks(replace(BUSY, count=count))) == count


@pytest.mark.parametrize("count", [100, 4000])
def test_shares_are_exact(count: int) -> None:
    found = Counter(webhook.role for webhook in webhooks(replace(BUSY, count=count)))
    assert found == {
        Role.AGAIN: 0.15 * count,
        Role.UNKNOWN: 0.05 * count,
        Role.MALFORMED: 0.05 * count,
        Role.NEWS: 0.75 * count,
    }


def test_shares_hold_without_a_count() -> None:
    some = islice(Plan(replace(BUSY, count=None)).webhooks(), 4000)
    found = Counter(webhook.role for webhook in some)
    assert found[Role.AGAIN] / 4000 == pytest.approx(0.15, abs=0.02)
    assert found[Role.UNKNOWN] / 4000 == pytest.approx(0.05, abs=0.01)
    assert found[Role.MALFORMED] / 4000 == pytest.approx(0.05, abs=0.01)


@pytest.mark.parametrize(
    "shares", [{"duplicates": 1.0}, {"unknown": 1.0}, {"malformed": 0.9, "duplicates": 0.9}]
)
def test_whole_shares_still_end(shares: dict[str, Any]) -> None:
    assert len(webhooks(Options(seed=7, count=50, **shares))) == 50


def test_no_share_gives_news_in_order() -> None:
    some = webhooks(Options(seed=7, count=500))
    assert {webhook.role for webhook in some} == {Role.NEWS}
    last: dict[int, int] = {}
    for webhook in some:
        assert webhook.lived is not None
        assert webhook.after == last.get(webhook.lived.number)
        last[webhook.lived.number] = webhook.index


def test_every_body_carries_the_mark() -> None:
    assert all(BUSY.mark.encode() in webhook.body.raw for webhook in webhooks(BUSY))


def test_different_webhooks_differ_in_body() -> None:
    first = Counter(w.digest for w in webhooks(BUSY) if w.role is not Role.AGAIN)
    assert set(first.values()) == {1}


def test_repetition_waits_for_its_first() -> None:
    some = webhooks(BUSY)
    again = [webhook for webhook in some if webhook.role is Role.AGAIN]
    assert again
    for webhook in again:
        assert webhook.after is not None
        assert some[webhook.after].body == webhook.body


def test_lives_are_whole_and_apart() -> None:
    """Each object's webhooks are all in the plan, and no two lives share an object."""
    lives = defaultdict(list)
    for webhook in webhooks(BUSY):
        if webhook.lived is not None:
            lives[webhook.lived.number].append(webhook)
    for some in lives.values():
        lived = some[0].lived
        assert lived is not None
        assert sum(not webhook.silent for webhook in some) == lived.told
    refs = {(some[0].source, some[0].lived.ends.ref) for some in lives.values() if some[0].lived}
    assert len(refs) == len(lives)


def test_some_come_late_and_nobody_waits_for_them() -> None:
    some = webhooks(BUSY)
    late = {webhook.index for webhook in some if webhook.late}
    assert 0.02 < len(late) / 4000 < 0.06
    assert all(some[n].late <= 4.0 for n in late)
    assert not late & {webhook.after for webhook in some if webhook.role is Role.NEWS}


def test_closed_stream_ends_its_lives() -> None:
    endless = replace(BUSY, count=None)
    stream = Plan(endless).webhooks()
    begun = [next(stream) for _ in range(700)]
    close_at = stream.close()
    rest = list(stream)
    assert close_at == 700
    assert {webhook.role for webhook in rest} == {Role.NEWS}
    assert told(begun + rest) == told(list(Plan(endless).webhooks(close_at)))


def test_chosen_sources_only() -> None:
    options = replace(BUSY, sources=(("mx-1", "clip"), ("mx-2", "clip")))
    assert {webhook.source for webhook in webhooks(options)} == {"mx-1", "mx-2"}
    assert {webhook.provider for webhook in webhooks(options)} == {"clip"}
