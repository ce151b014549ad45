"""Payouts that were requested over the API live, are told of as registered, and are in the journal."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from libs.contracts.delivery import Delivery
from libs.contracts.readings import Reading
from libs.domain.fold import fold
from libs.domain.lifecycle import Authority, Kind
from libs.domain.observation import Observation
from libs.providers.port import Terms
from libs.providers.registry import PROVIDERS
from services.sandbox.payu.bank_accounts import EXAMPLE_IDS, BankAccounts
from services.sandbox.payu.journal import journal_file, read_journal
from services.sandbox.payu.payout import STATES, Payout
from services.sandbox.payu.posting import source_of
from services.sandbox.payu.registrations import EVENTS
from services.sandbox.payu.service import PayUOptions
from services.simulator.lives import Body
from services.simulator.names import Names
from services.simulator.providers.payu import CONFIRMED, PASSED, SCREENING, STARTED
from tests.unit.sandbox.playing import OPTIONS, Playing, playing

NOW = datetime(2026, 11, 26, 15, tzinfo=UTC)
QUICK = PayUOptions(step=0.01)
TRANSFER = {"value": 90000, "bankAccount": {"id": EXAMPLE_IDS[0]}, "description": "ORD-1"}


@dataclass
class Receiver:
    """Takes what is posted; `answering` decides the status."""

    url: str = ""
    got: list[tuple[str, str, bytes]] = field(default_factory=list)
    answering: Callable[[int], Awaitable[int]] | None = None

    async def take(self, request: web.Request) -> web.Response:
        self.got.append((request.path_qs, request.content_type, await request.read()))
        status = 200 if self.answering is None else await self.answering(len(self.got))
        return web.Response(status=status)


@contextlib.asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    app = web.Application()
    app.router.add_post("/{path:.*}", receiver.take)
    async with TestServer(app) as server:
        receiver.url = str(server.make_url("")).rstrip("/")
        yield receiver


def register(sandbox: Playing, url: str, *events: str) -> None:
    told = {"accountId": 1, "callbackUrl": url, "description": "d", "enabledEvents": list(events)}
    assert sandbox.payu.registrations.create(told, NOW).status == 200


async def all_ended(sandbox: Playing) -> None:
    async with asyncio.timeout(30):
        await sandbox.payu.ended(asyncio.Event())


def payout(number: int = 1, mark: str = "0123456789ab") -> Payout:
    account = BankAccounts().get(EXAMPLE_IDS[0])
    assert account is not None
    return Payout(
        number=number, names=Names(mark, number), value=Decimal("90000.00"), description=None,
        created=NOW, account=account, chance=Random(number),
    )  # fmt: skip


def steps(one: Payout, cancel_after: int | None) -> Iterator[Body]:
    """Go through a payout's steps, cancelled after so many of them; give what is posted of each."""
    while one.coming:
        if cancel_after == len(one.happened):
            one.cancel()
        one.step()
        yield one.notification()


def read(body: bytes, content_type: str, place: int) -> Reading:
    delivery = Delivery(
        id=f"d{place}", source="payu", provider="payu", body=body,
        received_at=NOW + timedelta(seconds=place), authority=Authority.SECRET,
        content_type=content_type,
    )  # fmt: skip
    (reading,) = PROVIDERS["payu"].translate(delivery, Terms())
    return reading


def observed(body: bytes, content_type: str, place: int) -> Observation:
    reading = read(body, content_type, place)
    assert isinstance(reading, Observation)
    return reading


@pytest.mark.parametrize("cancel_after", [None, 0, 1, 2, 3])
def test_payout_stands_as_its_last_step_says(cancel_after: int | None) -> None:
    """After each step the table and Caudal's fold agree, with and without a cancel in between."""
    for number in range(40):
        one = payout(number)
        said: list[Observation] = []
        for body in steps(one, cancel_after):
            said.append(observed(body.raw, body.content_type, len(said)))
            folded = fold(Kind.PAYOUT, said)
            assert folded.state == one.state
            assert (folded.amount, folded.currency) == (one.value, "COP")


def test_cancel_is_possible_before_the_bank_has_it() -> None:
    for number in range(60):
        one = payout(number)
        while one.coming:
            last = one.step()
            possible = last in {SCREENING, PASSED, STARTED}
            copy = replace(one, happened=list(one.happened), coming=list(one.coming))
            assert copy.cancel() is possible


def test_cancels_end_in_both_ways() -> None:
    ends = Counter[str]()
    for number in range(200):
        one = payout(number)
        assert one.cancel()
        while one.coming:
            one.step()
        ends[one.state] += 1
    assert ends.keys() == {"canceled", "paid"}
    assert 25 < ends["paid"] < 80


def test_same_seed_gives_same_lives() -> None:
    def lived(number: int) -> list[bytes]:
        one, bodies = payout(number), []
        while one.coming:
            one.step()
            bodies.append(one.notification().raw)
        return bodies

    assert [lived(n) for n in range(30)] == [lived(n) for n in range(30)]
    assert len({tuple(lived(n)) for n in range(30)}) == 30


async def test_only_enabled_events_are_told(tmp_path: Path) -> None:
    async with playing(tmp_path, payu=QUICK) as sandbox, receiving() as receiver:
        for event in EVENTS:
            register(sandbox, f"{receiver.url}/webhooks/payu/{event}?token=t", event)
        register(sandbox, f"{receiver.url}/webhooks/other/all", *EVENTS)
        sandbox.payu.request([TRANSFER] * 30, NOW)
        await all_ended(sandbox)
        steps = Counter(step for one in sandbox.payu.payouts.values() for step in one.happened)
    paths = Counter(path.split("?")[0].split("/")[-1] for path, _, _ in receiver.got)
    assert paths["all"] == sum(steps.values())  # one POST for each WebHook that wants it
    assert paths["TRANSFER_CREATION"] == steps[SCREENING] == 30
    assert paths["VALIDATION_RESULT"] > 25
    assert sum(paths[event] for event in EVENTS) == paths["all"]
    assert all(path.endswith("?token=t") for path, _, _ in receiver.got if "payu" in path)
    assert {kind for _, kind, _ in receiver.got} == {
        "application/json", "application/x-www-form-urlencoded",
    }  # fmt: skip


