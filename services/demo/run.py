"""Tell the story: bring the stack up, post, show what happens, verify, say what to type next."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import time
from collections.abc import AsyncIterator, Sequence
from typing import Any, Final

import aiohttp
import click

from libs.bus.message import Message
from libs.bus.tail import tail
from libs.bus.topology import EVENTS
from libs.embedded.ports import LOOPBACK
from libs.runtime.failures import PermanentError
from libs.store.database import Pool, open_pool
from libs.store.inspect import counts, list_objects, list_parked
from services.demo.asking import Providers
from services.demo.story import Chapter, Post, story
from services.demo.verification import (
    Check,
    check_archive,
    check_objects,
    check_parked,
    check_sequences,
)
from services.inspection.tables import event_line, object_table, parked_table, show
from services.sandbox.sources_file import sources_text
from services.stack.addresses import Addresses
from services.stack.claimed_port import claimed_port
from services.stack.stack import Wanted, stack
from services.stack.temporary import temporary_data

QUIET_WITHIN: Final = 30.0  # seconds for everything posted to come out at the other end
POLL: Final = 0.05

_NEXT: Final = """
What to type next
  source .venv/bin/activate
  caudal up                   the same stack in the foreground, data in .caudal/
and in another terminal:
  curl 'http://127.0.0.1:8080/webhooks/clip?token=dev-clip-token' \\
    -d @libs/providers/clip/examples/checkout_created.json
  caudal objects list         every object and its state
  caudal objects show TDP03   why it is in its state
  caudal events tail          the events as they are published
  caudal parked list          what could not be translated, and why
"""


class Demo:
    """One telling, with what it has seen."""

    def __init__(self, addresses: Addresses, pool: Pool) -> None:
        self._addresses = addresses
        self._pool = pool
        self._events: list[dict[str, Any]] = []
        self._accepted = 0
        self._wrong_answers: list[str] = []

    async def tell(self, chapters: Sequence[Chapter]) -> list[Check]:
        """Post everything, wait until it has come out, and return what was verified."""
        async with (
            aiohttp.ClientSession() as client,
            tail(self._addresses.amqp_url, EVENTS) as messages,
        ):
            watching = asyncio.create_task(self._watch(messages))
            try:
                for chapter in chapters:
                    await self._chapter(client, chapter)
            finally:
                watching.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await watching
        rows = await list_objects(self._pool)
        parked = await list_parked(self._pool)
        click.echo()
        show(object_table(rows, "Every object and its state"))
        show(
            parked_table(parked, "Parked: kept whole, without effect until somebody maps the value")
        )
        answers = Check("every webhook got its provider's answer", tuple(self._wrong_answers))
        return [
            answers,
            check_archive(self._accepted, await counts(self._pool)),
            check_objects(chapters, rows),
            check_parked(chapters, parked),
            check_sequences(self._events, rows),
        ]

    async def _chapter(self, client: aiohttp.ClientSession, chapter: Chapter) -> None:
        click.secho(f"\n{chapter.title}", bold=True)
        for post in chapter.posts:
            await self._post(client, chapter, post)
            await self._quiet()

    async def _post(self, client: aiohttp.ClientSession, chapter: Chapter, post: Post) -> None:
        url = f"{self._addresses.ingress_url}/webhooks/{chapter.source}{chapter.query}"
        headers = {**chapter.headers, "Content-Type": post.content_type}
        async with client.post(url, data=post.body, headers=headers) as answer:
            status = answer.status
        self._accepted += status < 300
        if status != post.answer:
            self._wrong_answers.append(f"{chapter.source} {post.label}: {status}")
        note = click.style(f"  {post.note}", dim=True) if post.note else ""
        click.echo(f"  POST {chapter.source:<11} {post.label:<28} {status}{note}")

    async def _watch(self, messages: AsyncIterator[Message]) -> None:
        async for message in messages:
            self._events.append(json.loads(message.body))
            click.echo(f"    → {event_line(message.body)}")

    async def _quiet(self) -> None:
        """Wait until everything accepted so far is filed, folded and published."""
        async with asyncio.timeout(QUIET_WITHIN):
            while not await self._is_quiet():
                await asyncio.sleep(POLL)

    async def _is_quiet(self) -> bool:
        now = await counts(self._pool)
        if min(now["deliveries"], now["translations"]) < self._accepted or now["outbox"]:
            return False
        published = sum(row.sequence for row in await list_objects(self._pool))
        return len(self._events) >= published


async def run_demo() -> bool:
    """Run it on a stack of its own; True where everything that was shown is verified."""
    begun = time.monotonic()

    def progress(line: str) -> None:
        click.echo(f"{time.monotonic() - begun:5.1f} s  {line}")

    with temporary_data() as folder, claimed_port(0) as port:
        sources = folder / "sources.toml"
        sources.write_text(sources_text(f"http://{LOOPBACK}:{port}"), encoding="utf-8")
        providers = Providers(sources, folder, port)
        wanted = Wanted(data_dir=folder, sources=sources, port=0, log_file=folder / "workers.log")
        async with stack(wanted, os.environ, progress) as addresses:
            progress(f"ready: webhooks go to {addresses.ingress_url}/webhooks/<source>")
            async with (
                open_pool(addresses.postgres_dsn, size=2) as pool,
                providers.answering(addresses),
            ):
                await _require_empty(pool)
                checks = await Demo(addresses, pool).tell(story())
                checks.append(await providers.play(addresses))
            _print(checks)
    click.echo(f"took {time.monotonic() - begun:.0f} s")
    return not any(check.wrong for check in checks)


async def _require_empty(pool: Pool) -> None:
    """Refuse to tell the story into somebody's data: it could not be verified there."""
    if (await counts(pool))["deliveries"]:
        raise PermanentError("the database is not empty; the demo wants one of its own")


def _print(checks: Sequence[Check]) -> None:
    click.secho("\nVerified", bold=True)
    for check in checks:
        mark = click.style("✗", fg="red") if check.wrong else click.style("✓", fg="green")
        click.echo(f"  {mark} {check.claim}")
        for line in check.wrong:
            click.secho(f"      {line}", fg="red")
    click.echo(_NEXT)
