"""Every route and every answer of the ingress, over a real socket."""

from __future__ import annotations

import asyncio
import gzip
import json
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from libs.contracts.delivery import Origin
from libs.domain.lifecycle import Authority
from libs.runtime.configuration import ConfigurationError
from tests.unit.ingress.stand_ins import Ingress, running_ingress

pytestmark = pytest.mark.usefixtures("both_lanes")

TOKEN = "/webhooks/shop?token=open-sesame"
WORD = {"X-Word": "open-sesame"}


async def test_accepted_delivery_is_published(ingress: Ingress) -> None:
    assert await ingress.post(TOKEN, b'{"a": 1}') == (200, b"ok")
    (delivery,) = ingress.publisher.deliveries
    assert (delivery.source, delivery.provider) == ("shop", "plain")
    assert delivery.body == b'{"a": 1}'
    assert delivery.authority is Authority.SECRET
    assert delivery.origin is Origin.WEBHOOK
    assert delivery.route_event is None
    assert uuid.UUID(delivery.id).version == 7
    assert abs(datetime.now(UTC) - delivery.received_at) < timedelta(seconds=30)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(body=st.binary(min_size=1, max_size=300), kind=st.sampled_from(["", "text/html", "x"]))
def test_every_byte_travels_exactly(body: bytes, kind: str) -> None:
    async def go() -> None:
        async with running_ingress() as ingress:
            status, _ = await ingress.post(TOKEN, body, headers={"Content-Type": kind})
            assert status == 200
            assert ingress.publisher.deliveries[0].body == body

    asyncio.run(go())


@pytest.mark.parametrize(
    "content_type",
    ["application/json", "text/plain; charset=latin-1", "multipart/form-data; boundary=x",
     "application/x-www-form-urlencoded", "nonsense"],
)  # fmt: skip
async def test_content_type_changes_nothing(ingress: Ingress, content_type: str) -> None:
    body = b"a=1&b=%C3%A9"
    status, _ = await ingress.post(TOKEN, body, headers={"Content-Type": content_type})
    assert status == 200
    (delivery,) = ingress.publisher.deliveries
    assert (delivery.body, delivery.content_type) == (body, content_type)


@pytest.mark.parametrize(
    ("path", "event"),
    [
        ("/webhooks/shop/TRANSFER_UPDATE?token=open-sesame", "TRANSFER_UPDATE"),
        ("/webhooks/shop?token=open-sesame&event=a.b:c-d", "a.b:c-d"),
        ("/webhooks/shop/one?token=open-sesame&event=two", "one"),
        ("/webhooks/shop?token=open-sesame&event=", None),
        ("/webhooks/shop/open-sesame?token=open-sesame", "[redacted]"),
        ("/webhooks/shop?event=x.Open-Sesame&token=open-sesame", "x.[redacted]"),
    ],
)
async def test_event_of_route_is_kept(ingress: Ingress, path: str, event: str | None) -> None:
    for _ in range(2):  # where a target leads is remembered
        assert (await ingress.post(path))[0] == 200
    assert [each.route_event for each in ingress.publisher.deliveries] == [event, event]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/webhooks/shop/a%20b?token=open-sesame", 404),
        (f"/webhooks/shop/{'a' * 65}?token=open-sesame", 404),
        ("/webhooks/shop/a/b?token=open-sesame", 404),
        ("/webhooks/shop?token=open-sesame&event=%3Cb%3E", 400),
    ],
)
async def test_strange_event_is_refused(ingress: Ingress, path: str, status: int) -> None:
    assert (await ingress.post(path))[0] == status
    assert ingress.publisher.messages == []


async def test_further_paths_lead_in(ingress: Ingress) -> None:
    assert (await ingress.post("/own/path", headers=WORD))[0] == 200
    answer = await ingress.post("/api/documented", b'{"x":1}')
    assert answer == (201, b'{"status":"received"}')
    assert [delivery.source for delivery in ingress.publisher.deliveries] == [
        "header",
        "documented",
    ]