async def test_success_may_never_be_told(tmp_path: Path) -> None:
    options = PayUOptions(step=0.01, documented_only=True)
    async with playing(tmp_path, payu=options) as sandbox, receiving() as receiver:
        register(sandbox, f"{receiver.url}/webhooks/payu", *EVENTS)
        sandbox.payu.request([TRANSFER] * 20, NOW)
        await all_ended(sandbox)
        paid = [one for one in sandbox.payu.payouts.values() if one.state == "paid"]
    assert paid
    assert not any(b"CONFIRMED" in body for _, _, body in receiver.got)
    told = read_journal(sandbox.journal)
    for one in paid:
        places = {body.place for body in told[one.number].bodies.values()}
        assert one.happened.index(CONFIRMED) not in places


async def test_nobody_registered_is_nobody_told(tmp_path: Path) -> None:
    async with playing(tmp_path, payu=QUICK) as sandbox:
        sandbox.payu.request([TRANSFER], NOW)
        await all_ended(sandbox)
    (told,) = read_journal(sandbox.journal).values()
    assert (len(told.steps) > 1, told.bodies) == (True, {})


async def test_notification_comes_again_until_taken(tmp_path: Path) -> None:
    async def moody(count: int) -> int:
        return 503 if count == 1 else 200

    async with playing(tmp_path, payu=QUICK) as sandbox, receiving() as receiver:
        receiver.answering = moody
        register(sandbox, f"{receiver.url}/webhooks/payu", *EVENTS)
        sandbox.payu.request([TRANSFER], NOW)
        await all_ended(sandbox)
    assert receiver.got[0][2] == receiver.got[1][2]
    (told,) = read_journal(sandbox.journal).values()
    first = told.bodies[hashlib.sha256(receiver.got[0][2]).hexdigest()]
    assert (first.posted, first.accepted, first.final) == (2, 1, 200)


async def test_journal_is_the_truth(tmp_path: Path) -> None:
    """Whoever reads it knows every payout, its steps, and each body with its answers."""
    options = replace(OPTIONS, losses=0.3, duplicates=0.3)
    async with playing(tmp_path, options=options, payu=QUICK) as sandbox, receiving() as receiver:
        register(sandbox, f"{receiver.url}/webhooks/payu/X", *EVENTS)
        sandbox.payu.request([TRANSFER] * 40, NOW)
        await all_ended(sandbox)
        payouts = {one.number: one for one in sandbox.payu.payouts.values()}
    told = read_journal(sandbox.journal)
    assert told.keys() == payouts.keys()
    for number, one in payouts.items():
        assert (told[number].ref, told[number].value) == (one.id, one.value)
        assert told[number].steps == one.happened
        assert STATES[told[number].steps[-1]] == one.state
    posted = Counter(hashlib.sha256(body).hexdigest() for _, _, body in receiver.got)
    assert posted == {d: b.posted for each in told.values() for d, b in each.bodies.items()}
    steps = sum(len(each.steps) for each in told.values())
    assert 0.6 < len(posted) / steps < 0.8  # losses
    assert 1.15 < posted.total() / len(posted) < 1.45  # duplicates


async def test_payouts_stay_where_they_are_when_it_ends(tmp_path: Path) -> None:
    async with playing(tmp_path, payu=PayUOptions(step=60.0)) as sandbox:
        sandbox.payu.request([TRANSFER] * 3, NOW)
    assert [each.steps for each in read_journal(sandbox.journal).values()] == [[], [], []]


async def test_report_has_every_payout(tmp_path: Path) -> None:
    async with playing(tmp_path, payu=QUICK) as sandbox:
        sandbox.payu.request([TRANSFER] * 30, NOW)
        await all_ended(sandbox)
        async with sandbox.client.get("/payu/report.csv") as answer:
            name, text = answer.headers["Content-Disposition"], await answer.text()
        payouts = dict(sandbox.payu.payouts)
    assert name.endswith('_payment_orders_512321.csv"')
    head, *rows = text.splitlines()
    assert head == "pushPaymentId,status,value,currency,description,creationDate"
    assert len(rows) == 30
    for row in rows:
        ref, word, value, currency, description, created = row.split(",")
        assert (value, currency, description) == ("90000.00", "COP", "ORD-1")
        assert created == "2026-11-26 15:00:00"
        assert (word == "Approved") is (payouts[ref].state == "paid")


def test_torn_journal_is_read(tmp_path: Path) -> None:
    path = journal_file(tmp_path / "ledger.jsonl")
    lines: list[dict[str, Any]] = [
        {"caudal": "sandbox", "version": 1},
        {"payout": 1, "ref": "r", "value": "5.00", "source": "payu"},
        {"payout": 1, "step": SCREENING},
    ]
    whole = "".join(json.dumps(line) + "\n" for line in lines)
    path.write_text(whole + '{"payout": 1, "st')
    assert read_journal(path)[1].steps == [SCREENING]


@pytest.mark.parametrize(
    ("url", "slug"),
    [
        ("http://h/webhooks/payu?token=t", "payu"),
        ("http://h/webhooks/payu-co/TRANSFER_UPDATE", "payu-co"),
        ("http://h/elsewhere", ""),
    ],
)
def test_source_is_read_from_the_url(url: str, slug: str) -> None:
    assert source_of(url) == slug
