"""The driver: posts a plan as the providers would, and keeps every answer that it gets.

Open loop: a webhook comes when its turn has come, whatever became of the others, and one that was
not taken is posted again later, beside them. A request that ended without an answer may have
arrived: it is posted again too, and the oracle allows for both.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Final

import aiohttp

from libs.runtime.backoff import Backoff
from services.simulator.credentials import Credentials
from services.simulator.ledger import NOT_CONNECTED, Header, LedgerWriter
from services.simulator.pace import Pace, Progress
from services.simulator.plan import OUTSTANDING, Plan, Stream, Webhook
from services.simulator.providers import SIMULATIONS

__all__ = ["Driver", "Pace", "Progress"]

LEAVE_WITHIN: Final = 5.0  # seconds for the requests under way when the driver is stopped


class Driver:
    """Runs one plan against one ingress. `progress` may be read while it runs.

    `happens` is told of each webhook when its turn has come, before it is sent or lost.
    """

    def __init__(  # noqa: PLR0913 - what it connects, each told by name
        self,
        plan: Plan,
        *,
        url: str,
        credentials: Credentials,
        ledger: Path,
        tap: str,
        pace: Pace | None = None,
        happens: Callable[[Webhook], None] | None = None,
    ) -> None:
        self._plan = plan
        self._happens = happens
        self._url = url.rstrip("/")
        self._credentials = credentials
        self._ledger = ledger
        self._tap = tap
        self._pace = pace or Pace()
        self._slots = asyncio.Semaphore(self._pace.concurrency)
        self._room = asyncio.Semaphore(OUTSTANDING)
        self._unsettled: dict[int, asyncio.Event] = {}
        self._jitter = Random(plan.options.seed)  # noqa: S311 - pauses, not secrets
        self.progress = Progress()

    async def run(self, stop: asyncio.Event | None = None) -> Progress:
        """Post everything, or until stopped; then return what happened.

        Raises `PermanentError` where the ledger exists already.
        """
        stop = stop or asyncio.Event()
        header = Header(options=self._plan.options, tap=self._tap, begun=datetime.now(UTC))
        timeout = aiohttp.ClientTimeout(total=self._pace.timeout)
        connector = aiohttp.TCPConnector(limit=0)
        with LedgerWriter(self._ledger, header) as ledger:
            async with aiohttp.ClientSession(timeout=timeout, connector=connector) as client:
                run = _Run(client, ledger, asyncio.get_running_loop().time())
                stream = self._plan.webhooks()
                await self._post_all(stream, run, stop)
                self.progress.ended = "stopped" if stop.is_set() else "done"
                self.progress.seconds = run.elapsed()
                ledger.ended(self.progress.ended, stream.close_at, run.elapsed())
        return self.progress

    async def _post_all(self, stream: Stream, run: _Run, stop: asyncio.Event) -> None:
        stopping = asyncio.create_task(stop.wait())
        work = asyncio.create_task(self._begin_all(stream, run, stop))
        try:
            await asyncio.wait({work, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if not work.done():
                await asyncio.wait({work}, timeout=LEAVE_WITHIN)
        finally:
            stopping.cancel()
            if not work.done():
                work.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await work
        if work.done() and not work.cancelled():
            work.result()

    async def _begin_all(self, stream: Stream, run: _Run, stop: asyncio.Event) -> None:
        async with asyncio.TaskGroup() as tasks:
            for webhook in stream:
                if stop.is_set():
                    break
                if self._pace.duration is not None and run.elapsed() >= self._pace.duration:
                    stream.close()
                await self._turn(webhook, run)
                await self._room.acquire()
                if self._happens is not None:
                    self._happens(webhook)
                if webhook.lost:
                    self._lose(webhook, run)
                    continue
                self._unsettled[webhook.index] = asyncio.Event()
                self.progress.begun += 1
                tasks.create_task(self._settle(webhook, run, stop))

    async def _turn(self, webhook: Webhook, run: _Run) -> None:
        """Wait until a webhook's turn has come; a rate that cannot be held is not caught up."""
        if self._pace.rate and not self._pace.floods(webhook.index):
            await asyncio.sleep(run.next_turn(1 / self._pace.rate))
        else:
            await asyncio.sleep(0)  # those that were begun stand in the line by now
            async with self._slots:  # as fast as possible is as fast as requests end
                return

    def _lose(self, webhook: Webhook, run: _Run) -> None:
        self.progress.lost += 1
        run.ledger.lost(webhook.index, run.elapsed())
        self._room.release()

    async def _settle(self, webhook: Webhook, run: _Run, stop: asyncio.Event) -> None:
        try:
            if webhook.after is not None and (before := self._unsettled.get(webhook.after)):
                await before.wait()
            if webhook.late:
                await asyncio.sleep(webhook.late)
            await self._post_until_settled(webhook, run, stop)
        finally:
            self._unsettled.pop(webhook.index).set()
            self._room.release()

    async def _post_until_settled(self, webhook: Webhook, run: _Run, stop: asyncio.Event) -> None:
        retries = SIMULATIONS[webhook.provider].retries
        pauses = Backoff(first=retries.first, most=retries.longest)
        begun = run.elapsed()
        while not stop.is_set():
            async with self._slots:
                if stop.is_set():
                    return
                answer = await self._post(webhook, run)
            if answer.settles:
                self.progress.settled += 1
                self.progress.accepted += answer.accepts
                return
            if run.elapsed() - begun > self._pace.give_up:
                self.progress.given_up += 1
                return
            pause = pauses.pause()
            if answer.retry_after is not None:
                pause = max(pause, min(answer.retry_after, self._pace.longest_retry_after))
                pause *= self._jitter.uniform(1.0, 1.25)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await stop.wait()

    async def _post(self, webhook: Webhook, run: _Run) -> _Answer:
        request = self._credentials.request(webhook.source, webhook.body)
        self.progress.sent += 1
        sent = run.elapsed()
        try:
            async with run.client.post(
                self._url + request.path,
                data=request.body,
                headers=request.headers,
                allow_redirects=False,
            ) as response:
                await response.read()
                answer = _Answer(response.status, _seconds(response.headers))
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            took, word = 1000 * (run.elapsed() - sent), _word(error)
            run.ledger.unanswered(webhook.index, word, took, run.elapsed())
            self.progress.answers[word] += 1
            return _Answer(None, None)
        took = 1000 * (run.elapsed() - sent)
        run.ledger.answered(
            webhook.index, response.status, took, run.elapsed(), retry_after=answer.retry_after
        )
        self.progress.answers[str(answer.status)] += 1
        if answer.accepts:
            self.progress.longest_accept_ms = max(self.progress.longest_accept_ms, took)
        return answer


