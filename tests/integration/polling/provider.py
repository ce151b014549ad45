"""A provider's API on loopback: what it answers is told by the test, and what it was asked is kept."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from aiohttp import web

from libs.bus.publisher import Outcome, Outgoing
from libs.bus.topology import RECEIVED
from libs.contracts import webhook_received
from libs.contracts.delivery import Delivery
from libs.providers.registry import PROVIDERS
from libs.runtime.secret_references import SecretReader
from libs.runtime.sources import Sources, read_sources

CLIP_KEY, CLIP_SECRET = "clip-api-key", "clip-secret-key"
MOBBEX_KEY, MOBBEX_TOKEN = "mobbex-api-key", "mobbex-access-token"
S2P_TOKEN = "s2p-token"
SECRETS = (CLIP_KEY, CLIP_SECRET, MOBBEX_KEY, MOBBEX_TOKEN, S2P_TOKEN)


@dataclass
class Provider:
    """Answers by path and query, `/clip/v2/checkout/<id>`; a number is a status, the untold a 404."""

    answers: dict[str, Any] = field(default_factory=dict)
    asked: Counter[str] = field(default_factory=Counter)
    headers: dict[str, dict[str, str]] = field(default_factory=dict)
    broken: int | None = None  # a status for every question
    fails: dict[str, list[int]] = field(default_factory=dict)  # statuses before the answer comes
    hold: asyncio.Event | None = None  # nobody is answered before it is set
    takes: float = 0.0  # seconds for each answer
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    url: str = ""

    @classmethod
    @asynccontextmanager
    async def running(cls) -> AsyncIterator[Self]:
        provider = cls()
        app = web.Application()
        app.router.add_get("/{path:.*}", provider._answer)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0][:2]
        provider.url = f"http://{host}:{port}"
        try:
            yield provider
        finally:
            if provider.hold is not None:
                provider.hold.set()
            await runner.cleanup()

    async def _answer(self, request: web.Request) -> web.Response:
        asked = request.path_qs
        self.asked[asked] += 1
        self.headers[asked] = dict(request.headers)
        self.arrived.set()
        await asyncio.sleep(self.takes)
        if self.hold is not None:
            await self.hold.wait()
        if self.broken is not None:
            return web.Response(status=self.broken)
        if self.fails.get(asked):
            return web.Response(status=self.fails[asked].pop(0))
        told = self.answers.get(asked)
        if isinstance(told, int):
            return web.Response(status=told)
        if told is None:
            return web.json_response({"code": "payclip.not.found"}, status=404)
        return web.Response(body=json.dumps(told).encode(), content_type="application/json")


def sources(
    url: str, *, spans: str = '["1h", "2h"]', finished: str = "[]", rate: int = 100
) -> Sources:
    """Return sources of all five, three of which can be asked at `url`."""
    text = "".join(
        f"""
[sources.{slug}]
provider = "{slug}"
authentication = {{ kind = "none" }}
[providers.{slug}]
requests_per_second = {rate}
concurrency = 4
timeout = "1s"
[providers.{slug}.overdue]
default = {spans}
finished = {finished}
"""
        for slug in PROVIDERS
    )
    text += f"""
[sources.clip.api]
base_url = "{url}/clip"
credentials = {{ api_key = "literal:{CLIP_KEY}", secret_key = "literal:{CLIP_SECRET}" }}
[sources.mobbex.api]
base_url = "{url}/mobbex"
credentials = {{ api_key = "literal:{MOBBEX_KEY}", access_token = "literal:{MOBBEX_TOKEN}" }}
[sources.safe2pay.api]
base_url = "{url}/safe2pay"
credentials = {{ token = "literal:{S2P_TOKEN}" }}
"""
    return read_sources(text, PROVIDERS, SecretReader(Path()))


class Bus:
    """Keeps what enters by the front door; `outcome` is what it says."""

    def __init__(self) -> None:
        self.outcome = Outcome.CONFIRMED
        self.entered: list[Delivery] = []
        self.ready: bool = True

    async def publish_all(self, messages: Sequence[Outgoing]) -> list[Outcome]:
        for message in messages:
            if message.routing_key == RECEIVED and self.outcome is Outcome.CONFIRMED:
                self.entered += webhook_received.decode(message.body)
        return [self.outcome] * len(messages)


def link(
    ref: str, status: str = "CHECKOUT_COMPLETED", amount: float = 100, **more: object
) -> dict[str, Any]:
    """Return Clip's answer about a link."""
    return {
        "payment_request_id": ref,
        "status": status,
        "amount": amount,
        "currency": "MXN",
        **more,
    }


def refund(ref: str, amount: float, status: str = "approved") -> dict[str, Any]:
    return {"id": ref, "status": status, "amount": amount, "currency": "MXN",
            "created_at": "2026-03-02T13:00:00Z"}  # fmt: skip
