"""Shapes of HTTP that mean two things to two servers, or nothing: refused cleanly, on both lanes.

Each is sent over a raw socket. Refused means: our own small answer, nothing in it of what was sent, the
connection closed, and what stands behind it never taken for a request.
"""

from __future__ import annotations

import asyncio
import re
from contextlib import suppress
from typing import Final

import pytest

from tests.unit.ingress.stand_ins import Ingress, running_ingress, until

pytestmark = pytest.mark.usefixtures("both_lanes")

TARGET: Final = "/webhooks/shop?token=open-sesame"
CANARY: Final = b"zq7canary"
# what an attacker hides behind a request for the next server to read as one of its own
SMUGGLED: Final = (
    f"POST {TARGET} HTTP/1.1\r\nHost: smuggled\r\nContent-Length: 8\r\n\r\nsmuggled".encode()
)
HEAD: Final = f"POST {TARGET} HTTP/1.1\r\nHost: a\r\nX-Canary: zq7canary\r\n".encode()

REFUSED: Final = {
    "length and coding": HEAD
    + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "coding and length": HEAD
    + b"Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n0\r\n\r\n",
    "two codings": HEAD
    + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunked, identity": HEAD + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "a coding unknown": HEAD + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "a coding with a tab": HEAD + b"Transfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n",
    "a space before the colon": HEAD + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    "two lengths": HEAD + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
    "two equal lengths": HEAD + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
    "lengths in a list": HEAD + b"Content-Length: 2, 2\r\n\r\n{}",
    "a signed length": HEAD + b"Content-Length: +2\r\n\r\n{}",
    "a negative length": HEAD + b"Content-Length: -2\r\n\r\n{}",
    "a length in hexadecimal": HEAD + b"Content-Length: 0x2\r\n\r\n{}",
    "a length that overflows": HEAD + b"Content-Length: 18446744073709551618\r\n\r\n{}",
    "bare LF after a field": HEAD + b"Content-Length: 2\n\r\n{}",
    "bare LF everywhere": (HEAD + b"Content-Length: 2\r\n\r\n").replace(b"\r\n", b"\n") + b"{}",
    "bare CR": HEAD + b"X: a\rContent-Length: 2\r\n\r\n{}",
    "a field in two lines": HEAD + b"X: a\r\n b\r\nContent-Length: 2\r\n\r\n{}",
    "NUL in a value": HEAD + b"X: a\0b\r\nContent-Length: 2\r\n\r\n{}",
    "NUL in a name": HEAD + b"X\0: a\r\nContent-Length: 2\r\n\r\n{}",
    "a field without a name": HEAD + b": a\r\nContent-Length: 2\r\n\r\n{}",
    "two hosts": HEAD + b"Host: b\r\nContent-Length: 2\r\n\r\n{}",
    "no host": HEAD.replace(b"Host: a\r\n", b"") + b"Content-Length: 2\r\n\r\n{}",
    "a space in the target": HEAD.replace(b"?", b" ?") + b"Content-Length: 2\r\n\r\n{}",
    "NUL in the target": HEAD.replace(b"?", b"\0?") + b"Content-Length: 2\r\n\r\n{}",
    "a method unknown": HEAD.replace(b"POST", b"ZQ7CANARY") + b"\r\n",
    "a method in lower case": HEAD.replace(b"POST", b"post") + b"Content-Length: 2\r\n\r\n{}",
    "no HTTP at all": b"\x16\x03\x01\x02\x00\x01\x00zq7canary\r\n\r\n",
    "HTTP/2 without being asked": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "a version unknown": HEAD.replace(b"1.1", b"1.2") + b"Content-Length: 2\r\n\r\n{}",
    "HTTP/2 on this line": HEAD.replace(b"1.1", b"2.0") + b"Content-Length: 2\r\n\r\n{}",
    "HTTP/0.9": f"GET {TARGET}\r\n\r\n".encode(),
    "a chunk size that is none": HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
    "a chunk size that overflows": HEAD
    + b"Transfer-Encoding: chunked\r\n\r\n10000000000000002\r\n{}\r\n0\r\n\r\n",
    "a chunk without its end": HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}zq0\r\n\r\n",
    "a chunk ended by LF": HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\n{}\r\n0\r\n\r\n",
    "a compressed transfer": HEAD + b"Transfer-Encoding: gzip, chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
}  # fmt: skip


