"""What a query shows is the provider's truth of that moment, in the provider's own words.

The words are turned into states by a table of this test's own, as the documents have them: the world
and Caudal's mapping are both left out of it.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import pytest
from yarl import URL

from services.sandbox.chaos import ApiFaults
from services.simulator.lives import Path as Steps
from services.simulator.names import Names
from services.simulator.providers import SIMULATIONS
from services.simulator.providers.clip import DISPUTED
from tests.unit.sandbox.playing import (
    BORN,
    CLIP,
    MOBBEX,
    OPTIONS,
    SAFE2PAY,
    Playing,
    basic,
    live,
    playing,
)

CHECKOUT = {
    "CHECKOUT_CREATED": "created",
    "CHECKOUT_PENDING": "pending",
    "CHECKOUT_COMPLETED": "paid",
    "CHECKOUT_CANCELLED": "canceled",
    "CHECKOUT_EXPIRED": "expired",
}
CODES = {
    "2": "pending", "3": "authorized", "100": "in_review", "200": "paid", "300": "paid",
    "302": "paid", "400": "declined", "401": "expired", "403": "failed", "410": "declined",
    "601": "voided", "602": "refunded", "603": "charged_back", "605": "partially_refunded",
    "610": "canceled",
}  # fmt: skip
STATUSES = {
    "1": "pending", "3": "paid", "5": "disputed", "7": "expired", "8": "declined",
    "13": "charged_back", "14": "authorized", "15": "paid", "18": "canceled",
}  # fmt: skip


@pytest.fixture
async def sandbox(tmp_path: Path) -> AsyncIterator[Playing]:
    async with playing(tmp_path) as parts:
        yield parts


async def ask(sandbox: Playing, path: str, headers: dict[str, str]) -> tuple[int, Any]:
    url = URL(path, encoded=True)
    async with sandbox.client.get(url, headers=headers) as answer:
        assert answer.content_type == "application/json"
        return answer.status, json.loads(await answer.read(), parse_float=Decimal)


def paths(slug: str) -> list[Any]:
    return [pytest.param(p, id=f"{'>'.join(p.steps)}={p.state}") for p in SIMULATIONS[slug].paths]


def whole(sandbox: Playing, slug: str, path: Steps, number: int) -> Any:  # noqa: ANN401 - a standing
    life = SIMULATIONS[slug].live(path, Names(OPTIONS.mark, number), Random(number), BORN)
    return sandbox.put(slug, life, len(path.steps))


@pytest.mark.parametrize("path", paths("clip"))
@pytest.mark.parametrize("number", [1, 2])
async def test_clip_ends_as_asked(sandbox: Playing, path: Steps, number: int) -> None:
    standing = whole(sandbox, "clip", path, number)
    asked = standing.known.asked
    status, link = await ask(sandbox, f"/clip/v2/checkout/{standing.ref}", CLIP)
    assert (status, link["object_type"]) == (200, "payment_link")
    assert (link["amount"], link["currency"]) == (asked.amount, asked.currency)
    state, back = CHECKOUT[link["status"]], Decimal(0)
    status, refund = await ask(sandbox, f"/clip/refunds/{standing.ref}", CLIP)
    if status == 200 and refund["status"] == "approved":
        back = refund["amount"]
        state = "refunded" if back == link["amount"] else "partially_refunded"
    seen = standing.known.unseen.get(DISPUTED, asked)
    assert (state, back) == (seen.state, seen.refunded)


@pytest.mark.parametrize("path", paths("mobbex"))
async def test_mobbex_ends_as_asked(sandbox: Playing, path: Steps) -> None:
    standing = whole(sandbox, "mobbex", path, 1)
    asked = standing.known.asked
    _, told = await ask(sandbox, f"/mobbex/operations/{standing.ref}", MOBBEX)
    payment = told["data"]["transaction"]["payment"]
    assert told["result"] is True
    assert (payment["id"], payment["total"]) == (asked.ref, asked.amount)
    assert CODES[payment["status"]["code"]] == asked.state
    assert told["data"]["transactions"][0]["status"] == payment["status"]["code"]


@pytest.mark.parametrize("path", paths("safe2pay"))
@pytest.mark.parametrize("number", [1, 2])
async def test_safe2pay_ends_as_asked(sandbox: Playing, path: Steps, number: int) -> None:
    standing = whole(sandbox, "safe2pay", path, number)
    asked = standing.known.asked
    _, told = await ask(sandbox, f"/safe2pay/v2/transaction/Get?Id={standing.ref}", SAFE2PAY)
    detail = told["ResponseDetail"]
    assert (told["HasError"], str(detail["IdTransaction"])) == (False, asked.ref)
    assert isinstance(detail["Status"], str if number % 2 else int)
    assert detail["Amount"] == asked.amount
    lines = [line["Amount"] for line in detail["CheckingAccounts"]]
    if str(detail["Status"]) == "6":
        gone = -sum(amount for amount in lines if amount < 0)
        all_gone = gone == sum(amount for amount in lines if amount > 0)
        assert asked.state == ("refunded" if all_gone else "partially_refunded")
    else:
        assert STATUSES[str(detail["Status"])] == asked.state
        assert all(amount > 0 for amount in lines)


async def test_query_tells_of_this_moment(sandbox: Playing) -> None:
    """It shows what has happened so far, and the step that follows as soon as it has."""
    life = live("clip", ("CHECKOUT CREATED", "CHECKOUT EXPIRED", "CHECKOUT COMPLETED"))
    seen = []
    for reached in (1, 2, 3):
        standing = sandbox.put("clip", life, reached)
        _, link = await ask(sandbox, f"/clip/v2/checkout/{standing.ref}", CLIP)
        seen.append((link["status"], link["expired_at"] is not None, "receipt_no" in link))
    assert seen == [
        ("CHECKOUT_CREATED", False, False),
        ("CHECKOUT_EXPIRED", True, False),
        ("CHECKOUT_COMPLETED", False, True),
    ]


async def test_paid_order_never_expires(sandbox: Playing) -> None:
    standing = sandbox.put("mobbex", live("mobbex", ("checkout 200", "checkout:expired 401")), 2)
    _, told = await ask(sandbox, f"/mobbex/operations/{standing.ref}", MOBBEX)
    assert told["data"]["transaction"]["payment"]["status"]["code"] == "200"


async def test_numbers_are_exact(sandbox: Playing) -> None:
    """Pesos with the digits that they have, and no float on the way."""
    standing = sandbox.put("clip", live("clip", ("CHECKOUT CREATED",)), 1)
    async with sandbox.client.get(f"/clip/v2/checkout/{standing.ref}", headers=CLIP) as answer:
        assert f'"amount": {standing.known.amount}'.encode() in await answer.read()


async def test_refund_is_found_by_each_of_its_names(sandbox: Playing) -> None:
    life = live("clip", ("CHECKOUT CREATED", "CHECKOUT COMPLETED", "REFUND APPROVED"))
    standing = sandbox.put("clip", life, 2)
    names = standing.known.names
    known = [
        standing.ref, names.uuid("refund"), names.uuid("transaction"), names.word("receipt", 7),
    ]  # fmt: skip
    assert [(await ask(sandbox, f"/clip/refunds/{n}", CLIP))[0] for n in known] == [404] * 4
    standing.reached = 3
    found = [(await ask(sandbox, f"/clip/refunds/{name}", CLIP))[1]["id"] for name in known]
    assert found == [names.uuid("refund")] * 4


async def test_nobody_is_answered_without_credentials(sandbox: Playing) -> None:
    wrong = [
        ("/clip/v2/checkout/x", {}, 401),
        ("/clip/v2/checkout/x", basic("dev-clip-api-key", "no"), 401),
        ("/clip/refunds/x", {"Authorization": "Basic !"}, 401),
        ("/mobbex/operations/x", MOBBEX | {"x-access-token": "no"}, 401),
        ("/mobbex/operations?reference=x", {}, 401),
        ("/safe2pay/v2/transaction/Get?Id=1", {"X-API-KEY": ""}, 401),
    ]
    for path, headers, expected in wrong:
        status, told = await ask(sandbox, path, headers)
        assert status == expected
        assert "dev-" not in json.dumps(told)


async def test_nothing_found_in_each_dialect(sandbox: Playing) -> None:
    assert (await ask(sandbox, "/clip/v2/checkout/x", CLIP))[0] == 404
    status, told = await ask(sandbox, "/mobbex/operations/x", MOBBEX)
    assert (status, told["result"]) == (200, False)
    status, told = await ask(sandbox, "/safe2pay/v2/transaction/Get?Id=1", SAFE2PAY)
    assert (status, told["HasError"], told["ResponseDetail"]) == (200, True, None)


async def test_references_find_their_objects(sandbox: Playing) -> None:
    reference = f"sim-{OPTIONS.mark}-1"
    mobbex = sandbox.put("mobbex", live("mobbex", ("checkout 200",)), 1)
    safe2pay = sandbox.put("safe2pay", live("safe2pay", ("3",)), 1)
    _, told = await ask(sandbox, f"/mobbex/operations/ref%5C{reference}", MOBBEX)
    assert told["data"]["transaction"]["payment"]["id"] == mobbex.ref
    _, told = await ask(sandbox, f"/mobbex/operations?reference={reference}&limit=50", MOBBEX)
    assert [each["uid"] for each in told["data"]["transactions"]] == [mobbex.ref]
    path = f"/safe2pay/v2/transaction/Reference?reference={reference}"
    _, told = await ask(sandbox, path, SAFE2PAY)
    detail = told["ResponseDetail"]
    assert detail["TotalItems"] == 1
    assert str(detail["Objects"][0]["IdTransaction"]) == safe2pay.ref


@pytest.mark.parametrize("odd", ["limit=51", "limit=0", "page=-1", "page=x"])
async def test_pages_have_bounds(sandbox: Playing, odd: str) -> None:
    assert (await ask(sandbox, f"/mobbex/operations?{odd}", MOBBEX))[1]["result"] is False


async def test_clip_may_be_behind(tmp_path: Path) -> None:
    """A notice may come before the API shows the payment: asked again, it is there."""
    async with playing(tmp_path, faults=ApiFaults(behind=0.5)) as sandbox:
        standing = sandbox.put("clip", live("clip", ("CHECKOUT CREATED",)), 1)
        path = f"/clip/v2/checkout/{standing.ref}"
        found = [(await ask(sandbox, path, CLIP))[0] for _ in range(60)]
    assert {200, 404} == set(found)
    assert 15 < found.count(404) < 45
