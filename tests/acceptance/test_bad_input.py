"""Whatever is thrown at the five doors: a clear 4xx, or parked; and the next good webhook flows."""

import asyncio
import gzip
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import asyncpg
import pytest

from tests.acceptance import rows_clip, rows_conectados, rows_mobbex, rows_payu, rows_safe2pay
from tests.acceptance.rows import JSON, encoded, form, identifier, number
from tests.acceptance.stack import Answer, Request, Stack, source
from tests.processes import wait_until

pytestmark = [pytest.mark.servers, pytest.mark.slow]

PROVIDERS: Final = ("clip", "payu", "conectados", "mobbex", "safe2pay")
TOKEN: Final = "tok-Qm83-neither-stored-nor-logged"
HEADER_TOKEN: Final = "hdr-Vn27-neither-stored-nor-logged"
KEY: Final = "C0FFEE42" * 8
EARLIER_KEY: Final = "BEEFBEEF" * 8
WRONG: Final = "wrong-Lp55-neither-stored-nor-logged"
SALE_CODE: Final = "sale-code-Jk91"
QUERY: Final = f'{{ kind = "query_token", parameter = "token", secrets = ["literal:{TOKEN}"] }}'
SOURCES: Final = "".join(
    (
        *(source(provider, provider, QUERY) for provider in ("clip", "payu", "mobbex")),
        source(
            "conectados",
            "conectados",
            '{ kind = "header_token", header = "X-Our-Token", secrets = ["env:OUR_TOKEN"] }',
            ['path = "/shop/events"'],
        ),
        source(
            "safe2pay",
            "safe2pay",
            '{ kind = "body_field", field = "SecretKey", '
            f'secrets = ["literal:{KEY}", "literal:{EARLIER_KEY}"] }}',
        ),
        source(
            "closed",
            "clip",
            '{ kind = "query_token", parameter = "token", secrets = ["env:EMPTY"] }',
        ),
        source("open", "safe2pay", '{ kind = "none" }'),
    )
)
ENVIRONMENT: Final = {"OUR_TOKEN": HEADER_TOKEN, "EMPTY": ""}


def good(provider: str, name: str) -> dict[str, object]:
    """Return a notice of a payment, or a payout, that is paid."""
    return {
        "clip": rows_clip.full(name, *rows_clip.PAID[:3]),
        "payu": rows_payu.notice(name, None, "CONFIRMED_BY_THE_BANK"),
        "conectados": rows_conectados.event(name, "sale_created", approval_sale_code=SALE_CODE),
        "mobbex": rows_mobbex.notice(name, "200"),
        "safe2pay": rows_safe2pay.notice(name, 3, SecretKey=KEY),
    }[provider]


def reference(provider: str, name: str) -> str:
    if provider in {"clip", "payu"}:
        return identifier(name)
    return rows_mobbex.uid(name) if provider == "mobbex" else str(number(name))


def request(
    provider: str,
    body: bytes | list[bytes],
    headers: Mapping[str, str] = JSON,
    method: str = "POST",
) -> Request:
    """Return a request that its source lets in."""
    path = f"/webhooks/{provider}" + (f"?token={TOKEN}" if provider in "clip payu mobbex" else "")
    own = {"X-Our-Token": HEADER_TOKEN} if provider == "conectados" else {}
    return Request(path, body, {**headers, **own}, method)


def nested(depth: int) -> bytes:
    return b'{"a":' * depth + b"1" + b"}" * depth


def beside(provider: str, name: str, member: bytes) -> bytes:
    """Return a good body with one more member, written as given."""
    return encoded(good(provider, name))[:-1] + b"," + member + b"}"