def _is_ours(answer: bytes) -> None:
    """Check that it is one answer, in our words, and that nothing came back of what was sent."""
    head, _, body = answer.partition(b"\r\n\r\n")
    status = int(head.split(b" ")[1])
    assert status in {400, 431, 501, 505}, answer
    assert head.startswith(b"HTTP/1.1 ")
    assert b"\r\nServer: caudal" in head
    assert b"\r\nConnection: close" in head
    assert re.fullmatch(rb'\{"error":"[a-z ]+"\}', body), answer
    assert CANARY not in answer.lower()
    assert b"aiohttp" not in answer.lower()
    assert b"python" not in answer.lower()


@pytest.mark.parametrize("shape", REFUSED)
async def test_ambiguous_request_is_refused(ingress: Ingress, shape: str) -> None:
    """Neither it nor what is hidden behind it is taken."""
    for sent in (REFUSED[shape], REFUSED[shape] + SMUGGLED):
        _is_ours(await ingress.raw(sent))
    assert ingress.publisher.messages == []


@pytest.mark.parametrize("shape", REFUSED)
async def test_in_pieces_it_is_refused_alike(ingress: Ingress, shape: str) -> None:
    """A few bytes at a time nothing else is seen in it."""
    for _ in range(5):
        with suppress(ConnectionResetError):  # it sent on to a connection that was closed by then
            _is_ours(await _in_pieces(ingress, REFUSED[shape]))
            break
    else:
        pytest.fail("no answer")
    assert ingress.publisher.messages == []


async def _in_pieces(ingress: Ingress, sent: bytes) -> bytes:
    host, port = ingress.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    answered = asyncio.create_task(reader.read())
    try:
        for start in range(0, len(sent), 7):
            writer.write(sent[start : start + 7])
            await asyncio.wait({answered}, timeout=0.002)
            if answered.done():
                break
        return await asyncio.wait_for(answered, 5)
    finally:
        writer.close()


TAKEN: Final = {
    "the absolute form": f"POST http://elsewhere{TARGET} HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n",
    "a chunk extension": f"POST {TARGET} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n",
    "an upgrade": f"POST {TARGET} HTTP/1.1\r\nHost: a\r\nUpgrade: h2c\r\nContent-Length: 2\r\n",
    "a web socket": f"POST {TARGET} HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\nContent-Length: 2\r\n",
}  # fmt: skip


@pytest.mark.parametrize("shape", TAKEN)
async def test_odd_but_plain_request_is_taken_once(ingress: Ingress, shape: str) -> None:
    """What can mean one thing only; nobody is promised another protocol (101)."""
    head = TAKEN[shape]
    if "upgrade" not in head:
        head += "Connection: close\r\n"
    body = b"2;ext=zq7canary\r\n{}\r\n0\r\n\r\n" if "chunked" in head else b"{}"
    host, port = ingress.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(head.encode() + b"\r\n" + body)
    answer = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
    writer.close()
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert CANARY not in answer
    assert [one.body for one in ingress.publisher.deliveries] == [b"{}"]


@pytest.mark.parametrize(
    "target",
    [
        "/webhooks/shop/%0d%0aX-Injected:%20zq7?token=open-sesame",
        "/webhooks/shop?token=open-sesame&event=%0d%0aX-Injected:%20zq7",
        "/%0d%0aX-Injected:%20zq7",
        "/webhooks/%0d%0aX-Injected:%20zq7/e",
        "/webhooks/shop?token=%0d%0aX-Injected:%20zq7",
        "//elsewhere.example/%5cX-Injected",
        "/webhooks/../webhooks/nobody",
        "/webhooks/%2e%2e/metrics",
    ],
)
async def test_line_ends_in_a_target_stay_in_it(ingress: Ingress, target: str) -> None:
    answer = await ingress.raw(
        f"POST {target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{{}}".encode()
    )
    assert answer.split(b" ")[1] in {b"400", b"401", b"404"}
    assert b"injected" not in answer.lower()
    assert ingress.publisher.messages == []


