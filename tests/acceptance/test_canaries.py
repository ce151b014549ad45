"""Nobody's data gets out: a canary in every personal field of every payload, and everything is searched.

Every payload of the corpora goes through a whole stack at debug level. Searched are the logs of all processes
and servers, their metrics, the messages of the public exchange with their headers, what the operator's commands
print (the lost-and-found, checks and acts among them), what the port for operators and senders are answered, and
all tables, in which raw bodies rest encrypted. `caudal parked show` prints a raw body, because it is asked to:
that shows that the canaries were there.
"""

import asyncio
import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Final

import aio_pika
import asyncpg
import pytest

from libs.providers.registry import PROVIDERS
from tests.acceptance import canary_desk
from tests.acceptance.canaries import Canaries
from tests.acceptance.canary_desk import (
    LOUD,
    RIGHT,
    WRONG,
    answers,
    drained,
    metrics,
    run_all,
    worker,
)
from tests.acceptance.documented import check
from tests.acceptance.stack import Answer, Request, Stack, source
from tests.processes import wait_until
from tests.providers.corpora import samples

pytestmark = [pytest.mark.servers, pytest.mark.slow]

LOCKED: Final = f'{{ kind = "query_token", parameter = "token", secrets = ["literal:{RIGHT}"] }}'
# with a signature, whose body has to be read before it is refused
SIGNED: Final = '{ kind = "hmac", algorithm = "sha256", header = "X-Signature", secrets = ["literal:of-nobody-3"] }'
SOURCES: Final = source("signed", "safe2pay", SIGNED) + "".join(
    source(slug, slug, '{ kind = "none" }') + source(f"{slug}-locked", slug, LOCKED)
    for slug in PROVIDERS
)
COMMANDS: Final = (
    ("objects", "list"),
    ("parked", "list"),
    ("parked", "groups"),
    ("sources", "status"),
    ("overdue", "list"),
)
# What most payloads of a provider are about: here each is about an object of its own, so that all are told.
USUAL: Final = {
    "clip": b"e1961597-eccd-4bf5-94f3-c343d529caaa",
    "payu": b"7202a9a7-ef51-4202-bd23-e604f9cbb25b",
    "conectados": b'"transaction_id": 12345',
    "mobbex": b"5dyoqM7kH",
    "safe2pay": b"71585474",
}
SECONDS: Final = 60.0
LISTED: Final = 2  # objects, and parked deliveries, that are looked at one by one


@dataclass
class Run:
    """One run: what was planted, and where it is searched, by the name of the place."""

    stack: Stack
    canaries: Canaries = field(default_factory=Canaries)
    places: dict[str, str] = field(default_factory=dict)
    posted: int = 0
    raw: str = ""
    database: str = ""
    locked: dict[str, Request] = field(default_factory=dict)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    home = tmp_path_factory.mktemp("canaries")
    with ExitStack() as stack:
        up = stack.enter_context(
            Stack(home, "--data-dir", str(home / "data"), sources=SOURCES, env=LOUD)
        )
        workers = {
            role: stack.enter_context(worker(up, role)) for role in ("normalizer", "reconciler")
        }
        for log, port in workers.values():
            assert wait_until(partial(answers, port), seconds=SECONDS), log.read_text()
        found = Run(up)
        everything_posted(found)
        read_commands(found)
        found.places["metrics of the ingress"] = metrics(up.line["ingress_url"])
        for role, (_, port) in workers.items():
            found.places[f"metrics of the {role}"] = metrics(f"http://127.0.0.1:{port}")
        asyncio.run(read_servers(found))
        for role, (log, _) in workers.items():
            found.places[f"log of the {role}"] = log.read_text(errors="replace")
        found.places["log of the stack"] = up.log()
        for log in (home / "data").rglob("*.log"):
            if text := log.read_text(errors="replace"):
                found.places[f"log {log.name} of a server"] = text
        yield found


def everything_posted(run: Run) -> None:
    requests = []
    for number, sample in enumerate(samples()):
        fields = PROVIDERS[sample.provider].personal_fields
        usual = USUAL[sample.provider]
        own = sample.body.replace(usual, usual[:-4] + b"%04d" % number)
        body = run.canaries.plant(sample.provider, sample.situation, own, fields)
        told = sample.expected.get("delivery", {}).get("content_type", "application/json")
        headers = {"Content-Type": told} if told else {}
        requests.append(Request(f"/webhooks/{sample.provider}", body, headers))
    answered = run.stack.send_all(requests, at_once=8)
    for request, answer in zip(requests, answered, strict=True):
        if answer.status < 300:
            run.locked[f"{request.path.split('/')[2]}-locked"] = request
    for token, wanted in ((RIGHT, {200, 201}), (WRONG, {401})):
        shown = run.stack.send_all(
            [
                replace(each, path=f"/webhooks/{slug}?token={token}")
                for slug, each in run.locked.items()
            ]
        )
        assert {answer.status for answer in shown} <= wanted
        answered += shown
    forged_body = run.locked["safe2pay-locked"].body
    forged = Request("/webhooks/signed", forged_body, {"X-Signature": "00" * 32})
    assert run.stack.send(forged).status == 401
    run.posted = sum(answer.status < 300 for answer in answered)
    assert {answer.status for answer in answered} <= {200, 201, 400, 401}
    run.places["answers to senders"] = "\n".join(map(_shown, answered))
    assert wait_until(
        lambda: asyncio.run(drained(run.stack.line["postgres_dsn"], run.posted)), seconds=SECONDS
    )


