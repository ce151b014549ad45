"""Faults by proportion: each has its share, what is only spoilt still says what it said."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from functools import cache
from itertools import islice
from typing import Any

import pytest

from libs.contracts.delivery import Delivery
from libs.contracts.readings import Reading, Unknown
from libs.domain.lifecycle import Authority
from libs.domain.observation import Observation
from libs.providers.port import Terms
from libs.providers.registry import PROVIDERS
from services.simulator.lives import SECRET_SLOT, Body
from services.simulator.plan import Options, Plan, Role, Webhook
from services.simulator.providers import SIMULATIONS
from tests.unit.simulator.test_histories import RECEIVED

CALM = Options(seed=4, count=4000)
SHARE = 0.2


def with_fault(fault: str, share: float) -> Options:
    only: dict[str, Any] = {fault: share}
    return replace(CALM, **only)


@cache
def webhooks(options: Options) -> tuple[Webhook, ...]:
    return tuple(Plan(options).webhooks())


def read(webhook: Webhook) -> Reading:
    delivery = Delivery(
        id="delivery", source=webhook.source, provider=webhook.provider, body=webhook.body.raw,
        received_at=RECEIVED, authority=Authority.SECRET, content_type=webhook.body.content_type,
        route_event=webhook.body.event,
    )  # fmt: skip
    return PROVIDERS[webhook.provider].translate(delivery, Terms())[0]


def said(webhook: Webhook) -> tuple[Any, ...]:
    """Return what a webhook says of money and state; of the rest an encoding may spoil a text."""
    reading = read(webhook)
    if not isinstance(reading, Observation):
        return (type(reading), getattr(reading, "provider_ref", None))
    return (
        reading.provider_ref, reading.state, reading.amount, reading.currency, reading.refunds, reading.dispute,
        reading.occurred_at, reading.merchant_ref,
    )  # fmt: skip


@pytest.mark.parametrize("fault", ["losses", "wrong_type", "mojibake"])
def test_faults_change_nothing_else(fault: str) -> None:
    """With a fault the same lives take the same turns: only what it does differs."""
    spoilt = webhooks(with_fault(fault, SHARE))
    for calm, other in zip(webhooks(CALM), spoilt, strict=True):
        assert (calm.index, calm.source, calm.step) == (other.index, other.source, other.step)
        assert calm.lived is not None
        assert other.lived is not None
        assert calm.lived.ends == other.lived.ends


def test_losses_have_their_share() -> None:
    lost = [webhook for webhook in webhooks(replace(CALM, losses=SHARE)) if webhook.lost]
    assert len(lost) / 4000 == pytest.approx(SHARE, abs=0.02)


def test_nothing_waits_for_the_lost() -> None:
    """What comes next waits for the last one that was sent, so that an order is kept without it."""
    some = webhooks(replace(CALM, losses=SHARE))
    last: dict[int, int] = {}
    for webhook in some:
        assert webhook.lived is not None
        assert webhook.after == last.get(webhook.lived.number)
        if not webhook.lost:
            last[webhook.lived.number] = webhook.index


def test_the_lost_never_come_again() -> None:
    some = webhooks(replace(CALM, losses=SHARE, duplicates=SHARE))
    lost = {webhook.digest for webhook in some if webhook.lost}
    again = {webhook.digest for webhook in some if webhook.role is Role.AGAIN}
    assert len(lost) > 500
    assert len(again) > 500
    assert lost.isdisjoint(again)


def test_wrong_types_have_their_share() -> None:
    pairs = zip(webhooks(CALM), webhooks(replace(CALM, wrong_type=SHARE)), strict=True)
    odd = [(a, b) for a, b in pairs if a.body.content_type != b.body.content_type]
    assert len(odd) / 4000 == pytest.approx(SHARE, abs=0.02)
    assert all(a.body.raw == b.body.raw for a, b in odd)
    assert len({b.body.content_type for _, b in odd}) > 3


def test_mojibake_has_its_share() -> None:
    pairs = list(zip(webhooks(CALM), webhooks(replace(CALM, mojibake=SHARE)), strict=True))
    odd = [(a, b) for a, b in pairs if a.body.raw != b.body.raw]
    in_json = [a for a, _ in pairs if a.body.raw.startswith(b"{")]
    assert len(odd) / len(in_json) == pytest.approx(SHARE, abs=0.02)
    texts = [b.body.raw.decode() for _, b in odd]
    assert any("Ã©" in text for text in texts)
    assert any(text.startswith("\ufeff") for text in texts)


@pytest.mark.parametrize("fault", ["wrong_type", "mojibake"])
def test_spoilt_webhooks_say_the_same(fault: str) -> None:
    spoilt = webhooks(with_fault(fault, 1.0))
    for calm, other in islice(zip(webhooks(CALM), spoilt, strict=True), 1500):
        assert said(calm) == said(other)


def test_truncated_share_is_exact() -> None:
    some = webhooks(replace(CALM, truncated=0.1, duplicates=0.1))
    found = Counter(webhook.role for webhook in some)
    assert found[Role.TRUNCATED] + found[Role.MALFORMED] == 400
    assert found[Role.TRUNCATED] > 390  # at the very beginning there is nothing to cut
    assert found[Role.AGAIN] == 400


def test_truncated_is_part_of_another() -> None:
    """It has the mark by which it is found again, the slot of its credential, and no end."""
    options = replace(CALM, truncated=0.1)
    some = webhooks(options)
    whole = [webhook.body.raw for webhook in some if webhook.role is Role.NEWS]
    for webhook in some:
        if webhook.role is not Role.TRUNCATED:
            continue
        raw = webhook.body.raw
        assert options.mark.encode() in raw
        assert any(len(raw) < len(each) and each.startswith(raw) for each in whole)
        assert isinstance(read(webhook), Unknown)
        assert webhook.taken is SIMULATIONS[webhook.provider].takes_the_unreadable
        if webhook.provider == "safe2pay":
            assert SECRET_SLOT.encode() in raw


def test_same_seed_gives_same_faults() -> None:
    def bodies() -> list[tuple[Body, bool]]:
        options = replace(
            CALM, count=800, losses=SHARE, truncated=0.1, wrong_type=SHARE, mojibake=SHARE
        )
        return [(webhook.body, webhook.lost) for webhook in Plan(options).webhooks()]

    assert bodies() == bodies()


@pytest.mark.parametrize("born", [1, 40, 300])
def test_lives_are_counted(born: int) -> None:
    """A plan of so many lives has each of them whole, and ends."""
    options = Options(seed=4, count=None, born=born, duplicates=0.1)
    some = list(Plan(options).webhooks())
    lives = {webhook.lived.number: webhook.lived for webhook in some if webhook.lived}
    assert len(lives) == born
    steps = Counter(webhook.lived.number for webhook in some if webhook.lived)
    assert all(steps[number] == len(lived.path.steps) for number, lived in lives.items())