@pytest.mark.parametrize("method", ["CONNECT", "TRACE", "OPTIONS", "PROPFIND", "PUT", "DELETE"])
@pytest.mark.parametrize("target", ["/webhooks/shop", "/nowhere", "*", "a.example:443"])
async def test_other_methods_end_cleanly(ingress: Ingress, method: str, target: str) -> None:
    answer = await ingress.raw(
        f"{method} {target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode()
    )
    assert answer.split(b" ")[1] in {b"400", b"404", b"405"}
    assert b"server: caudal" in answer.lower()
    assert b"aiohttp" not in answer.lower()


@pytest.mark.parametrize(
    "fields",
    [
        "".join(f"X-{n}: a\r\n" for n in range(80)),
        f"X: {'a' * 9000}\r\n",
        f"{'X' * 9000}: a\r\n",
        "".join(f"X-{n}: {'a' * 4000}\r\n" for n in range(5)),
    ],
    ids=["too many", "a long value", "a long name", "together"],
)
async def test_large_head_is_refused(ingress: Ingress, fields: str) -> None:
    head = f"POST {TARGET} HTTP/1.1\r\nHost: a\r\n{fields}".encode()
    whole = head + b"Content-Length: 2\r\n\r\n{}"
    for sent in (whole, whole + SMUGGLED * 200, head):
        answer = await ingress.raw(sent)
        assert answer.startswith(b"HTTP/1.1 431 ")
        assert answer.endswith(b'{"error":"head too large"}')
    assert ingress.publisher.messages == []
    assert (await ingress.post(TARGET, b"x" * 200_000))[0] == 200


async def test_long_target_is_refused(ingress: Ingress) -> None:
    answer = await ingress.raw(f"POST /{'a' * 9000} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
    assert answer.startswith(b"HTTP/1.1 414 ")


async def test_part_of_a_head_behind_a_request_is_bounded(ingress: Ingress) -> None:
    """A whole request first, and then a head that goes on and on: answered, then refused."""
    first = f"POST {TARGET} HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{{}}".encode()
    answer = await ingress.raw(
        first + HEAD + b"".join(b"X-%d: %b\r\n" % (n, b"a" * 8000) for n in range(30))
    )
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert answer.count(b"HTTP/1.1 431 ") == 1
    assert len(ingress.publisher.deliveries) == 1


async def test_broken_chunk_later_is_refused_at_once() -> None:
    """Its head came before, in a piece of its own: nobody waits for the rest until the deadline."""
    async with running_ingress(body_timeout=30) as run:
        host, port = run.url.removeprefix("http://").split(":")
        for rest in (b"zz\r\n", b"\r\n"):
            reader, writer = await asyncio.open_connection(host, int(port))
            writer.write(HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}" + rest[:0])
            await asyncio.sleep(0.05)
            writer.write(b"zz" + rest)
            answer = await asyncio.wait_for(reader.read(), 5)
            assert answer.startswith(b"HTTP/1.1 400 ")
            assert answer.count(b"HTTP/1.1") == 1
            writer.close()
        assert run.publisher.messages == []


async def test_much_pipelined_is_answered_in_order(ingress: Ingress) -> None:
    one = "POST {} HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n{}"
    sent = "".join(
        one.format(TARGET if n % 3 else "/webhooks/nobody", len(str(n)), n) for n in range(300)
    )
    last = "GET /health/live HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    answer = await ingress.raw((sent + last).encode())
    told = [int(status) for status in re.findall(rb"HTTP/1.1 (\d+) ", answer)]
    assert told == [200 if n % 3 else 404 for n in range(300)] + [200]
    await until(lambda: len(ingress.publisher.deliveries) == 200)
