"""The faults that were asked for reach the payouts of the API too, and the journal stays the truth."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from libs.domain.fold import fold
from libs.domain.lifecycle import Kind
from libs.domain.observation import Observation
from services.sandbox.payu.journal import Posted, Told, read_journal
from services.sandbox.payu.payout import Payout
from services.sandbox.payu.registrations import EVENTS
from services.sandbox.payu.service import PayUOptions
from services.sandbox.verification import enter_payouts
from services.simulator.books import Books
from services.simulator.options import Options
from services.simulator.providers.payu import CONFIRMED
from services.simulator.roles import Role
from tests.unit.sandbox.playing import OPTIONS, playing
from tests.unit.sandbox.test_payouts import (
    NOW,
    QUICK,
    TRANSFER,
    Receiver,
    all_ended,
    payout,
    read,
    receiving,
    register,
    steps,
)

Got = tuple[str, str, bytes]
MANY = 40


async def played(
    folder: Path, options: Options, *paths: str, payu: PayUOptions = QUICK
) -> tuple[list[Payout], Receiver, dict[int, Told]]:
    """Let payouts live, and tell of them at these paths."""
    async with playing(folder, options=options, payu=payu) as sandbox, receiving() as receiver:
        for path in paths:
            register(sandbox, f"{receiver.url}/{path}", *EVENTS)
        sandbox.payu.request([TRANSFER] * MANY, NOW)
        await all_ended(sandbox)
        payouts = list(sandbox.payu.payouts.values())
    return payouts, receiver, read_journal(sandbox.journal)


def observed(got: Sequence[Got]) -> dict[str, list[Observation]]:
    """Return what was understood, by payout, in its order and once each."""
    found: dict[str, dict[str, Observation]] = {}
    for place, each in enumerate(got):
        reading = read(body=each[2], content_type=each[1], place=place)
        if isinstance(reading, Observation):
            found.setdefault(reading.provider_ref or "", {}).setdefault(reading.key, reading)
    return {ref: list(said.values()) for ref, said in found.items()}


async def test_every_fault_reaches_them(tmp_path: Path) -> None:
    options = replace(
        OPTIONS, duplicates=0.3, reorder=0.3, wrong_type=0.2, mojibake=0.3, truncated=0.2,
        unknown=0.2, malformed=0.1,
    )  # fmt: skip
    payouts, receiver, told = await played(tmp_path, options, "webhooks/payu/X")
    roles = {d: body.role for each in told.values() for d, body in each.bodies.items()}
    assert set(Counter(roles.values())) == {
        Role.NEWS, Role.TRUNCATED, Role.UNKNOWN, Role.MALFORMED,
    }  # fmt: skip
    posted = Counter(hashlib.sha256(body).hexdigest() for _, _, body in receiver.got)
    assert posted == {d: b.posted for each in told.values() for d, b in each.bodies.items()}
    for place, each in enumerate(receiver.got):
        understood = isinstance(read(body=each[2], content_type=each[1], place=place), Observation)
        assert understood is (roles[hashlib.sha256(each[2]).hexdigest()] is Role.NEWS)
    kinds = Counter(kind for _, kind, _ in receiver.got)
    assert kinds["text/plain"] > 0
    assert kinds["application/octet-stream"] > 0
    assert any(body.startswith(b"\xef\xbb\xbf") for _, _, body in receiver.got)
    assert max(posted.values()) > 1
    said = observed(receiver.got)
    assert {one.id: one.state for one in payouts} == {
        ref: fold(Kind.PAYOUT, found).state for ref, found in said.items()
    }


async def test_notices_overtake_each_other_but_not_the_confirmation(tmp_path: Path) -> None:
    payouts, receiver, told = await played(tmp_path, replace(OPTIONS, reorder=0.5), "webhooks/payu")
    orders = [[body.place for body in each.bodies.values()] for each in told.values()]
    assert sum(order != sorted(order, key=lambda place: place or 0) for order in orders) > 10
    assert [sorted(filter(None, order)) for order in orders] == [
        list(range(1, len(each.steps))) for each in told.values()
    ]
    bounced = [each for each in told.values() if CONFIRMED in each.steps[:-1]]
    assert bounced
    for each in bounced:
        order = [body.place for body in each.bodies.values()]
        assert order[-1] == len(each.steps) - 1
    said = observed(receiver.got)
    assert all(fold(Kind.PAYOUT, said[one.id]).state == one.state for one in payouts)


async def test_repetitions_come_at_every_webhook(tmp_path: Path) -> None:
    options = replace(OPTIONS, duplicates=0.4)
    _, receiver, _ = await played(tmp_path, options, "webhooks/payu/A", "webhooks/payu/B")
    for path in ("/webhooks/payu/A", "/webhooks/payu/B"):
        bodies = Counter(body for at, _, body in receiver.got if at == path)
        assert 1.2 < bodies.total() / len(bodies) < 1.6


async def test_another_receiver_of_the_same_bodies_does_not_hide_ours(tmp_path: Path) -> None:
    _, receiver, told = await played(tmp_path, OPTIONS, "elsewhere", "webhooks/payu")
    ours = sum(path == "/webhooks/payu" for path, _, _ in receiver.got)
    assert sum(len(each.bodies) for each in told.values()) == ours > MANY
    books = Books()
    enter_payouts(told, books)
    assert (len(books.bodies), books.unsent) == (ours, {})


async def test_faults_change_no_life(tmp_path: Path) -> None:
    """But for the ids of WebHooks and the times: what happens is drawn apart from how it is told."""
    calm, _, _ = await played(tmp_path / "a", OPTIONS, "webhooks/payu")
    rough = replace(OPTIONS, losses=0.3, reorder=0.3, duplicates=0.3, truncated=0.3, delay=0.01)
    wild, _, _ = await played(tmp_path / "b", rough, "webhooks/payu")
    assert [one.happened for one in calm] == [one.happened for one in wild]


async def test_what_is_held_back_is_told_when_it_ends(tmp_path: Path) -> None:
    """With every notice held back for the next one, a sandbox that ends still tells the last."""
    options = replace(OPTIONS, reorder=1.0)
    slow = PayUOptions(step=0.4)
    async with playing(tmp_path, options=options, payu=slow) as sandbox, receiving() as receiver:
        register(sandbox, f"{receiver.url}/webhooks/payu", *EVENTS)
        sandbox.payu.request([TRANSFER] * MANY, NOW)
        while not any(one.happened for one in sandbox.payu.payouts.values()):
            await asyncio.sleep(0.01)
        await sandbox.payu.close()
    told = read_journal(sandbox.journal)
    for each in told.values():
        places = sorted(body.place for body in each.bodies.values() if body.place is not None)
        assert places == list(range(len(each.steps)))


@pytest.mark.parametrize("cancel_after", [None, 0, 1, 2, 3])
def test_open_payout_shows_what_came_last(cancel_after: int | None) -> None:
    """Cut off anywhere, with any neighbours swapped: the verdict expects what the fold makes of it."""
    for number in range(40):
        one = payout(number)
        bodies: list[Got] = []
        for body in steps(one, cancel_after):
            bodies.append(("", body.content_type, body.raw))
            for first in range(len(bodies) - 1):
                if one.happened[first] == CONFIRMED:
                    continue
                order = list(range(len(bodies)))
                order[first : first + 2] = [first + 1, first]
                said = observed([bodies[place] for place in order])[one.id]
                assert fold(Kind.PAYOUT, said).state == expected(one, order)


def expected(one: Payout, order: Sequence[int]) -> str:
    told = Told(one.number, one.id, Decimal(1), "payu", list(one.happened))
    told.bodies = {
        hashlib.sha256(json.dumps(place).encode()).hexdigest(): Posted(place, "payu", 1, 1, 200)
        for place in order
    }
    books = Books()
    enter_payouts({one.number: told}, books)
    (lived,) = books.lives.values()
    return lived.ends.state