async def test_unknown_and_closed_answer_alike(ingress: Ingress) -> None:
    unknown = await ingress.post("/webhooks/nobody?token=")
    closed = await ingress.post("/webhooks/closed?token=")
    assert unknown == closed == (404, b'{"error":"not found"}')
    assert (await ingress.post("/elsewhere"))[0] == 404


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH"])
async def test_other_methods_are_refused(ingress: Ingress, method: str) -> None:
    for path in ("/webhooks/shop?token=open-sesame", "/api/documented", "/webhooks/shop/EVENT"):
        async with ingress.http.request(method, ingress.url + path) as answer:
            assert answer.status == 405
            assert answer.headers["Allow"] == "POST"


@pytest.mark.parametrize(
    ("path", "options"),
    [
        ("/webhooks/shop", {}),
        ("/webhooks/shop?token=", {}),
        ("/webhooks/shop?token=open-sesam", {}),
        ("/webhooks/shop?token=OPEN-SESAME", {}),
        ("/webhooks/shop?token=open-sesame&token=open-sesame", {}),
        ("/webhooks/shop?token=%FF%00%C3%A9", {}),
        ("/webhooks/header?X-Word=open-sesame", {}),
        ("/webhooks/header", {"headers": {"X-Word": "wrong"}}),
        ("/webhooks/header", {"headers": {"X-Word": "\xf1"}}),
        ("/webhooks/body", {"body": b"{}"}),
        ("/webhooks/body", {"body": b'{"SecretKey": null}'}),
        ("/webhooks/body", {"body": b'{"SecretKey": ["OLD-SECRET-KEY"]}'}),
        ("/webhooks/body", {"body": b'{"secretkey": "OLD-SECRET-KEY"}'}),
        ("/webhooks/body", {"body": b'{"a": {"SecretKey": "OLD-SECRET-KEY"}}'}),
        ("/webhooks/body", {"body": b'{"SecretKey": "OLD-SECRET-KEY "}'}),
    ],
)
async def test_wrong_credential_is_refused(
    ingress: Ingress, path: str, options: dict[str, Any]
) -> None:
    assert await ingress.post(path, **options) == (401, b'{"error":"unauthorized"}')
    assert ingress.publisher.messages == []


async def test_every_secret_verifies(ingress: Ingress) -> None:
    assert (await ingress.post("/webhooks/shop?token=second-word"))[0] == 200
    for key in ("OLD-SECRET-KEY", "New-Secret-Key", "new-SECRET-key"):
        body = json.dumps({"SecretKey": key}).encode()
        assert (await ingress.post("/webhooks/body", body))[0] == 200
    assert [delivery.body for delivery in ingress.publisher.deliveries[1:]] == [
        b'{"SecretKey": "[redacted]"}'
    ] * 3


async def test_open_door_is_unsigned(ingress: Ingress) -> None:
    assert (await ingress.post("/webhooks/free", b'{"SecretKey":"whatever"}'))[0] == 200
    (delivery,) = ingress.publisher.deliveries
    assert delivery.authority is Authority.UNSIGNED
    assert delivery.body == b'{"SecretKey":"[redacted]"}'


@pytest.mark.parametrize(
    "body",
    [b"x", b"[]", b'{"SecretKey":"OLD-SECRET-KEY","SecretKey":"OLD-SECRET-KEY"}', b"\xff",
     b'{"SecretKey":"OLD-SECRET-KEY","a":NaN}', b'{"SecretKey":"OLD-SECRET-KEY","a":"\\ud800"}',
     b'{"SecretKey":"OLD-SECRET-KEY","a":"\\u0000"}', b'{"SecretKey":"OLD-SECRET-KEY"}\0',
     b'{"a":' * 40 + b"1" + b"}" * 40, b"[" * 100_000],
)  # fmt: skip
@pytest.mark.parametrize("source", ["body", "free"])
async def test_unreadable_body_is_refused(ingress: Ingress, source: str, body: bytes) -> None:
    """Where a field of the body is a credential, an unreadable body cannot be freed of it."""
    answer = await ingress.post(f"/webhooks/{source}", body)
    assert answer == (400, b'{"error":"body not readable"}')
    assert ingress.publisher.messages == []


