"""A small PayU: its Payouts API on a real socket, with tokens that can be made to expire.

It asks of every call what the documents ask: a token that it issued, the public key, the ids in the
path. What a test wants otherwise it puts in `instead`, one for each of the next calls to a method.
"""

from __future__ import annotations

import asyncio
import json
import threading
import uuid
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

MERCHANT, ACCOUNT = "508029", "512321"
KEY, LOGIN, PUBLIC = "canary-api-key", "canary-api-login", "canary-public-key"
PREFIX = "/payu/v1.0"
Json = Any
Instead = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


@dataclass(frozen=True)
class Seen:
    method: str
    path: str
    body: bytes
    headers: dict[str, str] = field(repr=False)
    raw_path: str = ""

    @property
    def json(self) -> Json:
        return json.loads(self.body)


@dataclass
class PayUApi:
    """What it holds, and what it has seen (without the calls of `authenticate`)."""

    seen: list[Seen] = field(default_factory=list)
    authenticated: int = 0
    good: set[str] = field(default_factory=set)
    webhooks: dict[str, dict[str, Json]] = field(default_factory=dict)
    payouts: dict[str, dict[str, Json]] = field(default_factory=dict)
    instead: dict[str, deque[Instead]] = field(default_factory=lambda: defaultdict(deque))
    bearer: bool = True
    url: str = ""

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        body = await request.read()
        path = request.path.removeprefix(PREFIX)
        name = "authenticate" if path == "/authenticate" else request.method
        if name == "authenticate":
            self.authenticated += 1
        else:
            told = dict(request.headers)
            self.seen.append(Seen(request.method, path, body, told, request.raw_path))
        if self.instead[name]:
            return await self.instead[name].popleft()(request)
        if name == "authenticate":
            return self._authenticate(request)
        if request.headers.get("Authorization") not in self.good:
            return web.json_response({"message": "token expired"}, status=401)
        assert request.headers["PublicKey"] == PUBLIC
        return self._answer(request.method, path, json.loads(body) if body else None)

    def expire(self) -> None:
        """Have every token that was issued so far expire."""
        self.good.clear()

    def _authenticate(self, request: web.BaseRequest) -> web.Response:
        told = dict(request.query)
        if told != {"accountId": ACCOUNT, "apiKey": KEY, "apiLogin": LOGIN}:
            return web.json_response({"message": f"no such account {told}"}, status=401)
        token = f"canary-token-{self.authenticated}"
        self.good.add(f"Bearer {token}")
        return web.json_response({"token": f"Bearer {token}" if self.bearer else token})

    def _answer(self, method: str, path: str, told: Json) -> web.Response:  # noqa: PLR0911 - one for each method
        home, last = f"{MERCHANT}/{ACCOUNT}", path.rpartition("/")[2]
        match method, path.removesuffix(f"/{last}") if last != ACCOUNT else path:
            case "POST", p if p == f"/supplier-transfers/{home}":
                return web.json_response(self._create(told["transfers"]))
            case "DELETE", p if p == f"/supplier-transfers/{home}":
                if last not in self.payouts:
                    return web.json_response({"message": "Payout not found"}, status=404)
                return web.json_response({"message": "Cancellation request received"})
            case "PUT", p if p == f"/supplier-transfers/bank-account/{home}":
                return web.json_response({"message": "Update received"})
            case (("POST" | "PUT"), p) if p == f"/webhooks/{home}":
                return self._register(told)
            case "DELETE", p if p == f"/webhooks/{home}":
                found = self.webhooks.pop(last, None)
                return self._one(found and {"id": last, "status": "DELETED"})
            case "GET", p if p == f"/webhooks/{home}":
                return self._one(self.webhooks.get(last))
            case "GET", p if p == f"/webhooks/account/{home}":
                return web.json_response(list(self.webhooks.values()))
        return web.json_response({"message": "no such method"}, status=404)

    def _register(self, told: dict[str, Json]) -> web.Response:
        told = {"id": str(uuid.uuid4())} | told
        taken = {w["callbackUrl"] for w in self.webhooks.values() if w["id"] != told["id"]}
        if told["callbackUrl"] in taken:
            return web.json_response({"message": "the URL is taken"}, status=400)
        created = {"created": "2021-08-27T21:57:28.874+00:00", "status": "ENABLED"}
        self.webhooks[told["id"]] = told | created | {"processingStatus": "SUCCESS"}
        return web.json_response(self.webhooks[told["id"]])

    def _one(self, found: dict[str, Json] | None) -> web.Response:
        if found is None:
            return web.json_response({"message": "Webhook not found"}, status=404)
        return web.json_response({"processingStatus": "SUCCESS"} | found)

    def _create(self, transfers: list[dict[str, Json]]) -> dict[str, Json]:
        good, bad = [], []
        for transfer in transfers:
            payee = {k: str(v) for k, v in transfer["bankAccount"].items()}
            told = {"value": transfer["value"], "description": transfer.get("description")}
            if payee.get("bankCode", "007") in {"8", "999"}:
                why = f"There is no registered bank with code: {payee['bankCode']}"
                more = {"processingStatus": "FAILED", "failureMessages": [why]}
                bad.append(told | more | {"bankAccount": payee})
                continue
            name = str(uuid.uuid4())
            self.payouts[name] = transfer
            payee.setdefault("id", str(uuid.uuid4()))
            more = {"processingStatus": "SUCCESS", "paymentOrderId": name}
            good.append(told | more | {"bankAccount": payee | {"state": "ACTIVE"}})
        return {
            "totalSuccessful": len(good),
            "totalFailed": len(bad),
            "successfulItems": good,
            "failedItems": bad,
        }


def answering(status: int, body: bytes | Json = b"", **headers: str) -> Instead:
    """Answer like this."""

    async def answer(_request: web.BaseRequest) -> web.StreamResponse:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        return web.Response(status=status, body=raw, headers=headers)

    return answer


async def cut(request: web.BaseRequest) -> web.StreamResponse:
    """Send half an answer and close the connection."""
    response = web.StreamResponse(headers={"Content-Length": "1000"})
    await response.prepare(request)
    await response.write(b'{"totalSuccessful": 1, "successfulItems": [')
    assert request.transport is not None
    request.transport.close()
    return response


async def silent(_request: web.BaseRequest) -> web.StreamResponse:
    """Never answer."""
    await asyncio.Event().wait()
    raise AssertionError


async def serve(api: PayUApi) -> web.ServerRunner:
    """Start it on this loop; its address is `api.url` then."""
    runner = web.ServerRunner(web.Server(api, access_log=None), shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    api.url = f"http://127.0.0.1:{runner.addresses[0][1]}{PREFIX}"
    return runner


@contextmanager
def served() -> Iterator[PayUApi]:
    """Serve one on a thread, for commands that run in processes of their own."""
    api, ready, leave = PayUApi(), threading.Event(), asyncio.Event()
    loop = asyncio.new_event_loop()

    async def main() -> None:
        runner = await serve(api)
        ready.set()
        await leave.wait()
        await runner.cleanup()

    def run() -> None:
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(main())

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    assert ready.wait(30)
    try:
        yield api
    finally:
        loop.call_soon_threadsafe(leave.set)
        thread.join(30)
