"""A provider that answers, and an operator's commands: what is overdue, and what asking now changes."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

import pytest

from tests.acceptance.rows import JSON, encoded
from tests.acceptance.stack import Json, Request, Stack, source
from tests.processes import wait_until

pytestmark = [pytest.mark.servers, pytest.mark.slow]

PAYMENT: Final = "7f3c1d52-0a44-4c1e-9d0b-5b1f6f8e2a10"
UNKNOWN: Final = "0e3c1d52-0a44-4c1e-9d0b-5b1f6f8e2a11"
POKED: Final = "1e3c1d52-0a44-4c1e-9d0b-5b1f6f8e2a12"
SECRETS: Final = ("very-secret-key", "very-secret-token")
SECONDS: Final = 60.0
NONE: Final = '{ kind = "none" }'


class Api(BaseHTTPRequestHandler):
    """Clip and Mobbex; what is not in `answers` is not there."""

    answers: dict[str, Any] = {}  # noqa: RUF012 - the tests' own
    asked: list[str] = []  # noqa: RUF012 - the same

    def do_GET(self) -> None:
        self.asked.append(self.path)
        told = self.answers.get(self.path)
        body = json.dumps(told or {"code": "payclip.not.found"}).encode()
        self.send_response(404 if told is None else 200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def api() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Api)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def sources(url: str) -> str:
    clip = [
        f'api = {{ base_url = "{url}/clip", credentials = {{ api_key = "literal:{SECRETS[0]}", secret_key = "literal:{SECRETS[1]}" }} }}'
    ]
    mobbex = [
        f'api = {{ base_url = "{url}/mobbex", credentials = {{ api_key = "literal:{SECRETS[0]}", access_token = "literal:{SECRETS[1]}" }} }}'
    ]
    return (
        source("clip", "clip", NONE, clip)
        + source("mobbex", "mobbex", NONE, mobbex)
        + source("conectados", "conectados", NONE)
        + '[providers.conectados.overdue]\ndefault = ["1s", "1h"]\n'
    )


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    home: Path = tmp_path_factory.mktemp("polling") / "home"
    with api() as url, Stack(home, sources=sources(url)) as running:
        yield running


def link(ref: str, status: str) -> Json:
    return {"payment_request_id": ref, "status": status, "amount": 1499.5, "currency": "MXN"}


def created(ref: str) -> Json:
    return {
        "id": ref,
        "payment_request_id": ref,
        "resource": "CHECKOUT",
        "resource_status": "CREATED",
    }


def post(stack: Stack, slug: str, body: object) -> None:
    assert stack.send(Request(f"/webhooks/{slug}", encoded(body), JSON)).status in (200, 201)


def poll(stack: Stack, *arguments: str) -> Any:  # noqa: ANN401 - what it prints
    return stack.ask(
        "poll", *arguments, "--sources", str(stack.home / "sources.toml"), "--wait", "30"
    )


def state(stack: Stack, ref: str) -> str | None:
    return next((o["state"] for o in stack.objects() if o["provider_ref"] == ref), None)


def test_asking_now_shows_before_and_after(stack: Stack) -> None:
    post(stack, "clip", created(PAYMENT))
    assert wait_until(lambda: state(stack, PAYMENT) == "created", seconds=SECONDS)
    Api.answers[f"/clip/v2/checkout/{PAYMENT}"] = link(PAYMENT, "CHECKOUT_COMPLETED")
    [done] = poll(stack, PAYMENT)
    assert (done["before"]["state"], done["after"]["state"]) == ("created", "paid")
    assert done["after"]["amount"] == "1499.50"
    assert done["folded"] is True
    [again] = poll(stack, PAYMENT)
    assert again["changed"] == []


def test_unknown_object_is_asked_for_by_its_source(stack: Stack) -> None:
    Api.answers[f"/clip/v2/checkout/{UNKNOWN}"] = link(UNKNOWN, "CHECKOUT_EXPIRED")
    [done] = poll(stack, f"clip/{UNKNOWN}")
    assert (done["before"], done["after"]["state"]) == (None, "expired")


def test_reference_finds_every_object_that_has_it(stack: Stack) -> None:
    uids = ("aaaaaaaa1", "aaaaaaaa2")
    Api.answers["/mobbex/operations?page=0&limit=50&reference=000123"] = {
        "result": True,
        "data": {"transactions": [{"uid": uid, "reference": "000123"} for uid in uids]},
    }
    for uid, code in zip(uids, ("400", "200"), strict=True):
        payment = {
            "id": uid, "status": {"code": code}, "total": 10, "currency": {"code": "ARS"},
            "reference": "000123", "updated": "2026-01-15T10:21:40.318Z",
        }  # fmt: skip
        Api.answers[f"/mobbex/operations/{uid}"] = {
            "result": True,
            "data": {"transaction": {"result": True, "payment": payment}},
        }
    done = poll(stack, "000123", "--source", "mobbex", "--by-reference")
    assert [each["after"]["state"] for each in done] == ["declined", "paid"]


def test_short_notice_is_answered_by_itself(stack: Stack) -> None:
    """Three pokes, one question, and nobody has to do anything."""
    Api.answers[f"/clip/v2/checkout/{POKED}"] = link(POKED, "CHECKOUT_PENDING")
    for _ in range(3):
        post(stack, "clip", {"id": POKED, "origin": "checkout-api", "event_type": "UPDATE"})
    assert wait_until(lambda: state(stack, POKED) == "pending", seconds=SECONDS)
    assert 1 <= Api.asked.count(f"/clip/v2/checkout/{POKED}") <= 3


def test_what_nobody_can_ask_is_listed_for_a_person(stack: Stack) -> None:
    approval = {
        "event_type": "sale_conditions_approved",
        "transaction_id": 4711,
        "code": 0,
        "state": "created",
    }
    post(stack, "conectados", approval)
    asked = ("overdue", "list", "--provider", "conectados")
    assert wait_until(lambda: bool(stack.ask(*asked)), seconds=SECONDS)
    [listed] = stack.ask(*asked)
    assert (listed["provider_ref"], listed["why"], listed["task"]) == ("4711", "overdue", "person")
    assert "ask a person" in stack.caudal("overdue", "list").stdout
    assert stack.ask("overdue", "list", "--provider", "payu") == []


@pytest.mark.parametrize(
    ("ref", "why"),
    [
        ("4711", "no query that is known"),
        ("nobody", "SOURCE/REFERENCE"),
        ("clip/not-a-uuid", "no query for"),
        ("clip/2e3c1d52-0a44-4c1e-9d0b-5b1f6f8e2a13", "knows no such object"),
    ],
)
def test_failure_says_why(stack: Stack, ref: str, why: str) -> None:
    ran = stack.caudal("poll", ref, "--sources", str(stack.home / "sources.toml"))
    assert (ran.returncode, ran.stdout) == (1, "")
    assert why in ran.stderr
    assert not any(secret in ran.stderr for secret in SECRETS)