async def test_empty_body_is_refused(ingress: Ingress) -> None:
    assert (await ingress.post(TOKEN, b""))[0] == 400
    raw = await ingress.raw(
        b"POST /webhooks/shop?token=open-sesame HTTP/1.1\r\nHost: a\r\n"
        b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n0\r\n\r\n"
    )
    assert raw.startswith(b"HTTP/1.1 400 ")


async def test_announced_size_is_refused_unread() -> None:
    async with running_ingress(max_body_bytes=1000) as ingress:
        answer = await ingress.raw(
            b"POST /webhooks/shop?token=open-sesame HTTP/1.1\r\nHost: a\r\n"
            b"Content-Length: 1001\r\n\r\n" + b"x" * 1001
        )
        assert answer.startswith(b"HTTP/1.1 413 ")
        assert b"connection: close" in answer.lower()
        assert answer.endswith(b'{"error":"body too large"}')
        assert (await ingress.post(TOKEN, b"x" * 1000))[0] == 200


async def test_expecting_sender_is_refused_early() -> None:
    async with running_ingress(max_body_bytes=1000) as ingress:
        head = b"POST /webhooks/shop?token=open-sesame HTTP/1.1\r\nHost: a\r\n"
        head += b"Expect: 100-continue\r\nConnection: close\r\n"
        too_large = await ingress.raw(head + b"Content-Length: 1001\r\n\r\n" + b"x" * 1001)
        assert too_large.startswith(b"HTTP/1.1 413 ")
        welcome = await ingress.raw(head + b"Content-Length: 2\r\n\r\n{}")
        assert welcome.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 ")


async def test_chunked_size_is_refused() -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield b"x" * 100

    async with running_ingress(max_body_bytes=1000) as ingress:
        async with ingress.http.post(ingress.url + TOKEN, data=chunks()) as answer:
            assert answer.status == 413
        assert ingress.publisher.messages == []
        assert (await ingress.post(TOKEN))[0] == 200


async def test_five_megabytes_are_refused(ingress: Ingress) -> None:
    assert (await ingress.post(TOKEN, b"x" * 5_000_000))[0] == 413
    assert (await ingress.post(TOKEN))[0] == 200


@pytest.mark.parametrize("coding", ["gzip", "br", "deflate", "identity, gzip", "nonsense"])
async def test_encoded_body_is_refused(ingress: Ingress, coding: str) -> None:
    body = gzip.compress(b"{}")
    status, _ = await ingress.post(TOKEN, body, headers={"Content-Encoding": coding})
    assert status == 415
    assert (await ingress.post(TOKEN, headers={"Content-Encoding": "Identity"}))[0] == 200


async def test_slow_body_is_refused() -> None:
    async with running_ingress(body_timeout=0.1) as ingress:
        answer = await ingress.raw(
            b"POST /webhooks/shop?token=open-sesame HTTP/1.1\r\nHost: a\r\n"
            b'Content-Length: 10\r\n\r\n{"a"'
        )
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert ingress.publisher.messages == []


async def test_broken_chunks_are_refused(ingress: Ingress) -> None:
    answer = await ingress.raw(
        b"POST /webhooks/shop?token=open-sesame HTTP/1.1\r\nHost: a\r\n"
        b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n"
    )
    assert answer.split(b" ", 2)[1] == b"400"
    assert ingress.publisher.messages == []


async def test_sender_that_leaves_harms_nobody(ingress: Ingress) -> None:
    host, port = ingress.url.removeprefix("http://").split(":")
    for _ in range(5):
        _, writer = await asyncio.open_connection(host, int(port))
        writer.write(
            b"POST /webhooks/shop?token=open-sesame HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n{"
        )
        await writer.drain()
        writer.close()
    assert (await ingress.post(TOKEN, b"mine"))[0] == 200
    assert [delivery.body for delivery in ingress.publisher.deliveries] == [b"mine"]


async def test_refusal_of_provider_keeps_nothing(ingress: Ingress) -> None:
    assert await ingress.post("/api/documented", b"x") == (400, b'{"no": 1}')
    assert ingress.publisher.messages == []