@dataclass(slots=True)
class _Run:
    """What one run works with."""

    client: aiohttp.ClientSession
    ledger: LedgerWriter
    began: float
    due: float = 0.0

    def elapsed(self) -> float:
        """Return the seconds since it began."""
        return asyncio.get_running_loop().time() - self.began

    def next_turn(self, apart: float) -> float:
        """Return the seconds until the next turn; turns that were missed for long are let go."""
        now = self.elapsed()
        self.due = max(self.due + apart, now - 1.0)
        return max(0.0, self.due - now)


@dataclass(frozen=True, slots=True)
class _Answer:
    """`status` is None where the request ended without an answer."""

    status: int | None
    retry_after: float | None

    @property
    def accepts(self) -> bool:
        return self.status is not None and 200 <= self.status < 300

    @property
    def settles(self) -> bool:
        """Whether posting it again would change nothing: taken, or refused for good."""
        if self.status is None:
            return False
        return self.status < 500 and self.status not in {408, 425, 429}


def _seconds(headers: Mapping[str, str]) -> float | None:
    told = headers.get("Retry-After", "")
    return float(told) if told.isascii() and told.isdigit() else None


def _word(error: Exception) -> str:
    """Name what ended a request; the text of the error may quote the URL and its token."""
    if isinstance(error, TimeoutError):
        return "timeout"
    if isinstance(error, aiohttp.ClientConnectorError):
        return NOT_CONNECTED
    return "cut"