def bad_bodies(provider: str) -> dict[str, bytes]:
    fields = good(provider, "wrong types")
    return {
        "not json": b"<xml>hello</xml>",
        "empty": b"",
        "five megabytes": beside(provider, "large", b'"pad":"' + b"x" * 5_000_000 + b'"'),
        "deep": nested(100_000),
        "deep inside": beside(provider, "deep", b'"pad":' + nested(1_000)),
        "nul escaped": beside(provider, "nul", b'"pad":"a\\u0000b"'),
        "nul": beside(provider, "nul raw", b'"pad":"a\x00b"'),
        "lone surrogate": beside(provider, "surrogate", b'"pad":"\\ud800"'),
        "not a number": beside(provider, "nan", b'"pad":NaN'),
        "infinity": beside(provider, "infinity", b'"pad":-Infinity'),
        "key twice": beside(provider, "twice", b'"pad":1,"pad":2'),
        "huge integer": beside(provider, "huge", b'"pad":' + b"9" * 10_000),
        "lists": json.dumps({key: [value] for key, value in fields.items()}).encode(),
        "nulls": json.dumps(dict.fromkeys(fields)).encode(),
        "a list": b"[]",
        "null": b"null",
        "nothing": b"{}",
        "utf-16": json.dumps(fields).encode("utf-16"),
        "cut off": encoded(fields)[:-5],
        "form that contradicts itself": b"type=checkout&data=1&data[payment]=2",
    }


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    home: Path = tmp_path_factory.mktemp("up")
    with Stack(home, "--ephemeral", sources=SOURCES, env=ENVIRONMENT) as running:
        running.listen()
        yield running


@pytest.mark.parametrize("provider", PROVIDERS)
def test_bad_bodies_are_refused_or_parked(stack: Stack, provider: str) -> None:
    before = len(stack.parked("--source", provider))
    bodies = bad_bodies(provider)

    answers = dict(
        zip(
            bodies,
            stack.send_all([request(provider, body) for body in bodies.values()]),
            strict=True,
        )
    )

    accepted = [name for name, answer in answers.items() if answer.status in {200, 201}]
    assert {answer.status for answer in answers.values()} <= {200, 201, 400, 401, 413}
    assert answers["five megabytes"].status == 413
    assert answers["empty"].status == 400
    assert wait_until(
        lambda: len(stack.parked("--source", provider)) >= before + len(accepted), seconds=20
    )
    name = f"good after bad at {provider}"
    assert stack.send(request(provider, encoded(good(provider, name)))).status in {200, 201}
    assert wait_until(lambda: paid(stack, provider, name), seconds=20)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_any_wrapping_is_read_or_refused(stack: Stack, provider: str) -> None:
    body = encoded(good(provider, "wrapped"))
    pieces = [body[start : start + 50] for start in range(0, len(body), 50)]
    coded = {**JSON, "Content-Encoding": "gzip"}

    def sent(body: bytes | list[bytes], headers: Mapping[str, str] = JSON) -> int:
        return stack.send(request(provider, body, headers)).status

    success = 201 if provider == "conectados" else 200
    for content_type in ("text/plain", "application/xml; charset=utf-16", ";;/", "image/png"):
        assert sent(body, {"Content-Type": content_type}) == success
    assert sent(body, {}) == success
    assert sent(pieces) == success
    assert sent([b"x" * 100_000] * 50) == 413
    assert sent(gzip.compress(body), coded) in {success, 415}
    assert sent(b"no gzip at all", coded) in {400, 415}
    assert sent(gzip.compress(b"0" * 20_000_000), coded) in {413, 415}


@pytest.mark.parametrize("provider", PROVIDERS)
def test_strangers_stay_outside(stack: Stack, provider: str) -> None:
    known = good(provider, "stranger")
    forged = encoded(known | ({"SecretKey": WRONG} if provider == "safe2pay" else {}))
    bare = encoded({key: value for key, value in known.items() if key != "SecretKey"})

    def status(path: str, body: bytes, headers: Mapping[str, str], method: str = "POST") -> int:
        return stack.send(Request(path, body, headers, method)).status

    wrong = {**JSON, "X-Our-Token": WRONG}
    assert status(f"/webhooks/{provider}?token={WRONG}", forged, wrong) == 401
    assert status(f"/webhooks/{provider}", bare, JSON) == 401
    for method in ("GET", "PUT", "DELETE", "HEAD"):
        assert stack.send(request(provider, b"", method=method)).status == 405
    assert status(f"/webhooks/nobody?token={TOKEN}", forged, JSON) == 404
    assert status("/webhooks/closed?token=", forged, JSON) == 404
    assert status("/webhooks/closed", forged, JSON) == 404
    assert status("/webhooks/" + "a" * 20_000, forged, JSON) in {400, 404, 414}
    assert reference(provider, "stranger") not in {item["provider_ref"] for item in stack.objects()}


