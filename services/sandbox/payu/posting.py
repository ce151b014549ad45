"""Telling the registered WebHooks of what happens to payouts, with the faults that were asked for."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

import aiohttp

from libs.runtime.backoff import Backoff
from services.sandbox.payu.journal import Journal
from services.sandbox.payu.notices import Faults, Notice
from services.sandbox.payu.payout import Payout, event_of
from services.sandbox.payu.registrations import Registration, Registrations
from services.simulator.arrangement import LATE_SHARE
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
        self._faults = Faults(manner.options)
        self._held: dict[int, tuple[str, Notice]] = {}
        self._taken: dict[int, dict[str, list[Notice]]] = {}
        self.answers: Counter[str] = Counter()

    async def tell(self, client: aiohttp.ClientSession, payout: Payout) -> None:
        """Tell of the last step of a payout: to each WebHook that wants it, later, or not at all."""
        told, held = self._news(payout), self._held.pop(payout.number, None)
        if told is not None and held is None and self._faults.lets_overtake(payout):
            self._held[payout.number] = told
            return
        for each in (told, held):
            if each is not None:
                await self._deliver(client, payout, *each)

    async def end(self, client: aiohttp.ClientSession, payout: Payout) -> None:
        """Tell what was held back for a step that does not come any more."""
        held = self._held.pop(payout.number, None)
        if held is not None:
            await self._deliver(client, payout, *held)
        self._taken.pop(payout.number, None)

    def _news(self, payout: Payout) -> tuple[str, Notice] | None:
        """Return the event and the notice; None where nobody is told."""
        notice = self._faults.news(payout)
        lost = self._faults.loses(payout)
        event = event_of(payout.happened[-1], documented_only=self._manner.documented_only)
        if event is None:
            return None
        if lost and notice.place is not None:
            self.answers["lost"] += 1
            self._journal.lost(payout.number, notice.place)
            return None
        return event, notice

    async def _deliver(
        self, client: aiohttp.ClientSession, payout: Payout, event: str, notice: Notice
    ) -> None:
        delay, chance = self._manner.options.delay, payout.faults
        if delay and chance.random() < LATE_SHARE:
            await self._pause(delay * chance.uniform(0.5, 1.0))
        for registration in self._registrations.wanting(event):
            taken = self._taken.setdefault(payout.number, {}).setdefault(registration.id, [])
            if await self._told(client, registration, notice):
                taken.append(notice)
            for more in self._faults.beside(payout, taken):
                await self._told(client, registration, more)

    async def _told(
        self, client: aiohttp.ClientSession, registration: Registration, notice: Notice
    ) -> bool:
        """Post until it is taken or refused for good; at least once. Tell whether it was taken."""
        source = source_of(registration.callback_url)
        pauses = Backoff(first=_FIRST_PAUSE, most=_LONGEST_PAUSE)
        until = asyncio.get_running_loop().time() + GIVE_UP
        while True:
            self._journal.posting(notice, source)
            status = await self._post(client, registration.callback_url, notice.body)
            self._journal.answered(notice, source, status)
            if settles(status):
                return status < 300
            if self._stop.is_set() or asyncio.get_running_loop().time() >= until:
                return False
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
