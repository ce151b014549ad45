"""Telling the registered WebHooks of what happens to payouts, with the faults that were asked for."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

import aiohttp

from libs.runtime.backoff import Backoff
from services.sandbox.payu.journal import Journal
from services.sandbox.payu.payout import Payout, event_of
from services.sandbox.payu.registrations import Registration, Registrations
from services.simulator.lives import Body
from services.simulator.options import Options

GIVE_UP: Final = 120.0  # seconds after which a notification that nobody takes is left
_FIRST_PAUSE: Final = 0.2
_LONGEST_PAUSE: Final = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """How payouts are told of. `documented_only` leaves out what no document has an event for."""

    options: Options
    documented_only: bool = False
    timeout: float = 10.0


class Notifier:
    """Posts the notifications; `answers` counts how that went."""

    def __init__(
        self, registrations: Registrations, journal: Journal, manner: Manner, stop: asyncio.Event
    ) -> None:
        self._registrations = registrations
        self._journal = journal
        self._manner = manner
        self._stop = stop
        self.answers: Counter[str] = Counter()

    async def tell(self, client: aiohttp.ClientSession, payout: Payout) -> None:
        """Tell of the last step of a payout: once to each WebHook that wants it, or not at all."""
        step, place = payout.happened[-1], len(payout.happened) - 1
        event = event_of(step, documented_only=self._manner.documented_only)
        body = payout.notification()  # drawn in any case, so that a loss changes nothing else
        options, chance = self._manner.options, payout.chance
        lost, again = chance.random() < options.losses, chance.random() < options.duplicates
        if event is None:
            return
        if lost:
            self.answers["lost"] += 1
            self._journal.lost(payout.number, place)
            return
        if options.delay and chance.random() < 0.05:
            await self._pause(options.delay * chance.uniform(0.5, 1.0))
        wanting = self._registrations.wanting(event)
        await self._tell_all(client, payout.number, place, body, (*wanting, *wanting[: int(again)]))

    async def _tell_all(
        self,
        client: aiohttp.ClientSession,
        number: int,
        place: int,
        body: Body,
        to: Iterable[Registration],
    ) -> None:
        digest = hashlib.sha256(body.raw).hexdigest()
        for registration in to:
            source = source_of(registration.callback_url)
            pauses = Backoff(first=_FIRST_PAUSE, most=_LONGEST_PAUSE)
            until = asyncio.get_running_loop().time() + GIVE_UP
            while not self._stop.is_set() and asyncio.get_running_loop().time() < until:
                self._journal.posting(number, place, digest, source)
                status = await self._post(client, registration.callback_url, body)
                self._journal.answered(number, place, digest, status)
                if settles(status):
                    break
                await self._pause(pauses.pause())

    async def _post(self, client: aiohttp.ClientSession, url: str, body: Body) -> int:
        timeout = aiohttp.ClientTimeout(total=self._manner.timeout)
        headers = {"Content-Type": body.content_type}
        try:
            async with client.post(
                url, data=body.raw, headers=headers, timeout=timeout, allow_redirects=False
            ) as response:
                await response.read()
                self.answers[str(response.status)] += 1
                return response.status
        except (aiohttp.ClientError, TimeoutError, OSError):
            self.answers["unanswered"] += 1
            return 0

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stop.wait()


def settles(status: int) -> bool:
    """Whether posting it again would change nothing."""
    return 200 <= status < 500 and status not in {408, 425, 429}


def source_of(url: str) -> str:
    """Return the slug in `…/webhooks/<slug>[/<event>]`; nothing for an address of another kind."""
    parts = urlsplit(url).path.split("/")
    return parts[2] if len(parts) > 2 and parts[1] == "webhooks" else ""
