"""Which calls are made for one object, and what counts as an answer; no secret is shown anywhere."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Final

import pytest

from libs.contracts.delivery import Delivery, Origin
from libs.domain.lifecycle import Authority
from libs.providers.asking import (
    Asked,
    BrokenOffError,
    FailedQueryError,
    LimitedError,
    NotAskableError,
    NotAuthorizedError,
    NotThereError,
    Query,
    Reply,
    Wanted,
)
from libs.providers.clients import CLIENTS
from libs.providers.registry import PROVIDERS
from services.normalizer.translate import Translator
from services.replay.reentry import replay_of

SECRET: Final = "s3cr3t-value"
CREDENTIALS: Final[Mapping[str, Mapping[str, str]]] = MappingProxyType(
    {slug: dict.fromkeys(client.credentials, SECRET) for slug, client in CLIENTS.items()}
)
LINK: Final = "7f3c1d52-0a44-4c1e-9d0b-5b1f6f8e2a10"
CHARGE: Final = "11111111-2222-4333-8444-555555555555"
REFS: Final = {"clip": LINK, "mobbex": "5dyoqM7kH", "safe2pay": "71585474"}


class Line:
    """Answers by path and parameters, and keeps what was asked."""

    def __init__(self, answer: Callable[[Query], Reply]) -> None:
        self._answer = answer
        self.asked: list[Query] = []

    async def send(self, query: Query) -> Reply:
        self.asked.append(query)
        return self._answer(query)


def reply(told: object = None, status: int = 200) -> Reply:
    return Reply(status=status, body=json.dumps(told).encode(), content_type="application/json")


def ask(slug: str, line: Line, *names: str, ref: str | None = None) -> tuple[Asked, ...]:
    wanted = Wanted(provider_ref=ref or REFS[slug], names=names)
    return asyncio.run(CLIENTS[slug].ask(line.send, CREDENTIALS[slug], wanted))


def find(slug: str, line: Line, reference: str) -> tuple[str, ...]:
    return asyncio.run(CLIENTS[slug].find(line.send, CREDENTIALS[slug], reference))


def always(told: object = None, status: int = 200) -> Line:
    return Line(lambda _: reply(told, status))


def test_clip_asks_for_refunds_of_what_was_paid() -> None:
    """By each other name, charges first; what is not there is no refund."""

    def answer(query: Query) -> Reply:
        if query.path.startswith("/v2/"):
            return reply({"status": "CHECKOUT_COMPLETED", "receipt_no": "aB3dE5f"})
        return reply({"id": "r"}) if CHARGE in query.path else reply(status=404)

    line = Line(answer)
    answers = ask("clip", line, "zZ9", CHARGE)
    assert [query.path for query in line.asked] == [
        f"/v2/checkout/{LINK}",
        f"/refunds/{CHARGE}",
        "/refunds/zZ9",
        "/refunds/aB3dE5f",
    ]
    assert [each.route_event for each in answers] == [
        f"checkout/{LINK}",
        f"refund/{LINK}/{CHARGE}",
    ]


@pytest.mark.parametrize("slug", CLIENTS)
def test_client_makes_no_more_calls_than_it_says(slug: str) -> None:
    """However many names an object has; each of them may be refused, and the last be the one."""

    def answer(query: Query) -> Reply:
        if slug == "clip":
            link = {"status": "CHECKOUT_COMPLETED", "receipt_no": "aB3dE5f"}
            return reply(link) if query.path.startswith("/v2/") else reply(status=404)
        return reply({"result": True, "data": {}, "ResponseDetail": {}})

    line = Line(answer)
    ask(slug, line, *(f"name-{n}" for n in range(9)))
    assert len(line.asked) == CLIENTS[slug].calls


def test_clip_tells_what_came_before_a_failure() -> None:
    def answer(query: Query) -> Reply:
        if "checkout" in query.path:
            return reply({"payment_request_id": LINK, "status": "CHECKOUT_COMPLETED"})
        return reply(status=500)

    with pytest.raises(BrokenOffError) as broken:
        ask("clip", Line(answer), CHARGE)
    assert [each.route_event for each in broken.value.answers] == [f"checkout/{LINK}"]
    assert isinstance(broken.value.cause, FailedQueryError)


def test_clip_asks_for_no_refund_of_what_was_not() -> None:
    line = always({"status": "CHECKOUT_PENDING"})
    ask("clip", line, CHARGE)
    assert len(line.asked) == 1


def test_clip_shows_its_credentials_as_basic() -> None:
    line = always({"status": "CHECKOUT_PENDING"})
    ask("clip", line)
    pair = base64.b64encode(f"{SECRET}:{SECRET}".encode()).decode()
    assert line.asked[0].headers["Authorization"] == f"Basic {pair}"
    with pytest.raises(NotAskableError):
        find("clip", line, "MX-1")


def test_mobbex_asks_by_id_with_its_letters() -> None:
    line = always({"result": True, "data": {}})
    [answer] = ask("mobbex", line, ref="aB/c?d")
    assert line.asked[0].path == "/operations/aB%2Fc%3Fd"
    assert answer.route_event == "operation/aB/c?d"
    assert line.asked[0].headers["x-api-key"] == SECRET


@pytest.mark.parametrize("ref", ["checkout:KXW4", "execution:1"])
def test_mobbex_asks_for_operations_alone(ref: str) -> None:
    assert not CLIENTS["mobbex"].askable(ref)
    with pytest.raises(NotAskableError):
        ask("mobbex", always({}), ref=ref)


def test_mobbex_finds_by_the_list_then_by_the_path() -> None:
    """A list that ignored the filter tells of others too."""
    listed = {"result": True, "data": {"transactions": [
        {"uid": "one", "reference": "0001"}, {"uid": "two", "reference": "0002"}, {"uid": "three"},
    ]}}  # fmt: skip
    assert find("mobbex", always(listed), "0001") == ("one", "three")

    def answer(query: Query) -> Reply:
        if query.path == "/operations":
            return reply({"result": True, "data": {"transactions": []}})
        return reply({"result": True, "data": {"transaction": {"payment": {"id": "four"}}}})

    line = Line(answer)
    assert find("mobbex", line, "00/1") == ("four",)
    assert line.asked[1].path == "/operations/ref%5C00%2F1"


def test_safe2pay_asks_by_number_and_finds_by_reference() -> None:
    line = always({"ResponseDetail": {"Status": "3"}, "HasError": False})
    [answer] = ask("safe2pay", line)
    assert (line.asked[0].path, line.asked[0].parameters) == (
        "/v2/transaction/Get",
        {"Id": "71585474"},
    )
    assert answer.route_event == "transaction/71585474"
    objects = [{"IdTransaction": 7}, {"IdTransaction": "8"}, {"IdTransaction": 7}, {}, None]
    found = always({"ResponseDetail": {"TotalItems": 3, "Objects": objects}, "HasError": False})
    assert find("safe2pay", found, "ORD-1") == ("7", "8")
    assert not CLIENTS["safe2pay"].askable("7a")


NOT_THERE: Final[tuple[tuple[str, Line], ...]] = (
    ("clip", always(status=404)),
    ("mobbex", always(status=404)),
    ("mobbex", always({"result": False, "code": "OPERATIONS:NOT_FOUND"})),
    ("mobbex", always({"result": False, "error": "Operación no encontrada"})),
    ("safe2pay", always({"HasError": True, "Error": "Transação não encontrada"})),
    ("safe2pay", always({"HasError": False, "ResponseDetail": None})),
)
FAILED: Final[tuple[tuple[str, Line], ...]] = (
    ("clip", always(status=400)),
    ("mobbex", always({"result": False, "code": "X", "error": "otra cosa"})),
    ("mobbex", always([1])),
    ("mobbex", always({"result": "true"})),
    ("safe2pay", always({"HasError": True, "Error": "Token expirado"})),
    ("safe2pay", always("nothing")),
)
DENIED: Final = tuple((slug, always({}, status)) for slug in CLIENTS for status in (401, 403))


@pytest.mark.parametrize(
    ("slug", "line", "error"),
    [
        *((slug, line, NotThereError) for slug, line in NOT_THERE),
        *((slug, line, FailedQueryError) for slug, line in FAILED),
        *((slug, line, NotAuthorizedError) for slug, line in DENIED),
        ("clip", always(status=412), LimitedError),
    ],
)
def test_what_is_no_answer_has_a_name(slug: str, line: Line, error: type[Exception]) -> None:
    with pytest.raises(error) as caught:
        ask(slug, line)
    assert SECRET not in repr(caught.value)


def test_secrets_stand_in_no_repr() -> None:
    for slug in CLIENTS:
        line = always(
            {"result": True, "HasError": False, "ResponseDetail": {"Status": 3}, "status": "x"}
        )
        answers = ask(slug, line)
        shown = repr(line.asked) + repr(answers)
        assert SECRET not in shown
        assert base64.b64encode(f"{SECRET}:{SECRET}".encode()).decode() not in shown


def test_every_client_names_an_address_with_tls() -> None:
    told: dict[str, Any] = {slug: client.base_url for slug, client in CLIENTS.items()}
    assert told == {
        "clip": "https://api.payclip.com",
        "mobbex": "https://api.mobbex.com/p",
        "safe2pay": "https://api.safe2pay.com.br",
    }


def test_replayed_answer_is_still_an_answer() -> None:
    """A replay has an origin of its own; who said it stays."""
    body = json.dumps({"payment_request_id": LINK, "status": "CHECKOUT_COMPLETED", "amount": 5})
    answer = Delivery(
        id="01900000-0000-7000-8000-000000000001",
        source="clip",
        provider="clip",
        body=body.encode(),
        received_at=datetime(2026, 3, 2, 12, tzinfo=UTC),
        authority=Authority.POLL,
        origin=Origin.POLL,
        route_event=f"checkout/{LINK}",
    )
    again = replay_of(answer)
    assert again.origin is Origin.REPLAY
    translator = Translator(PROVIDERS, {})
    assert translator.readings_of(again) == translator.readings_of(answer)