async def test_full_memory_is_unavailable() -> None:
    # a source may hold half of it
    async with running_ingress(pending_bytes=10_000) as ingress:
        assert (await ingress.post(TOKEN, b"x" * 900))[0] == 200
        async with ingress.http.post(ingress.url + TOKEN, data=b"x" * 1000) as answer:
            assert answer.status == 503
            assert answer.headers["Retry-After"] == "5"
            assert await answer.read() == b'{"error":"try again later"}'
        assert (await ingress.post(TOKEN, b"x" * 900))[0] == 200  # it was given back


async def test_only_listed_headers_travel(ingress: Ingress) -> None:
    trace = "00-" + "ab" * 16 + "-" + "cd" * 8 + "-00"
    sent = {
        **WORD,
        "User-Agent": "Provider/1.0 \xf1",
        "X-Request-Id": "r" * 1000,
        "Date": "open-SESAME",
        "Conectados-JWS-Signature": "a..b",
        "Authorization": "Bearer 1",
        "Cookie": "c=1",
        "traceparent": trace,
        "Content-Type": "application/json",
    }
    assert (await ingress.post("/webhooks/header", headers=sent))[0] == 200
    (delivery,) = ingress.publisher.deliveries
    assert dict(delivery.headers) == {
        "content-type": "application/json",
        "user-agent": "Provider/1.0 \xf1",
        "x-request-id": "r" * 256,
        "date": "[redacted]",
        "conectados-jws-signature": "a..b",
    }
    assert delivery.traceparent == trace


async def test_remembered_header_shortens_no_other(ingress: Ingress) -> None:
    long = "a" * 300
    told = {"User-Agent": long, "Conectados-JWS-Signature": long}
    for _ in range(2):
        assert (await ingress.post(TOKEN, headers=told))[0] == 200
    for delivery in ingress.publisher.deliveries:
        assert delivery.headers["user-agent"] == long[:256]
        assert delivery.headers["conectados-jws-signature"] == long


async def test_bytes_in_headers_travel_as_text(ingress: Ingress) -> None:
    await ingress.raw(
        b"POST /webhooks/documented HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
        b"User-Agent: \xff\x07\r\nContent-Length: 2\r\n\r\n{}"
    )
    values = [delivery.headers.get("user-agent") for delivery in ingress.publisher.deliveries]
    assert values in ([], ["\ufffd\ufffd"])  # the parser may refuse the bell


@pytest.mark.parametrize("sent", ["", "00-" + "0" * 32 + "-" + "c" * 16 + "-01", "x", "\xff"])
async def test_invalid_trace_is_replaced(ingress: Ingress, sent: str) -> None:
    await ingress.post(TOKEN, headers={"traceparent": sent})
    traceparent = ingress.publisher.deliveries[0].traceparent
    assert traceparent is not None
    version, trace, span, flags = traceparent.split("-")
    assert (version, len(trace), len(span), flags) == ("00", 32, 16, "00")


async def test_header_that_carries_never_travels() -> None:
    sources = """
    [sources.agent]
    provider = "plain"
    authentication = { kind = "header_token", header = "User-Agent", secrets = ["literal:abc"] }
    """
    async with running_ingress(sources=sources) as ingress:
        status, _ = await ingress.post("/webhooks/agent", headers={"User-Agent": "abc"})
        assert status == 200
        assert "user-agent" not in ingress.publisher.deliveries[0].headers


async def test_taken_port_is_named() -> None:
    async with running_ingress() as ingress:
        port = int(ingress.url.rsplit(":", 1)[1])
        with pytest.raises(ConfigurationError, match="CAUDAL_INGRESS_PORT"):
            async with running_ingress(ingress_port=port):
                pytest.fail("two on one port")


async def test_who_proves_nothing_is_told_nothing_of_the_body(ingress: Ingress) -> None:
    """On both lanes the head is judged first where it can be, whatever stands in the body."""
    for body in (b"", b"x"):
        assert (await ingress.post("/webhooks/shop?token=wrong", body))[0] == 401
        assert (await ingress.post("/webhooks/header", body, {"X-Word": "wrong"}))[0] == 401
