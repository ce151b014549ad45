"""Calls against a real server: what is known of each that got no good answer, and that nothing leaks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from aiohttp import web

from libs.api.errors import RefusedError, UnansweredError, UnsentError
from libs.api.http import MOST_BYTES, Call, Http
from libs.runtime.failures import where

SECRET = "canary-of-a-credential"
Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class Provider:
    """A server that answers everything with one handler."""

    def __init__(self) -> None:
        self.handler: Handler = self.well
        self.seen: list[web.BaseRequest] = []
        self.bodies: list[bytes] = []
        self.url = ""

    async def well(self, _request: web.BaseRequest) -> web.StreamResponse:
        return web.json_response({"fine": True})

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        self.seen.append(request)
        self.bodies.append(await request.read())
        return await self.handler(request)


@pytest.fixture
async def provider() -> AsyncIterator[Provider]:
    found = Provider()
    runner = web.ServerRunner(web.Server(found), shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    found.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v2"
    yield found
    await runner.cleanup()


@pytest.fixture
async def http(provider: Provider) -> AsyncIterator[Http]:
    found = Http(provider.url + "/", timeout=1.0)
    yield found
    await found.close()


def secret_call(method: str = "GET", path: str = "/checkout/1") -> Call:
    return Call(
        method=method,
        path=path,
        name="/checkout/…",
        query={"apiKey": SECRET},
        headers={"Authorization": SECRET},
        raw=SECRET.encode(),
    )


def hidden(error: BaseException) -> bool:
    return SECRET not in f"{error!r} {error} {where(error)} {error.__context__!r}"


async def test_call_reaches_its_path_with_query_and_headers(provider: Provider, http: Http) -> None:
    answer = await http.send(secret_call("POST", "/operations/ref%5Cab"))
    (request,) = provider.seen
    assert (answer.status, answer.json()) == (200, {"fine": True})
    assert (request.method, request.raw_path) == (
        "POST",
        f"/v2/operations/ref%5Cab?apiKey={SECRET}",
    )
    assert request.headers["Authorization"] == SECRET
    assert provider.bodies == [SECRET.encode()]


@pytest.mark.parametrize(
    ("status", "passing"), [(400, False), (404, False), (429, True), (503, True)]
)
async def test_status_says_whether_to_come_again(
    provider: Provider, http: Http, status: int, *, passing: bool
) -> None:
    async def refuse(_request: web.BaseRequest) -> web.StreamResponse:
        return web.Response(status=status, text=SECRET, headers={"Retry-After": "7"})

    provider.handler = refuse
    with pytest.raises(RefusedError) as refused:
        await http.send(secret_call())
    assert (refused.value.status, refused.value.passing) == (status, passing)
    assert (refused.value.after, refused.value.body) == (7.0, SECRET.encode())
    assert hidden(refused.value)


async def test_redirect_is_not_followed(provider: Provider, http: Http) -> None:
    async def elsewhere(_request: web.BaseRequest) -> web.StreamResponse:
        return web.Response(status=302, headers={"Location": provider.url})

    provider.handler = elsewhere
    with pytest.raises(RefusedError):
        await http.send(secret_call())
    assert len(provider.seen) == 1


async def test_no_server_means_unsent() -> None:
    http = Http("http://127.0.0.1:9", timeout=1.0)
    with pytest.raises(UnsentError) as unsent:
        await http.send(secret_call())
    await http.close()
    assert hidden(unsent.value)


async def test_silence_means_unanswered(provider: Provider) -> None:
    async def sleep(_request: web.BaseRequest) -> web.StreamResponse:
        await asyncio.Event().wait()
        raise AssertionError

    provider.handler = sleep
    http = Http(provider.url, timeout=0.1)
    with pytest.raises(UnansweredError) as unanswered:
        await http.send(secret_call())
    await http.close()
    assert hidden(unanswered.value)


async def test_half_an_answer_means_unanswered(provider: Provider, http: Http) -> None:
    async def half(request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "1000"})
        await response.prepare(request)
        await response.write(b'{"fine": ')
        assert request.transport is not None
        request.transport.abort()
        return response

    provider.handler = half
    with pytest.raises(UnansweredError) as unanswered:
        await http.send(secret_call())
    assert hidden(unanswered.value)


async def test_closed_before_an_answer_means_unanswered(provider: Provider, http: Http) -> None:
    async def close(request: web.BaseRequest) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.abort()
        raise asyncio.CancelledError

    provider.handler = close
    with pytest.raises(UnansweredError):
        await http.send(secret_call("POST"))
    assert len(provider.seen) == 1


async def test_endless_answer_is_cut(provider: Provider, http: Http) -> None:
    async def endless(request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(2 * MOST_BYTES // 65_536):
            await response.write(b"x" * 65_536)
        return response

    provider.handler = endless
    with pytest.raises(UnansweredError, match="longer"):
        await http.send(secret_call())


async def test_answer_that_is_no_json_means_unanswered(provider: Provider, http: Http) -> None:
    async def text(_request: web.BaseRequest) -> web.StreamResponse:
        return web.Response(text=SECRET)

    provider.handler = text
    answer = await http.send(secret_call())
    with pytest.raises(UnansweredError) as unanswered:
        answer.json()
    assert hidden(unanswered.value)
    assert SECRET not in repr(answer) + repr(secret_call())
