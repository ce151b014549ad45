"""The faults of the APIs: drawn from the seed for each request, and counted.

A request that is refused with 500 had no effect. One that is never answered, or whose answer breaks
off, had: that is what makes a lost answer worse than a refusal.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Middleware

from services.sandbox.apis.answers import Answer

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
HANGS_FOR: Final = 120.0  # seconds after which a request that is never answered is cut off


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiFaults:
    """What goes wrong with requests to the APIs, as shares of them.

    `slow` is in seconds, by which each answer comes later at most; `limit` is how many requests a
    provider bears in a second, 0 for any number. `behind` is the share of Clip's queries that do
    not know the payment yet, `expired` that of PayU's calls whose token has just run out.
    """

    errors: float = 0.0
    timeouts: float = 0.0
    half: float = 0.0
    slow: float = 0.0
    behind: float = 0.0
    expired: float = 0.0
    limit: int = 0


class Chaos:
    """Decides about each request, and counts how requests went, by provider and outcome."""

    def __init__(self, faults: ApiFaults, mark: str) -> None:
        self.faults = faults
        self.outcomes: dict[str, Counter[str]] = {}
        self.closing = asyncio.Event()
        self._chance = Random(f"api {mark}")  # noqa: S311 - repeatable on purpose
        self._others = Random(f"api beside {mark}")  # noqa: S311 - the same
        self._second: dict[str, tuple[int, int]] = {}

    def fault(self) -> str | None:
        """Draw what goes wrong with a request: `error`, `timeout`, `half` or nothing."""
        drawn = self._chance.random()
        for name, share in (
            ("error", self.faults.errors),
            ("timeout", self.faults.timeouts),
            ("half", self.faults.half),
        ):
            if drawn < share:
                return name
            drawn -= share
        return None

    def is_behind(self) -> bool:
        """Draw whether a query comes before the API shows the object."""
        return self._others.random() < self.faults.behind

    def expires(self) -> bool:
        """Draw whether a token has run out just now."""
        return self._others.random() < self.faults.expired

    def is_too_fast(self, provider: str, now: float) -> bool:
        """Count a request; tell whether it is one too many in its second."""
        second, count = self._second.get(provider, (0, 0))
        count = count + 1 if second == int(now) else 1
        self._second[provider] = (int(now), count)
        return bool(self.faults.limit) and count > self.faults.limit

    def note(self, provider: str, outcome: str) -> None:
        """Count how a request went."""
        self.outcomes.setdefault(provider, Counter())[outcome] += 1

    async def slowly(self) -> None:
        """Let the time pass by which an answer is late."""
        if self.faults.slow:
            await asyncio.sleep(self.faults.slow * self._others.uniform(0.2, 1.0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """How a provider says that something is wrong with the server or with the pace."""

    broken: Answer = field(repr=False)
    rate_limited: Answer = field(repr=False)


def middleware(chaos: Chaos, words: Mapping[str, Words]) -> Middleware:
    """Return what stands before the handlers of every provider in `words`."""

    @web.middleware
    async def disturb(request: web.Request, handler: Handler) -> web.StreamResponse:
        provider = request.path.split("/")[1]
        if provider not in words:
            return await handler(request)
        await chaos.slowly()
        if chaos.is_too_fast(provider, asyncio.get_running_loop().time()):
            chaos.note(provider, "rate_limited")
            return respond(words[provider].rate_limited)
        fault = chaos.fault()
        if fault is not None:
            chaos.note(provider, fault)
        if fault == "error":
            return respond(words[provider].broken)
        answer = await handler(request)
        if fault == "timeout":
            await _hang(request, chaos)
        elif fault == "half":
            return await _break_off(request, answer)
        else:
            chaos.note(provider, str(answer.status))
        return answer

    return disturb


def respond(answer: Answer) -> web.Response:
    """Turn an answer into what aiohttp sends."""
    return web.Response(
        body=answer.body, status=answer.status, headers={"Content-Type": answer.content_type}
    )


async def _hang(request: web.Request, chaos: Chaos) -> None:
    """Keep the request open until its sender gives up or the sandbox ends."""
    transport = request.transport
    until = asyncio.get_running_loop().time() + HANGS_FOR
    while transport is not None and not transport.is_closing() and not chaos.closing.is_set():
        if asyncio.get_running_loop().time() > until:
            break
        await asyncio.sleep(0.1)
    if transport is not None:
        transport.abort()


async def _break_off(request: web.Request, answer: web.StreamResponse) -> web.StreamResponse:
    """Send the head and half of the body, and cut the connection."""
    body = answer.body if isinstance(answer, web.Response) else b""
    raw = body if isinstance(body, bytes) else b""
    broken = web.StreamResponse(status=answer.status, headers={"Content-Length": str(len(raw))})
    broken.content_type = answer.content_type
    await broken.prepare(request)
    await broken.write(raw[: len(raw) // 2])
    if request.transport is not None:
        request.transport.close()  # what was written still leaves
    return broken