def test_conectados_answer_echoes_the_event(stack: Stack) -> None:
    known = stack.send(request("conectados", b'{"event_type":"sale_created","transaction_id":7}'))
    text = stack.send(request("conectados", b'{"event_type":"sale_created","transaction_id":"7"}'))
    nameless = stack.send(request("conectados", b'{"event_type":"who_knows"}'))

    received = {"status": "received", "message": "Webhook processed successfully"}
    assert [answer.status for answer in (known, text, nameless)] == [201, 201, 201]
    assert known.content_type == "application/json"
    assert read(known) == received | {"event": "sale_created", "transaction_id": 7}
    assert read(text) == received | {"event": "sale_created", "transaction_id": "7"}
    assert read(nameless) == received | {"event": "who_knows"}


def test_further_path_leads_to_source(stack: Stack) -> None:
    body = encoded(good("conectados", "further path"))

    answer = stack.send(Request("/shop/events", body, {"X-Our-Token": HEADER_TOKEN}))

    assert answer.status == 201
    assert wait_until(lambda: paid(stack, "conectados", "further path"), seconds=20)


def test_any_of_several_keys_lets_in(stack: Stack) -> None:
    keys = (KEY, KEY.lower(), EARLIER_KEY)
    bodies = [
        good("safe2pay", f"key {place}") | {"SecretKey": key} for place, key in enumerate(keys)
    ]

    answers = [stack.send(request("safe2pay", encoded(body))).status for body in bodies]

    assert answers == [200, 200, 200]


def test_no_secret_is_left_anywhere(stack: Stack) -> None:
    """Not in the database, in a queue, an event, a parked body, or the log; whatever was sent."""
    spelled = encoded(good("safe2pay", "spelled")).replace(b"SecretKey", b"Secret\\u004bey")
    unknown = encoded(good("safe2pay", "unknown") | {"TransactionStatus": {"Id": 99}})
    open_bodies = (
        encoded(good("safe2pay", "open")),
        form(good("safe2pay", "form")),
        encoded(good("safe2pay", "cut"))[:-9],
    )
    for body in (spelled, unknown):
        assert stack.send(request("safe2pay", body)).status == 200
    for body in open_bodies:
        stack.send(Request(f"/webhooks/open?token={TOKEN}", body))
    stack.send(Request(f"/webhooks/payu/{TOKEN}?token={TOKEN}", encoded(good("payu", "segment"))))
    assert wait_until(lambda: paid(stack, "payu", "segment"), seconds=20)

    assert stack.listener is not None
    places = {
        "database": asyncio.run(everything(stack.line["postgres_dsn"])),
        "log": stack.log(),
        "events": json.dumps([event.body for event in tuple(stack.listener.events)]),
        "parked": json.dumps(stack.parked()),
    }
    for secret in (TOKEN, HEADER_TOKEN, KEY, KEY.lower(), EARLIER_KEY, WRONG):
        assert [place for place, text in places.items() if secret in text] == []
    for place in ("log", "events"):
        assert SALE_CODE not in places[place]
    assert "Traceback" not in places["log"]


def paid(stack: Stack, provider: str, name: str) -> bool:
    wanted = (provider, reference(provider, name), "paid")
    listed = stack.objects("--source", provider)
    return wanted in {(item["source"], item["provider_ref"], item["state"]) for item in listed}


def read(answer: Answer) -> object:
    return json.loads(answer.body)


async def everything(dsn: str) -> str:
    """Return all rows of all tables as text, bytes as far as they are text."""
    connection = await asyncpg.connect(dsn)
    try:
        # text of bytea as its characters, not as hex
        await connection.execute("SET bytea_output = 'escape'")
        tables = await connection.fetch(
            "SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables"
            " WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
        )
        rows = [
            row["text"]
            for table in tables
            for row in await connection.fetch(f"SELECT t::text AS text FROM {table['name']} t")  # noqa: S608 - names that the database quoted
        ]
    finally:
        await connection.close()
    return "\n".join(rows)