def _shown(answer: Answer) -> str:
    return f"{answer.status} {answer.content_type} {answer.body!r}"


async def read_servers(run: Run) -> None:
    """Take all messages of the public exchange, and everything that the database holds."""
    connection = await aio_pika.connect(run.stack.line["amqp_url"])
    async with connection:
        channel = await connection.channel()
        queue = await channel.get_queue("caudal.events.all", ensure=False)
        messages = []
        while message := await queue.get(no_ack=True, fail=False):
            messages.append(f"{message.info()!r} {message.body.decode()}")
    run.places["public exchange"] = "\n".join(messages)
    assert len(messages) > 300
    database = await asyncpg.connect(run.stack.line["postgres_dsn"])
    try:
        rows = await database.fetch("select encode(body, 'escape') as body from deliveries")
        run.database = "\n".join(row["body"] for row in rows)
    finally:
        await database.close()


def read_commands(run: Run) -> None:
    """Run what an operator runs, as a table and as JSON."""
    objects: list[Any] = run.stack.ask("objects", "list")
    parked: list[Any] = run.stack.ask("parked", "list")
    run.places["caudal parked list --json"] = json.dumps(parked, ensure_ascii=False)
    run.places["caudal objects list --json"] = json.dumps(objects, ensure_ascii=False)
    asked: list[tuple[str, ...]] = [*COMMANDS, *((*each, "--json") for each in COMMANDS[2:])]
    declined = [each for each in objects if each["failure_reason"]]
    asked += [
        ("objects", "show", each["provider_ref"], "--json")
        for each in (*objects[:LISTED], *declined[:LISTED])
    ]
    shown = [each["delivery_id"] for each in parked[:: max(1, len(parked) // LISTED)]]
    raw = [("parked", "show", delivery, "--json") for delivery in shown]
    ran = run_all(run.stack, [*asked, *raw])
    for command, done in zip(asked, ran, strict=False):
        assert done.returncode == 0, done.stderr
        run.places[f"caudal {' '.join(command)}"] = done.stdout + done.stderr
    for done in ran[len(asked) :]:
        told = json.loads(done.stdout)
        run.raw += told.pop("body")
        run.places["readings of caudal parked show"] = json.dumps(told["readings"])
    dsn = run.stack.line["postgres_dsn"]
    run.places |= canary_desk.look_at_what_was_lost(run.stack)
    run.places |= canary_desk.check(run.stack, run.locked, asyncio.run(canary_desk.on_file(dsn)))
    run.places |= canary_desk.act(run.stack, objects, parked)
    run.places |= asyncio.run(canary_desk.tables(dsn))


def test_no_canary_is_anywhere(run: Run) -> None:
    found = {place: run.canaries.in_text(text)[:5] for place, text in run.places.items()}

    assert {place: canaries for place, canaries in found.items() if canaries} == {}


def test_every_place_was_searched(run: Run) -> None:
    assert run.posted > 700
    assert len(run.canaries.planted) > 4_000
    assert all(run.places.values()), [place for place, text in run.places.items() if not text]
    for event in ("delivery_accepted", "delivery_translated", "batch_applied"):
        logs = [text for place, text in run.places.items() if place.startswith("log of")]
        assert any(event in text for text in logs), event
    # what is looked for can be found: the same search in bodies that were asked for
    assert run.canaries.in_text(run.raw)


@pytest.mark.parametrize("role", ["ingress", "normalizer", "reconciler"])
def test_metrics_are_those_that_are_documented(run: Run, role: str) -> None:
    """Each process tells every name, no other, and of a label that is listed no other value."""
    check(run.places[f"metrics of the {role}"], role)


def test_card_numbers_are_nowhere_whole(run: Run) -> None:
    """Also not in the bodies that are kept, and in those that `parked show` prints."""
    assert run.canaries.cards_in(run.database + run.raw) == []
    assert "450799******" in run.database
    assert "450799******" in run.raw


def test_the_search_finds_what_it_looks_for() -> None:
    """Each canary that was planted is found where it was planted: the search is not blind."""
    canaries, bare = Canaries(), 0
    for sample in samples():
        before = set(canaries.planted)
        fields = PROVIDERS[sample.provider].personal_fields
        body = canaries.plant(sample.provider, sample.situation, sample.body, fields)
        new = {canaries.planted[each] for each in canaries.planted.keys() - before}
        text = body.decode("latin-1").replace("%40", "@").replace("%2B", "+")
        assert new <= set(canaries.in_text(text)), sample.situation
        bare += not new
    assert bare < 10  # bodies in which there is no place for a person
